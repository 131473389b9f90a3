"""The byte layout of every record that crosses into native code, derived from the record classes of this package.

Clause N3: every field is one signed 64-bit little-endian word, nested records and tuples are laid out in place and in
order, so there is no padding. Both sides compute ``LAYOUT_TEXT`` independently and compare its hash.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar, cast

from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.state import Account, Instrument, Slot, State

WORD_BYTES: Final = 8
Record = Input | Outcome | Account | Instrument | Slot | State
T = TypeVar("T", Input, Outcome, Account, Instrument, Slot, State)
Nested = TypeVar("Nested")


def flatten_words(record: object) -> list[int]:
    """All words of a record, depth first. Raises TypeError on anything but nested tuples of integers."""
    words: list[int] = []
    _collect(record, words)
    return words


def _collect(record: object, words: list[int]) -> None:
    if isinstance(record, tuple):
        for item in cast("tuple[object, ...]", record):
            _collect(item, words)
    elif isinstance(record, int):
        words.append(record)
    else:
        raise TypeError(f"layout: `{type(record).__name__}` cannot cross the boundary")


def _paths(template: object, prefix: str) -> list[str]:
    if not isinstance(template, tuple):
        return [prefix]
    items = cast("tuple[object, ...]", template)
    names = cast("tuple[str, ...] | None", getattr(type(items), "_fields", None))
    dot = f"{prefix}." if prefix else ""
    steps = [f"{prefix}[{i}]" for i in range(len(items))] if names is None else [f"{dot}{name}" for name in names]
    return [path for item, step in zip(items, steps, strict=True) for path in _paths(item, step)]


RECORDS: Final[tuple[type[Record], ...]] = (Input, Outcome, Account, Instrument, Slot, State)
_WORD_NAMES: Final = {kind: tuple(_paths(kind(), "")) for kind in RECORDS}
_STRUCTS: Final = {kind: struct.Struct(f"<{len(names)}q") for kind, names in _WORD_NAMES.items()}


def word_names(kind: type[Record]) -> tuple[str, ...]:
    """Dotted name of each word of a record class, in order."""
    return _WORD_NAMES[kind]


def pack(record: Record) -> bytes:
    """The bytes of a record. Raises struct.error if a word does not fit 64 bits."""
    return _STRUCTS[type(record)].pack(*flatten_words(record))


def size_of(kind: type[Record]) -> int:
    """Bytes of a record class."""
    return _STRUCTS[kind].size


def unpack(kind: type[T], data: bytes) -> T:
    """The record behind ``data``. Raises ValueError when the length is wrong."""
    if len(data) != size_of(kind):
        raise ValueError(f"{kind.__name__}: `{len(data)}` bytes given, {size_of(kind)} expected")
    return filled(kind(), _STRUCTS[kind].unpack(data))


def filled(template: Nested, words: Iterable[int]) -> Nested:
    """The nested record with these words in place of its own, depth first."""
    return cast("Nested", _rebuild(template, iter(words)))


def _rebuild(template: object, words: Iterator[int]) -> object:
    if not isinstance(template, tuple):
        return next(words)
    items = [_rebuild(item, words) for item in cast("tuple[object, ...]", template)]
    kind = type(cast("object", template))
    make = cast("Callable[[list[object]], object]", getattr(kind, "_make", tuple))
    return make(items)


def layout_lines() -> list[str]:
    """The canonical text of the layout, one line a word: record, name, offset in bytes."""
    lines: list[str] = []
    for kind in RECORDS:
        lines.append(f"record {kind.__name__} {size_of(kind)}")
        if kind is not State:  # State is Account, then instruments, then slots; its size says how many
            lines += [f"word {name} {WORD_BYTES * i}" for i, name in enumerate(word_names(kind))]
    return lines
