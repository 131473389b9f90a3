"""One HTTP exchange over real sockets: when it is stamped, what it proves, what it bounds, and what it never shows."""

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bingx_venue import QUICK, SECRET, START_NS, Say, Seen, StepClock, StubVenue, credentials, eventually, yes
from dita.adapters.bingx.endpoints import BALANCE, CANCEL, OPEN_ORDERS, POSITIONS, SERVER_TIME, SUBMIT
from dita.adapters.bingx.limiter import Limiter, Quota, Rank
from dita.adapters.bingx.transport import Failure, FailureKind, Reply, Timeouts, Transport

MS = 10**6
ORDER_PATH = SUBMIT.path
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(handler: Handler) -> AsyncGenerator[str]:
    """A TCP server for replies that no HTTP library would send."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def transport(
    clock: StepClock | None = None, timeouts: Timeouts = QUICK, **rest: int
) -> AsyncGenerator[Transport]:
    made = Transport(credentials(), clock or StepClock(), timeouts=timeouts, **rest)  # type: ignore[arg-type]  # options are passed on
    try:
        yield made
    finally:
        await made.aclose()


async def head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


async def test_a_request_is_signed_stamped_and_complete() -> None:
    """Parameters in the query, key in the header, recvWindow sent, signature last and valid, body empty."""
    async with StubVenue().serving() as venue, transport() as wire:
        venue.on("POST", ORDER_PATH, yes({}))
        wire.clock_offset_ns = 5_000 * MS
        reply = await wire.exchange(venue.url, SUBMIT, {"symbol": "BTC-USDT", "clientOrderID": "t1-a"})
    assert isinstance(reply, Reply)
    (seen,) = venue.seen
    assert seen.signature_holds
    assert seen.body == b""
    assert seen.headers["x-bx-apikey"] == "simKey-0001"
    assert seen.parameters["recvWindow"] == "2000"
    assert int(seen.parameters["timestamp"]) == reply.timestamp_ms
    assert 0 <= reply.timestamp_ms - (START_NS // MS + 5000) <= 1


async def test_a_public_request_carries_neither_key_nor_signature() -> None:
    """Server time and contracts are asked for as anybody would."""
    async with StubVenue().serving() as venue, transport() as wire:
        await wire.exchange(venue.url, SERVER_TIME, {})
    (seen,) = venue.seen
    assert seen.query == ""
    assert "x-bx-apikey" not in seen.headers


async def test_the_timestamp_is_made_when_the_request_is_written_not_before_a_wait() -> None:
    """A request that had to wait for the limiter carries the time at which it went out, not that at which it came."""
    clock = StepClock()
    async with StubVenue().serving() as venue, transport(clock) as wire:
        venue.on("POST", ORDER_PATH, yes({}))
        wire.limiter = Limiter({SUBMIT.name: Quota(1)})
        await wire.exchange(venue.url, SUBMIT, {"n": "1"})
        waiting = asyncio.create_task(wire.exchange(venue.url, SUBMIT, {"n": "2"}))
        await asyncio.sleep(0.05)
        assert len(venue.seen) == 1
        clock.now_ns += 1_500 * MS
        await waiting
    first, second = (int(seen.parameters["timestamp"]) for seen in venue.seen)
    assert second - first >= 1_500


async def test_the_timestamp_is_made_after_the_wait_for_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one connection, held by a slow reply, a second request is stamped when it gets it; too late is not sent."""
    monkeypatch.setattr("dita.adapters.bingx.transport._CONNECTIONS_MAX", 1)
    monkeypatch.setattr("dita.adapters.bingx.transport._CONNECTIONS_FOR_CLOSINGS", 0)
    clock = StepClock()
    async with StubVenue().serving() as venue, transport(clock) as wire:
        venue.on("GET", BALANCE.path, Say("{}", delay_seconds=0.3))
        venue.on("POST", ORDER_PATH, yes({}))
        slow = asyncio.create_task(wire.exchange(venue.url, BALANCE, {}))
        await eventually(lambda: len(venue.seen) == 1)
        second = asyncio.create_task(wire.exchange(venue.url, SUBMIT, {"n": "2"}))
        third = asyncio.create_task(wire.exchange(venue.url, SUBMIT, {"n": "3"}, send_by_ns=clock.now_ns + 2_000 * MS))
        await asyncio.sleep(0.05)
        clock.now_ns += 3_000 * MS
        await slow
        reply, refused = await second, await third
    assert isinstance(reply, Reply)
    assert refused == Failure(FailureKind.TOO_LATE, "the last moment to send had passed", sent=False)
    before, after = (int(seen.parameters["timestamp"]) for seen in venue.seen)
    assert after - before >= 3_000


async def test_a_tunnel_that_is_refused_proves_that_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CONNECT to a proxy is not our request: neither stamped nor counted as sent."""
    seen: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await head(reader))
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    async with raw_server(refuse) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.setenv("NO_PROXY", "")
        async with transport() as wire:
            result = await wire.exchange("https://venue.invalid", SUBMIT, {"n": "1"})
    assert isinstance(result, Failure)
    assert result.kind is FailureKind.NOT_CONNECTED
    assert not result.sent
    assert seen[0].startswith(b"CONNECT venue.invalid:443 ")
    assert b"signature" not in seen[0]


async def test_nothing_is_written_after_the_last_moment() -> None:
    """Past ``send_by`` the connection may be open, the venue sees nothing, and the failure says so."""
    clock = StepClock()
    async with StubVenue().serving() as venue, transport(clock) as wire:
        venue.on("POST", ORDER_PATH, yes({}))
        late = await wire.exchange(venue.url, SUBMIT, {"n": "1"}, send_by_ns=START_NS - 1)
        in_time = await wire.exchange(venue.url, SUBMIT, {"n": "2"}, send_by_ns=clock.now_ns + 1_000 * MS)
    assert late == Failure(FailureKind.TOO_LATE, "the last moment to send had passed", sent=False)
    assert isinstance(in_time, Reply)
    assert [seen.parameters["n"] for seen in venue.seen] == ["2"]


async def test_a_last_moment_is_the_venues_time() -> None:
    """The guard compares with the clock that the timestamp is made from: the venue's, not ours."""
    async with StubVenue().serving() as venue, transport() as wire:
        venue.on("POST", ORDER_PATH, yes({}))
        wire.clock_offset_ns = 10_000 * MS
        result = await wire.exchange(venue.url, SUBMIT, {}, send_by_ns=START_NS + 5_000 * MS)
    assert isinstance(result, Failure)
    assert result.kind is FailureKind.TOO_LATE
    assert venue.seen == []


async def test_a_wait_that_would_end_too_late_is_not_begun() -> None:
    """When the limiter cannot serve before ``send_by``, the refusal is immediate and nothing was sent."""
    async with StubVenue().serving() as venue, transport() as wire:
        venue.on("POST", ORDER_PATH, yes({}))
        wire.limiter = Limiter({SUBMIT.name: Quota(1)})
        await wire.exchange(venue.url, SUBMIT, {})
        refused = await wire.exchange(venue.url, SUBMIT, {}, send_by_ns=START_NS + 500 * MS)
        wire.limiter.pause(SUBMIT.name, START_NS + 10**12)
        paused = await wire.exchange(venue.url, SUBMIT, {}, rank=Rank.CLOSING)
    for result in (refused, paused):
        assert isinstance(result, Failure)
        assert result.kind is FailureKind.THROTTLED
        assert not result.sent
    assert len(venue.seen) == 1


async def test_slow_replies_and_a_spent_limit_hold_up_no_closing() -> None:
    """Twenty slow reads and openings wait for the limiter; a cancel that comes last goes out at once."""
    async with StubVenue().serving() as venue, transport() as wire:
        venue.on("GET", BALANCE.path, Say("{}", delay_seconds=0.6))
        venue.on("POST", ORDER_PATH, yes({}))
        venue.on("DELETE", CANCEL.path, yes({}))
        wire.limiter = Limiter({BALANCE.name: Quota(99), SUBMIT.name: Quota(99, reserved=9), CANCEL.name: Quota(99)})
        slow = [asyncio.create_task(wire.exchange(venue.url, BALANCE, {}, rank=Rank.READING)) for _ in range(20)]
        opening = asyncio.create_task(wire.exchange(venue.url, SUBMIT, {"n": "opening"}))
        await eventually(lambda: len(venue.seen) == 12)
        assert isinstance(await wire.exchange(venue.url, CANCEL, {}, rank=Rank.CLOSING), Reply)
        closing = await wire.exchange(venue.url, SUBMIT, {"n": "closing"}, rank=Rank.CLOSING)
        assert isinstance(closing, Reply)
        assert [seen.method for seen in venue.seen] == ["GET"] * 12 + ["DELETE", "POST"]
        assert not opening.done()
        await asyncio.gather(*slow, opening)
    assert [seen.parameters["n"] for seen in venue.requests("POST", ORDER_PATH)] == ["closing", "opening"]


async def test_who_gives_up_waiting_leaves_the_queue_and_the_next_one_is_told() -> None:
    """A cancelled wait frees the place at once: the opening behind a withdrawn closing need not wait for its token."""
    async with StubVenue().serving() as venue, transport(StepClock(step_ns=0)) as wire:
        venue.on("POST", ORDER_PATH, yes({}))
        wire.limiter = Limiter({SUBMIT.name: Quota(1)})
        await wire.exchange(venue.url, SUBMIT, {})
        closing = asyncio.create_task(wire.exchange(venue.url, SUBMIT, {}, rank=Rank.CLOSING))
        await asyncio.sleep(0)
        assert wire.limiter.waiting == 1
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert wire.limiter.waiting == 0


async def test_a_refused_connection_proves_that_nothing_was_sent() -> None:
    """Nobody listens: not connected, not sent."""
    async with raw_server(lambda r, w: asyncio.sleep(0)) as url:
        pass
    async with transport() as wire:
        result = await wire.exchange(url, SUBMIT, {})
    assert result == Failure(FailureKind.NOT_CONNECTED, "ConnectError", sent=False)


async def test_a_connection_lost_after_the_request_says_that_it_was_sent() -> None:
    """The venue reads the request and hangs up: the order may exist."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)

    async with raw_server(hang_up) as url, transport() as wire:
        result = await wire.exchange(url, SUBMIT, {})
    assert isinstance(result, Failure)
    assert result.kind is FailureKind.CONNECTION_LOST
    assert result.sent


async def test_a_reused_connection_that_dies_still_counts_as_sent() -> None:
    """Keep-alive: the second request is written into a connection that the venue then closes. It may have arrived."""
    served = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        while True:
            await head(reader)
            served += 1
            if served == 2:
                return
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            await writer.drain()

    async with raw_server(once) as url, transport() as wire:
        assert isinstance(await wire.exchange(url, SUBMIT, {"n": "1"}), Reply)
        result = await wire.exchange(url, SUBMIT, {"n": "2"})
    assert isinstance(result, Failure)
    assert result.sent
    assert served == 2  # and it was not tried a third time


async def test_silence_is_a_time_out_and_so_is_a_body_that_drips() -> None:
    """No reply, and a reply that never ends, both end by the total bound, as sent."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        await asyncio.sleep(60)

    async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    for handler in (silent, dripping):
        async with raw_server(handler) as url, transport(timeouts=replace(QUICK, read=0.6, total=0.8)) as wire:
            result = await wire.exchange(url, SUBMIT, {})
        assert isinstance(result, Failure)
        assert result.kind is FailureKind.TIMED_OUT
        assert result.sent


async def test_a_body_beyond_its_bound_is_not_read() -> None:
    """Plain or compressed, a reply longer than the endpoint's bound is refused, and a bomb is not unpacked."""
    bound = BALANCE.body_bytes_max
    bomb = gzip.compress(b" " * (200 * bound))
    assert len(bomb) < bound
    cases = [
        Say(b"x" * (bound + 1)),
        Say(bomb, headers={"content-encoding": "gzip"}),
        Say(b"not gzip", headers={"content-encoding": "gzip"}),
        Say(bomb[:-9], headers={"content-encoding": "gzip"}),
        Say(b"{}", headers={"content-encoding": "br"}),
    ]
    async with StubVenue().serving() as venue, transport(StepClock(step_ns=500 * MS)) as wire:
        for case in cases:
            venue.on("GET", BALANCE.path, case)
            result = await wire.exchange(venue.url, BALANCE, {})
            assert isinstance(result, Failure)
            assert result.kind is FailureKind.BODY_REFUSED
            assert result.sent
        text = json.dumps({"code": 0}).encode()
        venue.on("GET", BALANCE.path, Say(gzip.compress(text), headers={"content-encoding": "gzip"}))
        assert getattr(await wire.exchange(venue.url, BALANCE, {}), "body", None) == text
        venue.on("GET", BALANCE.path, Say(b"y" * bound))
        assert isinstance(await wire.exchange(venue.url, BALANCE, {}), Reply)


async def test_what_is_not_http_is_a_lost_connection() -> None:
    """Garbage, a cut header and an over-long header end as a failure after sending, never as an exception."""
    garbage = [
        b"\x16\x03\x01garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000,
    ]
    for said in garbage:

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: bytes = said) -> None:
            await head(reader)
            writer.write(said)
            await writer.drain()

        async with raw_server(talk) as url, transport() as wire:
            result = await wire.exchange(url, SUBMIT, {})
        assert isinstance(result, Failure)
        assert result.kind is FailureKind.CONNECTION_LOST
        assert result.sent


async def test_a_redirect_is_not_followed() -> None:
    """An order is not carried to wherever a reply points."""
    async with StubVenue().serving() as venue, transport() as wire:
        venue.on("POST", ORDER_PATH, Say("", 307, {"location": "/elsewhere"}))
        result = await wire.exchange(venue.url, SUBMIT, {})
    assert isinstance(result, Reply)
    assert result.status == 307
    assert len(venue.seen) == 1


async def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY is honoured, and a request through it is stamped and signed all the same."""
    seen: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await head(reader))
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{"code":0}')
        await writer.drain()

    async with raw_server(proxy) as url:
        monkeypatch.setenv("HTTP_PROXY", url)
        monkeypatch.setenv("NO_PROXY", "")
        async with transport() as wire:
            result = await wire.exchange("http://venue.invalid", SUBMIT, {"symbol": "BTC-USDT"})
    assert isinstance(result, Reply)
    method, target, _ = seen[0].split(b" ", 2)
    assert method == b"POST"
    path, _, query = target.partition(b"?")
    assert path == b"http://venue.invalid" + ORDER_PATH.encode()
    assert Seen("POST", ORDER_PATH, query.decode(), {}, b"").signature_holds


async def test_no_log_line_and_no_repr_shows_a_secret_or_a_signature(caplog: pytest.LogCaptureFixture) -> None:
    """With every logger at DEBUG, neither the key, the secret, the signature nor a parameter appears anywhere."""
    caplog.set_level(logging.DEBUG)
    async with StubVenue().serving() as venue, transport() as wire:
        venue.on("POST", ORDER_PATH, yes({}), Say("", 500))
        ok = await wire.exchange(venue.url, SUBMIT, {"symbol": "BTC-USDT"})
        bad = await wire.exchange(venue.url, SUBMIT, {"symbol": "BTC-USDT"})
        failed = await wire.exchange("http://127.0.0.1:9", SUBMIT, {"symbol": "BTC-USDT"})
        shown = "\n".join([caplog.text, repr(wire), repr(ok), repr(bad), repr(failed), str(failed)])
    signature = venue.seen[0].parameters["signature"]
    assert "httpx" in caplog.text  # the libraries did log
    for secret in (SECRET, "simKey-0001", signature, "symbol=BTC-USDT"):
        assert secret not in shown


async def test_our_own_bug_is_a_value_and_names_only_its_type(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception inside the exchange does not escape, and its text, which may quote a request, is not kept."""
    async with StubVenue().serving() as venue, transport() as wire:
        venue.on("POST", ORDER_PATH, yes({}))

        def broken(*_: object) -> str:
            raise KeyError(SECRET)

        monkeypatch.setattr(Transport, "venue_now_ns", broken)
        result = await wire.exchange(venue.url, SUBMIT, {})
    assert result == Failure(FailureKind.BUG, "KeyError", sent=False)
    assert "KeyError" in caplog.text
    assert SECRET not in caplog.text
    assert venue.seen == []


async def test_what_cannot_be_signed_is_refused_before_anything_happens() -> None:
    """A bad parameter, or credentials that are not there, fail without a request."""
    async with StubVenue().serving() as venue:
        async with transport() as wire:
            bad = await wire.exchange(venue.url, SUBMIT, {"clientOrderID": "a&b"})
        keyless = Transport(None, StepClock())
        nobody = await keyless.exchange(venue.url, BALANCE, {})
        await keyless.aclose()
    for result in (bad, nobody):
        assert isinstance(result, Failure)
        assert result.kind is FailureKind.BAD_REQUEST
        assert not result.sent
    assert venue.seen == []


@pytest.mark.parametrize("window", [0, -1, 5001, 60_000])
def test_a_receive_window_beyond_five_seconds_is_refused(window: int) -> None:
    """A longer window is replay risk and a longer time of not knowing."""
    with pytest.raises(ValueError, match="recv_window_ms"):
        Transport(credentials(), StepClock(), recv_window_ms=window)


async def test_closing_releases_every_connection() -> None:
    """After ``aclose`` no socket of ours is open at the other side, and closing twice is harmless."""
    open_now = 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now
        open_now += 1
        try:
            while True:
                await head(reader)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                await writer.drain()
        finally:
            open_now -= 1

    async with raw_server(count) as url:
        async with transport() as wire:
            endpoints = (BALANCE, POSITIONS, OPEN_ORDERS)
            await asyncio.gather(*(wire.exchange(url, endpoint, {}) for endpoint in endpoints))
            assert open_now == 3
        await eventually(lambda: open_now == 0)
        await wire.aclose()
    names = {task.get_name() for task in asyncio.all_tasks()}
    assert len(names) == 1  # only this test


async def test_a_closed_transport_sends_nothing_and_says_so() -> None:
    """Whoever waits for the limiter when it is closed, or comes later, learns at once that nothing was sent."""
    async with StubVenue().serving() as venue, transport() as wire:
        wire.limiter = Limiter({SUBMIT.name: Quota(1)})
        wire.limiter.pause(SUBMIT.name, START_NS + 10**9)
        waiting = asyncio.create_task(wire.exchange(venue.url, SUBMIT, {}))
        await asyncio.sleep(0.02)
        await wire.aclose()
        async with asyncio.timeout(0.5):
            results = [await waiting, await wire.exchange(venue.url, SUBMIT, {})]
        assert results == [Failure(FailureKind.CLOSED, "the transport was closed", sent=False)] * 2
        assert wire.limiter.waiting == 0
    assert venue.seen == []


async def test_cancelling_the_caller_cancels_the_exchange() -> None:
    """Cancellation is the one thing that passes through: it ends the request and does not hang."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        await asyncio.sleep(60)

    async with raw_server(silent) as url, transport() as wire:
        task = asyncio.create_task(wire.exchange(url, SUBMIT, {}))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
