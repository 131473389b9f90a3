"""Recovery: what is said of orders in flight after a start, and what is told the kernel anew."""

from dataclasses import replace
from pathlib import Path

import pytest

from dita.adapters.logic.flights import in_flight_key
from dita.kernel.binding import Kernel
from dita.kernel.loader import RawKernel
from dita.reference import step
from dita.runtime.instruments import Instrument, Instruments
from dita.runtime.lockstep import Lockstep
from dita.runtime.recovery import doubts, flights_of, recover, setting_inputs
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey
from dita.spec.scales import QUANTITY_SCALE
from dita.spec.state import State, initial_state
from dita.spec.vocabulary import Kind, OrderSide, Phase, Side, Verdict
from runtime_parts import PRICE, ReferenceKernel, open_test_journal, opened, registered
from scripted_venue import CONTRACT
from virtual_time import VirtualClock, run_virtually

QUANTITY = QUANTITY_SCALE // 10
CONTRACT_DEARER = replace(CONTRACT, taker_ppb=600_000)
ENTER = inputs.enter(slot=0, instrument=0, trade=1, side=Side.LONG, quantity=QUANTITY, price=PRICE)
ACK = inputs.order(slot=0, instrument=0, trade=1, attempt=0, quantity=0, quote=0, done=False, time_ns=5)
LOST = inputs.unknown(slot=0, instrument=0, trade=1, attempt=0)
EXIT = inputs.exit_leg(slot=0, instrument=0, trade=1, leg=0)
EXIT_ACK = inputs.order(slot=0, instrument=0, trade=1, attempt=1, quantity=0, quote=0, done=False, time_ns=5)
EXIT_LOST = inputs.unknown(slot=0, instrument=0, trade=1, attempt=1)


def state_after(events: list[Input]) -> State:
    state = initial_state()
    for event in (*registered(), *events):
        state, outcome = step(state, event)
        assert outcome.verdict == Verdict.ACCEPTED
    return state


@pytest.mark.parametrize(
    ("events", "phase", "said"),
    [
        ([], Phase.IDLE, None),
        ([ENTER], Phase.ENTRY_REQUESTED, (Kind.UNKNOWN, 0)),
        ([ENTER, ACK], Phase.ENTRY_WORKING, (Kind.SILENT, 0)),
        ([ENTER, LOST], Phase.ENTRY_UNRESOLVED, (Kind.SILENT, 0)),
        (opened(1), Phase.POSITION_OPEN, None),
        ([*opened(1), EXIT], Phase.EXIT_REQUESTED, (Kind.UNKNOWN, 1)),
        ([*opened(1), EXIT, EXIT_ACK], Phase.EXIT_WORKING, (Kind.SILENT, 1)),
        ([*opened(1), EXIT, EXIT_LOST], Phase.EXIT_UNRESOLVED, (Kind.SILENT, 1)),
    ],
)
def test_every_phase_gets_its_doubt_and_every_doubt_is_resolved(
    events: list[Input], phase: Phase, said: tuple[Kind, int] | None
) -> None:
    """Requested: UNKNOWN. Working, unresolved: SILENT. Each makes the kernel command RESOLVE. Else nothing is said."""
    state = state_after(events)
    assert state.slots[0].phase == phase
    found = doubts(state)
    if said is None:
        assert found == []
        return
    assert [(event.kind, event.attempt) for event in found] == [said]
    _, outcome = step(state, found[0])
    assert outcome.resolve == 1
    assert outcome.submit == 0


async def journaled(folder: Path, events: list[Input], send_by_ns: int) -> None:
    journal = open_test_journal(folder / "j")
    lockstep = Lockstep(ReferenceKernel())
    for event in (*registered(), *events):
        outcome = lockstep.step(event).outcome
        due = send_by_ns if outcome.submit else 0
        await journal.append(event, send_by_ns=due, digest=lockstep.digest(event, outcome), wall_ns=777)
    await journal.close()


def test_an_order_in_flight_is_known_again_with_its_deadline(tmp_path: Path, raw_kernel: RawKernel) -> None:
    """After the replay: side, quantity, id and send-by time of the exit are there, and when its trade began."""

    async def work(clock: VirtualClock) -> None:
        await journaled(tmp_path, [*opened(1, QUANTITY), EXIT], 4242)
        journal = open_test_journal(tmp_path / "j")
        with Kernel(raw_kernel) as kernel:
            found = recover(journal, kernel, accept_migration=False, wall_ns=1)
        flights = flights_of(found, Instruments([Instrument(0, CONTRACT)]), "test0", 99)
        assert len(flights) == 1
        flight = flights[0]
        assert flight.key == OrderKey(1, 0, 1)
        assert (flight.side, flight.quantity, flight.reduce_only) == (OrderSide.SELL, QUANTITY, True)
        assert (flight.send_by_ns, flight.client_order_id) == (4242, "test0-1-0-1")
        assert found.history.seeded_ns == registered()[2].time_ns
        assert found.history.starts == {1: 777}
        await journal.close()

    run_virtually(work)


def test_nothing_is_told_twice() -> None:
    """Terms and limits that the kernel has are not sent again; changed ones are, but not while a trade is live."""
    instruments = Instruments([Instrument(0, CONTRACT)])
    limits = inputs.set_limits(slot_limit=16, leverage_max_ppm=3_000_000, tolerance=0)
    state = initial_state()
    first = setting_inputs(state, instruments, limits)
    assert [event.kind for event in first] == [Kind.REGISTER, Kind.SET_LIMITS]
    for event in (*first, registered()[2]):
        state, _ = step(state, event)
    assert setting_inputs(state, instruments, limits) == []
    dearer = Instruments([Instrument(0, CONTRACT_DEARER)])
    assert [event.kind for event in setting_inputs(state, dearer, limits)] == [Kind.REGISTER]
    state, _ = step(state, ENTER)
    assert in_flight_key(0, state.slots[0]) == OrderKey(1, 0, 0)
    assert setting_inputs(state, dearer, limits) == []
