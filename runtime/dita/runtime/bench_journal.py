"""What the journal costs: durable inputs a second in groups, one alone, and a start after very many inputs.

Unlike the other figures these are times, not units of a call: what is measured is mostly the disk.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Final

from dita.adapters.journal import Entry, InlineCommit, Journal, Row, Snapshot, ThreadCommit, open_journal
from dita.adapters.journal.records import JournalMeta
from dita.adapters.journal.store import JournalStore
from dita.kernel.binding import Kernel
from dita.kernel.loader import RawKernel
from dita.runtime.bench_rows import account, expect, lifecycle
from dita.runtime.engine import SNAPSHOT_EVERY
from dita.runtime.history import History
from dita.runtime.lockstep import step_digest
from dita.runtime.recovery import recover
from dita.spec.inputs import Input
from dita.spec.layout import pack

_ALONE: Final = 400
_GROUPED: Final = 20_000
_AT_A_TIME: Final = 256  # inputs that wait for the disk together
_MADE_BY: Final = "bench"
_GROUP: Final = 5_000

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class JournalFigures:
    """Inputs a second; milliseconds; seconds and rows."""

    grouped_per_second: int
    alone_p50_ms: float
    flush_p50_ms: float  # of the bare disk: one page written and flushed
    open_seconds: float
    recover_seconds: float
    start_cpu_seconds: float  # of both
    rows: int


def bench_journal(raw: RawKernel, folder: Path, rows: int, progress: Progress) -> JournalFigures:
    """Measure in a folder on the disk that is meant. Raises OSError, JournalError, ReplayRefused, WrongResult."""
    progress("inputs alone and in groups", 0, 0)
    flush = _flushing(folder / "flushed")
    alone, grouped = asyncio.run(_writing(folder))
    path = folder / "long.sqlite"
    write_long(raw, path, rows, progress)
    progress("starting", 0, 0)
    cpu_began = time.process_time()
    opening, recovering = asyncio.run(_starting(raw, path, rows))
    cpu_seconds = time.process_time() - cpu_began
    return JournalFigures(grouped, alone, flush, opening, recovering, cpu_seconds, rows)


def _opened(path: Path, driver: type[ThreadCommit] | type[InlineCommit]) -> Journal:
    return open_journal(path, account="bench", tag="bench0", wall_ns=1, driver=driver)


def _flushing(path: Path) -> float:
    taken: list[int] = []
    with path.open("wb", buffering=0) as file:
        for _ in range(_ALONE):
            began = time.perf_counter_ns()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            taken.append(time.perf_counter_ns() - began)
    return median(taken) / 1e6


async def _writing(folder: Path) -> tuple[float, int]:
    journal = _opened(folder / "written.sqlite", ThreadCommit)
    event = Input(kind=1)

    async def one() -> None:
        await journal.append(event, send_by_ns=0, digest=bytes(32), wall_ns=1)

    alone: list[int] = []
    for _ in range(_ALONE):
        began = time.perf_counter_ns()
        await one()
        alone.append(time.perf_counter_ns() - began)

    async def worker() -> None:
        for _ in range(_GROUPED // _AT_A_TIME):
            await one()

    began = time.perf_counter_ns()
    await asyncio.gather(*(worker() for _ in range(_AT_A_TIME)))
    seconds = (time.perf_counter_ns() - began) / 1e9
    await journal.close()
    return median(alone) / 1e6, int(_GROUPED // _AT_A_TIME * _AT_A_TIME / seconds)


def _events() -> Iterator[Input]:
    yield from account()
    for trade in count(1):
        yield from lifecycle(trade)


def write_long(raw: RawKernel, path: Path, rows: int, progress: Progress) -> None:
    """A journal as a session would have left it, by the kernel alone: the reference would take minutes."""
    store = JournalStore(path)
    store.create(JournalMeta("bench0", "bench", 1))
    history = History()
    with Kernel(raw) as kernel:
        events = islice(_events(), rows)
        position = 0
        while group := list(islice(events, _GROUP)):
            entries: list[Entry] = []
            for event in group:
                position += 1
                outcome = pack(kernel.step(event))
                state = kernel.snapshot()
                snapshot = None
                if position % SNAPSHOT_EVERY == 0:
                    snapshot = Snapshot(position, _MADE_BY, outcome, state, history.to_text())
                digest = step_digest(pack(event), outcome, state)
                entries.append(Entry(Row(position, event, 0, digest, position), (), snapshot))
            store.write(entries)
            progress("writing a long journal", position, rows)
    store.close()


async def _starting(raw: RawKernel, path: Path, rows: int) -> tuple[float, float]:
    began = time.perf_counter_ns()
    journal = _opened(path, InlineCommit)
    opened = time.perf_counter_ns()
    try:
        with Kernel(raw) as kernel:
            found = recover(journal, kernel, made_by=_MADE_BY, accept_migration=False, wall_ns=1)
        recovered = time.perf_counter_ns()
        last = rows // SNAPSHOT_EVERY * SNAPSHOT_EVERY
        expect(found.from_snapshot == last, f"the start went from row `{found.from_snapshot}`, not from {last}")
    finally:
        await journal.close()
    return (opened - began) / 1e9, (recovered - opened) / 1e9
