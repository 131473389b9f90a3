"""Path vectors on both sides: what the reference gave, what it gives, what the kernel gives, all in every word."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from dita.conformance.differential import Difference, Distribution, cell_of, difference
from dita.conformance.encoding import (
    fresh_buffer,
    pack_input,
    pack_outcome,
    write_account,
    write_changes,
    write_instrument,
    write_slot,
)
from dita.conformance.exhaustive import Finding
from dita.conformance.under_test import StepUnderTest
from dita.conformance.vectors.rows import INTERIOR, Kept, Vector
from dita.reference import step
from dita.spec.state import State

FINDINGS_MAX: Final = 3
_WORD: Final = struct.Struct("<q")


@dataclass(slots=True)
class Replayed:
    """What was replayed, and where two of the three sides differ."""

    vectors: int = 0
    interior: int = 0
    complete: bool = False
    distribution: Distribution = field(default_factory=Distribution)
    findings: list[Finding] = field(default_factory=list[Finding])


def replay(kernel: StepUnderTest, kept: Kept, out_of_time: Callable[[], bool]) -> Replayed:
    """Every vector on the kernel and on the reference; stops early out of time or after some findings.

    Raises VectorsRefused for a row that is none.
    """
    result = Replayed()
    mirror = _Mirror()
    for vector in kept.vectors():
        result.vectors += 1
        result.interior += vector.purpose == INTERIOR
        before = mirror.of(vector.state)
        kernel.load(before)
        theirs = kernel.step(pack_input(vector.event))
        after, outcome = step(vector.state, vector.event)
        result.distribution[cell_of(vector.state, vector.event, outcome)] += 1
        ours = bytearray(before)
        write_changes(ours, vector.state, after, vector.event)
        differs = _differs(kernel, vector, before, (pack_outcome(outcome), ours), theirs)
        if differs:
            what = f"path vector {result.vectors - 1}: {differs}"
            result.findings.append(Finding(what, vector.state, (vector.event,)))
        if len(result.findings) >= FINDINGS_MAX or out_of_time():
            return result
    result.complete = not result.findings
    return result


def _differs(
    kernel: StepUnderTest, vector: Vector, before: bytes | bytearray, ours: tuple[bytes, bytearray], theirs: bytes
) -> str:
    """The first word in which two sides differ; nothing where all agree."""
    outcome, after = pack_outcome(vector.outcome), bytearray(before)
    for place, value in vector.changes:
        _WORD.pack_into(after, 8 * place, value)
    if ours != (outcome, after):
        found = _first(outcome, after, ours[0], ours[1])
        return f"the reference changed since: {found.record}.{found.word} was `{found.reference}`, is `{found.kernel}`"
    if theirs != outcome or not kernel.holds(after):
        return str(_first(outcome, after, theirs, kernel.state()))
    return ""


def _first(outcome: bytes, state: bytearray, other_outcome: bytes, other_state: bytes | bytearray) -> Difference:
    if outcome != other_outcome:
        return difference("outcome", outcome, other_outcome)
    return difference("state", state, bytes(other_state))


class _Mirror:
    """The bytes of one state after the other; only the records that are others than before are written."""

    def __init__(self) -> None:
        self._state = State()
        self._bytes = fresh_buffer(self._state)

    def of(self, state: State) -> bytes:
        old, buffer = self._state, self._bytes
        if state.account is not old.account:
            write_account(buffer, state.account)
        for index, instrument in enumerate(state.instruments):
            if instrument is not old.instruments[index]:
                write_instrument(buffer, index, instrument)
        for index, slot in enumerate(state.slots):
            if slot is not old.slots[index]:
                write_slot(buffer, index, slot, None)
        self._state = state
        return bytes(buffer)
