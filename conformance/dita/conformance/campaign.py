"""Random campaigns: swarm runs in lockstep, guided to new ground, and every run replayed in other ways.

A run begins in the blank state or where an earlier run first did something that had never been done (a new cell).
Each run is then carried out again by the kernel alone: as one batch on caller memory, as one batch behind a handle, and
step by step with a snapshot and a restore in the middle; outcomes and final states must be those that the reference
confirmed.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from dita.conformance.differential import Distribution, Diverged, Lockstep, StateHash, cell_of
from dita.conformance.encoding import INPUT_BYTES, fresh_buffer, pack_input
from dita.conformance.exhaustive import Finding
from dita.conformance.generate import Generator
from dita.conformance.under_test import StepUnderTest
from dita.spec.inputs import Input
from dita.spec.state import State

RUN_LENGTH: Final = 300
FROM_POOL: Final = 0.5
POOL_MAX: Final = 400


@dataclass(slots=True)
class Campaign:
    """What a campaign did. ``distinct`` counts (state, input) pairs by 64-bit hash: an undercount, if anything."""

    steps: int = 0  # compared with the reference in all fields
    distinct: int = 0
    kernel_steps: int = 0  # all steps of the kernel, replays included; every outcome was compared
    runs: int = 0
    distribution: Distribution = field(default_factory=Distribution)
    findings: list[Finding] = field(default_factory=list[Finding])


@dataclass(frozen=True, slots=True)
class Place:
    """A state worth starting from, and the inputs that lead there from the blank state."""

    state: State
    inputs: tuple[Input, ...]


def run_campaign(
    kernel: StepUnderTest,
    other: StepUnderTest | None,
    seed: int,
    distinct_wanted: int,
    out_of_time: Callable[[], bool],
) -> Campaign:
    """Run until so many distinct pairs were compared, a finding turned up, or the time is out.

    ``kernel`` is compared with the reference; ``other`` (another way into the same image, or None) replays.
    """
    rng = random.Random(seed)
    result = Campaign()
    lockstep = Lockstep(kernel)
    pool: list[Place] = []
    seen: set[int] = set()
    while result.distinct < distinct_wanted and not result.findings and not out_of_time():
        place = pool[int(rng.random() * len(pool))] if pool and rng.random() < FROM_POOL else Place(State(), ())
        source = Generator(rng, preamble=not place.inputs)
        if place.inputs:
            source.adapt(place.state)
        run = _one_run(lockstep, place, source, seen, result, pool)
        result.runs += 1
        result.distinct = len(seen)
        if run is not None and not result.findings:
            _replayed(kernel, other, place, run, rng, result)
    return result


@dataclass(frozen=True, slots=True)
class _Run:
    inputs: list[Input]
    events: bytes
    outcomes: bytes
    final: bytearray


def _one_run(
    lockstep: Lockstep, place: Place, source: Generator, seen: set[int], result: Campaign, pool: list[Place]
) -> _Run | None:
    lockstep.start(place.state)
    hashed = StateHash(place.state)
    inputs: list[Input] = []
    outcomes: list[bytes] = []
    for _ in range(RUN_LENGTH):
        before = lockstep.state
        event = source.next(before)
        inputs.append(event)
        result.steps += 1
        result.kernel_steps += 1
        try:
            outcome = lockstep.step(event)
        except Diverged as divergence:
            result.findings.append(Finding(f"random: {divergence}", State(), (*place.inputs, *inputs)))
            return None
        seen.add(hash((hashed.value, event)))
        hashed.move(before, lockstep.state, event)
        outcomes.append(lockstep.outcome_bytes)
        cell = cell_of(before, event, outcome)
        if cell not in result.distribution and len(pool) < POOL_MAX:
            pool.append(Place(lockstep.state, (*place.inputs, *inputs)))
        result.distribution[cell] += 1
    return _Run(inputs, b"".join(map(pack_input, inputs)), b"".join(outcomes), bytearray(lockstep.bytes()))


def _replayed(
    kernel: StepUnderTest,
    other: StepUnderTest | None,
    place: Place,
    run: _Run,
    rng: random.Random,
    result: Campaign,
) -> None:
    start = fresh_buffer(place.state)
    count = len(run.inputs)
    for way in (kernel, other) if other is not None else (kernel,):
        way.load(start)
        result.kernel_steps += count
        if way.batch(run.events) != run.outcomes or not way.holds(run.final):
            result.findings.append(_replay_finding("a batch is not the fold of its steps", place, run))
            return
    if other is None:
        return
    cut = INPUT_BYTES * int(rng.random() * count)
    other.load(start)
    steps = [other.step(run.events[at : at + INPUT_BYTES]) for at in range(0, cut, INPUT_BYTES)]
    middle = other.state()
    rest = other.batch(run.events[cut:])
    again = b"".join(steps) + rest
    other.load(middle)
    result.kernel_steps += 2 * count - cut // INPUT_BYTES
    same = other.state() == middle and other.batch(run.events[cut:]) == rest
    if not same or again != run.outcomes or not other.holds(run.final):
        result.findings.append(_replay_finding("a restored snapshot goes on otherwise", place, run))


def _replay_finding(what: str, place: Place, run: _Run) -> Finding:
    return Finding(f"replay: {what}", State(), (*place.inputs, *run.inputs))
