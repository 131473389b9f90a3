"""The proof as pages: an index, and a page an obligation with everything that is known about it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from dita.conformance.defects import Defect, defects
from dita.conformance.prove.concrete import state_of, stepped
from dita.conformance.prove.counterexample import Counterexample, Explanation, differing, said
from dita.conformance.prove.coverage import QUESTIONS, coverage
from dita.conformance.prove.killers import KILLERS
from dita.conformance.prove.models import Found
from dita.conformance.prove.obligations import Obligation
from dita.conformance.prove.proof import ProveReport, Row, solver_versions
from dita.runtime.proof_tables import confirmation, covered_by, second_of, witness_of
from dita.spec.clauses import BY_ID, Clause
from dita.spec.trace import format_input

THEOREMS: Final = {
    "start": "The initial state satisfies every invariant.",
    "core": "Every path of every handler keeps every invariant and has every step property.",
    "frame": "The step gives its handler what the input names, puts its answer back, and touches nothing else.",
    "lift": "Core and frame together carry every whole-kernel invariant over a step.",
    "laws": "What takes two or more steps, or speaks of a function.",
    "arithmetic": "What the other theorems assume of the named arithmetic, about its real bodies.",
}


class Witness(NamedTuple):
    """A state and an input for which an obligation says something, and what the real code makes of them."""

    words: tuple[str, ...]
    event: str
    outcome: str
    exact: bool


class Page(NamedTuple):
    """Everything about one obligation."""

    row: Row
    item: Obligation
    file: str
    clauses: tuple[Clause, ...]
    second: str
    has_witness: str
    witness: Witness | None
    killer: Defect | None
    patch: tuple[tuple[str, str], ...]  # the class of a line, and the line
    counterexample: Counterexample | None
    believed: str


def write_pages(report: ProveReport, seed: int, explanations: Sequence[Explanation], folder: Path) -> Path:
    """Write ``index.html`` and a page an obligation into a folder, which is made if need be. Raises OSError."""
    environment = Environment(
        loader=PackageLoader("dita.runtime", "templates"),
        autoescape=select_autoescape(("html", "jinja")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    told = {explanation.obligation: explanation for explanation in explanations}
    patches = {defect.name: defect for defect in defects()}
    pages = [_page(row, told.get(name), patches) for name, row in report.rows.items()]
    found = coverage(page.item for page in pages)
    folder.mkdir(parents=True, exist_ok=True)
    about = {"report": report, "seed": seed, "versions": solver_versions(), "verdicts": _verdicts(report)}
    index = environment.get_template("proof_index.html.jinja").render(
        **about,
        theorems=_by_theorem(pages),
        clauses=[(BY_ID[number], covered_by(number, names)) for number, names in found.clauses.items()],
        questions=[(name, QUESTIONS[name].asks, names) for name, names in found.questions.items()],
        files={page.item.id: page.file for page in pages},
        gaps=found.gaps,
    )
    single = environment.get_template("proof_obligation.html.jinja")
    for at, page in enumerate(pages):
        neighbours = {"before": pages[at - 1] if at else None, "after": pages[at + 1] if at + 1 < len(pages) else None}
        (folder / page.file).write_text(single.render(**about, **neighbours, page=page), encoding="utf-8")
    path = folder / "index.html"
    path.write_text(index, encoding="utf-8")
    return path


def _verdicts(report: ProveReport) -> dict[str, int]:
    return {name: report.figures[name] for name in ("proved", "refuted", "unknown", "vacuous")}


def _by_theorem(pages: Sequence[Page]) -> list[tuple[str, str, list[Page]]]:
    names = dict.fromkeys(page.item.theorem for page in pages)
    return [(name, THEOREMS.get(name, ""), [page for page in pages if page.item.theorem == name]) for name in names]


def _page(row: Row, explanation: Explanation | None, patches: Mapping[str, Defect]) -> Page:
    item = row.obligation
    killer = KILLERS.get(item.id)
    defect = None if killer is None else patches.get(killer.defect)
    shown = None if explanation is None else explanation.shown
    return Page(
        row, item, f"{item.id}.html", tuple(BY_ID[number] for number in item.clauses if number in BY_ID),
        second_of(row), witness_of(row), None if row.witness is None else _witness(row.witness), defect,
        () if defect is None else patch_lines(defect.path.read_text(encoding="utf-8")), shown,
        "" if explanation is None or shown is None else confirmation(shown, explanation),
    )  # fmt: skip


def _witness(found: Found) -> Witness:
    state, event = state_of(found)
    return Witness(differing(state), format_input(event), said(stepped(state, event)), found.exact)


def patch_lines(text: str) -> tuple[tuple[str, str], ...]:
    """The lines of a patch from its first header on, each with what it is."""
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if line.startswith(("diff ", "--- "))), 0)
    return tuple((_kind_of(line), line) for line in lines[start:])


def _kind_of(line: str) -> str:
    if line.startswith(("+++", "---", "diff ", "index ")):
        return "head"
    return {"+": "added", "-": "removed", "@": "place"}.get(line[:1], "same")
