"""The layers of evidence as data: how each is run, and what it hands to the certificate.

``LAYERS`` is the list that ``dita certify`` runs. What a layer must have counted is said by ``dita.spec.certificate``
(``REQUIRED_LAYERS``); a layer that is required there and not run here refuses the certificate.
"""

import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dita.conformance.conform import Progress, Sizes, Tier, run_conform
from dita.conformance.explore import ExploreReport, run_explore
from dita.conformance.matrix import result_of
from dita.conformance.prove.proof import keep, proved_before, run_prove, solver_versions


@dataclass(frozen=True, slots=True)
class LayerOutcome:
    """What a layer counted. ``problems`` is empty exactly when the layer holds."""

    name: str
    counts: Mapping[str, int]
    details: Mapping[str, object]  # for people; integers, texts, lists and objects only
    problems: tuple[str, ...] = ()
    counterexamples: tuple[str, ...] = ()  # timelines


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


def conform_layer(order: LayerOrder) -> LayerOutcome:
    """Boundary vectors, small worlds, random campaigns: reference against image."""
    report = run_conform(order.tier, order.seed, order.progress, order.image, order.sizes)
    seen: dict[str, int] = {}
    for cell, count in report.distribution.items():
        result = result_of(cell)
        if result is not None:
            name = f"{result.kind} {result.text.split(' ')[0]}"
            seen[name] = seen.get(name, 0) + count
    counts = {**report.figures, **report.details}
    details = {"seed": order.seed, "milliseconds": int(1000 * report.seconds), "kinds_by_verdict": seen}
    timelines = tuple(f"{found.what}\n{found.timeline}\n{found.trace}" for found in report.divergences)
    return LayerOutcome("conform", counts, details, tuple(report.problems), timelines)


def prove_layer(order: LayerOrder) -> LayerOutcome:
    """Every obligation about the reference, by two solvers; read back where nothing that it depends on has changed."""
    report = proved_before(order.tier)
    if report is None:
        report = run_prove(order.tier, progress=order.progress)
        keep(report)
    rows = {name: {"paths": row.paths, "verdict": row.verdict} for name, row in report.rows.items()}
    return LayerOutcome("prove", report.figures, {"rows": rows, "solvers": solver_versions()}, tuple(report.problems))


def explore_layer(order: LayerOrder) -> LayerOutcome:
    """Reference × adapter logic × venue × lossy network, searched in full; in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        report: ExploreReport = pool.submit(run_explore, order.tier).result()
    if order.progress is not None:
        order.progress("explore", report.transitions, report.transitions)
    counts = {**report.figures, "canary_found": int(report.canary_found)}
    rows = [{"world": row.name, "states": row.states, "transitions": row.transitions} for row in report.worlds]
    problems = () if report.ok else ("a world is unsafe, stranded or unfinished, or the canary was not found",)
    found = () if report.counterexample is None else (report.counterexample,)
    return LayerOutcome("explore", counts, {"worlds": rows}, problems, found)


LAYERS: Final[tuple[LayerRunner, ...]] = (
    LayerRunner("explore", explore_layer),
    LayerRunner("prove", prove_layer),
    LayerRunner("conform", conform_layer),
)
