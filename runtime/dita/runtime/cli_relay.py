"""``dita relay``: a running session's snapshots into a Hazelcast cluster, and commands from there to it."""

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from dita.adapters.grid import Grid, GridAway, open_grid
from dita.adapters.journal import open_reader
from dita.runtime.analytics.feeding import Patience
from dita.runtime.cli_report import CommandError, Report, Reporter, table
from dita.runtime.features import read_features
from dita.runtime.relay import Relay
from dita.runtime.settings import load_settings

_LOOK_SECONDS = 0.2


def relay(
    reporter: Reporter, *, journal: Path | None, members: list[str] | None, cluster: str | None, commands: bool
) -> Report:
    """Until told to end. While the cluster is away it is tried again, and trading knows nothing of it.

    Raises CommandError, JournalError, GridMissing.
    """
    settings = load_settings(
        journal=journal, hazelcast=None if not members else tuple(members), hazelcast_cluster=cluster
    )
    if not settings.hazelcast:
        raise CommandError("DITA_HAZELCAST: no member is named; write host:port there, or give --member")
    if settings.plane == "off":
        raise CommandError("DITA_PLANE: `off` publishes nothing that could be relayed; leave it out")
    reader = open_reader(settings.journal)
    tag = reader.meta.tag
    reader.close()
    stop = threading.Event()

    def told(_: int, __: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)

    def opened(take: Callable[[str, str], None]) -> Grid:
        return open_grid(list(settings.hazelcast), settings.hazelcast_cluster, take if commands else None)

    made = Relay(
        settings.plane, settings.journal, tag, opened,
        lambda: read_features(settings.features, settings.symbols), time.time_ns, time.monotonic_ns,
    )  # fmt: skip
    patience = Patience(stop.wait)
    while not stop.is_set():
        try:
            if not made.look():
                stop.wait(_LOOK_SECONDS)
            patience.reset()
            reporter.progress("relaying", made.put, 0)
        except GridAway as error:
            reporter.error(str(error))
            patience.wait()
    made.close()
    figures: dict[str, int | float | str] = {"snapshots": made.put, "commands": made.commands}
    return Report(
        figures, (), [table(f"relayed to {settings.hazelcast_cluster}", figures, ("what", "value")), *made.problems]
    )
