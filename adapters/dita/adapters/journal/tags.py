"""The tag of a new journal (clause I1)."""

from random import Random
from typing import Final

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_CHARACTERS: Final = _LETTERS + "0123456789"
_LENGTH: Final = 10  # 26 * 36^9: two journals of one account meet once in 10^15


def make_tag(rng: Random) -> str:
    """A tag for client order ids. Give ``random.SystemRandom()`` in live use, a seeded one in simulations."""
    return rng.choice(_LETTERS) + "".join(rng.choice(_CHARACTERS) for _ in range(_LENGTH - 1))
