"""Placing, cancelling and looking up orders and fills (BingX, swap trade pages)."""

import dataclasses
from collections.abc import Callable
from typing import Final

from dita.adapters.exchange.errors import (
    ALREADY_DONE,
    BAD_PARAMETER,
    DUPLICATE_TEXT,
    RECENT_SAME_ORDER,
    RECENT_TEXT,
    VenueError,
    bad_parameter,
)
from dita.adapters.exchange.faults import AcceptDuplicate, CancelLosesToFill, HideOrder, SplitFills, StaleRead
from dita.adapters.exchange.order_form import read_client_id, read_order, read_type_filter
from dita.adapters.exchange.orders import Fill, Order, SplitPlan
from dita.adapters.exchange.rest_routes import SWAP, Call, Route, Routes
from dita.adapters.exchange.signed_request import Parameters
from dita.adapters.exchange.wire import (
    JsonObject,
    fill_row,
    listing,
    milliseconds,
    old_fill_row,
    order_echo,
    order_row,
    test_echo,
)
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND

_WEEK_MS: Final = 7 * 86_400_000
_MONTH_MS: Final = 30 * 86_400_000
_TIME_MAX: Final = 10**14
_OLD_FILLS_MAX: Final = 512
_ID_DIGITS_MAX: Final = 19


def submit(call: Call) -> object:
    """POST trade/order."""
    return {"order": submit_one(call, call.parameters)}


def submit_one(call: Call, parameters: Parameters) -> JsonObject:
    """Place the order behind the parameters and echo it. Raises ``VenueError``."""
    venue, account = call.venue, call.account
    market = venue.engine.market(parameters.required("symbol"))
    contract = market.contract
    new = read_order(parameters, contract, venue.config.matching, hedge_mode=account.hedge_mode)
    now_ms = call.now_ms
    fire = venue.faults.fire
    accept_duplicate = False
    if new.client_id in account.used_client_ids:
        accept_duplicate = fire(AcceptDuplicate, "submit", now_ms, new.client_id, new.symbol) is not None
    try:
        venue.engine.check(account, new, accept_duplicate=accept_duplicate)
    except VenueError as error:
        raise _duplicate_variant(error, venue.config.wire.duplicate_id) from None
    split = fire(SplitFills, "submit", now_ms, new.client_id, new.symbol)
    hide = fire(HideOrder, "submit", now_ms, new.client_id, new.symbol)
    order = venue.engine.submit(
        account,
        new,
        call.now_ns,
        split=SplitPlan(split.parts, split.delay_ms) if split is not None else None,
        hidden_ns=hide.lag_ms * NANOSECONDS_PER_MILLISECOND if hide is not None else 0,
        accept_duplicate=accept_duplicate,
    )
    return order_echo(order, contract, venue.config.wire, _client_id_name(parameters))


def submit_test(call: Call) -> object:
    """POST trade/order/test: everything but the placing."""
    venue, account = call.venue, call.account
    contract = venue.engine.market(call.parameters.required("symbol")).contract
    new = read_order(call.parameters, contract, venue.config.matching, hedge_mode=account.hedge_mode)
    venue.engine.check(account, new)
    return {"order": test_echo(new, _client_id_name(call.parameters))}


def _client_id_name(parameters: Parameters) -> str:
    return "clientOrderId" if parameters.get("clientOrderId") else "clientOrderID"


def _duplicate_variant(error: VenueError, variant: str) -> VenueError:
    if error.text != DUPLICATE_TEXT or variant == "101400":
        return error
    if variant == "109201":
        return VenueError(RECENT_SAME_ORDER, RECENT_TEXT)
    return VenueError(int(variant), "clientOrderID already exists")


def cancel(call: Call) -> object:
    """DELETE trade/order. The echo shows the order as the cancel left it."""
    return {"order": cancel_one(call, call.parameters)}


def cancel_one(call: Call, parameters: Parameters) -> JsonObject:
    """Cancel the order that the parameters name and show it. Raises ``VenueError``."""
    venue, account = call.venue, call.account
    order = _find(call, parameters, visible_only=False)
    if order is None:
        raise unknown_order(_cancel_variant(venue.config.wire.unknown_order))
    may_fill = order.live and not order.stop_price
    if may_fill and venue.faults.fire(CancelLosesToFill, "cancel", call.now_ms, order.client_id, order.symbol):
        venue.engine.fill_completely(account, order, call.now_ns)
    repeat_ns = venue.config.matching.cancel_repeat_ms * NANOSECONDS_PER_MILLISECOND
    if order.cancel_asked_ns and call.now_ns - order.cancel_asked_ns < repeat_ns:
        raise VenueError(RECENT_SAME_ORDER, RECENT_TEXT)
    order.cancel_asked_ns = call.now_ns
    if not order.live:
        raise _done_order(venue.config.wire.done_order_on_cancel)
    before = dataclasses.replace(order)
    venue.engine.cancel(account, order, call.now_ns)
    stale = venue.faults.fire(StaleRead, "cancel", call.now_ms, order.client_id, order.symbol)
    if stale is not None:
        order.stale = before
        order.stale_until_ns = call.now_ns + stale.lag_ms * NANOSECONDS_PER_MILLISECOND
        account.keep_stale(order, call.now_ns)
    return order_row(order, venue.engine.contracts[order.symbol], venue.config.wire)


def cancel_all(call: Call) -> object:
    """DELETE trade/allOpenOrders."""
    symbol = call.parameters.get("symbol")
    if symbol:
        call.venue.engine.market(symbol)
    only = read_type_filter(call.parameters)
    cancelled = call.venue.engine.cancel_all(call.account, symbol, call.now_ns, only)
    return {"success": [order_of(call, order) for order in cancelled] or None, "failed": None}


def cancel_all_after(call: Call) -> object:
    """POST trade/cancelAllAfter: the dead man's switch, in seconds."""
    kind = call.parameters.required("type")
    if kind == "CLOSE":
        call.venue.engine.arm_dead_man(call.account, None)
        return {"triggerTime": 0, "status": "CLOSED", "note": "All orders will not be cancelled automatically"}
    if kind != "ACTIVATE":
        raise bad_parameter("type", kind, "is neither ACTIVATE nor CLOSE")
    seconds = call.parameters.integer("timeOut", 0, 10, 120)
    if not seconds:
        raise bad_parameter("timeOut", "", "is missing, send 10 to 120 seconds")
    due_ns = call.now_ns + seconds * NANOSECONDS_PER_SECOND
    call.venue.engine.arm_dead_man(call.account, due_ns)
    return {
        "triggerTime": due_ns // NANOSECONDS_PER_SECOND,
        "status": "ACTIVATED",
        "note": "All your perpetual contract orders will be cancelled when the time is over",
    }


def close_all_positions(call: Call) -> object:
    """POST trade/closeAllPositions: market orders against every position, without client ids."""
    symbol = call.parameters.get("symbol")
    if symbol:
        call.venue.engine.market(symbol)
    placed = call.venue.engine.close_all(call.account, symbol, call.now_ns)
    return {"success": [order.order_id for order in placed], "failed": None}


def query(call: Call) -> object:
    """GET trade/order: by order id, which wins, or by client order id."""
    order = _find(call, call.parameters, visible_only=True)
    if order is None:
        if call.venue.config.wire.unknown_order == "empty":
            return {}
        raise unknown_order(call.venue.config.wire.unknown_order)
    return {"order": order_of(call, order)}


def open_order(call: Call) -> object:
    """GET trade/openOrder: like the query, but only for orders that may still fill."""
    order = _find(call, call.parameters, visible_only=True)
    if order is None or not order.shown(call.now_ns).live:
        raise unknown_order("80016")
    return {"order": order_of(call, order)}


def open_orders(call: Call) -> object:
    """GET trade/openOrders."""
    symbol, only = call.parameters.get("symbol"), read_type_filter(call.parameters)
    orders = [order for order in call.account.live_orders(symbol) if order.visible_ns <= call.now_ns]
    orders += [order for order in call.account.stale_orders(call.now_ns) if not symbol or order.symbol == symbol]
    rows = [order_of(call, order) for order in orders if only in (None, order.order_type)]
    return listing("orders", rows, call.venue.config.wire)


def all_orders(call: Call) -> object:
    """GET trade/allOrders: finished orders only."""
    return _history(call, lambda order: not order.shown(call.now_ns).live)


def full_order(call: Call) -> object:
    """GET v1 trade/fullOrder: orders in every state."""
    return _history(call, lambda _: True)


def _history(call: Call, wanted: Callable[[Order], bool]) -> object:
    parameters = call.parameters
    symbol, start_ms, end_ms = parameters.get("symbol"), *_window(call, "startTime", "endTime", _WEEK_MS)
    after = parameters.integer("orderId", 0, 0, 1 << 63)
    limit = parameters.integer("limit", 500, 1, 1000)
    found: list[Order] = []
    for order in reversed(call.account.orders.values()):  # the newest first: a window is rarely far back
        created_ms = milliseconds(order.created_ns)
        if created_ms < start_ms or order.order_id <= after:
            break
        if (
            (not symbol or order.symbol == symbol)
            and order.visible_ns <= call.now_ns
            and created_ms <= end_ms
            and wanted(order)
        ):
            found.append(order)
    found.reverse()
    # After an id the caller pages forward; without one the newest are wanted.
    found = found[:limit] if after else found[-limit:]
    if call.venue.config.wire.newest_first:
        found.reverse()
    return listing("orders", [order_of(call, order) for order in found], call.venue.config.wire)


def fill_history(call: Call) -> object:
    """GET trade/fillHistory. ``startTs`` is exclusive, as observed."""
    parameters, wire = call.parameters, call.venue.config.wire
    parameters.required("startTs")
    parameters.required("endTs")
    fills = _fills(call, _WEEK_MS)
    last_id = parameters.integer("lastFillId", 0, 0, 1 << 62)
    if last_id:
        fills = [fill for fill in fills if fill.trade_id > last_id]
    size = parameters.integer("pageSize", 50, 1, 1000)
    first = (parameters.integer("pageIndex", 1, 1, 10**6) - 1) * size
    contracts = call.venue.engine.contracts
    rows = [fill_row(fill, contracts[fill.symbol], wire) for fill in fills[first : first + size]]
    return {**listing("fill_history_orders", rows, wire), "total": len(fills)}


def all_fill_orders(call: Call) -> object:
    """GET trade/allFillOrders: the older list, without trade ids; ``symbol`` is ignored, as observed.

    ``tradingUnit`` has to be there, and volumes are in coins whichever it is: the contract size is 1 (ccxt #29476).
    """
    unit = call.parameters.required("tradingUnit")
    if unit not in ("COIN", "CONT"):
        raise bad_parameter("tradingUnit", unit, "is neither COIN nor CONT")
    fills = _fills(call, _MONTH_MS, ignore_symbol=True)[:_OLD_FILLS_MAX]
    contracts, wire = call.venue.engine.contracts, call.venue.config.wire
    rows = [old_fill_row(fill, contracts[fill.symbol], wire) for fill in fills]
    return listing("fill_orders", rows, wire)


def _fills(call: Call, longest_ms: int, *, ignore_symbol: bool = False) -> list[Fill]:
    symbol = "" if ignore_symbol else call.parameters.get("symbol")
    start_ms, end_ms = _window(call, "startTs", "endTs", longest_ms)
    order_id = call.parameters.integer("orderId", 0, 0, 1 << 63)
    found: list[Fill] = []
    for fill in reversed(call.account.fills):
        time_ms = milliseconds(fill.time_ns)
        if time_ms <= start_ms:
            break
        if (
            time_ms <= end_ms
            and fill.visible_ns <= call.now_ns
            and (not symbol or fill.symbol == symbol)
            and (not order_id or fill.order_id == order_id)
        ):
            found.append(fill)
    if not call.venue.config.wire.newest_first:
        found.reverse()
    return found


def _window(call: Call, start_name: str, end_name: str, longest_ms: int) -> tuple[int, int]:
    """The asked window in milliseconds; without a start the longest one that ends at the end."""
    end_ms = call.parameters.integer(end_name, call.now_ms, 0, _TIME_MAX)
    start_ms = call.parameters.integer(start_name, max(0, end_ms - longest_ms), 0, _TIME_MAX)
    if end_ms - start_ms > longest_ms:
        raise bad_parameter(start_name, start_ms, f"opens a window of more than {longest_ms // 86_400_000} days")
    return start_ms, end_ms


def _find(call: Call, parameters: Parameters, *, visible_only: bool) -> Order | None:
    """The order meant by ``orderId`` or the client id; None if unknown, hidden, or of another symbol."""
    account = call.account
    symbol = parameters.required("symbol")
    call.venue.engine.market(symbol)
    text = parameters.either("orderId", "orderID")
    client_id = read_client_id(parameters)
    order: Order | None
    if text:
        if not text.isascii() or not text.isdigit() or len(text) > _ID_DIGITS_MAX:
            raise bad_parameter("orderId", text, "is not an order number")
        order = account.orders.get(int(text))
    elif client_id:
        order = account.by_client_id.get(client_id)
    else:
        raise bad_parameter("orderId", "", "is missing, send it or clientOrderId")
    if order is None or order.symbol != symbol or (visible_only and order.visible_ns > call.now_ns):
        return None
    return order


def order_of(call: Call, order: Order) -> JsonObject:
    """An order as queries show it."""
    shown = order.shown(call.now_ns)
    return order_row(shown, call.venue.engine.contracts[order.symbol], call.venue.config.wire)


def unknown_order(variant: str) -> VenueError:
    """The many ways the venue has of not knowing an order."""
    if variant == "109400":
        return VenueError(BAD_PARAMETER, "order not exist")
    return VenueError(int(variant), "order does not exist")


def _cancel_variant(variant: str) -> str:
    return "80016" if variant == "empty" else variant


def _done_order(variant: str) -> VenueError:
    if variant in ("109400", "80001"):
        return VenueError(int(variant), "order not exist")
    if variant == str(ALREADY_DONE):
        return VenueError(ALREADY_DONE, "The order is already filled or does not exist")
    return VenueError(int(variant), "order is already filled")


TRADE_ROUTES: Final[Routes] = {
    ("POST", f"{SWAP}/v2/trade/order"): Route(submit, 10, occasion="submit", trades=True),
    ("POST", f"{SWAP}/v2/trade/order/test"): Route(submit_test, 5, trades=True),
    ("DELETE", f"{SWAP}/v2/trade/order"): Route(cancel, 10, occasion="cancel", trades=True),
    ("GET", f"{SWAP}/v2/trade/order"): Route(query, 30, occasion="query"),
    ("GET", f"{SWAP}/v2/trade/openOrder"): Route(open_order, 5, occasion="query"),
    ("GET", f"{SWAP}/v2/trade/openOrders"): Route(open_orders, 5),
    ("GET", f"{SWAP}/v2/trade/allOrders"): Route(all_orders, 5),
    ("GET", f"{SWAP}/v1/trade/fullOrder"): Route(full_order, 5),
    ("DELETE", f"{SWAP}/v2/trade/allOpenOrders"): Route(cancel_all, 5, occasion="cancel", trades=True),
    ("POST", f"{SWAP}/v2/trade/cancelAllAfter"): Route(cancel_all_after, 1, trades=True),
    ("POST", f"{SWAP}/v2/trade/closeAllPositions"): Route(close_all_positions, 5, trades=True),
    ("GET", f"{SWAP}/v2/trade/fillHistory"): Route(fill_history, 5),
    ("GET", f"{SWAP}/v1/trade/fillHistory"): Route(fill_history, 5),
    ("GET", f"{SWAP}/v2/trade/allFillOrders"): Route(all_fill_orders, 5),
}
