"""What the exported functions around the step promise, as formulas of their arguments and of memory.

Written from the header, ``table.rs`` and the specification's layout, not from the machine code: which status is
answered, in which order the arguments are looked at, and what memory is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import z3

from dita.conformance.defects import REPOSITORY
from dita.conformance.equiv.journal import BEFORE, ROUND, WORD_BITS, Memory, apart, with_copy, with_words, word_at
from dita.spec.inputs import Input
from dita.spec.layout import WORD_BYTES, size_of, word_names
from dita.spec.outcome import Outcome
from dita.spec.state import Account, Instrument, Slot, State
from dita.spec.vocabulary import INSTRUMENTS, SLOTS, Kind

HEADER: Final = REPOSITORY / "kernel_rs" / "include" / "dita_kernel.h"
STATE_BYTES: Final = size_of(State)
EVENT_BYTES: Final = size_of(Input)
OUTCOME_BYTES: Final = size_of(Outcome)
PLACE_BYTES: Final = WORD_BYTES + STATE_BYTES
"""A guard, then the state."""
EXTENT_MAX: Final = (1 << 63) - 1
RECORDS: Final = {
    "account": size_of(Account), "instrument": size_of(Instrument), "slot": size_of(Slot), "event": EVENT_BYTES,
    "outcome": OUTCOME_BYTES,
}  # fmt: skip
"""The arguments of ``dita_core``, in order, in bytes."""
WRITTEN: Final = {name: length for name, length in RECORDS.items() if name != "event"}
ORDERED: Final = ("slot", "instrument", "trade", "attempt", "quantity", "quote", "done", "time_ns")
"""What ``dita_step_order`` is given; every other word of its input but the kind is zero."""
INDEX: Final = z3.BitVec("index", WORD_BITS)
Checks = tuple[tuple[z3.BoolRef, int], ...]
"""Why a call is refused and with which status, the first reason first."""


def statuses() -> dict[str, int]:
    """The header's numbers by name. Raises OSError."""
    found = re.findall(r"#define DITA_([A-Z_]+) (-?\d+)\n", HEADER.read_text(encoding="utf-8"))
    return {name: int(number) for name, number in found}


STATUS: Final = statuses()
OK: Final = STATUS["OK"]


def pointer(name: str) -> z3.BitVecRef:
    """An argument that is one."""
    return z3.BitVec(f"pointer.{name}", WORD_BITS)


def number(name: str) -> z3.BitVecRef:
    """An argument that is none."""
    return z3.BitVec(f"number.{name}", WORD_BITS)


def offset_of(name: str) -> int:
    """Of a word of the state, in bytes."""
    return WORD_BYTES * word_names(State).index(name)


def instrument_of(state: z3.BitVecRef, index: z3.BitVecRef) -> z3.BitVecRef:
    """Where an instrument of a state lies."""
    first, second = (offset_of(f"instruments[{at}].registered") for at in (0, 1))
    return state + first + index * (second - first)


def slot_of(state: z3.BitVecRef, index: z3.BitVecRef) -> z3.BitVecRef:
    """Where a slot of a state lies."""
    first, second = (offset_of(f"slots[{at}].phase") for at in (0, 1))
    return state + first + index * (second - first)


class Step(NamedTuple):
    """One step: where its state, its input and its outcome lie; the input's words where it is the image's own."""

    state: z3.BitVecRef
    event: z3.BitVecRef | None
    outcome: z3.BitVecRef
    words: tuple[z3.BitVecRef, ...] = ()

    def word(self, memory: Memory, name: str) -> z3.BitVecRef:
        """A word of its input."""
        at = word_names(Input).index(name)
        return word_at(memory, self.event + WORD_BYTES * at) if self.event is not None else self.words[at]


@dataclass(frozen=True, slots=True)
class Place:
    """What belongs to a handle."""

    guard: z3.BitVecRef
    idle: z3.BitVecRef
    index: z3.BitVecRef
    kernels: int

    @property
    def state(self) -> z3.BitVecRef:
        """Where its kernel's state lies."""
        return self.guard + WORD_BYTES

    @property
    def inside(self) -> z3.BitVecRef:
        """The guard while a call is inside."""
        return self.idle | 1


@dataclass(frozen=True, slots=True)
class Contract:
    """What a function promises.

    ``touched`` is all that it may read or write, ``given`` what its caller promises. What it leaves is a step's, or
    ``left``. A call that none of the first ``judged`` checks refuses may be refused as a bad state.
    """

    function: str
    arguments: tuple[str, ...]
    pointers: tuple[str, ...]
    checks: Checks
    touched: tuple[tuple[z3.BitVecRef, int], ...]
    given: tuple[z3.BoolRef, ...] = ()
    place: Place | None = None
    step: Step | None = None
    left: Callable[[Memory], Memory] | None = None
    count: str = ""
    judged: int = -1
    inputs: z3.BitVecRef | None = None

    @property
    def base(self) -> Memory:
        """The memory before its step: of a round, if it counts."""
        return ROUND if self.count else BEFORE

    @property
    def products(self) -> tuple[z3.BoolRef, ...]:
        """What is true of all words, and hard to see for who has to multiply bit by bit; a lemma of its own."""
        facts: list[z3.BoolRef] = []
        if self.step is not None:
            slot, instrument = (self.step.word(self.base, name) for name in ("slot", "instrument"))
            for word, count, size in ((slot, SLOTS, RECORDS["slot"]), (instrument, INSTRUMENTS, RECORDS["instrument"])):
                facts.append(z3.Implies(z3.ULT(word, count), z3.ULE(word * size, (count - 1) * size)))
        if self.place is not None:
            facts.append(z3.ULE(self.place.index * PLACE_BYTES, (self.place.kernels - 1) * PLACE_BYTES))
        if self.count:
            facts += [_order_kept(size, number(self.count)) for size in (EVENT_BYTES, OUTCOME_BYTES)]
        return tuple(facts)

    @property
    def expected(self) -> z3.BitVecRef:
        """The status of the first check that refuses."""
        return first_of(self.checks)

    def answers(self, result: z3.BitVecRef) -> z3.BoolRef:
        """Whether this is the status promised."""
        low = z3.Extract(31, 0, result)
        if self.judged < 0:
            return low == self.expected
        passed = first_of(self.checks[: self.judged]) == OK
        return z3.Or(low == self.expected, z3.And(passed, low == STATUS["BAD_STATE"]))


def first_of(checks: Checks) -> z3.BitVecRef:
    """The status of the first that holds."""
    found: z3.BitVecRef = z3.BitVecVal(OK, 32)
    for condition, status in reversed(checks):
        found = z3.If(condition, z3.BitVecVal(status, 32), found)
    return found


def extent(begin: z3.BitVecRef, size: int, count: z3.BitVecRef | None = None, *, aligned: bool = True) -> Checks:
    """Memory that is null, unaligned, or goes beyond all addresses is refused; so is what is larger than memory."""
    length: z3.BitVecRef = z3.BitVecVal(size, WORD_BITS) if count is None else count * size
    unaligned = [z3.Extract(2, 0, begin) != 0] if aligned else []
    checks: list[tuple[z3.BoolRef, int]] = []
    if count is not None:
        checks.append((z3.UGT(count, EXTENT_MAX // size), STATUS["BAD_LENGTH"]))
    checks.append((z3.Or(begin == 0, *unaligned, z3.ULT(begin + length, begin)), STATUS["BAD_POINTER"]))
    return tuple(checks)


def overlapping(*extents: tuple[z3.BitVecRef, int, z3.BitVecRef | None]) -> Checks:
    """Of any two of these, memory that both share is refused."""
    ends = [(begin, begin + size if count is None else begin + count * size) for begin, size, count in extents]
    pairs = [(one, other) for at, one in enumerate(ends) for other in ends[at + 1 :]]
    return tuple(
        (z3.And(z3.UGT(one[1], other[0]), z3.UGT(other[1], one[0])), STATUS["BAD_POINTER"]) for one, other in pairs
    )


def negative(count: z3.BitVecRef) -> Checks:
    """A count below zero is refused."""
    return ((count < 0, STATUS["BAD_LENGTH"]),)


class Table(NamedTuple):
    """Where the image's kernels lie, and the stack."""

    begin: int
    length: int
    stack: int
    stack_length: int

    def place(self, handle: z3.BitVecRef) -> Place:
        """The guard of a handle, which is a generation and an index; it is idle where it holds that generation."""
        kernels = self.length // PLACE_BYTES
        bits = max(kernels.bit_length() - 1, 1)
        index = z3.ZeroExt(WORD_BITS - bits, z3.Extract(bits - 1, 0, handle))
        guard = z3.BitVecVal(self.begin, WORD_BITS) + index * PLACE_BYTES
        return Place(guard, (z3.LShR(handle, bits) * 4) | 2, index, kernels)

    def given(self, begin: z3.BitVecRef, length: int) -> tuple[z3.BoolRef, ...]:
        """A caller's memory is neither the table nor the stack of the call."""
        return tuple(
            apart(begin, length, z3.BitVecVal(at, WORD_BITS), size)
            for at, size in ((self.begin, self.length), (self.stack, self.stack_length))
        )


def entering(handle: z3.BitVecRef, place: Place) -> Checks:
    """A handle is refused unless its guard is idle: as busy where only somebody is inside."""
    guard = word_at(BEFORE, place.guard)
    return (
        (handle < 0, STATUS["BAD_HANDLE"]),
        (guard == place.inside, STATUS["BUSY"]),
        (guard != place.idle, STATUS["BAD_HANDLE"]),
    )


def _order_kept(size: int, count: z3.BitVecRef) -> z3.BoolRef:
    """Of so many records of a size, no more than fit memory, each ends where the last one does or before."""
    few = z3.ULE(count, EXTENT_MAX // size)
    return z3.Implies(z3.And(z3.ULT(INDEX, count), few), z3.And(
        z3.ULE(INDEX * size, EXTENT_MAX), z3.ULE(INDEX * size + size, count * size), z3.ULE(count * size, EXTENT_MAX)
    ))  # fmt: skip


def contracts(table: Table) -> list[Contract]:
    """Of every function around the step."""
    return [
        _step_state(table), _step_state_batch(table), _step_focus(table), _step(table), _step_batch(table),
        _step_call(table), _step_order(table), _read_focus(table), _close(table), _snapshot(table), _restore(table),
    ]  # fmt: skip


def _given(table: Table, event: z3.BitVecRef, outcome: z3.BitVecRef) -> tuple[z3.BoolRef, ...]:
    return (*table.given(event, EVENT_BYTES), *table.given(outcome, OUTCOME_BYTES))


def _step_state(table: Table) -> Contract:
    state, event, outcome = (pointer(name) for name in ("state", "input", "outcome"))
    sizes = ((state, STATE_BYTES, None), (event, EVENT_BYTES, None), (outcome, OUTCOME_BYTES, None))
    checks = (*[check for begin, size, _ in sizes for check in extent(begin, size)], *overlapping(*sizes))
    names = ("state", "input", "outcome")
    return Contract(
        "dita_step_state", names, names, checks, ((event, EVENT_BYTES), (outcome, OUTCOME_BYTES)),
        given=(*table.given(state, STATE_BYTES), *_given(table, event, outcome)),
        step=Step(state, event, outcome),
    )  # fmt: skip


def _step_state_batch(table: Table) -> Contract:
    state, events, outcomes, count = pointer("state"), pointer("inputs"), pointer("outcomes"), number("count")
    sizes = ((state, STATE_BYTES, None), (events, EVENT_BYTES, count), (outcomes, OUTCOME_BYTES, count))
    checks = (*negative(count), *[check for one in sizes for check in extent(*one)], *overlapping(*sizes))
    event, outcome = events + INDEX * EVENT_BYTES, outcomes + INDEX * OUTCOME_BYTES
    return Contract(
        "dita_step_state_batch", ("state", "inputs", "count", "outcomes"), ("state", "inputs", "outcomes"), checks,
        ((event, EVENT_BYTES), (outcome, OUTCOME_BYTES)),
        given=(*table.given(state, STATE_BYTES), *_given(table, event, outcome)),
        step=Step(state, event, outcome), count="count", inputs=events,
    )  # fmt: skip


def _step_focus(table: Table) -> Contract:
    names = ("account", "instrument", "slot", "input", "outcome")
    sizes = [(pointer(name), size, None) for name, size in zip(names, RECORDS.values(), strict=True)]
    checks = (*[check for begin, size, _ in sizes for check in extent(begin, size)], *overlapping(*sizes))
    return Contract(
        "dita_step_focus", names, names, checks, (),
        given=tuple(fact for begin, size, _ in sizes for fact in table.given(begin, size)),
    )  # fmt: skip


def _step(table: Table) -> Contract:
    handle, event, outcome = number("handle"), pointer("input"), pointer("outcome")
    place = table.place(handle)
    sizes = ((event, EVENT_BYTES, None), (outcome, OUTCOME_BYTES, None))
    checks = (*[check for begin, size, _ in sizes for check in extent(begin, size)], *overlapping(*sizes))
    return Contract(
        "dita_step", ("handle", "input", "outcome"), ("input", "outcome"), (*checks, *entering(handle, place)),
        ((event, EVENT_BYTES), (outcome, OUTCOME_BYTES), (place.guard, WORD_BYTES)),
        given=_given(table, event, outcome),
        place=place, step=Step(place.state, event, outcome),
    )  # fmt: skip


def _step_batch(table: Table) -> Contract:
    handle, events, outcomes, count = number("handle"), pointer("inputs"), pointer("outcomes"), number("count")
    place = table.place(handle)
    sizes = ((events, EVENT_BYTES, count), (outcomes, OUTCOME_BYTES, count))
    checks = (*negative(count), *[check for one in sizes for check in extent(*one)], *overlapping(*sizes))
    event, outcome = events + INDEX * EVENT_BYTES, outcomes + INDEX * OUTCOME_BYTES
    return Contract(
        "dita_step_batch", ("handle", "inputs", "count", "outcomes"), ("inputs", "outcomes"),
        (*checks, *entering(handle, place)),
        ((event, EVENT_BYTES), (outcome, OUTCOME_BYTES), (place.guard, WORD_BYTES)),
        given=_given(table, event, outcome),
        place=place, step=Step(place.state, event, outcome), count="count", inputs=events,
    )  # fmt: skip


def _step_call(table: Table) -> Contract:
    call = pointer("call")
    size = WORD_BYTES + EVENT_BYTES + OUTCOME_BYTES
    handle = word_at(BEFORE, call)
    place = table.place(handle)
    event, outcome = call + WORD_BYTES, call + WORD_BYTES + EVENT_BYTES
    return Contract(
        "dita_step_call", ("call",), ("call",), (*extent(call, size), *entering(handle, place)),
        ((call, size), (place.guard, WORD_BYTES)), given=table.given(call, size),
        place=place, step=Step(place.state, event, outcome),
    )  # fmt: skip


def _step_order(table: Table) -> Contract:
    handle, outcome = number("handle"), pointer("outcome")
    place = table.place(handle)
    words = {name: number(name) for name in ORDERED}
    words["kind"] = z3.BitVecVal(int(Kind.ORDER), WORD_BITS)
    zero = z3.BitVecVal(0, WORD_BITS)
    return Contract(
        "dita_step_order", ("handle", *ORDERED, "outcome"), ("outcome",),
        (*extent(outcome, OUTCOME_BYTES), *entering(handle, place)),
        ((outcome, OUTCOME_BYTES), (place.guard, WORD_BYTES)), given=table.given(outcome, OUTCOME_BYTES),
        place=place, step=Step(place.state, None, outcome, tuple(words.get(name, zero) for name in word_names(Input))),
    )  # fmt: skip


def _read_focus(table: Table) -> Contract:
    handle, slot, instrument = number("handle"), number("slot"), number("instrument")
    place = table.place(handle)
    outs = [(pointer(f"{name}_out"), RECORDS[name], None) for name in ("account", "instrument", "slot")]
    sources = (place.state, instrument_of(place.state, instrument), slot_of(place.state, slot))
    outside = z3.Or(z3.UGE(slot, SLOTS), z3.UGE(instrument, INSTRUMENTS))

    def left(memory: Memory) -> Memory:
        found = memory
        for (out, size, _), source in zip(outs, sources, strict=True):
            found = with_copy(found, out, size, memory, source)
        return found

    return Contract(
        "dita_read_focus",
        ("handle", "slot", "instrument", "account_out", "instrument_out", "slot_out"),
        ("account_out", "instrument_out", "slot_out"),
        (*[check for begin, size, _ in outs for check in extent(begin, size)], *overlapping(*outs),
         *entering(handle, place), (outside, STATUS["BAD_INDEX"])),
        (*[(out, size) for out, size, _ in outs], (place.guard, PLACE_BYTES)),
        given=tuple(fact for begin, size, _ in outs for fact in table.given(begin, size)), place=place, left=left,
    )  # fmt: skip


def _close(table: Table) -> Contract:
    handle = number("handle")
    place = table.place(handle)
    return Contract(
        "dita_close", ("handle",), (), entering(handle, place), ((place.guard, WORD_BYTES),),
        left=lambda memory: with_words(memory, place.guard, [place.idle & ~2]),
    )  # fmt: skip


def _copying(memory: z3.BitVecRef) -> Checks:
    """The bytes of a state: neither more nor less, which need no alignment."""
    return (
        *negative(number("length")),
        (number("length") != STATE_BYTES, STATUS["BAD_LENGTH"]),
        *extent(memory, STATE_BYTES, aligned=False),
    )


def _snapshot(table: Table) -> Contract:
    handle, destination = number("handle"), pointer("destination")
    place = table.place(handle)
    return Contract(
        "dita_snapshot", ("handle", "destination", "length"), ("destination",),
        (*_copying(destination), *entering(handle, place)),
        ((destination, STATE_BYTES), (place.guard, PLACE_BYTES)), given=table.given(destination, STATE_BYTES),
        place=place, left=lambda memory: with_copy(memory, destination, STATE_BYTES, memory, place.state),
    )  # fmt: skip


def _restore(table: Table) -> Contract:
    handle, source = number("handle"), pointer("source")
    place = table.place(handle)
    looked = _copying(source)
    return Contract(
        "dita_restore", ("handle", "source", "length"), ("source",), (*looked, *entering(handle, place)),
        ((source, STATE_BYTES), (place.guard, PLACE_BYTES)), given=table.given(source, STATE_BYTES),
        place=place, left=lambda memory: with_copy(memory, place.state, STATE_BYTES, memory, source),
        judged=len(looked),
    )  # fmt: skip
