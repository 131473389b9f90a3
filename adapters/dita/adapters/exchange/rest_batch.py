"""Several orders in one call, and one order in the place of another (BingX, swap trade pages).

None of it is a transaction: each part stands or falls alone.
"""

import json
from collections.abc import Callable
from typing import Final, cast

from dita.adapters.exchange.errors import API_MISUSE, BAD_PARAMETER, VenueError, bad_parameter
from dita.adapters.exchange.rest_routes import SWAP, Call, Route, Routes
from dita.adapters.exchange.rest_trade import cancel_one, order_of, submit_one
from dita.adapters.exchange.signed_request import Parameters, parameters_from_json
from dita.adapters.exchange.wire import JsonObject

_SUBMITS_MAX: Final = 5
_CANCELS_MAX: Final = 10
_ID_DIGITS_MAX: Final = 19
_LIST_NAMES: Final = ("orderIdList", "clientOrderIdList", "clientOrderIDList")
_REPLACE_MODES: Final = ("STOP_ON_FAILURE", "ALLOW_FAILURE")


def submit_batch(call: Call) -> object:
    """POST trade/batchOrders: up to five; what is refused is told beside what was placed."""
    listed = _json_list(call.parameters, "batchOrders", _SUBMITS_MAX)
    strange = [item for item in listed if not isinstance(item, dict)]
    if strange:
        raise bad_parameter("batchOrders", strange[0], "is not an order object")
    placed: list[JsonObject] = []
    refused: list[JsonObject] = []
    for item in cast("list[JsonObject]", listed):
        order, error = _attempt(submit_one, call, item)
        if order is not None:
            placed.append(order)
        if error is not None:
            refused.append({"code": error.code, "msg": error.text, **_named(item)})
    return {"orders": placed, "errors": refused} if refused else {"orders": placed}


def _named(item: JsonObject) -> JsonObject:
    return {"clientOrderID": str(item.get("clientOrderID") or item.get("clientOrderId") or "")}


def cancel_batch(call: Call) -> object:
    """DELETE trade/batchOrders: up to ten, by order ids or client order ids."""
    symbol = call.parameters.required("symbol")
    done: list[JsonObject] = []
    failed: list[JsonObject] = []
    asked = 0
    for name in _LIST_NAMES:
        if not call.parameters.get(name):
            continue
        by_order_id = name == "orderIdList"
        for identity in _json_list(call.parameters, name, _CANCELS_MAX):
            asked += 1
            text = str(identity)
            name_of_one = "orderId" if by_order_id else "clientOrderId"
            order, error = _attempt(cancel_one, call, {"symbol": symbol, name_of_one: text})
            if order is not None:
                done.append(order)
            if error is not None:
                shown = {
                    "orderId": _number(text) if by_order_id else 0,
                    "clientOrderId": "" if by_order_id else text[:64],
                }
                failed.append({**shown, "errorCode": error.code, "errorMessage": error.text})
    if not asked:
        raise bad_parameter("orderIdList", "", "is missing, send it or clientOrderIdList")
    return {"success": done or None, "failed": failed or None}


def replace(call: Call) -> object:
    """POST v1 trade/cancelReplace: the cancel may succeed and the new order be refused; results are text."""
    parameters = call.parameters
    mode = parameters.required("cancelReplaceMode")
    if mode not in _REPLACE_MODES:
        raise bad_parameter("cancelReplaceMode", mode, f"is not one of {', '.join(_REPLACE_MODES)}")
    symbol = parameters.required("symbol")
    old: JsonObject = {
        "symbol": symbol,
        "orderId": parameters.get("cancelOrderId"),
        "clientOrderId": parameters.either("cancelClientOrderId", "cancelClientOrderID"),
    }
    cancelled, cancel_error = _attempt(cancel_one, call, old)
    placed: JsonObject | None = None
    place_error: VenueError | None = None
    if cancel_error is None or mode == "ALLOW_FAILURE":
        placed, place_error = _attempt(submit_one, call, parameters)
    if cancelled is None and placed is None:
        raise cancel_error or VenueError(API_MISUSE, "nothing was done")
    return {
        "cancelResult": _yes(cancelled),
        "cancelMsg": cancel_error.text if cancel_error is not None else "",
        "cancelResponse": cancelled or {},
        "replaceResult": _yes(placed),
        "replaceMsg": place_error.text if place_error is not None else "",
        "newOrderResponse": placed or {},
    }


def close_position(call: Call) -> object:
    """POST v1 trade/closePosition: at the market, without a client id, so a second call is a second order."""
    identity = call.parameters.required("positionId")
    for position in call.account.open_positions():
        if str(position.position_id) == identity:
            order = call.venue.engine.close_all(call.account, position.symbol, call.now_ns, position.side)[0]
            row = order_of(call, order)
            names = ("orderId", "symbol", "side", "type", "positionSide", "origQty")
            return {"positionId": identity, **{name: row[name] for name in names}}
    raise VenueError(BAD_PARAMETER, f"position not exist: `{identity[:32]}`")


def _number(text: str) -> int:
    """An order number, or 0 for text that is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _ID_DIGITS_MAX else 0


def _yes(result: object) -> str:
    return "false" if result is None else "true"


def _attempt(
    action: Callable[[Call, Parameters], JsonObject], call: Call, given: Parameters | JsonObject
) -> tuple[JsonObject | None, VenueError | None]:
    """What one part gives, or what refuses it."""
    try:
        return action(call, given if isinstance(given, Parameters) else parameters_from_json(given)), None
    except VenueError as error:
        return None, error


def _json_list(parameters: Parameters, name: str, longest: int) -> list[object]:
    """A parameter that is the JSON text of a list, numbers as the text sent."""
    text = parameters.required(name)
    try:
        parsed: object = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        raise bad_parameter(name, text, "is not JSON") from None
    if not isinstance(parsed, list):
        raise bad_parameter(name, text, "is not a JSON list")
    items = cast("list[object]", parsed)
    if not 0 < len(items) <= longest:
        raise bad_parameter(name, len(items), f"entries are not 1 to {longest}")
    return items


BATCH_ROUTES: Final[Routes] = {
    ("POST", f"{SWAP}/v2/trade/batchOrders"): Route(submit_batch, 5, occasion="submit", trades=True),
    ("DELETE", f"{SWAP}/v2/trade/batchOrders"): Route(cancel_batch, 5, occasion="cancel", trades=True),
    ("POST", f"{SWAP}/v1/trade/cancelReplace"): Route(replace, 5, occasion="submit", trades=True),
    ("POST", f"{SWAP}/v1/trade/closePosition"): Route(close_position, 5, occasion="submit", trades=True),
}
