"""What projections remember of trades beyond the kernel's state: when things began, and what an exit was decided on.

Bounded: one record a slot, and the beginnings of the trades that the slot still knows. A record is made new when a
trade begins.
"""

import json
from dataclasses import dataclass, field
from typing import final

from dita.adapters.journal import Note
from dita.runtime.entries import EXIT
from dita.runtime.projection.steps import Step
from dita.spec.vocabulary import Kind, Phase


@dataclass(slots=True)
class Leg:
    """The newest exit order of a trade, and what it has done by itself."""

    number: int  # the leg of the plan
    attempt: int
    ordered: int  # 1e-8 coins
    reference_price: int  # 1e-10 USDT; 0: none is known
    began_ns: int
    quantity: int = 0
    quote: int = 0
    realised: int = 0
    fee: int = 0
    is_over: bool = False


@dataclass(slots=True)
class SlotMemory:
    """Of the live trade of a slot, or of the last one."""

    trade: int = 0
    phase_since_ns: int = 0
    commanded_ns: int = 0  # the newest order
    send_by_ns: int = 0
    limit_price: int = 0
    exit_price: int = 0  # the quote that the newest exit was decided on; 0: none is known
    leg: Leg | None = None
    reference_price: int = 0
    began_ns: dict[int, int] = field(default_factory=dict[int, int])  # by trade


@final
class Memory:
    """Of every slot, by its number."""

    def __init__(self) -> None:
        self._slots: dict[int, SlotMemory] = {}

    def of(self, slot: int) -> SlotMemory:
        """A slot's; it is empty before its first trade."""
        found = self._slots.get(slot)
        if found is None:
            found = self._slots[slot] = SlotMemory()
        return found

    def begin(self, step: Step) -> SlotMemory:
        """Take in what a step begins. Called before its rows are made."""
        event, outcome = step.event, step.outcome
        mine = self.of(event.slot)
        if event.kind in (Kind.ENTER, Kind.ADOPT) and outcome.moves:
            known = {tail.trade for tail in step.slot.tails}
            began = {trade: since for trade, since in mine.began_ns.items() if trade in known}
            mine = self._slots[event.slot] = SlotMemory(event.trade, began_ns=began | {event.trade: step.wall_ns})
            mine.reference_price = event.price
        elif event.kind in (Kind.EXIT, Kind.FLATTEN):
            mine.exit_price = exit_price(step.notes)
        if outcome.moves:
            mine.phase_since_ns = step.wall_ns
        return mine

    def end(self, step: Step, mine: SlotMemory) -> None:
        """Take in the order that a step commands. Called when its rows are made."""
        outcome = step.outcome
        if outcome.submit:
            mine.commanded_ns, mine.send_by_ns = step.wall_ns, step.send_by_ns
            mine.limit_price = outcome.limit_price
            if outcome.reduce_only:
                mine.leg = Leg(
                    step.slot.plan.next_leg, outcome.attempt, outcome.quantity,
                    outcome.limit_price or mine.exit_price, step.wall_ns,
                )  # fmt: skip
        if step.slot.phase == Phase.IDLE:
            mine.leg = None


def exit_price(notes: tuple[Note, ...]) -> int:
    """The quote that an exit was decided on, 1e-10 USDT; 0 when no note says, or none that can be read."""
    for note in notes:
        if note.name == EXIT:
            try:
                return int(json.loads(note.body)["price"])
            except (ValueError, TypeError, KeyError):  # of another version
                return 0
    return 0
