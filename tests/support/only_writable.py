"""Run a command that can write, make and remove nothing but below the given paths, by Linux's Landlock.

``python only_writable.py PATH... -- COMMAND...``. No privilege is needed, and what is denied to Python is denied to the
C libraries in the process and to its children as well.
"""

import ctypes
import os
import struct
import sys
from typing import Final

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # system calls, the same on every architecture
_NO_NEW_PRIVILEGES: Final = 38
_BENEATH: Final = 1
# WRITE_FILE, REMOVE_DIR, REMOVE_FILE, MAKE_* (seven), REFER, TRUNCATE: linux/landlock.h
_WRITES: Final = 1 << 1 | sum(1 << bit for bit in range(4, 15))
_ON_A_FILE: Final = 1 << 1 | 1 << 14


def _called(libc: ctypes.CDLL, number: int, *arguments: object) -> int:
    result = int(libc.syscall(number, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"landlock: {os.strerror(ctypes.get_errno())}; it needs Linux 6.2 or newer")
    return result


def restrict(paths: list[str]) -> None:
    """From now on, for this process and its children. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    handled = struct.pack("<Q", _WRITES)
    ruleset = _called(libc, _CREATE_RULESET, handled, len(handled), 0)
    for path in paths:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        allowed = _WRITES if os.path.isdir(path) else _ON_A_FILE  # noqa: PTH112 - a script of the standard library alone
        rule = struct.pack("<Qi", allowed, handle)
        _called(libc, _ADD_RULE, ruleset, _BENEATH, rule, 0)
        os.close(handle)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")
    _called(libc, _RESTRICT_SELF, ruleset, 0)


if __name__ == "__main__":
    at = sys.argv.index("--")
    restrict(sys.argv[1:at])
    os.execvp(sys.argv[at + 1], sys.argv[at + 1 :])  # noqa: S606 - that is what it is for
