"""Decimal text and scaled integers, both ways and exactly: no binary fraction ever stands between the two."""

import re
from typing import Final

_DECIMAL: Final = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,64}))?\Z", re.ASCII)


def parse_decimal(text: str, digits: int) -> tuple[int, bool]:
    """``text`` in units of 10^-``digits``, cut off (never rounded), and whether nothing but zeros was cut.

    Raises ValueError for anything that is not plain digits with an optional fraction (no sign, no exponent).
    """
    match = _DECIMAL.match(text)
    if match is None:
        raise ValueError(f"`{text[:64]}` is not a plain decimal number")
    fraction = match[2] or ""
    kept, cut = fraction[:digits], fraction[digits:]
    return int(match[1] + kept.ljust(digits, "0")), not cut.strip("0")


def decimal_text(value: int, digits: int, shown: int) -> str:
    """``value`` in units of 10^-``digits`` as text with ``shown`` decimals; digits beyond are cut towards zero."""
    sign = "-" if value < 0 else ""
    magnitude = -value if value < 0 else value
    if shown < digits:
        magnitude //= 10 ** (digits - shown)
        digits = shown
    if magnitude == 0:
        sign = ""
    whole, part = divmod(magnitude, 10**digits)
    if shown == 0:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{str(part).rjust(digits, '0').ljust(shown, '0') if digits else '0' * shown}"


def plain_text(value: int, digits: int) -> str:
    """``value`` in units of 10^-``digits`` as the shortest exact text (no trailing zeros, no exponent)."""
    text = decimal_text(value, digits, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


def divide_half_even(numerator: int, denominator: int) -> int:
    """The quotient rounded to the nearest integer, ties to the even one; ``denominator`` is positive."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient & 1):
        quotient += 1
    return quotient


def divide_up(numerator: int, denominator: int) -> int:
    """The quotient rounded up; ``denominator`` is positive."""
    return -(-numerator // denominator)
