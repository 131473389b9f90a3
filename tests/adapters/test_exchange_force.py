"""Liquidation, deleveraging and isolated margin: what the venue does to a position without being asked."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from dita.adapters.exchange import AccountConfig, ExchangeConfig, Retention
from dita.adapters.exchange.margin import liquidation_price, positions_to_liquidate
from dita.adapters.exchange.orders import NewOrder
from dita.adapters.exchange.record import take_record
from exchange_client import KEY, SWAP, USDT, exchange, exchange_config, scaled, ticker
from exchange_desk import Desk


def poor(wallet: int = 150, **parts: Any) -> ExchangeConfig:
    """An account with little money, at leverage 20."""
    config = exchange_config(**parts)
    return replace(config, accounts=(replace(config.accounts[0], wallet=wallet * USDT),))


def at(desk: Desk, price: str) -> None:
    desk.feed(ticker(price, price, size="100"))


def balanced(desk: Desk) -> bool:
    return take_record(desk.engine, desk.now_ns).account(KEY).wallet_difference == 0


@pytest.mark.parametrize(("side", "position_side", "sign"), [("BUY", "LONG", -1), ("SELL", "SHORT", 1)])
@pytest.mark.parametrize("margin", ["CROSSED", "ISOLATED"])
def test_the_shown_price_is_the_one_that_liquidates(side: Any, position_side: Any, sign: int, margin: Any) -> None:
    """A tick short of the price that positions show nothing happens; a tick beyond it the position is gone.

    The price itself agrees with the equation solved in fractions: equity equals maintenance margin.
    """
    desk = Desk(poor())
    desk.account.margin_types["BTC-USDT"] = margin
    at(desk, "60000.0")
    desk.order(side, position_side, "0.02")
    position = desk.account.position("BTC-USDT", position_side)
    price = liquidation_price(desk.account, position, desk.engine.contracts, desk.engine.marks)

    quantity, entry = Fraction(2, 100), Fraction(60_000)
    behind = Fraction(desk.account.wallet, USDT) if margin == "CROSSED" else quantity * entry / 20
    exact = (quantity * entry + sign * behind) / (quantity * (1 + sign * Fraction(4, 1000)))
    tick = Fraction(1, 10)
    assert abs(Fraction(price, 10**10) - exact) < tick

    short_of, beyond = exact - sign * 2 * tick, exact + sign * 2 * tick
    at(desk, f"{float(short_of):.1f}")
    assert position.quantity
    at(desk, f"{float(beyond):.1f}")

    assert position.quantity == 0
    fill = desk.account.fills[-1]
    assert (fill.order_type, desk.account.income[-1].income_type) == ("LIQUIDATION", "INSURANCE_CLEAR")
    assert balanced(desk)


def test_liquidation_cancels_orders_and_is_told() -> None:
    """Open orders go first; the stream says CALCULATED; the loss is a row of its own kind, none is realised profit."""
    desk = Desk(poor())
    desk.order(quantity="0.02")
    resting = desk.order(quantity="0.001", price="50000.0")
    desk.told()

    at(desk, "52700.0")

    assert resting.status == "CANCELLED"
    assert desk.told() == [
        ("CANCELED", "CANCELLED", 0),
        ("CALCULATED", "FILLED", scaled("0.02", 8)),
    ]
    kinds = [row.income_type for row in desk.account.income]
    assert kinds.count("INSURANCE_CLEAR") == 1
    assert "REALIZED_PNL" not in kinds


def test_the_fund_pays_what_the_account_cannot() -> None:
    """A gap far through the price leaves the wallet at zero, not below, and the books say who paid."""
    desk = Desk(poor())
    desk.order(quantity="0.02")

    at(desk, "40000.0")

    assert desk.account.wallet == 0
    assert desk.account.insurance > 0
    assert balanced(desk)


def test_an_isolated_loss_stays_isolated() -> None:
    """The position loses its own margin and no more; the wallet beside it is untouched by the rest of the gap."""
    desk = Desk(poor(1000))
    desk.account.margin_types["BTC-USDT"] = "ISOLATED"
    at(desk, "60000.0")
    desk.order(quantity="0.02")
    margin = desk.account.position_margin(desk.account.position("BTC-USDT", "LONG"))
    before = desk.account.wallet

    at(desk, "40000.0")

    fee = desk.account.fills[-1].commission
    assert desk.account.wallet == before - margin - fee
    assert balanced(desk)


def test_cross_positions_carry_each_other() -> None:
    """A loss on one symbol is borne by profit on another, until both together are too little; then both go."""
    desk = Desk(poor(400))
    desk.feed(ticker("3000.00", "3000.00", symbol="ETH-USDT", size="100"))
    at(desk, "60000.0")
    desk.order(quantity="0.05")
    eth = desk.account.position("ETH-USDT", "SHORT")
    new = NewOrder("ETH-USDT", "SELL", "SHORT", "MARKET", "GTC", scaled("0.5", 8), 0, reduce_only=False, client_id="")
    desk.engine.submit(desk.account, new, desk.now_ns)

    desk.feed(ticker("2000.00", "2000.00", symbol="ETH-USDT", size="100"))  # 500 USDT of profit
    at(desk, "50000.0")  # 500 USDT of loss
    assert (desk.position(), eth.quantity) == (scaled("0.05", 8), -scaled("0.5", 8))
    at(desk, "41500.0")

    assert (desk.position(), eth.quantity) == (0, 0)
    assert balanced(desk)


def test_nobody_is_liquidated_without_need() -> None:
    """A funded account with a position is left alone however the market moves within its margin."""
    desk = Desk()
    desk.order(quantity="0.02")
    for price in ("50000.0", "30000.0", "90000.0", "10.0"):
        at(desk, price)
        assert positions_to_liquidate(desk.account, desk.engine.contracts, desk.engine.marks) == []

    assert desk.position() == scaled("0.02", 8)


def test_deleveraging_closes_a_part_at_the_mark() -> None:
    """The part goes at the mark price, without commission, as an ADL row; the rest of the position stays."""
    desk = Desk()
    desk.order(quantity="0.02")
    at(desk, "61000.0")
    position = desk.account.position("BTC-USDT", "LONG")
    desk.told()

    desk.engine.deleverage(desk.account, position, scaled("0.005", 8), desk.now_ns)

    fill, row = desk.account.fills[-1], desk.account.income[-1]
    assert (fill.price, fill.quantity, fill.commission) == (scaled("61000.0", 10), scaled("0.005", 8), 0)
    assert (row.income_type, row.income) == ("ADL", fill.realised)
    assert desk.told()[-1] == ("CALCULATED", "FILLED", scaled("0.005", 8))
    assert desk.position() == scaled("0.015", 8)
    assert balanced(desk)


@pytest.mark.parametrize("quantity", [0, -10_000, 15_000, 2_010_000])
def test_deleveraging_takes_whole_lots_of_what_is_there(quantity: int) -> None:
    """Nothing, less than nothing, part of a lot, and more than the position are refused by value."""
    desk = Desk()
    desk.order(quantity="0.02")

    with pytest.raises(ValueError, match=f"`{quantity}`"):
        desk.engine.deleverage(desk.account, desk.account.position("BTC-USDT", "LONG"), quantity, desk.now_ns)


async def test_force_over_the_wire() -> None:
    """A deleveraging and a liquidation arrive as LIQUIDATION orders with execution CALCULATED, and in the income."""
    config = exchange_config()
    config = replace(config, accounts=(AccountConfig(KEY, config.accounts[0].secret, wallet=150 * USDT),))
    async with exchange(config) as (server, client), client.account_stream() as stream:
        await client.submit(quantity="0.02")
        await stream.orders(2)
        (shown,) = await client.data("GET", f"{SWAP}/v2/user/positions")
        assert 52000 < shown["liquidationPrice"] < 53000
        server.deleverage(KEY, "BTC-USDT", "LONG", scaled("0.001", 8))
        server.feed(ticker("50000.0", "50000.1"))
        events = await stream.orders(2)
        rows = await client.data("GET", f"{SWAP}/v2/user/income", limit=1000)

        assert [(e["o"], e["x"], e["X"]) for e in events] == [
            ("LIQUIDATION", "CALCULATED", "FILLED"),
        ] * 2
        kinds = [row["incomeType"] for row in rows]
        assert (kinds.count("ADL"), "INSURANCE_CLEAR" in kinds) == (1, True)
        assert await client.data("GET", f"{SWAP}/v2/user/positions") == []
        with pytest.raises(ValueError, match="is no open position"):
            server.deleverage(KEY, "BTC-USDT", "LONG", scaled("0.001", 8))


async def test_what_moved_money_beside_trades_outlives_the_rows_of_trades() -> None:
    """Few rows are kept, of trades only the newest: a deposit from before them all is told, after them."""
    async with exchange(exchange_config(retention=Retention(income=3))) as (server, client):
        server.transfer(KEY, 7 * USDT)
        for _ in range(4):
            await client.submit()
        rows = await client.data("GET", f"{SWAP}/v2/user/income", limit=1000)
        assert [row["incomeType"] for row in rows] == ["TRADING_FEE"] * 3 + ["TRANSFER"]


async def test_isolated_margin_can_be_added_and_taken_out() -> None:
    """It moves liquidation price and used margin; out goes only what was put in; when flat, it is free again."""
    path = f"{SWAP}/v2/trade/positionMargin"
    async with exchange() as (_, client):
        await client.raw("POST", f"{SWAP}/v2/trade/marginType", symbol="BTC-USDT", marginType="ISOLATED")
        change = {"symbol": "BTC-USDT", "positionSide": "LONG", "amount": "30", "type": 1}
        assert await client.code("POST", path, **change) == 101205
        await client.submit()

        async def shown() -> tuple[str, str, Any]:
            (row,) = await client.data("GET", f"{SWAP}/v2/user/positions")
            balance = (await client.data("GET", f"{SWAP}/v3/user/balance"))[0]
            return row["initialMargin"], balance["usedMargin"], row["liquidationPrice"]

        before = await shown()
        reply = await client.call("POST", path, **change)
        after = await shown()
        assert reply == {"code": 0, "msg": "", "amount": 30, "type": 1}
        assert before[0] == after[0] == before[1] == "30.00005000"
        assert after[1] == "60.00005000"
        assert after[2] < before[2] - 2900
        assert await client.code("POST", path, **change | {"type": 2, "amount": "30.1"}) == 109400
        assert await client.code("POST", path, **change | {"type": 2}) == 0
        assert await shown() == before
        assert await client.code("POST", path, **change | {"amount": "1000000"}) == 101204
        for field in ({"amount": "-1"}, {"amount": "0"}, {"amount": "x"}, {"type": None}, {"type": 3}):
            assert await client.code("POST", path, **change | field) == 109400
        await client.call("POST", path, **change)
        await client.submit(side="SELL")
        await client.submit()

        assert (await shown())[1] == "30.00005000"


async def test_funding_of_isolated_positions_names_them() -> None:
    """Cross funding lists the balance only, isolated funding the position too."""
    async with exchange() as (server, client), client.account_stream() as stream:
        for margin, listed in (("CROSSED", 0), ("ISOLATED", 1)):
            await client.raw("POST", f"{SWAP}/v2/trade/marginType", symbol="BTC-USDT", marginType=margin)
            await client.submit()
            server.fund("BTC-USDT", 100_000)
            await client.submit(side="SELL")
            frame = await stream.next()
            while frame["e"] != "ACCOUNT_UPDATE" or frame["a"]["m"] != "FUNDING_FEE":
                frame = await stream.next()
            assert len(frame["a"]["P"]) == listed
