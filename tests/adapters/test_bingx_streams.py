"""Both streams over real websockets: whatever ends a session becomes a gap and a new session; nothing is swallowed."""

import asyncio
import gzip
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import cast

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from bingx_venue import START_NS, Say, StepClock, StubStream, StubVenue, connected, eventually, frame
from dita.adapters.bingx.account_stream import AccountStream
from dita.adapters.bingx.frames import AccountFrame
from dita.adapters.bingx.market_stream import MarketStream
from dita.adapters.bingx.messages import read_message
from dita.adapters.bingx.stream_base import StreamClosed, backoff_seconds
from dita.adapters.bingx.stream_events import AccountUpdate, OrderUpdate, StreamGap, StreamRestored, TopicRefused
from dita.adapters.bingx.websocket import Socket, StreamEnded, decode_frame
from dita.adapters.logic.rows import Evidence, OrderState
from dita.spec.market import BookTicker, MarketTrade
from dita.spec.vocabulary import OrderSide

LISTEN_KEY = "/openApi/user/auth/userDataStream"
KEY = "a8ea75681542e66f1a50a1616dd06ed77dab61baa0c296bca03a9b13ee5f2dd7"
Script = Callable[[StubStream, ServerConnection], Awaitable[None]]
ORDER_FRAME = {
    "e": "ORDER_TRADE_UPDATE", "E": 1760000001350, "T": 1760000001316,
    "o": {
        "s": "BTC-USDT", "c": "jrnl-1-0-0", "i": 1976209350456246273, "S": "BUY", "o": "LIMIT", "q": "0.01230000",
        "p": "60000.50000000", "sp": "0.00000000", "ap": "60000.10000000", "x": "TRADE", "X": "PARTIALLY_FILLED",
        "N": "USDT", "n": "-0.06000010", "T": 1760000001316, "wt": "MARK_PRICE", "ps": "LONG", "rp": "0.00000000",
        "z": "0.00500000", "sg": "false", "ti": 0, "ro": False, "td": 362700001, "tv": "300.0", "l": "0.00500000",
        "L": "60000.10000000",
    },
}  # fmt: skip
ACCOUNT_FRAME = {
    "e": "ACCOUNT_UPDATE", "E": 1760000001400,
    "a": {
        "m": "ORDER", "B": [{"a": "USDT", "wb": "999.94", "cw": "999.94", "bc": "0"}, {"a": "USDC", "wb": ""}],
        "P": [{"s": "BTC-USDT", "pa": "0.0050", "ep": "60000.1", "up": "0", "mt": "cross", "iw": "1", "ps": "LONG"}],
    },
}  # fmt: skip
SNAPSHOT = {"e": "SNAPSHOT", "E": 1, "ac": {"s": "BTC-USDT", "l": 20, "S": 20, "mt": "cross"}}
EXPIRED = {"e": "listenKeyExpired", "E": 1, "listenKey": KEY}


def order(**change: object) -> dict[str, object]:
    return {**ORDER_FRAME, "o": {**ORDER_FRAME["o"], **change}}  # type: ignore[dict-item]  # a frame is built from loose JSON


def without(*names: str) -> dict[str, object]:
    body = {name: value for name, value in ORDER_FRAME["o"].items() if name not in names}  # type: ignore[attr-defined]  # a frame is built from loose JSON
    return {**ORDER_FRAME, "o": body}


def sends(*documents: object, then: str = "stay") -> Script:
    """A script that sends frames and then stays, or ends the connection."""

    async def script(_: StubStream, connection: ServerConnection) -> None:
        for document in documents:
            await connection.send(document if isinstance(document, (str, bytes)) else frame(document))
        if then == "stay":
            await connection.wait_closed()

    return script


def in_turn(*scripts: Script) -> Script:
    """The first connection runs the first script, and so on; the last one for ever."""
    left = list(scripts)

    async def script(stream: StubStream, connection: ServerConnection) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(stream, connection)

    return script


@asynccontextmanager
async def account(
    script: Script, *, silence: float = 5.0, extend: float = 1800.0, queue: int = 1000
) -> AsyncGenerator[tuple[AccountStream, StubVenue, StubStream]]:
    """A running account stream against a venue that runs the script."""
    async with StubVenue().serving() as venue, StubStream(script).serving() as server:
        venue.on("POST", LISTEN_KEY, Say({"listenKey": KEY}))
        venue.on("PUT", LISTEN_KEY, Say("{}"))
        venue.on("DELETE", LISTEN_KEY, Say("{}"))
        clock = StepClock(step_ns=300 * 10**6)
        async with connected(venue, clock, stream=server.url) as rest:
            stream = AccountStream(
                rest, {"BTC-USDT"}, Random(3), silence_seconds=silence, key_life_seconds=2 * extend, queue_max=queue
            )
            async with stream:
                yield stream, venue, server


async def take(stream: AccountStream | MarketStream, count: int) -> list[object]:
    """The next events."""
    async with asyncio.timeout(20):
        return [await stream.next_event() for _ in range(count)]


def kinds(events: list[object]) -> list[str]:
    return [type(event).__name__ for event in events]


async def test_the_stream_begins_in_a_gap_and_is_restored_by_the_first_frame() -> None:
    """The caller always learns from when it must read; the key travels in the address, and no frame is sent first."""
    async with account(sends(SNAPSHOT)) as (stream, venue, server):
        gap, restored = await take(stream, 2)
        assert isinstance(gap, StreamGap)
        assert isinstance(restored, StreamRestored)
        assert restored.gap_started_ns == gap.started_ns
        assert restored.restored_ns > gap.started_ns >= START_NS
        assert stream.is_live
        assert server.paths == [f"/swap-market?listenKey={KEY}"]
        assert server.received == []
        assert len(venue.requests("POST", LISTEN_KEY)) == 1


async def test_an_order_frame_becomes_an_exact_row() -> None:
    """Every figure in units, the id with all its digits, both names of the event, an id as text or number."""
    by_text = {**order(i="1976209350456246273"), "e": "TRADE_UPDATE"}
    async with account(sends(ORDER_FRAME, by_text)) as (stream, _, _):
        *_, first, second = await take(stream, 4)
    assert isinstance(first, OrderUpdate)
    assert first == second
    row = first.row
    assert first.event_ns == 1_760_000_001_316_000_000
    assert (row.order_id, row.client_order_id, row.trade_id) == ("1976209350456246273", "jrnl-1-0-0", "362700001")
    assert (row.side, row.position_side, row.state) == (OrderSide.BUY, "LONG", OrderState.OPEN)
    assert (row.ordered_quantity, row.cum_quantity, row.last_quantity) == (1_230_000, 500_000, 500_000)
    assert (row.average_price, row.last_price) == (600_001_000_000_000, 600_001_000_000_000)
    assert (row.evidence, row.execution_text, row.time_ns) == (Evidence.STREAM, "TRADE", 1_760_000_001_316_000_000)


async def test_older_frames_without_last_fill_or_time_are_read_too() -> None:
    """No l and L, T of 0, no z: said as `not said`, never as zero; the envelope's time stands in."""
    older = without("l", "L", "td", "z") | {"T": 1760000009999}
    older["o"] = {**older["o"], "T": 0, "td": 0}  # type: ignore[dict-item]  # a frame is built from loose JSON
    async with account(sends(older)) as (stream, _, _):
        *_, event = await take(stream, 3)
    assert isinstance(event, OrderUpdate)
    row = event.row
    assert (row.last_quantity, row.last_price, row.cum_quantity, row.trade_id) == (None, None, None, "")
    assert row.time_ns == 1_760_000_009_999_000_000


async def test_a_frame_without_any_time_is_as_old_as_its_arrival() -> None:
    """Neither T nor E: time 0 would make the newest news the oldest; the venue's clock at arrival is an upper bound."""
    timeless: dict[str, object] = {"e": "ORDER_TRADE_UPDATE", "o": order(T=0)["o"]}
    async with account(sends(timeless)) as (stream, _, _):
        _, restored, event = await take(stream, 3)
    assert isinstance(event, OrderUpdate)
    assert isinstance(restored, StreamRestored)
    assert abs(event.row.time_ns - restored.restored_ns) < 60 * 10**9


async def test_an_account_update_is_a_reason_to_read() -> None:
    """Wallets and symbols that could be read are named; an unreadable row does not hide the event."""
    async with account(sends(ACCOUNT_FRAME)) as (stream, _, _):
        *_, event = await take(stream, 3)
    assert event == AccountUpdate("ORDER", 1_760_000_001_400_000_000, (("USDT", 99_994_000_000),), ("BTC-USDT",))


async def test_noise_and_strangers_are_filtered() -> None:
    """Hundreds of SNAPSHOT frames, other symbols (readable or not), unknown events and odd texts yield nothing."""
    strangers = order(s="ODD-USDT", q="0.123456789123")
    noise = [SNAPSHOT] * 500 + [strangers, {"e": "SOMETHING_NEW"}, {"x": 1}, "Pong", {"code": 0, "msg": ""}, ""]
    async with account(sends(*noise, ORDER_FRAME)) as (stream, _, _):
        events = await take(stream, 3)
        assert kinds(events) == ["StreamGap", "StreamRestored", "OrderUpdate"]
        assert stream.ignored == 4
        assert stream.sessions == 1


@pytest.mark.parametrize("ping", ["Ping", gzip.compress(b"Ping")], ids=["text", "gzip"])
async def test_a_heartbeat_is_answered_with_a_text_pong(ping: str | bytes) -> None:
    """As text or gzip; five seconds of silence would end in a cut by the venue."""

    async def script(stream: StubStream, connection: ServerConnection) -> None:
        await connection.send(ping)
        async for message in connection:
            assert isinstance(message, str)
            stream.received.append(message)

    async with account(script) as (_, _, server):
        await eventually(lambda: server.received == ["Pong"])


class OverAlready:
    """A connection that has ended, with frames that arrived before."""

    def __init__(self, *frames: str | bytes) -> None:
        self.frames = list(frames)

    async def recv(self) -> str | bytes:
        """What has arrived, and then the end."""
        if not self.frames:
            raise ConnectionClosedOK(None, None)
        return self.frames.pop(0)

    async def send(self, _: str) -> None:
        """Too late."""
        raise ConnectionClosedOK(None, None)


async def test_what_came_before_the_end_is_read_although_no_heartbeat_can_be_answered() -> None:
    """A heartbeat, an order and the end at once: the Pong comes too late, and the order is told all the same."""
    socket = Socket(cast("ClientConnection", OverAlready("Ping", frame(ORDER_FRAME))), lambda: 0, 1.0, 0)
    assert await socket.receive() is None
    assert await socket.receive() == ORDER_FRAME
    with pytest.raises(StreamEnded, match="connection lost"):
        await socket.receive()


ENDINGS: list[tuple[str, Script, str]] = [
    ("the venue closes", sends(SNAPSHOT, then="close"), "connection lost"),
    ("the key expires", sends(SNAPSHOT, EXPIRED), "listen key expired"),
    ("the venue falls silent", sends(SNAPSHOT), "no frame for"),
    ("a frame is not gzip", sends(SNAPSHOT, b"\x00garbage"), "undecodable"),
    ("a frame is cut short", sends(SNAPSHOT, frame(ORDER_FRAME)[:-8]), "undecodable"),
    ("a frame is not JSON", sends(SNAPSHOT, frame('{"e":')), "undecodable"),
    ("a frame repeats a key", sends(SNAPSHOT, frame('{"e":"x","e":"y"}')), "undecodable"),
    ("a frame is not UTF-8", sends(SNAPSHOT, gzip.compress(b"\xff\xfe")), "undecodable"),
    ("a frame is a bomb", sends(SNAPSHOT, gzip.compress(b" " * (5 << 20))), "undecodable"),
    ("a frame is too long", sends(SNAPSHOT, "x" * (2 << 20)), "connection lost"),
    ("the venue sends an error", sends(SNAPSHOT, {"code": 100400, "msg": "x"}), "error code `100400`"),
    ("an order frame lacks its state", sends(SNAPSHOT, without("X")), "unreadable order frame"),
    ("an order frame lacks its quantity", sends(SNAPSHOT, without("q")), "unreadable order frame"),
    ("an order frame has no exact quantity", sends(SNAPSHOT, order(z="0.000000001")), "unreadable order frame"),
    ("an order frame lacks its symbol", sends(SNAPSHOT, without("s")), "unreadable order frame"),
    ("an order frame lacks its order", sends(SNAPSHOT, {"e": "ORDER_TRADE_UPDATE"}), "unreadable order frame"),
    ("an order frame has no side", sends(SNAPSHOT, order(S="HOLD")), "unreadable order frame"),
]


CAUSES = {  # under which name each reason is counted
    "connection lost": "connection lost", "listen key expired": "listen key", "no frame for": "silent",
    "undecodable": "undecodable", "error code `100400`": "refused by the venue",
    "unreadable order frame": "unreadable order",
}  # fmt: skip


@pytest.mark.parametrize(("name", "ending", "reason"), ENDINGS, ids=[name for name, _, _ in ENDINGS])
async def test_whatever_ends_a_session_is_a_gap_then_a_new_key_and_a_new_connection(
    name: str, ending: Script, reason: str
) -> None:
    """The gap begins at the last frame, names its reason, and after the restoration events flow again."""
    silence = 0.3 if "silent" in name else 5.0
    async with account(in_turn(ending, sends(SNAPSHOT, ORDER_FRAME)), silence=silence) as (stream, venue, server):
        events = await take(stream, 5)
        assert kinds(events) == ["StreamGap", "StreamRestored", "StreamGap", "StreamRestored", "OrderUpdate"]
        first, gap, second = events[1], events[2], events[3]
        assert isinstance(first, StreamRestored)
        assert isinstance(gap, StreamGap)
        assert isinstance(second, StreamRestored)
        assert reason in gap.reason
        assert KEY not in gap.reason
        assert gap.started_ns <= second.restored_ns
        assert second.gap_started_ns == gap.started_ns
        assert len(venue.requests("POST", LISTEN_KEY)) == len(server.paths) == 2
        figures = stream.figures()
        assert figures.pop("dark_ns") > 0
        assert figures.pop(f"ended: {CAUSES[reason]}") == 1
        assert figures == {
            "sessions": 2, "gaps": 1, "restored": 2, "dropped": 0, "ignored": 0, "notices": 0, "changes": 0
        }  # fmt: skip


async def test_a_gap_begins_at_the_last_frame_however_late_the_loss_is_noticed() -> None:
    """Half an hour passes between the last frame and the cut: all of it is in the gap, and must be read again."""
    cut = asyncio.Event()

    async def script(_: StubStream, connection: ServerConnection) -> None:
        await connection.send(frame(SNAPSHOT))
        await cut.wait()

    async with account(script) as (stream, _, _), asyncio.timeout(10):
        _, restored = await take(stream, 2)
        assert isinstance(restored, StreamRestored)
        clock = stream._rest.api.transport.clock  # pyright: ignore[reportPrivateUsage] - time is the test's
        assert isinstance(clock, StepClock)
        clock.now_ns += 1800 * 10**9
        cut.set()
        (gap,) = await take(stream, 1)
        assert isinstance(gap, StreamGap)
        assert gap.started_ns - restored.restored_ns < 60 * 10**9


async def test_a_key_that_expired_before_the_first_frame_never_counts_as_live() -> None:
    """A socket that opens and at once reports the expiry is not a restoration."""
    async with account(in_turn(sends(EXPIRED), sends(EXPIRED), sends(SNAPSHOT))) as (stream, venue, _):
        events = await take(stream, 2)
        assert kinds(events) == ["StreamGap", "StreamRestored"]
        assert len(venue.requests("POST", LISTEN_KEY)) == 3


async def test_the_end_of_another_key_is_not_ours() -> None:
    """A key that was replaced ends in its time: whichever socket is told of it, the one with the new key stays."""
    other = {**EXPIRED, "listenKey": "f" * 64}
    async with account(sends(SNAPSHOT, other, ORDER_FRAME)) as (stream, _, _):
        assert kinds(await take(stream, 3)) == ["StreamGap", "StreamRestored", "OrderUpdate"]
        assert (stream.sessions, stream.ignored) == (1, 1)
        assert "f" * 64 not in repr(read_message(AccountFrame, other, "frame"))


async def test_a_venue_that_gives_no_key_or_no_socket_is_asked_again() -> None:
    """Refused keys and refused connections stay inside the same gap; the stream goes on trying."""
    async with StubVenue().serving() as venue, StubStream(sends(SNAPSHOT)).serving() as server:
        venue.on("POST", LISTEN_KEY, Say("", 500), Say({}), Say({"listenKey": KEY}))
        venue.on("DELETE", LISTEN_KEY, Say("{}"))
        async with (
            connected(venue, StepClock(step_ns=300 * 10**6), stream=server.url) as rest,
            AccountStream(rest, {"BTC-USDT"}, Random(3)) as stream,
        ):
            assert kinds(await take(stream, 2)) == ["StreamGap", "StreamRestored"]
            assert stream.sessions == 3


async def test_the_key_is_extended_in_time() -> None:
    """A PUT every period; a venue that is busy is asked again without ending the session."""
    async with account(sends(SNAPSHOT), extend=0.05) as (stream, venue, _):
        await take(stream, 2)
        await eventually(lambda: len(venue.requests("PUT", LISTEN_KEY)) >= 3)
        assert venue.requests("PUT", LISTEN_KEY)[0].parameters["listenKey"] == KEY
        assert stream.sessions == 1


@pytest.mark.parametrize("answer", [Say("", 404), Say({"code": 100401, "msg": "expired"})])
async def test_a_key_that_cannot_be_extended_is_replaced(answer: Say) -> None:
    """404 or an error code on PUT: the session ends as a gap, and the next one has a new key."""
    async with account(sends(SNAPSHOT), extend=0.2) as (stream, venue, _):
        venue.on("PUT", LISTEN_KEY, answer, Say("{}"))
        events = await take(stream, 4)
        assert isinstance(events[2], StreamGap)
        assert "could not be extended" in events[2].reason
        assert len(venue.requests("POST", LISTEN_KEY)) == 2


async def test_a_caller_that_falls_behind_is_told_and_memory_stays_bounded() -> None:
    """With room for ten events, hundreds become a gap that says how many were lost, and the stream is still live."""
    async with account(sends(*[ORDER_FRAME] * 300), queue=10) as (stream, _, _):
        await eventually(lambda: stream.dropped >= 200)
        events: list[object] = []
        async with asyncio.timeout(10):
            while len(events) < 2:
                events.append(await stream.next_event())
            while stream.queued:
                events.append(await stream.next_event())
        assert len(events) <= 12
        gap, restored = events[0], events[1]
        assert isinstance(gap, StreamGap)
        assert isinstance(restored, StreamRestored)
        assert "fell behind" in gap.reason
        assert gap.started_ns >= START_NS
        assert restored.gap_started_ns == gap.started_ns
        assert stream.is_live


async def test_our_own_bug_in_a_session_is_a_gap_not_a_dead_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception nobody thought of ends the session by name, and the next one begins."""
    real = AccountStream._take  # pyright: ignore[reportPrivateUsage] - it is broken
    calls = 0

    def broken(self: AccountStream, frame: AccountFrame) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ZeroDivisionError("text")
        real(self, frame)

    monkeypatch.setattr(AccountStream, "_take", broken)
    async with account(sends(SNAPSHOT, ORDER_FRAME)) as (stream, _, _):
        events = await take(stream, 5)
    assert kinds(events) == ["StreamGap", "StreamRestored", "StreamGap", "StreamRestored", "OrderUpdate"]
    assert isinstance(events[2], StreamGap)
    assert events[2].reason == "our own code raised ZeroDivisionError"


async def test_closing_releases_socket_tasks_and_key() -> None:
    """After leaving, no task of ours runs, the venue sees socket and key gone, and waiting callers wake."""
    closed = asyncio.Event()

    async def script(_: StubStream, connection: ServerConnection) -> None:
        await connection.send(frame(SNAPSHOT))
        await connection.wait_closed()
        closed.set()

    async with account(script) as (stream, venue, _):
        await take(stream, 2)
        waiting = asyncio.create_task(stream.next_event())
        await asyncio.sleep(0)
        await stream.aclose()
        await stream.aclose()
        with pytest.raises(StreamClosed):
            await waiting
        async with asyncio.timeout(5):
            await closed.wait()
        assert [event async for event in stream] == []
        assert len(venue.requests("DELETE", LISTEN_KEY)) == 1
        with pytest.raises(RuntimeError, match="new stream"):
            stream.start()
        ours = ("account stream", "listen key")
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith(ours)]


async def test_the_listen_key_reaches_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """With every logger at DEBUG, through connect, loss and reconnect, the key is nowhere."""
    caplog.set_level(logging.DEBUG)
    async with account(in_turn(sends(SNAPSHOT, EXPIRED), sends(SNAPSHOT))) as (stream, _, _):
        await take(stream, 4)
    assert "listen key expired" in caplog.text
    ours = [record for record in caplog.records if record.name != "websockets.server"]  # the stub's own
    assert KEY not in "\n".join(record.getMessage() for record in ours)
    assert KEY not in repr(stream)


def test_the_back_off_is_seeded_grows_and_is_capped() -> None:
    """Waits double up to half a minute, each jittered downwards by at most half, the same for the same seed."""
    steps = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 30.0, 30.0]
    for seed in range(20):
        rng, again = Random(seed), Random(seed)
        waits = [backoff_seconds(failures, rng) for failures in range(len(steps))]
        assert waits == [backoff_seconds(failures, again) for failures in range(len(steps))]
        assert all(step / 2 <= wait <= step for wait, step in zip(waits, steps, strict=True))
    assert len({backoff_seconds(3, Random(seed)) for seed in range(20)}) == 20


def test_frames_are_text_or_gzip() -> None:
    """A text frame is taken as it is; anything binary must be one whole gzip stream of bounded size."""
    assert decode_frame("Ping") == "Ping"
    assert decode_frame(gzip.compress(b'{"a":1}')) == '{"a":1}'
    for bad in (b"", b"Ping", gzip.compress(b"x") + b"tail", gzip.compress(b"x")[:5]):
        with pytest.raises(StreamEnded):
            decode_frame(bad)


# ---- market stream

TICKER = {
    "code": 0, "dataType": "BTC-USDT@bookTicker",
    "data": {"e": "bookTicker", "u": 1, "E": 1760000000200, "T": 1760000000123, "s": "BTC-USDT", "b": "60000.0",
             "B": "1.2", "a": "60000.1", "A": "0.8"},
}  # fmt: skip
TRADES = {
    "code": 0, "dataType": "BTC-USDT@trade",
    "data": [{"q": "0.0100", "p": "60000.1", "T": 1760000000123, "m": False, "s": "BTC-USDT"},
             {"q": "0.0200", "p": "60000.0", "T": 1760000000123, "m": True, "s": "BTC-USDT"}],
}  # fmt: skip


def serves(*documents: object, refuse: str = "", early: object = None) -> Script:
    """A market venue: acknowledges every topic (or refuses one), then sends the documents and stays."""

    async def script(stream: StubStream, connection: ServerConnection) -> None:
        import json

        if early is not None:
            await connection.send(frame(early))
        try:
            async for message in connection:
                assert isinstance(message, str)
                stream.received.append(message)
                asked = json.loads(message)
                wrong = asked["dataType"] == refuse
                ack = {"id": asked["id"], "code": 80015 if wrong else 0, "msg": "", "dataType": "", "data": None}
                await connection.send(frame(ack))
                if len(stream.received) % 2 == 0:
                    for document in documents:
                        await connection.send(frame(document))
        except ConnectionClosed:
            pass

    return script


@asynccontextmanager
async def market(script: Script, **options: float) -> AsyncGenerator[tuple[MarketStream, StubStream]]:
    async with StubStream(script).serving() as server:
        made = MarketStream(server.url, ["BTC-USDT"], StepClock(step_ns=10**7), Random(4), **options)  # type: ignore[arg-type]  # a frame is built from loose JSON
        async with made as stream:
            yield stream, server


async def test_market_events_are_exact_and_in_order() -> None:
    """Two topics a symbol are subscribed, acknowledged, and become integers; data before an ack is not believed."""
    async with market(serves(TICKER, TRADES, early=TICKER)) as (stream, server):
        events = await take(stream, 5)
        assert stream.ignored == 1
    assert kinds(events[:2]) == ["StreamGap", "StreamRestored"]
    assert events[2] == BookTicker(
        "BTC-USDT", 600_000_000_000_000, 120_000_000, 600_001_000_000_000, 80_000_000, 1_760_000_000_123_000_000
    )
    assert events[3] == MarketTrade("BTC-USDT", 600_001_000_000_000, 1_000_000, False, 1_760_000_000_123_000_000)
    assert isinstance(events[4], MarketTrade)
    assert events[4].buyer_is_maker
    assert server.received == [
        '{"id":"0","reqType":"sub","dataType":"BTC-USDT@bookTicker"}',
        '{"id":"1","reqType":"sub","dataType":"BTC-USDT@trade"}',
    ]


async def test_a_refused_topic_is_named_and_the_others_live() -> None:
    """80015 for one topic: the caller is told which, its leaking data is dropped, the rest flows."""
    async with market(serves(TRADES, TICKER, refuse="BTC-USDT@trade")) as (stream, _):
        events = await take(stream, 4)
    assert kinds(events) == ["StreamGap", "TopicRefused", "StreamRestored", "BookTicker"]
    assert events[1] == TopicRefused("BTC-USDT@trade", "80015", "")


async def test_a_bad_tick_is_dropped_and_the_next_one_counts() -> None:
    """A price that is missing, negative or not exact is left out: nothing is built on a single tick."""
    bad: list[object] = [
        {**TICKER, "data": {**TICKER["data"], **change}}  # type: ignore[dict-item]  # a frame is built from loose JSON
        for change in ({"b": ""}, {"a": "-1"}, {"B": "0.000000001"}, {"b": "NaN"}, {"s": None})
    ]
    async with market(serves(*bad, TICKER)) as (stream, _):
        events = await take(stream, 3)
        assert stream.ignored == len(bad)
    assert isinstance(events[2], BookTicker)


async def test_heartbeats_without_data_end_the_session() -> None:
    """Some feeds fall silent without a close: the connection is replaced although Ping still comes."""

    async def only_pings(stream: StubStream, connection: ServerConnection) -> None:
        await serves_once(stream, connection)
        try:
            while True:
                await connection.send("Ping")
                await asyncio.sleep(0.01)
        except ConnectionClosed:
            pass

    async def serves_once(stream: StubStream, connection: ServerConnection) -> None:
        for number in range(2):
            stream.received.append(str(await connection.recv()))
            await connection.send(frame({"id": str(number), "code": 0, "msg": "", "dataType": "", "data": None}))

    async with market(only_pings, data_silence_seconds=2) as (stream, _):
        events = await take(stream, 3)
    assert isinstance(events[2], StreamGap)
    assert events[2].reason == "heartbeats, but no market data"


async def test_a_reconnect_subscribes_everything_again() -> None:
    """Nothing is remembered by the venue: after a loss every topic is asked for anew."""

    async def drop(stream: StubStream, connection: ServerConnection) -> None:
        for number in range(2):
            stream.received.append(str(await connection.recv()))
            await connection.send(frame({"id": str(number), "code": 0, "msg": "", "dataType": "", "data": None}))

    async with market(in_turn(drop, serves(TICKER))) as (stream, server):
        events = await take(stream, 5)
        assert kinds(events) == ["StreamGap", "StreamRestored", "StreamGap", "StreamRestored", "BookTicker"]
        assert len(server.received) == 4


def test_more_topics_than_a_connection_takes_are_refused() -> None:
    """200 topics on one connection is the venue's limit; none at all is a mistake."""
    for symbols in ([f"C{n}-USDT" for n in range(101)], []):
        with pytest.raises(ValueError, match="topics"):
            MarketStream("ws://127.0.0.1:9", symbols, StepClock(), Random(1))
