"""Decimals to integers in the units of clause N1: exact or refused."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dita.adapters.bingx.units import (
    UnitsError,
    money_e18,
    money_units,
    price_text,
    price_units,
    quantity_text,
    quantity_units,
    rate_ppb,
    rounded_money_units,
    rounded_price_units,
)
from dita.spec.scales import BOUND

Convert = Callable[..., int]

EXACT: list[tuple[Convert, str, int]] = [
    (price_units, "60000.5", 600_005_000_000_000),
    (price_units, "0.0000000001", 1),
    (price_units, "1e-8", 100),
    (quantity_units, "0.0123", 1_230_000),
    (quantity_units, "0.01230000000000", 1_230_000),
    (quantity_units, "-2", -200_000_000),
    (money_units, "1000.0000", 100_000_000_000),
    (money_e18, "-0.060000", -60_000_000_000_000_000),
    (rate_ppb, "0.0005", 500_000),
    (rounded_price_units, "60000.00000000005", 600_000_000_000_000),
    (rounded_price_units, "60000.00000000015", 600_000_000_000_002),
    (rounded_money_units, "0.000000005", 0),
    (rounded_money_units, "0.000000015", 2),
]


@pytest.mark.parametrize(("convert", "text", "units"), EXACT)
def test_text_becomes_the_integer_of_its_scale(convert: Convert, text: str, units: int) -> None:
    """Each function has its own scale, and the two rounded ones go to the even neighbour at a tie."""
    assert convert(text) == units


REFUSED: list[tuple[Convert, object, str]] = [
    (price_units, "0.00000000001", "decimals"),
    (quantity_units, "0.000000001", "decimals"),
    (money_units, "1.000000001", "decimals"),
    (quantity_units, "NaN", "not a decimal"),
    (quantity_units, Decimal("NaN"), "finite"),
    (quantity_units, Decimal("Infinity"), "finite"),
    (quantity_units, "Infinity", "not a decimal"),
    (quantity_units, "", "not a decimal"),
    (quantity_units, "1,5", "not a decimal"),
    (quantity_units, " 1", "not a decimal"),
    (quantity_units, "1_000", "not a decimal"),
    (quantity_units, "٣", "not a decimal"),
    (quantity_units, "1e999", "not a decimal"),
    (quantity_units, Decimal("1e99"), "out of range"),
    (quantity_units, "1" * 60, "longer"),
    (quantity_units, 10**80, "out of range"),
    (quantity_units, 0.5, "float"),
    (quantity_units, True, "bool"),
    (quantity_units, None, "NoneType"),
    (price_units, "200000000", "largest"),
    (rounded_money_units, "99999999999", "largest"),
]


@pytest.mark.parametrize(("convert", "value", "reason"), REFUSED)
def test_what_is_not_exactly_representable_is_refused_by_field_name(
    convert: Convert, value: object, reason: str
) -> None:
    """Excess digits, non-finite values, floats, booleans and foreign digits are refused, naming the field."""
    with pytest.raises(UnitsError, match=reason) as caught:
        convert(value, "the field")
    assert str(caught.value).startswith("the field: ")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9))
def test_a_conversion_is_exact_or_refused(value: Decimal) -> None:
    """Against exact fractions: the integer equals value times scale, or there is no such integer and it is refused."""
    wanted = Fraction(value) * 10**8
    try:
        units = quantity_units(value)
    except UnitsError:
        assert wanted.denominator != 1 or abs(wanted) > BOUND or len(value.as_tuple().digits) > 60
    else:
        assert units == wanted


@given(st.integers(-BOUND, BOUND))
def test_text_and_back_is_the_same_integer(units: int) -> None:
    """What we write, the venue (and we) read as the same number; there is no exponent and no trailing zero."""
    for text, convert in ((price_text(units), price_units), (quantity_text(units), quantity_units)):
        assert convert(text) == units
        assert "e" not in text.lower()
        assert "." not in text or not text.endswith(("0", "."))


@given(st.integers(-(10**20), 10**20))
def test_rounding_is_half_even_of_the_exact_value(hundredths: int) -> None:
    """Second opinion: Python's round of an exact fraction is half-even."""
    value = Decimal(hundredths).scaleb(-10)
    try:
        assert rounded_money_units(value) == round(Fraction(hundredths, 100))
    except UnitsError:
        assert abs(Fraction(hundredths, 100)) > BOUND - 1
