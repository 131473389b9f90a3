"""Mutants refuted on their machine code: what counts as refuted; a prover that calls them equal is found out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest

from dita.conformance.equiv import refuting
from dita.conformance.equiv.bodies import BodiesReport, BodyRow
from dita.conformance.equiv.comparing import reference_of
from dita.conformance.equiv.refuting import (
    AROUND,
    OF_ARITHMETIC,
    Refutation,
    RefutingReport,
    drawn,
    is_around,
    killed_by_steps,
    named_in,
    refute,
    refute_around,
    refute_named,
    run_refuting,
    words_of,
)
from dita.conformance.equiv.replay import Parted
from dita.conformance.equiv.sums import Canonical
from dita.conformance.equiv.surroundings import Lemma, SurroundingsReport
from dita.conformance.equiv.tools import BEFORE, EVENT
from dita.conformance.mutants.edits import FAMILIES
from dita.conformance.prove.contracts import CONTRACTS
from dita.kernel.image import IMAGE_PATH
from dita.spec.inputs import Input
from dita.spec.state import initial_state
from dita.spec.vocabulary import Kind
from in_process import InProcess, Shrugs
from machine_paths import MODE, set_mode

STEP_SOURCE = "kernel_rs/src/step.rs"
STEP = dict.fromkeys((*BEFORE, *EVENT), 0) | {"event.kind": int(Kind.SET_MODE), MODE: 3}
"""An input that a mutant with another bound accepts."""


def parts_where_accepted(_: Path, words: Mapping[str, int]) -> list[Parted]:
    """The CPU's part: reference and mutant part on this mode alone."""
    return [Parted("outcome.code", 1, 0)] if words[MODE] == 3 else []


def silent(_: str, __: int, ___: int) -> None:
    """No progress."""


@pytest.fixture
def explored(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Mock]:
    """The machine code that is read, and a reference without the invariants, which it does not need."""
    small = replace(reference_of(Kind.SET_MODE, Canonical()), facts=())

    def carried(_: Kind) -> tuple[Canonical, Any]:
        return Canonical(), small

    monkeypatch.setattr(refuting, "_carried", carried)

    def read(answer: Mapping[str, Any]) -> Mock:
        made = Mock(return_value=[answer])
        monkeypatch.setattr(refuting, "explored", made)
        return made

    return read


def test_a_mutant_is_refuted_on_a_path_that_its_step_takes(explored: Callable[..., Mock]) -> None:
    """Only those paths are read, and a state and an input that differ are seen on the CPU."""
    read = explored(set_mode(highest=3))

    found = refute(IMAGE_PATH, STEP, InProcess(), parts_where_accepted)

    assert (found.verdict, found.paths) == ("refuted", 3)
    assert found.differ >= 1
    assert read.call_args.kwargs["along"][MODE] == 3


def test_where_the_solver_s_own_state_shows_nothing_the_step_s_does(explored: Callable[..., Mock]) -> None:
    """A named function may be what it never is; on the step's own words there is no such freedom that helps."""
    explored(set_mode(highest=3))
    asked: list[Mapping[str, int]] = []

    def only_its_own(_: Path, words: Mapping[str, int]) -> list[Parted]:
        asked.append(words)
        return [Parted("outcome.code", 1, 0)] if words == STEP else []

    found = refute(IMAGE_PATH, STEP, InProcess(), only_its_own)

    assert found.verdict == "refuted"
    assert found.says == "on the step's own state and input"
    assert len(asked) > 1


def test_a_prover_that_calls_a_mutant_equal_is_found_out(explored: Callable[..., Mock]) -> None:
    """Paths that are equal where the CPU parts are a fault of ours; so are no answers, and a step without effect."""
    explored(set_mode())
    equal = refute(IMAGE_PATH, STEP, InProcess(), parts_where_accepted)
    explored(set_mode(highest=3))
    silent = refute(IMAGE_PATH, STEP, Shrugs(), parts_where_accepted)
    nothing = refute(IMAGE_PATH, STEP, InProcess(), lambda _, __: [])
    explored({"problem": "a write of 8 bytes at 0x0"})
    strange = refute(IMAGE_PATH, STEP, InProcess(), parts_where_accepted)

    assert (equal.verdict, silent.verdict, nothing.verdict) == ("missed", "unknown", "missed")
    assert strange.verdict == "refuted"
    assert "a write of 8 bytes" in strange.says
    rows = {"one": equal, "two": silent, "three": strange}
    assert [line.partition(":")[0] for line in RefutingReport(rows).problems] == ["one", "two"]
    assert RefutingReport({"one": Refutation("refused", "it does not build")}).problems == [
        "no mutant of the kernel was refuted on its machine code"
    ]


@pytest.mark.unmeasured
def test_what_killed_a_mutant_of_the_step_is_a_step() -> None:
    """Hundreds of them, more than a hundred of the arithmetic; drawn by number, by kinds."""
    killed = killed_by_steps()
    few = drawn(killed, 9, 1)

    assert len(killed) > 500
    assert {one.mutant.family for one in killed} <= {*FAMILIES} - {"reference", "predicate"}
    assert 100 < sum(OF_ARITHMETIC in one.mutant.paths for one in killed) < 200
    assert few == drawn(killed, 9, 1) != drawn(killed, 9, 2)
    assert [one.event.kind for one in few] == sorted(one.event.kind for one in few)
    assert len(drawn(killed, 10**6, 1)) == len(killed)


@pytest.mark.unmeasured
def test_a_mutant_around_the_core_is_one_by_its_functions() -> None:
    """Edits and patches alike: those that somebody who reads the kernel finds, and none of a handler."""
    around = [one.mutant for one in killed_by_steps() if is_around(one.mutant)]

    assert {one.title for one in around if one.edit is None} == {
        "kernel-high-slots-folded", "kernel-last-instrument-folded"
    }  # fmt: skip
    assert {one.edit.function for one in around if one.edit} == AROUND
    assert all(one.paths == (STEP_SOURCE,) for one in around)


@pytest.mark.parametrize(
    ("verdicts", "found"),
    [
        (("proved", "refuted", "unknown"), Refutation("refuted", "on the lemma `lemma 1`", differ=1)),
        (("proved", "unknown"), Refutation("unknown", "lemma 1: no answer in time")),
        (("proved", "proved"), Refutation("missed", "2 lemmas are called proved")),
    ],
)
def test_a_mutant_around_the_core_is_refuted_by_a_lemma(
    verdicts: tuple[str, ...], found: Refutation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that fails is enough; one without an answer is none, and where all hold the prover is found out."""
    lemmas = [Lemma(f"lemma {at}", verdict, 0.0, {}, "no answer in time") for at, verdict in enumerate(verdicts)]
    monkeypatch.setattr(refuting, "run_surroundings", Mock(return_value=SurroundingsReport(lemmas)))

    assert refute_around(IMAGE_PATH) == found


@pytest.mark.unmeasured
def test_the_named_functions_that_a_mutant_of_the_arithmetic_is_in() -> None:
    """As somebody who reads the source finds them: through the helpers, and all ten for a constant of the module."""
    inside = {
        one.edit.function: named_in(one) for killed in killed_by_steps()
        if (one := killed.mutant).paths == (OF_ARITHMETIC,) and one.edit
    }  # fmt: skip

    assert inside["dita_leg_quantity"] == ["leg_quantity"]
    assert inside["divide_wide"] == ["cost_share", "minimum_quantity"]
    assert inside["half_even"] == ["cost_share", "predicted_fee", "calibrated_rate"]
    assert inside[""] == list(CONTRACTS)


@pytest.mark.parametrize(
    ("row", "verdict", "says"),
    [
        (BodyRow("", assumed="a difference", differ=[[1, 2]], shown=1), "refuted", "on the solver's arguments of `{}`"),
        (BodyRow("", assumed="no answer in time", differ=[[1, 2]]), "refuted", "on the vectors' arguments of `{}`"),
        (BodyRow("", refused="a write"), "refuted", "the machine code of `{}` is refused: a write"),
        (BodyRow("", assumed="no answer in time"), "unknown", "`{}`: no answer in time"),
        (BodyRow("", cases=1, differ=[[1, 2]]), "missed", "notional, leg_quantity: nothing is seen to differ"),
        (BodyRow("", cases=1), "missed", "notional, leg_quantity: nothing is seen to differ"),
    ],
)
def test_a_mutant_of_the_arithmetic_is_refuted_by_a_function(
    row: BodyRow, verdict: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one that is not proved and differs on the CPU; who is called proved and differs there is a fault of ours."""

    def run(_: Path, *, only: Sequence[str]) -> BodiesReport:
        return BodiesReport({name: row if name == "leg_quantity" else BodyRow(name, cases=1) for name in only})

    monkeypatch.setattr(refuting, "run_bodies", run)
    names = ["notional", "leg_quantity"]

    found = refute_named(IMAGE_PATH, STEP | {MODE: 3}, names, parts_where_accepted)

    assert (found.verdict, found.says) == (verdict, says.format("leg_quantity"))
    assert refute_named(IMAGE_PATH, STEP, names, lambda _, __: []).verdict == "missed"


@pytest.mark.unmeasured
def test_each_mutant_is_asked_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the lemmas, by a named function, and else by the paths that its step takes; each in an image of its own."""
    killed = [(one, is_around(one.mutant), OF_ARITHMETIC in one.mutant.paths) for one in killed_by_steps()]
    places = ((True, False), (False, True), (False, False))
    few = [next(one for one, *where in killed if tuple(where) == place) for place in places]
    monkeypatch.setattr(refuting, "FOLDER", tmp_path)
    monkeypatch.setattr(refuting, "Bitwuzla", MagicMock())
    built = Mock(return_value=IMAGE_PATH)
    monkeypatch.setattr(refuting, "build_image", built)
    answers = [Refutation("refuted", f"by {name}") for name in ("refute_around", "refute_named", "refute")]
    for answer in answers:
        monkeypatch.setattr(refuting, answer.says.removeprefix("by "), Mock(return_value=answer))

    report = run_refuting(few, silent)

    assert [report.rows[one.mutant.title] for one in few] == answers
    assert built.call_count == 3


def test_a_step_without_a_slot_is_no_step_of_the_core() -> None:
    """A negative number would name the last one in Python, and one that is too large none."""
    for slot, instrument in ((-1, 0), (0, -1), (10**6, 0), (0, 10**6)):
        with pytest.raises(IndexError):
            words_of(initial_state(), Input(slot=slot, instrument=instrument))


def test_a_refutation_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was refuted is not built again; who was missed is tried again each time."""
    few, told = drawn(killed_by_steps(), 2, 3), list[tuple[str, int, int]]()
    monkeypatch.setattr(refuting, "FOLDER", tmp_path)
    monkeypatch.setattr(refuting, "Bitwuzla", MagicMock())
    built = Mock(return_value=IMAGE_PATH)
    monkeypatch.setattr(refuting, "build_image", built)
    answers = [Refutation("refuted", "shown", 3, 1), Refutation("missed", "called equal", 3)]
    monkeypatch.setattr(refuting, "refute", Mock(side_effect=[*answers, answers[1]]))

    def note(*news: Any) -> None:
        told.append(news)

    first = run_refuting(few, note)
    again = run_refuting(few, note)

    assert built.call_count == 3
    assert first.rows == again.rows
    assert list(first.rows) == [one.mutant.title for one in few]
    assert first.figures == {
        "kernel_mutants_asked": 2, "kernel_mutants_refuted": 1, "kernel_mutants_refused": 0,
        "kernel_mutants_missed": 1, "kernel_mutants_unknown": 0,
    }  # fmt: skip
    assert told[-1][1:] == (2, 2)
    assert "called equal" in first.problems[0]
