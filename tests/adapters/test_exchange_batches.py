"""Several orders in one call, an order in the place of another, a position closed by its number: over real sockets."""

import json
from typing import Any

import pytest

from exchange_client import KEY, ORDER, SWAP, Client, exchange

BATCH = f"{SWAP}/v2/trade/batchOrders"
REPLACE = f"{SWAP}/v1/trade/cancelReplace"
CLOSE = f"{SWAP}/v1/trade/closePosition"


def order(**changes: Any) -> dict[str, Any]:
    """A resting limit order as an entry of a batch, numbers as JSON numbers."""
    plain = {"symbol": "BTC-USDT", "side": "BUY", "positionSide": "LONG", "type": "LIMIT", "quantity": 0.01}
    return {**plain, "price": 59000.5, **changes}


async def place(client: Client, *orders: object) -> Any:
    return await client.data("POST", BATCH, batchOrders=json.dumps(orders))


async def test_a_batch_places_what_it_can() -> None:
    """Good entries are placed with their ids and numbers, a bad one is told beside them and spoils nothing."""
    async with exchange() as (server, client):
        data = await place(
            client, order(clientOrderID="one"), order(quantity=0.00001, clientOrderID="two"), order(price=58000)
        )

        assert [(o["clientOrderID"], o["price"], o["quantity"]) for o in data["orders"]] == [
            ("one", 59000.5, 0.01),
            ("", 58000, 0.01),
        ]
        assert [(e["clientOrderID"], e["code"]) for e in data["errors"]] == [("two", 109400)]
        assert server.report().orders_made == 2
        assert "errors" not in await place(client, order())


@pytest.mark.parametrize(
    "text", ["", "x", "{}", "[]", "[1]", '["a"]', "[" * 5000, json.dumps([order()] * 6), json.dumps([order(), 7])]
)
async def test_batches_that_are_no_lists_of_orders_are_refused(text: str) -> None:
    """Not JSON, no list, empty, too long, entries that are no objects: 109400 with the field, and nothing is placed."""
    async with exchange() as (server, client):
        body = await client.call("POST", BATCH, batchOrders=text)

        assert (body["code"], "batchOrders" in body["msg"]) == (109400, True)
        assert server.report().orders_made == 0


async def test_a_batch_cancels_by_either_id() -> None:
    """Known orders are cancelled and shown, unknown ones listed with their code; both spellings of the list work."""
    async with exchange() as (_, client):
        placed = (await place(client, *(order(clientOrderID=f"c{n}") for n in range(4))))["orders"]
        first, second = placed[0]["orderId"], placed[1]["orderId"]

        by_order = await client.data("DELETE", BATCH, symbol="BTC-USDT", orderIdList=f"[{first},7,{second}]")
        by_client = await client.data("DELETE", BATCH, symbol="BTC-USDT", clientOrderIdList='["c2"]')
        by_other = await client.data("DELETE", BATCH, symbol="BTC-USDT", clientOrderIDList='["c3","c9"]')

        assert [o["orderId"] for o in by_order["success"]] == [first, second]
        assert [(f["orderId"], f["errorCode"]) for f in by_order["failed"]] == [(7, 80016)]
        assert (by_client["success"][0]["status"], by_client["failed"]) == ("CANCELLED", None)
        assert (by_other["success"][0]["clientOrderId"], by_other["failed"][0]["clientOrderId"]) == ("c3", "c9")
        nothing = await client.data("DELETE", BATCH, symbol="BTC-USDT", orderIdList="[1]")
        assert nothing["success"] is None
        strange = await client.data("DELETE", BATCH, symbol="BTC-USDT", orderIdList='["²",' + "9" * 5000 + "]")
        assert [(f["orderId"], f["errorCode"]) for f in strange["failed"]] == [(0, 109400), (0, 109400)]
        assert await client.code("DELETE", BATCH, symbol="BTC-USDT") == 109400
        assert await client.code("DELETE", BATCH, symbol="BTC-USDT", orderIdList=json.dumps([1] * 11)) == 109400


async def test_replacing_is_no_transaction() -> None:
    """The old order goes and the new one comes; a refused new one leaves none; an unknown old one stops or does not."""
    replace = {"symbol": "BTC-USDT", "side": "BUY", "positionSide": "LONG", "type": "LIMIT", "quantity": "0.01",
               "price": "58000", "cancelReplaceMode": "STOP_ON_FAILURE"}  # fmt: skip
    async with exchange() as (server, client):
        old = (await place(client, order()))["orders"][0]["orderId"]
        done = await client.data("POST", REPLACE, **replace, cancelOrderId=old)
        assert (done["cancelResult"], done["replaceResult"]) == ("true", "true")
        assert (done["cancelResponse"]["orderId"], done["cancelResponse"]["status"]) == (old, "CANCELLED")
        new = done["newOrderResponse"]["orderId"]

        half = await client.data("POST", REPLACE, **replace | {"quantity": "9999"}, cancelOrderId=new)
        assert (half["cancelResult"], half["replaceResult"], half["newOrderResponse"]) == ("true", "false", {})
        assert "margin" in half["replaceMsg"]
        assert await client.code("POST", REPLACE, **replace, cancelOrderId=7) == 80016
        allowed = replace | {"cancelReplaceMode": "ALLOW_FAILURE"}
        late = await client.data("POST", REPLACE, **allowed, cancelClientOrderId="gone")
        assert (late["cancelResult"], late["replaceResult"]) == ("false", "true")
        assert await client.code("POST", REPLACE, **replace | {"cancelReplaceMode": "MAYBE"}, cancelOrderId=7) == 109400
        assert [o.status for o in server.venue_record().account(KEY).open_orders] == ["NEW"]


async def test_a_position_is_closed_by_its_number() -> None:
    """Only that position, at the market, whatever side; a number that is no open position is named."""
    async with exchange() as (_, client):
        await client.submit()
        await client.submit(side="SELL", positionSide="SHORT", quantity="0.02")
        rows = {row["positionSide"]: row for row in await client.data("GET", f"{SWAP}/v2/user/positions")}

        data = await client.data("POST", CLOSE, positionId=rows["SHORT"]["positionId"])

        assert (data["side"], data["positionSide"], data["origQty"]) == ("BUY", "SHORT", "0.0200")
        left = await client.data("GET", f"{SWAP}/v2/user/positions")
        assert [row["positionSide"] for row in left] == ["LONG"]
        shown = (await client.data("GET", ORDER, symbol="BTC-USDT", orderId=data["orderId"]))["order"]
        assert shown["status"] == "FILLED"
        again = await client.call("POST", CLOSE, positionId=rows["SHORT"]["positionId"])
        assert (again["code"], "position not exist" in again["msg"]) == (109400, True)
