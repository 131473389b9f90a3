"""Whatever arrives, the exchange answers as the venue would, keeps its books, and serves the next client."""

import asyncio
import json
from collections.abc import Callable, Generator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from dita.adapters.exchange import StreamRules
from dita.adapters.exchange.rest import ROUTES, RestApi
from dita.adapters.exchange.venue import Venue
from exchange_client import KEY, MS, START_NS, HandClock, exchange, exchange_config, sign, ticker, until

NAMES = sorted(
    {
        "symbol", "side", "positionSide", "type", "quantity", "price", "stopPrice", "timeInForce", "clientOrderID",
        "clientOrderId", "reduceOnly", "closePosition", "workingType", "orderId", "orderIdList", "clientOrderIdList",
        "batchOrders", "cancelOrderId", "cancelReplaceMode", "positionId", "leverage", "marginType", "amount", "limit",
        "dualSidePosition", "startTime", "endTime", "startTs", "endTs", "pageIndex", "pageSize", "lastFillId",
        "tradingUnit", "interval", "timeOut", "listenKey", "incomeType", "recvWindow",
    }
)  # fmt: skip
WORDS = [
    "BTC-USDT", "ETH-USDT", "XRP-USDT", "BUY", "SELL", "LONG", "SHORT", "BOTH", "MARKET", "LIMIT", "STOP_MARKET",
    "TAKE_PROFIT", "TRIGGER_LIMIT", "GTC", "PostOnly", "true", "false", "0.01", "60000", "58000.5", "0", "-1", "1e9",
    "NaN", "99999999999999999999999", "0." + "1" * 70, "[" + "9" * 5000 + "]", '["²"]', "[1,2]", '["a"]', "[]", "{}",
    "[" * 200, '[{"symbol":"BTC-USDT"}]', '[{"symbol":{}}]', "CROSSED", "ISOLATED", "COIN", "1m", "ACTIVATE",
    "STOP_ON_FAILURE", "1", "10", "7",
]  # fmt: skip
VALUES = st.sampled_from(WORDS) | st.text(max_size=20) | st.integers(-(10**20), 10**20).map(str)
PARAMETERS = st.dictionaries(st.sampled_from(NAMES) | st.text(min_size=1, max_size=8), VALUES, max_size=9)
ROUTE = st.sampled_from(sorted(ROUTES))
BODIES = st.binary(max_size=60) | st.sampled_from([b"[1", b"{}", b'{"a":1}', b'{"a":{"b":1}}', b"a=1&a=2", b"\xff"])
TYPES = st.sampled_from(["", "application/json", "application/x-www-form-urlencoded", "text/plain"])

Answer = tuple[int, str]
Ask = Callable[[str, str, bytes, bytes, str], Answer]


@pytest.fixture(scope="module")
def house() -> Generator[tuple[Venue, Ask]]:
    """A venue without sockets, and a way to put any request before it."""
    venue = Venue(exchange_config(), HandClock())
    api = RestApi(venue)
    loop = asyncio.new_event_loop()

    async def ask(method: str, path: str, query: bytes, body: bytes, kind: str) -> Answer:
        headers = [(b"x-bx-apikey", KEY.encode()), (b"content-type", kind.encode())]
        scope: dict[str, Any] = {
            "type": "http", "method": method, "path": path, "query_string": query, "headers": headers,
            "client": ("127.0.0.1", 1),
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        response = await api.answer(Request(scope, receive))
        return response.status_code, bytes(response.body).decode()

    async def begin() -> None:
        venue.feed(ticker("60000.0", "60000.1", size="5"))

    loop.run_until_complete(begin())

    def asked(method: str, path: str, query: bytes, body: bytes, kind: str) -> Answer:
        return loop.run_until_complete(ask(method, path, query, body, kind))

    yield venue, asked
    loop.run_until_complete(_stopped(venue))
    loop.close()


async def _stopped(venue: Venue) -> None:
    venue.stop()


def signed(parameters: dict[str, str]) -> bytes:
    """A correctly signed query of any parameters, their text percent-encoded, so that only their sense is wrong."""
    stamped = {name: value for name, value in parameters.items() if name not in ("timestamp", "signature")}
    stamped["timestamp"] = str(START_NS // MS)
    text = "&".join(f"{name}={value}" for name, value in stamped.items())
    sent = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in stamped.items())
    return f"{sent}&signature={sign(text)}".encode()


def judged(status: int, text: str) -> None:
    """An answer of the venue: JSON with a code and a text, or one of the bare replies of the listen key."""
    assert status in (200, 204, 404, 413, 414), text
    if not text:
        assert status in (204, 404)
        return
    body: dict[str, Any] = json.loads(text)
    assert isinstance(body.get("code", 0), int)
    if body.get("code", 0):
        assert body["msg"]
        assert body["data"] == {}
        assert len(text) < 1000


@settings(max_examples=600, deadline=None)
@given(ROUTE, PARAMETERS)
def test_signed_nonsense_is_refused_as_the_venue_refuses(
    house: tuple[Venue, Ask], route: tuple[str, str], parameters: dict[str, str]
) -> None:
    """Any call with any parameters, rightly signed, is answered in the venue's form, and the books still balance."""
    venue, ask = house

    judged(*ask(*route, signed(parameters), b"", ""))

    account = venue.engine.accounts[KEY]
    booked = account.realised - account.commission + account.funding + account.transfers + account.insurance
    assert account.wallet == account.seed + booked
    assert len(account.live) <= 200


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]),
    ROUTE.map(lambda route: route[1]) | st.text(max_size=30).map(lambda text: f"/openApi/{text}"),
    st.binary(max_size=80),
    BODIES,
    TYPES,
)
def test_unsigned_nonsense_reaches_no_book(
    house: tuple[Venue, Ask], method: str, path: str, query: bytes, body: bytes, kind: str
) -> None:
    """Bytes instead of a query, bodies of every sort, wrong methods and paths: refused in the venue's form."""
    venue, ask = house
    before = venue.engine.accounts[KEY].orders_made

    judged(*ask(method, path, query, body, kind))

    assert venue.engine.accounts[KEY].orders_made == before


@pytest.mark.parametrize(
    "start",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"GET /" + b"a" * 100_000,
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /openApi/swap/v2/trade/order HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 70_000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000,
    ],
    ids=["noise", "nonsense", "endless line", "negative length", "endless body", "endless headers"],
)
async def test_what_is_no_http_ends_its_own_connection_only(start: bytes) -> None:
    """The server answers 4xx or hangs up, and the next client trades."""
    async with exchange() as (server, client):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(start)
        try:
            async with asyncio.timeout(5):
                answer = await reader.read(65536)
        except ConnectionError:
            answer = b""
        writer.close()

        assert answer == b"" or b" 4" in answer.split(b"\r\n")[0]
        assert (await client.submit())["code"] == 0


@pytest.mark.parametrize(
    "message",
    [
        b"\x00" * 100, "{", "[]", "null", "7", '{"reqType":[]}', '{"dataType":{"a":1}}', "[" * 3000, "x" * 4097,
        '{"id":7,"dataType":"BTC-USDT@trade"}', '{"a":' * 600 + "1" + "}" * 600, b"\xff\xfe", "Ping",
    ],
)  # fmt: skip
async def test_strange_words_on_the_stream_are_passed_over(message: str | bytes) -> None:
    """Neither an answer nor an end: the next proper subscription of the same socket is acknowledged."""
    async with exchange() as (_, client), client.market_stream() as stream:
        await stream.socket.send(message)
        await stream.send({"id": "after", "reqType": "sub", "dataType": "BTC-USDT@trade"})

        assert await stream.next() == {"id": "after", "code": 0, "msg": "", "dataType": "", "data": None}


async def _send_and_read(socket: ClientConnection, message: str) -> None:
    await socket.send(message)
    await socket.recv()


async def test_messages_beyond_bounds_end_their_own_socket_only() -> None:
    """A message of ten megabytes is 1009 for its sender; others go on."""
    async with exchange() as (server, client), client.market_stream("BTC-USDT@bookTicker") as other:
        async with connect(server.ws_url, compression=None) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await _send_and_read(socket, "x" * 10_000_000)
        server.feed(ticker("60001.0", "60001.1"))

        assert closed.value.rcvd is None or closed.value.rcvd.code == 1009
        assert (await other.next())["data"]["b"] == "60001.0"


async def test_sockets_of_one_address_are_counted() -> None:
    """One more than the limit is turned away with 403; when one has gone, another is let in."""
    rules = StreamRules(snapshot_interval_ms=0, sockets_max=2)
    config = exchange_config(streams=rules)
    async with exchange(config) as (server, client), connect(server.ws_url, compression=None):
        second = await connect(server.ws_url, compression=None)
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.ws_url, compression=None)
        assert refused.value.response.status_code == 403
        await second.close()
        await until(lambda: server.report().connections == 1)
        async with client.market_stream("BTC-USDT@bookTicker") as again:
            server.feed(ticker("60001.0", "60001.1"))
            assert (await again.next())["data"]["b"] == "60001.0"
