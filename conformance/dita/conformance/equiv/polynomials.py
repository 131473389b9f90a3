"""Polynomials over named integers in one normal form, so that two ways to compute a number are seen to be the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import Final

import z3

Monomial = tuple[str, ...]
"""Names in order, each as often as its power; the empty one is the constant."""

TIMES: Final = "*"


@dataclass(frozen=True)
class Polynomial:
    """A sum of monomials with coefficients other than zero, in order."""

    terms: tuple[tuple[Monomial, int], ...] = ()

    @classmethod
    def of(cls, terms: Mapping[Monomial, int]) -> Polynomial:
        """The sum of these."""
        return cls(tuple(sorted((monomial, factor) for monomial, factor in terms.items() if factor)))

    @classmethod
    def number(cls, value: int) -> Polynomial:
        """A constant."""
        return cls.of({(): value})

    @classmethod
    def name(cls, name: str) -> Polynomial:
        """A named integer."""
        return cls.of({(name,): 1})

    def __add__(self, other: Polynomial) -> Polynomial:
        found = dict(self.terms)
        for monomial, factor in other.terms:
            found[monomial] = found.get(monomial, 0) + factor
        return Polynomial.of(found)

    def __neg__(self) -> Polynomial:
        return self.scaled(-1)

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + -other

    def __mul__(self, other: Polynomial) -> Polynomial:
        found: dict[Monomial, int] = {}
        for ours, factor in self.terms:
            for theirs, by in other.terms:
                monomial = tuple(sorted((*ours, *theirs)))
                found[monomial] = found.get(monomial, 0) + factor * by
        return Polynomial.of(found)

    def scaled(self, by: int) -> Polynomial:
        """So many times this."""
        return Polynomial.of({monomial: by * factor for monomial, factor in self.terms})

    def divided(self, by: int) -> Polynomial:
        """This divided by a number that divides every coefficient."""
        return Polynomial.of({monomial: factor // by for monomial, factor in self.terms})

    @cached_property
    def value(self) -> int | None:
        """The number that this is, if it is one."""
        if not self.terms:
            return 0
        ((monomial, factor), *others) = self.terms
        return None if monomial or others else factor

    @cached_property
    def alone(self) -> str | None:
        """The name that this is, if it is one."""
        match self.terms:
            case (((str() as name,), 1),):
                return name
            case _:
                return None

    @cached_property
    def content(self) -> int:
        """The largest number that divides every coefficient."""
        return gcd(*(factor for _, factor in self.terms)) or 1

    def factor_of(self, name: str) -> int:
        """The coefficient of a name on its own."""
        return dict(self.terms).get((name,), 0)

    def split(self, by: Polynomial) -> tuple[Polynomial, Polynomial]:
        """``(a, b)`` with self = by * a + b, where ``by`` is a number or a name: what it divides goes into ``a``."""
        multiples: dict[Monomial, int] = {}
        rest: dict[Monomial, int] = {}
        for monomial, factor in self.terms:
            if by.value is not None and factor % by.value == 0:
                multiples[monomial] = factor // by.value
            elif by.alone is not None and by.alone in monomial:
                at = monomial.index(by.alone)
                multiples[monomial[:at] + monomial[at + 1 :]] = factor
            else:
                rest[monomial] = factor
        return Polynomial.of(multiples), Polynomial.of(rest)

    @cached_property
    def term(self) -> z3.ArithRef:
        """The same for a solver, to which a product of names is a number of its own."""
        parts = [
            z3.IntVal(factor) * z3.Int(TIMES.join(monomial)) if monomial else z3.IntVal(factor)
            for monomial, factor in self.terms
        ]
        return z3.Sum(*parts) if len(parts) > 1 else parts[0] if parts else z3.IntVal(0)
