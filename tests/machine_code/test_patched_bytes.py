"""A byte of the step patched in the image itself: each route refutes it in a state that the CPU shows, or refuses."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from dita.conformance.equiv.replay import parted
from dita.conformance.equiv.run import EquivReport, run_equiv
from dita.conformance.equiv.second_route import SecondRouteReport, run_second_route
from dita.kernel.image import IMAGE_PATH
from dita.spec.vocabulary import Kind

ENTRY: Final = b"\x48\x83\xf8\x14\x0f\x87"
"""Where the step asks for the kind: ``cmp rax, 20; ja``."""
DIFFERS, REFUSED = "paths differ from the reference", "is not understood"
PATCHED: Final = {
    "the number of kinds": (b"\x48\x83\xf8\x03\x0f\x87", DIFFERS),
    "the jump": (b"\x48\x83\xf8\x14\x0f\x86", DIFFERS),
    "no instruction": (b"\x48\x83\xf8\x14\x0f\x0b", REFUSED),
}


def silent(_: str, __: int, ___: int) -> None:
    """No progress."""


def by_first(image: Path) -> EquivReport:
    """What every kind is proved by."""
    return run_equiv([Kind.SET_MODE], "quick", silent, image=image, anew=True)


def by_second(image: Path) -> SecondRouteReport:
    """Another engine, other code."""
    return run_second_route(image, [Kind.SET_MODE], silent, anew=True)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", PATCHED)
@pytest.mark.parametrize("route", [by_first, by_second])
def test_a_patched_byte_is_refuted_or_refused(
    name: str, route: Callable[[Path], EquivReport | SecondRouteReport], tmp_path: Path
) -> None:
    """Another number, another jump, no instruction at all: one byte of the function, and no proof."""
    after, said = PATCHED[name]
    content = IMAGE_PATH.read_bytes()
    assert content.count(ENTRY) == 1
    image = tmp_path / "kernel.image"
    image.write_bytes(content.replace(ENTRY, after))

    report = route(image)

    assert said in report.problems[0]
    found = report.rows[Kind.SET_MODE].differ
    assert bool(found) == (said == DIFFERS)
    assert not found or any(parted(image, one.words) for one in found)
