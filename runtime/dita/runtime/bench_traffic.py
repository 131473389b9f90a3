"""Rows of the benchmark over random traffic: what a campaign's step costs, and the kernel's own in batched replay.

The inputs are made before, so that neither making them nor counting what is new is timed. More than half of them are
refused, as in a campaign.
"""

import random
from typing import Any, Final

from dita.conformance.differential import Lockstep, Step
from dita.conformance.encoding import fresh_buffer, pack_input
from dita.conformance.generate import Generator
from dita.conformance.under_test import CallerMemory
from dita.kernel.errors import raise_for
from dita.kernel.loader import RawKernel
from dita.reference import step
from dita.runtime.bench_rows import Row, expect
from dita.spec.inputs import Input
from dita.spec.state import State

_SEED: Final = 1
_RUNS: Final = 20
_RUN_LENGTH: Final = 300
_REPEATS: Final = 20  # of the replay: a step takes nanoseconds


class Traffic:
    """Random runs, and the state each of them ends in."""

    def __init__(self) -> None:
        rng = random.Random(_SEED)
        self.runs: list[list[Input]] = []
        self.ends: list[bytearray] = []
        for _ in range(_RUNS):
            source, state = Generator(rng), State()
            run: list[Input] = []
            for _ in range(_RUN_LENGTH):
                run.append(source.next(state))
                state, _ = step(state, run[-1])
            self.runs.append(run)
            self.ends.append(fresh_buffer(state))

    @property
    def steps(self) -> int:
        """How many there are."""
        return _RUNS * _RUN_LENGTH


def traffic_rows(raw: RawKernel, compiled: Step | None) -> list[Row]:
    """Kernel and interpreted reference in lockstep, the same with the compiled one if there is one, and the replay."""
    traffic = Traffic()
    rows = [_lockstep(raw, traffic, step, "campaign_step_r", "random step, reference and kernel, all compared", 500.0)]
    if compiled is not None:
        what = "the same, the reference compiled"
        rows.append(_lockstep(raw, traffic, compiled, "campaign_step_compiled_r", what, 100.0))
    return [*rows, _replay(raw, traffic)]


def _lockstep(raw: RawKernel, traffic: Traffic, oracle: Step, name: str, what: str, target: float) -> Row:
    kernel = CallerMemory(raw)
    blank = State()
    lockstep = Lockstep(kernel, blank, oracle)

    def nothing() -> None:
        """There is nothing to prepare."""

    def run() -> None:
        for events in traffic.runs:
            lockstep.start(blank)
            for event in events:
                lockstep.step(event)

    def check() -> None:
        expect(kernel.holds(traffic.ends[-1]), "the kernel is not in the reference's state")

    return Row(name, what, traffic.steps, target, nothing, run, check)


def _replay(raw: RawKernel, traffic: Traffic) -> Row:
    ffi: Any = raw.ffi  # cffi checks the types of its pointers at every call
    lib: Any = raw.lib
    packed = [b"".join(map(pack_input, run)) for run in traffic.runs]
    events = [ffi.from_buffer("struct dita_input[]", content) for content in packed]
    outcomes = ffi.new("struct dita_outcome[]", _RUN_LENGTH)
    states = ffi.new("struct dita_state[]", len(events))
    memory = ffi.buffer(states)
    blank = bytes(fresh_buffer(State())) * len(events)
    batch = lib.dita_step_state_batch

    def prepare() -> None:
        memory[:] = blank

    def run() -> None:
        for index, inputs in enumerate(events):
            raise_for(batch(states + index, inputs, _RUN_LENGTH, outcomes))

    def check() -> None:
        expect(bytes(memory) == b"".join(traffic.ends), "the replay did not end in the reference's states")

    return Row("replay_r", "random step of the kernel, batched", traffic.steps, 2.0, prepare, run, check, _REPEATS)
