"""The records an exchange keeps: orders, fills, positions, income. Integers in the scales of ``dita.spec.scales``."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Side = Literal["BUY", "SELL"]
PositionSide = Literal["LONG", "SHORT", "BOTH"]
ConditionalType = Literal["STOP_MARKET", "STOP", "TAKE_PROFIT_MARKET", "TAKE_PROFIT", "TRIGGER_MARKET", "TRIGGER_LIMIT"]
OrderType = Literal["MARKET", "LIMIT", "LIQUIDATION"] | ConditionalType
WorkingType = Literal["MARK_PRICE", "CONTRACT_PRICE", "INDEX_PRICE"]
TimeInForce = Literal["GTC", "IOC", "FOK", "PostOnly"]
Status = Literal["NEW", "PARTIALLY_FILLED", "FILLED", "CANCELLED", "EXPIRED"]
ProfitType = Literal["REALIZED_PNL", "INSURANCE_CLEAR", "ADL"]  # a trade's, a liquidation's, a deleveraging's
IncomeType = Literal["TRADING_FEE", "FUNDING_FEE", "TRANSFER"] | ProfitType

LIVE: frozenset[Status] = frozenset(("NEW", "PARTIALLY_FILLED"))
STOPS: frozenset[OrderType] = frozenset(("STOP_MARKET", "STOP"))
TAKE_PROFITS: frozenset[OrderType] = frozenset(("TAKE_PROFIT_MARKET", "TAKE_PROFIT"))
PROTECTIVE: frozenset[OrderType] = STOPS | TAKE_PROFITS


class SplitPlan(NamedTuple):
    """Fill an order in ``parts`` pieces, the first at once and the others ``delay_ms`` apart."""

    parts: int
    delay_ms: int


class NewOrder(NamedTuple):
    """A validated request to trade, before it has a number. ``price`` is 0 for whatever trades at the market.

    ``stop_price`` (1e-10 USDT) makes it a conditional order. With ``close_position`` its quantity is 0: it closes what
    is open when it triggers.
    """

    symbol: str
    side: Side
    position_side: PositionSide
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: int
    price: int
    reduce_only: bool
    client_id: str
    stop_price: int = 0
    working_type: WorkingType = "MARK_PRICE"
    close_position: bool = False
    parent_id: int = 0  # the conditional order that became this one


@dataclass(slots=True, eq=False)
class Order:
    """One order. ``notional``, ``commission`` (positive = paid) and ``realised`` are sums over its fills.

    A conditional order (``stop_price``) never fills: when its price is reached another order takes its place.
    """

    order_id: int
    client_id: str
    symbol: str
    side: Side
    position_side: PositionSide
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: int
    price: int
    reduce_only: bool
    leverage: int
    created_ns: int
    updated_ns: int
    visible_ns: int  # GET does not show the order before this instant (read lag)
    status: Status = "NEW"
    executed: int = 0
    notional: int = 0
    commission: int = 0
    realised: int = 0
    resting: bool = False  # fills of a resting LIMIT order are maker fills at its own price
    split: SplitPlan | None = None
    scheduled: bool = False  # its fills come from timers, not from tickers
    cancel_asked_ns: int = 0
    stop_price: int = 0
    working_type: WorkingType = "MARK_PRICE"
    close_position: bool = False
    triggers_falling: bool = False  # a conditional order: whether the price has to fall to it
    parent_id: int = 0
    profit_type: ProfitType = "REALIZED_PNL"  # as what its profit is booked
    stale: "Order | None" = None  # what GET still shows of it ...
    stale_until_ns: int = 0  # ... until then

    @property
    def live(self) -> bool:
        """Whether it may still fill."""
        return self.status in LIVE

    @property
    def remaining(self) -> int:
        """What is not filled yet."""
        return self.quantity - self.executed

    def shown(self, now_ns: int) -> "Order":
        """What GET shows of it: itself, or for a while what it was."""
        return self.stale if self.stale is not None and now_ns < self.stale_until_ns else self

    @property
    def claims_position(self) -> bool:
        """Whether it lays claim to a part of a position; a conditional order does not before it triggers."""
        return not self.stop_price and (self.reduce_only or self.closes_hedge)

    @property
    def closes_hedge(self) -> bool:
        """Whether it closes a position side in hedge mode (SELL of a LONG, BUY of a SHORT)."""
        return (self.position_side == "LONG" and self.side == "SELL") or (
            self.position_side == "SHORT" and self.side == "BUY"
        )


class Fill(NamedTuple):
    """One match. ``commission`` positive = paid; ``realised`` is the profit this fill took out of a position."""

    trade_id: int
    order_id: int
    client_id: str
    symbol: str
    side: Side
    position_side: PositionSide
    order_type: OrderType
    price: int
    quantity: int
    notional: int
    commission: int
    realised: int
    maker: bool
    time_ns: int
    visible_ns: int


class IncomeRow(NamedTuple):
    """One change of the wallet; positive = received."""

    income_type: IncomeType
    symbol: str
    income: int
    info: str
    time_ns: int
    transaction_id: int
    trade_id: int
    visible_ns: int


@dataclass(slots=True, eq=False)
class Position:
    """One position side. ``quantity`` is signed: positive long, negative short.

    ``cost`` is the exact entry notional of what is open, so that closing all of it realises exactly exit notional
    minus entry notional.
    """

    symbol: str
    side: PositionSide
    position_id: int = 0
    quantity: int = 0
    cost: int = 0
    realised: int = 0
    added_margin: int = 0  # isolated margin beyond the initial one, put in by hand
    opened_ns: int = 0
    updated_ns: int = 0

    @property
    def size(self) -> int:
        """The unsigned quantity."""
        return self.quantity if self.quantity >= 0 else -self.quantity

    def close(self, quantity: int, notional: int) -> int:
        """Take ``quantity`` (at most the size) out for ``notional`` and return the realised profit in 1e-8 USDT.

        The entry cost of a part is its share, cut off; the last part takes what is left, so nothing is lost.
        """
        released = self.cost * quantity // self.size
        self.cost -= released
        if self.quantity > 0:
            self.quantity -= quantity
            profit = notional - released
        else:
            self.quantity += quantity
            profit = released - notional
        self.realised += profit
        return profit

    def open(self, signed_quantity: int, notional: int) -> None:
        """Add to the position in its own direction."""
        self.quantity += signed_quantity
        self.cost += notional

    def unrealised(self, mark_price: int, divisor: int) -> int:
        """Profit if the position were closed at ``mark_price`` (1e-10 USDT), cut towards minus infinity."""
        value = self.size * mark_price // divisor
        return value - self.cost if self.quantity > 0 else self.cost - value
