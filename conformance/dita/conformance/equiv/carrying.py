"""Terms over machine words, and the reference's terms over integers, as polynomials over the same names.

Of a word an integer is kept that is the word's unsigned value up to a multiple of 2^bits, whatever is simplest: sums,
differences, products and low parts need no more. Where the value itself counts, in a comparison, a quotient or a wider
word, it is wrapped, which costs nothing where an interval shows that it lies within the word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, ClassVar, Final, cast

import z3

from dita.conformance.equiv.integers import Integers
from dita.conformance.equiv.polynomials import Polynomial
from dita.conformance.equiv.terms import children_first
from dita.conformance.prove.proxies import Unsupported

NOTHING: Final = Polynomial()
ONE: Final = Polynomial.number(1)
_Made = Callable[["Carrying", Any], Polynomial]


@dataclass(slots=True)
class Carrying:
    """Terms of either sort as polynomials. What they are worth is the same wherever what is known there holds."""

    numbers: Integers
    free: dict[str, Polynomial]
    """What the free words are, by name: their values with a sign."""
    _done: dict[int, Polynomial | z3.BoolRef] = field(default_factory=dict[int, "Polynomial | z3.BoolRef"])
    _kept: list[z3.ExprRef] = field(default_factory=list[z3.ExprRef])  # or the ids of terms would be given again

    # --- of words ---------------------------------------------------------------------------------------------------

    def truth(self, term: z3.BoolRef) -> z3.BoolRef:
        """A truth value. Raises Unsupported for an operation that is not known here."""
        return cast("z3.BoolRef", self._carried(term))

    def unsigned(self, term: z3.ExprRef) -> Polynomial:
        """A word's value without a sign."""
        return self.numbers.wrapped(self._loose(term), cast("z3.BitVecRef", term).size())

    def signed(self, term: z3.ExprRef) -> Polynomial:
        """A word's value with a sign."""
        half = Polynomial.number(1 << (cast("z3.BitVecRef", term).size() - 1))
        loose = self._loose(term)
        if self.numbers.lies(loose, -half.content, half.content - 1):
            return loose
        return self.numbers.wrapped(loose + half, cast("z3.BitVecRef", term).size()) - half

    def number(self, term: z3.ArithRef) -> Polynomial:
        """An integer term of the reference. Raises Unsupported."""
        return self._loose(term)

    def _loose(self, term: z3.ExprRef) -> Polynomial:
        return cast("Polynomial", self._carried(term))

    def _carried(self, term: z3.ExprRef) -> Polynomial | z3.BoolRef:
        for part in children_first(term, self._done, self._before):
            self._kept.append(part)
            self._done[part.get_id()] = self._made(part)
        return self._done[term.get_id()]

    def _before(self, term: z3.ExprRef) -> list[z3.ExprRef]:
        """What has to be known first: of a choice whose condition decides it, the chosen side alone."""
        children: list[z3.ExprRef] = term.children()
        if term.decl().name() != "if":
            return children
        condition = self._done.get(children[0].get_id())
        if condition is None:
            return children[:1]
        return [side for side, other in ((children[1], z3.is_false), (children[2], z3.is_true)) if not other(condition)]

    def _made(self, term: z3.ExprRef) -> Polynomial | z3.BoolRef:
        name = term.decl().name()
        if z3.is_bv_value(term) or z3.is_int_value(term):
            return Polynomial.number(term.as_long())
        if z3.is_true(term) or z3.is_false(term):
            return term
        if not term.num_args():
            if name not in self.free:
                raise Unsupported(f"`{name}` is none of the arguments")
            return self.free[name]
        if name == "if":
            return self._choice(term)
        if z3.is_bool(term):
            return self._truth(term, name)
        made = (self._WORDS if z3.is_bv(term) else self._INTEGERS).get(name)
        if made is None:
            raise Unsupported(f"no meaning in integers is known for `{name}`")
        return made(self, term)

    def _choice(self, term: z3.ExprRef) -> Polynomial | z3.BoolRef:
        condition, yes, no = term.children()
        if z3.is_bool(term):
            return z3.If(self.truth(condition), self.truth(yes), self.truth(no))
        chosen = self.truth(condition)
        if z3.is_true(chosen) or z3.is_false(chosen):
            return self._loose(yes if z3.is_true(chosen) else no)
        return self.numbers.choice(chosen, self._loose(yes), self._loose(no))

    def _truth(self, term: z3.ExprRef, name: str) -> z3.BoolRef:
        children = term.children()
        if z3.is_bool(children[0]):
            if name not in _CONNECTIVES:
                raise Unsupported(f"no meaning is known for `{name}` of truth values")
            return _CONNECTIVES[name](*[self.truth(cast("z3.BoolRef", child)) for child in children])
        if name not in self._COMPARISONS or len(children) != 2:
            raise Unsupported(f"no meaning in integers is known for the comparison `{name}`")
        valued, compared = self._COMPARISONS[name]
        left, right = (valued(self, child) if z3.is_bv(child) else self._loose(child) for child in children)
        return self._compared(left - right, compared)

    def _compared(self, difference: Polynomial, comparison: str) -> z3.BoolRef:
        """A difference against zero, decided where its interval says it."""
        low, high = self.numbers.interval(difference)
        if comparison in ("<", ">="):
            known = True if high < 0 else False if low >= 0 else None
        elif comparison in (">", "<="):
            known = True if low > 0 else False if high <= 0 else None
        else:
            known = True if low == high == 0 else False if low > 0 or high < 0 else None
        if known is not None:
            return z3.BoolVal(known == (comparison in ("<", ">", "=")))
        term = self.numbers.term(difference)
        return {"<": term < 0, "<=": term <= 0, ">": term > 0, ">=": term >= 0, "=": term == 0, "distinct": term != 0}[
            comparison
        ]

    # --- operations -------------------------------------------------------------------------------------------------

    def _extracted(self, term: z3.ExprRef) -> Polynomial:
        _, low = term.params()
        inner = self._loose(term.arg(0))
        return inner if low == 0 else self.numbers.quotient(inner, Polynomial.number(1 << low))

    def _concatenated(self, term: z3.ExprRef) -> Polynomial:
        first, *others = term.children()
        made = self._loose(first)
        for other in others:
            made = made.scaled(1 << cast("z3.BitVecRef", other).size()) + self.unsigned(other)
        return made

    def _moved_right(self, term: z3.ExprRef) -> Polynomial:
        value, by = term.children()
        valued = self.signed if term.decl().name() == "bvashr" else self.unsigned
        return self.numbers.quotient(valued(value), Polynomial.number(1 << self._fixed(by)))

    def _moved_left(self, term: z3.ExprRef) -> Polynomial:
        value, by = term.children()
        return self._loose(value).scaled(1 << self._fixed(by))

    def _fixed(self, term: z3.ExprRef) -> int:
        value = self.unsigned(term).value
        if value is None:
            raise Unsupported("a shift by a number that is not known")
        return value

    def _divided(self, term: z3.ExprRef) -> Polynomial:
        """Of words without a sign, and of such with a sign as are not negative."""
        name = term.decl().name()
        valued = self.signed if name.startswith("bvs") else self.unsigned
        numerator, divisor = (valued(child) for child in term.children())
        if not self.numbers.lies(numerator, 0, self.numbers.interval(numerator).high):
            raise Unsupported("a division of a number that may be negative")
        quotient = self.numbers.quotient(numerator, divisor)
        return numerator - divisor * quotient if name.removesuffix("_i").endswith("rem") else quotient

    def _and(self, term: z3.ExprRef) -> Polynomial:
        values = [self.unsigned(child) for child in term.children()]
        return reduce(self._common_bits, values)

    def _common_bits(self, one: Polynomial, other: Polynomial) -> Polynomial:
        for value, mask in ((one, other.value), (other, one.value)):
            if mask is not None:
                low = (mask & -mask).bit_length() - 1 if mask else 0
                if (mask >> low) & ((mask >> low) + 1):
                    raise Unsupported(f"a mask `{mask:#x}` of bits that are not side by side")
                inner = self.numbers.quotient(value, Polynomial.number(1 << low))
                return self.numbers.wrapped(inner, (mask >> low).bit_length()).scaled(1 << low)
        for value, bit in ((one, other), (other, one)):
            if self.numbers.lies(bit, 0, 1):
                return self.numbers.choice(self._compared(bit - ONE, "="), self.numbers.wrapped(value, 1), NOTHING)
        raise Unsupported("a conjunction of two words")

    def _or(self, term: z3.ExprRef) -> Polynomial:
        size = cast("z3.BitVecRef", term).size()
        return reduce(lambda one, other: self._united_bits(one, other, size), map(self.unsigned, term.children()))

    def _united_bits(self, one: Polynomial, other: Polynomial, size: int) -> Polynomial:
        numbers = self.numbers
        if not (one.terms and other.terms) or self._apart(one, other):
            return one + other
        if numbers.lies(one, 0, 1) and numbers.lies(other, 0, 1):
            return numbers.choice(self._compared(one, "="), other, ONE)
        most = (1 << size) - 1
        for value, flag in ((one, other), (other, one)):
            inner = numbers.choices.get(flag.alone or "")
            if inner is not None and {side.value for side in inner[1:]} == {0, most}:
                return numbers.choice(self._compared(flag, "="), value, Polynomial.number(most))
        made = numbers.free(f"or{len(numbers.facts)}", numbers.interval(one + other)._replace(low=0))
        numbers.know(numbers.term(made - one) >= 0)
        numbers.know(numbers.term(made - other) >= 0)
        numbers.know(numbers.term(made - one - other) <= 0)
        numbers.know(numbers.term(made) <= most)
        return made

    def _apart(self, one: Polynomial, other: Polynomial) -> bool:
        """No bit is in both: the one is a multiple of a power of two that the other is below."""
        sides = ((one, other), (other, one))
        return any(self.numbers.lies(low, 0, (high.content & -high.content) - 1) for high, low in sides)

    def _either(self, term: z3.ExprRef) -> Polynomial:
        odd: list[Polynomial] = []
        for child in term.children():
            value = self.unsigned(child)
            if value in odd:
                odd.remove(value)
            elif value.terms:
                odd.append(value)
        if len(odd) < 2:
            return odd[0] if odd else NOTHING
        if len(odd) == 2 and self._apart(*odd):
            return odd[0] + odd[1]
        if cast("z3.BitVecRef", term).size() > 1:
            raise Unsupported("a word that is one or the other of two")
        return reduce(lambda one, other: self.numbers.choice(self._compared(one - other, "="), NOTHING, ONE), odd)

    def _integer_quotient(self, term: z3.ExprRef) -> Polynomial:
        return self.numbers.quotient(*[self._loose(child) for child in term.children()])

    def _sum(self, term: z3.ExprRef) -> Polynomial:
        return reduce(Polynomial.__add__, self._parts(term))

    def _difference(self, term: z3.ExprRef) -> Polynomial:
        first, *others = self._parts(term)
        return reduce(Polynomial.__sub__, others, first) if others else -first

    def _product(self, term: z3.ExprRef) -> Polynomial:
        return reduce(Polynomial.__mul__, self._parts(term))

    def _parts(self, term: z3.ExprRef) -> list[Polynomial]:
        return [self._loose(child) for child in term.children()]

    def _complement(self, term: z3.ExprRef) -> Polynomial:
        return -self._loose(term.arg(0)) - ONE

    def _extended(self, term: z3.ExprRef) -> Polynomial:
        return (self.signed if term.decl().name() == "sign_extend" else self.unsigned)(term.arg(0))

    _WORDS: ClassVar[dict[str, _Made]] = {
        "bvadd": _sum, "bvsub": _difference, "bvneg": _difference, "bvmul": _product, "bvnot": _complement,
        "zero_extend": _extended, "sign_extend": _extended, "extract": _extracted, "concat": _concatenated,
        "bvlshr": _moved_right, "bvashr": _moved_right, "bvshl": _moved_left, "bvudiv": _divided, "bvurem": _divided,
        "bvsdiv": _divided, "bvsrem": _divided, "bvand": _and, "bvor": _or, "bvxor": _either,
    }  # fmt: skip
    _INTEGERS: ClassVar[dict[str, _Made]] = {
        "+": _sum, "-": _difference, "*": _product, "div": _integer_quotient,
    }  # fmt: skip
    _COMPARISONS: ClassVar[dict[str, tuple[_Made, str]]] = {
        "bvult": (unsigned, "<"), "bvule": (unsigned, "<="), "bvugt": (unsigned, ">"), "bvuge": (unsigned, ">="),
        "bvslt": (signed, "<"), "bvsle": (signed, "<="), "bvsgt": (signed, ">"), "bvsge": (signed, ">="),
        "=": (unsigned, "="), "distinct": (unsigned, "distinct"),
        "<": (number, "<"), "<=": (number, "<="), ">": (number, ">"), ">=": (number, ">="),
    }  # fmt: skip
    """How words are valued that are compared, and with what sign; integers are as they are."""


def _both(*parts: z3.BoolRef) -> z3.BoolRef:
    if any(z3.is_false(part) for part in parts):
        return z3.BoolVal(False)
    open_ = [part for part in parts if not z3.is_true(part)]
    return z3.And(*open_) if len(open_) > 1 else open_[0] if open_ else z3.BoolVal(True)


def _not(part: z3.BoolRef) -> z3.BoolRef:
    return z3.BoolVal(z3.is_false(part)) if z3.is_true(part) or z3.is_false(part) else z3.Not(part)


def _any(*parts: z3.BoolRef) -> z3.BoolRef:
    return _not(_both(*[_not(part) for part in parts]))


def _implied(one: z3.BoolRef, other: z3.BoolRef) -> z3.BoolRef:
    return _any(_not(one), other)


def _same(one: z3.BoolRef, other: z3.BoolRef) -> z3.BoolRef:
    return one == other


def _other(one: z3.BoolRef, other: z3.BoolRef) -> z3.BoolRef:
    return z3.Not(one == other)


_CONNECTIVES: Final[dict[str, Callable[..., z3.BoolRef]]] = {
    "and": _both, "or": _any, "not": _not, "=>": _implied, "=": _same, "distinct": _other,
}  # fmt: skip


def arguments_of(numbers: Sequence[Polynomial]) -> dict[str, Polynomial]:
    """How the programs name a function's arguments."""
    return {f"argument.{index}": number for index, number in enumerate(numbers)}
