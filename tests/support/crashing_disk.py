"""A disk that dies at a chosen write, and what is left of the files then: a file system between SQLite and the disk.

Every write, sync, cut and deletion of SQLite is one persistence point. At the chosen one the process is dead: that call
and all later ones fail. ``Death`` says what the disk makes of it.
"""

import random
import shutil
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Self, cast

import apsw

_LASTING = ("", "-wal", "-journal")  # of a database's files, those that outlive a process


class Death(StrEnum):
    """What happens at the chosen point."""

    KILLED = "killed"  # SIGKILL before the call: what was written is there, synced or not
    TORN = "torn"  # SIGKILL in the middle of the call: half of it is there
    POWER = "power"  # the power fails: what was not synced is gone
    SHUFFLED = "shuffled"  # the power fails: of what was not synced a part is there, later writes before earlier ones
    FULL = "full"  # no death: the disk is full for this call and all later ones, a half of this one was written


class _Unsynced(NamedTuple):
    """How to take one write back."""

    path: str
    offset: int
    before: bytes  # shorter than what was written where the file ended
    length: int
    size: int  # of the file before


class CrashingDisk(apsw.VFS):
    """Register it by making it; ``name`` opens databases on it. ``close`` it. One database at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.points = 0
        self.dead = False
        self.full = False
        self.kinds: list[str] = []  # of all points so far
        self._at = 0
        self._death = Death.KILLED
        self._rng = random.Random(0)
        self._unsynced: list[_Unsynced] = []
        super().__init__(name, "")

    def arm(self, at: int, death: Death, seed: int = 0) -> None:
        """Begin anew, and die at the ``at``-th point; 0: never."""
        self.points, self.dead, self.full, self.kinds = 0, False, False, []
        self._at, self._death, self._rng = at, death, random.Random(seed)
        self._unsynced.clear()

    @property
    def armed(self) -> tuple[int, Death]:
        """As ``arm`` was told."""
        return self._at, self._death

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's
        """See SQLite."""
        return _CrashingFile(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - SQLite's
        """See SQLite."""
        self.point("delete", lambda: None)
        super().xDelete(filename, syncdir)

    def point(self, kind: str, half: Callable[[], None]) -> None:
        """One persistence point; ``half`` does half of what is to be done."""
        if self.dead:
            raise apsw.IOError("dead")
        if self.full and kind == "write":
            raise apsw.FullError("full")
        self.points += 1
        self.kinds.append(kind)
        if self.points != self._at:
            return
        if self._death in (Death.TORN, Death.FULL):
            half()
        if self._death is Death.FULL:
            self.full = True
            if kind == "write":
                raise apsw.FullError("full")
            return
        self.dead = True
        raise apsw.IOError("dead")

    def written(self, path: str, offset: int, length: int) -> None:
        """Something is about to be written there."""
        with Path(path).open("rb") as file:
            file.seek(0, 2)
            size = file.tell()
            file.seek(offset)
            self._unsynced.append(_Unsynced(path, offset, file.read(length), length, size))

    def synced(self, path: str) -> None:
        """What was written to this file is on the platter."""
        self._unsynced = [one for one in self._unsynced if one.path != path]

    def left(self, path: Path, folder: Path) -> Path:
        """Copy what is left of a database into a folder; give its path there."""
        copy = folder / path.name
        for suffix in _LASTING:
            Path(f"{copy}{suffix}").unlink(missing_ok=True)
            if Path(f"{path}{suffix}").exists():
                shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
        if self._death in (Death.POWER, Death.SHUFFLED) and self.dead:
            for one in reversed(self._unsynced):
                kept = self._death is Death.SHUFFLED and self._rng.random() < 0.5
                target = Path(f"{copy}{one.path.removeprefix(str(path))}")
                if not kept and target.exists():
                    _take_back(one, target, cut=self._death is Death.POWER)
        return copy

    def close(self) -> None:
        """Forget the file system."""
        self.unregister()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _take_back(one: _Unsynced, path: Path, *, cut: bool) -> None:
    """Undo one write; where it made the file longer, the file is cut again, or holds zeros there."""
    with path.open("r+b") as file:
        file.seek(one.offset)
        file.write(one.before.ljust(one.length, b"\0"))
        if cut and one.offset + one.length > one.size:
            file.truncate(one.size)


class _CrashingFile(apsw.VFSFile):
    def __init__(self, disk: CrashingDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's
        """See SQLite."""
        write = cast("Callable[[bytes, int], None]", super().xWrite)  # pyright: ignore[reportUnknownMemberType] # apsw's `Buffer`
        disk = self._disk

        def half() -> None:
            write(data[: len(data) // 2], offset)

        if not disk.dead:
            disk.written(self._path, offset, len(data))
        disk.point("write", half)
        write(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802 - SQLite's
        """See SQLite. What is synced is only noted: the tests' machine keeps its power."""
        self._disk.point("sync", lambda: None)
        self._disk.synced(self._path)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's
        """See SQLite."""
        self._disk.point("cut", lambda: None)
        super().xTruncate(newsize)
