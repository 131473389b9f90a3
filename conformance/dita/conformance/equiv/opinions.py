"""Both solvers about integers: what the first one finds, and whether the second agrees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Final

import z3

from dita.conformance.equiv.integers import Integers
from dita.conformance.equiv.magic import disguised
from dita.conformance.equiv.polynomials import TIMES
from dita.conformance.prove.second_opinion import Opinion, ask

LOGIC: Final = "QF_LIA"
EFFORT: Final = 20_000_000
FIXED: Final = (1, 2, 3, 10**6, 10**9, 10**10, 1 << 32, 1 << 60)
"""Values that one factor of a product may have where a difference is looked for: then the other one can be computed."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Why a claim is not shown, and where it may fail."""

    why: str
    models: tuple[z3.ModelRef, ...]

    def arguments(self, names: Sequence[str]) -> list[list[int]]:
        """The arguments of every model."""
        return [
            [int(model.eval(z3.Int(name), model_completion=True).as_long()) for name in names] for model in self.models
        ]


@dataclass(slots=True)
class Opinions:
    """Asks both, and counts."""

    asked: int = 0
    _said: dict[str, Opinion] = field(default_factory=dict[str, Opinion])
    _spelled: dict[int, tuple[z3.BoolRef, str]] = field(default_factory=dict[int, tuple[z3.BoolRef, str]])

    def first(self, numbers: Integers, claim: z3.BoolRef) -> Difference | None:
        """Nothing where z3 finds that the claim follows."""
        solver = z3.SimpleSolver()
        solver.set("rlimit", EFFORT)
        solver.add(*numbers.facts, z3.Not(claim))
        said = solver.check()
        if said == z3.unsat:
            return None
        models = [solver.model()] if said == z3.sat else []
        return Difference(f"z3 says {said}", (*models, *_real(numbers, claim)))

    def second(self, numbers: Integers, wanted: Sequence[z3.BoolRef] = ()) -> list[Opinion]:
        """Ask cvc5 about everything that z3 said of these numbers, step by step as it was used: what it denies."""
        texts = [disguised(*power) for power in sorted(numbers.magic)]
        declared = "".join(f"(declare-const {TIMES.join(name)} Int)\n" for name in numbers.intervals)
        lines = [self._line(fact) for fact in numbers.facts]
        for known, claim in (*numbers.claims, *[(len(lines), claim) for claim in wanted]):
            texts.append("".join([declared, *lines[:known], self._line(z3.Not(claim))]))
        said = [self._ask(text) for text in texts]
        return [one for one in said if one is not Opinion.UNSAT]

    def _ask(self, text: str) -> Opinion:
        if text not in self._said:
            self.asked += 1
            self._said[text] = ask(f"{text}(check-sat)\n", LOGIC)
        return self._said[text]

    def _line(self, fact: z3.BoolRef) -> str:
        known = self._spelled.get(fact.get_id())
        if known is None:
            known = self._spelled[fact.get_id()] = (fact, f"(assert {fact.sexpr()})\n")
        return known[1]


def agrees(numbers: Integers, given: Mapping[str, int]) -> bool:
    """Whether what is known can be where the arguments have these values and products are products.

    It can, unless the arguments take another path; where not, something is known that is false.
    """
    solver = z3.SimpleSolver()
    solver.add(*numbers.facts, *[z3.Int(name) == value for name, value in given.items()])
    if solver.check() != z3.sat:
        return False
    model = solver.model()
    for one, other in [pair for pair in numbers.intervals if len(pair) == 2]:
        fixed, free = (other, one) if other in given else (one, other)
        value = model.eval(z3.Int(fixed), model_completion=True).as_long()  # an argument, or what these decide
        solver.add(z3.Int(TIMES.join((one, other))) == value * z3.Int(free))
    return bool(solver.check() == z3.sat)


def _real(numbers: Integers, claim: z3.BoolRef) -> list[z3.ModelRef]:
    """Models in which products are products: of each one factor is given a value, and the other is looked for."""
    products = [name for name in numbers.intervals if len(name) == 2]
    factors = sorted({name[0] for name in products})
    found: list[z3.ModelRef] = []
    for values in product(FIXED, repeat=len(factors)) if len(factors) < 3 else ():
        solver = z3.SimpleSolver()
        solver.set("rlimit", EFFORT // 10)
        solver.add(*numbers.facts, z3.Not(claim))
        given = dict(zip(factors, values, strict=True))
        solver.add(*[z3.Int(name) == value for name, value in given.items()])
        solver.add(*[z3.Int(TIMES.join(pair)) == given[pair[0]] * z3.Int(pair[1]) for pair in products])
        if solver.check() == z3.sat:
            found.append(solver.model())
    return found
