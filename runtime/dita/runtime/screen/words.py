"""Numbers as people read them: exact, in their own units, as short as they can be without hiding a digit."""

from datetime import UTC, datetime
from typing import Final

from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND, RATIO_SCALE

_PLACES_MIN: Final = 2


def amount(units: int, digits: int = 8, places: int = _PLACES_MIN) -> str:
    """Units of 10^-digits with every digit that counts, and at least so many places."""
    whole, part = divmod(abs(units), 10**digits)
    shown = f"{part:0{digits}d}".rstrip("0").ljust(places, "0")
    text = f"{whole:,}.{shown}" if shown else f"{whole:,}"
    return f"-{text}" if units < 0 else text


def coins(units: int) -> str:
    """1e-8 coins."""
    return amount(units, 8, 0)


def price(units: int) -> str:
    """1e-10 USDT for a coin."""
    return amount(units, 10, 1) if units else "–"


def times(ppm: int) -> str:
    """Parts per million as so many times."""
    return f"{amount(ppm, 6, 0)}×"


def percent(ppm: int) -> str:
    """Parts per million as per cent."""
    whole, part = divmod(ppm * 100, RATIO_SCALE)
    return f"{whole}.{part // 10_000:02d} %"


def age(span_ns: int) -> str:
    """A span of time in at most six characters; before 0 is 0."""
    milliseconds = max(0, span_ns) // NANOSECONDS_PER_MILLISECOND
    seconds = milliseconds // 1000
    if seconds < 10:
        return f"{seconds}.{milliseconds % 1000 // 100} s"
    for limit, unit, word in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds // unit} {word}"
    return f"{seconds // 86_400} d"


def span(span_ns: int) -> str:
    """How long something takes: microseconds below ten milliseconds."""
    microseconds = span_ns // 1000
    return f"{microseconds} µs" if microseconds < 10_000 else f"{microseconds // 1000} ms"


def clock(time_ns: int) -> str:
    """UTC, to the second; – for none."""
    return datetime.fromtimestamp(time_ns // NANOSECONDS_PER_SECOND, UTC).strftime("%H:%M:%S") if time_ns else "–"


def moment(time_ns: int) -> str:
    """The same with its day."""
    return datetime.fromtimestamp(time_ns // NANOSECONDS_PER_SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S")


def words(name: str) -> str:
    """A member of a vocabulary as people say it."""
    return name.lower().replace("_", " ")
