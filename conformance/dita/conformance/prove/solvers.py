"""Whether both solvers are there and answer: asked in processes of their own, so that a crash is a named failure.

``python -m dita.conformance.prove.solvers NAME`` asks one solver two questions with known answers.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Final

SECONDS: Final = 60
PACKAGES: Final = {"z3": "z3-solver", "cvc5": "cvc5"}
_ASSERTIONS: Final = ("(and (> x 0) (< x 1))", "(= (* x x) 49)")


class SolverFailed(Exception):
    """A solver is missing, crashed or answered wrongly; the message names it and says what to do."""


def check_solvers() -> None:
    """Ask each solver. Raises SolverFailed."""
    for name in PACKAGES:
        check_solver(name)


def check_solver(name: str) -> None:
    """Ask one solver what it must know. Raises SolverFailed."""
    command = [sys.executable, "-m", "dita.conformance.prove.solvers", name]
    install = f"install it anew: `python -m pip install --force-reinstall {PACKAGES[name]}`"
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise SolverFailed(f"the solver {name} gave no answer in {SECONDS} seconds; {install}") from None
    if done.returncode == 0:
        return
    last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    how = f"crashed with signal {-done.returncode}" if done.returncode < 0 else "failed"
    raise SolverFailed(f"the solver {name} {how}: {last}; {install}")


def crashed(problem: BaseException) -> SolverFailed:
    """What ended a run from within, as a failure with a name."""
    return SolverFailed(
        f"a solver failed in the middle of the proof ({type(problem).__name__}: {problem}); "
        "look for a lack of memory or of time, then run it again"
    )


# --- in the process of its own --------------------------------------------------------------------------------------


def _ask_z3() -> list[str]:
    import z3  # noqa: PLC0415 - whether it can be imported is the question

    x, said = z3.Int("x"), list[str]()
    for assertion in (z3.And(x > 0, x < 1), x * x == 49):
        solver = z3.Solver()
        solver.add(assertion)
        said.append(str(solver.check()))
    return said


def _ask_cvc5() -> list[str]:
    from dita.conformance.prove.second_opinion import ask  # noqa: PLC0415 - imports it, and that is the question

    return [ask(f"(declare-const x Int)(assert {text})(check-sat)", "QF_NIA").value for text in _ASSERTIONS]


_ASK: Final[dict[str, Callable[[], list[str]]]] = {"z3": _ask_z3, "cvc5": _ask_cvc5}


def main(arguments: list[str]) -> int:
    """Exit 0 if the solver knows both answers."""
    (name,) = arguments
    said = _ASK[name]()
    if said != ["unsat", "sat"]:
        sys.stderr.write(f"it answered {', '.join(said)} where unsat, sat are right\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
