"""Pairs of consecutive transitions: derived from the small worlds; every one that is missing has a proved reason."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dita.conformance import transitions
from dita.conformance.exhaustive import World
from dita.conformance.small_worlds import worlds
from dita.conformance.transitions import (
    NEVER,
    Move,
    MoveLog,
    Pair,
    declared_pairs,
    derived_pairs,
    fitting_pairs,
    pairs_text,
    possible_pairs,
    unexplained,
)
from dita.spec.inputs import Input
from dita.spec.invariants import IDS
from dita.spec.outcome import Outcome
from dita.spec.properties import STEP
from dita.spec.state import State
from dita.spec.vocabulary import Kind, Phase, Verdict

ENTERED = Move(Phase.IDLE, Kind.ENTER, Phase.ENTRY_REQUESTED)
ROLLED_BACK = Move(Phase.ENTRY_REQUESTED, Kind.REJECTED, Phase.IDLE)


@pytest.mark.unmeasured
def test_the_declared_pairs_are_those_of_the_small_worlds() -> None:
    """``pairs.json`` is what a fresh walk through the worlds derives, to the letter."""
    derived = derived_pairs()

    assert derived == declared_pairs(), "run `python -m dita.conformance.transitions` and read the difference"
    assert pairs_text(derived).count("\n") > 180


def test_every_pair_that_does_not_occur_has_a_reason() -> None:
    """Pairs and reasons together are all that fit: none is left out silently, none is ruled out and occurs."""
    pairs = declared_pairs()

    assert unexplained(pairs) == []
    assert len(fitting_pairs(pairs)) == 169
    assert len(pairs) == 149


def test_a_pair_left_out_is_noticed_and_so_is_one_too_many() -> None:
    """The planted defects: a possible pair taken away, a pair added that a reason rules out."""
    pairs = declared_pairs()
    again = Pair(ENTERED, ROLLED_BACK)
    denied = Pair(
        Move(Phase.EXIT_WORKING, Kind.REJECTED, Phase.EXIT_UNRESOLVED),
        Move(Phase.EXIT_UNRESOLVED, Kind.NOT_FOUND, Phase.POSITION_OPEN),
    )

    assert unexplained(pairs - {again}) == [f"`{again}` does not occur, and nothing says why"]
    assert unexplained(pairs | {denied}) == [f"`{denied}` occurs, although {NEVER[0].because}"]


def test_a_list_with_an_unexplained_pair_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command writes what it derived when all of it has reasons, else it says what has none and leaves the file."""
    kept, pairs = transitions.PAIRS_PATH, declared_pairs()
    monkeypatch.setattr(transitions, "PAIRS_PATH", tmp_path / "pairs.json")

    monkeypatch.setattr(transitions, "derived_pairs", lambda: pairs - {Pair(ENTERED, ROLLED_BACK)})
    assert transitions.main() == 1
    assert "does not occur, and nothing says why" in capsys.readouterr().out
    assert not (tmp_path / "pairs.json").exists()

    monkeypatch.setattr(transitions, "derived_pairs", lambda: pairs)
    assert transitions.main() == 0
    assert capsys.readouterr().out == f"{len(pairs)} pairs\n"
    assert (tmp_path / "pairs.json").read_bytes() == kept.read_bytes()


def test_the_reasons_are_obligations_that_exist() -> None:
    """Each reason names obligations of the proof, and rules something out."""
    known = {*IDS, *(item.id for item in STEP)}
    missing = fitting_pairs(declared_pairs()) - declared_pairs()

    for never in NEVER:
        assert set(never.obligations) <= known
        assert any(never.holds_for(pair) for pair in missing)


def test_the_two_slot_world_adds_nothing() -> None:
    """Each slot is followed by itself: what the other does neither makes nor breaks a pair."""
    two = next(world for world in worlds("quick") if world.name == "two")

    assert possible_pairs(two) < declared_pairs()


def test_the_walk_carries_a_transition_over_any_number_of_quiet_steps() -> None:
    """In a world of one trade with a quiet step in the middle the pair is found, and no other."""
    start = next(world for world in worlds("quick") if world.name == "orders").roots[0]

    def menu(state: State) -> Iterator[Input]:
        yield Input(kind=Kind.SET_MODE, mode=1)
        if state.account.mode == 0:
            yield Input(
                kind=Kind.ENTER, trade=state.account.trade_high_water + 1, side=1, quantity=1, price=10**10, legs=1,
                ratios=(1_000_000, *(0,) * 7),
            )  # fmt: skip
        else:
            yield Input(kind=Kind.REJECTED, trade=state.slots[0].trade)

    def itself(state: State) -> State | None:
        return state

    assert possible_pairs(World("tiny", (start,), menu, itself)) == {Pair(ENTERED, ROLLED_BACK)}


def test_a_log_follows_each_slot_by_itself_and_both_moves_of_a_step() -> None:
    """Another slot's transition lies between two of one slot and is not a part of the pair."""
    log = MoveLog()
    enter = Outcome(Verdict.ACCEPTED, moves=1, from_1=Phase.IDLE, to_1=Phase.ENTRY_REQUESTED)
    filled = Outcome(
        Verdict.ACCEPTED, moves=2, from_1=Phase.ENTRY_REQUESTED, to_1=Phase.POSITION_OPEN,
        from_2=Phase.POSITION_OPEN, to_2=Phase.EXIT_REQUESTED,
    )  # fmt: skip
    opened = Move(Phase.ENTRY_REQUESTED, Kind.ORDER, Phase.POSITION_OPEN)
    closing = Move(Phase.POSITION_OPEN, Kind.ORDER, Phase.EXIT_REQUESTED)

    assert list(log.note(Input(kind=Kind.ENTER), enter)) == []
    assert list(log.note(Input(kind=Kind.ENTER, slot=3), enter)) == []
    assert list(log.note(Input(kind=Kind.ORDER), filled)) == [Pair(ENTERED, opened), Pair(opened, closing)]
