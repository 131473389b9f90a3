"""Handles misused: closed, made up, shared by two threads at once, too many. Refused by name, never anything else."""

from collections.abc import Iterator
from random import Random
from threading import Barrier, Event, Thread
from typing import Any

import pytest

from dita.kernel.binding import Kernel, raise_for
from dita.kernel.errors import BufferRefused, KernelBusy, KernelClosed, KernelTableFull, StateRefused
from dita.kernel.loader import RawKernel
from dita.reference import step
from dita.spec import inputs
from dita.spec.layout import pack, size_of
from dita.spec.outcome import Outcome
from dita.spec.state import State, initial_state
from dita.spec.vocabulary import Mode, Verdict

OK, BAD_HANDLE, BUSY, BAD_LENGTH, BAD_STATE, TABLE_FULL, BAD_POINTER, BAD_INDEX = range(8)
STATE = size_of(State)


class Calls:
    """Every function that takes a handle, with memory of its own."""

    def __init__(self, raw: RawKernel) -> None:
        self.ffi: Any = raw.ffi
        self.lib: Any = raw.lib
        self.input: Any = self.ffi.new("struct dita_input *")
        self.outcome: Any = self.ffi.new("struct dita_outcome *")
        self.call: Any = self.ffi.new("struct dita_call *")
        self.state: Any = self.ffi.new("struct dita_state *")
        self.records: Any = [self.ffi.new(f"struct dita_{name} *") for name in ("account", "instrument", "slot")]
        self.ffi.buffer(self.state)[:] = pack(initial_state())

    def statuses(self, handle: int) -> set[int]:
        """What each function answers for the handle."""
        self.call.handle = handle
        return {
            self.lib.dita_step(handle, self.input, self.outcome),
            self.lib.dita_step_call(self.call),
            self.lib.dita_step_order(handle, 0, 0, 1, 0, 0, 0, 0, 0, self.outcome),
            self.lib.dita_step_batch(handle, self.input, 1, self.outcome),
            self.lib.dita_snapshot(handle, self.state, STATE),
            self.lib.dita_restore(handle, self.state, STATE),
            self.lib.dita_read_focus(handle, 0, 0, *self.records),
        }


@pytest.fixture
def calls(raw_kernel: RawKernel) -> Calls:
    """The functions of the C interface."""
    return Calls(raw_kernel)


@pytest.fixture
def handle(calls: Calls) -> Iterator[int]:
    """An open kernel, by its number."""
    opened = calls.lib.dita_open()
    assert opened > 0
    yield opened
    calls.lib.dita_close(opened)


def test_a_closed_handle_is_dead_whatever_is_opened_after_it(calls: Calls) -> None:
    """After closing, every function refuses the handle, also when its place holds another kernel; closing again too."""
    first = calls.lib.dita_open()
    assert calls.statuses(first) == {OK}
    assert calls.lib.dita_close(first) == OK
    second = calls.lib.dita_open()

    assert second != first
    assert second % 64 == first % 64, "the free place is used again"
    assert calls.statuses(first) == {BAD_HANDLE}
    assert calls.lib.dita_close(first) == BAD_HANDLE
    assert calls.statuses(second) == {OK}
    assert calls.lib.dita_close(second) == OK


def test_made_up_handles_are_refused(calls: Calls, handle: int) -> None:
    """Zero, negative, huge and random numbers, and neighbours of an open one, are no handles; the open one is well."""
    rng = Random(1)
    made_up = {0, -1, -handle, 1, 63, 64, 2**63 - 1, -(2**63), handle + 64, handle - 64, handle ^ 1, handle + 2**40}
    made_up |= {rng.getrandbits(64) - 2**63 for _ in range(500)}
    for number in made_up - {handle}:
        assert calls.statuses(number) == {BAD_HANDLE}, number
        assert calls.lib.dita_close(number) == BAD_HANDLE
    assert calls.statuses(handle) == {OK}


def test_kernels_are_apart(raw_kernel: RawKernel) -> None:
    """What one kernel is told, another does not know."""
    with Kernel(raw_kernel) as one, Kernel(raw_kernel) as other:
        one.step(inputs.set_mode(Mode.HALTED))

        assert one.state().account.mode == Mode.HALTED
        assert other.state() == initial_state()


def test_sixty_four_kernels_and_no_more(raw_kernel: RawKernel) -> None:
    """64 kernels are open at once, one more is refused by name; a closed one makes room for one in the first state."""
    kernels = [Kernel(raw_kernel) for _ in range(64)]
    with pytest.raises(KernelTableFull, match="close one"):
        Kernel(raw_kernel)
    kernels[17].step(inputs.set_mode(Mode.HALTED))
    kernels[17].close()

    with Kernel(raw_kernel) as late:
        assert late.state() == initial_state()
    for index, kernel in enumerate(kernels):
        if index != 17:
            kernel.close()


def test_a_second_thread_inside_is_refused_and_touches_nothing(calls: Calls, handle: int) -> None:
    """While one thread runs a batch, another gets BUSY from every function at once, and its outcome stays unwritten."""
    count = 60_000
    batch = calls.ffi.new("struct dita_input[]", count)
    outcomes = calls.ffi.new("struct dita_outcome[]", count)
    stop, start = Event(), Barrier(2)

    def run() -> None:
        start.wait()
        while not stop.is_set():
            assert calls.lib.dita_step_batch(handle, batch, count, outcomes) in (OK, BUSY)

    busy: set[int] = set()
    worker = Thread(target=run)
    worker.start()
    start.wait()
    mine = bytes(calls.ffi.buffer(calls.outcome))
    try:
        for _ in range(100_000):
            status = calls.lib.dita_step(handle, calls.input, calls.outcome)
            assert status in (OK, BUSY)
            if status == BUSY:
                busy |= calls.statuses(handle) | {calls.lib.dita_close(handle)}
            else:
                calls.ffi.buffer(calls.outcome)[:] = mine
            if BUSY in busy and bytes(calls.ffi.buffer(calls.outcome)) == mine:
                break
    finally:
        stop.set()
        worker.join()

    assert BUSY in busy
    assert busy <= {OK, BUSY, BAD_HANDLE}


def test_two_threads_lose_no_step(raw_kernel: RawKernel) -> None:
    """Two threads that retry on BUSY: each accepted input has its effect exactly once, in one order."""
    calls_of = [Calls(raw_kernel), Calls(raw_kernel)]
    library: Any = raw_kernel.lib
    handle = library.dita_open()
    assert library.dita_step(handle, packed(calls_of[0], inputs.seed(amount=1, time_ns=1)), calls_of[0].outcome) == OK
    accepted = [0, 0]
    start = Barrier(2)

    def run(index: int) -> None:
        mine = calls_of[index]
        start.wait()
        for number in range(1, 20_001):
            mine.input.kind, mine.input.income_kind, mine.input.rows, mine.input.amount = 18, index, number, number
            while (status := library.dita_step(handle, mine.input, mine.outcome)) == BUSY:
                pass
            assert status == OK
            accepted[index] += mine.outcome.verdict == Verdict.ACCEPTED

    threads = [Thread(target=run, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert library.dita_snapshot(handle, calls_of[0].state, STATE) == OK
    ledger = calls_of[0].state.account.ledger
    library.dita_close(handle)

    assert accepted == [20_000, 20_000]
    assert (ledger.funding_rows, ledger.transfer_rows) == (20_000, 20_000)
    assert (ledger.funding, ledger.transfers) == (20_000, 20_000)


def packed(calls: Calls, event: inputs.Input) -> Any:
    """The input in the memory of the calls."""
    calls.ffi.buffer(calls.input)[:] = pack(event)
    return calls.input


def test_a_kernel_object_is_for_one_thread_at_a_time(raw_kernel: RawKernel) -> None:
    """A second thread in the same Kernel gets KernelBusy, not a mixture; afterwards the kernel goes on."""
    events = [inputs.set_mode(Mode.HALTED)] * 5_000
    with Kernel(raw_kernel) as kernel:
        stop, refused = Event(), [0, 0]

        def run() -> None:
            while not stop.is_set():
                try:
                    kernel.step_batch(events)
                except KernelBusy:
                    refused[0] += 1

        worker = Thread(target=run)
        worker.start()
        for _ in range(1_000_000):
            try:
                kernel.snapshot()
            except KernelBusy:
                refused[1] += 1
            if refused[0] + refused[1] > 0:
                break
        stop.set()
        worker.join()

        assert refused[0] + refused[1] > 0  # whichever of the two came second
        kernel.step_batch(events)  # the thread may have been refused each time that it tried
        assert kernel.state() == step(initial_state(), events[0])[0]


def test_lengths_counts_and_pointers_are_checked(calls: Calls, handle: int) -> None:
    """Wrong lengths, impossible counts, null, unaligned and overlapping pointers are refused by name."""
    lib, ffi = calls.lib, calls.ffi
    null = ffi.NULL
    many = ffi.new("struct dita_input[]", 4)
    odd = ffi.cast("struct dita_input *", ffi.cast("char *", many) + 4)
    same = ffi.cast("struct dita_outcome *", many)

    assert lib.dita_snapshot(handle, calls.state, STATE - 8) == BAD_LENGTH
    assert lib.dita_restore(handle, calls.state, STATE + 8) == BAD_LENGTH
    assert lib.dita_restore(handle, calls.state, -1) == BAD_LENGTH
    assert lib.dita_step_batch(handle, many, -1, calls.outcome) == BAD_LENGTH
    assert lib.dita_step_batch(handle, many, 2**62, calls.outcome) == BAD_LENGTH
    assert lib.dita_step_batch(handle, many, 2**54, calls.outcome) in (BAD_LENGTH, BAD_POINTER)
    assert lib.dita_step(handle, null, calls.outcome) == BAD_POINTER
    assert lib.dita_step(handle, calls.input, null) == BAD_POINTER
    assert lib.dita_step(handle, odd, calls.outcome) == BAD_POINTER
    assert lib.dita_step(handle, many + 1, ffi.cast("struct dita_outcome *", many + 1)) == BAD_POINTER
    assert lib.dita_step_batch(handle, many, 4, same + 3) == BAD_POINTER
    assert lib.dita_step_call(null) == BAD_POINTER
    assert lib.dita_snapshot(handle, null, STATE) == BAD_POINTER
    assert lib.dita_restore(handle, null, STATE) == BAD_POINTER
    assert lib.dita_step_state(calls.state, many, ffi.cast("struct dita_outcome *", calls.state)) == BAD_POINTER
    assert lib.dita_step_state(null, many, calls.outcome) == BAD_POINTER
    assert lib.dita_step_focus(*calls.records, many, ffi.cast("struct dita_outcome *", calls.records[2])) == BAD_POINTER
    assert lib.dita_read_focus(handle, 16, 0, *calls.records) == BAD_INDEX
    assert lib.dita_read_focus(handle, 0, -1, *calls.records) == BAD_INDEX
    assert lib.dita_step_batch(handle, many, 0, calls.outcome) == OK


def test_the_header_and_the_errors_have_the_same_numbers(raw_kernel: RawKernel) -> None:
    """Each status of the C interface becomes its exception."""
    library: Any = raw_kernel.lib
    named = (
        (library.DITA_BAD_HANDLE, KernelClosed), (library.DITA_BUSY, KernelBusy),
        (library.DITA_BAD_LENGTH, BufferRefused), (library.DITA_BAD_STATE, StateRefused),
        (library.DITA_TABLE_FULL, KernelTableFull), (library.DITA_BAD_POINTER, BufferRefused),
        (library.DITA_BAD_INDEX, BufferRefused),
    )  # fmt: skip
    for status, error in named:
        with pytest.raises(error):
            raise_for(status)
    raise_for(library.DITA_OK)
    assert Outcome().verdict == Verdict.REFUSED
