"""One run: the exchange, the market, the machine and everything that goes wrong, on one virtual clock.

First a safety phase, in which the scenario's troubles happen; then everything is mended and the heal phase begins, in
which the runtime has to get ready, flat and settled within ``HEAL_SECONDS``. Then the auditor judges.
"""

import asyncio
import json
import logging
import shutil
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, final

from pydantic import SecretStr

from dita.adapters.bingx.credentials import Credentials
from dita.adapters.exchange import (
    AccountConfig,
    AccountRecord,
    Contract,
    ExchangeConfig,
    ExchangeServer,
    MatchingRules,
    RequestRules,
    Retention,
    StreamRules,
)
from dita.adapters.journal import Row
from dita.adapters.journal.store import JournalStore
from dita.kernel.loader import CertifiedKernel
from dita.runtime.live import Runtime
from dita.runtime.memory import collector_waiting
from dita.runtime.policies import Coin
from dita.runtime.settings import load_settings
from dita.runtime.simulation.auditor import Claims, Evidence, Outside, audit
from dita.runtime.simulation.disk import Disk, simulated_disk
from dita.runtime.simulation.gaps import Gaps
from dita.runtime.simulation.loop import SimulatedClock, VirtualLoop, virtual_library_clocks
from dita.runtime.simulation.machine import Machine, Plan
from dita.runtime.simulation.market import Walk
from dita.runtime.simulation.network import MemoryListener, MemoryNetwork
from dita.runtime.simulation.scenario import READ_LAG_MS, Scenario
from dita.runtime.simulation.trace import Trace
from dita.runtime.simulation.troubles import Troubles
from dita.spec.scales import PRICE_SCALE
from dita.spec.state import capital, remaining
from dita.spec.vocabulary import Phase, Side

HEAL_SECONDS: Final = 600.0
API_KEY: Final = "simulated"
_SECRET: Final = "simulated-secret"  # noqa: S105 - of an exchange that exists for a second
_PORT: Final = 9443
_LOOK_SECONDS: Final = 0.5
_PRICES: Final = {"BTC-USDT": 60_000, "ETH-USDT": 3_000, "SOL-USDT": 150, "XRP-USDT": 2}
CONTRACTS: Final = {
    "BTC-USDT": Contract("BTC-USDT", price_precision=1, quantity_precision=4, min_quantity=10_000),
    "ETH-USDT": Contract("ETH-USDT", price_precision=2, quantity_precision=2, min_quantity=1_000_000),
    "SOL-USDT": Contract("SOL-USDT", price_precision=3, quantity_precision=1, min_quantity=10_000_000),
    "XRP-USDT": Contract("XRP-USDT", price_precision=4, quantity_precision=0, min_quantity=100_000_000),
}


@dataclass(slots=True)
class RunResult:
    """What a run came to."""

    scenario: Scenario
    digest: str
    inputs: int
    virtual_seconds: float
    cpu_seconds: float
    fired: Counter[str]
    violations: list[str]
    unconverged: str  # why not; empty: it has converged
    trace: list[str] = field(default_factory=list[str])
    evidence: Evidence | None = None  # what was judged; not carried from process to process

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.violations and not self.unconverged


def simulate(scenario: Scenario, certified: CertifiedKernel, heal_seconds: float = HEAL_SECONDS) -> RunResult:
    """Run a scenario from beginning to end. The same scenario gives the same result, the CPU time apart."""
    began = time.process_time()
    network = MemoryNetwork(Random(f"network {scenario.seed}"), scenario.latency)
    loop = VirtualLoop(network)
    try:
        with (
            simulation_folder() as folder, quiet_logs(), collector_waiting(),
            simulated_disk(folder) as disk, virtual_library_clocks(loop),
        ):  # fmt: skip
            world = World(loop, network, disk, scenario, certified, heal_seconds)
            result = loop.run_until_complete(world.run())
    finally:
        loop.close()
        network.close()
    result.cpu_seconds = time.process_time() - began
    return result


@contextmanager
def simulation_folder() -> Generator[Path]:
    """In memory where the system has such a place: what is simulated needs no disk."""
    shared = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
    place = tempfile.mkdtemp(prefix="dita-simulate-", dir=shared if shared.is_dir() else None)
    try:
        yield Path(place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def quiet_logs() -> Generator[None]:
    """Thousands of planned faults are no news, nor is what a killed process had not begun."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
            yield
    finally:
        logging.disable(before)


@final
class World:
    """See the module."""

    def __init__(
        self,
        loop: VirtualLoop,
        network: MemoryNetwork,
        disk: Disk,
        scenario: Scenario,
        certified: CertifiedKernel,
        heal_seconds: float,
        *,
        retention: Retention | None = None,
        made_by: str = "",
    ) -> None:
        """``retention``: of the exchange's history. ``made_by``: in the journal's snapshots; "": none is made."""
        self.scenario = scenario
        self._heal_seconds = heal_seconds
        self.loop = loop
        self.network = network
        self.disk = disk
        self.trace = Trace(loop.time)
        self._gaps = Gaps(scenario.symbols, lambda: self.machine.outputs.starts)
        self.exchange = ExchangeServer(
            ExchangeConfig(
                accounts=(AccountConfig(API_KEY, _SECRET, hedge_mode=scenario.hedge_mode),),
                contracts=tuple(CONTRACTS[symbol] for symbol in scenario.symbols),
                matching=MatchingRules(liquidity="ladder"),
                streams=StreamRules(snapshot_interval_ms=0),
                requests=RequestRules(),
                retention=retention or Retention(),
                seed=scenario.seed,
                port=_PORT,
            ),
            SimulatedClock(loop).wall_ns,
            listen=MemoryListener,  # type: ignore[arg-type] # stands for a socket
            access_log=self._gaps.log,
        )
        settings = load_settings(
            {},
            symbols=",".join(scenario.symbols),
            read_lag_ms=READ_LAG_MS,
            send_within_ms=1000,
            silence_ms=1500,
            position_interval_ms=5000,
            wallet_interval_ms=5000,
            direction_ticks=0,  # the more is traded the more can go wrong; what gates hold back is tested elsewhere
            journal=disk.folder / "journal.sqlite",
            out=disk.folder / "out",
        )
        credentials = Credentials(SecretStr(API_KEY), SecretStr(_SECRET))
        self.machine = Machine(
            loop, disk, certified,
            Plan(
                seed=scenario.seed,
                settings=settings,
                exchange_url=f"http://127.0.0.1:{_PORT}",
                credentials=credentials,
                policy=lambda rng: Coin(rng, scenario.open_chance, scenario.close_chance, scenario.limit_chance),
                made_by=made_by,
            ),
            self.trace,
        )  # fmt: skip
        self._credentials = credentials
        self._market_task: asyncio.Task[None] | None = None
        self._supervisor: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start the exchange, its market and the machine."""
        await self.exchange.start()
        self._market_task = asyncio.create_task(self._market(), name="market")
        self._supervisor = asyncio.create_task(self.machine.keep_running(), name="supervisor")

    async def trouble(self, scenario: Scenario) -> Counter[str]:
        """Let a scenario's troubles happen, for the length of its first phase; what did happen, by kind."""
        before = Counter(self.exchange.report().faults_fired)
        troubles = Troubles(
            scenario, self.loop, self.network, self.disk, self.machine, self.exchange, self._credentials, self.trace
        )
        troubles.arm()
        await asyncio.sleep(scenario.safety_seconds)
        fired = troubles.happened()
        await troubles.end()
        return fired - before

    async def shut_down(self) -> None:
        """End the machine in order."""
        assert self._supervisor is not None
        await self.machine.shut_down()
        await asyncio.gather(self._supervisor, return_exceptions=True)

    async def close(self) -> None:
        """End market and exchange."""
        assert self._market_task is not None
        self._market_task.cancel()
        await asyncio.gather(self._market_task, return_exceptions=True)
        await self.exchange.stop()

    async def run(self) -> RunResult:
        """Both phases, and the judgement."""
        began = self.loop.time()
        await self.open()
        fired = await self.trouble(self.scenario)
        self.trace.event("heal", "begins")
        unconverged = await self.heal()
        runtime = self.machine.runtime
        claims = None if runtime is None or unconverged else claims_of(runtime)
        await self.shut_down()
        evidence = self._evidence(claims, fired)
        self.trace.add(json.dumps(self.exchange.venue_record().to_json_object(), sort_keys=True).encode())
        await self.close()
        virtual = self.loop.time() - began
        return RunResult(
            scenario=self.scenario,
            digest=self.trace.digest(),
            inputs=self.machine.outputs.inputs,
            virtual_seconds=virtual,
            cpu_seconds=0.0,
            fired=fired,
            violations=audit(evidence),
            unconverged=unconverged,
            trace=list(self.trace.lines),
            evidence=evidence,
        )

    def record(self) -> AccountRecord:
        """The exchange's own books."""
        return self.exchange.venue_record().account(API_KEY)

    async def _market(self) -> None:
        walks = [
            Walk(CONTRACTS[symbol], _PRICES[symbol] * PRICE_SCALE, self.scenario.depth_usdt, self.scenario.seed)
            for symbol in self.scenario.symbols
        ]
        clock = SimulatedClock(self.loop)
        while True:
            for walk in walks:
                self.exchange.feed(walk.step(clock.wall_ns()))
                await asyncio.sleep(self.scenario.ticker_seconds / len(walks))

    async def heal(self) -> str:
        """Wait until everything has converged; why it has not, else."""
        assert self._supervisor is not None
        supervisor = self._supervisor
        deadline = self.loop.time() + self._heal_seconds
        task: asyncio.Task[None] | None = None
        while self.loop.time() < deadline and not supervisor.done():
            runtime = self.machine.runtime
            if runtime is not None and self.machine.is_ready:
                if task is None or task.done():
                    if task is not None and not task.cancelled() and not self._not_converged(runtime):
                        return ""
                    task = self.machine.do(converge(runtime))
            elif task is not None and task.done():
                task = None
            await asyncio.sleep(_LOOK_SECONDS)
        if supervisor.done():
            return f"the machine broke: {supervisor.exception()!r}"
        return self._explained()

    def _not_converged(self, runtime: Runtime) -> str:
        reasons = [not_converged(runtime, self.record())]
        if self._gaps.unread:
            reasons.append(f"nobody has read what the account stream missed of {', '.join(self._gaps.unread)}")
        return "; ".join(filter(None, reasons))

    def _explained(self) -> str:
        runtime = self.machine.runtime
        bound = f"not within {self._heal_seconds:g} s"
        if runtime is None:
            return f"{bound}: no runtime has started; the last error was: {self.machine.last_error or 'none'}"
        state = "ready" if self.machine.is_ready else "not ready"
        return f"{bound}: {state}; {self._not_converged(runtime) or 'its readings do not come to an end'}"

    def outside(self, fired: Counter[str], record: AccountRecord) -> Outside:
        """What others did."""
        return Outside(
            closes_by_hand=fired["hand_close"],
            deleveragings=fired["deleverage_at"],
            failed_journals=self.machine.outputs.journal_failures,
            liquidations=sum(1 for order in record.orders if not order.client_id),
        )

    def _evidence(self, claims: Claims | None, fired: Counter[str]) -> Evidence:
        rows: tuple[Row, ...] = ()
        tag = "none"
        if self.machine.journal_path.exists():
            store = JournalStore(self.machine.journal_path)
            try:
                rows, tag = tuple(store.rows()), store.meta().tag
            finally:
                store.close()
        for row in rows:
            self.trace.add(f"{row.position} {row.send_by_ns} {row.wall_ns} {row.digest.hex()}".encode())
        record = self.record()
        return Evidence(record, CONTRACTS, tag, rows, claims, self.outside(fired, record), self.machine.outputs.alerts)


async def converge(runtime: Runtime) -> None:
    """Get flat, settle, and read until everything is explained by readings newer than it."""
    await runtime.get_flat()
    while True:
        if await runtime.positions.read() and await runtime.wallet.read():
            return
        await asyncio.sleep(_LOOK_SECONDS)


def claims_of(runtime: Runtime) -> Claims:
    """What a runtime says of itself."""
    state = runtime.engine.state
    held: Counter[str] = Counter()
    for slot in state.slots:
        if slot.phase != Phase.IDLE:
            sign = 1 if slot.side == Side.LONG else -1
            held[runtime.instruments[slot.instrument].symbol] += sign * remaining(slot)
    return Claims(
        positions=dict(held),
        live_orders=sum(1 for slot in state.slots if slot.phase not in (Phase.IDLE, Phase.POSITION_OPEN)),
        capital=capital(state.account.ledger),
        divergences=runtime.engine.lockstep.divergences,
    )


def not_converged(runtime: Runtime, record: AccountRecord) -> str:
    """What is missing for everything to be flat, settled and equal; empty: nothing."""
    reasons: list[str] = []
    if any(position.quantity for position in record.positions):
        reasons.append(f"the exchange holds {record.positions}")
    if record.open_orders:
        reasons.append(f"the exchange has open orders {record.open_orders}")
    if (difference := record.wallet - capital(runtime.engine.state.account.ledger)) != 0:
        reasons.append(f"wallet minus capital is {difference} (1e-8 USDT)")
    if not runtime.is_flat_and_settled:
        slots = enumerate(runtime.engine.state.slots)
        live = [f"slot {number} {Phase(slot.phase).name}" for number, slot in slots if slot.phase]
        reasons.append(f"the runtime has {', '.join(live) or 'trades without their fill rows'}")
    return "; ".join(reasons)
