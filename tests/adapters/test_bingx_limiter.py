"""The limiter and the pauses: never more than the venue allows in any window, closings first, back-off that ends."""

from collections import deque
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dita.adapters.bingx.endpoints import ENDPOINTS
from dita.adapters.bingx.errors import ErrorClass
from dita.adapters.bingx.limiter import Limiter
from dita.adapters.bingx.pauses import Pause, pause_after
from dita.adapters.bingx.transport import default_limiter

SECOND = 10**9
# Steps on and around the borders of a period, where a limiter is wrong if it is.
STEPS = st.sampled_from([0, 1, SECOND // 10, SECOND // 2, SECOND * 9 // 10, SECOND - 1, SECOND, SECOND * 11 // 10])


@given(
    st.integers(1, 12),
    st.lists(st.tuples(STEPS, st.booleans()), max_size=60),
)
def test_no_window_of_a_second_ever_sees_more_than_the_limit(limit: int, steps: list[tuple[int, bool]]) -> None:
    """Whatever the arrivals, at most ``limit`` requests go out within any second, counted by a dumb twin."""
    limiter = Limiter({"x": limit}, {"x": limit // 2})
    now = 0
    sent: deque[int] = deque()
    for wait, urgent in steps:
        now += wait
        if limiter.take("x", now, urgent):
            sent.append(now)
    for start in sent:
        assert sum(start <= moment < start + SECOND for moment in sent) <= limit


@given(st.lists(st.tuples(st.integers(0, SECOND // 4), st.booleans()), min_size=1, max_size=40))
def test_after_the_wait_that_it_names_a_token_is_there(steps: list[tuple[int, bool]]) -> None:
    """``wait_ns`` is enough, and one nanosecond less is not."""
    limiter = Limiter({"x": 4}, {"x": 2})
    now = 0
    for wait, urgent in steps:
        now += wait
        needed = limiter.wait_ns("x", now, urgent)
        if needed:
            assert not limiter.take("x", now + needed - 1, urgent)
        now += needed
        assert limiter.take("x", now, urgent)


def test_openings_leave_room_for_closings() -> None:
    """With the reserve untouched by a burst of openings, urgent requests still go at once."""
    limiter = Limiter({"x": 10}, {"x": 4})
    assert [limiter.take("x", 0) for _ in range(8)] == [True] * 6 + [False] * 2
    assert [limiter.take("x", 0, urgent=True) for _ in range(5)] == [True] * 4 + [False]


def test_a_pause_holds_and_is_never_shortened() -> None:
    """Back-off of one endpoint leaves others alone; a ban stops all; a lock on openings lets closings pass."""
    limiter = Limiter({"x": 5, "y": 5})
    limiter.pause("x", 10 * SECOND)
    limiter.pause("x", 5 * SECOND)
    assert limiter.wait_ns("x", 0) == 10 * SECOND
    assert limiter.wait_ns("x", 0, urgent=True) == 10 * SECOND
    assert limiter.wait_ns("y", 0) == 0
    limiter.pause("y", 7 * SECOND, urgent_too=False)
    assert limiter.wait_ns("y", 0) == 7 * SECOND
    assert limiter.wait_ns("y", 0, urgent=True) == 0
    limiter.pause_all(300 * SECOND)
    assert limiter.wait_ns("y", 0, urgent=True) == 300 * SECOND


@pytest.mark.parametrize(("limit", "reserved"), [(0, 0), (3, 3), (3, -1)])
def test_a_limit_that_allows_nothing_is_refused(limit: int, reserved: int) -> None:
    """A bucket that nobody could ever take from is a mistake in the table."""
    with pytest.raises(ValueError, match="allows nothing"):
        Limiter({"x": limit}, {"x": reserved})


def test_every_endpoint_has_its_bucket() -> None:
    """The default limiter knows every call the adapter makes, under one name each."""
    limiter = default_limiter()
    assert len({endpoint.name for endpoint in ENDPOINTS}) == len(ENDPOINTS)
    for endpoint in ENDPOINTS:
        assert limiter.take(endpoint.name, 0)


def pause(
    status: int = 200,
    code: str | None = None,
    text: str = "",
    klass: ErrorClass = ErrorClass.RATE_LIMITED,
    headers: dict[str, str] | None = None,
    strikes: int = 0,
) -> Pause | None:
    return pause_after(
        status=status, code=code, text=text, klass=klass, headers=headers or {}, strikes=strikes, rng=Random(5),
        venue_now_ns=1_760_000_000 * SECOND,
    )  # fmt: skip


def test_a_ban_stops_everything_for_five_minutes() -> None:
    """Documented automatic release after 403 and 418."""
    for status in (403, 418):
        ban = pause(status, klass=ErrorClass.RISK_BAN)
        assert ban is not None
        assert ban.everything
        assert ban.wait_ns >= 300 * SECOND


def test_a_rate_limit_backs_off_longer_each_time_and_not_for_ever() -> None:
    """Jittered doubling, capped; the venue's own window, when longer, wins; nonsense in the header is ignored."""
    waits = [found.wait_ns for strikes in range(12) if (found := pause(429, strikes=strikes))]
    assert len(waits) == 12
    assert SECOND <= waits[0] < 2 * SECOND
    assert all(later >= earlier for earlier, later in pairwise(waits))
    assert waits[-1] <= 40 * SECOND
    told = pause(429, headers={"x-ratelimit-requests-expire": "8000"})
    assert told is not None
    assert told.wait_ns == 8 * SECOND
    for nonsense in ("", "-5", "soon", "99999999999", "٣"):
        ignored = pause(429, headers={"x-ratelimit-requests-expire": nonsense})
        assert ignored is not None
        assert ignored.wait_ns == waits[0]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("can retry after time: 1760000120000", 120),
        ("can retry after time: 1760099999000", 3600),
        ("can retry after time: 1759999999000", 1),
        ("no time given", 900),
        ("can retry after time: 17600001200001", 900),
    ],
)
def test_the_long_lock_lasts_as_told_and_lets_closings_try(text: str, seconds: int) -> None:
    """109429 names the time it ends; a time in the past or absurdly far is bounded; without one it is 15 minutes."""
    lock = pause(code="109429", text=text)
    assert lock is not None
    assert lock.wait_ns == seconds * SECOND
    assert not lock.urgent_too


def test_most_errors_ask_for_no_pause() -> None:
    """A plain refusal is no reason to slow down; a busy exchange is, for openings."""
    assert pause(klass=ErrorClass.DEFINITE_REJECT) is None
    assert pause(klass=ErrorClass.AMBIGUOUS) is None
    busy = pause(klass=ErrorClass.EXCHANGE_BUSY)
    assert busy is not None
    assert not busy.urgent_too
