"""Comparisons instead of the processor's flags, where a proof says that both are the same.

Of an instruction that compares an engine keeps what the processor keeps, bits: the sign of a difference, whether it
carried, whether it overflowed. A jump asks for some of these at once, and what it asks is a comparison of two numbers;
but a solver that reasons about numbers does not find that out within a minute. So a question about bits becomes the
comparison of which z3 proves that it is the same for any two numbers whatever. What is no comparison stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar, cast

import z3

from dita.conformance.equiv.comparing import definitions_of
from dita.conformance.equiv.terms import children_first
from dita.conformance.equiv.words import WORD_BITS

MILLISECONDS: Final = 10_000  # for a proof, which takes some ten
BETWEEN: Final = frozenset({"bvxor", "bvand", "bvor", "bvnot", "extract", "concat", "if", "=", "not", "bvsub"})
"""What lies between a question and the numbers that it is about."""
PARTS_MAX: Final = 60  # of a question, that are looked at
_ENDS: Final = (0, 1, 5, (1 << WORD_BITS - 1) - 1, 1 << WORD_BITS - 1, (1 << WORD_BITS) - 1)

T = TypeVar("T", bound=z3.ExprRef)
_Comparison = Callable[[z3.BitVecRef, z3.BitVecRef], z3.BoolRef]
COMPARISONS: Final[tuple[_Comparison, ...]] = (
    lambda one, other: one == other, lambda one, other: one < other, z3.ULT, lambda one, other: one <= other, z3.ULE,
    lambda one, other: one != other, lambda one, other: one >= other, z3.UGE, lambda one, other: one > other, z3.UGT,
)  # fmt: skip


class _Pair(NamedTuple):
    """Two numbers that a question may be about."""

    one: z3.BitVecRef
    other: z3.BitVecRef


@dataclass(slots=True)
class Flags:
    """Rewrites terms. What was proved once is remembered; terms are kept, so that their ids stay theirs."""

    turned: int = 0  # questions that became comparisons
    _proved: dict[str, _Comparison | None] = field(default_factory=dict[str, "_Comparison | None"])
    _done: dict[int, z3.ExprRef] = field(default_factory=dict[int, z3.ExprRef])
    _kept: list[z3.ExprRef] = field(default_factory=list[z3.ExprRef])

    def of(self, term: T) -> T:
        """A term that is worth the same."""
        for part in children_first(term, self._done):
            pairs = [(old, self._done[old.get_id()]) for old in part.children()]
            others = [(old, new) for old, new in pairs if not old.eq(new)]
            made = z3.substitute(part, *others) if others else part
            comparison = self._comparison(made) if _is_question(made) else None
            self.turned += comparison is not None
            self._done[part.get_id()] = made if comparison is None else comparison
            self._kept += [part, self._done[part.get_id()]]
        return cast("T", self._done[term.get_id()])

    def _comparison(self, question: z3.ExprRef) -> z3.BoolRef | None:
        """The comparison that a question is; None where it is not about two numbers, or is none of them."""
        for pair in _pairs(question):
            free = [z3.BitVec(name, side.size()) for name, side in zip(_Pair._fields, pair, strict=True)]
            standing = [(side, name) for side, name in zip(pair, free, strict=True) if not _is_zero(side)]
            shape = z3.substitute(question, *standing)
            if _words(shape) != {name.decl().name() for _, name in standing}:
                continue  # it is about something else as well, or not about this
            sides = [side if _is_zero(side) else name for side, name in zip(pair, free, strict=True)]
            key = f"{shape.sexpr()} {sides}"
            if key not in self._proved:
                self._proved[key] = next((one for one in COMPARISONS if _same(shape, one(*sides), free)), None)
            comparison = self._proved[key]
            if comparison is not None:
                return comparison(*pair)
        return None


def compared(answer: Mapping[str, Any], flags: Flags) -> dict[str, Any]:
    """What was found of a kind, with comparisons for flags. Raises ValueError for a text that is not understood."""
    if "paths" not in answer:
        return dict(answer)
    return {**answer, "paths": [_path(path, flags) for path in answer["paths"]]}


def _path(path: Mapping[str, Any], flags: Flags) -> dict[str, Any]:
    conditions, named = definitions_of(path)
    solver = z3.Solver()
    solver.add(*[flags.of(condition) for condition in conditions])
    solver.add(*[z3.BitVec(name, WORD_BITS) == flags.of(value) for name, value in named.items()])
    return {**path, "text": solver.sexpr()}


def _is_question(term: z3.ExprRef) -> bool:
    """Whether one bit is asked for, or whether a difference is nothing."""
    if term.decl().name() != "=" or not z3.is_bv(term.arg(0)):
        return False
    return term.arg(0).size() == 1 or any(side.decl().name() == "bvsub" for side in term.children())


def _pairs(question: z3.ExprRef) -> Iterator[_Pair]:
    """The sides of each difference in it, the outermost first; then each number whose sign or absence is asked for."""
    found, alone = [question], list[_Pair]()
    for number, part in enumerate(found):
        if number >= PARTS_MAX:
            break
        children = part.children() if part.decl().name() in BETWEEN else []
        if part.decl().name() == "bvsub":
            yield _Pair(*children)
        for child in children:
            wide = z3.is_bv(child) and child.size() > 1 and not z3.is_bv_value(child)
            if wide and part.decl().name() in {"extract", "="}:
                alone.append(_Pair(child, z3.BitVecVal(0, child.size())))
            if all(not child.eq(one) for one in found):
                found.append(child)
    yield from alone


def _is_zero(term: z3.ExprRef) -> bool:
    return z3.is_bv_value(term) and term.as_long() == 0


def _words(term: z3.ExprRef) -> set[str]:
    """Free words, and whatever else has no meaning of its own."""
    done = set[int]()
    names = set[str]()
    for part in children_first(term, done):
        done.add(part.get_id())
        if part.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            names.add(part.decl().name())
    return names


def _same(shape: z3.ExprRef, claim: z3.BoolRef, free: list[z3.BitVecRef]) -> bool:
    """Whether both are the same whatever the free numbers: on some it is tried, of all it is proved."""
    both = shape == claim
    for one in _ENDS:
        for other in _ENDS:
            given = [(name, z3.BitVecVal(value, name.size())) for name, value in zip(free, (one, other), strict=True)]
            if not z3.is_true(z3.simplify(z3.substitute(both, *given))):
                return False
    solver = z3.Solver()
    solver.set("timeout", MILLISECONDS)
    return solver.check(z3.Not(both)) == z3.unsat
