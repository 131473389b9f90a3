"""A compiler's division by a constant: a multiplication by a magic number, of which the upper bits are kept."""

from __future__ import annotations

from functools import cache
from typing import Final

import z3

EFFORT: Final = 5_000_000  # in z3's own measure


def divisor_of(factor: int, power: int) -> tuple[int, int]:
    """By what ``number * factor // power`` would divide, and up to which number it does."""
    divisor = -(-power // factor)
    excess = factor * divisor - power
    return divisor, (power - 1) // excess if excess else power


@cache
def is_division(factor: int, power: int, divisor: int, most: int) -> bool:
    """Whether z3 finds that for the numbers from 0 to ``most`` the multiplication is the division."""
    solver = z3.SimpleSolver()
    solver.set("rlimit", EFFORT)
    solver.add(*z3.parse_smt2_string(disguised(factor, power, divisor, most)))
    return bool(solver.check() == z3.unsat)


def disguised(factor: int, power: int, divisor: int, most: int) -> str:
    """For some number from 0 to ``most`` the multiplication is something else, in SMT-LIB."""
    return (
        "(declare-const x Int)(declare-const q Int)(declare-const p Int)\n"
        f"(assert (and (<= 0 x) (<= x {most})))\n"
        f"(assert (and (<= (* {divisor} q) x) (< x (+ (* {divisor} q) {divisor}))))\n"
        f"(assert (and (<= (* {power} p) (* {factor} x)) (< (* {factor} x) (+ (* {power} p) {power}))))\n"
        "(assert (distinct p q))\n"
    )
