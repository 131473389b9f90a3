"""The matrix phase × kind: every result that the reference can give, as data, and as Markdown.

``matrix.json`` is generated from the small worlds and the boundary vectors (``python -m dita.conformance.matrix``); a
test holds it against a fresh run, so a change of behaviour shows up as a change of this file, and no cell is blank.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from dita.conformance.boundary import run_boundary, sample_states
from dita.conformance.differential import Cell
from dita.conformance.exhaustive import enumerate_world
from dita.conformance.small_worlds import worlds
from dita.conformance.under_test import StepUnderTest
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


def observed_results(kernel: StepUnderTest) -> frozenset[Result]:
    """What the quick worlds and the fixed boundary vectors show, on both sides. Raises RuntimeError on a finding."""
    seen: frozenset[Result] = frozenset()
    runs = [enumerate_world(world, kernel, never) for world in worlds("quick")]
    runs.append(run_boundary(kernel, never, sample_states(2)))
    for run in runs:
        if run.findings:
            raise RuntimeError(f"the two sides disagree: {run.findings[0].what}; run `dita conform`")
        seen |= results_of(run.distribution)
    return seen


def never() -> bool:
    """There is time."""
    return False


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


def main() -> int:
    """Write ``matrix.json`` anew from the reference and the image."""
    from dita.conformance.under_test import CallerMemory, open_image  # noqa: PLC0415 - only the writer needs an image
    from dita.kernel.image import IMAGE_PATH  # noqa: PLC0415

    results = observed_results(CallerMemory(open_image(IMAGE_PATH)))
    MATRIX_PATH.write_text(matrix_text(results), encoding="utf-8")
    sys.stdout.write(f"{len(results)} results, {len(blank_cells(results))} blank cells\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
