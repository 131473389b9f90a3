"""The closing half over real sockets: it gets flat through whatever the venue answers, and never opens."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from bingx_venue import START_NS, Say, Seen, StepClock, StubVenue, connected, no, yes
from dita.adapters.bingx.contracts import Contract
from dita.adapters.bingx.desk import OrderDesk
from dita.adapters.bingx.orders import (
    Accepted,
    NewOrder,
    Rejected,
    Unknown,
    UnknownReason,
)
from dita.adapters.bingx.rest import PositionMode
from dita.adapters.bingx.trading import BingxCloser
from dita.spec.vocabulary import OrderSide, RejectReason, Side

MS = 10**6
SWAP = "/openApi/swap"
ORDER = f"{SWAP}/v2/trade/order"
ALL_OPEN = f"{SWAP}/v2/trade/allOpenOrders"
FOR_EVER = START_NS + 10**15
COIN = 10**8
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
ECHO = {
    "orderId": 1976209350456246273, "orderID": "1976209350456246273", "symbol": "BTC-USDT", "positionSide": "LONG",
    "side": "BUY", "type": "LIMIT", "price": 60000.5, "quantity": 0.0123, "stopPrice": 0, "clientOrderID": "jrnl-1-0-0",
    "clientOrderId": "", "timeInForce": "GTC", "reduceOnly": False, "status": "NEW", "avgPrice": "0.00",
    "executedQty": "0.0000",
}  # fmt: skip


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


CANCELLED = {**ECHO, "origQty": "0.0123", "executedQty": "0.0050", "status": "CANCELLED", "clientOrderId": "jrnl-1-0-0",
    "time": 1760000000000, "updateTime": 1760000000001,
}  # fmt: skip


class Holding:
    """A venue with a position and an order, which obeys closes and cancels, but not always at once."""

    def __init__(self, venue: StubVenue, answers: list[Say] | None = None) -> None:
        self.amount = 1.5
        self.orders = 2
        self.answers = answers or []
        venue.on("DELETE", ALL_OPEN, self.cancel_all)
        venue.on("GET", f"{SWAP}/v2/user/positions", self.positions)
        venue.on("GET", f"{SWAP}/v2/trade/openOrders", self.open_orders)
        venue.on("POST", ORDER, self.close)

    def cancel_all(self, _: Seen) -> Say:
        """Nothing rests afterwards, unless the test says otherwise."""
        if self.answers:
            return self.answers.pop(0)
        self.orders = 0
        return yes({"success": None, "failed": None})

    def positions(self, _: Seen) -> Say:
        """A short of what is left."""
        row = {"symbol": "BTC-USDT", "positionAmt": str(self.amount), "positionSide": "SHORT", "positionId": "1"}
        return yes([row] if self.amount else [])

    def open_orders(self, _: Seen) -> Say:
        """What still rests."""
        return yes({"orders": [{**CANCELLED, "status": "NEW", "orderId": n + 1} for n in range(self.orders)]})

    def close(self, seen: Seen) -> Say:
        """Buys back what is asked, unless the test says otherwise."""
        if self.answers:
            return self.answers.pop(0)
        self.amount -= float(seen.parameters["quantity"])
        return accept(seen)


async def test_flatten_cancels_closes_and_looks_again() -> None:
    """Without any clearance: orders are cancelled, the short is bought back, and a last read shows nothing."""
    async with StubVenue().serving() as venue:
        holding = Holding(venue)
        async with desk_at(venue) as desk:
            report = await BingxCloser(desk).flatten(["BTC-USDT"], "flat-1")
        (close,) = venue.requests("POST", ORDER)
    assert report.is_flat
    assert (report.remaining, report.open_orders) == ((), ())
    assert holding.amount == 0
    asked = close.parameters
    assert (asked["side"], asked["positionSide"], asked["quantity"]) == ("BUY", "SHORT", "1.5")
    assert asked["clientOrderID"] == "flat-1-1"


async def test_flatten_goes_on_through_errors_with_a_new_id_each_time() -> None:
    """A failed cancel, an unknown close and a refused one are noted, and the next round tries again."""
    async with StubVenue().serving() as venue:
        Holding(venue, [Say("", 500), Say("", 504), no(80012), no(101204, "Insufficient margin")])
        async with desk_at(venue) as desk:
            report = await BingxCloser(desk).flatten(["BTC-USDT"], "flat-2")
        ids = [seen.parameters["clientOrderID"] for seen in venue.requests("POST", ORDER)]
    assert report.is_flat
    assert ids == ["flat-2-1", "flat-2-2", "flat-2-3"]
    assert any("not confirmed" in note for note in report.notes)
    assert any("Unknown" in note for note in report.notes)


async def test_flatten_closes_even_when_the_orders_cannot_be_read() -> None:
    """A listing that fails keeps nobody in a position; only a full look calls it flat."""
    async with StubVenue().serving() as venue:
        holding = Holding(venue)
        path = f"{SWAP}/v2/trade/openOrders"
        venue.on("GET", path, no(80012), no(80012), holding.open_orders)
        async with desk_at(venue) as desk:
            report = await BingxCloser(desk).flatten(["BTC-USDT"], "flat-5")
        assert len(venue.requests("POST", ORDER)) == 1
        assert len(venue.requests("GET", path)) == 3
    assert report.is_flat
    assert holding.amount == 0


async def test_flatten_that_cannot_says_what_is_left() -> None:
    """When the venue refuses for good, the report says so and names the position; it never raises."""
    async with StubVenue().serving() as venue:
        holding = Holding(venue)
        venue.on("POST", ORDER, no(101204, "Insufficient margin"))
        async with desk_at(venue) as desk:
            report = await BingxCloser(desk).flatten(["BTC-USDT"], "flat-3", rounds=2)
    assert not report.is_flat
    assert [(row.side, row.quantity) for row in report.remaining] == [(Side.SHORT, int(holding.amount * COIN))]


CLOSE_POSITION = f"{SWAP}/v1/trade/closePosition"


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (yes({"orderId": 5}), Unknown, UnknownReason.UNNAMED),
        (yes(None), Unknown, UnknownReason.UNNAMED),
        (Say("", 504), Unknown, UnknownReason.AMBIGUOUS),
        (no(100400, "Gateway timeout"), Unknown, UnknownReason.AMBIGUOUS),
        (no(101205, "No position to close"), Rejected, RejectReason.NO_POSITION),
    ],
)
async def test_a_whole_close_has_no_name_and_is_never_called_done(answer: Say, kind: type, reason: object) -> None:
    """It carries no client id: even a yes is unknown until the position says 0."""
    async with StubVenue().serving() as venue:
        venue.on("POST", CLOSE_POSITION, answer)
        async with desk_at(venue) as desk:
            result = await BingxCloser(desk).close_whole("BTC-USDT", "77")
        (seen,) = venue.requests("POST", CLOSE_POSITION)
    assert seen.parameters["positionId"] == "77"
    assert type(result) is kind
    assert getattr(result, "reason", None) is reason


@pytest.mark.parametrize("code", ["101485", "101202", "110422", "110425"])
async def test_flatten_closes_dust_by_the_position_itself(code: str) -> None:
    """An order is refused for its size: the whole position is closed by its id, and a read confirms it."""
    async with StubVenue().serving() as venue:
        holding = Holding(venue)
        venue.on("POST", ORDER, no(code, "too small"))

        def close_whole(_: Seen) -> Say:
            holding.amount = 0.0
            return yes({"orderId": 5})

        venue.on("POST", CLOSE_POSITION, close_whole)
        async with desk_at(venue) as desk:
            report = await BingxCloser(desk).flatten(["BTC-USDT"], "flat-4")
        (seen,) = venue.requests("POST", CLOSE_POSITION)
    assert report.is_flat
    assert seen.parameters["positionId"] == "1"


async def test_the_closer_closes_one_position_and_checks_its_arguments() -> None:
    """A long is sold, a short bought; anything else, and anything that opens, is refused here."""
    async with StubVenue().serving() as venue:
        venue.on("POST", ORDER, accept)
        async with desk_at(venue, PositionMode.ONE_WAY) as desk:
            closer = BingxCloser(desk)
            assert isinstance(await closer.close_position("BTC-USDT", Side.LONG, COIN, "c-1"), Accepted)
            assert isinstance(await closer.close_position("BTC-USDT", Side.SHORT, COIN, "c-2"), Accepted)
            assert isinstance(await closer.close_position("BTC-USDT", Side.NONE, COIN, "c-3"), Rejected)
            assert isinstance(await closer.submit(OPENING), Rejected)
        asked = [seen.parameters for seen in venue.requests("POST", ORDER)]
    assert [(p["side"], p["positionSide"], p["reduceOnly"]) for p in asked] == [
        ("SELL", "BOTH", "true"), ("BUY", "BOTH", "true"),
    ]  # fmt: skip
