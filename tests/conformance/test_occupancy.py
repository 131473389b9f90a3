"""Occupancy: who may enter where, how many at once, and that nothing is left over; on reference and kernel alike."""

import pytest

from dita.conformance.defects import Defect, defects, planted
from dita.conformance.differential import Lockstep
from dita.conformance.under_test import CallerMemory
from dita.kernel.loader import RawKernel
from dita.spec.inputs import cancel, enter, exit_leg, flatten, order, register, seed, set_limits, settle
from dita.spec.outcome import Outcome
from dita.spec.scales import MONEY_SCALE, PRICE_SCALE, QUANTITY_SCALE, RATIO_SCALE
from dita.spec.state import Slot, capital, initial_state
from dita.spec.vocabulary import Code, Part, Phase, Side, Verdict
from machine_profiles import hunt_in, run_machine, seconds
from occupancy_machine import ASKED, ITEMS, Occupancy

pytestmark = pytest.mark.unmeasured

OCCUPANCY_DEFECTS = [defect for defect in defects() if defect.name.startswith("occupancy-")]
PRICE = 100 * PRICE_SCALE
COIN = QUANTITY_SCALE


@pytest.fixture
def both(raw_kernel: RawKernel) -> Lockstep:
    """Reference and kernel in lockstep, seeded with 1 000 000 USDT, five instruments, sixteen slots allowed."""
    lockstep = Lockstep(CallerMemory(raw_kernel))
    lockstep.step(seed(amount=1_000_000 * MONEY_SCALE, time_ns=1))
    lockstep.step(set_limits(slot_limit=16, leverage_max_ppm=RATIO_SCALE, tolerance=0))
    for index in range(5):
        lockstep.step(
            register(
                instrument=index,
                lot=COIN // 1000,
                tick=PRICE_SCALE // 1000,
                quantity_min=COIN // 1000,
                notional_min=2 * MONEY_SCALE,
                price_max=1_000 * PRICE_SCALE,
                quantity_max=1_000 * COIN,
                taker_ppb=500_000,
                maker_ppb=200_000,
            )
        )
    return lockstep


def entered(both: Lockstep, trade: int, slot: int, instrument: int) -> Outcome:
    """ENTER one coin."""
    return both.step(enter(slot=slot, instrument=instrument, trade=trade, side=Side.LONG, quantity=COIN, price=PRICE))


def filled(both: Lockstep, trade: int, slot: int, attempt: int, price: int, time_ns: int) -> Outcome:
    """The order fills whole at a price in whole USDT."""
    return both.step(
        order(
            slot=slot,
            instrument=0,
            trade=trade,
            attempt=attempt,
            quantity=COIN,
            quote=price * MONEY_SCALE,
            done=True,
            time_ns=time_ns,
        )
    )


def test_a_working_entry_blocks_another_trade(both: Lockstep) -> None:
    """ENTER of another trade into a slot whose entry works is refused SLOT_BUSY (clause G1)."""
    entered(both, 1, 0, 0)
    both.step(order(slot=0, instrument=0, trade=1, attempt=0, quantity=0, quote=0, done=False, time_ns=2))
    assert both.state.slots[0].phase == Phase.ENTRY_WORKING

    assert entered(both, 2, 0, 1).code == Code.SLOT_BUSY


def test_an_open_position_blocks_another_trade(both: Lockstep) -> None:
    """ENTER into a slot with a position is refused SLOT_BUSY; into another slot of the same coin INSTRUMENT_BUSY."""
    entered(both, 1, 0, 0)
    filled(both, 1, 0, 0, 100, 2)
    assert both.state.slots[0].phase == Phase.POSITION_OPEN

    assert entered(both, 2, 0, 1).code == Code.SLOT_BUSY
    assert entered(both, 2, 1, 0).code == Code.INSTRUMENT_BUSY


def test_five_instruments_one_slot(both: Lockstep) -> None:
    """Five instruments for one slot: the first is accepted, the other four are SLOT_BUSY."""
    outcomes = [entered(both, 1 + index, 0, index) for index in range(5)]

    assert [outcome.code for outcome in outcomes] == [Code.OK, *[Code.SLOT_BUSY] * 4]


def test_five_instruments_under_a_limit_of_one(both: Lockstep) -> None:
    """Five slots under a limit of one: the first is accepted, the other four are SLOT_LIMIT (clause G7)."""
    both.step(set_limits(slot_limit=1, leverage_max_ppm=RATIO_SCALE, tolerance=0))
    outcomes = [entered(both, 1 + index, index, index) for index in range(5)]

    assert [outcome.code for outcome in outcomes] == [Code.OK, *[Code.SLOT_LIMIT] * 4]
    assert both.state.account.live_slots == 1


def test_a_lower_limit_does_not_touch_open_trades(both: Lockstep) -> None:
    """Two trades stay open when the limit falls to one, and can be closed."""
    entered(both, 1, 0, 0)
    entered(both, 2, 1, 1)
    both.step(set_limits(slot_limit=1, leverage_max_ppm=RATIO_SCALE, tolerance=0))

    assert both.state.account.live_slots == 2
    assert both.step(flatten(slot=1, instrument=1)).verdict == Verdict.ACCEPTED


def test_twenty_rapid_cycles_with_settlement_one_trade_behind(both: Lockstep) -> None:
    """Twenty cycles, each settled while the next is open: no refusal, no residue, exact books."""
    start, earned, fees = capital(both.state.account.ledger), 0, 0
    time_ns = 10
    for trade in range(1, 21):
        cost, proceeds = 100 + trade % 3, 103 - trade % 5
        steps = [entered(both, trade, 0, 0), filled(both, trade, 0, 0, cost, time_ns)]
        if trade > 1:
            steps += settled(both, trade - 1, time_ns)
        steps += [both.step(exit_leg(slot=0, instrument=0, trade=trade, leg=0))]
        steps += [filled(both, trade, 0, 1, proceeds, time_ns + 1)]
        assert [step.verdict for step in steps] == [Verdict.ACCEPTED] * len(steps)
        earned += proceeds - cost
        fees += 2 * 3
        time_ns += 10
    settled(both, 20, time_ns)

    state = both.state
    assert state.slots[0] == Slot(tails=state.slots[0].tails)
    assert state.account.live_slots == 0
    assert state.account.exposure == 0
    assert state.account.ledger.fees_provisional == 0
    assert capital(state.account.ledger) == start + earned * MONEY_SCALE - fees * MONEY_SCALE
    assert state.slots[1:] == initial_state().slots[1:]


def settled(both: Lockstep, trade: int, time_ns: int) -> list[Outcome]:
    """Both halves of a finished trade settle with a fee of 3 USDT each."""
    tail = next(tail for tail in both.state.slots[0].tails if tail.trade == trade)
    return [
        both.step(
            settle(
                slot=0,
                instrument=0,
                trade=trade,
                part=part,
                quantity=COIN,
                quote=quote,
                fee=3 * MONEY_SCALE,
                time_ns=time_ns,
            )
        )
        for part, quote in ((Part.ENTRY, tail.entry.quote), (Part.EXIT, tail.exit.quote))
    ]


def test_an_idle_slot_refuses_every_exit(both: Lockstep) -> None:
    """EXIT, FLATTEN and CANCEL on an idle slot are refused, before any trade and after one: no phantom close."""
    for trade in (0, 1, 2):
        assert both.step(exit_leg(slot=0, instrument=0, trade=trade, leg=0)).code == Code.NO_POSITION
        assert both.step(flatten(slot=0, instrument=0, trade=trade)).code == Code.NO_POSITION
        assert both.step(cancel(slot=0, instrument=0, trade=trade)).code == Code.NOTHING_WORKING
    entered(both, 1, 0, 0)
    filled(both, 1, 0, 0, 100, 2)
    both.step(flatten(slot=0, instrument=0))
    filled(both, 1, 0, 1, 101, 3)

    assert both.state.slots[0].phase == Phase.IDLE
    assert both.step(exit_leg(slot=0, instrument=0, trade=1, leg=0)).code == Code.NO_POSITION
    assert both.step(exit_leg(slot=0, instrument=0, trade=1, leg=1)).code == Code.NO_POSITION


# ---- the same list, asked of whatever state hypothesis comes to


@pytest.mark.timeout(seconds(600))  # a failure may take five minutes to shrink
def test_the_list_holds_in_whatever_state_hypothesis_comes_to() -> None:
    """Each item as a rule of a machine, next to all the other rules; every item was really put to the test."""
    ASKED.clear()
    run_machine(Occupancy, share=0.25)

    assert [item for item in ITEMS if ASKED[item] == 0] == []


@pytest.mark.timeout(seconds(300))
@pytest.mark.parametrize("defect", OCCUPANCY_DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_that_breaks_the_list_is_found(defect: Defect) -> None:
    """A reference that breaks an item is found within 200 examples by a machine that asks the list and no law."""
    with planted(defect) as tree:
        found, problem = hunt_in(tree, "occupancy alone", number=1, examples=200)

    assert found is not None
    assert problem.startswith("AssertionError"), f"not an item of the list, but {problem}"


def test_every_item_has_a_defect() -> None:
    """Five items: three defects break one each, and the misnamed refusal breaks the first three alike."""
    assert {defect.name for defect in OCCUPANCY_DEFECTS} == {
        "occupancy-busy-slot-misnamed", "occupancy-one-instrument-too-few", "occupancy-slot-used-up",
        "occupancy-exit-on-idle-unanswered",
    }  # fmt: skip
    assert len(ITEMS) == 5
