"""ENTER and its guards, one refusal at a time, and rollback."""

from collections.abc import Callable

import pytest

from desk import LOT, PRICE, USDT, Desk, changed, contract
from dita.reference import step
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.vocabulary import ADMIT_MARGIN_NS, Code, Kind, Mode, Phase, RejectReason, Side, Verdict


def test_an_idle_slot_takes_the_trade_and_submits_the_entry(desk: Desk) -> None:
    """Clause P1: the transition says where it came from; clause I1: the order has an identity."""
    outcome = desk.enter(7)

    assert outcome.verdict == Verdict.ACCEPTED
    assert outcome.transitions == ((Phase.IDLE, Phase.ENTRY_REQUESTED),)
    assert (outcome.submit, outcome.trade, outcome.attempt, outcome.quantity) == (1, 7, 0, 100 * LOT)
    assert outcome.reduce_only == 0


def four_unsettled_trips(desk: Desk) -> None:
    """As many finished trades as a slot remembers."""
    for trade in range(1, 5):
        desk.round_trip(trade)


GUARDS: list[tuple[str, Callable[[Desk], object], Code]] = [
    ("clause G1", lambda d: d.enter(1), Code.SLOT_BUSY),
    ("clause G3", lambda d: d.send(inputs.set_mode(Mode.REDUCE_ONLY)), Code.MODE_REDUCE_ONLY),
    ("clause G3", lambda d: d.send(inputs.set_mode(Mode.HALTED)), Code.MODE_HALTED),
    ("clause G4", lambda d: d.send(inputs.wallet(amount=1, as_of_ns=d.now())), Code.CAPITAL_FROZEN),
    ("clause G5", lambda d: d.position(1), Code.RECONCILE_REQUIRED),
    ("clause G6", four_unsettled_trips, Code.UNSETTLED_TRADE),
    ("clause G7", lambda d: d.enter(1, slot=1, instrument=1), Code.SLOT_LIMIT),
    ("clause G9", lambda d: d.send(inputs.set_limits(slot_limit=1, leverage_max_ppm=1, tolerance=0)), Code.LEVERAGE),
    ("clause I3", lambda d: (d.enter(50), d.order(50, 0, 0, done=True)), Code.STALE_ID),
]  # fmt: skip


@pytest.mark.parametrize(("clause", "prepare", "code"), GUARDS)
def test_each_guard_refuses_enter_by_its_own_name(
    desk: Desk, clause: str, prepare: Callable[[Desk], object], code: Code
) -> None:
    """The state stays the same object and nothing is commanded (clause R2)."""
    prepare(desk)
    before = desk.state

    outcome = desk.enter(50, 10)

    assert (outcome.verdict, outcome.code) == (Verdict.REFUSED, code), clause
    assert desk.state is before


def test_a_kernel_without_a_seed_does_not_trade(new_desk: Callable[[], Desk]) -> None:
    """Clause G2."""
    desk = new_desk()
    desk.send(contract(0))

    assert desk.enter(1).code == Code.NOT_SEEDED


def test_one_live_slot_per_instrument(new_desk: Callable[[], Desk]) -> None:
    """Clause G8."""
    desk = new_desk()
    desk.open_shop(slot_limit=2)
    desk.enter(1, 10)

    assert desk.enter(2, 10, slot=1, instrument=0).code == Code.INSTRUMENT_BUSY
    assert desk.enter(2, 10, slot=1, instrument=1).code == Code.OK


def test_a_quantity_that_could_not_be_closed_again_is_refused(desk: Desk) -> None:
    """Clause E4: twice 2 USDT at 60,000 USDT is 0.00007 coin, so one lot of 0.0001 will do; a dearer rule will not."""
    dearer = contract(0)._replace(notional_min=4 * USDT)
    desk.send(dearer)

    assert desk.enter(1, 1).code == Code.BELOW_MINIMUM
    assert desk.enter(1, 2).code == Code.OK


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("kind", 0, Code.BAD_KIND),
        ("kind", 22, Code.BAD_KIND),
        ("kind", -(2**63), Code.BAD_KIND),
        ("slot", 16, Code.BAD_INDEX),
        ("slot", -1, Code.BAD_INDEX),
        ("instrument", 64, Code.BAD_INDEX),
        ("instrument", 5, Code.BAD_INDEX),  # not registered
        ("trade", 0, Code.BAD_VALUE),
        ("trade", 2**40 + 1, Code.BAD_VALUE),
        ("side", 0, Code.BAD_VALUE),
        ("side", 3, Code.BAD_VALUE),
        ("quantity", 0, Code.BAD_VALUE),
        ("quantity", -LOT, Code.BAD_VALUE),
        ("quantity", 2**62, Code.BAD_VALUE),
        ("quantity", 100 * LOT + 1, Code.NOT_LOT),
        ("price", 0, Code.BAD_VALUE),
        ("price", 2**61, Code.BAD_VALUE),
        ("limit_price", 1, Code.BAD_VALUE),  # not a whole number of ticks
        ("limit_price", -1, Code.BAD_VALUE),
        ("post_only", 2, Code.BAD_VALUE),
        ("legs", 0, Code.BAD_VALUE),
        ("legs", 9, Code.BAD_VALUE),
        ("ratios", (0,) * 8, Code.BAD_VALUE),
        ("ratios", (1_000_001,) + (0,) * 7, Code.BAD_VALUE),
        ("ratios", (1_000_000, 1) + (0,) * 6, Code.BAD_VALUE),  # a ratio past the last leg
    ],
)
def test_each_bad_field_is_refused_by_name(desk: Desk, field: str, value: object, code: Code) -> None:
    """Clause R4: values are judged before anything else is."""
    good = inputs.enter(slot=0, instrument=0, trade=1, side=Side.LONG, quantity=100 * LOT, price=PRICE)

    assert desk.send(changed(good, **{field: value})).code == code
    assert desk.send(good).code == Code.OK


def test_rollback_is_exact(desk: Desk) -> None:
    """Clause S3 and clause I2: after a definite rejection only the trade high water differs."""
    before = desk.state
    for trade in range(1, 6):
        desk.enter(trade)
        outcome = desk.send(
            inputs.rejected(
                slot=0, instrument=0, trade=trade, attempt=0, reason=RejectReason.REFUSED, time_ns=desk.now()
            )
        )
        assert outcome.code == Code.ROLLED_BACK

    high = desk.state.account._replace(trade_high_water=0)
    assert desk.state._replace(account=high) == before


def test_an_entry_that_filled_nothing_rolls_back(desk: Desk) -> None:
    """Clause S3, by the venue's own terminal snapshot."""
    before = desk.slot
    desk.enter(1)

    assert desk.order(1, 0, 0, done=True).code == Code.ROLLED_BACK
    assert desk.slot == before


def test_unknown_waits_for_evidence(desk: Desk) -> None:
    """Clause U1: the slot is neither freed nor filled, and the order is asked for."""
    desk.enter(1)

    outcome = desk.send(inputs.unknown(slot=0, instrument=0, trade=1, attempt=0))

    assert (outcome.resolve, desk.slot.phase) == (1, Phase.ENTRY_UNRESOLVED)


def absent(desk: Desk) -> Input:
    """NOT_FOUND with full evidence."""
    deadline = desk.now()
    return inputs.not_found(
        slot=0, instrument=0, trade=1, attempt=0, deadline_ns=deadline, as_of_ns=deadline + ADMIT_MARGIN_NS + 1
    )


def test_absence_is_believed_with_full_evidence_only(desk: Desk) -> None:
    """Clause U4."""
    desk.enter(1)
    assert desk.send(absent(desk)).code == Code.NOT_DEFINITE  # not unresolved yet
    desk.send(inputs.unknown(slot=0, instrument=0, trade=1, attempt=0))
    event = absent(desk)
    assert desk.send(event._replace(checks=event.checks - 1)).code == Code.NOT_DEFINITE
    assert desk.send(event._replace(time_ns=event.deadline_ns + ADMIT_MARGIN_NS)).code == Code.NOT_DEFINITE

    outcome = desk.send(event)

    assert outcome.code == Code.ROLLED_BACK
    assert desk.slot.phase == Phase.IDLE
    assert desk.enter(2).code == Code.RECONCILE_REQUIRED
    desk.clock_ns = event.time_ns
    desk.position(0)
    assert desk.enter(2).code == Code.OK


def test_a_seen_order_is_never_absent_and_never_rejected(desk: Desk) -> None:
    """Clause U2 and clause O7: contradictory answers are asked again, never believed."""
    desk.enter(1)
    desk.order(1, 0, 0)
    reject = inputs.rejected(slot=0, instrument=0, trade=1, attempt=0, reason=RejectReason.REFUSED, time_ns=9)

    assert desk.send(inputs.unknown(slot=0, instrument=0, trade=1, attempt=0)).code == Code.NO_CHANGE
    first, second = desk.send(reject), desk.send(reject)
    assert (first.verdict, first.code, first.resolve) == (Verdict.ACCEPTED, Code.INCONSISTENT, 1)
    assert (second.verdict, second.code, second.resolve) == (Verdict.FLAGGED, Code.INCONSISTENT, 1)
    assert desk.send(absent(desk)).code == Code.NOT_DEFINITE
    assert desk.slot.phase == Phase.ENTRY_UNRESOLVED


def test_silence_asks_again_without_end(desk: Desk) -> None:
    """Clause U3: requested becomes unresolved; working stays; each commands RESOLVE."""
    quiet = inputs.silent(slot=0, instrument=0, trade=1, attempt=0)
    desk.enter(1)
    assert (desk.send(quiet).resolve, desk.slot.phase) == (1, Phase.ENTRY_UNRESOLVED)
    assert (desk.send(quiet).resolve, desk.slot.phase) == (1, Phase.ENTRY_UNRESOLVED)
    desk.order(1, 0, 0)
    assert (desk.send(quiet).resolve, desk.slot.phase) == (1, Phase.ENTRY_WORKING)


def test_an_open_snapshot_answers_the_question(desk: Desk) -> None:
    """Clause O9: equal and open moves back to working; lower and open is stale."""
    desk.enter(1)
    desk.order(1, 0, 50)
    desk.order(1, 0, 10, done=True)
    assert desk.slot.phase == Phase.ENTRY_UNRESOLVED

    assert desk.order(1, 0, 10).code == Code.NO_CHANGE
    assert desk.order(1, 0, 50).code == Code.OK
    assert desk.slot.phase == Phase.ENTRY_WORKING


def test_a_post_only_entry_is_predicted_as_maker(new_desk: Callable[[], Desk]) -> None:
    """Clause L7: the rate is fixed at ENTER, times the calibration of that moment."""
    desk = new_desk()
    desk.open_shop()
    desk.send(inputs.calibrate(1_100_000))
    desk.enter(1, post_only=True)
    desk.send(inputs.calibrate(900_000))
    desk.order(1, 0, 100, done=True)

    assert desk.slot.fee_rate_ppb == 220_000
    assert desk.slot.entry.fee == 600 * USDT * 220_000 // 1_000_000_000


def test_the_step_touches_one_slot_and_one_instrument(new_desk: Callable[[], Desk]) -> None:
    """Clause S1: everything else is the same object."""
    desk = new_desk()
    desk.open_shop(slot_limit=2)
    before = desk.state
    desk.enter(1, slot=1, instrument=1)

    assert desk.state.slots[0] is before.slots[0]
    assert desk.state.instruments[0] is before.instruments[0]
    assert all(desk.state.slots[i] is before.slots[i] for i in range(2, 16))


def test_every_kind_has_a_named_answer_in_every_phase(desk: Desk) -> None:
    """Clause P2 and clause R3: no (phase, kind) pair raises, whatever else the input holds."""
    desk.enter(1)
    for words in ({}, {"trade": 1}, {"trade": 1, "attempt": 1}, {"trade": 2**62}):
        for kind in range(-1, len(Kind) + 1):
            after, outcome = step(desk.state, changed(Input(), kind=kind, **words))
            assert Code(outcome.code) in Code
            assert outcome.verdict != Verdict.REFUSED or after is desk.state
