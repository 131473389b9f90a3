"""Puts stand-ins into the modules under proof: contracts for arithmetic, merged forms for pure helpers.

Two kinds of modules are prepared: the reference (``reference_prepared``, for as long as it is explored) and the
predicates of ``dita.spec`` (the same block). Everything is put back at the end of the block.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any, Final

import z3

from dita.conformance.prove.contracts import CONTRACTS, Applications
from dita.conformance.prove.merging import merging
from dita.conformance.prove.proxies import SymBool, is_symbolic, term_of
from dita.conformance.prove.rewriting import HELP, rewritten
from dita.reference import books, control, focus, ledger, lifecycle, orders, trades
from dita.spec import (
    answer_properties,
    book_properties,
    invariants,
    laws,
    order_properties,
    properties,
    shares,
    slot_invariants,
    state,
)

REFERENCE: Final[tuple[ModuleType, ...]] = (
    focus, ledger, lifecycle, orders, trades, books, control, import_module("dita.reference.step"),
)  # fmt: skip
PREDICATES: Final[tuple[ModuleType, ...]] = (
    state, slot_invariants, invariants, shares, book_properties, order_properties, answer_properties, laws, properties,
)  # fmt: skip
MERGED: Final = frozenset(module.__name__ for module in PREDICATES)
BUILTINS: Final = ("max", "min", "abs")
# Pure helpers of the reference: no early exit in them, so their branches may be merged into their result.
HELPERS: Final = (
    "in_range", "with_evidence", "profit", "provisional_fees", "compared", "frozen", "in_entry", "in_exit",
    "in_flight_attempt", "is_graded", "has_room", "is_mine", "not_mine", "is_possible", "shown_by", "advances",
    "is_in_flight", "was_seen", "is_definitely_absent", "settlement_advances", "tail_profit", "tail_provisional",
    "income_advances", "position_explained",
)  # fmt: skip
# Relations of the predicates, and the named function whose value they fix (each proved to in ``lemmas``).
EQUALITIES: Final = {"is_predicted_fee": "predicted_fee", "is_cost_share": "cost_share"}
SAME: Final = {
    "is_whole": "is_multiple",
    "are_terms_exact": "fits_scales",
    "is_leverage_kept": "within_leverage",
    "is_plausible": "price_plausible",
}

Sink = Callable[[z3.BoolRef], None]


@contextmanager
def prepared(sink: Sink, applications: Applications) -> Generator[None]:
    """Within the block both sides call stand-ins; the facts they bring along go to ``sink``."""
    undo: list[tuple[ModuleType, str, bool, Any]] = []

    def put(module: ModuleType, name: str, value: object) -> None:
        undo.append((module, name, name in vars(module), vars(module).get(name)))
        setattr(module, name, value)

    try:
        everywhere = {**HELP, **{name: merging(getattr(builtins, name)) for name in BUILTINS}}
        made: dict[FunctionType, object] = {}
        for module in (*REFERENCE, *PREDICATES):
            for name, value in list(vars(module).items()):
                if isinstance(value, FunctionType):
                    if value not in made:
                        made[value] = _replacement(value, sink, applications)
                    put(module, name, made[value])
            for name, value in everywhere.items():
                put(module, name, value)
        yield
    finally:
        for module, name, existed, value in reversed(undo):
            if existed:
                setattr(module, name, value)
            else:
                delattr(module, name)


def _replacement(function: FunctionType, sink: Sink, applications: Applications) -> object:
    name = function.__name__
    if name in CONTRACTS:
        return _contracted(name, function, sink, applications)
    if name in EQUALITIES:
        return _equality(EQUALITIES[name], function, sink, applications)
    if name in SAME:
        return _contracted(SAME[name], function, sink, applications)
    if function.__module__ in MERGED or name in HELPERS:
        return merging(rewritten(function))
    return function


def _contracted(name: str, real: Callable[..., Any], sink: Sink, applications: Applications) -> Callable[..., Any]:
    def call(*arguments: object) -> Any:
        if not is_symbolic(arguments):
            return real(*arguments)
        terms = tuple(term_of(argument) for argument in arguments)
        for fact in applications.facts(name, terms):
            sink(fact)
        return CONTRACTS[name].value(terms)

    return call


def _equality(name: str, real: Callable[..., Any], sink: Sink, applications: Applications) -> Callable[..., Any]:
    function = _contracted(name, real, sink, applications)

    def call(value: object, *arguments: object) -> Any:
        if not is_symbolic((value, *arguments)):
            return real(value, *arguments)
        return SymBool(term_of(value) == term_of(function(*arguments)))

    return call
