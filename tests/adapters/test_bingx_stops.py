"""Stops that protect a position: placed by the adapter, triggered by the exchange, found again when not answered."""

import asyncio
import json
from dataclasses import replace

import pytest

from dita.adapters.bingx.api import judge
from dita.adapters.bingx.errors import Call
from dita.adapters.bingx.orders import Accepted, CancelKind, Rejected, SubmitResult, Unknown, UnknownReason
from dita.adapters.bingx.rest import PositionMode
from dita.adapters.bingx.stops import NewStop, StopKind, judged_stop, like, stop_parameters
from dita.adapters.bingx.transport import Reply
from dita.adapters.exchange import RepeatRequest, SpoilReply, When
from dita.adapters.logic.rows import Evidence, OrderRow, OrderState
from dita.spec.clearance import Clearance
from dita.spec.scales import PRICE_SCALE
from dita.spec.vocabulary import OrderSide, RejectReason, Side
from fault_session import BID, LOT, SYMBOL, FaultSession, played

LOSS, PROFIT = BID - 500 * PRICE_SCALE, BID + 500 * PRICE_SCALE
PRICES = {StopKind.STOP: LOSS, StopKind.TAKE_PROFIT: PROFIT}
WIRE: dict[tuple[PositionMode, int], dict[str, str]] = {
    (PositionMode.HEDGE, 0): {"positionSide": "LONG", "closePosition": "true"},
    (PositionMode.HEDGE, 4): {"positionSide": "LONG", "quantity": "0.0004"},
    (PositionMode.ONE_WAY, 0): {"positionSide": "BOTH", "closePosition": "true"},
    (PositionMode.ONE_WAY, 4): {"positionSide": "BOTH", "quantity": "0.0004", "reduceOnly": "true"},
}


def stop_of(session: FaultSession | None = None, lots: int = 0, kind: StopKind = StopKind.STOP) -> NewStop:
    """A stop for a long position, 500 USDT away."""
    now_ns = 0 if session is None else session.rest.api.transport.venue_now_ns()
    return NewStop(SYMBOL, Side.LONG, PRICES[kind], now_ns + 10**9, lots * LOT, kind)


async def held(session: FaultSession) -> list[tuple[Side, int]]:
    return [(row.side, row.quantity // LOT) for row in await session.rest.positions(SYMBOL)]


@pytest.mark.parametrize("mode", list(PositionMode))
@pytest.mark.parametrize("lots", [0, 4])
def test_what_is_sent_can_only_close(mode: PositionMode, lots: int) -> None:
    """For one side in hedge mode, reduce-only in one-way mode, or the whole; the mark price is named each time."""
    common = {
        "symbol": SYMBOL,
        "side": "SELL",
        "stopPrice": "59500",
        "workingType": "MARK_PRICE",
        "type": "STOP_MARKET",
    }
    assert stop_parameters(stop_of(lots=lots), mode) == common | WIRE[mode, lots]


@pytest.mark.parametrize("mode", list(PositionMode))
@pytest.mark.parametrize("lots", [0, 4])
@pytest.mark.parametrize("kind", list(StopKind))
def test_a_stop_closes_when_the_mark_price_gets_there(
    mode: PositionMode, lots: int, kind: StopKind, clearance: Clearance
) -> None:
    """It rests without touching the position, closes what it says at its price and no more, and is gone; told of."""

    async def play(session: FaultSession) -> object:
        following = await session.listen()
        await session.trader.submit(session.order(lots=10))
        placed = await session.trader.closer.protect(stop_of(session, lots, kind))
        assert isinstance(placed, Accepted)
        resting = await session.rest.open_orders(SYMBOL)
        assert [(row.order_id, row.type_text, row.stop_price) for row in resting] == [
            (placed.order_id, kind.value, PRICES[kind])
        ]
        assert like(stop_of(session, lots, kind), resting) == (placed.order_id,)
        away = -1 if kind is StopKind.STOP else 1
        session.price(PRICES[kind] - away * 100 * PRICE_SCALE)
        await asyncio.sleep(1)
        before = await held(session)
        session.price(PRICES[kind] + away * 100 * PRICE_SCALE)
        await asyncio.sleep(1)
        following.cancel()
        strangers = {name for name, _ in session.follower.strangers}
        return before, await held(session), await session.rest.open_orders(SYMBOL), strangers

    left = [] if lots == 0 else [(Side.LONG, 6)]
    assert played(play, clearance, mode=mode)[0] == ([(Side.LONG, 10)], left, (), {""})


def test_refusals_are_definite(clearance: Clearance) -> None:
    """Nothing to protect, or already beyond the price: no stop exists, and the reason is the kernel's."""

    async def play(session: FaultSession) -> None:
        nothing = await session.desk.protect(stop_of(session, 4))
        assert isinstance(nothing, Rejected)
        assert nothing.reason is RejectReason.NO_POSITION
        await session.trader.submit(session.order())
        beyond = await session.desk.protect(replace(stop_of(session), stop_price=PROFIT))
        assert isinstance(beyond, Rejected)
        assert (beyond.reason, beyond.code) == (RejectReason.REFUSED, "110411")
        late = await session.desk.protect(replace(stop_of(session), send_by_ns=1))
        assert isinstance(late, Rejected)
        assert late.reason is RejectReason.NOT_SENT
        assert [order.order_type for order in session.books] == ["MARKET"]

    played(play, clearance)


FAULTS: list[tuple[dict[str, object], str]] = [
    ({"symbol": "btcusdt"}, "symbol: `btcusdt`"),
    ({"symbol": "ETH-USDT"}, "the contract of `ETH-USDT` is not loaded"),
    ({"position": Side.NONE}, "position: "),
    ({"stop_price": 0}, "stop_price: `0`"),
    ({"stop_price": LOSS + 1}, "is not a multiple of `0.1`"),
    ({"quantity": -LOT}, "quantity: `-10000`"),
    ({"quantity": LOT + 1}, "is not a multiple of `0.0001`"),
]


@pytest.mark.parametrize(("change", "named"), FAULTS, ids=[str(change) for change, _ in FAULTS])
def test_what_is_wrong_is_named_and_not_sent(change: dict[str, object], named: str, clearance: Clearance) -> None:
    """Field and value; the exchange never hears of it."""

    async def play(session: FaultSession) -> None:
        served = session.exchange.report().requests_served
        result = await session.desk.protect(replace(stop_of(session), **change))  # type: ignore[arg-type]  # bad on purpose
        assert isinstance(result, Rejected)
        assert result.reason is RejectReason.NOT_SENT
        assert named in result.text
        assert session.exchange.report().requests_served == served

    played(play, clearance)


def test_a_stop_without_an_answer_is_found_among_the_open_orders(clearance: Clearance) -> None:
    """Unknown, never sent again; the open orders show whether it is there, and it can be cancelled by that id."""

    async def play(session: FaultSession) -> None:
        await session.trader.submit(session.order())
        session.exchange.arm([SpoilReply(504)])
        assert isinstance(await session.desk.protect(stop_of(session)), Unknown)
        (found,) = like(stop_of(session), await session.rest.open_orders(SYMBOL))
        assert (await session.desk.cancel_order_id(SYMBOL, found)).kind is CancelKind.REQUESTED
        assert like(stop_of(session), await session.rest.open_orders(SYMBOL)) == ()

    played(play, clearance)


@pytest.mark.parametrize("mode", list(PositionMode))
def test_two_stops_of_one_request_cannot_flip_the_position(mode: PositionMode, clearance: Clearance) -> None:
    """The venue knows no client id of a stop: what a proxy sends twice is there twice, and closes once."""

    async def play(session: FaultSession) -> None:
        await session.trader.submit(session.order())
        session.exchange.arm([RepeatRequest(when=When(nth=1))])
        await session.desk.protect(stop_of(session))
        assert len(like(stop_of(session), await session.rest.open_orders(SYMBOL))) == 2
        session.price(LOSS - 100 * PRICE_SCALE)
        await asyncio.sleep(1)
        assert await held(session) == []
        assert await session.rest.open_orders(SYMBOL) == ()

    played(play, clearance, mode=mode)


ECHO = {"orderId": 7, "symbol": SYMBOL, "type": "STOP_MARKET", "stopPrice": 59500.0}
ECHOES: list[tuple[dict[str, object], UnknownReason | None]] = [
    ({}, None),
    ({"stopPrice": "59500.0"}, None),
    ({"stopPrice": "", "type": "", "symbol": ""}, None),
    ({"orderId": 0}, UnknownReason.BAD_REPLY),
    ({"orderId": None}, UnknownReason.BAD_REPLY),
    ({"stopPrice": []}, UnknownReason.BAD_REPLY),
    ({"symbol": "ETH-USDT"}, UnknownReason.ECHO_DIFFERS),
    ({"type": "TAKE_PROFIT_MARKET"}, UnknownReason.ECHO_DIFFERS),
    ({"stopPrice": 59499.9}, UnknownReason.ECHO_DIFFERS),
]


def judged(echo: object) -> SubmitResult:
    """What this answer proves."""
    body = json.dumps({"code": 0, "msg": "", "data": {"order": echo}})
    return judged_stop(stop_of(), judge(Reply(200, body.encode(), {}, 0, 0, 0), Call.SUBMIT))


@pytest.mark.parametrize(("change", "reason"), ECHOES, ids=[str(change) for change, _ in ECHOES])
def test_only_the_echo_of_this_stop_accepts_it(change: dict[str, object], reason: UnknownReason | None) -> None:
    """With an id, and no other symbol, type or price; what is not said is not held against it."""
    result = judged({**ECHO, **change})
    if reason is None:
        assert result == Accepted("7", "", 0)
    else:
        assert isinstance(result, Unknown)
        assert result.reason is reason
    assert isinstance(judged(None), Unknown)


RESTING = OrderRow(
    Evidence.LISTING, SYMBOL, "7", "", OrderSide.SELL, "LONG", OrderState.OPEN, "NEW", "STOP_MARKET", 0, 0, None, 1,
    stop_price=LOSS,
)  # fmt: skip


def test_only_what_can_be_this_stop_is_like_it() -> None:
    """Any other symbol, type, side, position, price or state is another order."""
    assert like(stop_of(), [RESTING]) == ("7",)
    others = [
        replace(RESTING, symbol="ETH-USDT"), replace(RESTING, type_text="STOP"), replace(RESTING, side=OrderSide.BUY),
        replace(RESTING, position_side="SHORT"), replace(RESTING, stop_price=LOSS + 1),
        replace(RESTING, state=OrderState.EXPIRED),
    ]  # fmt: skip
    assert like(stop_of(), others) == ()
