"""A process that feeds the analytics store and kills itself: ``JOURNAL STORE BATCH CALL before|after``.

It dies by SIGKILL right before or right after its n-th insert; a CALL of 0 lets it live until it is killed from outside
or has come to the journal's end.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from dita.adapters.clickhouse import AnalyticsStore, Answer, Connection, open_connection
from dita.kernel.binding import Kernel
from dita.kernel.loader import load_for_conformance
from dita.runtime.analytics.feeding import Feeder


def die(_: str) -> NoReturn:
    """By SIGKILL."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("alive")


class Deadly:
    """A connection of which one insert is the last, before it has an effect or after; ``end`` ends it."""

    def __init__(self, inner: Connection, at: int, moment: str, end: Callable[[str], NoReturn] = die) -> None:
        self.where = inner.where
        self.database = inner.database
        self._inner = inner
        self._left = at
        self._moment = moment
        self._end = end

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """As the connection does."""
        self._inner.command(sql, parameters)

    def ask(self, sql: str, parameters: Mapping[str, object] | None = None, *, final: bool = False) -> Answer:
        """As the connection does."""
        return self._inner.ask(sql, parameters, final=final)

    def insert(self, table: str, names: Sequence[str], columns: Sequence[Sequence[object]], token: str = "") -> None:
        """As the connection does, or never again."""
        self._left -= 1
        if self._left == 0 and self._moment == "before":
            self._end(self.where)
        self._inner.insert(table, names, columns, token)
        if self._left == 0:
            self._end(self.where)

    def close(self) -> None:
        """As the connection does."""
        self._inner.close()


def feed(journal: Path, where: str, batch: int, at: int, moment: str) -> None:
    """Prepare first: what is counted are the inserts of rows and of progress."""
    connection = open_connection(where)
    AnalyticsStore(connection).prepare()
    store = AnalyticsStore(Deadly(connection, at, moment))
    with Kernel(load_for_conformance()) as kernel:
        feeder = Feeder(journal, kernel, store, batch=batch)
        while feeder.advance():
            sys.stdout.write(f"{feeder.position}\n")
            sys.stdout.flush()
    connection.close()


if __name__ == "__main__":
    feed(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
