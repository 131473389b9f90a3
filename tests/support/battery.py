"""Plays a scenario: production runtime, adapter, journal and exchange on one virtual clock, and whoever acts on them.

The exchange's prices move only when a command says so, and each command has some seconds in which what it sets off can
end. When the last one is done the account is brought to rest, and is judged (``battery_judge``).
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Final, final

from pydantic import SecretStr

from battery_judge import Case, judge
from battery_text import Names, Script, line_of
from dita.adapters.bingx.credentials import Credentials
from dita.adapters.bingx.orders import NewOrder
from dita.adapters.exchange import (
    AccountConfig,
    AccountRecord,
    Contract,
    ExchangeConfig,
    ExchangeServer,
    Fault,
    MatchingRules,
    StreamRules,
    faults_from_json,
)
from dita.adapters.journal import Switch, SwitchTo, clear_switch, read_switch, set_switch
from dita.kernel.loader import CertifiedKernel
from dita.runtime.alerts import Alert, Raised
from dita.runtime.live import Runtime
from dita.runtime.lockstep import Stepped
from dita.runtime.policy import Close, Decision, Hold, Intent, MarketView, Open
from dita.runtime.settings import Settings, load_settings
from dita.runtime.simulation.bookkeeper import Step
from dita.runtime.simulation.disk import Disk, simulated_disk
from dita.runtime.simulation.hand import Hand
from dita.runtime.simulation.loop import SimulatedClock, VirtualLoop, virtual_library_clocks
from dita.runtime.simulation.machine import Machine, Plan
from dita.runtime.simulation.network import MemoryListener, MemoryNetwork
from dita.runtime.simulation.trace import Trace
from dita.runtime.simulation.world import CONTRACTS, converge, not_converged, quiet_logs, simulation_folder
from dita.spec.decisions import Check, Reason
from dita.spec.inputs import Input
from dita.spec.market import BookTicker, MarketTrade
from dita.spec.scales import MONEY_SCALE, PRICE_SCALE, QUANTITY_SCALE, RATE_SCALE, RATIO_SCALE
from dita.spec.state import capital
from dita.spec.vocabulary import OrderSide, Phase, Side

KEY: Final = "battery"
_PORT: Final = 9443
_LATENCY: Final = (0.002, 0.002)
_START_SECONDS: Final = 2.0
_ASKS: Final = 20
_ASK_SECONDS: Final = 0.25
_END_SECONDS: Final = 60.0
_DEEP: Final = "1000000"
_NO_NUMBERS: Final = ("nan", "inf", "-inf")
_SHOWN_ALERTS: Final = frozenset(Alert) - {Alert.STREAM_GAP, Alert.READ_FAILED, Alert.SWITCH}
_MODES: Final = {"reduce-only": SwitchTo.REDUCE_ONLY, "halted": SwitchTo.HALTED, "flat": SwitchTo.FLAT}


def amount(text: str, scale: int) -> int:
    """A decimal in units. Raises ValueError for one that is finer."""
    whole, _, part = text.lstrip("+-").partition(".")
    digits = len(str(scale)) - 1
    if len(part) > digits or not (whole + part).isdigit():
        raise ValueError(f"`{text}` is no decimal with at most {digits} places")
    units = int(whole) * scale + int(part.ljust(digits, "0"))
    return -units if text.startswith("-") else units


@final
class Scripted:
    """A policy that says what the scenario told it to, once, at the next event of that symbol."""

    wants_trades = True

    def __init__(self) -> None:
        self.intents: dict[str, Intent] = {}

    def on_market(self, view: MarketView) -> Decision:
        """See the class."""
        return self.intents.pop(view.symbol, None) or Hold("the scenario says nothing")


@dataclass(frozen=True)
class Place:
    """One transition or answer: phase and kind, verdict, and the phases that the slot went through."""

    phase: Phase
    kind: int
    verdict: int
    path: tuple[int, ...]


@dataclass
class Played:
    """What became of a scenario."""

    script: Script  # with the lines that came
    places: set[Place] = field(default_factory=set[Place])
    steps: list[Step] = field(default_factory=list[Step])
    found: list[str] = field(default_factory=list[str])  # what is wrong with the money, the books or the exchange


@dataclass
class Setup:
    """How the stage is set."""

    settings: dict[str, str] = field(default_factory=dict[str, str])
    contracts: dict[str, Any] = field(default_factory=lambda: {"BTC-USDT": CONTRACTS["BTC-USDT"]})
    matching: MatchingRules = field(default_factory=lambda: MatchingRules(liquidity="ladder"))
    streams: StreamRules = field(default_factory=lambda: StreamRules(snapshot_interval_ms=0))
    wallet: int = 100_000 * MONEY_SCALE
    leverage: int = 20
    pace: float = 2.0  # seconds after each command, in which what it sets off can end
    hedge_mode: bool = True
    explained: int = 0  # orders that a venue which lies makes anybody lose track of
    faults: list[Fault] = field(default_factory=list[Fault])
    features: str = ""  # what the file of features says; none without


def setup_of(script: Script) -> Setup:
    """Read the lines that set the stage. Raises ValueError for one that nobody knows."""
    setup = Setup()
    for words in script.settings:
        match words:
            case ["set", name, value]:
                setup.settings[name] = value
            case ["symbols", *symbols]:
                setup.contracts = {symbol: CONTRACTS[symbol] for symbol in symbols}
            case ["contract", symbol, *changes]:
                known = setup.contracts.get(symbol, Contract(symbol, 4, 0, QUANTITY_SCALE))
                setup.contracts[symbol] = replace(known, **_numbers(changes))
            case ["matching", *changes]:
                setup.matching = replace(setup.matching, **_numbers(changes))
            case ["streams", "quiet-at-first"]:
                setup.streams = replace(setup.streams, tells_current=False)
            case ["wallet", value]:
                setup.wallet = amount(value, MONEY_SCALE)
            case ["exchange-leverage", value]:
                setup.leverage = int(value)
            case ["pace", value]:
                setup.pace = float(value)
            case ["explained", value]:
                setup.explained = int(value)
            case ["one-way"]:
                setup.hedge_mode = False
            case ["fault", text]:
                setup.faults += _faults(text)
            case ["features", text]:
                setup.features = text
            case _:
                raise ValueError(f"{script.name}: nobody knows the setting `{' '.join(words)}`")
    return setup


def _numbers(changes: Sequence[str]) -> dict[str, Any]:
    named = _named(changes).items()
    return {name: int(value) if value.lstrip("-").isdigit() else value for name, value in named}


def _named(words: Sequence[str]) -> dict[str, str]:
    """``name=value``, or a name alone."""
    split = [word.partition("=") for word in words]
    return {name: value for name, _, value in split}


def _faults(text: str) -> tuple[Fault, ...]:
    return faults_from_json(json.dumps({"faults": [json.loads(text)]})).faults


def play(script: Script, certified: CertifiedKernel) -> Played:
    """Play a scenario from beginning to end. The same one gives the same lines."""
    network = MemoryNetwork(Random("battery"), _LATENCY)
    loop = VirtualLoop(network)
    try:
        with simulation_folder() as folder, quiet_logs(), simulated_disk(folder) as disk, virtual_library_clocks(loop):
            stage = Stage(loop, network, disk, script, certified)
            return loop.run_until_complete(stage.run())
    finally:
        loop.close()
        network.close()


@final
class Stage:
    """Everything that a scenario can act on."""

    def __init__(
        self, loop: VirtualLoop, network: MemoryNetwork, disk: Disk, script: Script, certified: CertifiedKernel
    ) -> None:
        self._loop = loop
        self._network = network
        self._script = script
        self._certified = certified
        self.setup = setup_of(script)
        self._clock = SimulatedClock(loop)
        trace = Trace(loop.time)
        self.exchange = ExchangeServer(
            ExchangeConfig(
                accounts=(
                    AccountConfig(
                        KEY, "secret", wallet=self.setup.wallet, hedge_mode=self.setup.hedge_mode,
                        leverage=self.setup.leverage,
                    ),
                ),
                contracts=tuple(self.setup.contracts.values()),
                matching=self.setup.matching,
                streams=self.setup.streams,
                port=_PORT,
            ),
            self._clock.wall_ns,
            listen=MemoryListener,  # type: ignore[arg-type] # stands for a socket
        )  # fmt: skip
        credentials = Credentials(SecretStr(KEY), SecretStr("secret"))
        self._policy = Scripted()
        self.settings = self._settings(disk)
        plan = Plan(
            seed=1, settings=self.settings, exchange_url=f"http://127.0.0.1:{_PORT}", credentials=credentials,
            policy=lambda _: self._policy,
        )  # fmt: skip
        self.machine = Machine(loop, disk, certified, plan, trace)
        self.machine.watchers.append(self._watch)
        self._hand = Hand(loop, self.exchange, credentials, Random("hand"), trace)
        self._hands = 0
        self._quotes: dict[str, BookTicker] = {}
        self._lines: list[str] = []
        self._names = Names({})
        self._runtime: Runtime | None = None
        self._held: Counter[tuple[Check, Reason]] = Counter()
        self._played = Played(script)
        self._commands: Mapping[str, Callable[..., Any]] = {
            "price": self._price, "traded": self._traded, "open": self._open, "close": self._close,
            "wait": asyncio.sleep, "fund": self._fund,
            "transfer": self._transfer, "hand": self._by_hand, "hand-cancel": self._hand_cancel, "kill": self._kill,
            "restart": self._restart, "halt": self._halt, "resume": self._resume, "fault": self._fault,
            "calm": self._calm, "deleverage": self._deleverage,
            "unexplained": self._unexplained, "end": self._end,
        }  # fmt: skip

    def _settings(self, disk: Disk) -> Settings:
        if self.setup.features:
            self.setup.settings["features"] = str(disk.folder / "features.json")
            (disk.folder / "features.json").write_text(self.setup.features, encoding="utf-8")
        return load_settings(
            {},
            **{
                "symbols": ",".join(self.setup.contracts), "read_lag_ms": 0, "send_within_ms": 1000,
                "silence_ms": 1500, "position_interval_ms": 5000, "wallet_interval_ms": 5000, "dead_man_seconds": 0,
                "fraction_ppm": 100_000, "direction_ticks": 0, "journal": disk.folder / "journal.sqlite",
                "out": disk.folder / "out",
                **self.setup.settings,
            },
        )  # fmt: skip

    async def run(self) -> Played:
        """All commands in turn."""
        await self.exchange.start()
        self.exchange.arm(self.setup.faults)
        supervisor = asyncio.create_task(self.machine.keep_running(), name="supervisor")
        try:
            await asyncio.sleep(_START_SECONDS)
            for command in self._script.commands:
                name, _, rest = command.text.partition(" ")
                words = (rest,) if name == "fault" else tuple(rest.split())
                if name not in self._commands:
                    raise ValueError(f"{self._script.name}: nobody knows the command `{name}`")
                arguments = (float(words[0]),) if name == "wait" else words
                await self._commands[name](*arguments)
                if name not in ("fault", "end", "wait"):
                    await asyncio.sleep(self.setup.pace)
                self._show_holds()
                command.expected, self._lines = self._lines, []
        finally:
            await self.machine.shut_down()
            await asyncio.gather(supervisor, return_exceptions=True)
            await self.exchange.stop()
        return self._played

    def record(self) -> AccountRecord:
        """The exchange's own books."""
        return self.exchange.venue_record().account(KEY)

    # --- what is seen ------------------------------------------------------------------------------------------------

    def _watch(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._names = Names({one.number: one.symbol for one in runtime.instruments})
        runtime.engine.observers.append(lambda event, stepped: self._see(runtime, event, stepped))
        runtime.alerts.listeners.append(lambda raised: self._hear(runtime, raised))

    def _see(self, runtime: Runtime, event: Input, stepped: Stepped) -> None:
        if runtime is not self._runtime or self.machine.process is None or not self.machine.process.is_alive:
            return  # what a killed process still does is seen by nobody
        outcome = stepped.outcome
        before = Phase(stepped.before.slots[event.slot].phase)
        path = tuple(phase for _, phase in outcome.transitions)
        self._played.places.add(Place(before, event.kind, outcome.verdict, path))
        books = stepped.before.account.ledger, stepped.after.account.ledger
        self._played.steps.append(Step(event, outcome.verdict, outcome.code, *map(capital, books)))
        line = line_of(event, stepped, self._names)
        if line is not None:
            self._lines.append(line)

    def _hear(self, runtime: Runtime, raised: Raised) -> None:
        if runtime is self._runtime and raised.alert in _SHOWN_ALERTS:
            self._lines.append(f"! {raised.alert.value}")

    def _show_holds(self) -> None:
        """Entries that were not made since the last command, and why."""
        counts = Counter[tuple[Check, Reason]]() if self._runtime is None else self._runtime.strategist.decisions.counts
        for (check, reason), _ in sorted((counts - self._held).items()):
            self._lines.append(f"held: {check.name} {reason.name}")
        self._held = counts.copy()

    # --- what can be done --------------------------------------------------------------------------------------------

    async def _price(self, symbol: str, bid: str, ask: str, bid_size: str = _DEEP, ask_size: str = _DEEP) -> None:
        self._quotes[symbol] = BookTicker(
            symbol, amount(bid, PRICE_SCALE), amount(bid_size, QUANTITY_SCALE), amount(ask, PRICE_SCALE),
            amount(ask_size, QUANTITY_SCALE), 0,
        )  # fmt: skip
        self._feed(symbol)

    def _feed(self, symbol: str) -> None:
        self.exchange.feed(replace(self._quotes[symbol], time_ns=self._clock.wall_ns()))

    async def _traded(self, symbol: str, price: str, *options: str) -> None:
        """A public trade. ``open=long``: the policy, which is asked at each, wants to open."""
        given = _named(options)
        if "open" in given:
            self._policy.intents[symbol] = Open(Side[given["open"].upper()], "the scenario")
        self.exchange.feed(
            MarketTrade(symbol, amount(price, PRICE_SCALE), QUANTITY_SCALE, buyer_is_maker=False,
                        time_ns=self._clock.wall_ns())
        )  # fmt: skip

    async def _open(self, symbol: str, side: str, *options: str) -> None:
        """``legs=50,100`` (per cent of what then remains), ``limit=…``, ``boost=…``, ``post-only``."""
        given = _named(options)
        legs = tuple(round(float(leg) * RATIO_SCALE / 100) for leg in given.pop("legs", "100").split(","))
        said = given.pop("limit", "0")
        limit = float(said) if said in _NO_NUMBERS else amount(said, PRICE_SCALE)
        boost = float(given.pop("boost")) if "boost" in given else None
        post_only = given.pop("post-only", None) is not None
        if given:
            raise ValueError(f"open: nobody knows {', '.join(given)}")
        await self._intend(symbol, Open(Side[side.upper()], "the scenario", legs, limit, post_only, boost))

    async def _close(self, symbol: str, what: str = "leg") -> None:
        await self._intend(symbol, Close("the scenario", everything={"leg": False, "all": True}[what]))

    async def _intend(self, symbol: str, intent: Intent) -> None:
        """Quote until the policy is asked: it is not while the wallet is read."""
        self._policy.intents[symbol] = intent
        for _ in range(_ASKS):
            self._feed(symbol)
            await asyncio.sleep(_ASK_SECONDS)
            if symbol not in self._policy.intents:
                return
        del self._policy.intents[symbol]
        self._lines.append("the policy was not asked")

    async def _fund(self, symbol: str, percent: str) -> None:
        self.exchange.fund(symbol, amount(percent, RATE_SCALE // 100))

    async def _transfer(self, money: str) -> None:
        self.exchange.transfer(KEY, amount(money, MONEY_SCALE))

    async def _unexplained(self, money: str) -> None:
        """Move the wallet without a row, as no honest venue does."""
        self.exchange.venue.engine.accounts[KEY].wallet += amount(money, MONEY_SCALE)

    async def _by_hand(self, side: str, quantity: str, symbol: str, what: str) -> None:
        self._hands += 1
        closes = {"opening": False, "closing": True}[what]
        number = amount(quantity, QUANTITY_SCALE)
        await self._hand.place(NewOrder(symbol, f"hand-{self._hands}", OrderSide[side.upper()], closes, number, 0, 0))

    async def _hand_cancel(self) -> None:
        for order in self.record().open_orders:
            await self._hand.cancel(order.symbol, order.client_id)

    async def _deleverage(self, symbol: str, side: str, quantity: str) -> None:
        name = side.upper() if self.setup.hedge_mode else "BOTH"
        self.exchange.deleverage(KEY, symbol, name, amount(quantity, QUANTITY_SCALE))  # type: ignore[arg-type] # a word

    async def _kill(self) -> None:
        self.machine.kill()

    async def _restart(self) -> None:
        self.machine.ask_to_stop()

    async def _halt(self, to: str) -> None:
        set_switch(self.machine.journal_path, Switch(_MODES[to], "the scenario", self._clock.wall_ns()))

    async def _resume(self) -> None:
        clear_switch(self.machine.journal_path)

    async def _fault(self, text: str) -> None:
        self.exchange.arm(_faults(text))

    async def _calm(self) -> None:
        self.exchange.disarm()

    async def _end(self) -> None:
        """Everything to rest, then the judgement."""
        self.exchange.disarm()
        switch = read_switch(self.machine.journal_path)
        if switch is not None and switch.to is not SwitchTo.ACTIVE:
            clear_switch(self.machine.journal_path)
        deadline = self._loop.time() + _END_SECONDS
        ended: asyncio.Task[None] | None = None
        while self._loop.time() < deadline:
            runtime = self.machine.runtime
            if runtime is not None and self.machine.is_ready:
                if ended is None or (ended.done() and not_converged(runtime, self.record())):
                    ended = self.machine.do(converge(runtime))
                elif ended.done():
                    break
            await asyncio.sleep(0.5)
        else:
            runtime = self.machine.runtime
            said = self.machine.last_error if runtime is None else not_converged(runtime, self.record())
            self._played.found.append(f"no rest within {_END_SECONDS:.0f} s: {said or 'readings without an end'}")
        runtime = self.machine.runtime
        if runtime is None:
            return
        case = Case(
            runtime=runtime, record=self.record(), contracts=self.setup.contracts, steps=self._played.steps,
            journal_path=Path(self.machine.journal_path), outputs=self.machine.outputs, raw=self._certified.raw,
            explained=self.setup.explained, symbols=self._names.symbols,
        )  # fmt: skip
        lines, found = judge(case)
        self._lines += lines
        self._played.found += found
