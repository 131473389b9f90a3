"""JSON text with numbers that are decimal text: the wire shows numbers where we hold integers, and no float is made."""

import json
from json.encoder import encode_basestring_ascii
from typing import NoReturn, cast


class Numeral:
    """Decimal text that is written into JSON without quotes."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class _Foreign(Exception):
    """The quick encoder has met something it does not know."""


def _refuse(_: object) -> NoReturn:
    raise _Foreign


_QUICK = json.JSONEncoder(separators=(",", ":"), check_circular=False, default=_refuse)


def json_text(value: object) -> str:
    """Compact JSON of dicts with text keys, lists, tuples, text, booleans, None, integers and numerals.

    Raises TypeError on anything else.
    """
    try:
        return _QUICK.encode(value)
    except _Foreign:
        return _careful(value)


def _careful(value: object) -> str:
    """The same with numerals, which the quick encoder cannot write."""
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Numeral):
        return value.text
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return "{" + ",".join([f"{encode_basestring_ascii(name)}:{_careful(item)}" for name, item in items]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join([_careful(item) for item in cast("list[object]", value)]) + "]"
    raise TypeError(f"`{type(value).__name__}` has no place in a reply")
