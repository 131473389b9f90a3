"""Layers one to three of conformance in one run: path and boundary vectors, small worlds in full, random campaigns.

``run_conform`` spreads the tasks over two processes and adds up what they counted. It fails on a divergence, and just
as much when anything is empty, unfinished, or did not find its planted fault, and when a path of the reference that
numbers can take is taken by no path vector (``spec_path_coverage``, which must be 1.0).
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from dita.conformance.differential import Distribution
from dita.conformance.floors import FLOORS, NO_FLOORS, Floors, Met, below
from dita.conformance.matrix import declared_results, results_of
from dita.conformance.small_worlds import worlds
from dita.conformance.tasks import Report, Task, TaskResult, run_task
from dita.conformance.workers import worker_pool
from dita.kernel.image import IMAGE_PATH, seal
from dita.spec.certificate import Part, add_up

Tier = Literal["quick", "ci", "full"]
Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and of how much."""

PROCESSES: Final = 2
COUNTED: Final[dict[str, str]] = {
    "vectors": "path_vectors",
    "exhaustive": "exhaustive_transitions",
    "boundary": "boundary_vectors",
    "corpus": "corpus_steps",
    "random": "random_steps",
}
"""The parts of a run, and under which name the certificate counts their compared steps."""
PARTS: Final[tuple[str, ...]] = tuple(COUNTED)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a tier is, and the least it must have counted."""

    worlds: str
    distinct: int  # random (state, input) pairs, over all random tasks
    random_tasks: int
    states_per_phase: int
    seconds: int  # of processor time, for one task
    distinct_min: int
    kernel_steps_min: int
    shrink_seconds: int = 15  # for one finding
    floors: Floors = NO_FLOORS  # of what the random runs met


TIERS: Final[dict[str, Sizes]] = {
    "quick": Sizes("quick", 200_000, 2, 1, 120, 200_000, 1_000_000, floors=FLOORS["quick"]),
    "ci": Sizes("quick", 400_000, 4, 2, 180, 400_000, 1_500_000, floors=FLOORS["ci"]),
    "full": Sizes("full", 4_000_000, 16, 4, 3_600, 4_000_000, 15_000_000, floors=FLOORS["full"]),
}


@dataclass(slots=True)
class ConformReport:
    """What a run found. ``problems`` is empty exactly when everything that was asked for ran and held."""

    tier: str
    seed: int
    seconds: float = 0.0
    figures: dict[str, float] = field(default_factory=dict[str, float])  # integers, and the one share
    details: dict[str, int] = field(default_factory=dict[str, int])
    parts: list[Part] = field(default_factory=list[Part])  # of the evidence: a task each, and the whole run
    distribution: Distribution = field(default_factory=Distribution)
    met: Met = field(default_factory=Met)  # by the random runs alone
    divergences: list[Report] = field(default_factory=list[Report])
    problems: list[str] = field(default_factory=list[str])

    @property
    def ok(self) -> bool:
        """Whether the run is evidence."""
        return not self.problems


def run_conform(
    tier: Tier, seed: int, progress: Progress | None = None, image: Path = IMAGE_PATH, sizes: Sizes | None = None
) -> ConformReport:
    """Run every layer at the tier's size (or at ``sizes``). Raises ImageRefused when there is no image to test."""
    seal(image).close()  # a missing image is refused here, by name, and not in a worker
    size = TIERS[tier] if sizes is None else sizes
    began = time.monotonic()
    results = _results(tasks_of(size, seed), image, progress)
    report = ConformReport(tier, seed, time.monotonic() - began)
    _add_up(report, results, size)
    return report


def tasks_of(size: Sizes, seed: int) -> list[Task]:
    """The tasks of a run, the long ones first."""
    share = -(-size.distinct // size.random_tasks)

    def task(part: str, name: str, number: int) -> Task:
        return Task(
            part, name, size.worlds, seed + number, share, size.states_per_phase, size.seconds, size.shrink_seconds
        )

    enumerations = [task("exhaustive", world.name, 1_000 + n) for n, world in enumerate(worlds(size.worlds))]
    campaigns = [task("random", "random", n) for n in range(size.random_tasks)]
    others = [task(part, part, number) for part, number in (("vectors", 4_000), ("boundary", 2_000), ("corpus", 3_000))]
    return [*enumerations, *others, *campaigns]


def _results(tasks: list[Task], image: Path, progress: Progress | None) -> list[TaskResult]:
    results: list[TaskResult] = []
    with worker_pool(PROCESSES) as pool:
        running: list[Future[TaskResult]] = [pool.submit(run_task, task, image) for task in tasks]
        for future in as_completed(running):
            results.append(future.result())
            if progress is not None:
                progress(results[-1].task.name, len(results), len(tasks))
    return results


def _add_up(report: ConformReport, results: list[TaskResult], size: Sizes) -> None:
    compared: dict[str, int] = dict.fromkeys(PARTS, 0)
    distinct = dict(compared)
    random_seconds = 0.0
    for result in results:
        part = result.task.part
        compared[part] += result.compared
        distinct[part] += result.distinct
        random_seconds += result.seconds if part == "random" else 0.0
        report.distribution.update(result.distribution)
        if part == "random":
            report.met.add(result.distribution, result.pairs, result.guards)
        report.divergences += result.reports
        if result.void:
            report.problems.append(f"{result.task.name}: {result.void}")
    kernel_steps = sum(result.kernel_steps for result in results)
    paths, taken = sum(result.paths for result in results), sum(result.paths_taken for result in results)
    found = sum(result.canaries_found for result in results)
    planted = sum(result.canaries_planted for result in results)
    seen = results_of(report.distribution)
    declared = declared_results()
    report.figures = {
        "path_vectors": compared["vectors"],
        "boundary_vectors": compared["boundary"],
        "exhaustive_transitions": compared["exhaustive"],
        "random_steps": compared["random"],
        "steps_per_second": int(kernel_steps / report.seconds) if report.seconds > 0 else 0,
        "divergences": len(report.divergences),
        "spec_path_coverage": taken / paths if paths else 0.0,
        "canary_found": 0 < found == planted,
    }
    report.details = {
        "kernel_steps": kernel_steps,
        "spec_paths": paths,
        "spec_paths_taken": taken,
        "spec_paths_beyond": sum(result.paths_beyond for result in results),
        "random_distinct": distinct["random"],
        "corpus_steps": compared["corpus"],
        "canary_found": found,
        "canaries_planted": planted,
        "results_seen": len(seen),
        "results_declared": len(declared),
        "results_undeclared": len(seen - declared),
        "transition_pairs": len(report.met.pairs),
        "guards_answered_both_ways": sum(1 for tally in report.met.guards.values() if tally.true and tally.false),
        "small_world_states": sum(result.states for result in results if result.task.part == "exhaustive"),
    }
    report.parts = sorted((_part(result) for result in results), key=lambda part: part.name)
    summed = add_up(report.parts)  # what is no sum over the tasks belongs to the run
    of_the_run = {name: count for name, count in report.details.items() if name not in summed}
    report.parts.append(Part("the whole run", of_the_run))
    report.problems += [divergence.what for divergence in report.divergences]
    report.problems += [f"`{name}` is 0: the layer is empty" for name in compared if compared[name] == 0]
    if taken < paths:
        report.problems.append(f"path vectors take `{taken}` of the reference's `{paths}` paths")
    if distinct["random"] < size.distinct_min:
        report.problems.append(f"`{distinct['random']}` distinct random pairs, `{size.distinct_min}` are required")
    if kernel_steps < size.kernel_steps_min:
        report.problems.append(f"`{kernel_steps}` kernel steps, `{size.kernel_steps_min}` are required")
    report.problems += below(report.met, size.floors)


def _part(result: TaskResult) -> Part:
    task = result.task
    counts = {
        COUNTED[task.part]: result.compared,
        "kernel_steps": result.kernel_steps,
        "divergences": len(result.reports),
        "canary_found": result.canaries_found,
        "canaries_planted": result.canaries_planted,
    }
    if task.part == "random":
        counts["random_distinct"] = result.distinct
    if task.part == "vectors":
        counts |= {"spec_paths": result.paths, "spec_paths_taken": result.paths_taken}
        counts["spec_paths_beyond"] = result.paths_beyond
    if task.part == "exhaustive":
        counts["small_world_states"] = result.states
    return Part(f"{task.name}, seed {task.seed}", counts)
