"""Long time ranges: fills, orders and income are read completely and once each, or the read fails."""

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import cast

import pytest

from bingx_venue import START_NS, Say, Seen, StubVenue, ask, connected, moving_clock, yes
from dita.adapters.bingx.errors import BadReply
from dita.adapters.bingx.rest import BingxRest
from dita.adapters.logic.rows import FillRow, IncomeRow
from dita.spec.vocabulary import OrderSide

MS = 10**6
SECOND = 10**9
DAY = 86_400 * SECOND
SWAP = "/openApi/swap"
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
INCOME = {
    "symbol": "BTC-USDT", "incomeType": "FUNDING_FEE", "income": "-0.0292", "asset": "USDT", "info": "Funding Fee",
    "time": 1702713615000, "tranId": "170***6*2_3*9_20***97", "tradeId": "",
}  # fmt: skip


WANTED_FILL = FillRow(
    "BTC-USDT", "362700001", "1976209350456246273", OrderSide.BUY, "LONG", 600_001_000_000_000, 500_000,
    -60_000_000_000_000_000, "USDT", FILL_TIME_NS, is_maker=True,
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
        ({"tradeId": ""}, "tradeId: "),
        ({"tradeId": "0"}, "names nothing"),
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


async def test_thousands_of_income_rows_within_a_second_are_read() -> None:
    """Their times are milliseconds, so windows are halved down to these; every row is found, also at the seams."""
    moments = [START_NS // MS + n * 999 // 2499 for n in range(2500)]

    def window(seen: Seen) -> Say:
        start, end = (int(seen.parameters[name]) for name in ("startTime", "endTime"))
        inside = [n for n, moment in enumerate(moments) if start < moment <= end][:1000]
        return yes([{**INCOME, "tranId": str(n), "time": moments[n]} for n in inside])

    async with StubVenue().serving() as venue:
        venue.on("GET", f"{SWAP}/v2/user/income", window)
        async with connected(venue, moving_clock()) as rest:
            rows = await rest.income(START_NS, START_NS + SECOND)
    assert {int(row.transaction_id) for row in rows} == set(range(2500))


async def read_income(rest: BingxRest) -> object:
    return await rest.income(START_NS, START_NS + 2 * SECOND)


async def read_orders(rest: BingxRest) -> object:
    return await rest.all_orders("BTC-USDT", START_NS, START_NS + 2 * SECOND)


@pytest.mark.parametrize(
    ("path", "rows", "read", "length"),
    [
        ("v2/user/income", [{**INCOME, "tranId": "1"}] * 1000, read_income, 1),
        ("v2/trade/allOrders", {"orders": [FULL_ORDER] * 1000}, read_orders, 1000),
    ],
    ids=["income", "orders"],
)
async def test_more_rows_at_one_time_than_a_reply_can_hold_fail_the_read(
    path: str, rows: object, read: Callable[[BingxRest], Awaitable[object]], length: int
) -> None:
    """A window that cannot be halved any more is an incomplete listing, and that is an error."""
    with pytest.raises(BadReply, match=f"in a window of {length} ms"):
        await ask(f"{SWAP}/{path}", yes(rows), read)


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
