"""Conditional orders: what refuses them, when they trigger, and what they become (BingX, place-order page). Pure.

A STOP or TAKE_PROFIT order closes: the position has to be there first, and all pending ones of a kind together may not
be larger than it. A TRIGGER order may open. A stop that sells triggers when its price falls to the stop price, one
that buys when it rises to it; a take-profit the other way round; a TRIGGER order from whichever side it was placed.
"""

from dita.adapters.exchange.account import Account
from dita.adapters.exchange.decimals import plain_text
from dita.adapters.exchange.errors import (
    BAD_STOP_PRICE,
    BAD_TAKE_PROFIT_PRICE,
    CLOSE_QUANTITY_CLAIMED,
    NOT_ENOUGH_POSITION,
    VenueError,
    bad_parameter,
)
from dita.adapters.exchange.market import Market
from dita.adapters.exchange.orders import PROTECTIVE, STOPS, TAKE_PROFITS, NewOrder, Order, Side, WorkingType


def watched_price(market: Market, working_type: WorkingType) -> int:
    """The price (1e-10 USDT) that a conditional order of that working type looks at; the index is the mark price."""
    if working_type == "CONTRACT_PRICE" and market.last_price:
        return market.last_price
    return market.mark_price


def triggers_falling(new: NewOrder, market: Market) -> bool:
    """Whether the price has to fall to the stop price for the order to trigger."""
    if new.order_type in STOPS:
        return new.side == "SELL"
    if new.order_type in TAKE_PROFITS:
        return new.side == "BUY"
    return new.stop_price < watched_price(market, new.working_type)


def has_triggered(order: Order, market: Market) -> bool:
    """Whether the watched price has reached the order's stop price."""
    price = watched_price(market, order.working_type)
    if not price:
        return False
    return price <= order.stop_price if order.triggers_falling else price >= order.stop_price


def check_protective(account: Account, new: NewOrder) -> None:
    """Raise ``VenueError`` unless a STOP or TAKE_PROFIT order closes a position that is there and large enough."""
    position = account.position(new.symbol, new.position_side)
    if not position.quantity:
        raise VenueError(NOT_ENOUGH_POSITION, "No position to close")
    if new.side != closing_side(position.quantity):
        raise bad_parameter("side", new.side, f"does not close a position, {new.order_type} only closes")
    kind = STOPS if new.order_type in STOPS else TAKE_PROFITS
    pending = sum(
        order.quantity
        for order in account.live_orders(new.symbol)
        if order.order_type in kind and order.position_side == new.position_side
    )
    if pending + new.quantity > position.size:
        free = plain_text(max(0, position.size - pending), 8)
        raise VenueError(CLOSE_QUANTITY_CLAIMED, f"The available amount to close is not enough: {free}")


def check_stop_price(market: Market, new: NewOrder) -> None:
    """Raise ``VenueError`` when the order would trigger at once."""
    price = watched_price(market, new.working_type)
    if new.order_type not in PROTECTIVE:
        if new.stop_price == price:
            raise bad_parameter("stopPrice", plain_text(new.stop_price, 10), "is the current price")
        return
    beyond = new.stop_price < price if triggers_falling(new, market) else new.stop_price > price
    if not beyond:
        code = BAD_STOP_PRICE if new.order_type in STOPS else BAD_TAKE_PROFIT_PRICE
        word = "less" if triggers_falling(new, market) else "greater"
        raise VenueError(code, f"The {new.order_type} price should be {word} than the current price")


def closing_side(signed_quantity: int) -> Side:
    """The side that closes a position."""
    return "SELL" if signed_quantity > 0 else "BUY"


def becomes(order: Order, account: Account) -> NewOrder | None:
    """The order that takes the place of a triggered one; None when there is nothing left to close.

    A protective one never becomes larger than the position, and never opens.
    """
    quantity = order.quantity
    if order.order_type in PROTECTIVE:
        position = account.position(order.symbol, order.position_side)
        if not position.quantity or order.side != closing_side(position.quantity):
            return None
        quantity = position.size if order.close_position else min(quantity, position.size)
    closes = order.order_type in PROTECTIVE and order.position_side == "BOTH"
    return NewOrder(
        order.symbol,
        order.side,
        order.position_side,
        "LIMIT" if order.price else "MARKET",
        order.time_in_force,
        quantity,
        order.price,
        reduce_only=order.reduce_only or closes,
        client_id="",
        parent_id=order.order_id,
    )


def ends_with_position(order: Order, account: Account) -> bool:
    """Whether a protective order has lost the position that it protects."""
    return order.order_type in PROTECTIVE and not account.position(order.symbol, order.position_side).quantity
