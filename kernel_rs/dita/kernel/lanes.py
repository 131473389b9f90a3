"""Reusable memory for inputs and outcomes, and the kernel's bare functions over it: no packing, no exception, no lock.

What a call costs is the call itself, so the fast ways are these: one pointer to a ready call (``ReadyCalls.step``),
bare integers (``ReadyCalls.step_order``), many inputs at once (``Lane.step_batch``). Each answers a status for
``dita.kernel.errors.raise_for``. This memory is for one thread. When the kernel is closed it stays memory, and every
call answers that the kernel is closed.
"""

import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Protocol

from dita.kernel.errors import BufferRefused, WordRefused
from dita.spec.inputs import Input
from dita.spec.layout import word_names
from dita.spec.outcome import Outcome

INPUT: Final = struct.Struct(f"<{len(word_names(Input))}q")
OUTCOME: Final = struct.Struct(f"<{len(word_names(Outcome))}q")
_INPUT_NAMES: Final = word_names(Input)
_HANDLE_BYTES: Final = 8
_CALL_BYTES: Final = _HANDLE_BYTES + INPUT.size + OUTCOME.size

Pointer = Any
"""A cffi pointer or array; cffi itself checks its type at every call."""


class StepFunctions(Protocol):
    """The functions of ``dita_kernel.h`` beyond identity, under their names there."""

    dita_open: Callable[[], int]
    dita_close: Callable[[int], int]
    dita_step: Callable[[int, Pointer, Pointer], int]
    dita_step_call: Callable[[Pointer], int]
    dita_step_order: Callable[[int, int, int, int, int, int, int, int, int, Pointer], int]
    dita_step_batch: Callable[[int, Pointer, int, Pointer], int]
    dita_snapshot: Callable[[int, Pointer, int], int]
    dita_restore: Callable[[int, Pointer, int], int]
    dita_read_focus: Callable[[int, int, int, Pointer, Pointer, Pointer], int]
    dita_step_state: Callable[[Pointer, Pointer, Pointer], int]
    dita_step_state_batch: Callable[[Pointer, Pointer, int, Pointer], int]
    dita_step_focus: Callable[[Pointer, Pointer, Pointer, Pointer, Pointer], int]
    dita_noop: Callable[[Pointer], None]


def pack_input(event: Input, buffer: Any, offset: int = 0) -> None:
    """Write an input's words into a writable buffer. Raises WordRefused, naming the field."""
    try:
        INPUT.pack_into(buffer, offset, *event[:-1], *event.ratios)
    except (struct.error, TypeError) as problem:
        raise WordRefused(_first_bad_word(event)) from problem


def unpack_outcome(buffer: Any, offset: int = 0) -> Outcome:
    """The outcome whose words stand in a buffer."""
    return Outcome._make(OUTCOME.unpack_from(buffer, offset))


def _first_bad_word(event: Input) -> str:
    words: tuple[object, ...] = (*event[:-1], *event.ratios)
    for name, word in zip(_INPUT_NAMES, words, strict=False):
        if not _is_word(word):
            return f"{name}: `{word!r}` is no signed 64-bit integer; check its unit against `dita.spec.scales`"
    return f"ratios: `{len(event.ratios)}` given; give {len(_INPUT_NAMES) - len(event) + 1}, the unused ones 0"


def _is_word(value: object) -> bool:
    return isinstance(value, int) and -(2**63) <= value < 2**63


class Lane:
    """Inputs and outcomes side by side: for one input at a time, and for many in one call.

    Fill ``input_bytes`` (or ``write``), call, read ``outcome_bytes`` (or ``outcome``).
    """

    def __init__(self, ffi: Any, lib: StepFunctions, handle: int, count: int) -> None:
        """Reserve the memory; ``Kernel.lane`` is the way here."""
        self.count = count
        self.handle = handle
        self.inputs: Pointer = ffi.new("struct dita_input[]", count)
        self.outcomes: Pointer = ffi.new("struct dita_outcome[]", count)
        self.input_bytes = memoryview(ffi.buffer(self.inputs)).cast("B")
        self.outcome_bytes = memoryview(ffi.buffer(self.outcomes)).cast("B")
        self.step: Callable[[], int] = partial(lib.dita_step, handle, self.inputs, self.outcomes)
        """Take the first input; answers the status."""
        self.step_batch: Callable[[Pointer, int, Pointer], int] = partial(lib.dita_step_batch, handle)
        """Take inputs in turn: where they are, how many, where the outcomes go. Answers the status."""

    def write(self, events: Sequence[Input]) -> None:
        """Put inputs at the front. Raises WordRefused, BufferRefused when there are more than fit."""
        if len(events) > self.count:
            raise BufferRefused(f"`{len(events)}` inputs in a lane for `{self.count}`; ask for a larger lane")
        for index, event in enumerate(events):
            pack_input(event, self.input_bytes, index * INPUT.size)

    def outcome(self, index: int = 0) -> Outcome:
        """The outcome at a place. Raises BufferRefused."""
        return unpack_outcome(self.outcome_bytes, _checked(index, self.count) * OUTCOME.size)

    def all_outcomes(self) -> list[Outcome]:
        """The outcomes at all places."""
        return [Outcome._make(words) for words in OUTCOME.iter_unpack(self.outcome_bytes)]


class ReadyCalls:
    """``count`` ready calls, each a handle, an input and room for its outcome behind one pointer: the fastest way in.

    ``step(calls.pointers[i])`` takes input ``i``. Fill an input with ``write``, or with ``struct.pack_into`` into
    ``memory`` at ``input_offset(i)``. Each of ``pointers`` and ``outcomes`` keeps the whole memory alive; a pointer
    computed from one of them does not.
    """

    def __init__(self, ffi: Any, lib: StepFunctions, handle: int, count: int) -> None:
        """Reserve the memory; ``Kernel.ready_calls`` is the way here."""
        self.count = count
        self.handle = handle
        self.calls: Pointer = ffi.new("struct dita_call[]", count)
        self.pointers: tuple[Pointer, ...] = tuple(
            _keeping(ffi, self.calls + index, self.calls) for index in range(count)
        )
        self.outcomes: tuple[Pointer, ...] = tuple(
            _keeping(ffi, ffi.addressof(self.calls[index], "outcome"), self.calls) for index in range(count)
        )
        self.memory = memoryview(ffi.buffer(self.calls)).cast("B")
        for pointer in self.pointers:
            pointer.handle = handle
        self.step = lib.dita_step_call
        """Take one ready call's input, by its pointer. The C function itself: a wrapper would cost as much again."""
        self.step_order = lib.dita_step_order
        """Take an ORDER from integers: ``handle``, slot, instrument, trade, attempt, quantity, quote, done, time_ns,
        and an outcome pointer (one of ``outcomes``)."""

    def input_offset(self, index: int) -> int:
        """Where in ``memory`` the words of an input begin, in bytes. Raises BufferRefused."""
        return _checked(index, self.count) * _CALL_BYTES + _HANDLE_BYTES

    def write(self, index: int, event: Input) -> None:
        """Put an input into a call. Raises WordRefused, BufferRefused."""
        pack_input(event, self.memory, self.input_offset(index))

    def outcome(self, index: int) -> Outcome:
        """The outcome of a call that was made. Raises BufferRefused."""
        return unpack_outcome(self.memory, self.input_offset(index) + INPUT.size)


def _keeping(ffi: Any, pointer: Pointer, memory: Pointer) -> Pointer:
    """The pointer, and with it the memory that it points into: by itself a pointer of cffi owns nothing."""

    def release(_: Pointer, held: Pointer = memory) -> None:
        """Nothing to do; holding was all."""

    return ffi.gc(pointer, release)


def _checked(index: int, count: int) -> int:
    if not 0 <= index < count:
        raise BufferRefused(f"place `{index}` of `{count}`; ask for more")
    return index
