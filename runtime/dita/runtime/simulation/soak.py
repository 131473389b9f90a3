"""Hours of one runtime in virtual time, with faults all the time: it goes on, and holds no more than in the beginning.

A soak is cut into rounds. In each a swarm of faults happens; then everything is mended and has to converge as in any
run, and the auditor judges the round by itself, for it begins and ends flat. Then it is counted what the process holds.
The journal is a real file, with snapshots; the exchange forgets what is older than a round.
"""

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final, NamedTuple, final

from dita.adapters.exchange import AccountRecord, Retention
from dita.adapters.journal.store import JournalStore
from dita.kernel.loader import CertifiedKernel
from dita.runtime.alerts import Alert
from dita.runtime.memory import resident_bytes
from dita.runtime.simulation.auditor import Claims, Evidence, audit
from dita.runtime.simulation.disk import Disk
from dita.runtime.simulation.loop import START_SECONDS, VirtualLoop, virtual_library_clocks
from dita.runtime.simulation.network import MemoryNetwork
from dita.runtime.simulation.scenario import soak_scenario
from dita.runtime.simulation.world import CONTRACTS, HEAL_SECONDS, World, claims_of, quiet_logs, simulation_folder

ROUND_SECONDS: Final = 3600.0
INPUTS_PER_SECOND_MIN: Final = 10
_QUARTERS: Final = 4
_PERCENT: Final = 10  # by which the last quarter may hold more than the first
_SLACK_BYTES: Final = 8 * 1024 * 1024  # and what the allocator needs for its holes
_SLACK_HANDLES: Final = 2
_SLACK_CONNECTIONS: Final = 32  # both ends of those that the transport may keep open
_SLACK_TASKS: Final = 8
_SLACK_OBJECTS: Final = 5_000
_ORDERS_A_SECOND: Final = 4  # that the exchange remembers; more than are placed
_FILLS_A_SECOND: Final = 15
_SPARE_SECONDS: Final = 120.0
_MADE_BY: Final = "soak"
_HANDLES: Final = Path("/proc/self/fd")  # Linux, proc(5)

Progress = Callable[[str, int, int], None]


class Held(NamedTuple):
    """What the process holds after a round. ``handles``: files; ``connections``: ends of connections in memory."""

    resident_bytes: int
    handles: int
    connections: int
    tasks: int
    objects: int


@dataclass(slots=True)
class Soaked:
    """What a soak came to."""

    inputs: int = 0
    starts: int = 0
    virtual_seconds: float = 0.0
    cpu_seconds: float = 0.0
    fired: Counter[str] = field(default_factory=Counter[str])
    held: list[Held] = field(default_factory=list[Held])
    found: list[str] = field(default_factory=list[str])  # by auditor and convergence

    @property
    def quarters(self) -> tuple[Held, ...]:
        """What was held at most in each quarter; the first round only warms up. Empty when it has ended too early."""
        rounds = self.held[1:]
        if len(rounds) < _QUARTERS:
            return ()
        edges = [len(rounds) * part // _QUARTERS for part in range(_QUARTERS + 1)]
        return tuple(Held(*map(max, zip(*rounds[a:b], strict=True))) for a, b in pairwise(edges))

    @property
    def figures(self) -> dict[str, int | float]:
        """By their stable names."""
        return {
            "simulated_hours": round(self.virtual_seconds / 3600, 3),
            "inputs": self.inputs,
            "inputs_per_simulated_second": round(self.inputs / self.virtual_seconds, 2),
            "inputs_per_cpu_second": round(self.inputs / self.cpu_seconds),
            "processes": self.starts,
            "fault_kinds": len(self.fired),
            "faults_injected": sum(self.fired.values()),
            "violations": len(self.found),
            "rounds": len(self.held),
        }

    def problems(self) -> list[str]:
        """What failed."""
        found = list(self.found)
        if self.inputs < INPUTS_PER_SECOND_MIN * self.virtual_seconds:
            found.append(f"{self.inputs} inputs in {self.virtual_seconds:.0f} s are fewer than 10 a second")
        return found + grown(self.quarters)


def grown(quarters: Sequence[Held]) -> list[str]:
    """What the last quarter holds more of than the first, beyond what comes and goes."""
    if not quarters:
        return ["it ended before there were four quarters to compare"]
    first, last = quarters[0], quarters[-1]
    slack = Held(_SLACK_BYTES, _SLACK_HANDLES, _SLACK_CONNECTIONS, _SLACK_TASKS, _SLACK_OBJECTS)
    return [
        f"{name}: `{now}` in the last quarter, `{before}` in the first; something is never let go"
        for name, before, now, spare in zip(Held._fields, first, last, slack, strict=True)
        if now > before + max(spare, before * _PERCENT // 100)
    ]


def soak(
    seed: int, hours: float, certified: CertifiedKernel, progress: Progress, *, round_seconds: float = ROUND_SECONDS
) -> Soaked:
    """Run for so many simulated hours, in whole rounds, at least five: each quarter needs one, and one warms up."""
    rounds = max(_QUARTERS + 1, round(hours * 3600 / round_seconds))
    first = soak_scenario(seed, round_seconds, 0.0)
    network = MemoryNetwork(Random(f"network {seed}"), first.latency)
    loop = VirtualLoop(network)
    began = time.process_time()
    try:
        with simulation_folder() as folder, quiet_logs(), virtual_library_clocks(loop):
            retention = _retention(round_seconds)
            disk = Disk(folder.resolve(), keeps=False)
            world = World(loop, network, disk, first, certified, HEAL_SECONDS, retention=retention, made_by=_MADE_BY)
            soaked = loop.run_until_complete(_Soak(world, round_seconds, rounds, progress).run())
    finally:
        loop.close()
        network.close()
    soaked.cpu_seconds = time.process_time() - began
    return soaked


def _retention(round_seconds: float) -> Retention:
    """A round's history and not much more, so that the second round already holds all that is ever held."""
    orders, fills = (round(rate * (round_seconds + _SPARE_SECONDS)) for rate in (_ORDERS_A_SECOND, _FILLS_A_SECOND))
    return Retention(terminal_orders=orders, fills=fills, income=fills, client_ids=orders)


@final
class _Soak:
    """One soak at work: what it knows of the rounds before."""

    def __init__(self, world: World, round_seconds: float, rounds: int, progress: Progress) -> None:
        self._world = world
        self._round_seconds = round_seconds
        self._rounds = rounds
        self._progress = progress
        self._soaked = Soaked()
        self._before: AccountRecord | None = None
        self._position = 0  # of the last row that was judged
        self._alerts: Counter[Alert] = Counter()
        self._failed_journals = 0

    async def run(self) -> Soaked:
        """All rounds."""
        world, soaked = self._world, self._soaked
        await world.open()
        began = world.loop.time()
        self._before = world.record()
        for number in range(self._rounds):
            self._progress("soaking, rounds", number, self._rounds)
            if not await self._round(number):
                break
            soaked.held.append(self._held())
        soaked.virtual_seconds = world.loop.time() - began
        soaked.inputs, soaked.starts = world.machine.outputs.inputs, world.machine.outputs.starts
        await world.shut_down()
        await world.close()
        return soaked

    async def _round(self, number: int) -> bool:
        """One round; whether it has converged."""
        world = self._world
        begins = world.loop.time() - START_SECONDS
        fired = await world.trouble(soak_scenario(world.scenario.seed + number, self._round_seconds, begins))
        self._soaked.fired += fired
        unconverged = await world.heal()
        if unconverged:
            self._soaked.found.append(f"round {number}: {unconverged}")
            return False
        runtime = world.machine.runtime
        assert runtime is not None  # it has converged
        evidence = self._evidence(claims_of(runtime), fired)
        self._soaked.found += [f"round {number}: {one}" for one in audit(evidence)]
        runtime.trade()
        return True

    def _evidence(self, claims: Claims, fired: Counter[str]) -> Evidence:
        """Of this round alone: it began flat, so whatever is older is settled and of no concern."""
        world, before, now = self._world, self._before, self._world.record()
        assert before is not None
        fills = now.fills[len(now.fills) - (now.fills_made - before.fills_made) :]
        orders = now.orders[len(now.orders) - (now.orders_made - before.orders_made) :]
        if len(fills) + before.fills_made != now.fills_made or len(orders) + before.orders_made != now.orders_made:
            self._soaked.found.append("the exchange has forgotten a part of the round: make it remember more")
        record = replace(
            now, seed=before.wallet, funding=now.funding - before.funding, transfers=now.transfers - before.transfers,
            orders=orders, fills=fills,
        )  # fmt: skip
        store = JournalStore(world.machine.journal_path, read_only=True)
        try:
            rows, tag = tuple(store.rows(self._position)), store.meta().tag
        finally:
            store.close()
        outside = world.outside(fired, record)
        outside = replace(outside, failed_journals=outside.failed_journals - self._failed_journals)
        alerts = world.machine.outputs.alerts - self._alerts
        self._before, self._position = now, rows[-1].position
        self._alerts, self._failed_journals = world.machine.outputs.alerts.copy(), outside.failed_journals
        return Evidence(record, CONTRACTS, tag, rows, claims, outside, alerts)

    def _held(self) -> Held:
        gc.collect()
        handles = sum(1 for _ in _HANDLES.iterdir())
        tasks, objects = len(asyncio.all_tasks()), len(gc.get_objects())
        return Held(resident_bytes(), handles, self._world.network.connections, tasks, objects)
