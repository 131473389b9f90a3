"""Orders over real sockets: what each answer proves, that nothing is ever sent twice, and who may open."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bingx_venue import START_NS, Say, Seen, StepClock, StubVenue, connected, eventually, no, yes
from dita.adapters.bingx.contracts import Contract
from dita.adapters.bingx.desk import OrderDesk
from dita.adapters.bingx.endpoints import LIVE, SUBMIT
from dita.adapters.bingx.orders import (
    Accepted,
    CancelKind,
    NewOrder,
    Rejected,
    SubmitResult,
    Unknown,
    UnknownReason,
    order_from_outcome,
)
from dita.adapters.bingx.rest import PositionMode
from dita.adapters.bingx.trading import BingxTrader
from dita.adapters.bingx.transport import Transport
from dita.adapters.logic.rows import Evidence, OrderState
from dita.kernel.loader import CertifiedKernel
from dita.spec.clearance import Clearance
from dita.spec.outcome import Outcome
from dita.spec.vocabulary import OrderSide, RejectReason

MS = 10**6
SECOND = 10**9
SWAP = "/openApi/swap"
ORDER = f"{SWAP}/v2/trade/order"
ALL_OPEN = f"{SWAP}/v2/trade/allOpenOrders"
FOR_EVER = START_NS + 10**15
CONTRACTS = {
    "BTC-USDT": Contract(
        symbol="BTC-USDT", tick=10**9, lot=10**4, price_precision=1, quantity_precision=4, quantity_min=10**4,
        notional_min=2 * 10**8, taker_ppb=500_000, maker_ppb=200_000, tradable=True,
    )
}  # fmt: skip
OPENING = NewOrder(
    "BTC-USDT", "jrnl-1-0-0", OrderSide.BUY, reduce_only=False, quantity=1_230_000, limit_price=600_005_000_000_000,
    send_by_ns=FOR_EVER,
)  # fmt: skip
CLOSING = replace(OPENING, client_order_id="jrnl-1-0-1", side=OrderSide.SELL, reduce_only=True, limit_price=0)
ECHO = {
    "orderId": 1976209350456246273, "orderID": "1976209350456246273", "symbol": "BTC-USDT", "positionSide": "LONG",
    "side": "BUY", "type": "LIMIT", "price": 60000.5, "quantity": 0.0123, "stopPrice": 0, "clientOrderID": "jrnl-1-0-0",
    "clientOrderId": "", "timeInForce": "GTC", "reduceOnly": False, "status": "NEW", "avgPrice": "0.00",
    "executedQty": "0.0000",
}  # fmt: skip


PERMITS: list[Clearance] = []


@pytest.fixture(autouse=True)
def _given(clearance: Clearance) -> None:  # pyright: ignore[reportUnusedFunction] - pytest calls it
    """The loader's clearance, for every order of this file."""
    PERMITS[:] = [clearance]


def permit() -> Clearance:
    """The clearance that the loader gave out."""
    return PERMITS[0]


def accept(seen: Seen) -> Say:
    """Echo what was asked, as the venue does."""
    asked = seen.parameters
    return yes({"order": {**ECHO, "clientOrderID": asked["clientOrderID"], "quantity": float(asked["quantity"])}})


@asynccontextmanager
async def desk_at(
    venue: StubVenue,
    mode: PositionMode = PositionMode.HEDGE,
    fallback: str | None = None,
    clock: StepClock | None = None,
) -> AsyncGenerator[OrderDesk]:
    async with connected(venue, clock or StepClock(step_ns=200 * MS), fallback) as rest:
        yield OrderDesk(rest, mode, CONTRACTS)


async def submit(answer: Say, order: NewOrder = OPENING, mode: PositionMode = PositionMode.HEDGE) -> SubmitResult:
    """One order to a venue with one answer; the venue must have seen exactly one request for it."""
    async with StubVenue().serving() as venue:
        venue.on("POST", ORDER, answer)
        async with desk_at(venue, mode) as desk:
            result = await desk.submit(order, permit())
        assert len(venue.requests("POST", ORDER)) == 1
    return result


async def test_an_accepted_order_is_named_by_the_venue() -> None:
    """Code 0, an id, our client id and our quantity echoed: accepted, with the signed timestamp."""
    async with StubVenue().serving() as venue:
        venue.on("POST", ORDER, accept)
        async with desk_at(venue) as desk:
            result = await desk.submit(OPENING, permit())
        (seen,) = venue.requests("POST", ORDER)
    assert seen.signature_holds
    assert result == Accepted("1976209350456246273", "jrnl-1-0-0", int(seen.parameters["timestamp"]))
    asked = {
        name: text for name, text in seen.parameters.items() if name not in ("timestamp", "recvWindow", "signature")
    }
    assert asked == {
        "symbol": "BTC-USDT", "side": "BUY", "positionSide": "LONG", "type": "LIMIT", "quantity": "0.0123",
        "price": "60000.5", "timeInForce": "GTC", "clientOrderID": "jrnl-1-0-0",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "side", "reduce_only", "position_side", "flag"),
    [
        (PositionMode.HEDGE, OrderSide.BUY, False, "LONG", None),
        (PositionMode.HEDGE, OrderSide.SELL, False, "SHORT", None),
        (PositionMode.HEDGE, OrderSide.SELL, True, "LONG", None),
        (PositionMode.HEDGE, OrderSide.BUY, True, "SHORT", None),
        (PositionMode.ONE_WAY, OrderSide.BUY, False, "BOTH", None),
        (PositionMode.ONE_WAY, OrderSide.SELL, True, "BOTH", "true"),
    ],
)
async def test_an_exit_can_never_flip_in_either_mode(
    mode: PositionMode, side: OrderSide, reduce_only: bool, position_side: str, flag: str | None
) -> None:
    """Hedge mode names the side and refuses the flag; one-way mode needs the flag (clause C2)."""
    async with StubVenue().serving() as venue:
        venue.on("POST", ORDER, accept)
        async with desk_at(venue, mode) as desk:
            order = replace(OPENING, side=side, reduce_only=reduce_only, limit_price=0)
            assert isinstance(await desk.submit(order, permit()), Accepted)
        asked = venue.requests("POST", ORDER)[0].parameters
    assert asked["positionSide"] == position_side
    assert asked.get("reduceOnly") == flag
    assert asked["type"] == "MARKET"
    assert "price" not in asked


async def test_post_only_is_spelt_as_the_venue_wants_it() -> None:
    """`PostOnly`, with exactly that casing."""
    async with StubVenue().serving() as venue:
        venue.on("POST", ORDER, accept)
        async with desk_at(venue) as desk:
            await desk.submit(replace(OPENING, post_only=True), permit())
        assert venue.requests("POST", ORDER)[0].parameters["timeInForce"] == "PostOnly"


@pytest.mark.parametrize(
    ("answer", "reason", "code"),
    [
        (no(101204, "Insufficient margin"), RejectReason.REFUSED, "101204"),
        (no("101204", "Insufficient margin"), RejectReason.REFUSED, "101204"),
        (no(101204, "Insufficient margin", 400), RejectReason.REFUSED, "101204"),
        (no(101205, "No position to close"), RejectReason.NO_POSITION, "101205"),
        (no(110424, "available amount"), RejectReason.BLOCKED, "110424"),
        (no(100410, "rate limited"), RejectReason.THROTTLED, "100410"),
        (no(109400, "timestamp is invalid"), RejectReason.REFUSED, "109400"),
        (no(100001, "Signature verification failed"), RejectReason.REFUSED, "100001"),
        (Say("slow down", 429), RejectReason.THROTTLED, None),
        (Say("<html>forbidden</html>", 403), RejectReason.THROTTLED, None),
        (Say("", 401), RejectReason.REFUSED, None),
    ],
)
async def test_only_a_definite_answer_is_a_rejection(answer: Say, reason: RejectReason, code: str | None) -> None:
    """The kernel's reason and the venue's own code come along."""
    result = await submit(answer)
    assert isinstance(result, Rejected)
    assert (result.reason, result.code) == (reason, code)


def echo(**change: object) -> Say:
    return yes({"order": {**ECHO, **change}})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Say(""), UnknownReason.AMBIGUOUS), (Say("<html>"), UnknownReason.AMBIGUOUS),
        (Say("[]"), UnknownReason.AMBIGUOUS),
        (Say("{}"), UnknownReason.AMBIGUOUS), (Say({"data": {"order": ECHO}}), UnknownReason.AMBIGUOUS),
        (Say('{"code":0,'), UnknownReason.AMBIGUOUS), (Say({"code": True}), UnknownReason.AMBIGUOUS),
        (yes(None), UnknownReason.BAD_REPLY), (yes({}), UnknownReason.BAD_REPLY), (yes([]), UnknownReason.BAD_REPLY),
        (yes({"order": {}}), UnknownReason.BAD_REPLY), (echo(orderId=0, orderID=""), UnknownReason.BAD_REPLY),
        (echo(quantity="NaN"), UnknownReason.BAD_REPLY),
        (echo(clientOrderID="", clientOrderId=""), UnknownReason.ECHO_DIFFERS),
        (echo(clientOrderID="other"), UnknownReason.ECHO_DIFFERS),
        (echo(quantity=0.0122), UnknownReason.ECHO_DIFFERS), (echo(symbol="ETH-USDT"), UnknownReason.ECHO_DIFFERS),
        (Say({"code": 0, "data": {"order": ECHO}}, 201), UnknownReason.AMBIGUOUS),
        (Say("<html>", 500), UnknownReason.AMBIGUOUS), (Say("", 502), UnknownReason.AMBIGUOUS),
        (Say("", 503), UnknownReason.AMBIGUOUS), (Say("", 504), UnknownReason.AMBIGUOUS),
        (no(101204, "Insufficient margin", 504), UnknownReason.AMBIGUOUS),
        (Say("", 302, {"location": "/"}), UnknownReason.AMBIGUOUS), (Say("", 408), UnknownReason.AMBIGUOUS),
        (no(101500, "rpc timeout"), UnknownReason.AMBIGUOUS), (no(80012, "network failed"), UnknownReason.AMBIGUOUS),
        (no(80001, "Request failed"), UnknownReason.AMBIGUOUS), (no(80019), UnknownReason.AMBIGUOUS),
        (no(109701), UnknownReason.AMBIGUOUS), (no(987654, "new"), UnknownReason.AMBIGUOUS),
        (no(100500), UnknownReason.EXCHANGE_BUSY), (no(109500), UnknownReason.EXCHANGE_BUSY),
        (no(110500), UnknownReason.EXCHANGE_BUSY),
        (no(101400, "clientOrderID unique check failed"), UnknownReason.DUPLICATE_ID),
        (no(101481), UnknownReason.DUPLICATE_ID), (no(109201), UnknownReason.DUPLICATE_ID),
        (no(101215), UnknownReason.KILLED_AFTER_ACCEPT), (no(102201), UnknownReason.KILLED_AFTER_ACCEPT),
    ],
)  # fmt: skip
async def test_everything_else_is_unknown(answer: Say, reason: UnknownReason) -> None:
    """Clause U1: an order that may exist is never called rejected, nor accepted without its name and our id."""
    result = await submit(answer)
    assert isinstance(result, Unknown)
    assert result.reason is reason
    if reason is UnknownReason.ECHO_DIFFERS:
        assert result.order_id == "1976209350456246273"


async def test_a_text_twin_outranks_a_rounded_number() -> None:
    """An id that passed through a float parser has lost its low digits; `orderID` has not."""
    result = await submit(echo(orderId=1976209350456246300))
    assert isinstance(result, Accepted)
    assert result.order_id == "1976209350456246273"


async def test_silence_is_unknown_and_is_never_tried_again_anywhere() -> None:
    """A time-out after sending, with a healthy fallback host at hand: one request, at one host, result unknown."""
    async with StubVenue().serving() as venue, StubVenue().serving() as other:
        venue.on("POST", ORDER, Say("", delay_seconds=5), accept)
        other.on("POST", ORDER, accept)
        async with desk_at(venue, fallback=other.url) as desk:
            result = await desk.submit(OPENING, permit())
            again = await desk.submit(OPENING, permit())
        assert len(venue.requests("POST", ORDER)) == 1
        assert other.requests("POST", ORDER) == []
    assert isinstance(result, Unknown)
    assert result.reason is UnknownReason.NO_REPLY
    # The same id once more is our own mistake; the first may be on the book, so even this is not a rejection.
    assert isinstance(again, Unknown)
    assert again.reason is UnknownReason.ALREADY_SUBMITTED


async def test_a_bad_gateway_is_not_tried_at_the_fallback() -> None:
    """502 for a submit stays unknown; the fallback is for reads and cancels."""
    async with StubVenue().serving() as venue, StubVenue().serving() as other:
        venue.on("POST", ORDER, Say("", 502))
        other.on("POST", ORDER, accept)
        async with desk_at(venue, fallback=other.url) as desk:
            assert isinstance(await desk.submit(OPENING, permit()), Unknown)
        assert other.requests("POST", ORDER) == []


async def test_what_was_never_sent_is_rejected() -> None:
    """A dead host, a passed deadline and an exhausted limiter prove that there is no order."""
    async with StubVenue().serving() as venue:
        venue.on("POST", ORDER, accept)
        clock = StepClock()
        async with desk_at(venue, clock=clock) as desk:
            late = await desk.submit(replace(OPENING, send_by_ns=START_NS - SECOND), permit())
            desk.rest.api.transport.limiter.pause(SUBMIT.name, clock.now_ns + 100 * SECOND)
            full = await desk.submit(replace(OPENING, client_order_id="jrnl-2-0-0"), permit())
        assert venue.requests("POST", ORDER) == []
    async with desk_at(venue) as desk:  # nobody listens there any more
        dead = await desk.submit(OPENING, permit())
    assert isinstance(late, Rejected)
    assert isinstance(full, Rejected)
    assert isinstance(dead, Rejected)
    assert (late.reason, full.reason, dead.reason) == (
        RejectReason.NOT_SENT, RejectReason.THROTTLED, RejectReason.NOT_SENT,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"client_order_id": ""}, "client_order_id"),
        ({"client_order_id": "Upper-1"}, "client_order_id"),
        ({"client_order_id": "a" * 41}, "client_order_id"),
        ({"client_order_id": "a&b"}, "client_order_id"),
        ({"symbol": "btc-usdt"}, "symbol"),
        ({"symbol": "ETH-USDT"}, "not loaded"),
        ({"side": OrderSide.NONE}, "side"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": -10_000}, "quantity"),
        ({"quantity": 1_230_001}, "multiple"),
        ({"quantity": 2**62}, "bounds"),
        ({"limit_price": 600_005_000_000_001}, "multiple"),
        ({"limit_price": -1}, "limit_price"),
        ({"limit_price": 0, "post_only": True}, "post_only"),
    ],
)
async def test_an_order_the_venue_would_bend_is_not_sent(change: dict[str, object], says: str) -> None:
    """The venue truncates excess decimals silently; we refuse them by name, before anything is sent."""
    async with StubVenue().serving() as venue:
        async with desk_at(venue) as desk:
            result = await desk.submit(replace(OPENING, **change), permit())  # type: ignore[arg-type]  # one field of many
        assert venue.seen == []
    assert isinstance(result, Rejected)
    assert result.reason is RejectReason.NOT_SENT
    assert says in result.text


async def test_our_own_bug_is_unknown_and_names_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception anywhere in our code ends no loop and proves nothing about the order."""

    async def broken(*_: object, **__: object) -> object:
        raise ZeroDivisionError("secret text")

    async with StubVenue().serving() as venue, desk_at(venue) as desk:
        monkeypatch.setattr(Transport, "exchange", broken)
        result = await desk.submit(OPENING, permit())
        cancelled = await desk.cancel("BTC-USDT", "jrnl-1-0-0")
        everything = await desk.cancel_all("BTC-USDT")
    assert result == Unknown(UnknownReason.BUG, "our own code raised ZeroDivisionError")
    assert cancelled.kind is CancelKind.UNKNOWN
    assert not everything.confirmed


@pytest.mark.parametrize("kind", [None, "narrowed"])
async def test_without_a_full_clearance_no_order_adds_exposure(kind: str | None) -> None:
    """Clauses K1 and K2, at the one door: no clearance or a narrowed one lets reducing orders through, and no other."""
    given = None if kind is None else permit().narrowed()
    async with StubVenue().serving() as venue:
        venue.on("POST", ORDER, accept)
        async with desk_at(venue) as desk:
            opening = await desk.submit(OPENING, given)
            closing = await desk.submit(CLOSING, given)
        assert [seen.parameters["clientOrderID"] for seen in venue.requests("POST", ORDER)] == ["jrnl-1-0-1"]
    assert isinstance(opening, Rejected)
    assert opening.reason is RejectReason.NOT_SENT
    assert isinstance(closing, Accepted)


async def test_real_money_needs_a_signed_certificate(
    monkeypatch: pytest.MonkeyPatch, signed_kernel: CertifiedKernel
) -> None:
    """Clause K6, at the one door: on the live host an unsigned clearance lets only reducing orders through."""
    second = replace(OPENING, client_order_id="jrnl-2-0-0")
    async with StubVenue().serving() as venue:
        venue.on("POST", ORDER, accept)
        async with desk_at(venue) as desk:
            monkeypatch.setattr("dita.adapters.bingx.desk.LIVE", replace(LIVE, rest=desk.rest.api.hosts.rest))
            opening = await desk.submit(OPENING, permit())
            closing = await desk.submit(CLOSING, permit())
            signed = await desk.submit(second, signed_kernel.clearance)
        sent = [seen.parameters["clientOrderID"] for seen in venue.requests("POST", ORDER)]
    assert isinstance(opening, Rejected)
    assert (opening.reason, "not signed" in opening.text) == (RejectReason.NOT_SENT, True)
    assert isinstance(closing, Accepted)
    assert isinstance(signed, Accepted)
    assert sent == ["jrnl-1-0-1", "jrnl-2-0-0"]


async def test_the_trader_needs_a_clearance_and_can_only_lose_it() -> None:
    """Not None, not a look-alike; after ``narrow`` nothing that opens leaves, and closings and cancels still do."""
    async with StubVenue().serving() as venue:
        venue.on("POST", ORDER, accept)
        venue.on("DELETE", ORDER, yes({}))
        async with desk_at(venue) as desk:
            for wrong in (None, True, "yes", object()):
                with pytest.raises(TypeError, match="certified kernel"):
                    BingxTrader(desk, wrong)  # type: ignore[arg-type]  # the wrong type is the point
            trader = BingxTrader(desk, permit())
            assert isinstance(await trader.submit(OPENING), Accepted)
            trader.narrow()
            assert trader.reduce_only
            second = replace(OPENING, client_order_id="jrnl-2-0-0")
            assert isinstance(await trader.submit(second), Rejected)
            assert isinstance(await trader.submit(CLOSING), Accepted)
            assert (await trader.cancel("BTC-USDT", "jrnl-1-0-0")).kind is CancelKind.REQUESTED
            assert isinstance(await trader.closer.submit(second), Rejected)


def test_an_outcome_becomes_its_order() -> None:
    """SUBMIT of an outcome: the identity becomes the client id, everything else is carried over."""
    outcome = Outcome(
        submit=1,
        trade=26,
        slot=3,
        attempt=2,
        side=OrderSide.SELL,
        quantity=5,
        limit_price=7,
        post_only=1,
        reduce_only=1,
    )
    assert order_from_outcome(outcome, "BTC-USDT", "jrnl", 99) == NewOrder(
        "BTC-USDT", "jrnl-1a-3-2", OrderSide.SELL, True, 5, 7, 99, True
    )
    with pytest.raises(ValueError, match="no SUBMIT"):
        order_from_outcome(Outcome(trade=26, attempt=2), "BTC-USDT", "jrnl", 99)


CANCELLED = {**ECHO, "origQty": "0.0123", "executedQty": "0.0050", "status": "CANCELLED", "clientOrderId": "jrnl-1-0-0",
    "time": 1760000000000, "updateTime": 1760000000001,
}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (yes({"order": CANCELLED}), CancelKind.REQUESTED),
        (yes({}), CancelKind.REQUESTED),
        (no(80016, "order not exist"), CancelKind.NOT_FOUND),
        (no(109400, "order not exist"), CancelKind.NOT_FOUND),
        (no(80018), CancelKind.ALREADY_DONE),
        (no(109422), CancelKind.ALREADY_DONE),
        (no(109201), CancelKind.THROTTLED),
        (no(100410), CancelKind.THROTTLED),
        (no(109400, "bad parameter"), CancelKind.REFUSED),
        (no(80012, "anything"), CancelKind.UNKNOWN),
        (no(80001, "service has some errors"), CancelKind.UNKNOWN),
        (no(424242), CancelKind.UNKNOWN),
        (Say(""), CancelKind.UNKNOWN),
        (Say("", 500), CancelKind.UNKNOWN),
        (Say("", delay_seconds=5), CancelKind.UNKNOWN),
    ],
)
async def test_a_cancel_says_what_it_came_to_and_nothing_about_fills(answer: Say, kind: CancelKind) -> None:
    """`No such order` is kept apart from a generic failure, and an echo is only ever a hint."""
    async with StubVenue().serving() as venue:
        venue.on("DELETE", ORDER, answer)
        async with desk_at(venue) as desk:
            result = await desk.cancel("BTC-USDT", "jrnl-1-0-0")
    assert result.kind is kind
    asked = venue.requests("DELETE", ORDER)[0]
    assert asked.parameters["clientOrderId"] == "jrnl-1-0-0"
    assert asked.signature_holds
    if result.echo is not None:
        assert result.echo.evidence is Evidence.CANCEL_ECHO
        assert result.echo.state is OrderState.CANCELED


async def test_a_cancel_falls_back_to_the_venues_id_when_ours_is_not_known() -> None:
    """By our id always; by the venue's when it is known and ours met `no such order`."""

    def only_by_order_id(seen: Seen) -> Say:
        return yes({"order": CANCELLED}) if "orderId" in seen.parameters else no(80016, "order not exist")

    async with StubVenue().serving() as venue:
        venue.on("DELETE", ORDER, only_by_order_id)
        async with desk_at(venue) as desk:
            assert (await desk.cancel("BTC-USDT", "jrnl-1-0-0", "77")).kind is CancelKind.REQUESTED
            assert (await desk.cancel("BTC-USDT", "jrnl-1-0-0")).kind is CancelKind.NOT_FOUND
            assert (await desk.cancel_order_id("BTC-USDT", "77")).kind is CancelKind.REQUESTED
    ids = [seen.parameters.get("orderId") for seen in venue.requests("DELETE", ORDER)]
    assert ids == [None, "77", None, "77"]


async def test_a_cancel_may_go_to_the_fallback_host() -> None:
    """Cancelling twice is harmless; not cancelling is not."""
    async with StubVenue().serving() as venue, StubVenue().serving() as other:
        venue.on("DELETE", ORDER, Say("", 502))
        other.on("DELETE", ORDER, yes({"order": CANCELLED}))
        async with desk_at(venue, fallback=other.url) as desk:
            assert (await desk.cancel("BTC-USDT", "jrnl-1-0-0")).kind is CancelKind.REQUESTED


@pytest.mark.parametrize(
    ("answer", "confirmed"),
    [
        (yes({"success": [CANCELLED], "failed": None}), True),
        (yes({"success": None, "failed": None}), True),
        (yes(None), True),
        (yes({"success": [CANCELLED], "failed": [{"orderId": 1, "errorCode": 80012}]}), False),
        (yes({"success": [CANCELLED], "failed": {"orderId": 1}}), False),
        (yes({"success": 3}), False),
        (yes([]), True),
        (no(80012), False),
        (Say("", 504), False),
    ],
)
async def test_cancel_all_is_confirmed_only_without_failures(answer: Say, confirmed: bool) -> None:
    """One order that could not be cancelled is one order that may fill."""
    async with StubVenue().serving() as venue:
        venue.on("DELETE", ALL_OPEN, answer)
        async with desk_at(venue) as desk:
            assert (await desk.cancel_all("BTC-USDT")).confirmed is confirmed


async def test_cancelling_a_submit_passes_through() -> None:
    """The caller's own cancellation is not swallowed: whoever cancels knows that the order is then unknown."""
    async with StubVenue().serving() as venue:
        venue.on("POST", ORDER, Say("", delay_seconds=30))
        async with desk_at(venue) as desk:
            task = asyncio.create_task(desk.submit(OPENING, permit()))
            await eventually(lambda: bool(venue.requests("POST", ORDER)))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
