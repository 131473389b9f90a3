"""Whether paths are all there are and overlap nowhere, in formulas that both solvers read.

Every path's condition gets a name, and so does "one of the paths before this one holds". Two paths then hold together
exactly if one of them holds and one before it does: as many clauses as there are paths, where pairs would be a square.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import z3


class Covering(NamedTuple):
    """Definitions of the names, and what may not be: that none of the conditions holds, and that two do."""

    definitions: list[z3.BoolRef]
    none: z3.BoolRef
    two: z3.BoolRef


def covering(conditions: Sequence[z3.BoolRef]) -> Covering:
    """The questions about these conditions."""
    here = [z3.Bool(f"path {number}") for number in range(len(conditions))]
    before = [z3.Bool(f"before path {number}") for number in range(len(conditions) + 1)]
    definitions = [name == condition for name, condition in zip(here, conditions, strict=True)]
    definitions += [z3.Not(before[0])]
    definitions += [before[n + 1] == z3.Or(before[n], name) for n, name in enumerate(here)]
    again = [z3.And(before[n], name) for n, name in enumerate(here)]
    return Covering(definitions, z3.Not(_any(here)), _any(again))


def _any(facts: Sequence[z3.BoolRef]) -> z3.BoolRef:
    return z3.Or(*facts) if len(facts) > 1 else facts[0]  # cvc5 reads no `or` of one
