"""The journal's commit as a simulated disk does it: what comes together is written together, and is durable later.

What ``ThreadCommit`` does with a thread this does with a timer, so that between an input and its durability there is
time in which a process can die.
"""

import asyncio
from collections.abc import Awaitable
from random import Random
from typing import Final, final

from dita.adapters.journal import Entry, JournalError
from dita.adapters.journal.commit import GROUP_MAX, Waiting, answer
from dita.adapters.journal.store import JournalStore
from dita.runtime.simulation.processes import current_process

_SECONDS: Final = (0.0002, 0.004)


@final
class TimedCommit:
    """See the module. ``slow_seconds``: what a commit takes more than usual. ``is_closed``: whether it was closed."""

    def __init__(self, store: JournalStore, rng: Random) -> None:
        self.is_closed = False
        self.slow_seconds = 0.0
        self._store = store
        self._rng = rng
        self._failure: JournalError | None = None
        self._waiting: list[Waiting] = []
        self._timer: asyncio.TimerHandle | None = None
        self._owner = current_process()

    def commit(self, entry: Entry) -> Awaitable[None]:
        """See ``Commit``."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._failure is not None:
            future.set_exception(self._failure)
            return future
        self._waiting.append((entry, future))
        if self._timer is None:
            seconds = self._rng.uniform(*_SECONDS) + self.slow_seconds
            self._timer = asyncio.get_running_loop().call_later(seconds, self._write)
        return future

    async def close(self) -> None:
        """See ``Commit``."""
        self.is_closed = True
        while self._waiting:
            self._write()

    def _write(self) -> None:
        self._timer = None
        group, self._waiting = self._waiting[:GROUP_MAX], self._waiting[GROUP_MAX:]
        if self._owner is not None and not self._owner.is_alive:
            return  # its process is dead: nothing of it is written any more
        failure = self._failure
        if failure is None and group:
            try:
                self._store.write([entry for entry, _ in group])
            except JournalError as error:
                failure = self._failure = error
        answer(group, failure)
        if self._waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._rng.uniform(*_SECONDS), self._write)
