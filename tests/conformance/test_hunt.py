"""The hunt for broken laws: what breaks one is found, shrunk and told, and nothing else is."""

import pytest

from dita.conformance import hunt as room
from dita.conformance.hunt import broken_on, hunt, main
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.state import State
from dita.spec.trace import parse_trace
from dita.spec.vocabulary import Kind, Verdict

STEPS = 500


def counts_a_slot_too_many(state: State, event: Input) -> tuple[State, Outcome]:
    """The planted defect: an accepted entry counts two live slots."""
    after, outcome = step(state, event)
    if event.kind == Kind.ENTER and outcome.verdict == Verdict.ACCEPTED:
        account = after.account._replace(live_slots=after.account.live_slots + 1)
        return State(account, after.instruments, after.slots), outcome
    return after, outcome


def raises_at_a_seed(state: State, event: Input) -> tuple[State, Outcome]:
    """The planted defect: a step without an answer."""
    if event.kind == Kind.SEED:
        raise KeyError(event.kind)
    return step(state, event)


def loses_an_instrument(state: State, event: Input) -> tuple[State, Outcome]:
    """The planted defect: what no input names is broken; no law of a single step looks there."""
    after, outcome = step(state, event)
    if after is state:
        return after, outcome
    last = after.instruments[-1]._replace(lot=-1)
    return State(after.account, (*after.instruments[:-1], last), after.slots), outcome


def no_law_of_a_step(*_: object, known: bool) -> list[str]:
    """As if no law spoke of single steps."""
    return []


def test_a_broken_law_is_found_and_its_trace_shrunk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command prints law and trace, and the trace breaks that law again, but only where the defect is."""
    monkeypatch.setattr(room, "step", counts_a_slot_too_many)

    assert main(["3", str(STEPS), "20"]) == 1

    first, *rest = capsys.readouterr().out.splitlines()
    trace = parse_trace(rest)
    assert "live-counted" in first
    assert [event.kind for event in trace.inputs][-1] == Kind.ENTER
    assert len(trace.inputs) <= 5
    assert "live-counted" in ", ".join(broken_on(trace.inputs))
    monkeypatch.undo()
    assert broken_on(trace.inputs) == []


def test_a_step_that_raises_has_broken_a_law(monkeypatch: pytest.MonkeyPatch) -> None:
    """The step is total: whatever it raises is the finding, and its inputs end there."""
    monkeypatch.setattr(room, "step", raises_at_a_seed)

    found = hunt(3, STEPS)

    assert found.laws == ["step-is-total (KeyError)"]
    assert found.inputs[-1].kind == Kind.SEED


def test_what_no_step_touches_is_looked_at_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """After every run all invariants are asked, of the parts too that nobody named."""
    monkeypatch.setattr(room, "step", loses_an_instrument)
    monkeypatch.setattr(room, "broken_laws", no_law_of_a_step)

    found = hunt(3, STEPS)

    assert any("instrument" in law or "terms" in law for law in found.laws), found.laws
    assert found.steps == room.RUN_LENGTH


def test_where_every_law_holds_the_command_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Status 0, and how much was looked at."""
    assert main(["3", str(STEPS), "0"]) == 0
    assert capsys.readouterr().out == f"{STEPS} steps, every law held\n"
