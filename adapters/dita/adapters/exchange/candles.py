"""What has lately been traded at which price: one bar a minute for a day, and the last public trades. Bounded.

Prices in 1e-10 USDT, quantities in 1e-8 coins, notionals in 1e-8 USDT, times in UTC milliseconds.
"""

from collections import deque
from typing import Final, NamedTuple

from dita.spec.market import MarketTrade
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, NOTIONAL_DIVISOR

MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS
_BARS_MAX: Final = DAY_MS // MINUTE_MS
_TRADES_MAX: Final = 1000
INTERVALS_MS: Final = {
    f"{count}{unit}": count * size
    for unit, size, counts in (
        ("m", MINUTE_MS, (1, 3, 5, 15, 30)),
        ("h", 60 * MINUTE_MS, (1, 2, 4, 6, 8, 12)),
        ("d", DAY_MS, (1,)),
    )
    for count in counts
}


class Bar(NamedTuple):
    """The prices of one interval that begins at ``time_ms``."""

    time_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    notional: int

    def followed_by(self, later: "Bar") -> "Bar":
        """Both as one bar that begins with this one."""
        return Bar(
            self.time_ms,
            self.open,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
            self.volume + later.volume,
            self.notional + later.notional,
        )


class Candles:
    """The past of one market. Without public trades the bars follow the mark price and have no volume."""

    def __init__(self) -> None:
        self.trades: deque[MarketTrade] = deque(maxlen=_TRADES_MAX)
        self._past: deque[Bar] = deque(maxlen=_BARS_MAX - 1)  # finished minutes
        self._start_ms = -1  # of the minute that is under way; -1 before the first price
        self._end_ns = 0
        self._open = self._high = self._low = self._close = self._volume = self._notional = 0

    def trade(self, trade: MarketTrade) -> None:
        """Count one public trade."""
        self.trades.append(trade)
        self.price(trade.price, trade.time_ns)
        self._volume += trade.quantity
        self._notional += trade.price * trade.quantity // NOTIONAL_DIVISOR

    def price(self, price: int, time_ns: int) -> None:
        """Count a price; one that comes late counts for the newest bar."""
        if not price:
            return
        if time_ns >= self._end_ns:
            self._begin(price, time_ns)
            return
        self._close = price
        if price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price

    def _begin(self, price: int, time_ns: int) -> None:
        """Start the minute that the time lies in."""
        if self._start_ms >= 0:
            self._past.append(self._current())
        self._start_ms = time_ns // NANOSECONDS_PER_MILLISECOND // MINUTE_MS * MINUTE_MS
        self._end_ns = (self._start_ms + MINUTE_MS) * NANOSECONDS_PER_MILLISECOND
        self._open = self._high = self._low = self._close = price
        self._volume = self._notional = 0

    def _current(self) -> Bar:
        return Bar(self._start_ms, self._open, self._high, self._low, self._close, self._volume, self._notional)

    def _minutes(self) -> list[Bar]:
        return [*self._past, self._current()] if self._start_ms >= 0 else []

    def bars(self, interval_ms: int, start_ms: int = 0, end_ms: int = 1 << 62) -> list[Bar]:
        """Bars of an interval whose beginning lies between the two times, both included, oldest first."""
        found: list[Bar] = []
        for minute in self._minutes():
            begins_ms = minute.time_ms // interval_ms * interval_ms
            if found and found[-1].time_ms == begins_ms:
                found[-1] = found[-1].followed_by(minute)
            elif start_ms <= begins_ms <= end_ms:
                found.append(minute._replace(time_ms=begins_ms))
        return found

    def newest(self, interval_ms: int) -> Bar | None:
        """The newest bar of an interval, or None before the first price."""
        if self._start_ms < 0:
            return None
        return self.bars(interval_ms, self._start_ms // interval_ms * interval_ms)[-1]

    def day(self) -> Bar | None:
        """The last 24 hours as one bar, or None before the first price."""
        if self._start_ms < 0:
            return None
        minutes = [bar for bar in self._minutes() if bar.time_ms > self._start_ms - DAY_MS]
        whole = minutes[0]
        for bar in minutes[1:]:
            whole = whole.followed_by(bar)
        return whole
