"""Path vectors as rows of integers: a text file for people and Python, and the same integers in binary for the crate.

The first line of the text is the header, canonical JSON. Then one line a kind: its name and the marks of its paths
(``pathfinder``), in the order of exploration; a dash stands for a path that no numbers take. Every further line is a
vector, in five groups that are parted by bars: the number of its path, its purpose and its base; the words of the state
that differ from the row before (from the blank state, where the base says so, because those are fewer); those of the
input; the words of the outcome that are not 0; the words of the state that the step changes. Each of these is a list of
runs: how many words are left alone before it, how many words it has, and their values.

The binary holds the same integers, each group behind its length, as zigzag LEB128, behind a magic and their SHA-256.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate, chain, takewhile
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from dita.spec.inputs import Input
from dita.spec.layout import filled, flatten_words, word_names
from dita.spec.outcome import Outcome
from dita.spec.state import State
from dita.spec.vocabulary import INSTRUMENTS

FORMAT: Final = "dita-path-vectors"
VERSION: Final = 1
MAGIC: Final = b"DITAVEC1"
ROWS_PATH: Final = Path(__file__).with_name("path_vectors.txt")
REPOSITORY: Final = Path(__file__).resolve().parents[4]
BINARY_PATH: Final = REPOSITORY / "kernel_rs" / "vectors" / "path_vectors.bin"
NO_MARK: Final = "-"
AGAIN: Final = "make them anew with `dita vectors`"
BYTES_MAX: Final = 1 << 24
_WORDS: Final = {record: len(word_names(record)) for record in (State, Input, Outcome)}
_WORD_MIN, _WORD_MAX = -(1 << 63), (1 << 63) - 1

INTERIOR: Final = 0
BOUNDARY: Final = 1
PURPOSES: Final = (INTERIOR, BOUNDARY)
BEFORE: Final = 0
BLANK: Final = 1
BASES: Final = (BEFORE, BLANK)

GROUPS: Final = 5
Group = tuple[int, ...]
Groups = tuple[Group, Group, Group, Group, Group]
"""Path, purpose and base; changes of the state and of the input; the outcome; changes by the step."""

Change = tuple[int, int]
"""The index of a word and its value."""


class VectorsRefused(Exception):
    """The file of path vectors cannot be used; the message says what is wrong and what to do."""


class Header(NamedTuple):
    """What the vectors were made from and with, and what follows."""

    sources: str  # SHA-256 over the modules that decide them (``sources``)
    solver: str
    seed: int
    rows: int
    figures: dict[str, int]  # for people
    body: str  # SHA-256 of all that follows the header


class Vector(NamedTuple):
    """A state and an input of one path, and what the reference gives there."""

    path: int  # counted over all kinds
    purpose: int
    state: State
    event: Input
    outcome: Outcome
    changes: tuple[Change, ...]  # of the state, by the step


@dataclass(frozen=True, slots=True)
class Kept:
    """The content of the file: the header, the marks of each kind's paths by its name, and the rows as they stand."""

    header: Header
    marks: dict[str, tuple[str, ...]]
    rows: tuple[Groups, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """The mark of every path, in the order in which rows count them."""
        return tuple(chain.from_iterable(self.marks.values()))

    @property
    def reached(self) -> frozenset[int]:
        """The paths that numbers take."""
        return frozenset(number for number, mark in enumerate(self.paths) if mark != NO_MARK)

    def vectors(self) -> Iterator[Vector]:
        """The vectors, one after the other. Raises VectorsRefused for a row that names what there is not."""
        running, event = _Running(), flatten_words(Input())
        paths = len(self.paths)
        for number, (about, of_state, of_event, of_outcome, of_after) in enumerate(self.rows):
            if not (len(about) == 3 and 0 <= about[0] < paths and about[1] in PURPOSES and about[2] in BASES):
                raise VectorsRefused(f"row {number}: path, purpose and base are `{about}`; {AGAIN}")
            if about[2] == BLANK:
                running = _Running()
            outcome = [0] * _WORDS[Outcome]
            running.change(_changes(of_state, _WORDS[State], number, "state"))
            for index, value in _changes(of_event, _WORDS[Input], number, "input"):
                event[index] = value
            for index, value in _changes(of_outcome, _WORDS[Outcome], number, "outcome"):
                outcome[index] = value
            after = _changes(of_after, _WORDS[State], number, "state after")
            yield Vector(
                about[0], about[1], running.state(), filled(Input(), event), filled(Outcome(), outcome), after
            )  # fmt: skip


def _changes(group: Sequence[int], words: int, number: int, what: str) -> tuple[Change, ...]:
    changes: list[Change] = []
    at = place = 0
    while at < len(group):
        skipped, length = group[at], group[at + 1] if at + 1 < len(group) else 0
        values = group[at + 2 : at + 2 + length]
        place += skipped
        if skipped < 0 or length < 1 or len(values) < length or place + length > words:
            raise VectorsRefused(f"row {number}: the words of the {what} do not fit; {AGAIN}")
        changes += enumerate(values, place)
        place += length
        at += 2 + length
    if not all(_WORD_MIN <= value <= _WORD_MAX for _, value in changes):
        raise VectorsRefused(f"row {number}: a word of the {what} has more than 64 bits; {AGAIN}")
    return tuple(changes)


_BLANK: Final = State()
_PARTS: Final[tuple[Any, ...]] = (_BLANK.account, *_BLANK.instruments, *_BLANK.slots)
_PART_WORDS: Final = tuple(tuple(flatten_words(part)) for part in _PARTS)
_BEGINS: Final = tuple(accumulate((len(words) for words in _PART_WORDS[:-1]), initial=0))


class _Running:
    """A state that changes word by word; only the records that a change is in are made anew."""

    def __init__(self) -> None:
        self._parts = list(_PARTS)
        self._words = [list(words) for words in _PART_WORDS]

    def change(self, changes: Iterable[Change]) -> None:
        touched: set[int] = set()
        for index, value in changes:
            part = bisect_right(_BEGINS, index) - 1
            self._words[part][index - _BEGINS[part]] = value
            touched.add(part)
        for part in touched:
            self._parts[part] = filled(_PARTS[part], self._words[part])

    def state(self) -> State:
        parts = self._parts
        return State(parts[0], tuple(parts[1 : 1 + INSTRUMENTS]), tuple(parts[1 + INSTRUMENTS :]))


# --- from vectors to files ------------------------------------------------------------------------------------------


def rows_of(vectors: Iterable[Vector]) -> Iterator[Groups]:
    """Each vector as its groups."""
    blank, nothing = flatten_words(State()), flatten_words(Outcome())
    state, event = blank, flatten_words(Input())
    for vector in vectors:
        state_now, event_now = flatten_words(vector.state), flatten_words(vector.event)
        base, of_state = min(
            ((base, _differences(words, state_now)) for base, words in ((BEFORE, state), (BLANK, blank))),
            key=lambda found: len(found[1]),
        )
        yield (
            (vector.path, vector.purpose, base),
            _group(of_state),
            _group(_differences(event, event_now)),
            _group(_differences(nothing, flatten_words(vector.outcome))),
            _group(vector.changes),
        )
        state, event = state_now, event_now


def changes_of(before: State, after: State) -> tuple[Change, ...]:
    """The words of a state that a step changed, with their new values."""
    return _differences(flatten_words(before), flatten_words(after))


def _differences(before: Sequence[int], after: Sequence[int]) -> tuple[Change, ...]:
    return tuple((n, new) for n, (old, new) in enumerate(zip(before, after, strict=True)) if old != new)


def _group(changes: Sequence[Change]) -> Group:
    found: list[int] = []
    end, run = 0, 0
    for number, (place, value) in enumerate(changes):
        if number == 0 or place != end:
            found += (place - end, 0)
            run = len(found) - 1
        found[run] += 1
        found.append(int(value))
        end = place + 1
    return tuple(found)


def text_of(
    sources: str,
    solver: str,
    seed: int,
    figures: Mapping[str, int],
    marks: Mapping[str, tuple[str, ...]],
    rows: Sequence[Groups],
) -> str:
    """The content of the text file."""
    lines = [f"{name} {' '.join(paths)}" for name, paths in marks.items()]
    lines += ["|".join(" ".join(map(str, group)) for group in groups) for groups in rows]
    body = "".join(f"{line}\n" for line in lines)
    header: dict[str, Any] = {
        "format": FORMAT, "version": VERSION, "sources": sources, "solver": solver, "seed": seed, "rows": len(rows),
        "figures": dict(figures), "body": sha256(body.encode()).hexdigest(),
    }  # fmt: skip
    return f"{json.dumps(header)}\n{body}"


def binary_of(kept: Kept) -> bytes:
    """The same integers for the crate."""
    words = bytearray()
    for groups in kept.rows:
        for value in groups[0]:
            _write(words, value)
        for group in groups[1:]:
            _write(words, len(group))
            for value in group:
                _write(words, value)
    counts = len(kept.rows).to_bytes(8, "little") + len(kept.reached).to_bytes(8, "little")
    content = counts + bytes(words)
    return MAGIC + sha256(content).digest() + content


def _write(words: bytearray, value: int) -> None:
    rest = (value << 1) ^ (value >> 63)
    while rest >= 0x80:
        words.append(rest & 0x7F | 0x80)
        rest >>= 7
    words.append(rest)


# --- from the text to vectors ---------------------------------------------------------------------------------------


def read(path: Path = ROWS_PATH) -> Kept:
    """The vectors of a text file. Raises VectorsRefused for one that is missing, empty, altered or of another form."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise VectorsRefused(f"`{path}`: more than `{BYTES_MAX}` bytes; {AGAIN}")
        content = path.read_bytes()
    except OSError as problem:
        raise VectorsRefused(f"`{path}`: {problem.strerror}; {AGAIN}") from problem
    return parse(content, str(path))


def parse(content: bytes, name: str) -> Kept:
    """The vectors behind the bytes of a text file. Raises VectorsRefused."""
    first, _, body = content.partition(b"\n")
    header = _header(first, name)
    if sha256(body).hexdigest() != header.body:
        raise VectorsRefused(f"`{name}`: what follows the header is not what was written; {AGAIN}")
    lines = body.decode("latin-1").splitlines()
    tables = list(takewhile(lambda line: line[:1].isalpha(), lines))
    marks = {kind: tuple(paths) for kind, *paths in map(str.split, tables)}
    rows = lines[len(tables) :]
    if not rows or len(rows) != header.rows:
        raise VectorsRefused(f"`{name}`: `{len(rows)}` rows, the header says `{header.rows}`; {AGAIN}")
    try:
        groups = [tuple(tuple(map(int, group.split())) for group in row.split("|")) for row in rows]
    except ValueError as problem:
        raise VectorsRefused(f"`{name}`: a row holds more than integers and bars: {problem}; {AGAIN}") from problem
    if any(len(row) != GROUPS for row in groups):
        raise VectorsRefused(f"`{name}`: a row does not have {GROUPS} groups; {AGAIN}")
    return Kept(header, marks, cast("tuple[Groups, ...]", tuple(groups)))


def _header(line: bytes, name: str) -> Header:
    try:
        read: object = json.loads(line)
    except ValueError:
        read = None
    fields = cast("dict[str, Any]", read) if isinstance(read, dict) else {}
    known = fields.get("format") == FORMAT and fields.get("version") == VERSION
    wanted = {"sources": str, "solver": str, "seed": int, "rows": int, "figures": dict, "body": str}
    if not known or not all(isinstance(fields.get(field), kind) for field, kind in wanted.items()):
        raise VectorsRefused(f"`{name}`: no header of version {VERSION} of {FORMAT}; {AGAIN}")
    return Header(*[fields[field] for field in wanted])
