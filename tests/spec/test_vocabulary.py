"""The tables of names: numbers begin at 0, have no gaps, and are never given a second time."""

import inspect
from enum import IntEnum

import pytest

from dita.spec import vocabulary
from dita.spec.vocabulary import (
    Code,
    IncomeKind,
    Kind,
    Mode,
    OrderSide,
    Part,
    Phase,
    Reconcile,
    RejectReason,
    Side,
    Verdict,
)

GIVEN: dict[type[IntEnum], str] = {
    Phase: (
        "IDLE ENTRY_REQUESTED ENTRY_WORKING ENTRY_UNRESOLVED POSITION_OPEN EXIT_REQUESTED EXIT_WORKING EXIT_UNRESOLVED"
    ),
    Kind: (
        "NONE ENTER EXIT FLATTEN CANCEL SET_MODE SET_LIMITS REGISTER SEED ADOPT SETTLE_FORCED ORDER REJECTED "
        "UNKNOWN NOT_FOUND SILENT EXTERNAL_CLOSE SETTLE INCOME WALLET POSITION CALIBRATE"
    ),
    Verdict: "REFUSED FLAGGED ACCEPTED",
    Code: (
        "OK LATE_FILL EXIT_DEFERRED ROLLED_BACK IMPOSSIBLE INCONSISTENT OVER_CLOSE UNKNOWN_ORDER "
        "TERMINAL_STATE SETTLE_MISMATCH POSITION_MISMATCH NO_CHANGE STALE_ID WRONG_LEG STALE_SNAPSHOT "
        "SLOT_BUSY INSTRUMENT_BUSY SLOT_LIMIT NO_POSITION EXIT_IN_PROGRESS NOTHING_WORKING MODE_REDUCE_ONLY "
        "MODE_HALTED CAPITAL_FROZEN RECONCILE_REQUIRED UNSETTLED_TRADE LEVERAGE BELOW_MINIMUM NOT_LOT "
        "NOT_DEFINITE NOT_SEEDED UNFIT_INSTRUMENT OVERFLOW BAD_VALUE BAD_KIND BAD_INDEX"
    ),
    Mode: "ACTIVE REDUCE_ONLY HALTED",
    Side: "NONE LONG SHORT",
    OrderSide: "NONE BUY SELL",
    Part: "ENTRY EXIT",
    RejectReason: "NOT_SENT REFUSED NO_POSITION BLOCKED THROTTLED",
    IncomeKind: "FUNDING TRANSFER ADJUSTMENT",
    Reconcile: "NONE POSITION WALLET",
}
"""The names as journals have them, in the order of their numbers. New ones are added at the end, none is removed."""


@pytest.mark.parametrize("names", GIVEN, ids=lambda names: names.__name__)
def test_numbers_begin_at_zero_without_gaps(names: type[IntEnum]) -> None:
    """Clause V1: the members are 0, 1, 2 and so on, so a record of zeros is canonical."""
    assert [member.value for member in names] == list(range(len(names)))


@pytest.mark.parametrize("names", GIVEN, ids=lambda names: names.__name__)
def test_a_number_keeps_its_name(names: type[IntEnum]) -> None:
    """Clause V2: what a journal calls by a number is still called so."""
    given = GIVEN[names].split()

    assert [member.name for member in names][: len(given)] == given


def test_every_table_of_names_is_held_here() -> None:
    """A new enumeration needs its row above."""
    tables = {item for _, item in inspect.getmembers(vocabulary, inspect.isclass) if issubclass(item, IntEnum)}

    assert tables - {IntEnum} == set(GIVEN)


def test_a_renumbered_name_is_seen() -> None:
    """The planted defect: two names that change places are found by comparing with what was given."""
    swapped = IntEnum("swapped", ["LONG", "NONE", "SHORT"], start=0)

    assert [member.name for member in swapped] != GIVEN[Side].split()
