"""Many seeds: run on as many processes as asked, some of them twice, and added up. The first failures are shrunk."""

import hashlib
import multiprocessing
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from dita.kernel.loader import CertifiedKernel, load_certified
from dita.runtime.simulation.scenario import FAULT_KINDS, Scenario, draw_scenario
from dita.runtime.simulation.shrinking import Shrunk, shrink
from dita.runtime.simulation.world import RunResult, simulate

Tier = Literal["quick", "ci", "full"]
SEEDS: Final[dict[Tier, int]] = {"quick": 4, "ci": 8, "full": 1000}
POINTS: Final[dict[Tier, int]] = {"quick": 2, "ci": 4, "full": 300}  # the first seed's market, killed at each of them
TWICE: Final[dict[Tier, int]] = {"quick": 1, "ci": 1, "full": 20}  # of them run again, in another process
KINDS_MIN: Final = 30
_DAY_SECONDS: Final = 86_400
_SHRUNK_MAX: Final = 3

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """A seed that failed: what was found, and the small run that still fails."""

    result: RunResult
    shrunk: Shrunk | None


@dataclass(slots=True)
class Totals:
    """What all runs came to."""

    runs: int = 0
    inputs: int = 0
    virtual_seconds: float = 0.0
    cpu_seconds: float = 0.0
    fired: Counter[str] = field(default_factory=Counter[str])
    violations: int = 0
    unconverged: int = 0
    replayed: int = 0
    different: list[int] = field(default_factory=list[int])  # seeds whose second run was another one
    failures: list[Failure] = field(default_factory=list[Failure])
    digest: str = ""  # over the digests of all runs, in the order of their seeds

    def take(self, result: RunResult) -> None:
        """Add one run."""
        self.runs += 1
        self.digest = hashlib.sha256(f"{self.digest} {result.digest}".encode()).hexdigest()
        self.inputs += result.inputs
        self.virtual_seconds += result.virtual_seconds
        self.cpu_seconds += result.cpu_seconds
        self.fired += result.fired
        self.violations += len(result.violations)
        self.unconverged += bool(result.unconverged)

    @property
    def figures(self) -> dict[str, int | float]:
        """By their stable names."""
        return {
            "runs": self.runs,
            "simulated_days": round(self.virtual_seconds / _DAY_SECONDS, 4),
            "fault_kinds": len(self.fired),
            "fault_kinds_declared": len(FAULT_KINDS),
            "faults_injected": sum(self.fired.values()),
            "inputs": self.inputs,
            "inputs_per_cpu_second": round(self.inputs / self.cpu_seconds) if self.cpu_seconds else 0,
            "replayed": self.replayed,
            "replays_different": len(self.different),
            "violations": self.violations,
            "unconverged": self.unconverged,
        }

    def problems(self, tier: Tier | None) -> list[str]:
        """What failed, each in a line or two."""
        found = [f"seed {seed}: two runs of it differ" for seed in self.different]
        for failure in self.failures:
            result = failure.result
            what = "; ".join([*result.violations, *([result.unconverged] if result.unconverged else [])])
            replay = f"\n  replay: {failure.shrunk.command}" if failure.shrunk else ""
            found.append(f"seed {result.scenario.seed}: {what}{replay}")
        if tier == "full" and len(self.fired) < KINDS_MIN:
            found.append(f"only {len(self.fired)} kinds of fault have happened, at least {KINDS_MIN} must")
        return found


def run_seeds(
    tier: Tier, certificate: Path, certified: CertifiedKernel, progress: Progress, *, first: int, processes: int
) -> Totals:
    """The seeds of a tier from ``first`` on; some are run a second time, where they must come to the same bytes."""
    seeds = range(first, first + SEEDS[tier])
    drawn = [draw_scenario(seed) for seed in seeds]
    killed = [drawn[0].killed_at(point) for point in range(1, POINTS[tier] + 1)]
    totals = Totals()
    digests: dict[int, str] = {}
    failed: list[RunResult] = []
    with _runner(certificate, certified, processes) as run:
        for result in run([*drawn, *killed]):
            totals.take(result)
            digests.setdefault(result.scenario.seed, result.digest)  # the drawn one comes first
            if not result.ok:
                failed.append(result)
            progress("simulating", totals.runs, len(drawn) + len(killed))
    twice = drawn[: TWICE[tier]]
    with _runner(certificate, certified, 2) as run:  # other processes, whose hashes are seeded otherwise
        for result in run(twice):
            totals.replayed += 1
            if result.digest != digests[result.scenario.seed]:
                totals.different.append(result.scenario.seed)
            progress("running again", totals.replayed, len(twice))
    for number, result in enumerate(failed):
        if number < _SHRUNK_MAX:
            progress(f"shrinking seed {result.scenario.seed}", 0, 0)
        totals.failures.append(Failure(result, _shrunk(result, certified) if number < _SHRUNK_MAX else None))
    return totals


def run_one(scenario: Scenario, certified: CertifiedKernel, progress: Progress) -> Totals:
    """One scenario, and what is left of it when it fails."""
    totals = Totals()
    result = simulate(scenario, certified)
    totals.take(result)
    if not result.ok:
        progress(f"shrinking seed {scenario.seed}", 0, 0)
        totals.failures.append(Failure(result, _shrunk(result, certified)))
    return totals


def _shrunk(result: RunResult, certified: CertifiedKernel) -> Shrunk:
    def fails(scenario: Scenario) -> bool:
        again = simulate(scenario, certified)
        return bool(again.violations) == bool(result.violations) and not again.ok

    return shrink(result.scenario, fails)


# --- processes -------------------------------------------------------------------------------------------------------

_Run = Callable[[Sequence[Scenario]], Iterable[RunResult]]
_loaded: list[CertifiedKernel] = []  # of a worker process


@contextmanager
def _runner(certificate: Path, certified: CertifiedKernel, processes: int) -> Generator[_Run]:
    """What runs scenarios: here, or in so many processes; results in the order of the scenarios."""
    if processes == 1:
        yield lambda scenarios: (simulate(scenario, certified) for scenario in scenarios)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _load, (certificate,)) as pool:
        yield lambda scenarios: pool.map(_simulate_there, scenarios)


def _load(certificate: Path) -> None:
    _loaded.append(load_certified(certificate))


def _simulate_there(scenario: Scenario) -> RunResult:
    result = simulate(scenario, _loaded[0])
    result.evidence = None
    if result.ok:
        result.trace.clear()  # nobody looks at it, and it is long
    return result
