"""The exchange as a process of its own, and as a guest in a loop: it outlives its clients and leaves nothing behind."""

import asyncio
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import time
import tracemalloc
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from dita.adapters.exchange import DelayAdmission, ExchangeServer, LoseReply, StreamRules
from dita.adapters.exchange.config import Contract, Retention
from dita.adapters.exchange.matching import Engine
from dita.adapters.exchange.orders import NewOrder, Side
from dita.adapters.exchange.sources import MarketLineError, RandomWalk, feed_lines, read_line
from dita.adapters.exchange.timers import Timers
from dita.spec.market import BookTicker
from exchange_client import (
    KEY,
    ORDER,
    SECRET,
    START_NS,
    HandClock,
    exchange,
    exchange_config,
    scaled,
    signed_query,
    ticker,
    until,
)

TRADER = """
import http.client, sys, time
from exchange_client import ORDER, KEY, signed_query
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
for number in range(int(sys.argv[2])):
    order = {"symbol": "BTC-USDT", "side": "BUY", "positionSide": "LONG", "type": "MARKET", "quantity": "0.001",
             "clientOrderID": f"run-{number}", "timestamp": str(time.time_ns() // 1000000)}
    connection.request("POST", f"{ORDER}?{signed_query(order)}", headers={"X-BX-APIKEY": KEY})
    print(connection.getresponse().read().decode(), flush=True)
"""


@contextmanager
def exchange_process(folder: Path, *more: str, config: dict[str, Any] | None = None) -> Generator[tuple[int, int]]:
    """A running exchange; its port and process id. It has to end with status 0 on SIGTERM."""
    text: dict[str, Any] = {
        "accounts": [{"api_key": KEY, "secret": SECRET}],
        "requests": {"rate_limits": False},
        "debug_record": True,
    }
    (folder / "config.json").write_text(json.dumps(text | (config or {})))
    port_file = folder / "port"
    command = [sys.executable, "-m", "dita.adapters.exchange", "--config", str(folder / "config.json")]
    process = subprocess.Popen([*command, "--port-file", str(port_file), "--interval-ms", "20", *more])
    try:
        while not port_file.exists():
            assert process.poll() is None
            time.sleep(0.02)
        yield int(port_file.read_text()), process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def get(port: int, path: str) -> Any:
    response = httpx.get(f"http://127.0.0.1:{port}{path}", timeout=10, trust_env=False)
    assert response.status_code == 200
    return response.json()


def wait_for_market(port: int) -> Any:
    """The book ticker, as soon as there is one."""
    while True:
        book = get(port, "/openApi/swap/v2/quote/bookTicker?symbol=BTC-USDT")["data"]["book_ticker"]
        if book["ask_price"]:
            return book
        time.sleep(0.02)


def start_trader(port: int, count: int) -> subprocess.Popen[str]:
    support = str(Path(__file__).parents[1] / "support")
    return subprocess.Popen(
        [sys.executable, "-c", TRADER, str(port), str(count)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": support},
    )


def test_exchange_outlives_a_killed_client(tmp_path: Path) -> None:
    """A trader is killed mid-way and started again: the book stands, used ids are refused, each order exists once."""
    with exchange_process(tmp_path) as (port, _):
        wait_for_market(port)
        first = start_trader(port, 1000)
        assert first.stdout is not None
        for _ in range(5):
            assert json.loads(first.stdout.readline())["code"] == 0
        first.kill()
        first.wait()
        first.stdout.close()
        before = get(port, "/debug/record")["accounts"][0]
        placed = len(before["orders"])

        second = start_trader(port, placed + 3)
        codes = [json.loads(line)["code"] for line in second.communicate()[0].splitlines()]
        after = get(port, "/debug/record")["accounts"][0]

        assert placed >= 5
        assert codes == [101400] * placed + [0] * 3
        assert [order["client_id"] for order in after["orders"]] == [f"run-{n}" for n in range(placed + 3)]
        assert after["wallet"] == after["seed"] + after["realised"] - after["commission"]


def test_lines_of_a_fifo_are_the_market(tmp_path: Path) -> None:
    """Tickers written into a FIFO by changing writers become the exchange's best prices."""
    fifo = tmp_path / "market"
    os.mkfifo(fifo)
    with exchange_process(tmp_path, "--lines", str(fifo)) as (port, _):
        for bid, ask in (("60000.0", "60000.1"), ("61000.0", "61000.1")):
            line = {"symbol": "BTC-USDT", "bid": bid, "bid_quantity": "1", "ask": ask, "ask_quantity": "2"}
            with fifo.open("w") as writer:
                writer.write(json.dumps(line) + "\n")
            while str(wait_for_market(port)["ask_price"]) != ask:
                time.sleep(0.02)

        assert wait_for_market(port)["ask_qty"] == 2


def test_wrong_config_is_told_by_field_and_without_secrets(tmp_path: Path) -> None:
    """The process ends with status 2 and names the field; the secret that stands beside it is not shown."""
    config = tmp_path / "config.json"
    for text, word in (
        (f'{{"accounts":[{{"api_key":"k","secret":"{SECRET}","wallet":"much"}}]}}', "accounts.0.wallet"),
        (f'{{"accounts":[{{"api_key":"k","secret":"{SECRET}"}}],"hots":1}}', "hots"),
        (f'{{"accounts":[{{"api_key":"k","secret":"{SECRET}"', "JSON"),
    ):
        config.write_text(text)
        done = subprocess.run(
            [sys.executable, "-m", "dita.adapters.exchange", "--config", config, "--port-file", tmp_path / "port"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, word in done.stderr, SECRET in done.stderr + done.stdout) == (2, True, False)


async def test_files_of_lines_are_fed_in_order(tmp_path: Path) -> None:
    """A file is fed line by line to its end; blank lines are passed over."""
    path = tmp_path / "lines"
    row = '{"symbol":"BTC-USDT","bid":"%s","bid_quantity":"1","ask":"9","ask_quantity":"1","time_ms":7}'
    path.write_text("\n".join([row % "1.5", "", row % "2.25"]))
    seen: list[BookTicker] = []

    await feed_lines(path, 1, lambda: START_NS, seen.append)

    assert [(event.bid_price, event.time_ns) for event in seen] == [
        (scaled("1.5", 10), 7_000_000),
        (scaled("2.25", 10), 7_000_000),
    ]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (b"x", "JSON"),
        (b"[]", "object"),
        (b'{"bid":"1"}', "symbol"),
        (b'{"symbol":"A","bid":1}', "bid"),
        (b'{"symbol":"A","bid":"1e5"}', "bid"),
        (b'{"symbol":"A","bid":"0.12345678901"}', "bid"),
        (b'{"symbol":"A","time_ms":"x"}', "time_ms"),
        (b"[" * 4000, "JSON"),
    ],
)
def test_lines_that_are_no_tickers_are_refused(line: bytes, word: str) -> None:
    """The message names the field, or what the line is not."""
    with pytest.raises(MarketLineError, match=word):
        read_line(line, lambda: START_NS)


def test_random_walks_follow_their_seed_and_stay_on_the_grid() -> None:
    """Equal seeds walk alike, others do not; every price is positive, uncrossed and on the tick."""
    contract = Contract("BTC-USDT", 1, 4, 10_000)

    def walk(seed: int) -> list[BookTicker]:
        source = RandomWalk(contract, 100 * contract.tick, seed)
        return [source.step(n) for n in range(500)]

    assert walk(1) == walk(1) != walk(2)
    for event in walk(3):
        assert 0 < event.bid_price < event.ask_price
        assert event.bid_price % contract.tick == event.ask_price % contract.tick == 0
        assert min(event.bid_quantity, event.ask_quantity) >= contract.lot


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_stop_releases_every_socket_and_task() -> None:
    """With open streams, a hanging reply and a waiting request, stop leaves no task, no descriptor and no port."""
    gc.collect()
    tasks, descriptors = asyncio.all_tasks(), open_descriptors()
    faults = (LoseReply(how="hang"), DelayAdmission(delay_ms=60_000, on="cancel"))
    async with exchange(exchange_config(*faults)) as (server, client):
        port = server.port
        async with client.account_stream(), client.market_stream("BTC-USDT@bookTicker"):
            hanging = asyncio.create_task(client.submit(clientOrderID="one"))
            waiting = asyncio.create_task(client.code("DELETE", ORDER, symbol="BTC-USDT", clientOrderId="one"))
            await until(lambda: len([n for n in server.report().faults_fired.values() if n]) == 2)
            await server.stop()
            await server.stop()
            ends = await asyncio.gather(hanging, waiting, return_exceptions=True)
            assert [isinstance(end, httpx.TransportError) for end in ends] == [True, True]
    await until(lambda: asyncio.all_tasks() == tasks and open_descriptors() <= descriptors)

    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past connections may linger, listeners may not
        again.bind(("127.0.0.1", port))
        again.listen()
    assert server.report().orders_made == 1  # the waiting cancel was not carried out after the end
    assert server.venue_record().account(KEY).orders[0].status == "FILLED"


async def test_start_says_what_is_wrong() -> None:
    """A taken port is the system's error, a second start a plain one; after a stop it starts again, books intact."""
    async with exchange() as (server, client):
        with pytest.raises(RuntimeError, match="already started"):
            await server.start()
        taken = ExchangeServer(replace(exchange_config(), port=server.port))
        with pytest.raises(OSError, match="in use"):
            await taken.start()
        await client.submit(clientOrderID="one")
        await server.stop()
        await server.start()
        async with httpx.AsyncClient(base_url=server.rest_url, trust_env=False) as http:
            query = signed_query({"symbol": "BTC-USDT", "clientOrderId": "one", "timestamp": str(START_NS // 10**6)})
            found = (await http.get(f"{ORDER}?{query}", headers={"X-BX-APIKEY": KEY})).json()

        assert found["data"]["order"]["clientOrderId"] == "one"


async def test_timers_go_on_after_a_second_start() -> None:
    """What was due rings once after a stop and a new start; noise is not doubled."""
    clock = HandClock()
    config = exchange_config(streams=StreamRules(snapshot_interval_ms=1000, ping_interval_ms=60_000))
    server = ExchangeServer(config, clock)
    async with served(server):
        timers = len(server.venue.timers)
    async with served(server):
        clock.move_ms(1000)
        server.advance()

        assert (timers, len(server.venue.timers), server.venue.timers.next_due_ns()) == (1, 1, clock() + 10**9)


def test_memory_stays_flat() -> None:
    """Ten thousand further orders cost nothing once there are as many as are kept."""
    config = exchange_config(retention=Retention(terminal_orders=100, fills=100, income=100, client_ids=100))
    engine = Engine(config, Timers())
    account = engine.accounts[KEY]
    engine.feed(ticker("60000.0", "60000.1", size="100000"), START_NS)
    new = NewOrder("BTC-USDT", "BUY", "LONG", "MARKET", "GTC", 10**5, 0, reduce_only=False, client_id="")

    def trade(first: int, count: int) -> None:
        for number in range(first, first + count):
            side: Side = "BUY" if number % 2 == 0 else "SELL"
            engine.submit(account, new._replace(side=side, client_id=f"order-{number:06}"), START_NS + number)
            engine.take_events()

    trade(0, 2000)
    tracemalloc.start()
    try:
        trade(2000, 1_000)  # what is kept is all made under the eyes of the counter
        before, _ = tracemalloc.get_traced_memory()
        trade(3000, 9_000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert account.orders_made == 12_000
    assert after - before < 10_000


@asynccontextmanager
async def served(server: ExchangeServer) -> AsyncGenerator[ExchangeServer]:
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def test_real_time_drives_what_is_due() -> None:
    """With the system's clock nobody has to call advance: a dead man's switch of the venue's timers rings by itself."""
    server = ExchangeServer(exchange_config(), time.time_ns)
    async with served(server):
        server.feed(ticker("60000.0", "60000.1"))
        account = server.venue.engine.accounts[KEY]
        now_ns = server.venue.enter()
        new = NewOrder(
            "BTC-USDT", "BUY", "LONG", "LIMIT", "GTC", 10**6, scaled("59000", 10), reduce_only=False, client_id=""
        )
        order = server.venue.engine.submit(account, new, now_ns)
        server.venue.engine.arm_dead_man(account, now_ns + 50_000_000)
        server.venue.settle()
        await until(lambda: order.status == "CANCELLED")

        assert order.updated_ns == now_ns + 50_000_000
