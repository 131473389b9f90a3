"""Pairs of consecutive transitions: what a slot does next after it has done something, derived and not listed by hand.

A transition is a change of a slot's phase by an input of one kind; a step may make two. Two transitions are consecutive
when the slot does not change its phase in between, whatever else happens there. Which pairs can occur is derived from
the transition graphs of the small worlds: every transition that may have been a slot's last one is carried along every
edge until nothing is new. The result is ``pairs.json`` (``python -m dita.conformance.transitions`` writes it, a test
derives it again). Every other pair that would fit together is ruled out by one of ``NEVER``, whose reasons are proved
obligations; a run that meets one all the same fails, and so does a campaign that misses one of the possible pairs.
"""

import json
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from dita.conformance.exhaustive import World
from dita.conformance.small_worlds import worlds
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.vocabulary import Kind, Phase

PAIRS_PATH: Final = Path(__file__).with_name("pairs.json")
DERIVED_FROM: Final = ("orders", "doubt")  # the quick worlds that have every pair; the others have no more


class Move(NamedTuple):
    """A transition: the phase before, the kind of input that caused it, the phase after."""

    source: int
    kind: int
    target: int

    def __str__(self) -> str:
        """For people and for ``pairs.json``."""
        return f"{Phase(self.source).name} -{Kind(self.kind).name}→ {Phase(self.target).name}"


class Pair(NamedTuple):
    """Two consecutive transitions of one slot."""

    first: Move
    second: Move

    def __str__(self) -> str:
        """One line."""
        return f"{self.first}, then {self.second}"


def moves_of(event: Input, outcome: Outcome) -> tuple[Move, ...]:
    """The transitions that a step made, in order."""
    return tuple(Move(old, event.kind, new) for old, new in outcome.transitions)


class MoveLog:
    """Follows one run: the last transition of each slot."""

    def __init__(self) -> None:
        self._last: dict[int, Move] = {}

    def note(self, event: Input, outcome: Outcome) -> Iterator[Pair]:
        """The pairs that a step completed."""
        for move in moves_of(event, outcome):
            before = self._last.get(event.slot)
            if before is not None:
                yield Pair(before, move)
            self._last[event.slot] = move


# --- what can occur -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Graph:
    """A small world's edges that change anything, and for each state and slot the possible last transitions."""

    edges: list[set[tuple[int, int, tuple[Move, ...]]]] = field(
        default_factory=list[set[tuple[int, int, tuple[Move, ...]]]]
    )  # for each state: (state after or -1 where the world ends, slot, transitions)
    last: list[list[set[Move]]] = field(default_factory=list[list[set[Move]]])


def _graph(world: World) -> _Graph:
    graph = _Graph()
    numbers = {state: number for number, state in enumerate(dict.fromkeys(world.roots))}
    states = list(numbers)
    for state in states:  # grows while it is walked
        edges: set[tuple[int, int, tuple[Move, ...]]] = set()
        for event in world.menu(state):
            after, outcome = step(state, event)
            if after is state:
                continue
            fresh = world.canonical(after)
            if fresh is not None and fresh not in numbers:
                numbers[fresh] = len(states)
                states.append(fresh)
            edges.add((-1 if fresh is None else numbers[fresh], event.slot, moves_of(event, outcome)))
        graph.edges.append(edges)
    graph.last = [[set() for _ in state.slots] for state in states]
    return graph


def possible_pairs(world: World) -> frozenset[Pair]:
    """Every pair of consecutive transitions in a world, whatever lies between them."""
    graph = _graph(world)
    pairs: set[Pair] = set()
    waiting = deque(range(len(graph.edges)))
    while waiting:
        at = waiting.popleft()
        known = graph.last[at]
        for target, k, moves in graph.edges[at]:
            after = known
            if moves:
                pairs.update(Pair(before, moves[0]) for before in known[k])
                pairs.update(map(Pair, moves, moves[1:]))
                after = [{moves[-1]} if slot == k else moved for slot, moved in enumerate(known)]
            if target >= 0 and _joined(graph.last[target], after):
                waiting.append(target)
    return frozenset(pairs)


def _joined(known: Sequence[set[Move]], more: Sequence[set[Move]]) -> bool:
    """Put what is new into ``known``, and tell whether anything was."""
    fresh = False
    for ours, theirs in zip(known, more, strict=True):
        if not theirs <= ours:
            ours.update(theirs)
            fresh = True
    return fresh


def derived_pairs(size: str = "quick", names: Iterable[str] = DERIVED_FROM) -> frozenset[Pair]:
    """Every pair that occurs in one of the named worlds of a size."""
    return frozenset(pair for world in worlds(size) if world.name in names for pair in possible_pairs(world))


# --- what cannot ----------------------------------------------------------------------------------------------------


class Never(NamedTuple):
    """Why pairs that fit together do not occur; ``obligations`` are proved and say so together."""

    because: str
    obligations: tuple[str, ...]
    holds_for: Callable[[Pair], bool]


def _denied_though_seen(pair: Pair) -> bool:
    return pair.first.source in (Phase.ENTRY_WORKING, Phase.EXIT_WORKING) and (
        pair.first.target in (Phase.ENTRY_UNRESOLVED, Phase.EXIT_UNRESOLVED)
        and pair.second.kind in (Kind.REJECTED, Kind.NOT_FOUND)
    )


def _sent_again_later(pair: Pair) -> bool:
    first, second = pair
    resent = second == Move(Phase.POSITION_OPEN, Kind.ORDER, Phase.EXIT_REQUESTED)
    return resent and first.kind != Kind.ORDER


def _finished_without_exit(pair: Pair) -> bool:
    first, second = pair
    finished = second == Move(Phase.POSITION_OPEN, Kind.ORDER, Phase.IDLE)
    return finished and first.source <= Phase.ENTRY_UNRESOLVED


NEVER: Final = (
    Never(
        "an order that has worked was seen, and what was seen is neither rejected nor absent",
        ("shape-entry", "shape-exit", "fills-only-grow", "seen-is-never-absent", "unresolved-is-left-by-evidence"),
        _denied_though_seen,
    ),
    Never(
        "an ORDER sends the next exit only in the very step that ends the order before it",
        ("nothing-is-sent-again", "shape-open", "entry-is-joined", "exit-is-joined"),
        _sent_again_later,
    ),
    Never(
        "a trade without an exit order has none that could fill late and close it",
        ("new-trade-starts-blank", "shape-entry", "no-exit-unnumbered", "attempts-only-rise"),
        _finished_without_exit,
    ),
)


def fitting_pairs(pairs: Iterable[Pair]) -> frozenset[Pair]:
    """Every two transitions of these pairs of which one ends where the other begins."""
    moves = {move for pair in pairs for move in pair}
    return frozenset(Pair(one, other) for one in moves for other in moves if one.target == other.source)


def unexplained(pairs: frozenset[Pair]) -> list[str]:
    """What is wrong with a set of possible pairs: one that cannot occur, or one left out for no reason."""
    wrong = [f"`{it}` occurs, although {why.because}" for it in sorted(pairs) for why in NEVER if why.holds_for(it)]
    missing = sorted(fitting_pairs(pairs) - pairs)
    return wrong + [
        f"`{pair}` does not occur, and nothing says why"
        for pair in missing
        if not any(why.holds_for(pair) for why in NEVER)
    ]


# --- the file -------------------------------------------------------------------------------------------------------


def pairs_text(pairs: Iterable[Pair]) -> str:
    """The content of ``pairs.json``: for each transition those that can follow it."""
    table: dict[str, list[str]] = {}
    for first, second in sorted(pairs):
        table.setdefault(str(first), []).append(str(second))
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"


def declared_pairs(path: Path = PAIRS_PATH) -> frozenset[Pair]:
    """The pairs that ``pairs.json`` declares. Raises ValueError for a line that names no transition."""
    table: Mapping[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return frozenset(Pair(_move(first), _move(second)) for first, row in table.items() for second in row)


def _move(text: str) -> Move:
    source, kind, target = text.replace(" -", " ").replace("→ ", " ").split()
    return Move(Phase[source], Kind[kind], Phase[target])


def main() -> int:
    """Write ``pairs.json`` anew. Status 1, and nothing is written, when a pair has no explanation."""
    pairs = derived_pairs()
    problems = unexplained(pairs)
    sys.stdout.write("".join(f"{problem}\n" for problem in problems))
    if not problems:
        PAIRS_PATH.write_text(pairs_text(pairs), encoding="utf-8")
        sys.stdout.write(f"{len(pairs)} pairs\n")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
