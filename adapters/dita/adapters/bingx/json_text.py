"""JSON from outside, parsed with limits and without ever touching a float.

Numbers with a point or an exponent become Decimal, integers keep all their digits (order ids exceed 2^53), NaN and
infinities are refused, and so are an object with a repeated key (which value counts?) and absurd depth.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NoReturn, cast

# Wire messages of this venue nest five deep.
DEPTH_MAX: Final = 32
_NUMBER_TEXT_MAX: Final = 48
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


class JsonTextError(ValueError):
    """The bytes are not acceptable JSON; the message says why and quotes at most a few characters."""


def _parse_int(text: str) -> int:
    if len(text) > _NUMBER_TEXT_MAX:
        raise JsonTextError(f"JSON: a number of `{len(text)}` digits is out of range")
    return int(text)


def _parse_decimal(text: str) -> Decimal:
    if len(text) > _NUMBER_TEXT_MAX:
        raise JsonTextError(f"JSON: a number of `{len(text)}` characters is out of range")
    return Decimal(text)


def _refuse_constant(text: str) -> NoReturn:
    raise JsonTextError(f"JSON: `{text}` is not a number")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JsonTextError("JSON: an object names one key twice")
    return members


def as_object(value: object) -> Mapping[str, object] | None:
    """The value as a JSON object, or None when it is something else."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[object] | None:
    """The value as a JSON array, or None when it is something else."""
    return cast("list[object]", value) if isinstance(value, list) else None


def _check_depth(data: bytes | str) -> None:
    """Refuse what nests deeper than ``DEPTH_MAX`` on the raw text, before anything is built from it.

    Exact for JSON. Other texts may pass here; the parser refuses them, and says why.
    """
    opening = data.count(b"[") + data.count(b"{") if isinstance(data, bytes) else data.count("[") + data.count("{")
    if opening <= DEPTH_MAX:  # nearly every message; brackets inside strings only make it look deeper
        return
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    # Without escaped backslashes and then escaped quotes, what stands between quotes is, by turns, outside and inside.
    outside = raw.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]
    brackets = b"".join(outside).translate(_ONE_KIND, _NO_BRACKETS)
    for _ in range(DEPTH_MAX):  # each pass takes away the innermost level everywhere
        brackets = brackets.replace(b"[]", b"")
    if b"[]" in brackets:
        raise JsonTextError(f"JSON: nested deeper than `{DEPTH_MAX}`")


def parse_json(data: bytes | str) -> object:
    """The document behind ``data``. Raises JsonTextError. The caller has bounded the size already."""
    _check_depth(data)
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        document: object = json.loads(
            text,
            parse_int=_parse_int,
            parse_float=_parse_decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except JsonTextError:
        raise
    except RecursionError:
        raise JsonTextError("JSON: nested too deep") from None
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are both ValueErrors
        raise JsonTextError(f"JSON: not readable ({type(error).__name__})") from None
    return document
