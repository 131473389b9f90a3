"""The journal's SQL, synchronous; whoever drives it decides on which thread. ``schema`` has the tables.

SQLite in WAL mode with ``synchronous=FULL``: a transaction that has returned survives the loss of power.
"""

import struct
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast, final

import apsw

from dita.adapters.journal.errors import JournalCorrupt, JournalFenced, JournalForeign, JournalMissing, translated
from dita.adapters.journal.records import Entry, JournalMeta, Migration, Note, PackedRow, Row, Snapshot
from dita.adapters.journal.schema import (
    APPLICATION_ID,
    FENCE,
    FIRST_VERSION,
    INPUT_LAYOUT,
    INSERT_NOTE,
    INSERT_ROW,
    KIND_AT,
    SCHEMA_VERSION,
    TABLES,
    TRADE_FLOOR,
    Execute,
    RowsWithNotes,
    SqlValue,
    packed_row,
    row_checksum,
    snapshot_checksum,
    upgrade,
)
from dita.spec.inputs import Input
from dita.spec.layout import WORD_BYTES, size_of

NOTE_BYTES_MAX: Final = 4096
SNAPSHOTS_KEPT: Final = 2  # the newest may be of a state that nobody can rebuild any more: then there is one before it
_INPUT: Final = struct.Struct(f"<{size_of(Input) // WORD_BYTES}q")
_BUSY_MILLISECONDS: Final = 2000
_WAL_BYTES_KEPT: Final = 16 * 1024 * 1024
_FULL: Final = 2  # SQLite's number of it
_ROW: Final = "position, input, send_by_ns, digest, wall_ns"
_RESTORE: Final = "restore it from a copy"


@final
class JournalStore:
    """An open journal database. Every method raises a JournalError."""

    def __init__(self, path: Path, *, read_only: bool = False, vfs: str = "") -> None:
        """``vfs`` names a registered SQLite file system, for those who want to see or spoil every write."""
        self.path = str(path)
        self._fence = 0  # 0: this store has not been made the one writer, and nobody else's turn is checked
        if read_only:
            if not path.exists():
                raise JournalMissing(self.path, "there is no such file", "name the journal of a past session")
            flags = apsw.SQLITE_OPEN_READONLY
        else:
            flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        with translated(self.path):
            self._connection = apsw.Connection(self.path, flags=flags, vfs=vfs or None)
        try:
            with translated(self.path):
                self._prepare(read_only=read_only)
                self._version = self._number("PRAGMA user_version")
        except BaseException:
            self._connection.close(force=True)
            raise

    def _prepare(self, *, read_only: bool) -> None:
        self._connection.set_busy_timeout(_BUSY_MILLISECONDS)
        if read_only:
            self._number("SELECT count(*) FROM sqlite_master")  # reads the header: a foreign file is found here
            return
        self._all("PRAGMA journal_mode=WAL")
        self._all("PRAGMA synchronous=FULL")
        self._all(f"PRAGMA journal_size_limit={_WAL_BYTES_KEPT}")

    def _all(self, sql: str, values: tuple[SqlValue, ...] = ()) -> list[tuple[object, ...]]:
        return list(self._execute(sql, values))

    def _execute(self, sql: str, values: tuple[SqlValue, ...]) -> Iterator[tuple[object, ...]]:
        execute = cast("Execute", self._connection.execute)  # pyright: ignore[reportUnknownMemberType] # apsw's `Buffer`
        return execute(sql, values)

    def _number(self, sql: str) -> int:
        value = self._all(sql)[0][0]
        assert isinstance(value, int)
        return value

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self._all("BEGIN IMMEDIATE")
        try:
            yield
            self._all("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk has rolled it back already
                self._all("ROLLBACK")
            raise

    @property
    def is_empty(self) -> bool:
        """Whether the file has no table yet."""
        with translated(self.path):
            return self._number("SELECT count(*) FROM sqlite_master") == 0

    @property
    def is_synced(self) -> bool:
        """Whether a transaction that has returned survives the loss of power."""
        with translated(self.path):
            return self._number("PRAGMA synchronous") == _FULL

    def stop_syncing(self) -> None:
        """From now on it does not: for journals that can be made again, never for one of orders at a venue."""
        with translated(self.path):
            self._all("PRAGMA synchronous=OFF")

    @property
    def frames_in_log(self) -> int:
        """Frames of the write-ahead log that belong to whole transactions. Folds into the file what it may."""
        with translated(self.path):
            frames, _ = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            return frames

    def create(self, meta: JournalMeta) -> None:
        """Make the tables, in one transaction, and fold it into the file: no damaged log makes a journal look new."""
        with translated(self.path), self._transaction():
            self._all(f"PRAGMA application_id={APPLICATION_ID}")
            self._all(f"PRAGMA user_version={SCHEMA_VERSION}")
            for table in TABLES:
                self._all(table)
            for name, value in (
                ("tag", meta.tag),
                ("account", meta.account),
                ("created_ns", str(meta.created_ns)),
                ("input_layout", INPUT_LAYOUT),
                (FENCE, "0"),
                (TRADE_FLOOR, "0"),
            ):
                self._all("INSERT INTO meta VALUES (?, ?)", (name, value))
        self._version = SCHEMA_VERSION
        with translated(self.path):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def meta(self) -> JournalMeta:
        """What was fixed at creation. Raises JournalForeign for another program's or a later version's file."""
        with translated(self.path):
            application = self._number("PRAGMA application_id")
            if application != APPLICATION_ID:
                raise JournalForeign(self.path, "it is a database of another program", "name another file")
            if not FIRST_VERSION <= self._version <= SCHEMA_VERSION:
                raise JournalForeign(
                    self.path,
                    f"its schema is version `{self._version}`, not {FIRST_VERSION} to {SCHEMA_VERSION}",
                    "use the program that made it",
                )
            values = self._values()
        if values.get("input_layout") != INPUT_LAYOUT:
            raise JournalForeign(
                self.path, "its inputs have another layout", "use the version of the program that made it"
            )
        try:
            return JournalMeta(values["tag"], values["account"], int(values["created_ns"]))
        except (KeyError, ValueError) as error:
            raise JournalCorrupt(self.path, "its meta table is incomplete", _RESTORE) from error

    def _values(self) -> dict[str, str]:
        return {str(name): str(value) for name, value in self._all("SELECT name, value FROM meta")}

    def upgrade(self) -> int:
        """Make a journal of an older version one of this version, in one transaction; give the version it had."""
        found = self._version
        if found < SCHEMA_VERSION:
            with translated(self.path), self._transaction():
                upgrade(self._execute, lambda rows, notes: self._stored(0, rows, notes, "id"))
            self._version = SCHEMA_VERSION
        return found

    def limit_pages(self, pages: int) -> None:
        """Let the file grow to so many pages at most (a quota); beyond, writing raises JournalFull."""
        with translated(self.path):
            self._all(f"PRAGMA max_page_count={pages}")

    # --- writing ---------------------------------------------------------------------------------------------------

    def begin_writing(self) -> int:
        """Become the one writer: whoever wrote before can write no more. Gives the new fence."""
        with translated(self.path), self._transaction():
            fence = self._meta_number(FENCE) + 1
            self._all("UPDATE meta SET value = ? WHERE name = ?", (str(fence), FENCE))
        self._fence = fence
        return fence

    def _meta_number(self, name: str) -> int:
        found = self._all("SELECT value FROM meta WHERE name = ?", (name,))
        try:
            return int(str(found[0][0]))
        except (IndexError, ValueError) as error:
            raise JournalCorrupt(self.path, f"its meta table lacks `{name}`", _RESTORE) from error

    @contextmanager
    def _my_turn(self) -> Generator[None]:
        """A transaction of the one writer; refused as soon as there is a later one, whatever became of the locks."""
        with translated(self.path), self._transaction():
            newest = self._meta_number(FENCE) if self._fence else 0
            if newest != self._fence:
                raise JournalFenced(
                    self.path,
                    f"another runtime has taken it over (writer `{newest}`, this one is `{self._fence}`)",
                    "leave the account to that one; nothing was written",
                )
            yield

    def write(self, entries: Iterable[Entry]) -> None:
        """Append entries in one transaction, durable on return; on an error none of them is there."""
        with self._my_turn():
            for entry in entries:
                self.put(_packed(entry.row), entry.notes)
                if entry.snapshot is not None:
                    self.put_snapshot(entry.snapshot)

    def put(self, row: PackedRow, notes: tuple[Note, ...]) -> None:
        """Add a row inside a transaction."""
        for number, note in enumerate(notes):
            self._all(INSERT_NOTE, (row.position, number, *checked_note(note)))
        self._all(INSERT_ROW, (*row, row_checksum(row, notes)))

    def put_snapshot(self, snapshot: Snapshot) -> None:
        """Add a snapshot inside a transaction, and drop all but the newest few."""
        self._all("INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?)", (*snapshot, snapshot_checksum(snapshot)))
        self._all(
            "DELETE FROM snapshots WHERE position NOT IN"
            " (SELECT position FROM snapshots ORDER BY position DESC LIMIT ?)",
            (SNAPSHOTS_KEPT,),
        )

    def write_instrument(self, number: int, symbol: str) -> None:
        """Bind an instrument index to a symbol, once and for ever."""
        with self._my_turn():
            self._all("INSERT INTO instruments VALUES (?, ?)", (number, symbol))

    def write_migration(self, migration: Migration) -> None:
        """Record that an operator accepted a replay that differs."""
        with self._my_turn():
            self._all("INSERT OR REPLACE INTO migrations VALUES (?, ?, ?)", migration)

    def fill_from(self, damaged: "JournalStore", newest: int, trade_floor: int) -> None:
        """Take over everything of a damaged journal up to a row, in one transaction. This one must be empty."""
        self.create(damaged.meta())
        with translated(self.path), self._transaction():
            for number, symbol in damaged.instruments().items():
                self._all("INSERT INTO instruments VALUES (?, ?)", (number, symbol))
            migration = damaged.migration()
            if migration is not None and migration.position <= newest:
                self._all("INSERT INTO migrations VALUES (?, ?, ?)", migration)
            for row, notes in damaged.stored():
                if row.position > newest:
                    break
                self.put(row, notes)
                if row.position == newest:
                    break  # what lies behind cannot be read
            for name, value in ((FENCE, damaged.fence()), (TRADE_FLOOR, trade_floor)):
                self._all("UPDATE meta SET value = ? WHERE name = ?", (str(value), name))

    def raise_trade_floor(self, trade_floor: int) -> None:
        """Trade numbers up to this one may be spent: give out none of them."""
        with self._my_turn():
            self._all("UPDATE meta SET value = ? WHERE name = ?", (str(trade_floor), TRADE_FLOOR))

    # --- reading ---------------------------------------------------------------------------------------------------

    def fence(self) -> int:
        """How many writers there have been."""
        with translated(self.path):
            return self._meta_number(FENCE) if self._version > FIRST_VERSION else 0

    def trade_floor(self) -> int:
        """Up to which number trades may have been begun by rows that were lost; 0: none were."""
        with translated(self.path):
            return self._meta_number(TRADE_FLOOR) if self._version > FIRST_VERSION else 0

    def last_position(self) -> int:
        """Position of the newest row, 0 when there is none."""
        with translated(self.path):
            return self._number("SELECT coalesce(max(position), 0) FROM rows")

    def rows(self, after: int = 0) -> Iterator[Row]:
        """Every row after a position, oldest first. Raises JournalCorrupt at a gap or a row that is not as written."""
        return (row.unpacked() for row, _ in self.stored(after))

    def packed_rows(self, after: int = 0) -> Iterator[PackedRow]:
        """The same with the inputs as bytes."""
        return (row for row, _ in self.stored(after))

    def newest(self, kind: int) -> Row | None:
        """The last row whose input is of a kind."""
        with translated(self.path):
            found = self._all(
                "SELECT max(position) FROM rows WHERE substr(input, ?, ?) = ?",
                (KIND_AT + 1, WORD_BYTES, kind.to_bytes(WORD_BYTES, "little")),
            )
        position = found[0][0]
        return next(self.rows(position - 1)) if isinstance(position, int) else None

    def inputs(self, up_to: int) -> Iterator[bytes]:
        """The packed inputs of rows 1 to ``up_to`` and nothing else of them. Not checked: opening has done that."""
        with translated(self.path):
            for (data,) in self._execute("SELECT input FROM rows WHERE position <= ? ORDER BY position", (up_to,)):
                yield cast("bytes", data)

    def stored(self, after: int = 0) -> RowsWithNotes:
        """The same with the notes that became durable with each row."""
        return self._stored(after, "rows", "notes", "id" if self._version == FIRST_VERSION else "number")

    def _stored(self, after: int, rows: str, notes: str, order: str) -> RowsWithNotes:
        checksum = "x''" if self._version == FIRST_VERSION else "checksum"
        with translated(self.path):
            found = self._execute(
                f"SELECT {_ROW}, {checksum} FROM {rows} WHERE position > ? ORDER BY position",  # noqa: S608 - ours
                (after,),
            )
            beside = self._execute(
                f"SELECT position, trade, name, body FROM {notes} WHERE position > ? ORDER BY position, {order}",  # noqa: S608 - ours
                (after,),
            )
            note = next(beside, None)
            expected = after
            for *columns, checked in found:
                expected += 1
                mine: list[Note] = []
                while note is not None and note[0] == columns[0]:
                    mine.append(_note(note[1:]))
                    note = next(beside, None)
                yield self._checked(expected, tuple(columns), tuple(mine), checked), tuple(mine)
            if note is not None:
                raise JournalCorrupt(self.path, f"row `{note[0]}` is missing, its notes are there", _RESTORE)

    def _checked(
        self, expected: int, columns: tuple[object, ...], notes: tuple[Note, ...], checksum: object
    ) -> PackedRow:
        if columns[0] != expected:
            raise JournalCorrupt(self.path, f"row `{expected}` is missing", _RESTORE)
        row = packed_row(columns)
        if row is None:
            raise JournalCorrupt(self.path, f"row `{expected}` is malformed", _RESTORE)
        if self._version > FIRST_VERSION and row_checksum(row, notes) != checksum:
            raise JournalCorrupt(self.path, f"row `{expected}` or a note of it is not as it was written", _RESTORE)
        return row

    def is_intact(self, position: int) -> bool:
        """Whether one row can be read and is as it was written, whatever is around it."""
        try:
            with translated(self.path):
                found = self._all(f"SELECT {_ROW}, checksum FROM rows WHERE position = ?", (position,))  # noqa: S608 - ours
                notes = self._all("SELECT trade, name, body FROM notes WHERE position = ? ORDER BY number", (position,))
            if not found:
                return False
            self._checked(position, found[0][:-1], tuple(map(_note, notes)), found[0][-1])
        except JournalCorrupt:
            return False
        return True

    def notes(self, trade: int) -> list[Note]:
        """All notes of a trade, oldest first."""
        order = "id" if self._version == FIRST_VERSION else "number"
        with translated(self.path):
            found = self._all(
                f"SELECT trade, name, body FROM notes WHERE trade = ? ORDER BY position, {order}",  # noqa: S608 - ours
                (trade,),
            )
        return [_note(columns) for columns in found]

    def snapshots(self) -> list[Snapshot]:
        """Those that are as they were written, newest first. A damaged one is no loss: the rows are all there."""
        if self._version == FIRST_VERSION:
            return []
        sql = "SELECT position, made_by, outcome, state, past, checksum FROM snapshots ORDER BY position DESC"
        sound: list[Snapshot] = []
        with translated(self.path):
            for position, made_by, outcome, state, past, checksum in self._all(sql):
                if isinstance(position, int) and isinstance(outcome, bytes) and isinstance(state, bytes):
                    snapshot = Snapshot(position, str(made_by), outcome, state, str(past))
                    if snapshot_checksum(snapshot) == checksum:
                        sound.append(snapshot)
        return sound

    def instruments(self) -> dict[int, str]:
        """Index to symbol."""
        with translated(self.path):
            found = self._all("SELECT number, symbol FROM instruments ORDER BY number")
        return {int(str(number)): str(symbol) for number, symbol in found}

    def migration(self) -> Migration | None:
        """The newest accepted migration."""
        with translated(self.path):
            found = self._all("SELECT position, digest, wall_ns FROM migrations ORDER BY position DESC LIMIT 1")
        if not found:
            return None
        position, digest, wall_ns = found[0]
        assert isinstance(digest, bytes)
        return Migration(int(str(position)), digest, int(str(wall_ns)))

    def close(self) -> None:
        """Close; the last writer's close folds the write-ahead log into the file."""
        with translated(self.path):
            self._connection.close()


def _packed(row: Row) -> PackedRow:
    data = _INPUT.pack(*row.input[:-1], *row.input.ratios)  # as `layout.pack`, without finding out the shape each time
    return PackedRow(row.position, data, row.send_by_ns, row.digest, row.wall_ns)


def _note(columns: tuple[object, ...]) -> Note:
    trade, name, body = columns
    return Note(int(str(trade)), str(name), str(body))


def checked_note(note: Note) -> Note:
    """The note, if it is within bounds. Raises ValueError."""
    if len(note.body.encode()) > NOTE_BYTES_MAX:
        raise ValueError(f"note `{note.name}` of trade `{note.trade}`: longer than {NOTE_BYTES_MAX} bytes; shorten it")
    return note
