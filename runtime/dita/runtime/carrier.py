"""Carries out what outcomes command, and brings back what came of it as inputs.

A SUBMIT is sent once and never again, for any reason. Whatever is no proof of absence is UNKNOWN. Every command runs as
a task of its own; a bug in one becomes an alert, and the order it was about stays unknown until it is resolved.
"""

import asyncio
from collections.abc import Awaitable
from typing import Final, Protocol, final

from dita.adapters.bingx.errors import VenueError
from dita.adapters.bingx.orders import Accepted, NewOrder, Rejected, SubmitResult, Unknown, UnknownReason
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.background import Background
from dita.runtime.engine import Engine
from dita.runtime.exit_keeper import ExitKeeper
from dita.runtime.flights import Flight, Flights
from dita.runtime.instruments import Instruments
from dita.runtime.lockstep import Stepped
from dita.runtime.order_names import OrderNames
from dita.runtime.venue_port import Venue
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey
from dita.spec.outcome import Outcome
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND
from dita.spec.vocabulary import OrderSide, Reconcile, RejectReason, Side

_CANCEL_LOOK_SECONDS: Final = 0.25  # after a cancel the stream usually tells the end by then
_CANCEL_AGAIN_SECONDS: Final = (1.2, 2.0, 4.0, 8.0, 16.0, 30.0)  # the venue takes one cancel a second and order


class Truth(Protocol):
    """Where the carrier learns what became of an order, and asks for a reconcile."""

    async def resolve(self, flight: Flight) -> None:
        """Find out what became of an order, and apply it."""
        ...

    def accepted(self, key: OrderKey, instrument: int, order_id: str, time_ns: int) -> Input | None:
        """The input of an acceptance, None when the order was heard of before."""
        ...

    async def look_at(self, key: OrderKey, instrument: int) -> Outcome | None:
        """Query one order of ours and apply what the venue says."""
        ...

    def request(self, what: Reconcile) -> None:
        """Read positions or the wallet soon. Must not wait."""
        ...

    def remove_protection(self, trade: int, symbol: str) -> Awaitable[None]:
        """Cancel whatever protects a finished trade."""
        ...


@final
class Carrier:
    """See the module. ``Engine.connect`` it."""

    def __init__(
        self,
        engine: Engine,
        venue: Venue,
        truth: Truth,
        instruments: Instruments,
        alerts: Alerts,
        background: Background,
        names: OrderNames,
    ) -> None:
        self.flights = Flights()
        self.exits = ExitKeeper(engine, alerts, background)
        self.submits = 0
        self.rejections = 0
        self.unknowns = 0
        self._engine = engine
        self._venue = venue
        self._truth = truth
        self._instruments = instruments
        self._alerts = alerts
        self._background = background
        self._names = names

    # --- Commands ----------------------------------------------------------------------------------------------------

    def carry(self, event: Input, stepped: Stepped, send_by_ns: int) -> None:
        """See ``Commands``."""
        outcome = stepped.outcome
        self.flights.follow(outcome.slot, self._engine.state.slots[outcome.slot])
        if outcome.submit:
            flight = self._flight(outcome, send_by_ns)
            self.flights.put(flight)
            self._background.begin(self._submit(flight, outcome), f"submit {flight.client_order_id}")
        if outcome.cancel:
            self._begin_cancel(outcome)
        if outcome.resolve:
            self._begin_resolve(OrderKey(outcome.trade, outcome.slot, outcome.attempt))
        if outcome.reconcile:
            self._truth.request(Reconcile(outcome.reconcile))
        if outcome.cancel_protection:
            symbol = self._instruments[outcome.instrument].symbol
            self._background.start(self._unprotect(outcome.trade, symbol), f"unprotect {outcome.trade}")
        self.exits.watch(event, stepped)

    def take_risk_away(self) -> None:
        """See ``Commands``."""
        self._venue.trader.narrow()

    def adopt_flight(self, flight: Flight) -> None:
        """At a start: an order that was in flight when the last process ended."""
        self.flights.put(flight)

    # --- submit ------------------------------------------------------------------------------------------------------

    def _flight(self, outcome: Outcome, send_by_ns: int) -> Flight:
        key = OrderKey(outcome.trade, outcome.slot, outcome.attempt)
        return Flight(
            key=key,
            instrument=outcome.instrument,
            symbol=self._instruments[outcome.instrument].symbol,
            client_order_id=self._names.give(key, is_journaled=self._engine.journal_error is None),
            side=OrderSide(outcome.side),
            quantity=outcome.quantity,
            reduce_only=bool(outcome.reduce_only),
            send_by_ns=send_by_ns,
            heard_ns=self._venue.clock.monotonic_ns(),
        )

    async def _submit(self, flight: Flight, outcome: Outcome) -> None:
        result: SubmitResult = Unknown(UnknownReason.BUG, "not asked")
        try:
            result = await self._send(flight, outcome)
        except Exception as error:  # noqa: BLE001 - our own bug proves nothing about the order
            self._alerts.raise_(Alert.OWN_BUG, f"submit {flight.client_order_id} raised {error!r}")
            result = Unknown(UnknownReason.BUG, repr(error))
        finally:
            flight.answered = True
            flight.heard_ns = self._venue.clock.monotonic_ns()
        event = self._answer(flight, result)
        if event is not None:
            await self._engine.apply(event)

    async def _send(self, flight: Flight, outcome: Outcome) -> SubmitResult:
        if not flight.reduce_only and not self._engine.may_add_risk:
            return Rejected(RejectReason.NOT_SENT, None, "the runtime may not add risk any more")
        quantity = flight.quantity
        if self._engine.lockstep.divergence is not None:
            quantity = min(quantity, await self._held_at_venue(flight))
            if quantity == 0:
                return Rejected(RejectReason.NO_POSITION, None, "the venue holds no position to close")
        if self._may_have_been_sent(flight.key) and not await self._is_unused(flight):
            return Rejected(RejectReason.NOT_SENT, None, "the name may be that of an order whose row was lost")
        self.submits += 1
        order = NewOrder(
            symbol=flight.symbol,
            client_order_id=flight.client_order_id,
            side=flight.side,
            reduce_only=flight.reduce_only,
            quantity=quantity,
            limit_price=outcome.limit_price,
            send_by_ns=flight.send_by_ns,
            post_only=bool(outcome.post_only),
        )
        return await self._venue.trader.submit(order)

    def _may_have_been_sent(self, key: OrderKey) -> bool:
        """Whether a row that a damaged journal has lost can have sent an exit under this name.

        Trade numbers are skipped then, exits of a trade that was live are counted on from the last row. An exit that is
        not sent has used its number up, so the next one asks for another name.
        """
        return key.attempt > 0 and key.trade <= self._engine.journal.trade_floor

    async def _is_unused(self, flight: Flight) -> bool:
        """Whether the venue says that it knows no order of this name."""
        try:
            return await self._venue.reader.query_by_client_id(flight.symbol, flight.client_order_id) is None
        except VenueError as error:
            self._alerts.raise_(Alert.READ_FAILED, str(error))
            return False

    async def _held_at_venue(self, flight: Flight) -> int:
        """After a divergence the reference's idea of a position is not enough: never close more than there is."""
        side = Side.LONG if flight.side == OrderSide.SELL else Side.SHORT
        try:
            rows = await self._venue.reader.positions(flight.symbol)
        except VenueError as error:
            self._alerts.raise_(Alert.READ_FAILED, str(error))
            return flight.quantity  # reduce-only: the venue itself closes no more than there is
        return sum(row.quantity for row in rows if row.side == side)

    def _answer(self, flight: Flight, result: SubmitResult) -> Input | None:
        key, place = flight.key, {"slot": flight.key.slot, "instrument": flight.instrument}
        if isinstance(result, Accepted):
            flight.order_id = result.order_id
            time_ns = result.timestamp_ms * NANOSECONDS_PER_MILLISECOND
            return self._truth.accepted(key, flight.instrument, result.order_id, time_ns)
        if isinstance(result, Rejected):
            self.rejections += 1
            alert = Alert.EXIT_REJECTED if flight.reduce_only else Alert.ENTRY_REJECTED
            self._alerts.raise_(alert, f"{flight.client_order_id}: {result.reason.name}, {result.text}")
            time_ns = self._venue.venue_now_ns()
            return inputs.rejected(**place, trade=key.trade, attempt=key.attempt, reason=result.reason, time_ns=time_ns)
        self.unknowns += 1
        flight.order_id = flight.order_id or result.order_id
        self._alerts.raise_(Alert.UNKNOWN_SUBMIT, f"{flight.client_order_id}: {result.reason.value}, {result.detail}")
        return inputs.unknown(**place, trade=key.trade, attempt=key.attempt)

    # --- cancel ------------------------------------------------------------------------------------------------------

    def _begin_cancel(self, outcome: Outcome) -> None:
        key = OrderKey(outcome.trade, outcome.slot, outcome.attempt)
        flight = self.flights.of(key)
        name = f"cancel {self._names.of(key)}"
        if flight is None:
            self._background.start(self._cancel_stray(key, outcome.instrument), name)
        elif flight.cancelling is None:
            flight.cancelling = self._background.start(self._cancel_flight(flight), name)

    async def _cancel_flight(self, flight: Flight) -> None:
        """Cancel until the order's end is known; the end itself comes from the stream or a query, never from here."""
        try:
            for pause in (*_CANCEL_AGAIN_SECONDS, *[_CANCEL_AGAIN_SECONDS[-1]] * 1000):
                await self._venue.trader.cancel(flight.symbol, flight.client_order_id, flight.order_id)
                await asyncio.sleep(_CANCEL_LOOK_SECONDS)
                await self._truth.look_at(flight.key, flight.instrument)
                await asyncio.sleep(pause)
        finally:
            flight.cancelling = None

    async def _cancel_stray(self, key: OrderKey, instrument: int) -> None:
        """An order of ours that the kernel has no place for: cancel it, then see what it did."""
        identifier = self._names.of(key)
        await self._venue.trader.cancel(self._instruments[instrument].symbol, identifier)
        await asyncio.sleep(_CANCEL_LOOK_SECONDS)
        await self._truth.look_at(key, instrument)

    async def _unprotect(self, trade: int, symbol: str) -> None:
        await self._truth.remove_protection(trade, symbol)

    # --- resolve -----------------------------------------------------------------------------------------------------

    def _begin_resolve(self, key: OrderKey) -> None:
        flight = self.flights.of(key)
        if flight is not None and flight.resolving is None:
            flight.resolving = self._background.start(self._resolve(flight), f"resolve {flight.client_order_id}")

    async def _resolve(self, flight: Flight) -> None:
        try:
            await self._truth.resolve(flight)
        finally:
            flight.resolving = None
            flight.heard_ns = self._venue.clock.monotonic_ns()
