"""From market events to kernel inputs: asks the policy, has entries looked at, applies, and has written down why.

An entry goes from the policy through ``EntryMaker`` (runtime, gates, sizing) to the kernel. An exit goes straight
to the kernel, which sizes it: whatever a gate thinks, a position can be closed.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, final

from dita.adapters.logic.mismatch import live_slot
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.background import Background
from dita.runtime.decisions import Decisions
from dita.runtime.decisions import Hold as Held
from dita.runtime.engine import Engine
from dita.runtime.entries import EntryMaker, Wanted, exit_note, refusal
from dita.runtime.exit_keeper import ExitKeeper
from dita.runtime.flights import Flights
from dita.runtime.gates import Chain, Deep, Gap, Quoted
from dita.runtime.instruments import Instrument, Instruments
from dita.runtime.policy import Close, Decision, Hold, MarketView, Open, Policy, fault_of
from dita.spec import inputs
from dita.spec.decisions import Check, Reason
from dita.spec.market import BookTicker, Depth, MarketEvent
from dita.spec.state import capital, remaining
from dita.spec.vocabulary import Phase, Side

_QUIET_STEP_SECONDS: Final = 0.02
_QUIET_WAITS: Final = 50
_SHOWN_CHARACTERS: Final = 200
_ALERTS: Final = {Check.POLICY: Alert.POLICY, Check.SIZING: Alert.SIZING}  # as often as they are written down


@dataclass(slots=True)
class _Quote:
    bid_price: int = 0
    ask_price: int = 0
    now_ns: int | None = None  # our monotonic clock when it came


@final
class Strategist:
    """One policy over all traded symbols. At most one intent of a symbol is under way at a time."""

    def __init__(
        self,
        engine: Engine,
        instruments: Instruments,
        symbols: tuple[str, ...],
        policy: Policy,
        entries: EntryMaker,
        chain: Chain,
        decisions: Decisions,
        exits: ExitKeeper,
        flights: Flights,
        alerts: Alerts,
        background: Background,
        now_ns: Callable[[], int],
    ) -> None:
        """``now_ns``: our monotonic clock. ``chain`` is that of ``entries``: news reach it through here."""
        self.may_act = False
        self.events = 0
        self.is_expecting = False  # an event is on its way that has to be decided on: no reading begins before
        self._engine = engine
        self._instruments = {symbol: found for symbol in symbols if (found := instruments.of(symbol)) is not None}
        self._policy = policy
        self.entries = entries
        self._chain = chain
        self.decisions = decisions
        self._exits = exits
        self._flights = flights
        self._quiet = 0
        self._quiet_wanted = 0
        self._now_ns = now_ns
        self._alerts = alerts
        self._background = background
        self._quotes = {symbol: _Quote() for symbol in self._instruments}
        self._under_way: dict[str, asyncio.Task[None] | None] = dict.fromkeys(self._instruments)

    @property
    def wants_trades(self) -> bool:
        """Whether the policy sees public trades besides quotes."""
        return self._policy.wants_trades

    @property
    def is_busy(self) -> bool:
        """Whether an intent is on its way to an order, or an order to its end: nothing new is decided until then."""
        return any(self._flights) or self.is_deciding

    @property
    def is_deciding(self) -> bool:
        """Whether an intent is on its way to an order."""
        return any(task is not None and not task.done() for task in self._under_way.values())

    @property
    def is_quiet(self) -> bool:
        """Whether a reading keeps decisions back for a moment, or is about to."""
        return self._quiet_wanted > 0

    def on_market(self, event: MarketEvent) -> None:
        """One event. Never waits, never raises."""
        self.events += 1
        instrument = self._instruments.get(event.symbol)
        if instrument is None:
            return
        quote = self._quotes[event.symbol]
        if isinstance(event, BookTicker):
            now_ns = self._now_ns()
            quote.bid_price, quote.ask_price, quote.now_ns = event.bid_price, event.ask_price, now_ns
            self._chain.see(event.symbol, Quoted(event, now_ns))
        under_way = self._under_way[event.symbol]
        if not self.may_act or self._quiet or (under_way is not None and not under_way.done()):
            return
        made_ns = event.time_ns  # before a policy has had it in its hands
        decision = self._decision(self._view(instrument, event, quote))
        if isinstance(decision, Close):
            self._begin(instrument, self._close(instrument, decision))
        elif isinstance(decision, Open):
            price = quote.ask_price if decision.side == Side.LONG else quote.bid_price
            wanted = self.entries.judge(instrument, decision, price, made_ns)
            if isinstance(wanted, Wanted):
                self._begin(instrument, self._open(wanted))
            else:
                self._hold(wanted)

    def on_depth(self, depth: Depth) -> None:
        """The top of a book, for the gates."""
        self._chain.see(depth.symbol, Deep(depth, self._now_ns()))

    def on_gap(self) -> None:
        """The market stream was interrupted."""
        self._chain.see_all(Gap())

    @asynccontextmanager
    async def quiet(self) -> AsyncGenerator[None]:
        """No new intents inside; begins when no order is in flight any more, or after a moment's wait."""
        self._quiet_wanted += 1
        try:
            await self._until(lambda: not self.is_expecting)
            self._quiet += 1
            try:
                await self._until(lambda: not any(self._flights))
                yield
            finally:
                self._quiet -= 1
        finally:
            self._quiet_wanted -= 1

    async def _until(self, holds: Callable[[], bool]) -> None:
        for _ in range(_QUIET_WAITS):
            if holds():
                return
            await asyncio.sleep(_QUIET_STEP_SECONDS)

    def quotes(self) -> list[tuple[str, int, int, int | None]]:
        """Symbol, best bid and ask (1e-10 USDT, 0 before the first), and our monotonic clock when they came."""
        return [(symbol, quote.bid_price, quote.ask_price, quote.now_ns) for symbol, quote in self._quotes.items()]

    def price(self, symbol: str) -> int:
        """Middle of the newest quote, 0 before the first."""
        quote = self._quotes[symbol]
        return (quote.bid_price + quote.ask_price) // 2

    def _view(self, instrument: Instrument, event: MarketEvent, quote: _Quote) -> MarketView:
        state = self._engine.state
        slot = live_slot(state, instrument.number)
        return MarketView(
            symbol=instrument.symbol,
            event=event,
            bid_price=quote.bid_price,
            ask_price=quote.ask_price,
            phase=Phase.IDLE if slot is None else Phase(slot.phase),
            side=Side.NONE if slot is None else Side(slot.side),
            remaining=0 if slot is None else remaining(slot),
            opened_at_price=0 if slot is None else slot.ref_price,
            capital=capital(state.account.ledger),
            next_leg=0 if slot is None else slot.plan.next_leg,
        )

    def _decision(self, view: MarketView) -> Decision:
        """What the policy decides; Hold for whatever is no decision."""
        symbol = view.symbol
        try:
            decision = self._policy.on_market(view)
            fault = fault_of(decision)
        except Exception as error:  # noqa: BLE001 - a policy is foreign code; its bug must not end the runtime
            return self._nothing(symbol, Reason.POLICY_RAISED, f"the policy raised {error!r}")
        if fault:
            return self._nothing(symbol, Reason.NOT_A_DECISION, fault)
        return decision

    def _nothing(self, symbol: str, reason: Reason, fault: str) -> Hold:
        facts = {"fault": fault[:_SHOWN_CHARACTERS]}
        self._hold(Held(symbol, Side.NONE, Check.POLICY, reason, facts, ""))
        return Hold(fault)

    def _begin(self, instrument: Instrument, work: Coroutine[Any, Any, None]) -> None:
        self._under_way[instrument.symbol] = self._background.begin(work, f"intent {instrument.symbol}")

    async def _open(self, wanted: Wanted) -> None:
        held = await self._tried(wanted)
        if held is None:
            self.decisions.went_on(wanted.instrument.symbol)
        else:
            self._hold(held)

    def _hold(self, held: Held) -> None:
        if self.decisions.hold(held) and held.check in _ALERTS:
            self._alerts.raise_(_ALERTS[held.check], f"{held.symbol}: {held.reason.name}, {dict(held.facts)}")

    async def _tried(self, wanted: Wanted) -> Held | None:
        made = self.entries.make(wanted)
        return made if isinstance(made, Held) else refusal(wanted, await self._engine.apply(made.event, made.notes))

    async def _close(self, instrument: Instrument, intent: Close) -> None:
        state = self._engine.state
        number = state.instruments[instrument.number].holder - 1
        if number < 0 or not self._exits.may_exit(number):
            return
        self.decisions.exits += 1
        slot = state.slots[number]
        quote = self._quotes[instrument.symbol]
        price = quote.bid_price if slot.side == Side.LONG else quote.ask_price
        if intent.everything:
            event = inputs.flatten(slot=number, instrument=instrument.number, trade=slot.trade)
        else:
            event = inputs.exit_leg(slot=number, instrument=instrument.number, trade=slot.trade, leg=slot.plan.next_leg)
        await self._engine.apply(event, (exit_note(slot.trade, price, intent.why),))
