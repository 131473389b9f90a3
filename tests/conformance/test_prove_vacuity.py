"""An obligation that says nothing anywhere fails the run, however smoothly both solvers discharge it."""

import pytest
import z3

from dita.conformance.prove import core
from dita.conformance.prove.core import KindReport, Options, prove_kind, theory
from dita.conformance.prove.models import premise_of, premises_of
from dita.conformance.prove.obligations import CORE, Obligation
from dita.conformance.prove.proof import ProveReport, add, conclude, everything
from dita.conformance.prove.proof import Row as ProvedRow
from dita.conformance.prove.rewriting import HELP
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.properties import STEP, Property
from dita.spec.state import Focus
from dita.spec.vocabulary import Kind, Mode, Verdict

pytestmark = pytest.mark.unmeasured

# ---- three obligations that say nothing, and one that does; written like those of the specification


def impossible_premise(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A mode that is above one and below two at once is refused with a made-up verdict."""
    return not (event.mode > 1 and event.mode < 2) or outcome.verdict == 77


def premise_against_the_invariants(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """An account whose mode is none of the three loses it."""
    if pre.account.mode <= Mode.HALTED:
        return True
    return post.account.mode == 77


def tautology(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """After the step the mode is at least as large as something, or smaller."""
    return post.account.mode >= event.mode or post.account.mode < event.mode


def plain_tautology(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """After the step the mode is what it is."""
    return post.account.mode == post.account.mode


def honest(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """An accepted change of mode sets the mode that was asked for."""
    return not (event.kind == Kind.SET_MODE and outcome.verdict == Verdict.ACCEPTED) or post.account.mode == event.mode


VACUOUS = {"impossible-premise", "premise-against-the-invariants", "tautology", "plain-tautology"}
EXTENDED = tuple(
    Property(predicate.__name__.replace("_", "-"), predicate)
    for predicate in (impossible_premise, premise_against_the_invariants, tautology, plain_tautology, honest)
)


@pytest.fixture(scope="module")
def run() -> KindReport:
    """What is proved of a change of mode, with the five obligations added to the table."""
    theory.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "STEP", (*STEP, *EXTENDED))
        for name, helper in HELP.items():  # as in a module of the specification while it is proved
            patch.setitem(globals(), name, helper)
        found = prove_kind(Kind.SET_MODE, Options(second_every=1))
    theory.cache_clear()
    return found


def concluded(found: KindReport) -> ProveReport:
    """The run's report after one kind."""
    added = [Obligation(item.id, "core", str(item.holds.__doc__)) for item in EXTENDED]
    report = ProveReport("full", {item.id: ProvedRow(item) for item in (*everything(), *added)})
    add(report, found)
    conclude(report, "")
    return report


def test_what_says_nothing_is_called_vacuous(run: KindReport) -> None:
    """Each of the four is proved on paths and still a problem; the one that says something is neither."""
    report = concluded(run)

    assert {name for name in VACUOUS if report.rows[name].paths} == VACUOUS
    assert {name: report.rows[name].verdict for name in VACUOUS} == dict.fromkeys(VACUOUS, "vacuous")
    assert {f"{name}: vacuous" for name in VACUOUS} <= set(report.problems)
    assert report.rows["honest"].verdict == "proved"
    assert not report.ok


def test_both_solvers_took_them_for_proved(run: KindReport) -> None:
    """Nothing else than the missing witness gives them away: no refutation, no doubt, no disagreement."""
    assert VACUOUS & {refutation.obligation for refutation in run.refuted} == set()
    assert run.unknown == run.disagreed == []
    assert VACUOUS & set(run.witnesses) == set()
    assert "honest" in run.witnesses


# ---- premises


X, Y = z3.Int("x"), z3.Int("y")


def possible(fact: z3.BoolRef) -> bool:
    """Whether there are numbers for it."""
    solver = z3.SolverFor("QF_LIA")
    solver.add(fact)
    return solver.check() == z3.sat


def test_a_premise_is_everything_but_the_conclusion() -> None:
    """Of alternatives, nested or implied, the last is the conclusion; the contrary of the others is the premise."""
    for fact in (z3.Or(X <= 0, Y == 7), z3.Implies(X > 0, Y == 7), z3.Or(X < 0, z3.Or(X == 0, Y == 7))):
        premise = premise_of(fact)

        assert not possible(premise != (X > 0)), fact
    assert z3.is_true(premise_of(X > 0))


def test_only_a_tautology_has_no_premise() -> None:
    """A fact that holds of all numbers never says anything; one that can fail keeps its premise."""
    found = premises_of({"always": z3.Or(X > Y, X <= Y), "true": z3.BoolVal(True), "some": z3.Or(X > Y, X < Y)})

    assert {name for name, premise in found.items() if z3.is_false(premise)} == {"always", "true"}
    assert found["some"].eq(premise_of(z3.Or(X > Y, X < Y)))


def test_every_core_obligation_can_fail() -> None:
    """No predicate of the specification is a tautology."""
    premises = theory().premises

    assert len(premises) > 60
    assert {item.id for item in CORE if item.predicate} == set(premises)
    assert [name for name, premise in premises.items() if z3.is_false(premise)] == []
