"""A campaign of any length: shards by seed on workers, one book, one summary.

It runs for so many traces, for so long, or until it is stopped, and a later one goes on with fresh seeds. What is
judged are the totals of the book: divergences by signature, void and lost shards, and the floors of ``campaign``.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from dita.conformance.campaign_book import FOLDER, Book, Subject, opened, totals, write_book
from dita.conformance.conform import Progress
from dita.conformance.floors import FLOORS, Floors, below
from dita.conformance.matrix import declared_results, results_of
from dita.conformance.shard import SHARD_RUNS, Order, order_of, run_shard
from dita.conformance.tasks import TaskResult

POLL_SECONDS: Final = 0.5


class Finished(NamedTuple):
    """A shard that came back: its result, or why there is none."""

    order: Order
    result: TaskResult | None
    lost: str


class Workers(Protocol):
    """Whoever carries out shards."""

    @property
    def size(self) -> int:
        """How many shards can run at once."""
        ...

    def submit(self, order: Order) -> None:
        """Have a shard carried out."""
        ...

    def finished(self, seconds: float) -> list[Finished]:
        """What has come back; waits so long for a first one."""
        ...


class Here:
    """Shards in this very process, one after the other."""

    size = 1

    def __init__(self) -> None:
        self._waiting: deque[Order] = deque()

    def submit(self, order: Order) -> None:
        """Remember a shard."""
        self._waiting.append(order)

    def finished(self, seconds: float) -> list[Finished]:
        """Carry out the next one, however long it takes."""
        del seconds
        return [Finished(order, run_shard(order), "") for order in [self._waiting.popleft()]]


@dataclass(frozen=True, slots=True)
class Limits:
    """When a campaign ends by itself; None: not by this."""

    traces: int | None = None
    seconds: float | None = None
    shard_runs: int = SHARD_RUNS
    compiled: bool = False  # the oracle is the compiled reference


@dataclass(slots=True)
class CampaignReport:
    """The totals of the book, and what this run added. ``problems`` is empty exactly when they are evidence."""

    book: Book
    path: Path
    added: int = 0  # traces of this run
    seconds: float = 0.0
    stopped: bool = False  # by hand, with shards in flight
    figures: dict[str, int] = field(default_factory=dict[str, int])
    undeclared: list[str] = field(default_factory=list[str])  # results that ``matrix.json`` does not know
    problems: list[str] = field(default_factory=list[str])

    @property
    def ok(self) -> bool:
        """Whether the campaign is evidence."""
        return not self.problems


def run_long_campaign(
    workers: Workers,
    subject: Subject,
    limits: Limits,
    stopped: Callable[[], bool],
    progress: Progress | None = None,
    *,
    image: Path | None = None,
    folder: Path = FOLDER,
    floors: Floors = FLOORS["campaign"],
) -> CampaignReport:
    """Run shards until a limit is reached or ``stopped`` says so, and judge the totals. Raises BookRefused, OSError."""
    began = time.monotonic()
    with opened(subject, folder) as (book, path):
        report = CampaignReport(book, path)
        flying: dict[int, int] = {}  # seed to runs
        spoiled: set[int] = set()  # seeds that came back void or not at all

        def missing() -> int:
            planned = report.added + sum(flying.values())
            return limits.shard_runs if limits.traces is None else min(limits.shard_runs, limits.traces - planned)

        def over() -> bool:
            return limits.seconds is not None and time.monotonic() - began >= limits.seconds

        while not report.stopped:
            while len(flying) < 2 * workers.size and missing() > 0 and not over() and not spoiled:
                seed = book.fresh(flying)
                flying[seed] = missing()
                workers.submit(order_of(seed, flying[seed], subject, image, compiled=limits.compiled))
            if not flying:
                break
            for done in workers.finished(POLL_SECONDS):
                seed = done.order.task.seed
                flying.pop(seed, None)
                problem = done.lost or (done.result.void if done.result is not None else "")
                if problem:
                    spoiled.add(seed)
                    report.problems.append(f"shard of seed `{seed}`: {problem}")
                elif done.result is not None and book.add(done.result):
                    report.added += done.result.states
                    write_book(book, path)
            report.stopped = stopped()
            if progress is not None:
                progress("campaign, traces", report.added, limits.traces or 0)
        report.seconds = time.monotonic() - began
        _judge(report, floors)
    return report


def _judge(report: CampaignReport, floors: Floors) -> None:
    book = report.book
    declared = declared_results()
    seen = results_of(book.met.distribution)
    counts = totals(book)
    seconds = counts["milliseconds"] / 1000
    report.figures = {
        "random_steps": counts["steps"],
        "steps_per_second": int(counts["kernel_steps"] / seconds) if seconds > 0 else 0,
        "divergences": counts["divergences"],
        "results_coverage": 1_000_000 * len(seen & declared) // len(declared),
        "canary_found": 0 < counts["canaries_found"] == counts["canaries_planted"],
        "canaries_found": counts["canaries_found"],
        "canaries_planted": counts["canaries_planted"],
        "traces": counts["traces"],
        "traces_added": report.added,
        "shards": counts["shards"],
        "kernel_steps": counts["kernel_steps"],
        "results_undeclared": len(seen - declared),
        "transition_pairs": len(book.met.pairs),
        "guards_answered_both_ways": sum(1 for tally in book.met.guards.values() if tally.true and tally.false),
    }
    report.undeclared = sorted(f"{it.phase} {it.kind}: {it.text}" for it in seen - declared)
    report.problems += [f"{mark}: met `{known.count}` times" for mark, known in sorted(book.divergences.items())]
    if counts["canaries_found"] != counts["canaries_planted"] or not counts["canaries_planted"]:
        report.problems.append("a planted fault was not found: the campaign is void")
    report.problems += below(book.met, floors)
