"""Decimal text to fixed-point integers and back, exactly. The only place of the adapter where decimals are converted.

Scales are those of ``dita.spec.scales``. Nothing is rounded here except by the two functions with ``rounded`` in their
name, for figures that the venue has rounded itself (average prices, balances): those round half-even.
"""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from dita.spec.scales import BOUND, MONEY_SCALE, PRICE_SCALE, QUANTITY_SCALE, RATE_SCALE

DecimalLike = str | int | Decimal

_TEXT_MAX: Final = 48  # characters; a bounded amount at its finest scale needs fewer than 40
_DIGITS_MAX: Final = 60
_PLAIN: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?\Z")
_E18: Final = 10**18
_EXACT: Final = Context(prec=2 * _DIGITS_MAX, rounding=ROUND_HALF_EVEN)
_SCALES: Final = {
    scale: Decimal(scale) for scale in (PRICE_SCALE, QUANTITY_SCALE, MONEY_SCALE, RATE_SCALE, _E18)
}  # a Decimal of an integer costs more than the product


class UnitsError(ValueError):
    """A number from outside that does not fit its unit; the message names the field and the value."""


def parse_decimal(value: object, field: str) -> Decimal:
    """The finite decimal behind ``value``. Raises UnitsError for anything else, floats and booleans included."""
    if isinstance(value, str):
        if len(value) > _TEXT_MAX:
            raise UnitsError(f"{field}: `{value[:_TEXT_MAX]}…` is longer than {_TEXT_MAX} characters")
        if not _PLAIN.match(value):
            raise UnitsError(f"{field}: `{value}` is not a decimal number")
        number = Decimal(value)
    elif isinstance(value, Decimal):
        number = value
        if not number.is_finite():
            raise UnitsError(f"{field}: `{number}` is not finite")
    elif isinstance(value, bool) or not isinstance(value, int):
        raise UnitsError(f"{field}: a `{type(value).__name__}` is not an exact decimal; give text")
    else:
        if abs(value) >= 10**_DIGITS_MAX:
            raise UnitsError(f"{field}: an integer of more than {_DIGITS_MAX} digits is out of range")
        number = Decimal(value)
    if not -_DIGITS_MAX < number.adjusted() < _DIGITS_MAX or _EXACT.plus(number) != number:
        raise UnitsError(f"{field}: a decimal of more than {_DIGITS_MAX} digits is out of range")
    return number


def _exact(value: DecimalLike, scale: int, bound: int, field: str) -> int:
    number = parse_decimal(value, field)
    scaled = _EXACT.multiply(number, _SCALES[scale])
    units = int(scaled)
    if units != scaled:
        raise UnitsError(f"{field}: `{number}` has more decimals than 1/{scale}; nothing is rounded here")
    if abs(units) > bound:
        raise UnitsError(f"{field}: `{number}` is beyond the largest amount the books can hold")
    return units


def _rounded(value: DecimalLike, scale: int, field: str) -> int:
    number = parse_decimal(value, field)
    units = int(_EXACT.multiply(number, _SCALES[scale]).to_integral_value(rounding=ROUND_HALF_EVEN))
    if abs(units) > BOUND:
        raise UnitsError(f"{field}: `{number}` is beyond the largest amount the books can hold")
    return units


def price_units(value: DecimalLike, field: str = "price") -> int:
    """USDT to 1e-10 USDT, exactly. Raises UnitsError."""
    return _exact(value, PRICE_SCALE, BOUND, field)


def quantity_units(value: DecimalLike, field: str = "quantity") -> int:
    """Coins to 1e-8 coins, exactly. Raises UnitsError."""
    return _exact(value, QUANTITY_SCALE, BOUND, field)


def money_units(value: DecimalLike, field: str = "amount") -> int:
    """USDT to 1e-8 USDT, exactly. Raises UnitsError."""
    return _exact(value, MONEY_SCALE, BOUND, field)


def money_e18(value: DecimalLike, field: str = "amount") -> int:
    """USDT to 1e-18 USDT, exactly: for amounts that are summed first and rounded once. Raises UnitsError."""
    return _exact(value, _E18, BOUND * (_E18 // MONEY_SCALE), field)


def rate_ppb(value: DecimalLike, field: str = "rate") -> int:
    """A fee rate (0.0005) to parts per billion (500000), exactly. Raises UnitsError."""
    return _exact(value, RATE_SCALE, RATE_SCALE, field)


def rounded_price_units(value: DecimalLike, field: str = "average price") -> int:
    """An average price, which the venue has rounded itself, to 1e-10 USDT, half-even. Raises UnitsError."""
    return _rounded(value, PRICE_SCALE, field)


def rounded_money_units(value: DecimalLike, field: str = "balance") -> int:
    """A balance, which the venue has rounded itself, to 1e-8 USDT, half-even. Raises UnitsError."""
    return _rounded(value, MONEY_SCALE, field)


def _text(units: int, scale: int) -> str:
    sign = "-" if units < 0 else ""
    whole, part = divmod(abs(units), scale)
    if part == 0:
        return f"{sign}{whole}"
    decimals = str(part).rjust(len(str(scale)) - 1, "0").rstrip("0")
    return f"{sign}{whole}.{decimals}"


def price_text(units: int) -> str:
    """1e-10 USDT as plain decimal text, no exponent, no trailing zeros."""
    return _text(units, PRICE_SCALE)


def quantity_text(units: int) -> str:
    """1e-8 coins as plain decimal text, no exponent, no trailing zeros."""
    return _text(units, QUANTITY_SCALE)
