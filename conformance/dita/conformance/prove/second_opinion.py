"""The second solver: cvc5 reads the very query that z3 answered."""

from __future__ import annotations

from enum import Enum
from typing import Final, Self

import cvc5
import z3

MILLISECONDS: Final = 60_000


class Opinion(Enum):
    """A solver's answer."""

    UNSAT = "unsat"
    SAT = "sat"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, verdict: z3.CheckSatResult) -> Self:
        """z3's answer."""
        return cls(str(verdict))


def ask(text: str, logic: str) -> Opinion:
    """cvc5's answer to a query in SMT-LIB 2. A parse error or a crash raises RuntimeError, by name."""
    manager = cvc5.TermManager()
    solver = cvc5.Solver(manager)
    solver.setOption("tlimit-per", str(MILLISECONDS))
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, f"(set-logic {logic})\n{text}", "query")
    symbols = parser.getSymbolManager()
    answers: list[str] = []
    while True:
        command = parser.nextCommand()
        if command.isNull():
            break
        said = command.invoke(solver, symbols).strip()
        if said:
            answers.append(said)
    # behind `unknown` stands why, in brackets
    answer = answers[0].split(" (")[0] if len(answers) == 1 else ""
    if answer not in {"sat", "unsat", "unknown"}:
        raise RuntimeError(f"cvc5 said `{' '.join(answers)[:200]}` where one answer was expected")
    return Opinion(answer)
