"""Breadth-first search of a whole transition system, and the backward search for worlds that cannot become good."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dita.conformance.explore.composition import Composition
from dita.conformance.explore.fairness import Delays
from dita.conformance.explore.system import World

Progress = Callable[[str, int, int], None]  # name of the world, states, transitions so far

REPORT_EVERY = 20_000  # transitions


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found. ``complete`` is False when it stopped at a limit or at the first broken property."""

    states: int
    transitions: int
    steps: int  # distinct kernel steps
    complete: bool
    broken: str | None  # the first broken property
    trace: tuple[int, ...]  # numbers of the moves from the start to where it broke, or to a stranded world
    stranded: int
    good: int
    circling: int = 0  # worlds on a cycle of delays that leaves an order unresolved although all is fair


@dataclass(slots=True)
class _Graph:
    worlds: list[World] = field(default_factory=list[World])
    parent: "array[int]" = field(default_factory=lambda: array("q"))
    ordinal: "array[int]" = field(default_factory=lambda: array("q"))  # which of the parent's moves led here
    sources: "array[int]" = field(default_factory=lambda: array("q"))  # fair moves
    targets: "array[int]" = field(default_factory=lambda: array("q"))

    def trace_to(self, index: int) -> tuple[int, ...]:
        """Move numbers from the start to a world."""
        numbers: list[int] = []
        while index > 0:
            numbers.append(self.ordinal[index])
            index = self.parent[index]
        return tuple(reversed(numbers))


def explored(composition: Composition, *, state_limit: int = 5_000_000, progress: Progress | None = None) -> Found:
    """Visit every world; stop at the first broken property. Then count the worlds from which no good one is left.

    And those on a cycle of delays that no fairness ends.
    """
    graph = _Graph()
    numbers: dict[World, int] = {}
    start = composition.start()
    numbers[start] = 0
    graph.worlds.append(start)
    graph.parent.append(-1)
    graph.ordinal.append(-1)
    delays = Delays()
    transitions = 0
    at = 0
    while at < len(graph.worlds):
        unresolved = composition.is_unresolved(graph.worlds[at])
        for ordinal, move in enumerate(composition.moves(graph.worlds[at])):
            transitions += 1
            broken = move.wrong[0] if move.wrong else None
            target = numbers.get(move.world)
            if target is None:
                target = numbers[move.world] = len(graph.worlds)
                graph.worlds.append(move.world)
                graph.parent.append(at)
                graph.ordinal.append(ordinal)
                broken = broken or composition.broken(move.world)
            if broken is not None:
                trace = (*graph.trace_to(at), ordinal)
                return Found(len(numbers), transitions, composition.kernels.steps, False, broken, trace, 0, 0)
            if unresolved:
                bit = delays.possible_in(at, move, is_full=composition.is_full(graph.worlds[at]))
                if composition.is_unresolved(move.world):
                    delays.leads(at, target, bit)
            if move.fair and target != at:
                graph.sources.append(at)
                graph.targets.append(target)
            if progress is not None and transitions % REPORT_EVERY == 0:
                progress(composition.setting.name, len(numbers), transitions)
        at += 1
        if len(graph.worlds) > state_limit:
            return Found(len(numbers), transitions, composition.kernels.steps, False, None, (), 0, 0)
    good = [index for index, world in enumerate(graph.worlds) if composition.is_good(world)]
    reached = reaching(len(graph.worlds), graph.sources, graph.targets, good)
    stranded = [index for index in range(len(graph.worlds)) if not reached[index]]
    circling = delays.circling()
    trace = graph.trace_to((*stranded, *circling)[0]) if stranded or circling else ()
    return Found(
        len(numbers), transitions, composition.kernels.steps, True, None, trace, len(stranded), len(good), len(circling)
    )


def reaching(size: int, sources: Sequence[int], targets: Sequence[int], good: Sequence[int]) -> bytearray:
    """Which of ``size`` nodes can reach one in ``good`` along the edges: backward breadth-first search."""
    first = array("q", bytes(8 * (size + 1)))
    for target in targets:
        first[target + 1] += 1
    for index in range(size):
        first[index + 1] += first[index]
    place = array("q", first)
    origins = array("q", bytes(8 * len(targets)))
    for source, target in zip(sources, targets, strict=True):
        origins[place[target]] = source
        place[target] += 1
    reached = bytearray(size)
    for index in good:
        reached[index] = 1
    queue = list(good)
    while queue:
        node = queue.pop()
        for at in range(first[node], first[node + 1]):
            origin = origins[at]
            if not reached[origin]:
                reached[origin] = 1
                queue.append(origin)
    return reached
