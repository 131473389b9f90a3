"""The two websockets over real sockets: frames, heartbeats, subscriptions, keys and slow readers."""

import asyncio
import gzip
import json
from contextlib import suppress
from dataclasses import replace

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from dita.adapters.exchange import AccountConfig, StreamRules
from dita.spec.market import MarketTrade
from exchange_client import (
    KEY,
    LISTEN_KEY,
    MS,
    ORDER,
    SECRET,
    START_NS,
    USDT,
    HandClock,
    Stream,
    exchange,
    exchange_config,
    scaled,
    ticker,
    until,
    variants,
)

NOW_MS = START_NS // MS
QUICK = StreamRules(snapshot_interval_ms=0, ping_interval_ms=20, unanswered_pings_max=3)


async def closed(stream: Stream) -> int:
    """Read to the end; the close code the client sees."""
    with suppress(ConnectionClosed):
        while True:
            await asyncio.wait_for(stream.socket.recv(), 10)
    assert stream.socket.close_code is not None
    return stream.socket.close_code


async def test_order_events_tell_the_whole_life() -> None:
    """NEW, two partial fills and FILLED arrive with cumulative and last quantities, signed fees and trade ids."""
    async with exchange() as (server, client), client.account_stream() as stream:
        server.feed(ticker("60000.0", "60000.1", size="0.005"))
        reply = await client.submit(quantity="0.0123", clientOrderID="One")
        server.feed(ticker("60001.0", "60001.1", size="0.005"))
        server.feed(ticker("60002.0", "60002.1", size="0.005"))
        events = await stream.orders(4)

        assert [(e["x"], e["X"], e["z"], e["l"], e["L"]) for e in events] == [
            ("NEW", "NEW", "0.00000000", "0.00000000", "0.00000000"),
            ("TRADE", "PARTIALLY_FILLED", "0.00500000", "0.00500000", "60000.10000000"),
            ("TRADE", "PARTIALLY_FILLED", "0.01000000", "0.00500000", "60001.10000000"),
            ("TRADE", "FILLED", "0.01230000", "0.00230000", "60002.10000000"),
        ]
        assert {(e["c"], e["i"], e["S"], e["ps"], e["o"]) for e in events} == {
            ("one", reply["data"]["order"]["orderId"], "BUY", "LONG", "MARKET")
        }
        fills = server.venue_record().account(KEY).fills
        assert [e["td"] for e in events[1:]] == [fill.trade_id for fill in fills]
        assert [-scaled(e["n"].removeprefix("-"), 8) for e in events[1:]] == [-fill.commission for fill in fills]


async def test_account_events_follow_each_fill() -> None:
    """Each fill is followed by the wallet and the changed position; a position that went flat is told with 0."""
    async with exchange() as (server, client), client.account_stream() as stream:
        await client.submit()
        await client.submit(side="SELL")
        frames = [await stream.next() for _ in range(6)]

        names = [frame["e"] for frame in frames]
        assert names == ["ORDER_TRADE_UPDATE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"] * 2
        opened, flat = frames[2]["a"], frames[5]["a"]
        assert (opened["m"], opened["P"][0]["pa"], flat["P"][0]["pa"]) == ("ORDER", "0.01000000", "0.00000000")
        wallet = server.venue_record().account(KEY).wallet
        assert scaled(flat["B"][0]["wb"], 8) == wallet


async def test_cancels_are_pushed_with_the_streams_spelling() -> None:
    """The stream says CANCELED where REST says CANCELLED."""
    async with exchange() as (_, client), client.account_stream() as stream:
        await client.submit(type="LIMIT", price="59000", clientOrderID="one")
        rest = await client.call("DELETE", ORDER, symbol="BTC-USDT", clientOrderId="one")
        _, cancelled = await stream.orders(2)

        assert (cancelled["x"], cancelled["X"]) == ("CANCELED", "CANCELED")
        assert rest["data"]["order"]["status"] == "CANCELLED"


async def test_funding_and_transfers_are_pushed() -> None:
    """Money from outside arrives as ACCOUNT_UPDATE with its reason and change, without positions."""
    async with exchange() as (server, client), client.account_stream() as stream:
        server.transfer(KEY, 7 * USDT)
        deposit = (await stream.next())["a"]
        await client.submit(quantity="1")
        await stream.orders(2)
        await stream.next()
        server.fund("BTC-USDT", 100_000)
        funding = (await stream.next())["a"]

        assert (deposit["m"], deposit["B"][0]["bc"], deposit["P"]) == ("DEPOSIT", "7.00000000", [])
        assert (funding["m"], funding["B"][0]["bc"]) == ("FUNDING_FEE", "-6.00000500")


async def test_order_event_variants() -> None:
    """Text ids, missing l and L, cumulative fees, the other event name and the other order of frames are switches."""
    config = variants(
        order_id_as_text=True,
        omit_last_fill=True,
        cumulative_commission=True,
        order_event_name="TRADE_UPDATE",
        account_update_first=True,
    )
    async with exchange(config) as (server, client), client.account_stream() as stream:
        server.feed(ticker("60000.0", "60000.1", size="0.005"))
        await client.submit(quantity="0.01")
        server.feed(ticker("60000.0", "60000.1", size="0.005"))
        frames = [await stream.next() for _ in range(5)]

        assert [f["e"] for f in frames] == ["TRADE_UPDATE", *["ACCOUNT_UPDATE", "TRADE_UPDATE"] * 2]
        last = frames[-1]["o"]
        assert isinstance(last["i"], str)
        assert ("l" in last, "L" in last, last["n"]) == (False, False, "-0.30000050")


async def test_streams_of_two_accounts_do_not_mix() -> None:
    """One account's events never reach the other's socket."""
    accounts = (AccountConfig(KEY, SECRET), AccountConfig("other", SECRET))
    async with exchange(exchange_config(accounts=accounts)) as (_, client), client.account_stream() as mine:
        client.http.headers["X-BX-APIKEY"] = "other"
        async with client.account_stream() as theirs:
            await client.submit(clientOrderID="theirs")
            client.http.headers["X-BX-APIKEY"] = KEY
            await client.submit(clientOrderID="mine")

            assert (await theirs.orders(1))[0]["c"] == "theirs"
            assert (await mine.orders(1))[0]["c"] == "mine"


async def test_answered_heartbeats_keep_the_connection() -> None:
    """The gzip frame `Ping` comes again and again while the client answers with the text `Pong`."""
    async with exchange(exchange_config(streams=QUICK)) as (server, client), client.account_stream() as stream:
        for _ in range(8):  # far more than the three that may stay unanswered
            assert await stream.text() == "Ping"
            await stream.socket.send("Pong")

        assert server.report().connections == 1


async def test_unanswered_heartbeats_cut_the_connection() -> None:
    """A client that never answers sees the configured number of pings and then an abnormal end, no close frame."""
    async with exchange(exchange_config(streams=QUICK)) as (server, client), client.account_stream() as stream:
        assert [await stream.text() for _ in range(3)] == ["Ping"] * 3
        with pytest.raises(ConnectionClosed):
            await stream.text()

        assert stream.socket.close_code == 1006
        await until(lambda: server.report().connections == 0)


async def test_protocol_pings_of_a_client_are_answered() -> None:
    """Libraries that send websocket pings of their own get their pongs."""
    async with exchange() as (_, client), client.account_stream() as stream:
        await asyncio.wait_for(await stream.socket.ping(), 10)


async def test_unknown_listen_keys_are_told_and_closed() -> None:
    """The handshake succeeds, listenKeyExpired comes, and the socket closes."""
    async with exchange() as (server, _), connect(f"{server.ws_url}?listenKey=nothing") as socket:
        stream = Stream(socket)
        frame = await stream.next()

        assert (frame["e"], frame["listenKey"]) == ("listenKeyExpired", "nothing")
        assert await closed(stream) == 1000


async def test_expiring_listen_keys_are_told_and_closed() -> None:
    """After sixty minutes without a PUT the connected client is told which key died."""
    clock = HandClock()
    async with exchange(clock=clock) as (server, client), client.account_stream() as stream:
        key = await client.listen_key()
        clock.move_ms(3_600_000)
        server.advance()
        frame = await stream.next()

        assert (frame["e"], frame["listenKey"]) == ("listenKeyExpired", key)
        assert await closed(stream) == 1000


async def test_deleted_listen_keys_end_their_sockets() -> None:
    """DELETE of a key in use ends the stream that uses it."""
    async with exchange() as (_, client), client.account_stream() as stream:
        await client.raw("DELETE", LISTEN_KEY, listenKey=await client.listen_key())

        assert (await stream.next())["e"] == "listenKeyExpired"
        assert await closed(stream) == 1000


async def test_one_key_serves_several_sockets() -> None:
    """Each socket of a key receives the full stream."""
    async with exchange() as (server, client), client.account_stream() as first, client.account_stream() as second:
        await until(lambda: server.report().connections == 2)
        await client.submit(clientOrderID="one")

        assert (await first.orders(1))[0]["c"] == (await second.orders(1))[0]["c"] == "one"


async def test_account_streams_refuse_subscriptions() -> None:
    """A subscribe frame on an account stream is answered with 80014."""
    async with exchange() as (_, client), client.account_stream() as stream:
        await stream.send({})

        assert (await stream.next())["code"] == 80014


async def test_snapshot_noise_comes_per_contract() -> None:
    """Every interval each account socket gets one undocumented SNAPSHOT frame per contract."""
    clock = HandClock()
    config = exchange_config(streams=StreamRules(snapshot_interval_ms=5000, ping_interval_ms=60_000))
    async with exchange(config, clock) as (server, client), client.account_stream() as stream:
        clock.move_ms(5000)
        server.advance()
        frames = [await stream.next() for _ in range(2)]

        assert [(f["e"], f["ac"]["s"], f["ac"]["l"]) for f in frames] == [
            ("SNAPSHOT", "BTC-USDT", 20),
            ("SNAPSHOT", "ETH-USDT", 20),
        ]


async def test_book_ticker_and_trades_are_published() -> None:
    """A subscriber sees the current best prices after the ack, then each event of its topics and no others."""
    topics = ("BTC-USDT@bookTicker", "BTC-USDT@trade")
    async with exchange() as (server, client), client.market_stream(*topics) as stream:
        server.feed(ticker("3000.00", "3000.01", symbol="ETH-USDT"))
        server.feed(ticker("60001.0", "60001.1", size="0.5"))
        server.feed(MarketTrade("BTC-USDT", scaled("60001.1", 10), scaled("0.2", 8), False, START_NS))
        frames = [await stream.next() for _ in range(2)]

        quote, trade = frames
        assert quote["dataType"] == "BTC-USDT@bookTicker"
        assert {name: quote["data"][name] for name in "sbBaA"} == {
            "s": "BTC-USDT",
            "b": "60001.0",
            "B": "0.5000",
            "a": "60001.1",
            "A": "0.5000",
        }
        assert trade["data"] == [{"q": "0.2000", "p": "60001.1", "T": NOW_MS, "m": False, "s": "BTC-USDT"}]


async def test_depth_mark_and_last_price_topics() -> None:
    """Depth comes as a full snapshot, mark and last price as their events, right after the ack."""
    async with exchange() as (_, client), client.market_stream() as stream:
        seen = {}
        for topic in ("BTC-USDT@depth5", "BTC-USDT@markPrice", "BTC-USDT@lastPrice"):
            await stream.send({"id": topic, "reqType": "sub", "dataType": topic})
            assert (await stream.next())["id"] == topic
            frame = await stream.next()
            assert frame["dataType"] == topic
            seen[topic] = frame["data"]

        assert seen["BTC-USDT@depth5"] == {"bids": [["60000.0", "1.0000"]], "asks": [["60000.1", "1.0000"]]}
        assert seen["BTC-USDT@markPrice"]["p"] == "60000.0"
        assert seen["BTC-USDT@lastPrice"]["c"] == "60000.0"


async def test_slow_topics_keep_their_pace() -> None:
    """Mark prices come once a second of the exchange's clock, however many tickers are fed."""
    clock = HandClock()
    async with exchange(clock=clock) as (server, client), client.market_stream() as stream:
        await stream.send({"id": "1", "reqType": "sub", "dataType": "BTC-USDT@markPrice"})
        await stream.next()
        await stream.next()
        for price in range(60_000, 60_010):
            server.feed(ticker(f"{price}.0", f"{price}.1"))
        clock.move_ms(1000)
        server.feed(ticker("61000.0", "61000.1"))

        assert [(await stream.next())["data"]["p"] for _ in range(2)] == ["60000.0", "61000.0"]


@pytest.mark.parametrize("topic", ["btc-usdt@trade", "BTC-USDT@depth7", "DOGE-USDT@trade", "BTC-USDT@kline_1min", "x"])
async def test_foreign_topics_are_refused(topic: str) -> None:
    """Lower case, unknown symbols, wrong levels and foreign channels are 80015."""
    async with exchange() as (_, client), client.market_stream() as stream:
        await stream.send({"id": "1", "reqType": "sub", "dataType": topic})

        assert (await stream.next())["code"] == 80015


async def test_unsubscribing_ends_a_topic_and_resubscribing_is_one_stream() -> None:
    """A second subscribe is acknowledged and adds nothing; after unsub nothing of the topic comes."""
    async with exchange() as (server, client), client.market_stream() as stream:
        trade = MarketTrade("BTC-USDT", scaled("60000.1", 10), scaled("0.2", 8), False, START_NS)
        for verb in ("sub", "sub"):
            await stream.send({"id": verb, "reqType": verb, "dataType": "BTC-USDT@trade"})
            assert (await stream.next())["code"] == 0
        server.feed(trade)
        assert (await stream.next())["dataType"] == "BTC-USDT@trade"
        await stream.send({"id": "bye", "reqType": "unsub", "dataType": "BTC-USDT@trade"})
        assert (await stream.next())["id"] == "bye"
        server.feed(trade)
        await stream.send({"id": "again", "reqType": "sub", "dataType": "BTC-USDT@trade"})

        assert (await stream.next())["id"] == "again"


async def test_topics_are_capped_and_nonsense_is_ignored() -> None:
    """One topic too many is 80403; text that is no JSON object, and array topics, are passed over in silence."""
    config = exchange_config(streams=StreamRules(snapshot_interval_ms=0, topics_max=1))
    async with exchange(config) as (_, client), client.market_stream("BTC-USDT@trade") as stream:
        for nonsense in ("hello", "[1]", '{"id":"1","reqType":"sub","dataType":["BTC-USDT@trade"]}', "[" * 4000):
            await stream.socket.send(nonsense)
        await stream.socket.send(b"\xff\xfe")
        await stream.send({"id": "2", "reqType": "sub", "dataType": "ETH-USDT@trade"})

        assert (await stream.next())["code"] == 80403


async def test_documented_ack_and_text_frames_are_switches() -> None:
    """The document's ack and uncompressed text frames can be asked for."""
    async with exchange(variants(ack="documented", frames="text")) as (server, _), connect(server.ws_url) as socket:
        await socket.send(json.dumps({"id": "1", "reqType": "sub", "dataType": "BTC-USDT@trade"}))
        frame = await asyncio.wait_for(socket.recv(), 10)

        assert isinstance(frame, str)
        assert json.loads(frame) == {"code": 0, "id": "1", "msg": "SUCCESS", "timestamp": NOW_MS}


async def test_slow_market_reader_loses_its_own_frames_only() -> None:
    """A reader that stops reading costs the exchange a bounded queue; trading and other readers go on."""
    rules = StreamRules(snapshot_interval_ms=0, ping_interval_ms=60_000, market_queue_frames=50)
    async with exchange(exchange_config(streams=rules)) as (server, client):
        async with client.market_stream("BTC-USDT@bookTicker"), client.market_stream("BTC-USDT@trade") as quick:
            for number in range(2000):
                server.feed(ticker("60000.0", "60000.1", size=str(number + 1)))
            server.feed(MarketTrade("BTC-USDT", scaled("60000.1", 10), scaled("0.2", 8), False, START_NS))

            assert (await quick.next())["dataType"] == "BTC-USDT@trade"
            assert (await client.submit())["code"] == 0
        await until(lambda: server.report().connections == 0)
        assert server.report().market_frames_dropped > 1500


async def test_slow_account_reader_is_cut_instead_of_lied_to() -> None:
    """An account queue that overflows ends the connection, so that the client knows it has missed something."""
    rules = StreamRules(snapshot_interval_ms=0, ping_interval_ms=60_000, account_queue_frames=5)
    async with exchange(exchange_config(streams=rules)) as (server, client), client.account_stream() as stream:
        for _ in range(6):
            server.transfer(KEY, 1)  # without a pause for the sender

        assert await closed(stream) == 1006
        await until(lambda: server.report().slow_clients_cut == 1)


async def test_owner_can_cut_streams_and_a_new_one_works() -> None:
    """Cut account and market streams end abnormally; a client that connects again is served, without a replay."""
    async with exchange() as (server, client):
        async with client.account_stream() as account, client.market_stream("BTC-USDT@trade") as market:
            server.cut_account_streams(KEY)
            server.cut_market_streams()
            assert [await closed(account), await closed(market)] == [1006, 1006]
        await client.submit(clientOrderID="missed")
        async with client.account_stream() as again:
            await client.submit(clientOrderID="seen")

            assert (await again.orders(1))[0]["c"] == "seen"
        assert (await client.order("missed"))["code"] == 0


async def test_every_frame_is_one_whole_gzip_member() -> None:
    """Frames carry the gzip magic and unpack with nothing left over."""
    async with exchange() as (_, client), client.account_stream() as stream:
        await client.submit()
        frame = await asyncio.wait_for(stream.socket.recv(), 10)

        assert isinstance(frame, bytes)
        assert frame[:2] == b"\x1f\x8b"
        assert json.loads(gzip.decompress(frame))["e"] == "ORDER_TRADE_UPDATE"


async def test_config_of_streams_reaches_the_wire() -> None:
    """A one-way account's snapshot shows the leverage of its single side."""
    clock = HandClock()
    config = replace(
        exchange_config(streams=StreamRules(snapshot_interval_ms=1000, ping_interval_ms=60_000)),
        accounts=(AccountConfig(KEY, SECRET, hedge_mode=False, leverage=7),),
    )
    async with exchange(config, clock) as (server, client), client.account_stream() as stream:
        clock.move_ms(1000)
        server.advance()

        assert (await stream.next())["ac"] == {"s": "BTC-USDT", "l": 7, "S": 7, "mt": "cross"}
