"""Formulas without floor division: every quotient is the number that its defining axioms fix.

``n // d`` becomes a free integer q with ``n == d * q + r`` and ``0 <= r < d`` for a free r: the axioms hold whenever
``d > 0``, and whoever uses this shows that it is (``Undivided.divisors``). What is left are polynomials, about which
both solvers know what they need to know once they are pointed to the right products (``Undivided.pairs``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final, NamedTuple, TypeVar, cast

import z3

from dita.conformance.prove.proxies import Unsupported

SHIFTS: Final = (-1, 0, 1)  # a quotient of ours is at most one step from the one it is compared with

T = TypeVar("T", bound=z3.ExprRef)
Pair = tuple[z3.ArithRef, z3.ArithRef]


@dataclass(frozen=True, slots=True)
class Division:
    """One floor division, its operands already without division."""

    quotient: z3.ArithRef
    numerator: z3.ArithRef
    divisor: z3.ArithRef


@dataclass(slots=True)
class Undivided:
    """Formulas from which the divisions are taken out, the same division everywhere by the same quotient.

    ``facts`` are the axioms of the quotients met so far. They are true, and the formulas unchanged in meaning, where
    every one of ``divisors`` is positive.
    """

    divisions: list[Division] = field(default_factory=list[Division])
    facts: list[z3.BoolRef] = field(default_factory=list[z3.BoolRef])
    _assumed: list[z3.ArithRef] = field(default_factory=list[z3.ArithRef])  # divisors of corrections that fell away
    _known: dict[tuple[int, int], Division] = field(default_factory=dict[tuple[int, int], Division])
    _memo: dict[int, Any] = field(default_factory=dict[int, Any])  # by the term's id, a term of its sort
    _kept: list[z3.ExprRef] = field(default_factory=list[z3.ExprRef])  # or the ids of terms would be given again

    @property
    def divisors(self) -> list[z3.ArithRef]:
        """The divisors that are not plain positive numbers."""
        all_ = [*self._assumed, *[division.divisor for division in self.divisions]]
        found = {divisor.get_id(): divisor for divisor in all_}
        return [divisor for divisor in found.values() if not _is_positive_number(divisor)]

    def without(self, formula: z3.BoolRef) -> z3.BoolRef:
        """The formula with quotients in place of divisions. Raises Unsupported for a remainder other than ours."""
        return self._term(formula) if has_division(formula) else formula

    def pairs(self, formulas: Iterable[z3.BoolRef]) -> list[Pair]:
        """What is worth knowing the product of: divisors, with differences of what they are multiplied by."""
        factors = _factors(formulas)
        found: list[Pair] = []
        for divisor in {division.divisor.get_id(): division.divisor for division in self.divisions}.values():
            ours = {d.quotient.get_id(): d.quotient for d in self.divisions if d.divisor.eq(divisor)}
            for by, other in factors:
                if _is_related(by, divisor, other):
                    ours[other.get_id()] = other
            for one, another in combinations(ours.values(), 2):
                found.extend((one - another + shift, divisor) for shift in SHIFTS)
        return found

    def _term(self, term: T) -> T:
        known: T | None = self._memo.get(term.get_id())
        if known is not None:
            return known
        made: Any
        corrected = _floor_of_positive(term)
        if corrected is not None:
            quotient, divisor = corrected
            made = self._term(quotient)
            self._assumed.append(self._term(divisor))
        elif z3.is_idiv(term):
            made = self._divided(self._term(term.arg(0)), self._term(term.arg(1))).quotient
        elif z3.is_mod(term):
            raise Unsupported(f"a remainder that is no floor division: `{term}`")
        else:
            children = [self._term(child) for child in term.children()]
            made = term.decl()(*children) if children else term
        self._memo[term.get_id()] = made
        self._kept.extend((term, made))
        return cast("T", made)

    def _divided(self, numerator: z3.ArithRef, divisor: z3.ArithRef) -> Division:
        key = (numerator.get_id(), divisor.get_id())
        known = self._known.get(key)
        if known is None:
            number = len(self.divisions)
            quotient, rest = z3.Int(f"quotient{number}"), z3.Int(f"rest{number}")
            known = self._known[key] = Division(quotient, numerator, divisor)
            self.divisions.append(known)
            self.facts.extend((numerator == divisor * quotient + rest, rest >= 0, rest < divisor))
            self._kept.extend((numerator, divisor))
        return known


def exact_divisions(formulas: Iterable[z3.BoolRef]) -> list[tuple[z3.ArithRef, z3.ArithRef, z3.ArithRef]]:
    """The divisions of a product by one of its factors: the product, the rest of it, and the factor."""
    return [
        (numerator, _product([*factors[:index], *factors[index + 1 :]]), divisor)
        for term in distinct(term for formula in formulas for term in _parts_of(formula).divisions)
        if z3.is_idiv(term) and z3.is_mul(term.arg(0))
        for numerator, divisor in [term.children()]
        for factors in [numerator.children()]
        for index, factor in enumerate(factors)
        if factor.eq(divisor)
    ]


def has_division(formula: z3.ExprRef) -> bool:
    """Whether a division is left in the formula."""
    return bool(_parts_of(formula).divisions)


def conjuncts(formula: z3.BoolRef) -> list[z3.BoolRef]:
    """The formula as a list of which all hold."""
    if z3.is_and(formula):
        return [part for child in formula.children() for part in conjuncts(child)]
    return [formula]


def distinct(terms: Iterable[T]) -> list[T]:
    """The terms, each once, in the order in which they first come."""
    return list({term.get_id(): term for term in terms}.values())


class _Parts(NamedTuple):
    """What is looked for in a formula; the formula is kept, or its id would be given again."""

    formula: z3.ExprRef
    divisions: Sequence[z3.ArithRef]
    products: Sequence[z3.ArithRef]


_parts: Final[dict[int, _Parts]] = {}


def _parts_of(formula: z3.ExprRef) -> _Parts:
    """The divisions and the products in a formula, looked for once: many queries share a part."""
    known = _parts.get(formula.get_id())
    if known is None:
        terms = list(subterms(formula))
        divisions = [term for term in terms if z3.is_idiv(term) or z3.is_mod(term)]
        known = _parts[formula.get_id()] = _Parts(formula, divisions, [term for term in terms if z3.is_mul(term)])
    return known


def subterms(formula: z3.ExprRef) -> Iterator[z3.ExprRef]:
    """Every term in the formula, once."""
    stack, seen = [formula], set[int]()
    while stack:
        term = stack.pop()
        if term.get_id() not in seen:
            seen.add(term.get_id())
            stack.extend(term.children())
            yield term


def _floor_of_positive(term: z3.ExprRef) -> tuple[z3.ExprRef, z3.ArithRef] | None:
    """What a ``floor_quotient`` is when its divisor is positive, and that divisor: the correction falls away."""
    if not (z3.is_app_of(term, z3.Z3_OP_ITE) and z3.is_int(term)):
        return None
    children: list[z3.ExprRef] = term.children()
    condition, yes, no = children
    divisors: list[z3.ArithRef] = [part.arg(1) for part in (yes, no) if z3.is_idiv(part)]
    for divisor in divisors:
        positive, negative = (divisor > 0, z3.Not(divisor <= 0)), (divisor <= 0, z3.Not(divisor > 0))
        if z3.is_or(condition) and _any_is(condition.children(), positive):
            return yes, divisor
        if z3.is_and(condition) and _any_is(condition.children(), negative):
            return no, divisor
    return None


def _any_is(terms: Iterable[z3.ExprRef], wanted: Iterable[z3.ExprRef]) -> bool:
    return any(term.eq(one) for term in terms for one in wanted)


def _factors(formulas: Iterable[z3.BoolRef]) -> list[Pair]:
    """Each factor of a product with the product of the others."""
    found: list[Pair] = []
    for term in distinct(term for formula in formulas for term in _parts_of(formula).products):
        factors: list[z3.ArithRef] = term.children()
        found.extend((factor, _product([*factors[:n], *factors[n + 1 :]])) for n, factor in enumerate(factors))
    return found


def _product(factors: Sequence[z3.ArithRef]) -> z3.ArithRef:
    return factors[0] if len(factors) == 1 else z3.Product(*factors)


def _is_related(factor: z3.ArithRef, divisor: z3.ArithRef, other: z3.ArithRef) -> bool:
    """Whether a product of these is about multiples of the divisor; by a plain number, only of single variables."""
    if z3.is_int_value(divisor):
        multiple = z3.is_int_value(factor) and factor.as_long() % divisor.as_long() == 0
        return multiple and z3.is_const(other) and not z3.is_int_value(other)
    return factor.eq(divisor)


def _is_positive_number(term: z3.ArithRef) -> bool:
    return z3.is_int_value(term) and term.as_long() > 0
