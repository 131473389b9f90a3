"""Traces: inputs as JSON Lines that a person can read and edit, and the state they start from.

The first line is the header ``{"format": "dita-trace", "version": 1}``; its optional ``"start"`` names, by dotted path,
the words of the starting state that differ from the blank state. Every further line is one input: only fields that are
not 0, enumerations by name (or as the number, when it has no name), ``ratios`` without trailing zeros. Blank lines and
lines that begin with ``#`` are comments.
"""

import json
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple, cast

from dita.spec.inputs import Input
from dita.spec.layout import flatten_words, pack, unpack, word_names
from dita.spec.state import State
from dita.spec.vocabulary import LEGS, IncomeKind, Kind, Mode, Part, RejectReason, Side

FORMAT: Final = "dita-trace"
VERSION: Final = 1
LINE_CHARACTERS_MAX: Final = 1 << 17
LINES_MAX: Final = 1 << 20
WORD_MIN: Final = -(1 << 63)
WORD_MAX: Final = (1 << 63) - 1

_ENUMS: Final[dict[str, type[IntEnum]]] = {
    "kind": Kind, "side": Side, "reason": RejectReason, "part": Part, "income_kind": IncomeKind, "mode": Mode,
}  # fmt: skip
_FIELDS: Final = Input._fields
_STATE_WORDS: Final = {name: index for index, name in enumerate(word_names(State))}


class TraceError(ValueError):
    """A trace cannot be read; the message names line, field, value and what is expected."""


class Trace(NamedTuple):
    """Inputs in order, and the state they meet."""

    inputs: tuple[Input, ...]
    start: State = State()


def format_input(event: Input) -> str:
    """One line of JSON, without the line feed."""
    shown: dict[str, object] = {}
    for name, value in zip(_FIELDS, event, strict=True):
        if name == "ratios":
            ratios = list(event.ratios)
            while ratios and ratios[-1] == 0:
                ratios.pop()
            if ratios:
                shown[name] = ratios
        elif value != 0 or name == "kind":
            shown[name] = _named(name, cast("int", value))
    return json.dumps(shown)


def format_trace(trace: Trace) -> str:
    """The whole text of a trace file."""
    header: dict[str, object] = {"format": FORMAT, "version": VERSION}
    blank = flatten_words(State())
    words = flatten_words(trace.start)
    start = {name: words[index] for name, index in _STATE_WORDS.items() if words[index] != blank[index]}
    if start:
        header["start"] = start
    return "".join(f"{line}\n" for line in (json.dumps(header), *map(format_input, trace.inputs)))


def parse_input(text: str, where: str = "input") -> Input:
    """The input behind one line. Raises TraceError."""
    record = _object(text, where)
    values: dict[str, Any] = {}
    for name, value in record.items():
        if name not in _FIELDS:
            raise TraceError(f"{where}: unknown field `{name}`; the fields are those of `dita.spec.inputs.Input`")
        values[name] = _ratios(value, where) if name == "ratios" else _value(name, value, where)
    if "kind" not in values:
        raise TraceError(f"{where}: `kind` is missing; give a name like `ENTER`")
    return Input(**values)


def parse_trace(lines: Iterable[str]) -> Trace:
    """The trace behind the lines of a file. Raises TraceError."""
    start: State | None = None
    inputs: list[Input] = []
    for number, line in enumerate(lines, 1):
        where = f"line {number}"
        if number > LINES_MAX or len(line) > LINE_CHARACTERS_MAX:
            raise TraceError(f"{where}: longer than `{LINE_CHARACTERS_MAX}` characters or `{LINES_MAX}` lines")
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if start is None:
            start = _header(_object(text, where), where)
        else:
            inputs.append(parse_input(text, where))
    if start is None:
        raise TraceError(f'trace: no header; the first line is {{"format": "{FORMAT}", "version": {VERSION}}}')
    return Trace(tuple(inputs), start)


def _named(field: str, value: int) -> int | str:
    kind = _ENUMS.get(field)
    if kind is not None and value in kind.__members__.values():
        return kind(value).name
    return value


def _value(field: str, value: object, where: str) -> int:
    kind = _ENUMS.get(field)
    if kind is not None and isinstance(value, str):
        if value not in kind.__members__:
            raise TraceError(f"{where}: `{field}` is `{value}`; give one of {', '.join(kind.__members__)} or a number")
        return kind[value].value
    return _word(field, value, where)


def _word(field: str, value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TraceError(f"{where}: `{field}` is `{value!r}`; give an integer")
    if not WORD_MIN <= value <= WORD_MAX:
        raise TraceError(f"{where}: `{field}` is `{value}`; give a signed 64-bit integer")
    return value


def _ratios(value: object, where: str) -> tuple[int, ...]:
    if not isinstance(value, list) or len(cast("list[object]", value)) > LEGS:
        raise TraceError(f"{where}: `ratios` is `{value!r}`; give a list of at most {LEGS} integers")
    words = [_word("ratios", item, where) for item in cast("list[object]", value)]
    return tuple(words) + (0,) * (LEGS - len(words))


def _header(record: dict[str, object], where: str) -> State:
    unknown = record.keys() - {"format", "version", "start"}
    if unknown or record.get("format") != FORMAT or record.get("version") != VERSION:
        raise TraceError(f"{where}: not the header of a version {VERSION} trace: `{sorted(record)}`")
    start = record.get("start", {})
    if not isinstance(start, dict):
        raise TraceError(f"{where}: `start` is `{start!r}`; give an object of dotted state words and integers")
    data = bytearray(pack(State()))
    for name, value in cast("dict[str, object]", start).items():
        if name not in _STATE_WORDS:
            raise TraceError(f"{where}: `start` names `{name}`; that is no word of the state")
        at = 8 * _STATE_WORDS[name]
        data[at : at + 8] = _word(name, value, where).to_bytes(8, "little", signed=True)
    return unpack(State, bytes(data))


def _object(text: str, where: str) -> dict[str, object]:
    try:
        value: object = json.loads(text, object_pairs_hook=_unrepeated)
    except (ValueError, RecursionError) as problem:
        raise TraceError(f"{where}: not one JSON object: {problem}") from problem
    if not isinstance(value, dict):
        raise TraceError(f"{where}: not a JSON object: `{text[:60]}`")
    return cast("dict[str, object]", value)


def _unrepeated(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"field `{next(name for name in names if names.count(name) > 1)}` is given twice")
    return record
