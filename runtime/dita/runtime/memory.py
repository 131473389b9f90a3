"""How much memory the process holds, to show that it does not grow with the length of a session; and its collector."""

import gc
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, final

_STATM: Final = Path("/proc/self/statm")  # Linux, proc(5): pages; the second number is what is resident
_EARLY_PERCENT: Final = 10


def resident_bytes() -> int:
    """Bytes of this process in memory."""
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def collector_waiting() -> Generator[None]:
    """Where much is made and little of it in cycles, looking for them again and again takes a tenth of the time.

    What is left is collected in the end; where the collector was off, it stays off.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
            gc.collect(0)


@final
class MemoryMarks:
    """Resident bytes early in a session, when everything that is kept has been filled, and at its end."""

    def __init__(self, wanted: int, read: Callable[[], int] = resident_bytes) -> None:
        """``wanted``: round trips of the whole session."""
        self._wanted = wanted
        self._read = read
        self.early = 0  # after a tenth of the round trips; 0: not reached
        self.end = 0

    def look(self, round_trips: int) -> None:
        """Called now and then while it trades."""
        if self.early == 0 and round_trips * 100 >= self._wanted * _EARLY_PERCENT:
            self.early = self._read()

    def finish(self, round_trips: int) -> None:
        """Called when it has ended trading."""
        self.look(round_trips)
        self.end = self._read()
