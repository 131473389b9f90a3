"""The laws: what takes two or more steps, or speaks of a function, over every path of the steps it names."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Final, cast

import z3

from dita.conformance.prove.contracts import Applications
from dita.conformance.prove.core import theory
from dita.conformance.prove.executor import LOGIC, SECONDS_A_CHECK, Explorer
from dita.conformance.prove.frame import SmallReport
from dita.conformance.prove.merging import formula
from dita.conformance.prove.obligations import Obligation, sentence
from dita.conformance.prove.proxies import Unsupported
from dita.conformance.prove.rewriting import rewritten
from dita.conformance.prove.standins import prepared
from dita.conformance.prove.world import BLANK, symbolic
from dita.reference.focus import Refused
from dita.reference.step import answer
from dita.spec import laws
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.scales import TIME_MAX_NS
from dita.spec.state import Focus, remaining
from dita.spec.vocabulary import Kind, Mode, Phase, RejectReason, Verdict

Arguments = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Law:
    """A law: its predicate, and either steps to run from an arbitrary sound focus, or free records to speak of."""

    id: str
    holds: Callable[..., bool]
    run: Callable[[Focus, Input], Arguments] | None = None  # gives the predicate's arguments
    given: Callable[[Focus, Input], list[Any]] | None = None  # assumptions, as symbolic truth values
    free: Callable[[], Arguments] | None = None


def stepped(focus: Focus, event: Input) -> tuple[Focus, Outcome]:
    """One step of what the input may touch; a refusal leaves it."""
    try:
        return answer(focus, event)
    except Refused as refusal:
        return focus, refusal.outcome


# --- the steps ------------------------------------------------------------------------------------------------------


def _about_entry(event: Input, kind: Kind, **fields: Any) -> Input:
    """An input of this kind about the entry order of the trade that ``event`` opens."""
    return Input(kind=kind, slot=event.slot, instrument=event.instrument, trade=event.trade)._replace(**fields)


def _entry_rejected(pre: Focus, event: Input) -> Arguments:
    middle, entered = stepped(pre, event._replace(kind=Kind.ENTER))
    if entered.verdict != Verdict.ACCEPTED:
        return pre, entered, middle, entered
    answered = _about_entry(event, Kind.REJECTED, time_ns=event.time_ns, reason=event.reason)
    post, rejected = stepped(middle, answered)
    return pre, entered, post, rejected


def _entry_absent(pre: Focus, event: Input) -> Arguments:
    middle, entered = stepped(pre, event._replace(kind=Kind.ENTER))
    if entered.verdict != Verdict.ACCEPTED:
        return pre, entered, middle, entered
    lost, _ = stepped(middle, _about_entry(event, Kind.UNKNOWN))
    told = {"time_ns": event.time_ns, "deadline_ns": event.deadline_ns, "checks": event.checks}
    post, absent = stepped(lost, _about_entry(event, Kind.NOT_FOUND, **told))
    return pre, entered, post, absent


def _timed(_: Focus, event: Input) -> list[Any]:
    return [
        event.time_ns >= 0, event.time_ns <= TIME_MAX_NS, event.deadline_ns >= 0, event.deadline_ns <= TIME_MAX_NS,
        event.reason >= RejectReason.NOT_SENT, event.reason <= RejectReason.THROTTLED,
    ]  # fmt: skip


def _named(pre: Focus, event: Input) -> list[Any]:
    return [event.trade == pre.slot.trade, event.instrument == pre.slot.instrument, *_timed(pre, event)]


def _one(kind: Kind, **fields: Any) -> Callable[[Focus, Input], Arguments]:
    def run(pre: Focus, event: Input) -> Arguments:
        fed = event._replace(kind=kind, **fields)
        post, outcome = stepped(pre, fed)
        return pre, fed, post, outcome

    return run


def _entry_ends(pre: Focus, event: Input) -> list[Any]:
    entry = pre.slot.entry
    known = [event.quantity == entry.quantity, event.quote == entry.quote, event.attempt == 0]
    between = [pre.slot.phase >= Phase.ENTRY_REQUESTED, pre.slot.phase <= Phase.ENTRY_UNRESOLVED]
    return [*_named(pre, event), *known, *between]


def _exit_ends(pre: Focus, event: Input) -> list[Any]:
    last = pre.slot.exit
    known = [event.quantity == last.quantity, event.quote == last.quote, event.attempt == last.attempt]
    return [*_named(pre, event), *known, pre.slot.phase >= Phase.EXIT_REQUESTED]


def _open(pre: Focus, event: Input) -> list[Any]:
    return [*_named(pre, event), pre.slot.phase == Phase.POSITION_OPEN]


def _exit_fills(pre: Focus, event: Input) -> list[Any]:
    last = pre.slot.exit
    whole = last.ordered - last.quantity == remaining(pre.slot)
    told = [event.quantity == last.ordered, event.attempt == last.attempt, event.quote >= 1, event.quote <= 10**18]
    done = [event.done >= 0, event.done <= 1]
    return [*_named(pre, event), whole, *told, *done, pre.slot.phase >= Phase.EXIT_REQUESTED]


def _snapshots(count: int) -> Callable[[], Arguments]:
    return lambda: tuple(symbolic(laws.Snapshot(), f"snapshot{index}") for index in range(count))


def _foci(count: int) -> Arguments:
    return tuple(symbolic(BLANK, f"focus{index}") for index in range(count))


def _settlements() -> Arguments:
    steps = tuple(symbolic(Input(), f"event{index}")._replace(kind=int(Kind.SETTLE)) for index in range(2))
    return _foci(1)[0], steps, _foci(5)[1:], Outcome(Verdict.ACCEPTED)


def _law(holds: Callable[..., bool], **how: Any) -> Law:
    return Law(holds.__name__.replace("_", "-"), holds, **how)


LAWS: Final = (
    _law(laws.rejected_entry_rolls_back, run=_entry_rejected, given=_timed),
    _law(laws.rollbacks_add_up, free=lambda: _foci(3)),
    _law(laws.absent_entry_rolls_back, run=_entry_absent, given=_timed),
    _law(laws.join_is_idempotent, free=_snapshots(1)),
    _law(laws.join_is_commutative, free=_snapshots(2)),
    _law(laws.join_is_associative, free=_snapshots(3)),
    _law(laws.settlements_commute, free=_settlements),
    Law("entry-end-is-reported", laws.end_is_reported, _one(Kind.ORDER, done=1), _entry_ends),
    Law("exit-end-is-reported", laws.end_is_reported, _one(Kind.ORDER, done=1), _exit_ends),
    _law(laws.flatten_is_a_full_exit, run=_one(Kind.FLATTEN), given=_open),
    _law(laws.full_fill_finishes, run=_one(Kind.ORDER), given=_exit_fills),
    _law(laws.stop_is_one_input_away, run=_one(Kind.SET_MODE, mode=Mode.REDUCE_ONLY), given=_timed),
)
OBLIGATIONS: Final = tuple(Obligation(law.id, "laws", sentence(law.holds), law.holds) for law in LAWS)


# --- proving --------------------------------------------------------------------------------------------------------


def prove_laws(seed: int = 0, *, second: bool = True, only: str = "") -> SmallReport:
    """Discharge every law, or the one named ``only``."""
    began = time.monotonic()
    report = SmallReport()
    for law in [law for law in LAWS if only in ("", law.id)]:
        _prove(law, report, seed, second=second)
    report.seconds = time.monotonic() - began
    return report


def _prove(law: Law, report: SmallReport, seed: int, *, second: bool) -> None:
    solver = z3.SolverFor(LOGIC)
    solver.set("random_seed", seed)
    solver.set("timeout", 1_000 * SECONDS_A_CHECK)
    predicate = rewritten(cast("FunctionType", law.holds))
    facts: list[z3.BoolRef] = []
    if law.free is not None:
        with prepared(facts.append, Applications()):
            fact = formula(predicate, *law.free())
        report.settle(solver, law.id, fact, "free records", second=second)
        return
    assert law.run is not None
    assert law.given is not None
    base = theory()  # any sound focus, any input that names what there is
    run, pre, event = law.run, base.world.pre, base.world.event
    with prepared(facts.append, base.applications):
        given = [fact.term for fact in law.given(pre, event)]
    explorer = Explorer([*base.assumptions, *given, *facts], (Exception,), seed)
    with prepared(explorer.lemma, base.applications):
        paths = explorer.explore(lambda: run(pre, event))
    solver.add(*explorer.assumptions)
    with prepared(facts.append, base.applications):
        for path in paths:
            if path.error is not None:
                raise Unsupported(f"{law.id}: `{path.error!r}` on a path") from path.error
            fact = formula(predicate, *path.result)
            if path.result[-1].verdict != Verdict.ACCEPTED and z3.is_true(fact):
                continue  # nothing was accepted, nothing is claimed
            report.paths += 1
            solver.push()
            solver.add(*path.literals, *path.lemmas, *facts)
            report.settle(solver, law.id, fact, law.id, second=second)
            solver.pop()
