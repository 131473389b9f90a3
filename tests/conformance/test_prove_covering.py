"""Whether paths are all there are and overlap nowhere: both solvers read the question, and both see what is planted."""

from itertools import combinations

import pytest
import z3

from dita.conformance.prove import core
from dita.conformance.prove.core import COMPLETE, DISJOINT, KindReport, Options, paths_of, prove_kind
from dita.conformance.prove.covering import covering
from dita.conformance.prove.executor import LOGIC, Path
from dita.conformance.prove.second_opinion import Opinion, ask
from dita.spec.vocabulary import Kind

pytestmark = pytest.mark.unmeasured

X, Y = z3.Ints("x y")
PARTITION = [X < 0, z3.And(X >= 0, Y < 0), z3.And(X >= 0, Y >= 0, X != Y), z3.And(X >= 0, X == Y)]


def gap_and_overlap(conditions: list[z3.BoolRef]) -> tuple[bool, bool]:
    """Whether numbers are left out, and whether some take two; both solvers say so of the same text."""
    questions = covering(conditions)
    found: list[bool] = []
    for question in (questions.none, questions.two):
        solver = z3.SolverFor(LOGIC)
        solver.add(*questions.definitions, question)
        verdict = Opinion.of(solver.check())
        assert ask(solver.to_smt2(), LOGIC) is verdict
        found.append(verdict is Opinion.SAT)
    return found[0], found[1]


def test_a_partition_has_neither_gap_nor_overlap() -> None:
    """Also when it is one condition that always holds, which stands alone."""
    assert gap_and_overlap(PARTITION) == (False, False)
    assert gap_and_overlap([z3.BoolVal(True)]) == (False, False)


@pytest.mark.parametrize("lost", range(len(PARTITION)))
def test_a_lost_condition_is_a_gap(lost: int) -> None:
    """Whichever it is, first and last included."""
    assert gap_and_overlap([*PARTITION[:lost], *PARTITION[lost + 1 :]]) == (True, False)


@pytest.mark.parametrize("pair", list(combinations(range(len(PARTITION)), 2)))
def test_any_two_that_hold_together_overlap(pair: tuple[int, int]) -> None:
    """Wherever the two stand."""
    one, other = pair
    wider = z3.Or(PARTITION[other], PARTITION[one])

    assert gap_and_overlap([*PARTITION[:other], wider, *PARTITION[other + 1 :]]) == (False, True)


# --- in the core theorem --------------------------------------------------------------------------------------------


def proved(monkeypatch: pytest.MonkeyPatch, paths: list[Path]) -> KindReport:
    """What the core theorem says of SET_MODE when the executor has found these paths."""
    _, checks, assumptions = paths_of(Kind.SET_MODE)

    def found(*_: object) -> tuple[list[Path], int, list[z3.BoolRef]]:
        return paths, checks, assumptions

    monkeypatch.setattr(core, "paths_of", found)
    return prove_kind(Kind.SET_MODE, Options(second_every=1))


def test_the_second_solver_is_asked_about_the_paths_of_every_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Completeness and disjointness are seconded on all paths; a second answer that differs is reported."""
    paths, _, _ = paths_of(Kind.SET_MODE)
    report = proved(monkeypatch, paths)
    assert (report.seconded[COMPLETE], report.seconded[DISJOINT]) == (len(paths), len(paths))
    assert report.disagreed == []

    def contrary(text: str, logic: str) -> Opinion:
        return Opinion.SAT if ask(text, logic) is Opinion.UNSAT else Opinion.UNSAT

    monkeypatch.setattr(core, "ask", contrary)
    disagreed = prove_kind(Kind.SET_MODE, Options(second_every=1)).disagreed
    assert {f"SET_MODE {COMPLETE}: unsat against sat", f"SET_MODE {DISJOINT}: unsat against sat"} <= set(disagreed)


def test_a_path_that_is_missing_or_there_twice_is_refuted_by_both_solvers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two planted defects of an executor; neither is a disagreement."""
    paths, _, _ = paths_of(Kind.SET_MODE)

    missing = proved(monkeypatch, paths[1:])
    doubled = proved(monkeypatch, [*paths, paths[0]])

    assert {found.obligation for found in missing.refuted} == {COMPLETE}
    assert {found.obligation for found in doubled.refuted} == {DISJOINT}
    assert missing.disagreed == doubled.disagreed == []
