"""Every clause and every question has its obligations, or a test that cites it; what has neither is named."""

from pathlib import Path

import pytest

from dita.conformance.prove.coverage import ALSO, ELSEWHERE, QUESTIONS, Elsewhere, Question, coverage
from dita.conformance.prove.obligations import Obligation
from dita.conformance.prove.proof import everything
from dita.spec.clauses import CLAUSES, Clause

PLANTED = "Z9"  # no clause: it is put together with the word below, so that nothing here cites it


def test_no_clause_and_no_question_is_without_an_obligation() -> None:
    """What is planted below is the only gap there ever was."""
    found = coverage(everything())

    assert found.gaps == ()
    assert set(found.clauses) == {clause.id for clause in CLAUSES}
    assert all(found.clauses[clause.id] or clause.id in ELSEWHERE for clause in CLAUSES)
    assert set(found.questions) == {
        "paths", "slots", "rollback", "no phantom close", "finished trades", "unknown is not rejected", "verdicts",
        "ledger", "liveness",
    }  # fmt: skip
    assert all(found.questions.values())


def test_a_clause_without_an_obligation_is_named() -> None:
    """The planted clause is a gap, and nothing else is."""
    planted = Clause(PLANTED, "Nobody proves this.", "Planted.")

    assert coverage(everything(), clauses=(*CLAUSES, planted)).gaps == (f"clause {PLANTED}: no obligation covers it",)


def test_a_clause_that_an_obligation_cites_is_covered() -> None:
    """The same clause, once a sentence cites it."""
    planted = Clause(PLANTED, "Somebody proves this.", "Planted.")
    obligation = Obligation("planted", "core", f"As {PLANTED} says.")

    found = coverage((*everything(), obligation), clauses=(*CLAUSES, planted))

    assert found.gaps == ()
    assert found.clauses[PLANTED] == ("planted",)


@pytest.mark.parametrize(
    ("gap", "changed"),
    [
        ("question `empty`: no obligation answers it", {"questions": {**QUESTIONS, "empty": Question("", ())}}),
        ("question `lost`: `nobody` is no obligation", {"questions": {**QUESTIONS, "lost": Question("", ("nobody",))}}),
        ("clause G6: `nobody` is no obligation", {"also": {**ALSO, "G6": (*ALSO["G6"], "nobody")}}),
        (
            f"clause {PLANTED}: there is no such clause",
            {"elsewhere": {**ELSEWHERE, PLANTED: Elsewhere("spec", "", "")}},
        ),
    ],
)
def test_a_name_that_is_nobodys_is_a_gap(gap: str, changed: dict[str, dict[str, object]]) -> None:
    """A table that names what does not exist says nothing; each such name is reported."""
    assert coverage(everything(), **changed).gaps == (gap,)  # type: ignore[arg-type]  # one table of several kinds


def test_a_citation_of_no_clause_is_a_gap() -> None:
    """An obligation that cites a clause which is not there is reported."""
    obligation = Obligation("planted", "core", f"As {PLANTED} says.")

    assert coverage((*everything(), obligation)).gaps == (
        f"clause {PLANTED}: `planted` cites it, and there is no such clause",
    )


@pytest.mark.parametrize("number", ELSEWHERE)
def test_what_is_checked_elsewhere_is_cited_there(number: str, repository: Path) -> None:
    """The named test is there, and its text cites the clause."""
    text = (repository / ELSEWHERE[number].test).read_text(encoding="utf-8")

    assert number in text
    assert ELSEWHERE[number].reason
