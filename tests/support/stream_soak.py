"""Simulated hours of an account stream with faults: what it lost is read back, every fill is told, nothing leaks.

The adapter's real client code and the exchange run in one process over loopback sockets, on a clock that jumps. Orders
are placed all the time and filled in pieces; frames are dropped, repeated, delayed and cut, listen keys expire, reads
fail. An order is compared with the exchange's own record once both call it over, the fills of each hour with those that
the fill history tells, and tasks, sockets and objects of each hour with those of the hour before.

``python tests/support/stream_soak.py --hours 24`` is what `make soak` runs.
"""

import argparse
import asyncio
import gc
import logging
import sys
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from pydantic import SecretStr

import soak_faults
from dita.adapters.bingx.account_stream import AccountStream
from dita.adapters.bingx.api import Api
from dita.adapters.bingx.credentials import Credentials
from dita.adapters.bingx.desk import OrderDesk
from dita.adapters.bingx.endpoints import SUBMIT, Hosts
from dita.adapters.bingx.errors import Call, VenueError
from dita.adapters.bingx.orders import NewOrder, Rejected, Unknown, judged_submit, order_parameters
from dita.adapters.bingx.rest import BingxRest, PositionMode
from dita.adapters.bingx.trading import BingxCloser
from dita.adapters.bingx.transport import Timeouts, Transport
from dita.adapters.exchange import (
    AccountConfig,
    ExchangeConfig,
    ExchangeServer,
    OrderRecord,
    Retention,
    StreamRules,
    WireVariants,
)
from dita.adapters.exchange.config import RequestRules
from dita.adapters.logic.resolve import Absent, Case, Facts, Found
from dita.adapters.logic.rows import FillRow
from dita.adapters.logic.settle import Settlement, settlement
from dita.spec.market import BookTicker
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.scales import NOTIONAL_DIVISOR, PRICE_SCALE, QUANTITY_SCALE
from dita.spec.vocabulary import OrderSide
from order_follower import OrderFollower, Watched, resolve_order
from virtual_time import UtcVirtualClock, VirtualSocketLoop

SYMBOL = "BTC-USDT"
KEY, SECRET = "soak-key", "soak-secret"
SECOND = 10**9
LOT = 10_000
TICK = PRICE_SCALE // 10
TAG = "soak"
LISTEN_KEY_LIFE_MS = 420_000
WINDOW_MS = 5_000
READ_LAG_MS = 1_500


@dataclass(frozen=True)
class Sample:
    """What is alive at one moment."""

    tasks: int
    descriptors: int
    objects: int  # but for those of the exchange's books
    books: int  # what the exchange remembers, up to its retention


@dataclass
class Report:
    """What came of it. ``violations`` must be empty."""

    hours: float = 0.0
    orders: int = 0
    fills: int = 0
    partial_orders: int = 0
    unknown: int = 0  # submits without a certain answer
    absent: int = 0  # of those: proved not to exist
    refused: int = 0  # definitely
    faults: dict[str, int] = field(default_factory=dict[str, int])
    figures: dict[str, int] = field(default_factory=dict[str, int])
    backfills: int = 0
    found_by_reading: int = 0  # orders whose last news came from a read
    samples: list[Sample] = field(default_factory=list[Sample])
    violations: list[str] = field(default_factory=list[str])

    def lines(self) -> list[str]:
        """For people."""
        endings = {name: count for name, count in self.figures.items() if name.startswith("ended")}
        count = len(self.samples)
        quarters = [self.samples[max(0, count * part // 4 - 1)] for part in (1, 2, 3, 4)] if count else []
        return [
            f"{self.hours:g} simulated hours, {self.orders} orders, {self.fills} fills, {self.partial_orders} partial",
            f"faults: {self.faults}",
            f"{self.unknown} submits without an answer, {self.absent} of them proved absent; {self.refused} refused",
            f"stream: {self.figures['sessions']} sessions, {self.figures['gaps']} gaps, {endings}",
            f"{self.figures['changes']} keys replaced without a gap",
            f"{self.backfills} back-fills; {self.found_by_reading} orders whose last news came from a read",
            *(f"after {25 * part} %: {alive}" for part, alive in enumerate(quarters, 1)),
            f"{len(self.violations)} violations {self.violations[:5]}",
        ]


class Soak:
    """Everything that runs."""

    def __init__(self, clock: UtcVirtualClock, hours: float, seed: int, *, forget_gaps: bool = False) -> None:
        """``forget_gaps``: a planted defect, nothing is read after a gap nor of an order that has fallen silent."""
        self.clock = clock
        self.rng = Random(seed)
        self.report = Report()
        self.stopping = False
        self._hours = hours
        self._forget_gaps = forget_gaps
        self._resolving: set[asyncio.Task[None]] = set()
        self._serial = 0
        self._mid = 60_000 * PRICE_SCALE
        self.retired: Counter[str] = Counter()
        self.exchange = ExchangeServer(
            ExchangeConfig(
                accounts=(AccountConfig(KEY, SECRET, hedge_mode=False),),
                retention=Retention(terminal_orders=400, fills=2_000, income=2_000),
                streams=StreamRules(listen_key_life_ms=LISTEN_KEY_LIFE_MS, snapshot_interval_ms=60_000),
                wire=WireVariants(one_listen_key=False),
                requests=RequestRules(read_lag_ms=READ_LAG_MS),
                seed=seed,
            ),
            clock.wall_ns,
        )

    async def open(self) -> None:
        """Start the exchange and connect."""
        await self.exchange.start()
        url, stream = self.exchange.rest_url, self.exchange.ws_url
        transport = Transport(
            Credentials(SecretStr(KEY), SecretStr(SECRET)),
            self.clock,
            timeouts=Timeouts(read=2, total=4),
            recv_window_ms=WINDOW_MS,
        )
        self.rest = BingxRest(Api(transport, Hosts(url, None, stream, stream, "USDT"), self.rng))
        self.desk = OrderDesk(self.rest, PositionMode.ONE_WAY)
        await self.rest.sync_clock()
        self.stream = AccountStream(self.rest, {SYMBOL}, self.rng, key_life_seconds=LISTEN_KEY_LIFE_MS / 1000)
        self.follower = OrderFollower(
            self.rest, SYMBOL, READ_LAG_MS, lambda: {order.order_id: order.client_id for order in self._record()},
            deaf=self._forget_gaps,
        )  # fmt: skip
        self.orders = self.follower.orders
        self.stream.start()
        start_ms = self.clock.wall_ns() // 10**6
        self.exchange.arm([*soak_faults.ALWAYS, *soak_faults.timed(start_ms, self._hours, SYMBOL)])

    async def close(self) -> None:
        """Release everything."""
        for task in self._resolving:
            task.cancel()
        await asyncio.gather(*self._resolving, return_exceptions=True)
        await self.follower.aclose()
        await self.stream.aclose()
        await self.rest.aclose()
        await self.exchange.stop()

    async def wind_up(self) -> None:
        """No new orders and no more faults; wait until every order is compared."""
        self.stopping = True
        self.report.faults = {name: count for name, count in self.exchange.report().faults_fired.items() if count}
        self.exchange.disarm()
        for _ in range(120):
            await asyncio.sleep(30)
            if not self.orders:
                return
        self.report.violations += [f"{name}: never over" for name in self.orders]

    # ---- what goes on

    async def walk(self) -> None:
        """A market that moves, so that resting orders fill."""
        while True:
            self._mid += self.rng.randint(-8, 8) * TICK
            deep = 1_000 * QUANTITY_SCALE
            now_ns = self.clock.wall_ns()
            self.exchange.feed(BookTicker(SYMBOL, self._mid, deep, self._mid + TICK, deep, now_ns))
            await asyncio.sleep(20)

    async def follow(self) -> None:
        """Rows to memories, restorations to a back-fill."""
        await self.follower.follow(self.stream)

    async def trade(self) -> None:
        """An order every half to two minutes; what fills of it is learnt from the stream and from reads."""
        while not self.stopping:
            await asyncio.sleep(self.rng.uniform(30, 120))
            self._serial += 1
            key = OrderKey(self._serial, 0, 0)
            away = self.rng.choice([0, 0, 5, 30]) * TICK
            side = self.rng.choice([OrderSide.BUY, OrderSide.SELL])
            limit = 0 if away == 0 else self._mid - away if side is OrderSide.BUY else self._mid + TICK + away
            now_ns = self.rest.api.transport.venue_now_ns()
            impatient = self.rng.random() < 0.3
            quantity = self.rng.randint(5, 40) * LOT
            order = NewOrder(SYMBOL, client_order_id(TAG, key), side, False, quantity, limit, now_ns + 10 * SECOND)
            self.orders[order.client_order_id] = Watched(order, self.clock.wall_ns())
            parameters = order_parameters(order, PositionMode.ONE_WAY)
            answer = await self.rest.api.call(SUBMIT, parameters, Call.SUBMIT, send_by_ns=order.send_by_ns)
            result = judged_submit(order, answer)
            if isinstance(result, Rejected):
                self.report.refused += 1
                self._gone(order.client_order_id, "rejected")
                continue
            if isinstance(result, Unknown):
                self.report.unknown += 1
                task = asyncio.create_task(self._resolve(key, order, now_ns), name="resolution")
                self._resolving.add(task)
                task.add_done_callback(self._resolving.discard)
            if impatient:  # between two of its fills
                await asyncio.sleep(6)
                await self.desk.cancel(SYMBOL, order.client_order_id)

    async def _resolve(self, key: OrderKey, order: NewOrder, submitted_ns: int) -> None:
        """What became of an order without an answer."""
        name = order.client_order_id
        case = Case(
            key=key, tag=TAG, symbol=SYMBOL, client_order_id=name, side=order.side, quantity=order.quantity,
            submitted_ns=submitted_ns, send_by_ns=order.send_by_ns, window_ns=WINDOW_MS * 10**6,
        )  # fmt: skip
        found = await resolve_order(self.rest, BingxCloser(self.desk), case, lambda: self._facts(name))
        if isinstance(found, Found):
            await self.follower.take(found.row)
        elif isinstance(found, Absent):
            self.report.absent += 1
            self._gone(name, "proved absent")

    def _facts(self, name: str) -> Facts:
        """What a kernel would expect to hold: here that is what the exchange's record says."""
        account = self.exchange.venue_record().account(KEY)
        held = sum(position.quantity for position in account.positions)
        watched = self.orders.get(name)
        seen = watched is not None and bool(watched.told)
        return Facts(seen, max(held, 0), max(-held, 0), frozenset(), echo_seen=True, stale_refused=True)

    def _gone(self, name: str, why: str) -> None:
        """An order that is not there: by the exchange's record, too."""
        del self.orders[name]
        self.retired[name] += 1
        if any(order.client_id == name for order in self._record()):
            self.report.violations.append(f"{name}: {why}, and the exchange has it")

    async def watch(self) -> None:
        """Orders that have been quiet for a minute are asked for, old ones cancelled, finished ones compared."""
        while True:
            await asyncio.sleep(30)
            now_ns = self.clock.wall_ns()
            record = {order.client_id: order for order in self._record()}
            for name, watched in list(self.orders.items()):
                if not watched.known.done and now_ns - watched.placed_ns > 60 * SECOND and not self._forget_gaps:
                    await self.follower.look_at(watched)
                    if now_ns - watched.placed_ns > 600 * SECOND or self.stopping:
                        await self.desk.cancel(SYMBOL, name)
                await self._compare(name, watched, record.get(name), now_ns)

    def _record(self) -> tuple[OrderRecord, ...]:
        return tuple(self.exchange.venue_record().account(KEY).orders)

    async def _compare(self, name: str, watched: Watched, truth: OrderRecord | None, now_ns: int) -> None:
        """Five minutes after the exchange is done with an order, we know all of it: then it is retired."""
        if truth is None:
            return  # not placed yet, or never arrived: a resolution is at work
        if truth.status in ("NEW", "PARTIALLY_FILLED"):
            return
        watched.over_since_ns = watched.over_since_ns or now_ns
        if now_ns - watched.over_since_ns < 300 * SECOND:
            return
        known = watched.known
        if (known.quantity, known.done) != (truth.executed, True):
            self.report.violations.append(f"{name}: {known} is not {truth.executed}, {truth.status}")
        elif (
            abs(known.quote - truth.notional) * NOTIONAL_DIVISOR > TICK * truth.executed
        ):  # provisional, by its average
            self.report.violations.append(f"{name}: a notional of {known.quote} is not about {truth.notional}")
        if truth.executed and not await self._settles(truth):
            return  # not readable now; the next look will
        self.report.orders += 1
        self.report.partial_orders += 0 < truth.executed < truth.quantity
        self.report.found_by_reading += watched.by_read
        self.retired[name] += 1
        del self.orders[name]

    async def _settles(self, truth: OrderRecord) -> bool:
        """Whether its rows could be read; they must settle it exactly."""
        begin_ns, end_ns = truth.created_ns - SECOND, truth.updated_ns + SECOND
        try:
            rows = await self.rest.fill_history(SYMBOL, begin_ns, end_ns, str(truth.order_id))
        except VenueError:
            return False
        side = OrderSide[truth.side]
        settled = settlement(rows, frozenset({str(truth.order_id)}), side, truth.executed, "USDT")
        wanted = (truth.executed, truth.notional, truth.commission)
        if not isinstance(settled, Settlement) or (settled.quantity, settled.quote, settled.fee) != wanted:
            self.report.violations.append(f"{truth.client_id}: {settled} is not {wanted}")
        return True

    async def audit(self, seconds: float) -> None:
        """Every so often: all fills of that time told by the fill history, and nothing more alive than before."""
        since_ns = self.clock.wall_ns()
        while True:
            await asyncio.sleep(seconds)
            until_ns = self.clock.wall_ns() - 10 * SECOND
            truth = {
                fill.trade_id: fill
                for fill in self.exchange.venue_record().account(KEY).fills
                if since_ns <= fill.time_ns < until_ns
            }
            told = await self._fills(since_ns, until_ns)
            missing = truth.keys() - told.keys()
            if missing:
                self.report.violations.append(f"fills not told: {sorted(missing)[:5]}")
            for trade, fill in truth.items():
                row = told.get(trade)
                if row is not None and (row.quantity, row.price) != (fill.quantity, fill.price):
                    self.report.violations.append(f"fill {trade}: told otherwise")
            self.report.fills += len(truth)
            since_ns = until_ns
            self.report.samples.append(sample())

    async def _fills(self, since_ns: int, until_ns: int) -> dict[int, FillRow]:
        while True:
            try:
                rows = await self.rest.fill_history(SYMBOL, since_ns - SECOND, until_ns + SECOND)
            except VenueError:
                await asyncio.sleep(5)
                continue
            return {int(row.trade_id): row for row in rows}


def sample() -> Sample:
    """Count what is alive."""
    gc.collect()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    alive = gc.get_objects()
    books = sum(str(type(one).__module__).startswith("dita.adapters.exchange.") for one in alive)
    return Sample(len(asyncio.all_tasks()), descriptors, len(alive) - books, books)


async def _quiet_main_loop(self: Any) -> None:
    """In the place of uvicorn's, which wakes ten times a second to refresh a date that nobody reads."""
    while not self.should_exit:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(5)


async def run(clock: UtcVirtualClock, hours: float, seed: int, *, forget_gaps: bool = False) -> Report:
    """So many simulated hours, then until everything is compared."""
    soak = Soak(clock, hours, seed, forget_gaps=forget_gaps)
    parts: list[Coroutine[Any, Any, None]] = [
        soak.walk(), soak.trade(), soak.follow(), soak.watch(), soak.audit(hours * 3600 / 12),
    ]  # fmt: skip
    tasks: list[asyncio.Task[None]] = []
    with mock.patch("dita.adapters.exchange.server._Uvicorn.main_loop", _quiet_main_loop):
        await soak.open()
        try:
            tasks += [asyncio.create_task(part) for part in parts]
            done, _ = await asyncio.wait(tasks, timeout=hours * 3600, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
            await soak.wind_up()
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            await soak.close()
    soak.report.violations += [repr(end) for end in ends if isinstance(end, Exception)]
    strangers = {name for name, _ in soak.follower.strangers if name and name not in soak.retired}
    soak.report.violations += [f"a row of an order that nobody placed: {name}" for name in strangers]
    soak.report.hours = hours
    soak.report.backfills = soak.follower.backfills
    soak.report.figures = soak.stream.figures()
    return soak.report


def soak_for(hours: float, seed: int = 1, *, forget_gaps: bool = False) -> Report:
    """Run it on a loop of its own."""
    loop = VirtualSocketLoop()
    try:
        return loop.run_until_complete(run(UtcVirtualClock(loop), hours, seed, forget_gaps=forget_gaps))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def growth(report: Report) -> list[str]:
    """What has grown since the first quarter, beyond the noise of one moment."""
    early, late = report.samples[len(report.samples) // 4], report.samples[-1]
    found: list[str] = []
    if late.tasks > early.tasks + 6:
        found.append(f"tasks: {early.tasks} to {late.tasks}")
    if late.descriptors > early.descriptors + 6:
        found.append(f"descriptors: {early.descriptors} to {late.descriptors}")
    if late.objects > early.objects + 500:  # a task that is kept, with all that it holds, is forty
        found.append(f"objects: {early.objects} to {late.objects}")
    return found


def main() -> int:
    """Run, tell, and say by the exit status whether it held."""
    parser = argparse.ArgumentParser(description="simulated hours of an account stream with faults")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)
    report = soak_for(chosen.hours, chosen.seed)
    grown = growth(report)
    sys.stdout.write("\n".join([*report.lines(), f"grown: {grown}"]) + "\n")
    return 1 if report.violations or grown else 0


if __name__ == "__main__":
    sys.exit(main())
