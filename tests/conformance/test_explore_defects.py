"""Defects put back into the reference are found in the composed system, by the composed properties alone."""

import pytest

from dita.conformance.defects import Defect, defects
from explored_bugs import hunted

DEFECTS = [defect for defect in defects() if defect.name.startswith("explore_")]


def header(defect: Defect, name: str) -> str:
    """One named line from above the patch."""
    lines = defect.path.read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix(f"{name}: ") for line in lines if line.startswith(name))


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_of_the_reference_is_found(defect: Defect) -> None:
    """The patch applies to a scratch copy, the search runs on that copy, and finds what the patch says it will."""
    [found] = hunted(defect, header(defect, "world"))

    assert all(source.is_relative_to(found.tree) for source in found.sources)
    assert found.verdict.startswith(header(defect, "seen as"))
    assert found.steps > 0


def test_there_are_defects() -> None:
    """The folder has not been emptied: each property has a defect that breaks it."""
    assert {header(defect, "seen as") for defect in DEFECTS} == {
        "ABANDONED", "BOOKS", "DOUBLE", "ORPHAN", "PHANTOM", "STRANDED"
    }  # fmt: skip
