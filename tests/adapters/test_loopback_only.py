"""These tests stay on this machine: what would leave it is refused, and told although somebody swallows the refusal."""

import asyncio
import socket
from random import Random

import httpx
import pytest

from dita.adapters.bingx.clock import SystemClock
from dita.adapters.bingx.endpoints import DEMO, SERVER_TIME
from dita.adapters.bingx.market_stream import MarketStream
from dita.adapters.bingx.stream_events import StreamGap
from dita.adapters.bingx.transport import Failure, FailureKind, Transport
from loopback_only import WATCH, is_here

ELSEWHERE = "192.0.2.1"  # documentation only (RFC 5737): nobody is there


def tried() -> list[str]:
    """What was tried; forgotten, or this test would fail for it as any other."""
    seen = list(WATCH.tried)
    WATCH.tried.clear()
    return seen


def test_a_connect_a_datagram_and_a_look_up_are_refused() -> None:
    """Each by name; connects to this machine are let through."""
    with socket.socket() as connection, pytest.raises(PermissionError, match=ELSEWHERE):
        connection.connect((ELSEWHERE, 9))
    with socket.socket(type=socket.SOCK_DGRAM) as connection, pytest.raises(PermissionError, match=ELSEWHERE):
        connection.sendto(b"x", (ELSEWHERE, 9))
    with pytest.raises(PermissionError, match=r"example\.org"):
        socket.getaddrinfo("example.org", 443)
    assert [what.split()[0] for what in tried()] == ["socket.connect", "socket.sendto", "socket.getaddrinfo"]
    with socket.socket() as listener, socket.socket() as connection:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        connection.connect(listener.getsockname())
    assert tried() == []


async def test_the_adapters_own_ways_out_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """REST and streams of the demo venue: refused here, and told although the adapter makes a value of everything."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    transport = Transport(None, SystemClock())
    result = await transport.exchange(DEMO.rest, SERVER_TIME, {})
    await transport.aclose()
    assert isinstance(result, Failure)
    assert (result.kind, result.sent) == (FailureKind.NOT_CONNECTED, False)
    assert any("open-api-vst.bingx.com" in what for what in tried())
    async with MarketStream(DEMO.market_stream, ["BTC-USDT"], SystemClock(), Random(1)) as stream:
        assert isinstance(await stream.next_event(), StreamGap)
        await asyncio.sleep(0.2)
    assert any("vst-open-api-ws.bingx.com" in what for what in tried())
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://{ELSEWHERE}/")
    assert any(ELSEWHERE in what for what in tried())


@pytest.mark.parametrize(
    ("name", "here"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("", True), (ELSEWHERE, False),
     ("192.168.0.1", False), ("8.8.8.8", False), ("::2", False), ("example.org", False), ("localhost.example", False)],
)  # fmt: skip
def test_what_this_machine_is(name: str, here: bool) -> None:
    """Loopback addresses and its own name; nothing else, and nobody is asked."""
    assert is_here(name) is here
