"""Where the floats of policies and features become integers: here, once, and nowhere else near money."""

from fractions import Fraction
from math import isfinite
from typing import Final, NamedTuple

from dita.spec.decisions import Reason
from dita.spec.scales import BOUND

_SHOWN_CHARACTERS: Final = 40


class NotANumber(NamedTuple):
    """What cannot be used, and why: NOT_FINITE (no number, or none that ends), NOT_POSITIVE."""

    reason: Reason
    shown: str


def positive_units(value: object, scale: int) -> Fraction | NotANumber:
    """A positive number times ``scale``, exactly: a float is the fraction that it is. At most ``BOUND``."""
    shown = repr(value)[:_SHOWN_CHARACTERS]
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return NotANumber(Reason.NOT_FINITE, shown)
    if value <= 0:
        return NotANumber(Reason.NOT_POSITIVE, shown)
    return min(Fraction(value) * scale, Fraction(BOUND))
