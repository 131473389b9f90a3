"""Reads: every documented and observed variant of a reply is understood; what is not certain is an error, not empty."""

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import cast

import pytest
from pydantic import SecretStr

from bingx_replies import scripted_rest
from bingx_venue import START_NS, Say, StepClock, StubVenue, ask, connected, moving_clock, no, yes
from dita.adapters.bingx.contracts import Contract
from dita.adapters.bingx.errors import BadReply, VenueError, VenueRefused
from dita.adapters.bingx.rest import BingxRest, KeyPermissions, PositionMode
from dita.adapters.logic.rows import BalanceRow, Evidence, OrderRow, OrderState, PositionRow
from dita.reference import step
from dita.spec import inputs
from dita.spec.state import initial_state
from dita.spec.vocabulary import Side, Verdict

MS = 10**6
SECOND = 10**9
DAY = 86_400 * SECOND
SWAP = "/openApi/swap"
ORDER = f"{SWAP}/v2/trade/order"
LISTEN_KEY = "/openApi/user/auth/userDataStream"
USDT = 10**8
FULL_ORDER = {
    "symbol": "BTC-USDT", "orderId": 1976209350456246273, "side": "BUY", "positionSide": "LONG", "type": "LIMIT",
    "origQty": "0.0123", "price": "60000.5", "executedQty": "0.0050", "avgPrice": "60000.1", "cumQuote": "300",
    "stopPrice": "", "profit": "0.0000", "commission": "-0.060000", "status": "PARTIALLY_FILLED",
    "time": 1760000000000, "updateTime": 1760000004321, "clientOrderId": "t1-a0000001", "leverage": "20X",
    "takeProfit": {"type": "", "quantity": 0}, "advanceAttr": 0, "positionID": 0, "workingType": "MARK_PRICE",
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
        ([{**CONTRACT, "pricePrecision": 5}], "`BTC-USDT`: .*together are finer than the money"),
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


@pytest.mark.parametrize("amount", ["balance", "equity", "availableMargin", "usedMargin"])
async def test_no_amount_of_a_wallet_has_a_default(amount: str) -> None:
    """Flaw V8: whichever is missing, the read fails by its name."""
    row = {name: text for name, text in BALANCES[0].items() if name != amount}
    with pytest.raises(BadReply, match=amount):
        await ask(f"{SWAP}/v3/user/balance", yes([row]), lambda rest: rest.balance("USDT"))


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
        yes({"order": {**FULL_ORDER, "time": 0, "updateTime": None}}),
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


@pytest.mark.parametrize("nameless", [{"orderId": 7}, {**FULL_ORDER, "symbol": None}, "no row"])
async def test_a_listing_with_a_row_of_nobody_is_no_listing(nameless: object) -> None:
    """Flaw T13: what cannot be attributed may be ours, so what is missing from the rest is not gone."""
    orders = {"orders": [FULL_ORDER, nameless]}
    with pytest.raises(BadReply, match="symbol: a row does not say it"):
        await ask(f"{SWAP}/v2/trade/openOrders", yes(orders), lambda rest: rest.open_orders("BTC-USDT"))


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


async def test_what_a_key_may_do_is_told_in_full_or_not_at_all() -> None:
    """Each of four flags counts; one that is missing or no flag is an error, never a No."""
    path = "/openApi/v1/account/apiPermissions"
    flags = {
        "enableFutures": True, "enableWithdrawals": False, "permitsUniversalTransfer": "false", "ipRestrict": True,
        "enableReading": True,
    }  # fmt: skip

    said = await ask(path, yes(flags), lambda rest: rest.key_permissions())

    assert said == KeyPermissions(trades=True, withdraws=False, transfers=False, is_bound=True)
    for name in ("enableFutures", "enableWithdrawals", "permitsUniversalTransfer", "ipRestrict"):
        for spoilt in ({name: ""}, {name: 7}):
            with pytest.raises(BadReply, match="key permissions"):
                await ask(path, yes({**flags, **spoilt}), lambda rest: rest.key_permissions())


async def test_a_listen_key_comes_bare_or_wrapped_and_is_extended_and_deleted() -> None:
    """The one call without an envelope; PUT and DELETE answer with nothing, ``{}`` or an envelope."""
    key = "a8ea75681542e66f1a50a1616dd06ed77dab61baa0c296bca03a9b13ee5f2dd7"
    async with StubVenue().serving() as venue, connected(venue, moving_clock()) as rest:
        for body in ({"listenKey": key}, {"code": 0, "data": {"listenKey": key}}):
            venue.on("POST", LISTEN_KEY, Say(body))
            assert await rest.create_listen_key() == SecretStr(key)
        for answer in (Say(""), Say("{}"), yes({})):
            venue.on("PUT", LISTEN_KEY, answer)
            venue.on("DELETE", LISTEN_KEY, answer)
            await rest.extend_listen_key(SecretStr(key))
            await rest.delete_listen_key(SecretStr(key))
        for refusal in (Say("", 404), Say("", 204), no(100401, "expired"), Say("", 500)):
            venue.on("PUT", LISTEN_KEY, refusal)
            with pytest.raises(VenueRefused):
                await rest.extend_listen_key(SecretStr(key))
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


@pytest.mark.parametrize("quantity_precision", range(10))
async def test_what_the_adapter_lets_in_the_kernel_registers(quantity_precision: int) -> None:
    """Over every pair of precisions, adapter and reference agree which contracts fit the books."""
    for price_precision in range(12):
        row = {**CONTRACT, "quantityPrecision": quantity_precision, "pricePrecision": price_precision}
        try:
            found = await scripted_rest({"code": 0, "data": [row]}).contracts(["BTC-USDT"])
        except BadReply:
            found = {}
        fits = False
        if quantity_precision <= 8 and price_precision <= 10:
            lot, tick = 10 ** (8 - quantity_precision), 10 ** (10 - price_precision)
            register = inputs.register(
                instrument=0, lot=lot, tick=tick, quantity_min=lot, notional_min=2 * USDT, price_max=tick,
                quantity_max=lot, taker_ppb=500_000, maker_ppb=200_000,
            )  # fmt: skip
            fits = step(initial_state(), register)[1].verdict == Verdict.ACCEPTED
        assert bool(found) is fits, (price_precision, quantity_precision)
