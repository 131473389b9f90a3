"""Clients that nobody here wrote trade on the exchange, and what they read equals what our own adapter reads.

They run in a process of their own and talk to the exchange over loopback; ``ccxt`` with REST and streams, ``bixpy``
with another signing order, another HTTP client and another websocket client. Numbers are compared exactly.
"""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from dita.adapters.bingx.contracts import Contract
from dita.adapters.bingx.rest import BingxRest, PositionMode
from dita.adapters.exchange import (
    ExchangeServer,
    LoseReply,
    MatchingRules,
    RequestRules,
    SpoilReply,
    StreamRules,
    When,
    WireVariants,
)
from dita.adapters.logic.rows import FillRow, OrderRow, OrderState, PositionRow
from dita.spec.market import MarketTrade
from dita.spec.vocabulary import OrderSide, Side
from exchange_client import KEY, MS, scaled, ticker
from stranger_desk import Stranger, StrangerProcess, live_exchange, our_reads, stranger, strangers_python, units

BTC = "BTC/USDT:USDT"
SYMBOL = "BTC-USDT"
HOUR_NS = 3600 * 10**9
STATES = {"open": OrderState.OPEN, "closed": OrderState.FILLED, "canceled": OrderState.CANCELED}
SIDES = {"buy": OrderSide.BUY, "sell": OrderSide.SELL}
HEDGED = {"hedged": True}
CLOSING = {"hedged": True, "reduceOnly": True}


@pytest.fixture(scope="session")
def strangers() -> Generator[StrangerProcess]:
    """The one process in which all strangers live."""
    process = StrangerProcess()
    yield process
    process.end()


def market(server: ExchangeServer, bid: str = "60000.0", ask: str = "60000.1", size: str = "10") -> None:
    server.feed(ticker(bid, ask, size=size, time_ns=time.time_ns()))


# ---- the same thing, read by a stranger and by us


def assert_same_contract(theirs: Any, ours: Contract) -> None:
    """A market of ccxt's."""
    assert theirs["id"] == ours.symbol
    assert units(theirs["precision"]["price"], 10) == ours.tick
    assert units(theirs["precision"]["amount"], 8) == ours.lot
    assert units(theirs["limits"]["amount"]["min"], 8) == ours.quantity_min
    assert units(theirs["limits"]["cost"]["min"], 8) == ours.notional_min
    assert (units(theirs["taker"], 9), units(theirs["maker"], 9)) == (ours.taker_ppb, ours.maker_ppb)
    assert theirs["active"] == ours.tradable


def assert_same_order(theirs: Any, ours: OrderRow | None) -> None:
    """An order of ccxt's, as GET shows it."""
    assert ours is not None
    assert (theirs["id"], theirs["clientOrderId"] or "") == (ours.order_id, ours.client_order_id)
    assert (SIDES[theirs["side"]], theirs["type"].upper()) == (ours.side, ours.type_text)
    assert theirs["info"]["positionSide"] == ours.position_side
    assert STATES[theirs["status"]] is ours.state
    assert units(theirs["amount"], 8) == ours.ordered_quantity
    assert units(theirs["filled"], 8) == ours.cum_quantity
    assert units(theirs["average"] or 0, 10) == ours.average_price
    assert theirs["lastUpdateTimestamp"] * MS == ours.time_ns
    assert bool(theirs["reduceOnly"]) == ours.reduce_only


def assert_notices(theirs: Any, ours: OrderRow | None) -> None:
    """The comparison above is no ornament: it fails for each field of ours that is another."""
    assert ours is not None
    others: dict[str, Any] = {
        "order_id": "1", "client_order_id": "x", "side": OrderSide.SELL, "type_text": "STOP", "position_side": "SHORT",
        "state": OrderState.EXPIRED, "ordered_quantity": 1, "cum_quantity": 1, "average_price": 1, "time_ns": 1,
        "reduce_only": True,
    }  # fmt: skip
    for name, other in others.items():
        with pytest.raises(AssertionError):
            assert_same_order(theirs, replace(ours, **{name: other}))


def assert_same_fill(theirs: Any, ours: FillRow) -> None:
    """A trade of ccxt's, which reads `filledTm`: its digits are those of UTC+8 and its letter says UTC."""
    assert (theirs["order"], SIDES[theirs["side"]]) == (ours.order_id, ours.side)
    assert (units(theirs["price"], 10), units(theirs["amount"], 8)) == (ours.price, ours.quantity)
    fee = Decimal(theirs["fee"]["cost"])
    exact = Decimal(-ours.commission_e18).scaleb(-18)
    assert abs(fee - exact) < Decimal("0.0001")  # that list shows four decimals
    assert theirs["fee"]["currency"] == ours.commission_asset
    assert theirs["timestamp"] * MS - 8 * HOUR_NS == ours.time_ns


def assert_same_position(theirs: Any, ours: PositionRow) -> None:
    """A position of ccxt's."""
    assert (theirs["id"], theirs["side"].upper()) == (ours.position_id, ours.side.name)
    assert (units(theirs["contracts"], 8), units(theirs["entryPrice"], 10)) == (ours.quantity, ours.average_price)


async def assert_same_account(client: Stranger, rest: BingxRest) -> None:
    """Balance and positions."""
    theirs, ours = (await client.call("fetch_balance"))["USDT"], await rest.balance("USDT")
    assert (units(theirs["free"], 8), units(theirs["used"], 8)) == (ours.available_margin, ours.used_margin)
    mine = {(row.symbol, row.side): row for row in await rest.positions()}
    positions = await client.call("fetch_positions")
    assert len(positions) == len(mine)
    for position in positions:
        assert_same_position(position, mine[position["info"]["symbol"], Side[position["side"].upper()]])


async def assert_same_history(client: Stranger, rest: BingxRest, started_ns: int) -> None:
    """Fills, finished orders and all orders since then; at least one of each kind."""
    now_ns = time.time_ns() + 10**9
    fills = sorted(await client.call("fetch_my_trades", BTC), key=lambda row: (row["order"], row["amount"]))
    mine = sorted(await rest.fill_history(SYMBOL, started_ns, now_ns), key=lambda row: (row.order_id, row.quantity))
    assert len(fills) == len(mine) == 3
    for theirs, ours_row in zip(fills, mine, strict=True):
        assert_same_fill(theirs, ours_row)
    for method, read in (("fetch_closed_orders", rest.all_orders), ("fetch_orders", rest.full_orders)):
        states = {"fetch_closed_orders": ("closed",), "fetch_orders": ("closed", "canceled")}[method]
        ours_by_id = {row.order_id: row for row in await read(SYMBOL, started_ns, now_ns)}
        rows = await client.call(method, BTC)
        assert {row["status"] for row in rows} == set(states)
        for theirs in rows:
            assert_same_order(theirs, ours_by_id[theirs["id"]])


# ---- ccxt


async def test_ccxt_reads_contracts_and_settings(strangers: StrangerProcess) -> None:
    """Markets, time, balance, leverage, margin and position mode, fees: all as we read them, changes included."""
    async with live_exchange() as server, stranger(strangers, "ccxt", server) as ccxt, our_reads(server) as rest:
        market(server)
        markets = await ccxt.call("load_markets")
        contracts = await rest.contracts([SYMBOL, "ETH-USDT"])
        assert {row["id"] for row in markets.values()} == set(contracts)
        for row in markets.values():
            assert_same_contract(row, contracts[row["id"]])
        assert abs(int(await ccxt.call("fetch_time")) - (await rest.server_time()).server_ns // MS) < 5000
        await assert_same_account(ccxt, rest)

        await ccxt.call("set_leverage", 7, BTC, {"side": "LONG"})
        theirs, ours = await ccxt.call("fetch_leverage", BTC), await rest.leverage(SYMBOL)
        assert (theirs["longLeverage"], theirs["shortLeverage"]) == (ours.long, ours.short) == (7, 20)
        await ccxt.call("set_margin_mode", "isolated", BTC)
        assert (await ccxt.call("fetch_margin_mode", BTC))["marginMode"] == "isolated"
        assert (await rest.margin_mode(SYMBOL)).value == "ISOLATED"
        await ccxt.call("set_margin_mode", "cross", BTC)
        fee = await ccxt.call("fetch_trading_fee", BTC)
        assert (units(fee["taker"], 9), units(fee["maker"], 9)) == await rest.commission_rates()
        assert (await ccxt.call("fetch_position_mode"))["hedged"] is (await rest.position_mode() is PositionMode.HEDGE)


async def test_ccxt_completes_a_session_in_hedge_mode(strangers: StrangerProcess) -> None:
    """Orders by both ids, partial and whole fills, the four account streams, positions: all as we read them."""
    started_ns = time.time_ns()
    async with live_exchange() as server, stranger(strangers, "ccxt", server) as ccxt, our_reads(server) as rest:
        market(server, size="0.004")
        await ccxt.watch("watch_balance")  # before the others, or it waits for ever
        await ccxt.stream_open()
        await ccxt.watch("watch_orders", BTC)
        await ccxt.watch("watch_my_trades", BTC)
        await ccxt.watch("watch_positions")
        entry = await ccxt.call(
            "create_order", BTC, "limit", "buy", "0.01", "60000.1", HEDGED | {"clientOrderId": "In-1"}
        )
        partial = await ccxt.call("fetch_order", entry["id"], BTC)
        assert (partial["status"], partial["filled"]) == ("open", "0.0040")
        assert_same_order(partial, await rest.query_by_order_id(SYMBOL, entry["id"]))
        await _traded(ccxt, entry["id"], "0.00400000")
        market(server, "60000.0", "60000.1", size="10")
        whole = await ccxt.call("fetch_order", "", BTC, {"clientOrderId": "in-1"})
        assert (whole["id"], whole["status"], whole["remaining"]) == (entry["id"], "closed", "0")
        assert_same_order(whole, await rest.query_by_client_id(SYMBOL, "in-1"))
        assert_notices(whole, await rest.query_by_client_id(SYMBOL, "in-1"))
        await assert_same_account(ccxt, rest)

        (pushed,) = {o["id"] for seen in await ccxt.seen("watch_orders", _closed) for o in seen}
        balance = (await ccxt.seen("watch_balance", lambda s: len(s) >= 2))[-1]
        positions = (await ccxt.seen("watch_positions", bool))[-1]
        assert pushed == entry["id"]
        await _traded(ccxt, entry["id"], "0.00600000")
        assert units(balance["USDT"]["free"], 8) == (await rest.balance("USDT")).balance
        assert (positions[-1]["side"], positions[-1]["contracts"]) == ("long", "0.01")

        resting = await ccxt.call(
            "create_order", BTC, "limit", "sell", "0.01", "70000", CLOSING | {"timeInForce": "PO"}
        )
        listed = await ccxt.call("fetch_open_orders", BTC)
        assert [row["id"] for row in listed] == [resting["id"]]
        for theirs in listed:
            assert_same_order(theirs, (await rest.open_orders(SYMBOL))[0])
        cancelled = await ccxt.call("cancel_order", resting["id"], BTC)
        assert cancelled["status"] == "canceled"
        gone = await ccxt.call(
            "create_order", BTC, "limit", "sell", "0.01", "70000", CLOSING | {"clientOrderId": "out-1"}
        )
        assert (await ccxt.call("cancel_order", None, BTC, {"clientOrderId": "out-1"}))["id"] == gone["id"]
        out = await ccxt.call("create_order", BTC, "market", "sell", "0.01", None, CLOSING)
        assert_same_order(
            await ccxt.call("fetch_order", out["id"], BTC), await rest.query_by_order_id(SYMBOL, out["id"])
        )
        await assert_same_account(ccxt, rest)

        await assert_same_history(ccxt, rest, started_ns)
        assert server.venue_record().account(KEY).wallet_difference == 0


async def _traded(ccxt: Stranger, order_id: str, amount: str) -> None:
    """Wait until the newest pushed trade is of that amount; ccxt keeps no older one, for want of ids."""
    trade = (await ccxt.seen("watch_my_trades", lambda seen: bool(seen) and seen[-1][-1]["amount"] == amount))[-1][-1]
    assert (trade["order"], trade["price"], trade["side"]) == (order_id, "60000.10000000", "buy")


def _closed(seen: list[Any]) -> bool:
    return any(order["status"] == "closed" for orders in seen for order in orders)


@pytest.mark.parametrize(("rows", "shown"), [("BOTH", "BOTH"), ("LONG_SHORT", "SHORT")])
async def test_ccxt_completes_a_session_in_one_way_mode(strangers: StrangerProcess, rows: Any, shown: str) -> None:
    """One netted position, in both shapes of its row: reduce-only closes, a mode switch only when flat."""
    async with (
        live_exchange(hedge=False, wire=WireVariants(one_way_rows=rows)) as server,
        stranger(strangers, "ccxt", server) as ccxt,
        our_reads(server) as rest,
    ):
        market(server)
        await ccxt.call("set_leverage", 5, BTC, {"side": "BOTH"})
        sold = await ccxt.call("create_order", BTC, "market", "sell", "0.02")
        assert_same_order(
            await ccxt.call("fetch_order", sold["id"], BTC), await rest.query_by_order_id(SYMBOL, sold["id"])
        )
        (ours,) = await rest.positions(SYMBOL)
        (theirs,) = await ccxt.call("fetch_positions", [BTC])
        assert (ours.side, ours.quantity) == (Side.SHORT, scaled("0.02", 8))
        sign = -1 if rows == "BOTH" else 1  # ccxt passes the sign of a netted row on
        assert (theirs["info"]["positionSide"], units(theirs["contracts"], 8)) == (shown, sign * ours.quantity)
        assert await ccxt.error("set_position_mode", True) == "ExchangeError"
        assert (
            await ccxt.error("create_order", BTC, "market", "sell", "0.01", None, {"reduceOnly": True})
            == "ExchangeError"
        )
        await ccxt.call("create_order", BTC, "market", "buy", "0.02", None, {"reduceOnly": True})
        assert await ccxt.call("fetch_positions", [BTC]) == list(await rest.positions()) == []
        await ccxt.call("set_position_mode", True)
        assert await rest.position_mode() is PositionMode.HEDGE


async def test_ccxt_names_what_goes_wrong(strangers: StrangerProcess) -> None:
    """Refusals become the exceptions that its own tables say; an accepted order whose reply is spoiled can be found."""
    async with live_exchange() as server, stranger(strangers, "ccxt", server) as ccxt:
        market(server)
        order = (BTC, "limit", "buy", "0.01", "50000")
        named = HEDGED | {"clientOrderId": "twice"}
        await ccxt.call("create_order", *order, named)
        assert await ccxt.error("create_order", *order, named) in ("InvalidOrder", "DuplicateOrderId")
        assert await ccxt.error("fetch_order", "123", BTC) == "OrderNotFound"
        assert await ccxt.error("create_order", BTC, "market", "buy", "900", None, HEDGED) == "InsufficientFunds"
        assert (
            await ccxt.error("create_order", BTC, "market", "buy", "0.01", None, {"positionSide": "BOTH"})
            == "BadRequest"
        )
        async with stranger(strangers, "ccxt", server, secret="another") as foreign:
            assert await foreign.error("fetch_balance") == "AuthenticationError"

        server.arm([SpoilReply(), LoseReply(how="reset")])
        lost = HEDGED | {"clientOrderId": "lost"}
        assert await ccxt.error("create_order", *order, lost) in (
            "RequestTimeout",
            "NetworkError",
            "ExchangeNotAvailable",
        )
        found = await ccxt.call("swapV2PrivateGetTradeOrder", {"symbol": SYMBOL, "clientOrderId": "lost"})
        placed = next(o for o in server.venue_record().account(KEY).orders if o.client_id == "lost")
        assert str(found["data"]["order"]["orderId"]) == str(placed.order_id)
        server.disarm()
        server.arm([SpoilReply(status=200, body="html", when=When(client_id_prefix="html"))])
        silent = await ccxt.call("create_order", *order, HEDGED | {"clientOrderId": "html-1"})
        assert silent["id"] is None  # ccxt calls that a success


async def test_ccxt_is_told_of_a_wrong_clock(strangers: StrangerProcess) -> None:
    """A minute's difference is 109400 like any wrong parameter, which ccxt calls a bad request; public calls work."""
    late = RequestRules(clock_skew_ms=60_000)
    async with live_exchange(requests=late) as server, stranger(strangers, "ccxt", server) as ccxt:
        assert await ccxt.error("fetch_positions") == "BadRequest"
        assert int(await ccxt.call("fetch_time")) > time.time_ns() // MS + 50_000


async def test_ccxt_uses_batches_stops_and_the_switches(strangers: StrangerProcess) -> None:
    """Orders in batches, edited, all cancelled, by a dead man's switch; stops that trigger; closing at once."""
    async with live_exchange() as server, stranger(strangers, "ccxt", server) as ccxt, our_reads(server) as rest:
        market(server)
        orders = [
            {"symbol": BTC, "type": "limit", "side": "buy", "amount": "0.01", "price": str(price), "params": HEDGED}
            for price in (50000, 50001, 50002)
        ]
        placed = await ccxt.call("create_orders", orders)
        assert [row["price"] for row in placed] == ["50000", "50001", "50002"]
        edited = await ccxt.call("edit_order", placed[0]["id"], BTC, "limit", "buy", "0.02", "49000", HEDGED)
        ours = {row.order_id: row for row in await rest.open_orders(SYMBOL)}
        assert ours[edited["id"]].ordered_quantity == scaled("0.02", 8)
        assert placed[0]["id"] not in ours
        done = await ccxt.call("cancel_orders", [placed[1]["id"]], BTC)
        assert [row["id"] for row in done] == [placed[1]["id"]]
        await ccxt.call("cancel_all_orders_after", 10_000)
        assert server.venue.engine.accounts[KEY].dead_man_due_ns is not None
        await ccxt.call("cancel_all_orders_after", 0)
        assert server.venue.engine.accounts[KEY].dead_man_due_ns is None
        await ccxt.call("cancel_all_orders", BTC)
        assert await rest.open_orders(SYMBOL) == ()

        await ccxt.call("create_order", BTC, "market", "buy", "0.02", None, HEDGED)
        stop = await ccxt.call(
            "create_order", BTC, "market", "sell", "0.01", None, CLOSING | {"stopLossPrice": "59000"}
        )
        target = await ccxt.call(
            "create_order", BTC, "market", "sell", "0.01", None, CLOSING | {"takeProfitPrice": "61000"}
        )
        listed = {row["id"]: row for row in await ccxt.call("fetch_open_orders", BTC)}
        assert (listed[stop["id"]]["type"], listed[stop["id"]]["stopLossPrice"]) == ("market", "59000.0")
        assert listed[target["id"]]["takeProfitPrice"] == "61000.0"
        theirs = {row.order_id: row for row in await rest.open_orders(SYMBOL)}
        assert (theirs[stop["id"]].type_text, theirs[target["id"]].type_text) == ("STOP_MARKET", "TAKE_PROFIT_MARKET")
        market(server, "58999.0", "58999.1")
        (left,) = await rest.positions()
        assert left.quantity == scaled("0.01", 8)
        assert await ccxt.error("fetch_order", stop["id"], BTC) == "OrderNotFound"
        trigger = HEDGED | {"triggerPrice": "58000"}
        await ccxt.call("create_order", BTC, "market", "buy", "0.01", None, trigger)
        market(server, "57999.0", "57999.1")
        (grown,) = await rest.positions()
        assert grown.quantity == scaled("0.02", 8)
        await ccxt.call("close_position", BTC, None, {"positionId": grown.position_id})
        await ccxt.call("close_all_positions")
        assert await rest.positions() == ()


async def test_ccxt_reads_the_market(strangers: StrangerProcess) -> None:
    """Ticker, book, trades, bars, funding and open interest over REST; trades, book, ticker and bars as streams."""
    rules = MatchingRules(liquidity="ladder", ladder_levels=5)
    async with live_exchange(matching=rules) as server, stranger(strangers, "ccxt", server) as ccxt:
        market(server)
        server.fund("BTC-USDT", 100_000)
        for stream in ("watch_trades", "watch_order_book", "watch_ticker", "watch_ohlcv"):
            await ccxt.watch(stream, BTC)
        await ccxt.seen("watch_ticker", bool)
        await ccxt.seen("watch_order_book", bool)
        await ccxt.seen("watch_ohlcv", bool)
        await asyncio.sleep(0.1)  # the trade topic acknowledges in silence
        server.feed(MarketTrade(SYMBOL, scaled("60010.5", 10), scaled("0.25", 8), True, time.time_ns()))

        trades = (await ccxt.seen("watch_trades", bool))[-1]
        assert (trades[-1]["price"], trades[-1]["amount"], trades[-1]["side"]) == ("60010.5", "0.2500", "sell")
        book = (await ccxt.seen("watch_order_book", bool))[-1]
        assert (len(book["asks"]), book["bids"][0], book["asks"][0]) == (
            5, [Decimal("60000.0"), Decimal(10)], [Decimal("60000.1"), Decimal(10)],
        )  # fmt: skip
        ticked = await ccxt.call("fetch_ticker", BTC)
        assert (ticked["last"], ticked["bid"], ticked["ask"]) == ("60010.5", "60000", "60000.1")
        rest_book = await ccxt.call("fetch_order_book", BTC)
        assert rest_book["asks"][:2] == [[Decimal("60000.1"), Decimal(10)], [Decimal("60000.2"), Decimal(10)]]
        (traded,) = await ccxt.call("fetch_trades", BTC)
        assert (traded["price"], traded["amount"]) == ("60010.5", "0.2500")
        bars = await ccxt.call("fetch_ohlcv", BTC)
        assert bars[-1][4] == "60010.5"
        rates = await ccxt.call("fetch_funding_rate_history", BTC)
        assert [Decimal(row["fundingRate"]) for row in rates] == [Decimal("0.0001")]
        assert (await ccxt.call("fetch_funding_rate", BTC))["markPrice"] == "60000.0"
        assert (await ccxt.call("fetch_open_interest", BTC))["openInterestValue"] == "0.00"


async def test_ccxt_keeps_its_stream_alive(strangers: StrangerProcess) -> None:
    """Keys are prolonged by PUT and heartbeats answered: the stream still tells long after both would have ended it."""
    rules = StreamRules(ping_interval_ms=100, unanswered_pings_max=6, snapshot_interval_ms=0, listen_key_life_ms=3_000)
    async with live_exchange(streams=rules) as server, stranger(strangers, "ccxt", server) as ccxt:
        market(server)
        await ccxt.options(listenKeyRefreshRate=500)
        await ccxt.call("load_markets")
        await ccxt.watch("watch_orders", BTC)
        await ccxt.stream_open()
        await asyncio.sleep(3.5)  # beyond the key's life, and beyond many heartbeats
        assert server.report().connections == 1
        await ccxt.call("create_order", BTC, "market", "buy", "0.01", None, HEDGED)
        assert _closed(await ccxt.seen("watch_orders", _closed))


# ---- bixpy


async def test_bixpy_completes_a_session(strangers: StrangerProcess) -> None:
    """Its own signing order, `requests` and `websocket-client`: contracts to fills, and the stream, as we read them."""
    started_ns = time.time_ns()
    async with live_exchange() as server, stranger(strangers, "bixpy", server) as bixpy, our_reads(server) as rest:
        market(server)
        contracts = await rest.contracts([SYMBOL, "ETH-USDT"])
        listed = (await bixpy.call("market.get_symbols"))["data"]
        assert {row["symbol"]: units(10 ** -Decimal(row["pricePrecision"]), 10) for row in listed} == {
            symbol: contract.tick for symbol, contract in contracts.items()
        }
        key = (await bixpy.call("keys.generate"))["listenKey"]
        await bixpy.call(".listen", key)

        await bixpy.call("trade.set_leverage", symbol=SYMBOL, side="LONG", leverage=9)
        assert (await bixpy.call("trade.get_leverage", symbol=SYMBOL))["data"]["longLeverage"] == 9
        assert (await rest.leverage(SYMBOL)).long == 9
        base = {"symbol": SYMBOL, "position_side": "LONG", "side": "BUY"}
        entry = await bixpy.call("place", **base, order_type="MARKET", quantity="0.0123", client_order_id="bx-1")
        placed = entry["data"]["order"]
        resting = await bixpy.call(
            "place", **base, order_type="LIMIT", quantity="0.01", price="59000.5", time_in_force="PostOnly"
        )
        theirs = (await bixpy.call("trade.get_order_details", symbol=SYMBOL, client_order_id="bx-1"))["data"]["order"]
        assert_same_row(theirs, await rest.query_by_client_id(SYMBOL, "bx-1"))
        assert theirs["orderId"] == placed["orderId"]
        (waiting,) = (await bixpy.call("trade.get_all_open_orders", symbol=SYMBOL))["data"]["orders"]
        assert_same_row(waiting, (await rest.open_orders(SYMBOL))[0])
        stopped = base | {"side": "SELL", "order_type": "STOP_MARKET", "quantity": "0.0123", "stop_price": "58000"}
        stop = (await bixpy.call("place", **stopped, working_type="MARK_PRICE"))["data"]["order"]
        cancelled = await bixpy.call("trade.cancel_order", symbol=SYMBOL, order_id=resting["data"]["order"]["orderId"])
        assert cancelled["data"]["order"]["status"] == "CANCELLED"
        assert [row.order_id for row in await rest.open_orders(SYMBOL)] == [str(stop["orderId"])]

        (position,) = (await bixpy.call("account.positions"))["data"]
        (ours,) = await rest.positions()
        assert (position["positionId"], position["positionSide"]) == (ours.position_id, ours.side.name)
        assert (units(position["positionAmt"], 8), units(position["avgPrice"], 10)) == (
            ours.quantity,
            ours.average_price,
        )
        balance, mine = (await bixpy.call("account.balance"))["data"][0], await rest.balance("USDT")
        assert [units(balance[name], 8) for name in ("balance", "equity", "availableMargin", "usedMargin")] == [
            mine.balance, mine.equity, mine.available_margin, mine.used_margin,
        ]  # fmt: skip
        income = (await bixpy.call("account.income", symbol=SYMBOL))["data"]
        rows = {row.transaction_id: row for row in await rest.income(started_ns, time.time_ns())}
        assert {row["tranId"]: units(row["income"], 18) for row in income} == {
            key: row.amount_e18 for key, row in rows.items()
        }

        events = [order for frame in await bixpy.heard(_has_cancel) if (order := _order(frame)) is not None]
        assert [(order["i"], order["X"]) for order in events] == [
            (placed["orderId"], "NEW"),
            (placed["orderId"], "FILLED"),
            (resting["data"]["order"]["orderId"], "NEW"),
            (stop["orderId"], "NEW"),
            (resting["data"]["order"]["orderId"], "CANCELED"),
        ]
        await bixpy.call("trade.close_all_positions", symbol=SYMBOL)
        assert await rest.positions() == ()
        assert await bixpy.error("trade.cancel_order", symbol=SYMBOL, order_id=7) == "ClientError"
        await bixpy.call("keys.extend", key)
        await bixpy.call("keys.delete", key)
        async with stranger(strangers, "bixpy", server, secret="another") as foreign:
            assert await foreign.error("account.balance") == "ClientError"


def assert_same_row(theirs: Any, ours: OrderRow | None) -> None:
    """An order as the second stranger passes it on: the venue's own words."""
    assert ours is not None
    assert (str(theirs["orderId"]), theirs["clientOrderId"]) == (ours.order_id, ours.client_order_id)
    assert (theirs["side"], theirs["type"]) == (ours.side.name, ours.type_text)
    assert (theirs["positionSide"], theirs["status"]) == (ours.position_side, ours.status_text)
    assert units(theirs["origQty"], 8) == ours.ordered_quantity
    assert units(theirs["executedQty"], 8) == ours.cum_quantity
    assert units(theirs["avgPrice"], 10) == ours.average_price
    assert theirs["updateTime"] * MS == ours.time_ns


def _order(frame: Any) -> dict[str, Any] | None:
    """The order of an order event; other frames have none."""
    return cast("dict[str, Any]", frame).get("o") if isinstance(frame, dict) else None


def _has_cancel(seen: list[Any]) -> bool:
    return any(order["X"] == "CANCELED" for frame in seen if (order := _order(frame)) is not None)


async def test_bixpy_reads_the_market_stream(strangers: StrangerProcess) -> None:
    """It unpacks every frame itself and answers the heartbeat, or it would be cut after six."""
    rules = StreamRules(ping_interval_ms=100, unanswered_pings_max=6, snapshot_interval_ms=0)
    async with live_exchange(streams=rules) as server, stranger(strangers, "bixpy", server) as bixpy:
        market(server)
        await bixpy.call(".listen", "")
        for topic in ("trade", "bookTicker", "depth5"):
            await bixpy.call(".subscribe", f"{SYMBOL}@{topic}")
        await bixpy.heard(lambda seen: len(seen) >= 5)  # three acks and two current values
        await asyncio.sleep(1)
        server.feed(MarketTrade(SYMBOL, scaled("60010.5", 10), scaled("0.25", 8), True, time.time_ns()))
        seen = await bixpy.heard(lambda seen: any("@trade" in str(frame.get("dataType")) for frame in seen))

        assert seen[-1]["data"][0]["p"] == "60010.5"
        assert [frame for frame in seen if "error" in frame] == []
        assert server.report().connections == 1


# ---- the example


def test_the_example_trades_on_the_exchange_that_runs_by_itself(tmp_path: Path, repository: Path) -> None:
    """`dita exchange` and `examples/ccxt_trade.py`, started together as the README shows, end flat."""
    dita = Path(sys.executable).with_name("dita")
    with subprocess.Popen([dita, "exchange"], cwd=tmp_path, stdout=subprocess.DEVNULL) as exchange:
        try:
            done = subprocess.run(
                [strangers_python(), repository / "examples" / "ccxt_trade.py"],
                cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100,
            )  # fmt: skip
        finally:
            exchange.send_signal(signal.SIGTERM)
        assert exchange.wait(30) == 0

    assert done.returncode == 0, done.stderr
    told = dict(line.split(None, 1) for line in done.stdout.splitlines())
    assert told["flat"] == "True"
    assert done.stdout.count("fill ") == 2
    assert list((tmp_path / "out").iterdir()) == [tmp_path / "out" / "exchange-credentials"]
