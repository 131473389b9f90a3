"""Why the venue refuses an order: mode, identity, size, position, margin, in that order. Pure."""

from collections.abc import Mapping

from dita.adapters.exchange.account import Account
from dita.adapters.exchange.conditional import check_protective, check_stop_price
from dita.adapters.exchange.config import MatchingRules
from dita.adapters.exchange.decimals import divide_up, plain_text
from dita.adapters.exchange.errors import (
    BAD_PARAMETER,
    BELOW_MINIMUM_OR_DUPLICATE,
    DUPLICATE_TEXT,
    INSUFFICIENT_MARGIN,
    NOT_ENOUGH_POSITION,
    REDUCE_ONLY_WOULD_INCREASE,
    TOO_MANY_ORDERS,
    VenueError,
)
from dita.adapters.exchange.market import Market
from dita.adapters.exchange.orders import PROTECTIVE, NewOrder
from dita.spec.scales import NOTIONAL_DIVISOR, RATE_SCALE


def check_admission(
    account: Account,
    market: Market,
    marks: Mapping[str, int],
    rules: MatchingRules,
    new: NewOrder,
    *,
    accept_duplicate: bool,
) -> None:
    """Raise ``VenueError`` if the order may not be placed."""
    _check_mode(account, new)
    if new.client_id and not accept_duplicate and new.client_id in account.used_client_ids:
        raise VenueError(BELOW_MINIMUM_OR_DUPLICATE, DUPLICATE_TEXT)
    _check_count(account, rules, new.symbol)
    if new.stop_price:
        _check_conditional(account, market, rules, new)
        return
    closing = _closing_quantity(account, new)
    reference = new.price or market.best_opposite(new.side)
    _check_size(market, rules, new, reference, wholly_closing=closing == new.quantity)
    opening = new.quantity - closing
    if opening > 0:
        _check_margin(account, market, marks, new, opening, reference)


def _check_conditional(account: Account, market: Market, rules: MatchingRules, new: NewOrder) -> None:
    """A conditional order asks for no margin before it triggers."""
    protective = new.order_type in PROTECTIVE
    if protective:
        check_protective(account, new)
    check_stop_price(market, new)
    if not new.close_position:
        _check_size(market, rules, new, new.price or new.stop_price, wholly_closing=protective)


def _check_count(account: Account, rules: MatchingRules, symbol: str) -> None:
    if len(account.live) >= rules.max_open_orders and len(account.live_orders(symbol)) >= rules.max_open_orders:
        raise VenueError(TOO_MANY_ORDERS, f"pending orders reach the limit of {rules.max_open_orders}")


def _check_mode(account: Account, new: NewOrder) -> None:
    if account.hedge_mode:
        if new.position_side == "BOTH":
            raise VenueError(
                BAD_PARAMETER, "In the Hedge mode, the 'PositionSide' field can only be set to LONG or SHORT."
            )
        if new.reduce_only:
            raise VenueError(BAD_PARAMETER, "In the Hedge mode, the 'ReduceOnly' field can not be filled.")
    elif new.position_side != "BOTH":
        raise VenueError(BAD_PARAMETER, "In the One-way mode, the 'PositionSide' field can only be set to BOTH.")


def _closing_quantity(account: Account, new: NewOrder) -> int:
    """How much of the order closes; refuses closing orders that no free position covers."""
    if account.hedge_mode:
        closes = (new.position_side == "LONG") == (new.side == "SELL")
        if not closes:
            return 0
        free = account.closable(new.symbol, new.position_side)
        if free < new.quantity:
            shown = plain_text(free, 8)
            raise VenueError(NOT_ENOUGH_POSITION, f"The available amount to close is not enough: {shown}")
        return new.quantity
    position = account.position(new.symbol, "BOTH")
    opposite = position.quantity < 0 if new.side == "BUY" else position.quantity > 0
    if not new.reduce_only:
        return min(new.quantity, position.size) if opposite else 0
    if not position.quantity:
        raise VenueError(NOT_ENOUGH_POSITION, "No position to close")
    if not opposite:
        raise VenueError(REDUCE_ONLY_WOULD_INCREASE, "Reduce-only order can only decrease your position")
    if account.closable(new.symbol, "BOTH") < new.quantity:
        raise VenueError(NOT_ENOUGH_POSITION, "The reduce-only quantity exceeds the available position")
    return new.quantity


def _check_size(market: Market, rules: MatchingRules, new: NewOrder, reference: int, *, wholly_closing: bool) -> None:
    contract = market.contract
    if new.quantity < contract.min_quantity:
        shown = plain_text(contract.min_quantity, 8)
        raise VenueError(BELOW_MINIMUM_OR_DUPLICATE, f"The minimum order amount is {shown} {contract.asset}.")
    if wholly_closing and not rules.minimum_applies_to_closing:
        return
    if new.quantity * reference // NOTIONAL_DIVISOR < contract.min_notional:
        shown = plain_text(contract.min_notional, 8)
        raise VenueError(BELOW_MINIMUM_OR_DUPLICATE, f"The minimum order value is {shown} USDT.")


def _check_margin(
    account: Account, market: Market, marks: Mapping[str, int], new: NewOrder, opening: int, reference: int
) -> None:
    notional = opening * reference // NOTIONAL_DIVISOR
    margin = divide_up(notional, account.leverage(new.symbol, new.position_side))
    fee = divide_up(notional * market.contract.taker_rate_ppb, RATE_SCALE)
    if margin + fee > account.available_margin(marks):
        raise VenueError(INSUFFICIENT_MARGIN, "Insufficient margin")
