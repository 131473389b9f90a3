"""Both sides of an input kind as formulas over the same 64-bit words.

The reference's paths are terms over integers, explored as for the proofs; ``words`` carries them over exactly. The
image's paths come as text. On both sides a named function is one uninterpreted function of words, so what is proved
holds whatever the functions compute, as long as the image's compute the reference's on the contract's domain; there a
notional beyond a word is what ``BEYOND`` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import z3

from dita.conformance.equiv.sums import Canonical
from dita.conformance.equiv.tools import WRITTEN
from dita.conformance.equiv.words import WORD_BITS, Interval, Words, bounded, symbol
from dita.conformance.prove.contracts import CONTRACTS
from dita.conformance.prove.core import paths_of, theory
from dita.conformance.prove.executor import Path
from dita.conformance.prove.proxies import Unsupported
from dita.conformance.prove.world import words
from dita.reference.focus import Refused
from dita.reference.step import located
from dita.spec.vocabulary import Kind

BEYOND: Final = 5 << 60
"""What ``kernel_rs/src/arithmetic.rs`` gives for every quotient that is larger."""


@dataclass(frozen=True, slots=True)
class Case:
    """One path of the reference: its decisions, the contracts it brings along, and every word that it leaves behind."""

    holds: tuple[z3.BoolRef, ...]
    lemmas: tuple[z3.BoolRef, ...]
    after: tuple[z3.BitVecRef, ...]


@dataclass(frozen=True, slots=True)
class MachinePath:
    """One path of the image's step: its conditions, and every word that it leaves behind."""

    holds: tuple[z3.BoolRef, ...]
    after: tuple[z3.BitVecRef, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """What is assumed of every state and input of a kind, and the reference's paths."""

    kind: Kind
    facts: tuple[z3.BoolRef, ...]
    lemmas: tuple[z3.BoolRef, ...]  # of all paths, those that can be carried over without what is known on one of them
    cases: tuple[Case, ...]

    @property
    def plain(self) -> tuple[z3.BoolRef, ...]:
        """Of what is assumed, all that compares words with words and numbers: no sum, which is what is hard."""
        return tuple(part for fact in self.facts for part in _parts(fact) if _is_plain(part))


def _parts(fact: z3.BoolRef) -> list[z3.BoolRef]:
    """What a fact is the conjunction of."""
    return [part for child in fact.children() for part in _parts(child)] if z3.is_and(fact) else [fact]


def _is_plain(fact: z3.ExprRef) -> bool:
    """Connectives and comparisons of words and numbers as they are."""
    children = fact.children()
    if z3.is_bool(fact) and fact.decl().name() not in CONTRACTS:
        return all(_is_plain(child) for child in children)
    return not children


def reference_of(kind: Kind, canonical: Canonical) -> Reference:
    """The reference's side of a kind. Raises Unsupported where a term cannot be carried over exactly."""
    paths, _, assumptions = paths_of(kind)
    known = bounded(assumptions)
    carried = Words(known)
    facts = tuple(canonical.of(carried.fact(fact)) for fact in assumptions)
    everywhere = {lemma.get_id(): lemma for path in paths for lemma in path.lemmas}
    lemmas: list[z3.BoolRef] = []
    for lemma in everywhere.values():
        with suppress(Unsupported):  # one that says nothing where its path is not taken; to assume less proves no less
            lemmas.append(canonical.of(carried.fact(lemma)))
    return Reference(kind, facts, tuple(lemmas), tuple(_case(path, assumptions, known, canonical) for path in paths))


def _case(path: Path, assumptions: Sequence[z3.BoolRef], known: Mapping[int, Interval], canonical: Canonical) -> Case:
    world = theory().world
    if isinstance(path.error, Refused):
        after, outcome = world.pre, path.error.outcome
    else:
        after, outcome = path.result
        outcome = located(outcome, world.event)
    carried = Words(bounded(path.lemmas, known))
    holds = tuple(canonical.of(carried.learned(fact)) for fact in path.literals)
    try:
        left = _left(carried, [*words(after), *words(outcome)], canonical)
    except Unsupported:  # an invariant says more where the path has decided a part of it, which takes a while to find
        carried.learn(assumptions)
        left = _left(carried, [*words(after), *words(outcome)], canonical)
    return Case(holds, tuple(canonical.of(carried.fact(fact)) for fact in path.lemmas), left)


def _left(carried: Words, numbers: Sequence[z3.ArithRef], canonical: Canonical) -> tuple[z3.BitVecRef, ...]:
    return tuple(canonical.of(carried.word(number)) for number in numbers)


def machine_path(answer: Mapping[str, Any], canonical: Canonical) -> MachinePath:
    """A path as ``machine.py`` wrote it down. Raises ValueError for a text that does not say what it must."""
    conditions, named = definitions_of(answer)
    results: list[tuple[z3.ExprRef, z3.ExprRef]] = []
    for number, call in enumerate(answer["calls"]):
        name = call["function"].removeprefix("dita_")
        given = [z3.substitute(named[f"argument.{number}.{index}"], *results) for index in range(call["arguments"])]
        made = result_of(name, given)
        results.append((z3.BitVec(f"result.{number}", made.size()), made))
    after = {name: z3.BitVec(name, WORD_BITS) for name in WRITTEN}
    after |= {name: z3.substitute(named[f"after.{name}"], *results) for name in answer["changed"]}
    unknown = after.keys() - set(WRITTEN)
    if unknown:
        raise ValueError(f"the image wrote to `{min(unknown)}`, which is no word of a step")
    return MachinePath(
        tuple(canonical.of(z3.substitute(fact, *results)) for fact in conditions),
        tuple(canonical.of(after[name]) for name in WRITTEN),
    )


def definitions_of(answer: Mapping[str, Any]) -> tuple[list[z3.BoolRef], dict[str, z3.ExprRef]]:
    """A path's conditions, and what stands for the words it leaves and the arguments it passes. Raises ValueError."""
    asserted = list(z3.parse_smt2_string(answer["text"]))
    return asserted[: answer["conditions"]], dict(_definition(fact) for fact in asserted[answer["conditions"] :])


def _definition(fact: z3.BoolRef) -> tuple[str, z3.ExprRef]:
    """A name and what it stands for; the solver that wrote it may have turned the two."""
    sides = fact.children()
    for name, value in (sides, sides[::-1]):
        if name.num_args() == 0 and name.decl().name().startswith(("after.", "argument.")):
            return name.decl().name(), value
    raise ValueError(f"`{fact}` defines no name")


def result_of(name: str, arguments: Sequence[z3.ExprRef]) -> z3.BitVecRef:
    """What the image's named function gives, as one bit for a truth value and else as a word."""
    value: z3.BitVecRef = symbol(name)(*arguments)
    if z3.is_bool(value):
        return z3.If(value, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))
    if value.size() == WORD_BITS:
        return value
    most = z3.BitVecVal(BEYOND, value.size())
    return z3.Extract(WORD_BITS - 1, 0, z3.If(z3.UGT(value, most), most, value))
