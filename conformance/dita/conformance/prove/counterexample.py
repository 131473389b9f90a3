"""A refutation for people: the smallest state and input that show it, an editable trace, and a timeline.

The solver's numbers are run through the real code, then every word that the failure does not need is put back to
blank. For a few seconds a trace from the blank state is looked for that breaks the same predicate; such a trace needs
no trust in the invariants at all.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from dita.conformance.encoding import scalars, with_scalars
from dita.conformance.generate import Generator
from dita.conformance.prove.concrete import (
    INITIAL,
    Breaks,
    Stepped,
    breaks_of,
    is_sound,
    placed,
    state_of,
    stepped,
)
from dita.conformance.prove.core import Refutation
from dita.conformance.prove.models import Found
from dita.conformance.shrink import shrink
from dita.conformance.tasks import until
from dita.spec.inputs import Input
from dita.spec.invariants import broken
from dita.spec.layout import filled, flatten_words, word_names
from dita.spec.state import Plan, State, focus_of
from dita.spec.trace import WORD_MAX, WORD_MIN, Trace, format_input, format_trace
from dita.spec.vocabulary import Mode, Phase, Side

RUN_LENGTH: Final = 250
SHRINK_SECONDS: Final = 5.0
RUNS: Final = 8  # failing runs to choose the shortest of
LARGE: Final = 1_000
_NAMED: Final = {"phase": Phase, "side": Side, "mode": Mode}


class Moment(NamedTuple):
    """One input of a timeline: what it was, what came of it, the words that changed, and what the sound code says."""

    event: str
    moved: str
    outcome: str
    changes: tuple[str, ...] = ()
    breaks: bool = False
    sound: str = ""  # the outcome without the defect, where that is known


class Counterexample(NamedTuple):
    """What shows that an obligation does not hold."""

    trace: str  # the text of a trace file
    start: tuple[str, ...]  # the words of the starting state that differ from the blank state
    moments: tuple[Moment, ...]
    confirmed: bool  # the real code breaks the predicate on it
    reachable: bool  # it starts from the blank state

    @property
    def size(self) -> int:
        """Words and inputs to read."""
        return len(self.start) + len(self.moments)


# --- words that matter ----------------------------------------------------------------------------------------------


def differing(state: State) -> tuple[str, ...]:
    """The words in which a state differs from the blank one: name and value."""
    pairs = zip(word_names(State), flatten_words(state), flatten_words(State()), strict=True)
    return tuple(f"{name} {named(name, value)}" for name, value, other in pairs if value != other)


def changes(before: State, after: State) -> tuple[str, ...]:
    """The words that a step changed: name, old and new value."""
    pairs = zip(word_names(State), flatten_words(before), flatten_words(after), strict=True)
    return tuple(f"{name} {named(name, old)} → {named(name, new)}" for name, old, new in pairs if old != new)


def named(name: str, value: int) -> str:
    """A word's value, by name where the vocabulary has one."""
    vocabulary = _NAMED.get(name.rpartition(".")[2])
    return str(value) if vocabulary is None or value not in list(vocabulary) else vocabulary(value).name


# --- from the solver's model ----------------------------------------------------------------------------------------


def from_model(obligation: str, found: Found) -> Counterexample:
    """The model, run through the real code; if that confirms it, without the words that the failure does not need."""
    state, event = state_of(found)
    breaks = breaks_of(obligation)
    if breaks is not None and _shows(state, event, breaks):
        state, event = _shortened(state, event, breaks)
        return told(Trace((event,), state), breaks, reachable=False)
    return told(Trace((event,), state), breaks, reachable=False)


def _shows(state: State, event: Input, breaks: Breaks) -> bool:
    """The predicate fails on a step from a sound state by an input of 64-bit words."""
    fits = all(WORD_MIN <= word <= WORD_MAX for word in flatten_words(event))
    return fits and is_sound(state, event) and breaks(stepped(state, event))


def _shortened(state: State, event: Input, breaks: Breaks) -> tuple[State, Input]:
    """The same failure with as many words as possible blank, or else small."""
    while True:
        now = _renumbered(state, event, breaks)
        simpler = _smaller_state(*now, breaks)
        shorter = _smaller_input(simpler, now[1], breaks)
        if simpler == state and shorter == event:
            return state, event
        state, event = simpler, shorter


def _renumbered(state: State, event: Input, breaks: Breaks) -> tuple[State, Input]:
    """Large numbers that occur in several places, such as a trade's, become small in all of them at once."""
    pre, blank = (focus_of(it, event.slot, event.instrument) for it in (state, State()))
    count = len(flatten_words(pre))
    words = [*flatten_words(pre), *flatten_words(event)]
    ordinary = {*flatten_words(blank), *range(LARGE)}
    for number in sorted({word for word in words if word not in ordinary}):
        for small in (1, 2, 3, 10, 100):
            candidate = [small if word == number else word for word in words]
            changed = placed(filled(blank, candidate[:count]), filled(Input(), candidate[count:]))
            if _shows(*changed, breaks):
                words = candidate
                state, event = changed
                break
    return state, event


def _smaller_state(state: State, event: Input, breaks: Breaks) -> State:
    pre, blank = (focus_of(it, event.slot, event.instrument) for it in (state, State()))

    def state_with(words: Sequence[int]) -> State:
        return placed(filled(blank, words), event)[0]

    one_leg = pre._replace(slot=pre.slot._replace(plan=Plan(1, 0, (1, *Plan().ratios[1:]))))
    if pre.slot.plan.legs > 1 and _shows(placed(one_leg, event)[0], event, breaks):
        pre = one_leg
    words = _simplified(
        flatten_words(pre), flatten_words(blank), lambda words: _shows(state_with(words), event, breaks)
    )
    return state_with(words)


def _smaller_input(state: State, event: Input, breaks: Breaks) -> Input:
    blank = scalars(Input(event.kind, event.slot, event.instrument))
    words = _simplified(
        scalars(event), blank, lambda words: _shows(state, with_scalars(words, event.ratios), breaks), kept=3
    )
    shorter = with_scalars(words, event.ratios)
    whole = shorter._replace(ratios=Input().ratios)
    return whole if _shows(state, whole, breaks) else shorter


def _simplified(
    words: Sequence[int], blank: Sequence[int], fails: Callable[[Sequence[int]], bool], kept: int = 0
) -> list[int]:
    """The words, all that may be at their blank value, else at 0 or 1; the first ones are ``kept``."""
    best = _blanked(words, blank, fails, kept)
    for at in _differing_at(best, blank, kept):
        for value in [value for value in (0, 1) if abs(value) < abs(best[at])]:
            candidate = [*best[:at], value, *best[at + 1 :]]
            if fails(candidate):
                best = candidate
                break
    return best


def _blanked(
    words: Sequence[int], blank: Sequence[int], fails: Callable[[Sequence[int]], bool], kept: int
) -> list[int]:
    """Many words at once, then fewer: some are tied, such as being seeded and the seed."""
    best = list(words)
    size = len(best)
    while size >= 1:
        differing = _differing_at(best, blank, kept)
        for start in range(0, len(differing), size):
            chunk = set(differing[start : start + size])
            candidate = [blank[at] if at in chunk else word for at, word in enumerate(best)]
            if fails(candidate):
                best = candidate
        size = min(size, len(differing)) // 2
    return best


def _differing_at(words: Sequence[int], blank: Sequence[int], kept: int) -> list[int]:
    return [at for at in range(kept, len(words)) if words[at] != blank[at]]


# --- from the blank state -------------------------------------------------------------------------------------------


def from_blank(obligation: str, seconds: float, seed: int = 1) -> Counterexample | None:
    """A short trace from the blank state that breaks the same predicate, if one is found in time."""
    breaks = breaks_of(obligation)
    if breaks is None:
        return None
    if obligation == INITIAL:
        return told(Trace(()), breaks, reachable=True) if broken(State()) else None
    rng, out_of_time = random.Random(seed), until(seconds)
    found: list[Sequence[Input]] = []
    while len(found) < RUNS and not out_of_time():
        inputs = _run(rng, breaks)
        if inputs:
            found.append(inputs)
    if not found:
        return None

    def fails(inputs: Sequence[Input]) -> bool:
        return _first_break(inputs, breaks) > 0

    out_of_time = until(SHRINK_SECONDS)
    short = _at_home(shrink(min(found, key=len), fails, out_of_time), fails)
    short = shrink(short, fails, out_of_time)
    return told(Trace(short[: _first_break(short, breaks)]), breaks, reachable=True)


def _at_home(inputs: Sequence[Input], fails: Callable[[Sequence[Input]], bool]) -> Sequence[Input]:
    """The same trace in slot 0 and instrument 0, where it can be."""
    in_slot = [event._replace(slot=0) for event in inputs]
    inputs = in_slot if fails(in_slot) else inputs
    in_instrument = [event._replace(instrument=0) for event in inputs]
    return in_instrument if fails(in_instrument) else inputs


def _run(rng: random.Random, breaks: Breaks) -> list[Input]:
    """The inputs of one random run up to the first that breaks the predicate; none if it holds throughout."""
    state, source = State(), Generator(rng)
    inputs: list[Input] = []
    for _ in range(RUN_LENGTH):
        try:
            event = source.next(state)
        except (ArithmeticError, LookupError, ValueError):
            return []  # a defect has led to a state for which the generator has no idea
        inputs.append(event)
        done = stepped(state, event)
        if breaks(done):
            return inputs
        state = done.after
    return []


def _first_break(inputs: Sequence[Input], breaks: Breaks) -> int:
    """The number, from 1, of the first input that breaks the predicate; 0 if none does."""
    state = State()
    for number, event in enumerate(inputs, 1):
        done = stepped(state, event)
        if breaks(done):
            return number
        state = done.after
    return 0


# --- telling --------------------------------------------------------------------------------------------------------


def told(trace: Trace, breaks: Breaks | None, *, reachable: bool) -> Counterexample:
    """The trace with what each of its inputs does. Confirmed if the last one breaks the predicate."""
    state = trace.start
    sound = reachable or all(is_sound(state, event) for event in trace.inputs[:1])
    moments: list[Moment] = []
    broke = breaks is not None and not trace.inputs and breaks(stepped(state, Input()))
    for event in trace.inputs:
        done = stepped(state, event)
        broke = breaks is not None and breaks(done)
        moments.append(_moment(done, broke=broke))
        state = done.after
    return Counterexample(format_trace(trace), differing(trace.start), tuple(moments), broke and sound, reachable)


def _moment(done: Stepped, *, broke: bool) -> Moment:
    moved = f"{_phase(done.before, done.event)} → {_phase(done.after, done.event)}"
    return Moment(format_input(done.event), moved, said(done), changes(done.before, done.after), broke)


def said(done: Stepped) -> str:
    """What came of a step, on one line."""
    if done.error:
        return f"raises {done.error}"
    try:
        return str(done.outcome)
    except ValueError as problem:  # a word that is in no vocabulary is the finding
        return f"unreadable ({problem})"


def _phase(state: State, event: Input) -> str:
    if not 0 <= event.slot < len(state.slots):
        return "no such slot"
    return f"slot {event.slot} {named('phase', state.slots[event.slot].phase)}"


def compared(found: Counterexample, trace: Trace) -> Counterexample:
    """The same, told by defective code, with what this process's code answers to each input instead."""
    state = trace.start
    moments: list[Moment] = []
    for event, moment in zip(trace.inputs, found.moments, strict=True):
        done = stepped(state, event)
        sound = said(done)
        same = sound == moment.outcome and changes(done.before, done.after) == moment.changes
        moments.append(moment._replace(sound="" if same else sound))
        state = done.after
    return found._replace(moments=tuple(moments))


# --- all that is known of a refutation ------------------------------------------------------------------------------


class Explanation(NamedTuple):
    """A refuted obligation: what the proof says of it, the solver's state and input, and a trace from the start."""

    obligation: str
    note: str
    exact: bool  # the solver's numbers are those of the real arithmetic
    model: Counterexample | None
    blank: Counterexample | None

    @property
    def shown(self) -> Counterexample | None:
        """The one to read: confirmed before unconfirmed, then the shorter."""
        found = [item for item in (self.model, self.blank) if item is not None]
        return min(found, key=lambda item: (not item.confirmed, item.size), default=None)


def explained(obligation: str, refutation: Refutation | None, note: str, seconds: float) -> Explanation:
    """Everything that can be said of a refuted obligation by this process's code."""
    found = None if refutation is None else refutation.found
    name = obligation if refutation is None else refutation.obligation  # or what the obligation rests on
    notes = ", ".join(text for text in (note, "" if refutation is None else refutation.note) if text)
    return Explanation(
        obligation, notes, found is not None and found.exact, None if found is None else from_model(name, found),
        from_blank(obligation, seconds),
    )  # fmt: skip
