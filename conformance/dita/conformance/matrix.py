"""The matrix phase × kind: every result that the reference can give, as data, and as Markdown.

``matrix.json`` is generated (``python -m dita.conformance.declare``); a test holds it against a fresh run, so a change
of behaviour shows up as a change of this file, and no cell is blank.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from dita.conformance.differential import Cell
from dita.spec.vocabulary import Code, Kind, Phase, Reconcile, Verdict

MATRIX_PATH: Final = Path(__file__).with_name("matrix.json")
COMMANDS: Final = ("submit", "cancel", "resolve", "reconcile", "cancel_protection")


class Result(NamedTuple):
    """One thing that can happen in a cell: phase and kind, and the result in words."""

    phase: str
    kind: str
    text: str


def result_of(cell: Cell) -> Result | None:
    """The result of a distribution's cell; None for inputs that name no slot or no kind."""
    if cell.phase < 0 or cell.kind == 0:
        return None
    arrows = "".join(f" → {Phase(phase).name}" for phase in (cell.to_1, cell.to_2) if phase >= 0)
    commands = [name.upper() for name in COMMANDS if getattr(cell, name)]
    if cell.reconcile:
        commands[commands.index("RECONCILE")] = f"RECONCILE_{Reconcile(cell.reconcile).name}"
    told = "".join(f" {command}" for command in commands)
    text = f"{Verdict(cell.verdict).name} {Code(cell.code).name}{arrows}{told}"
    return Result(Phase(cell.phase).name, Kind(cell.kind).name, text)


def results_of(cells: Iterable[Cell]) -> frozenset[Result]:
    """All results of a distribution."""
    return frozenset(result for cell in cells if (result := result_of(cell)) is not None)


def declared_results(path: Path = MATRIX_PATH) -> frozenset[Result]:
    """The results that ``matrix.json`` declares."""
    table: Mapping[str, Mapping[str, list[str]]] = json.loads(path.read_text(encoding="utf-8"))
    return frozenset(
        Result(phase, kind, text) for phase, row in table.items() for kind, texts in row.items() for text in texts
    )


def matrix_text(results: Iterable[Result]) -> str:
    """The content of ``matrix.json``: phases and kinds in order, texts sorted."""
    table: dict[str, dict[str, list[str]]] = {
        phase.name: {kind.name: [] for kind in Kind if kind != Kind.NONE} for phase in Phase
    }
    for result in sorted(results):
        table[result.phase][result.kind].append(result.text)
    return json.dumps(table, indent=1) + "\n"


def markdown(results: Iterable[Result]) -> str:
    """The matrix for people: one section a kind, one row a phase."""
    by_cell: dict[tuple[str, str], list[str]] = {}
    for result in sorted(results):
        by_cell.setdefault((result.kind, result.phase), []).append(result.text)
    lines: list[str] = []
    for kind in list(Kind)[1:]:
        lines += [f"## {kind.name}", "", "| phase | results |", "|---|---|"]
        for phase in Phase:
            texts = by_cell.get((kind.name, phase.name), [])
            lines.append(f"| {phase.name} | {'<br>'.join(texts) or '**none**'} |")
        lines.append("")
    return "\n".join(lines)


def blank_cells(results: Iterable[Result]) -> list[tuple[str, str]]:
    """(phase, kind) pairs that have no result."""
    filled = {(result.phase, result.kind) for result in results}
    every = [(phase.name, kind.name) for phase in Phase for kind in Kind if kind != Kind.NONE]
    return [cell for cell in every if cell not in filled]
