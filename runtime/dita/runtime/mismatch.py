"""What to do about a position that the kernel cannot explain: adopt what is too much, book as closed what is missing.

Nothing is decided on one reading. Two in a row, both at least as new as all evidence, must show the same difference,
and no order may be in flight in the instrument: what the band around an order explains is not external. Before anything
is booked as closed without us, the latest exit order is queried: what it did and the kernel does not know yet is not
external either (the explorer found one lot booked twice without this).
"""

import json
from collections.abc import Iterable
from typing import final

from dita.adapters.journal import Note
from dita.adapters.logic.mismatch import Difference, decide, difference
from dita.adapters.logic.positions import PositionReading
from dita.adapters.logic.rows import PositionRow
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.engine import Engine
from dita.runtime.instruments import Instrument
from dita.runtime.order_truth import OrderTruth
from dita.runtime.venue_port import Venue
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.vocabulary import Code, Kind, Verdict


@final
class Mismatches:
    """Waits for the second reading, then acts."""

    def __init__(self, engine: Engine, venue: Venue, orders: OrderTruth, alerts: Alerts) -> None:
        self._engine = engine
        self._orders = orders
        self._venue = venue
        self._alerts = alerts
        self._seen: dict[int, tuple[Difference, int]] = {}

    async def consider(
        self, instrument: Instrument, reading: PositionReading, positions: Iterable[PositionRow], code: Code
    ) -> bool:
        """After a POSITION input with this code: whether there is nothing left to be explained by this reading."""
        if code != Code.POSITION_MISMATCH:
            self._seen.pop(instrument.number, None)
            return True
        found = difference(self._engine.state, instrument.number, reading)
        before = self._seen.get(instrument.number)
        self._seen[instrument.number] = (found, reading.as_of_ns)
        if before is None or before[0] != found or before[1] >= reading.as_of_ns:
            self._alerts.raise_(Alert.POSITION_MISMATCH, f"{instrument.symbol}: {found}")
            return False
        for row in reading.foreign:
            self._alerts.raise_(Alert.FOREIGN_ORDER, f"{instrument.symbol}: cancelling order `{row.order_id}`")
            await self._venue.cancel_foreign(instrument.symbol, row.order_id)
        event = decide(self._engine.state, instrument.number, instrument.symbol, reading, positions)
        if event is None:
            return False
        if event.kind == Kind.ADOPT:
            event = event._replace(trade=self._engine.next_trade)
        if event.kind == Kind.EXTERNAL_CLOSE and not await self._orders.latest_exit_is_booked(
            event.slot, instrument.number
        ):
            return False
        if difference(self._engine.state, instrument.number, reading) != found:
            return False  # something moved while the venue was asked: this reading is no basis any more
        await self._act(instrument, event)
        return False

    async def _act(self, instrument: Instrument, event: Input) -> None:
        note = Note(event.trade, "found", json.dumps({"symbol": instrument.symbol, "as_of_ns": event.time_ns}))
        outcome = await self._engine.apply(event, (note,) if event.trade else ())
        if outcome.verdict != Verdict.ACCEPTED:
            return
        self._seen.pop(instrument.number, None)
        if event.quantity and event.side:
            self._alerts.raise_(Alert.ADOPTED, f"{instrument.symbol}: `{event.quantity}` as trade `{event.trade}`")
            await self._engine.apply(inputs.flatten(slot=event.slot, instrument=instrument.number, trade=event.trade))
        elif event.quantity:
            self._alerts.raise_(Alert.EXTERNAL_CLOSE, f"{instrument.symbol}: `{event.quantity}` of `{event.trade}`")
