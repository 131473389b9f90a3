"""The venue's clock from samples of it: the fast ones count, the slow ones lie."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dita.adapters.bingx.clock import ClockSample, SystemClock, estimate_offset

MS = 10**6


def sample(offset_ms: int, there_ms: int, back_ms: int, at_ms: int = 1_000_000) -> ClockSample:
    """A venue that is ``offset_ms`` ahead, asked with these delays either way."""
    sent = at_ms * MS
    return ClockSample(sent, sent + (there_ms + back_ms) * MS, sent + (there_ms + offset_ms) * MS)


def test_a_slow_asymmetric_sample_does_not_count() -> None:
    """Half a second spent on the way back would fake an offset of 258 ms (observed): it is discarded."""
    samples = [sample(0, 10, 12), sample(0, 11, 11), sample(0, 5, 521), sample(0, 12, 10), sample(0, 10, 10)]
    found = estimate_offset(samples)
    assert abs(found.offset_ns) <= MS
    assert found.uncertainty_ns == 11 * MS
    assert found.measured_ns == samples[2].received_ns


def test_the_fastest_sample_decides() -> None:
    """Of the samples that are kept, the one with the shortest round trip has the smallest error."""
    found = estimate_offset([sample(700, 30, 2), sample(700, 10, 10), sample(700, 2, 30)])
    assert found.offset_ns == 700 * MS


@given(
    st.integers(-10_000, 10_000),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=9),
)
def test_the_true_offset_lies_within_the_uncertainty(offset_ms: int, delays: list[tuple[int, int]]) -> None:
    """Whatever the delays either way: half the round trip (and the venue's millisecond) bounds the error."""
    found = estimate_offset([sample(offset_ms, there, back) for there, back in delays])
    assert abs(found.offset_ns - offset_ms * MS) <= found.uncertainty_ns


def test_samples_of_a_clock_that_ran_backwards_are_not_used() -> None:
    """A local clock that was set back gives a negative round trip: not a sample, and none at all is an error."""
    backwards = ClockSample(2_000 * MS, 1_000 * MS, 1_500 * MS)
    assert estimate_offset([backwards, sample(5, 1, 1)]).offset_ns == 5 * MS
    with pytest.raises(ValueError, match="measure again"):
        estimate_offset([backwards])


def test_the_machines_clocks_move_forward() -> None:
    """Nanoseconds since 1970, and nanoseconds that never run backwards."""
    clock = SystemClock()
    assert clock.wall_ns() > 1_700_000_000 * 10**9
    assert clock.monotonic_ns() <= clock.monotonic_ns()
