"""Time comes in as data: the clocks the adapter reads, behind one small protocol, and the venue's offset from ours."""

import time
from dataclasses import dataclass
from statistics import median
from typing import Final, Protocol

from dita.spec.scales import NANOSECONDS_PER_MILLISECOND

# A sample whose round trip is more than this many times the median is discarded: asymmetric delay falsifies its middle.
_SLOW_SAMPLE_FACTOR: Final = 2


class Clock(Protocol):
    """Where the adapter gets time from. Waiting is the event loop's business."""

    def wall_ns(self) -> int:
        """UTC nanoseconds."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds that never run backwards."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def wall_ns(self) -> int:
        """UTC nanoseconds."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds that never run backwards."""
        return time.monotonic_ns()


@dataclass(frozen=True, slots=True)
class ClockSample:
    """One reading of the venue's clock, with our clock before and after."""

    sent_ns: int
    received_ns: int
    server_ns: int

    @property
    def round_trip_ns(self) -> int:
        """How long the question was under way."""
        return self.received_ns - self.sent_ns

    @property
    def offset_ns(self) -> int:
        """Venue clock minus ours, if the way there took as long as the way back."""
        return self.server_ns - (self.sent_ns + self.received_ns) // 2


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """Venue clock minus ours, and how wrong that can be (half a round trip plus the venue's millisecond)."""

    offset_ns: int
    uncertainty_ns: int
    measured_ns: int  # our wall clock at the last sample


def estimate_offset(samples: list[ClockSample]) -> ClockOffset:
    """The offset of the fastest sample, after slow ones are discarded. Raises ValueError without a usable sample."""
    usable = [sample for sample in samples if sample.round_trip_ns >= 0]
    if not usable:
        raise ValueError("clock samples: none usable; the local clock may have been set back, measure again")
    limit = _SLOW_SAMPLE_FACTOR * median(sample.round_trip_ns for sample in usable)
    kept = [sample for sample in usable if sample.round_trip_ns <= limit]
    best = min(kept, key=lambda sample: sample.round_trip_ns)
    return ClockOffset(
        offset_ns=best.offset_ns,
        uncertainty_ns=best.round_trip_ns // 2 + NANOSECONDS_PER_MILLISECOND,
        measured_ns=max(sample.received_ns for sample in usable),
    )
