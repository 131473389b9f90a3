"""What ``integers`` does with quotients and products, as lemmas about all integers: z3 and cvc5 prove each.

A rule about a compiler's magic number is no lemma here: it is proved anew for each number (``opinions``).
"""

from __future__ import annotations

from typing import Final

import z3

from dita.conformance.prove.lemmas import PRODUCT, Lemma


def _multiple(number: int, times: int, divisor: int) -> bool:
    return (number + divisor * times) // divisor == number // divisor + times


def _common(number: int, divisor: int, factor: int) -> bool:
    return (factor * number) // (factor * divisor) == number // divisor


def _opposite(number: int, divisor: int) -> bool:
    exact = number - divisor * (number // divisor) == 0
    return -number // divisor == -(number // divisor) - (0 if exact else 1)


def _twice(number: int, first: int, second: int) -> bool:
    quotient = number // first // second
    return 0 <= number - first * second * quotient <= first * second - 1


def _unique(number: int, divisor: int, quotient: int) -> bool:
    return number // divisor == quotient


def _chain(number: int, first: int, second: int) -> bool:
    return 0 <= number // first - second * (number // first // second) <= second - 1


def _corner(one: int, other: int, low: int, least: int) -> bool:
    return one * other - low * other - least * one + low * least >= 0


def _rest(number: z3.ArithRef, first: z3.ArithRef, second: z3.ArithRef) -> z3.ArithRef:
    return number / first - second * (number / first / second)


RULES: Final = (
    Lemma(
        "multiples-leave", "What a divisor divides leaves the numerator.", ("number", "times", "divisor"),
        lambda number, times, divisor: divisor > 0, _multiple,
    ),
    Lemma(
        "common-factor", "A factor of numerator and divisor falls away.", ("number", "divisor", "factor"),
        lambda number, divisor, factor: divisor > 0 and factor > 0, _common,
        lambda number, divisor, factor: (
            (PRODUCT, (factor * number) / (factor * divisor) - number / divisor, divisor),
        ),
    ),
    Lemma(
        "opposite", "The quotient of the opposite is the opposite quotient, one less where something remains.",
        ("number", "divisor"), lambda number, divisor: divisor > 0, _opposite,
        lambda number, divisor: tuple(
            (PRODUCT, number / divisor + (-number) / divisor + shift, divisor) for shift in (-1, 0, 1, 2)
        ),
    ),
    Lemma(
        "quotient-twice", "A quotient of a quotient leaves what division by the product leaves.",
        ("number", "first", "second"), lambda number, first, second: first > 0 and second > 0, _twice,
        lambda number, first, second: (
            (PRODUCT, _rest(number, first, second), first),
            (PRODUCT, second - 1 - _rest(number, first, second), first),
        ),
    ),
    Lemma(
        "quotient-unique", "What leaves a remainder from 0 to below the divisor is the quotient.",
        ("number", "divisor", "quotient"),
        lambda number, divisor, quotient: divisor > 0 and 0 <= number - divisor * quotient <= divisor - 1, _unique,
    ),
    Lemma(
        "quotient-chain", "A quotient and the quotient of it differ by a remainder.", ("number", "first", "second"),
        lambda number, first, second: first > 0 and second > 0, _chain,
    ),
    Lemma(
        "corner", "The product of two differences that are not negative is not negative.",
        ("one", "other", "low", "least"), lambda one, other, low, least: one >= low and other >= least, _corner,
        lambda one, other, low, least: ((PRODUCT, one - low, other - least),),
    ),
)  # fmt: skip
"""With ``prove.lemmas.PRODUCT`` all that is told to the solvers of quotients and products."""
