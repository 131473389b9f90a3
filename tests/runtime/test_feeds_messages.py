"""Lines of a recording: what is accepted, exactly how it is converted, and what is refused with which words."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dita.runtime.feeds.messages import (
    JSON_DEPTH_MAX,
    LEVELS_MAX,
    LINE_BYTES_MAX,
    LineParser,
    MalformedLineError,
    price_units,
    quantity_units,
    to_recorded_symbol,
)
from dita.spec.market import BookTicker, MarketTrade
from dita.spec.scales import BOUND

BOOK_TICKER = (
    b'1723161255088169167 {"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5123107839020,"s":"BTCUSDT",'
    b'"b":"61800.20","B":"2.507","a":"61800.30","A":"2.510","T":1723161256313,"E":1723161256313}}\n'
)
TRADE = (
    b'1723161255088176367 {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256321,'
    b'"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006","X":"MARKET","m":false}}\n'
)
DEPTH = (
    b'1723161255030314667 {"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,'
    b'"s":"BTCUSDT","U":5123107832006,"u":5123107837557,"pu":5123107831937,"b":[["58710.20","0.014"],'
    b'["61510.90","0.000"]],"a":[]}}\n'
)
SNAPSHOT = (
    b'1723161255319702566 {"lastUpdateId":5123107852948,"E":1723161256501,"T":1723161256493,'
    b'"bids":[["61800.20","2.909"]],"asks":[["61800.30","0.696"]]}\n'
)
KNOWN_LINES = (BOOK_TICKER, TRADE, DEPTH, SNAPSHOT)


def refusal(line: bytes) -> str:
    with pytest.raises(MalformedLineError) as caught:
        LineParser("BTC-USDT").parse(line)
    return str(caught.value)


def test_a_book_ticker_line_becomes_a_quote_in_exact_integers() -> None:
    """Bid, ask, quantities and the exchange's transaction time arrive in the kernel's scales, unrounded."""
    expected = BookTicker(
        "BTC-USDT", 618_002_000_000_000, 250_700_000, 618_003_000_000_000, 251_000_000, 1_723_161_256_313_000_000
    )

    assert LineParser("BTC-USDT").parse(BOOK_TICKER) == expected


def test_a_trade_line_becomes_a_trade_with_its_aggressor() -> None:
    """Field `m` says whether the buyer was the maker; the time is `T`, not the time of sending `E`."""
    expected = MarketTrade("BTC-USDT", 618_003_000_000_000, 600_000, False, 1_723_161_256_321_000_000)

    assert LineParser("BTC-USDT").parse(TRADE) == expected


@pytest.mark.parametrize("line", [DEPTH, SNAPSHOT])
def test_depth_and_snapshot_carry_no_event(line: bytes) -> None:
    """Well-formed order-book messages are passed over, by the fast path and the careful one."""
    assert LineParser("BTC-USDT").parse(line) is None
    assert LineParser("BTC-USDT").parse_carefully(line) is None


@given(whole=st.integers(0, 10**7), fraction=st.text("0123456789", min_size=1, max_size=10))
def test_prices_are_converted_exactly(whole: int, fraction: str) -> None:
    """Any price of up to ten decimals becomes the integer that decimal arithmetic gives for it."""
    text = f"{whole}.{fraction}"
    expected = Decimal(text).scaleb(10)
    if expected == 0:
        with pytest.raises(MalformedLineError, match="not positive"):
            price_units(text.encode())
    else:
        assert price_units(text.encode()) == expected


@given(
    st.decimals(
        min_value=Decimal("0.00000001"), max_value=Decimal(10**9), places=8, allow_nan=False, allow_infinity=False
    )
)
def test_quantities_are_converted_exactly(amount: Decimal) -> None:
    """Any quantity of up to eight decimals becomes the integer that decimal arithmetic gives for it."""
    assert quantity_units(f"{amount:f}".encode()) == amount.scaleb(8)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"61800.20000000001", "more than 10 decimals"),
        (b"-1.0", "not a plain decimal"),
        (b"1e5", "not a plain decimal"),
        (b"NaN", "not a plain decimal"),
        (b"", "not a plain decimal"),
        ("\N{ARABIC-INDIC DIGIT ONE}.0".encode(), "not a plain decimal"),
        (b"0.000", "not positive"),
        (b"115292151", "above the largest"),
    ],
)
def test_a_price_that_cannot_be_kept_is_refused(text: bytes, words: str) -> None:
    """What is not a positive plain decimal within scale and bound is refused with its text, never rounded."""
    with pytest.raises(MalformedLineError, match=words):
        price_units(text)


def test_the_largest_price_is_the_kernels_bound() -> None:
    """The last price below the kernel's bound is accepted: the limit is neither lower nor higher."""
    text = f"{Decimal(BOUND).scaleb(-10):f}".encode()

    assert price_units(text) == BOUND


MONEY = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(99999), places=2)


@given(
    bid=MONEY, spread=MONEY, sizes=st.tuples(MONEY, MONEY), number=st.integers(0, 10**12), time=st.integers(1, 10**12)
)
def test_fast_and_careful_reading_agree(
    bid: Decimal, spread: Decimal, sizes: tuple[Decimal, Decimal], number: int, time: int
) -> None:
    """The patterns and the JSON reader give the same quote, also with fields reordered and one unknown."""
    fields: dict[str, object] = {
        "e": "bookTicker", "u": number, "s": "ETHUSDT", "b": f"{bid:f}", "B": f"{sizes[0]:f}", "a": f"{bid + spread:f}",
        "A": f"{sizes[1]:f}", "T": time, "E": time,
    }  # fmt: skip
    as_sent = json.dumps({"stream": "ethusdt@bookTicker", "data": fields}, separators=(",", ":")).encode()
    shuffled = json.dumps({"data": {"nq": [1], **dict(reversed(fields.items()))}, "stream": "ethusdt@bookTicker"})
    quotes = [
        LineParser("ETH-USDT").parse(b"1 " + as_sent),
        LineParser("ETH-USDT").parse_carefully(b"1 " + as_sent),
        LineParser("ETH-USDT").parse(b"1 " + shuffled.encode() + b"\n"),
    ]

    assert isinstance(quotes[0], BookTicker)
    assert (quotes[0].bid_price, quotes[0].ask_price) == (int(bid.scaleb(10)), int((bid + spread).scaleb(10)))
    assert quotes[1:] == [quotes[0], quotes[0]]


@given(st.sampled_from(KNOWN_LINES), st.data())
def test_a_damaged_line_is_refused_or_still_consistent(line: bytes, data: st.DataObject) -> None:
    """Whatever byte is changed or cut, the answer is a refusal or a valid event; both readings give the same."""
    at = data.draw(st.integers(0, len(line) - 2))
    damaged = data.draw(
        st.one_of(
            st.just(line[:at]),
            st.binary(min_size=1, max_size=3).map(lambda put: line[:at] + put + line[at + 1 :]),
        )
    )
    answers: list[object] = []
    for name in ("parse", "parse_carefully"):
        try:
            answers.append(getattr(LineParser("BTC-USDT"), name)(damaged))
        except MalformedLineError:
            answers.append("refused")

    assert answers[0] == answers[1]
    if isinstance(answers[0], BookTicker):
        assert 0 < answers[0].bid_price < answers[0].ask_price


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_one_kind_of_error(noise: bytes) -> None:
    """Noise never becomes an event and never raises anything but the typed refusal."""
    with pytest.raises(MalformedLineError):
        LineParser("BTC-USDT").parse(noise)
    with pytest.raises(MalformedLineError):
        LineParser("BTC-USDT").parse(b'1 {"stream":"btcusdt@trade","data":' + noise)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (BOOK_TICKER.replace(b'"61800.30"', b'"61800.20"'), "bid `61800.20` is not below ask `61800.20`"),
        (BOOK_TICKER.replace(b"BTCUSDT", b"ETHUSDT"), "symbol `s` `ETHUSDT` is not the recording's `BTCUSDT`"),
        (BOOK_TICKER.replace(b"btcusdt@", b"ethusdt@"), "stream `ethusdt@bookTicker` is not one of `BTCUSDT`"),
        (BOOK_TICKER.replace(b'"A":"2.510",', b""), "field `A` is missing"),
        (BOOK_TICKER.replace(b'"2.510"', b"2.510"), "number `2.510` is not an integer"),
        (BOOK_TICKER.replace(b'"2.510"', b"2"), "field `A` `2` is not text"),
        (BOOK_TICKER.replace(b'"2.510"', b'"0.000"'), "quantity `0.000` is not positive"),
        (BOOK_TICKER.replace(b"1723161256313,", b"0,"), "time `T` `0` ms is outside"),
        (BOOK_TICKER.replace(b"1723161256313,", b"4611686018428,"), "time `T` `4611686018428` ms is outside"),
        (BOOK_TICKER.replace(b"5123107839020", b"true"), "field `u` `True` is not a whole number"),
        (BOOK_TICKER.replace(b'"u":5123107839020', b'"u":1,"u":2'), "names a field twice"),
        (BOOK_TICKER[20:], "does not start with a receive time"),
        (BOOK_TICKER[:-40], "not JSON"),
        (BOOK_TICKER.replace(b'"e":"bookTicker"', b'"e":"markPriceUpdate"'), "message kind `e` `markPriceUpdate`"),
        (TRADE.replace(b"MARKET", b"SOMETHING"), "trade origin `X` `SOMETHING` is none"),
        (TRADE.replace(b"false", b'"false"'), "field `m` `false` is not true or false"),
        (DEPTH.replace(b'"0.014"', b'"x"'), "field `b` has a level"),
        (DEPTH.replace(b'["58710.20","0.014"]', b'["58710.20"]'), "field `b` has a level"),
        (DEPTH.replace(b'"a":[]', b'"a":7'), "field `a` `7` is not a list"),
        (DEPTH.replace(b'"pu":5123107831937,', b""), "field `pu` is missing"),
        (SNAPSHOT.replace(b'"asks"', b'"nothing"'), "field `asks` is missing"),
        (b"1 []\n", "message `[]` is not an object"),
        (b'1 {"stream":"btcusdt@trade","data":[]}\n', "data `[]` is not an object"),
        (b"\n", "does not start with a receive time"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_field_and_its_value(line: bytes, words: str) -> None:
    """Each way in which a line is not one of the four messages has its own words."""
    assert words in refusal(line)


@pytest.mark.parametrize("origin", [b"INSURANCE_FUND", b"ADL", b"NA"])
def test_trades_outside_the_order_book_are_passed_over(origin: bytes) -> None:
    """Transfers to and from the insurance fund are no market trades, even with a price of zero."""
    line = TRADE.replace(b"MARKET", origin).replace(b"61800.30", b"0")

    assert LineParser("BTC-USDT").parse(line) is None


@pytest.mark.parametrize(("line", "name"), [(BOOK_TICKER, "update id `u`"), (TRADE, "trade id `t`")])
def test_a_repeated_id_is_refused(line: bytes, name: str) -> None:
    """The exchange counts upwards: a line twice would be a print that happened once, traded twice."""
    parser = LineParser("BTC-USDT")
    parser.parse(line)

    with pytest.raises(MalformedLineError, match=name):
        parser.parse(line)


def test_deep_nesting_is_refused_before_it_is_read() -> None:
    """JSON nested deeper than any of the messages is refused by depth; brackets inside text do not count."""
    deep = b"1 " + b"[" * (JSON_DEPTH_MAX + 1) + b"]" * (JSON_DEPTH_MAX + 1)
    in_text = BOOK_TICKER.replace(b'"u":', b'"note":"' + b"[" * 50 + b'\\"{","u":')

    assert "nests deeper" in refusal(deep)
    assert "nests deeper" in refusal(b"1 " + b"[" * 100_000)
    assert LineParser("BTC-USDT").parse(in_text) == LineParser("BTC-USDT").parse(BOOK_TICKER)


def test_a_long_line_is_refused_and_a_message_stays_short() -> None:
    """Neither a line nor a value in it can flood memory or log."""
    assert "longer than" in refusal(b"1 " + b"x" * LINE_BYTES_MAX)
    assert len(refusal(BOOK_TICKER.replace(b"2.510", b"9" * 100_000))) < 300
    assert "\n" not in refusal(BOOK_TICKER.replace(b"2.510", b"\\n\\u001b[31m"))


def test_too_many_levels_are_refused() -> None:
    """A side of a snapshot has a largest number of levels; one more is refused, that many pass."""

    def snapshot(levels: int) -> bytes:
        return SNAPSHOT.replace(b'["61800.20","2.909"]', b",".join([b'["61800.20","2.909"]'] * levels))

    assert LineParser("BTC-USDT").parse(snapshot(LEVELS_MAX)) is None
    assert f"has {LEVELS_MAX + 1} levels" in refusal(snapshot(LEVELS_MAX + 1))


def test_a_half_surrogate_is_refused_like_other_text() -> None:
    """JSON may hold half a surrogate pair, which has no encoding: refused as a number, not by an encoder's error."""
    assert "quantity" in refusal(BOOK_TICKER.replace(b"2.510", b"\\ud800"))


def test_a_huge_integer_is_refused() -> None:
    """An integer of more digits than Python converts is refused as such, not by another error."""
    assert "not JSON" in refusal(BOOK_TICKER.replace(b"5123107839020", b"1" * 5000))


@pytest.mark.parametrize(("symbol", "recorded"), [("BTC-USDT", "BTCUSDT"), ("1000PEPE-USDT", "1000PEPEUSDT")])
def test_symbols_differ_by_the_hyphen(symbol: str, recorded: str) -> None:
    """The recording's name is the venue's without the hyphen before the quote currency."""
    assert to_recorded_symbol(symbol) == recorded


@pytest.mark.parametrize("text", ["BTCUSDT", "-USDT", "BTC-USDC"])
def test_other_names_have_no_recorded_symbol(text: str) -> None:
    """A name that is not the venue's is refused."""
    with pytest.raises(MalformedLineError, match="is not a base coin"):
        LineParser(text)
