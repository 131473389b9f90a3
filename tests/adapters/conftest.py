"""The tests of the adapters need no network beyond this machine, and are held to it."""

from collections.abc import Iterator

import pytest

from loopback_only import WATCH


@pytest.fixture(autouse=True)
def loopback_only() -> Iterator[None]:
    """Fails a test that looked further, also when its code has swallowed the refusal."""
    WATCH.tried.clear()
    WATCH.looks = True
    yield
    WATCH.looks = False
    assert WATCH.tried == []
