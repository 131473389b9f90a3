"""The orders in flight by the kernel's state alone, and what is said of them after a start.

A restart commands nothing and sends nothing again: an order whose submit was not answered is UNKNOWN, and one that
worked or was looked for is SILENT, which makes the kernel itself command that it be resolved.
"""

from typing import Final

from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey
from dita.spec.state import Slot, State
from dita.spec.vocabulary import Phase

_REQUESTED: Final = (Phase.ENTRY_REQUESTED, Phase.EXIT_REQUESTED)


def in_flight_key(slot_number: int, slot: Slot) -> OrderKey | None:
    """The order that a slot waits for, or None."""
    if Phase.ENTRY_REQUESTED <= slot.phase <= Phase.ENTRY_UNRESOLVED:
        return OrderKey(slot.trade, slot_number, 0)
    if slot.phase >= Phase.EXIT_REQUESTED:
        return OrderKey(slot.trade, slot_number, slot.exit.attempt)
    return None


def in_flight(state: State) -> tuple[OrderKey, ...]:
    """Every order that the kernel waits for: whoever starts has to follow these."""
    keys = [in_flight_key(number, slot) for number, slot in enumerate(state.slots)]
    return tuple(key for key in keys if key is not None)


def doubts(state: State) -> list[Input]:
    """What is said of the orders in flight after a start: not known, or not heard of."""
    found: list[Input] = []
    for key in in_flight(state):
        slot = state.slots[key.slot]
        say = inputs.unknown if slot.phase in _REQUESTED else inputs.silent
        found.append(say(slot=key.slot, instrument=slot.instrument, trade=key.trade, attempt=key.attempt))
    return found
