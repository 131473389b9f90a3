"""Reads: every documented and observed variant of a reply is understood; what is not certain is an error, not empty."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import pairwise
from typing import cast

import pytest

from bingx_venue import START_NS, Say, Seen, StepClock, StubVenue, connected, no, yes
from dita.adapters.bingx.contracts import Contract
from dita.adapters.bingx.endpoints import CANCEL
from dita.adapters.bingx.errors import BadReply, Call, ErrorClass, NoReply, VenueError, VenueRefused
from dita.adapters.bingx.json_text import DEPTH_MAX, JsonTextError, parse_json
from dita.adapters.bingx.rest import BingxRest, PositionMode
from dita.adapters.logic.rows import BalanceRow, Evidence, FillRow, IncomeRow, OrderRow, OrderState, PositionRow
from dita.spec.vocabulary import OrderSide, Side

MS = 10**6
SECOND = 10**9
DAY = 86_400 * SECOND
SWAP = "/openApi/swap"
ORDER = f"{SWAP}/v2/trade/order"
LISTEN_KEY = "/openApi/user/auth/userDataStream"
USDT = 10**8
FILL_TIME_NS = 1_759_999_999_000_000_000 + 2 * SECOND  # 2025-10-09T16:53:21+08:00

FULL_ORDER = {
    "symbol": "BTC-USDT", "orderId": 1976209350456246273, "side": "BUY", "positionSide": "LONG", "type": "LIMIT",
    "origQty": "0.0123", "price": "60000.5", "executedQty": "0.0050", "avgPrice": "60000.1", "cumQuote": "300",
    "stopPrice": "", "profit": "0.0000", "commission": "-0.060000", "status": "PARTIALLY_FILLED",
    "time": 1760000000000, "updateTime": 1760000004321, "clientOrderId": "t1-a0000001", "leverage": "20X",
    "takeProfit": {"type": "", "quantity": 0}, "advanceAttr": 0, "positionID": 0, "workingType": "MARK_PRICE",
}  # fmt: skip
WIRE_FILL = {
    "symbol": "BTC-USDT", "qty": "0.0050", "quoteQty": "300.0005", "price": "60000.1", "commission": "-0.060000",
    "commissionAsset": "USDT", "orderId": "1976209350456246273", "tradeId": "362700001", "role": "maker",
    "filledTime": "2025-10-09T16:53:21.000+08:00", "filledTm": "2025-10-09T16:53:21Z", "side": "BUY",
    "positionSide": "LONG", "realisedPNL": "0.00000000",
}  # fmt: skip
CONTRACT = {
    "contractId": "100", "symbol": "BTC-USDT", "size": "0.0001", "quantityPrecision": 4, "pricePrecision": 1,
    "feeRate": 0.0005, "makerFeeRate": 0.0002, "takerFeeRate": 0.0005, "tradeMinLimit": 0, "tradeMinQuantity": 0.0001,
    "tradeMinUSDT": 2, "currency": "USDT", "asset": "BTC", "status": 1, "apiStateOpen": "true", "apiStateClose": "true",
}  # fmt: skip
POSITION = {
    "positionId": "1976209350456246300", "symbol": "BTC-USDT", "currency": "USDT", "positionAmt": "0.0123",
    "availableAmt": "0.0123", "positionSide": "LONG", "isolated": False, "avgPrice": "60000.5", "leverage": 20,
    "unrealizedProfit": "0.2", "onlyOnePosition": False, "updateTime": 1760000005000,
}  # fmt: skip
BALANCES = [
    {"userId": "1", "asset": "USDT", "balance": "1000.0000", "equity": "1000.5000", "unrealizedProfit": "0.5000",
     "availableMargin": "900.0000", "usedMargin": "100.0000", "freezedMargin": "0.0000"},
    {"userId": "1", "asset": "USDC", "balance": "", "equity": "", "availableMargin": "", "usedMargin": ""},
]  # fmt: skip
INCOME = {
    "symbol": "BTC-USDT", "incomeType": "FUNDING_FEE", "income": "-0.0292", "asset": "USDT", "info": "Funding Fee",
    "time": 1702713615000, "tranId": "170***6*2_3*9_20***97", "tradeId": "",
}  # fmt: skip


def moving_clock() -> StepClock:
    """Every reading takes a tenth of a second, so that the limiter never has to wait."""
    return StepClock(step_ns=100 * MS)


async def ask(path: str, answer: Say, question: Callable[[BingxRest], Awaitable[object]]) -> object:
    """One question to a venue that has one answer."""
    async with StubVenue().serving() as venue:
        venue.on("GET", path, answer)
        async with connected(venue, moving_clock()) as rest:
            return await question(rest)


async def test_the_clock_offset_is_measured_and_used() -> None:
    """The venue runs 7 s ahead: the offset says so within its uncertainty, and the next timestamp is the venue's."""
    clock = StepClock(step_ns=20 * MS)
    async with StubVenue().serving() as venue:
        venue.clock_ns = lambda: clock.now_ns + 7 * SECOND
        venue.on("GET", f"{SWAP}/v2/user/positions", yes([]))
        async with connected(venue, clock) as rest:
            offset = await rest.sync_clock()
            await rest.positions()
            sent_ns = clock.now_ns
    assert abs(offset.offset_ns - 7 * SECOND) <= offset.uncertainty_ns
    stamped_ms = int(venue.requests("GET", f"{SWAP}/v2/user/positions")[0].parameters["timestamp"])
    assert abs(stamped_ms * MS - (sent_ns + 7 * SECOND)) < SECOND


async def test_callers_that_come_together_measure_the_clock_once() -> None:
    """Twenty first calls at once: five samples in all, not five each; a later refresh is left to reads."""
    clock = StepClock(step_ns=100 * MS)
    async with StubVenue().serving() as venue:
        path = f"{SWAP}/v2/user/positions"
        venue.on("GET", path, yes([]))
        venue.on("DELETE", ORDER, no(80016, "order not exist"))
        async with connected(venue, clock) as rest:
            await asyncio.gather(*(rest.positions() for _ in range(20)))
            samples = venue.requests("GET", f"{SWAP}/v2/server/time")
            assert len(samples) == 5
            clock.now_ns += 1000 * SECOND
            await rest.api.call(CANCEL, {"symbol": "BTC-USDT"}, Call.CANCEL)
            assert len(venue.requests("GET", f"{SWAP}/v2/server/time")) == 5
            await rest.positions()
            assert len(venue.requests("GET", f"{SWAP}/v2/server/time")) == 10


async def test_a_clock_that_cannot_be_measured_delays_nobody_twice() -> None:
    """The server time call fails: callers go on with what they have, and the next attempt is seconds away."""
    async with StubVenue().serving() as venue:
        path = f"{SWAP}/v2/user/positions"
        venue.on("GET", path, yes([]))
        venue.on("GET", f"{SWAP}/v2/server/time", Say("", 500))
        async with connected(venue, StepClock(step_ns=MS)) as rest:
            await asyncio.gather(*(rest.positions() for _ in range(5)))
            assert len(venue.requests("GET", f"{SWAP}/v2/server/time")) == 1


async def test_a_clock_error_is_healed_by_measuring_again() -> None:
    """109400 `timestamp is invalid` on a read: the clock is measured and the read repeated, once."""
    async with StubVenue().serving() as venue:
        path = f"{SWAP}/v2/user/positions"
        venue.on("GET", path, no(109400, "timestamp is invalid"), yes([]))
        async with connected(venue, moving_clock()) as rest:
            await rest.sync_clock()
            before = len(venue.seen)
            assert await rest.positions() == ()
            assert len([seen for seen in venue.seen[before:] if seen.path.endswith("server/time")]) >= 1
        venue.on("GET", path, no(100421, "timestamp mismatch"))
        async with connected(venue, moving_clock()) as rest:
            with pytest.raises(VenueRefused) as caught:
                await rest.positions()
    assert caught.value.meaning.klass is ErrorClass.CLOCK
    assert len(venue.requests("GET", path)) == 4


async def test_contract_terms_are_typed_and_exact() -> None:
    """Precisions become lot and tick; both minimums are kept; a stranger's odd row does not matter."""
    rows = [CONTRACT, {"symbol": "ODD-USDT", "status": "?"}]
    terms = await ask(f"{SWAP}/v2/quote/contracts", yes(rows), lambda rest: rest.contracts(["BTC-USDT"]))
    assert terms == {
        "BTC-USDT": Contract(
            symbol="BTC-USDT", tick=10**9, lot=10**4, price_precision=1, quantity_precision=4, quantity_min=10**4,
            notional_min=2 * USDT, taker_ppb=500_000, maker_ppb=200_000, tradable=True,
        )
    }  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [{"status": 25}, {"apiStateOpen": "false"}, {"apiStateClose": "false"}, {"apiStateOpen": None}],
)
async def test_a_contract_that_is_not_fully_open_is_not_tradable(change: dict[str, object]) -> None:
    """Status 1 and both states, or it may not be opened."""
    rows = yes([{**CONTRACT, **change}])
    terms = await ask(f"{SWAP}/v2/quote/contracts", rows, lambda rest: rest.contracts(["BTC-USDT"]))
    assert getattr(cast("dict[str, object]", terms)["BTC-USDT"], "tradable", None) is False


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "not listed"),
        ([CONTRACT, CONTRACT], "twice"),
        ([{**CONTRACT, "tradeMinQuantity": None}], "tradeMinQuantity"),
        ([{**CONTRACT, "pricePrecision": 11}], "finer than the books"),
        ([{**CONTRACT, "quantityPrecision": 9}], "finer than the books"),
        ([{**CONTRACT, "quantityPrecision": 1.5}], "quantity"),
        ([{key: value for key, value in CONTRACT.items() if key != "tradeMinUSDT"}], "tradeMinUSDT"),
    ],
)
async def test_a_contract_that_cannot_be_trusted_is_refused_by_name(rows: list[object], says: str) -> None:
    """Missing terms are not zero, and precisions beyond the scales are not rounded."""
    with pytest.raises(BadReply, match=says):
        await ask(f"{SWAP}/v2/quote/contracts", yes(rows), lambda rest: rest.contracts(["BTC-USDT"]))


async def test_the_wallet_is_the_named_assets_row() -> None:
    """Both the list and the older single object are read; other assets' empty texts do no harm."""
    wanted = BalanceRow("USDT", 1000 * USDT, 1000 * USDT + USDT // 2, 900 * USDT, 100 * USDT)
    for data in (BALANCES, {"balance": BALANCES[0]}, {"balance": BALANCES}):
        assert await ask(f"{SWAP}/v3/user/balance", yes(data), lambda rest: rest.balance("USDT")) == wanted


@pytest.mark.parametrize("data", [None, [], {}, BALANCES[1:], [BALANCES[0], BALANCES[0]]])
async def test_a_wallet_that_is_not_told_is_not_zero(data: object) -> None:
    """No row, an empty balance, or two rows: the read fails."""
    with pytest.raises(BadReply):
        await ask(f"{SWAP}/v3/user/balance", yes(data), lambda rest: rest.balance("USDT"))
    with pytest.raises(BadReply, match="USDC"):
        await ask(f"{SWAP}/v3/user/balance", yes(BALANCES), lambda rest: rest.balance("USDC"))


@pytest.mark.parametrize(
    ("change", "side", "quantity"),
    [
        ({}, Side.LONG, 1_230_000),
        ({"positionSide": "SHORT"}, Side.SHORT, 1_230_000),
        ({"positionSide": "SHORT", "positionAmt": "-0.0123"}, Side.SHORT, 1_230_000),
        ({"positionSide": "BOTH"}, Side.LONG, 1_230_000),
        ({"positionSide": "BOTH", "positionAmt": "-0.0123"}, Side.SHORT, 1_230_000),
        ({"onlyOnePosition": True, "positionSide": "SHORT"}, Side.SHORT, 1_230_000),
        ({"positionAmt": Decimal("0.0123")}, Side.LONG, 1_230_000),
    ],
)
async def test_positions_of_both_modes_are_read(change: dict[str, object], side: Side, quantity: int) -> None:
    """Hedge rows are unsigned, one-way rows come as BOTH with a sign, or as LONG and SHORT."""
    body = json.dumps({"code": 0, "data": [{**POSITION, **change}]}, default=float)
    rows = await ask(f"{SWAP}/v2/user/positions", Say(body), lambda rest: rest.positions("BTC-USDT"))
    wanted = PositionRow(
        "BTC-USDT", side, quantity, 600_005_000_000_000, 1_760_000_005_000_000_000, "1976209350456246300"
    )
    assert rows == (wanted,)


@pytest.mark.parametrize(
    "change",
    [{"positionSide": "LONG", "positionAmt": "-1"}, {"positionAmt": ""}, {"positionAmt": None}, {"positionSide": "X"}],
)
async def test_a_position_that_contradicts_itself_is_refused(change: dict[str, object]) -> None:
    """An amount that is missing is not flat, and a negative long is nothing we know."""
    with pytest.raises(BadReply):
        await ask(f"{SWAP}/v2/user/positions", yes([{**POSITION, **change}]), lambda rest: rest.positions("BTC-USDT"))


EMPTY: list[object] = [None, [], {}]
LISTINGS: list[tuple[str, str, Callable[[BingxRest], Awaitable[object]]]] = [
    (f"{SWAP}/v2/user/positions", "", lambda rest: rest.positions("BTC-USDT")),
    (f"{SWAP}/v2/trade/openOrders", "orders", lambda rest: rest.open_orders("BTC-USDT")),
    (f"{SWAP}/v2/trade/allOrders", "orders", lambda rest: rest.all_orders("BTC-USDT", START_NS, START_NS + SECOND)),
    (f"{SWAP}/v1/trade/fullOrder", "orders", lambda rest: rest.full_orders("BTC-USDT", START_NS, START_NS + SECOND)),
    (
        f"{SWAP}/v2/trade/fillHistory",
        "fill_history_orders",
        lambda rest: rest.fill_history("BTC-USDT", START_NS, START_NS + SECOND),
    ),
    (f"{SWAP}/v2/user/income", "", lambda rest: rest.income(START_NS, START_NS + SECOND)),
]


@pytest.mark.parametrize(("path", "key", "question"), LISTINGS)
async def test_every_way_to_say_empty_is_empty(
    path: str, key: str, question: Callable[[BingxRest], Awaitable[object]]
) -> None:
    """``[]``, null, ``{}``, a missing key and a null key, with code 0, all mean that there is nothing."""
    more: list[object] = [{key: None}, {key: []}] if key else []
    datas = EMPTY + more
    for data in datas:
        assert await ask(path, yes(data), question) == ()
    assert await ask(path, Say({"code": 0, "msg": ""}), question) == ()
    assert await ask(path, Say({"code": "0"}), question) == ()


@pytest.mark.parametrize(("path", "key", "question"), LISTINGS)
async def test_a_listing_that_failed_is_never_an_empty_one(
    path: str, key: str, question: Callable[[BingxRest], Awaitable[object]]
) -> None:
    """Errors, pages, empty bodies, other shapes and unreadable rows raise; `data` is ``{}`` in every failure."""
    bad = [
        no(100410, "rate limited"),
        no(80012, "Service Unavailable"),
        no(99999),
        Say(""),
        Say("<html>"),
        Say("[]"),
        Say({"data": []}),
        Say({"code": None, "data": []}),
        Say({"code": 0, "data": []}, status=502),
        Say({"code": 0, "data": []}, status=204),
        yes("text"),
        yes({"something": []}),
        Say('{"code":0,"code":0,"data":[]}'),
    ]
    if key:
        bad += [yes({key: "text"}), yes({key: [{"symbol": "BTC-USDT"}]})]
    for answer in bad:
        with pytest.raises(VenueError):
            await ask(path, answer, question)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("NEW", OrderState.OPEN), ("PENDING", OrderState.OPEN), ("WORKING", OrderState.OPEN),
        ("PARTIALLY_FILLED", OrderState.OPEN), ("FILLED", OrderState.FILLED), ("CANCELED", OrderState.CANCELED),
        ("CANCELLED", OrderState.CANCELED), ("EXPIRED", OrderState.EXPIRED), ("FAILED", OrderState.FAILED),
        ("SOMETHING_NEW", OrderState.OTHER),
    ],
)  # fmt: skip
async def test_an_order_is_read_whole_and_a_new_status_is_never_terminal(status: str, state: OrderState) -> None:
    """The id keeps all its digits; both spellings of cancelled are one; an unknown word closes nothing."""
    reply = yes({"order": {**FULL_ORDER, "status": status}})
    async with StubVenue().serving() as venue:
        venue.on("GET", ORDER, reply)
        async with connected(venue, moving_clock()) as rest:
            row = await rest.query_by_client_id("BTC-USDT", "T1-A0000001")
    assert row is not None
    assert (row.order_id, row.client_order_id) == ("1976209350456246273", "t1-a0000001")
    assert (row.state, row.state.is_terminal, row.evidence) == (
        state, state not in (OrderState.OPEN, OrderState.OTHER), Evidence.QUERY,
    )  # fmt: skip
    assert (row.ordered_quantity, row.cum_quantity) == (1_230_000, 500_000)
    assert row.average_price == 600_001_000_000_000
    assert row.time_ns == 1_760_000_004_321_000_000
    assert venue.requests("GET", ORDER)[0].parameters["clientOrderId"] == "T1-A0000001"


@pytest.mark.parametrize(
    "change", [{"orderId": "1976209350456246273"}, {"clientOrderId": "", "clientOrderID": "t1-a0000001"}]
)
async def test_ids_are_read_in_every_spelling(change: dict[str, object]) -> None:
    """As integer or text, under either key."""
    reply = yes({"order": {**FULL_ORDER, **change}})
    row = await ask(ORDER, reply, lambda rest: rest.query_by_client_id("BTC-USDT", "t1-a0000001"))
    assert getattr(row, "order_id", None) == "1976209350456246273"


@pytest.mark.parametrize(
    "answer",
    [
        no(80016, "order not exist"), no(109414), no(109421, "order not exist"), no(109400, "order not exist"),
        no(80001, "order not exist"), yes(None), yes({}), yes({"order": None}), yes({"order": {}}),
    ],
)  # fmt: skip
async def test_no_such_order_is_none(answer: Say) -> None:
    """Each documented and observed way to say that the venue knows no such order."""
    assert await ask(ORDER, answer, lambda rest: rest.query_by_client_id("BTC-USDT", "t1-a0000001")) is None


@pytest.mark.parametrize(
    "answer",
    [
        no(80001, "service has some errors"), no(109400, "bad parameter"), no(80012), no(100410), no(100500),
        Say(""), Say("<html>", 504), Say({"code": 0, "data": {}}, 503),
        yes({"order": {**FULL_ORDER, "symbol": "ETH-USDT"}}),
        yes({"order": {**FULL_ORDER, "clientOrderId": "other-1"}}), yes({"order": {**FULL_ORDER, "clientOrderId": ""}}),
        yes({"order": {**FULL_ORDER, "executedQty": ""}}), yes({"order": {**FULL_ORDER, "orderId": 0}}),
        yes({"order": {key: value for key, value in FULL_ORDER.items() if key != "executedQty"}}),
        yes({"order": {**FULL_ORDER, "executedQty": "0.000000001"}}),
    ],
)  # fmt: skip
async def test_a_query_that_failed_or_is_about_another_order_is_not_a_miss(answer: Say) -> None:
    """A generic failure, another order, or an order without its money is an error: nothing follows from it."""
    with pytest.raises(VenueError):
        await ask(ORDER, answer, lambda rest: rest.query_by_client_id("BTC-USDT", "t1-a0000001"))


async def test_listings_keep_only_the_symbol_that_was_asked_for() -> None:
    """A filter that the venue ignores is applied here, and a stranger's unreadable row does no harm."""
    orders = {"orders": [FULL_ORDER, {**FULL_ORDER, "symbol": "ETH-USDT", "orderId": 5}, {"symbol": "ODD-USDT"}]}
    rows = await ask(f"{SWAP}/v2/trade/openOrders", yes(orders), lambda rest: rest.open_orders("BTC-USDT"))
    (row,) = cast("tuple[OrderRow, ...]", rows)
    assert row.order_id == "1976209350456246273"
    assert row.evidence is Evidence.LISTING


WANTED_FILL = FillRow(
    "BTC-USDT", "362700001", "1976209350456246273", OrderSide.BUY, "LONG", 600_001_000_000_000, 500_000,
    -60_000_000_000_000_000, "USDT", FILL_TIME_NS,
)  # fmt: skip


def fills(*rows: object, **more: object) -> Say:
    return yes({"fill_history_orders": list(rows), **more})


async def read_fills(rest: BingxRest) -> tuple[FillRow, ...]:
    return await rest.fill_history("BTC-USDT", FILL_TIME_NS - SECOND, FILL_TIME_NS + SECOND)


@pytest.mark.parametrize(
    "row",
    [
        WIRE_FILL,
        {**WIRE_FILL, "filledTime": "2025-10-09T16:53:21.000+0800", "side": "buy", "positionSide": "long"},
        {**WIRE_FILL, "volume": "0.0050", "qty": "300.0005", "quoteQty": "junk is not read"},
        {**WIRE_FILL, "quoteQty": "300"},
        {**WIRE_FILL, "tradeId": 362700001, "orderId": 1976209350456246273},
    ],
)
async def test_the_wire_form_and_the_page_form_of_a_fill_are_one_row(row: dict[str, object]) -> None:
    """`qty` is coins on the wire and notional on the page; the offset comes with and without colon and is honoured."""
    if row.get("quoteQty") == "junk is not read":
        row = {key: value for key, value in row.items() if key != "quoteQty"}
    assert await ask(f"{SWAP}/v2/trade/fillHistory", fills(row), read_fills) == (WANTED_FILL,)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"quoteQty": "301.0005"}, "is not"),
        ({"commission": ""}, "commission"),
        ({"commission": None}, "commission"),
        ({"price": "0", "quoteQty": "0"}, "not positive"),
        ({"qty": "-0.0050", "quoteQty": "-300.0005"}, "not positive"),
        ({"filledTime": "2025-10-09T16:53:21.000"}, "offset"),
        ({"filledTime": "yesterday"}, "not a time"),
        ({"tradeId": ""}, "names nothing"),
        ({"side": "HOLD"}, "BUY nor SELL"),
        ({"price": "NaN"}, "price"),
        ({"qty": "0.005000001", "quoteQty": "300.0005600001"}, "decimals"),
    ],
)
async def test_a_fill_that_cannot_be_booked_fails_the_read(change: dict[str, object], says: str) -> None:
    """Money that is missing, contradictory or not exact is never guessed."""
    with pytest.raises(BadReply, match=says):
        await ask(f"{SWAP}/v2/trade/fillHistory", fills({**WIRE_FILL, **change}), read_fills)


async def test_fills_are_read_in_windows_and_pages_once_each() -> None:
    """20 days become windows of at most 7 days that overlap; full pages are followed by the next; copies go."""
    moments: list[tuple[int, int, int]] = []

    def page(seen: Seen) -> Say:
        start, end, index = (int(seen.parameters[name]) for name in ("startTs", "endTs", "pageIndex"))
        moments.append((start, end, index))
        assert end - start <= 7 * 86_400_000
        number = 1000 if index == 1 else 3
        first = (index - 1) * 1000 + 1
        return fills(*({**WIRE_FILL, "tradeId": str(first + n)} for n in range(number)), total=1003)

    async with StubVenue().serving() as venue:
        venue.on("GET", f"{SWAP}/v2/trade/fillHistory", page)
        async with connected(venue, moving_clock()) as rest:
            rows = await rest.fill_history("BTC-USDT", START_NS - 20 * DAY, START_NS)
    assert len(rows) == 1003
    windows = sorted({(start, end) for start, end, _ in moments})
    assert len(windows) == 4
    assert windows[0][0] * MS < START_NS - 20 * DAY
    assert windows[-1][1] * MS >= START_NS
    for (_, end), (start, _) in pairwise(windows):
        assert start <= end - 1000  # a start that is exclusive loses nothing
    assert [index for *_, index in moments] == [1, 2] * 4


async def test_a_total_beyond_what_was_seen_asks_for_the_next_page() -> None:
    """A venue that gives shorter pages than asked for is read to the end."""
    answers = [fills({**WIRE_FILL, "tradeId": str(n)}, total=3) for n in (1, 2, 3)]
    async with StubVenue().serving() as venue:
        venue.on("GET", f"{SWAP}/v2/trade/fillHistory", *answers, fills(total=3))
        async with connected(venue, moving_clock()) as rest:
            assert [row.trade_id for row in await read_fills(rest)] == ["1", "2", "3"]


async def test_one_trade_told_in_two_ways_settles_nothing() -> None:
    """The same trade id with other figures is a contradiction."""
    two = fills(WIRE_FILL, {**WIRE_FILL, "commission": "-0.07"})
    with pytest.raises(BadReply, match="two ways"):
        await ask(f"{SWAP}/v2/trade/fillHistory", two, read_fills)


async def test_a_full_window_of_orders_is_halved_until_it_is_complete() -> None:
    """A thousand rows may hide more: the window is split until no reply is full, and every order is found."""
    all_ids = range(2500)  # order n lives at second n

    def window(seen: Seen) -> Say:
        start, end = (int(seen.parameters[name]) for name in ("startTime", "endTime"))
        inside = [n for n in all_ids if start < START_NS // MS + n * 1000 <= end][:1000]
        rows = [{**FULL_ORDER, "orderId": n + 1, "time": START_NS // MS + n * 1000} for n in inside]
        return yes({"orders": rows})

    async with StubVenue().serving() as venue:
        venue.on("GET", f"{SWAP}/v2/trade/allOrders", window)
        async with connected(venue, moving_clock()) as rest:
            rows = await rest.all_orders("BTC-USDT", START_NS, START_NS + 2500 * SECOND)
    assert {int(row.order_id) for row in rows} == {n + 1 for n in all_ids}


async def test_more_rows_in_a_second_than_a_reply_can_hold_fail_the_read() -> None:
    """A window that cannot be halved any more is an incomplete listing, and that is an error."""
    full = yes([{**INCOME, "tranId": str(n)} for n in range(1000)])
    with pytest.raises(BadReply, match="within a second"):
        await ask(f"{SWAP}/v2/user/income", full, lambda rest: rest.income(START_NS, START_NS + 2 * SECOND))


async def test_income_rows_are_exact_and_distinct() -> None:
    """Signed as the venue signs them (positive is received), at 1e-18, once for each transaction, symbol and type."""
    other = {**INCOME, "symbol": "ETH-USDT", "income": "0.5"}
    rows = await ask(
        f"{SWAP}/v2/user/income", yes([INCOME, other, INCOME]), lambda rest: rest.income(START_NS, START_NS + SECOND)
    )
    found = cast("tuple[IncomeRow, ...]", rows)
    assert [(row.symbol, row.amount_e18) for row in found] == [
        ("BTC-USDT", -29_200_000_000_000_000),
        ("ETH-USDT", 500_000_000_000_000_000),
    ]
    assert found[0].time_ns == 1_702_713_615_000_000_000


async def test_the_position_mode_is_text_or_boolean() -> None:
    """`"true"` is hedge; anything but true and false is an error."""
    path = f"{SWAP}/v1/positionSide/dual"
    for value, mode in (("true", PositionMode.HEDGE), (False, PositionMode.ONE_WAY), ("false", PositionMode.ONE_WAY)):
        reply = yes({"dualSidePosition": value})
        assert await ask(path, reply, lambda rest: rest.position_mode()) is mode
    with pytest.raises(BadReply):
        await ask(path, yes({}), lambda rest: rest.position_mode())


async def test_settings_and_rates() -> None:
    """Leverage, commission rates and the two setters speak the documented parameters."""
    async with StubVenue().serving() as venue:
        leverage = {"longLeverage": 20, "shortLeverage": "10", "maxLongLeverage": 125}
        venue.on("GET", f"{SWAP}/v2/trade/leverage", yes(leverage))
        venue.on("POST", f"{SWAP}/v2/trade/leverage", yes({"leverage": 5}))
        venue.on("POST", f"{SWAP}/v1/positionSide/dual", yes({}))
        rates = {"takerCommissionRate": 0.0005, "makerCommissionRate": 0.00019}
        venue.on("GET", f"{SWAP}/v2/user/commissionRate", yes({"commission": rates}))
        async with connected(venue, moving_clock()) as rest:
            read = await rest.leverage("BTC-USDT")
            await rest.set_leverage("BTC-USDT", Side.NONE, 5)
            await rest.set_position_mode(PositionMode.ONE_WAY)
            assert await rest.commission_rates() == (500_000, 190_000)
    assert (read.long, read.short, read.long_max, read.short_max) == (20, 10, 125, 0)
    assert venue.requests("POST", f"{SWAP}/v2/trade/leverage")[0].parameters["side"] == "BOTH"
    assert venue.requests("POST", f"{SWAP}/v1/positionSide/dual")[0].parameters["dualSidePosition"] == "false"
    assert all(seen.signature_holds for seen in venue.seen if "server/time" not in seen.path)


async def test_a_listen_key_comes_bare_or_wrapped_and_is_extended_and_deleted() -> None:
    """The one call without an envelope; PUT and DELETE answer with nothing, ``{}`` or an envelope."""
    key = "a8ea75681542e66f1a50a1616dd06ed77dab61baa0c296bca03a9b13ee5f2dd7"
    async with StubVenue().serving() as venue, connected(venue, moving_clock()) as rest:
        for body in ({"listenKey": key}, {"code": 0, "data": {"listenKey": key}}):
            venue.on("POST", LISTEN_KEY, Say(body))
            assert await rest.create_listen_key() == key
        for answer in (Say(""), Say("{}"), yes({})):
            venue.on("PUT", LISTEN_KEY, answer)
            venue.on("DELETE", LISTEN_KEY, answer)
            await rest.extend_listen_key(key)
            await rest.delete_listen_key(key)
        for refusal in (Say("", 404), Say("", 204), no(100401, "expired"), Say("", 500)):
            venue.on("PUT", LISTEN_KEY, refusal)
            with pytest.raises(VenueRefused):
                await rest.extend_listen_key(key)
        for nonsense in (
            Say({"listenKey": ""}),
            Say({"listenKey": "a b?"}),
            Say({}),
            no(100001),
            Say(f'["{key}"]'),
        ):
            venue.on("POST", LISTEN_KEY, nonsense)
            with pytest.raises(VenueRefused):
                await rest.create_listen_key()
    assert venue.requests("PUT", LISTEN_KEY)[0].parameters["listenKey"] == key


async def test_the_dead_mans_switch_must_be_confirmed() -> None:
    """Only ACTIVATED counts as armed and only CLOSED as disarmed; times outside the venue's range are refused here."""
    path = f"{SWAP}/v2/trade/cancelAllAfter"
    async with StubVenue().serving() as venue, connected(venue, StepClock(step_ns=SECOND)) as rest:
        venue.on("POST", path, yes({"triggerTime": 1760000010, "status": "ACTIVATED"}))
        await rest.cancel_all_after(30)
        with pytest.raises(BadReply, match="not set"):
            await rest.cancel_all_after(0)
        venue.on("POST", path, yes({"status": "CLOSED"}))
        await rest.cancel_all_after(0)
        venue.on("POST", path, yes({"status": "FAILED"}))
        with pytest.raises(BadReply, match="FAILED"):
            await rest.cancel_all_after(30)
        for seconds in (9, 121, -1):
            with pytest.raises(ValueError, match="10 to 120"):
                await rest.cancel_all_after(seconds)
    asked = [(seen.parameters["type"], seen.parameters["timeOut"]) for seen in venue.requests("POST", path)]
    assert asked[0] == ("ACTIVATE", "30")
    assert asked[2][0] == "CLOSE"


async def test_a_read_is_repeated_on_the_other_host_only_when_unanswered() -> None:
    """A gateway error or a dead host sends a read to the fallback; a business answer, good or bad, does not."""
    path = f"{SWAP}/v2/user/positions"
    async with StubVenue().serving() as primary, StubVenue().serving() as other:
        other.on("GET", path, yes([POSITION]))
        primary.on("GET", path, Say("<html>", 502), no(80012), yes([]))
        async with connected(primary, moving_clock(), fallback=other.url) as rest:
            assert len(await rest.positions()) == 1
            with pytest.raises(VenueRefused):
                await rest.positions()
            assert await rest.positions() == ()
        assert len(other.requests("GET", path)) == 1
    assert all(seen.signature_holds for seen in other.seen if seen.query)


async def test_a_setting_is_not_repeated_on_the_other_host() -> None:
    """Only what is idempotent may go out twice."""
    path = f"{SWAP}/v2/trade/leverage"
    async with StubVenue().serving() as primary, StubVenue().serving() as other:
        primary.on("POST", path, Say("", 504))
        async with connected(primary, moving_clock(), fallback=other.url) as rest:
            with pytest.raises(VenueRefused):
                await rest.set_leverage("BTC-USDT", Side.LONG, 5)
        assert other.requests("POST", path) == []


async def test_a_rate_limit_pauses_the_endpoint_and_an_address_ban_pauses_all() -> None:
    """After 429 the same endpoint waits and others do not; after 418 nothing goes out."""
    clock = StepClock(step_ns=MS)
    async with StubVenue().serving() as venue:
        venue.on("GET", f"{SWAP}/v2/user/positions", Say("", 429))
        venue.on("GET", f"{SWAP}/v3/user/balance", yes(BALANCES), Say("", 418))
        async with connected(venue, clock) as rest:
            with pytest.raises(VenueRefused) as limited:
                await rest.positions()
            assert limited.value.meaning.klass is ErrorClass.RATE_LIMITED
            assert rest.api.transport.limiter.wait_ns("positions", clock.now_ns, urgent=True) >= SECOND - MS
            await rest.balance("USDT")
            with pytest.raises(VenueRefused):
                await rest.balance("USDT")
            count = len(venue.seen)
            with pytest.raises(NoReply, match="throttled"):
                await rest.leverage("BTC-USDT")
            assert len(venue.seen) == count


@pytest.mark.parametrize("refusal", [no(100001, "signature error"), no(109400, "recvWindow is invalid")])
async def test_the_receive_window_probe_falls_back_when_only_the_window_fails(refusal: Say) -> None:
    """If signed reads fail with recvWindow and work without, the venue's default is left in force, and W is widened."""
    path = f"{SWAP}/v1/positionSide/dual"

    def picky(seen: Seen) -> Say:
        return refusal if "recvWindow" in seen.parameters else yes({"dualSidePosition": "true"})

    async with StubVenue().serving() as venue:
        venue.on("GET", path, picky)
        async with connected(venue, moving_clock()) as rest:
            assert rest.api.transport.window_ns == 2 * SECOND
            assert not await rest.probe_receive_window()
            assert rest.api.transport.window_ns == 5 * SECOND
            await rest.position_mode()
        venue.on("GET", path, no(100001, "signature error"))
        async with connected(venue, moving_clock()) as rest:
            with pytest.raises(VenueRefused):
                await rest.probe_receive_window()
            assert rest.api.transport.send_recv_window


@pytest.mark.parametrize(
    ("answer", "refused"),
    [(no(109400, "timestamp is invalid"), True), (no(100421), True), (yes({"order": {}}), False), (no(101204), False)],
)
async def test_the_stale_timestamp_probe_sends_a_timestamp_beyond_the_window(answer: Say, refused: bool) -> None:
    """Only a clock error proves that the window is enforced; acceptance or any other refusal proves that it is not."""
    clock = moving_clock()
    async with StubVenue().serving() as venue:
        venue.on("POST", f"{ORDER}/test", answer)
        async with connected(venue, clock) as rest:
            assert await rest.stale_timestamp_is_refused({"symbol": "BTC-USDT"}) is refused
    stamped = int(venue.requests("POST", f"{ORDER}/test")[0].parameters["timestamp"])
    assert stamped * MS < clock.now_ns - 60 * SECOND


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "nul", '{"a":NaN}', '{"a":Infinity}', '{"a":-Infinity}', '{"a":1,"a":2}', "[" * 100_000,
        "[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1), '{"a":' + "9" * 5000 + "}", '{"a":0.' + "1" * 5000 + "}",
        b"\xff\xfe", '"\ud800'.encode("utf-8", "surrogatepass"), "{'a':1}", '{"a":1}{"b":2}',
    ],
)  # fmt: skip
def test_hostile_json_is_refused_and_nothing_else_happens(text: str | bytes) -> None:
    """Depth, digits, constants, repeated keys, encodings: one clear error type, no recursion, no float."""
    with pytest.raises(JsonTextError):
        parse_json(text)


def test_json_numbers_keep_every_digit() -> None:
    """Ids beyond 2^53 stay integers and decimals stay decimals."""
    assert parse_json('{"id":9007199254740993,"p":0.1}') == {"id": 9007199254740993, "p": Decimal("0.1")}
