"""Survivors: those that are the same are shown to be, and those that are not are shown a step or an example."""

from dataclasses import replace
from pathlib import Path

import pytest

from changed_sources import changed
from dita.conformance.exhaustive import broken_laws
from dita.conformance.mutants import predicate_trial, reference_trial
from dita.conformance.mutants.equivalence import same_answers, same_predicate
from dita.conformance.mutants.examples import of_row, of_step_row
from dita.conformance.mutants.predicate_trial import Tables
from dita.conformance.mutants.recording import Move
from dita.conformance.mutants.reference_trial import EVERYTHING
from dita.conformance.mutants.swaps import STATEMENTS, Statement
from dita.conformance.prove.lemmas import prove
from dita.reference import step
from dita.spec.vocabulary import Kind

TRADES = "reference_py/dita/reference/trades.py"
BOOKS = "reference_py/dita/reference/books.py"
ARITHMETIC = "reference_py/dita/reference/arithmetic.py"
INVARIANTS = "spec/dita/spec/invariants.py"
SHARES = "spec/dita/spec/shares.py"


@pytest.mark.unmeasured
def test_equal_references_are_shown_to_be_equal(repository: Path) -> None:
    """On every path of both the same answer, or a step from a sound state on which they really differ."""
    guard = "if event.quantity > known.quantity:"
    kinds = frozenset({int(Kind.SETTLE_FORCED)})
    forced = "after = tail._replace(entry=tail.entry._replace(graded=1), exit=tail.exit._replace(graded=1))"
    same = changed(repository, BOOKS, guard, guard.replace(">", ">="))
    other = changed(repository, BOOKS, forced, "after = tail._replace(entry=tail.entry._replace(graded=1))")

    differing = same_answers(other, "settle_forced", kinds)

    assert same_answers(same, "mismatch", frozenset({int(Kind.SETTLE)})).how == "same"
    assert differing.how == "differs"
    before, event = of_step_row(differing.row)
    after, outcome = step(before, event)
    assert broken_laws(before, event, after, outcome, known=False) == []
    assert reference_trial.ask(other, [Move(before, event, after, outcome)]).how == "killed"


def test_equal_arithmetic_is_shown_at_full_width(repository: Path) -> None:
    """Two solvers for all arguments of the contract's domain, or numbers on which the functions differ."""
    same = changed(repository, ARITHMETIC, "if quantity < minimum:", "if quantity <= minimum:")
    other = changed(repository, ARITHMETIC, "if doubled > denominator:", "if doubled >= denominator:")

    assert same_answers(same, "leg_quantity", EVERYTHING).how == "same"
    assert same_answers(other, "half_even", EVERYTHING).how == "differs"


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.lemma.id)
def test_what_equality_takes_for_granted_of_arithmetic_is_proved(statement: Statement) -> None:
    """Of the real bodies, by two solvers; that none of it holds is refuted."""
    assert prove(statement.lemma, 0).verdict == "proved"

    def opposite(*numbers: int) -> bool:
        return not statement.lemma.claim(*numbers)

    assert prove(replace(statement.lemma, claim=opposite), 0).verdict == "refuted"


@pytest.mark.unmeasured
def test_factors_may_change_places_and_other_arguments_may_not(repository: Path) -> None:
    """The proof knows which arguments are factors; the same exchange of others is shown on a real step."""
    kinds = frozenset({int(Kind.ENTER)})
    factors = "money(notional(event.quantity, event.price))"
    others = "within_leverage(exposure, capital(account.ledger), "
    same = changed(repository, TRADES, factors, "money(notional(event.price, event.quantity))")
    other = changed(repository, TRADES, others, "within_leverage(capital(account.ledger), exposure, ")

    assert same_answers(same, "enter", kinds).how == "same"
    assert same_answers(other, "enter", kinds).row is not None


def test_predicates_are_the_same_of_all_integers_or_there_is_an_example(repository: Path) -> None:
    """The solver's step, on which the two really differ, becomes an example; equal ones are proved equal."""
    tables = Tables(repository)
    line = "return focus.slot.trade <= high and all(tail.trade <= high for tail in focus.slot.tails)"
    weaker = changed(repository, SHARES, line, "return focus.slot.trade <= high")
    turned = changed(repository, SHARES, line, line.replace("focus.slot.trade <= high", "high >= focus.slot.trade"))

    found = same_predicate(weaker, "high_water_covers", tables)

    assert found.how == "differs"
    assert found.row is not None
    assert predicate_trial.ask(weaker, tables.touched("high_water_covers"), [of_row(found.row)]).how == "killed"
    assert same_predicate(turned, "high_water_covers", tables).how == "same"


def test_a_relation_behind_a_stand_in_is_not_taken_for_the_same(repository: Path) -> None:
    """Proofs replace this relation by a named function, changed or not; only its own arithmetic can tell."""
    exact = "return lot * tick % NOTIONAL_DIVISOR == 0 and"
    wrong = changed(repository, INVARIANTS, exact, "return lot * tick >= 0 and")

    assert same_predicate(wrong, "are_terms_exact", Tables(repository)).how == "differs"
