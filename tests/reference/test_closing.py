"""Exits, legs, flatten, cancel, late truth."""

from collections.abc import Callable

import pytest

from desk import LOT, Desk, quote
from dita.spec import inputs
from dita.spec.vocabulary import Code, Mode, Part, Phase, Reconcile, RejectReason, Side, Verdict


def test_an_exit_sells_the_leg_reduce_only(desk: Desk) -> None:
    """Clause C2 and clause E2: the kernel sizes the leg from what remains."""
    desk.enter(1, ratios=(500_000, 1_000_000))
    desk.order(1, 0, 100, done=True)

    outcome = desk.exit(1)

    assert (outcome.submit, outcome.reduce_only, outcome.quantity) == (1, 1, 50 * LOT)
    assert outcome.transitions == ((Phase.POSITION_OPEN, Phase.EXIT_REQUESTED),)


def test_the_last_leg_takes_everything(desk: Desk) -> None:
    """Clause E2: whatever its ratio says."""
    desk.enter(1, 101, ratios=(500_000, 1))
    desk.order(1, 0, 101, done=True)
    desk.exit(1, 0)
    desk.order(1, 1, 50, done=True)

    outcome = desk.exit(1, 1)

    assert (outcome.quantity, outcome.close_all) == (51 * LOT, 1)


def test_a_leg_that_did_nothing_is_still_to_be_done(desk: Desk) -> None:
    """Clause E3: cancelled without a fill leaves the leg; a partial fill consumes it."""
    desk.enter(1, ratios=(500_000, 500_000, 1))
    desk.order(1, 0, 100, done=True)
    desk.exit(1, 0)
    desk.order(1, 1, 0, done=True)
    assert desk.slot.plan.next_leg == 0
    desk.exit(1, 0)
    desk.order(1, 2, 10, done=True)
    assert desk.slot.plan.next_leg == 1


def test_a_duplicate_exit_takes_no_second_leg(desk: Desk) -> None:
    """Clause X6: the same EXIT twice is in progress, and later the wrong leg."""
    desk.enter(1, ratios=(500_000, 1_000_000))
    desk.order(1, 0, 100, done=True)
    desk.exit(1, 0)
    assert desk.exit(1, 0).code == Code.EXIT_IN_PROGRESS
    desk.order(1, 1, 50, done=True)
    assert desk.exit(1, 0).code == Code.WRONG_LEG
    assert desk.exit(2, 1).code == Code.STALE_ID


def test_nothing_is_left_that_could_not_be_closed(desk: Desk) -> None:
    """Clause E5: a leg that would leave less than the minimum takes all."""
    desk.enter(1, 3, ratios=(999_000, 1_000_000))
    desk.order(1, 0, 3, done=True)

    assert desk.exit(1).quantity == 2 * LOT

    desk.order(1, 1, 2, done=True)
    assert desk.exit(1, 1).quantity == LOT


def test_after_the_last_leg_every_exit_is_refused(desk: Desk) -> None:
    """Clause E6: no double close; clause F2: the slot is free and the trade remembered; clause C4."""
    desk.hold(1)
    desk.exit(1)
    outcome = desk.order(1, 1, 100, done=True)

    assert outcome.cancel_protection == 1
    assert desk.slot.phase == Phase.IDLE
    assert desk.slot.tails[0].trade == 1
    assert desk.exit(1).code == Code.NO_POSITION
    assert desk.flatten(1).code == Code.NO_POSITION


def test_an_exit_while_the_entry_works_waits_for_its_cancel(desk: Desk) -> None:
    """Clause X2 and clause X3: cancel, then in one step two transitions and a close of what filled."""
    desk.enter(1)
    desk.order(1, 0, 10)
    deferred = desk.exit(1)
    assert (deferred.code, deferred.cancel) == (Code.EXIT_DEFERRED, 1)

    outcome = desk.order(1, 0, 30, done=True)

    assert outcome.transitions == (
        (Phase.ENTRY_WORKING, Phase.POSITION_OPEN),
        (Phase.POSITION_OPEN, Phase.EXIT_REQUESTED),
    )
    assert (outcome.submit, outcome.quantity, outcome.close_all) == (1, 30 * LOT, 1)
    assert desk.slot.flatten == 0


def test_a_flatten_before_the_entry_is_seen_cancels_it_when_it_is(desk: Desk) -> None:
    """Clause X1."""
    desk.enter(1)
    assert desk.flatten().cancel == 0
    assert desk.order(1, 0, 0).cancel == 1


@pytest.mark.parametrize("mode", [Mode.ACTIVE, Mode.REDUCE_ONLY, Mode.HALTED])
def test_no_mode_refuses_flatten(desk: Desk, mode: Mode) -> None:
    """Clause M1: HALTED refuses EXIT and still closes."""
    desk.hold(1)
    desk.send(inputs.set_mode(mode))
    if mode == Mode.HALTED:
        assert desk.exit(1).code == Code.MODE_HALTED

    assert desk.flatten(1).submit == 1


def test_cancel_asks_for_what_works_and_what_is_unknown(desk: Desk) -> None:
    """Clause X4."""
    request = inputs.cancel(slot=0, instrument=0, trade=1)
    assert desk.send(request).code == Code.NOTHING_WORKING
    desk.enter(1)
    assert desk.send(request).code == Code.NOTHING_WORKING
    desk.send(inputs.unknown(slot=0, instrument=0, trade=1, attempt=0))
    assert desk.send(request).resolve == 1
    desk.order(1, 0, 0)
    assert desk.send(request).cancel == 1


def exit_rejected(desk: Desk, attempt: int, reason: RejectReason) -> None:
    """A definite rejection of an exit."""
    event = inputs.rejected(slot=0, instrument=0, trade=1, attempt=attempt, reason=reason, time_ns=desk.now())
    desk.send(event)


def test_a_rejected_exit_returns_to_the_position(desk: Desk) -> None:
    """Clause X5 and clause U5: leg unconsumed, nothing resubmitted, a reconcile if the position may be gone."""
    desk.hold(1)
    desk.exit(1)
    desk.flatten(1)
    exit_rejected(desk, 1, RejectReason.THROTTLED)
    assert (desk.slot.phase, desk.slot.flatten, desk.outcome.submit) == (Phase.POSITION_OPEN, 1, 0)
    assert desk.state.account.unreconciled == 0

    desk.exit(1)
    exit_rejected(desk, 2, RejectReason.NO_POSITION)

    assert desk.state.account.unreconciled == 1


def test_a_late_entry_fill_is_booked_and_reconciled(desk: Desk) -> None:
    """Clause O4 and clause O5."""
    desk.enter(1)
    desk.order(1, 0, 40, done=True)

    outcome = desk.order(1, 0, 60, done=True)

    assert (outcome.verdict, outcome.code) == (Verdict.ACCEPTED, Code.LATE_FILL)
    assert desk.slot.entry.quantity == 60 * LOT
    assert desk.state.account.unreconciled == 1


def test_a_wrongly_rejected_exit_that_rests_is_cancelled(desk: Desk) -> None:
    """Clause O6."""
    desk.hold(1)
    desk.exit(1)
    exit_rejected(desk, 1, RejectReason.REFUSED)

    outcome = desk.order(1, 1, 0)

    assert (outcome.code, outcome.cancel) == (Code.INCONSISTENT, 1)


def believed_absent(desk: Desk, attempt: int) -> None:
    """A rejection of an exit that was wrong: the order rests on the book."""
    desk.hold(1)
    desk.exit(1)
    exit_rejected(desk, attempt, RejectReason.REFUSED)


def test_an_open_order_is_cancelled_although_its_trade_finishes_by_it(desk: Desk) -> None:
    """Clause O6: a late fill closes what was left; the rest of its order would rest without an owner."""
    believed_absent(desk, 1)
    external(desk, 60)

    outcome = desk.order(1, 1, 40)

    assert (outcome.verdict, outcome.code) == (Verdict.ACCEPTED, Code.LATE_FILL)
    assert (outcome.trade, outcome.attempt, outcome.cancel, outcome.reconcile) == (1, 1, 1, Reconcile.POSITION)
    assert desk.slot.phase == Phase.IDLE


def test_an_order_that_is_over_is_not_cancelled_when_its_trade_finishes_by_it(desk: Desk) -> None:
    """Clause O6."""
    believed_absent(desk, 1)

    assert desk.order(1, 1, 100, done=True).cancel == 0
    assert desk.slot.phase == Phase.IDLE


def test_an_open_order_that_closes_too_much_is_cancelled_unless_it_is_in_flight(desk: Desk) -> None:
    """Clause O6 and clause E6: nothing is booked, and what is open of a past order is cancelled."""
    believed_absent(desk, 1)
    external(desk, 60)
    past = desk.order(1, 1, 50)
    assert (past.verdict, past.code, past.cancel) == (Verdict.FLAGGED, Code.OVER_CLOSE, 1)
    assert desk.order(1, 1, 50, done=True).cancel == 0

    desk.flatten(1)
    desk.order(1, 2, 0)
    external(desk, 80)
    in_flight = desk.order(1, 2, 30)
    assert (in_flight.code, in_flight.cancel) == (Code.OVER_CLOSE, 0)


def test_a_late_entry_fill_that_is_still_open_is_cancelled(desk: Desk) -> None:
    """Clause O5."""
    desk.enter(1)
    desk.order(1, 0, 40, done=True)

    assert desk.order(1, 0, 60).cancel == 1


def test_an_order_that_is_complete_is_done(desk: Desk) -> None:
    """Clause O8: no terminal flag needed; and repeating it is no news."""
    desk.enter(1)
    desk.order(1, 0, 100)

    assert desk.slot.phase == Phase.POSITION_OPEN
    assert desk.order(1, 0, 100).code == Code.NO_CHANGE


@pytest.mark.parametrize(
    ("lots", "notional"),
    [(-1, 0), (0, 1), (1, 0), (1, -1), (101, quote(101, 60_000)), (1, quote(1, 14_999)), (1, quote(1, 240_001))],
)
def test_an_impossible_snapshot_is_flagged_and_believed_by_nobody(desk: Desk, lots: int, notional: int) -> None:
    """Clause O2 and clause O3."""
    desk.enter(1)
    before = desk.state
    event = inputs.order(
        slot=0, instrument=0, trade=1, attempt=0, quantity=lots * LOT, quote=notional, done=False, time_ns=5
    )

    outcome = desk.send(event)

    assert (outcome.verdict, outcome.code) == (Verdict.FLAGGED, Code.IMPOSSIBLE)
    assert desk.state == before


def test_an_exit_far_below_the_reference_is_believed(desk: Desk) -> None:
    """Clause O3: a coin may fall by more than three quarters while held."""
    desk.hold(1)
    desk.exit(1)

    assert desk.order(1, 1, 100, done=True, usdt=1_000).code == Code.OK


def test_an_order_of_the_past_is_cancelled_and_reconciled(desk: Desk) -> None:
    """Clause T1: open means cancel, more than booked means reconcile, neither is refused."""
    desk.round_trip(1)
    assert desk.order(1, 0, 100, done=True).verdict == Verdict.REFUSED
    resting = desk.order(1, 1, 100)
    assert (resting.verdict, resting.code, resting.cancel) == (Verdict.FLAGGED, Code.TERMINAL_STATE, 1)
    assert desk.state.account.unreconciled == 0
    assert desk.order(9, 0, 5, done=True).code == Code.UNKNOWN_ORDER
    assert desk.state.account.unreconciled == 1


def test_evidence_is_cleared_by_a_newer_match_only(desk: Desk) -> None:
    """Clause T2, clause T5 and clause T6."""
    desk.order(9, 0, 5, done=True, time_ns=500)
    old = inputs.position(slot=0, instrument=0, long_quantity=0, short_quantity=0, foreign_orders=0, as_of_ns=499)

    assert desk.send(old).code == Code.STALE_SNAPSHOT
    assert desk.position(0, foreign=1).code == Code.POSITION_MISMATCH
    assert desk.position(0, 1).code == Code.POSITION_MISMATCH
    assert desk.position(0).code == Code.OK
    assert desk.state.account.unreconciled == 0


def test_an_order_in_flight_allows_a_band(desk: Desk) -> None:
    """Clause T5: inside the band nothing is set and nothing is cleared."""
    desk.enter(1)
    desk.order(1, 0, 40)
    assert desk.position(39).code == Code.POSITION_MISMATCH
    assert desk.position(100).code == Code.NO_CHANGE
    assert desk.state.account.unreconciled == 1
    assert desk.position(101).code == Code.POSITION_MISMATCH


def test_an_orphan_is_adopted_and_flattened(desk: Desk) -> None:
    """Clause T3: only when a reconcile is required, and then in any mode."""
    desk.send(inputs.set_mode(Mode.HALTED))
    orphan = inputs.adopt(
        slot=0, instrument=0, trade=5, side=Side.SHORT, quantity=7 * LOT, quote=quote(7, 60_000),
        price=600_000_000_000_000, time_ns=desk.now(),
    )  # fmt: skip
    assert desk.send(orphan).code == Code.NO_CHANGE
    desk.position(0, 7)
    assert desk.send(orphan._replace(time_ns=desk.now())).code == Code.OK
    assert desk.position(0, 7).code == Code.OK

    assert desk.flatten().quantity == 7 * LOT
    desk.order(5, 1, 7, done=True)
    assert desk.slot.phase == Phase.IDLE


def test_nothing_is_adopted_from_a_reading_older_than_what_is_known(desk: Desk) -> None:
    """Clause T6: a reading that the kernel refused as stale makes no trade; the one that raised the alarm does.

    The orphan was closed before the evidence of it came, so the old reading shows what is no longer there.
    """
    read_ns = desk.now()
    orphan = inputs.adopt(
        slot=0, instrument=0, trade=5, side=Side.LONG, quantity=7 * LOT, quote=quote(7, 60_000),
        price=600_000_000_000_000, time_ns=read_ns,
    )  # fmt: skip
    desk.order(1, 0, 7, done=True)  # an order of a trade that this kernel never knew
    evidence_ns = desk.clock_ns
    before = desk.state

    for time_ns in (read_ns, evidence_ns - 1):
        outcome = desk.send(orphan._replace(time_ns=time_ns))
        assert (outcome.verdict, outcome.code) == (Verdict.REFUSED, Code.STALE_SNAPSHOT)
    assert desk.state is before
    assert desk.send(orphan._replace(time_ns=evidence_ns)).code == Code.OK


def test_an_adoption_is_newer_than_the_last_fill_of_its_instrument(desk: Desk) -> None:
    """Clause T6: evidence alone does not decide; a reading from before the last booked fill may still show it."""
    read_ns = desk.now()
    desk.round_trip(1)
    filled_ns = desk.clock_ns
    old_order = inputs.order(
        slot=0, instrument=0, trade=9, attempt=0, quantity=LOT, quote=quote(1, 60_000), done=True, time_ns=read_ns
    )
    assert desk.send(old_order).code == Code.UNKNOWN_ORDER
    assert desk.state.instruments[0].evidence_time_ns == read_ns
    orphan = inputs.adopt(
        slot=0, instrument=0, trade=10, side=Side.LONG, quantity=LOT, quote=quote(1, 60_000),
        price=600_000_000_000_000, time_ns=filled_ns - 1,
    )  # fmt: skip

    assert desk.send(orphan).code == Code.STALE_SNAPSHOT
    assert desk.send(orphan._replace(time_ns=filled_ns)).code == Code.OK


def external(desk: Desk, lots: int, usdt: int = 60_000) -> None:
    """The venue closed so many lots by itself."""
    event = inputs.external_close(
        slot=0, instrument=0, trade=1, quantity=lots * LOT, quote=quote(lots, usdt), time_ns=desk.now()
    )
    desk.send(event)


def test_a_close_by_the_venue_ends_the_trade(desk: Desk) -> None:
    """Clause T4; and more than there is is flagged (clause E6)."""
    desk.hold(1)
    external(desk, 60)
    external(desk, 60)
    assert desk.outcome.code == Code.NO_CHANGE
    external(desk, 101)
    assert (desk.outcome.verdict, desk.outcome.code) == (Verdict.FLAGGED, Code.OVER_CLOSE)
    external(desk, 100)
    assert desk.slot.phase == Phase.IDLE


def test_a_slot_that_owns_an_order_is_not_freed(desk: Desk) -> None:
    """Clause T4: the order is cancelled, and its end frees the slot."""
    desk.hold(1)
    desk.exit(1)
    desk.order(1, 1, 0)
    external(desk, 100)
    assert (desk.slot.phase, desk.outcome.cancel) == (Phase.EXIT_WORKING, 1)

    desk.order(1, 1, 0, done=True)

    assert desk.slot.phase == Phase.IDLE


def test_occupancy_twenty_rapid_cycles(desk: Desk) -> None:
    """Clause F3: with settlement one trade behind, twenty cycles run without a refusal and leave no residue."""
    for trade in range(1, 21):
        assert desk.enter(trade).verdict == Verdict.ACCEPTED
        desk.order(trade, 0, 100, done=True)
        assert desk.exit(trade).verdict == Verdict.ACCEPTED
        desk.order(trade, 1, 100, done=True, usdt=60_100)
        if trade > 1:
            settle_both(desk, trade - 1)
    settle_both(desk, 20)

    assert desk.state.account.ledger.fees_provisional == 0
    assert desk.slot._replace(tails=()) == type(desk.slot)(tails=())


def settle_both(desk: Desk, trade: int) -> None:
    """The venue's rows for both halves, fee 0.05 %."""
    for part, usdt in ((Part.ENTRY, 60_000), (Part.EXIT, 60_100)):
        amount = quote(100, usdt)
        event = inputs.settle(
            slot=0, instrument=0, trade=trade, part=part, quantity=100 * LOT, quote=amount,
            fee=amount // 2000, time_ns=desk.clock_ns,
        )  # fmt: skip
        assert desk.send(event).code == Code.OK


def test_occupancy_five_instruments_one_slot(new_desk: Callable[[], Desk]) -> None:
    """Clause G1: the first is accepted, the other four meet a busy slot."""
    desk = new_desk()
    desk.open_shop(instruments=5)

    codes = [desk.enter(n + 1, instrument=n).code for n in range(5)]

    assert codes == [Code.OK] + [Code.SLOT_BUSY] * 4
