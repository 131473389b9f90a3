"""An open kernel as a Python object.

``Kernel`` is the whole of it: inputs and outcomes are the records of ``dita.spec``, every status of the C interface is
an exception of ``dita.kernel.errors``, and refusals are ordinary outcomes. A kernel serves one thread at a time; a
second one gets ``KernelBusy`` at once. For callers to whom a microsecond matters, ``Kernel.lane`` and
``Kernel.ready_calls`` (``dita.kernel.lanes``) give reusable memory and the bare functions over it.
"""

from collections.abc import Sequence
from threading import Lock
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, cast

from dita.kernel.errors import BUSY, CLOSED, BufferRefused, StateRefused, raise_for
from dita.kernel.lanes import Lane, ReadyCalls, StepFunctions
from dita.kernel.loader import RawKernel
from dita.spec.inputs import Input
from dita.spec.layout import size_of, unpack
from dita.spec.outcome import Outcome
from dita.spec.state import Account, Instrument, Slot, State

__all__ = ["FocusContent", "FocusRecords", "Kernel", "raise_for"]

_STATE_BYTES: Final = size_of(State)


class FocusRecords(NamedTuple):
    """The only records that a step on one slot and one instrument can change."""

    account: Account
    instrument: Instrument
    slot: Slot


class FocusContent(NamedTuple):
    """The same as bytes, laid out as ``dita.spec.layout`` says."""

    account: bytes
    instrument: bytes
    slot: bytes


class Kernel:
    """One open kernel of a loaded image. A context manager; once it is closed, every call raises KernelClosed."""

    def __init__(self, raw: RawKernel) -> None:
        """Open it in the first state. Raises KernelTableFull."""
        self._ffi: Any = raw.ffi
        self._lib = cast("StepFunctions", raw.lib)
        handle = self._lib.dita_open()
        if handle < 0:
            raise_for(-handle)
        self._handle = handle
        self._closed = False
        self._busy = Lock()  # keeps a second thread out of the memory below; never waited for
        self._ready = ReadyCalls(self._ffi, self._lib, handle, 1)
        self._state = self._ffi.new("struct dita_state *")
        self._focus = tuple(self._ffi.new(f"struct dita_{name} *") for name in ("account", "instrument", "slot"))

    @property
    def handle(self) -> int:
        """The kernel's number in the C interface."""
        return self._handle

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def step(self, event: Input) -> Outcome:
        """Take one input and say what must be done about it. Raises KernelClosed, KernelBusy, WordRefused."""
        self._enter()
        try:
            ready = self._ready
            ready.write(0, event)
            raise_for(ready.step(ready.calls))
            return ready.outcome(0)
        finally:
            self._busy.release()

    def step_batch(self, events: Sequence[Input]) -> list[Outcome]:
        """The same as ``step`` for each in turn, in one call: all are packed before the first is taken."""
        if not events:
            return []
        lane = self.lane(len(events))
        lane.write(events)
        self._enter()
        try:
            raise_for(lane.step_batch(lane.inputs, len(events), lane.outcomes))
        finally:
            self._busy.release()
        return lane.all_outcomes()

    def state(self) -> State:
        """The whole state. Raises KernelClosed, KernelBusy."""
        return unpack(State, self.snapshot())

    def focus(self, slot: int, instrument: int) -> FocusRecords:
        """What a step on this slot and instrument can change. Raises BufferRefused when there is no such place."""
        account, contract, place = self.focus_content(slot, instrument)
        return FocusRecords(unpack(Account, account), unpack(Instrument, contract), unpack(Slot, place))

    def focus_content(self, slot: int, instrument: int) -> FocusContent:
        """The same as bytes. Raises BufferRefused when there is no such place."""
        self._enter()
        try:
            raise_for(self._lib.dita_read_focus(self._handle, slot, instrument, *self._focus))
            account, contract, place = self._focus
            buffer = self._ffi.buffer
            return FocusContent(bytes(buffer(account)), bytes(buffer(contract)), bytes(buffer(place)))
        finally:
            self._busy.release()

    def snapshot(self) -> bytes:
        """The whole state as bytes, laid out as ``dita.spec.layout`` says. Raises KernelClosed, KernelBusy."""
        self._enter()
        try:
            raise_for(self._lib.dita_snapshot(self._handle, self._state, _STATE_BYTES))
            return bytes(self._ffi.buffer(self._state))
        finally:
            self._busy.release()

    def restore(self, content: bytes) -> None:
        """Put back what ``snapshot`` gave. Raises StateRefused; then the kernel keeps the state it had."""
        if len(content) != _STATE_BYTES:
            raise StateRefused(f"`{len(content)}` bytes are no state; restore the {_STATE_BYTES} that `snapshot` gave")
        self._enter()
        try:
            raise_for(self._lib.dita_restore(self._handle, self._ffi.from_buffer(content), len(content)))
        finally:
            self._busy.release()

    def lane(self, count: int = 1) -> Lane:
        """Memory for that many inputs and outcomes side by side. Raises BufferRefused below 1, KernelClosed."""
        return Lane(self._ffi, self._lib, self._open_handle(), _at_least_one(count))

    def ready_calls(self, count: int = 1) -> ReadyCalls:
        """Memory for that many ready calls. Raises BufferRefused below 1, KernelClosed."""
        return ReadyCalls(self._ffi, self._lib, self._open_handle(), _at_least_one(count))

    def close(self) -> None:
        """Give the kernel back. Raises KernelClosed the second time, KernelBusy while another thread is inside."""
        self._enter()
        try:
            raise_for(self._lib.dita_close(self._handle))
            self._closed = True
        finally:
            self._busy.release()

    def __enter__(self) -> Self:
        """The kernel itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it, unless that was done inside."""
        if not self._closed:
            self.close()

    def __repr__(self) -> str:
        """Its handle and whether it is open."""
        return f"Kernel(handle={self._handle}, {'closed' if self._closed else 'open'})"

    def _open_handle(self) -> int:
        if self._closed:
            raise_for(CLOSED)
        return self._handle

    def _enter(self) -> None:
        """Take the lock or be refused; whoever calls this releases it."""
        if self._closed:
            raise_for(CLOSED)
        if not self._busy.acquire(blocking=False):
            raise_for(BUSY)


def _at_least_one(count: int) -> int:
    if count < 1:
        raise BufferRefused(f"memory for `{count}` inputs; ask for at least 1")
    return count
