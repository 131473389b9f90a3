"""Orders followed the way the runtime does it, without the runtime: the stream, reads after gaps, and resolutions.

It drives the machines of `dita.adapters.logic` against a venue; what it lets through is compared by tests with the
exchange's own record.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from dita.adapters.bingx.account_stream import AccountStream
from dita.adapters.bingx.errors import VenueError
from dita.adapters.bingx.orders import CancelKind, NewOrder
from dita.adapters.bingx.rest import BingxRest
from dita.adapters.bingx.stream_base import StreamClosed
from dita.adapters.bingx.stream_events import OrderUpdate, StreamGap, StreamRestored
from dita.adapters.bingx.trading import BingxCloser
from dita.adapters.logic import backfill, resolve
from dita.adapters.logic.backfill import Gap
from dita.adapters.logic.orders import OrderMemory, Snapshot
from dita.adapters.logic.resolve import Answer, Case, Facts, Question, Resolution, Result
from dita.adapters.logic.rows import Evidence, FillRow, OrderRow

SECOND: Final = 10**9
_HISTORY_AFTER_NS: Final = 5 * SECOND  # listings end after now, so that nothing young is cut off
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
                await asyncio.sleep(duration_ns / SECOND)
                return resolve.Waited()
    except VenueError as error:
        return resolve.Failed(str(error))


@dataclass
class Watched:
    """One order of ours. ``told``: what was let through to the kernel, in its order."""

    order: NewOrder
    placed_ns: int
    memory: OrderMemory = field(default_factory=OrderMemory)
    told: list[Snapshot] = field(default_factory=list[Snapshot])
    by_read: bool = False
    over_since_ns: int = 0  # by the exchange's record

    @property
    def known(self) -> Snapshot:
        """All of it, joined."""
        return self.memory.forwarded or Snapshot(0, 0, False, 0)


class OrderFollower:
    """Rows to memories, restorations to a back-fill. ``deaf``: the planted defect that nothing is read after a gap."""

    def __init__(
        self, rest: BingxRest, symbol: str, read_lag_ms: int, names: Callable[[], dict[int, str]], *, deaf: bool = False
    ) -> None:
        """``names``: client ids by order id, to know whose fill a row is."""
        self.orders: dict[str, Watched] = {}
        self.strangers: Counter[tuple[str, str]] = Counter()  # rows of no order of ours: (client id, type)
        self.gaps: list[str] = []  # their reasons
        self.backfills = 0
        self._rest = rest
        self._symbol = symbol
        self._read_lag_ms = read_lag_ms
        self._names = names
        self._deaf = deaf
        self._backfill: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """End a back-fill that still runs."""
        if self._backfill is not None:
            self._backfill.cancel()
            await asyncio.gather(self._backfill, return_exceptions=True)

    async def follow(self, stream: AccountStream) -> None:
        """Until the stream is closed."""
        while True:
            try:
                event = await stream.next_event()
            except StreamClosed:
                return
            if isinstance(event, OrderUpdate):
                await self.take(event.row)
            elif isinstance(event, StreamGap):
                self.gaps.append(event.reason)
            elif isinstance(event, StreamRestored) and not self._deaf:
                await self.aclose()
                self._backfill = asyncio.create_task(self._read_gap(event.gap_started_ns), name="back-fill")

    async def take(self, row: OrderRow) -> None:
        """One reading, from anywhere."""
        watched = self.orders.get(row.client_order_id)
        if watched is None:
            self.strangers[row.client_order_id, row.type_text] += 1
            return
        reading = watched.memory.take_row(row)
        if reading.snapshot is not None:
            watched.told.append(reading.snapshot)
            watched.by_read = row.evidence is Evidence.QUERY
        if reading.ask and row.evidence is Evidence.STREAM and not self._deaf:
            await self.look_at(watched)

    async def look_at(self, watched: Watched) -> bool:
        """Query the order; whether that was answered."""
        try:
            row = await self._rest.query_by_client_id(self._symbol, watched.order.client_order_id)
        except VenueError:
            return False
        if row is not None:
            await self.take(row)
        return True

    def _waiting(self) -> tuple[tuple[str, str], ...]:
        return tuple((self._symbol, name) for name, watched in self.orders.items() if not watched.known.done)

    async def _read_gap(self, started_ns: int) -> None:
        at = backfill.begin(Gap(started_ns, (self._symbol,), self._waiting(), self._read_lag_ms * 10**6))
        while not at.is_done:
            asked, passes = backfill.question(at), at.passes
            certain = True
            match asked:
                case resolve.Wait(duration_ns):
                    await asyncio.sleep(duration_ns / SECOND)
                case resolve.AskByClientId(_, name):
                    watched = self.orders.get(name)
                    certain = watched is None or await self.look_at(watched)
                case resolve.AskFills(_, start_ns):
                    certain = await self._hints(start_ns)
            at = backfill.answered(at, certain)
            if at.passes > passes:
                at = backfill.with_orders(at, self._waiting())
        self.backfills += 1

    async def _hints(self, start_ns: int) -> bool:
        """Fills of orders that know less: these orders are asked for."""
        end_ns = self._rest.api.transport.venue_now_ns() + SECOND
        try:
            rows = await self._rest.fill_history(self._symbol, start_ns, end_ns)
        except VenueError:
            return False
        by_order: dict[int, list[FillRow]] = {}
        for row in rows:
            by_order.setdefault(int(row.order_id), []).append(row)
        names = self._names()
        for order_id, fills in by_order.items():
            watched = self.orders.get(names.get(order_id, ""))
            if watched is not None and watched.memory.remember_fills(fills) and not await self.look_at(watched):
                return False
        return True
