"""Breadth-first enumeration of small worlds: every transition on both sides, every invariant on the result.

A world is a finite domain of inputs and a canonical form of states (``dita.conformance.small_worlds``). From every
canonical state every input of its menu is carried out by the reference and, from the packed state, by the kernel; the
whole state and outcome are compared byte for byte, and the reference's step is held against all step properties and the
state invariants. Nothing is sampled: the run is over when no new canonical state is found.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import groupby
from typing import Final, NamedTuple

from dita.conformance.checkpoint import Checkpoint, Progress
from dita.conformance.differential import Difference, Distribution, cell_of, difference
from dita.conformance.encoding import fresh_buffer, pack_input, pack_outcome, write_changes
from dita.conformance.under_test import StepUnderTest
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.invariants import broken_where
from dita.spec.outcome import Outcome, refused
from dita.spec.properties import broken_by_refusal, broken_by_step
from dita.spec.state import State
from dita.spec.vocabulary import Code

MET_MAX: Final = 100_000  # states that are remembered so as not to judge them again; beyond that it begins anew
_REFUSALS: Final = frozenset(refused(code) for code in Code)


class World(NamedTuple):
    """A finite world. ``canonical`` gives the representative of a state, or None where the world ends."""

    name: str
    roots: tuple[State, ...]
    menu: Callable[[State], Iterable[Input]]
    canonical: Callable[[State], State | None]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be: a divergence, or a broken invariant; with the way to see it again."""

    what: str
    start: State
    inputs: tuple[Input, ...]


@dataclass(slots=True)
class Enumeration:
    """What was enumerated."""

    states: int = 0
    transitions: int = 0
    chain: str = ""  # hash over every state, input and outcome, in order
    complete: bool = False
    distribution: Distribution = field(default_factory=Distribution)
    findings: list[Finding] = field(default_factory=list[Finding])


class Comparison:
    """Single steps from given states on both sides; ``steps`` counts them."""

    def __init__(self, kernel: StepUnderTest) -> None:
        self._kernel = kernel
        self._base = bytearray()
        self._dirty = True
        self._hash = sha256()
        self.state = State()
        self.steps = 0

    def start(self, state: State, chain: str = "") -> None:
        """The state that the next steps are taken from; it may have fewer slots and instruments than the kernel.

        ``chain`` is the hash over what was compared before.
        """
        self.state = state
        self._base = fresh_buffer(state)
        self._dirty = True
        self._hash = sha256(chain.encode() + self._base)

    def chain(self) -> str:
        """The hash over what was compared before, the state, and the inputs and outcomes since ``start``."""
        return self._hash.hexdigest()

    def step(self, event: Input) -> tuple[State, Outcome, Difference | None]:
        """One step from the start state on both sides, and the first word that differs."""
        before = self.state
        if self._dirty:
            self._kernel.load(self._base)
            self._dirty = False
        self.steps += 1
        packed = pack_input(event)
        theirs = self._kernel.step(packed)
        after, outcome = step(before, event)
        ours = pack_outcome(outcome)
        self._hash.update(packed + ours)
        expected = self._base
        if after is not before:
            expected = bytearray(expected)
            write_changes(expected, before, after, event)
            self._dirty = True
        if ours == theirs and self._kernel.holds(expected):
            return after, outcome, None
        self._dirty = True
        found = difference("outcome", ours, theirs) if ours != theirs else None
        return after, outcome, found or difference("state", expected, self._kernel.state())


def broken_laws(before: State, event: Input, after: State, outcome: Outcome, *, known: bool) -> list[str]:
    """IDs of the step properties, and unless the state after is ``known`` to be sound of the invariants, that broke."""
    if after is before and outcome in _REFUSALS:
        return broken_by_refusal(before, event, outcome)
    found = broken_by_step(before, event, after, outcome)
    return found if known or after is before else [*found, *broken_where(after, event.slot, event.instrument)]


def enumerate_world(
    world: World,
    kernel: StepUnderTest,
    out_of_time: Callable[[], bool],
    findings_max: int = 1,
    checkpoint: Checkpoint | None = None,
) -> Enumeration:
    """Every transition of the world; stops early only when out of time or after ``findings_max`` findings.

    With a ``checkpoint`` it goes on where an earlier run was stopped, and keeps its own progress there.
    """
    progress = Progress() if checkpoint is None else checkpoint.read()
    states = _states(world, progress)
    result = Enumeration(distribution=progress.distribution)
    both = Comparison(kernel)
    both.steps = progress.transitions
    seen = set(states)
    met: set[State] = set()  # states as the steps left them, before they were brought to canonical form
    while progress.done < len(states) and not out_of_time() and len(result.findings) < findings_max:
        state = states[progress.done]
        both.start(state, progress.chain)
        for place, event in enumerate(world.menu(state)):
            after, outcome, differs = both.step(event)
            result.distribution[cell_of(state, event, outcome)] += 1
            known = after in met
            broke = broken_laws(state, event, after, outcome, known=known)
            if differs is not None:
                result.findings.append(Finding(f"{world.name}: {differs}", state, (event,)))
            if broke:
                result.findings.append(Finding(f"{world.name}: broken: {', '.join(broke)}", state, (event,)))
            if len(result.findings) >= findings_max:
                break
            if after is not state and not known:
                met.add(after)
                fresh = world.canonical(after)
                if fresh is not None and fresh not in seen:
                    seen.add(fresh)
                    states.append(fresh)
                    progress.found.append((progress.done, place))
        progress.done += 1
        progress.transitions, progress.chain = both.steps, both.chain()
        if len(met) > MET_MAX:
            met.clear()
        if checkpoint is not None and not result.findings:
            checkpoint.keep_now_and_then(progress)
    result.states, result.transitions, result.chain = progress.done, both.steps, progress.chain
    result.complete = progress.done == len(states) and not result.findings
    if checkpoint is not None:
        checkpoint.forget() if result.complete or result.findings else checkpoint.keep(progress)
    return result


def _states(world: World, progress: Progress) -> list[State]:
    """The states to go on with; where progress leads elsewhere than it says, the world is begun anew."""
    try:
        return states_of(world, progress.found)
    except LookupError:
        progress.done, progress.transitions, progress.chain = 0, 0, ""
        progress.found.clear()
        progress.distribution.clear()
        return list(world.roots)


def states_of(world: World, found: Sequence[tuple[int, int]]) -> list[State]:
    """The roots and the states that were found, in order. Raises LookupError when a way leads nowhere new."""
    states = list(world.roots)
    known = set(states)
    for before, ways in groupby(found, lambda way: way[0]):
        menu = tuple(world.menu(states[before]))
        for _, place in ways:
            after = world.canonical(step(states[before], menu[place])[0])
            if after is None or after in known:
                raise LookupError(f"world `{world.name}`: input {place} in state {before} leads nowhere new")
            known.add(after)
            states.append(after)
    return states


def enumerate_worlds(
    worlds: Sequence[World], kernel: StepUnderTest, out_of_time: Callable[[], bool]
) -> dict[str, Enumeration]:
    """Each world in turn, by name."""
    return {world.name: enumerate_world(world, kernel, out_of_time) for world in worlds}
