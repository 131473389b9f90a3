"""What the venue says about our orders: pushed on the stream, queried one by one, listed after a gap."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, final

from dita.adapters.bingx.errors import VenueError
from dita.adapters.logic.flights import in_flight_key
from dita.adapters.logic.orders import OrderMemory, Snapshot, order_input
from dita.adapters.logic.rows import FillRow, OrderRow
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.engine import Engine
from dita.runtime.flights import Flights
from dita.runtime.instruments import Instruments
from dita.runtime.order_names import OrderNames
from dita.runtime.venue_port import Venue
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey
from dita.spec.outcome import Outcome
from dita.spec.state import State

_REMEMBERED: Final = 512  # orders whose last forwarded value and venue id are kept; older ones are asked for again


@final
class OrderTruth:
    """Turns order rows into ORDER inputs. Pushed rows are forwarded only when they say more than the last one did."""

    def __init__(
        self,
        engine: Engine,
        venue: Venue,
        instruments: Instruments,
        alerts: Alerts,
        on_foreign: Callable[[str], None],
        names: OrderNames,
    ) -> None:
        """``on_foreign`` is told the symbol whenever an order that is not ours shows up."""
        self._engine = engine
        self._venue = venue
        self._instruments = instruments
        self._alerts = alerts
        self._on_foreign = on_foreign
        self._memories: OrderedDict[OrderKey, OrderMemory] = OrderedDict()
        self._order_ids: OrderedDict[OrderKey, str] = OrderedDict()
        self._twins: OrderedDict[str, None] = OrderedDict()
        self.echo_seen = False  # the venue has told us a client id of ours
        self.names = names

    def order_id(self, key: OrderKey) -> str | None:
        """The venue's id of an order of ours, if it was ever told in this process."""
        return self._order_ids.get(key)

    @property
    def order_ids(self) -> frozenset[str]:
        """Every venue id known to be ours."""
        return frozenset(self._order_ids.values())

    def learn(self, key: OrderKey, order_id: str) -> None:
        """The venue's id of an order of ours; the first that is told stays."""
        if order_id and order_id != "0":
            self._order_ids.setdefault(key, order_id)
            self._order_ids.move_to_end(key)
            if len(self._order_ids) > _REMEMBERED:
                self._order_ids.popitem(last=False)

    def key_of(self, row: OrderRow) -> OrderKey | None:
        """Which order of ours a row is about, or None."""
        return self.names.key_of(row.client_order_id)

    def forwarded(self, key: OrderKey) -> Snapshot | None:
        """What the kernel was told of an order, as far as it is remembered."""
        memory = self._memories.get(key)
        return None if memory is None else memory.forwarded

    def take_fills(self, rows: Iterable[FillRow]) -> tuple[str, ...]:
        """Keep fill rows of our orders; gives the client ids of those that have filled more than the kernel was told.

        Rows of orders whose venue id was never told here are somebody else's, as far as can be said.
        """
        keys = {order_id: key for key, order_id in self._order_ids.items()}
        by_key: dict[OrderKey, list[FillRow]] = {}
        for row in rows:
            key = keys.get(row.order_id)
            if key is None:
                self._on_foreign(row.symbol)
            else:
                by_key.setdefault(key, []).append(row)
        return tuple(self.names.of(key) for key, fills in by_key.items() if self._memory(key).remember_fills(fills))

    def restore(self, state: State) -> None:
        """After a replay: what the kernel knows of its addressable orders was forwarded."""
        for number, slot in enumerate(state.slots):
            if slot.entry.seen:
                entry = Snapshot(slot.entry.quantity, slot.entry.quote, bool(slot.entry.done), 0)
                self._memory(OrderKey(slot.trade, number, 0)).forwarded = entry
            if slot.exit.seen:
                exit_ = Snapshot(slot.exit.quantity, slot.exit.quote, bool(slot.exit.done), 0)
                self._memory(OrderKey(slot.trade, number, slot.exit.attempt)).forwarded = exit_

    async def on_row(self, row: OrderRow, flights: Flights) -> None:
        """One pushed row."""
        instrument = self._instruments.of(row.symbol)
        if instrument is None:
            return
        key = self.key_of(row)
        if key is None:
            self._on_foreign(row.symbol)
            return
        if self._is_twin(key, row):
            await self._disown(key, row)
            return
        self._heard(key, row)
        flight = flights.of(key)
        if flight is not None:
            flight.order_id = flight.order_id or row.order_id
            flight.heard_ns = self._venue.clock.monotonic_ns()
        reading = self._memory(key).take_row(row)
        if reading.snapshot is not None:
            await self._engine.apply(order_input(key, instrument.number, reading.snapshot))
        if reading.ask:
            await self.look_at(key, instrument.number)

    def accepted(self, key: OrderKey, instrument: int, order_id: str, time_ns: int) -> Input | None:
        """The ORDER input of an acceptance, or None when the order has been heard of before: then it is no news."""
        self.echo_seen = True
        self.learn(key, order_id)
        snapshot = self._memory(key).take_acceptance(time_ns).snapshot
        return None if snapshot is None else order_input(key, instrument, snapshot)

    async def look_at(self, key: OrderKey, instrument: int) -> Outcome | None:
        """Query one order and apply what the venue says, news or not; None when it said nothing certain."""
        symbol = self._instruments[instrument].symbol
        try:
            row = await self._venue.reader.query_by_client_id(symbol, self.names.of(key))
        except VenueError as error:
            self._alerts.raise_(Alert.READ_FAILED, str(error))
            return None
        return None if row is None else await self.tell(key, instrument, row)

    async def latest_exit_is_booked(self, slot: int, instrument: int) -> bool:
        """Whether the slot's latest exit order did nothing that the kernel has not booked.

        Asked before a missing quantity is called an external close: the exit's own snapshot may still be on its way,
        and the same lots would be booked twice. News found here is applied, and then the answer is no.
        """
        last = self._engine.state.slots[slot].exit
        if last.attempt == 0:
            return True
        key = OrderKey(self._engine.state.slots[slot].trade, slot, last.attempt)
        symbol = self._instruments[instrument].symbol
        try:
            row = await self._venue.reader.query_by_client_id(symbol, self.names.of(key))
        except VenueError as error:
            self._alerts.raise_(Alert.READ_FAILED, str(error))
            return False
        row = None if row is None else await self._ours(key, row)
        if row is None:
            return True
        await self.tell(key, instrument, row)
        return self._engine.state.slots[slot].exit == last and row.cum_quantity == last.quantity and self.is_over(row)

    async def tell(self, key: OrderKey, instrument: int, row: OrderRow) -> Outcome | None:
        """Apply what a row of this order says.

        For the order in flight news or not, because an answer to a question is an answer (clause O9); for any other
        order only news, because repeating its end would be taken for evidence.
        """
        ours = await self._ours(key, row)
        if ours is None:
            return None
        row = ours
        self._heard(key, row)
        memory = self._memory(key)
        snapshot = memory.take_row(row).snapshot
        if snapshot is None and in_flight_key(key.slot, self._engine.state.slots[key.slot]) == key:
            snapshot = memory.forwarded
        return None if snapshot is None else await self._engine.apply(order_input(key, instrument, snapshot))

    async def tell_stray(self, key: OrderKey, instrument: int, row: OrderRow) -> None:
        """Apply that an order of ours is listed as resting although nobody waits for it: it is cancelled again."""
        if self._is_twin(key, row):
            await self._disown(key, row)
            return
        self._heard(key, row)
        snapshot = self._memory(key).take_stray(row)
        if snapshot is not None:
            await self._engine.apply(order_input(key, instrument, snapshot))

    def is_over(self, row: OrderRow) -> bool:
        """Whether an order of ours is known to have ended, whatever an older listing says."""
        key = self.key_of(row)
        memory = None if key is None else self._memories.get(key)
        return memory is not None and memory.forwarded is not None and memory.forwarded.done

    def _is_twin(self, key: OrderKey, row: OrderRow) -> bool:
        """Whether this is a second order under the name of one that is known: the venue should never admit it."""
        known = self._order_ids.get(key)
        return known is not None and row.order_id != known

    async def _ours(self, key: OrderKey, row: OrderRow) -> OrderRow | None:
        """The row; for a twin's what the venue says of the order that was first known, None if it says nothing."""
        if not self._is_twin(key, row):
            return row
        await self._disown(key, row)
        try:
            return await self._venue.reader.query_by_order_id(row.symbol, self._order_ids[key])
        except VenueError as error:
            self._alerts.raise_(Alert.READ_FAILED, str(error))
            return None

    async def _disown(self, key: OrderKey, row: OrderRow) -> None:
        """Merge nothing of a twin: say so, cancel it while it rests; what it filled is for the position reading."""
        if row.order_id not in self._twins:
            self._twins[row.order_id] = None
            if len(self._twins) > _REMEMBERED:
                self._twins.popitem(last=False)
            both = f"orders `{self._order_ids[key]}` and `{row.order_id}`"
            self._alerts.raise_(
                Alert.TWIN_ORDER, f"{row.client_order_id}: {both} have one name; the second is disowned"
            )
        if not row.state.is_terminal:
            await self._venue.cancel_foreign(row.symbol, row.order_id)
        self._on_foreign(row.symbol)

    def _heard(self, key: OrderKey, row: OrderRow) -> None:
        self.echo_seen = True
        self.learn(key, row.order_id)

    def _memory(self, key: OrderKey) -> OrderMemory:
        memory = self._memories.get(key)
        if memory is None:
            memory = self._memories[key] = OrderMemory()
            if len(self._memories) > _REMEMBERED:
                self._memories.popitem(last=False)
        else:
            self._memories.move_to_end(key)
        return memory
