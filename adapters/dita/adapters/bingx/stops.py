"""Stops that protect a position: the venue holds them back until the mark price reaches them (BingX, place order).

They close and never open: for one side only in hedge mode, reduce-only in one-way mode, or of the whole position
whatever its size. The venue honours no client id of theirs, so a stop whose placing was not answered is looked for
among the open orders (``like``), and one that was placed is known by the venue's id alone. It outlives its position
unless it is cancelled, and its fill is no order of the kernel's (clause C4).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from dita.adapters.bingx.api import Answer
from dita.adapters.bingx.contracts import Contract
from dita.adapters.bingx.orders import (
    Accepted,
    Echoed,
    SubmitResult,
    Unknown,
    UnknownReason,
    echoed,
    symbol_fault,
)
from dita.adapters.bingx.rest import PositionMode
from dita.adapters.bingx.transport import Failure
from dita.adapters.bingx.units import UnitsError, price_text, price_units, quantity_text
from dita.adapters.logic.rows import OrderRow, OrderState
from dita.spec.scales import BOUND
from dita.spec.vocabulary import OrderSide, Side


class StopKind(Enum):
    """On which side of the mark price it waits; the value is the venue's word."""

    STOP = "STOP_MARKET"  # for a loss: below it for a long position, above it for a short one
    TAKE_PROFIT = "TAKE_PROFIT_MARKET"


@dataclass(frozen=True, slots=True)
class NewStop:
    """One stop to be placed. ``send_by_ns`` is venue time: nothing is written after it."""

    symbol: str
    position: Side  # LONG or SHORT: what it closes
    stop_price: int  # 1e-10 USDT, of the mark price
    send_by_ns: int
    quantity: int = 0  # 1e-8 coins; 0: the whole position, whatever it is by then
    kind: StopKind = StopKind.STOP

    @property
    def side(self) -> OrderSide:
        """What closes the position."""
        return OrderSide.SELL if self.position is Side.LONG else OrderSide.BUY


def stop_parameters(stop: NewStop, mode: PositionMode) -> dict[str, str]:
    """The stop as request parameters. ``workingType`` is always said: the venue's pages disagree on its default."""
    one_way = mode is PositionMode.ONE_WAY
    parameters = {
        "symbol": stop.symbol,
        "side": stop.side.name,
        "positionSide": "BOTH" if one_way else stop.position.name,
        "type": stop.kind.value,
        "stopPrice": price_text(stop.stop_price),
        "workingType": "MARK_PRICE",
    }
    if not stop.quantity:
        return parameters | {"closePosition": "true"}  # excludes quantity and reduceOnly
    parameters["quantity"] = quantity_text(stop.quantity)
    return parameters | ({"reduceOnly": "true"} if one_way else {})  # hedge mode refuses the flag


def stop_fault(stop: NewStop, contract: Contract | None) -> str | None:
    """Why the stop must not be sent as it is, or None. The venue truncates excess decimals silently."""
    if (fault := symbol_fault(stop.symbol)) is not None:
        return fault
    if stop.position not in (Side.LONG, Side.SHORT):
        return f"position: `{stop.position!r}` is neither LONG nor SHORT"
    if not 0 < stop.stop_price <= BOUND:
        return f"stop_price: `{stop.stop_price}` is not positive and within bounds"
    if not 0 <= stop.quantity <= BOUND:
        return f"quantity: `{stop.quantity}` is negative or out of bounds"
    if contract is None:
        return f"symbol: the contract of `{stop.symbol}` is not loaded"
    if stop.stop_price % contract.tick:
        return f"stop_price: `{price_text(stop.stop_price)}` is not a multiple of `{price_text(contract.tick)}`"
    if stop.quantity % contract.lot:
        return f"quantity: `{quantity_text(stop.quantity)}` is not a multiple of `{quantity_text(contract.lot)}`"
    return None


def judged_stop(stop: NewStop, result: Answer | Failure) -> SubmitResult:
    """What an exchange about a stop proves: accepted only with the venue's id, and as what it was sent."""
    yes = echoed(result, "stop")
    if not isinstance(yes, Echoed):
        return yes
    echo = yes.order
    try:
        price = None if echo.stop_price is None else price_units(echo.stop_price, "stopPrice")
    except UnitsError as error:
        return Unknown(UnknownReason.BAD_REPLY, str(error))
    if echo.symbol not in ("", stop.symbol) or echo.type not in ("", stop.kind.value):
        return Unknown(UnknownReason.ECHO_DIFFERS, f"symbol `{echo.symbol}`, type `{echo.type}`", echo.id)
    if price not in (None, stop.stop_price):
        return Unknown(UnknownReason.ECHO_DIFFERS, f"stop price `{echo.stop_price}`", echo.id)
    return Accepted(echo.id, "", yes.timestamp_ms)


def like(stop: NewStop, rows: Iterable[OrderRow]) -> tuple[str, ...]:
    """The venue's ids of open orders that can be this stop: one is enough, any others are to be cancelled."""
    return tuple(
        row.order_id
        for row in rows
        if row.symbol == stop.symbol
        and row.type_text == stop.kind.value
        and row.side is stop.side
        and row.position_side in (stop.position.name, "BOTH", "")
        and row.stop_price == stop.stop_price
        and row.state is OrderState.OPEN
    )
