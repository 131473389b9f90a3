"""An obligation's predicate asked of one concrete step of the real code: the check on what a solver says.

A solver's model is numbers for an account, an instrument, a slot and an input. Here they become a state, the state is
stepped by CPython, and the very predicate that was refuted is evaluated on what came out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

from dita.conformance.prove.contracts import CONTRACTS
from dita.conformance.prove.models import Found
from dita.conformance.prove.obligations import INSIDE
from dita.conformance.prove.seams import REFERENCE
from dita.conformance.prove.standins import replaced
from dita.conformance.prove.world import BLANK
from dita.reference import step
from dita.reference.focus import Refused
from dita.reference.step import answer
from dita.spec.inputs import Input
from dita.spec.invariants import ACCOUNT, INSTRUMENT, WHOLE, broken
from dita.spec.layout import filled
from dita.spec.outcome import Outcome
from dita.spec.properties import STEP, WHOLE_STEP
from dita.spec.shares import CONTEXT, FOLLOWS
from dita.spec.slot_invariants import HELD, SLOT
from dita.spec.state import Account, Focus, Instrument, Slot, State, focus_of

TOTAL: Final = "step-is-total"
PLACED: Final = "answer-is-placed"
INITIAL: Final = "initial-state-sound"


class Stepped(NamedTuple):
    """One step of the real code. ``error`` is what it raised, and nothing else is then of use."""

    before: State
    event: Input
    after: State
    outcome: Outcome
    error: str = ""


Breaks = Callable[[Stepped], bool]


def stepped(before: State, event: Input) -> Stepped:
    """The step, whatever comes of it."""
    try:
        after, outcome = step(before, event)
    except Exception as error:  # noqa: BLE001 - a defect may raise anything, and that it does is the finding
        return Stepped(before, event, before, Outcome(), repr(error))
    return Stepped(before, event, after, outcome)


def outside(before: State, event: Input) -> list[str]:
    """The calls of named functions, on the way of a step, that no contract speaks of."""
    found: list[str] = []

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: int) -> Any:
            if not CONTRACTS[name].domain(*arguments):
                found.append(f"{name}{arguments}")
            return real(*arguments)

        return call

    with ExitStack() as stack:
        for module in REFERENCE:
            for name in CONTRACTS.keys() & vars(module).keys():
                stack.enter_context(replaced(module, name, watched(name, vars(module)[name])))
        stepped(before, event)
    return found


def state_of(found: Found) -> tuple[State, Input]:
    """A model as a state, blank but for what the input touches, and the input."""
    return placed(filled(BLANK, found.focus), filled(Input(), found.event))


def placed(focus: Focus, event: Input) -> tuple[State, Input]:
    """A state that is blank but for what the input touches."""
    blank = State()
    k, i = event.slot, event.instrument
    instruments = (*blank.instruments[:i], focus.instrument, *blank.instruments[i + 1 :])
    return State(focus.account, instruments, (*blank.slots[:k], focus.slot, *blank.slots[k + 1 :])), event


def is_in_reach(state: State, event: Input) -> bool:
    """The input names a slot and an instrument that there are."""
    return 0 <= event.slot < len(state.slots) and 0 <= event.instrument < len(state.instruments)


# --- what was assumed -----------------------------------------------------------------------------------------------


def is_sound(state: State, event: Input) -> bool:
    """What the core theorem assumes: every invariant of what the input may touch, and what the whole implies of it."""
    if not is_in_reach(state, event):
        return False
    focus = focus_of(state, event.slot, event.instrument)
    return _keeps_invariants(focus, event) and all(item.holds(focus, event) for item in CONTEXT)


def _keeps_invariants(focus: Focus, event: Input) -> bool:
    """In this order: the later predicates divide by what the earlier ones say is positive."""
    if not all(item.holds(focus.instrument) for item in INSTRUMENT):
        return False
    if not all(item.holds(focus.account) for item in ACCOUNT) or not all(item.holds(focus.slot) for item in SLOT):
        return False
    return focus.slot.instrument != event.instrument or all(x.holds(focus.slot, focus.instrument) for x in HELD)


# --- what was to be shown -------------------------------------------------------------------------------------------


def breaks_of(obligation: str) -> Breaks | None:
    """When a step breaks the obligation; None for those that are not about one concrete step."""
    if obligation == TOTAL:
        return lambda done: bool(done.error)
    if obligation == INITIAL:
        return lambda done: bool(broken(State()))
    if obligation == INSIDE.id:
        return lambda done: is_in_reach(done.before, done.event) and bool(outside(done.before, done.event))
    return _PREDICATES.get(obligation)


def _predicates() -> dict[str, Breaks]:
    found: dict[str, Breaks] = {item.id: _after(_of_slot(item.holds)) for item in SLOT}
    found |= {item.id: _after(_of_held(item.holds)) for item in HELD}
    found |= {item.id: _after(_of_instrument(item.holds)) for item in INSTRUMENT}
    found |= {item.id: _after(_of_account(item.holds)) for item in ACCOUNT}
    found |= {item.id: _after(item.holds) for item in CONTEXT}
    found |= {item.id: _across(item.holds) for item in STEP}
    found |= {item.id: _across(item.holds) for item in FOLLOWS}
    found |= {item.id: _of_whole(item.holds) for item in WHOLE}
    found |= {item.id: _over_whole(item.holds) for item in WHOLE_STEP}
    return found | {PLACED: _guarded(_is_misplaced)}


def _of_slot(holds: Callable[[Slot], bool]) -> Callable[[Focus, Input], bool]:
    return lambda focus, event: holds(focus.slot)


def _of_held(holds: Callable[[Slot, Instrument], bool]) -> Callable[[Focus, Input], bool]:
    return lambda focus, event: focus.slot.instrument != event.instrument or holds(focus.slot, focus.instrument)


def _of_instrument(holds: Callable[[Instrument], bool]) -> Callable[[Focus, Input], bool]:
    return lambda focus, event: holds(focus.instrument)


def _of_account(holds: Callable[[Account], bool]) -> Callable[[Focus, Input], bool]:
    return lambda focus, event: holds(focus.account)


def _of_whole(holds: Callable[[State], bool]) -> Breaks:
    return _guarded(lambda done: not holds(done.after))


def _over_whole(holds: Callable[[State, Input, State, Outcome], bool]) -> Breaks:
    return _guarded(lambda done: not holds(done.before, done.event, done.after, done.outcome))


def _guarded(breaks: Breaks) -> Breaks:
    """A step that raises, or leaves terms that cannot be divided by, is broken otherwise, and no answer to this."""

    def guarded(done: Stepped) -> bool:
        try:
            return not done.error and breaks(done)
        except ZeroDivisionError:
            return False

    return guarded


def _after(holds: Callable[[Focus, Input], bool]) -> Breaks:
    return _guarded(
        lambda done: (
            is_in_reach(done.before, done.event)
            and not holds(focus_of(done.after, done.event.slot, done.event.instrument), done.event)
        )
    )


def _across(holds: Callable[[Focus, Input, Focus, Outcome], bool]) -> Breaks:
    def breaks(done: Stepped) -> bool:
        if not is_in_reach(done.before, done.event):
            return False
        k, i = done.event.slot, done.event.instrument
        return not holds(focus_of(done.before, k, i), done.event, focus_of(done.after, k, i), done.outcome)

    return _guarded(breaks)


def _is_misplaced(done: Stepped) -> bool:
    """The handler's answer to what the input names is not what the step put there."""
    before, event = done.before, done.event
    if not is_in_reach(before, event):
        return done.after is not before
    focus = focus_of(before, event.slot, event.instrument)
    try:
        answered, _ = answer(focus, event)
    except (Refused, KeyError):  # no handler: not a kind
        return done.after is not before
    untouched = all(item.holds(before, event, done.after, done.outcome) for item in WHOLE_STEP)
    return not untouched or focus_of(done.after, event.slot, event.instrument) != answered


_PREDICATES: Final = _predicates()
