"""Arguments on which the named arithmetic of the two sides is compared, function by function, beyond what a step gives.

Every corner with every other, random widths, and the turning points of rounding, all within the bounds of clause N2.
"""

from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Final

from dita.reference import arithmetic
from dita.spec.scales import BOUND

NAMES: Final = {
    "notional": 2, "cost_share": 3, "predicted_fee": 2, "calibrated_rate": 2, "is_multiple": 2, "minimum_quantity": 4,
    "leg_quantity": 4, "price_plausible": 3, "within_leverage": 3, "fits_scales": 4,
}  # fmt: skip
"""Functions and how many arguments they take."""

BEYOND: Final = 5 << 60
"""What the kernel gives for every quotient above it; no such amount passes the money gate."""

CORNERS: Final = (
    0, 1, 2, 3, 9, 10, 999_999_999, 10**9, 10**10 - 1, 10**10, 2**32 - 1, 2**32, 2**59 + 1, BOUND - 1, BOUND,
)  # fmt: skip

LAST_TERMS: Final = tuple(
    (1, 10**10, quantity, price - off)
    for quantity, price in ((BOUND, 10**10), (4_562_284_561 * 10**7, 17 * 241 * 61_681 * 10**3))
    for off in (0, 1)
)
"""Terms of a contract: the notional of the largest order is ``BOUND``, or one more, and a little less than each."""


def in_domain(name: str, arguments: tuple[int, ...]) -> bool:
    """Whether the reference defines an answer: divisors are positive, a minimum is at least one."""
    if name == "cost_share":
        cost, whole, part = arguments
        return part <= whole or (whole > 0 and cost >= 0)
    if name == "is_multiple":
        return arguments[1] > 0
    if name in ("minimum_quantity", "leg_quantity"):
        return arguments[2] > 0 and (name == "leg_quantity" or arguments[3] > 0)
    return True


def vectors(name: str) -> Iterator[tuple[int, ...]]:
    """Every corner with every other for up to three arguments, a sample for four, and random widths for all."""
    rng = Random(name)
    arguments = [some for some in _drawn(NAMES[name], rng) if in_domain(name, some)]
    yield from dict.fromkeys((*arguments, *_turning_points(name, arguments)))


def _turning_points(name: str, arguments: list[tuple[int, ...]]) -> Iterator[tuple[int, ...]]:
    """What chance and corners do not come to: exact ties of each rounding, debts, and the last terms that fit."""
    if name == "within_leverage":  # the one argument that may be negative is capital
        yield from ((exposure, -capital, leverage) for exposure, capital, leverage in arguments[::4])
    for times in range(100):
        if name == "predicted_fee":
            yield from ((10 * times + 5, 10**8), (10 * times + 5, 3 * 10**8))
        if name == "calibrated_rate":
            yield from ((2 * times + 1, 500_000), (2 * times + 1, 2_500_000))
        if name == "cost_share":
            yield from ((2 * times + 1, 2, 1), (2 * times + 1, 6, 3), (2**60 - 2 * times - 1, 2, 1))
    if name == "leg_quantity":  # a share of 2^96, zero in its lower words; a minimum that allows any rest
        yield from ((BOUND, 10**6 << 36, 1, 0), (10, 1_200_000, 1, -5))
    if name == "fits_scales":
        yield from LAST_TERMS


def _drawn(count: int, rng: Random) -> Iterator[tuple[int, ...]]:
    corners = list(product(CORNERS, repeat=min(count, 3)))
    for corner in corners if count < 4 else rng.sample(corners, 1500):
        yield corner if count < 4 else (*corner, rng.choice(CORNERS))
    for _ in range(3000):
        yield tuple(rng.getrandbits(rng.randrange(1, 61)) for _ in range(count))
    for _ in range(1000):  # near multiples, where rounding turns
        whole = rng.getrandbits(rng.randrange(1, 60)) + 1
        many = rng.getrandbits(rng.randrange(1, 60)) + 1
        turn = min(BOUND, max(0, many * whole // rng.choice((1, 2, 10**6, 10**9, 10**10)) + rng.randrange(-1, 2)))
        yield (turn, whole, many % (whole + 1), rng.choice(CORNERS))[:count]


def by_reference(name: str, arguments: tuple[int, ...]) -> int:
    """The reference's answer, as the kernel can say it."""
    return min(int(getattr(arithmetic, name)(*arguments)), BEYOND)
