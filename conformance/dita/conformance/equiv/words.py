"""The reference's terms over integers as terms over 64-bit words, exactly.

A machine word wraps and an integer does not. So an interval is kept for every term, from what is known of the words
that it is made of; a sum is taken at 64 bits where its interval says that it cannot wrap there, and wider elsewhere.
Wherever the facts given to ``bounded`` hold, a translated term is worth what the integer term is worth.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, cast

import z3

from dita.conformance.equiv.terms import children_first
from dita.conformance.prove.contracts import CONTRACTS
from dita.conformance.prove.proxies import Unsupported
from dita.spec.scales import BOUND
from dita.spec.slot_invariants import FEE_RATE_MAX_PPB

WORD_BITS: Final = 64


class Interval(NamedTuple):
    """Smallest and largest value."""

    low: int
    high: int

    @property
    def bits(self) -> int:
        """Bits of the shortest two's complement word that holds every value, 64 at least."""
        return max(WORD_BITS, *[(end if end >= 0 else ~end).bit_length() + 1 for end in self])

    def meet(self, other: Interval) -> Interval:
        """What lies in both."""
        return Interval(max(self.low, other.low), min(self.high, other.high))

    @property
    def is_empty(self) -> bool:
        """Whether no value lies in it."""
        return self.low > self.high


WORD: Final = Interval(-(1 << 63), (1 << 63) - 1)
RESULTS: Final[dict[str, Interval]] = {
    "notional": Interval(0, (1 << 126) - 1),
    "cost_share": Interval(0, BOUND),
    "predicted_fee": Interval(0, BOUND),
    "calibrated_rate": Interval(0, FEE_RATE_MAX_PPB),
    "minimum_quantity": Interval(1, BOUND + 1),
    "leg_quantity": Interval(1, BOUND),
}
"""What the contracts say of each function's result on the contract's domain, where alone the reference calls it."""


def symbol(name: str) -> z3.FuncDeclRef:
    """A named function on words: what the reference's function gives, before it is fitted into a word.

    Its result has as many bits as the function's values take, and none that a comparison of them would not see.
    """
    contract = CONTRACTS[name]
    bits = RESULTS.get(name, WORD).bits
    result = z3.BoolSort() if contract.truth else z3.BitVecSort(bits)
    return z3.Function(name, *[z3.BitVecSort(WORD_BITS)] * contract.arity, result)


_COMPARISONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
    "=": operator.eq,
    "distinct": operator.ne,
}
_CONNECTIVES: Final[dict[str, Callable[..., Any]]] = {
    "and": z3.And,
    "or": z3.Or,
    "not": z3.Not,
    "=>": z3.Implies,
    "if": z3.If,
    "=": operator.eq,
    "distinct": operator.ne,
}


@dataclass(slots=True)
class Words:
    """Translates terms under what is known. Terms are kept, so that their ids stay theirs."""

    known: dict[int, Interval] = field(default_factory=dict[int, Interval])
    _done: dict[int, z3.ExprRef] = field(default_factory=dict[int, z3.ExprRef])
    _intervals: dict[int, Interval] = field(default_factory=dict[int, Interval])
    _kept: list[z3.ExprRef] = field(default_factory=list[z3.ExprRef])

    def fact(self, term: z3.BoolRef) -> z3.BoolRef:
        """A truth value. Raises Unsupported for an operation that is not known here."""
        self._translate(term)
        return cast("z3.BoolRef", self._done[term.get_id()])

    def learned(self, term: z3.BoolRef) -> z3.BoolRef:
        """The same of a fact that is known from now on. What shows that a term fits a word is itself taken wide."""
        made = self.fact(term)
        self.learn([term])
        return made

    def learn(self, facts: Iterable[z3.BoolRef]) -> None:
        """These facts are known from now on."""
        self.known = bounded(facts, self.known)
        narrower = [one for one, old in self._intervals.items() if old.meet(self.known.get(one, old)) != old]
        if narrower:
            self._done.clear()
            self._intervals.clear()

    def word(self, term: z3.ArithRef) -> z3.BitVecRef:
        """An integer that fits a word. Raises Unsupported where the intervals do not show that it does."""
        self._translate(term)
        interval = self._intervals[term.get_id()]
        if interval.bits > WORD_BITS:
            raise Unsupported(f"`{term}` may not fit a word: {interval}")
        return resized(self._number_of(term), WORD_BITS)

    def _translate(self, term: z3.ExprRef) -> None:
        for part in children_first(term, self._done):
            self._kept.append(part)
            if z3.is_bool(part):
                self._done[part.get_id()] = self._truth(part)
            else:
                value, interval = self._number(part)
                self._done[part.get_id()] = value
                self._intervals[part.get_id()] = interval.meet(self.known.get(part.get_id(), interval))

    def _number_of(self, term: z3.ExprRef) -> z3.BitVecRef:
        return cast("z3.BitVecRef", self._done[term.get_id()])

    def _truth(self, term: z3.BoolRef) -> z3.BoolRef:
        children, name = term.children(), term.decl().name()
        if not children:
            return term  # a number's truth value is itself, and so is a free one
        if name in CONTRACTS:
            return cast("z3.BoolRef", self._call(term))
        if z3.is_bool(children[-1]):
            if name not in _CONNECTIVES:
                raise Unsupported(f"no meaning on words is known for `{name}` of truth values")
            given = [self._done[child.get_id()] for child in children]
            alone = len(given) == 1 and name in {"and", "or"}
            return cast("z3.BoolRef", given[0] if alone else _CONNECTIVES[name](*given))
        if name not in _COMPARISONS or len(children) != 2:
            raise Unsupported(f"no meaning on words is known for the comparison `{name}`")
        bits = max(self._intervals[child.get_id()].bits for child in children)
        left, right = (resized(self._number_of(child), bits) for child in children)
        return cast("z3.BoolRef", _COMPARISONS[name](left, right))

    def _number(self, term: z3.ExprRef) -> tuple[z3.BitVecRef, Interval]:
        children, name = term.children(), term.decl().name()
        if z3.is_int_value(term):
            interval = Interval(term.as_long(), term.as_long())
            return z3.BitVecVal(term.as_long(), interval.bits), interval
        if name in CONTRACTS:
            return cast("z3.BitVecRef", self._call(term)), RESULTS[name]
        if not children:
            return z3.BitVec(name, WORD_BITS), WORD
        if name == "if":
            yes, no = (self._intervals[child.get_id()] for child in children[1:])
            interval = Interval(min(yes.low, no.low), max(yes.high, no.high))
            ours, theirs = (resized(self._number_of(child), interval.bits) for child in children[1:])
            return z3.If(cast("z3.BoolRef", self._done[children[0].get_id()]), ours, theirs), interval
        if name in {"+", "-"}:
            return self._sum(term, negative=name == "-")
        if name == "*" and len(children) == 2 and any(z3.is_int_value(child) for child in children):
            one, other = (self._intervals[child.get_id()] for child in children)
            ends = [left * right for left in one for right in other]
            interval = Interval(min(ends), max(ends))
            left, right = (resized(self._number_of(child), interval.bits) for child in children)
            return left * right, interval
        raise Unsupported(f"no meaning on words is known for the operation `{name}`")

    def _sum(self, term: z3.ExprRef, *, negative: bool) -> tuple[z3.BitVecRef, Interval]:
        """A sum or a difference, at the width of the result: what an operand or a part of it wraps there cancels."""
        first, *others = term.children()
        low, high = self._intervals[first.get_id()]
        if negative and not others:
            low, high = -high, -low
        for other in others:
            least, most = self._intervals[other.get_id()]
            low, high = (low - most, high - least) if negative else (low + least, high + most)
        interval = Interval(low, high)
        interval = interval.meet(self.known.get(term.get_id(), interval))
        value = resized(self._number_of(first), interval.bits)
        if negative and not others:
            return -value, interval
        for other in others:
            part = resized(self._number_of(other), interval.bits)
            value = value - part if negative else value + part
        return value, interval

    def _call(self, term: z3.ExprRef) -> z3.ExprRef:
        return cast("z3.ExprRef", symbol(term.decl().name())(*[self.word(child) for child in term.children()]))


def resized(value: z3.BitVecRef, bits: int) -> z3.BitVecRef:
    """The number at another width, its lowest bits where that is smaller."""
    if z3.is_bv_value(value):
        return z3.BitVecVal(value.as_signed_long(), bits)
    if value.size() < bits:
        return z3.SignExt(bits - value.size(), value)
    return z3.Extract(bits - 1, 0, value) if value.size() > bits else value


# --- what is known --------------------------------------------------------------------------------------------------


def bounded(facts: Iterable[z3.BoolRef], known: Mapping[int, Interval] | None = None) -> dict[int, Interval]:
    """Intervals, by term id, that comparisons with numbers among the facts give; the caller keeps the facts."""
    found = dict(known or {})
    every = list(facts)
    for fact in every * PASSES:
        _bound(fact, found, holds=True)
    return found


_MIRRORED: Final = {"<=": ">=", ">=": "<=", "<": ">", ">": "<"}
_OPPOSITE: Final = {"<=": ">", ">=": "<", "<": ">=", ">": "<=", "distinct": "="}
_FAR: Final = 1 << 200
_ANYTHING: Final = Interval(-_FAR, _FAR)
PASSES: Final = 2  # so that a comparison with a word knows what a later fact says of that word


def _bound(fact: z3.ExprRef, found: dict[int, Interval], *, holds: bool) -> None:
    name = fact.decl().name()
    if name == "not":
        _bound(fact.arg(0), found, holds=not holds)
    elif name == ("and" if holds else "or"):
        for part in fact.children():
            _bound(part, found, holds=holds)
    elif name == ("or" if holds else "and"):
        possible = [part for part in fact.children() if decided(part, found) is not (not holds)]
        if len(possible) == 1:
            _bound(possible[0], found, holds=holds)
    elif name == "if":
        _bound_by_choice(fact, found, holds=holds)
    elif fact.num_args() == 2 and z3.is_int(fact.arg(0)):
        left, right = fact.children()
        comparison = name if holds else _OPPOSITE.get(name, "")
        for one, how, other in ((left, comparison, right), (right, _MIRRORED.get(comparison, comparison), left)):
            if not z3.is_int_value(one):
                _compared(one, how, _interval(other, found), found)


def _bound_by_choice(fact: z3.ExprRef, found: dict[int, Interval], *, holds: bool) -> None:
    """What the side says that can be; where both can, what either says, each with what the choice says of it."""
    condition, yes, no = fact.children()
    possible = [
        (side, chosen)
        for side, chosen in ((yes, True), (no, False))
        if decided(condition, found) is not (not chosen) and decided(side, found) is not (not holds)
    ]
    if len(possible) == 1:
        ((side, chosen),) = possible
        _bound(condition, found, holds=chosen)
        _bound(side, found, holds=holds)
        return
    sides: list[dict[int, Interval]] = []
    for side, chosen in possible:
        said: dict[int, Interval] = {}
        for _ in range(PASSES):
            _bound(condition, said, holds=chosen)
            _bound(side, said, holds=holds)
        sides.append(said)
    for term in sides[0].keys() & sides[1].keys() if sides else ():
        one, other = sides[0][term], sides[1][term]
        either = Interval(min(one.low, other.low), max(one.high, other.high))
        if either.low > -_FAR or either.high < _FAR:
            found[term] = found.get(term, either).meet(either)


def decided(fact: z3.ExprRef, found: Mapping[int, Interval]) -> bool | None:
    """Whether the fact holds wherever the words lie in these intervals, or nowhere; None where they do not tell."""
    name, children = fact.decl().name(), fact.children()
    if z3.is_true(fact) or z3.is_false(fact):
        return z3.is_true(fact)
    if name == "not":
        said = decided(children[0], found)
        return None if said is None else not said
    if name in {"and", "or"}:
        parts = [decided(child, found) for child in children]
        deciding = name == "or"
        if deciding in parts:
            return deciding
        return None if None in parts else not deciding
    if len(children) == 2 and z3.is_int(children[0]) and name in _DECIDED:
        return _DECIDED[name](*[_interval(child, found) for child in children])
    return None


_DECIDED: Final[dict[str, Callable[[Interval, Interval], bool | None]]] = {
    "<=": lambda one, other: True if one.high <= other.low else False if one.low > other.high else None,
    "<": lambda one, other: True if one.high < other.low else False if one.low >= other.high else None,
    ">=": lambda one, other: True if one.low >= other.high else False if one.high < other.low else None,
    ">": lambda one, other: True if one.low > other.high else False if one.high <= other.low else None,
    "=": lambda one, other: (
        True if one.low == one.high == other.low == other.high else False if one.meet(other).is_empty else None
    ),
}


def _interval(term: z3.ExprRef, found: Mapping[int, Interval]) -> Interval:
    """What is known so far of a number, a term or a term's negation."""
    if z3.is_int_value(term):
        return Interval(term.as_long(), term.as_long())
    if term.decl().name() == "-" and term.num_args() == 1:
        low, high = _interval(term.arg(0), found)
        return Interval(-high, -low)
    return found.get(term.get_id(), _ANYTHING)


def _compared(term: z3.ExprRef, comparison: str, other: Interval, found: dict[int, Interval]) -> None:
    ranges = {
        "<=": Interval(-_FAR, other.high), "<": Interval(-_FAR, other.high - 1), ">=": Interval(other.low, _FAR),
        ">": Interval(other.low + 1, _FAR), "=": other,
    }  # fmt: skip
    said = ranges.get(comparison, _ANYTHING)
    if abs(said.low) < _FAR - 1 or abs(said.high) < _FAR - 1:
        found[term.get_id()] = found.get(term.get_id(), _ANYTHING).meet(said)
