"""From what a policy wants to an ENTER, or to why there is none: the runtime, the gates, sizing, in that order."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, final

from dita.adapters.journal import Note
from dita.adapters.logic.mismatch import idle_slot
from dita.runtime.decisions import Hold
from dita.runtime.engine import Engine
from dita.runtime.features import FeatureMap
from dita.runtime.foreign_text import shortened
from dita.runtime.gates import Chain, Entry, Facts, Judged
from dita.runtime.instruments import Instrument
from dita.runtime.lockstep import Stepped
from dita.runtime.policy import Open
from dita.runtime.sizing import Contract, Sizing, Unsized, limit_price_for, quantity_for
from dita.runtime.trading_day import result
from dita.spec import inputs
from dita.spec.decisions import Check, Feature, Reason
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.scales import NANOSECONDS_PER_SECOND
from dita.spec.state import capital
from dita.spec.vocabulary import Code, Kind, Side, Verdict

INTENT: Final = "intent"  # notes' names: what an entry was made for,
EXIT: Final = "exit"  # and what an exit was decided on
_PAUSE_FIRST_NS: Final = NANOSECONDS_PER_SECOND // 4
_PAUSE_LONGEST_NS: Final = 30 * NANOSECONDS_PER_SECOND
_NO_FEATURES: Final[Mapping[Feature, object]] = {}


@dataclass(frozen=True, slots=True)
class Clocks:
    """Our monotonic clock and our wall clock; the venue's is the engine's."""

    now_ns: Callable[[], int]
    wall_ns: Callable[[], int]


class Wanted(NamedTuple):
    """An entry that has passed the gates."""

    instrument: Instrument
    intent: Open
    price: int  # of the side that it would meet, 1e-10 USDT
    made_ns: int  # when the venue made the event that it was decided on


class Made(NamedTuple):
    """The input, and what is written down with it."""

    event: Input
    notes: tuple[Note, ...]


@final
class EntryMaker:
    """See the module. Whoever asks writes the holds down."""

    def __init__(self, engine: Engine, sizing: Sizing, chain: Chain, features: FeatureMap, clocks: Clocks) -> None:
        self.is_open = False  # set when the recovery is done, cleared when the session is to end
        self._engine = engine
        self._sizing = sizing
        self._chain = chain
        self._features = features
        self._clocks = clocks
        self._kept_back: set[str] = set()
        self._rejections: dict[int, int] = {}  # by instrument, in a row
        self._not_before_ns: dict[int, int] = {}

    def keep_back(self, reason: str) -> None:
        """Open nothing until this reason is released."""
        self._kept_back.add(reason)

    def release(self, reason: str) -> None:
        """This reason is over."""
        self._kept_back.discard(reason)

    @property
    def kept_back(self) -> tuple[str, ...]:
        """What keeps entries back now."""
        return tuple(sorted(self._kept_back))

    def observe(self, event: Input, stepped: Stepped) -> None:
        """Engine observer: after a rejected entry wait before the next one in that instrument, longer each time."""
        number = event.instrument
        if event.kind == Kind.REJECTED and stepped.outcome.code == Code.ROLLED_BACK:
            count = self._rejections[number] = self._rejections.get(number, 0) + 1
            pause = min(_PAUSE_LONGEST_NS, _PAUSE_FIRST_NS << min(count - 1, 10))
            self._not_before_ns[number] = self._clocks.now_ns() + pause
        elif event.kind == Kind.ORDER and event.attempt == 0 and event.quantity > 0:
            self._rejections.pop(number, None)

    def judge(self, instrument: Instrument, intent: Open, price: int, made_ns: int) -> Wanted | Hold:
        """Whether it is worth an attempt: asks the runtime, then the gates. ``made_ns``: the event's, by the venue."""
        judged = self._judged(instrument, intent, made_ns)
        if isinstance(judged, Hold):
            return judged
        if price == 0:
            return _hold(instrument, intent, Check.SIZING, Reason.NO_QUOTE, {"price": price})
        return Wanted(instrument, intent, price, made_ns)

    def make(self, wanted: Wanted) -> Made | Hold:
        """Ask again and size it, as things are now: another symbol may have used a slot or the last trade of the day.

        The caller applies it at once: slot and trade number are free only now.
        """
        instrument, intent, price, made_ns = wanted
        judged = self._judged(instrument, intent, made_ns)
        if isinstance(judged, Hold):
            return judged
        slot = idle_slot(self._engine.state)
        if slot is None:
            facts = {"live_slots": self._engine.state.account.live_slots}
            return _hold(instrument, intent, Check.RUNTIME, Reason.NO_FREE_SLOT, facts)
        contract = instrument.contract
        limit_price = limit_price_for(intent.limit_price, intent.side, contract.tick)
        if isinstance(limit_price, Unsized):
            return _hold(instrument, intent, Check.SIZING, *limit_price)
        account = self._engine.state.account
        sized = quantity_for(
            self._sizing,
            Contract(contract.lot, contract.quantity_min, instrument.quantity_max, contract.tick),
            capital=capital(account.ledger),
            exposure=account.exposure,
            price=max(price, limit_price),
            boost_ppm=judged.boost_ppm,
        )
        if isinstance(sized, Unsized):
            return _hold(instrument, intent, Check.SIZING, *sized)
        event = inputs.enter(
            slot=slot,
            instrument=instrument.number,
            trade=self._engine.next_trade,
            side=intent.side,
            quantity=sized.quantity,
            price=price,
            ratios=intent.ratios,
            limit_price=limit_price,
            post_only=bool(intent.post_only),
        )
        return Made(event, _notes(event, wanted, judged, sized.facts))

    def _judged(self, instrument: Instrument, intent: Open, made_ns: int) -> Judged | Hold:
        reason, facts = self._runtime(instrument)
        if reason is not Reason.PASSED:
            return _hold(instrument, intent, Check.RUNTIME, reason, facts)
        judged = self._chain.judge(
            Entry(
                symbol=instrument.symbol,
                side=intent.side,
                now_ns=self._clocks.now_ns(),
                event_age_ns=self._engine.venue_now_ns() - made_ns,
                wall_ns=self._clocks.wall_ns(),
                day=self._engine.history.day,
                result=result(self._engine.state.account.ledger),
                boost=intent.boost,
                features=self._features.get(instrument.symbol, _NO_FEATURES),
            )
        )
        if judged.held is not None:
            check, held = judged.held
            return _hold(instrument, intent, check, held.reason, held.facts)
        return judged

    def _runtime(self, instrument: Instrument) -> tuple[Reason, Facts]:
        """Whether the runtime may open a trade in this instrument now."""
        state = self._engine.state
        if not self.is_open:
            return Reason.NOT_OPENING, {}
        if not self._engine.may_add_risk:
            return Reason.NO_RISK, {}
        if self._kept_back:
            return Reason.KEPT_BACK, {"by": ", ".join(self.kept_back)}
        if state.instruments[instrument.number].holder:
            return Reason.INSTRUMENT_BUSY, {"slot": state.instruments[instrument.number].holder - 1}
        wait_ns = self._not_before_ns.get(instrument.number, 0) - self._clocks.now_ns()
        if wait_ns > 0:
            return Reason.REJECTED_LATELY, {"wait_ns": wait_ns}
        return Reason.PASSED, {}


def refusal(wanted: Wanted, outcome: Outcome) -> Hold | None:
    """Why the kernel did not take it, if it did not."""
    if outcome.verdict == Verdict.ACCEPTED:
        return None
    facts = {"code": Code(outcome.code).name}
    return _hold(wanted.instrument, wanted.intent, Check.KERNEL, Reason.KERNEL_REFUSED, facts)


def exit_note(trade: int, price: int, why: str) -> Note:
    """The quote that an exit was decided on (1e-10 USDT; 0: none was seen), and what the policy said."""
    return Note(trade, EXIT, json.dumps({"price": price, "why": shortened(why)}))


def _hold(instrument: Instrument, intent: Open, check: Check, reason: Reason, facts: Facts) -> Hold:
    return Hold(instrument.symbol, intent.side, check, reason, facts, intent.why)


def _notes(event: Input, wanted: Wanted, judged: Judged, sizing: Facts) -> tuple[Note, ...]:
    """What was meant, what each gate looked at, and every operand of the quantity."""
    meant = {
        "symbol": wanted.instrument.symbol,
        "side": Side(event.side).name,
        "quantity": event.quantity,
        "price": event.price,
        "why": shortened(wanted.intent.why),
    }
    passed = {check.name: dict(verdict.facts) for check, verdict in judged.verdicts}
    return (
        Note(event.trade, INTENT, json.dumps(meant)),
        Note(event.trade, "gates", json.dumps(passed)),
        Note(event.trade, "sizing", json.dumps(dict(sizing))),
    )
