"""The venue's facts as plain integers: what the wire half reads and the logic judges. No venue text but ids and names.

Scales are those of ``dita.spec.scales``: prices 1e-10, quantities 1e-8 coins, money 1e-8 USDT, times UTC nanoseconds.
Amounts that are summed before they are rounded (commissions, income) carry 1e-18 USDT (``_e18`` in the name), the scale
of price times quantity, so that a sum is exact and is rounded once.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from dita.spec.vocabulary import OrderSide, Side

# 1e-18 USDT in one unit of money (1e-8 USDT).
E18_PER_MONEY_UNIT: Final = 10**10


class OrderState(Enum):
    """What a status word of the venue says about the order. An unlisted word is OTHER, which is never terminal."""

    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    FAILED = "failed"
    OTHER = "other"

    @property
    def is_terminal(self) -> bool:
        """Whether no further fill can follow."""
        return self in TERMINAL_STATES


TERMINAL_STATES: Final = frozenset({OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED, OrderState.FAILED})


class Evidence(Enum):
    """Where an order row was read. Only STREAM and QUERY can prove that an order is done."""

    STREAM = "stream"  # pushed on the account stream
    QUERY = "query"  # GET of this one order
    LISTING = "listing"  # a row of open orders or of the order history: a hint, which a QUERY confirms
    SUBMIT_ECHO = "submit echo"  # may predate everything
    CANCEL_ECHO = "cancel echo"  # may predate a racing fill


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One reading of one order."""

    evidence: Evidence
    symbol: str
    order_id: str
    client_order_id: str  # lower case; "" when the venue did not say
    side: OrderSide
    position_side: str  # LONG, SHORT, BOTH, or "" when the venue did not say
    state: OrderState
    status_text: str
    type_text: str  # MARKET, LIMIT, STOP_MARKET, LIQUIDATION, …
    ordered_quantity: int
    cum_quantity: int | None  # None: the venue did not say, which is not zero
    average_price: int | None  # rounded by the venue; None: not said
    time_ns: int  # venue time of this reading's newest change
    reduce_only: bool = False
    execution_text: str = ""  # stream only: NEW, TRADE, CANCELED, EXPIRED, CALCULATED
    last_quantity: int | None = None  # stream only: quantity and price of the fill that caused this frame
    last_price: int | None = None
    trade_id: str = ""  # stream only: "" when none
    stop_price: int = 0  # reads only: what a conditional order waits for; 0 when it is none


@dataclass(frozen=True, slots=True)
class FillRow:
    """One match, from the venue's fill history; identified by ``(symbol, trade_id)``."""

    symbol: str
    trade_id: str
    order_id: str
    side: OrderSide
    position_side: str
    price: int
    quantity: int
    commission_e18: int  # as the venue signs it: negative is paid
    commission_asset: str
    time_ns: int  # one-second resolution
    is_maker: bool | None = None  # None: the venue did not say


@dataclass(frozen=True, slots=True)
class PositionRow:
    """One open position; ``side`` is LONG or SHORT, ``quantity`` is not negative."""

    symbol: str
    side: Side
    quantity: int
    average_price: int  # rounded by the venue; 0 when it did not say
    updated_ns: int  # 0 when the venue did not say
    position_id: str


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """Wallet of one settlement asset, 1e-8 USDT."""

    asset: str
    balance: int
    equity: int
    available_margin: int
    used_margin: int


@dataclass(frozen=True, slots=True)
class IncomeRow:
    """One line of the income statement; identified by ``(transaction_id, symbol, type_text)``. Positive: received."""

    symbol: str
    type_text: str
    amount_e18: int
    asset: str
    time_ns: int
    transaction_id: str
    trade_id: str
