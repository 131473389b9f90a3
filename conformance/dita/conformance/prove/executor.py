"""Every feasible path of plain Python code: replay with a decision log, the solver's stack kept in step with it.

Each run follows the log and, past its end, takes the side that the present model satisfies, without asking the solver.
Going back, the last entry whose other side is feasible is turned; so a branch costs one check, not one a path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import z3

from dita.conformance.prove.merging import stripped
from dita.conformance.prove.proxies import Unsupported, current, release, use

VALUES_MAX: Final = 64  # most values that a symbolic index may take
PATHS_MAX: Final = 200_000
SECONDS_A_CHECK: Final = 60
LOGIC: Final = "QF_UFLIA"


class SolverUnknown(RuntimeError):
    """The solver gave up. Unknown is a failure, never a pass."""


class _Infeasible(BaseException):
    """A lemma showed that the path taken so far cannot happen; the run is abandoned."""


@dataclass(slots=True)
class Entry:
    """One decision: the raw condition, the side taken, and whether the other side is already accounted for."""

    key: int
    condition: z3.BoolRef
    taken: bool
    spent: bool
    value: int | None = None  # of a concretised term

    @property
    def literal(self) -> z3.BoolRef:
        """The condition as it holds on this path."""
        return self.condition if self.taken else z3.Not(self.condition)


@dataclass(frozen=True, slots=True)
class Decision:
    """One branch of a path: its raw condition and the side taken."""

    condition: z3.BoolRef
    taken: bool


@dataclass(frozen=True)
class Path:
    """One feasible path: its decisions in order (raw terms), what the code gave there, and the lemmas it used.

    ``claims`` is what the code relied on along the way; it must follow from the path.
    """

    decisions: tuple[Decision, ...]
    result: Any
    error: Exception | None
    lemmas: tuple[z3.BoolRef, ...]
    claims: tuple[z3.BoolRef, ...] = ()

    @property
    def literals(self) -> list[z3.BoolRef]:
        """The decisions as they hold."""
        return [d.condition if d.taken else z3.Not(d.condition) for d in self.decisions]

    @cached_property
    def condition(self) -> z3.BoolRef:
        """The conjunction of the path's decisions."""
        literals = self.literals
        return z3.And(*literals) if len(literals) > 1 else literals[0] if literals else z3.BoolVal(True)


@dataclass(slots=True)
class Explorer:
    """Runs code on every feasible path under the assumptions. One instance explores once."""

    assumptions: Sequence[z3.BoolRef]
    expected: tuple[type[Exception], ...] = ()
    seed: int = 0
    checks: int = 0
    branchings: int = 0
    _solver: Any = None
    _log: list[Entry] = field(default_factory=list[Entry])
    _position: int = 0
    _memo: dict[int, bool] = field(default_factory=dict[int, bool])
    _values: dict[int, int] = field(default_factory=dict[int, int])
    _kept: list[Any] = field(default_factory=list[Any])  # a term whose id is a key must not be collected
    _model: Any = None
    _lemmas: dict[int, z3.BoolRef] = field(default_factory=dict[int, z3.BoolRef])
    _claims: dict[int, z3.BoolRef] = field(default_factory=dict[int, z3.BoolRef])
    _stripped: dict[int, tuple[z3.BoolRef, bool]] = field(default_factory=dict[int, tuple[z3.BoolRef, bool]])

    def explore(self, code: Callable[[], Any]) -> list[Path]:
        """All feasible paths, depth first.

        Raises Unsupported for what is not modelled, SolverUnknown, and whatever the code raises that is not expected.
        """
        self._solver = z3.SolverFor(LOGIC)
        self._solver.set("random_seed", self.seed)
        self._solver.set("timeout", 1_000 * SECONDS_A_CHECK)
        self._solver.add(*self.assumptions)
        if not self._check():
            raise Unsupported("the assumptions contradict each other: nothing would be proved")
        paths: list[Path] = []
        while True:
            path = self._run(code)
            if path is not None:
                paths.append(path)
            if len(paths) > PATHS_MAX:
                raise Unsupported(f"more than {PATHS_MAX} paths")
            if not self._backtrack():
                return paths

    def _run(self, code: Callable[[], Any]) -> Path | None:
        self._position = 0
        self._memo, self._values, self._lemmas, self._claims = {}, {}, {}, {}
        result: Any = None
        error: Exception | None = None
        use(self)
        try:
            result = code()
        except self.expected as raised:
            error = raised.with_traceback(None)
        except _Infeasible:
            return None
        finally:
            release(self)
        if self._position != len(self._log):
            raise Unsupported("a replay took fewer decisions than before: the code is not deterministic")
        decisions = tuple(Decision(entry.condition, entry.taken) for entry in self._log)
        return Path(decisions, result, error, tuple(self._lemmas.values()), tuple(self._claims.values()))

    def lemma(self, fact: z3.BoolRef) -> None:
        """A fact that holds whatever path is taken (an instance of a contract): not part of the path's condition.

        It is asserted at the solver's present level; a replay asserts it again where it was popped.
        """
        key = fact.get_id()
        if key in self._lemmas:
            return
        self._lemmas[key] = fact
        self._kept.append(fact)
        if self._position == len(self._log):
            self._solver.add(fact)
            if self._model is not None and not z3.is_true(self._model.eval(fact, model_completion=True)):
                self._model = None

    def claim(self, fact: z3.BoolRef) -> None:
        """What the code relies on from here on: to be proved of every path that comes by.

        Raises Unsupported inside a helper whose branches are merged: what led to the call would not be known.
        """
        if current() is not self:
            raise Unsupported(f"a merged helper relies on `{fact}`; take it from HELPERS")
        if not z3.is_true(fact):
            self._claims[fact.get_id()] = fact
            self._kept.append(fact)

    def decide(self, condition: z3.BoolRef) -> bool:
        """Which way this run takes the branch."""
        atom, negated = self._canonical(condition)
        if z3.is_true(atom):
            return not negated
        key = atom.get_id()
        known = self._memo.get(key)
        if known is None:
            known = self._next(key, z3.Not(condition) if negated else condition, None)
            self._memo[key] = known
        return known != negated

    def _canonical(self, condition: z3.BoolRef) -> tuple[z3.BoolRef, bool]:
        """As ``stripped``; a replay meets the same conditions again."""
        known = self._stripped.get(condition.get_id())
        if known is None:
            known = self._stripped[condition.get_id()] = stripped(condition)
            self._kept += [condition, known[0]]
        return known

    def concretise(self, term: z3.ArithRef) -> int:
        """The value that this run gives to the term; its other values become paths of their own."""
        simple = z3.simplify(term)
        if z3.is_int_value(simple):
            return int(simple.as_long())
        key = simple.get_id()
        if key in self._values:
            return self._values[key]
        self._kept.append(simple)
        for _ in range(VALUES_MAX):
            value = self._candidate(simple)
            equal = z3.simplify(term == value)
            self._kept.append(equal)
            if self._next(equal.get_id(), term == value, value):
                self._memo[equal.get_id()] = True
                self._values[key] = value
                return value
            self._memo[equal.get_id()] = False
        raise Unsupported(f"more than {VALUES_MAX} values for `{simple}`")

    def _candidate(self, term: z3.ArithRef) -> int:
        if self._position < len(self._log):
            value = self._log[self._position].value
            if value is None:
                raise Unsupported("a replay concretised where it had branched: the code is not deterministic")
            return value
        return int(self._current_model().eval(term, model_completion=True).as_long())

    def _next(self, key: int, condition: z3.BoolRef, value: int | None) -> bool:
        """Take the logged decision, or make a new one on the side that the model satisfies."""
        if self._position < len(self._log):
            entry = self._log[self._position]
            if entry.key != key:
                raise Unsupported("a replay met another decision than before: the code is not deterministic")
            self._position += 1
            return entry.taken
        self.branchings += 1
        taken = z3.is_true(self._current_model().eval(condition, model_completion=True))
        entry = Entry(key, condition, taken, spent=False, value=value)
        self._solver.push()
        self._solver.add(entry.literal)
        self._log.append(entry)
        self._position += 1
        return taken

    def _backtrack(self) -> bool:
        """Turn the last decision whose other side is feasible; False when none is left."""
        while self._log:
            entry = self._log.pop()
            self._solver.pop()
            if entry.spent:
                continue
            turned = Entry(entry.key, entry.condition, not entry.taken, spent=True, value=entry.value)
            self._solver.push()
            self._solver.add(turned.literal)
            self._log.append(turned)
            self._model = None
            if self._check():
                return True
            self._log.pop()
            self._solver.pop()
        return False

    def _current_model(self) -> Any:
        if self._model is None and not self._check():
            raise _Infeasible
        return self._model

    def _check(self) -> bool:
        self.checks += 1
        answer = self._solver.check()
        if answer == z3.unknown:
            raise SolverUnknown(str(self._solver.reason_unknown()))
        self._model = self._solver.model() if answer == z3.sat else None
        return bool(answer == z3.sat)
