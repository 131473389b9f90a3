"""The layers of evidence as data: how each is run, and what it hands to the certificate.

``LAYERS`` is the list that ``dita certify`` runs. What a layer must have counted is said by ``dita.spec.certificate``
(``REQUIRED_LAYERS``); a layer that is required there and not run here refuses the certificate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dita.conformance.conform import ConformReport, Progress, Sizes, Tier, run_conform
from dita.conformance.equiv.tools import ToolMissing
from dita.conformance.equiv.whole import run_whole
from dita.conformance.explore import ExploreReport, run_explore
from dita.conformance.matrix import result_of
from dita.conformance.prove.proof import SOLVERS, VERDICTS, keep, proved_before, run_prove, solver_versions
from dita.conformance.workers import worker_pool
from dita.spec.certificate import TIERS, Part, add_up


@dataclass(frozen=True, slots=True)
class LayerOutcome:
    """What a layer counted, part by part. ``problems`` is empty exactly when the layer holds."""

    name: str
    parts: tuple[Part, ...]
    details: Mapping[str, object]  # for people; integers, texts, lists and objects only
    problems: tuple[str, ...] = ()
    counterexamples: tuple[str, ...] = ()  # timelines

    @property
    def counts(self) -> dict[str, int]:
        """The sums over the parts: what the certificate states, and what anybody can count again."""
        return add_up(self.parts)


@dataclass(frozen=True, slots=True)
class LayerOrder:
    """What a layer is asked to do."""

    tier: Tier
    image: Path
    seed: int
    progress: Progress | None = None
    sizes: Sizes | None = field(default=None)  # of conform; the tier's when None


@dataclass(frozen=True, slots=True)
class LayerRunner:
    """A layer and the function that runs it."""

    name: str
    run: Callable[[LayerOrder], LayerOutcome]
    tiers: tuple[str, ...] = TIERS  # in which it is run


def conform_layer(order: LayerOrder) -> LayerOutcome:
    """Path and boundary vectors, small worlds, random campaigns: reference against image."""
    return conform_outcome(run_conform(order.tier, order.seed, order.progress, order.image, order.sizes))


def conform_outcome(report: ConformReport) -> LayerOutcome:
    """What a conformance run hands to the certificate."""
    seen: dict[str, int] = {}
    for cell, count in report.distribution.items():
        result = result_of(cell)
        if result is not None:
            name = f"{result.kind} {result.text.split(' ')[0]}"
            seen[name] = seen.get(name, 0) + count
    details = {"seed": report.seed, "milliseconds": int(1000 * report.seconds), "kinds_by_verdict": seen}
    details["steps_per_second"] = int(report.figures["steps_per_second"])
    timelines = tuple(f"{found.what}\n{found.timeline}\n{found.trace}" for found in report.divergences)
    return LayerOutcome("conform", tuple(report.parts), details, tuple(report.problems), timelines)


def prove_layer(order: LayerOrder) -> LayerOutcome:
    """Every obligation about the reference, by two solvers; read back where nothing that it depends on has changed."""
    report = proved_before(order.tier)
    if report is None:
        report = run_prove(order.tier, progress=order.progress)
        keep(report)
    parts = [Part(f"solver {name}", {"solvers": 1}) for name in SOLVERS]
    parts.append(Part("disagreements", {"disagreements": len(report.disagreed)}))
    parts.append(Part("seeds", {"seeds": report.seeds}))
    executor = {name: report.figures[name] for name in ("executor_pairs", "executor_mismatches")}
    parts.append(Part("executor against CPython", executor))
    for name, (paths, opinions) in sorted(report.by_part.items()):
        parts.append(Part(f"part {name}", {"paths": paths, "second_opinions": opinions}))
    for name, row in report.rows.items():
        verdicts: dict[str, int] = {verdict: int(row.verdict == verdict) for verdict in VERDICTS}
        parts.append(Part(f"obligation {name}", {"invariants": 1, "obligations": row.paths, **verdicts}))
    return LayerOutcome("prove", tuple(parts), {"solvers": solver_versions()}, tuple(report.problems))


def explore_layer(order: LayerOrder) -> LayerOutcome:
    """Reference × adapter logic × venue × lossy network, searched in full; in a process of its own."""
    with worker_pool(1) as pool:
        report: ExploreReport = pool.submit(run_explore, order.tier).result()
    if order.progress is not None:
        order.progress("explore", report.transitions, report.transitions)
    parts = [
        Part(
            f"world {row.name}",
            {"worlds": 1, "states": row.states, "transitions": row.transitions, "violations": row.faults,
             "stranded": row.stranded},
        )
        for row in report.worlds
    ]  # fmt: skip
    parts.append(Part("canary", {"canary_found": int(report.canary_found)}))
    problems = () if report.ok else ("a world is unsafe, stranded or unfinished, or the canary was not found",)
    found = () if report.counterexample is None else (report.counterexample,)
    return LayerOutcome("explore", tuple(parts), {}, problems, found)


def equiv_layer(order: LayerOrder) -> LayerOutcome:
    """The image's machine code against the reference; read back where neither it nor what proves it has changed."""
    progress = order.progress or _silent
    try:
        report = run_whole(order.tier, progress, image=order.image, processes=2)
    except ToolMissing as missing:
        return LayerOutcome("equiv", (), {}, (str(missing),))
    assumed = {f"{piece.name} {number}": note for piece in report.pieces for number, note in enumerate(piece.notes)}
    details = {"solvers": dict(solver_versions()), "assumed": assumed}
    return LayerOutcome("equiv", report.parts, details, tuple(report.problems))


def _silent(_: str, __: int, ___: int) -> None:
    """Nobody looks."""


LAYERS: Final[tuple[LayerRunner, ...]] = (
    LayerRunner("equiv", equiv_layer, tiers=("full",)),
    LayerRunner("explore", explore_layer),
    LayerRunner("prove", prove_layer),
    LayerRunner("conform", conform_layer),
)
