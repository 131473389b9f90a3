"""A conformance run adds up what really ran, and anything empty, short, unfinished or blind makes it fail."""

import json
from collections.abc import Callable
from pathlib import Path
from time import process_time, sleep

import pytest

from dita.conformance import conform, tasks
from dita.conformance.certify import CERTIFICATE_NAME, run_certify, summary
from dita.conformance.conform import PARTS, TIERS, ConformReport, Progress, Sizes, run_conform, tasks_of
from dita.conformance.corpus import corpus, run_corpus
from dita.conformance.declare import never
from dita.conformance.exhaustive import Enumeration, Finding
from dita.conformance.layers import LayerRunner, conform_outcome
from dita.conformance.tasks import Report, Task, TaskResult, run_task, until
from dita.conformance.under_test import CallerMemory, ReferenceStandIn, StepUnderTest
from dita.kernel.image import IMAGE_PATH, ImageRefused
from dita.kernel.loader import RawKernel, installed_bindings
from dita.spec.certificate import REQUIRED_LAYERS, add_up
from dita.spec.certificate_check import verify
from dita.spec.certificate_format import decode_evidence, decode_statement
from dita.spec.state import State

SMALL = Sizes("sample", 4_000, 2, 1, 100, 4_000, 100_000)


@pytest.fixture(scope="module")
def report() -> ConformReport:
    """A whole run, small."""
    return run_conform("quick", 5, sizes=SMALL)


@pytest.mark.unmeasured
def test_a_small_run_is_evidence(report: ConformReport) -> None:
    """Every part ran on both sides without divergence, and every planted fault was found."""
    assert report.problems == []
    assert report.ok
    assert report.figures["divergences"] == 0
    assert json.dumps(report.figures["canary_found"]) == "true"  # as the file of figures says it
    assert report.details["canary_found"] == report.details["canaries_planted"] >= 8
    assert report.figures["path_vectors"] > report.details["spec_paths"] == report.details["spec_paths_taken"] > 1_000
    assert 0 < report.details["spec_paths_beyond"] < 20
    assert report.details["random_distinct"] >= 4_000
    assert report.figures["exhaustive_transitions"] >= 50_000
    assert report.figures["boundary_vectors"] >= 50_000
    assert report.details["corpus_steps"] >= 100
    assert report.details["kernel_steps"] >= sum(
        report.figures[name] for name in ("exhaustive_transitions", "boundary_vectors", "random_steps")
    )


@pytest.mark.unmeasured
def test_the_figures_have_their_stable_names(report: ConformReport) -> None:
    """What scripts read keeps its names; every path of the reference is taken, which is a share of exactly one."""
    assert set(report.figures) == {
        "path_vectors", "boundary_vectors", "exhaustive_transitions", "random_steps", "steps_per_second",
        "divergences", "spec_path_coverage", "canary_found",
    }  # fmt: skip
    assert report.figures["spec_path_coverage"] == 1.0


@pytest.mark.unmeasured
def test_a_run_becomes_a_certificate_that_holds(report: ConformReport, raw_kernel: RawKernel, tmp_path: Path) -> None:
    """Of this run: the certificate names the image, the verifier accepts it, and the parts of the evidence add up."""
    rules = tuple(rule for rule in REQUIRED_LAYERS if rule.name == "conform")
    layers = (LayerRunner("conform", lambda _: conform_outcome(report)),)

    made = run_certify("quick", IMAGE_PATH, tmp_path, layers=layers, required=rules)

    assert made.refusals == ()
    assert made.certificate == tmp_path / CERTIFICATE_NAME
    statement = decode_statement((tmp_path / CERTIFICATE_NAME).read_bytes())
    content = (tmp_path / "evidence" / "conform.json").read_bytes()
    verify(statement, installed_bindings(raw_kernel), {"conform": content}, rules)
    assert statement.bindings.image_sha256 == raw_kernel.image_sha256
    assert statement.toolchain["python"].startswith("CPython 3.")
    assert statement.assumptions
    evidence = decode_evidence(content)
    counts = add_up(evidence.parts)
    assert counts["random_distinct"] >= 4_000
    assert counts["path_vectors"] > counts["spec_paths"] == counts["spec_paths_taken"] > 1_000
    assert len(evidence.parts) > 5
    assert "certified: " in summary(made)


def returning(result: TaskResult) -> Callable[[list[Task], Path, Progress | None], list[TaskResult]]:
    """In place of the processes: one task's result."""

    def results(work: list[Task], image: Path, progress: Progress | None) -> list[TaskResult]:
        del work, image, progress
        return [result]

    return results


def test_a_run_below_its_minimum_is_no_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few distinct pairs, too few kernel steps, an empty part, a void task: each is a problem by name."""
    void = TaskResult(Task("random", "random", "sample", 1, 10, 1, 1, 0), compared=10, distinct=10, kernel_steps=10)
    void.void = "`3` of `10` distinct pairs in `1` seconds"

    monkeypatch.setattr(conform, "_results", returning(void))
    report = run_conform("quick", 1, sizes=SMALL)

    assert not report.ok
    text = "\n".join(report.problems)
    for part in (
        "`vectors` is 0",
        "`exhaustive` is 0",
        "`boundary` is 0",
        "`corpus` is 0",
        "`3` of `10`",
        "`4000` are required",
    ):
        assert part in text


def test_a_path_that_no_vector_takes_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two paths is half of them, and no evidence."""
    half = TaskResult(Task("vectors", "vectors", "sample", 1, 10, 1, 1, 0), compared=10, paths=2, paths_taken=1)

    monkeypatch.setattr(conform, "_results", returning(half))
    report = run_conform("quick", 1, sizes=SMALL)

    assert report.figures["spec_path_coverage"] == 0.5
    assert "path vectors take `1` of the reference's `2` paths" in report.problems


def test_a_divergence_is_a_problem_and_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a task reports reaches the report, with its trace and timeline."""
    found = TaskResult(Task("random", "random", "sample", 1, 10, 1, 1, 0), compared=10)
    found.reports = [Report("random: state.account.mode", "trace", "timeline")]

    monkeypatch.setattr(conform, "_results", returning(found))
    report = run_conform("quick", 1, sizes=SMALL)

    assert report.figures["divergences"] == 1
    assert "random: state.account.mode" in report.problems


def test_a_task_that_does_not_find_its_canary_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that compares nothing is found out by its own planted fault."""

    def blind(kernel: StepUnderTest, traces: object) -> Enumeration:
        del kernel, traces
        return run_corpus(ReferenceStandIn(), ())

    monkeypatch.setattr(tasks, "run_corpus", blind)

    result = run_task(Task("corpus", "corpus", "sample", 1, 1, 1, 10, 0), IMAGE_PATH)

    assert result.void == "`1` planted faults were not found"


def test_a_task_that_runs_out_of_time_is_void() -> None:
    """Time is up at once: the world is not finished, and that is said."""
    result = run_task(Task("exhaustive", "two", "sample", 1, 1, 1, 0, 0), IMAGE_PATH)

    assert result.void == "world `two` was not finished in `0` seconds of processor time"


def test_time_is_the_processors_not_the_clocks() -> None:
    """Who waits, as beside others on a busy machine, has used nothing up; who works has."""
    out_of_time = until(0.05)
    sleep(0.2)
    waited = out_of_time()
    end = process_time() + 0.05
    while process_time() < end:
        pass

    assert not waited
    assert out_of_time()


def test_every_tier_has_every_part() -> None:
    """Tiers differ in size only: each has every part, and quick has what a certificate needs."""
    for sizes in TIERS.values():
        assert {task.part for task in tasks_of(sizes, 0)} == set(PARTS)
    quick = TIERS["quick"]
    assert quick.distinct_min >= 200_000
    assert quick.kernel_steps_min >= 1_000_000


def test_another_seed_gives_other_tasks_the_same_seed_the_same() -> None:
    """Chance comes in as a number."""
    assert tasks_of(SMALL, 3) == tasks_of(SMALL, 3)
    assert tasks_of(SMALL, 3) != tasks_of(SMALL, 4)


def test_no_image_is_an_error_not_a_pass(tmp_path: Path) -> None:
    """Without a kernel there is nothing to conform."""
    with pytest.raises(ImageRefused):
        run_conform("quick", 1, image=tmp_path / "kernel.image", sizes=SMALL)


def test_the_corpus_agrees_and_is_not_empty(raw_kernel: RawKernel) -> None:
    """Every kept trace runs on both sides without divergence and within the laws."""
    traces = corpus()
    done = run_corpus(CallerMemory(raw_kernel), traces)

    assert done.findings == []
    assert done.states == len(traces) >= 40


def test_a_finding_that_cannot_be_shown_again_is_still_told() -> None:
    """A replay finding has no single diverging trace; its report says what was seen."""
    report = tasks.explained(Finding("replay: x", State(), ()), ReferenceStandIn(), never)

    assert report.what == "replay: x"
    assert report.timeline == "no divergence"
