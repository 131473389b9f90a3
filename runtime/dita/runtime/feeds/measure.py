"""What a stream of quotes and trades looks like in numbers: the same measure for recordings and generated streams.

**Jump.** Cut the stream at whole seconds from its first quote; the return of a second is the change of the mid price
from its beginning to its end, in parts per billion of the price at its beginning. The bipower volatility is
``sqrt(pi/2 * mean(|r[i]| * |r[i+1]|))`` (Barndorff-Nielsen and Shephard 2004; pi/2 taken as 11/7): a single large
return hardly moves it. A jump is a second whose return exceeds four of those. Frequency and size follow.

Everything is integer, so two machines that measure the same stream get the same numbers.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isqrt
from typing import Final

from dita.runtime.feeds.errors import FeedError
from dita.runtime.feeds.model import Measurement
from dita.spec.market import BookTicker, MarketEvent, MarketTrade
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND

JUMP_SIGMAS: Final = 4
SECONDS_MIN: Final = 60
MILLISECONDS_PER_SECOND: Final = 1000
MILLION: Final = 10**6
BILLION: Final = 10**9


@dataclass(frozen=True, slots=True)
class Tape:
    """A finite stream of one symbol, taken apart: quotes, trades, and the tick that its prices are counted in."""

    quotes: tuple[BookTicker, ...]
    trades: tuple[MarketTrade, ...]
    tick: int
    lot: int

    def spread_ticks(self, quote: BookTicker) -> int:
        """Ask minus bid, in ticks."""
        return (quote.ask_price - quote.bid_price) // self.tick


@dataclass(frozen=True, slots=True)
class Second:
    """One whole second of a tape.

    ``quotes`` are the positions of those that fall in it; ``rest`` is the bid, in ticks, of the last quote that was one
    tick wide, at its end; ``move_ticks`` is the change of that over the second.
    """

    quotes: range
    return_ppb: int
    rest: int
    move_ticks: int


def tape_of(events: Iterable[MarketEvent], tick: int, lot: int) -> Tape:
    """Takes a finite stream apart. Prices must lie on ``tick`` (1e-10) and quantities on ``lot`` (1e-8 coins)."""
    quotes: list[BookTicker] = []
    trades: list[MarketTrade] = []
    for event in events:
        if isinstance(event, BookTicker):
            quotes.append(event)
        else:
            trades.append(event)
    return Tape(tuple(quotes), tuple(trades), tick, lot)


def quantile(ordered: Sequence[int], percent: int) -> int:
    """The value at ``percent`` of an ordered sequence (nearest rank, downwards)."""
    return ordered[percent * (len(ordered) - 1) // 100]


def share_ppm(part: int, whole: int) -> int:
    """A part of a whole in parts per million; none of nothing is 0."""
    return part * MILLION // whole if whole else 0


def round_divide(numerator: int, denominator: int) -> int:
    """The nearest integer to numerator / denominator, halves away from zero; denominator positive."""
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return magnitude if numerator >= 0 else -magnitude


def root_mean_square(values: Sequence[int]) -> int:
    """In the values' unit, rounded down; 0 for no values."""
    return isqrt(round_divide(sum(value * value for value in values), len(values))) if values else 0


def bipower(returns: Sequence[int]) -> int:
    """Jump-robust volatility of consecutive returns, in their unit."""
    products = sum(abs(before) * abs(after) for before, after in pairwise(returns))
    return isqrt(products * 11 // (7 * (len(returns) - 1)))


def seconds_of(tape: Tape) -> list[Second]:
    """The whole seconds of a tape, from its first quote. Raises FeedError if there are fewer than ``SECONDS_MIN``."""
    quotes = tape.quotes
    whole = (quotes[-1].time_ns - quotes[0].time_ns) // NANOSECONDS_PER_SECOND if quotes else 0
    if whole < SECONDS_MIN:
        raise FeedError(
            "stream", f"has {whole} whole seconds of quotes", f"measure one of at least {SECONDS_MIN} seconds"
        )
    seconds: list[Second] = []
    position = 0
    rest = quotes[0].bid_price // tape.tick
    middle = quotes[0].bid_price + quotes[0].ask_price
    for number in range(whole):
        end_ns = quotes[0].time_ns + (number + 1) * NANOSECONDS_PER_SECOND
        first = position
        before_rest, before_middle = rest, middle
        while quotes[position].time_ns < end_ns:
            quote = quotes[position]
            if quote.ask_price - quote.bid_price == tape.tick:
                rest = quote.bid_price // tape.tick
            middle = quote.bid_price + quote.ask_price
            position += 1
        seconds.append(
            Second(
                range(first, position),
                round_divide((middle - before_middle) * BILLION, before_middle),
                rest,
                rest - before_rest,
            )
        )
    return seconds


def is_jump(return_ppb: int, bipower_ppb: int) -> bool:
    """Whether a one-second return is a jump, by the definition above."""
    return abs(return_ppb) > JUMP_SIGMAS * bipower_ppb


def bursts_of(trades: Iterable[MarketTrade]) -> list[list[MarketTrade]]:
    """Consecutive trades of one aggressor in one millisecond."""
    bursts: list[list[MarketTrade]] = []
    for trade in trades:
        last = bursts[-1][-1] if bursts else None
        if last is not None and (last.time_ns, last.buyer_is_maker) == (trade.time_ns, trade.buyer_is_maker):
            bursts[-1].append(trade)
        else:
            bursts.append([trade])
    return bursts


def measure(tape: Tape) -> Measurement:
    """Measures a stream of at least a minute. Raises FeedError if it is shorter or has no trade."""
    seconds = seconds_of(tape)
    if not tape.trades:
        raise FeedError("stream", "has no trade", "measure a stream of quotes and trades")
    quotes = tape.quotes
    duration_ms = (quotes[-1].time_ns - quotes[0].time_ns) // NANOSECONDS_PER_MILLISECOND
    intervals = [(after.time_ns - before.time_ns) // NANOSECONDS_PER_MILLISECOND for before, after in pairwise(quotes)]
    ordered = sorted(intervals)
    spreads = [tape.spread_ticks(quote) for quote in quotes]
    wide = sorted(spread for spread in spreads if spread > 1) or [1]
    narrow_ms = sum(interval for interval, spread in zip(intervals, spreads, strict=False) if spread == 1)
    returns = [second.return_ppb for second in seconds]
    robust = bipower(returns)
    jumps = sorted(abs(one) for one in returns if is_jump(one, robust))
    depth = sorted(quantity // tape.lot for quote in quotes for quantity in (quote.bid_quantity, quote.ask_quantity))
    bursts = bursts_of(tape.trades)
    sizes = sorted(trade.quantity // tape.lot for trade in tape.trades)
    return Measurement(
        duration_ms=duration_ms,
        quotes=len(quotes),
        trades=len(tape.trades),
        quotes_per_second_milli=len(quotes) * MILLION // duration_ms,
        interval_mean_us=duration_ms * MILLISECONDS_PER_SECOND // len(intervals),
        interval_zero_ppm=share_ppm(intervals.count(0), len(intervals)),
        interval_quantiles_ms=(
            quantile(ordered, 50), quantile(ordered, 75), quantile(ordered, 90), quantile(ordered, 99)
        ),
        spread_one_tick_ppm=share_ppm(spreads.count(1), len(spreads)),
        spread_one_tick_time_ppm=share_ppm(narrow_ms, duration_ms),
        spread_wide_quantiles_ticks=(quantile(wide, 25), quantile(wide, 50), quantile(wide, 90)),
        volatility_ppb=root_mean_square(returns),
        bipower_ppb=robust,
        still_seconds_ppm=share_ppm(returns.count(0), len(returns)),
        jumps=len(jumps),
        jumps_per_hour=round_divide(len(jumps) * 3600, len(seconds)),
        jump_mean_ppb=sum(jumps) // len(jumps) if jumps else 0,
        jump_largest_ppb=jumps[-1] if jumps else 0,
        quantity_quantiles_lots=(
            quantile(depth, 10), quantile(depth, 25), quantile(depth, 50), quantile(depth, 75), quantile(depth, 90)
        ),
        trades_per_second_milli=len(sizes) * MILLION // duration_ms,
        trade_quantiles_lots=(quantile(sizes, 25), quantile(sizes, 50), quantile(sizes, 90)),
        seller_bursts_ppm=share_ppm(sum(burst[0].buyer_is_maker for burst in bursts), len(bursts)),
    )  # fmt: skip


def histogram(values: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """``(value, count)`` in rising order of value."""
    return tuple(sorted(Counter(values).items()))
