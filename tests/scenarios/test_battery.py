"""The battery: scenarios through the whole path, each line of what comes of them expected, the money of each judged."""

import ast
import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from battery import Played, play
from battery_coverage import (
    ANSWERED_ONCE,
    AT_REST,
    CLOSES_LATER,
    CONTRADICTION,
    ENTRIES_ONLY,
    FULL_EVIDENCE,
    SILENCE,
    UNREACHABLE,
    Cell,
    problems,
    reached,
    table,
)
from battery_run import difference, paths_of, script_of
from dita.adapters.logic.mismatch import decide
from dita.adapters.logic.positions import PositionReading
from dita.kernel.loader import CertifiedKernel
from dita.runtime.flights import Flight, Flights
from dita.runtime.silence import SilenceWatch
from dita.spec import inputs
from dita.spec.assumptions import ASSUMPTIONS
from dita.spec.order_ids import OrderKey
from dita.spec.vocabulary import Kind, Mode, OrderSide, Phase, Verdict
from runtime_parts import SECOND, opened
from scripted_venue import SYMBOL, EngineRoom
from virtual_time import VirtualClock, run_virtually

PATHS: Final = paths_of([])


@pytest.fixture(scope="module")
def played(certified_kernel: CertifiedKernel) -> dict[str, Played]:
    """Every scenario, once."""
    return {path.stem: play(script_of(path), certified_kernel) for path in PATHS}


def all_reached(played: dict[str, Played]) -> frozenset[Cell]:
    return frozenset[Cell]().union(*(reached(one.places) for one in played.values()))


@pytest.mark.timeout(200)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_scenario_comes_out_as_written_and_its_books_are_right(played: dict[str, Played], path: Path) -> None:
    """Every line is the expected one; capital, fills, exchange and journal agree (see ``battery_judge``).

    After a change that is meant: ``python tests/support/battery_run.py --update``, and explain the difference.
    """
    came = played[path.stem]
    assert came.found == []
    assert difference(path, came) == ""


def test_every_transition_is_reached_or_named(played: dict[str, Played]) -> None:
    """On the real path, by at least one scenario; what cannot be is named with its reason. Prints the table."""
    have = all_reached(played)
    sys.stdout.write(f"{table(have, UNREACHABLE)}\n")
    assert problems(have, UNREACHABLE) == []


def test_a_gap_a_wrong_name_and_a_wrong_reason_are_seen(played: dict[str, Played]) -> None:
    """One cell less, one named that is none, one named that is reached: each is a problem of its own."""
    have = all_reached(played)
    cell = min(have)
    gap, both = problems(have - {cell}, UNREACHABLE), problems(have, {**UNREACHABLE, cell: "it cannot"})
    none = problems(have, {**UNREACHABLE, cell._replace(kind="ENTER", phase="EXIT_WORKING"): "it cannot"})
    assert [len(found) for found in (gap, both, none)] == [1, 1, 1]
    assert (gap[0].split(",")[0], both[0].split(",")[0], none[0].split(",")[0]) == ("not reached", "reached", "named")


# --- the reasons ------------------------------------------------------------------------------------------------------

SAID_BY: Final = {
    "unknown": {"carrier.py"}, "rejected": {"carrier.py"}, "silent": {"silence.py"}, "cancel": {"engine.py"},
    "not_found": {"resolve.py"}, "external_close": {"mismatch.py"}, "settle_forced": {"cli_settle.py"},
}  # fmt: skip
"""Which module alone makes these inputs (``recovery.doubts`` chooses between two of them, for a start)."""


def test_the_reasons_are_the_ones_that_are_checked_here() -> None:
    """A new reason needs a check of its own."""
    checked = {ANSWERED_ONCE, SILENCE, CLOSES_LATER, FULL_EVIDENCE, ENTRIES_ONLY, AT_REST, CONTRADICTION}
    assert set(UNREACHABLE.values()) == checked


def test_each_of_these_inputs_is_made_in_one_place(repository: Path) -> None:
    """So that what is said of that place is said of the runtime."""
    made: dict[str, set[str]] = {name: set() for name in SAID_BY}
    for path in [*(repository / "runtime").rglob("*.py"), *(repository / "adapters").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called.removeprefix("inputs.") in made and called.startswith("inputs."):
                made[called.removeprefix("inputs.")].add(path.name)
    assert made == SAID_BY


def test_a_submit_is_answered_once(played: dict[str, Played]) -> None:
    """In no scenario is an order called rejected and unknown, or rejected twice."""
    for name, one in played.items():
        said = Counter(
            (step.event.trade, step.event.attempt, step.event.kind)
            for step in one.steps
            if step.event.kind in (Kind.UNKNOWN, Kind.REJECTED)
        )
        rejected = {(trade, attempt) for trade, attempt, kind in said if kind == Kind.REJECTED}
        assert not any((*order, Kind.UNKNOWN) in said for order in rejected), name
        assert all(said[*order, Kind.REJECTED] == 1 for order in rejected), name


def test_silence_is_told_of_answered_orders_only(tmp_path: Path) -> None:
    """An hour without a word: nothing is said while the submit itself waits for its answer, and soon after it came."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        room.script.answer_after = 3600.0
        said: list[int] = []
        room.engine.observers.append(lambda event, _: said.append(event.kind))
        flights = Flights()
        watch = SilenceWatch(room.engine, room.venue, flights, SECOND)
        room.background.start(watch.run(), "silence")
        await room.engine.apply(opened(1)[0])
        flight = Flight(
            key=OrderKey(1, 0, 0), instrument=0, symbol=SYMBOL, client_order_id="test0-1-0-0", side=OrderSide.BUY,
            quantity=10_000_000, reduce_only=False, send_by_ns=0, heard_ns=clock.monotonic_ns(),
        )  # fmt: skip
        flights.put(flight)
        await asyncio.sleep(1000)
        assert Kind.SILENT not in said
        flight.answered = True
        await asyncio.sleep(2)
        assert Kind.SILENT in said
        await room.close()

    run_virtually(work)


def test_a_close_besides_the_order_in_flight_is_decided_of_an_open_position_only(tmp_path: Path) -> None:
    """The same missing position: booked as closed when it is open, nothing while an order is in flight."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        for event in opened(1):
            await room.engine.apply(event)
        reading = PositionReading(0, 0, (), (), clock.wall_ns())
        state = room.engine.state
        for phase in Phase:
            slots = (state.slots[0]._replace(phase=phase), *state.slots[1:])
            if phase is not Phase.IDLE:
                decided = decide(state._replace(slots=slots), 0, SYMBOL, reading, ())
                closed = decided is not None and decided.kind == Kind.EXTERNAL_CLOSE
                assert closed is (phase is Phase.POSITION_OPEN), phase
        await room.close()

    run_virtually(work)


def test_absence_is_told_with_full_evidence_of_unseen_orders(played: dict[str, Played]) -> None:
    """Every NOT_FOUND of the battery was accepted: none was short of evidence, none about an order that was seen."""
    told = [step for one in played.values() for step in one.steps if step.event.kind == Kind.NOT_FOUND]
    assert len(told) >= 2
    assert {step.verdict for step in told} == {Verdict.ACCEPTED}


def test_an_exit_is_never_cancelled_by_input(tmp_path: Path) -> None:
    """Lowering the mode cancels the entry that works, and leaves the exit that works alone."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        said: list[int] = []
        room.engine.observers.append(lambda event, _: said.append(event.kind))
        for event in opened(1):
            await room.engine.apply(event)
        await room.engine.apply(inputs.exit_leg(slot=0, instrument=0, trade=1, leg=0))
        await asyncio.sleep(1)
        assert room.engine.state.slots[0].phase == Phase.EXIT_WORKING
        await room.engine.reduce_only(Mode.HALTED)
        assert Kind.CANCEL not in said
        await room.close()

    run_virtually(work)


def test_a_contradiction_is_an_assumption_by_name() -> None:
    """What the two transitions would take is listed among what is assumed of the venue."""
    assert {"over-is-final", "cumulative-snapshots"} <= {one.id for one in ASSUMPTIONS}
