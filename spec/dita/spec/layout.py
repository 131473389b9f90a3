"""The byte layout of every record that crosses into native code, derived from the dataclasses of this package.

Clause N3: every field is one signed 64-bit little-endian word, nested records and tuples are laid out in place and in
order, so there is no padding. Both sides compute ``LAYOUT_TEXT`` independently and compare its hash.
"""

import struct
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Final, TypeVar

from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.state import Account, Instrument, Slot, State

WORD_BYTES: Final = 8
T = TypeVar("T")


def flatten_words(record: object) -> list[int]:
    """All words of a record, depth first."""
    if isinstance(record, tuple):
        return [word for item in record for word in flatten_words(item)]
    if is_dataclass(record):
        return [word for f in fields(record) for word in flatten_words(getattr(record, f.name))]
    if type(record) is int or isinstance(record, int):
        return [int(record)]
    raise TypeError(f"layout: `{type(record).__name__}` cannot cross the boundary")


def _paths(template: object, prefix: str) -> list[str]:
    if isinstance(template, tuple):
        return [path for i, item in enumerate(template) for path in _paths(item, f"{prefix}[{i}]")]
    if is_dataclass(template):
        dot = f"{prefix}." if prefix else ""
        return [path for f in fields(template) for path in _paths(getattr(template, f.name), f"{dot}{f.name}")]
    return [prefix]


@cache
def word_names(kind: type[Any]) -> tuple[str, ...]:
    """Dotted name of each word of a record class, in order."""
    return tuple(_paths(kind(), ""))


@cache
def _struct_of(kind: type[Any]) -> struct.Struct:
    return struct.Struct(f"<{len(word_names(kind))}q")


def pack(record: object) -> bytes:
    """The bytes of a record. Raises struct.error if a word does not fit 64 bits."""
    return _struct_of(type(record)).pack(*flatten_words(record))


def size_of(kind: type[Any]) -> int:
    """Bytes of a record class."""
    return _struct_of(kind).size


def unpack(kind: type[T], data: bytes) -> T:
    """The record behind ``data``. Raises ValueError when the length is wrong."""
    if len(data) != size_of(kind):
        raise ValueError(f"{kind.__name__}: `{len(data)}` bytes given, {size_of(kind)} expected")
    words = iter(_struct_of(kind).unpack(data))
    result = _rebuild(kind(), words)
    assert isinstance(result, kind)
    return result


def _rebuild(template: Any, words: Any) -> Any:
    if isinstance(template, tuple):
        return tuple(_rebuild(item, words) for item in template)
    if is_dataclass(template):
        return type(template)(*[_rebuild(getattr(template, f.name), words) for f in fields(template)])  # type: ignore[misc]
    return next(words)


def layout_lines() -> list[str]:
    """The canonical text of the layout, one line a word: record, name, offset in bytes."""
    lines = []
    for kind in (Input, Outcome, Account, Instrument, Slot, State):
        lines.append(f"record {kind.__name__} {size_of(kind)}")
        if kind is not State:  # State is Account, then instruments, then slots; its size says how many
            lines += [f"word {name} {WORD_BYTES * i}" for i, name in enumerate(word_names(kind))]
    return lines
