"""What a round trip of a backtest costs that calls its exchange (``dita backtest --transport direct``), in R.

The whole session is run: policy, gates, sizing, kernel and reference side by side, journal, orders, settlement, books.
Timed is what lies between the first decision and the last, in processor time. The market moves by a few ticks, and the
policy goes in and out at every quote, so that a round trip is two quotes, two orders and six journaled inputs.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import Final

from dita.kernel.loader import CertifiedKernel
from dita.runtime.bench import pinned, reference_call, time_of_r
from dita.runtime.bench_rows import expect
from dita.runtime.policy import Close, Decision, Hold, MarketView, Open
from dita.runtime.session import run_session
from dita.runtime.settings import Settings
from dita.runtime.simulation.ground import virtual_ground
from dita.runtime.simulation.loop import UTC_AT_ZERO_NS
from dita.spec.market import BookTicker, MarketEvent
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, PRICE_SCALE, QUANTITY_SCALE
from dita.spec.vocabulary import Phase, Side

R_MAX: Final = 2_000.0  # nautilus_trader's backtest with a strategy in Python takes 3,030
_SYMBOL: Final = "BTC-USDT"
_TICK: Final = PRICE_SCALE // 10
_SPARE: Final = 100  # quotes: some are held back until the gates have seen enough
_TRADING: Final = "trading"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class BacktestFigures:
    """Medians over the rounds: one round trip in R and in nanoseconds of processor time."""

    round_trip_r: float
    round_trip_ns: float


class Alternating:
    """In at one quote, out at the next, on either side in turn."""

    wants_trades = False

    def __init__(self) -> None:
        self._entries = 0

    def on_market(self, view: MarketView) -> Decision:
        """See the class."""
        if view.phase == Phase.POSITION_OPEN:
            return Close("out again")
        if view.phase != Phase.IDLE:
            return Hold("an order is under way")
        self._entries += 1
        return Open(Side.LONG if self._entries % 2 else Side.SHORT, "in")


def bench_backtest(certified: CertifiedKernel, settings: Settings, rounds: int, progress: Progress) -> BacktestFigures:
    """Measure so many sessions of ``settings.round_trips``. Raises WrongResult, and what a session raises."""
    noop, pointer = reference_call(certified.raw)
    samples: list[tuple[float, float]] = []
    with pinned():
        for number in range(rounds):
            progress("measuring", number, rounds)
            before = time_of_r(noop, pointer)
            spent = _spent(certified, settings) / settings.round_trips
            after = time_of_r(noop, pointer)
            samples.append((spent / ((before + after) / 2), spent))
    return BacktestFigures(median(ratio for ratio, _ in samples), median(spent for _, spent in samples))


def _spent(certified: CertifiedKernel, settings: Settings) -> int:
    """Nanoseconds of processor time that the trading of one session took."""
    told: list[tuple[str, int]] = []

    def at(what: str, _: int, __: int) -> None:
        if not told or told[-1][0] != what:
            told.append((what, time.process_time_ns()))

    with virtual_ground(settings.seed, is_direct=True) as (loop, ground):
        session = run_session(
            settings, certified, at, ground=ground, policy=Alternating(), events=quotes(settings.round_trips)
        )
        result = loop.run_until_complete(session)
    expect(not result.problems, f"the session had problems: {result.problems}")
    expect(result.figures["round_trips"] == settings.round_trips, f"not every trade was made: {result.figures}")
    moments = [moment for _, moment in told]
    places = [place for place, (what, _) in enumerate(told) if what == _TRADING]
    expect(len(places) == 1 and places[0] + 1 < len(told), f"the session did not say when it traded: {told}")
    return moments[places[0] + 1] - moments[places[0]]


def quotes(round_trips: int) -> Iterator[MarketEvent]:
    """Enough quotes, a tenth of a second apart, of a price that wanders by a tick or two."""
    rng = Random(1)
    bid, size = 600_000, 5 * QUANTITY_SCALE
    for number in range(2 * round_trips + _SPARE):
        bid += rng.randint(-2, 2)
        time_ns = UTC_AT_ZERO_NS + number * 100 * NANOSECONDS_PER_MILLISECOND
        yield BookTicker(_SYMBOL, bid * _TICK, size, (bid + 1) * _TICK, size, time_ns)
