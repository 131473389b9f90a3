"""The journal's commit: one awaitable, three drivers over the same SQL.

``ThreadCommit`` is for live use: a writer thread takes everything that waits into one transaction, so that many inputs
share one flush of the disk. ``InlineCommit`` writes at once and on the caller's thread, so that a simulation of one
seed makes one sequence of writes. With either, order of calls is order of rows, and the first failure is final: what
is in memory is then ahead of the file, and only a new start from the file is sound.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Generator, Iterable
from typing import Final, Protocol, final

from dita.adapters.journal.errors import JournalError, JournalUnwritable
from dita.adapters.journal.records import Entry
from dita.adapters.journal.store import JournalStore

GROUP_MAX: Final = 512  # entries in one transaction
_LOOK_SECONDS: Final = 0.001


class Commit(Protocol):
    """Makes entries durable in the order of the calls."""

    def commit(self, entry: Entry) -> Awaitable[None]:
        """Take the entry's place in the order now; the result is there when it is durable.

        Awaiting raises JournalError, from the first failure on for every entry.
        """
        ...

    async def close(self) -> None:
        """Make durable what waits, and stop."""
        ...


Waiting = tuple[Entry, "asyncio.Future[None]"]
"""An entry, and who waits for it to be durable."""


def answer(group: Iterable[Waiting], failure: JournalError | None) -> None:
    """Tell those who wait for one transaction what came of it. To be called in their event loop."""
    for _, future in group:
        if future.cancelled():
            continue
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(failure)


async def _result(failure: JournalError | None) -> None:
    if failure is not None:
        raise failure


@final
class AtOnce:
    """What became of an entry, for a caller that need not wait: None, it is durable. Awaiting raises the failure."""

    __slots__ = ("failure",)

    def __init__(self, failure: JournalError | None) -> None:
        self.failure = failure

    def __await__(self) -> Generator[None]:
        """At once."""
        return _result(self.failure).__await__()


@final
class InlineCommit:
    """One transaction per entry, on the caller's thread, done when the call returns."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store
        self._failure: JournalError | None = None

    def commit(self, entry: Entry) -> Awaitable[None]:
        """See ``Commit``."""
        if self._failure is None:
            try:
                self._store.write((entry,))
            except JournalError as error:
                self._failure = error
        return _result(self._failure)

    async def close(self) -> None:
        """See ``Commit``."""


@final
class GroupedCommit:
    """One transaction for many entries, on the caller's thread; for a journal that can be made again.

    An entry counts as durable at once, and is in the file when its group is full or at the close: a process that is
    killed takes up to a group with it.
    """

    def __init__(self, store: JournalStore) -> None:
        self._store = store
        self._failure: JournalError | None = None
        self._group: list[Entry] = []

    def commit(self, entry: Entry) -> AtOnce:
        """See ``Commit``."""
        self._group.append(entry)
        if len(self._group) >= GROUP_MAX:
            self._write()
        return AtOnce(self._failure)

    async def close(self) -> None:
        """See ``Commit``."""
        self._write()

    def _write(self) -> None:
        group, self._group = self._group, []
        if self._failure is None:
            try:
                self._store.write(group)
            except JournalError as error:
                self._failure = error


@final
class ThreadCommit:
    """Group commit on a writer thread. To be made inside a running event loop, and used by that loop only."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store
        self._failure: JournalError | None = None
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Waiting] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="dita-journal", daemon=True)
        self._thread.start()

    def commit(self, entry: Entry) -> Awaitable[None]:
        """See ``Commit``."""
        future: asyncio.Future[None] = self._loop.create_future()
        if self._failure is not None or self._stopping:
            future.set_exception(self._failure or JournalUnwritable(self._store.path, "it is closed", "open it again"))
            return future
        with self._wake:
            self._waiting.append((entry, future))
            self._wake.notify()
        return future

    async def close(self) -> None:
        """See ``Commit``."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        while True:  # not joined: a disk that does not answer must not keep the process
            if not self._thread.is_alive():
                return
            await asyncio.sleep(_LOOK_SECONDS)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._stopping:
                    self._wake.wait()
                group = [self._waiting.popleft() for _ in range(min(len(self._waiting), GROUP_MAX))]
            if not group:
                return
            failure = self._failure or self._written([entry for entry, _ in group])
            try:
                self._loop.call_soon_threadsafe(answer, group, failure)
            except RuntimeError:  # the loop is closed: nobody waits for the answer any more
                return

    def _written(self, entries: list[Entry]) -> JournalError | None:
        try:
            self._store.write(entries)
        except JournalError as error:
            self._failure = error
        except Exception as error:  # noqa: BLE001 - a writer thread that dies in silence would hang the runtime
            self._failure = JournalUnwritable(self._store.path, f"writing raised {error!r}", "report this as a bug")
        return self._failure
