"""Paths of a named function as they are read, and for which arguments the function is compared with the reference's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

import z3

from dita.conformance.prove.contracts import Contract


def _no_short_price(_: int, quantity: int, price: int) -> bool:
    return quantity >= 0 and price >= 0


def _no_negative_terms(lot: int, tick: int, quantity_max: int, price_max: int) -> bool:
    return lot >= 0 and tick >= 0 and quantity_max >= 0 and price_max >= 0


NARROWER: Final[dict[str, Callable[..., bool]]] = {
    "price_plausible": _no_short_price,  # four times a product near -2^126 wraps
    "fits_scales": _no_negative_terms,  # it multiplies magnitudes, and so sees no sign
}
"""Where the contract speaks of all integers, and the image gives the same only here."""


def domain_of(contract: Contract) -> Callable[..., bool]:
    """For which arguments the image has to give what the reference gives."""
    return NARROWER.get(contract.name, contract.domain)


class Division(NamedTuple):
    """What a path divides by what: a word of twice as many bits by a word."""

    numerator: z3.BitVecRef
    divisor: z3.BitVecRef
    signed: bool


@dataclass(frozen=True, slots=True)
class Asserted:
    """A path's text, read: its conditions, what it divides, and what it answers."""

    conditions: tuple[z3.BoolRef, ...]
    divisions: tuple[Division, ...]
    answer: z3.BitVecRef

    @classmethod
    def of(cls, path: Mapping[str, Any]) -> Asserted:
        """Raises ValueError for a text that does not say what it must."""
        asserted = list(z3.parse_smt2_string(path["text"]))
        named: dict[str, z3.BitVecRef] = {}
        for fact in asserted[path["conditions"] :]:
            sides = cast("list[z3.BitVecRef]", fact.children())
            for name, value in (sides, sides[::-1]):
                if z3.is_const(name) and name.decl().name().startswith(("answer", "numerator.", "divisor.")):
                    named[name.decl().name()] = value
        wanted = ["answer", *[f"{one}.{n}" for n in range(len(path["signed"])) for one in ("numerator", "divisor")]]
        if named.keys() != set(wanted):
            raise ValueError(f"a path defines `{', '.join(named)}` where `{', '.join(wanted)}` is due")
        divisions = [
            Division(named[f"numerator.{number}"], named[f"divisor.{number}"], signed)
            for number, signed in enumerate(path["signed"])
        ]
        return cls(tuple(asserted[: path["conditions"]]), tuple(divisions), named["answer"])


_NEGATED: Final[dict[str, Callable[[Any, Any], z3.BoolRef]]] = {
    "distinct": lambda one, other: one == other, "bvugt": z3.ULE, "bvuge": z3.ULT,
    "bvsgt": lambda one, other: one <= other, "bvsge": lambda one, other: one < other,
}  # fmt: skip
"""Comparisons that are the negation of another."""


def complete(paths: Sequence[Asserted]) -> bool:
    """Whether any words at all take a path: their conditions, each a truth value of its own, are a tree's."""
    atoms: dict[int, tuple[z3.BoolRef, z3.BoolRef]] = {}

    def literal(condition: z3.BoolRef) -> z3.BoolRef:
        children = condition.children()
        if z3.is_not(condition):
            return z3.Not(literal(cast("z3.BoolRef", children[0])))
        opposite = _NEGATED.get(condition.decl().name())
        if opposite is not None:
            return z3.Not(literal(opposite(*children)))
        if z3.is_eq(condition):
            first, second = sorted(children, key=lambda side: side.get_id())
            condition = first == second
        return atoms.setdefault(condition.get_id(), (condition, z3.Bool(f"atom{len(atoms)}")))[1]

    solver = z3.SimpleSolver()
    solver.add(*[z3.Or(*[z3.Not(literal(one)) for one in path.conditions]) for path in paths])
    return bool(solver.check() == z3.unsat)
