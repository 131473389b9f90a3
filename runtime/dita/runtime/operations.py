"""What other processes see of a session and ask of it: snapshots in shared memory, a socket for commands, metrics.

What the settings ask for is there before anything is sent to the venue, or the session does not start.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import final
from urllib.parse import urlsplit

from dita.adapters.bingx.clock import Clock
from dita.adapters.bingx.metrics import prometheus_text
from dita.adapters.control import ControlServer
from dita.adapters.plane import place_of
from dita.kernel.loader import CertifiedKernel
from dita.runtime.background import Background
from dita.runtime.connect import Connection
from dita.runtime.engine_metrics import Counts, engine_metrics
from dita.runtime.live import Runtime
from dita.runtime.live_view import Identity, LiveView
from dita.runtime.logs import dropped
from dita.runtime.metrics_endpoint import MetricsEndpoint
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
        """``venue``: the URL of its REST calls. Raises PlaneError, StartError."""
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
        self._runtime = runtime
        self._publisher: Publisher | None = None
        self._control: ControlServer | None = None
        self._endpoint: MetricsEndpoint | None = None
        with ExitStack() as opening:  # closes what was opened when the rest cannot be
            if settings.plane != "off":
                place = place_of(settings.plane, Path(engine.journal.path))
                self._publisher = Publisher(
                    place, self._view.snapshot, lambda: (engine.journal.position, runtime.alerts.counts.total()), clock,
                    runtime.alerts,
                )  # fmt: skip
                opening.callback(self._publisher.close)
                self._control = ControlServer(place, runtime.helm.command)  # the publisher keeps others from its place
                opening.callback(self._control.close)
            if settings.metrics_port:
                self._endpoint = MetricsEndpoint(settings.metrics_port, self._metrics, clock)
            opening.pop_all()

    async def start(self) -> None:
        """From now on, but for commands."""
        if self._publisher is not None:
            self._background.start(self._publisher.run(), "snapshots")
        if self._endpoint is not None:
            await self._endpoint.start()

    async def take_commands(self) -> None:
        """From now on; the runtime has started."""
        if self._control is not None:
            await self._control.start()

    def take_none(self) -> None:
        """From now on; the runtime is about to stop."""
        if self._control is not None:
            self._control.close()

    def ready(self) -> None:
        """The start is over: everything is resolved, read and explained."""
        self._view.is_ready = True

    async def aclose(self) -> None:
        """End, with a last snapshot."""
        self.take_none()
        await self._background.stop()
        if self._endpoint is not None:
            self._endpoint.close()
        if self._publisher is not None:
            self._publisher.close()

    def _metrics(self) -> str:
        publisher, control = self._publisher, self._control
        counts = Counts(
            alerts=self._runtime.alerts.counts,
            refusals=self._runtime.engine.refusals,
            durable_rows=self._runtime.engine.durable_position,
            published=0 if publisher is None else publisher.published,
            unpublished=0 if publisher is None else publisher.failed,
            commands=0 if control is None else control.taken,
            commands_refused=0 if control is None else control.refused,
            log_dropped=dropped(),
        )
        return prometheus_text((*engine_metrics(self._view.snapshot(), counts), *self._runtime.metrics()))
