"""Trials of mutants of the reference: the changed code against what the kernel answered to each layer.

A mutant sees every state and input of a layer as the sound kernel saw it, so one difference does not hide the next. A
step that differs is then asked what laws it breaks: would the invariants alone have noticed, without a second opinion?
"""

import sys
import time
from array import array
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

from dita.conformance.defects import REPOSITORY
from dita.conformance.exhaustive import broken_laws
from dita.conformance.mutants.children import Mark, in_child
from dita.conformance.mutants.planting import ROOTS, callers, module_of, planted_step
from dita.conformance.mutants.recording import Move
from dita.conformance.mutants.trials import Answer, Question, asked_together
from dita.reference.step import HANDLERS, step
from dita.spec.vocabulary import Kind, Verdict

CPU_SECONDS: Final = 120
LAWS_TRIED: Final = 25
EVERYTHING: Final = frozenset((*Kind, -1))


def reference_paths(repository: Path = REPOSITORY) -> list[str]:
    """The modules whose functions are mutated: the reference, and the sums that the spec gives a name."""
    folder = ROOTS["dita.reference"]
    names = sorted(path.name for path in (repository / folder).glob("*.py") if path.name != "__init__.py")
    return [*(f"{folder}/{name}" for name in names), "spec/dita/spec/state.py"]


class Reach:
    """Which input kinds can run a function: a mutant of it answers all others as the sound reference does."""

    def __init__(self, repository: Path = REPOSITORY) -> None:
        self._callers = callers(reference_paths(repository), repository)
        self._handlers = {handler.__name__: int(kind) for kind, handler in HANDLERS.items()}

    def kinds(self, function: str) -> frozenset[int]:
        """The kinds; all where the function is none that a handler calls."""
        name = function.rsplit(".", maxsplit=1)[-1]
        from_here = {name, *self._callers.get(name, ())}
        if not function or "." in function or from_here & {"step", "accept", "answer"}:
            return EVERYTHING
        return frozenset(kind for handler, kind in self._handlers.items() if handler in from_here)


class Runs:
    """Which functions the sound reference runs at each move: a mutant of none of them answers that move as it does."""

    def __init__(self, moves: Mapping[str, Sequence[Move]], repository: Path = REPOSITORY) -> None:
        self._files = {str(repository / path) for path in reference_paths(repository)}
        self._sets: dict[frozenset[str], int] = {}
        self._of = {name: array("H", map(self._run, said)) for name, said in moves.items()}

    def asked(self, layer: str, functions: frozenset[str] | None) -> Sequence[int]:
        """The numbers of a layer's moves that run any of these functions; all where they are None."""
        of = self._of[layer]
        if functions is None:
            return range(len(of))
        wanted = {number for names, number in self._sets.items() if names & functions}
        return [place for place, number in enumerate(of) if number in wanted]

    def _run(self, move: Move) -> int:
        """The number of the set of functions that a move runs."""
        run: set[str] = set()

        def entered(frame: FrameType, what: str, _: object) -> None:
            if what == "call" and frame.f_code.co_filename in self._files:
                run.add(frame.f_code.co_name)

        sys.setprofile(entered)
        try:
            step(move.before, move.event)
        finally:
            sys.setprofile(None)
        return self._sets.setdefault(frozenset(run), len(self._sets))


def ask(
    sources: Mapping[str, bytes],
    moves: Sequence[Move],
    asked: Sequence[int] | None = None,
    *,
    cpu_seconds: int = CPU_SECONDS,
) -> Answer:
    """What a layer's moves say of a changed reference, asked in a child; of those with these numbers, or of all."""

    def work(mark: Mark) -> list[Any]:
        step = planted_step({module_of(path): source for path, source in sources.items()})
        return list(compared(step, moves, mark, asked))

    ended = in_child(work, cpu_seconds)
    if ended.how == "result":
        return Answer(*ended.result)
    return Answer(ended.how, ended.place, 0, ended.says)


def ask_all(
    sources: Mapping[str, bytes], moves: Mapping[str, Sequence[Move]], asked: Mapping[str, Sequence[int]]
) -> dict[str, Answer]:
    """What every layer's moves say of a changed reference; of a layer in ``asked`` those with its numbers."""
    questions: dict[str, Question] = {name: partial(_question, said, asked.get(name)) for name, said in moves.items()}
    planted = {module_of(path): source for path, source in sources.items()}

    def alone(name: str) -> Answer:
        return ask(sources, moves[name], asked.get(name))

    return asked_together(questions, lambda: planted_step(planted), alone, CPU_SECONDS)


def _question(moves: Sequence[Move], asked: Sequence[int] | None, step: Any, mark: Mark) -> Answer:
    return compared(step, moves, mark, asked)


def compared(step: Any, moves: Sequence[Move], mark: Mark, asked: Sequence[int] | None = None) -> Answer:
    """The moves with these numbers, or all, by this step; the answer is about the first that differs."""
    began = time.perf_counter_ns()
    first: Answer | None = None
    tried = 0
    for number in range(len(moves)) if asked is None else asked:
        move = moves[number]
        mark.at(number)
        try:
            after, outcome = step(move.before, move.event)
        except Exception as problem:  # noqa: BLE001 the step is total (clause R3): whatever it raises is the finding
            return _first(first, began, number, f"raises {type(problem).__name__}")._replace(
                laws="step-is-total", laws_steps=number + 1
            )
        if outcome == move.outcome and after == move.after:
            if outcome.verdict == Verdict.REFUSED and after is not move.before:
                return _first(first, began, number, "a refusal copies the state")._replace(
                    laws="refusal-keeps-the-state", laws_steps=number + 1
                )
            continue
        first = _first(first, began, number, "outcome" if outcome != move.outcome else "state")
        broke = _laws(move, after, outcome)
        if broke:
            return first._replace(laws=broke, laws_steps=number + 1)
        tried += 1
        if tried == LAWS_TRIED:
            return first
    return first or Answer("survived", len(moves), (time.perf_counter_ns() - began) // 1_000)


def _first(first: Answer | None, began: int, number: int, says: str) -> Answer:
    return first or Answer("killed", number + 1, (time.perf_counter_ns() - began) // 1_000, says)


def _laws(move: Move, after: Any, outcome: Any) -> str:
    try:
        return ", ".join(broken_laws(move.before, move.event, after, outcome, known=False))
    except (ArithmeticError, AttributeError, IndexError, TypeError, ValueError) as problem:
        return f"unreadable ({type(problem).__name__})"
