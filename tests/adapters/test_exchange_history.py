"""Lists of orders and fills over real sockets: what each shows of which time, and how their rows add up."""

from decimal import Decimal

import pytest

from exchange_client import FILLS, NOW_MS, SWAP, HandClock, exchange, ticker, variants, window


async def test_order_lists_show_what_they_are_for() -> None:
    """The list openOrders shows live ones, allOrders finished ones, fullOrder both; the newest come first."""
    async with exchange() as (_, client):
        await client.submit(clientOrderID="done")
        await client.submit(type="LIMIT", price="59000", clientOrderID="open")

        async def ids(path: str, **more: object) -> list[str]:
            orders = (await client.data("GET", f"{SWAP}/{path}", symbol="BTC-USDT", **more))["orders"]
            return [order["clientOrderId"] for order in orders]

        assert await ids("v2/trade/openOrders") == ["open"]
        assert await ids("v2/trade/allOrders") == ["done"]
        assert await ids("v1/trade/fullOrder") == ["open", "done"]
        assert await ids("v1/trade/fullOrder", limit=1) == ["open"]
        done = (await client.order("done"))["data"]["order"]["orderId"]
        assert await ids("v1/trade/fullOrder", orderId=done) == ["open"]
        assert await client.code("GET", f"{SWAP}/v2/trade/allOrders", startTime=1, endTime=NOW_MS) == 109400
        assert await client.code("GET", f"{SWAP}/v2/trade/allOrders", limit=1001) == 109400


async def test_a_window_of_orders_has_both_its_ends() -> None:
    """Of orders a second apart, every window in milliseconds shows those created in it, by the times that rows tell."""
    async with exchange() as (_, client):
        for number in range(5):
            await client.submit(clientOrderID=f"n{number}")
            client.clock.move_ms(1000)
        every = (await client.data("GET", f"{SWAP}/v1/trade/fullOrder", symbol="BTC-USDT"))["orders"]
        times = sorted(int(order["time"]) for order in every)
        edges = [time + off for time in times for off in (-1, 0, 1)]
        for start in edges:
            for end in (start, start + 1, start + 1000, start + 2001):
                asked = {"symbol": "BTC-USDT", "startTime": start, "endTime": end}
                shown = (await client.data("GET", f"{SWAP}/v2/trade/allOrders", **asked))["orders"]
                wanted = [time for time in reversed(times) if start <= time <= end]
                assert [int(order["time"]) for order in shown] == wanted, (start, end)
    assert len(set(times)) == 5


@pytest.mark.parametrize(("variant", "orders"), [("[]", {"orders": []}), ("null", {"orders": None}), ("missing", {})])
async def test_empty_lists_have_three_shapes(variant: str, orders: dict[str, object]) -> None:
    """An empty list can be a list, null or nothing."""
    async with exchange(variants(empty_list=variant)) as (_, client):
        assert await client.data("GET", f"{SWAP}/v2/trade/openOrders") == orders


async def test_fill_rows_add_up_whatever_the_feed() -> None:
    """From levels finer than the lot, every row is whole lots, quoteQty is price times qty, and the rows make z."""
    async with exchange() as (server, client):
        await client.submit(symbol="BTC-USDT", quantity="0.1", clientOrderID="one")
        server.feed(ticker("60000.0", "60000.1", size="0.0276543"))
        await client.submit(quantity="0.06", clientOrderID="two")
        for size in ("0.01000009", "0.00009", "0.03333333"):
            server.feed(ticker("60000.3", "60000.7", size=size))

        rows = (await client.data("GET", FILLS, symbol="BTC-USDT", **window()))["fill_history_orders"]
        two = (await client.order("two"))["data"]["order"]

    assert len(rows) == 4
    for row in rows:
        assert Decimal(row["price"]) * Decimal(row["qty"]) == Decimal(row["quoteQty"])
        assert Decimal(row["qty"]) % Decimal("0.0001") == 0
    mine = [row for row in rows if row["orderId"] == str(two["orderId"])]
    assert [row["qty"] for row in reversed(mine)] == ["0.0276", "0.0100", "0.0224"]
    assert sum(Decimal(row["qty"]) for row in mine) == Decimal(two["executedQty"]) == Decimal("0.06")


async def test_fill_history_tells_one_row_per_match() -> None:
    """Partial fills are rows of their own with trade id, exact commission and time in UTC+8; pages cut them."""
    clock = HandClock()
    async with exchange(clock=clock) as (server, client):
        server.feed(ticker("60000.0", "60000.1", size="0.005"))
        await client.submit(quantity="0.0123", clientOrderID="one")
        clock.move_ms(1000)
        server.feed(ticker("60001.0", "60001.1", size="0.005"))
        server.feed(ticker("60002.0", "60002.1", size="0.005"))

        data = await client.data("GET", FILLS, symbol="BTC-USDT", **window())
        rows = data["fill_history_orders"]

        assert data["total"] == 3
        assert [(row["price"], row["qty"]) for row in reversed(rows)] == [
            ("60000.1", "0.0050"),
            ("60001.1", "0.0050"),
            ("60002.1", "0.0023"),
        ]
        first = rows[-1]
        assert (first["quoteQty"], first["commission"], first["role"]) == ("300.0005", "-0.15000025", "taker")
        assert first["filledTime"] == "2025-10-09T16:53:20.000+08:00"
        assert isinstance(first["orderId"], str)
        assert len({row["tradeId"] for row in rows}) == 3
        page = await client.data("GET", FILLS, symbol="BTC-USDT", pageIndex=2, pageSize=2, **window())
        assert (page["total"], len(page["fill_history_orders"])) == (3, 1)
        later = await client.data("GET", FILLS, symbol="BTC-USDT", lastFillId=first["tradeId"], **window())
        assert later["total"] == 2
        exclusive = await client.data("GET", FILLS, symbol="BTC-USDT", startTs=NOW_MS, endTs=NOW_MS + 1000)
        assert exclusive["total"] == 2
        assert await client.code("GET", FILLS, symbol="BTC-USDT") == 109400
        assert await client.code("GET", FILLS, symbol="BTC-USDT", **window(8)) == 109400


async def test_documented_fill_rows_swap_the_fields() -> None:
    """The document's shape has `volume` as coins, `qty` as notional, small letters and an offset without colon."""
    async with exchange(variants(fill_rows="documented")) as (_, client):
        await client.submit()
        (row,) = (await client.data("GET", FILLS, symbol="BTC-USDT", **window()))["fill_history_orders"]

        assert (row["volume"], row["qty"], row["side"]) == ("0.0100", "600.001", "buy")
        assert row["filledTime"].endswith("+0800")


async def test_old_fill_list_has_the_time_trap() -> None:
    """The list allFillOrders ignores the symbol, has no trade id, and its filledTm is eight hours ahead."""
    path = f"{SWAP}/v2/trade/allFillOrders"
    async with exchange() as (_, client):
        await client.submit()
        data = await client.data("GET", path, symbol="ETH-USDT", tradingUnit="COIN", **window(29))
        (row,) = data["fill_orders"]

        assert (row["filledTm"], row["filledTime"]) == ("2025-10-09T16:53:20Z", "2025-10-09T16:53:20.000+0800")
        assert (row["volume"], row["commission"], "tradeId" in row) == ("0.0100", "-0.3000", False)
        in_contracts = await client.data("GET", path, tradingUnit="CONT", **window(29))
        assert in_contracts["fill_orders"][0]["volume"] == "0.0100"
        assert await client.code("GET", path, tradingUnit="LOTS", **window(29)) == 109400
