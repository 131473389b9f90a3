"""Sums of words in one canonical form, so that a compiler's order of summands does not matter to a solver.

Words are a ring: whatever wraps, a sum is the same in any order. Every maximal sum (``bvadd``, ``bvsub``, ``bvneg``,
products with a number) becomes a linear combination of its atoms, and is written anew with the atoms in one order, the
number last, and the first atom positive. Sums that differ by a number or a sign then share what they have in common.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar, cast

import z3

from dita.conformance.equiv.terms import children_first

CHOICES_MAX: Final = 4  # that one sum is split by: sixteen sums
T = TypeVar("T", bound=z3.ExprRef)
Linear = tuple[dict[int, int], int]
"""Coefficients by the ids of atoms, and a number; all of them wrapped."""


@dataclass(slots=True)
class Canonical:
    """Rewrites terms; equal sums become the same term."""

    _done: dict[int, z3.ExprRef] = field(default_factory=dict[int, z3.ExprRef])
    _linear: dict[int, Linear] = field(default_factory=dict[int, Linear])
    _atoms: dict[int, z3.BitVecRef] = field(default_factory=dict[int, z3.BitVecRef])
    _kept: list[z3.ExprRef] = field(default_factory=list[z3.ExprRef])  # or their ids would be given again
    _order: dict[int, int] = field(default_factory=dict[int, int])

    def of(self, term: T) -> T:
        """The term with its sums in canonical form."""
        self._rewrite(term)
        return cast("T", self._done[term.get_id()])

    def _rewrite(self, term: z3.ExprRef) -> None:
        for part in children_first(term, self._done):
            self._kept.append(part)
            self._done[part.get_id()] = self._rewritten(part)

    def _rewritten(self, term: z3.ExprRef) -> z3.ExprRef:
        if z3.is_bv(term):
            linear = self._combination(term)
            if linear is not None:
                return self._lifted(linear, term.size(), CHOICES_MAX)
            if term.decl().name() == "extract" and term.params()[1] == 0:
                return self._low(cast("z3.BitVecRef", self._done[term.arg(0).get_id()]), term.size())
        return self._rebuilt(term)

    def _low(self, term: z3.BitVecRef, bits: int) -> z3.BitVecRef:
        """The lowest bits: of a sum they are the sum of its atoms' lowest bits, of a choice a choice."""
        name = term.decl().name()
        if term.size() == bits:
            return term
        known = self._linear.get(term.get_id())
        if known is not None or z3.is_bv_value(term):
            atoms, number = self._parts(term)
            parts: list[tuple[Linear, int]] = [(({}, number), 1)]
            parts += [(self._parts(self._low(self._atoms[atom], bits)), times) for atom, times in atoms.items()]
            return self._lifted(_total(parts, bits), bits, CHOICES_MAX)
        if name == "if":
            return self._keep(z3.If(term.arg(0), self._low(term.arg(1), bits), self._low(term.arg(2), bits)))
        if name in {"sign_extend", "zero_extend"} and term.arg(0).size() >= bits:
            return self._low(term.arg(0), bits)
        return self._keep(z3.Extract(bits - 1, 0, term))

    def _keep(self, made: z3.BitVecRef) -> z3.BitVecRef:
        self._kept.append(made)
        return made

    def _lifted(self, linear: Linear, bits: int, choices: int) -> z3.BitVecRef:
        """The sum; of a sum with a choice among its atoms, the choice of two sums."""
        atoms, number = linear
        chosen = [self._atoms[atom] for atom in sorted(atoms, key=self._order.__getitem__)]
        conditions = [atom.arg(0) for atom in chosen if atom.decl().name() == "if"]
        if not (conditions and choices):
            made = self._keep(self._written(linear, bits))
            if made.get_id() not in self._atoms:
                self._linear[made.get_id()] = linear
            return made
        sums: list[z3.BitVecRef] = []
        for side in (1, 2):
            parts: list[tuple[Linear, int]] = [(({}, number), 1)]
            for atom in chosen:
                mine = atom.decl().name() == "if" and atom.arg(0).eq(conditions[0])
                parts.append((self._parts(atom.arg(side) if mine else atom), atoms[atom.get_id()]))
            sums.append(self._lifted(_total(parts, bits), bits, choices - 1))
        return self._keep(z3.If(conditions[0], *sums))

    def _rebuilt(self, term: z3.ExprRef) -> z3.ExprRef:
        children = term.children()
        if not children:
            return term
        given = [self._done[child.get_id()] for child in children]
        if all(new is old or new.eq(old) for new, old in zip(given, children, strict=True)):
            return term
        return z3.substitute(term, *[(o, n) for o, n in zip(children, given, strict=True) if not o.eq(n)])

    def _combination(self, term: z3.BitVecRef) -> Linear | None:
        """Coefficients of atoms and a number, where the term is a sum."""
        if z3.is_bv_value(term):
            return {}, term.as_long()
        name, children = term.decl().name(), [self._done[child.get_id()] for child in term.children()]
        if name in {"bvadd", "bvsub"}:
            parts = [
                (self._parts(child), -1 if name == "bvsub" and number else 1) for number, child in enumerate(children)
            ]
        elif name == "bvneg":
            parts = [(self._parts(children[0]), -1)]
        elif name == "bvmul" and len(children) == 2 and any(z3.is_bv_value(child) for child in children):
            factor, other = children if z3.is_bv_value(children[0]) else children[::-1]
            parts = [(self._parts(other), _number(factor))]
        elif name == "bvshl" and z3.is_bv_value(children[1]):
            parts = [(self._parts(children[0]), 1 << min(_number(children[1]), term.size()))]
        else:
            return None
        return _total(parts, term.size())

    def _parts(self, term: z3.ExprRef) -> Linear:
        known = self._linear.get(term.get_id())
        if known is not None:
            return known
        if z3.is_bv_value(term):
            return {}, term.as_long()
        self._atoms[term.get_id()] = cast("z3.BitVecRef", term)
        self._kept.append(term)
        self._order.setdefault(term.get_id(), len(self._order))
        return {term.get_id(): 1}, 0

    def _written(self, linear: Linear, bits: int) -> z3.BitVecRef:
        atoms, number = linear
        if not atoms:
            return z3.BitVecVal(number, bits)
        ordered = sorted(atoms, key=self._order.__getitem__)
        half, wrap = 1 << (bits - 1), 1 << bits
        turned = atoms[ordered[0]] >= half  # a sum and its negation share the sum
        value: z3.BitVecRef | None = None
        for atom in ordered:
            coefficient = (-atoms[atom]) % wrap if turned else atoms[atom]
            value = _plus(value, self._atoms[atom], coefficient, bits)
        assert value is not None
        if turned:
            value = -value
        return value + z3.BitVecVal(number, bits) if number else value


def _total(parts: Iterable[tuple[Linear, int]], bits: int) -> Linear:
    """The sum of combinations, each taken so many times."""
    wrap = 1 << bits
    found: dict[int, int] = {}
    total = 0
    for (atoms, number), times in parts:
        total += times * number
        for atom, coefficient in atoms.items():
            found[atom] = (found.get(atom, 0) + times * coefficient) % wrap
    return {atom: coefficient for atom, coefficient in found.items() if coefficient}, total % wrap


def _number(term: z3.ExprRef) -> int:
    return cast("z3.BitVecNumRef", term).as_long()


def _plus(value: z3.BitVecRef | None, atom: z3.BitVecRef, coefficient: int, bits: int) -> z3.BitVecRef:
    negative = coefficient >= 1 << (bits - 1)
    size = (1 << bits) - coefficient if negative else coefficient
    term = atom if size == 1 else atom * z3.BitVecVal(size, bits)
    if value is None:
        return -term if negative else term
    return value - term if negative else value + term
