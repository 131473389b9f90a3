"""The matrix of phases and inputs as a table for terminals, 80 columns wide; and the documents made from the matrix.

``overview`` has one line for each kind of input, ``details`` one for each of its codes, with all that it commands.
``DOCUMENTS`` are the files that are kept beside the specification; ``stale`` names those that are not what the matrix
now gives. ``python -m dita.conformance.table`` writes them anew, after ``python -m dita.conformance.declare``.
"""

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

from dita.conformance.defects import REPOSITORY
from dita.conformance.matrix import Result, declared_results
from dita.conformance.states import GENERATED, diagram, dot, told
from dita.conformance.states_svg import svg
from dita.spec.vocabulary import Code, Kind, Phase

DOCUMENTS_FOLDER: Final = REPOSITORY / "spec" / "docs"
SHORT: Final[Mapping[str, str]] = {
    Phase.IDLE.name: "ID", Phase.ENTRY_REQUESTED.name: "ER", Phase.ENTRY_WORKING.name: "EW",
    Phase.ENTRY_UNRESOLVED.name: "EU", Phase.POSITION_OPEN.name: "PO", Phase.EXIT_REQUESTED.name: "XR",
    Phase.EXIT_WORKING.name: "XW", Phase.EXIT_UNRESOLVED.name: "XU",
}  # fmt: skip
VERDICTS: Final = {"ACCEPTED": "A", "FLAGGED": "F", "REFUSED": "R"}
COMMAND_LETTERS: Final = {
    "SUBMIT": "s", "CANCEL": "c", "RESOLVE": "r", "RECONCILE_POSITION": "p", "RECONCILE_WALLET": "w",
    "CANCEL_PROTECTION": "x",
}  # fmt: skip

_LABEL: Final = 22  # columns
_CELL: Final = 6


def mark(result: Result) -> str:
    """One result in a cell: where it goes, else its verdict, and a letter for each thing it commands."""
    parts = told(result.text)
    letters = "".join(COMMAND_LETTERS[name] for name in parts.commands)
    if not parts.path:
        return VERDICTS[parts.verdict] + letters
    return ("→" if len(parts.path) == 1 else "⇒") + SHORT[parts.path[-1]] + letters


def _ordered(found: Iterable[str]) -> list[str]:
    return sorted(set(found), key=lambda one: ("A→⇒FR".index(one[0]), one))


def overview(results: Collection[Result]) -> str:
    """One line a kind, one column a phase: which verdicts there are, and whether the phase changes."""
    lines = [_row("", [SHORT[phase.name] for phase in Phase]), _rule("┼")]
    for kind in _kinds():
        cells = _cells(result for result in results if result.kind == kind.name)
        lines.append(_row(kind.name, ["".join(_ordered(_verdicts(cells[phase.name]))) for phase in Phase]))
    return "\n".join(lines) + "\n"


def _verdicts(results: Iterable[Result]) -> list[str]:
    """The first letters of the marks; a move is a move, however many there are."""
    return [mark(result)[0].replace("⇒", "→") for result in results]


def details(results: Collection[Result]) -> str:
    """One line a code (more where it can lead to several phases), grouped by kind of input."""
    lines: list[str] = []
    for kind in _kinds():
        of_kind = [result for result in results if result.kind == kind.name]
        lines += [_row(kind.name, [SHORT[phase.name] for phase in Phase]), _rule("┼")]
        for code in sorted({told(result.text).code for result in of_kind}, key=_place_of):
            cells = _cells(result for result in of_kind if told(result.text).code == code)
            columns = [_ordered(map(mark, cells[phase.name])) or ["·"] for phase in Phase]
            for number in range(max(map(len, columns))):
                shown = [column[number] if number < len(column) else "" for column in columns]
                lines.append(_row(f"  {code}" if number == 0 else "", shown))
        lines.append("")
    return "\n".join(lines)


LEGEND: Final = f"""\
# {GENERATED}

What each input does in each phase of the slot that it names. A: accepted, and
the phase stays; →: accepted, and the phase changes; F: flagged, nothing moves
but the runtime is told to look; R: refused, nothing happens at all.

  ID IDLE            ER ENTRY_REQUESTED  EW ENTRY_WORKING  EU ENTRY_UNRESOLVED
  PO POSITION_OPEN   XR EXIT_REQUESTED   XW EXIT_WORKING   XU EXIT_UNRESOLVED

"""
DIAGRAM_LEGEND: Final = """
Where a slot can go, and by what: input and code; `then` is a second move in
the same step.

"""
DETAILS_LEGEND: Final = """
Every input by its codes. →PO: moves to PO; ⇒XR: to PO and at once on to XR.
Commands: s submit, c cancel, r resolve, p reconcile position, w reconcile
wallet, x cancel protection. A dot: not seen by the searches that this is made
from (small worlds in full, boundary vectors, the corpus).

"""


def everything(results: Collection[Result]) -> str:
    """The whole text document: overview, diagram, details, each with its legend. 80 columns wide."""
    parts = (LEGEND, overview(results), DIAGRAM_LEGEND, diagram(results), DETAILS_LEGEND, details(results))
    return "".join(parts).rstrip("\n") + "\n"


def _kinds() -> list[Kind]:
    return [kind for kind in Kind if kind != Kind.NONE]


def _place_of(code: str) -> int:
    return Code[code]


def _cells(results: Iterable[Result]) -> dict[str, list[Result]]:
    cells: dict[str, list[Result]] = {phase.name: [] for phase in Phase}
    for result in results:
        cells[result.phase].append(result)
    return cells


def _row(label: str, cells: Iterable[str]) -> str:
    return "│".join([f"{label:<{_LABEL}}", *(f"{cell:<{_CELL}}" for cell in cells)]).rstrip()


def _rule(cross: str) -> str:
    return cross.join(["─" * _LABEL, *(["─" * _CELL] * len(Phase))])


DOCUMENTS: Final[Mapping[str, Callable[[Collection[Result]], str]]] = {
    "table.txt": everything,
    "states.svg": svg,
    "states.dot": dot,
}


def stale(folder: Path, results: Collection[Result]) -> list[str]:
    """Names of the documents in the folder that are missing or not what these results give."""
    return [
        name
        for name, make in DOCUMENTS.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != make(results)
    ]


def main() -> int:
    """Write the documents anew."""
    results = declared_results()
    for name in stale(DOCUMENTS_FOLDER, results):
        (DOCUMENTS_FOLDER / name).write_text(DOCUMENTS[name](results), encoding="utf-8")
        sys.stdout.write(f"{name}: written\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
