"""From the text parameters of a submit to an order the engine understands.

Excess decimals are cut off silently, as the venue does, or refused with 110425 if the config says so.
"""

import re
from typing import Final

from dita.adapters.exchange.config import Contract, MatchingRules
from dita.adapters.exchange.decimals import parse_decimal
from dita.adapters.exchange.errors import OVER_PRECISE, VenueError, bad_parameter
from dita.adapters.exchange.orders import NewOrder, OrderType, PositionSide, Side, TimeInForce
from dita.adapters.exchange.signed_request import Parameters
from dita.spec.scales import BOUND

_CLIENT_ID: Final = re.compile(r"[a-z0-9_-]{1,40}\Z", re.ASCII)
_SIDES: Final[dict[str, Side]] = {"BUY": "BUY", "SELL": "SELL"}
_POSITION_SIDES: Final[dict[str, PositionSide]] = {"LONG": "LONG", "SHORT": "SHORT", "BOTH": "BOTH"}
_TYPES: Final[dict[str, OrderType]] = {"MARKET": "MARKET", "LIMIT": "LIMIT"}
_TIMES: Final[dict[str, TimeInForce]] = {"": "GTC", "GTC": "GTC", "IOC": "IOC", "FOK": "FOK", "PostOnly": "PostOnly"}
_UNSUPPORTED: Final = ("stopLoss", "takeProfit", "stopPrice", "priceRate", "activationPrice", "closePosition")
_NOTHING: Final = frozenset(("", "0", "false"))


def read_client_id(parameters: Parameters) -> str:
    """The client order id in lower case, under either spelling; empty if none was sent."""
    text = parameters.either("clientOrderID", "clientOrderId").lower()
    if text and not _CLIENT_ID.match(text):
        raise bad_parameter("clientOrderID", text, "is not 1 to 40 letters, digits, `-` or `_`")
    return text


def read_order(parameters: Parameters, contract: Contract, rules: MatchingRules, *, hedge_mode: bool) -> NewOrder:
    """The order behind the parameters. Raises ``VenueError`` that names the field."""
    side = _SIDES.get(parameters.required("side"))
    if side is None:
        raise bad_parameter("side", parameters.get("side"), "is neither BUY nor SELL")
    position_side = _POSITION_SIDES.get(parameters.get("positionSide") or ("LONG" if hedge_mode else "BOTH"))
    if position_side is None:
        raise bad_parameter("positionSide", parameters.get("positionSide"), "is not LONG, SHORT or BOTH")
    order_type = _TYPES.get(parameters.required("type"))
    if order_type is None:
        raise bad_parameter("type", parameters.get("type"), "is not offered here, use MARKET or LIMIT")
    time_in_force = _TIMES.get(parameters.get("timeInForce"))
    if time_in_force is None:
        raise bad_parameter("timeInForce", parameters.get("timeInForce"), "is not GTC, IOC, FOK or PostOnly")
    for name in _UNSUPPORTED:
        if parameters.get(name) not in _NOTHING:
            raise bad_parameter(name, parameters.get(name), "is not offered here, leave it out")
    quantity = _number(parameters, "quantity", 8, contract.lot, rules)
    price = _number(parameters, "price", 10, contract.tick, rules) if order_type == "LIMIT" else 0
    return NewOrder(
        contract.symbol,
        side,
        position_side,
        order_type,
        time_in_force if order_type == "LIMIT" else "GTC",
        quantity,
        price,
        parameters.flag("reduceOnly"),
        read_client_id(parameters),
    )


def _number(parameters: Parameters, name: str, digits: int, step: int, rules: MatchingRules) -> int:
    text = parameters.required(name)
    try:
        value, exact = parse_decimal(text, digits)
    except ValueError:
        raise bad_parameter(name, text, "is not a plain decimal number") from None
    excess = value % step
    if rules.over_precision == "refuse" and (excess or not exact):
        raise VenueError(OVER_PRECISE, f"{name}: `{text[:64]}` has more decimals than the contract allows")
    value -= excess
    if not 0 < value <= BOUND:
        raise bad_parameter(name, text, "is zero after cutting off excess decimals, or too large")
    return value
