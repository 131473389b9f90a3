"""A session of the adapter on an exchange where things go wrong, in simulated time: real client code, real sockets.

A *play* is what the session does; it tells what came of it as a value. ``played`` runs one play with some faults.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from random import Random
from typing import Final

from pydantic import SecretStr

from dita.adapters.bingx.account_stream import AccountStream
from dita.adapters.bingx.api import Api
from dita.adapters.bingx.credentials import Credentials
from dita.adapters.bingx.desk import OrderDesk
from dita.adapters.bingx.endpoints import Hosts
from dita.adapters.bingx.errors import VenueError
from dita.adapters.bingx.market_stream import MarketStream
from dita.adapters.bingx.orders import Accepted, NewOrder, Rejected, SubmitResult
from dita.adapters.bingx.rest import BingxRest, PositionMode
from dita.adapters.bingx.stream_events import StreamRestored
from dita.adapters.bingx.trading import BingxCloser, BingxTrader
from dita.adapters.bingx.transport import Timeouts, Transport
from dita.adapters.exchange import (
    AccountConfig,
    ExchangeConfig,
    ExchangeServer,
    Fault,
    OrderRecord,
    StreamRules,
    WireVariants,
)
from dita.adapters.logic.resolve import Absent, Case, Facts, Found
from dita.adapters.logic.settle import Settlement, settlement
from dita.spec.clearance import Clearance
from dita.spec.market import BookTicker
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.scales import NOTIONAL_DIVISOR, PRICE_SCALE, QUANTITY_SCALE
from dita.spec.vocabulary import OrderSide
from order_follower import OrderFollower, Watched, resolve_order
from virtual_time import UtcVirtualClock, VirtualSocketLoop

SYMBOL: Final = "BTC-USDT"
KEY, SECRET = "fault-key", "fault-secret"
SECOND: Final = 10**9
LOT: Final = 10_000
TICK: Final = PRICE_SCALE // 10
BID: Final = 60_000 * PRICE_SCALE
TAG: Final = "jrnl"
WINDOW_MS: Final = 2000
KEY_LIFE_MS: Final = 600_000
_PATIENCE_SECONDS: Final = 3_600  # simulated


class FaultSession:
    """One account, its adapter and the exchange; its clock is the loop's."""

    def __init__(
        self,
        clock: UtcVirtualClock,
        clearance: Clearance,
        *,
        one_key: bool = True,
        mode: PositionMode = PositionMode.HEDGE,
    ) -> None:
        """``one_key``: whether the exchange gives out a listen key that lives instead of a new one."""
        self.clock = clock
        self.exchange = ExchangeServer(
            ExchangeConfig(
                accounts=(AccountConfig(KEY, SECRET, hedge_mode=mode is PositionMode.HEDGE),),
                streams=StreamRules(snapshot_interval_ms=60_000, listen_key_life_ms=KEY_LIFE_MS),
                wire=WireVariants(one_listen_key=one_key),
            ),
            clock.wall_ns,
        )
        self.mode = mode
        self._clearance = clearance
        self._trades = 0
        self._keys: dict[str, OrderKey] = {}

    async def open(self, faults: Sequence[Fault]) -> None:
        """Start the exchange, connect, and let things go wrong."""
        await self.exchange.start()
        self.price(BID)
        transport = Transport(
            Credentials(SecretStr(KEY), SecretStr(SECRET)), self.clock, recv_window_ms=WINDOW_MS,
            timeouts=Timeouts(connect=1, read=1, write=1, pool=1, total=2, limiter=30),
        )  # fmt: skip
        stream = self.exchange.ws_url
        self.rest = BingxRest(Api(transport, Hosts(self.exchange.rest_url, None, stream, stream, "USDT"), Random(1)))
        await self.rest.sync_clock()
        self.desk = OrderDesk(self.rest, self.mode, await self.rest.contracts([SYMBOL]))
        self.trader = BingxTrader(self.desk, self._clearance)
        self.stream = AccountStream(self.rest, {SYMBOL}, Random(2), key_life_seconds=KEY_LIFE_MS / 1000)
        self.market = MarketStream(stream, [SYMBOL], self.clock, Random(3))
        self.follower = OrderFollower(self.rest, SYMBOL, 1_000, self._names)
        self.exchange.arm(list(faults))

    async def close(self) -> None:
        """Release everything."""
        await self.follower.aclose()
        await self.stream.aclose()
        await self.market.aclose()
        await self.rest.aclose()
        await self.exchange.stop()

    def price(self, bid: int) -> None:
        """Deep best prices, a tick apart."""
        deep = 100 * QUANTITY_SCALE
        self.exchange.feed(BookTicker(SYMBOL, bid, deep, bid + TICK, deep, self.clock.wall_ns()))

    @property
    def books(self) -> tuple[OrderRecord, ...]:
        """The exchange's own orders."""
        return self.exchange.venue_record().account(KEY).orders

    def _names(self) -> dict[int, str]:
        return {order.order_id: order.client_id for order in self.books}

    # ---- orders

    def order(self, *, lots: int = 10, limit: int = 0, closing: bool = False) -> NewOrder:
        """A buy that opens a long, or a sell that closes it, named like the runtime's and watched."""
        self._trades += 1
        key = OrderKey(self._trades, 0, int(closing))
        side = OrderSide.SELL if closing else OrderSide.BUY
        now_ns = self.rest.api.transport.venue_now_ns()
        order = NewOrder(SYMBOL, client_order_id(TAG, key), side, closing, lots * LOT, limit, now_ns + SECOND // 2)
        self.follower.orders[order.client_order_id] = Watched(order, self.clock.wall_ns())
        self._keys[order.client_order_id] = key
        return order

    async def fate(self, order: NewOrder) -> str:
        """What a submit came to; an unknown one is resolved."""
        placed_ns = self.rest.api.transport.venue_now_ns()
        result = await self.trader.submit(order)
        if isinstance(result, Accepted | Rejected):
            return word(result)
        case = Case(
            key=self._keys[order.client_order_id], tag=TAG, symbol=SYMBOL, client_order_id=order.client_order_id,
            side=order.side, quantity=order.quantity, submitted_ns=placed_ns, send_by_ns=order.send_by_ns,
            window_ns=WINDOW_MS * 10**6,
        )  # fmt: skip
        facts = Facts(False, 0, 0, frozenset(), echo_seen=True, stale_refused=True)
        found = await resolve_order(self.rest, BingxCloser(self.desk), case, lambda: facts)
        if isinstance(found, Found):
            await self.follower.take(found.row)
            return f"{word(result)}, found"
        return f"{word(result)}, absent" if isinstance(found, Absent) else f"{word(result)}, {found!r}"

    async def over(self, *, asking: bool = False, seconds: int = 60) -> list[str]:
        """What is wrong with what is known of every order, once all are over or the time is up.

        ``asking``: orders that have been quiet for so long are asked for, as the runtime does.
        """
        for second in range(seconds):
            if all(watched.known.done for watched in self.follower.orders.values()):
                break
            if asking and second % 10 == 9:
                for watched in self.follower.orders.values():
                    await self.follower.look_at(watched)
            await asyncio.sleep(1)
        await asyncio.sleep(5)  # whatever is still on its way
        wrong: list[str] = []
        books = {order.client_id: order for order in self.books}
        for name, watched in self.follower.orders.items():
            truth = books.get(name)
            if truth is not None:
                wrong += await self._compared(watched, truth)
            elif watched.told:
                wrong.append(f"{name}: told of, and nowhere")
        return list(dict.fromkeys(wrong))

    async def _compared(self, watched: Watched, truth: OrderRecord) -> list[str]:
        """Final and exact by the exchange's record; and everything that was let through said more than before."""
        known, wrong = watched.known, list[str]()
        over = truth.status not in ("NEW", "PARTIALLY_FILLED")
        if (known.quantity, known.done) != (truth.executed, over):
            wrong.append(f"{known.quantity // LOT} done {known.done}, not {truth.executed // LOT} {truth.status}")
        if abs(known.quote - truth.notional) * NOTIONAL_DIVISOR > TICK * truth.executed:
            wrong.append(f"a notional of {known.quote}, not {truth.notional}")
        if any(told.done and told.quantity != truth.executed for told in watched.told):
            wrong.append("over too soon")
        if any((new.quantity, new.done) <= (old.quantity, old.done) for old, new in pairwise(watched.told)):
            wrong.append("told backwards or twice")
        if truth.executed:
            rows = await self.rest.fill_history(
                SYMBOL, truth.created_ns - SECOND, truth.updated_ns + SECOND, str(truth.order_id)
            )
            settled = settlement(rows, frozenset({str(truth.order_id)}), watched.order.side, truth.executed, "USDT")
            wanted = (truth.executed, truth.notional, truth.commission)
            if not isinstance(settled, Settlement) or (settled.quantity, settled.quote, settled.fee) != wanted:
                wrong.append(f"settles as {settled}")
        return wrong

    # ---- streams

    async def listen(self) -> asyncio.Task[None]:
        """Start the account stream and follow it; live on return, if it can be."""
        self.stream.start()
        following = asyncio.create_task(self.follower.follow(self.stream), name="follower")
        for _ in range(100):
            if self.stream.is_live:
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(5)  # the back-fill of the beginning is over
        return following

    async def ticker(self, bid: int, seconds: int) -> bool:
        """Whether the market stream tells this price within so long, told every second."""
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            self.price(bid)
            await asyncio.sleep(1)
            while (event := self.market.poll()) is not None:
                if isinstance(event, BookTicker) and event.bid_price == bid:
                    return True
        return False

    async def market_is_live(self) -> None:
        """Start the market stream; live on return."""
        self.market.start()
        while not isinstance(await self.market.next_event(), StreamRestored):
            pass

    def endings(self) -> dict[str, int]:
        """Why sessions of the account stream ended."""
        return {cause.value: count for cause, count in self.stream.endings.items()}

    async def reads(self, count: int) -> list[str]:
        """What so many reads of the positions come to."""
        told: list[str] = []
        for _ in range(count):
            try:
                told.append(f"{len(await self.rest.positions(SYMBOL))} positions")
            except VenueError as error:
                told.append(type(error).__name__)
        return told


Play = Callable[[FaultSession], Awaitable[object]]


def word(result: SubmitResult) -> str:
    """A submit's result in short."""
    if isinstance(result, Accepted):
        return "accepted"
    return f"{'rejected' if isinstance(result, Rejected) else 'unknown'}: {result.reason.name.lower()}"


async def _run(session: FaultSession, play: Play, faults: Sequence[Fault]) -> tuple[object, dict[str, int]]:
    try:
        await session.open(faults)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await play(session), session.exchange.report().faults_fired
    finally:
        await session.close()


def played(
    play: Play, clearance: Clearance, *faults: Fault, one_key: bool = True, mode: PositionMode = PositionMode.HEDGE
) -> tuple[object, dict[str, int]]:
    """What the play tells, and how often each kind of fault has happened."""
    loop = VirtualSocketLoop()
    try:
        session = FaultSession(UtcVirtualClock(loop), clearance, one_key=one_key, mode=mode)
        return loop.run_until_complete(_run(session, play, faults))
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
