"""The second solver answers by itself, and says so when it cannot or when it sees things differently."""

from collections.abc import Callable

import pytest
import z3

from dita.conformance.prove import core, frame, second_opinion
from dita.conformance.prove.core import Options, prove_kind
from dita.conformance.prove.executor import LOGIC
from dita.conformance.prove.frame import SmallReport
from dita.conformance.prove.obligations import CORE, FRAME, LIFT
from dita.conformance.prove.proof import ProveReport, Row, add, conclude
from dita.conformance.prove.second_opinion import Opinion, ask
from dita.spec.vocabulary import Kind

X, Y = z3.Int("pre.slot.words[0]"), z3.Int("event.quantity")  # names that SMT-LIB has to quote
SHARE = z3.Function("cost_share", z3.IntSort(), z3.IntSort(), z3.IntSort())
SAMPLES = {
    "a number": X == 7,
    "no number": z3.And(X > 0, X < 1),
    "between two numbers": z3.And(2 * X > 5, 2 * X < 7),
    "no even number": 2 * X == 2 * Y + 1,
    "a named function": z3.And(SHARE(X, Y) != SHARE(Y, X), X == Y + 1),
    "the same arguments": z3.And(SHARE(X, Y) != SHARE(Y, X), X == Y),
    "a choice": z3.If(X > Y, X, Y) < Y,
    "either": z3.Or(X > Y, z3.Not(X > Y)),
}


def asserted(fact: z3.BoolRef) -> z3.Solver:
    """A solver that has yet to be asked about the fact."""
    solver = z3.SolverFor(LOGIC)
    solver.add(fact)
    return solver


@pytest.mark.parametrize("name", SAMPLES)
def test_both_solvers_agree(name: str) -> None:
    """The exported question has for cvc5 the answer that z3 gives, and its contrary is not taken for it."""
    solver = asserted(SAMPLES[name])
    verdict = Opinion.of(solver.check())

    assert ask(solver.to_smt2(), LOGIC) is verdict
    assert verdict in {Opinion.SAT, Opinion.UNSAT}


def test_the_samples_have_both_answers() -> None:
    """Among the samples are questions with a solution and questions without one, known by heart."""
    verdicts = {name: Opinion.of(asserted(fact).check()) for name, fact in SAMPLES.items()}

    assert {name for name, verdict in verdicts.items() if verdict is Opinion.UNSAT} == {
        "no number", "no even number", "the same arguments", "a choice",
    }  # fmt: skip


def test_the_first_answer_is_not_repeated() -> None:
    """An expected status written into the question does not become the answer; cvc5 protests."""
    text = asserted(SAMPLES["no number"]).to_smt2()

    assert ask(text, LOGIC) is Opinion.UNSAT
    with pytest.raises(RuntimeError, match="Expected result sat but got unsat"):
        ask(text.replace(":status unknown", ":status sat"), LOGIC)


def test_running_out_of_time_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no answer is found in the time given, the opinion is neither sat nor unsat."""
    monkeypatch.setattr(second_opinion, "MILLISECONDS", 50)
    cubes = "".join(f"(declare-const {name} Int)(assert (> (* {name} {name}) 99980001))" for name in "xyz")

    assert ask(f"{cubes}(assert (= (+ (* x x x) (* y y y) (* z z z)) 114))(check-sat)", "QF_NIA") is Opinion.UNKNOWN


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("(check-sat", "RPAREN"),
        ("(assert (> missing 0))(check-sat)", "'missing' not declared"),
        ("(assert 3)(check-sat)", "Expected term with sort Bool"),
        ("(assert true)", "one answer was expected"),
        ("(check-sat)(check-sat)", "`sat sat`"),
        ("(set-option :nonsense 1)(check-sat)", "unsupported"),
        ("(declare-const x Int)(assert (= (* x x x) 7))(check-sat)", "A non-linear fact|linear"),
    ],
    ids=["syntax", "a name", "a sort", "no question", "two questions", "an option", "another logic"],
)
def test_what_is_not_understood_is_an_error(text: str, said: str) -> None:
    """A question that cvc5 cannot read, or does not answer once, raises RuntimeError with what it said."""
    with pytest.raises(RuntimeError, match=said):
        ask(text, LOGIC)


# ---- disagreement


def contrary(text: str, logic: str) -> Opinion:
    """A second solver that is always wrong."""
    return {Opinion.SAT: Opinion.UNSAT, Opinion.UNSAT: Opinion.SAT}[ask(text, logic)]


def silent(text: str, logic: str) -> Opinion:
    """A second solver that never knows."""
    return Opinion.UNKNOWN


@pytest.mark.parametrize("planted", [contrary, silent])
def test_a_wrong_second_answer_is_reported_by_the_core(
    monkeypatch: pytest.MonkeyPatch, planted: Callable[[str, str], Opinion]
) -> None:
    """Where cvc5 would say otherwise, the run fails, however sure z3 is; with the real cvc5 the same run agrees."""
    options = Options(witnesses=False)
    honest = prove_kind(Kind.CALIBRATE, options)
    monkeypatch.setattr(core, "ask", planted)
    lied_to = prove_kind(Kind.CALIBRATE, options)
    report = ProveReport("full", {item.id: Row(item) for item in (*CORE, *FRAME, *LIFT)})
    add(report, lied_to)
    conclude(report, Kind.CALIBRATE.name)

    assert honest.second_asked == lied_to.second_asked == len(lied_to.disagreed) > 0
    assert honest.disagreed == []
    assert report.figures["disagreements"] == lied_to.second_asked
    assert any("the solvers disagree: CALIBRATE path 0" in problem for problem in report.problems)


def test_a_wrong_second_answer_is_reported_by_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """A theorem about whole states counts a planted wrong answer as well, and none without it."""
    honest, lied_to = SmallReport(), SmallReport()
    honest.settle(z3.SolverFor(LOGIC), "sound", z3.Or(X > 0, X < 1), "here", second=True)
    monkeypatch.setattr(frame, "ask", contrary)
    lied_to.settle(z3.SolverFor(LOGIC), "sound", z3.Or(X > 0, X < 1), "here", second=True)

    assert (honest.disagreed, honest.refuted, lied_to.refuted) == ([], [], [])
    assert lied_to.disagreed == ["sound here"]
