"""A session: from a certified kernel and settings to N round trips, flat, checked against the exchange's own record.

Without the setting ``exchange`` the exchange simulator runs inside this process, on real sockets, with faults planned;
with it the session trades on that exchange and leaves the faults to it.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random, SystemRandom
from typing import Final

from dita.adapters.bingx.credentials import Credentials
from dita.adapters.bingx.endpoints import Hosts
from dita.adapters.bingx.errors import VenueError
from dita.adapters.bingx.metrics import Metric
from dita.adapters.journal import AccountLock, make_tag, open_journal
from dita.adapters.logic.fees import Calibration
from dita.kernel.binding import Kernel
from dita.kernel.loader import CertifiedKernel, installed_bindings
from dita.runtime.connect import Patience, StartError, account_name, connect, hosts_for, read_credentials
from dita.runtime.direct.connection import DirectConnection
from dita.runtime.direct.feeder import DirectFeeder
from dita.runtime.features import read_features
from dita.runtime.feeds import open_feed
from dita.runtime.fees import FeeCheck
from dita.runtime.ground import MACHINE, Ground
from dita.runtime.live import Pace, Runtime, open_runtime
from dita.runtime.logs import SECRETS
from dita.runtime.memory import MemoryMarks
from dita.runtime.operations import Operations
from dita.runtime.order_names import make_spare_tag
from dita.runtime.paper import Feeder, PaperExchange, SteadyFeeder, assumptions, planned_faults
from dita.runtime.policies import make_policy
from dita.runtime.policy import Policy
from dita.runtime.settings import Settings, for_paper
from dita.runtime.state_log import StateLog
from dita.runtime.tally import Tally
from dita.runtime.venue_port import Link
from dita.runtime.venue_truth import VenueTruth, truth_of_paper, truth_of_venue
from dita.runtime.watchdog import Watchdog
from dita.spec.canonical import sha256_hex
from dita.spec.market import MarketEvent
from dita.spec.scales import MONEY_SCALE
from dita.spec.state import capital
from dita.spec.vocabulary import Mode, Phase

_STALL_SECONDS: Final = 90.0  # nothing finished for so long: something is wrong
_READY_SECONDS: Final = 120.0
_FLAT_SECONDS: Final = 120.0
_LOOK_SECONDS: Final = 0.1
_AT_THE_END: Final[dict[str, int | str]] = {
    "final_position": 0,
    "orphans": 0,
    "reconcile_delta": "0.00000000",
    "reference_divergences": 0,
    "certificate": "valid",
}
_UNSEEN: Final = {
    "plane": "off",
    "metrics_port": 0,
}  # a session in memory is seen there
_LOOPS: Final = 1_000_000  # a recording is played again and again until the session has enough
_PAPER_REPLY_SECONDS: Final = 1.0
_PAPER_PACE: Final = Pace(again=0.2, settle_pause=0.2, settle_again=0.25)

Progress = Callable[[str, int, int], None]
"""Called with what is going on, how far, and how far it goes."""


@dataclass(frozen=True, slots=True)
class SessionResult:
    """What a session came to. ``figures`` are the stable ones; ``problems`` is empty exactly when all checks held."""

    figures: dict[str, int | str]
    problems: tuple[str, ...]
    tally: Tally
    memory: MemoryMarks
    alerts: dict[str, int]
    certificate: str
    market: str
    assumptions: tuple[tuple[str, str], ...]  # what our own exchange grants and a real one would not
    journal: Path
    journal_rows: int
    decisions: tuple[tuple[str, str, int], ...]  # who looked, what came of it, how often
    metrics: tuple[Metric, ...]
    fee_check: FeeCheck | None  # None: it was never ready
    calibration: Calibration


@dataclass(slots=True)
class _Venue:
    """Where this session trades."""

    hosts: Hosts
    credentials: Credentials
    patience: Patience
    pace: Pace
    paper: PaperExchange | None
    events: Iterator[MarketEvent] | None
    direct: DirectConnection | None = None


def check_input(settings: Settings, progress: Progress) -> None:
    """Find out before anything is started whether the session can be as asked: policy, features, venue, market.

    A recorded market is read once from end to end.
    Raises UnknownPolicy, PolicyError, FeaturesError, StartError, CredentialsError, FeedError.
    """
    make_policy(settings.policy, Random(settings.seed))
    read_features(settings.features, settings.symbols)
    if settings.exchange is not None:
        hosts_for(str(settings.exchange))
        read_credentials(settings.credentials, os.environ)
    if settings.exchange is not None or settings.source != "recorded":
        return
    for number, _ in enumerate(_market(settings, loops=1)):
        if number % 10_000 == 0:
            progress("reading the recordings", number, 0)


def _market(settings: Settings, loops: int) -> Iterator[MarketEvent]:
    return open_feed(
        settings.source,
        settings.symbols,
        seed=settings.seed,
        recordings=settings.recordings,
        loops=loops if settings.source == "recorded" else 1,
    )


async def run_session(
    settings: Settings,
    certified: CertifiedKernel,
    progress: Progress,
    *,
    accept_migration: bool = False,
    stop: asyncio.Event | None = None,
    stop_now: asyncio.Event | None = None,
    ground: Ground = MACHINE,
    policy: Policy | None = None,
    events: Iterator[MarketEvent] | None = None,
) -> SessionResult:
    """Run one session. ``stop``, once set, ends trading early; the session still gets flat and checks.

    ``stop_now`` ends that, too: entries are cancelled, everything is closed in order, positions stay as they are.
    ``policy`` and ``events`` stand in for those that the settings name.

    Raises StartError, FeedError, JournalError, ReplayRefused, CredentialsError, UnknownPolicy, PolicyError,
    FeaturesError; then nothing is left running. What goes wrong after the start is a problem in the result.
    """
    async with AsyncExitStack() as stack:
        if settings.exchange is None:
            settings = for_paper(settings)
        memory = MemoryMarks(settings.round_trips)
        parts = _Parts(settings, certified, ground, progress, accept_migration, memory)
        if policy is None:
            policy = make_policy(settings.policy, Random(settings.seed))
        venue = await _open_venue(settings, ground, stack, events)
        runtime, operations = await _open_runtime_at(venue, parts, policy, stack)
        tally = Tally(runtime.instruments)
        runtime.engine.observers.append(tally.observe)
        signals = _Signals(stop or asyncio.Event(), stop_now or asyncio.Event())
        problems = await _trade(parts, runtime, venue, tally, signals, on_ready=operations.ready)
        progress("asking the exchange", 0, 0)
        result = _result(parts, venue, runtime, tally, await _truth(venue, runtime, problems), problems)
    if runtime.unfinished:
        left = f"the stop left behind, for want of time or by an error: {', '.join(runtime.unfinished)}"
        return replace(result, problems=(*result.problems, left))
    return result


@dataclass(frozen=True, slots=True)
class _Parts:
    """What every step of a session needs."""

    settings: Settings
    certified: CertifiedKernel
    ground: Ground
    progress: Progress
    accept_migration: bool
    memory: MemoryMarks


@dataclass(frozen=True, slots=True)
class _Signals:
    """What the operator asked of this process: to get flat and end; to end."""

    stop: asyncio.Event
    now: asyncio.Event


# --- opening ---------------------------------------------------------------------------------------------------------


async def _open_venue(
    settings: Settings, ground: Ground, stack: AsyncExitStack, events: Iterator[MarketEvent] | None
) -> _Venue:
    if settings.exchange is not None:
        credentials = _hidden(read_credentials(settings.credentials, os.environ))
        patience = Patience(settings.receive_window_ms, settings.reply_within_ms / 1000)
        hosts = hosts_for(str(settings.exchange))
        pace = _PAPER_PACE if hosts.rest.startswith("http:") else Pace()
        return _Venue(hosts, credentials, patience, pace, None, None)
    faults = () if settings.market == "waits" else planned_faults(2 * settings.round_trips)
    secret = secrets.token_hex(16)
    try:
        paper = PaperExchange(settings.symbols, seed=settings.seed, faults=faults, secret=secret, ground=ground)
    except ValueError as error:
        raise StartError(str(error)) from None
    if events is None:
        events = _market(settings, loops=1 if settings.market == "waits" else _LOOPS)
    patience = Patience(settings.receive_window_ms, _PAPER_REPLY_SECONDS, unlimited=True)
    direct = DirectConnection(paper, ground.clock) if ground.is_direct else None
    if direct is None:
        await paper.start()
        stack.push_async_callback(paper.stop)
    return _Venue(
        hosts_for(paper.server.rest_url), _hidden(paper.credentials), patience, _PAPER_PACE, paper, events, direct
    )


def _hidden(credentials: Credentials) -> Credentials:
    """From here on no line of the log holds them."""
    for secret in (credentials.api_key, credentials.secret):
        SECRETS.hide(secret.get_secret_value())
    return credentials


async def _open_runtime_at(
    venue: _Venue, parts: _Parts, policy: Policy, stack: AsyncExitStack
) -> tuple[Runtime, Operations]:
    settings = parts.settings
    account = account_name(venue.hosts, venue.credentials)
    reached = await _connect(venue, parts, settings.symbols)  # before there is a journal: nothing is left half-made
    await reached.aclose()
    lock = AccountLock(account + parts.ground.within)
    stack.callback(lock.close)
    path = settings.journal
    if venue.paper is not None:
        path = fresh_journal_path(settings.out / parts.ground.name)
    async with AsyncExitStack() as opening:  # closes what was opened, unless the runtime takes it over
        made_ns, driver = parts.ground.clock.wall_ns(), parts.ground.driver
        journal = open_journal(path, account=account, tag=make_tag(SystemRandom()), wall_ns=made_ns, driver=driver)
        opening.push_async_callback(journal.close)
        kernel = Kernel(parts.certified.raw)
        stack.enter_context(kernel)
        known = tuple(dict.fromkeys((*settings.symbols, *journal.symbols.values())))
        connection = await _connect(venue, parts, known)
        opening.push_async_callback(connection.aclose)
        opened = open_runtime(
            settings=settings,
            connection=connection,
            journal=journal,
            kernel=kernel,
            clearance=parts.certified.clearance,
            policy=policy,
            clock=parts.ground.clock,
            rng=Random(settings.seed),
            pace=venue.pace,
            made_by=_made_by(parts.certified),
            spare_tag=make_spare_tag(journal.meta.tag, SystemRandom()),
            accept_migration=parts.accept_migration,
        )
        seen = settings if parts.ground.is_watched else settings.model_copy(update=_UNSEEN)
        operations = Operations(
            seen, opened.runtime, connection, parts.certified, venue.hosts.rest, parts.ground.clock
        )  # fmt: skip
        opening.pop_all()
    stack.push_async_callback(operations.aclose)  # when the runtime has stopped
    if parts.ground.is_watched:
        stack.enter_context(_watched(opened.runtime, settings))  # until after the stop
        state_log = StateLog(journal, opened.runtime.carrier.flights)
        opened.runtime.engine.observers.append(state_log.observe)
    await operations.start()
    runtime = await opened.start()
    stack.push_async_callback(runtime.stop)
    runtime.obey_switch()
    await operations.take_commands()
    stack.callback(operations.take_none)
    return runtime, operations


@contextmanager
def _watched(runtime: Runtime, settings: Settings) -> Generator[None]:
    """A watchdog on this process's loop; it belongs to the process, which a simulated one does not have."""
    watchdog = Watchdog(
        settings.out / "stalls",
        stall_seconds=settings.stall_ms / 1000,
        kill_seconds=settings.stall_kill_ms / 1000,
        on_recovered=runtime.stalled,
    )
    beating = asyncio.create_task(watchdog.run(), name="heartbeat")
    watchdog.start()
    try:
        yield
    finally:
        watchdog.close()
        beating.cancel()


def _made_by(certified: CertifiedKernel) -> str:
    """Names the code that a state was made with: kernel image, reference and specification."""
    installed = installed_bindings(certified.raw)
    return sha256_hex(f"{installed.image_sha256} {installed.reference_sha256} {installed.spec_sha256}".encode())


async def _connect(venue: _Venue, parts: _Parts, symbols: tuple[str, ...]) -> Link:
    if venue.direct is not None:
        return venue.direct
    rng = Random(parts.settings.seed)
    return await connect(venue.hosts, venue.credentials, symbols, parts.ground.clock, rng, venue.patience)


def fresh_journal_path(folder: Path) -> Path:
    """Where a paper session keeps its journal: its exchange begins anew, so the journal does; the last one is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "journal.sqlite"
    for suffix in ("", "-wal", "-shm"):
        current = folder / f"{path.name}{suffix}"
        if current.exists():
            current.replace(folder / f"previous.sqlite{suffix}")
        else:
            (folder / f"previous.sqlite{suffix}").unlink(missing_ok=True)
    return path


# --- trading ---------------------------------------------------------------------------------------------------------


async def _trade(
    parts: _Parts,
    runtime: Runtime,
    venue: _Venue,
    tally: Tally,
    signals: _Signals,
    on_ready: Callable[[], None],
) -> list[str]:
    problems: list[str] = []
    feeding: asyncio.Task[None] | None = None
    paper, events = venue.paper, venue.events
    waits = parts.settings.market == "waits"
    if paper is not None and events is not None and not waits:
        feeder = Feeder(
            paper, events, lambda: runtime.strategist.events, lambda: runtime.strategist.is_busy,
            trades=runtime.strategist.wants_trades,
        )  # fmt: skip
        feeding = asyncio.create_task(feeder.run(), name="feeder")
    try:
        parts.progress("recovering and reconciling", 0, 0)
        async with asyncio.timeout(_READY_SECONDS):
            await runtime.ready()
        on_ready()
        if paper is not None:
            paper.arm()
        runtime.trade()
        if paper is not None and events is not None and waits:
            steady = _steady(parts, venue, paper, events, runtime)
            enough = parts.settings.round_trips
            feeding = asyncio.create_task(steady.run(lambda: tally.round_trips >= enough), name="feeder")
        check = runtime.fees.check
        if check is not None and runtime.fees.refuses:
            problems.append(check.says)
        elif runtime.leverage.problem:
            problems.append(runtime.leverage.problem)
        else:
            problems += await _until_done(parts, runtime, tally, signals.stop, feeding)
        parts.memory.finish(tally.round_trips)
        if paper is not None:
            paper.disarm()
        parts.progress("getting flat and settling", tally.round_trips, parts.settings.round_trips)
        if runtime.engine.is_fenced:
            return [*problems, "another runtime has taken over: nothing was closed or cancelled by this one"]
        async with asyncio.timeout(_FLAT_SECONDS):
            if not await _got_flat(runtime, signals.now):
                problems.append("told to end at once: positions stay as they are")
    except TimeoutError:
        problems.append(_why_not_flat(runtime))
    finally:
        if feeding is not None:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
    return problems


def _steady(
    parts: _Parts, venue: _Venue, paper: PaperExchange, events: Iterator[MarketEvent], runtime: Runtime
) -> SteadyFeeder | DirectFeeder:
    if venue.direct is None or parts.ground.pass_time is None:
        return SteadyFeeder(paper, events, runtime.strategist, lambda: runtime.engine.state)
    return DirectFeeder(
        paper, venue.direct.account, events, runtime.strategist, runtime.settler, runtime.watch.take,
        lambda: runtime.engine.state, parts.ground.pass_time,
    )  # fmt: skip


async def _got_flat(runtime: Runtime, now: asyncio.Event) -> bool:
    """Whether it got flat; False when told to end before that."""
    flat = asyncio.create_task(_flat_and_read(runtime))
    told = asyncio.create_task(now.wait())
    try:
        await asyncio.wait((flat, told), return_when=asyncio.FIRST_COMPLETED)
        if not flat.done():
            return False
        await flat
        return True
    finally:
        for task in (flat, told):
            task.cancel()
        await asyncio.gather(flat, told, return_exceptions=True)


async def _flat_and_read(runtime: Runtime) -> None:
    await runtime.get_flat()
    await _last_readings(runtime)


async def _until_done(
    parts: _Parts, runtime: Runtime, tally: Tally, stop: asyncio.Event, feeding: "asyncio.Task[None] | None"
) -> list[str]:
    wanted = parts.settings.round_trips
    last, last_ns = -1, parts.ground.clock.monotonic_ns()
    while tally.round_trips < wanted:
        parts.memory.look(tally.round_trips)
        mode = Mode(runtime.engine.state.account.mode)
        if tally.round_trips != last or mode != Mode.ACTIVE or runtime.helm.is_holding:  # halted is not stalled
            last, last_ns = tally.round_trips, parts.ground.clock.monotonic_ns()
            held = mode.name if mode != Mode.ACTIVE else "paused" if runtime.helm.is_holding else ""
            said = f"{held} by settings or switch (`dita resume`)" if held else "trading"
            parts.progress(said, last, wanted)
        if not runtime.engine.may_add_risk:
            return [f"no new trade may be opened any more, at `{last}` of {wanted}; alerts: {_alerts(runtime)}"]
        if stop.is_set():
            return [f"stopped after `{last}` of {wanted} round trips"]
        if feeding is not None and feeding.done():
            error = feeding.exception()
            if error is None and parts.settings.market == "waits":
                return []  # a recording that was played once, to its end
            return [f"the market data ended after `{last}` of {wanted} round trips" + (f": {error}" if error else "")]
        if parts.ground.clock.monotonic_ns() - last_ns > _STALL_SECONDS * 1e9:
            return [f"no round trip for {_STALL_SECONDS:.0f} s, at `{last}` of {wanted}; alerts: {_alerts(runtime)}"]
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                await stop.wait()
        except TimeoutError:
            continue
    parts.progress("trading", tally.round_trips, wanted)
    return []


async def _last_readings(runtime: Runtime) -> None:
    """Read until positions and wallet are explained by readings newer than everything."""
    while True:
        if await runtime.positions.read() and await runtime.wallet.read():
            return
        await asyncio.sleep(_LOOK_SECONDS)


def _why_not_flat(runtime: Runtime) -> str:
    slots = enumerate(runtime.engine.state.slots)
    live = [f"slot {number} {Phase(slot.phase).name}" for number, slot in slots if slot.phase]
    return f"not ready, flat and settled in time: {', '.join(live) or 'fills missing'}; alerts: {_alerts(runtime)}"


def _alerts(runtime: Runtime) -> str:
    return ", ".join(f"{alert.value} {count}" for alert, count in runtime.alerts.counts.items()) or "none"


# --- the result ------------------------------------------------------------------------------------------------------


async def _truth(venue: _Venue, runtime: Runtime, problems: list[str]) -> VenueTruth | None:
    if venue.paper is not None:
        return truth_of_paper(venue.paper.record())
    try:
        return await truth_of_venue(runtime.venue.reader, runtime.instruments.symbols, venue.hosts.settlement_asset)
    except VenueError as error:
        problems.append(f"the exchange could not be asked for its record: {error}")
        return None


def _result(
    parts: _Parts, venue: _Venue, runtime: Runtime, tally: Tally, truth: VenueTruth | None, problems: list[str]
) -> SessionResult:
    ledger = runtime.engine.state.account.ledger
    delta = "unknown" if truth is None else money_text(truth.wallet - capital(ledger))
    figures: dict[str, int | str] = {
        "round_trips": tally.round_trips,
        "orders": runtime.carrier.submits,
        "fills": tally.fills,
        "partial_fills": tally.partial_fills,
        "rejections": runtime.carrier.rejections,
        "unknown_submits": runtime.carrier.unknowns,
        "reconnects": runtime.watch.reconnects,
        "final_position": -1 if truth is None else truth.position,
        "orphans": -1 if truth is None else truth.open_orders + runtime.positions.orphans,
        "reconcile_delta": delta,
        "reference_divergences": runtime.engine.lockstep.divergences,
        "certificate": "valid",
    }
    problems += failed_checks(figures)
    if runtime.engine.journal_error is not None:
        problems.append(str(runtime.engine.journal_error))
    statement = parts.certified.statement
    return SessionResult(
        figures=figures,
        problems=tuple(problems),
        tally=tally,
        memory=parts.memory,
        alerts={alert.value: count for alert, count in sorted(runtime.alerts.counts.items())},
        certificate=f"{statement.tier}, image {parts.certified.clearance.image_sha256[:16]}",
        market=_market_text(parts.settings),
        assumptions=_assumptions(parts, venue),
        journal=Path(runtime.engine.journal.path),
        journal_rows=runtime.engine.journal.position,
        decisions=runtime.decisions.table(),
        metrics=runtime.metrics(),
        fee_check=runtime.fees.check,
        calibration=runtime.fees.calibration,
    )


def _assumptions(parts: _Parts, venue: _Venue) -> tuple[tuple[str, str], ...]:
    if venue.paper is None:
        return ()
    return assumptions(venue.paper, parts.ground, market_waits=parts.settings.market == "waits")


def failed_checks(figures: Mapping[str, int | str]) -> list[str]:
    """The final checks that a session's figures do not pass, each with what was found and what was wanted."""
    return [
        f"{name}: `{figures[name]}`, wanted {wanted}" for name, wanted in _AT_THE_END.items() if figures[name] != wanted
    ]


def _market_text(settings: Settings) -> str:
    if settings.exchange is not None:
        return f"that of {settings.exchange}; recordings: none"
    if settings.source == "recorded":
        return f"recordings: {settings.recordings}, {', '.join(settings.symbols)}"
    return f"generator, seed {settings.seed}, {', '.join(settings.symbols)}; recordings: none"


def money_text(units: int) -> str:
    """1e-8 USDT as decimal text with all eight places."""
    sign = "-" if units < 0 else ""
    whole, rest = divmod(abs(units), MONEY_SCALE)
    return f"{sign}{whole}.{rest:08d}"
