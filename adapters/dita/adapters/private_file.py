"""Files that only their owner reads: keys and credentials. Refused by name where anybody else could."""

import os
import stat
from pathlib import Path


class PrivateFileError(ValueError):
    """The file cannot be used; the message says why and what to do, and never what is in it."""


def read_private(path: Path, what: str, bytes_max: int) -> bytes:
    """The content of a regular file of mode 0600 that belongs to us. ``what`` names it in messages.

    Raises PrivateFileError.
    """
    try:
        # The mode is read from the descriptor we read from, so that nobody can swap the file in between.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise PrivateFileError(f"{what}: `{path}` cannot be opened ({error.strerror})") from None
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise PrivateFileError(f"{what}: `{path}` is not a regular file")
        if info.st_uid != os.getuid():
            raise PrivateFileError(f"{what}: `{path}` belongs to somebody else; make your own copy")
        mode = stat.S_IMODE(info.st_mode)
        if mode != 0o600:
            raise PrivateFileError(f"{what}: `{path}` has mode `{mode:04o}`; run chmod 600 on it")
        content = os.read(descriptor, bytes_max + 1)
    finally:
        os.close(descriptor)
    if len(content) > bytes_max:
        raise PrivateFileError(f"{what}: `{path}` is larger than {bytes_max} bytes")
    return content


def write_private(path: Path, what: str, content: bytes) -> None:
    """Make a new file that only we read; one that is there already is never overwritten. Raises PrivateFileError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise PrivateFileError(f"{what}: `{path}` exists already; name a new file, or move that one away") from None
    except OSError as error:
        raise PrivateFileError(f"{what}: `{path}` cannot be made ({error.strerror})") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
