"""States and inputs on which the executor is checked: half are met on random traces, half are made of such states.

A made state is a reachable one of which some words were changed, each to a value that its type allows or to one on a
boundary, or a slot, an instrument and an account of different states put together; some of them are mended so that
books and records agree again. The paths are complete only under the invariants, so a made state is kept only if every
one of them holds there, by the real predicates. What is not kept is counted.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, cast

from dita.conformance import likely
from dita.conformance.draw import BOUNDARIES, I64_MAX, I64_MIN, Draw
from dita.conformance.generate import Generator, bent
from dita.conformance.likely import Scene
from dita.conformance.prove.executor_states import large, made_slot, made_tails, mended, on_the_edge, with_any_plan
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.invariants import ACCOUNT, INSTRUMENT
from dita.spec.scales import ATTEMPT_MAX, BOUND, RATIO_SCALE, TIME_MAX_NS
from dita.spec.shares import CONTEXT
from dita.spec.slot_invariants import HELD, SLOT
from dita.spec.state import Focus, Slot, State, focus_of
from dita.spec.vocabulary import INSTRUMENTS, LEGS, SLOTS, Kind, Phase

RUN_LENGTH: Final = 250
KINDS: Final = tuple(Kind)[1:]
INPUTS_A_STATE: Final = 5
PRAISED_SHARE: Final = 0.5  # of the made states that vary one which showed something new
POOL: Final = 400  # reachable states that made ones are made of
Where = tuple[int, ...]

BUILDERS: Final[tuple[tuple[Kind, Callable[[Draw, Scene], Input], int], ...]] = (
    (Kind.ENTER, likely.enter, 30), (Kind.ORDER, likely.entry_order, 12), (Kind.ORDER, likely.exit_order, 12),
    (Kind.ORDER, likely.tail_order, 6), (Kind.ORDER, likely.past_order, 3), (Kind.SETTLE, likely.settle, 16),
    (Kind.EXTERNAL_CLOSE, likely.external_close, 10), (Kind.EXIT, likely.exit_leg, 10), (Kind.ADOPT, likely.adopt, 8),
    (Kind.REJECTED, likely.rejected, 6), (Kind.NOT_FOUND, likely.not_found, 5), (Kind.POSITION, likely.position, 5),
    (Kind.FLATTEN, likely.flatten, 4), (Kind.SETTLE_FORCED, likely.settle_forced, 4), (Kind.UNKNOWN, likely.unknown, 4),
    (Kind.SILENT, likely.silent, 4), (Kind.CANCEL, likely.cancel, 3), (Kind.REGISTER, likely.register, 3),
    (Kind.INCOME, likely.income, 3), (Kind.WALLET, likely.wallet, 3), (Kind.SEED, likely.seed, 2),
    (Kind.SET_LIMITS, likely.set_limits, 1), (Kind.SET_MODE, likely.set_mode, 1), (Kind.CALIBRATE, likely.calibrate, 1),
)  # fmt: skip
"""What a made state is asked, with weights that follow the number of paths."""

TYPES: Final[dict[str, tuple[int, ...]]] = {
    "phase": tuple(Phase), "side": (1, 2), "mode": (0, 1, 2), "instrument": (0, INSTRUMENTS - 1), "holder": (0, SLOTS),
    "legs": tuple(range(1, LEGS + 1)), "next_leg": tuple(range(LEGS + 1)), "slot_limit": (1, 2, SLOTS),
    "live_slots": (0, 1, 2, SLOTS), "unreconciled": (0, 1, INSTRUMENTS), "leverage_max_ppm": (1, 1000 * RATIO_SCALE),
    "calibration_ppm": (1, 4 * RATIO_SCALE), "tolerance": (0, 1, BOUND), "attempt": (0, 1, 2, ATTEMPT_MAX),
    "lot": (1, 2, 1_000), "tick": (1, 1_000), "seed": (1, BOUND), "trade_high_water": (0, 1 << 40),
    "last_attempt": (0, 1),
    **dict.fromkeys(
        ("flatten", "graded", "done", "seen", "everything", "registered", "reconcile_required", "seeded",
         "wallet_seen"), (0, 1),
    ),
    **dict.fromkeys(("evidence_time_ns", "fill_time_ns", "last_money_time_ns", "wallet_as_of_ns"), (0, TIME_MAX_NS)),
    **dict.fromkeys(("ratios",), (0, 1, 500_000, RATIO_SCALE)),
}  # fmt: skip
"""Values that a word of this name may have; a word that is not named here holds an amount."""


class Pair(NamedTuple):
    """A state, an input, and whether the state was made."""

    state: State
    event: Input
    made: bool


class _Known(NamedTuple):
    """A reachable state, its slots that hold something, and its registered instruments."""

    state: State
    live: list[int]
    used: list[int]


@dataclass(slots=True)
class Counts:
    """What became of what was drawn."""

    reachable: int = 0
    made: int = 0  # and kept
    broken: int = 0  # made, but an invariant does not hold
    elsewhere: int = 0  # the input names no slot, instrument or kind that is wanted
    repeated: int = 0


def is_answered(event: Input) -> bool:
    """The input names a kind, a slot and an instrument, so that a handler is asked."""
    named = 0 <= event.slot < SLOTS and 0 <= event.instrument < INSTRUMENTS
    return named and Kind.ENTER <= event.kind <= Kind.CALIBRATE


def is_sound(focus: Focus, event: Input) -> bool:
    """What the paths assume holds: every invariant of what the input may touch, and what the whole implies."""
    slot, instrument = focus.slot, focus.instrument
    return (
        all(item.holds(focus.account) for item in ACCOUNT)
        and all(item.holds(slot) for item in SLOT)
        and all(item.holds(instrument) for item in INSTRUMENT)
        and all(item.holds(focus, event) for item in CONTEXT)
        and (slot.instrument != event.instrument or all(item.holds(slot, instrument) for item in HELD))
    )


# --- words ----------------------------------------------------------------------------------------------------------


def places_of(record: object, name: str = "", where: Where = ()) -> list[tuple[Where, str]]:
    """Where each word of a nested record is, and the name of its field."""
    if not isinstance(record, tuple):
        return [(where, name)]
    items = cast("tuple[object, ...]", record)
    names: tuple[str, ...] = getattr(type(items), "_fields", (name,) * len(items))
    return [
        found
        for index, (item, own) in enumerate(zip(items, names, strict=True))
        for found in places_of(item, own, (*where, index))
    ]


def word(record: Any, where: Where) -> int:
    """The word at a place."""
    for index in where:
        record = record[index]
    return int(record)


def changed(record: Any, where: Where, value: int) -> Any:
    """The record with another word at a place."""
    if not where:
        return value
    items = list(record)
    items[where[0]] = changed(items[where[0]], where[1:], value)
    return getattr(record, "_make", tuple)(items)


_PLACES: Final = {
    part: places_of(record, "", (part,)) for part, record in enumerate(focus_of(State(), 0, 0))
}  # of the account, the instrument, the slot
_EVERYWHERE: Final = [place for places in _PLACES.values() for place in places]
_PLACE_WEIGHTS: Final = (0, 0, 1, 2, 2, 2, 2)  # which part is changed: mostly the slot


# --- the source -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Pairs:
    """An endless source of pairs, of all kinds or of one. The same seed gives the same pairs."""

    rng: random.Random
    only: Kind | None = None
    counts: Counts = field(default_factory=Counts)
    _pool: list[_Known] = field(default_factory=list["_Known"])
    _praised: list[Pair] = field(default_factory=list[Pair])
    _met: set[int] = field(default_factory=set[int])

    def __iter__(self) -> Iterator[Pair]:
        """A pair met on a trace, then made ones until there are as many of these."""
        while True:
            state, source, draw = State(), Generator(self.rng), Draw(self.rng)
            for _ in range(RUN_LENGTH):
                event = source.next(state)
                if self.only in {None, event.kind} and self._is_new(state, event):
                    self.counts.reachable += 1
                    yield Pair(state, event, made=False)
                if draw.random() < 0.1:
                    self._remember(state)
                if self.only is not None and self._pool:
                    yield from self._made(draw)
                while self.only is None and self.counts.made < self.counts.reachable and self._pool:
                    yield from self._made(draw)
                state, _ = step(state, event)

    def _is_new(self, state: State, event: Input) -> bool:
        if not is_answered(event):
            self.counts.elsewhere += 1
            return False
        key = hash((focus_of(state, event.slot, event.instrument), event))
        if key in self._met:
            self.counts.repeated += 1
            return False
        self._met.add(key)
        return True

    def _remember(self, state: State) -> None:
        live = [index for index, slot in enumerate(state.slots) if slot.phase or slot.tails[0].trade]
        used = [index for index, known in enumerate(state.instruments) if known.registered]
        known = _Known(state, live or [0], used or [0])
        if len(self._pool) < POOL:
            self._pool.append(known)
        else:
            self._pool[int(self.rng.random() * POOL)] = known

    def praise(self, pair: Pair) -> None:
        """This pair showed something new: more like it are wanted."""
        self._praised.append(pair)

    def _made(self, draw: Draw) -> Iterator[Pair]:
        """Some inputs to one made state, if it is sound."""
        if self._praised and draw.random() < PRAISED_SHARE:
            state, event, _ = draw.among(self._praised)
            k, i = event.slot, event.instrument
            focus = self._varied(draw, focus_of(state, k, i), k, i)
        else:
            event, known = None, draw.among(self._pool)
            state = known.state
            k = draw.among(known.live) if draw.random() < 0.95 else draw.below(SLOTS)
            i = state.slots[k].instrument if state.slots[k].phase else draw.among(known.used)
            focus = self._drawn(draw, focus_of(state, k, i), k, i)
        if not is_sound(focus, Input(slot=k, instrument=i)):
            self.counts.broken += 1
            return
        state = placed(state, focus, k, i)
        awaiting = sum(known.reconcile_required for known in state.instruments)  # a made account may count others
        told = state._replace(account=focus.account._replace(unreconciled=awaiting))
        scene = Scene(told, k, focus.slot, i, focus.instrument)
        for _ in range(INPUTS_A_STATE):
            asked = self._asked(draw, scene) if event is None or draw.random() < 0.1 else event
            asked = self._bent(draw, asked, focus, 0.5 if event is None else 0.8)
            if not is_answered(asked) or self.only not in {None, asked.kind}:
                self.counts.elsewhere += 1
            elif (asked.slot, asked.instrument) != (k, i) and not is_sound(
                focus_of(state, asked.slot, asked.instrument), asked
            ):
                self.counts.broken += 1
            elif self._is_new(state, asked):
                self.counts.made += 1
                yield Pair(state, asked, made=True)

    def _asked(self, draw: Draw, scene: Scene) -> Input:
        return with_any_plan(draw, draw.among(_BUILDERS[self.only])(draw, scene))

    def _bent(self, draw: Draw, event: Input, focus: Focus, share: float) -> Input:
        if draw.random() > share:
            return event
        dice = draw.random()
        if dice < 0.5:
            return bent(draw, event)
        return self._echoed(draw, event, focus) if dice < 0.75 else large(draw, event)

    def _varied(self, draw: Draw, focus: Focus, k: int, i: int) -> Focus:
        """Almost the same: the account on the edge, or a word or two changed."""
        dice = draw.random()
        if dice < 0.3:
            focus = focus._replace(account=on_the_edge(draw, focus.account))
        elif dice < 0.4:
            focus = focus._replace(slot=focus.slot._replace(tails=made_tails(draw, i, focus.slot.trade or 9)))
        if dice > 0.2:
            focus = self._changed(draw, focus)
        return mended(focus, k, i) if draw.random() < 0.7 else focus

    def _drawn(self, draw: Draw, focus: Focus, k: int, i: int) -> Focus:
        """Something else altogether, by parts."""
        if draw.random() < 0.25:
            focus = self._recombined(draw, focus, k, i)
        dice = draw.random()
        if dice < 0.4:
            focus = self._built(draw, focus, i)
        if dice > 0.3:
            focus = self._changed(draw, focus)
        return mended(focus, k, i) if dice < 0.7 else focus

    def _recombined(self, draw: Draw, focus: Focus, k: int, i: int) -> Focus:
        """A slot or an account of another state."""
        other = draw.among(self._pool).state
        if draw.random() < 0.5:
            return focus._replace(account=other.account)
        slots = [slot for slot in other.slots if slot.phase or slot.tails[0].trade]
        slot = draw.among(slots) if slots else Slot()
        if slot.phase:
            terms = other.instruments[slot.instrument]
            slot = slot._replace(instrument=i)
            focus = focus._replace(instrument=terms._replace(holder=k + 1))
        return focus._replace(slot=slot)

    def _built(self, draw: Draw, focus: Focus, i: int) -> Focus:
        """The slot, or only its tails, and now and then the account's amounts, made by type and shape."""
        if draw.random() < 0.4:
            focus = focus._replace(account=on_the_edge(draw, focus.account))
        high = focus.account.trade_high_water
        number = high - draw.below(3)
        if draw.random() < 0.7 and number >= 1:
            return focus._replace(slot=made_slot(draw, focus.instrument, i, number))
        return focus._replace(slot=focus.slot._replace(tails=made_tails(draw, i, focus.slot.trade or high + 1)))

    def _changed(self, draw: Draw, focus: Focus) -> Focus:
        """Some words changed: to what their type allows, to a boundary, to a neighbour, or to another word."""
        for _ in range(draw.among((0, 1, 1, 1, 2, 3, 5))):
            where, name = draw.among(_PLACES[draw.among(_PLACE_WEIGHTS)])
            value, dice = word(focus, where), draw.random()
            if dice < 0.45:
                allowed = TYPES.get(name)
                value = draw.among(allowed) if allowed else abs(draw.bits(draw.among((4, 30, 59))))
            elif dice < 0.65:
                value += draw.among((-1, 1))
            elif dice < 0.85:
                value = word(focus, draw.among(_EVERYWHERE)[0])
            else:
                value = draw.among(BOUNDARIES)
            focus = changed(focus, where, max(I64_MIN, min(I64_MAX, value)))
        return focus

    def _echoed(self, draw: Draw, event: Input, focus: Focus) -> Input:
        """An input with one word that is also in the state."""
        place = 3 + draw.below(len(Input._fields) - 4)
        return cast("Input", changed(event, (place,), word(focus, draw.among(_EVERYWHERE)[0])))


_BUILDERS: Final[dict[Kind | None, list[Callable[[Draw, Scene], Input]]]] = {
    only: [builder for kind, builder, weight in BUILDERS for _ in range(weight) if only in {None, kind}]
    for only in (None, *KINDS)
}


def placed(state: State, focus: Focus, k: int, i: int) -> State:
    """The state with this slot, instrument and account."""
    slots, instruments = state.slots, state.instruments
    return State(
        focus.account,
        (*instruments[:i], focus.instrument, *instruments[i + 1 :]),
        (*slots[:k], focus.slot, *slots[k + 1 :]),
    )
