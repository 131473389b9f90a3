"""A journal as the runtime uses it: opened, locked, identified, appended to through a commit driver."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import final

from dita.adapters.journal.commit import Commit
from dita.adapters.journal.errors import JournalError, JournalForeign, JournalReadOnly
from dita.adapters.journal.locks import FileLock
from dita.adapters.journal.mending import open_mended, owned
from dita.adapters.journal.records import Entry, JournalMeta, Mended, Migration, Note, PackedRow, Row, Snapshot
from dita.adapters.journal.store import JournalStore, checked_note
from dita.spec.inputs import Input


@final
class Journal:
    """The one writer of one journal. Made by ``open_journal``."""

    def __init__(self, store: JournalStore, meta: JournalMeta, lock: FileLock, commit: Commit, mended: Mended) -> None:
        self._store = store
        self._lock = lock
        self._commit = commit
        self.meta = meta
        self.path = store.path
        self.mended = mended  # what was cut off when it was opened; ``NOTHING_MENDED`` most of the time
        self.fence = store.fence()  # how many writers there have been, this one included
        self.trade_floor = store.trade_floor()  # numbers up to here may be spent by rows that were lost
        self.position = store.last_position()  # of the newest row that was handed to the commit
        self.symbols = store.instruments()

    def append(
        self,
        event: Input,
        *,
        send_by_ns: int,
        digest: bytes,
        wall_ns: int,
        notes: tuple[Note, ...] = (),
        snapshot: Callable[[int], Snapshot] | None = None,
    ) -> Awaitable[None]:
        """Give the input its place now; await the result for its durability. Raises JournalError when awaited.

        ``snapshot`` makes the snapshot of that place, which becomes durable with it. Raises ValueError at once for a
        note that is too long.
        """
        for note in notes:
            checked_note(note)
        self.position += 1
        row = Row(self.position, event, send_by_ns, digest, wall_ns)
        return self._commit.commit(Entry(row, notes, None if snapshot is None else snapshot(self.position)))

    def instrument_number(self, symbol: str, number_max: int) -> int:
        """The index of a symbol, given out on first use and kept for ever. Only before the first ``append``."""
        for number, known in self.symbols.items():
            if known == symbol:
                return number
        number = len(self.symbols)
        if number >= number_max:
            raise JournalForeign(
                self.path, f"it knows {number_max} symbols and `{symbol}` is not one", "begin a new journal"
            )
        self._store.write_instrument(number, symbol)
        self.symbols[number] = symbol
        return number

    def rows(self, after: int = 0) -> Iterator[Row]:
        """Every row after a position, oldest first. Only before the first ``append``."""
        return self._store.rows(after)

    def packed_rows(self, after: int = 0) -> Iterator[PackedRow]:
        """The same with the inputs as bytes."""
        return self._store.packed_rows(after)

    def inputs(self, up_to: int) -> Iterator[bytes]:
        """The packed inputs up to a position. Only before the first ``append``."""
        return self._store.inputs(up_to)

    def snapshots(self) -> list[Snapshot]:
        """The sound ones, newest first. Only before the first ``append``."""
        return self._store.snapshots()

    def notes(self, trade: int) -> list[Note]:
        """Notes of a trade. Only before the first ``append``."""
        return self._store.notes(trade)

    def migration(self) -> Migration | None:
        """The newest accepted migration. Only before the first ``append``."""
        return self._store.migration()

    def accept_migration(self, digest: bytes, wall_ns: int) -> None:
        """Record that what replays to ``digest`` now is accepted, whatever it was. Only before the first ``append``."""
        self._store.write_migration(Migration(self.position, digest, wall_ns))

    async def close(self) -> None:
        """Flush, close, unlock."""
        try:
            await self._commit.close()
            self._store.close()
        finally:
            self._lock.close()


@final
class JournalReader:
    """Looks into a journal without locking it, also while a runtime writes it."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store
        self.path = store.path
        self.meta = store.meta()
        self.symbols = store.instruments()

    @property
    def position(self) -> int:
        """Of the newest row."""
        return self._store.last_position()

    def rows(self, after: int = 0) -> Iterator[Row]:
        """Every row after a position, oldest first."""
        return self._store.rows(after)

    def packed_rows(self, after: int = 0) -> Iterator[PackedRow]:
        """The same with the inputs as bytes."""
        return self._store.packed_rows(after)

    def stored(self, after: int = 0) -> Iterator[tuple[PackedRow, tuple[Note, ...]]]:
        """The same with the notes that became durable with each row."""
        return self._store.stored(after)

    def snapshots(self) -> list[Snapshot]:
        """The sound ones, newest first."""
        return self._store.snapshots()

    def newest(self, kind: int) -> Row | None:
        """The last row whose input is of a kind."""
        return self._store.newest(kind)

    def notes(self, trade: int) -> list[Note]:
        """Notes of a trade."""
        return self._store.notes(trade)

    def migration(self) -> Migration | None:
        """The newest accepted migration."""
        return self._store.migration()

    def close(self) -> None:
        """Close."""
        self._store.close()


def open_journal(
    path: Path,
    *,
    account: str,
    tag: str,
    wall_ns: int,
    driver: Callable[[JournalStore], Commit],
    vfs: str = "",
) -> Journal:
    """Open the journal of an account for writing, or make it, with ``tag`` if it is new.

    All of it is read and checked. A damaged end is cut off (``Journal.mended``); a journal of an older version becomes
    one of this version. ``vfs``: see ``JournalStore``.

    Raises JournalLocked while another runtime has it, JournalForeign when it is not this account's, JournalCorrupt when
    it is damaged with sound rows behind the damage, and the other JournalErrors for a file that cannot be used. A
    failure leaves no lock and, for a new journal, no half-made tables.
    """
    resolved = path.resolve()
    if not resolved.parent.is_dir():
        raise JournalReadOnly(str(path), f"the folder `{resolved.parent}` does not exist", "create it first")
    lock = FileLock(resolved)
    try:
        store, mended = open_mended(resolved, account=account, wall_ns=wall_ns, vfs=vfs)
        try:
            if store.is_empty:
                store.create(JournalMeta(tag, account, wall_ns))
            meta = owned(store, account)
            fence = store.begin_writing()
            lock.tell(account=account, fence=fence, wall_ns=wall_ns)
            return Journal(store, meta, lock, driver(store), mended)
        except BaseException:
            with suppress(JournalError):  # what is wrong has been said
                store.close()
            raise
    except BaseException:
        lock.close()
        raise


def open_reader(path: Path) -> JournalReader:
    """Open a journal to look at it. Raises JournalMissing, JournalForeign, JournalCorrupt."""
    store = JournalStore(path, read_only=True)
    try:
        return JournalReader(store)
    except BaseException:
        store.close()
        raise
