"""Every product and division of the Rust kernel by name, against the reference's and against exact fractions."""

from fractions import Fraction
from itertools import product
from random import Random
from typing import Any

import pytest

from dita.conformance.arithmetic_vectors import NAMES, vectors
from dita.conformance.arithmetic_vectors import by_reference as reference
from dita.kernel.loader import RawKernel
from dita.spec.scales import BOUND


def kernel(raw: RawKernel, name: str, arguments: tuple[int, ...]) -> int:
    """The kernel's answer."""
    return int(getattr(raw.lib, f"dita_{name}")(*arguments))


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_the_reference_within_the_bounds(raw_kernel: RawKernel, name: str) -> None:
    """At every corner, at random widths and around the turning points of rounding, the answer is the reference's."""
    checked = list(vectors(name))
    for arguments in checked:
        assert kernel(raw_kernel, name, arguments) == reference(name, arguments), (name, arguments)

    assert len(checked) > 3000


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
