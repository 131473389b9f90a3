"""Where the reference is cut for the executor: its modules, and which of its functions are taken as a whole.

A function that is taken as a whole makes no decisions: its branches are merged into its result, or a contract stands
for it. What is left, the branches of all other functions, are the decisions that tell one path from another. Nothing
here needs a solver, so that whoever records the decisions of a concrete run (``dita.conformance.vectors``) cuts alike.
"""

from __future__ import annotations

from importlib import import_module
from types import FunctionType, ModuleType
from typing import Final

from dita.reference import arithmetic, books, control, focus, ledger, lifecycle, orders, trades
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


def is_merged(function: FunctionType) -> bool:
    """The function's branches are merged into its result."""
    return function.__module__ in MERGED or function.__name__ in HELPERS


def is_arithmetic(function: FunctionType) -> bool:
    """The function is one of the named arithmetic, for which a contract stands."""
    return function.__module__ == arithmetic.__name__
