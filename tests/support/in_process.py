"""Somebody who answers questions about words in the first solver's place."""

from collections.abc import Mapping, Sequence
from typing import Any

import z3


class InProcess:
    """z3 in the first solver's place, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, text: str, /, words: Sequence[str] = (), milliseconds: int | None = None) -> Mapping[str, Any]:
        """As ``Bitwuzla`` answers, however long it takes."""
        del milliseconds
        self.asked.append(text)
        solver = z3.SolverFor("QF_UFBV")
        solver.add(*z3.parse_smt2_string(text))
        verdict = str(solver.check())
        if verdict != "sat":
            return {"verdict": verdict}
        model = solver.model()
        named = {word: z3.BitVec(word.strip("|"), 64) for word in words}
        numbers = {word: model.eval(term, model_completion=True) for word, term in named.items()}
        values = {word: value.as_signed_long() for word, value in numbers.items() if z3.is_bv_value(value)}
        return {"verdict": verdict, "values": values}


class Shrugs:
    """A solver that never knows."""

    def ask(self, _: str, /, words: Sequence[str] = (), milliseconds: int | None = None) -> Mapping[str, Any]:
        """Nothing."""
        return {"verdict": "unknown", "words": words, "milliseconds": milliseconds}
