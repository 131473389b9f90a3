"""REST replies over real sockets: shapes, numbers, refusals and the variants on which the venue's sources disagree."""

import json
from dataclasses import replace
from typing import Any

import pytest

from dita.adapters.exchange import AccountConfig, MatchingRules, RequestRules
from dita.adapters.exchange.identifiers import snowflake_ms
from exchange_client import (
    FILLS,
    KEY,
    LISTEN_KEY,
    NOW_MS,
    ORDER,
    SECRET,
    SWAP,
    USDT,
    HandClock,
    exchange,
    exchange_config,
    ticker,
    variants,
    window,
)


async def test_public_market_data_needs_no_key() -> None:
    """Time, contracts, prices, best quotes and depth answer unsigned calls; contracts are numbers, not text."""
    async with exchange() as (server, client):
        client.http.headers.pop("X-BX-APIKEY")

        async def get(path: str) -> Any:
            body = (await client.http.get(f"{SWAP}/{path}")).json()
            assert body["code"] == 0, body
            return body["data"]

        assert await get("v2/server/time") == {"serverTime": NOW_MS}
        (btc,) = await get("v2/quote/contracts?symbol=BTC-USDT")
        assert [row["symbol"] for row in await get("v2/quote/contracts")] == ["BTC-USDT", "ETH-USDT"]
        assert (btc["pricePrecision"], btc["quantityPrecision"], btc["tradeMinQuantity"], btc["tradeMinUSDT"]) == (
            1,
            4,
            0.0001,
            2,
        )
        assert (btc["status"], btc["apiStateOpen"], btc["apiStateClose"]) == (1, "true", "true")
        book = (await get("v2/quote/bookTicker?symbol=BTC-USDT"))["book_ticker"]
        assert (book["bid_price"], book["ask_price"], book["ask_qty"]) == (60000, 60000.1, 1)
        depth = await get("v2/quote/depth?symbol=BTC-USDT&limit=5")
        assert (depth["bids"], depth["asks"]) == ([["60000.0", "1.0000"]], [["60000.1", "1.0000"]])
        assert (await get("v1/ticker/price?symbol=BTC-USDT"))["price"] == "60000.0"
        assert (await get("v2/quote/price?symbol=BTC-USDT"))["symbol"] == "BTC-USDT"
        assert (await get("v2/quote/ticker?symbol=BTC-USDT"))["lastPrice"] == "60000.0"
        assert (await get("v2/quote/premiumIndex?symbol=BTC-USDT"))["nextFundingTime"] > NOW_MS
        assert (await get("v1/tradingRules?symbol=BTC-USDT"))["minSizeUsd"] == "2"
        wrong = await client.http.get(f"{SWAP}/v2/quote/depth?symbol=BTC-USDT&limit=7")
        assert wrong.json()["code"] == 109400
        assert server.report().requests_served == 11


async def test_market_order_reply_and_query() -> None:
    """The echo carries numbers and both id spellings, the query text; the id is a snowflake beyond 2^53."""
    async with exchange() as (_, client):
        echo = (await client.submit(quantity="0.0123", clientOrderID="T1-A"))["data"]["order"]
        found = (await client.order("t1-a"))["data"]["order"]

        assert (echo["quantity"], echo["status"], echo["avgPrice"], echo["executedQty"]) == (
            0.0123,
            "FILLED",
            "60000.1",
            "0.0123",
        )
        assert (echo["clientOrderID"], echo["clientOrderId"], echo["orderID"]) == ("t1-a", "", str(echo["orderId"]))
        assert found["orderId"] == echo["orderId"] > 2**53
        assert snowflake_ms(echo["orderId"]) == NOW_MS
        assert (found["status"], found["executedQty"], found["avgPrice"]) == ("FILLED", "0.0123", "60000.1")
        assert (found["commission"], found["cumQuote"], found["leverage"]) == ("-0.369000", "738", "20X")
        assert found["clientOrderId"] == "t1-a"


async def test_client_id_is_echoed_under_the_spelling_sent() -> None:
    """Either spelling is accepted on POST and on DELETE, and the echo uses the one that came."""
    async with exchange() as (_, client):
        body = await client.submit(clientOrderId="one", type="LIMIT", price="59000")
        assert (body["data"]["order"]["clientOrderId"], body["data"]["order"]["clientOrderID"]) == ("one", "")
        assert await client.code("DELETE", ORDER, symbol="BTC-USDT", clientOrderID="one") == 0


async def test_excess_decimals_are_cut_off_silently() -> None:
    """Price and quantity lose what the contract cannot show, and nobody says so."""
    async with exchange() as (_, client):
        body = await client.submit(type="LIMIT", price="59000.19", quantity="0.01239999", clientOrderID="x")
        order = (await client.order("x"))["data"]["order"]

        assert (body["data"]["order"]["price"], body["data"]["order"]["quantity"]) == (59000.1, 0.0123)
        assert (order["price"], order["origQty"]) == ("59000.1", "0.0123")


async def test_excess_decimals_can_be_refused() -> None:
    """By switch the same request is 110425; zeros beyond the precision are no excess."""
    config = exchange_config(matching=MatchingRules(over_precision="refuse"))
    async with exchange(config) as (_, client):
        assert (await client.submit(quantity="0.01239"))["code"] == 110425
        assert (await client.submit(type="LIMIT", price="59000.19"))["code"] == 110425
        assert (await client.submit(quantity="0.012300000000"))["code"] == 0


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"symbol": None}, "symbol"),
        ({"side": "UP"}, "side"),
        ({"positionSide": "UP"}, "positionSide"),
        ({"type": "TRAILING_STOP_MARKET", "priceRate": "0.01"}, "type"),
        ({"type": "STOP_MARKET", "side": "SELL"}, "stopPrice"),
        ({"type": "STOP", "side": "SELL", "stopPrice": "59000"}, "price"),
        ({"type": "STOP_MARKET", "stopPrice": "59000", "workingType": "LAST"}, "workingType"),
        ({"type": "STOP_MARKET", "stopPrice": "59000", "closePosition": "true"}, "quantity"),
        ({"type": "STOP", "stopPrice": "59000", "closePosition": "true", "quantity": None}, "closePosition"),
        ({"type": "STOP_MARKET", "stopPrice": "59000", "closePosition": "perhaps"}, "closePosition"),
        ({"type": "LIMIT", "price": "59000", "stopPrice": "58000"}, "stopPrice"),
        ({"type": "MARKET", "closePosition": "true", "quantity": None}, "closePosition"),
        ({"type": "LIMIT"}, "price"),
        ({"type": "LIMIT", "price": "59000", "timeInForce": "POSTONLY"}, "timeInForce"),
        ({"quantity": None}, "quantity"),
        ({"quantity": "-1"}, "quantity"),
        ({"quantity": "1e-2"}, "quantity"),
        ({"quantity": "0.00001"}, "quantity"),
        ({"quantity": "99999999999999"}, "quantity"),
        ({"clientOrderID": "a" * 41}, "clientOrderID"),
        ({"clientOrderID": "a b"}, "clientOrderID"),
        ({"reduceOnly": "maybe"}, "reduceOnly"),
        ({"stopLoss": '{"type":"STOP_MARKET","stopPrice":1}'}, "stopLoss"),
    ],
)
async def test_bad_parameters_are_named(changes: dict[str, object], word: str) -> None:
    """Every malformed order is 109400 with the field in its text, and leaves nothing behind."""
    async with exchange() as (server, client):
        body = await client.submit(**changes)

        assert body["code"] == 109400
        assert word in body["msg"]
        assert body["data"] == {}
        assert server.report().orders_made == 0


async def test_business_refusals_have_their_codes() -> None:
    """Margin, position, minimum, duplicate and unknown symbol answer with HTTP 200 and their own code."""
    async with exchange() as (_, client):
        codes = [
            (await client.submit(quantity="9999"))["code"],
            (await client.submit(side="SELL"))["code"],
            (await client.submit(symbol="ETH-USDT", quantity="0.001"))["code"],
            (await client.submit(symbol="ETH-USDT"))["code"],
            (await client.submit(symbol="DOGE-USDT"))["code"],
        ]
        first, second = await client.submit(clientOrderID="one"), await client.submit(clientOrderID="ONE")

        assert codes == [101204, 101205, 109400, 101415, 109425]
        assert (first["code"], second["code"]) == (0, 101400)
        assert "unique check" in second["msg"]


@pytest.mark.parametrize(("variant", "code"), [("101481", 101481), ("109201", 109201)])
async def test_duplicate_ids_have_three_faces(variant: str, code: int) -> None:
    """The venue's other two duplicate codes can be asked for."""
    async with exchange(variants(duplicate_id=variant)) as (server, client):
        await client.submit(clientOrderID="one")

        assert (await client.submit(clientOrderID="one"))["code"] == code
        assert server.report().orders_made == 1


async def test_keys_without_permission_may_look_and_not_trade() -> None:
    """A read-only key is refused orders with 100004."""
    config = replace(exchange_config(), accounts=(AccountConfig(KEY, SECRET, can_trade=False),))
    async with exchange(config) as (_, client):
        assert (await client.submit())["code"] == 100004
        assert await client.code("GET", f"{SWAP}/v2/user/positions") == 0


async def test_cancel_then_cancel_again() -> None:
    """The second cancel within a second is 109201, later it is 80018; an id never seen is 80016."""
    clock = HandClock()
    async with exchange(clock=clock) as (_, client):
        await client.submit(type="LIMIT", price="59000", clientOrderID="one")
        cancel = {"symbol": "BTC-USDT", "clientOrderId": "one"}

        first = await client.call("DELETE", ORDER, **cancel)
        clock.move_ms(999)
        second = await client.code("DELETE", ORDER, **cancel)
        clock.move_ms(1)
        third = await client.code("DELETE", ORDER, **cancel)

        assert (first["code"], first["data"]["order"]["status"], second, third) == (0, "CANCELLED", 109201, 80018)
        assert await client.code("DELETE", ORDER, symbol="BTC-USDT", clientOrderId="none") == 80016
        assert await client.code("DELETE", ORDER, symbol="ETH-USDT", clientOrderId="one") == 80016


@pytest.mark.parametrize("variant", ["80016", "109414", "109421", "109400", "empty"])
async def test_unknown_orders_have_many_faces(variant: str) -> None:
    """Each way of not knowing an order can be asked for; `empty` answers code 0 without an order."""
    async with exchange(variants(unknown_order=variant)) as (_, client):
        body = await client.order("none")

        assert body["code"] == (0 if variant == "empty" else int(variant))
        assert variant != "empty" or body["data"] == {}
        assert variant != "109400" or "order not exist" in body["msg"]


async def test_query_by_id_wins_and_empty_ids_are_absent() -> None:
    """`orderId=` counts as absent, a real order id beats the client id, and text for a number is refused."""
    async with exchange() as (_, client):
        one = (await client.submit(clientOrderID="one"))["data"]["order"]
        await client.submit(clientOrderID="two")

        async def find(**ids: object) -> Any:
            return await client.call("GET", ORDER, symbol="BTC-USDT", **ids)

        assert (await find(orderId="", clientOrderId="two"))["data"]["order"]["clientOrderId"] == "two"
        assert (await find(orderId=one["orderId"], clientOrderId="two"))["data"]["order"]["clientOrderId"] == "one"
        assert (await find(orderId="None"))["code"] == 109400
        assert (await find())["code"] == 109400


async def test_balance_positions_and_income_agree_with_the_record() -> None:
    """What the three calls show adds up to the wallet the exchange keeps."""
    async with exchange() as (server, client):
        await client.submit(quantity="0.02")
        server.feed(ticker("60100.0", "60100.1"))
        await client.submit(side="SELL", quantity="0.01")

        usdt, usdc = await client.data("GET", f"{SWAP}/v3/user/balance")
        (position,) = await client.data("GET", f"{SWAP}/v2/user/positions")
        income = await client.data("GET", f"{SWAP}/v2/user/income")
        wallet = server.venue_record().account(KEY).wallet

        def units(text: str) -> int:
            return round(float(text) * USDT)

        assert (units(usdt["balance"]), usdc["balance"]) == (wallet, "")
        assert units(usdt["equity"]) == wallet + units(position["unrealizedProfit"])
        assert sum(units(row["income"]) for row in income) == wallet - 100_000 * USDT
        assert [row["incomeType"] for row in income] == ["REALIZED_PNL", "TRADING_FEE", "TRADING_FEE"]
        assert (position["positionAmt"], position["positionSide"], position["avgPrice"]) == (
            "0.0100",
            "LONG",
            "60000.1",
        )
        assert (position["markPrice"], position["unrealizedProfit"]) == ("60100.0", "0.99950000")
        only_fees = await client.data("GET", f"{SWAP}/v2/user/income", incomeType="TRADING_FEE")
        assert len(only_fees) == 2
        assert await client.code("GET", f"{SWAP}/v2/user/income", incomeType="LUCK") == 109400


async def test_balance_can_wear_the_demo_spelling() -> None:
    """Settlement asset, spelling and decimals of the demo environment can be asked for."""
    config = variants(settlement_asset="VST", balance_spelling="vst", balance_decimals=4)
    async with exchange(config) as (_, client):
        vst = (await client.data("GET", f"{SWAP}/v3/user/balance"))[0]

        assert (vst["asset"], vst["balance"], vst["frozenMargin"]) == ("VST", "100000.0000", "0.0000")
        assert "freezedMargin" not in vst


async def test_flat_accounts_have_nothing_to_show() -> None:
    """No positions are an empty list, no income is null."""
    async with exchange() as (_, client):
        assert await client.data("GET", f"{SWAP}/v2/user/positions") == []
        assert await client.data("GET", f"{SWAP}/v2/user/income") is None


async def test_position_mode_changes_only_when_flat() -> None:
    """The flag is text; a switch with an open order or position is 104103; after it orders need BOTH."""
    async with exchange() as (_, client):
        path = f"{SWAP}/v1/positionSide/dual"
        assert await client.data("GET", path) == {"dualSidePosition": "true"}
        await client.submit(type="LIMIT", price="59000", clientOrderID="one")
        assert await client.code("POST", path, dualSidePosition="false") == 104103
        assert await client.code("POST", path, dualSidePosition="true") == 0
        await client.call("DELETE", ORDER, symbol="BTC-USDT", clientOrderId="one")
        assert await client.data("POST", path, dualSidePosition="false") == {"dualSidePosition": "false"}

        assert (await client.submit())["code"] == 109400
        assert (await client.submit(side="SELL", positionSide="BOTH"))["code"] == 0
        (position,) = await client.data("GET", f"{SWAP}/v2/user/positions")
        assert (position["positionAmt"], position["positionSide"], position["onlyOnePosition"]) == (
            "-0.0100",
            "BOTH",
            True,
        )


async def test_one_way_rows_can_name_the_direction() -> None:
    """In the other observed shape a one-way row says SHORT with an unsigned amount."""
    config = replace(variants(one_way_rows="LONG_SHORT"), accounts=(AccountConfig(KEY, SECRET, hedge_mode=False),))
    async with exchange(config) as (_, client):
        await client.submit(side="SELL", positionSide="BOTH")
        (position,) = await client.data("GET", f"{SWAP}/v2/user/positions")

        assert (position["positionAmt"], position["positionSide"]) == ("0.0100", "SHORT")


async def test_leverage_and_margin_type() -> None:
    """Leverage is per side in hedge mode, whole, and bounded; the margin type is per symbol, and its reply is bare."""
    async with exchange() as (_, client):
        path, margin = f"{SWAP}/v2/trade/leverage", f"{SWAP}/v2/trade/marginType"
        assert (await client.data("POST", path, symbol="BTC-USDT", side="LONG", leverage=50))["leverage"] == 50
        data = await client.data("GET", path, symbol="BTC-USDT")
        assert (data["longLeverage"], data["shortLeverage"], data["maxLongLeverage"]) == (50, 20, 125)
        for side, leverage, code in (("BOTH", "5", 109400), ("LONG", "2.5", 109400), ("LONG", "126", 101414)):
            assert await client.code("POST", path, symbol="BTC-USDT", side=side, leverage=leverage) == code
        assert await client.call("POST", margin, symbol="BTC-USDT", marginType="ISOLATED") == {"code": 0, "msg": ""}
        assert await client.data("GET", margin, symbol="BTC-USDT") == {"marginType": "ISOLATED"}
        await client.submit()
        assert await client.code("POST", margin, symbol="BTC-USDT", marginType="CROSSED") == 109400
        rates = await client.data("GET", f"{SWAP}/v2/user/commissionRate")
        assert rates == {"commission": {"takerCommissionRate": 0.0005, "makerCommissionRate": 0.0002}}


async def test_a_key_says_what_it_may_do() -> None:
    """The account's configuration, as the venue's page names the flags."""
    path = "/openApi/v1/account/apiPermissions"
    names = ("enableFutures", "enableWithdrawals", "ipRestrict", "permitsUniversalTransfer")
    for config, wanted in (
        ({}, (True, False, True, False)),
        ({"can_trade": False, "can_withdraw": True, "address_bound": False}, (False, True, False, False)),
    ):
        account = AccountConfig(KEY, SECRET, **config)
        async with exchange(exchange_config(accounts=(account,))) as (_, client):
            said = await client.data("GET", path)
        assert tuple(said[name] for name in names) == wanted


async def test_test_orders_are_judged_and_not_placed() -> None:
    """order/test refuses what the real one would refuse and leaves no order behind."""
    async with exchange() as (server, client):
        good = {"symbol": "BTC-USDT", "side": "BUY", "positionSide": "LONG", "type": "MARKET", "quantity": "0.01"}

        assert await client.code("POST", f"{ORDER}/test", **good) == 0
        assert await client.code("POST", f"{ORDER}/test", **{**good, "quantity": "9999"}) == 101204
        assert server.report().orders_made == 0


async def test_flattening_calls() -> None:
    """DELETE allOpenOrders cancels, closeAllPositions closes, and both say what they did; nothing to do is null."""
    async with exchange() as (server, client):
        await client.submit(quantity="0.02")
        await client.submit(type="LIMIT", price="59000", clientOrderID="one")
        cancelled = await client.data("DELETE", f"{SWAP}/v2/trade/allOpenOrders", symbol="BTC-USDT")
        closed = await client.data("POST", f"{SWAP}/v2/trade/closeAllPositions")
        again = await client.data("DELETE", f"{SWAP}/v2/trade/allOpenOrders")

        record = server.venue_record().account(KEY)
        assert [order["clientOrderId"] for order in cancelled["success"]] == ["one"]
        assert closed["success"] == [record.orders[-1].order_id]
        assert again["success"] is None
        assert (record.positions, record.open_orders) == ((), ())


async def test_dead_man_switch_over_the_wire() -> None:
    """Armed for ten seconds it cancels when the exchange's clock gets there; out of range is refused."""
    clock = HandClock()
    async with exchange(clock=clock) as (server, client):
        path = f"{SWAP}/v2/trade/cancelAllAfter"
        await client.submit(type="LIMIT", price="59000", clientOrderID="one")
        armed = await client.data("POST", path, type="ACTIVATE", timeOut=10)
        clock.move_ms(10_000)
        server.advance()

        assert (armed["status"], armed["triggerTime"]) == ("ACTIVATED", NOW_MS // 1000 + 10)
        assert (await client.order("one"))["data"]["order"]["status"] == "CANCELLED"
        assert (await client.data("POST", path, type="CLOSE"))["status"] == "CLOSED"
        assert await client.code("POST", path, type="ACTIVATE", timeOut=9) == 109400


async def test_listen_keys_live_sixty_minutes() -> None:
    """POST is bare, PUT prolongs, an expired or foreign key is 404, a missing one 204, DELETE ends it."""
    clock = HandClock()
    async with exchange(clock=clock) as (_, client):
        key = await client.listen_key()
        assert await client.listen_key() == key
        clock.move_ms(3_599_999)
        assert (await client.raw("PUT", LISTEN_KEY, listenKey=key)).status_code == 200
        clock.move_ms(3_599_999)
        assert (await client.raw("PUT", LISTEN_KEY, listenKey=key)).status_code == 200
        clock.move_ms(3_600_000)
        assert (await client.raw("PUT", LISTEN_KEY, listenKey=key)).status_code == 404
        assert (await client.raw("PUT", LISTEN_KEY)).status_code == 204
        fresh = await client.listen_key()
        assert fresh != key
        assert (await client.raw("DELETE", LISTEN_KEY, listenKey=fresh)).status_code == 200
        assert (await client.raw("DELETE", LISTEN_KEY, listenKey=fresh)).status_code == 404
        header_only = await client.http.post(LISTEN_KEY)
        assert list(header_only.json()) == ["listenKey"]


async def test_listen_keys_can_differ_each_time() -> None:
    """By switch every POST mints a new key and the old one stays alive."""
    async with exchange(variants(one_listen_key=False)) as (_, client):
        first, second = await client.listen_key(), await client.listen_key()

        assert first != second
        assert (await client.raw("PUT", LISTEN_KEY, listenKey=first)).status_code == 200


async def test_other_houses_are_empty() -> None:
    """Clients that first ask for spot, coin-margined and wallet lists get empty ones."""
    async with exchange() as (_, client):
        spot = (await client.http.get("/openApi/spot/v1/common/symbols")).json()
        coin = (await client.http.get("/openApi/cswap/v1/market/contracts")).json()

        assert (spot["data"], coin["data"]) == ({"symbols": []}, [])
        assert await client.data("GET", "/openApi/wallets/v1/capital/config/getall") == []


async def test_foreign_paths_and_methods_are_refused() -> None:
    """An unknown path is 404 with 100404, a known path with another method 100400; both are JSON."""
    async with exchange() as (_, client):
        unknown = await client.http.get("/openApi/swap/v9/nothing")
        method = await client.http.put(ORDER)
        debug = await client.http.get("/debug/record")

        assert (unknown.status_code, unknown.json()["code"]) == (404, 100404)
        assert (method.status_code, method.json()["code"]) == (200, 100400)
        assert debug.status_code == 404  # off unless the config says otherwise


async def test_reads_can_lag_behind_the_book() -> None:
    """With a read lag a new order and its fill are invisible to GET until the lag is over, while the wallet moved."""
    clock = HandClock()
    rules = RequestRules(rate_limits=False, read_lag_ms=800)
    async with exchange(exchange_config(requests=rules), clock) as (server, client):
        await client.submit(clientOrderID="one")
        hidden = await client.order("one")
        no_fills = await client.data("GET", FILLS, symbol="BTC-USDT", **window())
        clock.move_ms(800)
        shown = await client.order("one")
        fills = await client.data("GET", FILLS, symbol="BTC-USDT", **window())

        assert (hidden["code"], no_fills["total"], shown["code"], fills["total"]) == (80016, 0, 0, 1)
        assert server.report().fills_made == 1


async def test_debug_record_is_the_venue_record() -> None:
    """Another process can read the whole record as JSON of integers, when the config allows it."""
    async with exchange(exchange_config(debug_record=True)) as (server, client):
        await client.submit(clientOrderID="one")
        shown = (await client.http.get("/debug/record")).json()
        report = (await client.http.get("/debug/report")).json()

        assert shown == json.loads(json.dumps(server.venue_record().to_json_object()))
        assert shown["accounts"][0]["orders"][0]["client_id"] == "one"
        assert (report["orders_made"], report["fills_made"]) == (1, 1)
        assert SECRET not in json.dumps(shown)


async def test_accounts_are_separate() -> None:
    """Two keys see two wallets, two lists of orders, and may use the same client id."""
    accounts = (AccountConfig(KEY, SECRET), AccountConfig("other", SECRET, wallet=5 * USDT))
    async with exchange(exchange_config(accounts=accounts)) as (server, client):
        await client.submit(clientOrderID="one")
        client.http.headers["X-BX-APIKEY"] = "other"

        assert (await client.order("one"))["code"] == 80016
        assert (await client.submit(clientOrderID="one", quantity="0.0001"))["code"] == 0
        assert (await client.submit(quantity="0.01"))["code"] == 101204
        assert [len(account.orders) for account in server.venue_record().accounts] == [1, 1]
