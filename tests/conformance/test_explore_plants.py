"""Planted bugs in the runtime's conduct are found, each in a world where it shows, with a short timeline."""

from dataclasses import replace

import pytest

from dita.conformance.explore import acts
from dita.conformance.explore.asking import NotYet, Scene
from dita.conformance.explore.composition import Composition
from dita.conformance.explore.conduct import Conduct, Session, Told
from dita.conformance.explore.report import TimeOutIsRejection
from dita.conformance.explore.search import Found, explored
from dita.conformance.explore.system import Setting
from dita.conformance.explore.timeline import timeline
from dita.reference import step
from dita.spec import inputs
from dita.spec.environment import Frame, FrameKind, Venue, order_named
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.state import State, remaining
from dita.spec.vocabulary import ALL_CHECKS, Code, Kind, Phase

pytestmark = pytest.mark.unmeasured


class AbsentBeforeTheDeadline(Conduct):
    """Reports full evidence of absence while the request may still be admitted."""

    def looked_up(self, scene: Scene, *, pauses: bool, goes_on: bool) -> Frame | NotYet:
        """Forget to wait for the deadline."""
        found = super().looked_up(scene, pauses=pauses, goes_on=goes_on)
        if isinstance(found, Frame):
            return found
        return Frame(FrameKind.ABSENCE, *scene.name, ALL_CHECKS, 1, time=scene.venue.now)


class NoExternalClose(Conduct):
    """Never books a close that it did not order."""

    def reconciled(self, frame: Frame, state: State, told: Told, venue: Venue) -> Session:
        """Nothing ever closed without us."""
        session = super().reconciled(frame, state, told, venue)
        event = next(session)
        while event.kind != Kind.EXTERNAL_CLOSE:
            try:
                event = session.send((yield event))
            except StopIteration:
                return


class CloseFromTheGap(Conduct):
    """Takes the gap between two positions for an external close, without a query of what the latest exit did."""

    def reconciled(self, frame: Frame, state: State, told: Told, venue: Venue) -> Session:
        """Book what is missing, whoever closed it."""
        reading = inputs.position(
            slot=0, instrument=0, long_quantity=frame.quantity * acts.LOT, short_quantity=0,
            foreign_orders=0, as_of_ns=acts.time_ns(frame.time),
        )  # fmt: skip
        slot = state.slots[0]
        missing = remaining(slot) - frame.quantity * acts.LOT
        if slot.phase != Phase.POSITION_OPEN or missing <= 0:
            yield from super().reconciled(frame, state, told, venue)
            return
        _, outcome = yield reading
        if outcome.code == Code.POSITION_MISMATCH:
            yield inputs.external_close(
                slot=0, instrument=0, trade=slot.trade, quantity=slot.closed.external_quantity + missing,
                quote=slot.closed.external_quote + missing, time_ns=acts.time_ns(frame.time),
            )  # fmt: skip


class StampedOnArrival(Conduct):
    """Dates a position reading by its arrival, so that an old one is believed, and what is adopted from it."""

    def reconciled(self, frame: Frame, state: State, told: Told, venue: Venue) -> Session:
        """A reading is as of now."""
        return super().reconciled(frame._replace(time=venue.now), state, told, venue)


class AdoptsWithoutAsking(Conduct):
    """Adopts from any reading that shows a position while the slot is idle; does not ask the kernel first."""

    def reconciled(self, frame: Frame, state: State, told: Told, venue: Venue) -> Session:
        """Adopt first, ask later."""
        if state.slots[0].phase != Phase.IDLE or frame.quantity == 0 or not state.instruments[0].reconcile_required:
            yield from super().reconciled(frame, state, told, venue)
            return
        yield inputs.adopt(
            slot=0, instrument=0, trade=state.account.trade_high_water + 1, side=self.side,
            quantity=frame.quantity * acts.LOT, quote=acts.notional(0, frame.quantity), price=acts.PRICE,
            time_ns=acts.time_ns(frame.time),
        )  # fmt: skip


def adopts_anything(state: State, event: Input) -> tuple[State, Outcome]:
    """The reference without clause T6 for ADOPT: every reading is as new as it has to be."""
    if event.kind == Kind.ADOPT:
        known = state.instruments[event.instrument]
        event = event._replace(time_ns=max(event.time_ns, known.evidence_time_ns, known.fill_time_ns))
    return step(state, event)


class TerminalEventsAreDeltas(Conduct):
    """A cancelled order's last event carries no quantity of its own: what is known is taken for final."""

    def heard(self, frame: Frame, state: State, told: Told, venue: Venue) -> list[Input]:
        """The end of an order that did not fill says only that it ended."""
        order = order_named(venue, frame.trade, frame.attempt)
        if frame.kind == FrameKind.SNAPSHOT and frame.flag == 1 and order is not None:
            slot = state.slots[0]
            known = (slot.exit if frame.attempt else slot.entry).quantity // acts.LOT
            frame = frame._replace(quantity=known) if frame.quantity < order.ordered else frame
        return super().heard(frame, state, told, venue)


class ForeignOrdersLeftAlone(Conduct):
    """Never looks at an open order that the kernel does not wait for."""

    def reconciled(self, frame: Frame, state: State, told: Told, venue: Venue) -> Session:
        """Tell the kernel of foreign orders, and do nothing about them."""
        session = super().reconciled(frame, state, told, venue)
        event = next(session)
        while True:
            sent = (yield event) if event.kind != Kind.ORDER else (state, Outcome())
            try:
                event = session.send(sent)
            except StopIteration:
                return


def searched(conduct: Conduct, setting: Setting) -> tuple[Found, str]:
    """What the search finds, and its timeline."""
    composition = Composition(setting, conduct=conduct)
    found = explored(composition)
    return found, timeline(composition, found.trace, found.broken or "STRANDED") if found.trace else ""


LOSSY = Setting("a loss", loss=1, strict=False)
PLANTS = (
    pytest.param(TimeOutIsRejection(), Setting("nothing else fails"), "ABANDONED", 2, id="time-out is rejection"),
    pytest.param(TimeOutIsRejection(), LOSSY, "ORPHAN", 4, id="time-out is rejection, a loss"),
    pytest.param(AbsentBeforeTheDeadline(), Setting("nothing else fails"), "ABANDONED", 4, id="no deadline"),
    pytest.param(AbsentBeforeTheDeadline(), LOSSY, "ORPHAN", 8, id="no deadline, a loss"),
    pytest.param(StampedOnArrival(), Setting("exact times", wrong=1, merged=False), "PHANTOM", 15, id="stale position"),
    pytest.param(TerminalEventsAreDeltas(), Setting("two lots", lots=2), "BAND", 6, id="deltas"),
    pytest.param(
        TerminalEventsAreDeltas(), Setting("two lots", lots=2, loss=1, strict=False), "ORPHAN", 7, id="deltas, a loss"
    ),
    # Not a plant but a missing habit: snapshots are only read when there is evidence, and the evidence is lost.
    pytest.param(Conduct(), Setting("on evidence only", wrong=1, loss=1), "ORPHAN", 8, id="no periodic snapshots"),
)


@pytest.mark.parametrize(("conduct", "setting", "property_name", "steps"), PLANTS)
def test_a_planted_bug_breaks_a_property(conduct: Conduct, setting: Setting, property_name: str, steps: int) -> None:
    """The bug is found, as the property that it breaks, by a shortest trace of the known length."""
    found, text = searched(conduct, setting)

    assert found.broken is not None
    assert found.broken.startswith(property_name)
    assert len(found.trace) == steps
    assert f"{steps:3}. " in text
    assert found.broken in text


def test_without_external_close_slots_are_stranded() -> None:
    """An exit wrongly reported absent fills late; without EXTERNAL_CLOSE the slot exits for ever."""
    found, text = searched(NoExternalClose(), Setting("a wrong absence", wrong=1))

    assert found.complete
    assert found.broken is None
    assert found.stranded > 500
    assert "STRANDED" in text


def test_foreign_orders_left_alone_are_stranded() -> None:
    """A forgotten order whose only frame is lost rests for ever if foreign orders are not looked up."""
    found, _ = searched(ForeignOrdersLeftAlone(), Setting("one frame", net=1, wrong=1, loss=1, periodic=True))

    assert found.broken is None
    assert found.stranded > 0


def test_a_close_taken_from_the_gap_is_booked_twice() -> None:
    """The gap between positions may be a fill whose own report is still on its way: only fill rows may be booked."""
    found, text = searched(CloseFromTheGap(), Setting("gap", lots=2, wrong=1, loss=1, periodic=True))

    assert found.broken is not None
    assert found.broken.startswith("PHANTOM")
    assert "LATE_FILL" in text


def test_a_careless_adoption_is_refused_by_the_kernel() -> None:
    """Clause T6: a runtime that adopts from any reading is safe; without the clause it makes a phantom trade."""
    setting = Setting("exact times", wrong=1, merged=False)
    found, _ = searched(AdoptsWithoutAsking(), setting)
    assert found.complete
    assert (found.broken, found.stranded) == (None, 0)

    without = Composition(replace(setting, judged=False), step=adopts_anything, conduct=AdoptsWithoutAsking())
    planted = explored(without)
    assert planted.broken is not None
    assert planted.broken.startswith("PHANTOM")


def test_books_outside_the_kernel_need_the_operator() -> None:
    """A late order that another hand closes before it is adopted never was the kernel's: only ADJUSTMENT helps."""
    found, _ = searched(Conduct(), Setting("not adjusted", wrong=1, external=1, periodic=True))

    assert found.broken is not None
    assert found.broken.startswith("BOOKS")


def test_a_timeline_names_actor_message_phases_and_venue() -> None:
    """Each step says who did what, the kernel's phase before and after, what was fed, and what the venue holds."""
    _, text = searched(TimeOutIsRejection(), LOSSY)

    assert text.splitlines()[0] == "world: a loss"
    assert "strategy enters" in text
    assert "venue admits: SUBMIT 1/entry 1 lots" in text
    assert "LOST: SNAPSHOT 1/entry filled 0 open" in text
    assert "ENTRY_REQUESTED -> IDLE" in text
    assert "kernel: REJECTED trade 1 => ACCEPTED ROLLED_BACK ENTRY_REQUESTED→IDLE" in text
    assert "venue holds 0 @1 [1/entry 0 of 1 open]" in text
