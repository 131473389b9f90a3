"""What proofs about the step assume of the named arithmetic, proved about its real bodies.

While the step is explored, the named functions are uninterpreted: only their contracts are known, and some predicates
of ``dita.spec`` are replaced by them (``standins``). Here each of those assumptions is a lemma, a claim in ordinary
Python that calls the real functions. Run on symbolic integers, the claim gives the formulas to refute: exact integers
at full width, products of unknowns included. Run on numbers, it confirms a counterexample. z3 and cvc5 must both refute
every formula.

``python -m dita.conformance.prove.lemmas SEED`` prints the verdicts and times, and exits 1 unless everything is proved.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, TypeVar

import z3

from dita.conformance.prove.contracts import CONTRACTS, Contract, applications_of
from dita.conformance.prove.division import Undivided, conjuncts, exact_divisions, has_division
from dita.conformance.prove.merging import Fork, Leaf, branches, formula
from dita.conformance.prove.proxies import SymInt
from dita.conformance.prove.rewriting import HELP, rewritten, truth_of
from dita.conformance.prove.second_opinion import Opinion, ask
from dita.reference import arithmetic
from dita.spec.invariants import are_terms_exact
from dita.spec.properties import is_leverage_kept
from dita.spec.slot_invariants import is_cost_share, is_half_even, is_plausible, is_predicted_fee, is_whole

LOGIC: Final = "QF_NIA"
SECONDS_A_QUERY: Final = 60
EFFORT: Final = 3_000_000  # in z3's own measure: about a second; every lemma that holds needs less
SMALL: Final = (9, 99, 9_999, 99_999_999)  # bounds within which numbers are looked for first
SOLVERS: Final = ("z3", "cvc5")

Query = list[z3.BoolRef]
"""Formulas that together say: here the lemma fails. Both solvers must find that they contradict each other."""

Hint = tuple["Lemma", *tuple[z3.ArithRef, ...]]
"""A basic lemma and terms for which it is worth knowing."""

W = TypeVar("W")
R = TypeVar("R")
Of = (
    Callable[[W], R] | Callable[[W, W], R] | Callable[[W, W, W], R] | Callable[[W, W, W, W], R]
    | Callable[[W, W, W, W, W, W], R]
)  # fmt: skip
"""A function of one to four words, or of six."""


@dataclass(frozen=True, slots=True)
class Lemma:
    """A claim about all integers in ``domain``. ``hints`` are the instances of basic lemmas that its proof turns on."""

    id: str
    sentence: str
    names: tuple[str, ...]
    domain: Of[int, bool]
    claim: Of[int, bool]
    hints: Of[z3.ArithRef, Sequence[Hint]] | None = None
    basic: bool = False  # proved without the help of other lemmas
    notes: str = ""

    def fails(self, values: Mapping[str, int]) -> bool:
        """Whether the real functions break the claim at these numbers."""
        arguments = [values[name] for name in self.names]
        return self.domain(*arguments) and not _answer(self.claim, *arguments)

    def build(self) -> list[Query]:
        """The formulas to be refuted: each way through the functions on which the claim may fail."""
        arguments = [SymInt(z3.Int(name)) for name in self.names]
        domain = conjuncts(formula(self.domain, *arguments))
        hints = self.hints(*[argument.term for argument in arguments]) if self.hints else ()
        queries: dict[tuple[int, ...], Query] = {}
        ways = _ways(lambda: _answer(self.claim, *arguments))
        parts = {part.get_id(): part for conditions, _ in ways for part in (*domain, *conditions)}
        meant = {key: interpreted(part) for key, part in parts.items()}
        for conditions, kept in ways:
            if not z3.is_true(kept):
                failing = [meant[part.get_id()] for part in (*domain, *conditions)]
                for query in _undivided([*failing, interpreted(z3.Not(kept))], hints, basic=self.basic):
                    queries[tuple(part.get_id() for part in query)] = query
        return list(queries.values()) or [[z3.BoolVal(False)]]  # where every way says yes


def _answer(claim: Callable[..., Any], *arguments: Any) -> Any:
    """What a claim says; one that divides by zero does not hold."""
    try:
        return claim(*arguments)
    except ZeroDivisionError:
        return False


# --- what products and quotients are --------------------------------------------------------------------------------


def _steps(number: int) -> bool:
    return number <= -1 or number == 0 or number >= 1


def _product(one: int, other: int) -> bool:
    product = one * other
    return (
        (one < 1 or product >= other)
        and (one > -1 or product <= -other)
        and (one != 0 or product == 0)
        and (other != 0 or product == 0)
    )


def _exact_quotient(numerator: int, times: int, divisor: int) -> bool:
    return numerator // divisor == times


STEPS: Final = Lemma(
    "whole-numbers-step", "A whole number is at most -1, or 0, or at least 1.", ("number",),
    lambda number: True, _steps, basic=True,
)  # fmt: skip
PRODUCT: Final = Lemma(
    "product-order", "A multiple of n >= 0 is at least n, or 0, or at most -n.", ("one", "other"),
    lambda one, other: other >= 0, _product, basic=True,
)  # fmt: skip
QUOTIENT: Final = Lemma(
    "exact-quotient", "A multiple of a positive number divided by it is the multiplier.",
    ("numerator", "times", "divisor"), lambda numerator, times, divisor: divisor > 0 and numerator == times * divisor,
    _exact_quotient, basic=True,
)  # fmt: skip


# --- rounding -------------------------------------------------------------------------------------------------------


def _nearest(numerator: int, denominator: int) -> bool:
    return is_half_even(arithmetic.half_even(numerator, denominator), numerator, denominator)


def _unique(value: int, numerator: int, denominator: int) -> bool:
    return is_half_even(value, numerator, denominator) == (value == arithmetic.half_even(numerator, denominator))


def _within_half(numerator: int, denominator: int) -> bool:
    twice = 2 * (arithmetic.half_even(numerator, denominator) * denominator - numerator)
    return -denominator <= twice <= denominator


def _rounds_in_order(less: int, more: int, denominator: int) -> bool:
    return arithmetic.half_even(less, denominator) <= arithmetic.half_even(more, denominator)


ROUNDING: Final = (
    Lemma(
        "half-even-nearest", "half_even is total for positive denominators and gives the nearest number, ties to even.",
        ("numerator", "denominator"), lambda numerator, denominator: denominator > 0, _nearest,
    ),
    Lemma(
        "half-even-unique", "is_half_even(v, n, d) says exactly v == half_even(n, d).",
        ("value", "numerator", "denominator"), lambda value, numerator, denominator: denominator > 0, _unique,
    ),
    Lemma(
        "half-even-in-range", "half_even is at most half away: 2 * |value * d - n| <= d.",
        ("numerator", "denominator"), lambda numerator, denominator: denominator > 0, _within_half,
    ),
    Lemma(
        "half-even-monotone", "A larger numerator is not rounded to a smaller value.",
        ("less", "more", "denominator"), lambda less, more, denominator: less <= more and denominator > 0,
        _rounds_in_order,
    ),
)  # fmt: skip


# --- contracts ------------------------------------------------------------------------------------------------------

SAYS: Final[Mapping[str, str]] = {
    "notional": "A notional is not negative.",
    "cost_share": "A cost share is between nothing and the cost, and exact at both ends.",
    "predicted_fee": "A predicted fee is between nothing and the notional.",
    "calibrated_rate": "A calibrated rate is between nothing and its largest value.",
    "is_multiple": "Zero is a multiple of every positive step.",
    "minimum_quantity": "A smallest quantity is positive, in whole lots and not below the venue's, or out of bounds.",
    "leg_quantity": "A leg takes something, leaves nothing or something closable, and is in whole lots if the rest is.",
    "price_plausible": "Whether a price is plausible is answered for all integers.",
    "within_leverage": "Exposure within leverage needs capital that is not negative.",
    "fits_scales": "Whether terms fit the scales is answered for all integers.",
}
HINTS: Final[Mapping[str, Of[z3.ArithRef, Sequence[Hint]]]] = {
    "notional": lambda quantity, price: ((PRODUCT, quantity, price),),
    "cost_share": lambda cost, whole, part: ((PRODUCT, cost, whole - part), (PRODUCT, cost, part)),
    "predicted_fee": lambda quote, rate: ((PRODUCT, quote, rate),),
    "calibrated_rate": lambda rate, calibration: ((PRODUCT, rate, calibration),),
}


def _contract(contract: Contract) -> Lemma:
    # compiled to terms: a way through the function is one query, however much the contract says of it
    result = rewritten(contract.result, {**contract.result.__globals__, **HELP})

    def claim(*arguments: int) -> bool:
        kept: bool = result(contract.body(*arguments), *arguments)
        return kept

    names = tuple(inspect.signature(contract.body).parameters)
    return Lemma(
        f"contract-{contract.name}", SAYS[contract.name], names, contract.domain, claim, HINTS.get(contract.name),
        notes="the contract that the step's proofs assume, with its domain; the function returns everywhere in it",
    )  # fmt: skip


# --- predicates that stand-ins replace ------------------------------------------------------------------------------


def _same_fee(fee: int, quote: int, rate: int) -> bool:
    return is_predicted_fee(fee, quote, rate) == (fee == arithmetic.predicted_fee(quote, rate))


def _same_share(cost: int, whole_cost: int, whole: int, part: int) -> bool:
    return is_cost_share(cost, whole_cost, whole, part) == (cost == arithmetic.cost_share(whole_cost, whole, part))


def _same_multiple(quantity: int, lot: int) -> bool:
    return is_whole(quantity, lot) == arithmetic.is_multiple(quantity, lot)


def _same_terms(lot: int, tick: int, quantity_max: int, price_max: int) -> bool:
    exact = are_terms_exact(lot, tick, quantity_max, price_max)
    return exact == arithmetic.fits_scales(lot, tick, quantity_max, price_max)


def _same_leverage(exposure: int, funds: int, leverage: int) -> bool:
    return is_leverage_kept(exposure, funds, leverage) == arithmetic.within_leverage(exposure, funds, leverage)


def _same_price(quote: int, quantity: int, ref_price: int) -> bool:
    return is_plausible(quote, quantity, ref_price) == arithmetic.price_plausible(quote, quantity, ref_price)


LINKS: Final = (
    Lemma(
        "same-is_predicted_fee", "is_predicted_fee(f, q, r) says exactly f == predicted_fee(q, r), for all integers.",
        ("fee", "quote", "rate"), lambda fee, quote, rate: True, _same_fee,
    ),
    Lemma(
        "same-is_cost_share", "is_cost_share(c, w, t, p) says exactly c == cost_share(w, t, p), where t > 0 or p == 0.",
        ("cost", "whole_cost", "whole", "part"), lambda cost, whole_cost, whole, part: whole > 0 or part == 0,
        _same_share,
    ),
    Lemma(
        "same-is_whole", "is_whole is is_multiple, for positive lots.",
        ("quantity", "lot"), lambda quantity, lot: lot > 0, _same_multiple,
    ),
    Lemma(
        "same-are_terms_exact", "are_terms_exact is fits_scales, for all integers.",
        ("lot", "tick", "quantity_max", "price_max"), lambda lot, tick, quantity_max, price_max: True, _same_terms,
    ),
    Lemma(
        "same-is_leverage_kept", "is_leverage_kept is within_leverage, for all integers.",
        ("exposure", "funds", "leverage"), lambda exposure, funds, leverage: True, _same_leverage,
    ),
    Lemma(
        "same-is_plausible", "is_plausible is price_plausible, for all integers.",
        ("quote", "quantity", "ref_price"), lambda quote, quantity, ref_price: True, _same_price,
    ),
)  # fmt: skip


# --- multiples and shares -------------------------------------------------------------------------------------------


def _multiples(one: int, other: int, step: int) -> bool:
    if not (arithmetic.is_multiple(one, step) and arithmetic.is_multiple(other, step)):
        return True
    both = arithmetic.is_multiple(one + other, step) and arithmetic.is_multiple(one - other, step)
    return both and arithmetic.is_multiple(-one, step)


def _share_ends(cost: int, whole: int) -> bool:
    return arithmetic.cost_share(cost, whole, 0) == 0 and arithmetic.cost_share(cost, whole, whole) == cost


def _legs_in_order(cost: int, whole: int, now: int, later: int) -> bool:
    return cost >= 0 and 0 <= now <= later <= whole


def _share_grows(cost: int, whole: int, now: int, later: int) -> bool:
    return arithmetic.cost_share(cost, whole, now) <= arithmetic.cost_share(cost, whole, later)


def _leg_adds_up(cost: int, whole: int, now: int, later: int) -> bool:
    booked = arithmetic.cost_share(cost, whole, now)
    leg = arithmetic.cost_share(cost, whole, later) - arithmetic.cost_share(cost, whole, now)
    if later == whole and whole > 0:
        return booked + leg == cost
    return booked + leg == arithmetic.cost_share(cost, whole, later)


SUMS: Final = (
    Lemma(
        "sum-of-multiples", "Sums, differences and negatives of multiples of a positive step are multiples of it.",
        ("one", "other", "step"), lambda one, other, step: step > 0, _multiples,
        lambda one, other, step: (
            (QUOTIENT, one + other, one / step + other / step, step),
            (QUOTIENT, one - other, one / step - other / step, step),
            (QUOTIENT, -one, -(one / step), step),
        ),
        notes="by induction over the summands, with zero from contract-is_multiple, it covers `sum_of_multiples`",
    ),
    Lemma(
        "cost-share-ends", "The share of nothing is nothing, of the whole the whole cost.",
        ("cost", "whole"), lambda cost, whole: whole > 0, _share_ends,
    ),
    Lemma(
        "cost-share-monotone", "The share does not fall when the part grows: no leg has a negative cost.",
        ("cost", "whole", "now", "later"), _legs_in_order, _share_grows,
        lambda cost, whole, now, later: ((PRODUCT, cost, later - now), (PRODUCT, later - now, cost)),
        notes="for every cost and whole that are not negative, not only those within BOUND",
    ),
    Lemma(
        "legs-telescope", "Legs booked one after the other sum to the share of all, in the end to the whole cost.",
        ("cost", "whole", "now", "later"), _legs_in_order, _leg_adds_up,
        notes="the induction step over legs of any number; it starts from cost-share-ends",
    ),
)  # fmt: skip

BASIC: Final = (STEPS, PRODUCT, QUOTIENT)
LEMMAS: Final[tuple[Lemma, ...]] = (
    *BASIC, *ROUNDING, *[_contract(contract) for contract in CONTRACTS.values()], *LINKS, *SUMS,
)  # fmt: skip


# --- from a claim to formulas ---------------------------------------------------------------------------------------


def _ways(run: Callable[[], Any]) -> list[tuple[Query, z3.BoolRef]]:
    """Every way through a claim: its branch conditions, and when the claim holds there."""
    found: list[tuple[Query, z3.BoolRef]] = []
    stack: list[tuple[Query, Leaf | Fork]] = [([], branches(run))]
    while stack:
        conditions, tree = stack.pop()
        if isinstance(tree, Leaf):
            found.append((conditions, truth_of(tree.value)))
        else:
            stack.append(([*conditions, z3.Not(tree.condition)], tree.no))
            stack.append(([*conditions, tree.condition], tree.yes))
    return found


def interpreted(part: z3.BoolRef) -> z3.BoolRef:
    """The formula with the real ``is_multiple`` where a contract speaks of it by name."""
    symbol = CONTRACTS["is_multiple"].symbol()
    for number, step in applications_of("is_multiple", part):
        answer = formula(_answer, arithmetic.is_multiple, SymInt(number), SymInt(step))
        part = z3.substitute(part, (symbol(number, step), answer))
    return part


def _undivided(failing: Query, hints: Sequence[Hint], *, basic: bool) -> list[Query]:
    """The query without division, where all divisors are positive; and one more for each that might not be."""
    undivided = Undivided()
    helping: list[Hint] = [] if basic else [*hints, *[(QUOTIENT, *found) for found in exact_divisions(failing)]]
    main = [undivided.without(part) for part in (*failing, *[_instance(lemma, *terms) for lemma, *terms in helping])]
    divisors = undivided.divisors
    known = [*undivided.facts, *[divisor > 0 for divisor in divisors]]
    for one, other in [] if basic else undivided.pairs([*main, *undivided.facts]):
        known.append(_instance(STEPS, one) if z3.is_int_value(other) else _instance(PRODUCT, one, other))
    plain = [part for part in failing if not has_division(part)]
    return [[*main, *known], *[[*plain, divisor <= 0] for divisor in divisors]]


def _instance(lemma: Lemma, *terms: z3.ArithRef) -> z3.BoolRef:
    """What a basic lemma says of these terms."""
    names, fact = _statement(lemma.id)
    return z3.substitute(fact, *zip(names, terms, strict=True))


@cache
def _statement(name: str) -> tuple[list[z3.ArithRef], z3.BoolRef]:
    """The variables and the formula of a basic lemma, its claim compiled to clauses instead of branches."""
    lemma = next(lemma for lemma in BASIC if lemma.id == name)
    arguments = [SymInt(z3.Int(f"{name}.{argument}")) for argument in lemma.names]
    claim = rewritten(lemma.claim, {**globals(), **HELP})
    fact = formula(_answer, claim, *arguments)
    domain = formula(lemma.domain, *arguments)
    return [argument.term for argument in arguments], fact if z3.is_true(domain) else z3.Implies(domain, fact)


# --- verdicts -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of a lemma. It is proved when both solvers refuted every query that says it fails."""

    id: str
    verdict: Literal["proved", "refuted", "unknown"]
    seconds: Mapping[str, float]  # per solver
    queries: int
    counterexample: Mapping[str, int] | None = None  # confirmed by the real functions
    note: str = ""


def prove_lemmas(seed: int, lemmas: Sequence[Lemma] = LEMMAS) -> list[Proof]:
    """Every lemma's proof, in order."""
    return [prove(lemma, seed) for lemma in lemmas]


def prove(lemma: Lemma, seed: int) -> Proof:
    """One lemma by both solvers. What neither refutes nor shows with numbers is unknown, which is a failure."""
    queries = lemma.build()
    seconds: dict[str, float] = dict.fromkeys(SOLVERS, 0.0)
    open_: list[str] = []
    for number, query in enumerate(queries):
        began = time.process_time()
        answer, values = _first(lemma, query, seed)
        seconds["z3"] += time.process_time() - began
        if values is not None and lemma.fails(values):
            return Proof(lemma.id, "refuted", seconds, len(queries), values)
        if answer is not Opinion.UNSAT:
            open_.append(f"z3 on query {number}: {answer.value}")
    if not open_:
        for number, query in enumerate(queries):
            began = time.process_time()
            answer = _second(query, seed)
            seconds["cvc5"] += time.process_time() - began
            if answer is not Opinion.UNSAT:
                open_.append(f"cvc5 on query {number}: {answer.value}")
    verdict: Literal["proved", "unknown"] = "unknown" if open_ or not queries else "proved"
    return Proof(lemma.id, verdict, seconds, len(queries), note="; ".join(open_))


def _first(lemma: Lemma, query: Query, seed: int) -> tuple[Opinion, dict[str, int] | None]:
    """What z3 says, and numbers where it says that there are some.

    A wrong body mostly fails at small numbers too, and among those they are found where the search among all loses its
    way. So what does not fall at once is asked of small numbers first; that none of them will do decides nothing.
    """
    answer = Opinion.UNKNOWN
    for bound, effort in ((0, EFFORT), *((bound, EFFORT) for bound in SMALL), (0, 0)):
        context = z3.Context()
        solver = solver_for(query, seed, context)
        names = {name: z3.Int(name, context) for name in lemma.names}
        solver.add(*(z3.And(-bound <= term, term <= bound) for term in names.values() if bound))
        solver.set("rlimit", effort)
        answer = Opinion.of(solver.check())
        if answer is Opinion.SAT:
            model = solver.model()
            return answer, {name: model.eval(term, model_completion=True).as_long() for name, term in names.items()}
        if answer is Opinion.UNSAT and not bound:
            return answer, None
    return answer, None


def solver_for(query: Query, seed: int, context: z3.Context) -> z3.Solver:
    """A solver for one query in a new context: what was asked before in this process changes no search there."""
    solver = z3.SimpleSolver(context)  # its core alone: the tactics for the logic bring nothing but time here
    solver.set("random_seed", seed)
    solver.set("timeout", 1_000 * SECONDS_A_QUERY)
    solver.add(*(part.translate(context) for part in query))
    return solver


def _second(query: Query, seed: int) -> Opinion:
    return ask(f"(set-option :seed {seed})\n{solver_for(query, seed, z3.Context()).to_smt2()}", LOGIC)


def main(arguments: Sequence[str]) -> int:
    """Prove all lemmas with the seed of the command line and print a line for each."""
    proofs: list[Proof] = []
    for lemma in LEMMAS:
        proof = prove(lemma, int(arguments[0]) if arguments else 0)
        proofs.append(proof)
        times = "  ".join(f"{solver} {proof.seconds[solver]:6.2f} s" for solver in SOLVERS)
        sys.stdout.write(f"{proof.verdict:8} {proof.id:26} {proof.queries:3} queries  {times}  {proof.note}\n")
    total = {solver: sum(proof.seconds[solver] for proof in proofs) for solver in SOLVERS}
    sys.stdout.write("".join(f"{solver} {seconds:.1f} s in all\n" for solver, seconds in total.items()))
    return 0 if all(proof.verdict == "proved" for proof in proofs) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
