"""What the reference's step does around a handler: whom it refuses, what it selects, and what it puts back.

Which inputs are refused, and with which outcome, is explored with kind, slot and instrument free. That everything but
the three selected records stays the same object is tried out for every pair of indices: the records are opaque there,
so that what is seen of one state holds of every state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Self, cast
from unittest.mock import patch

import z3

from dita.conformance.equiv.words import Words
from dita.conformance.prove.executor import Explorer
from dita.conformance.prove.proxies import SymInt, term_of
from dita.conformance.prove.world import words
from dita.reference.focus import Answer, Refused
from dita.reference.step import HANDLERS, accept
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.state import Account, Focus, Instrument, Slot, State
from dita.spec.vocabulary import INSTRUMENTS, SLOTS

SELECTORS: Final = ("kind", "slot", "instrument")
"""The words of an input on which it depends where it goes."""


class Selected(Exception):
    """The reference has selected an instrument and a slot; the message is nothing, the numbers are all."""

    slot: object = None
    instrument: object = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One path of the reference: when it is taken, as formulas of ``event.<selector>``; whom it refuses, or selects."""

    holds: tuple[z3.BoolRef, ...]
    outcome: tuple[z3.BitVecRef, ...] | None  # of a refusal
    slot: z3.BitVecRef | None
    instrument: z3.BitVecRef | None

    def on(self, selectors: tuple[z3.BitVecRef, z3.BitVecRef, z3.BitVecRef]) -> Self:
        """The same of the words of some input."""
        free = [z3.BitVec(f"event.{name}", 64) for name in SELECTORS]
        pairs = list(zip(free, selectors, strict=True))

        def put(term: Any) -> Any:
            return None if term is None else z3.substitute(term, *pairs)

        outcome = None if self.outcome is None else tuple(put(word) for word in self.outcome)
        return type(self)(tuple(put(fact) for fact in self.holds), outcome, put(self.slot), put(self.instrument))


class _Table:
    """So many records; taking one by a free index notes the index, taking one of each ends the path."""

    def __init__(self, name: str, length: int, taken: dict[str, object]) -> None:
        self.name, self.length, self.taken = name, length, taken

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: object) -> object:
        self.taken[self.name] = index
        if self.taken.keys() == {"slot", "instrument"}:
            selected = Selected("an instrument and a slot")
            selected.slot, selected.instrument = self.taken["slot"], self.taken["instrument"]
            raise selected
        return object()


def choices() -> tuple[Choice, ...]:
    """Every path of the reference's step up to its handler. Raises Unsupported."""
    free = {name: SymInt(z3.Int(f"event.{name}")) for name in SELECTORS}
    event = Input()._replace(**cast("dict[str, Any]", free))

    def step() -> object:
        taken: dict[str, object] = {}
        tables = [_Table(name, length, taken) for name, length in (("instrument", INSTRUMENTS), ("slot", SLOTS))]
        return accept(State(Account(), *cast("list[Any]", tables)), event)

    paths = Explorer((), (Refused, Selected)).explore(step)
    return tuple(_choice(path.literals, path.error) for path in paths)


def _choice(literals: list[z3.BoolRef], error: Exception | None) -> Choice:
    carried = Words()
    holds = tuple(carried.fact(fact) for fact in literals)
    if isinstance(error, Selected):
        slot, instrument = (carried.word(term_of(index)) for index in (error.slot, error.instrument))
        return Choice(holds, None, slot, instrument)
    if not isinstance(error, Refused):
        raise TypeError(f"the reference took an input up without selecting for it: {error!r}")
    return Choice(holds, tuple(carried.word(word) for word in words(error.outcome)), None, None)


def misplaced() -> list[str]:
    """Where the reference hands its handler other records than selected, or changes another one. None, one hopes."""
    return [problem for slot, instrument in _pairs() for problem in _misplaced(slot, instrument)]


def _pairs() -> Iterator[tuple[int, int]]:
    return ((slot, instrument) for slot in range(SLOTS) for instrument in range(INSTRUMENTS))


def _misplaced(slot: int, instrument: int) -> Iterator[str]:
    state = State(Account(), tuple(Instrument() for _ in range(INSTRUMENTS)), tuple(Slot() for _ in range(SLOTS)))
    after = Focus(Account(), Instrument(), Slot())
    given: list[Focus] = []

    def handler(focus: Focus, _: Input) -> Answer:
        given.append(focus)
        return after, Outcome()

    kinds = list(HANDLERS)
    event = Input(kind=kinds[(slot * INSTRUMENTS + instrument) % len(kinds)], slot=slot, instrument=instrument)
    with patch.dict(HANDLERS, {event.kind: handler}):
        changed, outcome = accept(state, event)
    where = f"slot {slot}, instrument {instrument}"
    selected = [*map(id, given[0])] if len(given) == 1 else []
    if selected != [id(state.account), id(state.instruments[instrument]), id(state.slots[slot])]:
        yield f"{where}: the handler got other records"
    instruments, slots = list(state.instruments), list(state.slots)
    instruments[instrument], slots[slot] = after.instrument, after.slot
    if [*map(id, (changed.account, *changed.instruments, *changed.slots))] != [
        *map(id, (after.account, *instruments, *slots))
    ]:
        yield f"{where}: another record changed"
    if (outcome.slot, outcome.instrument) != (slot, instrument):
        yield f"{where}: the outcome speaks of others"
