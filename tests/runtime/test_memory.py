"""The collector waits where it is told to, and nowhere else."""

import gc

import pytest

from dita.runtime.memory import collector_waiting


def test_the_collector_waits_and_then_looks_at_what_was_left() -> None:
    """What is in a cycle and was dropped meanwhile is gone afterwards."""
    gc.collect()
    with collector_waiting():
        assert not gc.isenabled()
        for _ in range(10_000):
            cycle: list[object] = []
            cycle.append(cycle)
        waiting = gc.get_count()[0]

    assert gc.isenabled()
    assert waiting >= 10_000
    assert gc.get_count()[0] < waiting


def test_the_collector_comes_back_when_something_is_raised() -> None:
    """A failure leaves it on."""
    with pytest.raises(KeyError), collector_waiting():
        raise KeyError
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    """One wait within another, or a process without collector: nobody turns it on in between."""
    with collector_waiting():
        with collector_waiting():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
