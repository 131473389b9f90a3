"""From market events to kernel inputs: asks the policy, sizes, names slot and trade, applies, and writes down why."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, final

from dita.adapters.journal import Note
from dita.adapters.logic.mismatch import idle_slot, live_slot
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.background import Background
from dita.runtime.engine import Engine
from dita.runtime.exit_keeper import ExitKeeper
from dita.runtime.flights import Flights
from dita.runtime.instruments import Instrument, Instruments
from dita.runtime.lockstep import Stepped
from dita.runtime.policy import Close, Hold, Intent, MarketView, Open, Policy
from dita.runtime.sizing import Sizing, Unsized, quantity_for
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.market import BookTicker, MarketEvent
from dita.spec.scales import NANOSECONDS_PER_SECOND
from dita.spec.state import capital, remaining
from dita.spec.vocabulary import Code, Kind, Phase, Side

_WHY_CHARACTERS: Final = 500
_QUIET_STEP_SECONDS: Final = 0.02
_QUIET_WAITS: Final = 50
_ENTRY_PAUSE_FIRST_NS: Final = NANOSECONDS_PER_SECOND // 4
_ENTRY_PAUSE_LONGEST_NS: Final = 30 * NANOSECONDS_PER_SECOND


@dataclass(slots=True)
class _Quote:
    bid_price: int = 0
    ask_price: int = 0


@final
class Strategist:
    """One policy over all traded symbols. At most one intent of a symbol is under way at a time."""

    def __init__(
        self,
        engine: Engine,
        instruments: Instruments,
        symbols: tuple[str, ...],
        policy: Policy,
        sizing: Sizing,
        exits: ExitKeeper,
        flights: Flights,
        alerts: Alerts,
        background: Background,
        now_ns: Callable[[], int],
    ) -> None:
        """``now_ns``: our monotonic clock."""
        self.may_open = False  # set when the recovery is done, cleared when the session is to end
        self.may_act = False
        self.events = 0
        self.holds: Counter[str] = Counter()
        self._engine = engine
        self._instruments = {symbol: found for symbol in symbols if (found := instruments.of(symbol)) is not None}
        self._policy = policy
        self._sizing = sizing
        self._exits = exits
        self._flights = flights
        self._quiet = 0
        self._holds: set[str] = set()
        self._now_ns = now_ns
        self._rejections: dict[int, int] = {}  # by instrument, in a row
        self._no_entry_before_ns: dict[int, int] = {}
        self._alerts = alerts
        self._background = background
        self._quotes = {symbol: _Quote() for symbol in self._instruments}
        self._under_way: dict[str, asyncio.Task[None] | None] = dict.fromkeys(self._instruments)

    def hold(self, reason: str) -> None:
        """Open nothing until this reason is released; open trades go on."""
        self._holds.add(reason)

    def release(self, reason: str) -> None:
        """This reason is over."""
        self._holds.discard(reason)

    @property
    def wants_trades(self) -> bool:
        """Whether the policy sees public trades besides quotes."""
        return self._policy.wants_trades

    @property
    def is_busy(self) -> bool:
        """Whether an intent is on its way to an order, or an order to its end: nothing new is decided until then."""
        return any(self._flights) or any(task is not None and not task.done() for task in self._under_way.values())

    def observe(self, event: Input, stepped: Stepped) -> None:
        """Engine observer: after a rejected entry wait before the next one in that instrument, longer each time."""
        number = event.instrument
        if event.kind == Kind.REJECTED and stepped.outcome.code == Code.ROLLED_BACK:
            count = self._rejections[number] = self._rejections.get(number, 0) + 1
            pause = min(_ENTRY_PAUSE_LONGEST_NS, _ENTRY_PAUSE_FIRST_NS << min(count - 1, 10))
            self._no_entry_before_ns[number] = self._now_ns() + pause
        elif event.kind == Kind.ORDER and event.attempt == 0 and event.quantity > 0:
            self._rejections.pop(number, None)

    def on_market(self, event: MarketEvent) -> None:
        """One event. Never waits, never raises."""
        self.events += 1
        instrument = self._instruments.get(event.symbol)
        if instrument is None:
            return
        quote = self._quotes[event.symbol]
        if isinstance(event, BookTicker):
            quote.bid_price, quote.ask_price = event.bid_price, event.ask_price
        under_way = self._under_way[event.symbol]
        if not self.may_act or self._quiet or (under_way is not None and not under_way.done()):
            return
        intent = self._decision(self._view(instrument, event, quote))
        if intent is not None:
            work = self._carry_out(instrument, intent, quote)
            self._under_way[event.symbol] = self._background.start(work, f"intent {event.symbol}")

    @asynccontextmanager
    async def quiet(self) -> AsyncGenerator[None]:
        """No new intents inside; begins when no order is in flight any more, or after a moment's wait."""
        self._quiet += 1
        try:
            for _ in range(_QUIET_WAITS):
                if not any(self._flights):
                    break
                await asyncio.sleep(_QUIET_STEP_SECONDS)
            yield
        finally:
            self._quiet -= 1

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
        )

    def _decision(self, view: MarketView) -> Intent | None:
        try:
            decision = self._policy.on_market(view)
        except Exception as error:  # noqa: BLE001 - a policy is foreign code; its bug must not end the runtime
            self._alerts.raise_(Alert.POLICY, f"{view.symbol}: the policy raised {error!r}")
            return None
        if isinstance(decision, Hold):
            return None
        if isinstance(decision, Open) and (self._holds or not (self.may_open and self._engine.may_add_risk)):
            return None
        return decision

    async def _carry_out(self, instrument: Instrument, intent: Intent, quote: _Quote) -> None:
        if isinstance(intent, Close):
            await self._close(instrument, intent)
            return
        event = self._entry(instrument, intent, quote)
        if event is None:
            return
        note = Note(
            event.trade,
            "intent",
            json.dumps(
                {
                    "symbol": instrument.symbol,
                    "side": intent.side.name,
                    "quantity": event.quantity,
                    "price": event.price,
                    "why": intent.why[:_WHY_CHARACTERS],
                }
            ),
        )
        await self._engine.apply(event, (note,))

    def _entry(self, instrument: Instrument, intent: Open, quote: _Quote) -> Input | None:
        state = self._engine.state
        slot = idle_slot(state)
        price = quote.ask_price if intent.side == Side.LONG else quote.bid_price
        if slot is None or price == 0 or state.instruments[instrument.number].holder:
            return None
        if self._now_ns() < self._no_entry_before_ns.get(instrument.number, 0):
            return None
        contract = instrument.contract
        quantity = quantity_for(
            self._sizing,
            capital=capital(state.account.ledger),
            price=price,
            lot=contract.lot,
            quantity_min=contract.quantity_min,
            quantity_max=instrument.quantity_max,
        )
        if isinstance(quantity, Unsized):
            self._alerts.raise_(Alert.SIZING, f"{instrument.symbol}: {quantity.reason}")
            return None
        return inputs.enter(
            slot=slot,
            instrument=instrument.number,
            trade=self._engine.next_trade,
            side=intent.side,
            quantity=quantity,
            price=price,
            ratios=intent.ratios,
            limit_price=intent.limit_price,
            post_only=intent.post_only,
        )

    async def _close(self, instrument: Instrument, intent: Close) -> None:
        state = self._engine.state
        number = state.instruments[instrument.number].holder - 1
        if number < 0 or not self._exits.may_exit(number):
            return
        slot = state.slots[number]
        if intent.everything:
            event = inputs.flatten(slot=number, instrument=instrument.number, trade=slot.trade)
        else:
            event = inputs.exit_leg(slot=number, instrument=instrument.number, trade=slot.trade, leg=slot.plan.next_leg)
        await self._engine.apply(event)
