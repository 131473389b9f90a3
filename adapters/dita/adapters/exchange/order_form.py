"""From the text parameters of a submit to an order the engine understands.

Excess decimals are cut off silently, as the venue does, or refused with 110425 if the config says so.
"""

import re
from collections.abc import Mapping
from typing import Final, TypeVar

from dita.adapters.exchange.config import Contract, MatchingRules
from dita.adapters.exchange.decimals import parse_decimal
from dita.adapters.exchange.errors import OVER_PRECISE, VenueError, bad_parameter
from dita.adapters.exchange.orders import NewOrder, OrderType, PositionSide, Side, TimeInForce, WorkingType
from dita.adapters.exchange.signed_request import Parameters
from dita.spec.scales import BOUND

Word = TypeVar("Word", bound=str)
_CLIENT_ID: Final = re.compile(r"[a-z0-9_-]{1,40}\Z", re.ASCII)
_SIDES: Final[dict[str, Side]] = {"BUY": "BUY", "SELL": "SELL"}
_POSITION_SIDES: Final[dict[str, PositionSide]] = {"LONG": "LONG", "SHORT": "SHORT", "BOTH": "BOTH"}
_TYPES: Final[dict[str, OrderType]] = {
    "MARKET": "MARKET",
    "LIMIT": "LIMIT",
    "STOP_MARKET": "STOP_MARKET",
    "STOP": "STOP",
    "TAKE_PROFIT_MARKET": "TAKE_PROFIT_MARKET",
    "TAKE_PROFIT": "TAKE_PROFIT",
    "TRIGGER_MARKET": "TRIGGER_MARKET",
    "TRIGGER_LIMIT": "TRIGGER_LIMIT",
}
_AT_A_PRICE: Final[frozenset[OrderType]] = frozenset(("LIMIT", "STOP", "TAKE_PROFIT", "TRIGGER_LIMIT"))
_CLOSES_ALL: Final[frozenset[OrderType]] = frozenset(("STOP_MARKET", "TAKE_PROFIT_MARKET"))
_WORKING_TYPES: Final[dict[str, WorkingType]] = {
    "": "MARK_PRICE",
    "MARK_PRICE": "MARK_PRICE",
    "CONTRACT_PRICE": "CONTRACT_PRICE",
    "INDEX_PRICE": "INDEX_PRICE",
}
_TIMES: Final[dict[str, TimeInForce]] = {"": "GTC", "GTC": "GTC", "IOC": "IOC", "FOK": "FOK", "PostOnly": "PostOnly"}
_UNSUPPORTED: Final = ("stopLoss", "takeProfit", "priceRate", "activationPrice", "stopGuaranteed")
_NOTHING: Final = frozenset(("", "0", "false"))


def read_client_id(parameters: Parameters) -> str:
    """The client order id in lower case, under either spelling; empty if none was sent."""
    text = parameters.either("clientOrderID", "clientOrderId").lower()
    if text and not _CLIENT_ID.match(text):
        raise bad_parameter("clientOrderID", text, "is not 1 to 40 letters, digits, `-` or `_`")
    return text


def read_order(parameters: Parameters, contract: Contract, rules: MatchingRules, *, hedge_mode: bool) -> NewOrder:
    """The order behind the parameters. Raises ``VenueError`` that names the field.

    The client id of a conditional order is read and forgotten: the venue honours it for MARKET and LIMIT only.
    """
    side = _one_of(parameters, "side", _SIDES, "is neither BUY nor SELL", parameters.required("side"))
    default = "LONG" if hedge_mode else "BOTH"
    position_side = _one_of(
        parameters,
        "positionSide",
        _POSITION_SIDES,
        "is not LONG, SHORT or BOTH",
        parameters.get("positionSide") or default,
    )
    order_type = _one_of(
        parameters, "type", _TYPES, f"is not offered here, use one of {', '.join(_TYPES)}", parameters.required("type")
    )
    time_in_force = _one_of(parameters, "timeInForce", _TIMES, "is not GTC, IOC, FOK or PostOnly")
    working_type = _one_of(parameters, "workingType", _WORKING_TYPES, f"is not one of {', '.join(_WORKING_TYPES)[2:]}")
    for name in _UNSUPPORTED:
        if parameters.get(name) not in _NOTHING:
            raise bad_parameter(name, parameters.get(name), "is not offered here, leave it out")
    conditional = order_type not in ("MARKET", "LIMIT")
    if not conditional and parameters.get("stopPrice") not in _NOTHING:
        raise bad_parameter("stopPrice", parameters.get("stopPrice"), f"does not belong to a {order_type} order")
    close_position = _close_position(parameters, order_type)
    client_id = read_client_id(parameters)
    return NewOrder(
        contract.symbol,
        side,
        position_side,
        order_type,
        time_in_force if order_type in _AT_A_PRICE else "GTC",
        0 if close_position else _number(parameters, "quantity", 8, contract.lot, rules),
        _number(parameters, "price", 10, contract.tick, rules) if order_type in _AT_A_PRICE else 0,
        parameters.flag("reduceOnly"),
        "" if conditional else client_id,
        _number(parameters, "stopPrice", 10, contract.tick, rules) if conditional else 0,
        working_type,
        close_position,
    )


def read_type_filter(parameters: Parameters) -> OrderType | None:
    """Which orders a listing or a cancellation is about; None for all. Raises ``VenueError`` for a foreign type."""
    text = parameters.either("type", "orderType")
    return _one_of(parameters, "type", _TYPES, f"is not one of {', '.join(_TYPES)}", text) if text else None


def _close_position(parameters: Parameters, order_type: OrderType) -> bool:
    if not parameters.flag("closePosition"):
        return False
    if order_type not in _CLOSES_ALL:
        raise bad_parameter("closePosition", "true", f"does not belong to a {order_type} order")
    for name in ("quantity", "reduceOnly"):
        if parameters.get(name) not in _NOTHING:
            raise bad_parameter(name, parameters.get(name), "cannot be used with closePosition")
    return True


def _one_of(parameters: Parameters, name: str, choices: Mapping[str, Word], expected: str, text: str = "") -> Word:
    """What the text of a parameter stands for. Raises 109400."""
    chosen = choices.get(text or parameters.get(name))
    if chosen is None:
        raise bad_parameter(name, parameters.get(name), expected)
    return chosen


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
