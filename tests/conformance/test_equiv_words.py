"""A term over integers and its translation to words are worth the same, wherever what is known of its words holds."""

import random
from itertools import product

import pytest
import z3

from dita.conformance.equiv.sums import Canonical
from dita.conformance.equiv.words import RESULTS, WORD_BITS, Interval, Words, bounded, decided, symbol
from dita.conformance.prove.contracts import CONTRACTS
from dita.conformance.prove.proxies import Unsupported
from dita.spec.scales import BOUND

A, B, C = z3.Ints("a b c")
EDGES = (-(1 << 63), -(1 << 63) + 1, -BOUND, -1, 0, 1, 2, BOUND, (1 << 63) - 1)
TERMS = (
    A + B, A - B - C, -A, 3 * A, A + B - C + 7, z3.If(A < B, A - 1, B + 1), -(A - B) + C, 10 * A - 10 * B,
)  # fmt: skip
FACTS = (
    A <= B, A + 1 > B, A - B == C, z3.Not(A >= B), z3.And(A < B, B < C), z3.Or(A == B, B == C, A + B + C == 0),
    z3.Implies(A < 0, B < 0), z3.If(A < 0, B < 0, C < 0), (A < 0) == (B < 0),
    z3.Distinct(A, B), z3.And(A < 3), 2 * A <= B, -A <= B,
)  # fmt: skip


def triples(count: int) -> list[tuple[int, int, int]]:
    """Numbers at the edges of a word, and others."""
    chance = random.Random(7)

    def number() -> int:
        return chance.choice((chance.choice(EDGES), chance.randint(-9, 9), chance.randint(EDGES[0], EDGES[-1])))

    return [(number(), number(), number()) for _ in range(count)]


def worth(term: z3.ExprRef, numbers: tuple[int, int, int]) -> object:
    """The value of an integer term, or of one on words as a signed number."""
    given: list[tuple[z3.ExprRef, z3.ExprRef]] = []
    for name, number in zip("abc", numbers, strict=True):
        given.append((z3.Int(name), z3.IntVal(number)))
        given.append((z3.BitVec(name, WORD_BITS), z3.BitVecVal(number, WORD_BITS)))
    value = z3.simplify(z3.substitute(term, *given))
    if z3.is_bv_value(value):
        return value.as_signed_long()
    return value.as_long() if z3.is_int_value(value) else z3.is_true(value)


@pytest.mark.parametrize("fact", FACTS, ids=str)
def test_a_fact_is_carried_over_exactly(fact: z3.BoolRef) -> None:
    """Of words of which nothing is known, the fact on words is true when the fact on integers is."""
    carried = Words().fact(fact)

    for numbers in triples(60):
        assert worth(carried, numbers) == worth(fact, numbers), numbers


@pytest.mark.parametrize("term", TERMS, ids=str)
def test_a_term_is_carried_over_exactly_where_it_fits(term: z3.ArithRef) -> None:
    """Of amounts within the bound a sum fits a word, and is the sum; of any words it is refused."""
    known = [z3.And(word >= -(1 << 58), word <= 1 << 58) for word in (A, B, C)]
    carried = Words(bounded(known)).word(term)

    for numbers in triples(60):
        if all(abs(number) <= 1 << 58 for number in numbers):
            assert worth(carried, numbers) == worth(term, numbers), numbers
    with pytest.raises(Unsupported, match="may not fit a word"):
        Words().word(term)


def test_what_bounds_a_sum_bounds_its_width() -> None:
    """A sum that a fact bounds is taken at 64 bits, and an operand that is wider wraps there without harm."""
    total = A + B - C
    carried = Words(bounded([z3.Not(z3.Or(total < -BOUND, total > BOUND))])).word(total)

    assert carried.size() == WORD_BITS
    for numbers in triples(200):
        exact = numbers[0] + numbers[1] - numbers[2]
        if abs(exact) <= BOUND:
            assert worth(carried, numbers) == exact


def test_the_fact_that_bounds_a_term_is_itself_exact() -> None:
    """What shows that a sum fits a word says so of the sum, not of its lowest bits; from then on it is a word."""
    total = A + B
    bound = z3.And(total >= -BOUND, total <= BOUND)
    carried = Words()
    fact = carried.learned(bound)

    assert carried.word(total).size() == WORD_BITS
    for numbers in (*triples(100), (1 << 62, (1 << 63) - 1, 0), (-(1 << 63), -(1 << 63), 0)):
        assert worth(fact, numbers) == worth(bound, numbers), numbers
    assert worth(Words(bounded([bound])).fact(bound), (-(1 << 63), -(1 << 63), 0))  # the lowest bits are zero


def test_a_named_function_gives_no_bit_that_a_comparison_does_not_see() -> None:
    """Its word is as wide as its values: one bit more would be free on one side and unseen on the other."""
    for name, interval in RESULTS.items():
        assert symbol(name)(*[z3.BitVecVal(0, WORD_BITS)] * CONTRACTS[name].arity).size() == interval.bits


def test_a_bound_follows_from_what_the_rest_leaves_possible() -> None:
    """Of a disjunction with one part that can be, that part; of a choice with one such side, that side."""
    guarded = z3.Or(A == 0, z3.If(z3.Or(B < 1, B > 8), z3.BoolVal(False), z3.And(C >= 0, C <= B)))

    assert bounded([guarded]).keys() == set()
    for apart in (A == 4, A >= 1, A < 0, z3.And(A > 2, z3.Not(A <= 2))):
        found = bounded([apart, guarded])
        assert (found[B.get_id()], found[C.get_id()]) == (Interval(1, 8), Interval(0, 8)), apart
    assert B.get_id() not in bounded([A <= 0, guarded])
    chosen = z3.If(A <= 5, B == 7, C == 9)
    assert bounded([A >= 6, chosen])[C.get_id()] == Interval(9, 9)
    assert bounded([A <= 5, chosen])[B.get_id()] == Interval(7, 7)
    impossible = z3.And(A != 5, z3.Or(z3.And(A == 1, B == 2), z3.Not(z3.And(A == 1, B <= 3))))
    assert bounded([B == 3, A == 1, z3.Not(impossible)]) == {A.get_id(): Interval(1, 1), B.get_id(): Interval(3, 3)}


def test_what_intervals_decide_holds_of_every_number_in_them() -> None:
    """Each comparison and connective against all pairs of numbers of two intervals; undecided where both occur."""
    first, second = z3.Int("first"), z3.Int("second")
    facts = [first <= second, first < second, first >= second, first > second, first == second]
    facts += [z3.Not(first < second), z3.And(first < second, first >= 0), z3.Or(first > second, second <= 1)]
    ends = [(low, high) for low in range(3) for high in range(low, 3)]
    for one, other in product(ends, ends):
        found = {first.get_id(): Interval(*one), second.get_id(): Interval(*other)}
        pairs = list(product(range(one[0], one[1] + 1), range(other[0], other[1] + 1)))
        for fact in facts:
            given = [[(first, z3.IntVal(a)), (second, z3.IntVal(b))] for a, b in pairs]
            seen = {z3.is_true(z3.simplify(z3.substitute(fact, *each))) for each in given}
            assert decided(fact, found) in ({None} | seen if len(seen) == 1 else {None}), (fact, one, other)
            if len(seen) == 1 and fact.num_args() == 2 and z3.is_int(fact.arg(0)):
                assert decided(fact, found) is not None


@pytest.mark.parametrize(
    "fact", [A / 2 == B, A % 3 == 1, z3.Xor(A < B, B < C), A * B == C, z3.Product(A, B, C) == 0], ids=str
)
def test_what_has_no_meaning_on_words_is_refused(fact: z3.BoolRef) -> None:
    """A quotient, a remainder and a product of unknowns are never carried over."""
    with pytest.raises(Unsupported, match="no meaning on words"):
        Words().fact(fact)


def test_bounds_are_read_from_either_side_and_through_negations() -> None:
    """Comparisons with numbers, in every form, and nothing else."""
    found = bounded([A >= 3, z3.Not(A > 9), z3.And(z3.IntVal(-1) < B, z3.Not(z3.Or(B >= 5, C != 20))), A <= C])

    assert found == {A.get_id(): Interval(3, 9), B.get_id(): Interval(0, 4), C.get_id(): Interval(20, 20)}
    found = bounded([z3.And(-A <= B, B < A), A <= 7, A == C])
    assert found[B.get_id()] == Interval(-7, 6)
    assert found[A.get_id()].high == found[C.get_id()].high == 7
    assert found[A.get_id()].low == -6


def test_bounds_of_a_choice_are_those_of_either_side() -> None:
    """Only what both sides bound, and no more than the wider says; a choice that does not hold says the opposite."""
    choice = z3.If(A == 0, B == 0, z3.And(A >= 1, A <= 9, B >= 1, B <= 7, C <= 2))
    found = bounded([choice, A >= -5])

    assert found == {A.get_id(): Interval(0, 9), B.get_id(): Interval(0, 7)}
    assert bounded([z3.Not(z3.If(A > 3, B > 1, B > 4)), B > 0])[B.get_id()] == Interval(1, 4)


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_the_contracts_say_what_the_results_are(name: str) -> None:
    """Within its domain a function's contract gives at least the interval that is relied on."""
    contract = CONTRACTS[name]
    terms = tuple(z3.Int(f"argument {index}") for index in range(contract.arity))
    value = contract.symbol()(*terms)
    solver = z3.Solver()
    solver.add(contract.inside(terms), contract.instance(terms), z3.Not(value >= RESULTS[name].low))
    assert solver.check() == z3.unsat
    if name != "notional":  # of which the contract says no more; its factors are words
        solver = z3.Solver()
        solver.add(contract.inside(terms), contract.instance(terms), value > RESULTS[name].high)
        assert solver.check() == z3.unsat
    assert symbol(name).arity() == contract.arity


def low(term: z3.BitVecRef, bits: int = WORD_BITS) -> z3.BitVecRef:
    """The lowest bits."""
    return z3.Extract(bits - 1, 0, term)


def test_sums_of_any_order_become_one_term() -> None:
    """Summands in any order, a difference that is turned, and a number moved across give the same term."""
    a, b, c = (z3.BitVec(name, WORD_BITS) for name in "abc")
    canonical = Canonical()

    one = canonical.of(a + b - c)
    assert one.eq(canonical.of(b - (c - a)))
    assert one.eq(canonical.of(-((c - b) - a)))
    assert one.eq(canonical.of((a + 5) + (b - c) - 5))
    assert canonical.of(a - a).eq(z3.BitVecVal(0, WORD_BITS))
    assert canonical.of(a + b <= c).eq(canonical.of(b + a <= c))
    assert not one.eq(canonical.of(a + b + c))


def test_a_sum_with_a_choice_becomes_a_choice_of_sums() -> None:
    """However the choice is written into the sum; one condition chooses once, and a long sum is not split for ever."""
    a, b, c = (z3.BitVec(name, WORD_BITS) for name in "abc")
    canonical = Canonical()
    chosen = z3.If(a < b, b, z3.BitVecVal(0, WORD_BITS))

    one = canonical.of(c - chosen + a)
    assert one.eq(canonical.of(z3.If(a < b, c - b + a, a + c)))
    twice = canonical.of(chosen + z3.If(a < b, a, c))
    assert twice.eq(canonical.of(z3.If(a < b, a + b, c)))
    many = canonical.of(sum((z3.If(a < number, b, c * number) for number in range(1, 40)), start=a))
    assert len(many.sexpr()) < 40_000


def test_low_bits_of_a_wide_sum_are_a_sum_of_words() -> None:
    """A sum that is taken wider and cut again is the sum of words, whatever it chooses between."""
    a, b, c = (z3.BitVec(name, WORD_BITS) for name in "abc")
    canonical = Canonical()
    wide = z3.SignExt(2, a) - z3.SignExt(1, z3.If(a < b, z3.SignExt(1, b) + z3.SignExt(1, c), z3.SignExt(1, c)))
    cut = z3.Extract(WORD_BITS - 1, 0, wide)

    assert canonical.of(cut).eq(canonical.of(z3.If(a < b, a - b - c, a - c)))
    assert canonical.of(z3.Extract(7, 0, a + b)).eq(canonical.of(z3.Extract(7, 0, b) + z3.Extract(7, 0, a)))
    assert canonical.of(z3.Extract(70, 0, z3.SignExt(20, a))).size() == 71


def test_a_canonical_sum_is_worth_what_the_sum_was() -> None:
    """On words of any size, wrapped or not."""
    a, b, c = (z3.BitVec(name, WORD_BITS) for name in "abc")
    wide = z3.SignExt(5, a) + z3.SignExt(5, b)
    canonical = Canonical()
    terms = [
        a + b - c, -(a - b) * 3, a - b - c + 9, (a + b) * (1 << 63) + c, z3.If(a + b < c, a - b, b - a) + 1, a * b - c,
        a - z3.If(b < c, z3.If(a < b, b, c), a) + z3.If(b < c, c, b), low(wide - z3.SignExt(5, a) * 3),
        low(z3.If(a < b, wide, -wide)), low(z3.ZeroExt(5, a) - wide), z3.SignExt(8, low(wide, 56)) - a,
        low(z3.SignExt(9, z3.Extract(59, 0, a + b)) + z3.BitVecVal(-1, 69)),
    ]  # fmt: skip
    for term in terms:
        made = canonical.of(term)
        for numbers in triples(60):
            assert worth(made, numbers) == worth(term, numbers), (term, numbers)
