"""Who publishes in a region: a lock of Linux's open file descriptions, which ends with its holder, however that ends.

Readers ask about it without taking it, so that no reader keeps a writer out.
"""

import fcntl
import os
import struct
from typing import Final

_FLOCK: Final = struct.Struct("hhqqi4x")  # struct flock: type, whence, start, length (0: all), process


def try_to_hold(handle: int) -> bool:
    """Lock the file behind a descriptor that may write; False while another has it."""
    try:
        fcntl.fcntl(handle, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except (BlockingIOError, PermissionError):
        return False
    return True


def is_held(handle: int) -> bool:
    """Whether somebody holds it now."""
    answer = fcntl.fcntl(handle, fcntl.F_OFD_GETLK, _FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0))
    held: int = _FLOCK.unpack(answer)[0]
    return held != fcntl.F_UNLCK
