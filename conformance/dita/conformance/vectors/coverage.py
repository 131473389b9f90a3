"""How many of the reference's paths the vectors take, found out anew: nothing of it is read from the file.

The paths are explored again, and which one a vector takes is recorded while the reference runs on it. Paths that no
vector takes count as taken by nobody, unless both solvers refute, again, that any numbers take them. What the file says
of all this only has to be the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import z3

from dita.conformance.prove.core import KINDS
from dita.conformance.prove.executor import LOGIC
from dita.conformance.prove.prediction import compiled_paths
from dita.conformance.prove.second_opinion import Opinion, ask
from dita.conformance.vectors.pathfinder import Pathfinder, is_named
from dita.conformance.vectors.real import Space
from dita.conformance.vectors.refusing import refusals
from dita.conformance.vectors.rows import AGAIN, Kept, Vector
from dita.spec.state import focus_of
from dita.spec.vocabulary import Kind

ALL_KINDS: Final = (Kind.NONE, *KINDS)
"""NONE stands for what the step refuses before it asks any handler."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Paths that vectors took, of those that numbers can take. ``problems``: what is missing, or said otherwise."""

    paths: int
    taken: int
    beyond: int  # paths that no numbers take
    problems: tuple[str, ...]


def coverage(kept: Kept, kinds: Sequence[Kind] = ALL_KINDS) -> Coverage:
    """Explore these kinds, and run the reference on their vectors. Raises VectorsRefused, OffThePath, Unsupported."""
    vectors: dict[Kind, list[Vector]] = {kind: [] for kind in kinds}
    marks: dict[Kind, set[str]] = {kind: set() for kind in vectors}
    listed = [(kind, mark) for kind, marks_of in kept.marks.items() for mark in marks_of]
    problems: list[str] = []
    with Pathfinder() as pathfinder:
        for number, vector in enumerate(kept.vectors()):
            kind = Kind(vector.event.kind) if is_named(vector.event) else Kind.NONE
            if kind not in vectors:
                continue
            mark = pathfinder.taken(vector.state, vector.event).mark
            vectors[kind].append(vector)
            marks[kind].add(mark)
            if (kind.name, mark) != listed[vector.path]:
                problems.append(f"row {number} takes another path than its own, `{vector.path}`; {AGAIN}")
    paths = beyond = 0
    for kind, of_kind in vectors.items():
        there, impossible = _explored(kind, kept.header.seed, of_kind, len(marks[kind]))
        if len(kept.marks.get(kind.name, ())) != there:
            problems.append(f"{kind.name}: the file does not list the `{there}` paths that there are; {AGAIN}")
        if len(marks[kind]) != there - impossible:
            problems.append(f"{kind.name}: vectors take `{len(marks[kind])}` of `{there - impossible}` paths; {AGAIN}")
        paths += there - impossible
        beyond += impossible
    return Coverage(paths, sum(map(len, marks.values())), beyond, tuple(problems))


def _explored(kind: Kind, seed: int, vectors: Sequence[Vector], taken: int) -> tuple[int, int]:
    """How many paths the kind has, and how many that no vector takes: 0 unless all of these are refuted."""
    if kind == Kind.NONE:
        return len(refusals(seed)[1]), 0
    space = Space.of(kind, seed)
    there = len(space.paths)
    if taken == there:
        return there, 0
    path_of = compiled_paths(kind, space.paths).predictor.function()
    said = [path_of(*focus_of(one.state, one.event.slot, one.event.instrument), one.event) for one in vectors]
    took = {path[0] for path in said if path is not None}
    missing = [number for number in range(there) if number not in took]
    return there, len(missing) if missing and _no_numbers_take(space, missing) else 0


def _no_numbers_take(space: Space, numbers: Sequence[int]) -> bool:
    """Whether both solvers find that no real numbers take any of these paths; each is asked once, of all together."""
    paths = [space.paths[number] for number in numbers]
    solver = z3.SolverFor(LOGIC)
    solver.add(*space.known, *[lemma for path in paths for lemma in path.lemmas])
    solver.add(z3.Or(*[z3.And(*path.literals) for path in paths]))
    return solver.check() == z3.unsat and ask(solver.to_smt2(), LOGIC) is Opinion.UNSAT
