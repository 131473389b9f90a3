"""Fixtures of the reference's own tests."""

from collections.abc import Callable

import pytest

from desk import Desk


@pytest.fixture
def desk() -> Desk:
    """A desk that is open for business."""
    desk = Desk()
    desk.open_shop()
    return desk


@pytest.fixture
def new_desk() -> Callable[[], Desk]:
    """For tests that need two, or a closed one."""
    return Desk
