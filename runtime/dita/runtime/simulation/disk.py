"""A disk that can be lost: an SQLite file system over a folder, which knows what was written since the last flush.

SQLite does all its work on it; what is added is that every write, flush, cut and removal is a numbered **point** at
which a process can die, a write can be torn or fail, and a loss of power can take back what was not flushed.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, Literal, cast, final

import apsw

_NAME: Final = "dita-simulated-disk"
_NOT_WRITTEN_BY_IT: Final = ("-shm", ".lock", ".switch")  # memory, the lock, and the operator's own file
_FLUSHED_LATER: Final = ("-shm",)  # memory of living processes, no file that outlives a machine
Act = Literal["write", "flush", "cut", "remove"]


class DiskFault(Exception):
    """What the disk answers at a point; SQLite turns it into its own error."""


@dataclass(frozen=True, slots=True)
class Point:
    """One persistence point, before it happens or (``done``) right after."""

    number: int
    act: Act
    file: str  # the end of its name: ``sqlite`` or ``sqlite-wal``
    size: int
    done: bool


@dataclass(slots=True)
class _Content:
    """What a file has since its last flush."""

    flushed: bytearray
    writes: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    is_cut_to: int | None = None  # before those writes

    def settle(self) -> None:
        """Everything has reached the disk."""
        if self.is_cut_to is not None:
            del self.flushed[self.is_cut_to :]
            self.is_cut_to = None
        for offset, written in self.writes:
            _put(self.flushed, offset, written)
        self.writes.clear()


Watcher = Callable[[Point], "int | None"]
"""Asked at every point. Gives None to let it happen, or how many bytes of a write arrive before it fails (0: none)."""


@final
class Disk:
    """The files of one machine. ``watcher`` is asked at every point; ``is_full``: no file may grow."""

    def __init__(self, folder: Path, *, keeps: bool = True) -> None:
        """``keeps``: whether a death keeps what was written then; else nothing of a dead process is undone."""
        self.folder = folder
        self._keeps = keeps
        self.points = 0
        self.is_full = False
        self.watcher: Watcher | None = None
        self._contents: dict[str, _Content] = {}
        self._saved: dict[str, bytes] | None = None
        self._keeps_after_write = False

    # --- death and its traces ----------------------------------------------------------------------------------------

    def keep_what_is_written(self) -> None:
        """A process died: what it had written stays, whatever its remains still do. ``restore`` brings it back."""
        if self._keeps:
            self._saved = {path.name: path.read_bytes() for path in self._files()}

    def keep_after_this_write(self) -> None:
        """As ``keep_what_is_written``, with the write that is going on, as far as it arrives."""
        self._keeps_after_write = True

    def keep_what_is_flushed(self, rng: Random) -> None:
        """The power failed: of what was not flushed some writes arrived, in order, and the last perhaps in part."""
        self.keep_what_is_written()
        assert self._saved is not None
        for name in list(self._saved):
            content = self._contents.get(str(self.folder / name))
            if content is not None and (content.writes or content.is_cut_to is not None):
                self._saved[name] = _after_power_loss(content, rng)

    @property
    def has_kept(self) -> bool:
        """Whether a death waits for ``restore``."""
        return self._saved is not None

    def wrote(self) -> None:
        """A write has arrived, or the part of it that does."""
        if self._keeps_after_write:
            self._keeps_after_write = False
            self.keep_what_is_written()

    def restore(self) -> None:
        """Put back what was kept at the death."""
        assert self._saved is not None
        for path in self._files():
            path.unlink()
        for name, data in self._saved.items():
            (self.folder / name).write_bytes(data)
        self._contents.clear()
        self._saved = None

    def _files(self) -> list[Path]:
        return sorted(
            path
            for path in self.folder.iterdir()
            if path.is_file() and path.name.startswith("journal") and not path.name.endswith(_NOT_WRITTEN_BY_IT)
        )

    # --- what SQLite does --------------------------------------------------------------------------------------------

    def ask(self, act: Act, name: str, size: int, *, done: bool) -> int | None:
        """Number a point and ask the watcher."""
        if not done:
            self.points += 1
        if self.watcher is None:
            return None
        return self.watcher(Point(self.points, act, name.partition("journal.")[2], size, done))

    def content(self, path: str) -> _Content | None:
        """What is known of a file; None for one that is no part of this machine."""
        known = self._contents.get(path)
        if known is None:
            place = Path(path)
            if place.parent != self.folder or path.endswith(_FLUSHED_LATER):
                return None
            known = self._contents[path] = _Content(bytearray(place.read_bytes() if place.exists() else b""))
        return known

    def flushed(self, path: str) -> None:
        """Everything written to the file is safe."""
        content = self.content(path)
        if content is not None:
            content.settle()

    def removed(self, path: str) -> None:
        """The file is gone."""
        self._contents.pop(path, None)


def _put(data: bytearray, offset: int, written: bytes) -> None:
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    data[offset : offset + len(written)] = written


def _after_power_loss(content: _Content, rng: Random) -> bytes:
    data = bytearray(content.flushed)
    if content.is_cut_to is not None and rng.random() < 0.5:
        del data[content.is_cut_to :]
    arrived = rng.randrange(len(content.writes) + 1)
    for number, (offset, written) in enumerate(content.writes[:arrived], 1):
        part = rng.randrange(1, len(written) + 1) if number == arrived else len(written)
        _put(data, offset, written[:part])
    return bytes(data)


@final
class _File(apsw.VFSFile):
    """One open file."""

    def __init__(self, disk: Disk, filename: Any, flags: list[int]) -> None:
        super().__init__("unix", filename, flags)
        self._write = cast("Callable[[bytes, int], None]", super().xWrite)  # pyright: ignore[reportUnknownMemberType] # apsw's `Buffer`
        self._disk = disk
        self._path = filename if isinstance(filename, str) else str(filename.filename())

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - SQLite's name
        content = self._disk.content(self._path)
        if content is None:
            self._write(bytes(data), offset)
            return
        arrives = self._disk.ask("write", self._path, len(data), done=False)
        if arrives is None and self._disk.is_full and offset + len(data) > super().xFileSize():
            raise apsw.FullError("the simulated disk is full")
        written = bytes(data) if arrives is None else bytes(data)[:arrives]
        if written:
            self._write(written, offset)
            content.writes.append((offset, written))
        self._disk.wrote()
        if arrives is not None:
            raise apsw.IOError("the simulated write failed")
        self._disk.ask("write", self._path, len(data), done=True)

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802 - SQLite's name
        if self._disk.ask("flush", self._path, 0, done=False) is not None:
            raise apsw.IOError("the simulated flush failed")
        self._disk.flushed(self._path)  # the real one is not needed: nobody pulls the plug of this machine
        self._disk.ask("flush", self._path, 0, done=True)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        content = self._disk.content(self._path)
        if content is not None:
            if self._disk.ask("cut", self._path, newsize, done=False) is not None:
                raise apsw.IOError("the simulated cut failed")
            content.settle()
            content.is_cut_to = newsize
        super().xTruncate(newsize)


@final
class _Vfs(apsw.VFS):
    """SQLite's view of the disks: those of one simulation at a time."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(_NAME, "unix")

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802 - SQLite's name
        if name is None:
            raise apsw.CantOpenError("temporary files are not simulated")
        return _File(self._disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - SQLite's name
        if self._disk.ask("remove", filename, 0, done=False) is not None:
            raise apsw.IOError("the simulated removal failed")
        super().xDelete(filename, syncdir)
        self._disk.removed(filename)


@contextmanager
def simulated_disk(folder: Path) -> Generator[Disk]:
    """SQLite writes through this disk inside; the files are in the folder. One at a time in a process."""
    disk = Disk(folder.resolve())
    vfs = _Vfs(disk)
    apsw.set_default_vfs(_NAME)
    try:
        yield disk
    finally:
        apsw.set_default_vfs("unix")
        vfs.unregister()
