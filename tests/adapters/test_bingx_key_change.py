"""A listen key that is about to end is replaced by a second one before that, and no event is lost; in simulated time.

A key of these sessions lives for 600 s: it is extended after 300, tried again every 10, replaced from 500 on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from dita.adapters.bingx.account_stream import AccountStream
from dita.adapters.bingx.stream_events import StreamGap, StreamRestored
from dita.adapters.bingx.websocket import Cause, StreamEnded
from dita.adapters.exchange import RefuseRequest, SplitFills, When
from dita.spec.clearance import Clearance
from fault_session import FaultSession, played

START_MS = 1_761_000_000_000
SECOND = 10**9
PIECES = SplitFills(3, delay_ms=400, when=When(times=0))


def no_keys(seconds: int) -> RefuseRequest:
    """No key is given or extended from the 290th second on for so long."""
    begin_ms = START_MS + 290_000
    when = When(from_ms=begin_ms, until_ms=begin_ms + seconds * 1000, times=0)
    return RefuseRequest(100500, "Internal system error", on="listen_key", when=when)


async def burst(session: FaultSession) -> object:
    """Orders without a pause around the end of the key: what is wrong with what the stream alone tells, and its life.

    Nothing is read but by the comparison at the end, except what a back-fill reads.
    """
    following = await session.listen()
    backfills = session.follower.backfills
    await asyncio.sleep(470)
    for _ in range(140):
        await session.trader.submit(session.order())
        await asyncio.sleep(1)
    wrong = await session.over()
    following.cancel()
    stream = session.stream
    return wrong, session.follower.gaps[1:], stream.restored, stream.changes, session.follower.backfills - backfills


def test_a_key_that_cannot_be_extended_is_replaced_without_a_gap(clearance: Clearance) -> None:
    """The second socket is heard before the first is dropped: one session, no gap, nothing read, every fill told."""
    told, fired = played(burst, clearance, no_keys(215), PIECES, one_key=False)
    assert told == ([], [], 1, 1, 0)
    assert fired["refuse_request"] >= 21


def test_without_the_change_the_key_ends_in_a_gap(clearance: Clearance, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted defect: a key that cannot be extended is used to its end. Something has to be read back."""

    async def resigned(self: AccountStream, line: object) -> object:
        await asyncio.sleep(99)
        raise StreamEnded(Cause.KEY, "the end")

    monkeypatch.setattr(AccountStream, "_change_over", resigned)
    told, _ = played(burst, clearance, no_keys(215), PIECES, one_key=False)
    assert told == ([], ["the end"], 2, 0, 1)


def test_the_same_key_again_is_kept(clearance: Clearance) -> None:
    """An exchange that gives out the living key has prolonged it by that: the socket stays, and nothing happens."""
    assert played(burst, clearance, no_keys(215), PIECES)[0] == ([], [], 1, 0, 0)


def test_a_key_that_ends_before_there_is_another_is_a_gap(clearance: Clearance) -> None:
    """No key to be had until the old one has ended: announced by the exchange, a gap, and everything is read back."""
    told, _ = played(burst, clearance, no_keys(320), PIECES, one_key=False)
    assert told == ([], ["listen key expired"], 2, 0, 1)


async def quiet_end(session: FaultSession) -> object:
    """When the gap of a key that is suddenly unknown begins; heartbeats have come all the time."""
    session.stream.start()
    gaps: list[StreamGap] = []
    while len(gaps) < 2:
        event = await session.stream.next_event()
        if isinstance(event, StreamGap):
            gaps.append(event)
        elif isinstance(event, StreamRestored):
            await session.trader.submit(session.order())
    return (gaps[1].started_ns - START_MS * 10**6) // SECOND, gaps[1].reason


def test_a_key_that_is_unknown_has_ended_at_any_time_since_it_was_last_seen_alive(clearance: Clearance) -> None:
    """Heartbeats do not prove that a key lives; what only its holder is told does, here an order five minutes ago."""
    gone = RefuseRequest(100401, "listen key expired", on="listen_key", when=When(nth=2))
    started, reason = cast("tuple[int, str]", played(quiet_end, clearance, gone)[0])
    assert started == 5
    assert reason.startswith("listen key could not be extended")


async def closed_in_between(session: FaultSession) -> object:
    """Both sockets are open and the new one has said nothing yet: then the stream is closed. What is left of it."""
    following = await session.listen()
    seen = 0
    for _ in range(6_000):
        seen = max(seen, session.exchange.report().connections)
        if seen == 2:
            break
        await asyncio.sleep(0.1)
    changes = session.stream.changes
    # A key that can be deleted would take its socket with it.
    session.exchange.arm([RefuseRequest(100500, "Internal system error", on="listen_key", when=When(times=0))])
    await session.stream.aclose()
    await following
    await asyncio.sleep(1)
    names = ("account stream", "listen key")
    left = [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith(names)]
    return seen, changes, left, session.exchange.report().connections


def test_closing_in_the_middle_of_a_change_leaves_nothing(
    clearance: Clearance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both sockets and every task are given back; without giving up the second line, one would stay."""
    assert played(closed_in_between, clearance, no_keys(215), one_key=False)[0] == (2, 0, [], 0)
    monkeypatch.setattr(AccountStream, "_session", forgetful(AccountStream._session))  # pyright: ignore[reportPrivateUsage] - it is broken
    seen, changes, left, connections = cast(
        "tuple[int, int, list[str], int]", played(closed_in_between, clearance, no_keys(215), one_key=False)[0]
    )
    assert (seen, changes, connections) == (2, 0, 1)
    assert left


class FirstOnly(list[object]):
    """A list that takes one."""

    def append(self, line: object) -> None:
        """The first."""
        if not self:
            super().append(line)


def forgetful(real: Callable[[AccountStream], Awaitable[None]]) -> Callable[[AccountStream], Awaitable[None]]:
    """The planted defect: only the first line is closed at the end."""

    async def session(self: AccountStream) -> None:
        cast("Any", self)._lines = FirstOnly()
        await real(self)

    return session
