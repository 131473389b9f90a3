"""The trader's machine: its disk and clock, and the runtime's processes on it, one after the other.

A process is what `dita run` is: connect, open the journal, recover, start, get ready, trade. It can be killed at any
instant; whoever keeps it running starts the next one on what the disk has kept.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, final

from dita.adapters.bingx.credentials import Credentials
from dita.adapters.journal import Journal, JournalError, make_tag, open_journal
from dita.adapters.journal.store import JournalStore
from dita.kernel.binding import Kernel
from dita.kernel.loader import CertifiedKernel
from dita.runtime.alerts import Alert, Raised
from dita.runtime.connect import Patience, StartError, connect, hosts_for
from dita.runtime.live import Pace, Runtime, open_runtime
from dita.runtime.lockstep import Stepped
from dita.runtime.order_names import make_spare_tag
from dita.runtime.policy import Policy
from dita.runtime.settings import Settings
from dita.runtime.simulation.disk import Disk
from dita.runtime.simulation.group_commit import TimedCommit
from dita.runtime.simulation.loop import SimulatedClock, VirtualLoop
from dita.runtime.simulation.processes import SimulatedProcess
from dita.runtime.simulation.trace import Trace
from dita.spec.inputs import Input

JOURNAL_NAME: Final = "journal.sqlite"
ACCOUNT: Final = "simulated"
_REPLY_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.5
_PACE: Final = Pace(again=0.5, settle_pause=0.3, settle_again=0.5)


@dataclass(frozen=True, slots=True)
class Plan:
    """How this machine trades."""

    seed: int
    settings: Settings
    exchange_url: str
    credentials: Credentials
    policy: Callable[[Random], Policy]
    made_by: str = ""  # in snapshots of the journal; "": none is made
    restart_seconds: float = 1.0


@dataclass(slots=True)
class Outputs:
    """What the runtimes did, as seen from outside."""

    inputs: int = 0
    alerts: Counter[Alert] = field(default_factory=Counter[Alert])
    starts: int = 0
    failed_starts: int = 0
    deaths: int = 0

    @property
    def journal_failures(self) -> int:
        """Counted as they happen: who is killed right after one has still traded without a journal."""
        return self.alerts[Alert.JOURNAL_FAILED] + self.alerts[Alert.FENCED]


@final
class Machine:
    """See the module. ``trace`` takes what happens, in order."""

    def __init__(self, loop: VirtualLoop, disk: Disk, certified: CertifiedKernel, plan: Plan, trace: Trace) -> None:
        self.disk = disk
        self.clock = SimulatedClock(loop)
        self.outputs = Outputs()
        self.process: SimulatedProcess | None = None
        self.runtime: Runtime | None = None
        self.is_ready = False
        self.may_trade = True
        self.last_error = ""
        self.watchers: list[Callable[[Runtime], None]] = []  # told of each process's runtime before it begins
        self._loop = loop
        self._certified = certified
        self._plan = plan
        self._trace = trace
        self._rng = Random(f"machine {plan.seed}")
        self._journal: Journal | None = None
        self._commit: TimedCommit | None = None
        self._disk_seconds = 0.0
        self._kernel: Kernel | None = None
        self._stop_asked = asyncio.Event()
        self._changed = asyncio.Event()
        self._stopping = False

    @property
    def journal_path(self) -> Path:
        """Where the journal is."""
        return self.disk.folder / JOURNAL_NAME

    # --- kept running by the world -----------------------------------------------------------------------------------

    async def keep_running(self) -> None:
        """Start a process whenever there is none, until ``shut_down``."""
        while not self._stopping:
            await self._one_process()
            if not self._stopping:
                await asyncio.sleep(self._plan.restart_seconds)

    async def _one_process(self) -> None:
        self.outputs.starts += 1
        process = SimulatedProcess(f"runtime {self.outputs.starts}")
        process.on_death.append(self._changed.set)
        process.on_death.append(lambda: self._loop.network.bury(process))
        self.process = process
        self._stop_asked.clear()
        self._changed.clear()
        body = process.start(self._live(process))
        body.add_done_callback(lambda _: self._changed.set())
        await self._changed.wait()
        self.runtime, self.is_ready = None, False
        if process.is_alive:
            self.process = None
            process.is_alive = False
            await process.reap()
            body.result()
        else:
            self.outputs.deaths += 1
            self._trace.event("dead", process.name)
            await process.reap()
            self.process = None
        await self._bury()

    async def _bury(self) -> None:
        """What the operating system does with the rest of a process."""
        self.disk.watcher = None
        journal, self._journal = self._journal, None
        commit, self._commit = self._commit, None
        kernel, self._kernel = self._kernel, None
        if journal is not None and commit is not None and not commit.is_closed:
            with contextlib.suppress(JournalError):
                await journal.close()
        if kernel is not None:
            kernel.close()
        if self.disk.has_kept:
            self.disk.restore()

    async def _live(self, process: SimulatedProcess) -> None:
        try:
            runtime = await self._started(process)
        except (StartError, JournalError) as error:
            self.outputs.failed_starts += 1
            self.last_error = str(error)
            self._trace.event("not started", type(error).__name__)
            return
        self.runtime = runtime
        getting_ready = asyncio.ensure_future(self._get_ready(runtime))
        while not self._stop_asked.is_set() and runtime.engine.journal_error is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._stop_asked.wait()
        getting_ready.cancel()
        await asyncio.gather(getting_ready, return_exceptions=True)
        with contextlib.suppress(JournalError):  # a disk that failed fails to be closed, too
            await runtime.stop()

    async def _get_ready(self, runtime: Runtime) -> None:
        await runtime.ready()
        self.is_ready = True
        self._trace.event("ready", "")
        if self.may_trade:
            runtime.trade()

    async def _started(self, process: SimulatedProcess) -> Runtime:
        plan = self._plan
        settings = plan.settings
        patience = Patience(settings.receive_window_ms, _REPLY_SECONDS)
        rng = Random(f"{plan.seed} {process.name}")
        hosts = hosts_for(plan.exchange_url)
        connection = await connect(hosts, plan.credentials, settings.symbols, self.clock, rng, patience)
        try:
            journal = self._journal = open_journal(
                self.journal_path, account=ACCOUNT, tag=make_tag(self._rng), wall_ns=self.clock.wall_ns(),
                driver=self._driver,
            )  # fmt: skip
            kernel = self._kernel = Kernel(self._certified.raw)
            opened = open_runtime(
                settings=settings, connection=connection, journal=journal, kernel=kernel,
                clearance=self._certified.clearance, policy=plan.policy(rng),
                clock=self.clock, rng=rng, pace=_PACE,
                spare_tag=make_spare_tag(journal.meta.tag, self._rng), made_by=plan.made_by,
            )  # fmt: skip
        except BaseException:
            await connection.aclose()
            raise
        runtime = opened.runtime
        self._watch(process, runtime)
        started = await opened.start()
        started.obey_switch()
        return started

    def _driver(self, store: JournalStore) -> TimedCommit:
        self._commit = TimedCommit(store, self._rng)
        self._commit.slow_seconds = self._disk_seconds
        return self._commit

    def _watch(self, process: SimulatedProcess, runtime: Runtime) -> None:
        def observe(event: Input, stepped: Stepped) -> None:
            if process.is_alive:
                self.outputs.inputs += 1
                self._trace.step(event, stepped.outcome)

        def alerted(raised: Raised) -> None:
            if process.is_alive:
                self.outputs.alerts[raised.alert] += 1
                self._trace.event("alert", raised.alert.value, raised.text)

        for watcher in self.watchers:
            watcher(runtime)
        runtime.engine.observers.append(observe)
        runtime.alerts.listeners.append(alerted)

    # --- what the world does to it -----------------------------------------------------------------------------------

    def do(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None] | None":
        """Run something inside the process, if there is one that lives; None otherwise."""
        if self.process is None or not self.process.is_alive:
            work.close()
            return None
        return self.process.start(work)

    def ask_to_stop(self) -> None:
        """SIGTERM: the process ends in order, and another is started."""
        self._stop_asked.set()

    def slow_disk(self, seconds: float) -> None:
        """From now on each commit takes so much longer; 0 ends it."""
        self._disk_seconds = seconds
        if self._commit is not None:
            self._commit.slow_seconds = seconds

    def kill(self) -> None:
        """SIGKILL: what it had written stays."""
        if self.process is not None and self.process.is_alive:
            self.disk.keep_what_is_written()
            self.process.kill()

    def kill_in_a_write(self) -> None:
        """SIGKILL in the middle of a write: the part of it that arrives counts as written."""
        if self.process is not None and self.process.is_alive:
            self.disk.keep_after_this_write()
            self.process.kill()

    def lose_power(self, rng: Random) -> None:
        """The machine goes dark: what was not flushed may be lost."""
        if self.process is not None and self.process.is_alive:
            self.disk.keep_what_is_flushed(rng)
            self.process.kill()

    async def shut_down(self) -> None:
        """End it for good, in order."""
        self._stopping = True
        self.ask_to_stop()
