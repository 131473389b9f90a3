"""The one rounding of the logic: half-even division of an exact integer sum."""

from dita.adapters.logic.rows import E18_PER_MONEY_UNIT


def half_even(numerator: int, denominator: int) -> int:
    """The quotient to the nearest integer, ties to even; the denominator is positive."""
    quotient, rest = divmod(numerator, denominator)
    doubled = 2 * rest
    if doubled > denominator or (doubled == denominator and quotient % 2 == 1):
        return quotient + 1
    return quotient


def money_of_e18(amount_e18: int) -> int:
    """1e-18 USDT to 1e-8 USDT, rounded once."""
    return half_even(amount_e18, E18_PER_MONEY_UNIT)
