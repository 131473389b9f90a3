"""A client of the exchange written for tests: its own signing, plain httpx and websockets, a clock the test moves."""

import asyncio
import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx
from websockets.asyncio.client import ClientConnection, connect

from dita.adapters.exchange import (
    AccountConfig,
    ExchangeConfig,
    ExchangeServer,
    Fault,
    FaultPlan,
    RequestRules,
    StreamRules,
    WireVariants,
)
from dita.spec.market import BookTicker

KEY = "simKey-0001"
SECRET = "simSecret_0123456789abcdefSIM"
START_NS = 1_760_000_000_000_000_000
MS = 1_000_000
USDT = 10**8
COIN = 10**8
PRICE = 10**10
SWAP = "/openApi/swap"
ORDER = f"{SWAP}/v2/trade/order"
FILLS = f"{SWAP}/v2/trade/fillHistory"
LISTEN_KEY = "/openApi/user/auth/userDataStream"
NOW_MS = START_NS // MS

QUIET = StreamRules(snapshot_interval_ms=0, ping_interval_ms=60_000)
UNLIMITED = RequestRules(rate_limits=False)

Json = dict[str, Any]


def window(days: int = 1) -> dict[str, object]:
    """Times to ask for fills of so many days before the start, and of the second after it."""
    return {"startTs": NOW_MS - days * 86_400_000, "endTs": NOW_MS + 1000}


class HandClock:
    """UTC nanoseconds that stand still until the test moves them."""

    def __init__(self, start_ns: int = START_NS) -> None:
        self.now_ns = start_ns

    def __call__(self) -> int:
        """The time, as the exchange asks for it."""
        return self.now_ns

    def move_ms(self, milliseconds: int) -> None:
        """Let time pass."""
        self.now_ns += milliseconds * MS


def exchange_config(*faults: Fault, **parts: Any) -> ExchangeConfig:
    """One account, two contracts, no rate limits, no noise; any part may be given instead."""
    plain = ExchangeConfig(
        accounts=(AccountConfig(KEY, SECRET),), streams=QUIET, requests=UNLIMITED, faults=FaultPlan(faults)
    )
    return replace(plain, **parts)


def ticker(bid: str, ask: str, *, size: str = "1", symbol: str = "BTC-USDT", time_ns: int = START_NS) -> BookTicker:
    """Best prices in text; both sides hold ``size``."""
    quantity = scaled(size, 8)
    return BookTicker(symbol, scaled(bid, 10), quantity, scaled(ask, 10), quantity, time_ns)


def scaled(text: str, digits: int) -> int:
    """Decimal text in units of 10^-digits, exact or an error."""
    whole, _, part = text.partition(".")
    assert len(part) <= digits, text
    return int(whole + part.ljust(digits, "0"))


def sign(text: str, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def signed_query(parameters: Mapping[str, str], secret: str = SECRET) -> str:
    """Sorted, signed over the plain text, percent-encoded, signature last."""
    names = sorted(parameters)
    signature = sign("&".join(f"{name}={parameters[name]}" for name in names), secret)
    sent = "&".join(f"{name}={quote(parameters[name], safe='')}" for name in names)
    return f"{sent}&signature={signature}"


class Client:
    """Signed calls to one exchange."""

    def __init__(self, server: ExchangeServer, clock: HandClock, http: httpx.AsyncClient) -> None:
        self.server = server
        self.clock = clock
        self.http = http

    async def raw(self, method: str, path: str, **parameters: object) -> httpx.Response:
        """One signed call; None values are left out."""
        texts = {name: str(value) for name, value in parameters.items() if value is not None}
        texts.setdefault("timestamp", str(self.clock() // MS))
        return await self.http.request(method, f"{path}?{signed_query(texts)}")

    async def call(self, method: str, path: str, **parameters: object) -> Json:
        """The parsed body of one signed call that arrives with HTTP 200."""
        response = await self.raw(method, path, **parameters)
        assert response.status_code == 200, response.text
        body: Json = response.json()
        return body

    async def code(self, method: str, path: str, **parameters: object) -> int:
        """The code of a call that arrives with HTTP 200."""
        return int((await self.call(method, path, **parameters))["code"])

    async def data(self, method: str, path: str, **parameters: object) -> Any:
        """The data of a call that succeeds."""
        body = await self.call(method, path, **parameters)
        assert body["code"] == 0, body
        return body["data"]

    async def submit(self, **changes: object) -> Json:
        """A market buy that opens a long of 0.01, changed as told; the whole body."""
        order: dict[str, object] = {
            "symbol": "BTC-USDT",
            "side": "BUY",
            "positionSide": "LONG",
            "type": "MARKET",
            "quantity": "0.01",
        }
        order.update(changes)
        return await self.call("POST", ORDER, **order)

    async def order(self, client_id: str) -> Json:
        """GET trade/order by client id; the whole body."""
        return await self.call("GET", ORDER, symbol="BTC-USDT", clientOrderId=client_id)

    async def listen_key(self) -> str:
        """A listen key of the account."""
        body = (await self.raw("POST", LISTEN_KEY)).json()
        return str(body["listenKey"])

    @asynccontextmanager
    async def account_stream(self) -> AsyncGenerator["Stream"]:
        """A connected account stream with a fresh or shared listen key."""
        url = f"{self.server.ws_url}?listenKey={await self.listen_key()}"
        async with connect(url, compression=None) as socket:
            await until(lambda: self.server.report().connections > 0)
            yield Stream(socket)

    @asynccontextmanager
    async def market_stream(self, *topics: str) -> AsyncGenerator["Stream"]:
        """A market stream whose subscriptions are acknowledged and whose current values have been read."""
        async with connect(self.server.ws_url, compression=None) as socket:
            stream = Stream(socket)
            for number, topic in enumerate(topics):
                await stream.send({"id": str(number), "reqType": "sub", "dataType": topic})
                assert (await stream.next())["code"] == 0
                if not topic.endswith("@trade"):
                    assert (await stream.next())["dataType"] == topic
            yield stream


class Stream:
    """Frames of one websocket, unpacked."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, value: object) -> None:
        """Send JSON text."""
        await self.socket.send(json.dumps(value))

    async def text(self) -> str:
        """The next frame as text; every frame has to be gzip in binary."""
        frame = await asyncio.wait_for(self.socket.recv(), 10)
        assert isinstance(frame, bytes), frame
        return gzip.decompress(frame).decode()

    async def next(self) -> Json:
        """The next frame as JSON."""
        value: Json = json.loads(await self.text())
        return value

    async def orders(self, count: int) -> list[Json]:
        """The next order events, without what comes between."""
        found: list[Json] = []
        while len(found) < count:
            frame = await self.next()
            if frame["e"] == "ORDER_TRADE_UPDATE":
                found.append(frame["o"])
        return found


async def until(condition: Any) -> None:
    """Give the loop time until the condition holds; a test's own timeout ends a hopeless wait."""
    while not condition():  # noqa: ASYNC110  what is waited for happens in another process or below the sockets
        await asyncio.sleep(0.005)


@asynccontextmanager
async def exchange(
    config: ExchangeConfig | None = None, clock: HandClock | None = None
) -> AsyncGenerator[tuple[ExchangeServer, Client]]:
    """A started exchange with a BTC market of 60000.0 to 60000.1, and a client of it."""
    clock = clock or HandClock()
    server = ExchangeServer(config or exchange_config(), clock)
    await server.start()
    try:
        server.feed(ticker("60000.0", "60000.1"))
        async with httpx.AsyncClient(
            base_url=server.rest_url, headers={"X-BX-APIKEY": KEY}, timeout=10, trust_env=False
        ) as http:
            yield server, Client(server, clock, http)
    finally:
        await server.stop()


def variants(**changes: Any) -> ExchangeConfig:
    """The usual exchange with other wire variants."""
    return exchange_config(wire=WireVariants(**changes))
