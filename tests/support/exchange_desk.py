"""One matching engine and one account, with short words for orders: for tests of the engine without sockets."""

from dataclasses import replace
from typing import Any

import pytest

from dita.adapters.exchange import ExchangeConfig
from dita.adapters.exchange.account import Account
from dita.adapters.exchange.errors import VenueError
from dita.adapters.exchange.events import OrderUpdate
from dita.adapters.exchange.matching import Engine
from dita.adapters.exchange.orders import (
    ConditionalType,
    NewOrder,
    Order,
    PositionSide,
    Side,
    SplitPlan,
    TimeInForce,
    WorkingType,
)
from dita.adapters.exchange.timers import Timers
from dita.spec.market import BookTicker, MarketTrade
from exchange_client import KEY, MS, START_NS, exchange_config, scaled, ticker


class Desk:
    """One engine, one account, and short words for orders."""

    def __init__(self, config: ExchangeConfig | None = None, *, hedge: bool = True) -> None:
        config = config or exchange_config()
        config = replace(config, accounts=(replace(config.accounts[0], hedge_mode=hedge),))
        self.timers = Timers()
        self.engine = Engine(config, self.timers)
        self.account: Account = self.engine.accounts[KEY]
        self.now_ns = START_NS
        self.count = 0
        self.feed(ticker("60000.0", "60000.1"))

    def feed(self, event: BookTicker | MarketTrade) -> None:
        """One market event now."""
        self.engine.feed(event, self.now_ns)

    def pass_ms(self, milliseconds: int) -> None:
        """Let time pass and what is due happen."""
        self.now_ns += milliseconds * MS
        self.timers.advance(self.now_ns)

    def order(
        self,
        side: Side = "BUY",
        position_side: PositionSide = "LONG",
        quantity: str = "0.01",
        price: str = "",
        *,
        tif: TimeInForce = "GTC",
        reduce_only: bool = False,
        client_id: str | None = None,
        split: SplitPlan | None = None,
    ) -> Order:
        """Submit; without a price it is a MARKET order."""
        self.count += 1
        new = NewOrder(
            "BTC-USDT",
            side,
            position_side,
            "LIMIT" if price else "MARKET",
            tif,
            scaled(quantity, 8),
            scaled(price, 10) if price else 0,
            reduce_only,
            f"c{self.count}" if client_id is None else client_id,
        )
        return self.engine.submit(self.account, new, self.now_ns, split=split)

    def conditional(
        self,
        kind: ConditionalType,
        stop: str,
        side: Side = "SELL",
        position_side: PositionSide = "LONG",
        quantity: str = "0.01",
        price: str = "",
        *,
        watches: WorkingType = "MARK_PRICE",
        reduce_only: bool = False,
    ) -> Order:
        """Submit a conditional order; without a quantity it closes the whole position."""
        new = NewOrder(
            "BTC-USDT",
            side,
            position_side,
            kind,
            "GTC",
            scaled(quantity, 8) if quantity else 0,
            scaled(price, 10) if price else 0,
            reduce_only,
            "",
            scaled(stop, 10),
            watches,
            close_position=not quantity,
        )
        return self.engine.submit(self.account, new, self.now_ns)

    def refused(self, *words: Any, **more: Any) -> int:
        """The code with which the same order is refused."""
        with pytest.raises(VenueError) as caught:
            self.order(*words, **more)
        return caught.value.code

    def told(self) -> list[tuple[str, str, int]]:
        """What the order events said since the last look: execution, status, cumulative quantity."""
        return [
            (event.execution, event.status, event.executed)
            for event in self.engine.take_events()
            if isinstance(event, OrderUpdate)
        ]

    def position(self, side: PositionSide = "LONG") -> int:
        """The signed quantity of a position side."""
        return self.account.position("BTC-USDT", side).quantity


def one_way(config: ExchangeConfig | None = None) -> Desk:
    """A desk whose account nets its positions."""
    return Desk(config, hedge=False)
