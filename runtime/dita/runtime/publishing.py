"""Publishes a running session in shared memory: at once when something changed, but seldom; and now and then anyway.

It runs beside trading and never holds it up: at most ten snapshots a second are made, however many inputs there are,
and writing one is two writes to a file in memory. What fails is told once and counted; trading goes on.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

from dita.adapters.bingx.clock import Clock
from dita.adapters.plane import Place, PlaneReader, PlaneWriter, place_of
from dita.runtime.alerts import Alert, Alerts
from dita.spec.published import fingerprint, packed, unpacked
from dita.spec.published.snapshot import LiveSnapshot

LOOK_SECONDS: Final = 0.1  # changes are published at most so often
BEAT_NS: Final = 500_000_000  # and so often whatever happens: the heartbeat
SCHEMA: Final = bytes.fromhex(fingerprint())


@final
class Publisher:
    """Publishes what ``snapshot`` makes. ``changed``: a value that differs when there is something new."""

    def __init__(
        self,
        place: Place,
        snapshot: Callable[[], LiveSnapshot],
        changed: Callable[[], object],
        clock: Clock,
        alerts: Alerts,
    ) -> None:
        """Publish a first one. Raises PlaneError."""
        self.published = 1
        self.failed = 0
        self._snapshot = snapshot
        self._changed = changed
        self._clock = clock
        self._alerts = alerts
        self._writer = PlaneWriter(place, SCHEMA, packed(snapshot()), clock.monotonic_ns())
        self._last: object = changed()
        self._last_ns = clock.monotonic_ns()

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Publish if it is time to. Never raises, never waits."""
        now_ns, changed = self._clock.monotonic_ns(), self._changed()
        if changed != self._last or now_ns - self._last_ns >= BEAT_NS:
            self._last, self._last_ns = changed, now_ns
            self.publish()

    def close(self) -> None:
        """Publish a last one, and say that it was. Never raises."""
        self.publish()
        self._writer.close(self._clock.monotonic_ns())

    def publish(self) -> None:
        """Now. Never raises."""
        try:
            self._writer.publish(packed(self._snapshot()), self._clock.monotonic_ns())
            self.published += 1
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a picture of trading must not touch trading
            self.failed += 1
            if self.failed == 1:
                self._alerts.raise_(Alert.PLANE, f"a snapshot was not published ({error!r}); said once")


def watch(base: Path, journal: Path) -> PlaneReader:
    """A reader of the session that writes a journal. Raises PlaneError."""
    return PlaneReader(place_of(base, journal), SCHEMA)


def read_snapshot(payload: bytes) -> LiveSnapshot:
    """What a packet carries. Raises PublishedError."""
    return unpacked(LiveSnapshot, payload)
