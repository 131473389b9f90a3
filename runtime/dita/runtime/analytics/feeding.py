"""From a journal's file to the store, by position: what is not there yet, batch by batch, whatever happened before.

One batch is in memory at a time; the next is read when the store has taken it. The rows of a batch that failed are put
again until they are there, less those that are. A start walks the journal from its first row, for the state before the
rows that are missing is made of all before them.
"""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, final

from dita.adapters.clickhouse import AnalyticsStore, AnalyticsUnreachable, Progress
from dita.adapters.journal import JournalReader, Note, open_reader
from dita.adapters.journal.records import PackedRow
from dita.kernel.binding import Kernel
from dita.runtime.memory import collector_waiting
from dita.runtime.projection.derivation import Derivation
from dita.runtime.projection.names import Names
from dita.runtime.projection.projector import Projector

BATCH: Final = 20_000  # journal rows, about three times as many of ours: some 50 MB
_PAUSE_FIRST_SECONDS: Final = 0.5
_PAUSE_LONGEST_SECONDS: Final = 15.0

Stored = tuple[PackedRow, tuple[Note, ...]]


class JournalCut(Exception):
    """The store has rows of a journal that the journal has no more, or otherwise; the message says what to do."""


def batches(reader: JournalReader, after: int, size: int) -> Iterator[list[Stored]]:
    """A journal's rows behind a position, so many at a time; each batch is read at once, and the reader let go."""
    while True:
        found = list(islice(reader.stored(after), size))
        if not found:
            return
        yield found
        after = found[-1][0].position


@final
class Feeder:
    """Feeds one journal to a store. ``kernel``: a fresh one, for this alone."""

    def __init__(self, path: Path, kernel: Kernel, store: AnalyticsStore, *, batch: int = BATCH) -> None:
        """Raises JournalError when the journal cannot be read."""
        self._path = path
        self._store = store
        self._batch = batch
        reader = open_reader(path)
        try:
            self.tag = reader.meta.tag
            self._names = Names(self.tag, reader.symbols)
        finally:
            reader.close()
        self._derivation = Derivation(kernel)
        self._projector = Projector(self._names)
        self._pending: tuple[dict[str, list[Any]], Progress] | None = None
        self._known: Progress | None = None  # what the store said of its progress; None: not asked, or no more sure
        self._newest: dict[str, int] = {}
        self.put = 0  # rows that the store has taken

    @property
    def position(self) -> int:
        """The journal's row that has been walked to; what is behind it is in the store, but for a batch that failed."""
        return self._derivation.position

    def advance(self) -> int:
        """Take in one batch, or put again the one that failed; how many of the journal's rows that was, 0 at its end.

        Raises AnalyticsError, JournalError, ReplayRefused, JournalCut. After AnalyticsUnreachable call again; after
        the others something has to be done first.
        """
        if self._known is None:
            self._known, self._newest = self._store.progress(self.tag), self._store.newest(self.tag)
        if self._pending is not None:
            return self._put(0)
        reader = open_reader(self._path)
        try:
            self._check(reader, self._known)
            self._names.symbols = reader.symbols
            found = next(batches(reader, self.position, self._batch), None)
            migration = reader.migration()
        finally:
            reader.close()
        if found is None:
            return 0
        with collector_waiting():  # rows are in no cycles, and there are many
            for step in self._derivation.steps(found, migration):
                self._projector.project(step, self._derivation.kernel.state)
        rows, last = self._projector.take(), found[-1][0]
        for row, _ in found:
            if row.position == self._known.journal_position and row.digest.hex() != self._known.digest:
                raise JournalCut(
                    f"journal `{self._path}`: row `{row.position}` is another one than the store has taken in; its end"
                    " was cut off and written anew: `dita analytics rebuild`"
                )
        if last.position > self._known.journal_position:
            self._pending = rows, Progress(last.position, last.digest.hex())
            return self._put(len(found))
        return len(found)

    def _put(self, taken: int) -> int:
        assert self._pending is not None
        rows, to = self._pending
        self._known = None  # unless all of it gets there
        self._store.put(self.tag, rows, self._newest, to)
        self.put += sum(map(len, rows.values()))
        self._pending, self._known = None, to
        return taken or 1

    def _check(self, reader: JournalReader, known: Progress) -> None:
        if reader.meta.tag != self.tag:
            raise JournalCut(f"journal `{self._path}`: it is another one now; begin again with it")
        if reader.position < known.journal_position:
            raise JournalCut(
                f"journal `{self._path}`: it ends with row `{reader.position}`, and the store has taken in"
                f" `{known.journal_position}`; its end was cut off: `dita analytics rebuild`"
            )


@final
class Patience:
    """Pauses that grow while something stays away."""

    def __init__(self, sleep: Callable[[float], object] = time.sleep) -> None:
        self._sleep = sleep
        self._seconds = _PAUSE_FIRST_SECONDS

    def wait(self) -> None:
        """Wait, longer each time."""
        self._sleep(self._seconds)
        self._seconds = min(2 * self._seconds, _PAUSE_LONGEST_SECONDS)

    def reset(self) -> None:
        """It is back."""
        self._seconds = _PAUSE_FIRST_SECONDS


def keep_up(
    feeder: Feeder,
    *,
    until: Callable[[], bool],
    idle: Callable[[], None],
    away: Callable[[AnalyticsUnreachable], None],
    patience: Patience,
) -> None:
    """Follow a journal. ``idle`` is called at its end and waits a moment; ``away`` tells that the store is down."""
    while not until():
        try:
            if feeder.advance() == 0:
                idle()
            patience.reset()
        except AnalyticsUnreachable as error:
            away(error)
            patience.wait()
