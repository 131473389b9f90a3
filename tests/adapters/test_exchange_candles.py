"""Bars, the day's figures, public trades and funding: kept within bounds, shown over REST and on the stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dita.adapters.exchange.candles import INTERVALS_MS, MINUTE_MS, Candles
from dita.spec.market import MarketTrade
from exchange_client import COIN, MS, PRICE, START_NS, SWAP, HandClock, exchange, scaled, ticker

MINUTE_NS = MINUTE_MS * MS
FIRST_MINUTE_MS = START_NS // MS // MINUTE_MS * MINUTE_MS


def trade(price: int, lots: int = 1, minute: int = 0) -> MarketTrade:
    return MarketTrade("BTC-USDT", price * PRICE, lots * COIN, False, START_NS + minute * MINUTE_NS)


@given(
    st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 5), st.integers(0, 400)), min_size=1, max_size=60),
    st.sampled_from(sorted(INTERVALS_MS)),
)
def test_bars_agree_with_a_plain_recomputation(rows: list[tuple[int, int, int]], interval: str) -> None:
    """Whatever the trades and the interval: first, highest, lowest, last, sum, each from the trades themselves."""
    rows = sorted(rows, key=lambda row: row[2])
    candles, size = Candles(), INTERVALS_MS[interval]
    by_start: dict[int, list[tuple[int, int]]] = {}
    for price, lots, minute in rows:
        candles.trade(trade(price, lots, minute))
        start = (START_NS // MS + minute * MINUTE_MS) // size * size
        by_start.setdefault(start, []).append((price, lots))

    expected = [
        (
            start,
            group[0][0],
            max(price for price, _ in group),
            min(price for price, _ in group),
            group[-1][0],
            sum(lots for _, lots in group),
            sum(price * lots for price, lots in group),
        )
        for start, group in sorted(by_start.items())
    ]
    found = [
        (bar.time_ms, bar.open // PRICE, bar.high // PRICE, bar.low // PRICE, bar.close // PRICE, bar.volume // COIN,
         bar.notional // COIN)
        for bar in candles.bars(size)
    ]  # fmt: skip
    assert found == expected
    newest = candles.newest(size)
    assert newest == candles.bars(size)[-1]


def test_the_past_is_bounded() -> None:
    """Three days of trades leave one day of bars and a thousand trades."""
    candles = Candles()
    for minute in range(3 * 24 * 60):
        candles.trade(trade(100, 1, minute))

    assert (len(candles.bars(MINUTE_MS)), len(candles.trades)) == (1440, 1000)
    day = candles.day()
    assert day is not None
    assert day.volume == 1440 * COIN


async def test_public_past_over_rest() -> None:
    """Trades and bars newest first, within limits and windows; the day's figures; what is wrong is named."""
    async with exchange() as (server, client):
        for price, minute in ((60_000, 0), (60_500, 0), (59_000, 1), (61_000, 2)):
            server.feed(trade(price, 2, minute))

        trades = await client.data("GET", f"{SWAP}/v2/quote/trades", symbol="BTC-USDT", limit=3)
        bars = await client.data("GET", f"{SWAP}/v3/quote/klines", symbol="BTC-USDT", interval="1m",
                                 endTime=FIRST_MINUTE_MS + 10 * MINUTE_MS)  # fmt: skip
        day = await client.data("GET", f"{SWAP}/v2/quote/ticker", symbol="BTC-USDT")

        assert [row["price"] for row in trades] == ["61000.0", "59000.0", "60500.0"]
        assert (trades[0]["qty"], trades[0]["quoteQty"], trades[0]["isBuyerMaker"]) == ("2.0000", "122000.00", False)
        assert [(bar["time"], bar["close"]) for bar in bars] == [
            (FIRST_MINUTE_MS + 2 * MINUTE_MS, "61000.0"),
            (FIRST_MINUTE_MS + MINUTE_MS, "59000.0"),
            (FIRST_MINUTE_MS, "60500.0"),
        ]
        assert (bars[2]["high"], bars[2]["volume"]) == ("60500.0", "4.0000")
        assert (day["highPrice"], day["lowPrice"], day["volume"]) == ("61000.0", "59000.0", "8.0000")
        assert (day["openPrice"], day["priceChange"], day["priceChangePercent"]) == ("60000.0", "1000.0", "1.66%")
        one = await client.data("GET", f"{SWAP}/v3/quote/klines", symbol="BTC-USDT", interval="1h", limit=1)
        assert len(one) == 1
        for bad in ({"interval": "1min"}, {"interval": "1m", "limit": 1441}, {"interval": None}):
            assert await client.code("GET", f"{SWAP}/v3/quote/klines", symbol="BTC-USDT", **bad) == 109400


async def test_funding_history_and_open_interest() -> None:
    """Each settlement is listed, newest first and within the window; without one null; longs are counted once."""
    clock = HandClock()
    path = f"{SWAP}/v2/quote/fundingRate"
    async with exchange(clock=clock) as (server, client):
        assert await client.data("GET", path, symbol="BTC-USDT") is None
        for rate in (100_000, -20_000):
            server.fund("BTC-USDT", rate)
            clock.move_ms(1000)
        await client.submit()

        rows = await client.data("GET", path, symbol="BTC-USDT")
        assert [row["fundingRate"] for row in rows] == ["-0.00002000", "0.00010000"]
        first = await client.data("GET", path, symbol="BTC-USDT", endTime=START_NS // MS)
        assert [row["fundingTime"] for row in first] == [START_NS // MS]
        interest = await client.data("GET", f"{SWAP}/v2/quote/openInterest", symbol="BTC-USDT")
        assert interest["openInterest"] == "600.00"


@pytest.mark.parametrize("topic", ["ticker", "kline_1m", "kline_4h"])
async def test_day_and_bar_topics(topic: str) -> None:
    """The current figures follow the ack, then at most one frame a second; A and B are prices, as observed."""
    clock = HandClock()
    async with exchange(clock=clock) as (server, client), client.market_stream(f"BTC-USDT@{topic}") as stream:
        for price in (60_100, 60_200, 60_300):
            clock.move_ms(500)
            server.feed(trade(price))
        frames = [await stream.next() for _ in range(2)]

        assert [frame["dataType"] for frame in frames] == [f"BTC-USDT@{topic}"] * 2
        if topic == "ticker":
            assert [frame["data"]["c"] for frame in frames] == ["60100.0", "60300.0"]
            assert (frames[0]["data"]["A"], frames[0]["data"]["B"]) == ("60000.1", "60000.0")
        else:
            assert [frame["data"][0]["c"] for frame in frames] == ["60100.0", "60300.0"]
            assert frames[0]["s"] == "BTC-USDT"
            assert frames[0]["data"][0]["T"] % INTERVALS_MS[topic.partition("_")[2]] == 0


def test_without_public_trades_bars_follow_the_mark() -> None:
    """A feed of best prices alone still makes bars, without volume."""
    candles = Candles()
    candles.price(ticker("60000.0", "60000.2").bid_price, START_NS)

    assert [(bar.close, bar.volume) for bar in candles.bars(MINUTE_MS)] == [(scaled("60000.0", 10), 0)]
