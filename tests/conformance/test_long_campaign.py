"""Long campaigns: shards add up in one book, go on where they stopped, and lose and double nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dita.conformance import long_campaign
from dita.conformance.campaign_book import Book, BookRefused, Subject, opened, ranges, read_book, write_book
from dita.conformance.floors import NO_FLOORS
from dita.conformance.long_campaign import CampaignReport, Finished, Here, Limits, run_long_campaign
from dita.conformance.shard import Order, OtherBuild, order_of, run_shard
from dita.conformance.tasks import Report, Task, TaskResult
from dita.kernel.loader import RawKernel, installed_bindings

RUNS = 3


@pytest.fixture(scope="module")
def subject(raw_kernel: RawKernel) -> Subject:
    """The installed build."""
    return Subject.of(installed_bindings(raw_kernel))


def never() -> bool:
    """Nobody stops."""
    return False


def run(subject: Subject, folder: Path, traces: int, workers: Here | None = None) -> CampaignReport:
    """A small campaign in this process, without floors."""
    return run_long_campaign(
        workers or Here(), subject, Limits(traces, shard_runs=RUNS), never, folder=folder, floors=NO_FLOORS
    )


def test_a_campaign_adds_to_its_book_with_fresh_seeds(subject: Subject, tmp_path: Path) -> None:
    """Two runs of six and four traces are one campaign of ten: seeds 0 to 3, each once, all totals in one file."""
    first = run(subject, tmp_path, 6)
    second = run(subject, tmp_path, 4)

    assert first.problems == second.problems == []
    assert (first.added, second.added) == (6, 4)
    assert sorted(second.book.done) == [0, 1, 2, 3]
    assert second.figures["traces"] == 10
    assert second.figures["random_steps"] == 10 * 300
    assert json.dumps(second.figures["canary_found"]) == "true"
    assert second.figures["canaries_found"] == second.figures["canaries_planted"] == 8
    assert read_book(second.path, subject) == second.book
    assert second.book.met.guards["step.accept: 0 <= event.slot"].visits > 0


def test_the_same_shard_counts_the_same_wherever_it_runs(subject: Subject) -> None:
    """A shard that is run again, because its worker died, gives exactly what it would have given."""
    once, again = (run_shard(order_of(5, RUNS, subject, None)) for _ in range(2))

    assert (once.compared, once.kernel_steps, once.distinct) == (again.compared, again.kernel_steps, again.distinct)
    assert (once.distribution, once.pairs, once.guards) == (again.distribution, again.pairs, again.guards)


def test_a_seed_is_counted_once(subject: Subject) -> None:
    """A result that comes twice, as after a lost worker that was not lost, changes nothing."""
    book = Book(subject)
    result = TaskResult(Task("random", "campaign", "quick", 7, 0, 0, 1, 1, 2), states=2, compared=600)

    assert book.add(result)
    assert not book.add(result)
    assert (book.counts["traces"], book.counts["shards"], book.done) == (2, 1, {7})


def test_a_gap_in_the_seeds_is_filled_first(subject: Subject) -> None:
    """A shard that was in flight when everything was killed leaves its seed to the next run."""
    assert Book(subject, {0, 1, 3}).fresh() == 2
    assert Book(subject, {0, 1, 3}).fresh({2}) == 4
    assert ranges({0, 1, 3, 4, 9}) == [[0, 1], [3, 4], [9, 9]]


class Scripted(Here):
    """Workers that answer what a test says, by seed."""

    def __init__(self, answer: Callable[[Order], Finished]) -> None:
        super().__init__()
        self._answer = answer

    def finished(self, seconds: float) -> list[Finished]:
        """The scripted answer."""
        del seconds
        return [self._answer(self._waiting.popleft())]


def empty(order: Order) -> TaskResult:
    """A sound shard that did nothing but its canaries."""
    return TaskResult(order.task, states=order.task.runs, compared=9, canaries_planted=2, canaries_found=2)


def test_a_void_shard_voids_the_run_and_is_not_counted(subject: Subject, tmp_path: Path) -> None:
    """The planted defect: one shard does not find its canary. The run fails, names the seed, and leaves it fresh."""

    def answer(order: Order) -> Finished:
        result = empty(order)
        if order.task.seed == 1:
            result.canaries_found, result.void = 1, "`1` planted faults were not found"
        return Finished(order, result, "")

    report = run(subject, tmp_path, 30, Scripted(answer))

    assert "shard of seed `1`: `1` planted faults were not found" in report.problems
    assert 1 not in report.book.done
    assert report.book.done


def test_a_lost_shard_is_a_problem_and_stays_fresh(subject: Subject, tmp_path: Path) -> None:
    """What a cluster gave up is said, and the next run takes the seed again."""
    report = run(subject, tmp_path, 3, Scripted(lambda order: Finished(order, None, "its workers died")))

    assert "shard of seed `0`: its workers died" in report.problems
    assert report.book.fresh() == 0
    assert "a planted fault was not found: the campaign is void" in report.problems


def test_divergences_of_one_cause_are_one(subject: Subject, tmp_path: Path) -> None:
    """Three shards find two causes: two signatures, counted, each with its shortest trace, in later runs too."""
    found = {0: ("a", "long long trace"), 1: ("b", "trace"), 2: ("a", "short")}

    def answer(order: Order) -> Finished:
        result = empty(order)
        mark, trace = found[order.task.seed]
        result.reports = [Report("what", trace, "timeline", mark, order.task.seed)]
        return Finished(order, result, "")

    report = run(subject, tmp_path, 3 * RUNS, Scripted(answer))

    assert {mark: (known.count, known.trace, known.seed) for mark, known in report.book.divergences.items()} == {
        "a": (2, "short", 2), "b": (1, "trace", 1),
    }  # fmt: skip
    assert report.figures["divergences"] == 2
    assert "a: met `2` times" in run(subject, tmp_path, 0, Scripted(answer)).problems


def test_floors_are_asked_of_the_totals(subject: Subject, tmp_path: Path) -> None:
    """A few traces are below the floors of a campaign, and that is a failure with names."""
    report = run_long_campaign(Here(), subject, Limits(RUNS, shard_runs=RUNS), never, folder=tmp_path)

    assert any("pairs of consecutive transitions" in problem for problem in report.problems)
    assert any("guards answered both ways" in problem for problem in report.problems)


def test_stopping_keeps_what_is_done(subject: Subject, tmp_path: Path) -> None:
    """Stopped after the first shard the campaign ends with a summary of it; the seed in flight stays fresh."""
    answers = iter((False, True))

    report = run_long_campaign(
        Here(), subject, Limits(shard_runs=RUNS), lambda: next(answers), folder=tmp_path, floors=NO_FLOORS
    )

    assert report.stopped
    assert report.added == 2 * RUNS
    assert read_book(report.path, subject).done == {0, 1}


def test_time_ends_a_campaign(subject: Subject, tmp_path: Path) -> None:
    """With no time nothing is begun, and nothing is no evidence."""
    report = run_long_campaign(Here(), subject, Limits(seconds=0), never, folder=tmp_path, floors=NO_FLOORS)

    assert (report.added, report.stopped) == (0, False)
    assert not report.ok


def test_a_book_is_not_shared_and_not_mixed(subject: Subject, tmp_path: Path) -> None:
    """Two campaigns at once, a damaged file, one about another image, one whose shards do not add up: all refused."""
    with opened(subject, tmp_path) as (book, path):
        write_book(book, path)
        with pytest.raises(BookRefused, match="in use"), opened(subject, tmp_path):
            pass
    with pytest.raises(BookRefused, match="about another image"):
        read_book(path, Subject("1", "2", "3"))
    content = json.loads(path.read_text())
    for key, value, says in (("version", 2, "no campaign"), ("seeds", [[0, 4]], "counts `0` shards of `5`")):
        path.write_text(json.dumps({**content, key: value}))
        with pytest.raises(BookRefused, match=says):
            read_book(path, subject)
    path.write_text("{")
    with pytest.raises(BookRefused, match="damaged"):
        read_book(path, subject)


def test_a_worker_with_another_build_refuses(subject: Subject) -> None:
    """A worker checks what it has against what the campaign is about, and says what differs."""
    other = Subject(subject.image_sha256, subject.spec_sha256, "0" * 64)

    with pytest.raises(OtherBuild, match="reference_sha256 is") as caught:
        run_shard(order_of(0, 1, other, None))

    assert "image_sha256" not in str(caught.value)


def test_nobody_else_loads_dask() -> None:
    """The coordinator of campaigns, the certificate and the session run without `distributed`."""
    import subprocess
    import sys

    probe = (
        "import sys, dita.conformance.long_campaign, dita.conformance.certify, dita.runtime.cli_campaign,"
        " dita.runtime.cli_session; print('distributed' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "False\n"
    assert long_campaign.POLL_SECONDS < 1
