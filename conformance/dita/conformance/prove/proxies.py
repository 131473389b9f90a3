"""Integers and booleans that stand for z3 terms. Branching on one asks the explorer which way to go.

Only what the reference may use is supported; everything else raises ``Unsupported`` so that nothing is silently wrong.
Comparing with anything but an integer is such a case: a plain ``Enum`` would quietly compare unequal.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, Protocol, cast

import z3


class Unsupported(BaseException):
    """The code under proof used a construct the executor does not model. Not an ``Exception``: nobody may catch it."""


class Decider(Protocol):
    """What a proxy asks while code runs on it."""

    def decide(self, condition: z3.BoolRef) -> bool:
        """Which way this run takes the branch."""
        ...

    def concretise(self, term: z3.ArithRef) -> int:
        """The one value that this run gives to the term."""
        ...


_deciders: Final[list[Decider]] = []


def use(decider: Decider) -> None:
    """From now on branches are decided here (a stack: predicates are explored inside explorations)."""
    _deciders.append(decider)


def release(decider: Decider) -> None:
    """Undo the matching ``use``."""
    if _deciders.pop() is not decider:
        raise Unsupported("deciders released out of order")


def current() -> Decider:
    """Who decides now."""
    if not _deciders:
        raise Unsupported("a symbolic value was branched on outside an exploration")
    return _deciders[-1]


def term_of(value: object) -> z3.ArithRef:
    """The z3 term of a symbolic or plain integer. Raises Unsupported for anything else."""
    if isinstance(value, SymInt):
        return value.term
    if isinstance(value, SymBool):
        return z3.If(value.term, z3.IntVal(1), z3.IntVal(0))
    if isinstance(value, int):
        return _number(int(value))
    raise Unsupported(f"`{type(value).__name__}` met a symbolic integer")


@cache
def _number(value: int) -> z3.ArithRef:
    return z3.IntVal(value)


def word(term: z3.ArithRef) -> int:
    """The term as a record's word, which is declared an integer."""
    return cast("int", SymInt(term))


def parts_of(value: object) -> tuple[object, ...] | None:
    """The words and records in a record; None for a word."""
    return cast("tuple[object, ...]", value) if isinstance(value, tuple) else None


def is_symbolic(value: object) -> bool:
    """Whether a symbolic word is in the value, at any depth of a record."""
    parts = parts_of(value)
    if parts is not None:
        return any(is_symbolic(part) for part in parts)
    return isinstance(value, (SymInt, SymBool))


class SymBool:
    """A symbolic truth value; ``bool()`` forks."""

    __slots__ = ("term",)

    def __init__(self, term: z3.BoolRef) -> None:
        self.term = term

    def __bool__(self) -> bool:
        return current().decide(self.term)

    def __int__(self) -> int:
        return int(bool(self))

    def __index__(self) -> int:
        return int(bool(self))

    def __eq__(self, other: object) -> Any:
        if isinstance(other, SymBool):
            return SymBool(self.term == other.term)
        if isinstance(other, bool):
            return SymBool(self.term == z3.BoolVal(other))
        return SymBool(term_of(self) == term_of(other))

    def __ne__(self, other: object) -> Any:
        return SymBool(z3.Not((self == other).term))

    def __hash__(self) -> int:
        return hash(bool(self))

    def __format__(self, spec: str) -> str:
        raise Unsupported("a symbolic value was formatted")


class SymInt:
    """A symbolic integer. Comparisons give ``SymBool``; indexing and hashing enumerate its values as forks."""

    __slots__ = ("term",)

    def __init__(self, term: z3.ArithRef) -> None:
        self.term = term

    def __add__(self, other: object) -> SymInt:
        return SymInt(self.term + term_of(other))

    def __radd__(self, other: object) -> SymInt:
        return SymInt(term_of(other) + self.term)

    def __sub__(self, other: object) -> SymInt:
        return SymInt(self.term - term_of(other))

    def __rsub__(self, other: object) -> SymInt:
        return SymInt(term_of(other) - self.term)

    def __mul__(self, other: object) -> SymInt:
        return SymInt(self.term * term_of(other))

    def __rmul__(self, other: object) -> SymInt:
        return SymInt(term_of(other) * self.term)

    def __floordiv__(self, other: object) -> SymInt:
        return SymInt(floor_quotient(self.term, self._divisor(other)))

    def __rfloordiv__(self, other: object) -> SymInt:
        return SymInt(floor_quotient(term_of(other), _nonzero(self.term)))

    def __mod__(self, other: object) -> SymInt:
        divisor = self._divisor(other)
        return SymInt(self.term - divisor * floor_quotient(self.term, divisor))

    def _divisor(self, other: object) -> z3.ArithRef:
        return _nonzero(term_of(other))

    def __neg__(self) -> SymInt:
        return SymInt(-self.term)

    def __pos__(self) -> SymInt:
        return self

    def __abs__(self) -> SymInt:
        return self if self >= 0 else -self

    def __eq__(self, other: object) -> Any:
        return SymBool(self.term == term_of(other))

    def __ne__(self, other: object) -> Any:
        return SymBool(self.term != term_of(other))

    def __lt__(self, other: object) -> Any:
        return SymBool(self.term < term_of(other))

    def __le__(self, other: object) -> Any:
        return SymBool(self.term <= term_of(other))

    def __gt__(self, other: object) -> Any:
        return SymBool(self.term > term_of(other))

    def __ge__(self, other: object) -> Any:
        return SymBool(self.term >= term_of(other))

    def __bool__(self) -> bool:
        return current().decide(self.term != 0)

    def __index__(self) -> int:
        return current().concretise(self.term)

    def __int__(self) -> int:
        return current().concretise(self.term)

    def __hash__(self) -> int:
        return hash(current().concretise(self.term))

    def __truediv__(self, other: object) -> SymInt:
        raise Unsupported("`/` makes a float")

    def __pow__(self, other: object) -> SymInt:
        raise Unsupported("`**` of a symbolic value")

    def __and__(self, other: object) -> SymInt:
        raise Unsupported("`&` of a symbolic value")

    def __lshift__(self, other: object) -> SymInt:
        raise Unsupported("`<<` of a symbolic value")

    def __format__(self, spec: str) -> str:
        raise Unsupported("a symbolic value was formatted")

    def __getattr__(self, name: str) -> object:
        raise Unsupported(f"attribute `{name}` of a symbolic value")


def _nonzero(divisor: z3.ArithRef) -> z3.ArithRef:
    if current().decide(divisor == 0):
        raise ZeroDivisionError("symbolic division by zero")
    return divisor


def floor_quotient(numerator: z3.ArithRef, divisor: z3.ArithRef) -> z3.ArithRef:
    """Python's floor division. z3's rounds so that the remainder is >= 0, which differs for a negative divisor."""
    quotient = numerator / divisor
    exact = numerator == divisor * quotient
    return z3.If(z3.Or(divisor > 0, exact), quotient, quotient - 1)
