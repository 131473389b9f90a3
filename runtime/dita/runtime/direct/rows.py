"""The exchange's own records as the rows that the adapter would make of its replies and frames."""

from typing import Final

from dita.adapters.exchange.events import OrderUpdate
from dita.adapters.exchange.orders import Fill, IncomeRow, Order, Position
from dita.adapters.logic import rows
from dita.adapters.logic.arithmetic import half_even
from dita.adapters.logic.rows import E18_PER_MONEY_UNIT, Evidence, OrderState
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, NOTIONAL_DIVISOR
from dita.spec.vocabulary import OrderSide, Side

_SIDES: Final = {"BUY": OrderSide.BUY, "SELL": OrderSide.SELL}
_STATES: Final = {
    "NEW": OrderState.OPEN,
    "PARTIALLY_FILLED": OrderState.OPEN,
    "FILLED": OrderState.FILLED,
    "CANCELLED": OrderState.CANCELED,
    "EXPIRED": OrderState.EXPIRED,
}


def pushed_row(update: OrderUpdate) -> rows.OrderRow:
    """What the account stream would push about one step of an order."""
    order, fill = update.order, update.fill
    return rows.OrderRow(
        evidence=Evidence.STREAM,
        symbol=order.symbol,
        order_id=str(order.order_id),
        client_order_id=order.client_id,
        side=_SIDES[order.side],
        position_side=order.position_side,
        state=_STATES[update.status],
        status_text=update.status,
        type_text=order.order_type,
        ordered_quantity=order.quantity,
        cum_quantity=update.executed,
        average_price=_average(update.notional, update.executed),
        time_ns=whole_milliseconds(update.time_ns),
        reduce_only=order.reduce_only,
        execution_text=update.execution,
        last_quantity=None if fill is None else fill.quantity,
        last_price=None if fill is None else fill.price,
        trade_id="" if fill is None else str(fill.trade_id),
    )


def order_row(order: Order, evidence: Evidence) -> rows.OrderRow:
    """What a query or a listing would say of an order."""
    return rows.OrderRow(
        evidence=evidence,
        symbol=order.symbol,
        order_id=str(order.order_id),
        client_order_id=order.client_id,
        side=_SIDES[order.side],
        position_side=order.position_side,
        state=_STATES[order.status],
        status_text=order.status,
        type_text=order.order_type,
        ordered_quantity=order.quantity,
        cum_quantity=order.executed,
        average_price=_average(order.notional, order.executed),
        time_ns=whole_milliseconds(order.updated_ns),
        reduce_only=order.reduce_only,
        stop_price=order.stop_price,
    )


def fill_row(fill: Fill, asset: str) -> rows.FillRow:
    """A line of the fill history."""
    return rows.FillRow(
        symbol=fill.symbol,
        trade_id=str(fill.trade_id),
        order_id=str(fill.order_id),
        side=_SIDES[fill.side],
        position_side=fill.position_side,
        price=fill.price,
        quantity=fill.quantity,
        commission_e18=-fill.commission * E18_PER_MONEY_UNIT,
        commission_asset=asset,
        time_ns=whole_milliseconds(fill.time_ns),
        is_maker=fill.maker,
    )


def position_row(position: Position) -> rows.PositionRow:
    """An open position."""
    return rows.PositionRow(
        symbol=position.symbol,
        side=Side.LONG if position.quantity > 0 else Side.SHORT,
        quantity=position.size,
        average_price=_average(position.cost, position.size) or 0,
        updated_ns=whole_milliseconds(position.updated_ns),
        position_id=str(position.position_id),
    )


def income_row(row: IncomeRow, asset: str) -> rows.IncomeRow:
    """A line of the income statement."""
    return rows.IncomeRow(
        symbol=row.symbol,
        type_text=row.income_type,
        amount_e18=row.income * E18_PER_MONEY_UNIT,
        asset=asset,
        time_ns=whole_milliseconds(row.time_ns),
        transaction_id=str(row.transaction_id),
        trade_id=str(row.trade_id) if row.trade_id else "",
    )


def whole_milliseconds(time_ns: int) -> int:
    """A time as the venue tells it."""
    return time_ns - time_ns % NANOSECONDS_PER_MILLISECOND


def _average(notional: int, quantity: int) -> int | None:
    """Price of so much for so much, 1e-10 USDT; None for nothing."""
    return half_even(notional * NOTIONAL_DIVISOR, quantity) if quantity else None
