"""What other processes see of a session and ask of it: its snapshots in shared memory, and a socket for commands.

What the settings ask for is there before anything is sent to the venue, or the session does not start.
"""

from pathlib import Path
from typing import final
from urllib.parse import urlsplit

from dita.adapters.bingx.clock import Clock
from dita.adapters.control import ControlServer
from dita.adapters.plane import place_of
from dita.kernel.loader import CertifiedKernel
from dita.runtime.background import Background
from dita.runtime.connect import Connection
from dita.runtime.live import Runtime
from dita.runtime.live_view import Identity, LiveView
from dita.runtime.publishing import Publisher
from dita.runtime.settings import Settings
from dita.runtime.venue_port import Link


@final
class Operations:
    """Of one session. ``is_ready`` is told by whoever starts it."""

    def __init__(
        self,
        settings: Settings,
        runtime: Runtime,
        connection: Link,
        certified: CertifiedKernel,
        venue: str,
        clock: Clock,
    ) -> None:
        """``venue``: the URL of its REST calls. Raises PlaneError."""
        engine = runtime.engine
        clearance = certified.clearance
        streams = connection.streams if isinstance(connection, Connection) else ()
        self._background = Background(runtime.alerts)
        self._view = LiveView(
            Identity(
                settings.profile, urlsplit(venue).netloc, engine.journal.meta.account, certified.statement.tier,
                clearance.image_sha256, clearance.signed,
            ),
            engine, clock, runtime.alerts, runtime.entries, runtime.decisions, runtime.strategist, streams,
        )  # fmt: skip
        self._publisher: Publisher | None = None
        self._control: ControlServer | None = None
        if settings.plane != "off":
            place = place_of(settings.plane, Path(engine.journal.path))
            self._publisher = Publisher(
                place, self._view.snapshot, lambda: (engine.journal.position, runtime.alerts.counts.total()), clock,
                runtime.alerts,
            )  # fmt: skip
            try:
                self._control = ControlServer(place, runtime.helm.command)  # the publisher keeps others from this place
            except BaseException:
                self._publisher.close()
                raise

    def start(self) -> None:
        """From now on."""
        if self._publisher is not None:
            self._background.start(self._publisher.run(), "snapshots")

    async def take_commands(self) -> None:
        """From now on; the runtime has started."""
        if self._control is not None:
            await self._control.start()

    async def take_none(self) -> None:
        """From now on; the runtime is about to stop."""
        if self._control is not None:
            await self._control.aclose()

    def ready(self) -> None:
        """The start is over: everything is resolved, read and explained."""
        self._view.is_ready = True

    async def aclose(self) -> None:
        """End, with a last snapshot."""
        await self.take_none()
        await self._background.stop()
        if self._publisher is not None:
            self._publisher.close()
