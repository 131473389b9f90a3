"""Opening a journal that is not as it was left: what is damaged, and whether it may be cut off.

Damage that reaches to the end may be: the rows before it are whole, and what the lost rows commanded is found at the
venue when positions and orders are reconciled, as anybody's order would be. Damage with whole rows behind it may not:
a state without a row in its middle is nobody's state. What is cut off is kept in a file beside the journal.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from dita.adapters.journal.errors import JournalCorrupt, JournalError, JournalForeign, JournalUnwritable
from dita.adapters.journal.records import NOTHING_MENDED, JournalMeta, Mended
from dita.adapters.journal.schema import KIND_AT, TRADE_AT
from dita.adapters.journal.store import JournalStore
from dita.adapters.journal.wal import commit_frames, log_path
from dita.spec.scales import TRADE_ID_MAX
from dita.spec.vocabulary import Kind

TRADES_SKIPPED: Final = 1_000_000  # more than lost rows can have begun; numbers reach to 10^13
_WORD: Final = struct.Struct("<q")
_PROBES: Final = 1000
_PROBED_UP_TO: Final = 2**40
_HOW_TO_PROCEED: Final = (
    "put a sound copy in its place; without one, `dita flatten` closes everything without a journal, then move the"
    " file away and start with a new one; `dita replay --last 0` shows the rows before the damage"
)


class Damage(NamedTuple):
    """The first row that is not as it was written, why, and a sound row behind it (0: there is none)."""

    row: int
    what: str
    sound_behind: int


def damage_of(store: JournalStore) -> Damage | None:
    """Read everything; None when all of it is as it was written."""
    sound = 0
    try:
        for row, _ in store.stored():
            sound = row.position
        store.snapshots()
    except JournalCorrupt as error:
        return Damage(sound + 1, error.reason, _sound_behind(store, sound))
    return None


def _sound_behind(store: JournalStore, sound: int) -> int:
    """A whole row beyond the damage. Each is asked for by itself: what is around it may be unreadable."""
    for position in _places(sound + 1):
        if store.is_intact(position):
            return position
    return 0


def _places(first: int) -> Iterator[int]:
    """Every place for a thousand rows (a damaged page hides some ten), then the newest row, then ever wider."""
    yield from range(first, first + _PROBES)
    step = _PROBES
    while step < _PROBED_UP_TO:
        yield first + step
        step *= 2


def owned(store: JournalStore, account: str) -> JournalMeta:
    """The journal's meta, if it belongs to the account. Raises JournalForeign."""
    meta = store.meta()
    if meta.account != account:
        raise JournalForeign(
            store.path, f"it is the journal of account `{meta.account}`, not `{account}`", "name another file"
        )
    return meta


def open_mended(path: Path, *, account: str, wall_ns: int, vfs: str) -> tuple[JournalStore, Mended]:
    """Open the journal for writing, without its damaged end if it has one.

    Raises JournalCorrupt when the damage has sound rows behind it, and leaves the file as it is.
    """
    log = log_path(path).read_bytes() if log_path(path).exists() else b""
    store = JournalStore(path, vfs=vfs)
    try:
        if store.is_empty:
            _must_be_new(store, log)
            return store, NOTHING_MENDED
        owned(store, account)  # nobody else's journal is mended or upgraded
        lost = _lost_from_log(store, log)
        store.upgrade()
        damage = damage_of(store)
        if damage is not None:
            return _without_its_end(path, store, damage, wall_ns=wall_ns, vfs=vfs)
        if not lost:
            return store, NOTHING_MENDED
        kept = _beside(path, wall_ns, "-wal")
        kept.write_bytes(log)
        newest = store.last_position()
        store.raise_trade_floor(_floor(store, newest))
        return store, Mended(str(kept), f"the log's last `{lost}` transactions are cut off or damaged", newest)
    except BaseException:
        with suppress(JournalError):  # what is wrong has been said
            store.close()
        raise


def _must_be_new(store: JournalStore, log: bytes) -> None:
    if len(commit_frames(log)) > 1:  # one: the making of the tables was cut off, and there was nothing yet
        raise JournalCorrupt(store.path, "its log is damaged, and holds all there is", _HOW_TO_PROCEED)


def _lost_from_log(store: JournalStore, log: bytes) -> int:
    taken = store.frames_in_log if log else 0
    return sum(1 for frame in commit_frames(log) if frame > taken)


def _floor(store: JournalStore, newest: int) -> int:
    """Beyond every trade number that a row up to ``newest``, or one lost behind it, can have spent."""
    spent = store.trade_floor()
    if newest:
        for row in store.packed_rows():
            (kind,) = _WORD.unpack_from(row.input, KIND_AT)
            if kind in (Kind.ENTER, Kind.ADOPT):
                spent = max(spent, _WORD.unpack_from(row.input, TRADE_AT)[0])
            if row.position == newest:
                break
    return min(spent + TRADES_SKIPPED, TRADE_ID_MAX - 1)


def _beside(path: Path, wall_ns: int, suffix: str = "") -> Path:
    return Path(f"{path}.damaged-{wall_ns}{suffix}")


def _without_its_end(
    path: Path, store: JournalStore, damage: Damage, *, wall_ns: int, vfs: str
) -> tuple[JournalStore, Mended]:
    """Write what is sound into a new file, keep the old one under another name, put the new one in its place.

    Killed anywhere in between, the next start finds the old file and does it again.
    """
    if damage.sound_behind:
        reason = f"{damage.what}, and row `{damage.sound_behind}` behind it is sound"
        raise JournalCorrupt(str(path), reason, _HOW_TO_PROCEED)
    newest = damage.row - 1
    fresh = Path(f"{path}.mended")
    for stale in (fresh, log_path(fresh), Path(f"{fresh}-shm")):
        stale.unlink(missing_ok=True)
    mended = JournalStore(fresh, vfs=vfs)
    try:
        mended.fill_from(store, newest, _floor(store, newest))
    finally:
        mended.close()
    store.close()
    if log_path(path).exists():  # its frames would be laid over the new file
        raise JournalCorrupt(str(path), f"{damage.what}, and its log cannot be folded into it", _HOW_TO_PROCEED)
    try:
        kept = _kept_beside(path, wall_ns)
        fresh.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise JournalUnwritable(
            str(path), f"{damage.what}, and what is sound cannot take its place ({error})", "check disk and folder"
        ) from error
    return JournalStore(path, vfs=vfs), Mended(str(kept), damage.what, newest)


def _kept_beside(path: Path, wall_ns: int) -> Path:
    """Give the file a second name, one that no other damaged file has."""
    for number in count(wall_ns):
        kept = _beside(path, number)
        try:
            os.link(path, kept)
        except FileExistsError:
            if not kept.samefile(path):  # the same: a mending died after this step
                continue
        return kept
    raise AssertionError("numbers do not end")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
