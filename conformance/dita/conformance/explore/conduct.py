"""The runtime: which input a timer, a frame or a start becomes. The decisions are those of the adapters' logic.

Here is only what drives it: which machine is asked, what it is told, what becomes of its answers. A test plants a bug
in the logic itself, or, where a decision lives in the runtime (what a time-out becomes, whether the journal is written
before an order leaves), by overriding a method here.
"""

from collections.abc import Generator, Mapping
from typing import Final

from dita.adapters.logic import backfill
from dita.adapters.logic.backfill import Backfill, Gap
from dita.adapters.logic.flights import doubts, in_flight, in_flight_key
from dita.adapters.logic.mismatch import decide, difference
from dita.adapters.logic.orders import OrderMemory, Snapshot, order_input
from dita.adapters.logic.positions import READ_LAG_NS, position_input, position_reading
from dita.adapters.logic.resolve import Absent, AskByClientId, AskFills, Ended, Found
from dita.adapters.logic.rows import Evidence, OrderRow
from dita.adapters.logic.settle import NotSettled, settle_input, settlement
from dita.conformance.explore import acts
from dita.conformance.explore.asking import NotYet, Scene, asked_anew, asked_on, fills_of
from dita.conformance.explore.kernels import View
from dita.spec import inputs
from dita.spec.environment import Frame, FrameKind, Order, OrderName, Venue, order_named, snapshot_of
from dita.spec.inputs import Input
from dita.spec.order_ids import parse_client_order_id
from dita.spec.outcome import Outcome
from dita.spec.state import Slot, State
from dita.spec.vocabulary import (
    ADMIT_MARGIN_NS,
    ALL_CHECKS,
    Code,
    Kind,
    OrderSide,
    Part,
    Phase,
    RejectReason,
    Side,
    Verdict,
)

Told = Mapping[OrderName, Snapshot]  # what the kernel was told of orders that are not its own any more
Session = Generator[Input, tuple[State, Outcome], None]

JOURNALED: Final = "journal"
SENT: Final = "send"


class Conduct:
    """What the runtime does. ``side`` is that of the world's trades."""

    effects: tuple[str, str] = (JOURNALED, SENT)  # of an input that commands a request, in this order
    begins_again = False  # whether a question under way is dropped whenever the order is silent once more

    def __init__(self, side: Side = Side.LONG) -> None:
        self.side = side

    # --- timers and starts ------------------------------------------------------------------------------------------

    def timed_out(self, state: State) -> Input:
        """The answer to a submit did not come: its fate is unknown, and that is all that is known."""
        key = in_flight_key(0, state.slots[0])
        assert key is not None
        return inputs.unknown(slot=0, instrument=0, trade=key.trade, attempt=key.attempt)

    def silent(self, state: State) -> Input:
        """The order in flight has not been heard of for too long."""
        key = in_flight_key(0, state.slots[0])
        assert key is not None
        return inputs.silent(slot=0, instrument=0, trade=key.trade, attempt=key.attempt)

    def follows(self, state: State) -> bool:
        """After a start: whether the order in flight is followed, so that its silence is noticed."""
        return bool(in_flight(state))

    def restarted(self, state: State) -> list[Input]:
        """After a start: what is said of the orders in flight. Nothing is sent."""
        return doubts(state)

    def sent_again(self, state: State) -> list[Frame]:
        """After a start: what is sent once more, which is nothing, whatever the journal says."""
        del state
        return []

    # --- looking an order up ----------------------------------------------------------------------------------------

    def looked_up(self, scene: Scene, *, pauses: bool, goes_on: bool) -> Frame | NotYet:
        """Carry out RESOLVE: the frame that tells what was found, or where the machine stands while it is not known.

        ``pauses``: stop before the clock is read; ``goes_on``: go on from there.
        """
        found = asked_on(scene) if goes_on else asked_anew(scene, pauses=pauses)
        trade, attempt = scene.name
        match found:
            case Found(row):
                over, lots = int(row.state.is_terminal), (row.cum_quantity or 0) // acts.LOT
                time = acts.rank_of(row.time_ns)
                return Frame(FrameKind.SNAPSHOT, trade, attempt, lots, over, scene.rounded, time, answer=1)
            case Ended(quantity):
                return Frame(
                    FrameKind.SNAPSHOT, trade, attempt, quantity // acts.LOT, 1, time=scene.venue.now, answer=1
                )
            case Absent(deadline_ns, as_of_ns, checks):
                too_early = as_of_ns <= deadline_ns + ADMIT_MARGIN_NS
                return Frame(FrameKind.ABSENCE, trade, attempt, int(checks), int(not too_early), time=scene.venue.now)
            case _:
                return found

    # --- what arrives -----------------------------------------------------------------------------------------------

    def heard(self, frame: Frame, state: State, told: Told, venue: Venue) -> list[Input]:
        """The inputs behind a frame that is not a position reading, in order."""
        name = (frame.trade, frame.attempt)
        match frame.kind:
            case FrameKind.SNAPSHOT:
                return self._order_heard(frame, state, told, venue)
            case FrameKind.REFUSAL:
                return [
                    inputs.rejected(
                        slot=0, instrument=0, trade=name[0], attempt=name[1], reason=RejectReason(frame.flag),
                        time_ns=acts.time_ns(frame.time),
                    )
                ]  # fmt: skip
            case FrameKind.WALLET:
                return [inputs.wallet(amount=frame.quantity, as_of_ns=acts.time_ns(frame.time))]
            case _:
                as_of_ns = acts.time_ns(frame.time)
                deadline_ns = 1 if frame.flag == 1 else as_of_ns  # passed long ago, or the margin is missing
                return [
                    inputs.not_found(
                        slot=0, instrument=0, trade=name[0], attempt=name[1], deadline_ns=deadline_ns,
                        as_of_ns=as_of_ns, checks=frame.quantity,
                    )
                ]  # fmt: skip

    def _order_heard(self, frame: Frame, state: State, told: Told, venue: Venue) -> list[Input]:
        name = (frame.trade, frame.attempt)
        memory = memory_of(name, state, told)
        order = order_named(venue, *name)
        row = acts.pushed_row(frame, ordered_of(name, state, order, frame), self.side)
        snapshot, ask = memory.take_row(row)
        if frame.answer and snapshot is None and in_flight_key(0, state.slots[0]) == acts.key_of(name):
            snapshot = memory.forwarded  # an answer is an answer (clause O9)
        events = [] if snapshot is None else [order_input(acts.key_of(name), 0, snapshot)]
        if ask and order is not None:
            asked = memory.take_row(acts.order_row(order, Evidence.QUERY, self.side)).snapshot
            events += [] if asked is None else [order_input(acts.key_of(name), 0, asked)]
        return events

    def is_news(self, frame: Frame, state: State, told: Told) -> bool:
        """Whether a pushed snapshot says more than is known; what says nothing now never will."""
        if frame.kind != FrameKind.SNAPSHOT or frame.answer or frame.quantity < 0:
            return True
        known = memory_of((frame.trade, frame.attempt), state, told).forwarded
        quote = acts.notional(frame.attempt, frame.quantity, frame.rounded)
        return Snapshot(frame.quantity * acts.LOT, quote, frame.flag == 1, 0).is_news_after(known)

    def reconciled(self, frame: Frame, state: State, told: Told, venue: Venue) -> Session:
        """A position reading, and what follows from a mismatch: gives inputs, takes what each did."""
        flight = in_flight_key(0, state.slots[0])
        rows = [self._listed(name, venue, frame) for name in frame.orders]
        positions = acts.position_rows(frame.quantity, self.side)
        reading = position_reading(
            symbol=acts.SYMBOL, positions=positions, open_orders=rows, tag=acts.TAG,
            expected=frozenset() if flight is None else frozenset({flight}), protective=frozenset(),
            server_before_ns=acts.time_ns(frame.time) + READ_LAG_NS,
        )  # fmt: skip
        for row in reading.strays:
            key = parse_client_order_id(acts.TAG, row.client_order_id)
            assert key is not None
            snapshot = memory_of((key.trade, key.attempt), state, told).take_stray(row)
            if snapshot is not None:
                state, _ = yield order_input(key, 0, snapshot)
        state, outcome = yield position_input(0, 0, reading)
        if outcome.code != Code.POSITION_MISMATCH:
            return
        found = difference(state, 0, reading)
        event = decide(state, 0, acts.SYMBOL, reading, positions)
        if event is None:
            return
        if event.kind == Kind.EXTERNAL_CLOSE:
            last = state.slots[0].exit
            news, is_booked = self._latest_exit(state, venue)
            if news is not None:
                state, _ = yield news
            if not is_booked or state.slots[0].exit != last:
                return
        if difference(state, 0, reading) != found:
            return  # something moved while the venue was asked: this reading is no basis any more
        state, outcome = yield event
        if event.kind == Kind.ADOPT and outcome.verdict == Verdict.ACCEPTED:
            yield inputs.flatten(slot=0, instrument=0, trade=event.trade)

    def _listed(self, name: OrderName, venue: Venue, frame: Frame) -> OrderRow:
        """A row of the reading's open orders: open by the listing, whatever became of it since."""
        order = order_named(venue, *name) or Order(*name, 1, time=frame.time)
        return acts.order_row(order._replace(open=1), Evidence.LISTING, self.side)

    def _latest_exit(self, state: State, venue: Venue) -> tuple[Input | None, bool]:
        """What a query of the latest exit tells that is news, and whether it did nothing that is not booked."""
        slot = state.slots[0]
        name = (slot.trade, slot.exit.attempt)
        order = order_named(venue, *name) if slot.exit.attempt else None
        if order is None:
            return None, True
        memory = memory_of(name, state, {})
        snapshot = memory.take_row(acts.order_row(order, Evidence.QUERY, self.side)).snapshot
        if snapshot is None and in_flight_key(0, slot) == acts.key_of(name):
            snapshot = memory.forwarded
        is_over = memory.forwarded is not None and memory.forwarded.done
        is_booked = order.filled * acts.LOT == slot.exit.quantity and is_over
        return None if snapshot is None else order_input(acts.key_of(name), 0, snapshot), is_booked

    # --- after a gap of the stream ----------------------------------------------------------------------------------

    def back_filled(self, passes: int, state: State, told: Told, venue: Venue) -> tuple[list[Frame], int, bool]:
        """One pass of the reading after a gap: what it finds, how many passes are done, and whether that is all."""
        slot = state.slots[0]
        flight = in_flight_key(0, slot)
        answered = flight is not None and slot.phase not in (Phase.ENTRY_REQUESTED, Phase.EXIT_REQUESTED)
        orders = ((acts.SYMBOL, acts.client_id((flight.trade, flight.attempt))),) if flight and answered else ()
        gap = Gap(acts.EPOCH_NS, (acts.SYMBOL,), orders)
        at = backfill.begin(gap)
        if passes:
            at = Backfill(gap, gap.readings, passes=max(passes, at.passes))
        found: list[Frame] = []
        before = at.passes
        while not at.is_done and at.passes == before:
            asked = backfill.question(at)
            match asked:
                case AskByClientId(_, identifier):
                    found += [frame for name in [named(identifier)] if (frame := queried(name, venue))]
                case AskFills():
                    found += self._filled_beyond(state, told, venue)
                case _:
                    pass
            at = backfill.answered(at, is_certain=True)
        return list(dict.fromkeys(found)), at.passes, at.is_done

    def _filled_beyond(self, state: State, told: Told, venue: Venue) -> list[Frame]:
        """Queries of the orders whose fill rows show more than the kernel was told."""
        rows = fills_of(venue, self.side)
        found: list[Frame] = []
        for order in venue.orders:
            name = (order.trade, order.attempt)
            memory = memory_of(name, state, told)
            own = [row for row in rows if row.order_id == acts.order_id(name)]
            frame = queried(name, venue)
            is_known = memory.forwarded is not None  # else nobody knows that this venue id is ours
            if own and is_known and memory.remember_fills(own) and frame is not None:
                found.append(frame)
        return found

    # --- settlement -------------------------------------------------------------------------------------------------

    def settlement(self, view: View, venue: Venue) -> list[Input]:
        """Halves that are still predicted, whose orders are over and whose fill rows sum to what is booked."""
        events: list[Input] = []
        for trade, part, lots in view.unsettled:
            closing = part == Part.EXIT
            working = any(o.trade == trade and o.open == 1 and (o.attempt > 0) == closing for o in venue.orders)
            there = venue.closed - view.claimed_exit if closing else venue.opened - view.claimed_entry
            attempt = int(closing)
            rows = acts.fill_rows(attempt, min(lots, there), self.side, "half", venue.now)
            side: OrderSide = acts.side_of(attempt, self.side)
            found = settlement(rows, frozenset({"half"}), side, lots * acts.LOT, acts.ASSET)
            if not working and not isinstance(found, NotSettled):
                events.append(settle_input(0, 0, trade, Part(part), found))
        return events

    def closed_without_us(self, view: View, state: State, venue: Venue) -> Input | None:
        """EXTERNAL_CLOSE from fill rows of no exit that is booked or can still be addressed: for worlds with ``rows``.

        More than the runtime does, which books from the position: the kernel has to bear it in every phase.
        """
        order = order_named(venue, view.trade, view.attempt) if view.attempt > 0 else None
        unheard_lots = max(0, order.filled - view.exit_lots) if order is not None else 0
        unexplained = venue.closed - view.booked_exit - unheard_lots
        if view.phase == Phase.IDLE or unexplained <= 0:
            return None
        closed = state.slots[0].closed
        quote = closed.external_quote + acts.notional(1, unexplained)
        return inputs.external_close(
            slot=0, instrument=0, trade=view.trade, quantity=closed.external_quantity + unexplained * acts.LOT,
            quote=quote, time_ns=acts.time_ns(venue.now),
        )  # fmt: skip


def careless_absence(name: OrderName, venue: Venue, *, in_time: bool) -> Frame:
    """All that is needed to believe in an absence, ``in_time`` or while the order may still be admitted."""
    return Frame(FrameKind.ABSENCE, *name, quantity=ALL_CHECKS, flag=int(in_time), time=venue.now)


def queried(name: OrderName, venue: Venue) -> Frame | None:
    """The answer to a query by name, None for `no such order`."""
    order = order_named(venue, *name)
    return None if order is None else snapshot_of(order)._replace(answer=1)


def named(identifier: str) -> OrderName:
    """The order behind a client order id of ours."""
    key = parse_client_order_id(acts.TAG, identifier)
    assert key is not None
    return key.trade, key.attempt


def memory_of(name: OrderName, state: State, told: Told) -> OrderMemory:
    """What the runtime has forwarded of an order: of the kernel's own what the kernel knows, as after a start."""
    own = own_orders(state.slots[0])
    return OrderMemory(own[name] if name in own else told.get(name))


def own_orders(slot: Slot) -> dict[OrderName, Snapshot | None]:
    """The addressable orders of the live trade, and what is known of each."""
    found: dict[OrderName, Snapshot | None] = {}
    if slot.trade:
        entry, last = slot.entry, slot.exit
        found[slot.trade, 0] = Snapshot(entry.quantity, entry.quote, entry.done == 1, 0) if entry.seen else None
        if last.attempt:
            found[slot.trade, last.attempt] = (
                Snapshot(last.quantity, last.quote, last.done == 1, 0) if last.seen else None
            )
    return found


def ordered_of(name: OrderName, state: State, order: Order | None, frame: Frame) -> int:
    """Lots that an order was for, as every reading of it says."""
    if order is not None:
        return order.ordered
    slot = state.slots[0]
    if name in own_orders(slot):
        return (slot.exit if name[1] else slot.entry).ordered // acts.LOT
    return frame.quantity + 1 - frame.flag
