"""A running process as a source: the newest packet of its plane, and its pulse. Waits for one that is not there yet."""

from collections.abc import Callable
from typing import Final, final

from dita.adapters.bingx.clock import Clock
from dita.adapters.plane import PlaneError, PlaneMissing, PlaneReader, Pulse
from dita.runtime.screen.look import Look, Standing
from dita.spec.published import PublishedError, unpacked
from dita.spec.published.snapshot import LiveSnapshot

_STANDING: Final = {
    Pulse.LIVE: Standing.LIVE,
    Pulse.STALLED: Standing.STALLED,
    Pulse.ENDED: Standing.ENDED,
    Pulse.DIED: Standing.DIED,
}


@final
class LiveSource:
    """``watch`` opens the plane, and raises PlaneError while that cannot be. ``name``: what is watched, for people."""

    def __init__(self, watch: Callable[[], PlaneReader], name: str, clock: Clock) -> None:
        self._watch = watch
        self._name = name
        self._clock = clock
        self._reader: PlaneReader | None = None
        self._payload = b""
        self._snapshot: LiveSnapshot | None = None

    def look(self) -> Look:
        """Never raises: what cannot be read is said."""
        now_ns = self._clock.wall_ns()
        try:
            if self._reader is None:
                self._reader = self._watch()
            reader = self._reader
            seen = reader.look(self._clock.monotonic_ns())
            if seen.packet.payload != self._payload or self._snapshot is None:
                self._snapshot = unpacked(LiveSnapshot, seen.packet.payload)
                self._payload = seen.packet.payload
        except PlaneMissing:
            return Look(Standing.MISSING, now_ns, about=f"nobody publishes for {self._name}: `dita run` does")
        except (PlaneError, PublishedError) as error:
            self.close()  # another writer may come
            return Look(Standing.UNREADABLE, now_ns, about=str(error))
        standing, snapshot = _STANDING[seen.pulse], self._snapshot
        # Of what is old, ages are those of then: they would grow as if somebody still counted.
        moment_ns = now_ns if standing is Standing.LIVE else snapshot.health.made_ns
        return Look(standing, moment_ns, snapshot.engine, snapshot.health, old_ns=seen.age_ns, damaged=reader.damaged)

    def close(self) -> None:
        """Let go of the plane."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
