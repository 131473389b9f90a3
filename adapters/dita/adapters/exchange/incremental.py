"""incrDepth: a whole book once, then what has changed of it (BingX, incremental depth).

A change gives the new quantity of each price, 0 for one that is gone; numbers rise by one with each. Whoever subscribes
later gets the book as it was last told, so that the next change fits.
"""

from typing import Final

from dita.adapters.exchange.frames import data_frame, depth_rows
from dita.adapters.exchange.market import Market

LEVELS_MAX: Final = 1024  # a side
_GONE: Final = "0"


class IncrementalBook:
    """What the listeners of one topic have been told."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._number = market.updates
        self._bids, self._asks = self._now()

    def whole(self, topic: str, pushed_ms: int) -> str:
        """All that was told so far, both sides best first."""
        bids, asks = ([[*row] for row in side.items()] for side in (self._bids, self._asks))
        return self._frame(topic, "all", bids, asks, pushed_ms)

    def change(self, topic: str, pushed_ms: int) -> str | None:
        """What is different now, offers worst first as observed; None when nothing is."""
        bids, asks = self._now()
        bid_rows, ask_rows = _changes(self._bids, bids), _changes(self._asks, asks)
        if not bid_rows and not ask_rows:
            return None
        self._number += 1
        self._bids, self._asks = bids, asks
        return self._frame(topic, "update", bid_rows, ask_rows[::-1], pushed_ms)

    def _now(self) -> tuple[dict[str, str], dict[str, str]]:
        """Quantity by price, best first."""
        market = self._market
        bids = {row[0]: row[1] for row in depth_rows(market.bids(), market.contract, LEVELS_MAX)}
        asks = {row[0]: row[1] for row in depth_rows(market.asks(), market.contract, LEVELS_MAX)}
        return bids, asks

    def _frame(self, topic: str, action: str, bids: list[list[str]], asks: list[list[str]], pushed_ms: int) -> str:
        data = {"action": action, "lastUpdateId": self._number, "time": pushed_ms, "bids": bids, "asks": asks}
        return data_frame(topic, data)


def _changes(told: dict[str, str], now: dict[str, str]) -> list[list[str]]:
    """New quantities, and 0 for what is gone."""
    new = [[price, quantity] for price, quantity in now.items() if told.get(price) != quantity]
    return new + [[price, _GONE] for price in told if price not in now]
