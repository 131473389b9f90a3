"""What the solvers leave open, asked again otherwise: with less assumed, or with more known of a named function.

That every state and input takes some path is soon found where nothing is assumed of them, and may take long where all
invariants are. A path may be called different that is not: a contract says what the reference needs of a named
function, a mutant may ask it where the reference does not, and what it gives there is then a freedom that it does not
have. What is known besides is proved here of the reference's own body; that the image's is that one is proved as of any
image (``bodies``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import z3

from dita.conformance.equiv.bodies import names_of, run_bodies, ways_of
from dita.conformance.equiv.comparing import MachinePath, machine_path, reference_of
from dita.conformance.equiv.proving import AS_NUMBERS, IMAGE, PATIENCE, Difference
from dita.conformance.equiv.questions import LOGIC, Spelled, gap
from dita.conformance.equiv.replay import source_digest_in
from dita.conformance.equiv.sums import Canonical
from dita.conformance.equiv.tools import Asked, explored
from dita.conformance.equiv.words import WORD_BITS, symbol
from dita.conformance.prove.contracts import CONTRACTS, applications_of
from dita.conformance.prove.rewriting import truth_of
from dita.conformance.prove.second_opinion import Opinion, ask
from dita.spec.vocabulary import Kind

OPEN: Final = f"{IMAGE}: unsat against unknown"
"""What a kind's report says where the second solver does not know whether all is covered."""


def is_covered(kind: Kind, answer: Mapping[str, Any]) -> bool:
    """Whether the second solver finds that any words take some path: those of the plain invariants, or any at all."""
    canonical = Canonical()
    reference = reference_of(kind, canonical)
    paths = [machine_path(path, canonical) for path in answer["paths"]]
    less = (reference.plain, ())
    return any(_is_impossible(gap(paths, replace(reference, facts=facts))) for facts in less)


class Known(NamedTuple):
    """A named function that is true wherever these of its arguments are 0."""

    name: str
    nothing: tuple[str, ...]


KNOWN: Final = (Known("price_plausible", ("quote", "quantity")),)


def is_known(known: Known) -> bool:
    """Whether it is so on every way through the reference's body, for all integers."""
    ways, solver = ways_of(CONTRACTS[known.name]), z3.Solver()
    nothing = [z3.Int(name) == 0 for name in known.nothing]
    return bool(ways) and all(
        solver.check(*way.conditions, *nothing, z3.Not(truth_of(way.value))) == z3.unsat for way in ways
    )


def is_in(known: Known, image: Path) -> bool:
    """Whether the image's function is proved to be the reference's. Raises ToolMissing, SolverUnknown."""
    return run_bodies(image, only=(known.name,)).rows[known.name].proved


def instances(path: MachinePath, known: Sequence[Known]) -> list[z3.BoolRef]:
    """What is known of every application in a path."""
    found: list[z3.BoolRef] = []
    for one in known:
        places = [names_of(CONTRACTS[one.name]).index(name) for name in one.nothing]
        for term in (*path.holds, *path.after):
            for given in applications_of(one.name, term):
                nothing = [given[place] == z3.BitVecVal(0, WORD_BITS) for place in places]
                found.append(z3.Implies(z3.And(*nothing), symbol(one.name)(*given)))
    return found


def is_equal(image: Path, kind: Kind, found: Difference, first: Asked, known: Sequence[Known] = KNOWN) -> bool:
    """Whether all paths that these words may take, whatever named functions give, are equal by both solvers.

    The path on which the words were found is one of them. Raises ToolMissing, Unsupported.
    """
    words = {name: value % (1 << WORD_BITS) for name, value in found.words.items()}
    unread = [digest] if (digest := source_digest_in(image)) else []
    (answer,) = explored(image, [int(kind)], unread=unread, along=words)
    canonical = Canonical()
    reference = reference_of(kind, canonical)
    written = Spelled(reference)
    paths = [machine_path(path, canonical) for path in answer.get("paths", ())]
    texts = [written.difference(path, (*reference.facts, *instances(path, known))) for path in paths]
    return bool(texts) and all(first.ask(text)["verdict"] == "unsat" and _is_impossible(text) for text in texts)


def _is_impossible(text: str) -> bool:
    """Whether the second solver says so."""
    limit = f"(set-option :tlimit-per {PATIENCE})\n"
    question = text.replace(f"(set-logic {LOGIC})", "") + "(check-sat)"
    return any(ask(limit + way + question, LOGIC) is Opinion.UNSAT for way in ("", AS_NUMBERS))
