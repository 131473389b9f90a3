"""Names of checks, reasons and features: as records have them, for good."""

from enum import IntEnum

import pytest

from dita.spec.decisions import Check, Feature, Reason

GIVEN: dict[type[IntEnum], str] = {
    Check: "NONE POLICY RUNTIME STALE_DATA SESSION_LIMITS DIRECTION ORDER_BOOK BOOST SIZING KERNEL",
    Reason: (
        "PASSED POLICY_RAISED NOT_A_DECISION NOT_FINITE NOT_POSITIVE NOT_OPENING NO_RISK KEPT_BACK NO_FREE_SLOT "
        "INSTRUMENT_BUSY REJECTED_LATELY NO_QUOTE QUOTE_STALE QUOTE_LATE DAILY_LOSS DAILY_TRADES COOLING_DOWN "
        "DC_TOO_FEW_TICKS DC_CONTRADICT BOOK_UNKNOWN BOOK_STALE BOOK_EMPTY BOOK_AGAINST BELOW_PRICE_FLOOR "
        "ABOVE_MARGIN ABOVE_LEVERAGE BELOW_SMALLEST_ORDER KERNEL_REFUSED"
    ),
}
"""The names in the order of their numbers. New ones are added at the end, none is removed."""


@pytest.mark.parametrize("names", GIVEN, ids=lambda names: names.__name__)
def test_a_number_keeps_its_name(names: type[IntEnum]) -> None:
    """From 0 without a gap, and each number still has the name that records call it by."""
    assert [(member.value, member.name) for member in names] == list(enumerate(GIVEN[names].split()))


def test_features_are_declared_once() -> None:
    """The keys of a feature map, by name."""
    assert list(Feature) == ["boost"]
