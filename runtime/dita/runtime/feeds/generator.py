"""A seeded market of quotes and trades that behaves like two recorded ones, for everyone without the recordings.

Calibrated by ``calibrate`` on 344 s of the Binance USD-M perpetuals of 2024-08-08 23:54 UTC; this module reads only
the files in ``parameters/`` that it wrote. Measured there (``measure`` defines each, also a jump):

===================================== ============ ============
..                                    BTC-USDT     ETH-USDT
===================================== ============ ============
quotes per second                     191.9        156.6
quotes in the same millisecond        48.2 %       42.8 %
interval 75 % / 90 % / 99 %, ms       2 / 14 / 76  3 / 18 / 86
tick, USDT                            0.1          0.01
spread of one tick, of quotes         94.2 %       95.3 %
spread of one tick, of time           99.1 %       99.1 %
wider spreads 50 % / 90 %, ticks      8 / 41       4 / 14
volatility of 1 s returns, ppm        121.6        121.0
seconds that do not move              46.5 %       37.8 %
jumps per hour (9 and 3 observed)     94           31
mean jump, ppm                        541          598
quantity at best, median, coins       2.677        13.340
trades per second                     61.9         40.8
===================================== ============ ============

How it works. Time runs in seconds, each of a regime (still, moving, jump; slow or busy) that follows the one before
with the recorded frequency. The regime gives the intervals between quotes, how far the price goes in the second, in
how many steps, and how often trades come; the sign of a move is a fair coin. The spread opens beyond one tick for a
stretch of quotes, on the side the price moves to. Quantities walk through the recorded distribution, one side at a
time, and start afresh where the price of their side changes. Trades come in bursts of one aggressor at the last quote.

What it does not do: symbols are independent of each other (the recorded ones are not), a burst of trades does not walk
the book or take from the quantity shown, and below a second only rate, spread and steps are calibrated. Two recordings
of six minutes are thin evidence for jumps. To keep prices positive on endless streams, a price beyond twice or half of
where it started only moves back.

All arithmetic is integer and the only chance is ``random.Random`` seeded with text, from which only whole bits are
drawn: the same seed gives the same stream on every machine.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from random import Random
from typing import Final

from dita.runtime.feeds.errors import FeedError
from dita.runtime.feeds.model import QUANTITY_BINS, RANK_PARTS, Model, Regime
from dita.spec.market import BookTicker, MarketEvent, MarketTrade
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND, TIME_MAX_NS

START_TIME_NS: Final = 1_723_161_600 * NANOSECONDS_PER_SECOND  # 2024-08-09 00:00:00 UTC, when the recordings end
MILLION: Final = 10**6
RANKS: Final = QUANTITY_BINS * RANK_PARTS
_DRAW_BITS: Final = 40


class _Chance:
    """Integer draws from a seeded source."""

    def __init__(self, seed: str) -> None:
        self._bits: Final = Random(seed).getrandbits  # text seeds go through SHA-512: no machine's hash is involved

    def below(self, bound: int) -> int:
        """A whole number from 0 to ``bound`` - 1."""
        return (self._bits(_DRAW_BITS) * bound) >> _DRAW_BITS

    def happens(self, ppm: int) -> bool:
        return (self._bits(_DRAW_BITS) * MILLION) >> _DRAW_BITS < ppm

    def coin(self) -> bool:
        return self._bits(1) == 1


class _Draw:
    """Draws from a histogram."""

    def __init__(self, chance: _Chance, rows: Iterable[tuple[int, int]]) -> None:
        kept = [(value, count) for value, count in rows if count]
        self._chance: Final = chance
        self._values: Final = [value for value, _ in kept]
        self._ends: Final = list(accumulate(count for _, count in kept))

    def __call__(self) -> int:
        return self._values[bisect_right(self._ends, self._chance.below(self._ends[-1]))]


class _RegimeDraws:
    """One regime's tables, ready to draw from."""

    def __init__(self, chance: _Chance, regime: Regime) -> None:
        self.interval_ms: Final = _Draw(chance, regime.interval_ms)
        self.following: Final = _Draw(chance, enumerate(regime.following))
        self.move_ticks: Final = _Draw(chance, ((value, 1) for value in regime.move_ticks))
        self.steps: Final = _Draw(chance, regime.steps)
        self.wide_starts_ppm: Final = regime.wide_starts_ppm
        self.trade_bursts_ppm: Final = regime.trade_bursts_ppm


class _Level:
    """Quantity shown on one side: a rank that walks, reflected at both ends, through the recorded distribution."""

    def __init__(self, chance: _Chance, edges_lots: tuple[int, ...], rank_step: tuple[int, ...]) -> None:
        self._chance: Final = chance
        self._edges: Final = edges_lots
        self._steps: Final = _Draw(chance, ((value, 1) for value in rank_step))
        self._rank = 0
        self.lots = 0
        self.renew()

    def renew(self) -> None:
        """A new price: a new quantity."""
        self._rank = self._chance.below(RANKS)
        self.lots = self._lots_at_rank()

    def walk(self) -> None:
        """The same price: another quantity, some way off in the distribution."""
        step = self._steps()
        rank = self._rank + (step if self._chance.coin() else -step)
        if rank < 0:
            rank = -rank - 1
        elif rank >= RANKS:
            rank = 2 * RANKS - 1 - rank
        self._rank = min(max(rank, 0), RANKS - 1)
        before = self.lots
        self.lots = self._lots_at_rank()
        if self.lots == before:  # a quote is sent because something changed
            self.lots += 1

    def _lots_at_rank(self) -> int:
        low_bin, part = divmod(self._rank, RANK_PARTS)
        low, high = self._edges[low_bin], self._edges[low_bin + 1]
        return low + (high - low) * part // RANK_PARTS


class _Market:
    """One symbol's market: the state between two quotes."""

    def __init__(self, model: Model, seed: int, start_time_ns: int) -> None:
        chance = _Chance(f"{seed}:{model.symbol}")
        self._chance: Final = chance
        self._model: Final = model
        self._regimes: Final = [_RegimeDraws(chance, regime) for regime in model.regimes]
        self._regime = self._regimes[_Draw(chance, ((at, one.seconds) for at, one in enumerate(model.regimes)))()]
        self._wide_interval_ms: Final = _Draw(chance, model.wide.interval_ms)
        self._wide_spread: Final = _Draw(chance, model.wide.spread_ticks)
        self._wide_run: Final = _Draw(chance, model.wide.run_quotes)
        self._step_gap: Final = _Draw(chance, model.step_gap_quotes)
        self._burst: Final = _Draw(chance, model.trades.burst)
        self._bid_level: Final = _Level(chance, model.quantity.edges_lots, model.quantity.rank_step)
        self._ask_level: Final = _Level(chance, model.quantity.edges_lots, model.quantity.rank_step)
        self._second_ns = start_time_ns
        self._next_ns = start_time_ns
        self._rest = model.first_bid_ticks  # the bid while the spread is one tick
        self._wide_left = 0
        self._spread = 1
        self._wide_upwards = False
        self._owed = 0  # net move of a second in which no quote fell
        self._quote = self._quote_at(start_time_ns, self._rest, self._rest + 1)

    def second(self) -> list[MarketEvent]:
        """The events of the next second, in order of time."""
        self._second_ns += NANOSECONDS_PER_SECOND
        move = self._net_move() + self._owed
        times = self._quote_times(upwards=move > 0 if move else self._chance.coin())
        self._owed = 0 if times else move
        steps = self._steps_of(move, len(times)) if times else {}
        events: list[MarketEvent] = []
        for position, (time_ns, spread, upwards) in enumerate(times):
            if self._chance.happens(self._regime.trade_bursts_ppm):
                self._add_trades(events, time_ns, move)
            self._rest += steps.get(position, 0)
            bid = self._rest if upwards else self._rest + 1 - spread
            self._quote = self._next_quote(time_ns, bid, bid + spread)
            events.append(self._quote)
        self._regime = self._regimes[self._regime.following()]
        return events

    def _net_move(self) -> int:
        size = self._regime.move_ticks()
        first = self._model.first_bid_ticks
        if self._rest - size < first // 2:
            return size
        if self._rest + size > first * 2:
            return -size
        return size if self._chance.coin() else -size

    def _quote_times(self, *, upwards: bool) -> list[tuple[int, int, bool]]:
        """Time, spread and side of opening of the quotes of this second."""
        times: list[tuple[int, int, bool]] = []
        regime = self._regime
        while self._next_ns < self._second_ns:
            if self._wide_left:
                self._wide_left -= 1
                if self._chance.happens(self._model.wide.changes_ppm):
                    self._spread = self._wide_spread()
            elif self._spread == 1 and self._chance.happens(regime.wide_starts_ppm):
                self._spread, self._wide_left, self._wide_upwards = self._wide_spread(), self._wide_run() - 1, upwards
            else:
                self._spread = 1
            times.append((self._next_ns, self._spread, self._wide_upwards))
            interval_ms = regime.interval_ms() if self._spread == 1 else self._wide_interval_ms()
            self._next_ns += interval_ms * NANOSECONDS_PER_MILLISECOND
        return times

    def _steps_of(self, move: int, quotes: int) -> dict[int, int]:
        """Cuts a net move into steps, each at the position of a quote."""
        if move == 0:
            return {}
        size = abs(move)
        count = min(max(self._regime.steps(), 1), size)
        cuts = sorted(self._chance.below(size + 1) for _ in range(count - 1))
        position = self._chance.below(quotes)
        steps: dict[int, int] = {}
        for before, after in zip([0, *cuts], [*cuts, size], strict=True):
            at = min(position, quotes - 1)
            steps[at] = steps.get(at, 0) + (after - before if move > 0 else before - after)
            position += self._step_gap()
        return steps

    def _next_quote(self, time_ns: int, bid: int, ask: int) -> BookTicker:
        tick = self._model.tick
        bid_moved = bid * tick != self._quote.bid_price
        ask_moved = ask * tick != self._quote.ask_price
        if bid_moved:
            self._bid_level.renew()
        if ask_moved:
            self._ask_level.renew()
        if not bid_moved and not ask_moved:
            (self._bid_level if self._chance.happens(self._model.quantity.bid_changes_ppm) else self._ask_level).walk()
        return self._quote_at(time_ns, bid, ask)

    def _quote_at(self, time_ns: int, bid: int, ask: int) -> BookTicker:
        model = self._model
        return BookTicker(
            model.symbol,
            bid * model.tick,
            self._bid_level.lots * model.lot,
            ask * model.tick,
            self._ask_level.lots * model.lot,
            time_ns,
        )

    def _add_trades(self, events: list[MarketEvent], time_ns: int, move: int) -> None:
        trades = self._model.trades
        if move:
            seller = self._chance.happens(trades.with_move_ppm) == (move < 0)
        else:
            seller = self._chance.happens(trades.seller_ppm)
        price = self._quote.bid_price if seller else self._quote.ask_price
        for _ in range(self._burst()):
            lots = trades.size_lots[self._chance.below(len(trades.size_lots))]
            events.append(MarketTrade(self._model.symbol, price, lots * self._model.lot, seller, time_ns))


def generate(model: Model, seed: int, *, start_time_ns: int = START_TIME_NS) -> Iterator[MarketEvent]:
    """An endless stream of one symbol's quotes and trades; times rise, from ``start_time_ns`` (UTC nanoseconds).

    The first event is a quote. Streams of one seed differ by symbol. Raises FeedError, on the first event, for a start
    outside the kernel's range of times, and ends with one where the stream would leave it.
    """
    if not 0 < start_time_ns < TIME_MAX_NS:
        raise FeedError(
            "start_time_ns", f"`{start_time_ns}` is outside 1 to {TIME_MAX_NS}", "give a time in UTC nanoseconds"
        )
    market = _Market(model, seed, start_time_ns)
    started = False
    end_ns = start_time_ns
    while (end_ns := end_ns + NANOSECONDS_PER_SECOND) <= TIME_MAX_NS:
        for event in market.second():
            # Until the first quote there is no price a trade could have been made at.
            if started or isinstance(event, BookTicker):
                started = True
                yield event
    raise FeedError("generator", f"has reached the last time the kernel knows, `{TIME_MAX_NS}`", "start it earlier")
