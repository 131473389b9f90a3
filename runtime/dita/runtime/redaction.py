"""Keeps secrets out of text, in whatever shape they got into it.

A secret is recognised by any piece of twelve of its characters: as it is, escaped for a URL, for JSON or by ``repr``,
in hexadecimal or base64 at any offset, in either case. So one that was cut off, quoted or encoded on its way is found.
"""

import base64
import json
import re
from collections.abc import Iterator
from typing import Final, final
from urllib.parse import quote

REDACTED: Final = "[redacted]"
_PIECE: Final = 12  # characters; of a shorter secret all of them
_SHORTEST: Final = 4  # what is shorter is no secret, and would be found everywhere
# What stands behind these names is nobody's business, whoever's it is.
_NAMED: Final = re.compile(
    r"(?i)\b(signature|listen[-_]?key|x-bx-apikey|api[-_]?key|api[-_]?secret|secret[-_]?key)"
    r"(\W{1,6})(?!\[redacted)[\w+/=%.-]{8,}"
)


@final
class Redactor:
    """Knows secrets, and takes them out of text."""

    def __init__(self) -> None:
        self._pieces: dict[int, set[str]] = {}  # by length, in lower case

    def hide(self, secret: str) -> None:
        """From now on."""
        if len(secret) < _SHORTEST:
            return
        for shape in _shapes(secret):
            lower = shape.lower()
            size = min(_PIECE, len(lower))
            pieces = self._pieces.setdefault(size, set())
            pieces.update(lower[at : at + size] for at in range(len(lower) - size + 1))

    def __call__(self, text: str) -> str:
        """The text without them."""
        return _NAMED.sub(rf"\1\2{REDACTED}", self._without_known(text))

    def _without_known(self, text: str) -> str:
        lower = text.lower()
        if len(lower) != len(text):  # some capital letters become two; then both have to be looked at as one
            lower = text
        hidden = [False] * len(text)
        for size, pieces in self._pieces.items():
            for at in range(len(lower) - size + 1):
                if lower[at : at + size] in pieces:
                    hidden[at : at + size] = [True] * size
        if not any(hidden):
            return text
        parts: list[str] = []
        for at, character in enumerate(text):
            if not hidden[at]:
                parts.append(character)
            elif at == 0 or not hidden[at - 1]:
                parts.append(REDACTED)
        return "".join(parts)


def _shapes(secret: str) -> Iterator[str]:
    """How it may be written."""
    content = secret.encode()
    yield secret
    yield quote(secret, safe="")
    yield "".join(f"%{byte:02x}" for byte in content)
    yield json.dumps(secret)[1:-1]
    yield repr(secret)[1:-1]
    yield content.hex()
    yield content.hex(" ")
    for offset in range(3):  # base64 takes three bytes at a time: what stands before shifts it
        whole = base64.b64encode(bytes(offset) + content).decode()
        bits = 8 * offset, 8 * (offset + len(content))
        inner = whole[-(-bits[0] // 6) : bits[1] // 6]  # without the characters in which its neighbours have a part
        if len(inner) >= _SHORTEST:
            yield inner
            yield inner.replace("+", "-").replace("/", "_")
