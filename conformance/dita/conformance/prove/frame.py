"""The frame theorem and the lift: from one handler on three records to the whole step on any number of them.

Frame: ``step`` is run for real with an opaque handler, on worlds of two and three slots and instruments. On every path
it refuses and returns the very state it was given, or calls the handler with exactly the account, the instrument and
the slot that the input names, and puts back exactly what that answered. Lift: what the core theorem proves of the three
records then carries every whole-kernel invariant over the step.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

import z3

from dita.conformance.prove.contracts import Applications
from dita.conformance.prove.core import asked, indices, invariants_of
from dita.conformance.prove.executor import LOGIC, SECONDS_A_CHECK, Explorer, Path
from dita.conformance.prove.merging import formula
from dita.conformance.prove.proxies import SymBool, term_of, word
from dita.conformance.prove.rewriting import rewritten
from dita.conformance.prove.second_opinion import Opinion, ask
from dita.conformance.prove.standins import prepared, replaced
from dita.conformance.prove.world import symbolic
from dita.reference.focus import Refused
from dita.spec.inputs import Input
from dita.spec.invariants import ACCOUNT, INSTRUMENT, WHOLE
from dita.spec.outcome import Outcome
from dita.spec.properties import WHOLE_STEP
from dita.spec.shares import CONTEXT, FOLLOWS
from dita.spec.slot_invariants import HELD, SLOT
from dita.spec.state import Focus, State, focus_of, initial_state
from dita.spec.vocabulary import Code, Verdict

SIZES: Final = (2, 3)
PLACED: Final = "answer-is-placed"
_STEP: Final = import_module("dita.reference.step")


@dataclass(slots=True)
class SmallReport:
    """What a theorem over whole states proved."""

    paths: int = 0
    tallies: dict[str, int] = field(default_factory=dict[str, int])
    refuted: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    unknown: list[str] = field(default_factory=list[str])
    second_asked: int = 0
    seconded: dict[str, int] = field(default_factory=dict[str, int])
    disagreed: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    def settle_all(self, solver: z3.Solver, facts: dict[str, z3.BoolRef], where: str, *, second: bool) -> None:
        """Discharge many obligations with one query, and only if that fails each by itself."""
        together = SmallReport()
        together.settle(solver, "all", z3.And(*facts.values()), where, second=second)
        self.second_asked += together.second_asked
        self.disagreed += together.disagreed
        whole = not together.refuted and not together.unknown
        for name, fact in facts.items():
            obligation = name.split("@")[0]
            if whole:
                self.tallies[obligation] = self.tallies.get(obligation, 0) + 1
                self.seconded[obligation] = self.seconded.get(obligation, 0) + int(second)
            else:
                self.settle(solver, obligation, fact, where, second=False)

    def settle(self, solver: z3.Solver, name: str, fact: z3.BoolRef, where: str, *, second: bool) -> None:
        """Discharge one obligation under the solver's assertions."""
        self.tallies[name] = self.tallies.get(name, 0) + 1
        solver.push()
        solver.add(z3.Not(fact))
        verdict = solver.check()
        if verdict == z3.unknown:
            self.unknown.append(name)
        elif verdict == z3.sat and not any(found == name for found, _ in self.refuted):
            self.refuted.append((name, where))
        if second:
            self.second_asked += 1
            self.seconded[name] = self.seconded.get(name, 0) + 1
            if ask(solver.to_smt2(), LOGIC) is not Opinion.of(verdict):
                self.disagreed.append(f"{name} {where}")
        solver.pop()


def _solver(seed: int) -> z3.Solver:
    solver = z3.SolverFor(LOGIC)
    solver.set("random_seed", seed)
    solver.set("timeout", 1_000 * SECONDS_A_CHECK)
    return solver


# --- the frame ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Opaque:
    """A handler of which nothing is known; it remembers what it was given and what it answered."""

    given: Focus | None = None
    answered: Focus | None = None

    def __call__(self, focus: Focus, _: Input) -> tuple[Focus, Outcome]:
        """Refuse, or answer anything, with the very same records or with others."""
        self.given = focus
        if SymBool(z3.Bool("refuses")):
            raise Refused(Code.BAD_VALUE)
        after = symbolic(focus, "after")
        if SymBool(z3.Bool("same slot")):
            after = after._replace(slot=focus.slot)
        if SymBool(z3.Bool("same instrument")):
            after = after._replace(instrument=focus.instrument)
        self.answered = after
        return after, symbolic(Outcome(), "answer")._replace(verdict=int(Verdict.ACCEPTED))


def prove_frame(seed: int = 0, sizes: Sequence[int] = SIZES, *, second: bool = True) -> SmallReport:
    """Explore the whole step around an opaque handler. Raises Unsupported for what is not modelled."""
    began = time.monotonic()
    report = SmallReport()
    for size in sizes:
        _frame_of(size, report, seed, second=second)
    report.seconds = time.monotonic() - began
    return report


def _frame_of(size: int, report: SmallReport, seed: int, *, second: bool) -> None:
    state = symbolic(initial_state(size, size), "state")
    event = symbolic(Input(), "event")
    handler = _Opaque()

    def run() -> tuple[State, Outcome, Focus | None, Focus | None, int, int]:
        handler.given = handler.answered = None
        post, outcome = _STEP.step(state, event)
        accepted = handler.answered is not None
        k, i = (int(event.slot), int(event.instrument)) if accepted else (0, 0)
        return post, outcome, handler.given, handler.answered, k, i

    with replaced(_STEP, "answer", handler):
        paths = Explorer([], (Exception,), seed).explore(run)
    report.paths += len(paths)
    solver = _solver(seed)
    for path in paths:
        _judge_frame(path, state, event, report, solver, f"{size} slots", second=second)


def _judge_frame(
    path: Path, state: State, event: Input, report: SmallReport, solver: z3.Solver, where: str, *, second: bool
) -> None:
    if path.error is not None:
        report.refuted.append((PLACED, f"{where}: raises {path.error!r}"))
        return
    post, outcome, given, answered, k, i = path.result
    report.tallies[PLACED] = report.tallies.get(PLACED, 0) + 1
    if answered is None:
        if post is not state:
            report.refuted.append(("refusal-keeps-the-state", where))
        report.tallies["refusal-keeps-the-state"] = report.tallies.get("refusal-keeps-the-state", 0) + 1
        return
    exact = (
        given is not None and given.account is state.account and given.slot is state.slots[k]
        and given.instrument is state.instruments[i] and post.account is answered.account
        and post.slots[k] is answered.slot and post.instruments[i] is answered.instrument
    )  # fmt: skip
    if not exact:
        report.refuted.append((PLACED, where))
    at = event._replace(slot=k, instrument=i)
    solver.push()
    solver.add(*path.literals)
    facts: list[z3.BoolRef] = []
    with prepared(facts.append, Applications()):
        for item in WHOLE_STEP:
            if item.id != "refusal-keeps-the-state":
                fact = formula(rewritten(item.holds), state, at, post, outcome)
                report.settle(solver, item.id, fact, where, second=second)
    solver.pop()


# --- the lift -------------------------------------------------------------------------------------------------------


def prove_lift(seed: int = 0, sizes: Sequence[int] = SIZES, *, second: bool = True) -> SmallReport:
    """Whole-kernel invariants imply the context of every input, and survive every step that the core theorem allows."""
    began = time.monotonic()
    report = SmallReport()
    for size in sizes:
        for k in range(size):
            for i in range(size):
                _lift_at(size, k, i, report, seed, second=second)
                report.paths += 1
    report.seconds = time.monotonic() - began
    return report


def _lift_at(size: int, k: int, i: int, report: SmallReport, seed: int, *, second: bool) -> None:
    state = symbolic(initial_state(size, size), "state")
    event = symbolic(Input(), "event")._replace(slot=word(z3.IntVal(k)), instrument=word(z3.IntVal(i)))
    after = symbolic(focus_of(state, k, i), "after")
    outcome = symbolic(Outcome(), "outcome")
    post = State(after.account, _put(state.instruments, i, after.instrument), _put(state.slots, k, after.slot))
    before = focus_of(state, k, i)
    where = f"{size} slots, slot {k}, instrument {i}"
    solver = _solver(seed)
    facts: list[z3.BoolRef] = []
    with prepared(facts.append, Applications()):
        whole_before = _whole(state)
        solver.add(*whole_before.values(), *indices(event))
        context = asked(CONTEXT, before, event)
        judged = invariants_of(after, event) | asked(FOLLOWS, before, event, after, outcome)
        whole_after = _whole(post)
    solver.add(*facts)
    report.settle_all(solver, context, where, second=second)
    solver.add(*judged.values())
    report.settle_all(solver, whole_after, where, second=second)


def _put(records: tuple[Any, ...], index: int, record: object) -> tuple[Any, ...]:
    return (*records[:index], record, *records[index + 1 :])


def _whole(state: State) -> dict[str, z3.BoolRef]:
    """Every invariant of a whole state: the local ones of each slot and instrument, and those that tie them."""
    found = asked(WHOLE, state) | asked(ACCOUNT, state.account)
    for m, instrument in enumerate(state.instruments):
        found |= {f"{name}@{m}": fact for name, fact in asked(INSTRUMENT, instrument).items()}
    for j, slot in enumerate(state.slots):
        found |= {f"{name}@{j}": fact for name, fact in asked(SLOT, slot).items()}
        for m, instrument in enumerate(state.instruments):
            live = z3.And(term_of(slot.phase) != 0, term_of(slot.instrument) == m)
            held = asked(HELD, slot, instrument)
            found |= {f"{name}@{j}.{m}": z3.Implies(live, fact) for name, fact in held.items()}
    return found
