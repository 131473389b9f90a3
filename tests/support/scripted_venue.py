"""A venue that says what the test tells it, and an engine room around it: everything of the runtime but the sockets."""

# ruff: noqa: D102, ARG002 - the methods are those of dita.runtime.venue_port, said there

import asyncio
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path

from dita.adapters.bingx.clock import ClockSample
from dita.adapters.bingx.contracts import Contract
from dita.adapters.bingx.errors import NoReply
from dita.adapters.bingx.orders import Accepted, CancelKind, CancelResult, NewOrder, SubmitResult
from dita.adapters.journal import InlineCommit, JournalError, JournalFull
from dita.adapters.journal.records import Entry
from dita.adapters.journal.store import JournalStore
from dita.adapters.logic.rows import BalanceRow, FillRow, IncomeRow, OrderRow, PositionRow
from dita.runtime.alerts import Alerts
from dita.runtime.background import Background
from dita.runtime.carrier import Carrier
from dita.runtime.engine import Engine
from dita.runtime.flights import Flight
from dita.runtime.instruments import Instrument, Instruments
from dita.runtime.lockstep import Divergence, KernelPort, Lockstep
from dita.runtime.order_names import OrderNames
from dita.runtime.order_truth import OrderTruth
from dita.runtime.venue_port import Venue
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey
from dita.spec.outcome import Outcome
from dita.spec.scales import MONEY_SCALE, NANOSECONDS_PER_SECOND, PRICE_SCALE
from dita.spec.vocabulary import Reconcile
from runtime_parts import PRICE, ReferenceKernel, open_test_journal, registered
from virtual_time import VirtualClock

SYMBOL = "BTC-USDT"
SPARE_TAG = "test0x7"
CONTRACT = Contract(
    symbol=SYMBOL, tick=PRICE_SCALE // 10, lot=10_000, price_precision=1, quantity_precision=4, quantity_min=10_000,
    notional_min=2 * MONEY_SCALE, taker_ppb=500_000, maker_ppb=200_000, tradable=True,
)  # fmt: skip


@dataclass
class ScriptedVenue:
    """Answers from its fields; records what it was asked. ``down``: every read fails."""

    clock: VirtualClock
    submits: list[NewOrder] = field(default_factory=list[NewOrder])
    answers: deque[SubmitResult | Exception] = field(default_factory=deque[SubmitResult | Exception])
    answer_after: float = 0.01
    cancels: list[str] = field(default_factory=list[str])
    cancel_kind: CancelKind = CancelKind.REQUESTED
    orders: dict[str, OrderRow] = field(default_factory=dict[str, OrderRow])
    resting: tuple[OrderRow, ...] = ()
    held: tuple[PositionRow, ...] = ()
    fills: tuple[FillRow, ...] = ()
    incomes: tuple[IncomeRow, ...] = ()
    incomes_given: int = 0  # rows told so far, copies included
    wallet: int = 100_000 * MONEY_SCALE
    down: bool = False
    narrowed: bool = False
    reads: int = 0

    def narrow(self) -> None:
        self.narrowed = True

    async def submit(self, order: NewOrder) -> SubmitResult:
        self.submits.append(order)
        await asyncio.sleep(self.answer_after)
        answer = self.answers.popleft() if self.answers else self._accepted(order)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _accepted(self, order: NewOrder) -> Accepted:
        order_id = f"9{order.client_order_id.rpartition('-')[2]}"  # as the rows of these tests have it
        return Accepted(order_id, order.client_order_id, self.clock.wall_ns() // 1_000_000)

    async def cancel(self, symbol: str, client_order_id: str, order_id: str = "") -> CancelResult:
        self.cancels.append(client_order_id)
        await asyncio.sleep(self.answer_after)
        return CancelResult(self.cancel_kind, "0", "")

    async def cancel_order_id(self, symbol: str, order_id: str) -> CancelResult:
        self.cancels.append(order_id)
        return CancelResult(CancelKind.REQUESTED, "0", "")

    async def _read(self) -> None:
        self.reads += 1
        await asyncio.sleep(0.001)
        if self.down:
            raise NoReply("test", "the venue is down")

    async def server_time(self) -> ClockSample:
        await self._read()
        now = self.clock.wall_ns()
        return ClockSample(now, now, now)

    async def query_by_client_id(self, symbol: str, client_order_id: str) -> OrderRow | None:
        await self._read()
        return self.orders.get(client_order_id)

    async def query_by_order_id(self, symbol: str, order_id: str) -> OrderRow | None:
        await self._read()
        return next((row for row in self.orders.values() if row.order_id == order_id), None)

    async def open_orders(self, symbol: str) -> tuple[OrderRow, ...]:
        await self._read()
        return self.resting

    async def all_orders(self, symbol: str, start_ns: int, end_ns: int) -> tuple[OrderRow, ...]:
        await self._read()
        if end_ns < start_ns:
            raise ValueError(f"end_ns: `{end_ns}` is before start_ns `{start_ns}`")  # as the adapter does
        return tuple(self.orders.values())

    async def full_orders(self, symbol: str, start_ns: int, end_ns: int) -> tuple[OrderRow, ...]:
        return await self.all_orders(symbol, start_ns, end_ns)

    async def fill_history(
        self, symbol: str, start_ns: int, end_ns: int, order_id: str | None = None
    ) -> tuple[FillRow, ...]:
        await self._read()
        if end_ns < start_ns:
            raise ValueError(f"end_ns: `{end_ns}` is before start_ns `{start_ns}`")  # as the adapter does
        # rows carry whole seconds; the adapter asks for two seconds more, so that both ends are surely in
        return tuple(row for row in self.fills if start_ns - 2 * NANOSECONDS_PER_SECOND <= row.time_ns <= end_ns)

    async def positions(self, symbol: str | None = None) -> tuple[PositionRow, ...]:
        await self._read()
        return self.held

    async def balance(self, asset: str) -> BalanceRow:
        await self._read()
        return BalanceRow(asset, self.wallet, self.wallet, self.wallet, 0)

    async def income(
        self, start_ns: int, end_ns: int, income_type: str | None = None, symbol: str | None = None
    ) -> tuple[IncomeRow, ...]:
        await self._read()
        if end_ns < start_ns:
            raise ValueError(f"end_ns: `{end_ns}` is before start_ns `{start_ns}`")  # as the adapter does
        rows = [row for row in self.incomes if start_ns <= row.time_ns <= end_ns]
        told = tuple(row for row in rows if income_type in (None, row.type_text))
        self.incomes_given += len(told)
        return told


class TestedCommit:
    """Writes at once, until the test says otherwise: ``held`` keeps entries back, ``full`` fails them (``failure``)."""

    def __init__(self, store: JournalStore) -> None:
        self._inline = InlineCommit(store)
        self.held = False
        self.full = False
        self.failure: JournalError = JournalFull("test", "no space is left", "free some")
        self.waiting: list[tuple[Entry, asyncio.Future[None]]] = []

    def commit(self, entry: Entry) -> Awaitable[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.held:
            self.waiting.append((entry, future))
            return future
        if self.full:
            future.set_exception(self.failure)
            return future
        return self._inline.commit(entry)

    async def close(self) -> None:
        pass


@dataclass
class ScriptedTruth:
    """The carrier's truth: resolutions are only counted."""

    orders: OrderTruth
    resolved: list[Flight] = field(default_factory=list[Flight])
    requests: list[Reconcile] = field(default_factory=list[Reconcile])
    unprotected: list[int] = field(default_factory=list[int])

    async def resolve(self, flight: Flight) -> None:
        self.resolved.append(flight)
        await asyncio.sleep(3600)

    def accepted(self, key: OrderKey, instrument: int, order_id: str, time_ns: int) -> Input | None:
        return self.orders.accepted(key, instrument, order_id, time_ns)

    async def look_at(self, key: OrderKey, instrument: int) -> Outcome | None:
        return await self.orders.look_at(key, instrument)

    def request(self, what: Reconcile) -> None:
        self.requests.append(what)

    async def remove_protection(self, trade: int, symbol: str) -> None:
        self.unprotected.append(trade)


class EngineRoom:
    """An engine on a scripted venue, with a seeded account and one contract, its journal in a file."""

    def __init__(self, folder: Path, clock: VirtualClock, kernel: KernelPort | None = None) -> None:
        self.clock = clock
        self.script = ScriptedVenue(clock)
        self.alerts = Alerts(clock.wall_ns)
        self.background = Background(self.alerts)
        self.commits: list[TestedCommit] = []
        self.journal = open_test_journal(folder / "journal.sqlite", self._driver)
        self.journal.instrument_number(SYMBOL, 64)
        self.divergences: list[Divergence] = []
        self.instruments = Instruments([Instrument(0, CONTRACT)])
        self.venue = Venue(
            trader=self.script,
            reader=self.script,
            cancel_foreign=self.script.cancel_order_id,
            clock=clock,
            venue_now_ns=clock.wall_ns,
            asset="USDT",
            window_ns=2_000_000_000,
            read_lag_ns=0,
        )
        self.engine = Engine(
            Lockstep(ReferenceKernel() if kernel is None else kernel),
            self.journal,
            self.alerts,
            wall_ns=clock.wall_ns,
            venue_now_ns=clock.wall_ns,
            on_divergence=self.divergences.append,
        )
        names = OrderNames(self.engine.journal.meta.tag, SPARE_TAG)
        self.orders = OrderTruth(self.engine, self.venue, self.instruments, self.alerts, lambda _: None, names)
        self.truth = ScriptedTruth(self.orders)
        self.carrier = Carrier(
            self.engine, self.venue, self.truth, self.instruments, self.alerts, self.background, names
        )
        self.engine.connect(self.carrier)

    def _driver(self, store: JournalStore) -> TestedCommit:
        self.commits.append(TestedCommit(store))
        return self.commits[0]

    async def open_shop(self) -> None:
        """Register, limit, seed."""
        for event in registered():
            await self.engine.apply(event)

    async def close(self) -> None:
        """End everything."""
        await self.background.stop()
        await self.engine.drain()
        await self.journal.close()


def market_price() -> int:
    """What everything trades at."""
    return PRICE
