"""Two locks that die with their process: one journal has one writer, one account has one runtime on this machine."""

import fcntl
import hashlib
import os
import socket
from pathlib import Path
from typing import Self, final

from dita.adapters.journal.errors import AccountInUse, JournalLocked, JournalReadOnly


@final
class FileLock:
    """An exclusive lock on a file beside the journal.

    Not on the journal itself: closing any handle of a database file in a process drops SQLite's own locks on it.
    """

    def __init__(self, journal_path: Path) -> None:
        path = Path(f"{journal_path}.lock")
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalReadOnly(
                str(journal_path), f"`{path}` cannot be made ({error.strerror})", "check the folder and its permissions"
            ) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            raise JournalLocked(
                str(journal_path), "another runtime is writing it", "stop that runtime, or give another journal"
            ) from error

    def close(self) -> None:
        """Let the next one in."""
        os.close(self._handle)


@final
class AccountLock:
    """Held by the one runtime of an account, whatever its journal: a name in Linux's abstract socket namespace.

    It leaves no file behind, ends with the process however that ends, and does not reach other machines: there the
    venue's own order ids keep two journals apart (clause I1), and the position reconcile shows the other's trades.
    """

    def __init__(self, account: str) -> None:
        digest = hashlib.sha256(account.encode()).hexdigest()[:32]
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.bind(f"\0dita-account-{digest}")
        except OSError as error:
            self._socket.close()
            raise AccountInUse(
                f"account {account}", "another runtime on this machine trades it", "stop that runtime first"
            ) from error

    def close(self) -> None:
        """Let the next one in."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
