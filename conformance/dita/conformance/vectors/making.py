"""The vectors of one kind of input: numbers that take each path, and numbers at the bounds of its comparisons.

Nothing that a solver says is taken on trust. The numbers become a whole state; the reference steps it; the compiled
paths must name the very path and the very result; and the decisions of that run must be those of all other vectors of
the path, and of no vector of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import z3

from dita.conformance.prove.executor import LOGIC, Path
from dita.conformance.prove.flat import WORD, Shape, values_of
from dita.conformance.prove.prediction import KindPredictor, compiled_paths
from dita.conformance.prove.second_opinion import Opinion, ask
from dita.conformance.prove.world import BLANK, words
from dita.conformance.vectors.bounds import Targets, is_accepted, is_refusal
from dita.conformance.vectors.dice import Dice
from dita.conformance.vectors.embedding import embedded
from dita.conformance.vectors.pathfinder import Pathfinder
from dita.conformance.vectors.real import Question, Space, Wish
from dita.conformance.vectors.rows import BOUNDARY, INTERIOR, NO_MARK, Vector, changes_of
from dita.conformance.vectors.scenes import Scene, records_of, scene
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.scales import BOUND, NOTIONAL_DIVISOR
from dita.spec.state import Focus, focus_of
from dita.spec.vocabulary import Kind

SCENES: Final = 240
SCENES_TRIED: Final = 6  # for one vector
MOST: Final = 3  # the rank of a wish above all numbers
PLAIN: Final[dict[str, int]] = {
    "pre.instrument.lot": 1, "pre.instrument.tick": NOTIONAL_DIVISOR, "pre.instrument.quantity_max": BOUND,
    "pre.instrument.price_max": NOTIONAL_DIVISOR, "event.price": NOTIONAL_DIVISOR, "pre.slot.minimum": 1,
    "pre.slot.ref_price": NOTIONAL_DIVISOR,
}  # fmt: skip
FREE: Final[dict[str, int]] = PLAIN | {"pre.slot.fee_rate_ppb": 0}
FINE: Final[dict[str, int]] = {"pre.instrument.lot": NOTIONAL_DIVISOR, "pre.instrument.tick": 1}
TURNS: Final[tuple[tuple[dict[str, int], ...], ...]] = (({}, PLAIN, FINE), (PLAIN, FREE, {}))
"""What is changed in the numbers that a target is looked for near to, turn by turn, each time on another of its paths.

Some bounds are only met where a lot or a tick is one, or where a notional is its quantity, or where nothing costs a
fee. What mentions the named arithmetic, or an amount in lots or ticks, begins there.
"""


class PathMissed(RuntimeError):
    """A path has no vector, or numbers that do not do what its terms say; the message names the path."""


@dataclass(frozen=True, slots=True)
class Made:
    """The vectors of a kind. ``beyond`` are the paths that no real numbers take: both solvers refuted them."""

    kind: int
    marks: tuple[str, ...]
    vectors: tuple[Vector, ...]  # paths counted within the kind
    beyond: tuple[int, ...]
    targets: int
    met: int
    impossible: int
    given_up: int


class _Numbers(NamedTuple):
    """A vector as the words of three records and an input, and the scene that it began with."""

    path: int
    purpose: int
    numbers: tuple[int, ...]
    scene: int


def make(kind: Kind, seed: int) -> Made:
    """Everything of one kind. The same seed gives the same vectors. Raises PathMissed, Unsupported."""
    space = Space.of(kind, seed)
    search = _Search(space, compiled_paths(kind, space.paths), f"{seed}")
    search.prepare()
    for number in range(len(space.paths)):
        search.interior(number)
    search.boundaries()
    return search.made()


@dataclass(slots=True)
class _Chase:
    """The targets that no vector meets yet, and what is known of them."""

    targets: Targets
    paths: Sequence[Path]
    beyond: frozenset[int]
    open: set[int] = field(default_factory=set[int])
    gave_up: set[int] = field(default_factory=set[int])
    refuted: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])  # a target on one of its paths
    _of_path: dict[int, list[int]] = field(default_factory=dict[int, list[int]])

    def __post_init__(self) -> None:
        """All are open."""
        self.open.update(range(len(self.targets.all)))
        for index, target in enumerate(self.targets.all):
            for number in target.paths:
                self._of_path.setdefault(number, []).append(index)

    def met_by(self, one: _Numbers) -> None:
        """Close what these numbers meet on their path."""
        values = self.targets.values(one.numbers)
        self.open.difference_update(i for i in self._of_path.get(one.path, ()) if self.targets.all[i].is_met(values))

    def todo(self, turn: int) -> dict[int, list[int]]:
        """What to look for in this turn, by path: each target on another of its paths than the turn before."""
        found: dict[int, list[int]] = {}
        for index in sorted(self.open):
            paths = [
                n for n in self.targets.all[index].paths if n not in self.beyond and (index, n) not in self.refuted
            ]
            telling = [n for n in paths if is_accepted(self.paths[n])] or paths
            if telling:
                found.setdefault(telling[(index + turn) % len(telling)], []).append(index)
        return found

    def near(self, index: int, turn: int, base: _Numbers) -> list[int]:
        """The numbers near to which a target is looked for in this turn."""
        changed = TURNS[self.targets.all[index].plain][turn]
        named = zip(self.targets.space.names, base.numbers, strict=True)
        return [number and changed.get(name, number) for name, number in named]

    def counts(self) -> dict[str, int]:
        """How it ended; given up is what was so at least once, and never met."""
        all_ = len(self.targets.all)
        return {"targets": all_, "met": all_ - len(self.open), "given_up": len(self.gave_up & self.open)}


@dataclass(slots=True)
class _Search:
    """The work on one kind, and what was found."""

    space: Space
    known: KindPredictor
    seed: str
    found: list[_Numbers] = field(default_factory=list[_Numbers])
    beyond: list[int] = field(default_factory=list[int])
    _scenes: list[Scene] = field(default_factory=list[Scene])
    _decided: list[list[int]] = field(default_factory=list[list[int]])  # by scene, the values of all nodes
    _used: list[int] = field(default_factory=list[int])
    _last: int = 0
    _counts: dict[str, int] = field(default_factory=dict[str, int])

    def prepare(self) -> None:
        """Draw the scenes, and see what they decide."""
        nodes, names = self.known.predictor.nodes, self.known.names
        event = names[-len(words(Input())) :]
        mentioned = self._mentioned()
        unnamed = frozenset(place for place, name in enumerate(event) if name not in mentioned)
        self._scenes = [scene(self.space.kind, number, self.seed, unnamed) for number in range(SCENES)]
        self._decided = [values_of(nodes, dict(zip(names, one.words, strict=True))) for one in self._scenes]
        self._used = [0] * SCENES

    def _mentioned(self) -> set[str]:
        """The words on which a decision or a result of the kind depends."""
        nodes = self.known.predictor.nodes
        stack: list[Shape] = [path.result for path in self.known.predictor.paths]
        stack += [node for path in self.known.predictor.paths for node, _ in path.literals]
        seen: set[int] = set()
        while stack:
            item = stack.pop()
            if isinstance(item, tuple):
                stack += item
            elif item not in seen:
                seen.add(item)
                stack += nodes[item].args
        return {str(nodes[index].value) for index in seen if nodes[index].op == WORD}

    # --- one vector a path ------------------------------------------------------------------------------------------

    def interior(self, number: int) -> None:
        """Numbers that take the path, as near to a scene as it allows."""
        question, wishes = self._question(number)
        for near in self._nearest(number)[:SCENES_TRIED]:
            asked = question.ask(self._scenes[near].words, wishes)
            if asked.numbers is not None:
                self.found.append(_Numbers(number, INTERIOR, asked.numbers, near))
                self._used[near] += 1
                self._last = near
                return
            if not asked.gave_up:
                self._refute(number)
                return
        raise PathMissed(f"{self.space.kind.name} path {number}: no numbers were found that take it")

    def _question(self, number: int) -> tuple[Question, list[Wish]]:
        """The path, and the wishes that make numbers telling.

        A step changes all that it writes; where nothing is done, it would have been but for the last guard.
        """
        path = self.space.paths[number]
        if is_accepted(path):
            return Question(self.space, number), _changed(self.space, path.result)
        passing, onward = _onward(self.space.paths, number)
        return Question(self.space, number, passing), [Wish(MOST, literal) for literal in onward]

    def _nearest(self, number: int) -> list[int]:
        """The scenes by how much of the path they already decide; refusals share scenes, which makes small rows."""
        literals = self.known.predictor.paths[number].literals
        shared = is_refusal(self.space.paths[number])

        def distance(one: int) -> tuple[int, int, int]:
            against = sum(bool(self._decided[one][node]) != side for node, side in literals)
            return (against, int(one != self._last), one) if shared else (against + self._used[one], 0, one)

        return sorted(range(SCENES), key=distance)

    def _refute(self, number: int) -> None:
        """The path contradicts what is known of the real functions: both solvers must find so."""
        if not is_beyond(self.space, number):
            raise PathMissed(f"{self.space.kind.name} path {number}: real numbers take it, but in no whole state")
        self.beyond.append(number)

    # --- the bounds -------------------------------------------------------------------------------------------------

    def boundaries(self) -> None:
        """For every target a vector that meets it, unless one does already."""
        chase = _Chase(Targets.of(self.space), self.space.paths, frozenset(self.beyond))
        for one in self.found:
            chase.met_by(one)
        for turn in range(len(TURNS[0])):
            for number, indices in sorted(chase.todo(turn).items()):
                question, wishes = self._question(number)
                base = next(one for one in self.found if one.path == number)
                for index in indices:
                    if index in chase.open:
                        near = chase.near(index, turn, base)
                        asked = question.ask(near, wishes, chase.targets.all[index].facts)
                        if asked.numbers is not None:
                            self.found.append(_Numbers(number, BOUNDARY, asked.numbers, base.scene))
                            chase.met_by(self.found[-1])
                        elif asked.gave_up:
                            chase.gave_up.add(index)
                        else:
                            chase.refuted.add((index, number))
        self._counts = chase.counts()

    # --- from numbers to vectors ------------------------------------------------------------------------------------

    def made(self) -> Made:
        """The vectors, each held against the paths, the reference and the decisions of its run."""
        predict = self.known.predictor.function()
        marks: dict[int, str] = {}
        vectors: list[Vector] = []
        with Pathfinder() as pathfinder:
            for one in sorted(self.found, key=self._place):
                vector = self._vector(one, predict)
                mark = pathfinder.taken(vector.state, vector.event).mark
                if marks.setdefault(one.path, mark) != mark:
                    raise PathMissed(f"{self.space.kind.name} path {one.path}: its vectors decide different things")
                vectors.append(vector)
        if len(set(marks.values())) != len(marks):
            raise PathMissed(f"{self.space.kind.name}: vectors of different paths decide the same things")
        counts = self._counts
        return Made(
            int(self.space.kind),
            tuple(marks.get(number, NO_MARK) for number in range(len(self.space.paths))),
            tuple(vectors), tuple(self.beyond), counts["targets"], counts["met"],
            counts["targets"] - counts["met"] - counts["given_up"], counts["given_up"],
        )  # fmt: skip

    def _place(self, one: _Numbers) -> tuple[int, bool, int]:
        """Where a vector goes: what began with the same scene stands together, which makes small rows."""
        base = next(other for other in self.found if other.path == one.path)
        return (one.path, one.scene == base.scene, one.purpose)

    def _vector(self, one: _Numbers, predict: Any) -> Vector:
        focus, event = records_of(one.numbers, BLANK)
        dice = Dice(f"{self.seed} {self.space.kind.name} {one.scene} whole")
        state = embedded(focus, event, dice)
        after, outcome = step(state, event)
        said = predict(*focus, event)
        happened = (*focus_of(after, event.slot, event.instrument), outcome)
        if said != (one.path, happened):
            raise PathMissed(f"{self.space.kind.name} path {one.path}: the paths say {said}, CPython {happened}")
        return Vector(one.path, one.purpose, state, event, outcome, changes_of(state, after))


def is_beyond(space: Space, number: int) -> bool:
    """Whether both solvers find that no real numbers take a path: its terms allow products that there are not."""
    path = space.paths[number]
    solver = z3.SolverFor(LOGIC)
    solver.add(*space.known, *path.literals, *path.lemmas)
    return solver.check() == z3.unsat and ask(solver.to_smt2(), LOGIC) is Opinion.UNSAT


def _onward(paths: Sequence[Path], number: int) -> tuple[Path | None, list[z3.BoolRef]]:
    """A path that passes the last guard of this one, accepted if one can be, and what it decides from there."""
    decisions = paths[number].decisions
    here = [(decision.condition.get_id(), decision.taken) for decision in decisions]
    passed = [*here[:-1], (here[-1][0], not here[-1][1])]
    siblings = [
        path for path in paths
        if [(decision.condition.get_id(), decision.taken) for decision in path.decisions[: len(passed)]] == passed
    ]  # fmt: skip
    chosen = [path for path in siblings if is_accepted(path)] or siblings
    if not chosen:
        return None, []
    passing = chosen[number % len(chosen)]
    return passing, passing.literals[len(passed) :]


def _changed(space: Space, result: tuple[Focus, Outcome]) -> list[Wish]:
    """The wish that every word that the path writes has another value than before."""
    before = space.words
    return [
        Wish(1, new != old)
        for old, new in zip(before, words(result[0]), strict=False)
        if not new.eq(old)
    ]  # fmt: skip
