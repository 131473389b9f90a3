"""Whatever the venue sends: refused by field or harmless, bounded, told once; the stream is kept or ends to be rebuilt.

Without sockets: frames and bodies go straight into the adapter.
"""

import asyncio
import gzip
import json
import logging
import tracemalloc
from collections.abc import Awaitable, Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bingx_replies import Said, scripted_rest
from bingx_venue import StepClock
from desk import Desk
from dita.adapters.bingx.account_stream import AccountStream
from dita.adapters.bingx.errors import BadReply, VenueRefused
from dita.adapters.bingx.json_text import JsonTextError, as_object, parse_json
from dita.adapters.bingx.market_stream import MarketStream
from dita.adapters.bingx.notices import Notices
from dita.adapters.bingx.rest import BingxRest
from dita.adapters.bingx.stream_events import AccountUpdate, OrderUpdate
from dita.adapters.bingx.websocket import Cause, StreamEnded, decode_frame
from dita.adapters.logic.orders import OrderMemory, order_input
from dita.adapters.logic.rows import OrderState
from dita.spec.market import BookTicker
from dita.spec.order_ids import OrderKey
from dita.spec.vocabulary import Verdict

SWAP = "/openApi/swap"
ORDER_BODY: dict[str, object] = {
    "s": "BTC-USDT", "c": "jrnl-1-0-0", "i": 1976209350456246273, "S": "BUY", "o": "LIMIT", "q": "0.01000000",
    "p": "60000.50000000", "sp": "0.00000000", "ap": "60000.10000000", "x": "TRADE", "X": "PARTIALLY_FILLED",
    "N": "USDT", "n": "-0.06000010", "T": 1760000001316, "wt": "MARK_PRICE", "ps": "LONG", "rp": "0.00000000",
    "z": "0.00500000", "sg": "false", "ti": 0, "ro": False, "td": 362700001, "tv": "300.0", "l": "0.00500000",
    "L": "60000.10000000",
}  # fmt: skip
# Wrong types, ranges, spellings: what a JSON text can hold, and some that a person would think of.
EVIL: list[object] = [
    None, True, False, "", " ", "null", "NaN", "Infinity", "-Infinity", "1e999", "1e-999", "-0", "-1", "0", "1" * 50,
    "9" * 30, "0." + "3" * 40, "٣", "0x10", "1_000", "1,5", -1, 0, 2**63, 10**40, [], {}, [1], {"a": 1}, "a" * 300,
    "\u0000", "\n", "` `", "FILLED ", "filled", "BOTH", "BUY;",
]  # fmt: skip


def account_stream() -> AccountStream:
    """One that is not connected: frames are put in by hand."""
    return AccountStream(scripted_rest({}), {"BTC-USDT"}, Random(1))


def frame_of(body: object) -> dict[str, object]:
    return {"e": "ORDER_TRADE_UPDATE", "E": 1760000001350, "T": 1760000001316, "o": body}


def pushed(stream: AccountStream) -> list[object]:
    return [event for _, event in stream._queue]  # pyright: ignore[reportPrivateUsage] - nobody reads while we push


def put(stream: AccountStream, document: object) -> list[object]:
    """Put one frame in, from its bytes on, and give what it became."""
    read = as_object(parse_json(decode_frame(gzip.compress(json.dumps(document).encode()))))
    stream.take(read or {})
    return pushed(stream)


@given(
    st.dictionaries(
        st.sampled_from(sorted(ORDER_BODY)),
        st.sampled_from(EVIL) | st.integers() | st.text(max_size=12) | st.floats(allow_nan=False, allow_infinity=False),
        min_size=1, max_size=3,
    )
)  # fmt: skip
def test_an_order_frame_with_anything_in_it_ends_the_session_or_is_a_row_that_the_kernel_can_take(
    change: dict[str, object],
) -> None:
    """No other exception, nothing out of bounds, no end of an order that a wrong word declared."""
    stream = account_stream()
    ended: list[StreamEnded] = []
    try:
        put(stream, frame_of({**ORDER_BODY, **change}))
    except StreamEnded as error:
        ended.append(error)
    assert all(error.cause is Cause.UNREADABLE and len(str(error)) < 600 for error in ended)
    for event in pushed(stream):
        assert isinstance(event, OrderUpdate)
        row = event.row
        assert row.state is OrderState.OTHER or row.status_text.upper() in (
            "NEW", "PENDING", "WORKING", "RUNNING", "PARTIALLY_FILLED", "FILLED", "CANCELED", "CANCELLED", "EXPIRED",
            "FAILED",
        )  # fmt: skip
        reading = OrderMemory().take_row(row)
        if reading.snapshot is not None:
            desk = Desk()
            desk.open_shop()
            desk.enter(1, 100)
            outcome = desk.send(order_input(OrderKey(1, 0, 0), 0, reading.snapshot))
            assert outcome.verdict in (Verdict.ACCEPTED, Verdict.FLAGGED, Verdict.REFUSED)


@pytest.mark.parametrize("field", ["s", "i", "S", "q", "X"])
@pytest.mark.parametrize("evil", [None, [], {}, "missing"])
def test_a_frame_without_what_it_must_have_names_the_field(field: str, evil: object) -> None:
    """The reason of the gap says which field was not there or not right."""
    body = {name: value for name, value in ORDER_BODY.items() if name != field}
    if evil != "missing":
        body[field] = evil
    with pytest.raises(StreamEnded, match=rf"order frame: (.*; )?{field}: "):
        put(account_stream(), frame_of(body))


@pytest.mark.parametrize("field", ["q", "z", "l", "ap", "L"])
@pytest.mark.parametrize("evil", ["NaN", "9" * 40, "1e999", "abc", True, 10**40])
def test_money_out_of_range_is_refused_by_field(field: str, evil: object) -> None:
    """Quantities and prices that the books cannot hold end the session: what they said is asked for instead."""
    with pytest.raises(StreamEnded, match=rf"{field}: "):
        put(account_stream(), frame_of({**ORDER_BODY, field: evil}))


@pytest.mark.parametrize("word", ["REJECTED", "TRIGGERED", "filled?", "EXPIRED_IN_MATCH", "NEW_INSURANCE"])
def test_a_status_nobody_wrote_down_keeps_the_order_open_and_is_told_once(
    word: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A hundred frames with it, in stream and query: one line each that names field and word; none ends the order."""
    stream = account_stream()
    memory = OrderMemory()
    for _ in range(100):
        *_, event = put(stream, frame_of({**ORDER_BODY, "X": word}))
        assert isinstance(event, OrderUpdate)
        snapshot = memory.take_row(event.row).snapshot
        assert snapshot is None or not snapshot.done
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [f"account stream: order frame: X `{word}` is no status we know; taken as not over (said once)"]
    assert stream.figures()["notices"] == 100


def test_an_event_nobody_wrote_down_is_told_once_and_the_next_one_counts(caplog: pytest.LogCaptureFixture) -> None:
    """New events, and rows of an account update that cannot be read, are left out; what follows is not."""
    stream = account_stream()
    odd: dict[str, object] = {
        "e": "ACCOUNT_UPDATE",
        "E": 1,
        "a": {"m": 7, "B": [{"a": "USDT", "wb": "x"}, {"wb": "1"}, 5], "P": [{}, None]},
    }
    for _ in range(50):
        put(stream, {"e": "SOMETHING_NEW", "x": "y"})
        put(stream, odd)
    events = put(stream, frame_of(ORDER_BODY))
    assert isinstance(events[-1], OrderUpdate)
    assert events[0] == AccountUpdate("", 10**6, (), ())
    assert stream.ignored == 50 * 6
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == len(set(lines)) <= 6
    assert sum("SOMETHING_NEW" in line for line in lines) == 1
    assert sum("wb: " in line for line in lines) == 1


def test_an_unused_assets_empty_wallet_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    """The venue says "" for assets that were never used: left out, and not worth a line."""
    stream = account_stream()
    rows = [{"a": "USDC", "wb": ""}, {"a": "USDT", "wb": "1.5"}]
    (event,) = put(stream, {"e": "ACCOUNT_UPDATE", "E": 1, "a": {"m": "ORDER", "B": rows}})
    assert event == AccountUpdate("ORDER", 10**6, (("USDT", 150_000_000),), ())
    assert (caplog.records, stream.ignored) == ([], 0)


@pytest.mark.parametrize(
    "frame",
    [
        gzip.compress(b"[" * (4 << 20), 1),
        gzip.compress(b" " * (64 << 20), 1),
        gzip.compress(gzip.compress(b"{}" * 1000)),
        gzip.compress(b"{}") * 2,
        b"\x1f\x8b" + b"\x00" * 10_000_000,
        b"",
    ],
    ids=["deep", "bomb", "nested", "two in one", "ten megabytes of nothing", "empty"],
)
def test_frames_made_to_hurt_cost_little_memory_and_end_the_session(frame: bytes) -> None:
    """A few kilobytes never become more than the bound, and what comes of them is one refusal."""
    tracemalloc.start()
    try:
        with pytest.raises((StreamEnded, JsonTextError)):
            parse_json(decode_frame(frame))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 24 << 20


# ---- REST: money that is missing or wrong fails the read and is named

Ask = Callable[[BingxRest], Awaitable[object]]
ORDER_ROW: dict[str, object] = {
    "symbol": "BTC-USDT", "orderId": 1976209350456246273, "side": "BUY", "positionSide": "LONG", "type": "LIMIT",
    "origQty": "0.0123", "price": "60000.5", "executedQty": "0.0050", "avgPrice": "60000.1", "status": "NEW",
    "time": 1760000000000, "updateTime": 1760000004321, "clientOrderId": "t1-a0000001",
}  # fmt: skip
FILL_ROW: dict[str, object] = {
    "symbol": "BTC-USDT", "qty": "0.0050", "quoteQty": "300.0005", "price": "60000.1", "commission": "-0.060000",
    "commissionAsset": "USDT", "orderId": "1976209350456246273", "tradeId": "362700001", "role": "maker",
    "filledTime": "2025-10-09T16:53:21.000+08:00", "side": "BUY", "positionSide": "LONG",
}  # fmt: skip
BALANCE_ROW: dict[str, object] = {
    "asset": "USDT", "balance": "1000.0", "equity": "1000.5", "availableMargin": "900", "usedMargin": "100",
}  # fmt: skip
POSITION_ROW: dict[str, object] = {
    "positionId": "1", "symbol": "BTC-USDT", "positionAmt": "0.0123", "positionSide": "LONG", "avgPrice": "60000.5",
    "updateTime": 1760000005000,
}  # fmt: skip
INCOME_ROW: dict[str, object] = {
    "symbol": "LDO-USDT", "incomeType": "FUNDING_FEE", "income": "-0.0292", "asset": "USDT", "info": "Funding Fee",
    "time": 1760000000000, "tranId": "170***97", "tradeId": "170***97",
}  # fmt: skip
CONTRACT_ROW: dict[str, object] = {
    "symbol": "BTC-USDT", "size": "0", "quantityPrecision": 4, "pricePrecision": 1, "feeRate": 0.0005,
    "makerFeeRate": 0.0002, "takerFeeRate": 0.0005, "tradeMinQuantity": 0.0001, "tradeMinUSDT": 2, "status": 1,
    "apiStateOpen": "true", "apiStateClose": "true",
}  # fmt: skip
T0, T1 = 1_759_999_000_000_000_000, 1_760_000_100_000_000_000
# The message, a whole row, how it is wrapped, the question, and the fields whose absence must not pass.
ROWS: dict[str, tuple[dict[str, object], Callable[[object], object], Ask, str]] = {
    "order": (
        ORDER_ROW, lambda row: {"order": row}, lambda rest: rest.query_by_client_id("BTC-USDT", "t1-a0000001"),
        "symbol orderId side origQty executedQty status",
    ),
    "open order": (
        ORDER_ROW, lambda row: {"orders": [row]}, lambda rest: rest.open_orders("BTC-USDT"),
        "orderId side origQty executedQty status",
    ),
    "fill": (
        FILL_ROW, lambda row: {"fill_history_orders": [row]}, lambda rest: rest.fill_history("BTC-USDT", T0, T1),
        "qty price commission orderId tradeId filledTime side",
    ),
    "balance": (
        BALANCE_ROW, lambda row: [row], lambda rest: rest.balance("USDT"),
        "asset balance equity availableMargin usedMargin",
    ),
    "position": (
        POSITION_ROW, lambda row: [row], lambda rest: rest.positions(), "symbol positionAmt positionSide",
    ),
    "income": (
        INCOME_ROW, lambda row: [row], lambda rest: rest.income(T0, T1), "incomeType income time tranId",
    ),
    "contract": (
        CONTRACT_ROW, lambda row: [row], lambda rest: rest.contracts(["BTC-USDT"]),
        "symbol quantityPrecision pricePrecision tradeMinQuantity tradeMinUSDT status",
    ),
    "commission": (
        {"takerCommissionRate": 0.0005, "makerCommissionRate": 0.0002}, lambda row: {"commission": row},
        lambda rest: rest.commission_rates(), "takerCommissionRate makerCommissionRate",
    ),
    "leverage": (
        {"longLeverage": 5, "shortLeverage": 5}, lambda row: row, lambda rest: rest.leverage("BTC-USDT"),
        "longLeverage shortLeverage",
    ),
    "position mode": (
        {"dualSidePosition": "true"}, lambda row: row, lambda rest: rest.position_mode(), "dualSidePosition",
    ),
    "margin mode": (
        {"marginType": "CROSSED"}, lambda row: row, lambda rest: rest.margin_mode("BTC-USDT"), "marginType",
    ),
    "server time": ({"serverTime": 1760000000123}, lambda row: row, lambda rest: rest.server_time(), "serverTime"),
    "dead-man switch": (
        {"triggerTime": 1760000010, "status": "ACTIVATED", "note": ""}, lambda row: row,
        lambda rest: rest.cancel_all_after(30), "status",
    ),
}  # fmt: skip
MUST = [(name, field) for name, (_, _, _, fields) in ROWS.items() for field in fields.split()]
WRONG: list[object] = ["missing", None, [], {}, "", "x" * 400]
TEXTS = ["symbol", "orderId", "tradeId", "status", "incomeType", "tranId", "asset", "marginType"]


def yes(data: object) -> Said:
    return {"code": 0, "msg": "", "data": data}


async def ask(name: str, row: object) -> object:
    _, wrap, question, _ = ROWS[name]
    return await question(scripted_rest(yes(wrap(row))))


@pytest.mark.parametrize("name", ROWS)
async def test_a_whole_row_is_read_and_strange_fields_are_none_of_our_business(name: str) -> None:
    """What the other tests take something away from passes, and fields that nobody wrote down change nothing."""
    row = ROWS[name][0]
    assert repr(await ask(name, {**row, "brandNew": {"x": [1]}})) == repr(await ask(name, row))


@pytest.mark.parametrize(("name", "field"), MUST)
async def test_a_field_that_must_be_there_fails_the_read_by_name(name: str, field: str) -> None:
    """Missing, null, of another type, or no number: refused with the field's name; a half row is never booked."""
    row = ROWS[name][0]
    for wrong in WRONG if field in TEXTS else [*WRONG, "NaN", "x"]:
        changed = {key: value for key, value in row.items() if key != field or wrong != "missing"}
        if wrong != "missing":
            changed[field] = wrong
        with pytest.raises(BadReply) as caught:
            await ask(name, changed)
        assert len(str(caught.value)) < 700
        if field not in ("asset", "symbol"):  # a row of nobody's is not ours: that one is missing, then
            assert field in str(caught.value) or f"`{str(wrong)[:20]}" in str(caught.value)


@pytest.mark.parametrize("row", [None, 5, "x", [], {}, {"symbol": None}, {"symbol": ["BTC-USDT"]}, {"symbol": {}}])
async def test_a_row_that_does_not_say_whose_it_is_fails_the_listing(row: object) -> None:
    """It could be ours: the listing is not complete, and must not look as if it were."""
    for listing in ("orders", "fill_history_orders"):
        rest = scripted_rest(yes({listing: [row]}))
        with pytest.raises(BadReply, match="symbol: a row does not say it"):
            await (rest.open_orders("BTC-USDT") if listing == "orders" else rest.fill_history("BTC-USDT", T0, T1))
    with pytest.raises(BadReply, match="symbol"):
        await scripted_rest(yes([row])).positions("BTC-USDT")


@given(st.sampled_from(sorted(ROWS)), st.data())
async def test_a_row_with_anything_in_it_is_refused_or_read_within_bounds(name: str, data: st.DataObject) -> None:
    """Any field, any value: BadReply (or, where the answer could be an order's absence, None), and nothing else."""
    row = ROWS[name][0]
    field = data.draw(st.sampled_from(sorted(row)))
    evil = data.draw(st.sampled_from(EVIL) | st.integers() | st.text(max_size=12))
    refused: list[str] = []
    try:
        await ask(name, {**row, field: evil})
    except BadReply as error:
        refused.append(str(error))
    assert all(len(text) < 700 for text in refused)


@pytest.mark.parametrize(
    "body",
    ["", "null", "[]", "5", '"text"', "<html>", "{", '{"code":}', '{"code":0,"code":1}', '{"code":null,"data":{}}',
     '{"code":[],"data":{}}', '{"msg":"no code"}', '{"code":0.0,"data":{}}', '{"code":true,"data":{}}', b"\xff\xfe",
     "[" * 5000, '{"code":0,"data":' + "9" * 400 + "}"],
)  # fmt: skip
async def test_a_body_that_is_no_answer_is_told_as_refused_and_never_as_empty(body: str | bytes) -> None:
    """Positions are not flat, fills not none, orders not absent because a body could not be read."""
    for name in ("position", "fill", "order"):
        with pytest.raises(VenueRefused):
            await ROWS[name][2](scripted_rest(body))


# ---- telling once


def test_trouble_is_told_once_counted_always_and_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """Values do not make it another trouble; a thousand troubles are not a thousand lines; a line is one line."""
    notices = Notices("here")
    for number in range(1000):
        notices.tell(f"field: `{number}` is wrong")
    assert [record.getMessage() for record in caplog.records] == ["here: field: `0` is wrong (said once)"]
    notices.tell("evil `\n2026-01-01 INFO all is well\x1b[2J`" + "x" * 10_000)
    line = caplog.records[-1].getMessage()
    assert line.isprintable()
    assert len(line) < 600
    caplog.clear()
    for number in range(1000):
        notices.tell(f"trouble {number}")
    assert len(caplog.records) <= 256
    assert len(notices.counts) <= 257
    assert notices.total == 2001


def test_a_code_in_no_table_is_told_once_by_name(caplog: pytest.LogCaptureFixture) -> None:
    """The operator learns which code the tables lack; each code is a trouble of its own."""
    caplog.set_level(logging.WARNING)

    async def work() -> None:
        rest = scripted_rest(*[{"code": code, "msg": "new"} for code in (777001, 777001, 777002, 777001)])
        for _ in range(4):
            with pytest.raises(VenueRefused):
                await rest.positions()

    asyncio.run(work())
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert "positions: status 200 with code 777001 is in no table, taken as ambiguous: `new`" in lines[0]
    assert "777002" in lines[1]


# ---- market rows


def market_stream() -> MarketStream:
    """One that is not connected and whose four topics are acknowledged."""
    stream = MarketStream("ws://127.0.0.1:9", ["BTC-USDT"], StepClock(), Random(1), depth=20, mark_prices=True)
    for number in range(4):
        stream.take({"id": str(number), "code": 0, "msg": ""})
    stream._queue.clear()  # pyright: ignore[reportPrivateUsage] - the restoration
    return stream


TICK: dict[str, object] = {
    "e": "bookTicker", "u": 1, "E": 1760000000200, "T": 1760000000123, "s": "BTC-USDT", "b": "60000.0", "B": "1.2",
    "a": "60000.1", "A": "0.8",
}  # fmt: skip


@given(
    st.sampled_from(["bookTicker", "trade", "depth20@200ms", "markPrice"]),
    st.dictionaries(st.sampled_from([*TICK, "p", "q", "m", "bids", "asks"]), st.sampled_from(EVIL), max_size=4),
)
def test_a_market_row_with_anything_in_it_is_left_out_and_the_next_one_counts(
    kind: str, change: dict[str, object]
) -> None:
    """No exception leaves the reader, nothing that is not positive comes out, and the stream goes on."""
    stream = market_stream()
    rows = {"p": "1", "q": "1", "m": True, "bids": [["1", "1"]], "asks": [["2", "1"]], **TICK, **change}
    stream.take({"dataType": f"BTC-USDT@{kind}", "data": rows})
    stream.take({"dataType": "BTC-USDT@bookTicker", "data": TICK})
    events = [event for _, event in stream._queue]  # pyright: ignore[reportPrivateUsage] - nobody reads
    assert len(events) + stream.ignored == 2
    last = events[-1]
    assert isinstance(last, BookTicker)
    assert last.bid_price > 0
