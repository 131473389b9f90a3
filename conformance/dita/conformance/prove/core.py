"""The core theorem: every path of every handler keeps every invariant and has every step property.

The handlers see an account, one instrument and one slot; all three are arbitrary here, restricted only by the
invariants and by what the whole-kernel invariants imply about them (``dita.spec.shares.CONTEXT``). One query a path
asks for any state, input and obligation that fails there. What is proved holds for every slot and instrument index.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import z3

from dita.conformance.prove.contracts import Applications, Terms
from dita.conformance.prove.covering import covering
from dita.conformance.prove.executor import LOGIC, SECONDS_A_CHECK, Explorer, Path
from dita.conformance.prove.merging import formula
from dita.conformance.prove.models import Found, named_kind, premises_of, readable_model
from dita.conformance.prove.obligations import INSIDE
from dita.conformance.prove.proxies import Unsupported
from dita.conformance.prove.rewriting import rewritten, truth_of
from dita.conformance.prove.second_opinion import Opinion, ask
from dita.conformance.prove.standins import prepared
from dita.conformance.prove.world import World, one_step, words
from dita.reference.focus import Refused
from dita.reference.step import answer
from dita.spec.invariants import ACCOUNT, INSTRUMENT
from dita.spec.outcome import Outcome
from dita.spec.properties import STEP
from dita.spec.shares import CONTEXT, FOLLOWS
from dita.spec.slot_invariants import HELD, SLOT
from dita.spec.state import Focus
from dita.spec.vocabulary import INSTRUMENTS, SLOTS, Kind

LOUD: Final = (TypeError, AttributeError, NameError, AssertionError, z3.Z3Exception)
KINDS: Final = (
    Kind.ENTER, Kind.ORDER, Kind.SETTLE, Kind.EXTERNAL_CLOSE, Kind.EXIT, Kind.ADOPT, Kind.REJECTED, Kind.NOT_FOUND,
    Kind.POSITION, Kind.FLATTEN, Kind.SETTLE_FORCED, Kind.UNKNOWN, Kind.SILENT, Kind.CANCEL, Kind.REGISTER,
    Kind.INCOME, Kind.WALLET, Kind.SEED, Kind.SET_LIMITS, Kind.SET_MODE, Kind.CALIBRATE,
)  # fmt: skip
"""All kinds, the long ones first."""

TRIES_REFUSED: Final = 2
TRIES_MOVED: Final = 400

TOTAL: Final = "step-is-total"
COMPLETE: Final = "paths-complete"
DISJOINT: Final = "paths-disjoint"


@dataclass(frozen=True, slots=True)
class Options:
    """How a kind is proved."""

    seed: int = 0
    second_every: int = 1  # the second solver is asked about every n-th path; 0: about none
    witnesses: bool = True
    only: str = ""  # an obligation's ID: stop at its first refutation


@dataclass(frozen=True, slots=True)
class Refutation:
    """An obligation that fails on a path, with the state and input found there."""

    obligation: str
    kind: int
    found: Found | None
    note: str = ""


@dataclass(slots=True)
class KindReport:
    """What was proved of one kind."""

    kind: int
    paths: int = 0
    checks: int = 0
    tallies: dict[str, int] = field(default_factory=dict[str, int])  # obligation: paths on which it needed a proof
    refuted: list[Refutation] = field(default_factory=list[Refutation])
    unknown: list[str] = field(default_factory=list[str])
    witnesses: dict[str, Found] = field(default_factory=dict[str, Found])
    second_asked: int = 0
    seconded: dict[str, int] = field(default_factory=dict[str, int])  # obligation: paths that both solvers judged
    disagreed: list[str] = field(default_factory=list[str])
    tried: dict[str, int] = field(default_factory=dict[str, int])  # paths asked for witnesses, by how they end
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Case:
    """The obligations that need a proof where a step has ended, when each says something, and what may be assumed."""

    todo: dict[str, z3.BoolRef]
    premises: dict[str, z3.BoolRef]
    facts: list[z3.BoolRef]
    all_of_them: z3.BoolRef


@dataclass(slots=True)
class Theory:
    """The formulas about one symbolic step, built once a process."""

    world: World
    assumptions: list[z3.BoolRef]
    obligations: dict[str, z3.BoolRef]
    premises: dict[str, z3.BoolRef]
    applications: Applications
    of_post: list[tuple[str, Terms]]  # applications in the obligations, to be instantiated on every path
    pack: z3.ExprRef
    refusals: dict[Outcome, Case] = field(default_factory=dict[Outcome, Case])

    @property
    def known(self) -> frozenset[int]:
        """Ids of the assumptions: an obligation that is one of them after substitution is proved."""
        return frozenset(assumption.get_id() for assumption in self.assumptions)


def asked(table: Sequence[Any], *records: object) -> dict[str, z3.BoolRef]:
    """The table's predicates about these records, as formulas. Stand-ins must be in place."""
    return {item.id: formula(rewritten(item.holds), *records) for item in table}


def here(focus: Focus, event: Any, table: Mapping[str, z3.BoolRef]) -> dict[str, z3.BoolRef]:
    """What is said of a slot and its instrument holds if the input names the slot's instrument."""
    same = focus.slot.instrument == event.instrument
    return {name: z3.Implies(truth_of(same), fact) for name, fact in table.items()}


def invariants_of(focus: Focus, event: Any) -> dict[str, z3.BoolRef]:
    """Every invariant of what an input may touch."""
    held = here(focus, event, asked(HELD, focus.slot, focus.instrument))
    return (
        asked(SLOT, focus.slot) | held | asked(INSTRUMENT, focus.instrument) | asked(ACCOUNT, focus.account)
    )  # fmt: skip


@cache
def theory() -> Theory:
    """The formulas of the core theorem."""
    world, applications = one_step(), Applications()
    event = world.event
    facts: list[z3.BoolRef] = []
    with prepared(facts.append, applications):
        before = invariants_of(world.pre, event) | asked(CONTEXT, world.pre, event)
        known = [*before.values(), *facts, *indices(event)]
        earlier = len(applications.instances)
        step = (world.pre, event, world.post, world.outcome)
        obligations = invariants_of(world.post, event) | asked(STEP, *step) | asked(FOLLOWS, *step)
        of_post = [(name, terms) for (name, _), (_, terms) in list(applications.instances.items())[earlier:]]
    premises = premises_of(obligations)
    packed = [*obligations.values(), *premises.values(), *(term for _, terms in of_post for term in terms)]
    pack = z3.Function("pack", *[item.sort() for item in packed], z3.BoolSort())(*packed)
    return Theory(world, known, obligations, premises, applications, of_post, pack)


def indices(event: Any) -> list[z3.BoolRef]:
    """The input names a slot and an instrument (the frame theorem refuses all others)."""
    slot, instrument = event.slot.term, event.instrument.term
    return [slot >= 0, slot < SLOTS, instrument >= 0, instrument < INSTRUMENTS]


Explored = tuple[list[Path], int, list[z3.BoolRef]]


def paths_of(kind: Kind, seed: int = 0) -> Explored:
    """Every feasible path of a kind's handler, the number of solver checks, and the assumptions."""
    base = theory()
    event = base.world.event._replace(kind=int(kind))
    assumptions = [*base.assumptions, named_kind(base.world.event, int(kind))]
    explorer = Explorer(assumptions, (Exception,), seed)
    with prepared(explorer.lemma, base.applications, explorer.claim):
        paths = explorer.explore(lambda: answer(base.world.pre, event))
    for path in paths:
        if isinstance(path.error, LOUD):
            raise Unsupported(f"{kind.name}: the executor does not model this: {path.error!r}") from path.error
    return paths, explorer.checks, assumptions


def prove_kind(kind: Kind, options: Options, explored: Explored | None = None) -> KindReport:
    """Explore a kind, unless that is done, and discharge every obligation on every path of it."""
    began = time.monotonic()
    paths, checks, assumptions = explored or paths_of(kind, options.seed)
    report = KindReport(int(kind), len(paths), checks)
    solver = z3.SolverFor(LOGIC)
    solver.set("random_seed", options.seed)
    solver.set("timeout", 1_000 * SECONDS_A_CHECK)
    solver.add(*assumptions)
    _covered(report, solver, paths, second=options.second_every > 0)
    for number, path in enumerate(paths):
        _judge(report, solver, path, number, options)
        if options.only and any(found.obligation == options.only for found in report.refuted):
            break
    report.seconds = time.monotonic() - began
    return report


def _covered(report: KindReport, solver: z3.Solver, paths: Sequence[Path], *, second: bool) -> None:
    """The paths are all there are, and no two overlap."""
    report.tallies[TOTAL] = len(paths)
    solver.push()
    solver.add(*{lemma.get_id(): lemma for path in paths for lemma in path.lemmas}.values())
    questions = covering([path.condition for path in paths])
    solver.add(*questions.definitions)
    for name, gap in ((COMPLETE, questions.none), (DISJOINT, questions.two)):
        report.tallies[name] = len(paths)
        solver.push()
        solver.add(gap)
        verdict = solver.check()
        if verdict == z3.unknown:
            report.unknown.append(name)
        elif verdict == z3.sat:
            report.refuted.append(Refutation(name, report.kind, None, "the paths do not partition the inputs"))
        if second:
            report.seconded[name] = len(paths)
            _second_opinion(report, solver, verdict, name)
        solver.pop()
    solver.pop()


def _second_opinion(report: KindReport, solver: z3.Solver, verdict: z3.CheckSatResult, what: str) -> None:
    """cvc5 reads the query that z3 has just answered."""
    report.second_asked += 1
    opinion = ask(solver.to_smt2(), LOGIC)
    if opinion is not Opinion.of(verdict):
        report.disagreed.append(f"{Kind(report.kind).name} {what}: {verdict} against {opinion.name.lower()}")


def _judge(report: KindReport, solver: z3.Solver, path: Path, number: int, options: Options) -> None:
    if path.error is not None and not isinstance(path.error, Refused):
        solver.push()
        solver.add(*path.literals, *path.lemmas)
        found, _ = _model(solver)
        solver.pop()
        report.refuted.append(Refutation(TOTAL, report.kind, found, f"raises {path.error!r}"))
        return
    case = _case_of(path)
    for name in case.todo:
        report.tallies[name] = report.tallies.get(name, 0) + 1
    if not case.todo:
        return
    solver.push()
    solver.add(path.condition, *path.lemmas, *case.facts)
    if options.witnesses:
        _witness(report, solver, case, path)
    solver.push()
    solver.add(z3.Not(case.all_of_them))
    verdict = solver.check()
    if options.second_every and number % options.second_every == 0:
        for name in case.todo:
            report.seconded[name] = report.seconded.get(name, 0) + 1
        _second_opinion(report, solver, verdict, f"path {number}")
    solver.pop()
    if verdict != z3.unsat:
        _split(report, solver, case)
    solver.pop()


def _case_of(path: Path) -> Case:
    """What is to be proved on a path: of what it gives, and that what it relied on holds."""
    base = theory()
    if isinstance(path.error, Refused):
        refusal = path.error.outcome
        if refusal not in base.refusals:  # the same words after it, whatever led to it
            base.refusals[refusal] = _case(base, base.world.pre, refusal)
        case = base.refusals[refusal]
    else:
        case = _case(base, *path.result)
    if not path.claims:
        return case
    inside = z3.And(*path.claims)
    return Case(
        {**case.todo, INSIDE.id: inside}, {**case.premises, INSIDE.id: z3.BoolVal(True)}, case.facts,
        z3.And(case.all_of_them, inside),
    )  # fmt: skip


def _case(base: Theory, after: Focus, outcome: Outcome) -> Case:
    """The obligations on these terms; those that are assumptions word for word need no proof."""
    ours = words(base.world.post) + words(base.world.outcome)
    pairs = list(zip(ours, words(after) + words(outcome), strict=True))
    parts = z3.substitute(base.pack, *pairs).children()
    count = len(base.obligations)
    known = base.known
    names = list(base.obligations)
    todo = {name: fact for name, fact in zip(names, parts, strict=False) if fact.get_id() not in known}
    premises = dict(zip(names, parts[count : 2 * count], strict=False))
    rest = iter(parts[2 * count :])
    facts: list[z3.BoolRef] = []
    for name, terms in base.of_post:
        facts += base.applications.facts(name, tuple(next(rest) for _ in terms))
    return Case(todo, premises, facts, z3.And(*todo.values()))


def _split(report: KindReport, solver: z3.Solver, case: Case) -> None:
    """Which of the obligations fails, each by a query of its own."""
    for name, fact in case.todo.items():
        solver.push()
        solver.add(z3.Not(fact))
        verdict = solver.check()
        if verdict == z3.unknown:
            report.unknown.append(name)
        elif verdict == z3.sat and not any(found.obligation == name for found in report.refuted):
            report.refuted.append(Refutation(name, report.kind, _model(solver)[0]))
        solver.pop()


def _witness(report: KindReport, solver: z3.Solver, case: Case, path: Path) -> None:
    """For every obligation without one yet: a state and input for which it says something on this path."""
    # refusals with the same code are alike: a few of them are asked, of the other paths many
    refused = isinstance(path.error, Refused)
    alike = f"refused {path.error.outcome.code}" if isinstance(path.error, Refused) else "moved"
    report.tried[alike] = report.tried.get(alike, 0) + 1
    if report.tried[alike] > (TRIES_REFUSED if refused else TRIES_MOVED):
        return
    # an invariant may say something only where a step leaves it alone; that counts, and the first path shows it
    wanted = case.todo if report.witnesses else case.premises
    open_ = {name: case.premises[name] for name in wanted if name not in report.witnesses}
    while open_:  # one state and input may serve many obligations
        solver.push()
        solver.add(z3.Or(*open_.values()))
        if solver.check() == z3.sat:
            found, model = _model(solver)
            served = [name for name, says in open_.items() if z3.is_true(model.eval(says, model_completion=True))]
            report.witnesses |= dict.fromkeys(served, found)
            open_ = {name: says for name, says in open_.items() if name not in served}
        else:
            open_ = {}
        solver.pop()


def _model(solver: z3.Solver) -> tuple[Found, z3.ModelRef]:
    base = theory()
    return readable_model(solver, base.applications, base.world.pre, base.world.event)
