"""Breadth-first enumeration of small worlds: every transition on both sides, every invariant on the result.

A world is a finite domain of inputs and a canonical form of states (``dita.conformance.small_worlds``). From every
canonical state every input of its menu is carried out by the reference and, from the packed state, by the kernel; the
whole state and outcome are compared byte for byte, and the reference's step is held against all step properties and the
state invariants. Nothing is sampled: the run is over when no new canonical state is found.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from dita.conformance.differential import Difference, Distribution, cell_of, difference
from dita.conformance.encoding import fresh_buffer, pack_input, pack_outcome, write_changes
from dita.conformance.under_test import StepUnderTest
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.invariants import broken_where
from dita.spec.outcome import Outcome, refused
from dita.spec.properties import broken_by_step
from dita.spec.state import State
from dita.spec.vocabulary import Code

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
    complete: bool = False
    distribution: Distribution = field(default_factory=Distribution)
    findings: list[Finding] = field(default_factory=list[Finding])


class Comparison:
    """Single steps from given states on both sides; ``steps`` counts them."""

    def __init__(self, kernel: StepUnderTest) -> None:
        self._kernel = kernel
        self._base = bytearray()
        self._dirty = True
        self.state = State()
        self.steps = 0

    def start(self, state: State) -> None:
        """The state that the next steps are taken from; it may have fewer slots and instruments than the kernel."""
        self.state = state
        self._base = fresh_buffer(state)
        self._dirty = True

    def step(self, event: Input) -> tuple[State, Outcome, Difference | None]:
        """One step from the start state on both sides, and the first word that differs."""
        before = self.state
        if self._dirty:
            self._kernel.load(self._base)
            self._dirty = False
        self.steps += 1
        theirs = self._kernel.step(pack_input(event))
        after, outcome = step(before, event)
        ours = pack_outcome(outcome)
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
        return []
    found = broken_by_step(before, event, after, outcome)
    return found if known or after is before else [*found, *broken_where(after, event.slot, event.instrument)]


def enumerate_world(
    world: World, kernel: StepUnderTest, out_of_time: Callable[[], bool], findings_max: int = 1
) -> Enumeration:
    """Every transition of the world; stops early only when out of time or after ``findings_max`` findings."""
    result = Enumeration()
    both = Comparison(kernel)
    seen = set(world.roots)
    met: set[State] = set()  # states as the steps left them, before they were brought to canonical form
    frontier = deque(world.roots)
    while frontier and not out_of_time() and len(result.findings) < findings_max:
        state = frontier.popleft()
        result.states += 1
        both.start(state)
        for event in world.menu(state):
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
                    frontier.append(fresh)
    result.transitions = both.steps
    result.complete = not frontier and not result.findings
    return result


def enumerate_worlds(
    worlds: Sequence[World], kernel: StepUnderTest, out_of_time: Callable[[], bool]
) -> dict[str, Enumeration]:
    """Each world in turn, by name."""
    return {world.name: enumerate_world(world, kernel, out_of_time) for world in worlds}
