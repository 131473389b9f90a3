"""One form for bytes that are hashed: canonical JSON, and the hash of a folder."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final, cast

COUNT_MAX: Final = 2**53  # the largest integer that every JSON reader keeps exactly


def sha256_hex(content: bytes) -> str:
    """SHA-256 in lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def tree_sha256(files: Mapping[str, bytes]) -> str:
    """SHA-256 over the relative names (with `/`), lengths and bytes of a folder's files."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def canonical_json(value: object) -> bytes:
    """The one way to write a value: sorted keys, no spaces, UTF-8, a line feed at the end.

    Raises ValueError for what has no single form or no exact reader: floats and integers beyond ``COUNT_MAX``.
    """
    _refuse_inexact(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def _refuse_inexact(value: object) -> None:
    if isinstance(value, float):
        raise ValueError(f"canonical JSON: the float `{value}` has no exact form; give an integer with its unit")
    if isinstance(value, int) and not -COUNT_MAX <= value <= COUNT_MAX:
        raise ValueError(f"canonical JSON: `{value}` is beyond 2^53; give it as text")
    if isinstance(value, dict):
        for key, item in cast("dict[object, object]", value).items():
            if not isinstance(key, str):
                raise ValueError(f"canonical JSON: the key `{key!r}` is not text")
            _refuse_inexact(item)
    if isinstance(value, list | tuple):
        for item in cast("Sequence[object]", value):
            _refuse_inexact(item)
