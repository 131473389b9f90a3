"""The questions about both sides, in SMT-LIB.

A kind has a thousand paths and hundreds of cases, and of every path the same cases are asked about. So the reference's
side is written out once, each word that any case leaves behind under a name of its own; only the path changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import z3

from dita.conformance.equiv.comparing import MachinePath, Reference
from dita.conformance.equiv.tools import EVENT, WRITTEN
from dita.conformance.equiv.words import WORD_BITS, symbol
from dita.conformance.prove.contracts import CONTRACTS

LOGIC: Final = "QF_UFBV"
WORDS: Final = (*WRITTEN, *EVENT)
"""The words of a step, on either side."""
NOTHING, PLAIN, ALL = range(3)
"""What to assume: ``Spelled.levels``."""


def spelled(name: str) -> str:
    """A word's name as SMT-LIB writes it."""
    return f"|{name}|" if "[" in name else name


HEAD: Final = "".join(
    [
        f"(set-logic {LOGIC})\n",
        *[f"(declare-fun {spelled(name)} () (_ BitVec {WORD_BITS}))\n" for name in WORDS],
        *[symbol(name).sexpr() + "\n" for name in CONTRACTS],
    ]
)


class _Case(NamedTuple):
    """A path of the reference as text: when it is taken, and by term id and text what it leaves in each word."""

    taken: str
    after: tuple[tuple[int, str], ...]


class _Written(NamedTuple):
    """A path of the image as text: when it is taken, and that a case of the reference leaves something else."""

    path: MachinePath
    taken: str
    differs: str


class Spelled:
    """The reference's side as text, every term once; ``levels``: of its facts none, the plain ones, or all."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.levels: Final = ((), reference.plain, reference.facts)
        self._facts: dict[int, tuple[z3.BoolRef, str]] = {}
        self._last: _Written | None = None
        self._definitions: list[str] = []
        self._names: dict[int, str] = {}  # of terms that the reference keeps, by their ids
        self._cases = [
            _Case(
                _both([self._named(fact) for fact in (*case.holds, *case.lemmas)]),
                tuple((word.get_id(), self._named(word)) for word in case.after),
            )
            for case in reference.cases
        ]
        self._theirs = "".join(self._definitions)

    def _named(self, term: z3.ExprRef) -> str:
        if not term.num_args():
            return term.sexpr()
        if term.get_id() not in self._names:
            name = self._names[term.get_id()] = f"theirs.{len(self._names)}"
            self._definitions.append(_defined(name, term))
        return self._names[term.get_id()]

    def difference(self, path: MachinePath, facts: Sequence[z3.BoolRef]) -> str:
        """The state and input take the image's path, and a path of the reference that leaves something else behind."""
        written = self._written(path)
        return "".join([HEAD, *map(self._assumed, facts), written.taken, self._theirs, written.differs])

    def reached(self, path: MachinePath) -> str:
        """Some state that satisfies the invariants, and some input, take the image's path."""
        return "".join([HEAD, *map(self._assumed, self.reference.facts), self._written(path).taken])

    def _assumed(self, fact: z3.BoolRef) -> str:
        """A fact as text, which every question repeats."""
        kept = self._facts.get(fact.get_id())
        if kept is None:  # with the fact itself, or its id would be given again
            kept = self._facts[fact.get_id()] = (fact, "".join(_asserted((fact,))))
        return kept[1]

    def _written(self, path: MachinePath) -> _Written:
        """A path as text; of one path there are several questions, one after the other."""
        if self._last is None or self._last.path is not path:
            self._last = _Written(path, "".join(_asserted(path.holds)), self._differs(path))
        return self._last

    def _differs(self, path: MachinePath) -> str:
        lines: list[str] = []
        ours: list[tuple[int, str]] = []
        for number, word in enumerate(path.after):
            name = f"ours.{number}" if word.num_args() else word.sexpr()
            lines += [_defined(name, word)] if word.num_args() else []
            ours.append((word.get_id(), name))
        cases: list[str] = []
        for case in self._cases:
            pairs = zip(ours, case.after, strict=True)
            others = [f"(distinct {name} {other})" for (word, name), (left, other) in pairs if word != left]
            if others:
                cases.append(_both([case.taken, _either(others)]))
        return "".join([*lines, f"(assert {_either(cases)})\n"])


def gap(paths: Sequence[MachinePath], reference: Reference) -> str:
    """The state and input take none of the image's paths."""
    return HEAD + "".join(_asserted((*reference.facts, *[z3.Not(_all(path.holds)) for path in paths])))


def gap_of_reference(reference: Reference) -> str:
    """The state and input take none of the reference's paths, as carried over."""
    none = [z3.Not(_all(case.holds)) for case in reference.cases]
    return HEAD + "".join(_asserted((*reference.facts, *reference.lemmas, *none)))


def _defined(name: str, value: z3.ExprRef) -> str:
    return f"(define-fun {name} () {value.sort().sexpr()} {value.sexpr()})\n"


def _asserted(facts: Sequence[z3.BoolRef]) -> list[str]:
    return [f"(assert {fact.sexpr()})\n" for fact in facts]


def _either(texts: Sequence[str]) -> str:
    """One of them holds; of none, none does. There is no ``or`` of one for a solver's parser."""
    if len(texts) < 2:
        return texts[0] if texts else "false"
    return f"(or {' '.join(texts)})"


def _both(texts: Sequence[str]) -> str:
    if len(texts) < 2:
        return texts[0] if texts else "true"
    return f"(and {' '.join(texts)})"


def _all(facts: Sequence[z3.BoolRef]) -> z3.BoolRef:
    if not facts:
        return z3.BoolVal(True)
    return z3.And(*facts) if len(facts) > 1 else facts[0]
