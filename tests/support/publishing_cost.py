"""What publishing costs trading: input-to-command latency at 1,000 inputs a second, with it and without, in one run.

``python tests/support/publishing_cost.py [SECONDS] [--beside]`` plays finished trades to an engine: kernel and
reference, a journal that is written at once, one input a millisecond, whether or not the one before is done, as a
market would: another process says through a pipe when each is due. Half a second with publishing alternates with half
a second without: snapshots in shared memory with as many alerts as are told, and metrics that are asked for once a
second. With ``--beside`` (it needs ClickHouse's engine) `dita analytics follow` reads the journal meanwhile, and is
halted for the other halves.

What is printed is the ratio of each half to the ones around it: the median, and how far it may be off by chance. On a
machine that has other work, `chrt -f 10` keeps that out of the figures (as root).
"""

import asyncio
import logging
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from dita.adapters.bingx.clock import SystemClock
from dita.adapters.bingx.metrics import prometheus_text
from dita.adapters.plane import place_of
from dita.kernel.binding import Kernel
from dita.kernel.loader import load_for_conformance
from dita.runtime.alerts import Alert
from dita.runtime.engine_metrics import NOTHING_COUNTED, engine_metrics
from dita.runtime.live_view import ALERTS_MAX, Identity, LiveView
from dita.runtime.lockstep import Stepped
from dita.runtime.publishing import Publisher
from dita.spec.inputs import Input
from dita.spec.published import packed
from runtime_parts import round_trip
from scripted_venue import EngineRoom
from strategy_room import Scripted, quote, strategist_of

PER_SECOND: Final = 1_000
PHASE_SECONDS: Final = 0.5
_PHASES_MIN: Final = 3  # one that publishes, and one at each side of it
SCRAPE_SECONDS: Final = 1.0
_SAYS_WHEN: Final = """import os, sys, time
apart = 10**9 // int(sys.argv[1])
due = time.monotonic_ns()
while True:
    due += apart
    time.sleep(max(0, due - time.monotonic_ns()) / 1e9)
    os.write(1, due.to_bytes(8, "little"))
"""
_FOLLOWS: Final = """import os, pathlib, sys, time
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
os.setpriority(os.PRIO_PROCESS, 0, 10)
while not pathlib.Path(sys.argv[4]).exists():
    time.sleep(0.05)
time.sleep(0.5)
from dita.runtime.cli import main
main()"""
IDENTITY: Final = Identity("paper", "venue", "account", "quick", "00" * 32, is_signed=False)


class Phase(NamedTuple):
    """Half a second. Nanoseconds; latencies from the moment at which an input was due until its order could leave."""

    publishes: bool
    inputs: int
    mean: float
    longest: int
    processor: float  # of the process, for each input


class Cost(NamedTuple):
    """``snapshot``: processor time of making, encoding and publishing one, nanoseconds."""

    per_second: float  # inputs
    phases: list[Phase]
    snapshot: float
    payload_bytes: int


class Stopwatch:
    """Takes commands in the carrier's stead: when each could have left."""

    def __init__(self) -> None:
        self.due_ns = 0
        self.spans: list[int] = []

    def carry(self, event: Input, stepped: Stepped, send_by_ns: int) -> None:  # noqa: ARG002 - the port's
        """See ``Commands``."""
        if stepped.outcome.submit:
            self.spans.append(time.monotonic_ns() - self.due_ns)

    def take_risk_away(self) -> None:
        """See ``Commands``: it never comes to that."""
        raise AssertionError("kernel, reference or journal failed")


def view_of(room: EngineRoom) -> LiveView:
    """Of an engine room with a strategist that has seen a quote."""
    strategist = strategist_of(room, Scripted())
    strategist.on_market(quote())
    return LiveView(
        IDENTITY, room.engine, room.clock, room.alerts, strategist.entries, strategist.decisions, strategist, ()
    )


def trades() -> Iterator[Input]:
    """For ever: entered, filled, closed, filled, both halves settled; two of six command an order."""
    for trade in count(1):
        yield from round_trip(trade, slot=trade % 3)


async def scraped(view: LiveView) -> None:
    """Metrics, as somebody asks for them."""
    while True:
        prometheus_text(engine_metrics(view.snapshot(), NOTHING_COUNTED))
        await asyncio.sleep(SCRAPE_SECONDS)


@asynccontextmanager
async def source() -> AsyncGenerator[asyncio.StreamReader]:
    """When inputs are due, by the monotonic clock, in the moment in which they are."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SAYS_WHEN, str(PER_SECOND), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.wait()


async def measured(folder: Path, seconds: float, beside: "subprocess.Popen[bytes] | None" = None) -> Cost:
    """Both sides in turn."""
    with Kernel(load_for_conformance()) as kernel:
        room = EngineRoom(folder, SystemClock(), kernel)  # type: ignore[arg-type] # a clock is all that it needs
        await room.open_shop()
        view = view_of(room)
        place = place_of(folder, folder / "journal.sqlite")
        publisher = Publisher(place, view.snapshot, lambda: room.journal.position, room.clock, room.alerts)
        for number in range(ALERTS_MAX):
            room.alerts.raise_(Alert.READ_FAILED, f"number {number} " + "x" * 200)
        watch, events = Stopwatch(), trades()
        room.engine.connect(watch)
        phases: list[Phase] = []
        async with source() as due:
            began = time.monotonic()
            while len(phases) < _PHASES_MIN or time.monotonic() < began + seconds:
                phases.append(await _phase(room, watch, due, events, view, publisher, publishes=len(phases) % 2 == 1))
                if beside is not None:
                    beside.send_signal(signal.SIGCONT if len(phases) % 2 == 1 else signal.SIGSTOP)
            per_second = sum(phase.inputs for phase in phases) / (time.monotonic() - began)
        rounds: list[float] = []
        for _ in range(20):
            start = time.process_time_ns()
            for _ in range(5):
                publisher.publish()
            rounds.append((time.process_time_ns() - start) / 5)
        size = len(packed(view.snapshot()))
        publisher.close()
        await room.close()
        return Cost(per_second, phases, min(rounds), size)


async def _phase(
    room: EngineRoom,
    watch: Stopwatch,
    due: asyncio.StreamReader,
    events: Iterator[Input],
    view: LiveView,
    publisher: Publisher,
    *,
    publishes: bool,
) -> Phase:
    """As many inputs as are due in half a second, each as soon as the loop gets there."""
    tasks = [asyncio.create_task(publisher.run()), asyncio.create_task(scraped(view))] if publishes else []
    watch.spans = []
    total = int(PER_SECOND * PHASE_SECONDS)
    processor = time.process_time_ns()
    for _ in range(total):
        watch.due_ns = int.from_bytes(await due.readexactly(8), "little")
        await room.engine.apply(next(events))
    used = time.process_time_ns() - processor
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return Phase(publishes, total, statistics.mean(watch.spans), max(watch.spans), used / total)


class Ratio(NamedTuple):
    """With publishing to without: the median of all pairs of neighbours, and how far that may be off by chance."""

    median: float
    error: float


def ratio_of(values: list[tuple[bool, float]]) -> Ratio:
    """Of phases, in their order: each that publishes, to the mean of the two around it."""
    ratios = [
        2 * here / (before + after)
        for (_, before), (publishes, here), (_, after) in zip(values, values[1:], values[2:], strict=False)
        if publishes
    ]
    deviation = statistics.stdev(ratios) if len(ratios) > 1 else math.inf
    return Ratio(statistics.median(ratios), 1.25 * deviation / math.sqrt(len(ratios)))


@contextmanager
def follower(folder: Path) -> Generator["subprocess.Popen[bytes]"]:
    """`dita analytics follow` on the folder's journal, once that is there, as far behind as deploy/ puts it."""
    command = [
        sys.executable, "-c", _FOLLOWS, "analytics", "follow", "--journal", str(folder / "journal.sqlite"),
        "--store", str(folder / "analytics"),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def main(seconds: float, *, beside: bool) -> None:
    """Print it."""
    logging.disable()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:  # in memory, or the disk would be what is measured
        folder = Path(name)
        if beside:
            with follower(folder) as process:
                cost = asyncio.run(measured(folder, seconds, process))
                assert process.poll() is None, "the follower has ended"
        else:
            cost = asyncio.run(measured(folder, seconds))
    sys.stdout.write(f"inputs a second: {cost.per_second:.0f}\n")
    for what, field in (("input to command", "mean"), ("processor time an input", "processor")):
        values = [(phase.publishes, float(getattr(phase, field))) for phase in cost.phases]
        without, with_it = (
            statistics.median(value for publishes, value in values if publishes is side) / 1000
            for side in (False, True)
        )
        ratio = ratio_of(values)
        sys.stdout.write(
            f"{what}: {without:.1f} us without, {with_it:.1f} us with publishing, ratio {ratio.median:.4f}"
            f" +- {ratio.error:.4f}\n"
        )
    sys.stdout.write(f"one snapshot of {cost.payload_bytes} bytes: {cost.snapshot / 1000:.0f} us of processor time\n")


if __name__ == "__main__":
    given = [word for word in sys.argv[1:] if word != "--beside"]
    main(float(given[0]) if given else 20.0, beside="--beside" in sys.argv)
