"""The evidence about mutants: one line a mutant, kept in the repository and held against the sources.

A record says what became of a mutant, by which layers after how many steps, and names the witness: the step or example
that kills it, which is kept too. So whoever doubts a kill replays one step. ``ok`` figures come from records alone;
``status`` says which of them still speak of the present sources.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeVar

from dita.conformance.defects import REPOSITORY
from dita.conformance.encoding import pack_input
from dita.conformance.mutants.edits import FAMILIES, Family, Mutant
from dita.conformance.mutants.examples import Example, Row, broken_by, of_row, of_step_row, to_row, to_step
from dita.conformance.mutants.recording import Exchange, Reader
from dita.conformance.mutants.sources import own_of, rest_of, side_of
from dita.conformance.mutants.trials import Answer, How, Verdict
from dita.spec.inputs import Input
from dita.spec.layout import pack
from dita.spec.state import State

T = TypeVar("T")

FOLDER: Final = "conformance/mutants"
WITNESSES: Final = "witnesses.json"
FORMAT: Final = "dita-mutants 1"
RENEW: Final = "restore the file, or remove it and run `dita mutants`"

Status = Literal["current", "carried", "stale", "missing"]
Kind = Literal["steps", "examples", "calls"]


class RecordError(ValueError):
    """The evidence cannot be read; the message names file and line."""


class Witness(NamedTuple):
    """Where a kill can be seen again, by its place: a step, a call of named arithmetic, or an example of predicates."""

    kind: Kind
    place: int


@dataclass(frozen=True, slots=True)
class Record:
    """What became of one mutant."""

    id: str
    verdict: Verdict
    own: str
    rest: str
    note: str = ""  # why it is equivalent, undecided or unviable; how its end was seen
    witness: Witness | None = None
    answers: Mapping[str, Answer] = field(default_factory=dict[str, Answer])


_LETTERS: Final[Mapping[str, Verdict]] = {
    "k": "killed", "e": "equivalent", "u": "undecided", "t": "timeout", "s": "survived", "n": "unviable",
}  # fmt: skip
_LETTER_OF: Final = {verdict: letter for letter, verdict in _LETTERS.items()}
_KINDS: Final[Mapping[str, Kind]] = {"s": "steps", "e": "examples", "c": "calls"}
_HOW: Final[Mapping[str, How]] = {"c": "crash", "t": "timeout"}


def _line(record: Record, layers: Sequence[str], rests: Sequence[str]) -> str:
    """A record as one line: id, verdict, own, number of rest, witness, and of each layer what it said."""
    answers = [_row(record.answers[name]) if name in record.answers else 0 for name in layers]
    while answers and answers[-1] == 0:
        answers.pop()
    witness = f"{record.witness.kind[0]}{record.witness.place}" if record.witness else None
    row = [record.id, _LETTER_OF[record.verdict], record.own, rests.index(record.rest), witness, answers]
    return json.dumps([*row, record.note] if record.note else row, separators=(",", ":"))


def _row(answer: Answer) -> list[object]:
    """Steps (negative: nothing was noticed), microseconds, the step at which laws broke, and how if not plainly."""
    row: list[object] = [-answer.steps if answer.how == "survived" else answer.steps, answer.micros]
    if answer.laws_steps or answer.how in ("crash", "timeout"):
        row.append(answer.laws_steps)
    return [*row, answer.how[0]] if answer.how in ("crash", "timeout") else row


def _answer(row: Sequence[Any]) -> Answer:
    steps, micros, *more = row
    how: How = _HOW[more[1]] if len(more) > 1 else "survived" if steps < 0 else "killed"
    laws = more[0] if more else 0
    return Answer(how, abs(steps), micros, laws="broken" if laws else "", laws_steps=laws)


def _record(line: str, header: Mapping[str, Any]) -> Record:
    identity, letter, own, rest, place, answers, *note = json.loads(line)
    witness = None if place is None else Witness(_KINDS[place[0]], int(place[1:]))
    seen = {name: _answer(row) for name, row in zip(header["layers"], answers, strict=False) if row}
    return Record(identity, _LETTERS[letter], own, header["rests"][rest], "".join(note), witness, seen)


def _read_family(path: Path) -> dict[str, Record]:
    if not path.is_file():
        return {}
    first, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
    header = _read(f"{path.name}:1", lambda: _header(first))
    found = [_read(f"{path.name}:{number}", partial(_record, line, header)) for number, line in enumerate(lines, 2)]
    return {record.id: record for record in found}


def _header(line: str) -> Mapping[str, Any]:
    header: Mapping[str, Any] = json.loads(line)
    if header["format"] != FORMAT:
        raise ValueError(f"the format is `{header['format']}`")
    return header


def _read(where: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (IndexError, KeyError, TypeError, ValueError) as problem:
        raise RecordError(f"{where}: no evidence of mutants: {problem!r}; {RENEW}") from problem


# --- witnesses ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Witnesses:
    """The steps, calls and examples that kill, each once."""

    steps: list[list[list[int]]] = field(default_factory=list[list[list[int]]])  # state and input, sparse
    examples: list[tuple[Row, tuple[str, ...]]] = field(default_factory=list[tuple[Row, tuple[str, ...]]])
    calls: list[tuple[str, list[int]]] = field(default_factory=list[tuple[str, list[int]]])  # function and arguments
    _places: dict[str, Witness] = field(default_factory=dict[str, Witness])

    def add_step(self, before: State, event: Input) -> Witness:
        """Keep a step; gives its place."""
        return self.add_row("steps", to_step(before, event))

    def add_example(self, example: Example) -> Witness:
        """Keep an example and what the true predicates say of it; gives its place."""
        return self.add_row("examples", (to_row(example), broken_by(example)))

    def add_call(self, name: str, arguments: Sequence[int]) -> Witness:
        """Keep a call of named arithmetic; gives its place."""
        return self.add_row("calls", (name, list(arguments)))

    def add_row(self, kind: Kind, row: Any) -> Witness:
        """Keep a row as it stands in the file; gives its place."""
        rows: list[Any] = getattr(self, kind)
        key = json.dumps([kind, row[0] if kind == "examples" else row])
        if key not in self._places:
            rows.append(row)
            self._places[key] = Witness(kind, len(rows) - 1)
        return self._places[key]

    def step(self, place: int) -> tuple[State, Input]:
        """The state and the input of a step. Raises IndexError."""
        return of_step_row(self.steps[place])

    def example(self, place: int) -> Example:
        """An example. Raises IndexError."""
        return of_row(self.examples[place][0])

    def text(self) -> str:
        """The content of the file: a row a line."""
        compact: Any = {"separators": (",", ":")}
        steps = ",\n".join(json.dumps(row, **compact) for row in self.steps)
        examples = ",\n".join(json.dumps([row, list(broken)], **compact) for row, broken in self.examples)
        calls = ",\n".join(json.dumps(row, **compact) for row in self.calls)
        return (
            f'{{"format":"{FORMAT}",\n"steps":[\n{steps}\n],\n"calls":[\n{calls}\n],\n"examples":[\n{examples}\n]}}\n'
        )


def _witnesses(text: str) -> Witnesses:
    kept, found = json.loads(text), Witnesses()
    for row in kept["steps"]:
        found.add_row("steps", row)
    for name, arguments in kept["calls"]:
        found.add_row("calls", (name, arguments))
    for row, broken in kept["examples"]:
        found.add_row("examples", (row, tuple(broken)))
    return found


def exchange_of(before: State, event: Input, outcome: bytes, after: State) -> Exchange:
    """A step in bytes, as traffic has it."""
    start, end = pack(before), pack(after)
    changes = () if start == end else ((0, end),)
    return Exchange(start, pack_input(event), outcome, changes)


def step_of(exchanges: Sequence[Exchange], number: int) -> tuple[State, Input]:
    """The state and the input of an exchange, which itself may only say that it follows another."""
    first = max(n for n in range(number + 1) if exchanges[n].start is not None)
    move = list(Reader().moves(exchanges[first : number + 1]))[-1]
    return move.before, move.event


# --- the files ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Evidence:
    """All records, by family and mutant, and the witnesses."""

    records: dict[Family, dict[str, Record]]
    witnesses: Witnesses

    def put(self, family: Family, record: Record) -> None:
        """Keep a record in place of an earlier one of the same mutant."""
        self.records[family][record.id] = record


def read_evidence(repository: Path = REPOSITORY) -> Evidence:
    """The evidence of the repository; a family without a file has no records. Raises RecordError."""
    folder = repository / FOLDER
    evidence = Evidence({family: {} for family in FAMILIES}, Witnesses())
    for family in FAMILIES:
        evidence.records[family] = _read_family(folder / f"{family}.jsonl")
    path = folder / WITNESSES
    if path.is_file():
        evidence.witnesses = _read(path.name, lambda: _witnesses(path.read_text(encoding="utf-8")))
    for family, records in evidence.records.items():
        for record in records.values():
            if record.witness and record.witness.place >= len(getattr(evidence.witnesses, record.witness.kind)):
                raise RecordError(f"{family}.jsonl: `{record.id}` names a witness that is not in {WITNESSES}; {RENEW}")
    return evidence


def write_evidence(
    evidence: Evidence, mutants: Mapping[Family, Sequence[Mutant]], repository: Path = REPOSITORY
) -> None:
    """Write everything, in the order of the mutants; witnesses that no record names are left out. Raises OSError."""
    folder = repository / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    kept = Witnesses()
    for family in FAMILIES:
        found = [evidence.records[family].get(mutant.id) for mutant in mutants[family]]
        records = [_with_witness_in(record, evidence.witnesses, kept) for record in found if record is not None]
        layers = list(dict.fromkeys(name for record in records for name in record.answers))
        rests = list(dict.fromkeys(record.rest for record in records))
        header = json.dumps({"format": FORMAT, "family": family, "layers": layers, "rests": rests})
        lines = [header, *(_line(record, layers, rests) for record in records)]
        _replace(folder / f"{family}.jsonl", "".join(f"{line}\n" for line in lines))
    _replace(folder / WITNESSES, kept.text())


def _with_witness_in(record: Record, old: Witnesses, new: Witnesses) -> Record:
    if record.witness is None:
        return record
    rows: list[Any] = getattr(old, record.witness.kind)
    return replace(record, witness=new.add_row(record.witness.kind, rows[record.witness.place]))


def _replace(path: Path, text: str) -> None:
    unfinished = path.with_name(f"{path.name}.partial")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


# --- against the sources --------------------------------------------------------------------------------------------


def status_of(mutant: Mutant, record: Record | None, repository: Path = REPOSITORY) -> Status:
    """Whether a record still speaks of the present sources."""
    if record is None:
        return "missing"
    if record.own != own_of(mutant, repository):
        return "stale"
    if record.rest == rest_of(side_of(mutant), repository):
        return "current"
    return "carried" if record.verdict in ("killed", "timeout", "unviable") else "stale"
