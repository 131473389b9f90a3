"""What is known of integers that words are made of: intervals, quotients, and a solver that is asked the rest.

Every number is a polynomial over names. A quotient is a name of its own, defined by its numerator and divisor, and the
same quotient always gets the same name, however it was computed: multiples of the divisor leave the numerator, a
quotient of a quotient is one quotient, and a multiplication by a compiler's magic number is the division that it
stands for. So a solver is left with sums and comparisons of names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import gcd
from typing import Final

import z3

from dita.conformance.arithmetic_vectors import BEYOND
from dita.conformance.equiv.magic import divisor_of, is_division
from dita.conformance.equiv.polynomials import TIMES, Monomial, Polynomial
from dita.conformance.equiv.words import Interval
from dita.conformance.prove.proxies import Unsupported
from dita.spec.scales import BOUND

EFFORT: Final = 400_000  # in z3's own measure
THRESHOLDS: Final = (0, 1, 1 << 32, BOUND + 1, BOUND + 2, BEYOND, 1 << 63, 1 << 64)
"""Bounds on which something changes: of each it is told what a quotient on either side says of the product."""
_NEVER: Final = z3.BoolVal(False)


@dataclass(frozen=True, slots=True)
class Quotient:
    """A numerator divided by a positive divisor, rounded down."""

    numerator: Polynomial
    divisor: Polynomial


@dataclass(slots=True)
class Integers:
    """Names, what they stand for, and what holds of them. One instance for one case."""

    intervals: dict[Monomial, Interval] = field(default_factory=dict[Monomial, Interval])
    facts: list[z3.BoolRef] = field(default_factory=list[z3.BoolRef])
    quotients: dict[str, Quotient] = field(default_factory=dict[str, Quotient])
    choices: dict[str, tuple[z3.BoolRef, Polynomial, Polynomial]] = field(
        default_factory=dict[str, tuple[z3.BoolRef, Polynomial, Polynomial]]
    )
    claims: list[tuple[int, z3.BoolRef]] = field(default_factory=list[tuple[int, z3.BoolRef]])
    """What the solver said follows from the first so many facts."""
    magic: set[tuple[int, int, int, int]] = field(default_factory=set[tuple[int, int, int, int]])
    _named: dict[object, str] = field(default_factory=dict[object, str])
    _asked: dict[int, tuple[z3.BoolRef, bool]] = field(default_factory=dict[int, tuple[z3.BoolRef, bool]])
    _solver: z3.Solver = field(default_factory=z3.SimpleSolver)

    def __post_init__(self) -> None:
        self._solver.set("rlimit", EFFORT)

    # --- names ------------------------------------------------------------------------------------------------------

    def free(self, name: str, interval: Interval) -> Polynomial:
        """A number of which an interval is known."""
        self._bound((name,), interval)
        return Polynomial.name(name)

    def know(self, fact: z3.BoolRef) -> None:
        """Something that holds from now on."""
        self.facts.append(fact)
        self._solver.add(fact)

    def term(self, number: Polynomial) -> z3.ArithRef:
        """A number for the solver, which is told about every product in it."""
        for monomial, _ in number.terms:
            if monomial and monomial not in self.intervals:
                self._product(monomial)
        return number.term

    def _bound(self, monomial: Monomial, interval: Interval) -> None:
        self.intervals[monomial] = interval
        term = z3.Int(TIMES.join(monomial))
        self.know(term >= interval.low)
        self.know(term <= interval.high)

    def _product(self, monomial: Monomial) -> None:
        """What the bounds of its factors say of a product: (x - low)(y - low) is not negative, and so on."""
        if len(monomial) != 2:  # of more nothing is needed
            raise Unsupported(f"a product of {len(monomial)} unknowns")
        first, second = monomial
        one, other = self.intervals[first,], self.intervals[second,]
        ends = [left * right for left in one for right in other]
        self._bound(monomial, Interval(min(ends), max(ends)))
        x, y, xy = Polynomial.name(first), Polynomial.name(second), Polynomial.of({monomial: 1})
        for left, right, sign in (
            (one.low, other.low, 1), (one.high, other.high, 1), (one.low, other.high, -1), (one.high, other.low, -1),
        ):  # fmt: skip
            corner = xy - x.scaled(right) - y.scaled(left) + Polynomial.number(left * right)
            self.know(corner.scaled(sign).term >= 0)

    def narrow(self, name: str) -> None:
        """Take the bounds of a name that what is known sets for its own."""
        low, high = self.intervals[name,]
        number = Polynomial.name(name)
        for sign in (1, -1):
            best = z3.Optimize()
            best.add(*self.facts)
            best.maximize(number.scaled(sign).term)
            if best.check() == z3.sat:
                end = best.model().eval(number.term, model_completion=True).as_long()
                if sign > 0 and self.holds(number.term <= end):
                    high = end
                elif sign < 0 and self.holds(number.term >= end):
                    low = end
        self._bound((name,), Interval(low, high))

    # --- what is known ----------------------------------------------------------------------------------------------

    def interval(self, number: Polynomial) -> Interval:
        """Bounds of a number, from those of its names and from what quotients are."""
        found = self._plain(number)
        for monomial, factor in number.terms:
            quotient = self.quotients.get(monomial[0]) if len(monomial) == 1 else None
            value = quotient.divisor.value if quotient else None
            if quotient is None or value is None:
                continue
            for whole, by in self._chain(quotient, value):  # whole - by * name is a remainder, in [0, by)
                times, odd = divmod(-factor, by)
                if odd == 0 and times:
                    rest = self._plain(number - (whole - Polynomial.name(monomial[0]).scaled(by)).scaled(times))
                    ends = (0, times * (by - 1))
                    found = found.meet(Interval(rest.low + min(ends), rest.high + max(ends)))
        return found

    def _chain(self, quotient: Quotient, divisor: int) -> list[tuple[Polynomial, int]]:
        """The numerator, and every quotient of it by a divisor of this one's."""
        found = [(quotient.numerator, divisor)]
        for name, other in self.quotients.items():
            by = other.divisor.value
            if other.numerator == quotient.numerator and by is not None and by < divisor and divisor % by == 0:
                found.append((Polynomial.name(name), divisor // by))
        return found

    def _plain(self, number: Polynomial) -> Interval:
        self.term(number)
        low = high = 0
        for monomial, factor in number.terms:
            ends = (factor, factor) if not monomial else [factor * end for end in self.intervals[monomial]]
            low, high = low + min(ends), high + max(ends)
        return Interval(low, high)

    def holds(self, claim: z3.BoolRef) -> bool:
        """Whether the solver finds at once that the claim follows from what is known; it is noted where it does."""
        known = self._asked.get(claim.get_id())
        if known is not None and known[1]:
            return True
        said = bool(self._solver.check(z3.Not(claim)) == z3.unsat)
        self._asked[claim.get_id()] = (claim, said)
        if said:
            self.claims.append((len(self.facts), claim))
        return said

    def lies(self, number: Polynomial, low: int, high: int) -> bool:
        """Whether low <= number <= high is known."""
        interval = self.interval(number)
        if low <= interval.low and interval.high <= high:
            return True
        if interval.high < low or interval.low > high:
            return False
        term = self.term(number)
        return self.holds(z3.And(term >= low, term <= high))

    @property
    def contradictory(self) -> bool:
        """Whether what is known cannot be."""
        return self.holds(_NEVER)

    # --- quotients --------------------------------------------------------------------------------------------------

    def quotient(self, numerator: Polynomial, divisor: Polynomial) -> Polynomial:
        """The floor of a quotient. Raises Unsupported where the divisor is not known to be positive, or is no name."""
        if divisor.value is not None:
            if divisor.value <= 0:
                raise Unsupported(f"a division by {divisor.value}")
            return self._by_number(numerator, divisor.value)
        if divisor.alone is None:
            raise Unsupported(f"a division by `{divisor.term}`")
        if not self.lies(divisor, 1, self.interval(divisor).high):
            raise Unsupported(f"a division by `{divisor.term}`, which may not be positive")
        multiple, rest = numerator.split(divisor)
        if not rest.terms:
            return multiple
        if self.interval(rest).high <= 0:  # -n // d is -(n // d), one less where something remains
            positive = self._by_name(-rest, divisor)
            exact = self.term(-rest - divisor * positive) == 0
            return multiple - positive - self.choice(exact, Polynomial.number(0), Polynomial.number(1))
        return multiple + self._by_name(rest, divisor)

    def _by_name(self, numerator: Polynomial, divisor: Polynomial) -> Polynomial:
        """A quotient by a name: one that is there already, if the numerators are known to be the same."""
        others = [(name, known) for name, known in self.quotients.items() if known.divisor == divisor]
        for name, known in others:
            if known.numerator == numerator or self.holds(self.term(known.numerator - numerator) == 0):
                return Polynomial.name(name)
        above, by = self.interval(numerator), self.interval(divisor)
        least = max(by.low, 1)
        ends = [end // side for end in above for side in (least, max(by.high, least))]
        quotient = self._defined(numerator, divisor, Interval(min(ends), max(ends)))
        product = divisor * quotient
        for bound in THRESHOLDS:
            if min(ends) < bound <= max(ends):
                reached = self.term(quotient) >= bound
                more = self.term(product - divisor.scaled(bound)) >= 0
                less = self.term(product - divisor.scaled(bound - 1)) <= 0
                self.know(z3.If(reached, more, less))
        for name, known in others:
            other, exact = Polynomial.name(name), self.term(numerator - product) == 0
            same = self.term(quotient - other) == 0, self.term(product - divisor * other) == 0
            self.know(z3.Implies(self.term(numerator - known.numerator) == 0, z3.And(*same)))
            both, multiple = quotient + other, product + divisor * other
            opposite = z3.If(  # -n // d is -(n // d), one less where something remains
                exact,
                z3.And(self.term(both) == 0, self.term(multiple) == 0),
                z3.And(self.term(both) == -1, self.term(multiple + divisor) == 0),
            )
            self.know(z3.Implies(self.term(numerator + known.numerator) == 0, opposite))
        return quotient

    def _by_number(self, numerator: Polynomial, divisor: int) -> Polynomial:
        multiple, rest = numerator.split(Polynomial.number(divisor))
        low, high = self.interval(rest)
        if low // divisor == high // divisor:
            return multiple + Polynomial.number(low // divisor)
        content = rest.content
        common = gcd(content, divisor)
        if common > 1:
            return multiple + self._by_number(rest.divided(common), divisor // common)
        inner = self.quotients.get(rest.alone) if rest.alone is not None else None
        if inner is not None and inner.divisor.value is not None:
            return multiple + self._by_number(inner.numerator, inner.divisor.value * divisor)
        if content > 1:
            real = self._real_divisor(rest.divided(content), content, divisor)
            if real is not None:
                return multiple + self._by_number(rest.divided(content), real)
        return multiple + self._defined(rest, Polynomial.number(divisor), Interval(low // divisor, high // divisor))

    def _defined(self, numerator: Polynomial, divisor: Polynomial, interval: Interval) -> Polynomial:
        key = (numerator, divisor)
        name = self._named.get(key)
        if name is not None:
            return Polynomial.name(name)
        name = self._named[key] = f"q{len(self._named)}"
        quotient = self.free(name, interval)
        rest = numerator - divisor * quotient
        self.know(self.term(rest) >= 0)
        self.know(self.term(rest - divisor) <= -1)
        made = Quotient(numerator, divisor)
        if divisor.value is not None:
            for whole, by in self._chain(made, divisor.value)[1:]:
                remainder = self.term(whole - quotient.scaled(by))
                self.know(z3.And(remainder >= 0, remainder <= by - 1))
        self.quotients[name] = made
        return quotient

    def _real_divisor(self, number: Polynomial, factor: int, power: int) -> int | None:
        """The number by which ``number * factor // power`` divides, where it is such a division."""
        divisor, most = divisor_of(factor, power)
        if divisor < 2 or not self.lies(number, 0, most) or not is_division(factor, power, divisor, most):
            return None
        self.magic.add((factor, power, divisor, most))
        return divisor

    # --- choices ----------------------------------------------------------------------------------------------------

    def choice(self, condition: z3.BoolRef, yes: Polynomial, no: Polynomial) -> Polynomial:
        """What the condition chooses; one of both where it is known, or where the other is the same when chosen."""
        if yes == no or z3.is_true(condition):
            return yes
        if z3.is_false(condition):
            return no
        key = (condition.get_id(), yes, no)
        if key in self._named:
            return Polynomial.name(self._named[key])
        same = self.term(yes - no) == 0
        if self.holds(z3.Or(condition, same)):
            return yes
        if self.holds(z3.Or(z3.Not(condition), same)):
            return no
        name = self._named[key] = f"c{len(self._named)}"
        one, other = self.interval(yes), self.interval(no)
        made = self.free(name, Interval(min(one.low, other.low), max(one.high, other.high)))
        self.know(z3.If(condition, self.term(made - yes) == 0, self.term(made - no) == 0))
        if min(one.low, other.low) < 0 and self.holds(made.term >= 0):
            self._bound((name,), self.intervals[name,]._replace(low=0))
        self.choices[name] = (condition, yes, no)
        return made

    def wrapped(self, number: Polynomial, bits: int) -> Polynomial:
        """The number modulo 2^bits, from 0 on."""
        size = 1 << bits
        centred = Polynomial.of(
            {monomial: (factor + size // 2) % size - size // 2 for monomial, factor in number.terms}
        )
        for one in (number, centred):
            interval = self.interval(one)
            if interval.low >= 0 and interval.high < size:
                return one
        for one in (number, centred):
            if self.lies(one, 0, size - 1):
                return one
        return centred - self.quotient(centred, Polynomial.number(size)).scaled(size)
