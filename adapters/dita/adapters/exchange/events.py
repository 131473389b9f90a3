"""What the matching engine tells: values taken at the instant they happened, in the order they happened."""

from typing import Literal, NamedTuple

from dita.adapters.exchange.orders import Fill, Order, PositionSide, Status

Execution = Literal["NEW", "TRADE", "CANCELED", "EXPIRED", "CALCULATED"]
UpdateReason = Literal["ORDER", "FUNDING_FEE", "DEPOSIT", "WITHDRAW"]


class OrderUpdate(NamedTuple):
    """One step of an order. ``order`` is live and may move on; the numbers beside it are of this step."""

    account: str
    order: Order
    execution: Execution
    status: Status
    executed: int
    notional: int
    commission: int
    fill: Fill | None
    time_ns: int


class PositionValue(NamedTuple):
    """A position side as it stood; ``quantity`` signed, ``average_price`` rounded to the contract's tick."""

    symbol: str
    side: PositionSide
    quantity: int
    average_price: int
    unrealised: int
    realised: int
    margin: int


class AccountUpdate(NamedTuple):
    """A change of money and, with trades, of positions."""

    account: str
    reason: UpdateReason
    wallet: int
    isolated_margin: int  # the part of the wallet that only isolated positions may use
    change: int  # what moved apart from trading: transfers and funding
    positions: tuple[PositionValue, ...]
    time_ns: int


VenueEvent = OrderUpdate | AccountUpdate
