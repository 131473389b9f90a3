"""Whether a stream measures like the recording behind its parameters, within stated tolerances.

The tolerances hold for streams of twenty minutes or more, where they leave room for chance. Jumps are counted on a
handful of seconds, hence a factor of two and a half for how often they come.
"""

from dataclasses import dataclass
from typing import Final

from dita.runtime.feeds.model import Measurement

MILLION: Final = 10**6


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A figure may lie within ``relative_ppm`` of what is expected, plus ``absolute`` in the figure's own unit."""

    relative_ppm: int
    absolute: int = 0


@dataclass(frozen=True, slots=True)
class Deviation:
    """A figure out of tolerance."""

    figure: str
    expected: int
    found: int

    def __str__(self) -> str:
        return f"`{self.figure}` is `{self.found}` where the recording has `{self.expected}`"


TOLERANCES: Final = {
    "quotes_per_second_milli": Tolerance(80_000),
    "interval_mean_us": Tolerance(80_000),
    "interval_zero_ppm": Tolerance(0, 30_000),
    "interval_quantiles_ms": Tolerance(150_000, 1),
    "spread_one_tick_ppm": Tolerance(0, 15_000),
    "spread_one_tick_time_ppm": Tolerance(0, 3_000),
    "spread_wide_quantiles_ticks": Tolerance(300_000, 1),
    "volatility_ppb": Tolerance(200_000),
    "bipower_ppb": Tolerance(300_000),
    "still_seconds_ppm": Tolerance(0, 60_000),
    "jumps_per_hour": Tolerance(1_500_000),
    "jump_mean_ppb": Tolerance(400_000),
    "quantity_quantiles_lots": Tolerance(250_000),
    "trades_per_second_milli": Tolerance(150_000),
    "trade_quantiles_lots": Tolerance(150_000, 1),
    "seller_bursts_ppm": Tolerance(0, 60_000),
}


def _within(expected: int, found: int, tolerance: Tolerance) -> bool:
    # Relative bounds are a factor either way: with 100 % of tolerance, half is as near as double.
    more = expected * (MILLION + tolerance.relative_ppm)
    less = expected * MILLION * MILLION
    return (found - tolerance.absolute) * MILLION <= more and (found + tolerance.absolute) * (
        MILLION + tolerance.relative_ppm
    ) * MILLION >= less


def deviations(found: Measurement, expected: Measurement) -> list[Deviation]:
    """The figures of ``found`` that lie outside ``TOLERANCES`` around ``expected``; empty if it measures alike."""
    outside: list[Deviation] = []
    for figure, tolerance in TOLERANCES.items():
        wanted: int | tuple[int, ...] = getattr(expected, figure)
        got: int | tuple[int, ...] = getattr(found, figure)
        pairs = zip(
            wanted if isinstance(wanted, tuple) else (wanted,), got if isinstance(got, tuple) else (got,), strict=True
        )
        outside.extend(Deviation(figure, one, other) for one, other in pairs if not _within(one, other, tolerance))
    return outside
