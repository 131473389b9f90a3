"""The engine beyond single orders: caps, switches, funding, transfers, contracts and what piles up."""

import pytest

from dita.adapters.exchange import Contract, MatchingRules
from dita.adapters.exchange.errors import VenueError
from dita.adapters.exchange.events import AccountUpdate
from dita.adapters.exchange.orders import NewOrder
from dita.spec.market import BookTicker, MarketTrade
from exchange_client import COIN, MS, PRICE, START_NS, USDT, exchange_config, ticker
from exchange_desk import Desk


def test_symbols_without_market_are_paused_and_foreign_ones_unknown() -> None:
    """No ticker yet is 101415, a suspended contract too, an unlisted symbol 109425."""
    contract = Contract("BTC-USDT", 1, 4, 10_000, status=25)
    suspended = exchange_config(contracts=(contract,))
    new = NewOrder("ETH-USDT", "BUY", "LONG", "MARKET", "GTC", COIN, 0, reduce_only=False, client_id="")
    desk = Desk()

    codes: list[int] = []
    for symbol in ("ETH-USDT", "DOGE-USDT"):
        with pytest.raises(VenueError) as caught:
            desk.engine.submit(desk.account, new._replace(symbol=symbol), START_NS)
        codes.append(caught.value.code)

    assert codes == [101415, 109425]
    assert Desk(suspended).refused() == 101415


def test_open_orders_are_capped() -> None:
    """One order beyond the cap of the symbol is 101419."""
    desk = Desk(exchange_config(matching=MatchingRules(max_open_orders=2)))
    desk.order(price="59000.0")
    desk.order(price="59000.0")

    assert desk.refused(price="59000.0") == 101419


def test_dead_man_switch_cancels_everything_once() -> None:
    """The armed switch cancels all orders when its time comes; arming anew moves the time; closing it disarms."""
    desk = Desk()
    first = desk.order(price="59000.0")
    desk.engine.arm_dead_man(desk.account, desk.now_ns + 10_000 * MS)
    desk.pass_ms(9_000)
    desk.engine.arm_dead_man(desk.account, desk.now_ns + 10_000 * MS)
    desk.pass_ms(9_999)
    assert first.live
    desk.pass_ms(1)
    assert first.status == "CANCELLED"

    second = desk.order(price="59000.0")
    desk.engine.arm_dead_man(desk.account, desk.now_ns + 10_000 * MS)
    desk.engine.arm_dead_man(desk.account, None)
    desk.pass_ms(60_000)
    assert second.live


def test_close_all_flattens_and_clears_the_way() -> None:
    """Closing orders that hold the position are cancelled first; both sides end flat."""
    desk = Desk()
    desk.order("BUY", "LONG", "0.02")
    desk.order("SELL", "SHORT", "0.03")
    in_the_way = desk.order("SELL", "LONG", "0.02", price="61000.0")

    placed = desk.engine.close_all(desk.account, "", desk.now_ns)

    assert ([o.status for o in placed], in_the_way.status) == (["FILLED", "FILLED"], "CANCELLED")
    assert list(desk.account.open_positions()) == []


def test_funding_is_paid_by_longs_to_shorts() -> None:
    """At a positive rate a long pays value times rate and a short of the same size receives it; income shows it."""
    desk = Desk()
    desk.order("BUY", "LONG", "0.01")
    before = desk.account.wallet
    desk.engine.fund("BTC-USDT", 100_000, desk.now_ns)
    assert before - desk.account.wallet == 6_000_005  # 60000.05 * 0.01 * 0.0001
    desk.order("SELL", "SHORT", "0.01")
    between = desk.account.wallet
    desk.engine.fund("BTC-USDT", 100_000, desk.now_ns)

    assert desk.account.wallet == between
    assert [row.income_type for row in desk.account.income].count("FUNDING_FEE") == 2


def test_funding_comes_on_schedule() -> None:
    """A contract with a rate settles at each multiple of the interval, on the exchange's clock."""
    contract = Contract("BTC-USDT", 1, 4, 10_000, funding_rate_ppb=100_000)
    desk = Desk(exchange_config(contracts=(contract,)))
    desk.engine.schedule_funding(desk.now_ns)
    desk.order()
    eight_hours_ms = 8 * 3_600_000

    desk.pass_ms(2 * eight_hours_ms)

    rows = [row for row in desk.account.income if row.income_type == "FUNDING_FEE"]
    assert [row.time_ns % (eight_hours_ms * MS) for row in rows] == [0, 0]


def test_transfers_move_the_wallet_and_are_told() -> None:
    """A deposit and a withdrawal change wallet, income and the account stream."""
    desk = Desk()
    desk.engine.transfer(desk.account, 5 * USDT, desk.now_ns)
    desk.engine.transfer(desk.account, -2 * USDT, desk.now_ns)

    told = [(e.reason, e.change) for e in desk.engine.take_events() if isinstance(e, AccountUpdate)]
    assert desk.account.wallet == desk.account.seed + 3 * USDT
    assert told == [("DEPOSIT", 5 * USDT), ("WITHDRAW", -2 * USDT)]


@pytest.mark.parametrize(
    "event",
    [
        ticker("1.0", "1.1", symbol="DOGE-USDT"),
        BookTicker("BTC-USDT", -1, COIN, PRICE, COIN, 0),
        MarketTrade("BTC-USDT", 0, COIN, False, 0),
    ],
)
def test_impossible_market_events_are_refused(event: BookTicker | MarketTrade) -> None:
    """Unlisted symbols, negative numbers and prices of zero raise an error that shows the event."""
    with pytest.raises(ValueError, match=r"symbol|negative|price"):
        Desk().feed(event)


def test_contracts_that_could_not_be_exact_are_refused() -> None:
    """Eight decimals together keep every notional exact; bad symbols and minimums are refused by name."""
    for precision, minimum, symbol, word in (
        ((5, 4), 10_000, "BTC-USDT", "precision"),
        ((1, 4), 10_001, "BTC-USDT", "min_quantity"),
        ((1, 4), 10_000, "btcusdt", "symbol"),
    ):
        with pytest.raises(ValueError, match=word):
            Contract(symbol, *precision, minimum)


def test_finished_orders_do_not_pile_up_in_the_book() -> None:
    """Thousands of cancelled orders far from the market leave the lines of resting orders short."""
    desk = Desk()
    for _ in range(2000):
        desk.engine.cancel(desk.account, desk.order(price="50000.0"), desk.now_ns)

    assert len(desk.engine.markets["BTC-USDT"].buys) < 200
