"""Contracts of the named arithmetic: what proofs about the step may assume of each function.

While the step is explored, each function is an uninterpreted symbol, and every application of it brings the instance of
its contract along (``Explorer.lemma``). So products and quotients never reach the solver, and nothing is assumed that
``dita.conformance.prove.lemmas`` has not proved about the real body. A contract is plain Python: ``domain`` says for
which arguments it speaks, ``result`` what then holds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, cast

import z3

from dita.conformance.prove.merging import formula
from dita.conformance.prove.proxies import SymBool, SymInt, is_symbolic, term_of
from dita.conformance.prove.rewriting import HELP, rewritten
from dita.reference import arithmetic
from dita.spec.scales import BOUND, RATE_SCALE, RATIO_SCALE
from dita.spec.slot_invariants import FEE_RATE_MAX_PPB

Terms = tuple[z3.ArithRef, ...]
Predicate = Callable[..., bool]


@dataclass(frozen=True, slots=True)
class Contract:
    """One named function: for which arguments the contract speaks, and what it says of the result."""

    name: str
    arity: int
    truth: bool  # the function answers yes or no
    domain: Predicate
    result: Predicate

    @property
    def body(self) -> Callable[..., Any]:
        """The real function."""
        return cast("Callable[..., Any]", getattr(arithmetic, self.name))

    def symbol(self) -> z3.FuncDeclRef:
        """The uninterpreted stand-in."""
        sort = z3.BoolSort() if self.truth else z3.IntSort()
        return z3.Function(self.name, *[z3.IntSort()] * self.arity, sort)

    def value(self, terms: Terms) -> SymBool | SymInt:
        """The stand-in applied."""
        applied = self.symbol()(*terms)
        return SymBool(applied) if self.truth else SymInt(applied)

    def inside(self, terms: Terms) -> z3.BoolRef:
        """The contract speaks for these arguments."""
        return formula(_compiled(self.domain), *[SymInt(term) for term in terms])

    def instance(self, terms: Terms) -> z3.BoolRef:
        """The contract for these arguments."""
        result = formula(_compiled(self.result), self.value(terms), *[SymInt(term) for term in terms])
        return z3.Implies(self.inside(terms), result)


@cache
def _compiled(predicate: Predicate) -> Callable[..., Any]:
    return rewritten(predicate, {**vars(sys.modules[predicate.__module__]), **HELP})


# --- what is known of each function ---------------------------------------------------------------------------------


def whole(value: int, step: int) -> Any:
    """``is_multiple`` as a contract may say it of another function's result."""
    if is_symbolic(value) or is_symbolic(step):
        return CONTRACTS["is_multiple"].value((term_of(value), term_of(step)))
    return arithmetic.is_multiple(value, step)


def is_amount(value: int) -> bool:
    """0 to BOUND."""
    return 0 <= value <= BOUND


def _always(*_: int) -> bool:
    return True


def _notional(value: int, quantity: int, price: int) -> bool:
    return value >= 0


def _notional_domain(quantity: int, price: int) -> bool:
    return is_amount(quantity) and is_amount(price)


def _share_domain(cost: int, total: int, part: int) -> bool:
    return is_amount(cost) and 0 <= part <= total <= BOUND


def _share(value: int, cost: int, total: int, part: int) -> bool:
    nothing = part != 0 or value == 0
    everything = part != total or part == 0 or value == cost
    return 0 <= value <= cost and nothing and everything


def _fee_domain(quote: int, rate: int) -> bool:
    return is_amount(quote) and 0 <= rate <= FEE_RATE_MAX_PPB


def _fee(value: int, quote: int, rate: int) -> bool:
    return 0 <= value <= quote


def _rate_domain(rate: int, calibration: int) -> bool:
    return rate >= 0 and 10 * rate <= RATE_SCALE and 0 <= calibration <= 4 * RATIO_SCALE


def _rate(value: int, rate: int, calibration: int) -> bool:
    return 0 <= value <= FEE_RATE_MAX_PPB


def _multiple_domain(value: int, step: int) -> bool:
    return step > 0


def _multiple(value: bool, number: int, step: int) -> bool:
    return number != 0 or value


def _minimum_domain(quantity_min: int, notional_min: int, price: int, lot: int) -> bool:
    return is_amount(quantity_min) and is_amount(notional_min) and 1 <= price <= BOUND and 1 <= lot <= BOUND


def _minimum(value: int, quantity_min: int, notional_min: int, price: int, lot: int) -> bool:
    if value == BOUND + 1:
        return True
    return 1 <= value <= BOUND and value >= quantity_min and whole(value, lot)


def _leg_domain(left: int, ratio: int, lot: int, minimum: int) -> bool:
    return 1 <= left <= BOUND and 1 <= ratio <= RATIO_SCALE and lot >= 1 and minimum >= 1


def _leg(value: int, left: int, ratio: int, lot: int, minimum: int) -> bool:
    closable = value == left or (value >= minimum and left - value >= minimum)
    lots = whole(value, lot) or not whole(left, lot) or not (whole(minimum, lot) or minimum >= left)
    return 1 <= value <= left and closable and lots


def _leverage_domain(exposure: int, funds: int, leverage: int) -> bool:
    return exposure >= 0 and leverage >= 1


def _leverage(value: bool, exposure: int, funds: int, leverage: int) -> bool:
    return not value or funds >= 0


_ALL: Final = (
    Contract("notional", 2, False, _notional_domain, _notional),
    Contract("cost_share", 3, False, _share_domain, _share),
    Contract("predicted_fee", 2, False, _fee_domain, _fee),
    Contract("calibrated_rate", 2, False, _rate_domain, _rate),
    Contract("is_multiple", 2, True, _multiple_domain, _multiple),
    Contract("minimum_quantity", 4, False, _minimum_domain, _minimum),
    Contract("leg_quantity", 4, False, _leg_domain, _leg),
    Contract("price_plausible", 3, True, _always, _always),
    Contract("within_leverage", 3, True, _leverage_domain, _leverage),
    Contract("fits_scales", 4, True, _always, _always),
)
CONTRACTS: Final[dict[str, Contract]] = {contract.name: contract for contract in _ALL}


# --- instances ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Applications:
    """The contract instances that terms bring along, each made once."""

    instances: dict[tuple[str, tuple[int, ...]], tuple[z3.BoolRef, Terms]] = field(default_factory=dict)
    _domains: dict[tuple[str, tuple[int, ...]], tuple[z3.BoolRef, Terms]] = field(default_factory=dict)

    def facts(self, name: str, terms: Terms) -> list[z3.BoolRef]:
        """What may be assumed of this application: its contract, and for ``is_multiple`` what sums say."""
        key = (name, tuple(term.get_id() for term in terms))
        known = self.instances.get(key)
        if known is None:
            fact = CONTRACTS[name].instance(terms)
            mentioned = applications_of("is_multiple", z3.And(fact, terms_hold(name, terms)))
            fact = z3.And(fact, *[sum_of_multiples(*arguments) for arguments in mentioned])
            known = self.instances[key] = (fact, terms)  # the terms are kept, or their ids would be given again
        return [known[0]]

    def domain(self, name: str, terms: Terms) -> z3.BoolRef:
        """Whether this application is one that the contract speaks of."""
        key = (name, tuple(term.get_id() for term in terms))
        known = self._domains.get(key)
        if known is None:
            known = self._domains[key] = (CONTRACTS[name].inside(terms), terms)
        return known[0]


def terms_hold(name: str, terms: Terms) -> z3.BoolRef:
    """The application itself where it is a truth value, else nothing."""
    return CONTRACTS[name].symbol()(*terms) if CONTRACTS[name].truth else z3.BoolVal(True)


def applications_of(name: str, formula: z3.ExprRef) -> list[Terms]:
    """The arguments of every application of a named function in a formula."""
    found: dict[int, Terms] = {}
    seen: set[int] = set()
    stack: list[z3.ExprRef] = [formula]
    while stack:
        node = stack.pop()
        if node.get_id() in seen:
            continue
        seen.add(node.get_id())
        children = node.children()
        stack.extend(children)
        if children and node.decl().name() == name:
            found[node.get_id()] = tuple(children)
    return list(found.values())


def sum_of_multiples(value: z3.ArithRef, step: z3.ArithRef) -> z3.BoolRef:
    """A sum or difference of multiples is one (lemma ``sum-of-multiples``), applied to the summands of a term."""
    symbol = CONTRACTS["is_multiple"].symbol()
    summands = _summands(value)
    if len(summands) == 1 and summands[0].eq(value):
        return z3.BoolVal(True)
    return z3.Implies(z3.And(step > 0, *[symbol(part, step) for part in summands]), symbol(value, step))


def _summands(term: z3.ArithRef) -> list[z3.ArithRef]:
    kind = term.decl().kind()
    if kind in (z3.Z3_OP_ADD, z3.Z3_OP_SUB, z3.Z3_OP_UMINUS):
        return [part for child in term.children() for part in _summands(child)]
    return [term]
