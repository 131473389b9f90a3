"""Lockstep of reference and kernel: the whole state and the whole outcome, byte for byte, after every step.

The reference's state is mirrored in a buffer; after a step only the parts whose objects changed are encoded again, and
the whole buffer is compared with the kernel's state. So a kernel that writes where it must not is seen at once, however
far from the named slot.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Self

from dita.conformance.encoding import (
    first_difference,
    fresh_buffer,
    pack_input,
    pack_outcome,
    state_word_name,
    word_at,
    write_changes,
)
from dita.conformance.under_test import StepUnderTest
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.layout import word_names
from dita.spec.outcome import Outcome
from dita.spec.state import State
from dita.spec.vocabulary import Kind, Phase

Step = Callable[[State, Input], tuple[State, Outcome]]
"""The reference's step: the interpreted one, or the same compiled (``dita.conformance.oracle``)."""


class Cell(NamedTuple):
    """What happened in one step, without its numbers: the key of every distribution and of the matrix."""

    phase: int  # of the named slot before; -1: the input names no slot
    kind: int
    verdict: int
    code: int
    to_1: int  # -1: no transition
    to_2: int
    submit: int
    cancel: int
    resolve: int
    reconcile: int
    cancel_protection: int


def cell_of(before: State, event: Input, outcome: Outcome) -> Cell:
    """The cell of a step."""
    named = 0 <= event.slot < len(before.slots)
    return Cell(
        before.slots[event.slot].phase if named else -1,
        event.kind if Kind.ENTER <= event.kind <= Kind.CALIBRATE else 0,
        outcome.verdict,
        outcome.code,
        outcome.to_1 if outcome.moves > 0 else -1,
        outcome.to_2 if outcome.moves > 1 else -1,
        *outcome[7:12],
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """The first word that differs after a step, by dotted name."""

    record: str  # "outcome" or "state"
    word: str
    reference: int
    kernel: int

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.record}.{self.word}: reference `{self.reference}`, kernel `{self.kernel}`"


class Diverged(Exception):
    """Reference and kernel disagree on a step."""

    def __init__(self, event: Input, difference: Difference) -> None:
        super().__init__(f"{_kind_name(event.kind)}: {difference}")
        self.event = event
        self.difference = difference

    def __reduce__(self) -> tuple[type[Self], tuple[Input, Difference]]:
        """What pickling needs: the constructor's own arguments."""
        return type(self), (self.event, self.difference)


class Lockstep:
    """Both sides on one trace. Raises Diverged from ``step``; after that it is of no more use.

    ``oracle`` says what the kernel has to answer.
    """

    def __init__(self, kernel: StepUnderTest, start: State | None = None, oracle: Step = step) -> None:
        self._kernel = kernel
        self._oracle = oracle
        self.state = State() if start is None else start
        self.outcome_bytes = b""
        self._begin = (self.state, bytes(fresh_buffer(self.state)))
        self._mirror = bytearray()
        self.start(self.state)

    def start(self, state: State) -> None:
        """Put both sides into a full-size state."""
        if state is not self._begin[0]:
            self._begin = (state, bytes(fresh_buffer(state)))
        self.state = state
        self._mirror = bytearray(self._begin[1])
        self._kernel.load(self._mirror)

    def step(self, event: Input) -> Outcome:
        """Carry out one input on both sides and compare everything."""
        before = self.state
        theirs = self._kernel.step(pack_input(event))
        try:
            after, outcome = self._oracle(before, event)
            write_changes(self._mirror, before, after, event)
            self.outcome_bytes = pack_outcome(outcome)
        except Exception as error:  # a step is total (clause R3) and answers with records that have a layout
            raise Diverged(event, Difference("reference", f"raises {type(error).__name__}", 1, 0)) from error
        self.state = after
        if self.outcome_bytes != theirs:
            raise Diverged(event, difference("outcome", self.outcome_bytes, theirs))
        if not self._kernel.holds(self._mirror):
            raise Diverged(event, difference("state", self._mirror, self._kernel.state()))
        return outcome

    def bytes(self) -> bytes:
        """The state's bytes, by the reference."""
        return bytes(self._mirror)


def difference(record: str, ours: bytes | bytearray, theirs: bytes) -> Difference:
    """The first word that differs between two encodings of an outcome or a state."""
    word = first_difference(ours, theirs)
    if word is None:
        return Difference(record, "length", len(ours), len(theirs))
    name = state_word_name(word) if record == "state" else word_names(Outcome)[word]
    return Difference(record, name, word_at(ours, word), word_at(theirs, word))


class StateHash:
    """A 64-bit hash of a state, kept up to date part by part; equal states have equal hashes."""

    def __init__(self, state: State) -> None:
        self.value = 0
        self.start(state)

    def start(self, state: State) -> None:
        """Hash a state in full."""
        value = hash(state.account)
        for index, instrument in enumerate(state.instruments):
            value ^= hash((index, instrument))
        for index, slot in enumerate(state.slots):
            value ^= hash((-2 - index, slot))
        self.value = value

    def move(self, before: State, after: State, event: Input) -> None:
        """Follow one step; only the parts that it may touch are hashed."""
        if after is before:
            return
        value = self.value ^ hash(before.account) ^ hash(after.account)
        i, k = event.instrument, event.slot
        if after.instruments[i] is not before.instruments[i]:
            value ^= hash((i, before.instruments[i])) ^ hash((i, after.instruments[i]))
        if after.slots[k] is not before.slots[k]:
            value ^= hash((-2 - k, before.slots[k])) ^ hash((-2 - k, after.slots[k]))
        self.value = value


def phase_name(phase: int) -> str:
    """Name of a phase, or a dash where the input names no slot."""
    return Phase(phase).name if Phase.IDLE <= phase <= Phase.EXIT_UNRESOLVED else "-"


def _kind_name(kind: int) -> str:
    return Kind(kind).name if Kind.NONE <= kind <= Kind.CALIBRATE else str(kind)


Distribution = Counter[Cell]
