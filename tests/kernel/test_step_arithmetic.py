"""Every product and division of the Rust kernel by name, against the reference's and against exact fractions."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import product
from random import Random
from typing import Any

import pytest

from dita.kernel.loader import RawKernel
from dita.reference import arithmetic
from dita.spec.scales import BOUND

NAMES = {
    "notional": 2, "cost_share": 3, "predicted_fee": 2, "calibrated_rate": 2, "is_multiple": 2, "minimum_quantity": 4,
    "leg_quantity": 4, "price_plausible": 3, "within_leverage": 3, "fits_scales": 4,
}  # fmt: skip
"""Functions and how many arguments they take."""

BEYOND = 5 << 60
"""What the kernel gives for every quotient above it; no such amount passes the money gate."""

CORNERS = (0, 1, 2, 3, 9, 10, 999_999_999, 10**9, 10**10 - 1, 10**10, 2**32 - 1, 2**32, 2**59 + 1, BOUND - 1, BOUND)


def reference(name: str, arguments: tuple[int, ...]) -> int:
    """The reference's answer, as the kernel can say it."""
    function: Callable[..., int] = getattr(arithmetic, name)
    return min(int(function(*arguments)), BEYOND)


def kernel(raw: RawKernel, name: str, arguments: tuple[int, ...]) -> int:
    """The kernel's answer."""
    return int(getattr(raw.lib, f"dita_{name}")(*arguments))


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


def vectors(name: str, rng: Random) -> Iterator[tuple[int, ...]]:
    """Every corner with every other for up to three arguments, a sample for four, and random widths for all."""
    count = NAMES[name]
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


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_the_reference_within_the_bounds(raw_kernel: RawKernel, name: str) -> None:
    """At every corner, at random widths and around the turning points of rounding, the answer is the reference's."""
    checked = 0
    for arguments in vectors(name, Random(name)):
        if in_domain(name, arguments):
            checked += 1
            assert kernel(raw_kernel, name, arguments) == reference(name, arguments), (name, arguments)

    assert checked > 3000


def test_signed_arguments_where_they_occur(raw_kernel: RawKernel) -> None:
    """Capital can be negative; the leverage check is then false for any exposure, as in the reference."""
    rng = Random(3)
    for _ in range(2000):
        arguments = (rng.getrandbits(60), rng.randrange(-6 * BOUND, 6 * BOUND), rng.randrange(1, 10**9))
        assert kernel(raw_kernel, "within_leverage", arguments) == reference("within_leverage", arguments), arguments


@pytest.mark.parametrize("whole", [1, 2, 3, 7, 10**9, 2**59 + 11])
def test_a_cost_share_is_the_nearest_integer(raw_kernel: RawKernel, whole: int) -> None:
    """Asked of exact fractions: the nearest integer to cost × part / whole, the even one of two equally near."""
    rng = Random(whole)
    for _ in range(500):
        cost, part = rng.getrandbits(60), rng.randrange(whole + 1)
        assert kernel(raw_kernel, "cost_share", (cost, whole, part)) == round(Fraction(cost * part, whole))


def test_small_numbers_exhaustively(raw_kernel: RawKernel) -> None:
    """Every combination of small arguments, for the functions whose divisors are arguments."""
    for arguments in product(range(12), range(1, 12), range(12)):
        if arguments[2] <= arguments[1]:
            assert kernel(raw_kernel, "cost_share", arguments) == reference("cost_share", arguments)
    for remaining, ratio, lot, minimum in product(range(14), (1, 333_333, 500_000, 10**6), range(1, 5), range(6)):
        arguments4 = (remaining, ratio, lot, minimum)
        assert kernel(raw_kernel, "leg_quantity", arguments4) == reference("leg_quantity", arguments4), arguments4


def test_total_on_any_words(raw_kernel: RawKernel) -> None:
    """Zero divisors, the smallest integer and noise have an answer too, the same every time."""
    edges = (0, -1, 1, -(2**63), 2**63 - 1)
    library: Any = raw_kernel.lib
    for name, count in NAMES.items():
        function = getattr(library, f"dita_{name}")
        for arguments in product(edges, repeat=count):
            assert function(*arguments) == function(*arguments)
    assert kernel(raw_kernel, "cost_share", (5, 0, 3)) == 0
    assert kernel(raw_kernel, "is_multiple", (5, 0)) == 0
    assert kernel(raw_kernel, "minimum_quantity", (1, 1, 0, 1)) == BOUND + 1
