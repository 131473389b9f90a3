"""One schedule, two venues: the environment model and the exchange simulator behind its real protocol front.

The production client sends the orders and cancels and reads what the exchange says, over a wire that the schedule
delays; another hand has a client of its own. After every move both venues are compared: every answer, every frame of
the stream, position, open orders and the orders that were touched; now and then, and at the end, the wallet. Where they
differ, ``Difference`` tells the move and both sides.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Final

import httpx
from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection, connect

from dita.adapters.bingx.api import Api
from dita.adapters.bingx.credentials import Credentials
from dita.adapters.bingx.desk import OrderDesk
from dita.adapters.bingx.endpoints import ENDPOINTS, Hosts
from dita.adapters.bingx.frames import AccountFrame, OrderFrame
from dita.adapters.bingx.limiter import Limiter, Quota
from dita.adapters.bingx.messages import read_message
from dita.adapters.bingx.orders import CancelKind, CancelResult, NewOrder, SubmitResult
from dita.adapters.bingx.rest import BingxRest, PositionMode
from dita.adapters.bingx.transport import Timeouts, Transport
from dita.adapters.bingx.websocket import HEARTBEAT, decode_frame, document_of
from dita.adapters.exchange import AccountConfig, Contract, ExchangeConfig, ExchangeServer
from dita.adapters.exchange.config import MatchingRules
from dita.adapters.exchange.orders import PositionSide
from dita.spec import environment as env
from dita.spec.clearance import Clearance
from dita.spec.environment import Answer, Frame, FrameKind, OrderName
from dita.spec.market import BookTicker
from dita.spec.vocabulary import OrderSide, RejectReason, Side
from exchange_client import KEY, MS, ORDER, QUIET, SECRET, SWAP, UNLIMITED, Client, HandClock
from mirror_model import FAR_ASK, FAR_BID, FEE_PPB, HIGH, LOT, LOW, SEED, TICK, ModelAccount
from mirror_schedule import Move, Schedule, shorter
from mirror_words import OF_CANCELS, OF_SUBMITS, Heard, heard_of, meaning, name_of, text_of
from slow_wire import Parcel, SlowWire

SYMBOL: Final = "BTC-USDT"
WINDOW_MS: Final = 2_000
DEAD_MAN_S: Final = 10
PATIENCE_SECONDS: Final = 60.0  # of real time: a slow machine must not look like a lost reply
DEEP: Final = 1_000  # lots
FINALE: Final = (  # something is held, an exit rests, and another hand closes everything
    Move("enter", lots=3, market=True, book=3),
    Move("exit", pick=1),
    Move("hand closes all"),
)
BEYOND_MARGIN: Final = 10_000_000  # lots


class Difference(Exception):
    """The simulator is no mirror of the model: after which move, in what, and what either says."""

    def __init__(self, where: str, what: str, model: object, simulator: object) -> None:
        super().__init__(f"{where}: {what}\n  model     {model}\n  simulator {simulator}")
        self.what = what


@dataclass(slots=True)
class Sent:
    """A request on its way, and what will become of the client that waits for its answer."""

    frame: Frame
    sent_ms: int
    priceless: bool
    parcel: Parcel
    result: asyncio.Task[SubmitResult | CancelResult]


class Mirror:
    """Both venues, the client, and the other hand."""

    def __init__(
        self,
        schedule: Schedule,
        clock: HandClock,
        server: ExchangeServer,
        wire: SlowWire,
        desk: OrderDesk,
        reads: BingxRest,
        hand: Client,
        stream: ClientConnection,
        clearance: Clearance,
    ) -> None:
        self.side = Side.SHORT if schedule.short else Side.LONG
        self.model = ModelAccount(self.side)
        self._clock = clock
        self._server = server
        self._wire = wire
        self._desk = desk
        self._reads = reads
        self._hand = hand
        self._stream = stream
        self._clearance = clearance
        self._way: list[Sent] = []
        self._trade = 0
        self._attempt = 0
        self._order_ids: dict[OrderName, str] = {}
        self._touched: set[OrderName] = set()
        self._where = "before the first move"
        self.done: Counter[str] = Counter()  # what has been seen to happen, for those who count

    # -- moves

    async def play(self, schedule: Schedule) -> None:
        """Every move, then the end: what is on its way arrives, everything is closed, and the books are settled."""
        for number, move in enumerate(schedule.moves, 1):
            await self._step(f"move {number} ({move.kind})", move)
        for _ in range(len(self._way)):
            await self._step("the end (arrive)", Move("arrive"))
        for move in FINALE:
            await self._step(f"the end ({move.kind})", move)
        self._where = "the end"
        await self._dead_man()
        self._touched |= {(order.trade, order.attempt) for order in self.model.venue.orders}
        await self._compare()
        await self._compare_wallet()

    async def _step(self, where: str, move: Move) -> None:
        self._where = where
        await self._pass_ms(1)
        await self._make(move)
        await self._compare()

    async def _make(self, move: Move) -> None:
        names = [(order.trade, order.attempt) for order in self.model.venue.orders]
        live = [(order.trade, order.attempt) for order in self.model.live()]
        match move.kind:
            case "enter":
                self._trade, self._attempt = self._trade + 1, 0
                await self._submit((self._trade, 0), move)
            case "exit":
                self._trade = max(1, self._trade)
                self._attempt += 1
                whole = env.reducible(self.model.venue) if move.pick % 2 == 0 else 0
                await self._submit((self._trade, self._attempt), move._replace(lots=whole if whole > 0 else move.lots))
            case "cancel":
                known = live if live and move.pick % 3 else names
                await self._cancel(known[move.pick % len(known)] if known else (1, 0), move)
            case "arrive" if self._way:
                await self._arrive(move.pick % len(self._way), move)
            case "match":
                to_close = self.model.held > 0 or any(attempt > 0 for _, attempt in live)
                self._match(opens=not to_close or move.pick % 2 == 0, lots=move.lots, at_limit=not move.market)
            case "query":
                self._touched |= {names[move.pick % len(names)]} if names else set()
                self._touched.add((self._trade + 1, 0))  # nobody has heard of it
            case "wallet":
                await self._compare_wallet()
            case "wait":
                await self._pass_ms(move.wait_ms)
            case "overreach":
                await self._overreach()
            case "hand cancels" if names:
                await self._hand_cancels(names[move.pick % len(names)])
            case "hand reduces":
                await self._hand_reduces(move.lots)
            case "hand closes all":
                await self._close_all()
            case "deleveraged" if self.model.held > 0:
                self._deleverage(min(move.lots, self.model.held))
            case "dead man" if live:
                await self._dead_man()
            case _:
                pass  # nothing there to do it to

    async def _pass_ms(self, milliseconds: int) -> None:
        self._clock.move_ms(milliseconds)
        self.model.now_ms = self._now_ms
        self._server.advance()

    # -- requests of ours

    async def _submit(self, name: OrderName, move: Move) -> None:
        frame = Frame(FrameKind.SUBMIT, *name, move.lots)
        order = self._new_order(frame, priceless=move.market)
        await self._send(frame, move, asyncio.create_task(self._desk.submit(order, self._clearance)))

    async def _cancel(self, name: OrderName, move: Move) -> None:
        frame = Frame(FrameKind.CANCEL, *name)
        await self._send(frame, move, asyncio.create_task(self._desk.cancel(SYMBOL, text_of(name))))

    async def _send(self, frame: Frame, move: Move, result: asyncio.Task[SubmitResult | CancelResult]) -> None:
        sent = Sent(frame, self._now_ms, move.market, await self._wire.parcel(), result)
        self._way.append(sent)
        if not move.held:
            await self._arrive(len(self._way) - 1, move._replace(edge="now"))

    async def _arrive(self, index: int, move: Move) -> None:
        """A request reaches both venues as often as the move says, and the client gets the answer that it says."""
        sent = self._way.pop(index)
        if move.edge != "now":
            deadline_ms = sent.sent_ms + WINDOW_MS + (move.edge == "after the deadline")
            await self._pass_ms(max(0, deadline_ms - self._now_ms))
        late = self._now_ms > sent.sent_ms + WINDOW_MS
        opens = sent.frame.attempt == 0
        name = sent.frame.trade, sent.frame.attempt
        left = 0
        if sent.frame.kind == FrameKind.SUBMIT:
            if sent.priceless:
                self.model.priceless.add(name)
            left = self._offer(opens=opens, lots=move.book, at_limit=not sent.priceless)
        expected: list[Answer] = []
        told: list[bytes] = []
        for _ in range(move.copies):
            offered, left = left, 0  # the first copy takes it
            answer = self.model.arrives(sent.frame, late=late, offered=offered, at_limit=not sent.priceless)
            expected.append(answer)
            told.append(await sent.parcel.deliver())
        self._withdraw()
        self._touched.add(name)
        if move.reply == "lost":
            sent.parcel.lose()
        else:
            sent.parcel.reply(told[0 if move.reply == "first" else -1])
        answer = expected[0 if move.reply == "first" else -1]
        self.done[f"{FrameKind(sent.frame.kind).name} {answer.name}"] += 1
        self.done["LOST"] += move.reply == "lost"
        result = await sent.result
        if isinstance(result, CancelResult):
            kind = CancelKind.UNKNOWN if move.reply == "lost" else OF_CANCELS[answer]
            self._same("the answer to a cancel", kind, result.kind)
        else:
            text = "unknown: no reply" if move.reply == "lost" else OF_SUBMITS[answer]
            self._same("the answer to a submit", text, meaning(result))

    async def _overreach(self) -> None:
        """An entry that no margin covers: the venue refuses it for reasons of its own, and it leaves no trace."""
        self._trade, self._attempt = self._trade + 1, 0
        frame = Frame(FrameKind.SUBMIT, self._trade, 0, BEYOND_MARGIN)
        waiting = asyncio.create_task(self._desk.submit(self._new_order(frame, priceless=False), self._clearance))
        parcel = await self._wire.parcel()
        parcel.reply(await parcel.deliver())
        expected = env.refusal(self.model.venue, frame, RejectReason.REFUSED)
        text = f"refused: {RejectReason(expected.flag).name}"
        self._same("the answer to a submit", text, meaning(await waiting))
        self.done["SUBMIT REFUSED"] += 1
        self._touched.add((self._trade, 0))

    def _new_order(self, frame: Frame, *, priceless: bool) -> NewOrder:
        opens = frame.attempt == 0
        side = self._order_side(opens=opens)
        return NewOrder(
            symbol=SYMBOL,
            client_order_id=text_of((frame.trade, frame.attempt)),
            side=side,
            reduce_only=not opens,
            quantity=frame.quantity * LOT,
            limit_price=0 if priceless else (LOW if side is OrderSide.BUY else HIGH),
            send_by_ns=self._clock() + MS,
        )

    # -- the market, the venue and another hand

    def _match(self, *, opens: bool, lots: int, at_limit: bool) -> None:
        self._offer(opens=opens, lots=lots, at_limit=at_limit)
        self._withdraw()

    def _offer(self, *, opens: bool, lots: int, at_limit: bool) -> int:
        """The market comes to where orders rest, or a tick short of it. Gives the lots that nobody took."""
        left = self.model.matched(opens=opens, lots=lots, at_limit=at_limit)
        worse = 0 if at_limit else TICK
        if self._order_side(opens=opens) is OrderSide.BUY:
            self._server.feed(BookTicker(SYMBOL, FAR_BID, 0, LOW + worse, lots * LOT, self._clock()))
        else:
            self._server.feed(BookTicker(SYMBOL, HIGH - worse, lots * LOT, FAR_ASK, 0, self._clock()))
        return left

    def _withdraw(self) -> None:
        """The market is far away and empty."""
        self._server.feed(BookTicker(SYMBOL, FAR_BID, 0, FAR_ASK, 0, self._clock()))

    def _deleverage(self, lots: int) -> None:
        self.model.closed_by_hand(lots, forced=True)
        self._server.deleverage(KEY, SYMBOL, self._position_side, lots * LOT)
        self.done["deleveraged"] += 1

    async def _hand_cancels(self, name: OrderName) -> None:
        order = self.model.order(name)
        assert order is not None
        if order.open == 1:
            self.model.ends([order])
            self.done["hand cancelled"] += 1
        code = await self._hand.code("DELETE", ORDER, symbol=SYMBOL, orderId=self._order_ids[name])
        self._same("the answer to a cancel by hand", 0 if order.open == 1 else 80018, code)
        self._touched.add(name)

    async def _hand_reduces(self, lots: int) -> None:
        """Another client's order at the market, without a name that we know."""
        self._offer(opens=False, lots=DEEP, at_limit=False)
        allowed = lots <= env.reducible(self.model.venue)
        if allowed:
            self.model.closed_by_hand(lots)
        words = {} if self._desk.mode is PositionMode.HEDGE else {"reduceOnly": "true"}
        code = await self._hand.code(
            "POST", ORDER, symbol=SYMBOL, side=self._order_side(opens=False).name, positionSide=self._position_side,
            type="MARKET", quantity=f"{lots / 10_000:.4f}", **words,
        )  # fmt: skip
        self._withdraw()
        self._same("the answer to a close by hand", 0 if allowed else 101205, code)
        self.done["hand reduced"] += allowed

    async def _close_all(self) -> None:
        """Another hand's button: exits that stand in the way are cancelled, the position is sold at the market."""
        self._offer(opens=False, lots=DEEP, at_limit=False)
        if self.model.held:
            self.model.ends([order for order in self.model.live() if order.attempt > 0])
            self.model.closed_by_hand(self.model.held)
            self.done["closed all"] += 1
        code = await self._hand.code("POST", f"{SWAP}/v2/trade/closeAllPositions", symbol=SYMBOL)
        self._withdraw()
        self._same("the answer to a close of everything", 0, code)

    async def _dead_man(self) -> None:
        """Nobody winds the dead-man timer again: every open order is over."""
        await self._reads.cancel_all_after(DEAD_MAN_S)
        self._clock.move_ms(DEAD_MAN_S * 1_000)
        self.model.now_ms = self._now_ms
        self.model.ends(self.model.live())
        self._server.advance()
        self.done["dead man"] += 1

    # -- comparing

    async def _compare(self) -> None:
        said = await self._heard()
        frames = self.model.heard()
        self.done["partial fill"] += sum(frame.quantity > 0 and frame.flag == 0 for frame in frames)
        self.done["over"] += sum(frame.flag for frame in frames)
        self.done["over with a part"] += sum(self._is_part(frame) for frame in frames)
        expected = Counter(map(self._as_heard, frames))
        self._same("frames of the stream", sorted((expected - said).elements()), sorted((said - expected).elements()))
        self._touched |= {heard.name for heard in said}
        reading = env.position_reading(self.model.venue)
        held = [(row.side, row.quantity) for row in await self._reads.positions(SYMBOL)]
        self._same("position", [(self.side, reading.quantity * LOT)] if reading.quantity else [], held)
        names = sorted(name_of(row.client_order_id) for row in await self._reads.open_orders(SYMBOL))
        self._same("open orders", sorted(reading.orders), names)
        for name in sorted(self._touched):
            await self._compare_order(name)
        self._touched.clear()

    async def _compare_order(self, name: OrderName) -> None:
        order = self.model.order(name)
        row = await self._reads.query_by_client_id(SYMBOL, text_of(name))
        expected = None if order is None else (order.ordered * LOT, self._as_heard(env.snapshot_of(order)))
        self._same("an order", (name, expected), (name, None if row is None else (row.ordered_quantity, heard_of(row))))

    async def _compare_wallet(self) -> None:
        expected = self.model.wallet
        if expected is not None:
            self._same("wallet", expected, (await self._reads.balance("USDT")).balance)
            self.done["wallet while held" if self.model.held else "wallet"] += 1

    async def _heard(self) -> Counter[Heard]:
        """What the stream said of orders with a name since the last time, up to a mark that is set now."""
        self._server.venue.streams.push_snapshots()
        found: Counter[Heard] = Counter()
        while True:
            data = await asyncio.wait_for(self._stream.recv(), PATIENCE_SECONDS)
            if '"SNAPSHOT"' in decode_frame(data):
                return found
            document = document_of(data)
            if document is HEARTBEAT:
                await self._stream.send("Pong")
                continue
            frame = read_message(AccountFrame, document, "account frame")
            if frame.event == "ORDER_TRADE_UPDATE":
                row = read_message(OrderFrame, frame.order, "order frame").to_row(frame.time_ms)
                if row.client_order_id:
                    heard = heard_of(row)
                    self._order_ids[heard.name] = row.order_id
                    found[heard] += 1

    def _is_part(self, frame: Frame) -> bool:
        order = self.model.order((frame.trade, frame.attempt))
        return order is not None and frame.flag == 1 and 0 < frame.quantity < order.ordered

    def _as_heard(self, frame: Frame) -> Heard:
        time_ms = self.model.times_ms[frame.time]
        return Heard((frame.trade, frame.attempt), frame.quantity * LOT, frame.flag == 1, time_ms)

    def _same(self, what: str, model: object, simulator: object) -> None:
        if model != simulator:
            raise Difference(self._where, what, model, simulator)

    @property
    def _now_ms(self) -> int:
        return self._clock() // MS

    @property
    def _position_side(self) -> PositionSide:
        if self._desk.mode is PositionMode.ONE_WAY:
            return "BOTH"
        return "LONG" if self.side == Side.LONG else "SHORT"

    def _order_side(self, *, opens: bool) -> OrderSide:
        return OrderSide.BUY if opens == (self.side == Side.LONG) else OrderSide.SELL


class ClientClock:
    """The clock that the test moves, as the production client reads it."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock

    def wall_ns(self) -> int:
        """UTC nanoseconds."""
        return self._clock()

    def monotonic_ns(self) -> int:
        """The same."""
        return self._clock()


def exchange_of(schedule: Schedule) -> ExchangeConfig:
    """One contract whose fees come out whole, one rich account; an order may be cancelled twice within a second."""
    contract = Contract(SYMBOL, 1, 4, min_quantity=LOT, taker_rate_ppb=FEE_PPB, maker_rate_ppb=FEE_PPB)
    return ExchangeConfig(
        accounts=(AccountConfig(KEY, SECRET, wallet=SEED, hedge_mode=schedule.hedge),),
        contracts=(contract,),
        matching=MatchingRules(cancel_repeat_ms=0),
        streams=QUIET,
        requests=UNLIMITED,
    )


@asynccontextmanager
async def client_of(url: str, clock: HandClock) -> AsyncGenerator[BingxRest]:
    """A production client; the test's clock stands still between moves, so that no limit of ours may make it wait."""
    unlimited = Limiter({endpoint.name: Quota(10**6) for endpoint in ENDPOINTS})
    credentials = Credentials(SecretStr(KEY), SecretStr(SECRET))
    patience = Timeouts(*([PATIENCE_SECONDS] * 6))
    transport = Transport(credentials, ClientClock(clock), unlimited, patience, recv_window_ms=WINDOW_MS)
    rest = BingxRest(Api(transport, Hosts(url, None, url, url, "USDT"), Random(1)))
    try:
        await rest.sync_clock()
        yield rest
    finally:
        await rest.aclose()


async def _play(schedule: Schedule, clearance: Clearance) -> Counter[str]:
    clock = HandClock()
    server = ExchangeServer(exchange_of(schedule), clock)
    await server.start()
    try:
        server.feed(BookTicker(SYMBOL, FAR_BID, 0, FAR_ASK, 0, clock()))
        async with (
            SlowWire(server.port).serving() as wire,
            client_of(wire.url, clock) as orders,
            client_of(server.rest_url, clock) as reads,
            httpx.AsyncClient(
                base_url=server.rest_url, headers={"X-BX-APIKEY": KEY}, timeout=PATIENCE_SECONDS, trust_env=False
            ) as http,
        ):
            hand = Client(server, clock, http)
            contracts = await reads.contracts([SYMBOL])
            mode = PositionMode.HEDGE if schedule.hedge else PositionMode.ONE_WAY
            desk = OrderDesk(orders, mode, contracts)
            url = f"{server.ws_url}?listenKey={await hand.listen_key()}"
            async with connect(url, compression=None, open_timeout=PATIENCE_SECONDS, ping_interval=None) as stream:
                mirror = Mirror(schedule, clock, server, wire, desk, reads, hand, stream, clearance)
                await mirror.play(schedule)
                return mirror.done
    finally:
        await server.stop()


def played(schedule: Schedule, clearance: Clearance) -> Counter[str]:
    """Play a schedule on both venues; what happened, counted. Raises ``Difference``."""
    return asyncio.run(_play(schedule, clearance))


def difference(schedule: Schedule, clearance: Clearance) -> Difference | None:
    """Where the two venues part on this schedule."""
    try:
        played(schedule, clearance)
    except Difference as found:
        return found
    return None


def shortened(schedule: Schedule, clearance: Clearance, tries: int = 200) -> Schedule:
    """A schedule with fewer moves on which they part, too; ``schedule`` must be one."""
    while tries > 0:
        for candidate in shorter(schedule):
            tries -= 1
            if difference(candidate, clearance) is not None:
                schedule = candidate
                break
            if tries <= 0:
                break
        else:
            break
    return schedule
