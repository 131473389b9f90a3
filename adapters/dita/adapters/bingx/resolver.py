"""Carries the questions of ``dita.adapters.logic.resolve`` to the venue, until an order is found or surely absent."""

import asyncio
from collections.abc import Callable
from typing import Final

from dita.adapters.bingx.errors import VenueError
from dita.adapters.bingx.orders import CancelKind
from dita.adapters.bingx.rest import BingxRest
from dita.adapters.bingx.trading import BingxCloser
from dita.adapters.logic import resolve
from dita.adapters.logic.resolve import Answer, Case, Facts, Question, Resolution, Result
from dita.spec.scales import NANOSECONDS_PER_SECOND

_HISTORY_AFTER_NS: Final = 5 * NANOSECONDS_PER_SECOND  # listings end after now, so that nothing young is cut off
_FENCES: Final = {
    CancelKind.NOT_FOUND: resolve.Fence.NO_SUCH_ORDER,
    CancelKind.REQUESTED: resolve.Fence.SOMETHING,
    CancelKind.ALREADY_DONE: resolve.Fence.SOMETHING,
}


async def resolve_order(
    rest: BingxRest,
    closer: BingxCloser,
    case: Case,
    facts: Callable[[], Facts],
    on_obstacle: Callable[[Resolution], None] = lambda _: None,
) -> Result:
    """Ask until there is a result; never gives up (cancel the task when the kernel has learnt it from elsewhere).

    ``facts`` is called at the moment of judgement. ``on_obstacle`` is told after each round that proved nothing: alert
    when ``rounds`` grows.
    """
    at = resolve.begin(case)
    while True:
        answer = await ask(rest, closer, resolve.question(at), facts)
        after = resolve.answered(at, answer)
        if not isinstance(after, Resolution):
            return after
        if after.rounds > at.rounds:
            on_obstacle(after)
        at = after


async def ask(rest: BingxRest, closer: BingxCloser, question: Question, facts: Callable[[], Facts]) -> Answer:
    """Put one question to the venue; whatever is not a certain answer is Failed."""
    end_ns = rest.api.transport.venue_now_ns() + _HISTORY_AFTER_NS
    try:
        match question:
            case resolve.AskByClientId(symbol, client_order_id):
                return resolve.Order(await rest.query_by_client_id(symbol, client_order_id))
            case resolve.AskByOrderId(symbol, order_id):
                return resolve.Order(await rest.query_by_order_id(symbol, order_id))
            case resolve.AskServerTime():
                return resolve.ServerTime((await rest.server_time()).server_ns)
            case resolve.AskFence(symbol, client_order_id):
                cancelled = await closer.cancel(symbol, client_order_id)
                met = _FENCES.get(cancelled.kind)
                return met or resolve.Failed(f"cancel: {cancelled.kind.value}: {cancelled.text}")
            case resolve.AskOpenOrders(symbol):
                return resolve.Orders(await rest.open_orders(symbol))
            case resolve.AskHistory(symbol, start_ns, full):
                read = rest.full_orders if full else rest.all_orders
                return resolve.Orders(await read(symbol, start_ns, max(start_ns, end_ns)))
            case resolve.AskFills(symbol, start_ns):
                return resolve.Fills(await rest.fill_history(symbol, start_ns, max(start_ns, end_ns)))
            case resolve.AskPositions(symbol):
                return resolve.Positions(await rest.positions(symbol))
            case resolve.AskFacts():
                return facts()
            case resolve.Wait(duration_ns):
                await asyncio.sleep(duration_ns / NANOSECONDS_PER_SECOND)
                return resolve.Waited()
    except VenueError as error:
        return resolve.Failed(str(error))
