"""Random campaigns: swarm runs in lockstep, guided to new ground, and every run replayed in other ways.

A run begins in the blank state, where an earlier run first did something that had never been done, or near a bound.
What counts as new is what a slot did after what (a pair of transitions) and how its state looked when an input of a
kind was answered. Each run is then carried out again by the kernel alone: as one batch on caller memory, as one batch
behind a handle, and step by step with a snapshot and a restore in the middle; outcomes and final states must be those
that the reference confirmed. A part of the runs is made once more by the copy of the reference that counts decisions.
"""

import random
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from dita.conformance.decisions import Recorder
from dita.conformance.differential import Distribution, Diverged, Lockstep, StateHash, Step, cell_of
from dita.conformance.encoding import INPUT_BYTES, fresh_buffer, pack_input, pack_outcome
from dita.conformance.exhaustive import Finding
from dita.conformance.traffic import Traffic, stretched
from dita.conformance.transitions import MoveLog, Pair
from dita.conformance.under_test import StepUnderTest
from dita.kernel.errors import StateRefused
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.state import State
from dita.spec.vocabulary import Verdict

RUN_LENGTH: Final = 300
FROM_POOL: Final = 0.5
STRETCHED: Final = 0.2  # of the runs from the pool
POOL_MAX: Final = 400
BLANK: Final = State()
PLACE_INPUTS_MAX: Final = 3 * RUN_LENGTH  # a place behind more inputs than these is not kept


@dataclass(slots=True)
class Campaign:
    """What a campaign did. ``distinct`` counts (state, input) pairs by 64-bit hash: an undercount, if anything."""

    steps: int = 0  # compared with the reference in all fields
    distinct: int = 0
    kernel_steps: int = 0  # all steps of the kernel, replays included; every outcome was compared
    runs: int = 0
    distribution: Distribution = field(default_factory=Distribution)
    pairs: Counter[Pair] = field(default_factory=Counter[Pair])  # of consecutive transitions of one slot
    findings: list[Finding] = field(default_factory=list[Finding])


@dataclass(frozen=True, slots=True)
class Place:
    """A state worth starting from, and the inputs that lead there from ``start``."""

    state: State
    start: State
    inputs: tuple[Input, ...] = ()
    key: Hashable = None  # what was new there


class Pool:
    """Places by what was new there; those whose novelty has been met least since are visited most."""

    def __init__(self, rng: random.Random) -> None:
        self._random = rng.random
        self._places: list[Place] = []
        self._met: Counter[Hashable] = Counter()

    def __len__(self) -> int:
        return len(self._places)

    def meets(self, key: Hashable) -> bool:
        """Count a key, and tell whether it was new."""
        self._met[key] += 1
        return self._met[key] == 1

    def keep(self, place: Place) -> None:
        """Remember a place; when there are many it takes that of one whose key is common by now."""
        if len(self._places) < POOL_MAX:
            self._places.append(place)
            return
        self._places[max(self._some(4), key=lambda index: self._met[self._places[index].key])] = place

    def place(self) -> Place:
        """The rarer of two places."""
        return self._places[min(self._some(2), key=lambda index: self._met[self._places[index].key])]

    def _some(self, count: int) -> list[int]:
        return [int(self._random() * len(self._places)) for _ in range(count)]


def run_campaign(
    kernel: StepUnderTest,
    other: StepUnderTest | None,
    seed: int,
    distinct_wanted: int | None,
    out_of_time: Callable[[], bool],
    *,
    runs_max: int | None = None,
    findings_max: int = 1,
    recorder: Recorder | None = None,
    recorded_every: int = 8,
    oracle: Step = step,
) -> Campaign:
    """Run until so many distinct pairs or runs were made (None: no such limit), findings turned up, or time is out.

    ``kernel`` is compared with the reference; ``other`` (another way into the same image, or None) replays. Every
    ``recorded_every``-th run goes through the ``recorder``. ``oracle`` is the reference, interpreted or compiled.
    """
    rng = random.Random(seed)
    result = Campaign()
    lockstep = Lockstep(kernel, oracle=oracle)
    pool = Pool(rng)
    seen: set[int] = set()

    def enough() -> bool:
        done = distinct_wanted is not None and result.distinct >= distinct_wanted
        return done or (runs_max is not None and result.runs >= runs_max) or len(result.findings) >= findings_max

    while not enough() and not out_of_time():
        place = _beginning(rng, pool)
        source = Traffic(rng, preamble=place.state is BLANK)
        if place.state is not BLANK:
            source.adapt(place.state)
        run = _one_run(lockstep, place, source, seen, result, pool)
        result.runs += 1
        result.distinct = len(seen)
        if run is None:
            continue
        try:
            _replayed(kernel, other, place, run, rng, result)
        except StateRefused:
            result.findings.append(_replay_finding("a sound state is not taken back", place, run))
        if recorder is not None and result.runs % recorded_every == 1 % recorded_every:
            _recorded(recorder, place, run, result)
    return result


def _beginning(rng: random.Random, pool: Pool) -> Place:
    if not len(pool) or rng.random() >= FROM_POOL:
        return Place(BLANK, BLANK)
    place = pool.place()
    if rng.random() < STRETCHED:
        far = stretched(rng, place.state)
        return place if far is None else Place(far, far)
    return place


@dataclass(frozen=True, slots=True)
class _Run:
    inputs: list[Input]
    events: bytes
    outcomes: bytes
    final: bytearray
    state: State


def _one_run(
    lockstep: Lockstep, place: Place, source: Traffic, seen: set[int], result: Campaign, pool: Pool
) -> _Run | None:
    lockstep.start(place.state)
    hashed = StateHash(place.state)
    inputs: list[Input] = []
    outcomes: list[bytes] = []
    log = MoveLog()
    for _ in range(RUN_LENGTH):
        before = lockstep.state
        event = source.next(before)
        inputs.append(event)
        result.steps += 1
        result.kernel_steps += 1
        try:
            outcome = lockstep.step(event)
        except Diverged as divergence:
            result.findings.append(Finding(f"random: {divergence}", place.start, (*place.inputs, *inputs)))
            return None
        seen.add(hash((hashed.value, event)))
        hashed.move(before, lockstep.state, event)
        outcomes.append(lockstep.outcome_bytes)
        result.distribution[cell_of(before, event, outcome)] += 1
        if outcome.verdict == Verdict.REFUSED:
            continue
        new = _novelties(before, event, outcome, log, result, pool)
        if new and len(place.inputs) + len(inputs) <= PLACE_INPUTS_MAX:
            pool.keep(Place(lockstep.state, place.start, (*place.inputs, *inputs), new[-1]))
    return _Run(
        inputs, b"".join(map(pack_input, inputs)), b"".join(outcomes), bytearray(lockstep.bytes()), lockstep.state
    )


def _novelties(
    before: State, event: Input, outcome: Outcome, log: MoveLog, result: Campaign, pool: Pool
) -> list[Hashable]:
    """What this step did that had never been done: a pair of transitions, or an answer in a state of this look."""
    new: list[Hashable] = []
    key = (_look(before, event), event.kind, outcome.code)
    if pool.meets(key):
        new.append(key)
    if outcome.moves:
        for pair in log.note(event, outcome):
            result.pairs[pair] += 1
            if pool.meets(pair):
                new.append(pair)
    return new


def _look(state: State, event: Input) -> tuple[int, ...]:
    """How the named slot and instrument look, without their numbers."""
    slot, newest = state.slots[event.slot], state.slots[event.slot].tails[0]
    return (
        slot.phase, slot.flatten, min(2, slot.exit.attempt), slot.entry.graded, slot.entry.seen, slot.exit.seen,
        slot.closed.external_quantity > 0, state.instruments[event.instrument].reconcile_required, state.account.mode,
        newest.entry.graded + newest.exit.graded,
    )  # fmt: skip


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
    return Finding(f"replay: {what}", place.start, (*place.inputs, *run.inputs))


def _recorded(recorder: Recorder, place: Place, run: _Run, result: Campaign) -> None:
    """The run once more by the copy that counts decisions; if it answers otherwise its counts mean nothing."""
    state = place.state
    outcomes: list[bytes] = []
    for event in run.inputs:
        state, outcome = recorder.step(state, event)
        outcomes.append(pack_outcome(outcome))
    if b"".join(outcomes) != run.outcomes or state != run.state:
        result.findings.append(_replay_finding("the copy that counts decisions answers otherwise", place, run))
