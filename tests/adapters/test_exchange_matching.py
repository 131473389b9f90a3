"""The matching engine alone: orders against best prices, in integers, with time passed in."""

from dataclasses import replace

import pytest

from dita.adapters.exchange import AccountConfig, MatchingRules
from dita.adapters.exchange.errors import VenueError
from dita.adapters.exchange.orders import SplitPlan
from dita.spec.market import MarketTrade
from exchange_client import KEY, START_NS, USDT, exchange_config, scaled, ticker
from exchange_desk import Desk, one_way


def test_market_order_takes_the_best_price_and_pays_the_taker_fee() -> None:
    """A buy fills at the ask; commission is notional times 0.0005 to the unit; the wallet pays exactly that."""
    desk = Desk()

    order = desk.order(quantity="0.0123")

    notional = 600001 * 123 * 10**3  # 60000.1 * 0.0123 in 1e-8
    fill = desk.account.fills[-1]
    assert (order.status, order.executed, order.notional) == ("FILLED", scaled("0.0123", 8), notional)
    assert (fill.price, fill.maker, fill.commission) == (
        scaled("60000.1", 10),
        False,
        36900062,
    )  # 36900061.5, half-even
    assert desk.account.wallet == 100_000 * USDT - 36900062
    assert desk.told() == [("NEW", "NEW", 0), ("TRADE", "FILLED", order.quantity)]


def test_best_level_is_used_up_and_the_rest_waits_for_the_next_ticker() -> None:
    """A market order larger than the best level fills in parts, one at each ticker, at that ticker's price."""
    desk = Desk()
    desk.feed(ticker("60000.0", "60000.1", size="0.4"))

    order = desk.order(quantity="1")
    assert (order.status, order.executed) == ("PARTIALLY_FILLED", scaled("0.4", 8))
    desk.feed(ticker("60001.0", "60001.1", size="0.4"))
    desk.feed(ticker("60002.0", "60002.1", size="0.4"))

    prices = [(fill.price, fill.quantity) for fill in desk.account.fills]
    assert order.status == "FILLED"
    assert prices == [
        (scaled("60000.1", 10), scaled("0.4", 8)),
        (scaled("60001.1", 10), scaled("0.4", 8)),
        (scaled("60002.1", 10), scaled("0.2", 8)),
    ]


def test_two_orders_share_one_level() -> None:
    """What one order took from a level is not there for the next one."""
    desk = Desk()
    desk.feed(ticker("60000.0", "60000.1", size="0.3"))

    first, second = desk.order(quantity="0.2"), desk.order(quantity="0.2")

    assert [first.executed, second.executed] == [scaled("0.2", 8), scaled("0.1", 8)]


def test_ladder_walks_deeper_levels_at_once() -> None:
    """With a ladder the order finishes in one go at successively worse prices."""
    desk = Desk(exchange_config(matching=MatchingRules(liquidity="ladder", ladder_levels=3, ladder_step_ticks=5)))
    desk.feed(ticker("60000.0", "60000.1", size="0.4"))

    order = desk.order(quantity="1")

    assert order.status == "FILLED"
    assert [fill.price for fill in desk.account.fills] == [
        scaled(text, 10) for text in ("60000.1", "60000.6", "60001.1")
    ]


@pytest.mark.parametrize(("size", "filled"), [("0.27659", "0.2765"), ("0.0001", "0.0001"), ("0.00009999", "0")])
def test_a_level_holds_whole_lots(size: str, filled: str) -> None:
    """A feed finer than the lot of 0.0001 is cut to it, in the book and in the fill; less than a lot is not there."""
    desk = Desk()
    desk.feed(ticker("60000.0", "60000.1", size=size))
    market = desk.engine.market("BTC-USDT")
    assert (market.bid_quantity, market.ask_quantity) == (scaled(filled, 8), scaled(filled, 8))
    assert [level.left for level in (*market.asks(), *market.bids())] == [scaled(filled, 8)] * (
        2 if filled != "0" else 0
    )

    order = desk.order(quantity="0.5")
    assert order.executed == scaled(filled, 8)
    assert order.live

    desk.feed(ticker("60000.0", "60000.1", size="0.5"))
    assert order.status == "FILLED"


def test_every_level_of_a_ladder_holds_whole_lots() -> None:
    """The levels behind the best one are as large, and as coarse."""
    desk = Desk(exchange_config(matching=MatchingRules(liquidity="ladder", ladder_levels=3, ladder_step_ticks=1)))
    desk.feed(ticker("60000.0", "60000.1", size="0.10009"))

    desk.order(quantity="0.3")

    assert [fill.quantity for fill in desk.account.fills] == [scaled("0.1", 8)] * 3


@pytest.mark.parametrize(("size", "filled"), [("0.03009", "0.03"), ("0.00009", "0")])
def test_a_public_trade_fills_whole_lots(size: str, filled: str) -> None:
    """A public trade that is finer than the lot reaches a resting order with whole lots only."""
    desk = Desk()
    order = desk.order(price="59990.0", quantity="0.1")

    desk.feed(MarketTrade("BTC-USDT", scaled("59989.9", 10), scaled(size, 8), True, START_NS))

    assert order.executed == scaled(filled, 8)


def test_resting_limit_fills_at_its_own_price_as_maker() -> None:
    """A buy below the market rests and fills at its price, with the maker fee, once the ask comes down to it."""
    desk = Desk()

    order = desk.order(price="59990.0")
    desk.feed(ticker("59990.0", "59990.1"))
    assert (order.status, order.resting) == ("NEW", True)
    desk.feed(ticker("59985.0", "59985.5"))

    fill = desk.account.fills[-1]
    assert (order.status, fill.price, fill.maker) == ("FILLED", scaled("59990.0", 10), True)
    assert fill.commission == fill.notional * 2 // 10_000


def test_crossing_limit_takes_then_rests() -> None:
    """A limit order through the market takes what is there at the market's price and rests with the remainder."""
    desk = Desk()
    desk.feed(ticker("60000.0", "60000.1", size="0.4"))

    order = desk.order(quantity="1", price="60005.0")
    desk.feed(ticker("60004.0", "60005.0", size="0.4"))

    assert [(fill.price, fill.maker) for fill in desk.account.fills] == [
        (scaled("60000.1", 10), False),
        (scaled("60005.0", 10), True),
    ]
    assert order.remaining == scaled("0.2", 8)


def test_resting_orders_fill_by_price_then_age() -> None:
    """The better price goes first, the older one at equal prices; short liquidity shows it."""
    desk = Desk()
    low = desk.order(price="59990.0", quantity="0.1")
    old = desk.order(price="59995.0", quantity="0.1")
    young = desk.order(price="59995.0", quantity="0.1")

    desk.feed(ticker("59979.0", "59980.0", size="0.15"))

    assert [order.executed for order in (old, young, low)] == [scaled(text, 8) for text in ("0.1", "0.05", "0")]


@pytest.mark.parametrize(
    ("trade_price", "buyer_is_maker", "filled"),
    [("59989.9", True, True), ("59990.0", True, False), ("59989.9", False, False)],
)
def test_public_trade_beyond_a_resting_price_fills_it(trade_price: str, buyer_is_maker: bool, filled: bool) -> None:
    """Only a trade beyond the price proves that a resting buy would have been reached, and only an aggressive sell."""
    desk = Desk()
    order = desk.order(price="59990.0", quantity="0.1")

    desk.feed(MarketTrade("BTC-USDT", scaled(trade_price, 10), scaled("0.03", 8), buyer_is_maker, START_NS))

    assert order.executed == (scaled("0.03", 8) if filled else 0)


def test_immediate_orders_never_rest() -> None:
    """IOC keeps what it got and is cancelled for the rest; FOK is all or nothing."""
    desk = Desk()
    desk.feed(ticker("60000.0", "60000.1", size="0.4"))

    killed = desk.order(quantity="1", price="60000.1", tif="FOK")
    partly = desk.order(quantity="1", price="60000.1", tif="IOC")
    missed = desk.order(price="59990.0", tif="IOC")

    assert [(o.status, o.executed) for o in (killed, partly, missed)] == [
        ("CANCELLED", 0),
        ("CANCELLED", scaled("0.4", 8)),
        ("CANCELLED", 0),
    ]
    desk.feed(ticker("60000.0", "60000.1", size="1"))
    whole = desk.order(quantity="1", price="60000.1", tif="FOK")
    assert whole.status == "FILLED"


def test_post_only_never_takes() -> None:
    """A crossing PostOnly order is refused with 101215 or, by switch, cancelled after its acceptance."""
    desk, late = Desk(), Desk(exchange_config(matching=MatchingRules(post_only_crossing="cancel")))

    assert desk.refused(price="60000.1", tif="PostOnly") == 101215
    assert desk.order(price="60000.0", tif="PostOnly").resting
    assert late.order(price="60000.1", tif="PostOnly").status == "CANCELLED"
    assert late.told() == [("NEW", "NEW", 0), ("CANCELED", "CANCELLED", 0)]


def test_scheduled_splits_fill_in_time() -> None:
    """A split order fills its first piece at once and one more each delay, whatever the level holds."""
    desk = Desk()
    desk.feed(ticker("60000.0", "60000.1", size="0.0001"))

    order = desk.order(quantity="0.0010", split=SplitPlan(3, 100))
    seen = [order.executed]
    for _ in range(3):
        desk.feed(ticker("60000.0", "60000.1", size="5"))  # tickers do not hurry a scheduled order
        desk.pass_ms(100)
        seen.append(order.executed)

    assert seen == [scaled(text, 8) for text in ("0.0004", "0.0007", "0.0010", "0.0010")]
    assert [entry[1] for entry in desk.told()] == ["NEW", "PARTIALLY_FILLED", "PARTIALLY_FILLED", "FILLED"]


def test_split_order_can_be_cancelled_between_pieces() -> None:
    """Pieces that are still to come vanish with the cancel; the filled ones stay."""
    desk = Desk()
    order = desk.order(quantity="0.0010", split=SplitPlan(2, 100))

    desk.engine.cancel(desk.account, order, desk.now_ns)
    desk.pass_ms(1000)

    assert (order.status, order.executed, len(desk.account.fills)) == ("CANCELLED", scaled("0.0005", 8), 1)


def test_split_limit_order_returns_to_the_book_when_the_price_leaves() -> None:
    """A piece whose price is gone is not forced; the rest waits as a resting order."""
    desk = Desk()
    order = desk.order(quantity="0.0010", price="60000.1", split=SplitPlan(2, 100))

    desk.feed(ticker("60010.0", "60010.1"))
    desk.pass_ms(100)
    assert (order.executed, order.resting, order.scheduled) == (scaled("0.0005", 8), True, False)
    desk.feed(ticker("59990.0", "59990.1"))

    assert order.status == "FILLED"


def test_split_immediate_order_never_rests() -> None:
    """The rest of an IOC order whose price is gone before its next piece is cancelled."""
    desk = Desk()
    order = desk.order(quantity="0.0010", price="60000.1", tif="IOC", split=SplitPlan(2, 100))

    desk.feed(ticker("60010.0", "60010.1"))
    desk.pass_ms(100)

    assert (order.status, order.executed) == ("CANCELLED", scaled("0.0005", 8))


def test_no_more_pieces_than_lots() -> None:
    """One lot cannot be split."""
    desk = Desk()

    order = desk.order(quantity="0.0001", split=SplitPlan(5, 0))

    assert (order.status, len(desk.account.fills)) == ("FILLED", 1)


def test_closing_in_hedge_mode_needs_a_free_position() -> None:
    """Closing more than is held, or what another closing order holds, is 101205; a long is no cover for a short."""
    desk = Desk()
    desk.order(quantity="0.02")

    assert desk.refused("SELL", "LONG", "0.03") == 101205
    resting = desk.order("SELL", "LONG", "0.015", price="61000.0")
    assert desk.refused("SELL", "LONG", "0.01") == 101205
    assert desk.refused("BUY", "SHORT", "0.01") == 101205
    desk.engine.cancel(desk.account, resting, desk.now_ns)
    desk.order("SELL", "LONG", "0.02")

    assert desk.position() == 0


def test_long_and_short_live_side_by_side_in_hedge_mode() -> None:
    """The two sides of one symbol are two positions, each with its own cost."""
    desk = Desk()

    desk.order("BUY", "LONG", "0.02")
    desk.order("SELL", "SHORT", "0.03")

    assert (desk.position("LONG"), desk.position("SHORT")) == (scaled("0.02", 8), -scaled("0.03", 8))


def test_closing_realises_exactly_what_went_in_and_out() -> None:
    """Over several uneven exits the realised profits sum to exit notional minus entry notional, to the unit."""
    desk = Desk()
    for price, quantity in (("60000.1", "0.0101"), ("60007.3", "0.0017"), ("59991.9", "0.0003")):
        desk.feed(ticker("59000.0", price))
        desk.order(quantity=quantity)
    for price, quantity in (("60100.7", "0.0007"), ("59950.3", "0.0101"), ("60001.1", "0.0013")):
        desk.feed(ticker(price, "60200.0"))
        desk.order("SELL", "LONG", quantity)

    fills = desk.account.fills
    entered = sum(fill.notional for fill in fills if fill.side == "BUY")
    left = sum(fill.notional for fill in fills if fill.side == "SELL")
    assert desk.position() == 0
    assert desk.account.position("BTC-USDT", "LONG").cost == 0
    assert sum(fill.realised for fill in fills) == desk.account.realised == left - entered


def test_shorts_profit_from_falling_prices() -> None:
    """A short entered at the bid and closed at a lower ask realises the difference."""
    desk = Desk()
    desk.order("SELL", "SHORT", "0.01")
    desk.feed(ticker("59000.0", "59000.1"))
    desk.order("BUY", "SHORT", "0.01")

    assert desk.account.realised == (600000 - 590001) * 10**5  # 0.1 USDT * 0.01 coins = 10^5 units of 1e-8


def test_modes_refuse_each_others_orders() -> None:
    """Hedge mode refuses BOTH and reduce-only, one-way mode refuses LONG and SHORT, all with 109400."""
    desk, netted = Desk(), one_way()

    assert desk.refused("BUY", "BOTH") == 109400
    assert desk.refused("SELL", "LONG", reduce_only=True) == 109400
    assert netted.refused("BUY", "LONG") == 109400


def test_one_way_order_nets_and_flips() -> None:
    """A sell beyond the long closes it, realises its profit, and opens a short with the rest in one fill."""
    desk = one_way()
    desk.order("BUY", "BOTH", "0.01")
    desk.feed(ticker("60100.1", "60100.2"))

    desk.order("SELL", "BOTH", "0.03")

    position = desk.account.position("BTC-USDT", "BOTH")
    assert position.quantity == -scaled("0.02", 8)
    assert position.cost == scaled("60100.1", 10) * scaled("0.02", 8) // 10**10
    assert desk.account.realised == 100 * USDT // 100  # 100 USDT * 0.01


def test_reduce_only_reduces_only() -> None:
    """Without a position 101205, in its own direction 101290, beyond it 101205; within it the order fills."""
    desk = one_way()
    assert desk.refused("SELL", "BOTH", reduce_only=True) == 101205
    desk.order("BUY", "BOTH", "0.02")

    assert desk.refused("BUY", "BOTH", reduce_only=True) == 101290
    assert desk.refused("SELL", "BOTH", "0.03", reduce_only=True) == 101205
    assert desk.order("SELL", "BOTH", "0.02", reduce_only=True).status == "FILLED"
    assert desk.position("BOTH") == 0


def test_resting_reduce_only_order_is_cancelled_once_it_would_open() -> None:
    """A position that shrinks under a resting reduce-only order takes the order with it, never turns the position."""
    desk = one_way()
    desk.order("BUY", "BOTH", "0.02")
    resting = desk.order("SELL", "BOTH", "0.02", price="60100.0", reduce_only=True)
    desk.order("SELL", "BOTH", "0.015")

    desk.feed(ticker("60100.0", "60100.1"))

    assert (resting.status, resting.executed) == ("CANCELLED", scaled("0.005", 8))
    assert desk.position("BOTH") == 0


@pytest.mark.parametrize(
    ("quantity", "price", "code"), [("0.00009999", "", 101400), ("0.0001", "19999.9", 101400), ("0.0001", "20000.0", 0)]
)
def test_minimum_size_and_value(quantity: str, price: str, code: int) -> None:
    """Fewer than 0.0001 coins or less than 2 USDT is 101400 without any word of a client id."""
    desk = Desk()
    if not code:
        assert desk.order(quantity=quantity, price=price).live
        return
    with pytest.raises(VenueError, match="minimum") as caught:
        desk.order(quantity=quantity, price=price)
    assert caught.value.code == code
    assert "unique" not in caught.value.text


def test_dust_can_be_closed_if_the_venue_lets_one() -> None:
    """By default the minimum value also binds closing orders; the switch frees those that close everything."""
    free = MatchingRules(minimum_applies_to_closing=False)
    codes: list[int] = []
    for rules in (MatchingRules(), free):
        desk = Desk(exchange_config(matching=rules))
        desk.order(quantity="0.0001")
        desk.feed(ticker("15000.0", "15000.1"))
        try:
            codes.append(desk.order("SELL", "LONG", "0.0001").executed)
        except VenueError as error:
            codes.append(error.code)

    assert codes == [101400, scaled("0.0001", 8)]


def test_margin_covers_notional_over_leverage_and_fee() -> None:
    """The largest order the wallet can carry is accepted to the lot; one lot more is 101204."""
    wallet = 3000 * USDT + 30 * USDT  # 1 BTC at 60000 with leverage 20, plus the taker fee of 30
    config = replace(exchange_config(), accounts=(AccountConfig(KEY, "s", wallet=wallet),))
    desk = Desk(config)
    desk.feed(ticker("59999.9", "60000.0", size="9"))

    assert desk.refused(quantity="1.0001") == 101204
    assert desk.order(quantity="1").status == "FILLED"
    assert desk.refused(quantity="0.0001") == 101204
    assert desk.order("SELL", "LONG", "1").status == "FILLED"  # closing needs no margin


def test_resting_orders_freeze_margin() -> None:
    """Margin promised to a resting order is not there for the next one, and is back after the cancel."""
    config = replace(exchange_config(), accounts=(AccountConfig(KEY, "s", wallet=3100 * USDT),))
    desk = Desk(config)
    resting = desk.order(price="59000.0", quantity="1")

    assert desk.refused(price="59000.0", quantity="0.1") == 101204
    desk.engine.cancel(desk.account, resting, desk.now_ns)
    assert desk.order(price="59000.0", quantity="0.1").live


def test_client_ids_are_unique_for_ever() -> None:
    """A used id is refused while its order is open, after it filled, after it was cancelled, and once forgotten."""
    config = exchange_config()
    config = replace(config, retention=replace(config.retention, terminal_orders=1))
    desk = Desk(config)
    open_order = desk.order(price="59000.0", client_id="open")
    desk.order(client_id="filled")
    desk.engine.cancel(desk.account, desk.order(price="59000.0", client_id="cancelled"), desk.now_ns)
    desk.order(client_id="later")

    assert open_order.live
    assert "filled" not in desk.account.by_client_id
    for used in ("open", "filled", "cancelled", "later"):
        with pytest.raises(VenueError, match="unique check") as caught:
            desk.order(client_id=used)
        assert caught.value.code == 101400


def test_refused_orders_leave_no_trace() -> None:
    """A refusal consumes neither the client id nor a number, and tells nobody."""
    desk = Desk()
    desk.told()
    assert desk.refused(quantity="99999") == 101204

    assert (desk.account.orders, desk.told(), desk.account.wallet) == ({}, [], desk.account.seed)
    assert desk.order(client_id="c1").status == "FILLED"
