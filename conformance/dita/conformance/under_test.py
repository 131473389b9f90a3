"""What is compared with the reference: a narrow view of a step function on bytes, and wrappers that plant a fault."""

from pathlib import Path
from typing import Any, Protocol

from dita.conformance.encoding import (
    INPUT_BYTES,
    OUTCOME_BYTES,
    fresh_buffer,
    pack_outcome,
    unpack_input,
    write_changes,
)
from dita.kernel.binding import Kernel, raise_for
from dita.kernel.loader import RawKernel, load_for_conformance
from dita.reference import step
from dita.spec.layout import unpack
from dita.spec.state import State
from dita.spec.vocabulary import Verdict


class StepUnderTest(Protocol):
    """A kernel with one state of its own. All records are the bytes of ``dita.spec.layout``."""

    def load(self, state: bytes | bytearray, /) -> None:
        """Replace the state."""
        ...

    def step(self, event: bytes, /) -> bytes:
        """Carry out one input on the state and give the outcome."""
        ...

    def batch(self, events: bytes, /) -> bytes:
        """Carry out inputs laid end to end; the outcomes laid end to end."""
        ...

    def holds(self, expected: bytearray, /) -> bool:
        """Whether the state's bytes are exactly ``expected``."""
        ...

    def state(self) -> bytes:
        """A copy of the state's bytes."""
        ...


class Mapped(Protocol):
    """A library of step functions and the cffi that it was opened with, whoever built it."""

    @property
    def ffi(self) -> Any:
        """The cffi; it checks the types of its pointers at every call."""
        ...

    @property
    def lib(self) -> Any:
        """The functions of ``dita_kernel.h``."""
        ...


class CallerMemory:
    """The image's step on memory of ours (``dita_step_state``), whatever bits that memory holds."""

    def __init__(self, mapped: Mapped) -> None:
        ffi, lib = mapped.ffi, mapped.lib
        self._ffi = ffi
        self._step = lib.dita_step_state
        self._batch = lib.dita_step_state_batch
        self._state_pointer = ffi.new("struct dita_state *")
        self._input_pointer = ffi.new("struct dita_input *")
        self._outcome_pointer = ffi.new("struct dita_outcome *")
        self._state = ffi.buffer(self._state_pointer)
        self._input = ffi.buffer(self._input_pointer)
        self._outcome = ffi.buffer(self._outcome_pointer)

    def load(self, state: bytes | bytearray, /) -> None:
        """Replace the state."""
        self._state[:] = state

    def step(self, event: bytes, /) -> bytes:
        """Carry out one input."""
        self._input[:] = event
        raise_for(self._step(self._state_pointer, self._input_pointer, self._outcome_pointer))
        return bytes(self._outcome)

    def batch(self, events: bytes, /) -> bytes:
        """Carry out inputs laid end to end, in one call."""
        count = len(events) // INPUT_BYTES
        inputs = self._ffi.from_buffer("struct dita_input[]", events)
        outcomes = self._ffi.new("struct dita_outcome[]", count)
        raise_for(self._batch(self._state_pointer, inputs, count, outcomes))
        return bytes(self._ffi.buffer(outcomes))

    def holds(self, expected: bytearray, /) -> bool:
        """Whether the state's bytes are exactly ``expected``."""
        return bool(expected == self._state)

    def state(self) -> bytes:
        """A copy of the state's bytes."""
        return bytes(self._state)


class ByHandle:
    """The image's step on a state of its own, behind a handle; ``load`` is a restore and ``state`` a snapshot."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._lane = kernel.lane()

    def load(self, state: bytes | bytearray, /) -> None:
        """Restore a snapshot."""
        self._kernel.restore(bytes(state))

    def step(self, event: bytes, /) -> bytes:
        """Carry out one input."""
        self._lane.input_bytes[:] = event
        raise_for(self._lane.step())
        return bytes(self._lane.outcome_bytes)

    def batch(self, events: bytes, /) -> bytes:
        """Carry out inputs laid end to end, in one call."""
        count = len(events) // INPUT_BYTES
        lane = self._kernel.lane(count)
        lane.input_bytes[:] = events
        raise_for(lane.step_batch(lane.inputs, count, lane.outcomes))
        return bytes(lane.outcome_bytes[: count * OUTCOME_BYTES])

    def holds(self, expected: bytearray, /) -> bool:
        """Whether a snapshot is exactly ``expected``."""
        return memoryview(expected) == memoryview(self._kernel.snapshot())

    def state(self) -> bytes:
        """A snapshot."""
        return self._kernel.snapshot()


def open_image(image: Path) -> RawKernel:
    """Map an image for testing; a process holds one image for its life. Raises ImageRefused."""
    return load_for_conformance(image)


class ReferenceStandIn:
    """The reference behind the same narrow view: a second state with encoding and decoding in between."""

    def __init__(self) -> None:
        self._state = State()
        self._bytes = fresh_buffer(self._state)

    def load(self, state: bytes | bytearray, /) -> None:
        """Replace the state."""
        self._state = unpack(State, bytes(state))
        self._bytes = bytearray(state)

    def step(self, event: bytes, /) -> bytes:
        """Carry out one input."""
        decoded = unpack_input(event)
        after, outcome = step(self._state, decoded)
        write_changes(self._bytes, self._state, after, decoded)
        self._state = after
        return pack_outcome(outcome)

    def batch(self, events: bytes, /) -> bytes:
        """Carry out inputs one after the other."""
        size = INPUT_BYTES
        return b"".join(self.step(events[at : at + size]) for at in range(0, len(events), size))

    def holds(self, expected: bytearray, /) -> bool:
        """Whether the state's bytes are exactly ``expected``."""
        return self._bytes == expected

    def state(self) -> bytes:
        """A copy of the state's bytes."""
        return bytes(self._bytes)


class Canary:
    """A fault planted in the driver's view of a kernel: one word of state or outcome flips after the k-th hit.

    A hit is an accepted step of ``kind``. A run that does not find it is void.
    """

    def __init__(self, inner: StepUnderTest, *, kind: int, hits: int, word: int, in_outcome: bool) -> None:
        self._inner = inner
        self._kind = kind.to_bytes(8, "little")
        self._hits = hits
        self._word = word
        self._in_outcome = in_outcome
        self._planted = False

    def load(self, state: bytes | bytearray, /) -> None:
        """Replace the state; the fault, once planted, stays in view."""
        self._inner.load(state)

    def step(self, event: bytes, /) -> bytes:
        """Carry out one input, with the fault from the k-th hit on."""
        outcome = self._inner.step(event)
        accepted = outcome[:8] == Verdict.ACCEPTED.to_bytes(8, "little")
        if accepted and event[:8] == self._kind:
            self._hits -= 1
            self._planted = self._planted or self._hits <= 0
            if self._planted and self._in_outcome:
                return self._flipped(outcome)
        return outcome

    def batch(self, events: bytes, /) -> bytes:
        """Carry out inputs one after the other."""
        return b"".join(self.step(events[at : at + INPUT_BYTES]) for at in range(0, len(events), INPUT_BYTES))

    def holds(self, expected: bytearray, /) -> bool:
        """Compare the faulty view."""
        if self._planted and not self._in_outcome:
            return bytearray(self.state()) == expected
        return self._inner.holds(expected)

    def state(self) -> bytes:
        """The faulty view of the state."""
        state = self._inner.state()
        return self._flipped(state) if self._planted and not self._in_outcome else state

    def _flipped(self, data: bytes) -> bytes:
        at = 8 * self._word % len(data)
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
