"""Where the processes of one machine meet: a folder in memory that only its user can enter, and names by journal.

In memory, because a page of a file on a disk that no longer answers would hold up whoever writes to it, and that is the
loop that trades. A name stands for the journal itself (the folder's identity and the file's name, not how its path is
written), so two journals never share one, and two paths of one journal never have two.
"""

import hashlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

from dita.adapters.plane.errors import PlaneUnusable

_NAME_DIGITS = 32


class Place(NamedTuple):
    """The meeting place of one journal's runtime."""

    folder: Path
    name: str

    @property
    def region(self) -> Path:
        """The memory in which the runtime publishes."""
        return self.folder / f"{self.name}.plane"

    @property
    def socket(self) -> Path:
        """Where it takes commands."""
        return self.folder / f"{self.name}.control"


def place_of(base: Path, journal: Path) -> Place:
    """The place of a journal under a folder such as /dev/shm. Nothing is made. Raises PlaneUnusable."""
    resolved = journal.resolve()
    try:
        info = resolved.parent.stat()
    except OSError as error:
        raise PlaneUnusable(str(journal), f"its folder cannot be read ({error.strerror})", "create it first") from error
    identity = f"{info.st_dev}:{info.st_ino}:{resolved.name}"
    return Place(base / f"dita-{os.getuid()}", hashlib.sha256(identity.encode()).hexdigest()[:_NAME_DIGITS])


def make_folder(place: Place) -> None:
    """Make the folder of a place, for us alone. Raises PlaneUnusable where it would not be."""
    folder = place.folder
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise PlaneUnusable(
            str(folder), f"it cannot be made ({error.strerror})", "set DITA_PLANE to a folder in memory, or to off"
        ) from error
    check_folder(place)


def check_folder(place: Place) -> None:
    """Refuse a folder that somebody else made, or can enter. Raises PlaneUnusable."""
    folder = place.folder
    info = folder.lstat()
    if not stat.S_ISDIR(info.st_mode):
        raise PlaneUnusable(str(folder), "it is not a folder", "remove it")
    if info.st_uid != os.getuid():
        raise PlaneUnusable(str(folder), f"it belongs to user {info.st_uid}", "ask that user, or set DITA_PLANE")
    if (mode := stat.S_IMODE(info.st_mode)) != 0o700:
        raise PlaneUnusable(str(folder), f"it has mode `{mode:04o}`", "run chmod 700 on it")


def is_named(handle: int, path: Path) -> bool:
    """Whether a path still leads to the file behind a descriptor."""
    ours = os.fstat(handle)
    try:
        there = path.lstat()
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
