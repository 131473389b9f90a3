"""What to do about a position that the kernel cannot explain: adopt what is too much, book as closed what is missing.

Nothing is decided on one reading. Two in a row, both at least as new as all evidence, must show the same difference,
and no order may be in flight in the instrument: what the band around an order explains is not external. Before anything
is booked as closed without us, the latest exit order is queried: what it did and the kernel does not know yet is not
external either (the explorer found one lot booked twice without this).
"""

import json
from collections.abc import Iterable
from typing import NamedTuple, final

from dita.adapters.journal import Note
from dita.adapters.logic.positions import PositionReading
from dita.adapters.logic.rows import PositionRow
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.engine import Engine
from dita.runtime.instruments import Instrument
from dita.runtime.order_truth import OrderTruth
from dita.runtime.venue_port import Venue
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.scales import NOTIONAL_DIVISOR
from dita.spec.state import Slot, State, remaining
from dita.spec.vocabulary import Code, Kind, Phase, Side, Verdict


class Difference(NamedTuple):
    """What makes two readings the same difference."""

    trade: int
    phase: int
    remaining: int
    long_quantity: int
    short_quantity: int
    resting: tuple[str, ...]


def difference(state: State, instrument: Instrument, reading: PositionReading) -> Difference:
    """Kernel and venue, side by side."""
    slot = live_slot(state, instrument)
    return Difference(
        trade=0 if slot is None else slot.trade,
        phase=Phase.IDLE if slot is None else slot.phase,
        remaining=0 if slot is None else remaining(slot),
        long_quantity=reading.long_quantity,
        short_quantity=reading.short_quantity,
        resting=tuple(sorted(row.order_id for row in (*reading.foreign, *reading.strays))),
    )


def live_slot(state: State, instrument: Instrument) -> Slot | None:
    """The slot whose trade is live in an instrument."""
    holder = state.instruments[instrument.number].holder
    return None if holder == 0 else state.slots[holder - 1]


def decide(
    state: State, instrument: Instrument, reading: PositionReading, positions: Iterable[PositionRow]
) -> Input | None:
    """The input that brings books and venue together, or None: wait, or an order must end first."""
    slot = live_slot(state, instrument)
    if slot is None:
        prices = {row.side: row.average_price for row in positions if row.symbol == instrument.symbol}
        return _adoption(state, instrument, reading, prices)
    if slot.phase != Phase.POSITION_OPEN:
        return None
    number = state.instruments[instrument.number].holder - 1
    is_long = slot.side == Side.LONG
    own, other = reading.long_quantity, reading.short_quantity
    if not is_long:
        own, other = other, own
    left = remaining(slot)
    if own < left:
        gone = slot.closed.external_quantity + left - own
        quote = slot.closed.external_quote + max(1, (left - own) * slot.ref_price // NOTIONAL_DIVISOR)
        return inputs.external_close(
            slot=number, instrument=instrument.number, trade=slot.trade, quantity=gone, quote=quote,
            time_ns=reading.as_of_ns,
        )  # fmt: skip
    if own > left or other > 0:  # the surplus is adopted once the slot is idle
        return inputs.flatten(slot=number, instrument=instrument.number, trade=slot.trade)
    return None


def _adoption(state: State, instrument: Instrument, reading: PositionReading, prices: dict[Side, int]) -> Input | None:
    side, quantity = Side.LONG, reading.long_quantity
    if quantity == 0:
        side, quantity = Side.SHORT, reading.short_quantity
    slot = idle_slot(state)
    price = prices.get(side, 0)
    if quantity == 0 or slot is None or price == 0:
        return None
    return inputs.adopt(
        slot=slot, instrument=instrument.number, trade=state.account.trade_high_water + 1, side=side,
        quantity=quantity, quote=max(1, quantity * price // NOTIONAL_DIVISOR), price=price,
        time_ns=reading.as_of_ns,
    )  # fmt: skip


def idle_slot(state: State) -> int | None:
    """An idle slot that can take a trade, the one with the fewest unsettled tails; None when there is none."""
    best: int | None = None
    fewest = 0
    for number, slot in enumerate(state.slots):
        if slot.phase != Phase.IDLE:
            continue
        unsettled = sum(1 for tail in slot.tails if not (tail.entry.graded and tail.exit.graded))
        if unsettled < len(slot.tails) and (best is None or unsettled < fewest):
            best, fewest = number, unsettled
    return best


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
        found = difference(self._engine.state, instrument, reading)
        before = self._seen.get(instrument.number)
        self._seen[instrument.number] = (found, reading.as_of_ns)
        if before is None or before[0] != found or before[1] >= reading.as_of_ns:
            self._alerts.raise_(Alert.POSITION_MISMATCH, f"{instrument.symbol}: {found}")
            return False
        for row in reading.foreign:
            self._alerts.raise_(Alert.FOREIGN_ORDER, f"{instrument.symbol}: cancelling order `{row.order_id}`")
            await self._venue.cancel_foreign(instrument.symbol, row.order_id)
        event = decide(self._engine.state, instrument, reading, positions)
        if event is None:
            return False
        if event.kind == Kind.ADOPT:
            event = event._replace(trade=self._engine.next_trade)
        if event.kind == Kind.EXTERNAL_CLOSE and not await self._orders.latest_exit_is_booked(
            event.slot, instrument.number
        ):
            return False
        if difference(self._engine.state, instrument, reading) != found:
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
