"""What a step costs, in R: one call of a function that does nothing, through the same door (cffi, one pointer).

Machines differ and neighbours are noisy; ratios to R drift far less than nanoseconds. Rows are sampled in turn, each
sample between two timings of R, on one pinned processor, in processor time; a figure is the median over the rounds.
Every row checks what it computed, so that nothing fast and wrong can be reported.
"""

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from statistics import median
from typing import Any, Final

from dita.conformance.differential import Step
from dita.kernel.binding import Kernel
from dita.kernel.loader import RawKernel
from dita.runtime.bench_rows import Row, rows_of
from dita.runtime.bench_traffic import traffic_rows
from dita.runtime.bench_venue import venue_rows
from dita.runtime.memory import collector_waiting

_CALLS_OF_R: Final = 20_000
_STRUCT_BYTES: Final = 192
_PAST_TRADES_AT: Final = 5  # among the rows shown

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Measured:
    """One row: the figure (in R, or a plain ratio), nanoseconds of one unit for orientation, and what to stay below."""

    name: str
    what: str
    value: float
    nanoseconds: float
    target: float | None


def run_bench(raw: RawKernel, rounds: int, progress: Progress, compiled: Step | None = None) -> list[Measured]:
    """Measure every row, that of the compiled reference if there is one.

    Raises WrongResult when a row computed something else than it should.
    """
    noop, pointer = reference_call(raw)
    with pinned(), Kernel(raw) as kernel, venue_rows() as at_the_venue:
        rows = [*rows_of(kernel), *traffic_rows(raw, compiled), *at_the_venue]
        samples: dict[str, list[tuple[float, float]]] = {row.name: [] for row in rows}
        for number in range(rounds):
            for index, row in enumerate(rows):
                progress("measuring", number * len(rows) + index, rounds * len(rows))
                samples[row.name].append(_sample(row, noop, pointer))
    measured = [_median(row, samples[row.name]) for row in rows]
    shown = [one for one in measured if not one.name.startswith("_")]
    shown.insert(_PAST_TRADES_AT, _past_trades(measured))
    return shown


def reference_call(raw: RawKernel) -> tuple[Callable[[Any], None], Any]:
    """R's function, and what it is called with."""
    lib: Any = raw.lib
    ffi: Any = raw.ffi
    return lib.dita_noop, ffi.new(f"char[{_STRUCT_BYTES}]")


def time_of_r(noop: Callable[[Any], None], pointer: Any) -> float:
    """Nanoseconds of one call now."""
    began = time.process_time_ns()
    for _ in repeat(None, _CALLS_OF_R):
        noop(pointer)
    return (time.process_time_ns() - began) / _CALLS_OF_R


def _sample(row: Row, noop: Callable[[Any], None], pointer: Any) -> tuple[float, float]:
    """Nanoseconds of one unit, and the same in R."""
    spent = 0
    with collector_waiting():
        before = time_of_r(noop, pointer)
        for _ in range(row.repeats):
            row.prepare()
            began = time.process_time_ns()
            row.run()
            spent += time.process_time_ns() - began
        after = time_of_r(noop, pointer)
    row.check()
    one = spent / (row.units * row.repeats)
    return one, one / ((before + after) / 2)


def _median(row: Row, samples: list[tuple[float, float]]) -> Measured:
    nanoseconds = median(one for one, _ in samples)
    return Measured(row.name, row.what, round(median(ratio for _, ratio in samples), 3), nanoseconds, row.target)


def _past_trades(measured: list[Measured]) -> Measured:
    """How much dearer a lifecycle is after many past trades than after few."""
    by_name = {one.name: one for one in measured}
    few, many = by_name["_after_few"], by_name["_after_many"]
    ratio = round(many.value / few.value, 3)
    return Measured("past_trades_ratio", "lifecycle after 100,000 past trades ÷ after 10", ratio, many.nanoseconds, 1.1)


@contextmanager
def pinned() -> Generator[None]:
    """On one processor, where the system lets us choose."""
    try:
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(allowed)})
    except OSError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
