"""The whole adapter against the exchange simulator over real sockets: its books are the second opinion on ours."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
from pydantic import SecretStr

from bingx_venue import API_KEY, SECRET, eventually
from dita.adapters.bingx.account_stream import AccountStream
from dita.adapters.bingx.clock import SystemClock
from dita.adapters.bingx.credentials import Credentials
from dita.adapters.bingx.desk import OrderDesk
from dita.adapters.bingx.endpoints import Hosts
from dita.adapters.bingx.errors import BadReply
from dita.adapters.bingx.market_stream import MarketStream
from dita.adapters.bingx.orders import Accepted, CancelKind, NewOrder, Rejected, Unknown, UnknownReason
from dita.adapters.bingx.rest import BingxRest, PositionMode
from dita.adapters.bingx.stream_events import OrderUpdate, StreamGap, StreamRestored
from dita.adapters.bingx.trading import BingxCloser, BingxTrader
from dita.adapters.bingx.transport import Timeouts
from dita.adapters.exchange import AccountConfig, ExchangeConfig, ExchangeServer
from dita.adapters.exchange.config import RequestRules, StreamRules, WireVariants
from dita.adapters.exchange.faults import (
    CancelLosesToFill,
    CutStream,
    DelayAdmission,
    DropFrame,
    DuplicateFrame,
    Fault,
    HideOrder,
    LimitRate,
    LoseReply,
    LoseRequest,
    RefuseRequest,
    SplitFills,
    SpoilReply,
)
from dita.adapters.exchange.record import AccountRecord
from dita.adapters.logic.income import IncomeBook
from dita.adapters.logic.orders import OrderMemory, Snapshot
from dita.adapters.logic.positions import position_reading
from dita.adapters.logic.resolve import Absent, Case, Facts, Found, Resolution, Result
from dita.adapters.logic.settle import NotSettled, Settlement, orders_agree, settlement
from dita.spec.clearance import Clearance
from dita.spec.market import BookTicker
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.vocabulary import ALL_CHECKS, IncomeKind, OrderSide, RejectReason
from order_follower import resolve_order

SECOND = 10**9
MS = 10**6
COIN = 10**8
BID, ASK = 600_000_000_000_000, 600_001_000_000_000
LOT = 10**4
TAG = "jrnl"
# Every variant of the wire that documents and captures disagree on, several at a time.
WIRES = [
    WireVariants(),
    WireVariants(
        settlement_asset="VST", balance_spelling="vst", fill_rows="documented", omit_last_fill=True,
        order_id_as_text=True, order_event_name="TRADE_UPDATE", account_update_first=True, empty_list="null",
        resting_status="WORKING", unknown_order="empty", done_order_on_cancel="109421", duplicate_id="101481",
        clock_code="100421", ack="documented", frames="text", market_order_reply="new", one_way_rows="LONG_SHORT",
        one_listen_key=False, newest_first=False,
    ),
    WireVariants(
        cumulative_commission=True, empty_list="missing", resting_status="PENDING", unknown_order="109400",
        done_order_on_cancel="109400", duplicate_id="109201", rate_limit="http429",
    ),
]  # fmt: skip


PERMITS: list[Clearance] = []


@pytest.fixture(autouse=True)
def _given(clearance: Clearance) -> None:  # pyright: ignore[reportUnusedFunction] - pytest calls it
    """The loader's clearance, for every trader of this file."""
    PERMITS[:] = [clearance]


@dataclass
class House:
    """One exchange and everything that talks to it."""

    exchange: ExchangeServer
    rest: BingxRest
    desk: OrderDesk
    closer: BingxCloser
    trader: BingxTrader
    tag: str = TAG
    trades: int = 0

    @property
    def books(self) -> AccountRecord:
        """The exchange's own books."""
        return self.exchange.venue_record().account(API_KEY)

    def key(self, attempt: int = 0) -> OrderKey:
        """A new entry order's key, or an exit's of the same trade."""
        if attempt == 0:
            self.trades += 1
        return OrderKey(self.trades, 0, attempt)

    def order(self, key: OrderKey, side: OrderSide, lots: int, *, limit: int = 0, seconds: float = 0.5) -> NewOrder:
        """An order that may be sent for so long."""
        return NewOrder(
            "BTC-USDT", client_order_id(TAG, key), side, reduce_only=key.attempt > 0, quantity=lots * LOT,
            limit_price=limit, send_by_ns=self.rest.api.transport.venue_now_ns() + int(seconds * SECOND),
        )  # fmt: skip

    async def resolve(self, key: OrderKey, order: NewOrder, submitted_ns: int, **facts: int) -> Result:
        """Resolve an unknown order."""
        case = Case(
            key=key, tag=TAG, symbol=order.symbol, client_order_id=order.client_order_id, side=order.side,
            quantity=order.quantity, submitted_ns=submitted_ns, send_by_ns=order.send_by_ns,
            window_ns=self.rest.api.transport.window_ns,
        )  # fmt: skip
        known = Facts(
            seen=False, long_quantity=facts.get("long", 0), short_quantity=0, owned_order_ids=frozenset(),
            echo_seen=True, stale_refused=True,
        )  # fmt: skip
        return await resolve_order(self.rest, self.closer, case, lambda: known)


@asynccontextmanager
async def house(
    *faults: Fault,
    mode: PositionMode = PositionMode.HEDGE,
    wire: WireVariants | None = None,
    requests: RequestRules | None = None,
    streams: StreamRules | None = None,
    window_ms: int = 1000,
    address: str = "",
    has_fallback: bool = False,
) -> AsyncGenerator[House]:
    """A running exchange with a market, and a connected adapter. ``address``: by which it is told to reach it."""
    config = ExchangeConfig(
        accounts=(AccountConfig(API_KEY, SECRET, hedge_mode=mode is PositionMode.HEDGE),),
        wire=wire or WireVariants(),
        requests=requests or RequestRules(),
        streams=streams or StreamRules(ping_interval_ms=100, snapshot_interval_ms=150),
    )
    exchange = ExchangeServer(config)
    await exchange.start()
    url = exchange.rest_url.replace("127.0.0.1", address or "127.0.0.1")
    fallback = url if has_fallback else None
    hosts = Hosts(url, fallback, exchange.ws_url, exchange.ws_url, config.wire.settlement_asset)
    rest = BingxRest.connect(
        hosts, Credentials(SecretStr(API_KEY), SecretStr(SECRET)), SystemClock(), Random(1), recv_window_ms=window_ms,
        timeouts=Timeouts(connect=2, read=2, write=2, pool=2, total=2.5, limiter=10),
    )  # fmt: skip
    try:
        market(exchange)
        desk = OrderDesk(rest, mode, await rest.contracts(["BTC-USDT"]))
        exchange.arm(faults)
        trader = BingxTrader(desk, PERMITS[0])
        yield House(exchange, rest, desk, BingxCloser(desk), trader)
    finally:
        await rest.aclose()
        await exchange.stop()


def market(exchange: ExchangeServer, bid: int = BID, ask: int = ASK) -> None:
    """Deep best prices."""
    exchange.feed(BookTicker("BTC-USDT", bid, 100 * COIN, ask, 100 * COIN, time.time_ns()))


async def snapshot_by_query(home: House, memory: OrderMemory, identifier: str) -> None:
    row = await home.rest.query_by_client_id("BTC-USDT", identifier)
    assert row is not None
    memory.take_row(row)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("mode", list(PositionMode))
async def test_a_round_trip_ends_in_the_exchanges_own_figures(wire: WireVariants, mode: PositionMode) -> None:
    """Entry and exit in pieces: snapshots, settlement, position and wallet equal the exchange's books to the unit."""
    async with house(SplitFills(3, delay_ms=20), mode=mode, wire=wire) as home:
        asset = home.rest.api.hosts.settlement_asset
        started_ns = home.rest.api.transport.venue_now_ns()
        before = await home.rest.balance(asset)
        assert await home.rest.position_mode() is mode
        async with AccountStream(home.rest, {"BTC-USDT"}, Random(2)) as stream:
            memories = {0: OrderMemory(), 1: OrderMemory()}
            for attempt, side in ((0, OrderSide.BUY), (1, OrderSide.SELL)):
                key = home.key(attempt)
                order = home.order(key, side, 30)
                if attempt == 0:
                    await wait_for(stream, StreamRestored)
                result = await home.trader.submit(order)
                assert isinstance(result, Accepted)
                memory = memories[attempt]
                async with asyncio.timeout(10):
                    while not (memory.forwarded and memory.forwarded.done):
                        event = await stream.next_event()
                        if isinstance(event, OrderUpdate) and event.row.client_order_id == order.client_order_id:
                            memory.take_row(event.row)
                assert memory.forwarded is not None
                truth = next(o for o in home.books.orders if o.client_id == order.client_order_id)
                assert memory.forwarded.quantity == truth.executed == 30 * LOT
                assert memory.forwarded.quote == truth.notional
                await check_settlement(home, order, truth.notional, truth.commission, started_ns, asset)
                await check_position(home, key, long=30 * LOT if attempt == 0 else 0)
        after = await home.rest.balance(asset)
        books = home.books
        assert books.wallet_difference == 0
        assert after.balance == books.wallet
        assert after.balance - before.balance == books.realised - books.commission


async def wait_for(stream: AccountStream | MarketStream, kind: type) -> object:
    async with asyncio.timeout(10):
        while True:
            event = await stream.next_event()
            if isinstance(event, kind):
                return event


async def check_settlement(
    home: House, order: NewOrder, notional: int, commission: int, since_ns: int, asset: str
) -> None:
    now_ns = home.rest.api.transport.venue_now_ns()
    rows = await home.rest.fill_history("BTC-USDT", since_ns - 5 * SECOND, now_ns + 5 * SECOND)
    row = await home.rest.query_by_client_id("BTC-USDT", order.client_order_id)
    assert row is not None
    own = [fill for fill in rows if fill.order_id == row.order_id]
    assert orders_agree([row], own) is None
    found = settlement(rows, frozenset({row.order_id}), order.side, order.quantity, asset)
    assert isinstance(found, Settlement)
    assert (found.quantity, found.quote, found.fee) == (order.quantity, notional, commission)


async def check_position(home: House, key: OrderKey, long: int) -> None:
    sample = await home.rest.server_time()
    reading = position_reading(
        symbol="BTC-USDT", positions=await home.rest.positions(), open_orders=await home.rest.open_orders("BTC-USDT"),
        tag=TAG, expected=frozenset({key}), protective=frozenset(), server_before_ns=sample.server_ns,
    )  # fmt: skip
    assert (reading.long_quantity, reading.short_quantity, reading.foreign, reading.strays) == (long, 0, (), ())


AFTER_ACCEPTANCE: list[Fault] = [
    LoseReply("hang"),
    LoseReply("reset"),
    LoseReply("torn"),
    SpoilReply(504, "html"),
    SpoilReply(502, "empty"),
    SpoilReply(200, "empty"),
    SpoilReply(200, "no_code"),
    SpoilReply(200, "null_data"),
    SpoilReply(200, "code", 101500, "rpc timeout"),
    SpoilReply(200, "code", 100500, "Internal system error"),
    SpoilReply(200, "code", 80019, "being processed"),
]


@pytest.mark.parametrize("fault", AFTER_ACCEPTANCE, ids=repr)
async def test_an_accepted_order_without_an_answer_is_unknown_and_then_found(fault: Fault) -> None:
    """The order rests at the venue: never rejected, never sent twice, and the resolution finds exactly it."""
    async with house(fault) as home:
        key = home.key()
        order = home.order(key, OrderSide.BUY, 10, limit=BID)
        submitted_ns = home.rest.api.transport.venue_now_ns()
        result = await home.trader.submit(order)
        assert isinstance(result, Unknown)
        found = await home.resolve(key, order, submitted_ns)
        assert isinstance(found, Found)
        (truth,) = home.books.orders
        assert found.row.order_id == str(truth.order_id)
        reading = OrderMemory().take_row(found.row)
        assert reading.snapshot == Snapshot(0, 0, False, found.row.time_ns)
        assert (await home.trader.cancel("BTC-USDT", order.client_order_id)).kind is CancelKind.REQUESTED
        ended = await home.rest.query_by_client_id("BTC-USDT", order.client_order_id)
        assert ended is not None
        assert OrderMemory().take_row(ended).snapshot == Snapshot(0, 0, True, ended.time_ns)


@pytest.mark.parametrize("fault", [LoseRequest("hang"), RefuseRequest(101500, "rpc timeout")], ids=repr)
async def test_an_order_that_never_arrived_is_absent_on_full_evidence(fault: Fault) -> None:
    """Unknown, then absent: after the deadline by the venue's clock, with every check, and there is no order."""
    async with house(fault) as home:
        key = home.key()
        order = home.order(key, OrderSide.BUY, 10, limit=BID)
        submitted_ns = home.rest.api.transport.venue_now_ns()
        result = await home.trader.submit(order)
        assert isinstance(result, Unknown)
        absent = await home.resolve(key, order, submitted_ns)
        assert isinstance(absent, Absent)
        assert absent.checks == ALL_CHECKS
        assert absent.deadline_ns == order.send_by_ns + home.rest.api.transport.window_ns
        assert absent.as_of_ns > absent.deadline_ns + 2 * SECOND
        assert home.books.orders == ()


async def test_an_order_that_is_admitted_late_but_in_time_is_found() -> None:
    """Delayed inside the window: misses at first, then the order is there; it is never called absent."""
    async with house(DelayAdmission(700), LoseReply("reset")) as home:
        key = home.key()
        order = home.order(key, OrderSide.BUY, 10, limit=BID)
        submitted_ns = home.rest.api.transport.venue_now_ns()
        submit = asyncio.create_task(home.trader.submit(order))
        found = await home.resolve(key, order, submitted_ns)
        assert isinstance(found, Found)
        assert isinstance(await submit, Unknown)
        assert len(home.books.orders) == 1


async def test_an_order_hidden_from_reads_is_not_called_absent() -> None:
    """Read lag beyond the deadline: the misses do not suffice while the order may still appear, and it is found."""
    async with house(HideOrder(3000), LoseReply("reset")) as home:
        key = home.key()
        order = home.order(key, OrderSide.BUY, 10, limit=BID)
        submitted_ns = home.rest.api.transport.venue_now_ns()
        assert isinstance(await home.trader.submit(order), Unknown)
        assert isinstance(await home.resolve(key, order, submitted_ns), Found)


@pytest.mark.parametrize("wire", WIRES)
async def test_the_same_client_id_again_is_unknown_not_rejected(wire: WireVariants) -> None:
    """A duplicate means that an order exists: whatever the venue's code for it, the answer is to ask."""
    async with house(wire=wire) as home:
        order = home.order(home.key(), OrderSide.BUY, 10, limit=BID)
        assert isinstance(await home.trader.submit(order), Accepted)
        elsewhere = OrderDesk(home.rest, home.desk.mode, home.desk.contracts)  # another process's memory
        again = await BingxTrader(elsewhere, PERMITS[0]).submit(order)
        assert isinstance(again, Unknown)
        assert again.reason is UnknownReason.DUPLICATE_ID
        assert len(home.books.orders) == 1


async def test_definite_refusals_carry_the_kernels_reason() -> None:
    """No position, too small, too late: rejected with the reason that the kernel acts on, and no order exists."""
    async with house() as home:
        key = home.key()
        nothing = await home.closer.submit(home.order(OrderKey(key.trade, 0, 1), OrderSide.SELL, 10))
        assert isinstance(nothing, Rejected)
        assert nothing.reason is RejectReason.NO_POSITION
        late = await home.trader.submit(home.order(home.key(), OrderSide.BUY, 10, seconds=-1))
        assert isinstance(late, Rejected)
        assert late.reason is RejectReason.NOT_SENT
        huge = await home.trader.submit(home.order(home.key(), OrderSide.BUY, 10**9))
        assert isinstance(huge, Rejected)
        assert huge.reason is RejectReason.REFUSED
        assert [order for order in home.books.orders if order.executed] == []


@pytest.mark.parametrize("how", ["100410", "http429", "109429", "http403", "http418"])
async def test_every_way_to_be_rate_limited_is_throttled(how: str) -> None:
    """Code or status, never the text: the kernel hears THROTTLED, and the adapter leaves the venue alone."""
    async with house(LimitRate(how)) as home:  # type: ignore[arg-type]  # plain words keep the list readable
        order = home.order(home.key(), OrderSide.BUY, 10)
        result = await home.trader.submit(order)
        assert isinstance(result, Rejected)
        assert result.reason is RejectReason.THROTTLED
        served = home.exchange.report().requests_served
        again = await home.trader.submit(home.order(home.key(), OrderSide.BUY, 10, seconds=0.3))
        assert isinstance(again, Rejected)
        assert again.reason is RejectReason.THROTTLED
        assert home.exchange.report().requests_served == served


async def test_a_burst_stays_below_the_published_limits() -> None:
    """Thirty openings at once: our limiter spreads them, and the venue never has to refuse one."""
    async with house() as home:
        orders = [home.order(home.key(), OrderSide.BUY, 10, seconds=30) for _ in range(24)]
        results = await asyncio.gather(*(home.trader.submit(order) for order in orders))
        assert all(isinstance(result, Accepted) for result in results)


async def test_a_skewed_clock_is_measured_and_lived_with() -> None:
    """The venue's clock is 4 s ahead, far outside the window: after the first measurement everything is accepted."""
    async with house(requests=RequestRules(clock_skew_ms=4000)) as home:
        offset = await home.rest.sync_clock()
        assert abs(offset.offset_ns - 4 * SECOND) < SECOND
        assert isinstance(await home.trader.submit(home.order(home.key(), OrderSide.BUY, 10)), Accepted)


async def test_the_start_up_probes_pass() -> None:
    """RecvWindow is honoured, and an order with a stale timestamp is refused as such: the premises of absence."""
    async with house() as home:
        assert await home.rest.probe_receive_window()
        test_order = {"symbol": "BTC-USDT", "side": "BUY", "positionSide": "LONG", "type": "MARKET", "quantity": "0.01"}
        assert await home.rest.stale_timestamp_is_refused(test_order)
        assert home.books.orders == ()


FRAME_FAULTS: list[Fault] = [
    DropFrame("ORDER_TRADE_UPDATE", when=replace(DropFrame().when, times=2)),
    DuplicateFrame("ORDER_TRADE_UPDATE", when=replace(DropFrame().when, times=0)),
    CutStream("ORDER_TRADE_UPDATE"),
]


@pytest.mark.parametrize("fault", FRAME_FAULTS, ids=["dropped", "duplicated", "cut"])
async def test_what_the_stream_loses_the_reads_bring_back(fault: Fault) -> None:
    """Frames lost, repeated, or the connection cut: after the gap a query tells the same end, exactly once."""
    async with (
        house(SplitFills(2, delay_ms=20), fault) as home,
        AccountStream(home.rest, {"BTC-USDT"}, Random(2)) as stream,
    ):
        await wait_for(stream, StreamRestored)
        order = home.order(home.key(), OrderSide.BUY, 20)
        assert isinstance(await home.trader.submit(order), Accepted)
        await eventually(lambda: [o.executed for o in home.books.orders] == [20 * LOT])
        if isinstance(fault, CutStream):
            await wait_for(stream, StreamGap)
            await wait_for(stream, StreamRestored)
        memory = OrderMemory()
        let_through: list[Snapshot] = []
        while stream.queued:
            event = await stream.next_event()
            if isinstance(event, OrderUpdate):
                reading = memory.take_row(event.row)
                let_through += [reading.snapshot] if reading.snapshot else []
        row = await home.rest.query_by_client_id("BTC-USDT", order.client_order_id)
        assert row is not None
        last = memory.take_row(row)
        let_through += [last.snapshot] if last.snapshot else []
        assert memory.forwarded is not None
        assert (memory.forwarded.quantity, memory.forwarded.done) == (20 * LOT, True)
        assert len({(one.quantity, one.quote, one.done) for one in let_through}) == len(let_through)


async def test_an_expiring_listen_key_is_replaced() -> None:
    """Keys that live for 300 ms: the expiry frame ends each session as a gap, and the next one works."""
    rules = StreamRules(ping_interval_ms=50, snapshot_interval_ms=50, listen_key_life_ms=300)
    async with house(streams=rules) as home, AccountStream(home.rest, {"BTC-USDT"}, Random(2)) as stream:
        await wait_for(stream, StreamRestored)
        gap = await wait_for(stream, StreamGap)
        assert isinstance(gap, StreamGap)
        assert "expired" in gap.reason or "lost" in gap.reason
        await wait_for(stream, StreamRestored)


async def test_a_cancel_that_loses_to_a_fill_is_learnt_by_query() -> None:
    """The cancel says nothing about fills; the query says FILLED with everything."""
    async with house(CancelLosesToFill()) as home:
        order = home.order(home.key(), OrderSide.BUY, 10, limit=BID)
        assert isinstance(await home.trader.submit(order), Accepted)
        cancelled = await home.trader.cancel("BTC-USDT", order.client_order_id)
        assert cancelled.kind in (CancelKind.ALREADY_DONE, CancelKind.NOT_FOUND)
        row = await home.rest.query_by_client_id("BTC-USDT", order.client_order_id)
        assert row is not None
        snapshot = OrderMemory().take_row(row).snapshot
        assert snapshot is not None
        assert (snapshot.quantity, snapshot.done) == (10 * LOT, True)


@pytest.mark.parametrize("mode", list(PositionMode))
async def test_flatten_leaves_nothing(mode: PositionMode) -> None:
    """A position and resting orders in either mode, with no clearance at hand: afterwards the venue is flat."""
    async with house(mode=mode) as home:
        assert isinstance(await home.trader.submit(home.order(home.key(), OrderSide.BUY, 30)), Accepted)
        assert isinstance(await home.trader.submit(home.order(home.key(), OrderSide.BUY, 10, limit=BID)), Accepted)
        report = await home.closer.flatten(["BTC-USDT"], "flat-e1")
        assert report.is_flat, report
        assert home.books.positions == () or all(row.quantity == 0 for row in home.books.positions)
        assert home.books.open_orders == ()


async def test_funding_and_transfers_are_read_as_they_were_booked() -> None:
    """Income rows of both kinds sum to the exchange's own figures, and reading them twice changes nothing."""
    async with house() as home:
        seed_ns = home.rest.api.transport.venue_now_ns() - SECOND
        assert isinstance(await home.trader.submit(home.order(home.key(), OrderSide.BUY, 300)), Accepted)
        home.exchange.fund("BTC-USDT", 100_000)
        home.exchange.fund("BTC-USDT", -30_000)
        home.exchange.transfer(API_KEY, 123 * COIN)
        book = IncomeBook(seed_ns, "USDT")
        for _ in range(2):
            book.add(await home.rest.income(seed_ns, home.rest.api.transport.venue_now_ns() + SECOND))
        books = home.books
        assert book.total(IncomeKind.FUNDING).total == books.funding
        assert book.total(IncomeKind.FUNDING).rows == 2
        assert book.total(IncomeKind.TRANSFER).total == books.transfers == 123 * COIN
        assert book.unknown_types == set()


@pytest.mark.parametrize("wire", [WIRES[0], WIRES[1]])
async def test_market_data_flows_and_survives_a_cut(wire: WireVariants) -> None:
    """What is fed to the exchange arrives as the same integers; after a cut the topics are asked for again."""
    async with house(wire=wire) as home:
        url = home.rest.api.hosts.market_stream
        async with MarketStream(url, ["BTC-USDT"], SystemClock(), Random(3)) as stream:
            await wait_for(stream, StreamRestored)
            market(home.exchange, BID - 10**9, ASK + 10**9)
            ticker = await wait_for(stream, BookTicker)
            while isinstance(ticker, BookTicker) and ticker.bid_price != BID - 10**9:
                ticker = await wait_for(stream, BookTicker)
            home.exchange.cut_market_streams()
            await wait_for(stream, StreamGap)
            await wait_for(stream, StreamRestored)
            market(home.exchange, BID, ASK)
            assert isinstance(await wait_for(stream, BookTicker), BookTicker)


async def test_an_obstacle_is_told_and_overcome() -> None:
    """Reads that fail during a resolution are reported with their reason; the answer comes when they stop failing."""
    obstacles: list[Resolution] = []
    lost: list[Fault] = [
        LoseReply("reset"),
        RefuseRequest(100500, "busy", on="query", when=replace(DropFrame().when, times=2)),
    ]
    async with house(*lost) as home:
        key = home.key()
        order = home.order(key, OrderSide.BUY, 10, limit=BID)
        submitted_ns = home.rest.api.transport.venue_now_ns()
        assert isinstance(await home.trader.submit(order), Unknown)
        case = Case(
            key=key, tag=TAG, symbol=order.symbol, client_order_id=order.client_order_id, side=order.side,
            quantity=order.quantity, submitted_ns=submitted_ns, send_by_ns=order.send_by_ns, window_ns=SECOND,
        )  # fmt: skip
        facts = Facts(False, 0, 0, frozenset(), echo_seen=True, stale_refused=True)
        found = await resolve_order(home.rest, home.closer, case, lambda: facts, obstacles.append)
        assert isinstance(found, Found)
        assert [one.rounds for one in obstacles] == [1, 2]
        assert "100500" in obstacles[0].obstacle


async def test_a_wallet_that_the_exchange_does_not_tell_is_not_zero() -> None:
    """Flaw L5: an answer without the wallet's row fails the read, by the asset's name."""
    async with house() as home:
        assert (await home.rest.balance("USDT")).balance == home.books.wallet > 0
        home.exchange.arm([SpoilReply(200, "empty_data", on="read")])
        with pytest.raises(BadReply, match="`0` rows for asset `USDT`"):
            await home.rest.balance("USDT")


async def test_fees_in_another_asset_settle_nothing() -> None:
    """Flaw T15: the exchange charges VST; whoever keeps books in USDT is told so, and gets no sum."""
    async with house(wire=WireVariants(settlement_asset="VST")) as home:
        order = home.order(home.key(), OrderSide.BUY, 30)
        since_ns = home.rest.api.transport.venue_now_ns()
        assert isinstance(await home.trader.submit(order), Accepted)
        await check_settlement(home, order, home.books.orders[0].notional, home.books.commission, since_ns, "VST")
        rows = await home.rest.fill_history("BTC-USDT", since_ns - 5 * SECOND, since_ns + 5 * SECOND)
        found = settlement(rows, frozenset({rows[0].order_id}), order.side, order.quantity, "USDT")
        assert found == NotSettled(f"trade `{rows[0].trade_id}` was charged in `VST`", wait=False)


async def test_a_submit_that_got_lost_at_a_gateway_is_made_by_nobody() -> None:
    """Flaw T17: 502 before the exchange, and a healthy fallback host: unknown, and the exchange has no order."""
    async with house(SpoilReply(502, "html", accepted=False), has_fallback=True) as home:
        result = await home.trader.submit(home.order(home.key(), OrderSide.BUY, 30))
        assert isinstance(result, Unknown)
        assert home.books.orders_made == 0


async def test_closing_leaves_the_exchange_without_a_connection() -> None:
    """Flaw V2: the other end counts what is open, not ours: while it works, and once it was closed."""
    async with house() as home:
        await asyncio.gather(*(home.rest.balance("USDT") for _ in range(3)))
        assert established(home.exchange) > 0
        await home.rest.aclose()
        await eventually(lambda: established(home.exchange) == 0)


def established(exchange: ExchangeServer) -> int:
    """Connections to the exchange's port that the kernel of this machine knows as open, seen from the other end."""
    port = f":{int(exchange.rest_url.rsplit(':', 1)[1]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return sum(local.endswith(port) and state == "01" for _, local, _, state, *_ in rows)


async def test_an_exchange_behind_a_proxy_is_traded_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flaw L9: its name is known to the proxy of the environment alone, and orders come through all the same."""
    targets: list[bytes] = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, rest = head.split(b" ", 2)
        targets.append(target)
        path = target.removeprefix(b"http://venue.invalid").partition(b"/")
        there, back = await asyncio.open_connection("127.0.0.1", int(path[0].removeprefix(b":")))
        back.write(b" ".join((method, b"/" + path[2], rest.replace(b"keep-alive", b"close"))))
        writer.write(await there.read())
        for end in (back, writer):
            end.close()

    proxy = await asyncio.start_server(forward, "127.0.0.1", 0)
    async with proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "")
        async with house(address="venue.invalid") as home:
            assert isinstance(await home.trader.submit(home.order(home.key(), OrderSide.BUY, 30)), Accepted)
            assert home.books.orders_made == 1
    assert targets
    assert all(target.startswith(b"http://venue.invalid:") for target in targets)
