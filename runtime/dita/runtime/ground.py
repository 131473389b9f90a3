"""What a session stands on: this machine with its sockets and threads, or something that stands for it."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dita.adapters.bingx.clock import Clock, SystemClock
from dita.adapters.exchange.server import open_listener
from dita.adapters.journal import Commit, ThreadCommit
from dita.adapters.journal.store import JournalStore


@dataclass(frozen=True, slots=True)
class Ground:
    """``name``: folder of the journal of a session on our own exchange. ``wire``: what messages to it take, in words.

    ``listen`` and ``port``: where that exchange listens; port 0 takes a free one. ``is_watched``: whether a thread
    looks whether the loop still runs. ``within``: whose addresses these are, empty for the machine's: an exchange in
    the memory of a process is another than one at the same address in another process. ``pass_time`` is there
    when that exchange is called without any wire: it lets so many seconds pass at once.
    """

    name: str
    wire: str
    clock: Clock
    driver: Callable[[JournalStore], Commit]
    listen: Callable[[str, int], socket.socket]
    port: int
    is_watched: bool
    within: str = ""
    pass_time: Callable[[float], None] | None = None

    @property
    def is_direct(self) -> bool:
        """Whether that exchange is called, without any wire."""
        return self.pass_time is not None


MACHINE: Final = Ground("paper", "sockets on loopback", SystemClock(), ThreadCommit, open_listener, 0, is_watched=True)
