"""A reader of a plane, one of any number, in any process of the same user. It takes no lock and holds up nobody."""

import os
from enum import StrEnum
from typing import Final, NamedTuple, Self, final

from dita.adapters.plane.errors import PlaneDamaged, PlaneMissing, PlaneUnusable
from dita.adapters.plane.layout import Packet, header, newest
from dita.adapters.plane.locks import is_held
from dita.adapters.plane.places import Place, check_folder, is_named

STALLED_NS: Final = 3_000_000_000  # a runtime publishes several times a second, whether or not there is news
_SPARE_BYTES: Final = 256  # so much longer a packet may be than the last one and be read in one go


class Pulse(StrEnum):
    """How it stands with the writer of what was read."""

    LIVE = "live"
    STALLED = "stalled"  # its process is there, and has published nothing for a while
    ENDED = "ended"  # in order
    DIED = "died"  # without a word


class Seen(NamedTuple):
    """The newest sound packet, and what to think of it."""

    packet: Packet
    pulse: Pulse
    age_ns: int
    damaged: tuple[str, ...]  # what was wrong with newer ones, which were skipped


@final
class PlaneReader:
    """See the module. What it gives never goes back to an older packet of the same writer."""

    def __init__(self, place: Place, schema: bytes) -> None:
        """``schema``: SHA-256 of what payloads are. Raises PlaneMissing, PlaneUnusable."""
        self._place = place
        self._header = header(schema)
        self._handle = self._opened()
        self._last: Packet | None = None
        self.damaged = 0  # packets skipped so far

    def look(self, now_ns: int, stalled_ns: int = STALLED_NS) -> Seen:
        """The newest packet and its writer's pulse. ``now_ns``: CLOCK_MONOTONIC. Raises PlaneDamaged, PlaneUnusable.

        When another writer has begun in another file, its packet is given.
        """
        packet, damaged = self.read()
        if not is_held(self._handle):
            if not is_named(self._handle, self._place.region) and self._reopened():
                return self.look(now_ns, stalled_ns)
            # Read again: it may have published between the reading and its end.
            packet, damaged = self.read()
            return Seen(packet, Pulse.ENDED if packet.is_last else Pulse.DIED, now_ns - packet.published_ns, damaged)
        age_ns = now_ns - packet.published_ns
        return Seen(packet, Pulse.LIVE if age_ns <= stalled_ns else Pulse.STALLED, age_ns, damaged)

    def read(self) -> tuple[Packet, tuple[str, ...]]:
        """The newest sound packet, and what was wrong with those that were skipped. Raises PlaneDamaged."""
        last = self._last
        packet, damaged = newest(self._copy, _SPARE_BYTES if last is None else len(last.payload) + _SPARE_BYTES)
        self.damaged += len(damaged)
        if last is not None and (packet is None or packet.sequence < last.sequence):
            packet = last
        if packet is None:
            raise PlaneDamaged(str(self._place.region), "; ".join(damaged) or "it is empty", "restart the runtime")
        self._last = packet
        return packet, damaged

    def close(self) -> None:
        """Close."""
        os.close(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _copy(self, at: int, count: int) -> bytes:
        return os.pread(self._handle, count, at)

    def _reopened(self) -> bool:
        """Whether there is another region now; then it is open, and the old one closed."""
        try:
            fresh = self._opened()
        except PlaneMissing:
            return False
        os.close(self._handle)
        self._handle = fresh
        self._last = None
        return True

    def _opened(self) -> int:
        region = self._place.region
        try:
            check_folder(self._place)
            handle = os.open(region, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise PlaneMissing(str(region), "nobody publishes there", "start the runtime of this journal") from None
        except OSError as error:
            raise PlaneUnusable(str(region), f"it cannot be opened ({error.strerror})", "ask its owner") from error
        if os.pread(handle, len(self._header), 0) != self._header:
            os.close(handle)
            raise PlaneUnusable(
                str(region), "another version of DITA publishes there", "look with the version that runs"
            )
        return handle
