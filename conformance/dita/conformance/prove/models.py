"""From a solver's model to numbers a person can read: a state and an input on which the real code shows the same.

The solver knows the named arithmetic by its contracts only, so a model may give a product another value than Python
does. In a world of round numbers (one lot, prices of exactly one, no fees) the arithmetic is linear; ``GROUND`` states
what the real functions give there, and the hints ask for such a world as far as the question allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import z3

from dita.conformance.prove.contracts import CONTRACTS, Applications, Terms
from dita.conformance.prove.executor import LOGIC, SECONDS_A_CHECK
from dita.conformance.prove.proxies import term_of
from dita.conformance.prove.rewriting import truth_of
from dita.conformance.prove.world import words
from dita.spec.inputs import Input
from dita.spec.scales import NOTIONAL_DIVISOR, RATIO_SCALE
from dita.spec.state import Focus

ONE: Final = NOTIONAL_DIVISOR  # the price at which a notional equals its quantity
SMALL: Final = 1_000_000


class Found(NamedTuple):
    """The words of an account, instrument and slot, and of an input, in their order."""

    focus: tuple[int, ...]
    event: tuple[int, ...]
    exact: bool  # every named function has its real value, so running the code shows the same


def premises_of(obligations: Mapping[str, z3.BoolRef]) -> dict[str, z3.BoolRef]:
    """When each obligation says something. A tautology never does: it holds of all numbers, whatever the code does."""
    solver = z3.SolverFor(LOGIC)
    solver.set("timeout", 1_000 * SECONDS_A_CHECK)
    found: dict[str, z3.BoolRef] = {}
    for name, obligation in obligations.items():
        solver.push()
        solver.add(z3.Not(obligation))
        found[name] = z3.BoolVal(False) if solver.check() == z3.unsat else premise_of(obligation)
        solver.pop()
    return found


def premise_of(obligation: z3.BoolRef) -> z3.BoolRef:
    """When the obligation says something: none of its alternatives but the last holds.

    A predicate is written as ``not premise or … or conclusion``, or with early returns of True; both become an Or whose
    last part is the conclusion. One without alternatives always says something.
    """
    parts = _alternatives(obligation)
    return z3.Not(z3.Or(*parts[:-1])) if len(parts) > 1 else z3.BoolVal(True)


def _alternatives(fact: z3.BoolRef) -> list[z3.BoolRef]:
    if z3.is_or(fact):
        return [part for child in fact.children() for part in _alternatives(child)]
    if z3.is_implies(fact):
        premise, conclusion = fact.children()
        return [z3.Not(premise), *_alternatives(conclusion)]
    return [fact]


# --- a world of round numbers ---------------------------------------------------------------------------------------


def _limit(terms: Terms) -> z3.BoolRef:
    return z3.Or(terms[0] == 0, terms[1] == 1, terms[0] == terms[1])


GROUND: Final[dict[str, Callable[[Any, Terms], z3.BoolRef]]] = {
    "notional": lambda v, t: z3.Implies(t[1] == ONE, v == t[0]),
    "cost_share": lambda v, t: z3.Implies(t[0] == t[1], v == t[2]),
    "predicted_fee": lambda v, t: z3.Implies(t[1] == 0, v == 0),
    "calibrated_rate": lambda v, t: z3.Implies(t[0] == 0, v == 0),
    "is_multiple": lambda v, t: z3.Implies(_limit(t), v),
    "minimum_quantity": lambda v, t: z3.Implies(
        z3.And(t[1] == 0, t[3] == 1, t[0] <= SMALL), v == z3.If(t[0] > 1, t[0], z3.IntVal(1))
    ),
    "leg_quantity": lambda v, t: z3.Implies(z3.And(t[1] == RATIO_SCALE, t[2] <= t[3]), v == t[0]),
    "price_plausible": lambda v, t: z3.Implies(t[2] == ONE, v == z3.And(t[1] <= 4 * t[0], t[0] <= 4 * t[1])),
    "within_leverage": lambda v, t: z3.Implies(t[2] == RATIO_SCALE, v == (t[0] <= t[1])),
    "fits_scales": lambda v, t: z3.Implies(z3.And(t[0] == 1, t[1] == ONE, t[2] <= SMALL, t[3] == ONE), v),
}
"""What the real functions give in special cases; each is checked on numbers in the tests."""


def hints(pre: Focus, event: Input) -> list[z3.BoolRef]:
    """What a readable world looks like, the most wanted first."""
    slot, instrument, account = pre.slot, pre.instrument, pre.account
    entry, last, closed = slot.entry, slot.exit, slot.closed
    wanted = [
        instrument.lot == 1, instrument.tick == ONE, instrument.price_max == ONE, slot.fee_rate_ppb == 0,
        instrument.quantity_max <= SMALL, instrument.taker_ppb == 0, instrument.maker_ppb == 0,
        instrument.notional_min == 0, instrument.quantity_min <= 5, slot.ref_price == ONE, event.price == ONE,
        event.lot == 1, event.tick == ONE, event.price_max == ONE, event.quantity_max <= SMALL,
        entry.quote == entry.quantity, last.quote == last.quantity, closed.past_quote == closed.past_quantity,
        closed.external_quote == closed.external_quantity, account.leverage_max_ppm == RATIO_SCALE,
        event.quote == event.quantity, *[ratio == RATIO_SCALE for ratio in slot.plan.ratios[:1]],
        event.limit_price == 0, slot.minimum == 1, event.slot == 0, event.instrument == 0, slot.instrument == 0,
        *[tail.trade == 0 for tail in reversed(slot.tails)],
    ]  # fmt: skip
    return [truth_of(fact) for fact in wanted]


def readable_model(
    solver: z3.Solver, applications: Applications, pre: Focus, event: Input
) -> tuple[Found, z3.ModelRef]:
    """A model of the solver's (satisfiable) assertions in a world as round as they allow."""
    asserted = {fact.get_id() for fact in solver.assertions()}
    instances = applications.instances.items()
    used = [(name, terms) for (name, _), (fact, terms) in instances if fact.get_id() in asserted]
    solver.push()
    for name, terms in used:
        solver.add(GROUND[name](CONTRACTS[name].symbol()(*terms), terms))
    wanted = hints(pre, event)
    while solver.check(*wanted) != z3.sat:
        if not wanted:  # a function is applied where its body is not defined: its special cases do not bind there
            solver.pop()
            solver.push()
            solver.check()
            break
        refused = {fact.get_id() for fact in solver.unsat_core()}
        wanted = [fact for fact in wanted if fact.get_id() not in refused] if refused else []
    model = solver.model()
    found = _words(model, used, pre, event)
    solver.pop()
    return found, model


def _words(model: z3.ModelRef, used: Iterable[tuple[str, Terms]], pre: Focus, event: Input) -> Found:
    def values(record: object) -> tuple[int, ...]:
        return tuple(int(model.eval(word, model_completion=True).as_long()) for word in words(record))

    return Found(values(pre), values(event), all(_is_real(model, name, terms) for name, terms in used))


def _is_real(model: z3.ModelRef, name: str, terms: Terms) -> bool:
    contract = CONTRACTS[name]
    given = [int(model.eval(term, model_completion=True).as_long()) for term in terms]
    said = model.eval(contract.symbol()(*terms), model_completion=True)
    try:
        real = contract.body(*given)
    except ZeroDivisionError:
        return True  # not called there: the contract's domain excludes it
    return bool(z3.is_true(said) == real) if contract.truth else int(said.as_long()) == real


def named_kind(event: Input, kind: int) -> z3.BoolRef:
    """The input is of this kind."""
    return term_of(event.kind) == kind
