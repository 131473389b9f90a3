"""A hand-written venue over real sockets: answers what the test tells it to, and records what it was asked.

It verifies signatures the way the venue is documented to: over the received order of the decoded parameters.
"""

import asyncio
import gzip
import hmac
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from urllib.parse import unquote

from pydantic import SecretStr
from websockets.asyncio.server import Server, ServerConnection, serve

from dita.adapters.bingx.credentials import Credentials
from dita.adapters.bingx.endpoints import Hosts
from dita.adapters.bingx.rest import BingxRest
from dita.adapters.bingx.transport import Timeouts

API_KEY = "simKey-0001"
SECRET = "simSecret_0123456789abcdefSIM"
START_NS = 1_760_000_000_000_000_000
QUICK = Timeouts(connect=1.0, read=1.0, write=1.0, pool=1.0, total=1.5, limiter=2.0)


class StepClock:
    """A clock that the test moves; every reading also advances it a little, as a real one would."""

    def __init__(self, start_ns: int = START_NS, step_ns: int = 1000) -> None:
        self.now_ns = start_ns
        self.step_ns = step_ns

    def wall_ns(self) -> int:
        """UTC nanoseconds."""
        self.now_ns += self.step_ns
        return self.now_ns

    def monotonic_ns(self) -> int:
        """The same."""
        self.now_ns += self.step_ns
        return self.now_ns


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def parameters(self) -> dict[str, str]:
        """Decoded query parameters."""
        pairs = (part.partition("=") for part in self.query.split("&") if part)
        return {name: unquote(value) for name, _, value in pairs}

    @property
    def signature_holds(self) -> bool:
        """The venue's own verification: received order, decoded values, signature last."""
        pairs = [part.partition("=") for part in self.query.split("&") if part]
        if not pairs or pairs[-1][0] != "signature":
            return False
        text = "&".join(f"{name}={unquote(value)}" for name, _, value in pairs[:-1])
        return hmac.new(SECRET.encode(), text.encode(), sha256).hexdigest() == pairs[-1][2]


@dataclass(frozen=True)
class Say:
    """An answer: a body (text, or something for JSON), a status, headers, and how long to wait before."""

    body: object
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    delay_seconds: float = 0.0

    def wire(self) -> bytes:
        """The bytes of the reply."""
        content = self.body if isinstance(self.body, bytes) else self._text().encode()
        headers = {"content-type": "application/json", **self.headers}
        lines = [f"HTTP/1.1 {self.status} Said", *(f"{name}: {value}" for name, value in headers.items())]
        if self.status in (204, 304):
            return "\r\n".join([*lines, "", ""]).encode()
        return "\r\n".join([*lines, f"content-length: {len(content)}", "", ""]).encode() + content

    def _text(self) -> str:
        return self.body if isinstance(self.body, str) else json.dumps(self.body)


Answerer = Callable[[Seen], Say | Awaitable[Say]]


def yes(data: object) -> Say:
    """Code 0 with data."""
    return Say({"code": 0, "msg": "", "data": data})


def no(code: int | str, text: str = "", status: int = 200) -> Say:
    """A business error."""
    return Say({"code": code, "msg": text, "data": {}}, status)


class StubVenue:
    """One HTTP server. ``on`` sets the answer of a path; several answers are given in turn, the last one for ever."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.clock_ns: Callable[[], int] = lambda: START_NS
        self._answers: dict[tuple[str, str], list[Say | Answerer]] = {}
        self.on("GET", "/openApi/swap/v2/server/time", lambda _: yes({"serverTime": self.clock_ns() // 10**6}))
        self.url = ""
        self._connections: set[asyncio.Task[None]] = set()

    def on(self, method: str, path: str, *answers: Say | Answerer) -> None:
        """Set the answers of a path."""
        self._answers[method, path] = list(answers)

    def requests(self, method: str, path: str) -> list[Seen]:
        """What was asked of a path, in order."""
        return [seen for seen in self.seen if (seen.method, seen.path) == (method, path)]

    async def _answer(self, seen: Seen) -> Say:
        self.seen.append(seen)
        answers = self._answers.get((seen.method, seen.path))
        if not answers:
            return no(100400, "this api is not exist")
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Say):
            return answer
        said = answer(seen)
        return said if isinstance(said, Say) else await said

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while True:
                seen = await _read_request(reader)
                said = await self._answer(seen)
                if said.delay_seconds:
                    await asyncio.sleep(said.delay_seconds)
                writer.write(said.wire())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client or the test has gone
        finally:
            self._connections.discard(task)
            writer.close()

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator["StubVenue"]:
        """Listen on a free loopback port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self
            for task in tuple(self._connections):
                task.cancel()


async def _read_request(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(method, path, query, headers, body)


@dataclass
class StubStream:
    """One websocket server: runs the test's script for every connection and keeps what clients sent."""

    script: Callable[["StubStream", ServerConnection], Awaitable[None]]
    paths: list[str] = field(default_factory=list[str])
    received: list[str] = field(default_factory=list[str])
    url: str = ""

    async def _handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.paths.append(connection.request.path)
        await self.script(self, connection)

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator["StubStream"]:
        """Listen on a free loopback port."""
        server: Server = await serve(self._handle, "127.0.0.1", 0, compression=None)
        async with server:
            port = server.sockets[0].getsockname()[1]
            self.url = f"ws://127.0.0.1:{port}/swap-market"
            yield self
            server.close(close_connections=True)


def frame(document: object) -> bytes:
    """A document as the venue frames it: gzip."""
    text = document if isinstance(document, str) else json.dumps(document)
    return gzip.compress(text.encode())


def hosts(venue: str, stream: str = "ws://127.0.0.1:9/unused", fallback: str | None = None) -> Hosts:
    """Hosts of a local venue."""
    return Hosts(venue, fallback, stream, stream, "USDT")


def credentials() -> Credentials:
    """Fictional credentials of the signing vectors."""
    return Credentials(SecretStr(API_KEY), SecretStr(SECRET))


@asynccontextmanager
async def connected(
    venue: StubVenue, clock: StepClock | None = None, fallback: str | None = None, stream: str = "ws://127.0.0.1:9/x"
) -> AsyncGenerator[BingxRest]:
    """A client of the stub, closed afterwards."""
    rest = BingxRest.connect(
        hosts(venue.url, stream, fallback), credentials(), clock or StepClock(), Random(1), timeouts=QUICK
    )
    try:
        yield rest
    finally:
        await rest.aclose()


async def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something holds; fails when it does not within a generous time."""
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    assert condition()


def moving_clock() -> StepClock:
    """Every reading takes a tenth of a second, so that the limiter never has to wait."""
    return StepClock(step_ns=100 * 10**6)


async def ask(path: str, answer: Say, question: Callable[[BingxRest], Awaitable[object]]) -> object:
    """One question to a venue that has one answer."""
    async with StubVenue().serving() as venue:
        venue.on("GET", path, answer)
        async with connected(venue, moving_clock()) as rest:
            return await question(rest)
