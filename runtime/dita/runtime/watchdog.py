"""Notices an event loop that does not run any more: a thread that waits for the loop's heartbeat.

While the loop is stalled nothing can be sent, and an order that waited too long is not sent at all: its send-by time
has passed. So the first thing is to say where it hangs: the stacks of all threads, in a file. When it runs again, new
trades wait until positions and wallet have been read afresh. When it does not, the process is killed: its locks are
free then, a supervisor can start the next one, and the exchange's dead-man timer cancels what rests.

Only time in which the watchdog itself could run counts: a machine or process that was paused has not stalled.
"""

import asyncio
import faulthandler
import logging
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Final, final

from dita.runtime.logs import write_last_words

_BEAT_SECONDS: Final = 0.1
_LOOKS: Final = 10  # while one bound passes

log = logging.getLogger(__name__)


def kill_this_process() -> None:
    """The end of a process that cannot end itself; its last words are written first, if the disk takes them."""
    write_last_words()
    os.kill(os.getpid(), signal.SIGKILL)


@final
class Watchdog:
    """``run`` beats; ``start`` and ``close`` the thread around it."""

    def __init__(
        self,
        folder: Path,
        *,
        stall_seconds: float,
        kill_seconds: float,
        on_recovered: Callable[[float], None],
        kill: Callable[[], None] = kill_this_process,
    ) -> None:
        """``folder`` gets the stacks; ``on_recovered``, in the loop: after how many seconds it ran again."""
        self.stalls = 0
        self._folder = folder
        self._stall_seconds = stall_seconds
        self._kill_seconds = kill_seconds
        self._on_recovered = on_recovered
        self._kill = kill
        self._beats = 0
        self._stalled_seconds = 0.0  # of the stall under way; written by the thread, taken by the loop
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="dita-watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """Watch no longer."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    async def run(self) -> None:
        """The heartbeat, for ever."""
        while True:
            self._beats += 1
            stalled, self._stalled_seconds = self._stalled_seconds, 0.0
            if stalled:
                self._on_recovered(stalled)
            await asyncio.sleep(_BEAT_SECONDS)

    def _watch(self) -> None:
        step = self._stall_seconds / _LOOKS
        beats, quiet, told = -1, 0.0, False
        while True:
            began = monotonic()
            if self._ending.wait(step):
                return
            if self._beats != beats:
                beats, quiet, told = self._beats, 0.0, False
                continue
            quiet += min(monotonic() - began, 2 * step)  # more: this thread could not run either
            if quiet > self._stall_seconds:
                self._stalled_seconds = quiet
                if not told:
                    told = True
                    self.stalls += 1
                    self._tell(quiet)
            if self._kill_seconds and quiet > self._kill_seconds:
                log.critical("the loop has been stalled for %.0f s: ending the process", quiet)
                self._kill()
                return

    def _tell(self, quiet: float) -> None:
        path = self._folder / f"stall-{os.getpid()}-{self.stalls}.txt"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with path.open("w") as file:
                faulthandler.dump_traceback(file, all_threads=True)
        except OSError as error:
            log.critical("the loop has been stalled for %.1f s; its stacks cannot be written: %s", quiet, error)
            return
        log.critical("the loop has been stalled for %.1f s; its stacks: %s", quiet, path)
