"""Every predicate as the solver gets it, against the predicate as CPython runs it, on the same records."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NamedTuple, cast

import z3

from dita.conformance.draw import BOUNDARIES, Draw
from dita.conformance.prove.compiled import Places, compiled, source_of_values
from dita.conformance.prove.contracts import CONTRACTS, Applications
from dita.conformance.prove.core import asked, theory
from dita.conformance.prove.executor_pairs import Pairs, changed, places_of
from dita.conformance.prove.flat import Flattener, Lazily, Node
from dita.conformance.prove.merging import formula
from dita.conformance.prove.proxies import SymBool
from dita.conformance.prove.rewriting import HELP, rewritten
from dita.conformance.prove.standins import prepared
from dita.conformance.prove.world import symbolic, words
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.invariants import ACCOUNT, INSTRUMENT, WHOLE
from dita.spec.layout import flatten_words
from dita.spec.outcome import Outcome
from dita.spec.properties import STEP
from dita.spec.shares import CONTEXT, FOLLOWS
from dita.spec.slot_invariants import HELD, SLOT
from dita.spec.state import Focus, State, focus_of, initial_state
from dita.spec.vocabulary import Kind, Verdict

FINDINGS_MAX: Final = 3
RECENT: Final = 50
WHOLE_SIZE: Final = 2  # slots and instruments of a whole state, as in the lift


class Claim(NamedTuple):
    """One predicate: its formula over the symbolic records, and how it is really asked of concrete ones."""

    id: str
    formula: z3.BoolRef
    real: Callable[[Any], bool]  # of the tuple of these records


class Step(NamedTuple):
    """What a step property speaks of."""

    pre: Focus
    event: Input
    post: Focus
    outcome: Outcome


@dataclass(slots=True)
class PredicateReport:
    """What was compared."""

    predicates: int = 0
    pairs: int = 0  # records on which every predicate of a table was asked
    mismatches: int = 0
    undecided: int = 0  # answers that turn on a named function outside its domain, or on a division by zero
    answers: dict[str, set[bool]] = field(default_factory=dict[str, set[bool]])
    findings: list[str] = field(default_factory=list[str])

    @property
    def one_sided(self) -> list[str]:
        """Predicates that gave one answer only; a contract always holds, so it is none of them."""
        few = [name for name, answers in self.answers.items() if len(answers) < 2]
        return [name for name in few if not name.startswith("contract-of-")]


@dataclass(slots=True)
class Questions:
    """Claims about the same records, compiled into one function."""

    records: Mapping[str, object]  # symbolic, by the name of the parameter
    claims: Sequence[Claim]
    nodes: list[Node] = field(default_factory=list[Node])
    roots: list[int] = field(default_factory=list[int])
    ask: Callable[..., tuple[bool, ...]] = field(init=False)

    def __post_init__(self) -> None:
        flattener = Flattener()
        places = Places.of(self.records, flattener)
        self.roots = [flattener.add(claim.formula) for claim in self.claims]
        self.nodes = flattener.nodes
        self.ask = compiled(source_of_values(self.nodes, self.roots, places))

    def compare(self, report: PredicateReport, concrete: tuple[Any, ...]) -> None:
        """Every claim on these records, in the order of the parameters."""
        report.pairs += 1
        said = self.ask(*concrete)
        for number, claim in enumerate(self.claims):
            try:
                real = claim.real(concrete)
            except ZeroDivisionError:
                report.undecided += 1
                continue
            report.answers.setdefault(claim.id, set()).add(real)
            if said[number] != real:
                self._differs(report, number, real, concrete)

    def _differs(self, report: PredicateReport, number: int, real: bool, concrete: tuple[Any, ...]) -> None:
        names = [word.decl().name() for record in self.records.values() for word in words(record)]
        again = Lazily(self.nodes, dict(zip(names, flatten_words(concrete), strict=True)))
        value = bool(again.value(self.roots[number]))
        if again.outside:
            report.undecided += 1
            return
        report.mismatches += 1
        if len(report.findings) < FINDINGS_MAX:
            name = self.claims[number].id
            report.findings.append(f"`{name}`: CPython says {real}, its formula {value}, of {concrete}")


# --- the questions --------------------------------------------------------------------------------------------------


def of_a_step() -> Questions:
    """The very obligations of the core theorem, and the context that it assumes, of (pre, event, post, outcome)."""
    base = theory()
    world = base.world
    formulas = dict(base.obligations)
    with prepared(lambda _: None, Applications()):
        formulas |= asked(CONTEXT, world.post, world.event)
    real = {
        **_given(SLOT, lambda step: (step.post.slot,)),
        **_given(INSTRUMENT, lambda step: (step.post.instrument,)),
        **_given(ACCOUNT, lambda step: (step.post.account,)),
        **_given(CONTEXT, lambda step: (step.post, step.event)),
        **_given((*STEP, *FOLLOWS), lambda step: step),
    }
    held = _given(HELD, lambda step: (step.post.slot, step.post.instrument))
    real |= {name: _where_named(holds) for name, holds in held.items()}
    claims = [Claim(name, fact, real[name]) for name, fact in formulas.items()]
    records = {"pre": world.pre, "event": world.event, "post": world.post, "outcome": world.outcome}
    return Questions(records, claims)


def _given(table: Sequence[Any], chosen: Callable[[Step], tuple[Any, ...]]) -> dict[str, Callable[[Step], bool]]:
    """The real predicates of a table, of a step; ``chosen`` picks what they speak of."""

    def asks(holds: Callable[..., bool]) -> Callable[[Step], bool]:
        return lambda step: holds(*chosen(step))

    return {item.id: asks(item.holds) for item in table}


def _where_named(holds: Callable[[Step], bool]) -> Callable[[Step], bool]:
    """What ``core.here`` says: the predicate, if the input names the slot's instrument."""
    return lambda step: step.post.slot.instrument != step.event.instrument or holds(step)


def of_a_state() -> Questions:
    """The invariants of a whole state of two slots and instruments, as the lift asks them."""
    state = symbolic(initial_state(WHOLE_SIZE, WHOLE_SIZE), "state")
    with prepared(lambda _: None, Applications()):
        formulas = asked(WHOLE, state)
    real = _of_a_state(WHOLE)
    return Questions({"state": state}, [Claim(name, fact, real[name]) for name, fact in formulas.items()])


def _of_a_state(table: Sequence[Any]) -> dict[str, Callable[[tuple[State]], bool]]:
    def asks(holds: Callable[[State], bool]) -> Callable[[tuple[State]], bool]:
        return lambda given: holds(given[0])

    return {item.id: asks(item.holds) for item in table}


def of_a_contract(name: str) -> Questions:
    """A contract's domain and result, of any value and any arguments; and the whole of it, of the real value."""
    contract = CONTRACTS[name]
    value: Any = symbolic(0, "value")
    answer: Any = SymBool(value.term == 1) if contract.truth else value
    arguments: tuple[Any, ...] = symbolic((0,) * contract.arity, "x")
    rewritten_domain, rewritten_result = (
        rewritten(part, {**part.__globals__, **HELP}) for part in (contract.domain, contract.result)
    )

    def domain(records: tuple[int, tuple[int, ...]]) -> bool:
        return contract.domain(*records[1])

    def result(records: tuple[int, tuple[int, ...]]) -> bool:
        return contract.result(records[0] == 1 if contract.truth else records[0], *records[1])

    def whole(records: tuple[int, tuple[int, ...]]) -> bool:
        given = records[1]
        return not contract.domain(*given) or bool(contract.result(contract.body(*given), *given))

    claims = [
        Claim(f"domain-of-{name}", formula(rewritten_domain, *arguments), domain),
        Claim(f"result-of-{name}", formula(rewritten_result, answer, *arguments), result),
        Claim(f"contract-of-{name}", contract.instance(tuple(words(arguments))), whole),
    ]
    return Questions({"value": value, "x": arguments}, claims)


def arguments_of(draw: Draw, question: Questions) -> tuple[int, tuple[int, ...]]:
    """A value and arguments: small, large or negative, now and then alike."""
    arity = len(cast("tuple[Any, ...]", question.records["x"]))
    size = draw.among((1, 3, 20, 62))
    given = [draw.bits(size) - draw.among((0, 0, 1, 1 << size - 1)) for _ in range(arity + 1)]
    if draw.below(3) == 0:
        given[draw.below(arity + 1)] = draw.among(given)
    return given[0], tuple(given[1:])


# --- the records ----------------------------------------------------------------------------------------------------


def steps(seed: int) -> Iterator[Step]:
    """Real steps, and each a second time with something that does not belong there, so that predicates fail too."""
    rng = random.Random(seed)
    draw = Draw(rng)
    recent: list[Step] = []
    for pair in Pairs(rng):
        state, event, _ = pair
        after, outcome = step(state, event)
        pre, post = (focus_of(known, event.slot, event.instrument) for known in (state, after))
        real = Step(pre, event, post, outcome)
        yield real
        if outcome.verdict != Verdict.REFUSED or draw.below(8) == 0:
            recent = [*recent[-RECENT:], real]
        yield confused(draw, real, draw.among(recent) if recent else real)


def confused(draw: Draw, real: Step, other: Step) -> Step:
    """A step with records changed, or put together from two."""
    dice = draw.below(9)
    if dice == 0:
        real = other._replace(event=with_names_of(real.event, other.event))
    elif dice == 1:
        real = other._replace(event=other.event._replace(kind=1 + draw.below(Kind.CALIBRATE)))
    elif dice == 2:
        real = real._replace(outcome=other.outcome)
    elif dice == 3:
        real = real._replace(outcome=real.outcome._replace(verdict=Verdict.ACCEPTED))
    elif dice == 4:
        real = other._replace(post=other.post._replace(slot=real.post.slot))
    elif dice == 5:
        account = other.pre.account._replace(mode=1 + draw.below(2), ledger=real.pre.account.ledger)
        real = other._replace(pre=other.pre._replace(account=account))
    if draw.below(3) == 0:
        real = real._replace(pre=worse(draw, real.pre))
    if draw.below(3):
        real = real._replace(post=worse(draw, real.post))
    return real._replace(outcome=worse(draw, real.outcome)) if draw.below(4) == 0 else real


def with_names_of(event: Input, other: Input) -> Input:
    """The input, naming what the other names."""
    return event._replace(slot=other.slot, instrument=other.instrument, trade=other.trade, attempt=other.attempt)


def worse(draw: Draw, record: Any) -> Any:
    """The record with one to three words changed."""
    places = _places(record)
    for _ in range(draw.among((1, 1, 2, 3))):
        where, value = draw.among(places), draw.among((0, 1, 2, draw.among(BOUNDARIES), draw.bits(59)))
        record = changed(record, where, value)
    return record


_KNOWN_PLACES: Final[dict[type, list[tuple[int, ...]]]] = {}


def _places(record: Any) -> list[tuple[int, ...]]:
    if type(record) not in _KNOWN_PLACES:
        _KNOWN_PLACES[type(record)] = [where for where, _ in places_of(record)]
    return _KNOWN_PLACES[type(record)]


def small_states(seed: int) -> Iterator[State]:
    """Two slots and instruments out of reachable states, with the counts of these; every third has words changed."""
    rng = random.Random(seed)
    draw = Draw(rng)
    for number, pair in enumerate(Pairs(rng)):
        state = smaller(draw, pair.state)
        yield state if number % 3 else worse(draw, state)


def smaller(draw: Draw, state: State) -> State:
    """A state with two of the slots and their instruments, and with the account's sums over these."""
    live = [slot for slot in state.slots if slot.phase] or [state.slots[0]]
    chosen = [draw.among(live), draw.among(state.slots)]
    if chosen[0] is chosen[1]:
        chosen[1] = initial_state().slots[0]
    slots, instruments = list(chosen), list(state.instruments[:WHOLE_SIZE])
    for k, slot in enumerate(chosen):
        home = state.instruments[slot.instrument]
        slots[k] = slot._replace(
            instrument=k if slot.phase else 0,
            tails=tuple(tail._replace(instrument=k) if tail.trade else tail for tail in slot.tails),
        )
        instruments[k] = home._replace(holder=k + 1 if slot.phase else 0)
    account = state.account._replace(
        live_slots=sum(1 for slot in slots if slot.phase),
        exposure=sum(slot.exposure for slot in slots),
        unreconciled=sum(known.reconcile_required for known in instruments),
    )
    return State(account, tuple(instruments), tuple(slots))


def check_predicates(pairs: int, seed: int) -> PredicateReport:
    """Every predicate on so many records."""
    report = PredicateReport()
    of_steps, of_states = of_a_step(), of_a_state()
    contracts = [of_a_contract(name) for name in CONTRACTS]
    report.predicates = sum(len(question.claims) for question in (of_steps, of_states, *contracts))
    for known in islice(steps(seed), pairs):
        of_steps.compare(report, known)
    for state in islice(small_states(seed), pairs // 5):
        of_states.compare(report, (state,))
    draw = Draw(random.Random(seed))
    for _ in range(pairs // 5):
        for question in contracts:
            question.compare(report, arguments_of(draw, question))
    return report
