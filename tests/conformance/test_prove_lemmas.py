"""What the step's proofs assume of the named arithmetic holds for the real functions, and nothing false is proved."""

import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor
from typing import Any

import pytest
import z3

from dita.conformance.prove import lemmas
from dita.conformance.prove.contracts import CONTRACTS, sum_of_multiples
from dita.conformance.prove.lemmas import BASIC, LEMMAS, SOLVERS, Lemma, prove
from dita.conformance.prove.second_opinion import Opinion
from dita.conformance.prove.standins import EQUALITIES, SAME
from dita.reference import arithmetic
from dita.spec.scales import BOUND, NOTIONAL_DIVISOR, RATE_SCALE, RATIO_SCALE

SEED = 20_260_101
BY_ID = {lemma.id: lemma for lemma in LEMMAS}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("lemma", LEMMAS, ids=lambda lemma: lemma.id)
def test_every_lemma_is_proved_by_both_solvers(lemma: Lemma) -> None:
    """z3 and cvc5 both refute every formula that says the lemma fails somewhere."""
    proof = prove(lemma, SEED)

    assert (proof.verdict, proof.note, proof.counterexample) == ("proved", "", None)
    assert proof.queries >= 1
    assert all(proof.seconds[solver] > 0 for solver in SOLVERS)


def test_everything_that_is_assumed_has_its_lemma() -> None:
    """Each contract, each predicate with a stand-in, and the rule about sums; no two lemmas share a name."""
    assumed = {f"contract-{name}" for name in CONTRACTS} | {f"same-{name}" for name in (*EQUALITIES, *SAME)}

    assert assumed | {"sum-of-multiples"} <= set(BY_ID)
    assert len(BY_ID) == len(LEMMAS)
    assert all(lemma.sentence.endswith(".") for lemma in LEMMAS)


# --- planted defects ------------------------------------------------------------------------------------------------


def _half_up(numerator: int, denominator: int) -> int:
    quotient = numerator // denominator
    return quotient + 1 if 2 * (numerator - quotient * denominator) >= denominator else quotient


def _rounded_down(numerator: int, denominator: int) -> int:
    return numerator // denominator


def _share_of_units(cost: int, whole: int, part: int) -> int:
    return cost // whole * part if part > 0 else 0


def _share_of_one_more(cost: int, whole: int, part: int) -> int:
    return arithmetic.half_even(cost * part, whole + 1) if part > 0 else 0


def _share_rounded_down(cost: int, whole: int, part: int) -> int:
    if part == 0:
        return 0
    return cost if part == whole else cost * part // whole


def _share_up_and_down(cost: int, whole: int, part: int) -> int:
    if part == 0:
        return 0
    if part == whole:
        return cost
    return cost * part // whole if part % 2 == 0 else -(-cost * part // whole)


def _leg_with_dust(remaining: int, ratio_ppm: int, lot: int, minimum: int) -> int:
    share = remaining * ratio_ppm // RATIO_SCALE
    quantity = share - share % lot
    quantity = max(quantity, minimum)
    return min(quantity, remaining)


def _leg_in_parts_of_lots(remaining: int, ratio_ppm: int, lot: int, minimum: int) -> int:
    quantity = remaining * ratio_ppm // RATIO_SCALE
    quantity = max(quantity, minimum)
    return remaining if quantity > remaining or remaining - quantity < minimum else quantity


def _leg_of_nothing(remaining: int, ratio_ppm: int, lot: int, minimum: int) -> int:
    share = remaining * ratio_ppm // RATIO_SCALE
    quantity = share - share % lot
    return remaining if quantity > remaining or remaining - quantity < minimum else quantity


def _fee_rounded_down(quote: int, fee_rate_ppb: int) -> int:
    return quote * fee_rate_ppb // RATE_SCALE


def _minimum_in_units(quantity_min: int, notional_min: int, ref_price: int, lot: int) -> int:
    by_notional = -(-2 * notional_min * NOTIONAL_DIVISOR // ref_price)
    return min(max(quantity_min, by_notional, 1), BOUND + 1)


def _minimum_rounded_down(quantity_min: int, notional_min: int, ref_price: int, lot: int) -> int:
    by_notional = -(-2 * notional_min * NOTIONAL_DIVISOR // ref_price)
    return min(max(quantity_min, by_notional, 1) // lot * lot, BOUND + 1)


def _minimum_without_bound(quantity_min: int, notional_min: int, ref_price: int, lot: int) -> int:
    by_notional = -(-2 * notional_min * NOTIONAL_DIVISOR // ref_price)
    return -(-max(quantity_min, by_notional, 1) // lot) * lot


def _almost_multiple(value: int, step: int) -> bool:
    return value % step <= 1


def _multiple_of_less(value: int, step: int) -> bool:
    return value % (step - 1) == 0


def _rate_unscaled(rate_ppb: int, calibration_ppm: int) -> int:
    return rate_ppb * calibration_ppm


def _notional_of_one_less(quantity: int, price: int) -> int:
    return (quantity - 1) * price // NOTIONAL_DIVISOR


def _leverage_of_debt(exposure: int, capital: int, leverage_max_ppm: int) -> bool:
    return exposure * RATIO_SCALE <= abs(capital) * leverage_max_ppm


def _leverage_unreached(exposure: int, capital: int, leverage_max_ppm: int) -> bool:
    return exposure * RATIO_SCALE < capital * leverage_max_ppm


def _scales_below_bound(lot: int, tick: int, quantity_max: int, price_max: int) -> bool:
    return lot * tick % NOTIONAL_DIVISOR == 0 and quantity_max * price_max // NOTIONAL_DIVISOR < BOUND


def _plausible_below_reference(quote: int, quantity: int, ref_price: int) -> bool:
    return quantity * ref_price <= 4 * quote * NOTIONAL_DIVISOR


DEFECTS: tuple[tuple[str, Callable[..., Any], str], ...] = (
    ("half_even", _half_up, "half-even-nearest"),
    ("half_even", _half_up, "half-even-unique"),
    ("half_even", _rounded_down, "half-even-in-range"),
    ("cost_share", _share_of_units, "cost-share-ends"),
    ("cost_share", _share_of_units, "legs-telescope"),
    ("cost_share", _share_of_one_more, "contract-cost_share"),
    ("cost_share", _share_rounded_down, "same-is_cost_share"),
    ("cost_share", _share_up_and_down, "cost-share-monotone"),
    ("leg_quantity", _leg_with_dust, "contract-leg_quantity"),
    ("leg_quantity", _leg_in_parts_of_lots, "contract-leg_quantity"),
    ("leg_quantity", _leg_of_nothing, "contract-leg_quantity"),
    ("predicted_fee", _fee_rounded_down, "same-is_predicted_fee"),
    ("minimum_quantity", _minimum_in_units, "contract-minimum_quantity"),
    ("minimum_quantity", _minimum_rounded_down, "contract-minimum_quantity"),
    ("minimum_quantity", _minimum_without_bound, "contract-minimum_quantity"),
    ("is_multiple", _almost_multiple, "sum-of-multiples"),
    ("is_multiple", _almost_multiple, "same-is_whole"),
    ("is_multiple", _multiple_of_less, "contract-is_multiple"),
    ("calibrated_rate", _rate_unscaled, "contract-calibrated_rate"),
    ("notional", _notional_of_one_less, "contract-notional"),
    ("within_leverage", _leverage_of_debt, "contract-within_leverage"),
    ("within_leverage", _leverage_unreached, "same-is_leverage_kept"),
    ("fits_scales", _scales_below_bound, "same-are_terms_exact"),
    ("price_plausible", _plausible_below_reference, "same-is_plausible"),
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "wrong", "noticing"), DEFECTS, ids=lambda item: str(getattr(item, "__name__", item)))
def test_a_wrong_body_is_refuted_with_numbers(
    name: str, wrong: Callable[..., Any], noticing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lemma that should notice gives numbers at which the wrong function breaks it and the real one does not."""
    lemma = BY_ID[noticing]
    with monkeypatch.context() as planted:
        planted.setattr(arithmetic, name, wrong)
        proof = prove(lemma, SEED)
        assert proof.verdict == "refuted"
        assert proof.counterexample is not None
        assert lemma.fails(proof.counterexample)

    assert not lemma.fails(proof.counterexample)


def test_what_was_asked_before_changes_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same work, to the solver's last unit, after other queries too; not so in a context that was used before."""
    lemma = BY_ID["contract-leg_quantity"]
    with monkeypatch.context() as planted:
        planted.setattr(arithmetic, "leg_quantity", _leg_in_parts_of_lots)
        query = lemma.build()[0]

    def work(context: z3.Context) -> tuple[str, int]:
        solver = lemmas.solver_for(query, SEED, context)
        solver.set("rlimit", lemmas.EFFORT // 10)
        return str(solver.check()), solver.statistics().get_key_value("rlimit count")

    before = work(z3.Context())
    for other in ("same-are_terms_exact", "same-is_plausible", "cost-share-ends"):
        prove(BY_ID[other], SEED + 1)
    shared = z3.Context()

    assert work(z3.Context()) == work(shared) == before
    assert work(shared) != before


def test_each_function_has_a_planted_defect() -> None:
    """No named function could lose its meaning unnoticed."""
    assert {name for name, _, _ in DEFECTS} == {*CONTRACTS, "half_even"}


# --- the prover itself ----------------------------------------------------------------------------------------------


def _product_is_larger(one: int, other: int) -> bool:
    return one * other >= other


def test_a_false_statement_about_products_is_refuted() -> None:
    """The facts that help other proofs are proved themselves, without that help."""
    wrong = replace(BASIC[1], claim=_product_is_larger)

    proof = prove(wrong, SEED)

    assert proof.verdict == "refuted"
    assert proof.counterexample is not None
    assert proof.counterexample["one"] * proof.counterexample["other"] < proof.counterexample["other"]


def _not_above(numerator: int, divisor: int) -> bool:
    return numerator // divisor * divisor <= numerator


@pytest.mark.parametrize("least", [0, -5])
def test_divisors_that_are_not_positive_are_not_forgotten(least: int) -> None:
    """What holds for positive divisors only is not proved where others are allowed: zero divides nothing."""
    named = ("numerator", "divisor")
    right = Lemma("right", "", named, lambda numerator, divisor: divisor >= 1, _not_above)
    wrong = Lemma("wrong", "", named, lambda numerator, divisor: divisor >= least, _not_above)

    assert prove(right, SEED).verdict == "proved"
    proof = prove(wrong, SEED)
    assert proof.verdict == "refuted"
    assert proof.counterexample is not None
    assert least <= proof.counterexample["divisor"] <= 0


def _not_three_cubes(one: int, two: int, three: int) -> bool:
    return one * one * one + two * two * two + three * three * three != 114


def test_what_no_solver_decides_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows whether 114 is a sum of three cubes; the prover does not claim to."""
    monkeypatch.setattr(lemmas, "SECONDS_A_QUERY", 1)
    open_question = Lemma("cubes", "", ("one", "two", "three"), lambda one, two, three: True, _not_three_cubes)

    proof = prove(open_question, SEED)

    assert proof.verdict == "unknown"
    assert "z3" in proof.note


@pytest.mark.parametrize("opinion", [Opinion.SAT, Opinion.UNKNOWN])
def test_both_solvers_are_needed(opinion: Opinion, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lemma that only the first solver proves is not proved."""

    def ask(text: str, logic: str) -> Opinion:
        return opinion

    monkeypatch.setattr(lemmas, "ask", ask)

    proof = prove(BY_ID["same-is_whole"], SEED)

    assert proof.verdict == "unknown"
    assert opinion.value in proof.note


# --- second opinions on numbers -------------------------------------------------------------------------------------


def _word(rng: random.Random) -> int:
    """An integer that is small, near a bound or a scale, or anything."""
    near = rng.choice((0, 1, RATIO_SCALE, RATE_SCALE, NOTIONAL_DIVISOR, BOUND, BOUND // 2))
    kinds = (rng.randint(-3, 20), near + rng.randint(-2, 2), rng.randint(0, BOUND), rng.getrandbits(rng.randint(1, 60)))
    return rng.choice(kinds)


def _drawn(lemma: Lemma, rng: random.Random) -> dict[str, int]:
    """Numbers in the lemma's domain; where it speaks of an order or of products, often in order or exact."""
    while True:
        words = [_word(rng) for _ in lemma.names]
        if rng.random() < 0.5:
            words = [abs(word) >> rng.choice((0, 20, 40)) for word in words]
        if rng.random() < 0.3:
            words[1:] = sorted(words[1:], reverse=rng.random() < 0.5)
        if lemma.id in {"cost-share-monotone", "legs-telescope"}:
            whole, later, now = sorted(words[1:], reverse=True)
            words[1:] = [whole, now, later]
        if lemma.id == "exact-quotient":
            words[0] = words[1] * words[2]
        if lemma.id == "sum-of-multiples":
            words[:2] = [words[0] * words[2], words[1] * words[2]]
        if lemma.id.startswith("same-is_") and rng.random() < 0.7:
            words = _near_equal(lemma.id, words, rng)
        if lemma.domain(*words):
            return dict(zip(lemma.names, words, strict=True))


def _near_equal(name: str, words: list[int], rng: random.Random) -> list[int]:
    """A fee or cost at, or one off, what it should be."""
    if name == "same-is_predicted_fee":
        return [arithmetic.predicted_fee(*words[1:]) + rng.randint(-1, 1), *words[1:]]
    if name == "same-is_cost_share" and words[2] > 0:
        return [arithmetic.cost_share(*words[1:]) + rng.randint(-1, 1), *words[1:]]
    return words


@pytest.mark.parametrize("lemma", LEMMAS, ids=lambda lemma: lemma.id)
def test_lemmas_hold_on_random_numbers(lemma: Lemma) -> None:
    """Five hundred draws from the domain, run by plain Python without any solver, contradict no lemma."""
    rng = random.Random(SEED)

    assert [values for values in (_drawn(lemma, rng) for _ in range(500)) if lemma.fails(values)] == []


def test_functions_agree_with_exact_fractions() -> None:
    """The named functions equal what their sentences say in the arithmetic of Python's own fractions."""
    rng = random.Random(SEED)
    for _ in range(3_000):
        one, two, three, step = (abs(_word(rng)) for _ in range(4))
        step, price = step + 1, three + 1
        assert arithmetic.half_even(one, step) == round(Fraction(one, step))
        assert arithmetic.notional(one, two) == floor(Fraction(one * two, NOTIONAL_DIVISOR))
        assert arithmetic.predicted_fee(one, two) == round(Fraction(one * two, RATE_SCALE))
        assert arithmetic.calibrated_rate(one, two) == round(Fraction(one * two, RATIO_SCALE))
        assert arithmetic.is_multiple(one, step) == (Fraction(one, step).denominator == 1)
        assert arithmetic.cost_share(one, step, two % (step + 1)) == round(Fraction(one * (two % (step + 1)), step))
        least = max(one, ceil(Fraction(2 * two * NOTIONAL_DIVISOR, price)), 1)
        assert arithmetic.minimum_quantity(one, two, price, step) == min(ceil(Fraction(least, step)) * step, BOUND + 1)
        assert arithmetic.within_leverage(one, two, step) == (one <= Fraction(two * step, RATIO_SCALE))


def test_the_rule_about_sums_holds_for_the_terms_it_is_used_on() -> None:
    """``sum_of_multiples`` with the real function in place of its name is true of every sum and all numbers tried."""
    one, two, three, step = z3.Ints("one two three step")
    terms = (one + two, one - two, -one, one - two + three, one - (two + three), one + two - three - one, z3.IntVal(0))
    rng = random.Random(SEED)
    applied = 0
    for term in terms:
        rule = sum_of_multiples(term, step)
        for _ in range(60):
            by = rng.randint(1, 9)
            values = [rng.randint(-9, 9) * (by if rng.random() < 0.8 else 1) for _ in range(3)]
            numbers = [z3.IntVal(value) for value in (*values, by)]
            ground = z3.substitute(rule, *zip((one, two, three, step), numbers, strict=True))
            assert z3.is_true(z3.simplify(lemmas.interpreted(ground)))
            applied += all(value % by == 0 for value in values)
    assert applied > 100


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_has_a_line_for_each_lemma(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 0 when all are proved, 1 when one is not; each with its verdict and what each solver took."""
    monkeypatch.setattr(lemmas, "LEMMAS", (BY_ID["same-is_whole"], BY_ID["same-is_plausible"]))

    assert lemmas.main([str(SEED)]) == 0
    sound = capsys.readouterr().out.splitlines()
    monkeypatch.setattr(arithmetic, "is_multiple", _almost_multiple)
    assert lemmas.main([]) == 1

    assert [line.split()[:2] for line in sound[:2]] == [["proved", "same-is_whole"], ["proved", "same-is_plausible"]]
    assert [line.split()[0] for line in sound[2:]] == list(SOLVERS)
    assert capsys.readouterr().out.startswith("refuted  same-is_whole ")
