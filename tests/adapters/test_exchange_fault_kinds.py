"""Every kind of fault, seen on the wire by a plain client, and not seen without it.

Each row has a probe: a short session with httpx and websockets whose outcome is told as a value. The same probe runs
with the fault and without it; it has to find what the row says and, in calm, something else. So a fault that is
counted and does nothing, or that changes nothing on the wire, turns its row red.
"""

import asyncio
import contextlib
import gzip
import json
import re
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any, get_args

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from dita.adapters.exchange import ExchangeServer, faults
from exchange_client import (
    KEY,
    LISTEN_KEY,
    MS,
    ORDER,
    START_NS,
    SWAP,
    Client,
    HandClock,
    Stream,
    exchange,
    exchange_config,
    signed_query,
    ticker,
    until,
)

NOW_MS = START_NS // MS
SOON_MS = NOW_MS + 100
LIMIT: dict[str, Any] = {"type": "LIMIT", "price": "59000"}
PATIENCE_S = 5.0  # with a reply that comes
SHORT_PATIENCE_S = 0.25  # with one that does not
GRACE_S = 0.02  # with a frame that has arrived
ORDERS = "ORDER_TRADE_UPDATE"


class Scene:
    """One exchange, one client, one clock that the probe moves."""

    def __init__(
        self, server: ExchangeServer, client: Client, clock: HandClock, patience_s: float = PATIENCE_S
    ) -> None:
        self.patience_s = patience_s
        self.server = server
        self.client = client
        self.clock = clock

    def pass_ms(self, milliseconds: int) -> None:
        """Let the exchange's time pass."""
        self.clock.move_ms(milliseconds)
        self.server.advance()

    async def submit(self, **changes: Any) -> tuple[int, str]:
        """A submit named `one`: status and body of the reply, or 0 and the name of what the transport raised."""
        order = {
            "symbol": "BTC-USDT", "side": "BUY", "positionSide": "LONG", "type": "MARKET", "quantity": "0.01",
            "clientOrderID": "one", "timestamp": str(self.clock() // MS), **changes,
        }  # fmt: skip
        try:
            reply = await self.client.http.post(f"{ORDER}?{signed_query(order)}", timeout=self.patience_s)
        except httpx.TransportError as error:
            return 0, type(error).__name__
        return reply.status_code, reply.text

    async def exists(self) -> bool:
        """Whether the order named `one` is on the book."""
        return bool((await self.client.order("one"))["code"] == 0)

    async def state(self) -> str:
        """The status of the order named `one`."""
        return str((await self.client.order("one"))["data"]["order"]["status"])


Probe = Callable[[Scene], Awaitable[object]]


# ---- what goes wrong with a request


async def fate(scene: Scene) -> object:
    """How a submit ends for its client, and whether the order exists."""
    status, text = await scene.submit()
    shown = "order" if '"order"' in text else text
    return status, shown, await scene.exists()


async def codes(scene: Scene) -> object:
    """The codes of two submits with different ids."""
    return [int((await scene.client.submit(clientOrderID=name))["code"]) for name in ("one", "two")]


async def twice(scene: Scene) -> object:
    """The codes of two submits with one id."""
    return [int((await scene.client.submit(clientOrderID="one"))["code"]) for _ in range(2)]


async def made(scene: Scene) -> object:
    """How many orders one submit without an id makes."""
    await scene.client.submit()
    return scene.server.report().orders_made


async def statuses(scene: Scene) -> object:
    """HTTP statuses of ten calls of every sort within a second."""
    client = scene.client
    calls = [
        ("POST", ORDER), ("GET", ORDER), ("DELETE", ORDER), ("POST", LISTEN_KEY), ("GET", f"{SWAP}/v2/user/positions"),
    ]  # fmt: skip
    parameters = {"symbol": "BTC-USDT", "orderId": 7}
    return [(await client.raw(method, path, **parameters)).status_code for method, path in calls * 2]


async def pieces(scene: Scene) -> object:
    """The status after each part of a filled order's time."""
    await scene.client.submit(clientOrderID="one")
    seen = [await scene.state()]
    for _ in range(2):
        scene.pass_ms(100)
        seen.append(await scene.state())
    return seen


async def admitted_late(scene: Scene) -> object:
    """Whether the order exists at once, and when its time has passed; then what the client was told."""
    submit = asyncio.create_task(scene.client.submit(clientOrderID="one", recvWindow=2000))
    await asyncio.sleep(0.05)
    at_once = scene.server.report().orders_made
    scene.pass_ms(3000)
    return at_once, (await submit)["code"], scene.server.report().orders_made


async def answered_late(scene: Scene) -> object:
    """Whether the stream tells of the order before its reply has come."""
    async with scene.client.account_stream() as stream:
        submit = asyncio.create_task(scene.client.submit(clientOrderID="one"))
        await stream.orders(2)
        await asyncio.sleep(0.05)
        early = not submit.done()
        scene.pass_ms(500)
        await submit
        return early


async def raw_reply(scene: Scene) -> object:
    """The bytes of a reply as they come from the socket: promised length less what comes, and in how many arrivals."""
    query = signed_query({"symbol": "BTC-USDT", "timestamp": str(scene.clock() // MS)})
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.server.port)
    request = (
        f"GET {SWAP}/v2/user/positions?{query} HTTP/1.1\r\nHost: x\r\nX-BX-APIKEY: {KEY}\r\nConnection: close\r\n\r\n"
    )
    writer.write(request.encode())
    arrivals: list[bytes] = []
    while True:
        scene.pass_ms(1)
        try:
            async with asyncio.timeout(scene.patience_s):
                data = await reader.read(65536)
        except TimeoutError:
            break
        if not data:
            break
        arrivals.append(data)
    writer.close()
    head, _, body = b"".join(arrivals).partition(b"\r\n\r\n")
    (length,) = re.findall(rb"(?i)content-length: *([0-9]+)", head)
    return int(length) - len(body), len(arrivals) > 20, json.loads(body)["code"]


async def half_open(scene: Scene) -> object:
    """After the end of what the server says, whether the client can still send on that connection."""
    connection = socket.create_connection(("127.0.0.1", scene.server.port))
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    query = signed_query({"symbol": "BTC-USDT", "timestamp": str(scene.clock() // MS)})
    request = f"GET {SWAP}/v2/user/positions?{query} HTTP/1.1\r\nHost: x\r\nX-BX-APIKEY: {KEY}\r\n\r\n".encode()
    await loop.sock_sendall(connection, request)
    answer = await asyncio.wait_for(loop.sock_recv(connection, 65536), 5)
    await loop.sock_sendall(connection, request)
    await asyncio.sleep(0.05)
    error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    connection.close()
    return bool(answer), error


# ---- what reads show


async def before_and_after(scene: Scene) -> object:
    """Whether a filled order is shown at once, and later."""
    await scene.client.submit(clientOrderID="one")
    at_once = await scene.exists()
    scene.pass_ms(500)
    return at_once, await scene.exists()


async def after_a_cancel(scene: Scene) -> object:
    """The echo of a cancel, the state GET shows, how many orders are listed open and finished; the same later."""
    client = scene.client
    await client.submit(clientOrderID="one", **LIMIT)
    echo = (await client.data("DELETE", ORDER, symbol="BTC-USDT", clientOrderId="one"))["order"]["status"]
    seen: list[object] = [echo]
    for _ in range(2):
        listed = await client.data("GET", f"{SWAP}/v2/trade/openOrders", symbol="BTC-USDT")
        finished = await client.data("GET", f"{SWAP}/v2/trade/allOrders", symbol="BTC-USDT")
        seen.append((await scene.state(), len(listed["orders"]), len(finished["orders"])))
        scene.pass_ms(500)
    return seen


async def lost_cancel(scene: Scene) -> object:
    """The code of a cancel and the state of its order."""
    await scene.client.submit(clientOrderID="one", **LIMIT)
    code = await scene.client.code("DELETE", ORDER, symbol="BTC-USDT", clientOrderId="one")
    return code, await scene.state()


async def told_time(scene: Scene) -> object:
    """By how much server/time is off after a while, and what becomes of a request stamped with the true time."""
    scene.pass_ms(100)
    told = (await scene.client.http.get(f"{SWAP}/v2/server/time")).json()["data"]["serverTime"]
    return told - scene.clock() // MS, (await scene.client.submit(clientOrderID="one"))["code"]


async def open_position(scene: Scene) -> object:
    """The position some time after it was opened."""
    await scene.client.submit()
    scene.pass_ms(100)
    return [row["positionAmt"] for row in await scene.client.data("GET", f"{SWAP}/v2/user/positions")]


# ---- what the streams say


async def frames(scene: Scene) -> object:
    """States of the order events of two market orders, as they arrive, half a second of the exchange's time later."""
    async with scene.client.account_stream() as stream:
        for name in ("one", "two"):
            await scene.client.submit(clientOrderID=name)
        scene.pass_ms(500)
        return [
            f"{frame['o']['c']} {frame['o']['X']}" for frame in await everything(stream) if frame.get("e") == ORDERS
        ]


async def everything(stream: Stream) -> list[Any]:
    """All frames that are on their way, and the end if there is one: what was sent before a pong is there with it."""
    with contextlib.suppress(ConnectionClosed):
        for _ in range(2):
            await asyncio.wait_for(await stream.socket.ping(), 5)
    seen: list[Any] = []
    while True:
        try:
            async with asyncio.timeout(GRACE_S):
                seen.append(await stream.next())
        except TimeoutError:
            return seen
        except ConnectionClosed as closed:
            seen.append({"end": closed.rcvd.code if closed.rcvd is not None else 1006})
            return seen
        except (OSError, ValueError):
            seen.append({"spoilt": True})


async def end_of_stream(scene: Scene) -> object:
    """How many order events arrive, how the stream ends, and whether its key still lives."""
    async with scene.client.account_stream() as stream:
        key = await scene.client.listen_key()
        await scene.client.submit(clientOrderID="one")
        scene.pass_ms(100)
        await scene.client.submit(clientOrderID="two")
        seen = await everything(stream)
        put = await scene.client.raw("PUT", LISTEN_KEY, listenKey=key)
        names = [frame.get("e", frame.get("end")) for frame in seen if frame.get("e") != "ACCOUNT_UPDATE"]
        return names.count(ORDERS), [name for name in names if name != ORDERS], put.status_code


async def heartbeat(scene: Scene) -> object:
    """Whether the socket still stands after a frame was due, and whether anything came."""
    async with scene.client.account_stream() as stream:
        await scene.client.submit(clientOrderID="one")
        seen = await everything(stream)
        return len(seen) > 1, seen[-1:] == [{"end": 1006}], scene.server.report().connections


async def raw_frames(scene: Scene) -> object:
    """Which of the first three frames can be read, and how long the longest is, packed and unpacked."""
    async with scene.client.account_stream() as stream:
        await scene.client.submit(clientOrderID="one")
        readable: list[object] = []
        packed = unpacked = 0
        for _ in range(3):
            frame = await asyncio.wait_for(stream.socket.recv(), 5)
            assert isinstance(frame, bytes)
            packed = max(packed, len(frame))
            readable.append(reading(frame))
            unpacked = max(unpacked, unpacked_size(frame))
        return readable, packed > 1 << 19, unpacked > 1 << 19


def reading(frame: bytes) -> str:
    """What a careful reader makes of a frame: `ok`, or what is wrong with it."""
    try:
        text = gzip.decompress(frame).decode()
    except (OSError, EOFError):
        return "no gzip"
    try:
        value = json.loads(text)
    except ValueError:
        return "no JSON"
    order = value.get("o", {})
    if value["e"] == ORDERS and not isinstance(order.get("i"), int):
        return "wrong types"
    return "strange" if order.get("X") == "MELTED" else "ok"


def unpacked_size(frame: bytes) -> int:
    try:
        return len(gzip.decompress(frame))
    except (OSError, EOFError):
        return 0


async def market_frames(scene: Scene) -> object:
    """Best bids as they arrive from five tickers, half a second of the exchange's time later."""
    async with scene.client.market_stream("BTC-USDT@bookTicker") as stream:
        for number in range(1, 6):
            scene.server.feed(ticker(f"6000{number}.0", f"6000{number}.1"))
        scene.pass_ms(500)
        return [frame["data"]["b"][4:5] if "data" in frame else "spoilt" for frame in await everything(stream)]


MARKET: dict[str, Any] = {"on": "market", "event": "bookTicker"}
ORDER_FRAME: dict[str, Any] = {"event": ORDERS, "when": faults.When(nth=2)}
GATEWAY = (
    "<html><head><title>504 Gateway Time-out</title></head>"
    "<body><center><h1>504 Gateway Time-out</h1></center></body></html>"
)
CALM_FRAMES = ["one NEW", "one FILLED", "two NEW", "two FILLED"]
ENDED = ["listenKeyExpired", 1000]

ROWS: list[tuple[faults.Fault, Probe, object]] = [
    (faults.SplitFills(parts=3, delay_ms=100), pieces, ["PARTIALLY_FILLED", "PARTIALLY_FILLED", "FILLED"]),
    (faults.RefuseRequest(code=101204, when=faults.When(nth=2)), codes, [0, 101204]),
    (faults.LoseRequest(how="hang"), fate, (0, "ReadTimeout", False)),
    (faults.LoseRequest(how="reset"), fate, (0, "ReadError", False)),
    (faults.LoseRequest(how="half_close"), fate, (0, "RemoteProtocolError", False)),
    (faults.LoseRequest(how="half_close", on="read"), half_open, (False, 0)),
    (faults.DelayAdmission(delay_ms=3000), admitted_late, (0, 109400, 0)),
    (faults.DelayReply(delay_ms=500), answered_late, True),
    (faults.LoseReply(how="hang"), fate, (0, "ReadTimeout", True)),
    (faults.LoseReply(how="reset"), fate, (0, "ReadError", True)),
    (faults.LoseReply(how="half_close"), fate, (0, "RemoteProtocolError", True)),
    (faults.LoseReply(how="torn"), fate, (0, "RemoteProtocolError", True)),
    (faults.SpoilReply(), fate, (504, GATEWAY, True)),
    (faults.SpoilReply(status=502, accepted=False), fate, (502, GATEWAY, False)),
    (faults.SpoilReply(status=500, body="empty", accepted=False), fate, (500, "", False)),
    (faults.SpoilReply(status=200, body="html"), fate, (200, GATEWAY, True)),
    (faults.SpoilReply(status=200, body="empty"), fate, (200, "", True)),
    (faults.SpoilReply(status=200, body="object"), fate, (200, "{}", True)),
    (faults.SpoilReply(status=200, body="no_code"), fate, (200, '{"success":true,"timestamp":0}', True)),
    (faults.SpoilReply(status=200, body="null_data"), fate, (200, '{"code":0,"msg":"","data":null}', True)),
    (faults.SpoilReply(status=200, body="empty_data"), fate, (200, '{"code":0,"msg":"","data":{}}', True)),
    (faults.SpoilReply(status=200, body="code"), fate, (200, '{"code":101500,"msg":"rpc timeout","data":{}}', True)),
    (faults.MisstateLength(by=40), fate, (0, "ReadTimeout", True)),
    (faults.MisstateLength(by=40, on="read"), raw_reply, (40, False, 0)),
    (faults.MisstateLength(by=-5, on="read"), raw_reply, (-5, False, 0)),
    (faults.DripReply(interval_ms=1, on="read"), raw_reply, (0, True, 0)),
    (faults.RepeatRequest(), made, 2),
    (faults.LimitRate(how="100410", when=faults.When(nth=2)), codes, [0, 100410]),
    (faults.LimitRate(how="http429", on="any", when=faults.When(times=0)), statuses, [429] * 10),
    (faults.LimitRate(how="http418", on="any", when=faults.When(times=0)), statuses, [418] * 10),
    (faults.LimitRate(how="http403", on="any", when=faults.When(times=0)), statuses, [403] * 10),
    (faults.HideOrder(lag_ms=500), before_and_after, (False, True)),
    (faults.StaleRead(lag_ms=500), after_a_cancel, ["CANCELLED", ("NEW", 1, 0), ("CANCELLED", 0, 1)]),
    (faults.AcceptDuplicate(), twice, [0, 0]),
    (faults.CancelLosesToFill(), lost_cancel, (80018, "FILLED")),
    (faults.DropFrame(**ORDER_FRAME), frames, ["one NEW", "two NEW", "two FILLED"]),
    (faults.DropFrame(**MARKET), market_frames, ["2", "3", "4", "5"]),
    (faults.DuplicateFrame(**ORDER_FRAME), frames, ["one NEW", "one FILLED", "one FILLED", "two NEW", "two FILLED"]),
    (faults.DuplicateFrame(**MARKET), market_frames, ["1", "1", "2", "3", "4", "5"]),
    (faults.DelayFrame(delay_ms=400, **ORDER_FRAME), frames, ["one NEW", "two NEW", "two FILLED", "one FILLED"]),
    (faults.DelayFrame(delay_ms=400, **MARKET), market_frames, ["2", "3", "4", "5", "1"]),
    (faults.ReorderFrames(count=4, event=ORDERS), frames, ["two NEW", "one FILLED", "one NEW", "two FILLED"]),
    (faults.ReorderFrames(count=9, hold_ms=400, event=ORDERS), frames, CALM_FRAMES[::-1]),
    (faults.ReorderFrames(count=3, **MARKET), market_frames, ["3", "2", "1", "4", "5"]),
    (faults.SpoilFrame("garbage"), raw_frames, (["no gzip", "ok", "ok"], False, False)),
    (faults.SpoilFrame("torn"), raw_frames, (["no gzip", "ok", "ok"], False, False)),
    (faults.SpoilFrame("not_json"), raw_frames, (["no JSON", "ok", "ok"], False, False)),
    (faults.SpoilFrame("wrong_types"), raw_frames, (["wrong types", "ok", "ok"], False, False)),
    (faults.SpoilFrame("unknown_values"), raw_frames, (["strange", "ok", "ok"], False, False)),
    (faults.SpoilFrame("huge", size=1_000_000), raw_frames, (["no gzip", "ok", "ok"], True, False)),
    (faults.SpoilFrame("bomb", size=30_000_000), raw_frames, (["no JSON", "ok", "ok"], False, True)),
    (
        faults.SpoilFrame("unknown_values", instead=True, when=faults.When(times=4)), frames,
        [" MELTED"] * 4 + ["two FILLED"],
    ),
    (faults.SpoilFrame("garbage", instead=True, **MARKET), market_frames, ["spoilt", "2", "3", "4", "5"]),
    (faults.CutStream(how="reset", event=ORDERS), heartbeat, (False, True, 0)),
    (faults.CutStream(how="silent", event=ORDERS), heartbeat, (False, False, 1)),
    (faults.CutStream(how="half_close", event=ORDERS), heartbeat, (False, True, 0)),
    (faults.CutStream(how="close", **ORDER_FRAME), end_of_stream, (1, [1000], 200)),
    (faults.CutStream(how="silent", on="market", when=faults.When(nth=3)), market_frames, ["1", "2"]),
    (faults.ExpireKey(**ORDER_FRAME), end_of_stream, (1, ENDED, 404)),
    (faults.ExpireKey(announced=False, **ORDER_FRAME), end_of_stream, (1, [], 404)),
    (faults.ExpireKeysAt(SOON_MS), end_of_stream, (2, ENDED, 404)),
    (faults.ExpireKeysAt(SOON_MS, announced=False), end_of_stream, (2, [], 404)),
    (faults.CutStreamsAt(SOON_MS), end_of_stream, (2, [1006], 200)),
    (faults.CutStreamsAt(SOON_MS, streams="account", how="close"), end_of_stream, (2, [1000], 200)),
    (faults.StepClockAt(SOON_MS, by_ms=7000), told_time, (7000, 109400)),
    (faults.StepClockAt(SOON_MS, by_ms=-7000), told_time, (-7000, 109400)),
    (faults.DeleverageAt(SOON_MS, "BTC-USDT", share_ppm=250_000), open_position, ["0.0075"]),
]  # fmt: skip


async def outcome(probe: Probe, *planned: faults.Fault, waits: bool = False) -> tuple[object, dict[str, int]]:
    """What the probe finds on an exchange with these faults, and how often each has happened.

    ``waits``: a reply will be waited for in vain.
    """
    clock = HandClock()
    async with exchange(exchange_config(*planned), clock) as (server, client):
        found = await probe(Scene(server, client, clock, SHORT_PATIENCE_S if waits else PATIENCE_S))
        return found, server.report().faults_fired


CALM: dict[Probe, object] = {}
"""What each probe finds when nothing goes wrong; found once."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0].kind}-{row[1].__name__}")
async def test_a_fault_happens_on_the_wire_and_only_then(row: tuple[faults.Fault, Probe, object]) -> None:
    """With the fault the probe finds what is declared, and the fault is counted; without, it finds something else."""
    fault, probe, expected = row

    waits = isinstance(fault, faults.MisstateLength) or "ReadTimeout" in str(expected)
    found, fired = await outcome(probe, fault, waits=waits)
    if probe not in CALM:
        CALM[probe], _ = await outcome(probe)

    assert found == expected
    assert fired[fault.kind] > 0
    assert CALM[probe] != expected


def test_every_kind_of_fault_has_a_row() -> None:
    """No kind is declared that nobody has seen; frames of both streams, and each way to end one, are among the rows."""
    assert {type(fault) for fault, _, _ in ROWS} == set(get_args(faults.Fault))
    both = {type(fault) for fault, _, _ in ROWS if fault.on == "market"}
    assert both >= {
        faults.DropFrame,
        faults.DuplicateFrame,
        faults.DelayFrame,
        faults.ReorderFrames,
        faults.SpoilFrame,
        faults.CutStream,
    }


async def test_a_storm_of_429_passes_by() -> None:
    """For so long every call is refused, whatever it is; before and after that none is."""
    storm = faults.LimitRate(
        how="http429", on="any", when=faults.When(from_ms=SOON_MS, until_ms=SOON_MS + 2000, times=0)
    )
    clock = HandClock()
    async with exchange(exchange_config(storm), clock) as (server, client):
        scene = Scene(server, client, clock)
        assert (await client.submit())["code"] == 0
        scene.pass_ms(100)
        assert await statuses(scene) == [429] * 10
        assert server.report().orders_made == 1
        scene.pass_ms(2000)
        assert (await client.submit())["code"] == 0
        assert server.report().faults_fired == {"limit_rate": 10}


async def test_a_repeated_request_without_an_id_is_a_second_order() -> None:
    """What a proxy sends twice is refused for its id, or, without one, is done twice; a stale copy is refused."""
    clock = HandClock()
    planned = [faults.RepeatRequest(delay_ms=100, when=faults.When(times=0))]
    async with exchange(exchange_config(*planned), clock) as (server, client):
        scene = Scene(server, client, clock)
        await client.submit(clientOrderID="one")
        await client.submit()
        scene.pass_ms(100)
        assert [order.client_id for order in server.venue_record().account(KEY).orders] == ["one", "", ""]
        server.disarm()
        server.arm([faults.RepeatRequest(delay_ms=6000)])
        await client.submit()
        scene.pass_ms(6000)

        assert server.report().orders_made == 4


class RealClock(HandClock):
    """Time as it passes."""

    def __call__(self) -> int:
        """UTC nanoseconds of the system."""
        return time.time_ns()


async def test_real_time_slow_loris() -> None:
    """A client with a read time-out gets the whole reply when each piece comes in time, and none when it does not."""
    config = exchange_config(faults.DripReply(interval_ms=5, bytes_each=20, when=faults.When(times=0)))
    async with exchange(config, RealClock()) as (server, client):
        reply = await client.submit(clientOrderID="one")
        assert reply["code"] == 0
        server.disarm()
        server.arm([faults.DripReply(interval_ms=2000)])
        client.http.timeout = httpx.Timeout(SHORT_PATIENCE_S)
        with pytest.raises(httpx.ReadTimeout):
            await client.submit(clientOrderID="two")
        assert server.report().orders_made == 2


async def test_a_stepped_clock_leaves_the_engine_alone() -> None:
    """What is due comes when it was due, and new orders are stamped without a jump, whatever the clock tells."""
    clock = HandClock()
    async with exchange(exchange_config(faults.StepClockAt(SOON_MS, by_ms=-60_000)), clock) as (server, client):
        scene = Scene(server, client, clock)
        await client.submit(clientOrderID="one", **LIMIT)
        await client.call("POST", f"{SWAP}/v2/trade/cancelAllAfter", type="ACTIVATE", timeOut=10)
        scene.pass_ms(9_999)
        assert server.venue_record().account(KEY).orders[0].status == "NEW"
        scene.pass_ms(1)

        assert server.venue_record().account(KEY).orders[0].status == "CANCELLED"
        stamped = await client.call("POST", ORDER, symbol="BTC-USDT", side="BUY", positionSide="LONG", type="MARKET",
                                    quantity="0.01", timestamp=clock() // MS - 60_000)  # fmt: skip
        order = server.venue_record().account(KEY).orders[-1]
        assert (stamped["code"], order.created_ns) == (0, clock())


async def test_faults_cannot_wait_for_what_is_not_listed() -> None:
    """A running exchange refuses a fault whose symbol it does not list, by name, and arms none of them."""
    async with exchange() as (server, _):
        with pytest.raises(ValueError, match="XRP-USDT"):
            server.arm([faults.DropFrame(), faults.DeleverageAt(SOON_MS, "XRP-USDT")])
        assert server.report().faults_fired == {}


async def test_silent_streams_end_with_the_exchange() -> None:
    """A socket that a fault has silenced is released when the exchange stops."""
    async with exchange(exchange_config(faults.CutStream(how="silent"))) as (server, client):
        async with client.account_stream() as stream:
            await client.submit()
            await until(lambda: server.report().faults_fired["cut_stream"])
            await server.stop()
            with pytest.raises(ConnectionClosed):
                await stream.text()
        await until(lambda: server.report().connections == 0)
