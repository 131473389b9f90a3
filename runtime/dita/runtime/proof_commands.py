"""What ``dita prove`` does once both solvers are known to answer: prove, list, or break."""

from pathlib import Path
from typing import Final

import z3
from rich.console import RenderableType

from dita.conformance.conform import Tier
from dita.conformance.prove.break_all import break_all
from dita.conformance.prove.breaking import TRACES, break_obligation, refutation_of, write_traces
from dita.conformance.prove.counterexample import Explanation, explained
from dita.conformance.prove.coverage import coverage
from dita.conformance.prove.killers import KILLERS
from dita.conformance.prove.proof import ProveReport, everything, keep, proved_before, run_prove, solver_versions
from dita.conformance.prove.proxies import Unsupported
from dita.conformance.prove.solvers import crashed
from dita.runtime.cli_report import Report, Reporter, escape, table
from dita.runtime.proof_pages import write_pages
from dita.runtime.proof_tables import clause_table, kill_table, obligation_table, question_table, story, verdict_table

EXPLAINED: Final = 5  # refuted obligations shown with a counterexample; more have, as a rule, one cause
HUNT_SECONDS: Final = 5.0
PROVING: Final = "proving"  # one text for all parts: one bar


def proved(reporter: Reporter, tier: Tier, seed: int, html: Path | None, *, anew: bool) -> Report:
    """Prove every obligation, or read back the proof if nothing it depends on has changed. Raises SolverFailed."""
    report = None if anew else proved_before(tier, seed)
    kept = report is not None
    if report is None:
        try:
            reporter.progress(PROVING, 0, 0)
            report = run_prove(tier, seed, lambda _, done, total: reporter.progress(PROVING, done, total))
        except Unsupported as unsupported:
            return Report(_figures(ProveReport(tier)), [f"the executor cannot run this honestly: {unsupported}"])
        except (RuntimeError, z3.Z3Exception) as problem:
            raise crashed(problem) from problem
        keep(report, seed)
    shown: list[RenderableType] = [verdict_table(report, seed)]
    explanations = _explanations(reporter, report)
    for explanation in explanations:
        row = report.rows[explanation.obligation]
        traces = write_traces(explanation, row.obligation.says)
        shown.append(story(explanation, row.obligation.says, None, traces))
    figures = _figures(report)
    if html is not None:
        pages = write_pages(report, seed, explanations, html)
        shown.append(escape(f"pages: {pages}"))
    shown.append(table(f"prove, tier {tier}, seed {seed}", _printed(figures), ("figure", "value")))
    if kept:
        shown.append("read back: nothing that this proof depends on has changed; --anew proves it again")
    return Report(figures, report.problems, shown)


def listed() -> Report:
    """Every obligation, and what covers each clause and each question."""
    obligations = everything()
    found = coverage(obligations)
    figures = {
        "obligations": len(obligations),
        "clauses": len(found.clauses),
        "clauses_proved": sum(1 for names in found.clauses.values() if names),
        "questions": len(found.questions),
        "killers": sum(1 for item in obligations if item.id in KILLERS),
        "gaps": len(found.gaps),
    }
    shown: list[RenderableType] = [
        obligation_table(obligations), clause_table(found), question_table(found),
        table("prove --list", figures, ("figure", "value")),
    ]  # fmt: skip
    return Report(figures, list(found.gaps), shown)


def broken(reporter: Reporter, obligation: str) -> Report:
    """Refute one obligation by its defect. Raises UnknownObligation, PatchRefused, NotNoticed."""
    reporter.progress(f"proving {obligation} with its defect", 0, 0)
    found = break_obligation(obligation)
    says = next(item.says for item in everything() if item.id == obligation)
    explanation = found.explanation
    traces = write_traces(explanation, says, TRACES)
    shown = explanation.shown
    figures = {
        "refuted": 1,
        "confirmed": int(shown is not None and shown.confirmed),
        "exact": int(explanation.exact),
        "inputs": 0 if shown is None else len(shown.moments),
        "start_words": 0 if shown is None else len(shown.start),
    }
    tables: list[RenderableType] = [
        story(explanation, says, found, traces), table("prove --break", figures, ("figure", "value")),
    ]  # fmt: skip
    return Report(figures, [f"{obligation}: refuted by the planted defect `{found.defect.name}`"], tables)


def all_broken(reporter: Reporter) -> Report:
    """Refute every obligation by its defect, two at a time, or read back that it was."""
    reporter.progress("planting defects", 0, 0)
    kills = break_all(reporter.progress)
    alive = [kill for kill in kills if kill.problem]
    figures = {
        "obligations": len(kills),
        "refuted": len(kills) - len(alive),
        "survived": len(alive),
        "read_back": sum(kill.kept for kill in kills),
    }
    shown: list[RenderableType] = [kill_table(kills), table("prove --break all", figures, ("figure", "value"))]
    return Report(figures, [kill.problem for kill in alive], shown)


def _explanations(reporter: Reporter, report: ProveReport) -> list[Explanation]:
    refuted = [row for row in report.rows.values() if row.verdict == "refuted"]
    found: list[Explanation] = []
    for number, row in enumerate(refuted[:EXPLAINED]):
        reporter.progress("looking for the shortest counterexamples", number, len(refuted[:EXPLAINED]))
        name = row.obligation.id
        found.append(explained(name, refutation_of(report, name), row.note, HUNT_SECONDS))
    return found


def _figures(report: ProveReport) -> dict[str, object]:
    return {**report.figures, "solver_versions": solver_versions()}


def _printed(figures: dict[str, object]) -> dict[str, int | float | str]:
    versions = ", ".join(f"{name} {number}" for name, number in solver_versions().items())
    plain = {name: value for name, value in figures.items() if isinstance(value, int)}
    return {**plain, "solver versions": versions}
