"""A clearance can lose power and never gain it."""

import dataclasses

import pytest

from dita.spec.clearance import Clearance


def test_narrowing_leaves_only_reduce_only(clearance: Clearance) -> None:
    """The narrowed clearance names the same kernel and evidence, allows reduce-only orders, and stays so."""
    narrowed = clearance.narrowed()

    assert not clearance.reduce_only
    assert narrowed.reduce_only
    assert narrowed.narrowed() == narrowed
    assert (narrowed.image_sha256, narrowed.certificate_sha256) == (
        clearance.image_sha256,
        clearance.certificate_sha256,
    )


def test_a_clearance_cannot_be_edited(clearance: Clearance) -> None:
    """No attribute of a clearance can be set."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        clearance.narrowed().reduce_only = False  # type: ignore[misc] # what it shows is refused
