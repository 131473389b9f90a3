"""``make equiv``: the image's own machine code, with what `make equiv-tools` installs. Not a part of `make test`."""

from pathlib import Path
from typing import Final

import pytest

from dita.conformance.defects import DEFECTS, build_image, defects, planted
from dita.conformance.equiv.replay import parted
from dita.conformance.equiv.run import run_equiv
from dita.kernel.image import IMAGE_PATH
from dita.spec.vocabulary import Kind

PROVED: Final = (
    Kind.SET_MODE, Kind.SET_LIMITS, Kind.CALIBRATE, Kind.SEED, Kind.WALLET, Kind.INCOME, Kind.REGISTER, Kind.CANCEL,
    Kind.EXIT, Kind.FLATTEN, Kind.SILENT, Kind.UNKNOWN, Kind.POSITION, Kind.REJECTED, Kind.NOT_FOUND, Kind.ADOPT,
    Kind.SETTLE_FORCED,
)  # fmt: skip
REFUTED: Final = {
    "kernel-cancel-names-the-entry": Kind.CANCEL,
    "kernel-funding-sign": Kind.INCOME,
    "kernel-old-wallet-believed": Kind.WALLET,
    "kernel-seeded-twice": Kind.SEED,
}
"""Defects of the kernel, and a kind whose machine code each changes."""


def silent(_: str, __: int, ___: int) -> None:
    """No progress."""


@pytest.mark.timeout(3_000)
def test_every_path_of_these_kinds_is_the_reference_s() -> None:
    """For every state that satisfies the invariants and every input; the second solver agrees where it is asked."""
    report = run_equiv(PROVED, "quick", silent)

    assert report.problems == []
    assert report.figures["kinds_proved"] == len(PROVED)
    assert report.figures["differ"] == report.figures["unknown"] == report.figures["disagreements"] == 0
    assert all(row.seconded for row in report.rows.values())


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", sorted(REFUTED))
def test_a_planted_defect_is_refuted_and_seen_on_the_cpu(name: str) -> None:
    """A defect's machine code differs, in a state and input on which the patched image and the reference part.

    On the built image they do not.
    """
    kind = REFUTED[name]
    (defect,) = [one for one in defects(DEFECTS) if one.name == name]
    with planted(defect) as tree:
        image: Path = build_image(tree)
        report = run_equiv([kind], "quick", silent, image=image, anew=True)
        found = report.rows[kind].differ
        seen = [words for words in (one.words for one in found) if parted(image, words)]

    assert report.figures["kinds_proved"] == 0
    assert found
    assert seen, "the solver's states and inputs show nothing on the CPU"
    assert parted(IMAGE_PATH, seen[0]) == []
