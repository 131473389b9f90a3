"""What there is to be on and beside: the comparisons of a kind's paths, each where it decides something.

A target is a comparison of two terms and a difference between them: 0 is tight, -1 and 1 are beside it; which side of
the bound each is on, and whether the path allows it, is for the solver to say. It is met only where the comparison
decides: with the other answer to it alone, the branch would not be taken, or the result would be another. So a bound
is not hidden behind another part of the same condition.

A comparison belongs to a branch of the tree of decisions: paths that decide the same after the same decisions share it,
and it is aimed at once for them all. Helpers whose branches are merged into a result have comparisons too; they belong
to the results that they are in. And where an amount is rounded, half of a unit is aimed at, once above an even number
and once above an odd one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import z3

from dita.conformance.prove.contracts import CONTRACTS, applications_of
from dita.conformance.prove.executor import Path
from dita.conformance.prove.flat import Flattener, values_of
from dita.conformance.prove.world import words
from dita.conformance.vectors.real import Space, names_in
from dita.reference.focus import Refused
from dita.spec.scales import RATE_SCALE, RATIO_SCALE
from dita.spec.vocabulary import Verdict

BESIDE: Final = (0, -1, 1)
RESULTS: Final = 2  # in which the same comparison is aimed at
COMPARED: Final = frozenset(("<=", ">=", "<", ">", "=", "distinct"))


class Target(NamedTuple):
    """What a vector must satisfy to meet it, on one of these paths, the most telling ones first."""

    facts: tuple[z3.BoolRef, ...]
    paths: tuple[int, ...]
    nodes: tuple[int, ...]  # of the facts, in the flattener
    plain: bool  # it is about amounts that lots and ticks restrict

    def is_met(self, values: Sequence[int]) -> bool:
        """Whether numbers meet it that give these values to the nodes."""
        return all(values[node] for node in self.nodes)


class _Place(NamedTuple):
    """Terms whose comparisons are aimed at, and the paths that have them."""

    terms: list[z3.ExprRef]
    paths: tuple[int, ...]


@dataclass(slots=True)
class Targets:
    """All targets of a kind."""

    space: Space
    flattener: Flattener = field(default_factory=Flattener)
    all: list[Target] = field(default_factory=list[Target])
    _restricted: frozenset[str] = frozenset()

    @classmethod
    def of(cls, space: Space) -> Targets:
        """Gather them: of every branch of the tree, of every result, and of every rounding."""
        amounts = [call.terms[0] for call in space.calls if call.name == "is_multiple"]
        found = cls(space, _restricted=frozenset(name for amount in amounts for name in names_in(amount)))
        for place in _branches(space.paths):
            for atom in atoms(place.terms):
                found.aim(atom, place)
        aimed: dict[int, int] = {}
        for place in _results(space.paths):
            for atom in atoms(place.terms):
                aimed[atom.get_id()] = aimed.get(atom.get_id(), 0) + 1
                if aimed[atom.get_id()] <= RESULTS:
                    found.aim(atom, place)
            for facts in _ties(place.terms):
                key = facts[-1].get_id()
                aimed[key] = aimed.get(key, 0) + 1
                if aimed[key] <= RESULTS:
                    found.add(facts, place.paths, plain=False)
        return found

    def aim(self, atom: z3.BoolRef, place: _Place) -> None:
        """At a comparison, from both sides."""
        decides = deciding(atom, place.terms)
        calls = any(applications_of(name, atom) for name in CONTRACTS)
        plain = calls or not self._restricted.isdisjoint(names_in(atom))
        for difference in BESIDE:
            self.add((atom.arg(0) == atom.arg(1) + difference, decides), place.paths, plain=plain)

    def add(self, facts: tuple[z3.BoolRef, ...], paths: tuple[int, ...], *, plain: bool) -> None:
        """One more target."""
        self.all.append(Target(facts, paths, tuple(self.flattener.add(fact) for fact in facts), plain))

    def values(self, numbers: Sequence[int]) -> list[int]:
        """The value of every node where the words have these numbers."""
        return values_of(self.flattener.nodes, dict(zip(self.space.names, numbers, strict=True)))


def _branches(paths: Sequence[Path]) -> list[_Place]:
    """Each branch of the tree of decisions: its condition, and the paths that take it, refusals last."""
    found: dict[tuple[tuple[int, bool], ...], tuple[z3.BoolRef, list[int]]] = {}
    for number, path in enumerate(paths):
        taken: tuple[tuple[int, bool], ...] = ()
        for decision in path.decisions:
            taken = (*taken, (decision.condition.get_id(), decision.taken))
            found.setdefault(taken, (decision.condition, []))[1].append(number)
    return [
        _Place([condition], tuple(sorted(numbers, key=lambda number: is_refusal(paths[number]))))
        for condition, numbers in found.values()
    ]  # fmt: skip


def _results(paths: Sequence[Path]) -> list[_Place]:
    """Each path's result: the words that are neither numbers nor as they were."""
    found: list[_Place] = []
    for number, path in enumerate(paths):
        if path.error is None:
            after, outcome = path.result
            told = [word for word in words(after) + words(outcome) if not z3.is_const(word)]
            found.append(_Place([*told], (number,)))
    return found


def _ties(terms: Iterable[z3.ExprRef]) -> list[tuple[z3.BoolRef, ...]]:
    """For every amount that is rounded in these terms: exactly half, between an even and an odd number both ways."""
    found: dict[int, tuple[z3.BoolRef, ...]] = {}

    def aim(*facts: z3.BoolRef) -> None:
        found.setdefault(facts[-1].get_id(), facts)

    for term in terms:
        for quote, rate in applications_of("predicted_fee", term):
            for half in (5, 15) if z3.is_const(rate) else ():  # else the rate itself is rounded, and hard to choose
                aim(rate == RATE_SCALE // 10, quote % 20 == half)
        for rate, calibration in applications_of("calibrated_rate", term):
            for half in (1, 3):
                aim(calibration == RATIO_SCALE // 2, rate % 4 == half)
        for cost, all_, part in applications_of("cost_share", term):
            for half in (1, 3):
                aim(part > 0, all_ == 2 * part, cost % 4 == half)
    return list(found.values())


def deciding(atom: z3.BoolRef, terms: Iterable[z3.ExprRef]) -> z3.BoolRef:
    """One of the terms depends on the answer to this comparison alone."""
    yes, no = z3.BoolVal(True), z3.BoolVal(False)
    sides = [(z3.substitute(term, (atom, yes)), z3.substitute(term, (atom, no))) for term in terms]
    return z3.simplify(z3.Or(*[one != other for one, other in sides if not one.eq(other)]))


def atoms(terms: Iterable[z3.ExprRef]) -> list[z3.BoolRef]:
    """Every comparison of two integers in these terms, at any depth."""
    found: list[z3.BoolRef] = []
    seen: set[int] = set()
    stack = list(terms)
    while stack:
        term = stack.pop()
        if term.get_id() in seen:
            continue
        seen.add(term.get_id())
        children = term.children()
        stack += children
        if z3.is_bool(term) and len(children) == 2 and z3.is_int(children[0]) and term.decl().name() in COMPARED:
            found.append(term)
    return found


def is_refusal(path: Path) -> bool:
    """The path ends in a refusal."""
    return isinstance(path.error, Refused)


def is_accepted(path: Path) -> bool:
    """The path ends in an accepted step."""
    return path.error is None and int(path.result[1].verdict) == Verdict.ACCEPTED
