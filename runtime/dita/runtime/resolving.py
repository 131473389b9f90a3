"""Drives the resolution of an unknown order: asks the venue what the machine in the adapters' logic wants to know."""

import asyncio
from typing import Final, assert_never, final

from dita.adapters.bingx.endpoints import TEST_SUBMIT
from dita.adapters.bingx.errors import Call, VenueError
from dita.adapters.bingx.json_text import as_object
from dita.adapters.bingx.orders import CancelKind, NewOrder, order_parameters
from dita.adapters.bingx.rest import BingxRest, PositionMode
from dita.adapters.bingx.transport import Failure
from dita.adapters.logic import resolve
from dita.adapters.logic.resolve import (
    Absent,
    Answer,
    AskByClientId,
    AskByOrderId,
    AskFacts,
    AskFence,
    AskFills,
    AskHistory,
    AskOpenOrders,
    AskPositions,
    AskServerTime,
    Case,
    Ended,
    Facts,
    Failed,
    Fence,
    Fills,
    Found,
    Order,
    Orders,
    Positions,
    Question,
    Resolution,
    Result,
    ServerTime,
    Wait,
    Waited,
)
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.engine import Engine
from dita.runtime.flights import Flight
from dita.runtime.instruments import Instruments
from dita.runtime.order_truth import OrderTruth
from dita.runtime.venue_port import Premises, Venue
from dita.spec.scales import NANOSECONDS_PER_SECOND
from dita.spec.state import remaining
from dita.spec.vocabulary import OrderSide, Side

_ROUNDS_BEFORE_ALERT: Final = 5
_HARMLESS_LOTS: Final = 100
_AHEAD_NS: Final = 2 * NANOSECONDS_PER_SECOND  # listings are asked for up to this much beyond now
_NO_ORDER: Final = (CancelKind.NOT_FOUND,)
_AN_ORDER: Final = (CancelKind.REQUESTED, CancelKind.ALREADY_DONE)


@final
class AskedPremises:
    """``Premises``, asked of the call that never matches; an answer is kept for the life of the process."""

    def __init__(self, rest: BingxRest, mode: PositionMode, instruments: Instruments, tag: str) -> None:
        self._rest = rest
        self._mode = mode
        self._instruments = instruments
        self._tag = tag
        self.echo_seen = False
        self.stale_refused = False

    async def ask(self) -> None:
        """Find out what is not known yet. Raises VenueError when the venue did not answer."""
        if self.echo_seen and self.stale_refused:
            return
        contract = next(iter(self._instruments)).contract
        quantity = _HARMLESS_LOTS * max(contract.quantity_min, contract.lot)
        order = NewOrder(contract.symbol, f"{self._tag}-probe", OrderSide.BUY, False, quantity, 0, 0)
        parameters = order_parameters(order, self._mode)
        if not self.stale_refused:
            self.stale_refused = await self._rest.stale_timestamp_is_refused(parameters)
        if not self.echo_seen:
            result = await self._rest.api.call(TEST_SUBMIT, parameters, Call.SUBMIT)
            if not isinstance(result, Failure) and result.is_yes:
                echo = as_object((as_object(result.data) or {}).get("order")) or {}
                self.echo_seen = echo.get("clientOrderID") == order.client_order_id


@final
class Resolver:
    """Finds out what became of an order, however long it takes; the kernel is told when it is known."""

    def __init__(
        self,
        engine: Engine,
        venue: Venue,
        instruments: Instruments,
        orders: OrderTruth,
        premises: Premises,
        alerts: Alerts,
        *,
        send_within_ns: int,
    ) -> None:
        self._engine = engine
        self._venue = venue
        self._instruments = instruments
        self._orders = orders
        self._premises = premises
        self._alerts = alerts
        self._send_within_ns = send_within_ns

    async def resolve(self, flight: Flight) -> None:
        """Ask until it is known, then apply it. Ends by cancellation when the kernel no longer waits for the order."""
        case = self._case(flight)
        at: Resolution | Result = resolve.begin(case)
        while isinstance(at, Resolution):
            if at.rounds == _ROUNDS_BEFORE_ALERT and at.obstacle:
                self._alerts.raise_(Alert.UNRESOLVED, f"{flight.client_order_id}: {at.obstacle}")
            at = resolve.answered(at, await self._answer(flight, resolve.question(at)))
        await self._conclude(flight, case, at)

    def _case(self, flight: Flight) -> Case:
        send_by_ns = flight.send_by_ns or self._venue.venue_now_ns()
        return Case(
            key=flight.key,
            tag=self._orders.names.tag,
            symbol=flight.symbol,
            client_order_id=flight.client_order_id,
            side=flight.side,
            quantity=flight.quantity,
            submitted_ns=send_by_ns - self._send_within_ns,
            send_by_ns=send_by_ns,
            window_ns=self._venue.window_ns,
            order_id=flight.order_id or self._orders.order_id(flight.key) or "",
        )

    async def _conclude(self, flight: Flight, case: Case, result: Result) -> None:
        match result:
            case Found(row):
                await self._orders.tell(flight.key, flight.instrument, row)
            case Absent():
                await self._engine.apply(resolve.not_found_input(case, flight.instrument, result))
            case Ended():
                await self._engine.apply(resolve.ended_input(case, flight.instrument, result))

    async def _answer(self, flight: Flight, asked: Question) -> Answer:
        try:
            return await self._ask(flight, asked)
        except VenueError as error:
            return Failed(str(error))

    async def _ask(self, flight: Flight, asked: Question) -> Answer:
        reader = self._venue.reader
        match asked:
            case Wait(duration_ns):
                await asyncio.sleep(duration_ns / NANOSECONDS_PER_SECOND)
                return Waited()
            case AskByClientId(symbol, client_order_id):
                return Order(await reader.query_by_client_id(symbol, client_order_id))
            case AskByOrderId(symbol, order_id):
                return Order(await reader.query_by_order_id(symbol, order_id))
            case AskServerTime():
                return ServerTime((await reader.server_time()).server_ns)
            case AskFence(symbol, client_order_id):
                return await self._fence(symbol, client_order_id)
            case AskOpenOrders(symbol):
                return Orders(await reader.open_orders(symbol))
            case AskHistory(symbol, start_ns, full):
                listing = reader.full_orders if full else reader.all_orders
                return Orders(await listing(symbol, start_ns, self._until(start_ns)))
            case AskFills(symbol, start_ns):
                return Fills(await reader.fill_history(symbol, start_ns, self._until(start_ns)))
            case AskPositions(symbol):
                return Positions(await reader.positions(symbol))
            case AskFacts():
                await self._premises.ask()
                return self._facts(flight)
            case _:
                assert_never(asked)

    def _until(self, start_ns: int) -> int:
        return max(start_ns, self._venue.venue_now_ns()) + _AHEAD_NS  # a clock may have been set back since

    async def _fence(self, symbol: str, client_order_id: str) -> Answer:
        result = await self._venue.trader.cancel(symbol, client_order_id)
        if result.kind in _NO_ORDER:
            return Fence.NO_SUCH_ORDER
        if result.kind in _AN_ORDER:
            return Fence.SOMETHING
        return Failed(f"cancel: {result.kind.value}, {result.text}")

    def _facts(self, flight: Flight) -> Facts:
        slot = self._engine.state.slots[flight.key.slot]
        held = remaining(slot)
        is_long = slot.side == Side.LONG
        seen = slot.exit.seen if flight.key.attempt else slot.entry.seen
        own_id = self._orders.order_id(flight.key)
        return Facts(
            seen=bool(seen),
            long_quantity=held if is_long else 0,
            short_quantity=0 if is_long else held,
            owned_order_ids=self._orders.order_ids - ({own_id} if own_id else set()),
            echo_seen=self._orders.echo_seen or self._premises.echo_seen,
            stale_refused=self._premises.stale_refused,
        )
