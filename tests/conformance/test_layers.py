"""What layers hand to the certificate: the counts that its rules ask for, and every problem."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest

from dita.conformance import layers
from dita.conformance.conform import Progress
from dita.conformance.explore.report import ExploreReport, WorldRow
from dita.conformance.layers import LayerOrder, LayerOutcome, explore_layer, prove_layer
from dita.conformance.prove.executor_check import ExecutorReport
from dita.conformance.prove.proof import ProveReport, everything
from dita.kernel.image import IMAGE_PATH
from dita.spec.certificate import REQUIRED_LAYERS
from proof_runs import proved_run

ORDER = LayerOrder("quick", IMAGE_PATH, 1)
WORLD = WorldRow("entry", 5, 9, 4, 2, 0, 0, complete=True, seconds=0.1)


def rule_broken(outcome: LayerOutcome) -> list[str]:
    """The counts that the certificate's rule for this layer does not accept."""
    (rule,) = (rule for rule in REQUIRED_LAYERS if rule.name == outcome.name)
    empty = [name for name in rule.positive if outcome.counts.get(name, 0) <= 0]
    return empty + [name for name in rule.zero if outcome.counts.get(name, 1) != 0]


# --- proofs ---------------------------------------------------------------------------------------------------------


def proved() -> ProveReport:
    """A run that proved everything in two parts."""
    report = proved_run()
    report.by_part = {"ENTER": (5, 3), "laws": (4, 2)}
    return report


Run = Callable[..., tuple[LayerOutcome, list[str]]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The layer with a kept run and a new one that are given: what it hands over, and which of the two was kept."""

    def run(new: ProveReport, kept: ProveReport | None = None) -> tuple[LayerOutcome, list[str]]:
        done: list[str] = []

        def keep(report: ProveReport) -> None:
            done.append("new" if report is new else "kept")

        def before(tier: str) -> ProveReport | None:
            return kept

        def anew(tier: str, progress: Progress | None) -> ProveReport:
            return new

        monkeypatch.setattr(layers, "proved_before", before)
        monkeypatch.setattr(layers, "run_prove", anew)
        monkeypatch.setattr(layers, "keep", keep)
        return prove_layer(ORDER), done

    return run


def test_a_proof_is_counted_as_its_rule_asks(run: Run) -> None:
    """Paths and second opinions are those of the parts; every obligation counts once; the run is kept."""
    outcome, kept = run(proved())

    assert rule_broken(outcome) == []
    assert (outcome.counts["paths"], outcome.counts["second_opinions"]) == (9, 5)
    assert outcome.counts["invariants"] == outcome.counts["proved"] == len(everything())
    assert outcome.counts["obligations"] == 3 * len(everything())
    assert set(outcome.details) == {"solvers"}
    assert kept == ["new"]


def test_what_was_proved_before_is_read_back(run: Run) -> None:
    """Nothing is proved then, and nothing kept again; the counts are those of the run that was kept."""
    earlier = proved()
    earlier.by_part = {"laws": (400, 20)}

    outcome, kept = run(proved(), earlier)

    assert outcome.counts["paths"] == 400
    assert kept == []


@pytest.mark.parametrize("count", ["refuted", "unknown", "disagreements", "executor_mismatches"])
def test_what_is_not_proved_breaks_the_rule(run: Run, count: str) -> None:
    """Each planted failure arrives in the count that must be zero, and the problems go along."""
    new = proved_run("mode-is-obeyed") if count == "refuted" else proved()
    new.by_part = {"laws": (4, 2)}
    if count == "unknown":
        new.rows["mode-is-obeyed"].unknown = True
    if count == "disagreements":
        new.disagreed.append("laws")
    if count == "executor_mismatches":
        new.executor = ExecutorReport(1, pairs=7, mismatches=1)
    new.problems.append("something is open")

    outcome, _ = run(new)

    assert rule_broken(outcome) == [count]
    assert outcome.problems == tuple(new.problems)


# --- the explorer ---------------------------------------------------------------------------------------------------


@pytest.fixture
def explored(monkeypatch: pytest.MonkeyPatch) -> Callable[[ExploreReport], LayerOutcome]:
    """What the layer hands over of a search that ended so."""

    @contextmanager
    def pool(processes: int) -> Generator[ThreadPoolExecutor]:
        with ThreadPoolExecutor(processes) as made:
            yield made

    def run(report: ExploreReport) -> LayerOutcome:
        def found(tier: str) -> ExploreReport:
            return report

        monkeypatch.setattr(layers, "worker_pool", pool)
        monkeypatch.setattr(layers, "run_explore", found)
        told: list[tuple[str, int, int]] = []

        def progress(what: str, done: int, of: int) -> None:
            told.append((what, done, of))

        outcome = explore_layer(replace(ORDER, progress=progress))
        assert told == [("explore", report.transitions, report.transitions)]
        return outcome

    return run


def test_a_search_is_counted_as_its_rule_asks(explored: Callable[[ExploreReport], LayerOutcome]) -> None:
    """Each world is a part of the evidence."""
    outcome = explored(
        ExploreReport("quick", (WORLD, replace(WORLD, name="exit")), canary_found=True, counterexample=None)
    )

    assert rule_broken(outcome) == []
    assert [part.name for part in outcome.parts] == ["world entry", "world exit", "canary"]
    assert (outcome.counts["worlds"], outcome.counts["states"], outcome.counts["transitions"]) == (2, 10, 18)
    assert (outcome.problems, outcome.counterexamples) == ((), ())


@pytest.mark.parametrize(
    ("world", "canary", "count"),
    [
        (WORLD, False, "canary_found"),
        (replace(WORLD, stranded=1), True, "stranded"),
        (replace(WORLD, violations=1), True, "violations"),
        (replace(WORLD, complete=False), True, "violations"),
    ],
)
def test_a_search_that_failed_breaks_the_rule(
    explored: Callable[[ExploreReport], LayerOutcome], world: WorldRow, canary: bool, count: str
) -> None:
    """Unsafe, stranded, unfinished, or blind to the canary: the count says so, and the timeline goes along."""
    outcome = explored(ExploreReport("quick", (world,), canary_found=canary, counterexample="what happened"))

    assert rule_broken(outcome) == [count]
    assert len(outcome.problems) == 1
    assert outcome.counterexamples == ("what happened",)
