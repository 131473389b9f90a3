"""Every kind of fault happens over real sockets, leaves the book as it says, and is counted."""

import asyncio
import re
from dataclasses import replace
from typing import Any, get_args

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from dita.adapters.exchange import (
    AcceptDuplicate,
    CancelLosesToFill,
    CutStream,
    CutStreamsAt,
    DelayAdmission,
    DelayFrame,
    DelayReply,
    DropFrame,
    DuplicateFrame,
    ExchangeServer,
    Fault,
    FaultPlan,
    HideOrder,
    LimitRate,
    LoseReply,
    LoseRequest,
    RefuseRequest,
    SplitFills,
    SpoilReply,
    When,
    config_from_json,
)
from dita.adapters.exchange.fault_book import FaultBook
from exchange_client import (
    KEY,
    MS,
    ORDER,
    START_NS,
    SWAP,
    Client,
    HandClock,
    Json,
    exchange,
    exchange_config,
    ticker,
    until,
    variants,
)

NOW_MS = START_NS // MS
LIMIT: dict[str, Any] = {"type": "LIMIT", "price": "59000"}


def fired(server: ExchangeServer) -> dict[str, int]:
    return {kind: count for kind, count in server.report().faults_fired.items() if count}


async def gives_up(client: Client, seconds: float = 0.3, **order: object) -> type[Exception]:
    """Submit with a short patience; the transport error that ends it."""
    client.http.timeout = httpx.Timeout(seconds)
    with pytest.raises(httpx.TransportError) as caught:
        await client.submit(clientOrderID="one", **order)
    client.http.timeout = httpx.Timeout(10)
    return caught.type


async def settled(client: Client, clock: HandClock, server: ExchangeServer, step_ms: int, times: int) -> list[Json]:
    """The order named `one` after each of so many steps of the clock."""
    seen: list[Json] = []
    for _ in range(times):
        seen.append((await client.order("one"))["data"]["order"])
        clock.move_ms(step_ms)
        server.advance()
    return seen


async def test_split_fills() -> None:
    """One market order becomes three fills a hundred milliseconds apart; the next order is not split."""
    clock = HandClock()
    async with exchange(exchange_config(SplitFills(parts=3, delay_ms=100)), clock) as (server, client):
        reply = await client.submit(clientOrderID="one")
        seen = await settled(client, clock, server, 100, 3)
        await client.submit(clientOrderID="two")

        assert reply["data"]["order"]["status"] == "PARTIALLY_FILLED"
        assert [(o["status"], o["executedQty"]) for o in seen] == [
            ("PARTIALLY_FILLED", "0.0034"),
            ("PARTIALLY_FILLED", "0.0067"),
            ("FILLED", "0.0100"),
        ]
        assert (await client.order("two"))["data"]["order"]["status"] == "FILLED"
        assert fired(server) == {"split_fills": 1}


@pytest.mark.parametrize(("code", "status"), [(101204, 200), (101500, 200), (80012, 200), (100500, 500)])
async def test_refused_request(code: int, status: int) -> None:
    """The n-th submit is answered with the chosen code and status and does not exist."""
    fault = RefuseRequest(code=code, status=status, when=When(nth=2))
    async with exchange(exchange_config(fault)) as (server, client):
        await client.submit(clientOrderID="zero")
        response = await client.raw("POST", ORDER, symbol="BTC-USDT", side="BUY", positionSide="LONG", type="MARKET",
                                    quantity="0.01", clientOrderID="one")  # fmt: skip
        await client.submit(clientOrderID="two")

        assert (response.status_code, response.json()["code"]) == (status, code)
        assert [o.client_id for o in server.venue_record().account(KEY).orders] == ["zero", "two"]
        assert fired(server) == {"refuse_request": 1}


@pytest.mark.parametrize(("how", "error"), [("hang", httpx.ReadTimeout), ("reset", httpx.TransportError)])
async def test_lost_request_never_reaches_the_book(how: str, error: type[Exception]) -> None:
    """The client sees a time-out or a cut connection; the order was never admitted and its id is still free."""
    async with exchange(exchange_config(LoseRequest(how=how))) as (server, client):  # type: ignore[arg-type]  # drawn above
        assert issubclass(await gives_up(client), error)
        assert (await client.order("one"))["code"] == 80016
        assert (await client.submit(clientOrderID="one"))["code"] == 0
        assert fired(server) == {"lose_request": 1}


@pytest.mark.parametrize(
    ("how", "error"),
    [("hang", httpx.ReadTimeout), ("reset", httpx.TransportError), ("torn", httpx.RemoteProtocolError)],
)
async def test_lost_reply_leaves_the_order_on_the_book(how: str, error: type[Exception]) -> None:
    """The client sees a time-out, a cut connection or half a body; the order exists and its id is used."""
    async with exchange(exchange_config(LoseReply(how=how))) as (server, client):  # type: ignore[arg-type]  # drawn above
        assert issubclass(await gives_up(client, **LIMIT), error)
        assert (await client.order("one"))["data"]["order"]["status"] == "NEW"
        assert (await client.submit(clientOrderID="one"))["code"] == 101400
        assert fired(server) == {"lose_reply": 1}


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (SpoilReply(), 504, "<html>.*"),
        (SpoilReply(status=200, body="html"), 200, "<html>.*"),
        (SpoilReply(status=200, body="empty"), 200, ""),
        (SpoilReply(status=200, body="no_code"), 200, '{"success":true,"timestamp":0}'),
        (SpoilReply(status=200, body="null_data"), 200, '.*"data":null}'),
        (SpoilReply(status=200, body="code", code=101500), 200, '{"code":101500,.*'),
        (SpoilReply(status=200, body="code", code=80019), 200, '{"code":80019,.*'),
    ],
)
async def test_spoiled_reply_after_acceptance(fault: SpoilReply, status: int, body: str) -> None:
    """504, HTML, nothing, JSON without code, null data or an ambiguous code: in each case the order exists."""
    async with exchange(exchange_config(fault)) as (server, client):
        response = await client.raw("POST", ORDER, symbol="BTC-USDT", side="BUY", positionSide="LONG",
                                    quantity="0.01", clientOrderID="one", **LIMIT)  # fmt: skip

        assert response.status_code == status
        assert re.fullmatch(body, response.text)
        assert (await client.order("one"))["code"] == 0
        assert fired(server) == {"spoil_reply": 1}


@pytest.mark.parametrize(("window", "admitted"), [(2000, False), (5000, True)])
async def test_delayed_admission_is_judged_by_the_window(window: int, admitted: bool) -> None:
    """A request held up for three seconds is refused if it is then older than its window, and placed if not."""
    clock = HandClock()
    async with exchange(exchange_config(DelayAdmission(delay_ms=3000)), clock) as (server, client):
        submit = asyncio.create_task(client.submit(clientOrderID="one", recvWindow=window))
        await until(lambda: fired(server))
        assert server.report().orders_made == 0
        clock.move_ms(3000)
        server.advance()
        reply = await submit

        assert reply["code"] == (0 if admitted else 109400)
        assert server.report().orders_made == int(admitted)
        assert fired(server) == {"delay_admission": 1}


async def test_delayed_reply_comes_after_the_stream() -> None:
    """The order is carried out at once, the stream tells of it, and the answer comes when its time is over."""
    clock = HandClock()
    config = exchange_config(DelayReply(delay_ms=500))
    async with exchange(config, clock) as (server, client), client.account_stream() as stream:
        submit = asyncio.create_task(client.submit(clientOrderID="one"))
        events = await stream.orders(2)
        assert not submit.done()
        clock.move_ms(500)
        server.advance()

        assert (await submit)["data"]["order"]["orderId"] == events[-1]["i"]
        assert fired(server) == {"delay_reply": 1}


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("100410", 200, 100410),
        ("http429", 429, 100410),
        ("http418", 418, 100410),
        ("http403", 403, 100410),
        ("109429", 200, 109429),
    ],
)
async def test_rate_limits(how: str, status: int, code: int) -> None:
    """Each way of being told to slow down; 109429 carries the time of the next attempt."""
    fault = LimitRate(how=how, pause_ms=7000, on="query")  # type: ignore[arg-type]  # drawn above
    async with exchange(exchange_config(fault)) as (server, client):
        await client.submit(clientOrderID="one")
        response = await client.raw("GET", ORDER, symbol="BTC-USDT", clientOrderId="one")

        assert (response.status_code, response.json()["code"]) == (status, code)
        assert (f"after time: {NOW_MS + 7000}" in response.json()["msg"]) == (how == "109429")
        assert (await client.order("one"))["code"] == 0
        assert fired(server) == {"limit_rate": 1}


async def test_hidden_order_is_announced_before_it_is_shown() -> None:
    """The stream tells the order and its fill while GET order, lists and fills do not show them yet."""
    clock = HandClock()
    config = exchange_config(HideOrder(lag_ms=1500))
    async with exchange(config, clock) as (server, client), client.account_stream() as stream:
        await client.submit(clientOrderID="one")
        assert (await stream.orders(2))[-1]["X"] == "FILLED"
        window = {"symbol": "BTC-USDT", "startTs": NOW_MS - 1000, "endTs": NOW_MS + 5000}

        async def shown() -> tuple[int, int, int]:
            orders = await client.data("GET", f"{SWAP}/v1/trade/fullOrder", symbol="BTC-USDT")
            fills = await client.data("GET", f"{SWAP}/v2/trade/fillHistory", **window)
            return (await client.order("one"))["code"], len(orders["orders"]), fills["total"]

        assert await shown() == (80016, 0, 0)
        clock.move_ms(1500)
        assert await shown() == (0, 1, 1)
        assert fired(server) == {"hide_order": 1}


async def test_accepted_duplicate() -> None:
    """The venue's race: a used id is accepted a second time; the third attempt is refused again."""
    async with exchange(exchange_config(AcceptDuplicate())) as (server, client):
        codes = [(await client.submit(clientOrderID="one"))["code"] for _ in range(3)]

        assert codes == [0, 0, 101400]
        assert fired(server) == {"accept_duplicate": 1}


@pytest.mark.parametrize("variant", ["80018", "109414", "109421", "109422", "80001", "109400"])
async def test_cancel_that_loses_to_a_fill(variant: str) -> None:
    """The order fills first, completely and at its own price, and the cancel is told that it came too late."""
    config = replace(variants(done_order_on_cancel=variant), faults=FaultPlan((CancelLosesToFill(),)))
    async with exchange(config) as (server, client):
        await client.submit(clientOrderID="one", **LIMIT)
        code = await client.code("DELETE", ORDER, symbol="BTC-USDT", clientOrderId="one")
        order = (await client.order("one"))["data"]["order"]

        assert code == int(variant)
        assert (order["status"], order["avgPrice"]) == ("FILLED", "59000.0")
        assert fired(server) == {"cancel_loses_to_fill": 1}


async def test_dropped_frame() -> None:
    """The fill of the named order is never announced on the stream, and REST has it."""
    fault = DropFrame(event="ORDER_TRADE_UPDATE", when=When(client_id_prefix="one", nth=2))
    async with exchange(exchange_config(fault)) as (server, client), client.account_stream() as stream:
        await client.submit(clientOrderID="one")
        await client.submit(clientOrderID="two")
        events = await stream.orders(3)

        assert [(e["c"], e["X"]) for e in events] == [("one", "NEW"), ("two", "NEW"), ("two", "FILLED")]
        assert (await client.order("one"))["data"]["order"]["status"] == "FILLED"
        assert fired(server) == {"drop_frame": 1}


async def test_duplicated_frame() -> None:
    """The same fill is announced twice, word for word."""
    fault = DuplicateFrame(event="ORDER_TRADE_UPDATE", when=When(nth=2))
    async with exchange(exchange_config(fault)) as (server, client), client.account_stream() as stream:
        await client.submit(clientOrderID="one")
        _, first, second = await stream.orders(3)

        assert first == second
        assert server.report().fills_made == 1
        assert fired(server) == {"duplicate_frame": 1}


async def test_delayed_frame_is_overtaken() -> None:
    """A delayed announcement comes after what happened later."""
    clock = HandClock()
    fault = DelayFrame(delay_ms=300, event="ORDER_TRADE_UPDATE", when=When(nth=1))
    async with exchange(exchange_config(fault), clock) as (server, client), client.account_stream() as stream:
        await client.submit(clientOrderID="one")
        assert (await stream.orders(1))[0]["X"] == "FILLED"
        clock.move_ms(300)
        server.advance()

        assert (await stream.orders(1))[0]["X"] == "NEW"
        assert fired(server) == {"delay_frame": 1}


async def test_cut_stream_loses_what_happened_meanwhile() -> None:
    """The socket ends abnormally in the middle of an order; a reconnect works and replays nothing."""
    fault = CutStream(event="ORDER_TRADE_UPDATE", when=When(nth=2))
    async with exchange(exchange_config(fault)) as (server, client):
        async with client.account_stream() as stream:
            await client.submit(clientOrderID="one")
            with pytest.raises(ConnectionClosed):
                await stream.orders(2)
            assert stream.socket.close_code == 1006
        async with client.account_stream() as again:
            await client.submit(clientOrderID="two")

            assert [e["c"] for e in await again.orders(2)] == ["two", "two"]
        assert fired(server) == {"cut_stream": 1}


@pytest.mark.parametrize(("streams", "cut"), [("account", "A"), ("market", "M"), ("all", "AM")])
async def test_streams_cut_at_a_time(streams: str, cut: str) -> None:
    """At the given instant the chosen sockets end abnormally, although nothing is being sent; the others stay."""
    clock = HandClock()
    fault = CutStreamsAt(NOW_MS + 2000, streams=streams)  # type: ignore[arg-type]  # drawn above
    async with exchange(exchange_config(fault), clock) as (server, client):
        async with client.account_stream() as account, client.market_stream("BTC-USDT@trade") as market:
            clock.move_ms(1999)
            server.advance()
            assert server.report().connections == 2
            clock.move_ms(1)
            server.advance()
            await until(lambda: server.report().connections == 2 - len(cut))

            for letter, stream in (("A", account), ("M", market)):
                if letter in cut:
                    with pytest.raises(ConnectionClosed):
                        await stream.text()
        assert fired(server) == {"cut_streams_at": 1}


async def test_faults_can_be_armed_and_disarmed_while_it_runs() -> None:
    """A fault armed later counts from then; after disarming nothing happens, and the counts stay."""
    async with exchange() as (server, client):
        await client.submit()
        server.arm([RefuseRequest(code=101204, when=When(times=0))])
        refused = [(await client.submit())["code"] for _ in range(2)]
        server.disarm()

        assert refused == [101204, 101204]
        assert (await client.submit())["code"] == 0
        assert fired(server) == {"refuse_request": 2}


def occasions(when: When, count: int = 12, seed: int = 1, **of: str) -> list[int]:
    """Which of so many submits, a second apart, the trigger picks."""
    book = FaultBook(FaultPlan((RefuseRequest(code=1, when=when),)), seed)
    return [n for n in range(1, count + 1) if book.fire(RefuseRequest, "submit", n * 1000, **of) is not None]


@pytest.mark.parametrize(
    ("when", "picked"),
    [
        (When(), [1]),
        (When(times=3), [1, 2, 3]),
        (When(times=0), list(range(1, 13))),
        (When(nth=4), [4]),
        (When(every=5, times=0), [5, 10]),
        (When(from_ms=7000), [7]),
        (When(from_ms=3000, until_ms=5000, times=0), [3, 4]),
        (When(chance_ppm=0, times=0), []),
        (When(symbol="ETH-USDT"), []),
        (When(client_id_prefix="x"), []),
    ],
)
def test_triggers_pick_their_occasions(when: When, picked: list[int]) -> None:
    """By count, by pace, by time, by chance, by symbol and by client id."""
    assert occasions(when, symbol="BTC-USDT", client_id="one") == picked


def test_chance_follows_the_seed() -> None:
    """Equal seeds pick equally, another seed picks otherwise, and about half is picked at one half."""
    half = When(chance_ppm=500_000, times=0)

    assert occasions(half, 400) == occasions(half, 400)
    assert occasions(half, 400) != occasions(half, 400, seed=2)
    assert 150 < len(occasions(half, 400)) < 250


def test_faults_of_other_occasions_do_not_count() -> None:
    """A fault for cancels sees no submits, `any` sees both."""
    book = FaultBook(FaultPlan((RefuseRequest(code=1, on="cancel"), RefuseRequest(code=2, on="any"))), 1)

    first, second = book.fire(RefuseRequest, "submit", 0), book.fire(RefuseRequest, "cancel", 0)

    assert [fault.code for fault in (first, second) if fault is not None] == [2, 1]


def test_plans_are_data() -> None:
    """Every kind of fault can be written as JSON by its name and comes back as what it was."""
    accounts = '"accounts":[{"api_key":"k","secret":"s"}]'
    kinds = [kind.__dataclass_fields__["kind"].default for kind in get_args(Fault)]
    needs = {"split_fills": '"parts":2', "refuse_request": '"code":101204', "hide_order": '"lag_ms":5'}
    needs |= dict.fromkeys(("delay_admission", "delay_reply", "delay_frame"), '"delay_ms":5')
    needs |= dict.fromkeys(("cut_streams_at", "expire_keys_at"), '"at_ms":5')
    needs |= {"step_clock_at": '"at_ms":5,"by_ms":-7', "deleverage_at": '"at_ms":5,"symbol":"BTC-USDT"'}
    needs |= {"misstate_length": '"by":-3', "drip_reply": '"interval_ms":9', "stale_read": '"lag_ms":5'}
    extras = [f",{needs[kind]}" if kind in needs else "" for kind in kinds]
    rows = [f'{{"kind":"{kind}","when":{{"nth":3}}{extra}}}' for kind, extra in zip(kinds, extras, strict=True)]

    plan = config_from_json(f'{{{accounts},"faults":{{"faults":[{",".join(rows)}]}}}}').faults

    assert [fault.kind for fault in plan.faults] == kinds
    assert {fault.when.nth for fault in plan.faults} == {3}
    assert plan.faults[0] == SplitFills(parts=2, when=When(nth=3))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('{"kind":"melt_down"}', "kind"),
        ('{"kind":"split_fills","parts":0}', "parts"),
        ('{"kind":"split_fills","parts":2,"pieces":3}', "pieces"),
        ('{"kind":"drop_frame","when":{"nth":-1}}', "nth"),
        ('{"kind":"drop_frame","when":{"chance_ppm":1000001}}', "chance_ppm"),
        ('{"kind":"drop_frame","when":{"symbol":"XRP-USDT"}}', "XRP-USDT"),
        ('{"kind":"deleverage_at","at_ms":1,"symbol":"XRP-USDT"}', "XRP-USDT"),
        ('{"kind":"deleverage_at","at_ms":1,"symbol":"BTC-USDT","share_ppm":0}', "share_ppm"),
        ('{"kind":"misstate_length","by":0}', "by"),
        ('{"kind":"drip_reply","interval_ms":-1}', "ms"),
        ('{"kind":"drip_reply","interval_ms":1,"bytes_each":0}', "byte"),
        ('{"kind":"reorder_frames","count":1}', "frames"),
        ('{"kind":"refuse_request","code":1,"on":"frame"}', "on"),
        ('{"kind":"drop_frame","on":"submit"}', "on"),
    ],
)
def test_wrong_plans_are_refused_by_name(text: str, word: str) -> None:
    """Unknown kinds, unknown fields and impossible numbers are refused with the field in the message."""
    with pytest.raises(ValueError, match=word):
        config_from_json(f'{{"accounts":[{{"api_key":"k","secret":"s"}}],"faults":{{"faults":[{text}]}}}}')


async def test_same_seed_and_calls_make_the_same_session() -> None:
    """Two exchanges with equal seeds, clocks and requests end with equal records and equal counts."""
    faults: tuple[Fault, ...] = (
        SplitFills(parts=4, delay_ms=10, when=When(chance_ppm=500_000, times=0)),
        RefuseRequest(code=101204, when=When(chance_ppm=300_000, times=0)),
        LimitRate(on="any", when=When(chance_ppm=100_000, times=0)),
    )
    results: list[object] = []
    for _ in range(2):
        clock = HandClock()
        async with exchange(exchange_config(*faults), clock) as (server, client):
            for number in range(30):
                server.feed(ticker(f"{60_000 + number}.0", f"{60_000 + number}.1", size="0.02"))
                await client.submit(clientOrderID=f"c{number}", side="BUY" if number % 3 else "SELL", quantity="0.03")
                clock.move_ms(15)
            results.append((server.venue_record(), server.report().faults_fired))

    assert results[0] == results[1]
