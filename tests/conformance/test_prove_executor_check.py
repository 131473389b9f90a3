"""The check of the executor passes today, and each way in which the executor could be wrong turns it red."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
import z3

from dita.conformance.draw import Draw
from dita.conformance.prove import contracts, executor_check, merging, proxies, rewriting
from dita.conformance.prove.compiled import Places, Predictor, compiled, source_of_values
from dita.conformance.prove.contracts import CONTRACTS
from dita.conformance.prove.core import KINDS, paths_of, theory
from dita.conformance.prove.executor_check import (
    SIZES,
    ExecutorReport,
    PairsReport,
    check_executor,
    check_pairs,
)
from dita.conformance.prove.executor_constructs import CONSTRUCTS, differing
from dita.conformance.prove.executor_pairs import Pairs, is_sound
from dita.conformance.prove.flat import Flattener, Lazily, values_of
from dita.conformance.prove.predicate_check import (
    PredicateReport,
    arguments_of,
    of_a_contract,
    of_a_state,
    of_a_step,
    small_states,
)
from dita.conformance.prove.predicate_check import steps as steps_of
from dita.conformance.prove.prediction import KindPredictor, compiled_paths, predictor_of
from dita.conformance.prove.proxies import SymBool, SymInt, Unsupported
from dita.conformance.prove.rewriting import HELP, truth_of
from dita.conformance.prove.world import symbolic
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.state import focus_of
from dita.spec.trace import parse_trace
from dita.spec.vocabulary import Kind, Verdict

PAIRS = 600
SEED = 20_240_301


def forget_compiled_contracts() -> None:
    """They keep the rewriting helpers that they were compiled with."""
    contracts._compiled.cache_clear()  # pyright: ignore[reportPrivateUsage] the cache is what the test is about


@pytest.fixture
def own_theory() -> Iterator[None]:
    """The formulas are built anew, with what the test has planted, and forgotten afterwards."""
    theory.cache_clear()
    forget_compiled_contracts()
    yield
    theory.cache_clear()
    forget_compiled_contracts()


@pytest.fixture
def right_theory() -> Iterator[None]:
    """The formulas are right before something is planted, and nothing that is built with it stays."""
    applications = theory().applications
    known = dict(applications.instances)
    yield
    applications.instances = known
    forget_compiled_contracts()


def checked(known: KindPredictor, pairs: int = PAIRS) -> PairsReport:
    """Random pairs of one kind."""
    return check_pairs({known.kind: known}, Pairs(random.Random(SEED), Kind(known.kind)), pairs)


def construct(name: str) -> str:
    """What is found about one construct."""
    return differing(next(item for item in CONSTRUCTS if item.name == name), 300, SEED)


# --- today ----------------------------------------------------------------------------------------------------------


def test_the_executor_predicts_what_cpython_does() -> None:
    """On 10 000 pairs of all kinds, and on every predicate and every construct, there is no mismatch."""
    told: list[tuple[int, int]] = []

    report = check_executor(10_000, SEED, lambda _name, done, todo: told.append((done, todo)))

    assert report.problems == []
    assert report.mismatches == 0
    assert report.pairs == 10_000
    assert report.kinds == len(Kind) - 1
    assert report.made >= 4_500
    assert report.opinions >= 40
    assert report.paths_hit > 500
    assert report.paths_hit + sum(report.never_taken.values()) == report.paths_total
    assert report.predicates > 100
    assert report.predicate_pairs >= 5_000
    assert len(report.one_sided) < 10
    assert report.predicates_undecided < report.predicate_pairs // 50
    assert told[-1][0] == told[-1][1] == len(told)


def test_too_few_pairs_or_kinds_are_a_problem() -> None:
    """A check that compared less than it was asked for does not pass."""
    report = ExecutorReport(1_000, pairs=999, kinds=20)

    assert len(report.problems) == 2
    assert not ExecutorReport(1_000, pairs=1_000, kinds=len(Kind) - 1).problems


def test_pairs_are_reproducible_sound_and_of_both_sorts() -> None:
    """The same seed gives the same pairs; half of the states are made, and the invariants hold in each."""
    pairs = list(islice(Pairs(random.Random(3)), 600))

    assert pairs == list(islice(Pairs(random.Random(3)), 600))
    assert 290 <= sum(pair.made for pair in pairs) <= 310
    for state, event, _ in pairs:
        assert is_sound(focus_of(state, event.slot, event.instrument), event)
    verdicts = {step(pair.state, pair.event)[1].verdict for pair in pairs}
    assert verdicts == set(Verdict)


# --- an executor that is wrong --------------------------------------------------------------------------------------


def rounded_like_c(numerator: z3.ArithRef, divisor: z3.ArithRef) -> z3.ArithRef:
    """Towards zero."""
    quotient = numerator / divisor
    exact = numerator == divisor * quotient
    return z3.If(z3.Or(numerator >= 0, exact), quotient, z3.If(divisor > 0, quotient + 1, quotient - 1))


def itself(value: Any) -> Any:
    """No change at all: minus, an absolute value or a ``not`` that was lost."""
    return value


def subtracted_wrongly(self: SymInt, other: object) -> SymInt:
    return SymInt(self.term - proxies.term_of(other))


def equal_for_unequal(self: SymInt, other: object) -> SymBool:
    return SymBool(self.term == proxies.term_of(other))


def at_most_for_less(self: SymInt, other: object) -> SymBool:
    return SymBool(self.term <= proxies.term_of(other))


def less_for_at_most(self: SymInt, other: object) -> SymBool:
    return SymBool(self.term < proxies.term_of(other))


def never_negative(self: SymInt, other: object) -> SymInt:
    return SymInt(self.term % proxies.term_of(other))


def true_if_positive(self: SymInt) -> bool:
    return proxies.current().decide(self.term > 0)


def never_from_the_end(self: SymInt) -> int:
    return abs(proxies.current().concretise(self.term))


def hashed_otherwise(self: SymInt) -> int:
    return 1 + hash(proxies.current().concretise(self.term))


def exchanged(condition: z3.BoolRef, yes: object, no: object) -> object:
    """The other branch's value."""
    return rewriting.chosen(condition, no, yes)


@pytest.mark.parametrize(
    ("name", "method", "wrong"),
    [
        ("signs", "__abs__", itself),
        ("signs", "__neg__", itself),
        ("sums", "__rsub__", subtracted_wrongly),
        ("comparisons", "__ne__", equal_for_unequal),
        ("comparisons", "__lt__", at_most_for_less),
        ("remainder", "__mod__", never_negative),
        ("truth", "__bool__", true_if_positive),
        ("indexed", "__index__", never_from_the_end),
        ("in-set", "__hash__", hashed_otherwise),
    ],
)
def test_a_wrong_proxy_is_found(
    monkeypatch: pytest.MonkeyPatch, name: str, method: str, wrong: Callable[..., object]
) -> None:
    """A proxy that does not do what an integer does is found by the construct that uses it, with the numbers."""
    assert construct(name) == ""

    monkeypatch.setattr(SymInt, method, wrong)

    assert f"construct `{name}` at [" in construct(name)


def test_division_that_rounds_like_c_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Floor division of negative numbers is told from the one that rounds towards zero."""
    monkeypatch.setattr(proxies, "floor_quotient", rounded_like_c)

    assert "construct `floor-division` at [" in construct("floor-division")


@pytest.mark.usefixtures("right_theory")
def test_a_wrong_comparison_is_found_in_a_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison that is wrong at the boundary changes what the paths of a real kind say."""
    monkeypatch.setattr(SymInt, "__le__", less_for_at_most)

    assert checked(predictor_of(Kind.SET_LIMITS)).mismatches > 0


@pytest.mark.usefixtures("right_theory")
def test_swapped_branches_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge that takes the other branch's value is found in the wallet's difference."""
    monkeypatch.setattr(merging, "chosen", exchanged)

    report = checked(predictor_of(Kind.WALLET))
    assert report.mismatches > 0
    assert report.findings[0].startswith("WALLET: account.ledger.")


@pytest.mark.usefixtures("right_theory")
def test_a_lost_not_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A helper of the reference that lost its ``not`` while being rewritten is found."""
    monkeypatch.setitem(HELP, "__negated", itself)

    assert checked(predictor_of(Kind.SILENT)).mismatches > 0


def test_a_missing_path_is_found_and_the_finding_is_a_trace() -> None:
    """A pair that takes a path nobody explored is shown as a trace that parses and does what was said."""
    paths, _, _ = paths_of(Kind.SET_MODE)

    report = checked(compiled_paths(Kind.SET_MODE, paths[:-1]))

    assert report.mismatches > 0
    headline, _, text = report.findings[0].partition("\n")
    trace = parse_trace(text.splitlines())
    (event,) = trace.inputs
    after, outcome = step(trace.start, event)
    assert event.kind == Kind.SET_MODE
    assert after is trace.start
    assert headline == f"SET_MODE: no path holds; CPython gives {outcome}"


def test_paths_that_overlap_or_disagree_are_refused() -> None:
    """Two paths that take the same decisions, or different ones in the same place, cannot be told apart."""
    paths, _, _ = paths_of(Kind.SET_MODE)
    with pytest.raises(Unsupported, match="not disjoint"):
        compiled_paths(Kind.SET_MODE, [*paths, paths[0]])

    foreign, _, _ = paths_of(Kind.CALIBRATE)
    with pytest.raises(Unsupported, match="decide different things"):
        compiled_paths(Kind.SET_MODE, [*paths, foreign[0]])


def test_the_second_opinion_looks_at_every_path() -> None:
    """A path whose recorded condition holds too often, or whose recorded result is another, is found by it alone."""
    known = predictor_of(Kind.SET_LIMITS)
    predictor = known.predictor
    looser = tuple(path._replace(literals=path.literals[:-1]) for path in predictor.paths)
    exchanged = tuple(path._replace(result=predictor.paths[0].result) for path in predictor.paths)

    for paths, complaint in ((looser, "these hold"), (exchanged, "when evaluated node by node")):
        wrong = replace(known, predictor=Predictor(predictor.name, predictor.nodes, paths, predictor.source))
        report = checked(wrong)
        assert report.mismatches > 0
        assert all(complaint in finding for finding in report.findings)
    assert checked(known).mismatches == 0


@pytest.mark.usefixtures("own_theory")
def test_a_contract_that_hides_a_path_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lemma that is false of the real arithmetic cuts off what really happens."""

    def always_true(value: bool, number: int, step_: int) -> bool:
        return value

    contract = CONTRACTS["is_multiple"]
    monkeypatch.setitem(CONTRACTS, "is_multiple", replace(contract, result=always_true))

    assert checked(predictor_of(Kind.EXIT)).mismatches > 0


# --- predicates that are translated wrongly -------------------------------------------------------------------------


def judged(records: int = 600) -> PredicateReport:
    """Every obligation of the core theorem on real steps and on worse ones, up to the first mismatch."""
    report, questions = PredicateReport(), of_a_step()
    for known in islice(steps_of(SEED), records):
        questions.compare(report, known)
        if report.mismatches:
            break
    return report


def first_word_equal(left: Any, right: Any) -> object:
    """Records taken for equal when they begin alike."""
    if issubclass(type(left), tuple) and issubclass(type(right), tuple):
        return rewriting.equal(left[:1], right[:1])
    return rewriting.equal(left, right)


def all_at_once(*operands: Callable[[], object]) -> object:
    """``or`` taken for ``and``."""
    return rewriting.all_of(*operands)


@pytest.mark.unmeasured
@pytest.mark.usefixtures("own_theory")
@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("__any_of", all_at_once),
        ("__negated", itself),
        ("__equal", first_word_equal),
    ],
)  # fmt: skip
def test_a_wrong_rewriting_is_found(monkeypatch: pytest.MonkeyPatch, name: str, wrong: Callable[..., object]) -> None:
    """A translation of predicates that is wrong about one construct gives formulas that differ from CPython."""
    monkeypatch.setitem(HELP, name, wrong)

    report = judged()

    assert report.mismatches > 0
    assert "its formula" in report.findings[0]


def test_predicates_of_whole_states_and_contracts_are_compared() -> None:
    """The invariants of a whole state are met holding and broken; no formula differs from its predicate."""
    report, whole = PredicateReport(), of_a_state()
    for state in islice(small_states(SEED), 600):
        whole.compare(report, (state,))

    assert report.mismatches == 0
    assert set(report.answers) == {claim.id for claim in whole.claims}
    assert len(report.one_sided) < len(report.answers) // 2

    draw = Draw(random.Random(SEED))
    for name in CONTRACTS:
        question = of_a_contract(name)
        for _ in range(300):
            question.compare(report, arguments_of(draw, question))
    assert report.mismatches == 0
    assert {True, False} == report.answers["result-of-leg_quantity"] == report.answers["domain-of-is_multiple"]
    assert {True} == report.answers["contract-of-leg_quantity"]


def test_a_function_outside_its_domain_is_not_called_a_mismatch() -> None:
    """Where a formula turns on a named function outside its contract's domain, nothing is claimed; it is counted."""
    flattener = Flattener()
    word = z3.Int("x[0]")
    applied = CONTRACTS["is_multiple"].symbol()(word, z3.IntVal(0))
    root = flattener.add(z3.And(word > 3, applied))

    inside, reached = Lazily(flattener.nodes, {"x[0]": 3}), Lazily(flattener.nodes, {"x[0]": 4})

    assert not inside.value(root)
    assert not inside.outside
    reached.value(root)
    assert reached.outside


# --- terms as data --------------------------------------------------------------------------------------------------


def every_operation(a: z3.ArithRef, b: z3.ArithRef) -> list[z3.ExprRef]:
    """One term of each operation that a term may have."""
    return [
        a + b, a - b, a * b, -a, a / b, a % b, a / 3, a % -4, z3.If(a < b, a, b), a + b + 1, a - b - 2, z3.IntVal(-7),
        a == b, a != b, a <= b, a < b, a >= b, a > b, z3.And(a > 0, b > 0), z3.Or(a > 0, b > 0, a == b), z3.Not(a > b),
        z3.Implies(a > 0, b > 0), (a > 0) == (b > 0), z3.BoolVal(True), z3.Distinct(a, b, a - b),
    ]  # fmt: skip


def test_compiled_and_evaluated_terms_mean_what_the_solver_means() -> None:
    """Each operation on numbers of either sign: the compiled function, the evaluation by nodes, and z3 itself agree."""
    a, b = z3.Ints("a b")
    terms = every_operation(a, b)
    flattener = Flattener()
    places = Places.of({"a": SymInt(a), "b": SymInt(b)}, flattener)
    roots = [flattener.add(term) for term in terms]
    function = compiled(source_of_values(flattener.nodes, roots, places))

    for x in (-9, -4, -1, 0, 3, 8):
        for y in (-5, -3, -1, 2, 7):
            known = [z3.simplify(z3.substitute(term, (a, z3.IntVal(x)), (b, z3.IntVal(y)))) for term in terms]
            expected = [value.as_long() if z3.is_int_value(value) else z3.is_true(value) for value in known]
            values = values_of(flattener.nodes, {"a": x, "b": y})
            assert list(function(x, y)) == expected
            assert [values[root] for root in roots] == expected
            assert [Lazily(flattener.nodes, {"a": x, "b": y}).value(root) for root in roots] == expected


def test_a_division_by_zero_has_no_value_that_anything_expects() -> None:
    """A term that turns on what no function says is not silently right: it differs from case to case."""
    a = z3.Int("a")
    flattener = Flattener()
    root = flattener.add(a / 0)

    found = {values_of(flattener.nodes, {"a": x})[root] for x in range(20)}

    assert len(found) == 20
    assert not found & set(range(-100, 100))


def test_an_unknown_operation_is_refused() -> None:
    """A term with an operation that has no meaning here stops the check loudly."""
    with pytest.raises(Unsupported, match="xor"):
        Flattener().add(z3.Xor(z3.Bool("p"), z3.Bool("q")))


def test_a_tree_hands_on_what_a_path_leaves_alone() -> None:
    """The predicted records are the very ones that were given where nothing changed."""
    known = predictor_of(Kind.SET_MODE)
    predict = known.predictor.function()
    pair = next(iter(Pairs(random.Random(1), Kind.SET_MODE)))
    focus = focus_of(pair.state, pair.event.slot, pair.event.instrument)

    said: Any = predict(*focus, pair.event)

    assert said[1][1] is focus.instrument
    assert said[1][2] is focus.slot
    assert truth_of(symbolic(Input(), "event").kind == 1).decl().name() == "="


@pytest.mark.parametrize("sound", [True, False])
def test_the_module_says_what_it_compared(
    sound: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 1 with every problem in a line, 0 without; tier and seed are those of the command line."""
    report = ExecutorReport(2, pairs=2, kinds=len(KINDS), seconds=0.5, never_taken={"ENTER": 3})
    if not sound:
        report.findings.append("ENTER: a path says otherwise")
    asked: list[tuple[int, int]] = []

    def check(pairs: int, seed: int) -> ExecutorReport:
        asked.append((pairs, seed))
        return report

    monkeypatch.setattr(executor_check, "check_executor", check)

    assert executor_check.main(["--tier", "full", "--seed", "7"]) == int(not sound)

    lines = capsys.readouterr().out.splitlines()
    assert asked == [(SIZES["full"], 7)]
    assert lines[1:3] == ["paths on no pair: {'ENTER': 3}", "predicates with one answer only: none"]
    assert lines[3:] == [*report.findings, "0.5 seconds, 4 pairs/s"]
