"""Makes a scenario's troubles happen, each at its time, and counts those that did."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final, final

from dita.adapters.bingx.credentials import Credentials
from dita.adapters.bingx.orders import NewOrder
from dita.adapters.exchange import ExchangeServer
from dita.adapters.journal import Switch, SwitchTo, clear_switch, read_switch, set_switch
from dita.runtime.simulation.disk import Act, Disk, Point
from dita.runtime.simulation.hand import Hand
from dita.runtime.simulation.loop import SimulatedClock, VirtualLoop
from dita.runtime.simulation.machine import Machine
from dita.runtime.simulation.network import MemoryNetwork
from dita.runtime.simulation.scenario import Happening, Scenario
from dita.runtime.simulation.trace import Trace
from dita.spec.scales import RATIO_SCALE
from dita.spec.vocabulary import OrderSide

HAND_PREFIX: Final = "hand-"
_SLOW_SECONDS: Final = 0.6
_SLOW_DISK_SECONDS: Final = 0.4
_SWITCHED: Final = {
    "operator_halt": SwitchTo.HALTED, "operator_reduce_only": SwitchTo.REDUCE_ONLY, "operator_flatten": SwitchTo.FLAT,
}  # fmt: skip


@final
class Troubles:
    """Arm it once the exchange serves; ``end`` it when everything is to be mended."""

    def __init__(
        self,
        scenario: Scenario,
        loop: VirtualLoop,
        network: MemoryNetwork,
        disk: Disk,
        machine: Machine,
        exchange: ExchangeServer,
        credentials: Credentials,
        trace: Trace,
    ) -> None:
        self._scenario = scenario
        self._loop = loop
        self._network = network
        self._disk = disk
        self._machine = machine
        self._exchange = exchange
        self._api_key = credentials.api_key.get_secret_value()
        self._trace = trace
        self._rng = Random(f"troubles {scenario.seed}")
        self._hand = Hand(loop, exchange, credentials, self._rng, trace)
        self._happened: Counter[str] = Counter()
        self._tasks: list[asyncio.Task[None]] = []
        self._points: list[_Armed] = []
        self._latency = network.latency
        self._hands = 0
        self._doings: dict[str, Callable[[Happening], Awaitable[None]]] = {
            "crash": self._crash,
            "crash_at_point": self._at_point,
            "torn_write": self._at_point,
            "power_loss": self._at_point,
            "failed_write": self._at_point,
            "failed_flush": self._at_point,
            "disk_full": self._disk_full,
            "slow_disk": self._slow_disk,
            "restart": self._restart,
            "clock_step": self._clock_step,
            "pause": self._pause,
            "operator_halt": self._operator,
            "operator_reduce_only": self._operator,
            "operator_flatten": self._operator,
            "hand_close": self._hand_close,
            "hand_cancel": self._hand_cancel,
            "transfer": self._transfer,
            "funding": self._funding,
            "dark_network": self._dark,
            "reset_network": self._reset,
            "refused_connections": self._refuse,
            "fragments": self._fragments,
            "slow_network": self._slow,
        }

    def arm(self) -> None:
        """From now on it happens."""
        faults = [one.what for one in self._scenario.troubles if not isinstance(one.what, Happening)]
        known = set(self._scenario.symbols)
        self._exchange.arm([fault for fault in faults if getattr(fault, "symbol", "") in {"", *known}])
        for one in self._scenario.troubles:
            if isinstance(one.what, Happening):
                self._tasks.append(asyncio.create_task(self._happen(one.what), name=str(one)))

    async def end(self) -> None:
        """Nothing goes wrong any more, and what can be mended is."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._exchange.disarm()
        switch = read_switch(self._machine.journal_path)
        if switch is not None and switch.to is not SwitchTo.ACTIVE:
            clear_switch(self._machine.journal_path)
        self._points.clear()
        self._disk.watcher = None
        self._disk.is_full = False
        self._machine.slow_disk(0.0)
        self._machine.clock.stepped_ns = 0
        self._network.latency = self._latency
        self._network.fragments = False
        self._network.dark_until = self._network.refuses_until = 0.0
        if self._machine.process is not None and self._machine.process.is_alive:
            self._loop.thaw(self._machine.process)

    def happened(self) -> Counter[str]:
        """How often each kind has happened so far."""
        return self._happened + Counter(self._exchange.report().faults_fired)

    async def _happen(self, what: Happening) -> None:
        await asyncio.sleep(what.at)
        await self._doings[what.kind](what)

    def _count(self, what: Happening, detail: str = "") -> None:
        self._happened[what.kind] += 1
        self._trace.event("trouble", what.kind, detail)

    # --- the process -------------------------------------------------------------------------------------------------

    async def _crash(self, what: Happening) -> None:
        if self._machine.process is not None and self._machine.process.is_alive:
            self._count(what)
            self._machine.kill()

    async def _restart(self, what: Happening) -> None:
        self._count(what)
        self._machine.ask_to_stop()

    async def _pause(self, what: Happening) -> None:
        process = self._machine.process
        if process is None or not process.is_alive or process.is_frozen:
            return
        self._count(what, f"{what.seconds} s")
        process.freeze()
        await asyncio.sleep(what.seconds)
        if process.is_alive:
            self._loop.thaw(process)

    async def _clock_step(self, what: Happening) -> None:
        self._count(what, f"{what.seconds} s")
        self._machine.clock.stepped_ns += round(what.seconds * 1e9)

    # --- the disk ----------------------------------------------------------------------------------------------------

    async def _at_point(self, what: Happening) -> None:
        self._points.append(_Armed(what))
        self._disk.watcher = self._at_a_point

    def _at_a_point(self, point: Point) -> int | None:
        for armed in tuple(self._points):
            if not armed.is_due(point):
                continue
            self._points.remove(armed)
            self._count(armed.what, f"{point.act} of {point.file}, {'after' if point.done else 'before'} it")
            return self._strike(armed.what, point)
        return None

    def _strike(self, what: Happening, point: Point) -> int | None:
        if what.kind == "crash_at_point":
            self._machine.kill()
            return None if point.done else 0
        if what.kind == "torn_write":
            part = self._rng.randrange(point.size)
            self._machine.kill_in_a_write()
            return part
        if what.kind == "power_loss":
            self._machine.lose_power(self._rng)
            return None if point.done else 0
        return 0 if point.act == "flush" else self._rng.randrange(point.size)

    async def _disk_full(self, what: Happening) -> None:
        self._count(what)
        self._disk.is_full = True
        await asyncio.sleep(what.seconds)
        self._disk.is_full = False

    async def _slow_disk(self, what: Happening) -> None:
        self._count(what)
        self._machine.slow_disk(_SLOW_DISK_SECONDS)
        await asyncio.sleep(what.seconds)
        self._machine.slow_disk(0.0)

    # --- the operator ------------------------------------------------------------------------------------------------

    async def _operator(self, what: Happening) -> None:
        self._count(what)
        path = self._machine.journal_path
        set_switch(path, Switch(_SWITCHED[what.kind], "simulated", SimulatedClock(self._loop).wall_ns()))
        await asyncio.sleep(what.seconds)
        clear_switch(path)

    # --- somebody at the exchange ------------------------------------------------------------------------------------

    async def _hand_close(self, what: Happening) -> None:
        record = self._exchange.venue_record().account(self._api_key)
        held = [position for position in record.positions if position.quantity]
        if not held:
            return
        position = self._rng.choice(held)
        lot = next(one.lot for one in self._exchange.config.contracts if one.symbol == position.symbol)
        size = abs(position.quantity)
        quantity = max(lot, size * what.number // RATIO_SCALE // lot * lot)
        is_long = position.side == "LONG" or (position.side == "BOTH" and position.quantity > 0)
        self._hands += 1
        name = f"{HAND_PREFIX}{self._hands}"
        self._count(what, f"{quantity} of {size} {position.symbol} as {name}")
        side = OrderSide.SELL if is_long else OrderSide.BUY
        order = NewOrder(position.symbol, name, side, True, quantity, 0, 0)
        await self._hand.place(order)

    async def _hand_cancel(self, what: Happening) -> None:
        record = self._exchange.venue_record().account(self._api_key)
        if record.open_orders:
            order = self._rng.choice(record.open_orders)
            self._count(what, order.client_id)
            await self._hand.cancel(order.symbol, order.client_id)

    async def _transfer(self, what: Happening) -> None:
        self._count(what, str(what.number))
        self._exchange.transfer(self._api_key, what.number)

    async def _funding(self, what: Happening) -> None:
        self._count(what)
        self._exchange.fund(what.symbol, what.number)

    # --- the network -------------------------------------------------------------------------------------------------

    async def _dark(self, what: Happening) -> None:
        self._count(what, f"{what.seconds} s")
        self._network.dark_until = max(self._network.dark_until, self._loop.time() + what.seconds)

    async def _reset(self, what: Happening) -> None:
        self._count(what)
        self._network.reset_all()

    async def _refuse(self, what: Happening) -> None:
        self._count(what)
        self._network.refuses_until = max(self._network.refuses_until, self._loop.time() + what.seconds)

    async def _fragments(self, what: Happening) -> None:
        self._count(what)
        self._network.fragments = True
        await asyncio.sleep(what.seconds)
        self._network.fragments = False

    async def _slow(self, what: Happening) -> None:
        self._count(what)
        self._network.latency = (self._latency[0], _SLOW_SECONDS)
        await asyncio.sleep(what.seconds)
        self._network.latency = self._latency


@final
class _Armed:
    """A happening that waits for the n-th point of its sort; both sides of a point count."""

    _ACTS: Final[dict[str, tuple[Act, ...]]] = {
        "torn_write": ("write",),
        "failed_write": ("write",),
        "failed_flush": ("flush",),
    }

    def __init__(self, what: Happening) -> None:
        self.what = what
        self._left = what.number

    def is_due(self, point: Point) -> bool:
        acts = self._ACTS.get(self.what.kind)
        if acts is not None and (point.act not in acts or point.done):
            return False
        self._left -= 1
        return self._left <= 0
