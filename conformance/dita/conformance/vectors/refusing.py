"""The vectors of what the step refuses before it asks any handler: kinds that do not exist, indices out of range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import z3

from dita.conformance.prove.executor import LOGIC, Explorer, Path
from dita.conformance.prove.proxies import Unsupported
from dita.conformance.prove.world import symbolic
from dita.conformance.vectors.bounds import BESIDE, atoms
from dita.conformance.vectors.making import Made, PathMissed
from dita.conformance.vectors.pathfinder import Pathfinder
from dita.conformance.vectors.real import WORD_END, WORD_MIN
from dita.conformance.vectors.rows import BOUNDARY, INTERIOR, Vector, changes_of
from dita.reference import step
from dita.reference.focus import Refused
from dita.reference.step import accept
from dita.spec.inputs import Input
from dita.spec.state import State
from dita.spec.vocabulary import INSTRUMENTS, SLOTS, Kind

WORDS: Final = ("kind", "slot", "instrument")


def make_refusing(bases: Sequence[Vector], seed: int) -> Made:
    """One vector for every way to name nothing, one at each bound and at the ends of the words; the rest as in a base.

    Raises PathMissed.
    """
    words, paths = refusals(seed)
    made: list[Vector] = []
    marks: list[str] = []
    targets = met = 0
    with Pathfinder() as pathfinder:
        for number, path in enumerate(paths):
            solver = z3.SolverFor(LOGIC)
            solver.set("random_seed", seed)
            solver.add(*path.literals, *[z3.And(word >= WORD_MIN, word < WORD_END) for word in words])
            base = bases[number % len(bases)]
            near = [word == getattr(base.event, name) for word, name in zip(words, WORDS, strict=True)]
            bounds = _bounds(path, words)
            targets += len(bounds)
            asked = [_asked(solver, words, near, must, base) for must in ([], *[[fact] for fact in bounds])]
            events = list(dict.fromkeys(found for found in asked if found is not None))
            met += len(events) - 1
            for place, named in enumerate(events):
                after, outcome = step(base.state, named)
                purpose = BOUNDARY if place else INTERIOR
                made.append(Vector(number, purpose, base.state, named, outcome, changes_of(base.state, after)))
            ours = {pathfinder.taken(one.state, one.event).mark for one in made if one.path == number}
            if len(ours) != 1:
                raise PathMissed(f"refusal {number} of the step: its vectors decide {len(ours)} different things")
            marks += ours
    if len(set(marks)) != len(paths):
        raise PathMissed("the step itself: vectors of different paths decide the same things")
    return Made(int(Kind.NONE), tuple(marks), tuple(made), (), targets, met, targets - met, 0)


def refusals(seed: int) -> tuple[list[Any], list[Path]]:
    """The words of an input that name, and every path of the step where they name no kind, slot or instrument.

    Raises Unsupported.
    """
    event = symbolic(Input(), "event")
    kind, slot, instrument = words = [getattr(event, name).term for name in WORDS]
    named = z3.And(
        kind >= int(Kind.ENTER), kind <= int(Kind.CALIBRATE), slot >= 0, slot < SLOTS, instrument >= 0,
        instrument < INSTRUMENTS,
    )  # fmt: skip
    paths = Explorer([z3.Not(named)], (Exception,), seed).explore(lambda: accept(State(), event))
    if not all(isinstance(path.error, Refused) for path in paths):
        raise Unsupported("the step did not refuse an input that names nothing")
    return words, paths


def _bounds(path: Path, words: list[Any]) -> list[z3.BoolRef]:
    """On and beside each comparison, and each word at its own ends."""
    found = atoms([decision.condition for decision in path.decisions])
    tight = [atom.arg(0) == atom.arg(1) + difference for atom in found for difference in BESIDE]
    return tight + [word == end for word in words for end in (WORD_MIN, WORD_END - 1)]


def _asked(
    solver: z3.Solver, words: list[Any], near: list[z3.BoolRef], must: list[z3.BoolRef], base: Vector
) -> Input | None:
    """An input near the base's that takes the path; None if there is none."""
    solver.push()
    solver.add(*must)
    try:
        wishes = list(near)
        while solver.check(*wishes) != z3.sat:
            refused = {fact.get_id() for fact in solver.unsat_core()}
            if not refused:
                return None
            wishes = [fact for fact in wishes if fact.get_id() not in refused]
        model = solver.model()
        numbers = [int(model.eval(word, model_completion=True).as_long()) for word in words]
    finally:
        solver.pop()
    return base.event._replace(kind=numbers[0], slot=numbers[1], instrument=numbers[2])
