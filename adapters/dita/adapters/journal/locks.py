"""Who may write: one journal has one writer, one account has one runtime on this machine.

Two advisory locks that end with their process keep a second runtime out, and each names the one that is inside. Behind
them stands the fence in the journal itself (``JournalStore.begin_writing``): a writer that the locks have lost, because
somebody removed the file or a file system forgot it, can no longer write once there is a later one.
"""

import fcntl
import hashlib
import json
import os
import socket
import struct
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, cast, final

from dita.adapters.journal.errors import AccountInUse, JournalLocked, JournalReadOnly

_PEER: Final = struct.Struct("3i")  # pid, uid, gid: Linux's struct ucred
_LEASE_BYTES_MAX: Final = 4096
_STOP_IT: Final = "stop that runtime first"


class Holder(NamedTuple):
    """Who is inside."""

    host: str
    pid: int
    account: str
    fence: int  # the journal's how-manieth writer it is
    since_ns: int  # UTC

    def __str__(self) -> str:
        """For messages."""
        return f"process {self.pid} on {self.host}, account {self.account}, writer {self.fence}"


def read_lease(journal_path: Path) -> Holder | None:
    """What the lease beside a journal says, whether or not it is held; None when there is none to read."""
    try:
        with Path(f"{journal_path}.lock").open("rb") as file:
            document = json.loads(file.read(_LEASE_BYTES_MAX))
        values = cast("dict[str, Any]", document)
        return Holder(
            str(values["host"]), int(values["pid"]), str(values["account"]),
            int(values["fence"]), int(values["since_ns"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_held(journal_path: Path) -> bool:
    """Whether a process holds the lease of this journal now."""
    try:
        handle = os.open(f"{journal_path}.lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


@final
class FileLock:
    """The lease of a journal: a file beside it, locked while it is held, that says by whom.

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
            holder = read_lease(journal_path)
            by = "" if holder is None else f" ({holder})"
            raise JournalLocked(
                str(journal_path),
                f"another runtime is writing it{by}",
                "stop that runtime, or give another journal",
            ) from error

    def tell(self, *, account: str, fence: int, wall_ns: int) -> None:
        """Say in the lease who holds it."""
        holder = Holder(socket.gethostname(), os.getpid(), account, fence, wall_ns)
        content = json.dumps(holder._asdict()).encode()
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, content, 0)

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
        name = f"\0dita-account-{digest}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.bind(name)
        except OSError as error:
            self._socket.close()
            raise AccountInUse(
                f"account {account}", f"another runtime on this machine trades it ({_who_listens(name)})", _STOP_IT
            ) from error
        self._socket.listen(1)  # never answered: whoever connects learns from the system who listens

    def close(self) -> None:
        """Let the next one in."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _who_listens(name: str) -> str:
    """The process behind a socket, as the system knows it: it need not answer, and may be stopped."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(1.0)
        try:
            asking.connect(name)
            peer = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        except OSError:
            return "it is just starting or ending"
    pid, uid, _ = _PEER.unpack(peer)
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        command = "a command of somebody else"
    return f"process {pid} of user {uid}: {command[:200]}"
