"""The kernel as a Python object: its life, snapshots, batches, lanes, and errors that name the field."""

import gc
import struct
import weakref
from random import Random
from typing import Any

import pytest

from dita.kernel.binding import FocusRecords, Kernel, raise_for
from dita.kernel.errors import BufferRefused, KernelClosed, StateRefused, WordRefused
from dita.kernel.loader import RawKernel
from dita.reference import step
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.layout import pack, unpack, word_names
from dita.spec.outcome import Outcome
from dita.spec.scales import BOUND
from dita.spec.state import State, initial_state
from dita.spec.vocabulary import Code, Kind, Mode, Verdict
from kernel_walk import Walk


def walked(seed: int, steps: int) -> tuple[list[Input], list[Outcome], State]:
    """A walk's inputs, and what the reference makes of them."""
    walk, state = Walk(seed), initial_state()
    opening = walk.opening()
    events: list[Input] = []
    outcomes: list[Outcome] = []
    for _ in range(steps):
        events.append(next(opening, None) or walk.next(state))
        state, outcome = step(state, events[-1])
        outcomes.append(outcome)
    return events, outcomes, state


def test_closed_once_and_refused_from_then_on(raw_kernel: RawKernel) -> None:
    """A kernel closes at the end of its block; every later call says so, closing it again included."""
    kernel = Kernel(raw_kernel)
    with kernel:
        lane, ready = kernel.lane(), kernel.ready_calls()
    assert repr(kernel).endswith("closed)")
    late = (
        lambda: kernel.step(Input()), lambda: kernel.step_batch([Input()]), kernel.state, kernel.snapshot, kernel.close,
        lambda: kernel.restore(pack(initial_state())), lambda: kernel.focus(0, 0), kernel.lane, kernel.ready_calls,
    )  # fmt: skip
    for call in late:
        with pytest.raises(KernelClosed, match="open a new one"):
            call()
    for status in (lane.step(), ready.step(ready.pointers[0])):
        with pytest.raises(KernelClosed):
            raise_for(status)


def test_closing_inside_the_block_is_enough(raw_kernel: RawKernel) -> None:
    """The block's end does not close a second time."""
    with Kernel(raw_kernel) as kernel:
        kernel.close()
    assert repr(kernel).endswith("closed)")


def test_a_snapshot_brings_back_the_same_kernel(raw_kernel: RawKernel) -> None:
    """Restored into another kernel, a snapshot is the same bytes, and the rest of the walk goes the same way."""
    events, outcomes, state = walked(5, 300)
    with Kernel(raw_kernel) as first, Kernel(raw_kernel) as second:
        first.step_batch(events[:200])
        content = first.snapshot()
        second.restore(content)

        assert second.snapshot() == content
        assert second.step_batch(events[200:]) == outcomes[200:]
        assert second.state() == state
        assert first.snapshot() == content


@pytest.mark.parametrize("cut", [1, 2, 7, 63, 64, 299])
def test_a_batch_is_the_fold_of_its_steps(raw_kernel: RawKernel, cut: int) -> None:
    """However a walk is cut into batches, outcomes and state are those of single steps."""
    events, outcomes, state = walked(11, 300)
    with Kernel(raw_kernel) as kernel:
        found = [outcome for at in range(0, 300, cut) for outcome in kernel.step_batch(events[at : at + cut])]

        assert found == outcomes
        assert kernel.snapshot() == pack(state)
        assert kernel.step_batch([]) == []


def test_a_state_out_of_range_is_not_taken(raw_kernel: RawKernel) -> None:
    """Each word beyond its range, one at a time, is refused, and the kernel keeps the state it had."""
    _, _, state = walked(5, 120)
    good = pack(state)
    names = word_names(State)
    rng = Random(2)
    places = [*range(25), *range(25, 38), *range(857, 948), *rng.sample(range(len(names)), 60)]
    with Kernel(raw_kernel) as kernel:
        kernel.restore(good)
        for place in places:
            for value in (-(2**63), 2**63 - 1):
                if value > 0 and names[place].endswith("_rows"):
                    continue  # rows are compared only: any number from 0 on is one
                bad = bytearray(good)
                bad[8 * place : 8 * place + 8] = value.to_bytes(8, "little", signed=True)
                with pytest.raises(StateRefused):
                    kernel.restore(bytes(bad))
        assert kernel.snapshot() == good


@pytest.mark.parametrize("length", [0, 8, len(pack(initial_state())) - 1, len(pack(initial_state())) + 8])
def test_a_snapshot_of_another_length_is_refused(raw_kernel: RawKernel, length: int) -> None:
    """The message says how many bytes there are and how many a state has."""
    with Kernel(raw_kernel) as kernel, pytest.raises(StateRefused, match=f"`{length}` bytes"):
        kernel.restore(bytes(length))


def test_a_state_whose_divisors_would_be_zero_is_not_taken(raw_kernel: RawKernel) -> None:
    """A live trade without a registered instrument, a registered instrument without a lot, more out than in."""
    state = initial_state()
    slot, instrument = state.slots[0], state.instruments[0]
    sound = instrument._replace(registered=1, lot=1, tick=1, price_max=1, quantity_max=1)
    more_out = slot._replace(closed=slot.closed._replace(external_quantity=1))
    damaged = (
        state._replace(slots=(slot._replace(phase=4), *state.slots[1:])),
        state._replace(instruments=(sound._replace(lot=0), *state.instruments[1:])),
        state._replace(slots=(more_out, *state.slots[1:])),
    )
    with Kernel(raw_kernel) as kernel:
        kernel.restore(pack(state._replace(instruments=(sound, *state.instruments[1:]))))
        for each in damaged:
            with pytest.raises(StateRefused):
                kernel.restore(pack(each))


def test_focus_is_the_part_a_step_can_change(raw_kernel: RawKernel) -> None:
    """The three records read out alone are those of the whole state."""
    events, _, state = walked(5, 200)
    with Kernel(raw_kernel) as kernel:
        kernel.step_batch(events)
        for slot, instrument in ((0, 0), (2, 1), (15, 63)):
            wanted = FocusRecords(state.account, state.instruments[instrument], state.slots[slot])
            assert kernel.focus(slot, instrument) == wanted
        with pytest.raises(BufferRefused, match="no such slot"):
            kernel.focus(16, 0)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (Input(quantity=2**63), "quantity"),
        (Input(mode=-(2**63) - 1), "mode"),
        (Input(ratios=(0,) * 7), "ratios"),
        (Input(ratios=(0, 2**64, 0, 0, 0, 0, 0, 0)), r"ratios\[1\]"),
    ],
)
def test_a_word_that_does_not_fit_is_named(raw_kernel: RawKernel, event: Input, field: str) -> None:
    """An input that is no record of 64-bit integers never reaches the kernel; the message names the field."""
    with Kernel(raw_kernel) as kernel:
        before = kernel.snapshot()
        with pytest.raises(WordRefused, match=field):
            kernel.step(event)
        with pytest.raises(WordRefused, match=field):
            kernel.step_batch([inputs.set_mode(Mode.HALTED), event])
        assert kernel.snapshot() == before


def test_a_float_never_crosses(raw_kernel: RawKernel) -> None:
    """Not even one that is a whole number."""
    amount: Any = 1.0
    event = Input(kind=Kind.SEED, amount=amount)
    with Kernel(raw_kernel) as kernel, pytest.raises(WordRefused, match=r"amount: `1\.0`"):
        kernel.step(event)


def test_the_fast_ways_are_the_same_step(raw_kernel: RawKernel) -> None:
    """A lane, ready calls and an order from integers give the outcomes of ``step``."""
    events, outcomes, _ = walked(21, 250)
    with Kernel(raw_kernel) as by_lane, Kernel(raw_kernel) as by_call, Kernel(raw_kernel) as by_integers:
        lane, calls, plain = by_lane.lane(3), by_call.ready_calls(3), by_integers.ready_calls()
        for number, (event, outcome) in enumerate(zip(events, outcomes, strict=True)):
            lane.write([event])
            raise_for(lane.step())
            assert lane.outcome() == outcome
            calls.write(number % 3, event)
            raise_for(calls.step(calls.pointers[number % 3]))
            assert calls.outcome(number % 3) == outcome
            if event.kind == Kind.ORDER and event == bare_order(event):
                numbers = (event.trade, event.attempt, event.quantity, event.quote, event.done, event.time_ns)
                raise_for(plain.step_order(plain.handle, event.slot, event.instrument, *numbers, plain.outcomes[0]))
                assert plain.outcome(0) == outcome
            else:
                assert by_integers.step(event) == outcome
        assert by_lane.snapshot() == by_call.snapshot() == by_integers.snapshot()


@pytest.mark.parametrize("name", ["pointers", "outcomes"])
def test_a_pointer_keeps_the_memory_of_its_calls(raw_kernel: RawKernel, name: str) -> None:
    """Whoever keeps one pointer keeps what it points into; with the last pointer the memory goes."""
    with Kernel(raw_kernel) as kernel:
        calls = kernel.ready_calls(2)
        memory, pointer = weakref.ref(calls.calls), getattr(calls, name)[1]
        del calls
        gc.collect()
        assert memory() is not None
        del pointer
        gc.collect()
        assert memory() is None


def bare_order(event: Input) -> Input:
    """The order with nothing but an order's fields."""
    return inputs.order(
        slot=event.slot, instrument=event.instrument, trade=event.trade, attempt=event.attempt,
        quantity=event.quantity, quote=event.quote, done=bool(event.done), time_ns=event.time_ns,
    )  # fmt: skip


def test_memory_has_its_size(raw_kernel: RawKernel) -> None:
    """Places beyond a lane's or ready calls' memory are refused by number; so is memory for nothing."""
    with Kernel(raw_kernel) as kernel:
        lane, calls = kernel.lane(2), kernel.ready_calls(2)
        for call in (
            lambda: lane.write([Input()] * 3), lambda: lane.outcome(2), lambda: lane.outcome(-1),
            lambda: calls.write(2, Input()), lambda: calls.outcome(-1), lambda: kernel.lane(0),
            lambda: kernel.ready_calls(-1),
        ):  # fmt: skip
            with pytest.raises(BufferRefused, match="ask for"):
                call()


def test_packing_is_that_of_the_layout(raw_kernel: RawKernel) -> None:
    """The binding's own packing of inputs and outcomes is the layout's, byte for byte."""
    event = unpack(Input, struct.pack("<44q", *range(44)))
    with Kernel(raw_kernel) as kernel:
        lane = kernel.lane()
        lane.write([event])

        assert bytes(lane.input_bytes) == pack(event)
        lane.outcome_bytes[:] = pack(Outcome(*range(22)))
        assert lane.outcome() == unpack(Outcome, bytes(lane.outcome_bytes)) == Outcome(*range(22))


def test_the_first_state_is_that_of_the_spec(raw_kernel: RawKernel) -> None:
    """A new kernel is in the spec's initial state, byte for byte, and answers an empty input."""
    with Kernel(raw_kernel) as kernel:
        assert kernel.snapshot() == pack(initial_state())
        assert kernel.step(Input()) == Outcome(Verdict.REFUSED, Code.BAD_KIND)
        assert kernel.step(inputs.seed(amount=BOUND + 1, time_ns=1)).code == Code.BAD_VALUE
