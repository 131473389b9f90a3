"""One step of the kernel: select what the input may touch, let the kind's handler answer, put it back.

Clause R1: a REFUSED input returns the very same state object and commands nothing. Clause R3: ``step`` is total: every
bit pattern of an input has one named answer. Guard order is the same for every kind: BAD_KIND, BAD_INDEX, values,
identity, then the phase.
"""

from collections.abc import Callable

from dita.reference import books, control, orders, trades
from dita.reference.focus import Answer, Refused, require
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.state import Focus, State
from dita.spec.vocabulary import Code, Kind

Handler = Callable[[Focus, Input], Answer]

HANDLERS: dict[int, Handler] = {
    Kind.ENTER: trades.enter,
    Kind.EXIT: trades.exit_leg,
    Kind.FLATTEN: trades.flatten,
    Kind.CANCEL: trades.cancel,
    Kind.SET_MODE: control.set_mode,
    Kind.SET_LIMITS: control.set_limits,
    Kind.REGISTER: control.register,
    Kind.SEED: books.seed,
    Kind.ADOPT: trades.adopt,
    Kind.SETTLE_FORCED: books.settle_forced,
    Kind.ORDER: orders.order,
    Kind.REJECTED: orders.rejected,
    Kind.UNKNOWN: orders.unknown,
    Kind.NOT_FOUND: orders.not_found,
    Kind.SILENT: orders.silent,
    Kind.EXTERNAL_CLOSE: trades.external_close,
    Kind.SETTLE: books.settle,
    Kind.INCOME: books.income,
    Kind.WALLET: books.wallet,
    Kind.POSITION: control.position,
    Kind.CALIBRATE: control.calibrate,
}


def step(state: State, event: Input) -> tuple[State, Outcome]:
    """The next state and what must be done about it."""
    try:
        return accept(state, event)
    except Refused as refusal:
        return state, refusal.outcome


def accept(state: State, event: Input) -> tuple[State, Outcome]:
    """As ``step``, but a refusal is raised."""
    require(Kind.ENTER <= event.kind and event.kind <= Kind.CALIBRATE, Code.BAD_KIND)
    require(0 <= event.slot and event.slot < len(state.slots), Code.BAD_INDEX)
    require(0 <= event.instrument and event.instrument < len(state.instruments), Code.BAD_INDEX)
    focus = Focus(state.account, state.instruments[event.instrument], state.slots[event.slot])
    after, outcome = answer(focus, event)
    return merged(state, event, focus, after), located(outcome, event)


def answer(focus: Focus, event: Input) -> Answer:
    """The handler's answer for the input's kind."""
    return HANDLERS[event.kind](focus, event)


def merged(state: State, event: Input, before: Focus, after: Focus) -> State:
    """The state with what the handler changed; everything else is the same object (clause S1)."""
    instruments, slots = state.instruments, state.slots
    if after.instrument is not before.instrument:
        i = event.instrument
        instruments = (*instruments[:i], after.instrument, *instruments[i + 1 :])
    if after.slot is not before.slot:
        i = event.slot
        slots = (*slots[:i], after.slot, *slots[i + 1 :])
    return State(after.account, instruments, slots)


def located(outcome: Outcome, event: Input) -> Outcome:
    """Every outcome that is not a refusal says which slot and instrument it speaks of."""
    return outcome._replace(slot=event.slot, instrument=event.instrument)
