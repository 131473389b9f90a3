"""The parts of a conformance run as independent tasks, each in a process of its own.

A task maps the image itself, first looks for a fault planted in its own view of the kernel (the canary), and only then
does its work. A task that finds no canary, runs out of time or has nothing to count is void.
"""

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from dita.conformance.boundary import run_boundary, sample_states
from dita.conformance.campaign import run_campaign
from dita.conformance.checkpoint import Checkpoint
from dita.conformance.corpus import corpus, run_corpus
from dita.conformance.counts import counted, unlike
from dita.conformance.decisions import Recorder, Tally
from dita.conformance.differential import Distribution, Diverged, Lockstep, cell_of, phase_name
from dita.conformance.encoding import OUTCOME_BYTES, STATE_BYTES, pack_input, word_at
from dita.conformance.exhaustive import Finding, enumerate_world
from dita.conformance.oracle.load import INTERPRETED, compiled_oracle
from dita.conformance.shrink import shrink
from dita.conformance.small_worlds import worlds
from dita.conformance.starts import simpler_start
from dita.conformance.timeline import timeline
from dita.conformance.transitions import Pair
from dita.conformance.under_test import ByHandle, CallerMemory, Canary, StepUnderTest, open_image
from dita.conformance.vectors.replay import replay
from dita.conformance.vectors.rows import VectorsRefused, read
from dita.conformance.vectors.sources import require_current
from dita.kernel.binding import Kernel
from dita.kernel.loader import RawKernel
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.state import State
from dita.spec.trace import Trace, format_trace
from dita.spec.vocabulary import Kind

CANARY_SECONDS: Final = 60
CANARY_STEPS: Final = 200_000
SMALL: Final = 100_000  # distinct pairs; of a task that is no larger fewer runs are counted guard by guard
FINDINGS_MAX: Final = 20  # of a task that goes on after a finding; those of one cause are reported once
COMMON_KINDS: Final = (Kind.ENTER, Kind.EXIT, Kind.FLATTEN, Kind.ORDER, Kind.POSITION, Kind.SETTLE, Kind.WALLET)


@dataclass(frozen=True, slots=True)
class Task:
    """What one process does. ``part`` names the work, ``name`` its world, or the part again."""

    part: str
    name: str
    size: str  # of the worlds
    seed: int
    distinct: int  # random pairs wanted
    states_per_phase: int  # boundary
    seconds: int
    shrink_seconds: int
    runs: int = 0  # random: so many runs instead of so many distinct pairs
    compiled: bool = False  # random: the oracle is the compiled reference


@dataclass(frozen=True, slots=True)
class Report:
    """A finding as people read it: what, the shortest trace found, and its timeline."""

    what: str
    trace: str
    timeline: str
    signature: str = ""  # what is the same about findings that have one cause
    seed: int = 0


@dataclass(slots=True)
class TaskResult:
    """What one task counted. ``void`` says why the task proves nothing; empty when it is sound."""

    task: Task
    states: int = 0
    compared: int = 0  # steps compared with the reference in all fields
    distinct: int = 0
    kernel_steps: int = 0
    paths: int = 0  # vectors: of the reference, that numbers can take
    paths_taken: int = 0
    paths_beyond: int = 0  # vectors: of the reference, that no numbers take
    canaries_planted: int = 0
    canaries_found: int = 0
    seconds: float = 0.0
    void: str = ""
    distribution: Distribution = field(default_factory=Distribution)
    pairs: Counter[Pair] = field(default_factory=Counter[Pair])  # random: of consecutive transitions
    guards: dict[str, Tally] = field(default_factory=dict[str, Tally])  # random: on a part of the runs
    reports: list[Report] = field(default_factory=list[Report])


def run_task(task: Task, image: Path) -> TaskResult:
    """Carry out one task in this process. Raises ImageRefused, OracleRefused."""
    began = time.monotonic()
    raw = open_image(image)
    result = TaskResult(task)
    _WORK[task.part](task, raw, result)
    result.seconds = time.monotonic() - began
    if result.canaries_found < result.canaries_planted and not result.void:
        result.void = f"`{result.canaries_planted - result.canaries_found}` planted faults were not found"
    return result


def until(seconds: float) -> Callable[[], bool]:
    """A question that answers yes when this process has had so many seconds of a processor.

    By the clock a machine that does other things beside would have its tasks fail.
    """
    end = time.process_time() + seconds
    return lambda: time.process_time() >= end


# --- the parts ------------------------------------------------------------------------------------------------------


def _exhaustive(task: Task, raw: RawKernel, result: TaskResult) -> None:
    world = next(world for world in worlds(task.size) if world.name == task.name)
    rng = random.Random(task.seed)
    kinds = (Kind.SET_MODE,) if task.name == "account" else (Kind.ENTER, Kind.ORDER, Kind.FLATTEN)
    planted = _canary(CallerMemory(raw), rng, kinds)
    _count_canary(result, enumerate_world(world, planted, until(CANARY_SECONDS)).findings)
    checkpoint = Checkpoint(world.name, raw.image_sha256) if task.size == "full" else None
    done = enumerate_world(world, CallerMemory(raw), until(task.seconds), checkpoint=checkpoint)
    result.states, result.compared = done.states, done.transitions
    result.kernel_steps, result.distinct = done.transitions, done.transitions
    result.distribution = done.distribution
    if not done.complete and not done.findings:
        result.void = f"world `{task.name}` was not finished in `{task.seconds}` seconds of processor time"
    if done.complete:
        result.void = unlike(counted(world, task.size, done))
    _report(result, done.findings, raw)


def _boundary(task: Task, raw: RawKernel, result: TaskResult) -> None:
    states = sample_states(task.states_per_phase)
    planted = _canary(CallerMemory(raw), random.Random(task.seed), (Kind.SET_LIMITS, Kind.CALIBRATE, Kind.SET_MODE))
    _count_canary(result, run_boundary(planted, until(CANARY_SECONDS), states).findings)
    done = run_boundary(CallerMemory(raw), until(task.seconds), states)
    result.states, result.compared = done.states, done.transitions
    result.kernel_steps, result.distinct = done.transitions, done.transitions
    result.distribution = done.distribution
    if not done.complete and not done.findings:
        result.void = f"boundary vectors were not finished in `{task.seconds}` seconds of processor time"
    _report(result, done.findings, raw)


def _vectors(task: Task, raw: RawKernel, result: TaskResult) -> None:
    try:
        from dita.conformance.vectors.coverage import coverage  # noqa: PLC0415 - only this part needs both solvers
    except ImportError as missing:
        result.void = f"path vectors need both solvers: {missing}; install z3-solver and cvc5 anew"
        return
    try:
        kept = read()
        require_current(kept.header)
        planted = _canary(CallerMemory(raw), random.Random(task.seed), (Kind.ENTER, Kind.ORDER, Kind.SETTLE))
        _count_canary(result, replay(planted, kept, until(CANARY_SECONDS)).findings)
        done = replay(CallerMemory(raw), kept, until(task.seconds))
    except VectorsRefused as refusal:
        result.void = str(refusal)
        return
    result.states, result.compared = done.interior, done.vectors
    result.kernel_steps, result.distinct = done.vectors, done.vectors
    result.distribution = done.distribution
    _report(result, done.findings, raw)
    if done.complete:
        covered = coverage(kept)
        result.paths, result.paths_taken, result.paths_beyond = covered.paths, covered.taken, covered.beyond
        result.void = "; ".join(covered.problems[:FINDINGS_MAX])
    elif not done.findings:
        result.void = f"path vectors were not finished in `{task.seconds}` seconds of processor time"


def _random(task: Task, raw: RawKernel, result: TaskResult) -> None:
    rng = random.Random(task.seed)
    recorder, wanted = Recorder(), None if task.runs else task.distinct
    oracle = (compiled_oracle() if task.compiled else INTERPRETED).step
    with Kernel(raw) as kernel:
        planted = _canary(CallerMemory(raw), rng, COMMON_KINDS)
        out_of_time = until(CANARY_SECONDS)
        _count_canary(result, run_campaign(planted, None, task.seed, CANARY_STEPS, out_of_time, oracle=oracle).findings)
        planted = _canary(ByHandle(kernel), rng, COMMON_KINDS)
        _count_canary(
            result,
            run_campaign(
                CallerMemory(raw), planted, task.seed, CANARY_STEPS, until(CANARY_SECONDS), oracle=oracle
            ).findings,
        )
        done = run_campaign(
            CallerMemory(raw), ByHandle(kernel), task.seed, wanted, until(task.seconds),
            runs_max=task.runs or None, findings_max=FINDINGS_MAX if task.runs else 1, recorder=recorder,
            recorded_every=8 if task.runs or task.distinct > SMALL else 16, oracle=oracle,
        )  # fmt: skip
    result.states = done.runs
    result.compared, result.distinct, result.kernel_steps = done.steps, done.distinct, done.kernel_steps
    result.distribution, result.pairs, result.guards = done.distribution, done.pairs, recorder.tallies()
    if wanted is not None and done.distinct < wanted and not done.findings:
        result.void = f"`{done.distinct}` of `{wanted}` distinct pairs in `{task.seconds}` seconds of processor time"
    if done.runs < task.runs and not done.findings:
        result.void = f"`{done.runs}` of `{task.runs}` runs in `{task.seconds}` seconds of processor time"
    _report(result, done.findings, raw)


def _corpus(task: Task, raw: RawKernel, result: TaskResult) -> None:
    traces = corpus()
    planted = _canary(CallerMemory(raw), random.Random(task.seed), (Kind.REGISTER, Kind.SEED, Kind.ENTER))
    _count_canary(result, run_corpus(planted, traces).findings)
    done = run_corpus(CallerMemory(raw), traces)
    result.states, result.compared = done.states, done.transitions
    result.kernel_steps, result.distinct = done.transitions, done.transitions
    result.distribution = done.distribution
    _report(result, done.findings, raw)


_WORK: Final = {
    "vectors": _vectors, "corpus": _corpus, "exhaustive": _exhaustive, "boundary": _boundary, "random": _random,
}  # fmt: skip


# --- canaries and reports -------------------------------------------------------------------------------------------


def _canary(inner: StepUnderTest, rng: random.Random, kinds: tuple[Kind, ...]) -> Canary:
    in_outcome = rng.random() < 0.5
    words = (OUTCOME_BYTES if in_outcome else STATE_BYTES) // 8
    kind = kinds[int(rng.random() * len(kinds))]
    hits = 1 + int(rng.random() * 5)
    return Canary(inner, kind=kind, hits=hits, word=int(rng.random() * words), in_outcome=in_outcome)


def _count_canary(result: TaskResult, findings: list[Finding]) -> None:
    result.canaries_planted += 1
    result.canaries_found += 1 if findings else 0


def _report(result: TaskResult, findings: list[Finding], raw: RawKernel) -> None:
    kernel = CallerMemory(raw)
    different = {signature_of(finding, kernel): finding for finding in reversed(findings)}
    result.reports = [
        replace(explained(finding, kernel, until(result.task.shrink_seconds)), signature=mark, seed=result.task.seed)
        for mark, finding in sorted(different.items())
    ]


def explained(finding: Finding, kernel: StepUnderTest, out_of_time: Callable[[], bool]) -> Report:
    """Shrink a finding as far as time allows, and print it. One that no single trace shows again is told as it is."""
    start = full_size(finding.start)
    lockstep = Lockstep(kernel, start)

    def fails(inputs: Sequence[Input]) -> bool:
        return diverges(inputs, lockstep, start)

    inputs = finding.inputs
    if fails(inputs):
        inputs = shrink(_up_to_failure(inputs, fails), fails, out_of_time)
        if start != State():
            start = simpler_start(start, lambda state: diverges(inputs, lockstep, state), out_of_time)
    return Report(finding.what, format_trace(Trace(inputs, start)), timeline(inputs, kernel, start))


def signature_of(finding: Finding, kernel: StepUnderTest) -> str:
    """What is the same about findings of one cause: kind, phase, the word that differs, and both sides' codes."""
    lockstep = Lockstep(kernel, full_size(finding.start))
    for event in finding.inputs:
        before = lockstep.state
        held = bytes(lockstep.bytes())
        try:
            lockstep.step(event)
        except Diverged as divergence:
            kernel.load(held)
            theirs = word_at(kernel.step(pack_input(event)), 1)
            ours = word_at(lockstep.outcome_bytes, 1) if lockstep.outcome_bytes else -1
            phase = phase_name(cell_of(before, event, Outcome()).phase)
            word = re.sub(r"\[\d+\]", "", divergence.difference.word)
            kind = event.kind if Kind.NONE <= event.kind <= Kind.CALIBRATE else -1
            codes = f"codes {ours}/{theirs}"
            return f"kind {kind} in {phase}: {divergence.difference.record}.{word}, {codes}"
    return finding.what


def _up_to_failure(inputs: Sequence[Input], fails: Callable[[Sequence[Input]], bool]) -> Sequence[Input]:
    """The shortest beginning that fails, by halving: once a trace fails, every longer one does."""
    low, high = 0, len(inputs)
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fails(inputs[:middle]) else (middle, high)
    return inputs[:high]


def full_size(state: State) -> State:
    """A small world's state with the slots and instruments that it lacks, blank."""
    blank = State()
    instruments = (*state.instruments, *blank.instruments[len(state.instruments) :])
    return State(state.account, instruments, (*state.slots, *blank.slots[len(state.slots) :]))


def diverges(inputs: Sequence[Input], lockstep: Lockstep, start: State) -> bool:
    """Whether the two sides differ somewhere on a trace."""
    lockstep.start(start)
    try:
        for event in inputs:
            lockstep.step(event)
    except Diverged:
        return True
    return False
