"""One symbol's market as the exchange sees it: the best bid and ask, what is left of them, and the resting orders."""

import heapq
from collections import deque

from dita.adapters.exchange.account import Account
from dita.adapters.exchange.candles import Bar, Candles
from dita.adapters.exchange.config import Contract, MatchingRules
from dita.adapters.exchange.orders import Order, Side
from dita.spec.market import BookTicker

_FIRST = -(1 << 62)  # a waiting MARKET order stands before every LIMIT order
_COMPACT_MIN = 64
_FUNDING_MAX = 1000

Line = list[tuple[int, int, Order, Account]]  # a heap by (price key, order number)


class Level:
    """Price (1e-10 USDT) and what is still to be had there (1e-8 coins)."""

    __slots__ = ("left", "price")

    def __init__(self, price: int, left: int) -> None:
        self.price = price
        self.left = left


class Market:
    """Levels are made from the last ticker when somebody needs them, and used up until the next one."""

    def __init__(self, contract: Contract, rules: MatchingRules) -> None:
        self.contract = contract
        self.bid_price = 0
        self.bid_quantity = 0
        self.ask_price = 0
        self.ask_quantity = 0
        self.last_price = 0
        self.time_ns = 0
        self.updates = 0
        self.candles = Candles()
        self.funding: deque[tuple[int, int]] = deque(maxlen=_FUNDING_MAX)  # UTC nanoseconds, rate in 1e-9
        self.buys: Line = []
        self.sells: Line = []
        self.conditional: list[tuple[Order, Account]] = []  # oldest first
        self._compact_at = {"BUY": _COMPACT_MIN, "SELL": _COMPACT_MIN}
        self._compact_conditional_at = _COMPACT_MIN
        self._levels_max = rules.ladder_levels if rules.liquidity == "ladder" else 1
        self._step = rules.ladder_step_ticks * contract.tick
        self._lot = contract.lot
        self._asks: list[Level] | None = None
        self._bids: list[Level] | None = None

    def update(self, ticker: BookTicker) -> None:
        """Take new best prices, their quantities in whole lots; what was left of the old ones is gone."""
        self.bid_price = ticker.bid_price
        self.bid_quantity = self.whole_lots(ticker.bid_quantity)
        self.ask_price = ticker.ask_price
        self.ask_quantity = self.whole_lots(ticker.ask_quantity)
        self.time_ns = ticker.time_ns
        self.updates += 1
        self._asks = None
        self._bids = None
        if not self.candles.trades:
            mark = self.mark_price
            self.candles.price(mark - mark % self.contract.tick, ticker.time_ns)

    def whole_lots(self, quantity: int) -> int:
        """What the contract can trade of a quantity (1e-8 coins): a feed may be finer, but no fill is part of a lot."""
        return quantity - quantity % self._lot

    @property
    def mark_price(self) -> int:
        """The middle of the best prices; one side alone stands for both; 0 without a market."""
        if self.bid_price and self.ask_price:
            return (self.bid_price + self.ask_price) // 2
        return self.bid_price or self.ask_price

    @property
    def last_quantity(self) -> int:
        """What the last public trade moved, in 1e-8 coins."""
        return self.candles.trades[-1].quantity if self.candles.trades else 0

    def day(self) -> Bar:
        """The last 24 hours; before the first price a bar of zeros."""
        return self.candles.day() or Bar(0, 0, 0, 0, 0, 0, 0)

    def asks(self) -> list[Level]:
        """Offers, best first."""
        levels = self._asks
        if levels is None:
            levels = self._asks = self._ladder(self.ask_price, self.ask_quantity, self._step)
        return levels

    def bids(self) -> list[Level]:
        """Bids, best first."""
        levels = self._bids
        if levels is None:
            levels = self._bids = self._ladder(self.bid_price, self.bid_quantity, -self._step)
        return levels

    def opposite(self, side: Side) -> list[Level]:
        """The levels an order of that side trades with, best first."""
        return self.asks() if side == "BUY" else self.bids()

    def best_opposite(self, side: Side) -> int:
        """The best price an order of that side could get, 0 if there is none."""
        return self.ask_price if side == "BUY" else self.bid_price

    def crosses(self, order_price: int, side: Side) -> bool:
        """Whether an order at that price (0 = MARKET) would trade with the best opposite price."""
        best = self.best_opposite(side)
        if not best:
            return False
        return not order_price or (order_price >= best if side == "BUY" else order_price <= best)

    def rest(self, order: Order, account: Account) -> None:
        """Put an order in line by price, then by order number."""
        if order.side == "BUY":
            line, key = self.buys, -order.price
        else:
            line, key = self.sells, order.price
        heapq.heappush(line, (key if order.price else _FIRST, order.order_id, order, account))
        if len(line) >= self._compact_at[order.side]:
            # Finished orders leave a heap only at its top; without this the others would stay for ever.
            line[:] = [entry for entry in line if entry[2].live]
            heapq.heapify(line)
            self._compact_at[order.side] = max(_COMPACT_MIN, 2 * len(line))

    def wait(self, order: Order, account: Account) -> None:
        """Keep a conditional order until its price is reached."""
        waiting = self.conditional
        waiting.append((order, account))
        if len(waiting) >= self._compact_conditional_at:
            waiting[:] = [entry for entry in waiting if entry[0].live]
            self._compact_conditional_at = max(_COMPACT_MIN, 2 * len(waiting))

    def _ladder(self, price: int, quantity: int, step: int) -> list[Level]:
        if not price or not quantity:
            return []
        levels = (price + step * depth for depth in range(self._levels_max))
        return [Level(level, quantity) for level in levels if level > 0]
