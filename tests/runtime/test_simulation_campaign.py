"""Many runs added up: what failed is told with its replay, runs that differ are told, too few kinds are a failure."""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dita.kernel.loader import CertifiedKernel
from dita.runtime.simulation import campaign
from dita.runtime.simulation.campaign import KINDS_MIN, Totals, run_one, run_seeds
from dita.runtime.simulation.scenario import FAULT_KINDS, Scenario, draw_scenario
from dita.runtime.simulation.world import RunResult


def result(scenario: Scenario, digest: str = "d", violations: tuple[str, ...] = ()) -> RunResult:
    """A run that somebody has made up."""
    return RunResult(
        scenario=scenario, digest=digest, inputs=10, virtual_seconds=8.64, cpu_seconds=0.01,
        fired=Counter({"crash": 2}), violations=list(violations), unconverged="",
    )  # fmt: skip


class Made:
    """Stands for ``simulate``: fails where trouble 1 is kept; with ``moody`` each run is another one."""

    def __init__(self, *, moody: bool = False, fails: bool = True) -> None:
        self.runs = 0
        self._moody = moody
        self._fails = fails

    def __call__(self, scenario: Scenario, _: CertifiedKernel) -> RunResult:
        """See ``simulate``."""
        self.runs += 1
        bad = self._fails and any(trouble.number == 1 for trouble in scenario.troubles)
        digest = f"{scenario.seed} {self.runs if self._moody else ''}"
        return result(scenario, digest, ("it went wrong",) if bad else ())


def use(monkeypatch: pytest.MonkeyPatch, made: Made, certified: CertifiedKernel) -> None:
    """Runs are made up, and made here."""

    @contextmanager
    def here(_: Path, __: CertifiedKernel, ___: int) -> Generator[Callable[[Sequence[Scenario]], list[RunResult]]]:
        yield lambda scenarios: [made(one, certified) for one in scenarios]

    monkeypatch.setattr(campaign, "_runner", here)
    monkeypatch.setattr(campaign, "simulate", made)


def quiet(text: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
    assert text
    assert 0 <= done <= max(total, done)


def test_a_failure_is_shrunk_and_told_with_its_command(
    monkeypatch: pytest.MonkeyPatch, certified_kernel: CertifiedKernel
) -> None:
    """Every seed of a tier fails; the first are shrunk to the trouble that matters, and the words are those found."""
    use(monkeypatch, Made(), certified_kernel)
    totals = run_seeds("quick", Path("none"), certified_kernel, quiet, first=2, processes=1)
    assert (totals.runs, totals.violations, totals.unconverged) == (
        6,
        4,
        0,
    )  # two are kills at a point, trouble 0 alone
    problems = totals.problems("quick")
    assert len(problems) == 4
    assert problems[0].startswith("seed 2: it went wrong\n  replay: dita simulate --seed 2 --keep '1' --seconds ")
    assert problems[3] == "seed 5: it went wrong"
    assert totals.figures["faults_injected"] == 12
    assert totals.figures["simulated_days"] == 0.0006


def test_a_second_run_that_differs_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, certified_kernel: CertifiedKernel
) -> None:
    """Chance that came from elsewhere: the seed is named; without it there is nothing to tell."""
    use(monkeypatch, Made(moody=True, fails=False), certified_kernel)
    totals = run_seeds("quick", Path("none"), certified_kernel, quiet, first=1, processes=1)
    assert totals.figures["replays_different"] == 1
    assert totals.problems("quick") == ["seed 1: two runs of it differ"]
    use(monkeypatch, Made(fails=False), certified_kernel)
    totals = run_seeds("quick", Path("none"), certified_kernel, quiet, first=1, processes=1)
    assert (totals.figures["replayed"], totals.problems("quick")) == (1, [])


def test_too_few_kinds_of_fault_make_a_full_run_void() -> None:
    """A thousand runs in which little went wrong prove little."""
    totals = Totals()
    totals.take(result(draw_scenario(1)))
    assert totals.problems("full") == [f"only 1 kinds of fault have happened, at least {KINDS_MIN} must"]
    every = result(draw_scenario(2))
    totals.take(replace(every, fired=Counter(dict.fromkeys(FAULT_KINDS, 1))))
    assert totals.problems("full") == []


def test_one_run_that_fails_brings_its_story(
    monkeypatch: pytest.MonkeyPatch, certified_kernel: CertifiedKernel
) -> None:
    """A seed by itself is judged as in a tier."""
    use(monkeypatch, Made(), certified_kernel)
    totals = run_one(draw_scenario(3), certified_kernel, quiet)
    assert len(totals.failures) == 1
    assert totals.failures[0].shrunk is not None
    assert [trouble.number for trouble in totals.failures[0].shrunk.scenario.troubles] == [1]
