"""The counting copy of the reference answers as the reference does, and counts every guard, true and false."""

import random
import re

import pytest

from dita.conformance import campaign
from dita.conformance.campaign import run_campaign
from dita.conformance.decisions import ONE_ANSWER, Recorder, Tally, added
from dita.conformance.declare import never
from dita.conformance.traffic import Traffic
from dita.conformance.under_test import ReferenceStandIn
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.invariants import IDS
from dita.spec.outcome import Outcome
from dita.spec.state import State
from dita.spec.vocabulary import Code, Kind, Mode


def test_the_copy_answers_as_the_reference() -> None:
    """On hostile traffic every outcome and every state is the same; a refusal is the same object."""
    recorder, source, state = Recorder(), Traffic(random.Random(4)), State()
    for _ in range(3_000):
        event = source.next(state)
        after, outcome = step(state, event)
        theirs, answer = recorder.step(state, event)
        assert (theirs, answer) == (after, outcome)
        assert (theirs is state) == (after is state)
        state = after


def test_one_input_is_counted_where_it_goes() -> None:
    """SET_MODE asks the three guards of the entrance, its own two, and no others."""
    recorder = Recorder()

    recorder.step(State(), Input(kind=Kind.SET_MODE, mode=Mode.HALTED))
    recorder.step(State(), Input(kind=Kind.SET_MODE, mode=7))

    asked = {name: tally for name, tally in recorder.tallies().items() if tally.visits}
    assert asked == {
        "step.accept: Kind.ENTER <= event.kind": Tally(2, 0),
        "step.accept: event.kind <= Kind.CALIBRATE": Tally(2, 0),
        "step.accept: 0 <= event.slot": Tally(2, 0),
        "step.accept: event.slot < len(state.slots)": Tally(2, 0),
        "step.accept: 0 <= event.instrument": Tally(2, 0),
        "step.accept: event.instrument < len(state.instruments)": Tally(2, 0),
        "step.merged: after.instrument is not before.instrument": Tally(0, 1),
        "step.merged: after.slot is not before.slot": Tally(0, 1),
        "focus.require: not condition": Tally(1, 3 + 2 + 3),
        "focus.in_range: low <= value": Tally(2, 0),
        "focus.in_range: value <= high": Tally(1, 1),
        "control.set_mode: in_range(event.mode, Mode.ACTIVE, Mode.HALTED)": Tally(1, 1),
        "control.set_mode: event.mode != focus.account.mode": Tally(1, 0),
    }


def test_a_gate_is_counted_where_it_is_called() -> None:
    """``money`` and ``require_time`` refuse by themselves: each place that calls one is a guard."""
    recorder = Recorder()

    recorder.step(State(), Input(kind=Kind.SEED, amount=1, time_ns=-1))
    recorder.step(State(), Input(kind=Kind.SEED, amount=1, time_ns=1))

    tallies = recorder.tallies()
    assert tallies["books.seed: require_time(event.time_ns)"] == Tally(1, 1)
    assert sum(1 for name in tallies if ": money(" in name) >= 9
    recorder.clear()
    assert not any(tally.visits for tally in recorder.tallies().values())


def test_every_guard_of_the_source_has_a_name_of_its_own() -> None:
    """Names are unique, and no function of the reference that decides is left out."""
    names = list(Recorder().tallies())

    assert len(set(names)) == len(names) > 330
    functions = {name.split(":")[0] for name in names}
    assert {
        "orders.stray",
        "lifecycle.with_newest",
        "orders.is_mine",
        "arithmetic.half_even",
        "focus.money",
    } <= functions


def test_what_cannot_be_answered_both_ways_is_there_and_has_a_reason() -> None:
    """Each exception names a guard of the source, and each obligation in its reason exists."""
    names = Recorder().tallies()

    for single in ONE_ANSWER:
        assert single.guard in names
        cited = re.findall(r"obligation ([a-z-]+)", single.because)
        assert set(cited) <= set(IDS)
        assert cited or "refused" in single.because


def test_a_copy_that_answers_otherwise_ends_the_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted defect: a counting copy with another answer is a finding; its counts would mean nothing."""
    recorder = Recorder()
    right = recorder.step

    def wrong(state: State, event: Input) -> tuple[State, Outcome]:
        after, outcome = right(state, event)
        return after, outcome._replace(code=Code.NO_CHANGE) if event.kind == Kind.CANCEL else outcome

    monkeypatch.setattr(recorder, "step", wrong)
    monkeypatch.setattr(campaign, "RUN_LENGTH", 60)
    found = run_campaign(ReferenceStandIn(), None, 1, 5_000, never, recorder=recorder, recorded_every=1).findings

    assert found[0].what == "replay: the copy that counts decisions answers otherwise"


def test_counts_add_up() -> None:
    """Guards that only one side knows are kept."""
    assert added({"a": Tally(1, 2)}, {"a": Tally(3, 0), "b": Tally(0, 1)}) == {"a": Tally(4, 2), "b": Tally(0, 1)}
    assert Tally(1, 999).rarer_ppm == 1_000
    assert Tally(0, 0).rarer_ppm == 0
