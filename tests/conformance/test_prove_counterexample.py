"""From a solver's numbers to a counterexample: the real code shows it, and nothing stands in it that need not."""

import json
import subprocess
from pathlib import Path

import pytest

from dita.conformance.defects import PatchRefused, defects
from dita.conformance.prove import breaking, concrete, solvers
from dita.conformance.prove.breaking import (
    NotNoticed,
    UnknownObligation,
    break_by,
    decoded,
    defect_of,
    killer_of,
    write_traces,
)
from dita.conformance.prove.concrete import breaks_of, is_sound, state_of, stepped
from dita.conformance.prove.core import Refutation
from dita.conformance.prove.counterexample import Explanation, explained, from_blank, from_model
from dita.conformance.prove.killers import KILLERS, Killer
from dita.conformance.prove.models import Found
from dita.conformance.prove.obligations import CORE, FRAME, LIFT
from dita.conformance.prove.proof import INITIAL, ProveReport
from dita.conformance.prove.solvers import SolverFailed, check_solver
from dita.reference import step
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.layout import flatten_words
from dita.spec.outcome import Outcome
from dita.spec.state import Account, Focus, Instrument, Slot, State
from dita.spec.trace import parse_trace
from dita.spec.vocabulary import Kind, Mode
from proof_runs import proved_run

HALTS = inputs.set_mode(Mode.HALTED)


def found_of(focus: Focus, event: Input) -> Found:
    """What a solver would have said."""
    return Found(tuple(flatten_words(focus)), tuple(flatten_words(event)), exact=True)


CLUTTERED = found_of(
    Focus(
        Account(seeded=1, slot_limit=3, trade_high_water=7_000_000_000, tolerance=12)._replace(
            ledger=Account().ledger._replace(seed=10**15)
        ),
        Instrument(registered=1, lot=10**6, tick=10**8, price_max=10**12, quantity_max=10**12),
        Slot(),
    ),
    HALTS._replace(slot=5, instrument=9, amount=77, trade=7_000_000_000),
)


@pytest.fixture
def halting_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, the step as it would be if SET_MODE forgot to change the mode."""

    def deaf(state: State, event: Input) -> tuple[State, Outcome]:
        after, outcome = step(state, event)
        return after._replace(account=after.account._replace(mode=state.account.mode)), outcome

    monkeypatch.setattr(concrete, "step", deaf)


def test_every_obligation_about_a_step_can_be_asked_of_one() -> None:
    """Only the two about the executor's own paths have no concrete form."""
    asked = {item.id for item in (*CORE, *FRAME, *LIFT, INITIAL)}

    assert {name for name in asked if breaks_of(name) is None} == {"paths-complete", "paths-disjoint"}


def test_the_reference_breaks_nothing_on_a_models_numbers() -> None:
    """The second opinion on the predicates: on a sound state no obligation about a step fails."""
    state, event = state_of(CLUTTERED)

    assert is_sound(state, event)
    asked = [breaks_of(item.id) for item in (*CORE, *FRAME)]
    assert [breaks for breaks in asked if breaks is not None and breaks(stepped(state, event))] == []


@pytest.mark.usefixtures("halting_fails")
def test_a_confirmed_model_keeps_only_the_words_that_matter() -> None:
    """Of 30 words of state and input, the mode is left."""
    found = from_model("mode-is-obeyed", CLUTTERED)

    assert found.confirmed
    assert found.start == ()
    trace = parse_trace(found.trace.splitlines())
    assert [event._replace(slot=0, instrument=0, mode=0) for event in trace.inputs] == [Input(kind=Kind.SET_MODE)]
    assert trace.inputs[0].mode != Mode.ACTIVE
    assert found.moments[-1].breaks


def test_a_model_that_the_code_does_not_show_is_not_confirmed() -> None:
    """The sound code obeys: the numbers are shown as they are, and nothing is called confirmed."""
    found = from_model("mode-is-obeyed", CLUTTERED)

    assert not found.confirmed
    assert "account.trade_high_water 7000000000" in found.start
    assert not found.moments[-1].breaks


def test_a_model_from_an_unsound_state_is_not_confirmed() -> None:
    """A state that breaks an invariant proves nothing, whatever the step does from there."""
    unsound = found_of(Focus(Account(live_slots=-1), Instrument(), Slot()), HALTS)

    assert not from_model("account-typed", unsound).confirmed


@pytest.mark.usefixtures("halting_fails")
def test_a_trace_from_the_blank_state_is_found_and_short() -> None:
    """One input is enough, and the hunt finds that."""
    found = from_blank("mode-is-obeyed", 20.0)

    assert found is not None
    assert (found.confirmed, found.reachable, len(found.moments)) == (True, True, 1)


def test_without_a_defect_there_is_no_trace() -> None:
    """The hunt gives up when its time is over."""
    assert from_blank("mode-is-obeyed", 0.2) is None
    assert from_blank("paths-complete", 0.2) is None


@pytest.mark.usefixtures("halting_fails")
def test_a_counterexample_survives_the_way_to_another_process(tmp_path: Path) -> None:
    """What the copy writes as JSON is read back, its traces can be edited, and the sound answer stands beside it."""
    refutation = Refutation("mode-is-obeyed", Kind.SET_MODE, CLUTTERED)
    said = explained("mode-is-obeyed", refutation, "a note", 5.0)

    read = decoded(json.loads(json.dumps(said)))

    assert read == said  # in this process the defect is there too, so its answer is no other
    paths = write_traces(read, "the sentence", tmp_path / "prove")
    assert [path.name for path in paths] == ["mode-is-obeyed.trace", "mode-is-obeyed.from-blank.trace"]
    for path, found in zip(paths, (read.model, read.blank), strict=True):
        assert found is not None
        assert parse_trace(path.read_text().splitlines()) == parse_trace(found.trace.splitlines())


def test_the_sound_answer_stands_beside_the_defective_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by defective code and read by sound code, the difference is shown."""

    def lazy(state: State, event: Input) -> tuple[State, Outcome]:
        return state, Outcome(verdict=2)

    with monkeypatch.context() as patched:
        patched.setattr(concrete, "step", lazy)
        told = explained("mode-is-obeyed", Refutation("mode-is-obeyed", Kind.SET_MODE, CLUTTERED), "", 0.0)

    read = decoded(json.loads(json.dumps(told)))

    assert read.model is not None
    assert [moment.sound for moment in read.model.moments] == ["ACCEPTED OK"]


def test_an_obligation_without_numbers_is_explained_without_them() -> None:
    """A refutation that is not about a step has a note, no trace and no file."""
    said = explained("paths-complete", None, "the paths do not partition the inputs", 0.1)

    assert said == Explanation("paths-complete", "the paths do not partition the inputs", False, None, None)
    assert said.shown is None
    assert write_traces(said, "a sentence") == []


# --- breaking on purpose --------------------------------------------------------------------------------------------


def test_a_defect_that_does_not_break_it_is_reported() -> None:
    """The planted defect is elsewhere: the obligation holds in the copy, and that is an error, not a success."""
    harmless = defect_of(Killer("reference-short-profit-sign", ""))

    with pytest.raises(NotNoticed, match="`verdict-is-named` is not refuted by `reference-short-profit-sign`"):
        break_by("verdict-is-named", harmless, "CALIBRATE")


def test_a_proof_that_stops_in_the_copy_is_reported() -> None:
    """An unknown part ends the run there; the last line of what it said is in the message."""
    harmless = defect_of(Killer("reference-short-profit-sign", ""))

    with pytest.raises(NotNoticed, match="`NOWHERE` is no part of the proof"):
        break_by("verdict-is-named", harmless, "NOWHERE")


def test_names_that_are_nobodys_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown obligation, one without a killer, and a killer without a patch: each with its next step."""
    with pytest.raises(UnknownObligation, match="dita prove --list"):
        killer_of("nobody")
    monkeypatch.setitem(KILLERS, "mode-is-obeyed", Killer("gone", "SET_MODE"))
    with pytest.raises(PatchRefused, match=r"`gone.patch` is not in"):
        killer_of("mode-is-obeyed")
    monkeypatch.delitem(KILLERS, "mode-is-obeyed")
    with pytest.raises(UnknownObligation, match=r"add one to prove/killers\.py"):
        killer_of("mode-is-obeyed")


def test_every_killer_has_its_patch() -> None:
    """No killer names a patch that is gone."""
    assert {killer.defect for killer in KILLERS.values()} <= {defect.name for defect in defects()}


# --- solvers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["z3", "cvc5"])
def test_both_solvers_answer(name: str) -> None:
    """No exception: each knows a contradiction from an equation with a solution."""
    check_solver(name)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise ImportError('planted')", r"the solver cvc5 failed: ImportError: planted; install it anew: .* cvc5"),
        ("import os; os.abort()", r"the solver cvc5 crashed with signal 6"),
    ],
)
def test_a_missing_or_crashing_solver_has_a_name(
    code: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package of that name that cannot be imported, and one that ends the process."""
    (tmp_path / "cvc5.py").write_text(f"{code}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with pytest.raises(SolverFailed, match=says):
        check_solver("cvc5")


def test_a_solver_that_is_wrong_is_no_solver(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The contradiction called satisfiable: exit 1, and both answers in the message."""
    monkeypatch.setitem(solvers._ASK, "z3", lambda: ["sat", "sat"])  # pyright: ignore[reportPrivateUsage]  # planted there

    assert solvers.main(["z3"]) == 1
    assert "it answered sat, sat where unsat, sat are right" in capsys.readouterr().err


@pytest.mark.parametrize(("refuted", "told"), [("mode-is-obeyed", ["explained"]), ("", None)])
def test_the_copy_writes_what_came_of_it(
    refuted: str, told: list[str] | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The verdict, the figures, and where it is refuted the explanation, which has the time that was given."""
    seconds: list[float] = []

    def run(tier: str, *, only: str, part: str) -> ProveReport:
        assert (tier, only, part) == ("full", "mode-is-obeyed", "SET_MODE")
        return proved_run(refuted)

    def explain(obligation: str, refutation: Refutation | None, note: str, hunt_seconds: float) -> list[str]:
        assert (obligation, refutation is not None, note) == ("mode-is-obeyed", True, "")
        seconds.append(hunt_seconds)
        return ["explained"]

    monkeypatch.setattr(breaking, "run_prove", run)
    monkeypatch.setattr(breaking, "explained", explain)

    assert breaking.main(["mode-is-obeyed", "SET_MODE", "2.5", str(tmp_path / "found.json")]) == 0

    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert (found["refuted"], found.get("explanation")) == (bool(refuted), told)
    assert found["figures"] == proved_run(refuted).figures
    assert seconds == [2.5] * bool(refuted)


def test_a_proof_without_an_end_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect that keeps the solver busy for ever is not noticed."""
    defect, part = killer_of("mode-is-obeyed")

    def late(tree: Path, arguments: list[str], *, seconds: int) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired(arguments, seconds)

    monkeypatch.setattr(breaking, "run_python", late)

    with pytest.raises(NotNoticed, match=f"`mode-is-obeyed`: no answer within {breaking.SECONDS} seconds in a tree"):
        break_by("mode-is-obeyed", defect, part)
