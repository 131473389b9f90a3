"""Axes: from integers to places in a drawing, and to the round numbers and times that are written beside it.

Places along are in thousandths of a percent of the drawing's width, so that it may have any; places down are in tenths
of a pixel. All of it is integers: the same facts give the same bytes.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from dita.spec.scales import NANOSECONDS_PER_SECOND

WHOLE_WIDTH: Final = 100_000
_TIME_TICKS_MAX: Final = 5
_VALUE_TICKS_MAX: Final = 4
_SECOND: Final = NANOSECONDS_PER_SECOND
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_TIME_STEPS: Final = (
    *(_SECOND // 1000 * times for times in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    *(_SECOND * times for times in (1, 2, 5, 10, 15, 30)),
    *(_MINUTE * times for times in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * times for times in (1, 2, 3, 6, 12)),
    *(_DAY * times for times in (1, 2, 7, 14, 28, 91, 182, 364)),
)


class Tick(NamedTuple):
    """A place on an axis and what is written there."""

    at: int
    label: str


class TimeAxis(NamedTuple):
    """Along. ``end_ns`` is behind ``begin_ns``."""

    begin_ns: int
    end_ns: int

    def at(self, time_ns: int) -> int:
        """Where a moment is; what lies outside is at the border."""
        inside = min(max(time_ns, self.begin_ns), self.end_ns) - self.begin_ns
        return WHOLE_WIDTH * inside // (self.end_ns - self.begin_ns)

    def ticks(self) -> list[Tick]:
        """Round moments, at most five."""
        length = self.end_ns - self.begin_ns
        step = next((one for one in _TIME_STEPS if length // one <= _TIME_TICKS_MAX - 1), length)
        first = -(-self.begin_ns // step) * step
        return [Tick(self.at(moment), _moment_label(moment, step)) for moment in range(first, self.end_ns + 1, step)]


class ValueAxis(NamedTuple):
    """Down, from ``high`` at ``top`` to ``low`` below it; both in units of 1/``scale``."""

    low: int
    high: int
    top: int
    height: int
    scale: int

    def at(self, value: int) -> int:
        """Where a value is."""
        return self.top + self.height * (self.high - value) // (self.high - self.low)

    def ticks(self) -> list[Tick]:
        """Round values, at most five."""
        step = 1
        while (self.high - self.low) // step > _VALUE_TICKS_MAX:
            step = _next_round(step)
        first = -(-self.low // step) * step
        return [Tick(self.at(value), grouped(value, self.scale, step)) for value in range(first, self.high + 1, step)]


def time_axis(begin_ns: int, end_ns: int) -> TimeAxis:
    """An axis of these moments; a moment alone gets a millisecond."""
    return TimeAxis(begin_ns, max(end_ns, begin_ns + _SECOND // 1000))


def value_axis(values: Sequence[int], top: int, height: int, scale: int, *, zero: bool = False) -> ValueAxis:
    """An axis that holds all values with a little room; with ``zero`` it holds 0, too, and no room beyond it."""
    held = (*values, 0) if zero or not values else values
    low, high = min(held), max(held)
    if low == high:
        return ValueAxis(low - scale, high + scale, top, height, scale)
    room = max(1, (high - low) // 12)
    below, above = (0 if zero and end == 0 else room for end in (low, high))
    return ValueAxis(low - below, high + above, top, height, scale)


def grouped(units: int, scale: int, step: int = 1) -> str:
    """Decimal text with thousands grouped and just the places that multiples of ``step`` have."""
    whole, rest = divmod(abs(units), scale)
    places = len(str(scale)) - 1
    while places and step % 10 == 0:
        step //= 10
        places -= 1
    digits = str(scale + rest)[1 : 1 + places]
    return f"{'−' if units < 0 else ''}{whole:,}{'.' if digits else ''}{digits}"


def moment_text(time_ns: int, *, milliseconds: bool = False) -> str:
    """UTC, for people."""
    moment = datetime.fromtimestamp(time_ns // _SECOND, UTC)
    tail = f".{time_ns % _SECOND // 1_000_000:03d}" if milliseconds else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{tail}"


def length_text(nanoseconds: int) -> str:
    """How long, for people: two units at most, the smaller one rounded down."""
    if nanoseconds < _SECOND:
        return f"{nanoseconds // 1_000_000} ms"
    for unit, name, smaller, its_name in (
        (_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "min"), (_MINUTE, "min", _SECOND, "s"),
    ):  # fmt: skip
        if nanoseconds >= unit:
            rest = nanoseconds % unit // smaller
            return f"{nanoseconds // unit} {name}" + (f" {rest} {its_name}" if rest else "")
    return f"{nanoseconds // _SECOND}.{nanoseconds % _SECOND // (_SECOND // 10)} s"


def _next_round(step: int) -> int:
    """The row 1, 2, 5, 10, 20, 50 and so on."""
    return step * 5 // 2 if str(step)[0] == "2" else step * 2


def _moment_label(time_ns: int, step_ns: int) -> str:
    if step_ns < _SECOND:
        return moment_text(time_ns, milliseconds=True)[11:]
    text = moment_text(time_ns)
    if step_ns < _MINUTE:
        return text[11:]
    return text[11:16] if step_ns < 12 * _HOUR else text[5:16] if step_ns < _DAY else text[:10]
