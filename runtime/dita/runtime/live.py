"""A running runtime: all parts of one account, recovered, started and stopped in order."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from random import Random
from typing import Final, final

from dita.adapters.bingx.clock import Clock
from dita.adapters.bingx.metrics import Metric
from dita.adapters.bingx.stream_base import StreamClosed
from dita.adapters.bingx.stream_events import MarkPrice, StreamGap, StreamRestored, TopicRefused
from dita.adapters.journal import NOTHING_MENDED, Journal
from dita.adapters.logic.rows import FillRow
from dita.runtime.account_watch import AccountWatch
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.backfilling import Backfiller
from dita.runtime.background import Background
from dita.runtime.carrier import Carrier
from dita.runtime.connect import StartError
from dita.runtime.dead_man import DeadMan
from dita.runtime.decisions import Decisions
from dita.runtime.engine import Engine
from dita.runtime.entries import Clocks, EntryMaker
from dita.runtime.features import FeatureMap, read_features
from dita.runtime.fees import FeeWatch
from dita.runtime.flights import Flight
from dita.runtime.freezing import FreezeWatch
from dita.runtime.gate_settings import gates_of
from dita.runtime.gates import Chain
from dita.runtime.helm import Helm
from dita.runtime.history import History
from dita.runtime.instruments import Instrument, Instruments
from dita.runtime.leverage import LeverageKeeper
from dita.runtime.lockstep import Divergence, KernelPort, Lockstep
from dita.runtime.mismatch import Mismatches
from dita.runtime.order_names import OrderNames
from dita.runtime.order_truth import OrderTruth
from dita.runtime.policy import Policy
from dita.runtime.protection import Protection
from dita.runtime.reconcile import Intervals, PositionReader
from dita.runtime.recovery import doubts, flights_of, recover, setting_inputs
from dita.runtime.resolving import Resolver
from dita.runtime.seeding import Seeder
from dita.runtime.settings import Settings
from dita.runtime.settlement import Settler, unsettled
from dita.runtime.silence import SilenceWatch
from dita.runtime.sizing import Sizing
from dita.runtime.stages import Stages
from dita.runtime.strategist import Strategist
from dita.runtime.venue_port import Link
from dita.runtime.wallet import WalletReader
from dita.spec import inputs
from dita.spec.clearance import Clearance
from dita.spec.inputs import Input
from dita.spec.market import Depth
from dita.spec.order_ids import OrderKey
from dita.spec.outcome import Outcome
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND
from dita.spec.vocabulary import INSTRUMENTS, Mode, Phase, Reconcile, Verdict

_MILLI: Final = 1e-3
_LOOK_SECONDS: Final = 0.05
_STALLED: Final = "stalled"
_DOUBTFUL: Final = (
    Phase.ENTRY_REQUESTED, Phase.ENTRY_UNRESOLVED, Phase.EXIT_REQUESTED, Phase.EXIT_UNRESOLVED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds; small ones for sessions on an exchange of our own."""

    again: float = 1.0  # after a reading that was too old or did not match
    settle_pause: float = 0.5
    settle_again: float = 2.0


@final
class LiveTruth:
    """What the carrier asks of the rest (``carrier.Truth``)."""

    def __init__(
        self,
        resolver: Resolver,
        orders: OrderTruth,
        positions: PositionReader,
        wallet: WalletReader,
        protection: Protection,
    ) -> None:
        self._protection = protection
        self._resolver = resolver
        self._orders = orders
        self._positions = positions
        self._wallet = wallet

    async def resolve(self, flight: Flight) -> None:
        """See ``Truth``."""
        await self._resolver.resolve(flight)

    def accepted(self, key: OrderKey, instrument: int, order_id: str, time_ns: int) -> Input | None:
        """See ``Truth``."""
        return self._orders.accepted(key, instrument, order_id, time_ns)

    async def look_at(self, key: OrderKey, instrument: int) -> Outcome | None:
        """See ``Truth``."""
        return await self._orders.look_at(key, instrument)

    def request(self, what: Reconcile) -> None:
        """See ``Truth``."""
        if what == Reconcile.POSITION:
            self._positions.request()
        else:
            self._wallet.request()

    async def remove_protection(self, trade: int, symbol: str) -> None:
        """See ``Truth``."""
        await self._protection.remove(trade, symbol)


@final
class Runtime:
    """Made by ``open_runtime``; ``start`` it, trade, ``stop`` it."""

    def __init__(
        self,
        *,
        settings: Settings,
        connection: Link,
        journal: Journal,
        lockstep: Lockstep,
        clearance: Clearance,
        policy: Policy,
        features: FeatureMap,
        clock: Clock,
        rng: Random,
        pace: Pace,
        instruments: Instruments,
        history: History,
        made_by: str,
        spare_tag: str,
    ) -> None:
        self.settings = settings
        self.instruments = instruments
        self.alerts = Alerts(clock.wall_ns)
        self.unfinished: tuple[str, ...] = ()  # stages that a stop had to leave behind
        self._connection = connection
        self._clock = clock
        self._pace = pace
        self._background = Background(self.alerts, at_once=connection.answers_at_once)
        venue = connection.venue(clearance, clock, settings.read_lag_ns)
        self.venue = venue
        send_within_ns = settings.send_within_ms * NANOSECONDS_PER_MILLISECOND
        self.engine = Engine(
            lockstep,
            journal,
            self.alerts,
            wall_ns=clock.wall_ns,
            venue_now_ns=venue.venue_now_ns,
            on_divergence=self._write_divergence,
            send_within_ns=send_within_ns,
            history=history,
            made_by=made_by,
            now_ns=clock.monotonic_ns,
        )
        if journal.mended != NOTHING_MENDED:
            what, newest = journal.mended.what, journal.mended.newest
            said = f"{what}: it ends with row `{newest}` now; what was found is kept in {journal.mended.kept}"
            self.alerts.raise_(Alert.JOURNAL_MENDED, said)
        names = OrderNames(journal.meta.tag, spare_tag)
        self.orders = OrderTruth(
            self.engine, venue, instruments, self.alerts, lambda _: self.positions.request(), names
        )
        self.protection = Protection(venue)
        self.positions = PositionReader(
            self.engine,
            venue,
            instruments,
            self.orders,
            self.protection,
            self.alerts,
            Mismatches(self.engine, venue, self.orders, self.alerts),
            Intervals(position=settings.position_interval_ms * _MILLI, again=pace.again),
        )
        self.wallet = WalletReader(
            self.engine,
            venue,
            self.alerts,
            history=history,
            quiet=self._quiet,
            interval_seconds=settings.wallet_interval_ms * _MILLI,
            again_seconds=pace.again,
            age_seconds=settings.wallet_age_ms * _MILLI,
            income_seconds=settings.income_interval_ms * _MILLI,
            dust=settings.dust,
        )
        resolver = Resolver(
            self.engine,
            venue,
            instruments,
            self.orders,
            connection.premises(instruments, journal.meta.tag),
            self.alerts,
            send_within_ns=send_within_ns,
        )
        truth = LiveTruth(resolver, self.orders, self.positions, self.wallet, self.protection)
        self.carrier = Carrier(self.engine, venue, truth, instruments, self.alerts, self._background, names)
        self.settler = Settler(
            self.engine,
            venue,
            instruments,
            self.orders,
            self.alerts,
            on_settled=self._settled,
            pause_seconds=pace.settle_pause,
            again_seconds=pace.settle_again,
        )
        self.engine.connect(self.carrier)
        self.engine.observers.append(self.settler.observe)
        self.decisions = Decisions(clock.monotonic_ns, clock.wall_ns)
        self.engine.beside = self.decisions.take
        chain = Chain(gates_of(settings), settings.symbols)
        self.entries = EntryMaker(
            self.engine,
            Sizing(settings.fraction_ppm, settings.leverage_ppm, settings.leverage_max_ppm),
            chain,
            features,
            Clocks(clock.monotonic_ns, clock.wall_ns),
        )
        self.engine.observers.append(self.entries.observe)
        self.strategist = Strategist(
            self.engine,
            instruments,
            settings.symbols,
            policy,
            self.entries,
            chain,
            self.decisions,
            self.carrier.exits,
            self.carrier.flights,
            self.alerts,
            self._background,
            clock.monotonic_ns,
        )
        self.engine.annotators.append(FreezeWatch(self.alerts).notes)
        self.fees = FeeWatch(
            self.engine, venue, instruments, self.alerts, hold=self.entries.keep_back, release=self.entries.release
        )
        self._account_stream = connection.account_stream(instruments.symbols, rng)
        self._market_stream = connection.market_stream(
            settings.symbols, clock, rng, trades=policy.wants_trades, depth=settings.book_levels
        )
        self.backfiller = Backfiller(
            venue, instruments, self.orders, self.carrier.flights, self._background, self.alerts, self._wake_readers
        )
        self.watch = AccountWatch(
            self._account_stream,
            self.orders,
            self.carrier.flights,
            self.positions,
            self.wallet,
            self.backfiller,
            self.alerts,
        )
        self.helm = Helm(
            self.engine,
            self.alerts,
            self.entries,
            Mode[settings.mode.upper().replace("-", "_")],
            settings.slot_limit,
            self._limits_of,
            self.carrier.exits.may_exit,
        )
        self.leverage = LeverageKeeper(
            connection, settings.symbols, settings.leverage_ppm, self._is_flat, self.alerts,
            hold=self.entries.keep_back, release=self.entries.release,
        )  # fmt: skip
        self.seeder = Seeder(
            self.engine, venue, self.wallet, self.alerts, fallback=settings.seed_fallback,
            wanted=lambda: self.helm.wanted, positions_known=lambda: self.positions.passes > 0,
            hold=self.entries.keep_back, release=self.entries.release,
        )  # fmt: skip
        self.dead_man = DeadMan(
            connection.cancel_all_after, settings.dead_man_seconds, self.alerts,
            hold=self.entries.keep_back, release=self.entries.release,
        )  # fmt: skip
        self._silence = SilenceWatch(
            self.engine, venue, self.carrier.flights, settings.silence_ms * NANOSECONDS_PER_MILLISECOND
        )

    def metrics(self) -> tuple[Metric, ...]:
        """Everything that the adapter has counted for this account, and the back-fills."""
        read = Metric("bingx_backfills_total", "gaps that were read completely", (), self.backfiller.done)
        news = Metric("bingx_backfill_news_total", "orders of which a back-fill told more", (), self.backfiller.news)
        return (*self._connection.metrics(), read, news)

    # --- starting ----------------------------------------------------------------------------------------------------

    async def start(self, flights: list[Flight], starts: dict[int, int]) -> None:
        """From a recovered state to a runtime that follows the venue. Raises StartError; then ``stop`` it.

        Commands are carried out from here on. Trading waits for ``ready``.
        """
        for event in setting_inputs(self.engine.state, self.instruments, self.helm.limits):
            outcome = await self.engine.apply(event)
            if outcome.verdict != Verdict.ACCEPTED:
                raise StartError(f"instrument or limits: the kernel answered `{outcome}`; do not trade this contract")
        await self.seeder.seed()
        self.orders.restore(self.engine.state)
        for trade, began_ns in starts.items():
            self.settler.began(trade, began_ns)
        for flight in flights:
            self.carrier.adopt_flight(flight)
        self._account_stream.start()
        self._market_stream.start()
        for work, name in (
            (self.watch.run(), "account watch"),
            (self._follow_market(), "market"),
            (self._silence.run(), "silence"),
            (self.positions.run(), "positions"),
            (self.wallet.run(), "wallet"),
            (self.wallet.follow_settlements(), "settled wallet"),
            (self.settler.run(), "settlement"),
            (self.dead_man.run(), "dead-man timer"),
            (self.leverage.run(), "leverage"),
        ):
            self._background.start(work, name)
        for event in doubts(self.engine.state):
            await self.engine.apply(event)
        for number in range(len(self.engine.state.slots)):
            self.carrier.exits.resume(number)
        await self.helm.begin()
        await self.seeder.keep_to_closing()
        self.settler.wake()

    def _limits_of(self, slot_limit: int) -> Input:
        return inputs.set_limits(
            slot_limit=slot_limit,
            leverage_max_ppm=self.settings.leverage_max_ppm,
            tolerance=self.settings.tolerance,
        )

    async def ready(self) -> None:
        """Wait until every order in flight is resolved and positions and wallet are read and explained."""
        while True:
            doubtful = any(slot.phase in _DOUBTFUL for slot in self.engine.state.slots)
            read = not doubtful and await self.positions.read() and await self.wallet.read()
            if read and await self.fees.check_recent() and await self.leverage.check():
                return
            await asyncio.sleep(self._pace.again)

    async def _is_flat(self, symbol: str) -> bool:
        """Whether neither books nor venue have a position or an order of a symbol. Raises VenueError."""
        instrument = self.instruments.of(symbol)
        if instrument is None or self.engine.state.instruments[instrument.number].holder:
            return False
        reader = self.venue.reader
        return not await reader.positions(symbol) and not await reader.open_orders(symbol)

    def obey_switch(self) -> None:
        """From now on follow the operator's switch, which the start has obeyed already."""
        self._background.start(self.helm.run(), "switch")

    def stalled(self, seconds: float) -> None:
        """The loop runs again after a stall: what is known is old, so everything is read before anything is opened."""
        self.alerts.raise_(Alert.STALLED, f"the loop did not run for `{seconds:.1f}` s; stacks in {self.settings.out}")
        self.entries.keep_back(_STALLED)
        self._background.start(self._read_after_stall(), "readings after a stall")

    def trade(self) -> None:
        """Let the policy act."""
        self.entries.is_open = True
        self.strategist.may_act = True

    # --- ending ------------------------------------------------------------------------------------------------------

    async def get_flat(self) -> None:
        """No new trades; cancel, close, settle; return when nothing is live and everything is settled."""
        self.entries.is_open = False
        self.strategist.may_act = False
        self.decisions.finish()  # the inputs that follow carry them
        while True:
            state = self.engine.state
            for number, slot in enumerate(state.slots):
                if slot.phase != Phase.IDLE and not slot.flatten and self.carrier.exits.may_exit(number):
                    await self.engine.apply(inputs.flatten(slot=number, instrument=slot.instrument, trade=slot.trade))
            if self.is_flat_and_settled:
                return
            self.settler.wake()
            await asyncio.sleep(self._pace.settle_pause)

    @property
    def is_flat_and_settled(self) -> bool:
        """Whether no slot is live and no trade waits for its fill rows."""
        state = self.engine.state
        return state.account.live_slots == 0 and next(unsettled(state), None) is None

    async def stop(self) -> None:
        """Open nothing more, cancel what would open, end every task, flush and close, in that order and within bounds.

        Positions stay as they are. A stage that takes too long is left behind with an alert; never raises.
        """
        self.entries.is_open = False
        self.strategist.may_act = False
        stages = Stages(self.alerts, self.settings.stop_within_ms * _MILLI)
        if not self.engine.is_fenced:
            await stages.run("entries", 4, self._cancel_entries())
        await stages.run("market stream", 1, self._market_stream.aclose())
        await stages.run("account stream", 1, self._account_stream.aclose())
        await stages.run("tasks", 2, self._background.stop())
        await stages.run("dead-man timer", 2, self.dead_man.stop())
        if not self.engine.is_fenced:
            await stages.run("decisions", 1, self._write_decisions())
        await stages.run("inputs", 3, self.engine.drain())
        await stages.run("journal", 5, self.engine.journal.close())
        await stages.run("connection", 2, self._connection.aclose())
        self.unfinished = tuple(stages.unfinished)

    async def _write_decisions(self) -> None:
        """Notes are written with an input. Where none comes any more, the limits are said again: that moves nothing."""
        if self.decisions.finish() and self.engine.journal_error is None:
            await self.engine.apply(self.helm.limits)

    async def _cancel_entries(self) -> None:
        """What works would open, and nobody would follow it."""
        asked: set[int] = set()
        while any(Phase.IDLE < slot.phase <= Phase.ENTRY_UNRESOLVED for slot in self.engine.state.slots):
            asked |= await self.engine.cancel_entries(asked)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _read_after_stall(self) -> None:
        while True:
            if await self.positions.read() and await self.wallet.read():
                self.entries.release(_STALLED)
                return
            await asyncio.sleep(self._pace.again)

    def _wake_readers(self) -> None:
        self.positions.request()
        self.wallet.request()

    async def _settled(self, rows: tuple[FillRow, ...]) -> None:
        self.wallet.settled()
        await self.fees.settled(rows)

    def _quiet(self) -> AbstractAsyncContextManager[None]:
        return self.strategist.quiet()

    # --- inside ------------------------------------------------------------------------------------------------------

    async def _follow_market(self) -> None:
        while True:
            try:
                event = await self._market_stream.next_event()
            except StreamClosed:
                return
            match event:
                case StreamGap(_, reason):
                    self.alerts.raise_(Alert.STREAM_GAP, f"market stream: {reason}")
                    self.strategist.on_gap()
                case StreamRestored():
                    pass
                case TopicRefused(topic, code, text):
                    self.alerts.raise_(Alert.STREAM_GAP, f"market topic `{topic}` refused: `{code}` {text}")
                case Depth():
                    self.strategist.on_depth(event)
                case MarkPrice():
                    pass  # not asked for: nothing wants it yet
                case _:
                    self.strategist.on_market(event)

    def _write_divergence(self, divergence: Divergence) -> None:
        folder = self.settings.out / "divergences"
        folder.mkdir(parents=True, exist_ok=True)
        document = {
            "reason": divergence.reason,
            "input": divergence.event._asdict(),
            "kernel": divergence.kernel,
            "reference": divergence.reference,
            "state_before": divergence.state_before,
        }
        path = folder / f"divergence-{self._clock.wall_ns()}.json"
        path.write_text(json.dumps(document, indent=1) + "\n")
        self.positions.request()


@dataclass(slots=True)
class Opened:
    """A runtime that knows its past and has not begun."""

    runtime: Runtime
    flights: list[Flight]
    starts: dict[int, int]
    rows: int

    async def start(self) -> Runtime:
        """Begin. Raises StartError; the runtime is stopped then."""
        try:
            await self.runtime.start(self.flights, self.starts)
        except BaseException:
            await self.runtime.stop()
            raise
        return self.runtime


def open_runtime(
    *,
    settings: Settings,
    connection: Link,
    journal: Journal,
    kernel: KernelPort,
    clearance: Clearance,
    policy: Policy,
    clock: Clock,
    rng: Random,
    pace: Pace,
    spare_tag: str,
    made_by: str = "",
    accept_migration: bool = False,
) -> Opened:
    """Replay the journal and put the parts together; nothing is sent. Raises ReplayRefused, JournalError.

    ``made_by``: see ``recover``. ``spare_tag``: a new one for each process, see ``OrderNames``.

    The caller closes journal and connection when this raises.
    """
    numbers = {symbol: journal.instrument_number(symbol, INSTRUMENTS) for symbol in connection.contracts}
    instruments = Instruments(
        Instrument(numbers[symbol], contract.charged(settings.fee_ratio_ppm))
        for symbol, contract in connection.contracts.items()
    )
    recovered = recover(journal, kernel, made_by=made_by, accept_migration=accept_migration, wall_ns=clock.wall_ns())
    runtime = Runtime(
        settings=settings,
        connection=connection,
        journal=journal,
        lockstep=recovered.lockstep,
        clearance=clearance,
        policy=policy,
        features=read_features(settings.features, settings.symbols),
        clock=clock,
        rng=rng,
        pace=pace,
        instruments=instruments,
        history=recovered.history,
        made_by=made_by,
        spare_tag=spare_tag,
    )
    flights = flights_of(recovered, instruments, journal.meta.tag, clock.monotonic_ns())
    return Opened(runtime, flights, recovered.history.starts, recovered.replayed.rows)
