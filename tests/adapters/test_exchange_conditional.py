"""Stop, take-profit and trigger orders: what refuses them, when they trigger, what they become."""

from dataclasses import replace
from typing import Any

import pytest

from dita.adapters.exchange import MatchingRules
from dita.adapters.exchange.errors import VenueError
from dita.adapters.exchange.orders import ConditionalType, Side
from dita.spec.market import MarketTrade
from exchange_client import ORDER, START_NS, SWAP, exchange, exchange_config, scaled, ticker
from exchange_desk import Desk, one_way

KINDS: list[tuple[ConditionalType, Side, str, str, str]] = [
    # type, closing side, stop price, a mark one tick short of it, a mark at it
    ("STOP_MARKET", "SELL", "59000.0", "59000.1", "59000.0"),
    ("STOP_MARKET", "BUY", "61000.0", "60999.9", "61000.0"),
    ("TAKE_PROFIT_MARKET", "SELL", "61000.0", "60999.9", "61000.0"),
    ("TAKE_PROFIT_MARKET", "BUY", "59000.0", "59000.1", "59000.0"),
]


def mark(desk: Desk, price: str) -> None:
    """Best prices that are equal, so that the middle of them is the price itself."""
    desk.feed(ticker(price, price, size="100"))


def code(desk: Desk, *words: Any, **more: Any) -> int:
    with pytest.raises(VenueError) as caught:
        desk.conditional(*words, **more)
    return caught.value.code


@pytest.mark.parametrize(("kind", "side", "stop", "before", "at"), KINDS)
def test_protective_orders_trigger_at_their_price_and_close(
    kind: ConditionalType, side: Side, stop: str, before: str, at: str
) -> None:
    """Not a tick earlier, at the price itself; the position is closed by another order, which names its parent."""
    desk = Desk()
    position_side, opening = ("LONG", "BUY") if side == "SELL" else ("SHORT", "SELL")
    desk.order(opening, position_side)  # type: ignore[arg-type]  # drawn from the table
    order = desk.conditional(kind, stop, side, position_side)  # type: ignore[arg-type]  # drawn from the table
    desk.told()

    mark(desk, before)
    assert (order.live, desk.told()) == (True, [])
    mark(desk, at)

    child = list(desk.account.orders.values())[-1]
    assert desk.position(position_side) == 0  # type: ignore[arg-type]  # drawn from the table
    assert (child.order_type, child.parent_id, child.status) == ("MARKET", order.order_id, "FILLED")
    assert order.order_id not in desk.account.orders
    assert desk.told() == [("NEW", "NEW", 0), ("TRADE", "FILLED", child.quantity)]


@pytest.mark.parametrize("kind", ["STOP_MARKET", "TAKE_PROFIT_MARKET", "STOP", "TAKE_PROFIT"])
def test_protection_needs_a_position_and_cannot_open(kind: ConditionalType) -> None:
    """Without a position 101205; in the direction of the position 109400 that names the side."""
    desk = Desk()
    price = "59000.0" if kind in ("STOP", "TAKE_PROFIT") else ""

    assert code(desk, kind, "59000.0", price=price) == 101205
    desk.order()
    assert code(desk, kind, "61000.0", "BUY", price=price) == 109400


def test_protection_together_is_not_larger_than_the_position() -> None:
    """Pending stops of 0.6 and 0.4 fill a position of 1; 0.1 more is 110424; take-profits count for themselves."""
    desk = Desk()
    desk.order(quantity="1")
    desk.conditional("STOP_MARKET", "59000.0", quantity="0.6")
    desk.conditional("STOP", "58000.0", quantity="0.4", price="57900.0")

    assert code(desk, "STOP_MARKET", "59000.0", quantity="0.1") == 110424
    assert desk.conditional("TAKE_PROFIT_MARKET", "61000.0", quantity="1").live


@pytest.mark.parametrize(
    ("kind", "stop", "refusal"),
    [
        ("STOP_MARKET", "60000.1", 110411),
        ("STOP_MARKET", "61000.0", 110411),
        ("TAKE_PROFIT_MARKET", "60000.0", 110413),
        ("TAKE_PROFIT_MARKET", "59000.0", 110413),
    ],
)
def test_protection_that_would_trigger_at_once_is_refused(kind: ConditionalType, stop: str, refusal: int) -> None:
    """A stop of a long has to lie below the mark price of 60000.05, a take-profit above it."""
    desk = Desk()
    desk.order()

    assert code(desk, kind, stop) == refusal


def test_protection_does_not_stand_in_the_way_of_an_exit() -> None:
    """The whole position can still be closed, no margin is asked, and a stop whose position is gone expires."""
    desk = Desk()
    desk.order()
    before = desk.account.available_margin(desk.engine.marks)
    stop = desk.conditional("STOP_MARKET", "59000.0")

    assert desk.account.available_margin(desk.engine.marks) == before
    assert desk.order("SELL").status == "FILLED"
    assert stop.live
    desk.told()
    mark(desk, "59000.0")

    assert desk.told() == [("EXPIRED", "EXPIRED", 0)]
    assert desk.position() == 0


def test_a_forgotten_stop_hits_the_next_position() -> None:
    """As on the venue it outlives its trade, and never closes more than there is."""
    desk = Desk()
    desk.order(quantity="1")
    desk.conditional("STOP_MARKET", "59000.0", quantity="1")
    desk.order("SELL", quantity="1")
    desk.order(quantity="0.2")

    mark(desk, "59000.0")

    assert desk.position() == 0
    assert desk.account.fills[-1].quantity == scaled("0.2", 8)


def test_rules_can_end_protection_with_its_position() -> None:
    """By switch the stop is cancelled with the last fill, and only then."""
    desk = Desk(exchange_config(matching=MatchingRules(stops_end_with_position=True)))
    desk.order(quantity="1")
    stop = desk.conditional("STOP_MARKET", "59000.0", quantity="1")

    desk.order("SELL", quantity="0.5")
    assert stop.live
    desk.order("SELL", quantity="0.5")

    assert stop.status == "CANCELLED"


def test_close_position_takes_what_is_there_when_it_triggers() -> None:
    """A stop without a quantity closes all of a position that has grown since."""
    desk = Desk()
    desk.order(quantity="0.1")
    desk.conditional("STOP_MARKET", "59000.0", quantity="")
    desk.order(quantity="0.2")

    mark(desk, "58000.0")

    assert desk.position() == 0


def test_one_way_protection_is_reduce_only() -> None:
    """The order that takes the stop's place cannot flip a netted position."""
    desk = one_way()
    desk.order("BUY", "BOTH", "0.3")
    desk.conditional("STOP_MARKET", "59000.0", "SELL", "BOTH", "0.3")
    desk.order("SELL", "BOTH", "0.2", reduce_only=True)

    mark(desk, "58000.0")

    child = list(desk.account.orders.values())[-1]
    assert (child.reduce_only, child.quantity, desk.position("BOTH")) == (True, scaled("0.1", 8), 0)


def test_limit_kinds_rest_at_their_price() -> None:
    """A triggered STOP becomes a LIMIT order at its own price, which waits if the market has run through it."""
    desk = Desk()
    desk.order()
    desk.conditional("STOP", "59000.0", price="58990.0")

    mark(desk, "58000.0")
    child = list(desk.account.orders.values())[-1]
    assert (child.order_type, child.status, child.price) == ("LIMIT", "NEW", scaled("58990.0", 10))
    mark(desk, "59000.0")

    assert child.status == "FILLED"


@pytest.mark.parametrize(
    ("stop", "short_of", "reached"), [("59000.0", "59000.1", "58999.0"), ("61000.0", "60999.9", "61001.0")]
)
def test_trigger_orders_open_from_either_side(stop: str, short_of: str, reached: str) -> None:
    """A TRIGGER order waits for the price to come from where it was, then opens; margin is judged only then."""
    desk = Desk()
    desk.conditional("TRIGGER_MARKET", stop, "BUY")

    mark(desk, short_of)
    assert desk.position() == 0
    mark(desk, reached)

    assert desk.position() == scaled("0.01", 8)


def test_trigger_orders_that_are_not_affordable_expire() -> None:
    """What the account cannot pay when the price comes is told as EXPIRED and leaves nothing."""
    desk = Desk()
    order = desk.conditional("TRIGGER_MARKET", "61000.0", "BUY", quantity="1000")

    mark(desk, "61000.0")

    assert (order.status, desk.position(), len(desk.account.live)) == ("EXPIRED", 0, 0)


def test_contract_price_is_the_last_trade() -> None:
    """A stop that watches the contract price ignores the mark and obeys a public trade; the other the reverse."""
    desk = Desk()
    desk.order(quantity="0.02")
    desk.feed(MarketTrade("BTC-USDT", scaled("60000.1", 10), 10**8, False, START_NS))
    by_trade = desk.conditional("STOP_MARKET", "59000.0", watches="CONTRACT_PRICE")
    by_mark = desk.conditional("STOP_MARKET", "58000.0")

    mark(desk, "58500.0")
    assert (by_trade.live, by_mark.live) == (True, True)
    desk.feed(MarketTrade("BTC-USDT", scaled("58999.0", 10), 10**8, False, START_NS))

    assert (by_trade.live, by_mark.live) == (False, True)


def test_conditional_orders_are_cancelled_like_others() -> None:
    """One by one, all together, and by the dead man's switch."""
    desk = Desk()
    desk.order(quantity="1")
    first, second, third = (desk.conditional("STOP_MARKET", "59000.0", quantity="0.2") for _ in range(3))

    desk.engine.cancel(desk.account, first, desk.now_ns)
    desk.engine.cancel_all(desk.account, "BTC-USDT", desk.now_ns)
    assert [order.status for order in (first, second, third)] == ["CANCELLED"] * 3
    fourth = desk.conditional("STOP_MARKET", "59000.0", quantity="0.2")
    desk.engine.arm_dead_man(desk.account, desk.now_ns + 10**9)
    desk.pass_ms(1000)

    assert fourth.status == "CANCELLED"


def test_abandoned_conditional_orders_do_not_pile_up() -> None:
    """Ten thousand placed and cancelled without a market event leave no more than a handful behind."""
    desk = Desk()
    desk.order()
    for _ in range(10_000):
        desk.engine.cancel(desk.account, desk.conditional("STOP_MARKET", "59000.0"), desk.now_ns)

    assert len(desk.engine.markets["BTC-USDT"].conditional) < 200


async def test_a_stop_over_the_wire() -> None:
    """Echo, query, open list and stream show type, stop price and working type; its client id is not honoured."""
    async with exchange() as (server, client), client.account_stream() as stream:
        await client.submit()
        await stream.orders(2)
        stop = {"side": "SELL", "type": "STOP_MARKET", "stopPrice": "59000.05", "workingType": "CONTRACT_PRICE"}
        echo = (await client.submit(**stop, clientOrderID="mine"))["data"]["order"]
        (event,) = await stream.orders(1)
        row = (await client.data("GET", ORDER, symbol="BTC-USDT", orderId=echo["orderId"]))["order"]
        listed = await client.data("GET", f"{SWAP}/v2/trade/openOrders", symbol="BTC-USDT")

        assert (echo["type"], echo["stopPrice"], echo["workingType"]) == ("STOP_MARKET", 59000, "CONTRACT_PRICE")
        assert (row["status"], row["stopPrice"], row["clientOrderId"]) == ("NEW", "59000.0", "")
        assert (event["o"], event["sp"], event["X"], event["wt"]) == (
            "STOP_MARKET", "59000.00000000", "NEW", "CONTRACT_PRICE",
        )  # fmt: skip
        assert [order["orderId"] for order in listed["orders"]] == [echo["orderId"]]
        assert (await client.order("mine"))["code"] == 80016
        assert (await client.submit(**stop, quantity="0.0001", clientOrderID="mine"))["code"] == 110424

        server.feed(MarketTrade("BTC-USDT", scaled("59000.0", 10), 10**8, False, START_NS))
        child = (await stream.orders(2))[-1]
        assert (child["o"], child["ti"], child["X"]) == ("MARKET", echo["orderId"], "FILLED")
        assert await client.code("GET", ORDER, symbol="BTC-USDT", orderId=echo["orderId"]) == 80016
        shown = (await client.data("GET", ORDER, symbol="BTC-USDT", orderId=child["i"]))["order"]
        assert shown["triggerOrderId"] == echo["orderId"]


async def test_listing_and_cancelling_by_type() -> None:
    """Only the orders of the asked type are listed and cancelled; a foreign type is 109400 and cancels nothing."""
    async with exchange() as (_, client):
        await client.submit()
        await client.submit(type="LIMIT", price="59000", clientOrderID="kept")
        stop = {"side": "SELL", "type": "STOP_MARKET", "stopPrice": "59000"}
        placed = (await client.submit(**stop))["data"]["order"]["orderId"]
        everything = f"{SWAP}/v2/trade/allOpenOrders"

        listed = await client.data("GET", f"{SWAP}/v2/trade/openOrders", type="STOP_MARKET")
        assert [order["orderId"] for order in listed["orders"]] == [placed]
        assert await client.code("DELETE", everything, symbol="BTC-USDT", type="MELTED") == 109400
        gone = await client.data("DELETE", everything, symbol="BTC-USDT", type="STOP_MARKET")
        assert [order["orderId"] for order in gone["success"]] == [placed]
        assert (await client.order("kept"))["data"]["order"]["status"] == "NEW"


async def test_close_position_over_the_wire() -> None:
    """A stop for the whole position needs no quantity, and says so in every reply."""
    async with exchange() as (server, client):
        await client.submit()
        stop = {"side": "SELL", "type": "STOP_MARKET", "stopPrice": "59000", "closePosition": "true", "quantity": None}
        order = (await client.submit(**stop))["data"]["order"]
        assert (order["closePosition"], order["quantity"]) == ("true", 0)
        server.feed(ticker("58999.0", "58999.1"))

        assert await client.data("GET", f"{SWAP}/v2/user/positions") == []


def test_stops_come_before_liquidation() -> None:
    """One market event that reaches both a stop and the liquidation price finds the position closed by the stop."""
    config = exchange_config()
    config = replace(config, accounts=(replace(config.accounts[0], wallet=100 * 10**8),))
    desk = Desk(config)
    desk.order(quantity="0.02")
    desk.conditional("STOP_MARKET", "59500.0", quantity="0.02")

    mark(desk, "54000.0")

    assert [fill.order_type for fill in desk.account.fills] == ["MARKET", "MARKET"]
