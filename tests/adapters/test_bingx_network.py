"""The ways to the venue: names looked up anew, both families of addresses, proxies; and everything is given back."""

import asyncio
import gc
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bingx_venue import QUICK, Say, StepClock, StubStream, StubVenue, credentials, eventually, frame, hosts, yes
from dita.adapters.bingx.account_stream import AccountStream
from dita.adapters.bingx.endpoints import POSITIONS, Hosts
from dita.adapters.bingx.errors import VenueError
from dita.adapters.bingx.market_stream import MarketStream
from dita.adapters.bingx.rest import BingxRest
from dita.adapters.bingx.stream_events import StreamGap, StreamRestored
from dita.adapters.bingx.transport import Reply, Transport

LISTEN_PATH = "/openApi/user/auth/userDataStream"
NAME = "venue.test"  # a name that no resolver knows


def open_descriptors() -> set[str]:
    """What this process has open, by what it is."""
    found: set[str] = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"{link.name} {link.readlink()}")
        except OSError:  # it was the listing's own
            continue
    return found


async def snapshot(_: StubStream, connection: ServerConnection) -> None:
    """A venue that says something and stays."""
    try:
        await connection.send(frame({"e": "SNAPSHOT"}))
        await connection.wait_closed()
    except ConnectionClosed:
        pass


@asynccontextmanager
async def account(rest: BingxRest) -> AsyncGenerator[AccountStream]:
    """A stream of every symbol."""
    async with AccountStream(rest, (), Random(1)) as stream:
        yield stream


async def restored(stream: AccountStream) -> StreamRestored:
    """Wait until it is live."""
    async with asyncio.timeout(20):
        while True:
            event = await stream.next_event()
            if isinstance(event, StreamRestored):
                return event


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let ``NAME`` resolve to one address after the other (the last one for ever); gives what was asked for."""
    left, asked = list(addresses), list[str]()
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        text = host.decode() if isinstance(host, bytes) else host
        if text != NAME:
            return real(host, port, *rest, **named)
        address = left.pop(0) if len(left) > 1 else left[0]
        asked.append(address)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        where = (address, int(port), 0, 0) if family == socket.AF_INET6 else (address, int(port))
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def port_of(url: str) -> str:
    return url.rsplit(":", 1)[1].split("/", maxsplit=1)[0]


async def test_a_new_connection_looks_the_name_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The venue moved: the next connection goes to its new address, for requests as for streams."""
    asked = resolving(monkeypatch, "127.0.0.2", "127.0.0.1")
    async with StubVenue().serving() as venue:
        venue.on("GET", POSITIONS.path, yes([]))
        wire = Transport(credentials(), StepClock(), timeouts=QUICK)
        url = f"http://{NAME}:{port_of(venue.url)}"
        first = await wire.exchange(url, POSITIONS, {})  # nobody listens on 127.0.0.2
        second = await wire.exchange(url, POSITIONS, {})
        await wire.aclose()
    assert not isinstance(first, Reply)
    assert not first.sent
    assert isinstance(second, Reply)
    assert asked == ["127.0.0.2", "127.0.0.1"]


async def test_a_stream_looks_the_name_up_at_every_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a loss the stream goes where the name points now."""
    asked = resolving(monkeypatch, "127.0.0.2", "127.0.0.1")
    async with StubVenue().serving() as venue, StubStream(snapshot).serving() as server:
        venue.on("POST", LISTEN_PATH, Say({"listenKey": "ab12"}))
        stream_url = f"ws://{NAME}:{port_of(server.url)}/swap-market"
        rest = BingxRest.connect(
            hosts(venue.url, stream_url), credentials(), StepClock(step_ns=10**8), Random(1), timeouts=QUICK
        )
        async with account(rest) as stream:
            await restored(stream)
            assert stream.sessions == 2
        await rest.aclose()
    assert asked == ["127.0.0.2", "127.0.0.1"]


async def test_the_sixth_version_of_addresses_is_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a literal and behind a name, for requests and streams."""
    resolving(monkeypatch, "::1")
    venue = StubVenue()
    venue.on("GET", POSITIONS.path, yes([]))
    venue.on("POST", LISTEN_PATH, Say({"listenKey": "ab12"}))
    stub = StubStream(snapshot)
    http = await asyncio.start_server(venue._serve, "::1", 0)  # pyright: ignore[reportPrivateUsage] - on another address
    async with http, serve(lambda connection: snapshot(stub, connection), "::1", 0, compression=None) as web:
        ports = [server.sockets[0].getsockname()[1] for server in (http, web)]
        for host in ("[::1]", NAME):
            where = Hosts(f"http://{host}:{ports[0]}", None, "", f"ws://{host}:{ports[1]}/swap-market", "USDT")
            rest = BingxRest.connect(where, credentials(), StepClock(step_ns=10**8), Random(1), timeouts=QUICK)
            assert await rest.positions() == ()
            async with account(rest) as stream:
                await restored(stream)
            await rest.aclose()
        for task in tuple(venue._connections):  # pyright: ignore[reportPrivateUsage] - as serving() does
            task.cancel()


async def test_a_stream_goes_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY tunnels a stream, NO_PROXY does not; what the proxy is asked has no key in it."""
    tunnels: list[str] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        tunnels.append(head.splitlines()[0])
        host, _, port = head.split()[1].rpartition(":")
        inner, outer = await asyncio.open_connection("127.0.0.1" if host == NAME else host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pipe(reader, outer), pipe(inner, writer))

    async with StubStream(snapshot).serving() as server, await asyncio.start_server(proxy, "127.0.0.1", 0) as front:
        port = port_of(server.url)
        for variable in (
            "http_proxy",
            "HTTP_PROXY",
            "https_proxy",
            "HTTPS_PROXY",
            "all_proxy",
            "ALL_PROXY",
            "no_proxy",
        ):
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{front.sockets[0].getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        async with StubVenue().serving() as venue:
            venue.on("POST", LISTEN_PATH, Say({"listenKey": "ab12"}))
            for host, tunnelled in ((NAME, True), ("127.0.0.1", False)):
                where = hosts(venue.url, f"ws://{host}:{port}/swap-market")
                rest = BingxRest.connect(where, credentials(), StepClock(step_ns=10**8), Random(1), timeouts=QUICK)
                tunnels.clear()
                async with account(rest) as stream:
                    await restored(stream)
                await rest.aclose()
                assert tunnels == ([f"CONNECT {NAME}:{port} HTTP/1.1"] if tunnelled else [])


@dataclass
class Session:
    """What a session had, and how many descriptors were open in the middle of it."""

    rest: BingxRest
    account: AccountStream
    market: MarketStream
    descriptors: set[str]

    async def aclose(self) -> None:
        """Close all of it."""
        await self.market.aclose()
        await self.account.aclose()
        await self.rest.aclose()


async def whole_session(close: bool) -> Session:
    """Everything at once: reads, a refusal, a hanging reply, two streams, one of them between two connections."""

    async def drop(stream: StubStream, connection: ServerConnection) -> None:
        stream.received.append("")
        if len(stream.received) == 1:
            await snapshot(stream, connection)

    async with StubVenue().serving() as venue, StubStream(drop).serving() as server:
        venue.on("POST", LISTEN_PATH, Say({"listenKey": "ab12"}))
        venue.on("DELETE", LISTEN_PATH, Say("{}"))
        venue.on("GET", POSITIONS.path, yes([]), Say("", 500), Say("{}", delay_seconds=30))
        rest = BingxRest.connect(
            hosts(venue.url, server.url), credentials(), StepClock(step_ns=10**8), Random(1), timeouts=QUICK
        )
        account_stream = AccountStream(rest, (), Random(1))
        market_stream = MarketStream(server.url, ["BTC-USDT"], StepClock(step_ns=10**8), Random(1))
        account_stream.start()
        await restored(account_stream)
        market_stream.start()
        assert isinstance(await market_stream.next_event(), StreamGap)
        await rest.positions()
        with pytest.raises(VenueError):
            await rest.positions()
        hanging = asyncio.create_task(rest.positions())
        await eventually(lambda: len(venue.requests("GET", POSITIONS.path)) == 3)
        session = Session(rest, account_stream, market_stream, open_descriptors())
        if close:
            await session.aclose()
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
    return session


async def left_over(close: bool) -> tuple[set[str], set[str]]:
    """Tasks and descriptors that a session leaves behind."""
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, lambda: None)  # the resolver's thread, which the loop keeps
    gc.collect()
    tasks, descriptors = asyncio.all_tasks(), open_descriptors()
    session = await whole_session(close)
    assert sum("socket:" in one for one in session.descriptors - descriptors) >= 6  # ours and the venue's
    for _ in range(20):  # the other side closes, too
        await asyncio.sleep(0.01)
        if asyncio.all_tasks() == tasks and open_descriptors() <= descriptors:
            break
    found = {task.get_name() for task in asyncio.all_tasks() - tasks}, open_descriptors() - descriptors
    await session.aclose()
    return found


async def test_closing_gives_back_every_task_socket_and_file() -> None:
    """Counted before and after, in the middle of reads and reconnects."""
    assert await left_over(close=True) == (set(), set())


async def test_what_is_not_closed_is_counted() -> None:
    """The same session left open has tasks of its own: the count above would notice."""
    tasks, _ = await left_over(close=False)
    assert {"account stream", "market stream"} <= tasks
