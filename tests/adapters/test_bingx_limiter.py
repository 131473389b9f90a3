"""The limiter and the pauses: never more than the venue allows in any window, closings first, back-off that ends."""

from collections import deque
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dita.adapters.bingx.endpoints import ENDPOINTS, SHARED_QUOTAS, Endpoint
from dita.adapters.bingx.errors import ErrorClass
from dita.adapters.bingx.limiter import Limiter, Quota, Rank, Ticket
from dita.adapters.bingx.pauses import Pause, pause_after
from dita.adapters.bingx.transport import default_limiter

SECOND = 10**9
# Steps on and around the borders of a period, where a limiter is wrong if it is.
STEPS = st.sampled_from([0, 1, SECOND // 10, SECOND // 2, SECOND * 9 // 10, SECOND - 1, SECOND, SECOND * 11 // 10])


@given(
    st.integers(1, 12),
    st.lists(st.tuples(STEPS, st.sampled_from(Rank), st.sampled_from("xy")), max_size=60),
)
def test_no_window_ever_sees_more_than_the_limit(limit: int, steps: list[tuple[int, Rank, str]]) -> None:
    """Whatever the arrivals, no second sees more than an endpoint's limit, and no three seconds more than the shared.

    Counted by a dumb twin.
    """
    quotas = {"x": Quota(limit, reserved=limit // 2), "y": Quota(limit), "both": Quota(limit + 1, seconds=3)}
    limiter = Limiter(quotas, {"x": "both", "y": "both"})
    now = 0
    sent: deque[tuple[int, str]] = deque()
    for wait, rank, name in steps:
        now += wait
        ticket = limiter.join(name, rank)
        if limiter.take(ticket, now):
            sent.append((now, name))
        else:
            limiter.leave(ticket)
    for start, name in sent:
        assert sum(start <= moment < start + SECOND for moment, other in sent if other == name) <= limit
        assert sum(start <= moment < start + 3 * SECOND for moment, _ in sent) <= limit + 1


@given(st.lists(st.tuples(st.integers(0, SECOND // 4), st.sampled_from(Rank)), min_size=1, max_size=40))
def test_after_the_wait_that_it_names_a_token_is_there(steps: list[tuple[int, Rank]]) -> None:
    """With nobody else in the queue ``wait_ns`` is enough, and one nanosecond less is not."""
    limiter = Limiter({"x": Quota(4, reserved=2)})
    now = 0
    for wait, rank in steps:
        now += wait
        ticket = limiter.join("x", rank)
        needed = limiter.wait_ns(ticket, now)
        if needed:
            assert not limiter.take(ticket, now + needed - 1)
        now += needed
        assert limiter.take(ticket, now)
    assert limiter.waiting == 0


@given(
    st.lists(st.tuples(st.sampled_from(Rank), st.integers(0, 8 * SECOND)), min_size=1, max_size=40),
    st.integers(1, 5),
)
def test_the_queue_is_served_by_rank_then_by_arrival(arrivals: list[tuple[Rank, int]], limit: int) -> None:
    """In small steps: whoever is served takes no token from anybody who should go before; and all are served."""
    limiter = Limiter({"x": Quota(limit)})
    coming = deque(sorted(arrivals, key=lambda arrival: arrival[1]))
    waiting: list[Ticket] = []
    served = now = 0
    while served < len(arrivals):
        now += SECOND // 20
        assert now < 80 * SECOND
        while coming and coming[0][1] <= now:
            waiting.append(limiter.join("x", coming.popleft()[0]))
        for ticket in sorted(waiting, key=lambda ticket: -ticket.serial):  # the worst order to ask in
            if limiter.take(ticket, now):
                waiting.remove(ticket)
                assert all(limiter.wait_ns(other, now) == 0 for other in waiting if other.order < ticket.order)
                served += 1


def test_closings_overtake_openings_of_every_endpoint_of_the_account() -> None:
    """The shared quota is spent: of those who wait, the cancel that came last goes first, then the read."""
    quotas = {"submit": Quota(9), "cancel": Quota(9), "query": Quota(9), "account": Quota(1, seconds=10)}
    limiter = Limiter(quotas, {"submit": "account", "cancel": "account", "query": "account"})
    assert limiter.take(limiter.join("query", Rank.READING), 0)
    opening = limiter.join("submit", Rank.OPENING)
    reading = limiter.join("query", Rank.READING)
    closing = limiter.join("cancel", Rank.CLOSING)
    assert [limiter.wait_ns(ticket, 0) // SECOND for ticket in (closing, reading, opening)] == [11, 22, 33]
    assert not limiter.take(opening, 11 * SECOND)
    assert limiter.take(closing, 11 * SECOND)
    limiter.leave(reading)
    assert limiter.take(opening, 22 * SECOND)


def test_openings_leave_room_for_closings() -> None:
    """With the reserve untouched by a burst of openings, closings still go at once."""
    limiter = Limiter({"x": Quota(10, reserved=4)})

    def burst(rank: Rank, count: int) -> list[bool]:
        taken: list[bool] = []
        for _ in range(count):
            ticket = limiter.join("x", rank)
            taken.append(limiter.take(ticket, 0))
            limiter.leave(ticket)
        return taken

    assert burst(Rank.OPENING, 8) == [True] * 6 + [False] * 2
    assert burst(Rank.CLOSING, 5) == [True] * 4 + [False]


def test_a_pause_holds_and_is_never_shortened() -> None:
    """Back-off of one endpoint leaves others alone; a ban stops all; a lock on openings lets closings and reads by."""
    limiter = Limiter({"x": Quota(5), "y": Quota(5)})

    def wait(name: str, rank: Rank) -> int:
        ticket = limiter.join(name, rank)
        limiter.leave(ticket)
        return limiter.wait_ns(ticket, 0)

    limiter.pause("x", 10 * SECOND)
    limiter.pause("x", 5 * SECOND)
    assert [wait("x", rank) for rank in Rank] == [10 * SECOND] * 3
    assert wait("y", Rank.OPENING) == 0
    limiter.pause("y", 7 * SECOND, urgent_too=False)
    assert [wait("y", rank) for rank in Rank] == [0, 0, 7 * SECOND]
    limiter.pause_all(300 * SECOND)
    assert wait("y", Rank.CLOSING) == 300 * SECOND


@pytest.mark.parametrize("quota", [Quota(0), Quota(3, reserved=3), Quota(3, reserved=-1), Quota(3, seconds=0)])
def test_a_limit_that_allows_nothing_is_refused(quota: Quota) -> None:
    """A bucket that nobody could ever take from is a mistake in the table; so is a quota that nobody wrote down."""
    with pytest.raises(ValueError, match="allows nothing"):
        Limiter({"x": quota})
    with pytest.raises(ValueError, match="`z` is not among"):
        Limiter({"x": Quota(3)}, {"x": "z"})


# Requests a second for one account, as the venue's pages and its notice of 2025-10-16 have them: a second list.
PUBLISHED = {
    "server time": 10, "contracts": 1, "premium index": 1, "balance": 5, "positions": 10, "position mode": 2,
    "set position mode": 4, "margin mode": 2, "set margin mode": 2, "leverage": 5, "set leverage": 5,
    "commission rate": 5, "key permissions": 2, "submit": 10, "test submit": 5, "cancel": 10, "cancel all": 5,
    "cancel all after": 1, "close position": 5, "query order": 30, "open orders": 5, "all orders": 5, "full order": 5,
    "fill history": 5, "income": 5, "create listen key": 2, "extend listen key": 2, "delete listen key": 2,
}  # fmt: skip


@pytest.mark.parametrize("rank", Rank)
def test_every_endpoint_stays_below_what_is_published(rank: Rank) -> None:
    """Asked as fast as can be for half a minute, each call stays within its limit; all together within 2000 in 10 s."""
    limiter = default_limiter()
    assert {endpoint.name for endpoint in ENDPOINTS} == PUBLISHED.keys()
    account: list[int] = []
    for step in range(30 * 20):
        now = step * SECOND // 20
        for endpoint in ENDPOINTS:
            while limiter.take(ticket := limiter.join(endpoint.name, rank), now):
                account += [now] if endpoint.signed else []
            limiter.leave(ticket)
    for begin in range(0, 20 * SECOND, SECOND // 2):
        assert sum(begin <= moment < begin + 10 * SECOND for moment in account) <= 2000


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_one_endpoint_asked_without_pause_keeps_its_limit(endpoint: Endpoint) -> None:
    """By itself, in no second more than the page says."""
    limiter = default_limiter()
    sent: list[int] = []
    for step in range(5 * 40):
        now = step * SECOND // 40
        while limiter.take(ticket := limiter.join(endpoint.name, Rank.CLOSING), now):
            sent.append(now)
        limiter.leave(ticket)
    busiest = max(sum(begin <= moment < begin + SECOND for moment in sent) for begin in sent)
    assert 0 < busiest <= PUBLISHED[endpoint.name]


def test_addresses_share_what_is_counted_by_address() -> None:
    """Market calls share 500 in 10 s, account calls 2000: nothing else could hold back twenty endpoints at once."""
    assert {name: (quota.requests, quota.seconds) for name, quota in SHARED_QUOTAS.items()} == {
        "account calls of this address": (2000, 10), "market calls of this address": (500, 10),
    }  # fmt: skip
    assert [endpoint.name for endpoint in ENDPOINTS if "market" in endpoint.shares] == [
        "server time", "contracts", "premium index",
    ]  # fmt: skip


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


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (("The endpoint trigger frequency limit rule is currently in the disabled period and will be unblocked after"
         " 1760000120000"), 120),
        ("rate limited, can retry after time: 1760099999000", 3600),
        ("rate limited", 1),
        ("will be unblocked after 1759999999000", 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("status", "code"), [(200, "100410"), (429, None), (429, "100410")])
def test_a_rate_limit_lasts_as_its_text_says(status: int, code: str | None, text: str, seconds: int) -> None:
    """The time in the text is waited for, within an hour; without one it is the doubling back-off."""
    limited = pause(status, code, text)
    assert limited is not None
    assert seconds <= limited.wait_ns / SECOND < seconds + 1
    assert limited.urgent_too


def test_most_errors_ask_for_no_pause() -> None:
    """A plain refusal is no reason to slow down; a busy exchange is, for openings."""
    assert pause(klass=ErrorClass.DEFINITE_REJECT) is None
    assert pause(klass=ErrorClass.AMBIGUOUS) is None
    busy = pause(klass=ErrorClass.EXCHANGE_BUSY)
    assert busy is not None
    assert not busy.urgent_too
