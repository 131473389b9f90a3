"""The matrix mutant × layer × time-to-kill: added up by family and layer, and in full as a table of text."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from dita.conformance.mutants.campaign import MutantsReport
from dita.conformance.mutants.edits import FAMILIES, Family, Mutant
from dita.conformance.mutants.records import Record
from dita.conformance.mutants.trials import LAWS, Answer


class LayerRow(NamedTuple):
    """What a layer did to a family's mutants."""

    family: Family
    layer: str
    asked: int
    noticed: int
    alone: int  # noticed by no other layer
    steps: int  # median steps to the kill
    micros: int  # median time to the kill

    @property
    def share_ppm(self) -> int:
        """Noticed of those asked that some layer noticed, in parts per million."""
        return 1_000_000 * self.noticed // self.asked if self.asked else 0


def summary(report: MutantsReport) -> list[LayerRow]:
    """A row a family and layer; the laws are a layer too: whether the invariants alone would have noticed."""
    return [row for family in FAMILIES for row in _family(family, [record for _, record in report.records[family]])]


def _family(family: Family, records: Sequence[Record]) -> Iterable[LayerRow]:
    killed = [record for record in records if record.verdict == "killed"]
    names = dict.fromkeys(name for record in killed for name in record.answers)
    for name in names:
        answers = [record.answers[name] for record in killed if name in record.answers]
        seen = [answer for answer in answers if answer.noticed]
        alone = sum(
            record.answers[name].noticed and sum(answer.noticed for answer in record.answers.values()) == 1
            for record in killed
            if name in record.answers
        )
        yield LayerRow(
            family, name, len(answers), len(seen), alone, _median(answer.steps for answer in seen),
            _median(answer.micros for answer in seen),
        )  # fmt: skip
    if family != "predicate":
        steps = [
            min(found)
            for record in killed
            if (found := [a.laws_steps for a in record.answers.values() if a.laws_steps])
        ]
        yield LayerRow(family, LAWS, len(killed), len(steps), 0, _median(steps), 0)


def _median(numbers: Iterable[int]) -> int:
    found = list(numbers)
    return int(median(found)) if found else 0


def matrix(report: MutantsReport) -> str:
    """The whole matrix: a line a mutant, tab-separated, times in microseconds."""
    layers = list(dict.fromkeys(n for rows in report.records.values() for _, record in rows for n in record.answers))
    lines = ["\t".join(("id", "family", "verdict", *layers, LAWS, "mutant", "note"))]
    for family in FAMILIES:
        lines += [_line(family, mutant, record, layers) for mutant, record in report.records[family]]
    return "".join(f"{line}\n" for line in lines)


def _line(family: Family, mutant: Mutant, record: Record, layers: Sequence[str]) -> str:
    cells = [_cell(record.answers[name]) if name in record.answers else "" for name in layers]
    laws = min((answer.laws_steps for answer in record.answers.values() if answer.laws_steps), default=0)
    told = [mutant.id, family, record.verdict, *cells, f"step {laws}" if laws else "", mutant.title, record.note]
    return "\t".join(" ".join(text.split()) for text in told)


def _cell(answer: Answer) -> str:
    if answer.how == "survived":
        return f"- ({answer.steps})"
    return f"{answer.how} at {answer.steps}, {answer.micros} us"
