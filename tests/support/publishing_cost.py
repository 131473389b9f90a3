"""What publishing costs trading: input-to-command latency at 1,000 inputs a second, with it and without, in one run.

``python tests/support/publishing_cost.py [SECONDS]`` alternates between both, a quarter of a second each, and prints
the means of each side, their ratio, and what one snapshot takes. An engine, a journal that is written at once, and the
reference for both sides of the lockstep; as many alerts as are told.
"""

import asyncio
import logging
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from dita.adapters.bingx.clock import SystemClock
from dita.adapters.plane import place_of
from dita.runtime.alerts import Alert
from dita.runtime.live_view import ALERTS_MAX, Identity, LiveView
from dita.runtime.publishing import Publisher
from dita.spec import inputs
from dita.spec.published import packed
from scripted_venue import EngineRoom
from strategy_room import Scripted, quote, strategist_of

PER_SECOND: Final = 1_000
PHASE_SECONDS: Final = 0.25
IDENTITY: Final = Identity("paper", "venue", "account", "quick", "00" * 32, is_signed=False)


class Cost(NamedTuple):
    """Nanoseconds, without publishing and with it. ``snapshot``: of making, encoding and publishing one."""

    per_second: float  # inputs
    latency: tuple[float, float]  # mean, from an input to its end
    processor: tuple[float, float]  # processor time of the whole process for each input
    snapshot: float  # processor time
    payload_bytes: int


def view_of(room: EngineRoom) -> LiveView:
    """Of an engine room with a strategist that has seen a quote."""
    strategist = strategist_of(room, Scripted())
    strategist.on_market(quote())
    return LiveView(
        IDENTITY, room.engine, room.clock, room.alerts, strategist.entries, strategist.decisions, strategist, ()
    )


async def measured(folder: Path, seconds: float) -> Cost:
    """Both sides in turn."""
    room = EngineRoom(folder, SystemClock())  # type: ignore[arg-type] # a clock is all that it needs
    await room.open_shop()
    view = view_of(room)
    publisher = Publisher(
        place_of(folder, folder / "journal.sqlite"),
        view.snapshot,
        lambda: room.journal.position,
        room.clock,
        room.alerts,
    )
    limits = inputs.set_limits(slot_limit=16, leverage_max_ppm=3_000_000, tolerance=0)
    for number in range(ALERTS_MAX):
        room.alerts.raise_(Alert.READ_FAILED, f"number {number} " + "x" * 200)
    spans: dict[bool, list[int]] = {False: [], True: []}
    processor_ns = {False: 0, True: 0}
    until = time.monotonic() + seconds
    publishes = False
    while time.monotonic() < until:
        task = asyncio.create_task(publisher.run()) if publishes else None
        phase, processor = time.monotonic(), time.process_time_ns()
        due = 0.0
        while (now := time.monotonic() - phase) < PHASE_SECONDS:
            if now < due:
                await asyncio.sleep(due - now)
                continue
            due += 1 / PER_SECOND
            began = time.perf_counter_ns()
            await room.engine.apply(limits)
            spans[publishes].append(time.perf_counter_ns() - began)
        processor_ns[publishes] += time.process_time_ns() - processor
        if task is not None:
            task.cancel()
        publishes = not publishes
    rounds: list[float] = []
    for _ in range(20):
        start = time.process_time_ns()
        for _ in range(5):
            publisher.publish()
        rounds.append((time.process_time_ns() - start) / 5)
    size = len(packed(view.snapshot()))
    publisher.close()
    await room.close()
    latency, used = [
        (statistics.mean(spans[False]), statistics.mean(spans[True])),
        (processor_ns[False] / len(spans[False]), processor_ns[True] / len(spans[True])),
    ]
    return Cost((len(spans[True]) + len(spans[False])) / seconds, latency, used, min(rounds), size)


def main(seconds: float) -> None:
    """Print it."""
    logging.disable()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:  # in memory, or the disk would be what is measured
        cost = asyncio.run(measured(Path(folder), seconds))
    sys.stdout.write(f"inputs a second: {cost.per_second:.0f}\n")
    for what, (without, with_it) in (("input to command", cost.latency), ("processor time an input", cost.processor)):
        sys.stdout.write(
            f"{what}: {without / 1000:.1f} us without, {with_it / 1000:.1f} us with publishing,"
            f" ratio {with_it / without:.4f}\n"
        )
    sys.stdout.write(f"one snapshot of {cost.payload_bytes} bytes: {cost.snapshot / 1000:.0f} us of processor time\n")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
