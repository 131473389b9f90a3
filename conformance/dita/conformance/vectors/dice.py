"""Chance for whoever makes vectors: the same seed gives the same numbers on every machine."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A stream of numbers that is named by a text."""

    def __init__(self, seed: str) -> None:
        rng = random.Random(seed)
        self._random = rng.random
        self.bits = rng.getrandbits

    def below(self, limit: int) -> int:
        """0 to limit - 1."""
        return int(self._random() * limit)

    def among(self, choices: Sequence[T]) -> T:
        """One of the choices; repeat one to make it likelier."""
        return choices[self.below(len(choices))]

    def some(self, bits: int) -> int:
        """A positive number of at most so many bits."""
        return 1 + self.bits(bits)

    def signed(self, bits: int) -> int:
        """A number of at most so many bits, of either sign."""
        return self.bits(bits + 1) - (1 << bits)

    def shuffled(self, count: int) -> list[int]:
        """The numbers below ``count`` in any order."""
        left = list(range(count))
        return [left.pop(self.below(len(left))) for _ in range(count)]
