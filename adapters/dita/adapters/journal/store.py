"""The journal's tables and its SQL, synchronous; whoever drives it decides on which thread.

SQLite in WAL mode with ``synchronous=FULL``: a transaction that has returned survives the loss of power.
"""

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast, final

import apsw

from dita.adapters.journal.errors import JournalCorrupt, JournalForeign, JournalMissing, translated
from dita.adapters.journal.records import DIGEST_BYTES, Entry, JournalMeta, Migration, Note, Row
from dita.spec.inputs import Input
from dita.spec.layout import pack, unpack, word_names

APPLICATION_ID: Final = 0x44495441  # "DITA"
SCHEMA_VERSION: Final = 1
NOTE_BYTES_MAX: Final = 4096
_BUSY_MILLISECONDS: Final = 2000
_WAL_BYTES_KEPT: Final = 16 * 1024 * 1024

# A journal of another input layout cannot be replayed; the hash names the layout.
INPUT_LAYOUT: Final = hashlib.sha256("\n".join(word_names(Input)).encode()).hexdigest()

_TABLES: Final = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE rows (position INTEGER PRIMARY KEY, input BLOB NOT NULL, send_by_ns INTEGER NOT NULL,
    digest BLOB NOT NULL, wall_ns INTEGER NOT NULL) STRICT""",
    """CREATE TABLE notes (id INTEGER PRIMARY KEY, position INTEGER NOT NULL, trade INTEGER NOT NULL,
    name TEXT NOT NULL, body TEXT NOT NULL) STRICT""",
    "CREATE INDEX notes_by_trade ON notes (trade)",
    "CREATE TABLE instruments (number INTEGER PRIMARY KEY, symbol TEXT NOT NULL UNIQUE) STRICT",
    "CREATE TABLE migrations (position INTEGER PRIMARY KEY, digest BLOB NOT NULL, wall_ns INTEGER NOT NULL) STRICT",
)


SqlValue = int | str | bytes
_Execute = Callable[[str, tuple[SqlValue, ...]], Iterator[tuple[object, ...]]]


@final
class JournalStore:
    """An open journal database. Every method raises a JournalError."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = str(path)
        if read_only:
            if not path.exists():
                raise JournalMissing(self.path, "there is no such file", "name the journal of a past session")
            flags = apsw.SQLITE_OPEN_READONLY
        else:
            flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        with translated(self.path):
            self._connection = apsw.Connection(self.path, flags=flags)
        try:
            with translated(self.path):
                self._prepare(read_only=read_only)
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
        execute = cast("_Execute", self._connection.execute)  # pyright: ignore[reportUnknownMemberType] # apsw's `Buffer`
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

    def create(self, meta: JournalMeta) -> None:
        """Make the tables, in one transaction."""
        with translated(self.path), self._transaction():
            self._all(f"PRAGMA application_id={APPLICATION_ID}")
            self._all(f"PRAGMA user_version={SCHEMA_VERSION}")
            for table in _TABLES:
                self._all(table)
            for name, value in (
                ("tag", meta.tag),
                ("account", meta.account),
                ("created_ns", str(meta.created_ns)),
                ("input_layout", INPUT_LAYOUT),
            ):
                self._all("INSERT INTO meta VALUES (?, ?)", (name, value))

    def meta(self) -> JournalMeta:
        """What was fixed at creation. Raises JournalForeign for another program's or version's file."""
        with translated(self.path):
            application, version = self._number("PRAGMA application_id"), self._number("PRAGMA user_version")
            if application != APPLICATION_ID:
                raise JournalForeign(self.path, "it is a database of another program", "name another file")
            if version != SCHEMA_VERSION:
                raise JournalForeign(
                    self.path,
                    f"its schema is version `{version}`, not {SCHEMA_VERSION}",
                    "use the program that made it",
                )
            values = {str(name): str(value) for name, value in self._all("SELECT name, value FROM meta")}
        if values.get("input_layout") != INPUT_LAYOUT:
            raise JournalForeign(
                self.path, "its inputs have another layout", "use the version of the program that made it"
            )
        try:
            return JournalMeta(values["tag"], values["account"], int(values["created_ns"]))
        except (KeyError, ValueError) as error:
            raise JournalCorrupt(self.path, "its meta table is incomplete", "restore it from a copy") from error

    def limit_pages(self, pages: int) -> None:
        """Let the file grow to so many pages at most (a quota); beyond, writing raises JournalFull."""
        with translated(self.path):
            self._all(f"PRAGMA max_page_count={pages}")

    # --- writing ---------------------------------------------------------------------------------------------------

    def write(self, entries: Iterable[Entry]) -> None:
        """Append entries in one transaction, durable on return; on an error none of them is there."""
        with translated(self.path), self._transaction():
            for row, notes in entries:
                self._all(
                    "INSERT INTO rows VALUES (?, ?, ?, ?, ?)",
                    (row.position, pack(row.input), row.send_by_ns, row.digest, row.wall_ns),
                )
                for note in notes:
                    self._all(
                        "INSERT INTO notes (position, trade, name, body) VALUES (?, ?, ?, ?)",
                        (row.position, note.trade, note.name, checked_note(note).body),
                    )

    def write_instrument(self, number: int, symbol: str) -> None:
        """Bind an instrument index to a symbol, once and for ever."""
        with translated(self.path), self._transaction():
            self._all("INSERT INTO instruments VALUES (?, ?)", (number, symbol))

    def write_migration(self, migration: Migration) -> None:
        """Record that an operator accepted a replay that differs."""
        with translated(self.path), self._transaction():
            self._all("INSERT OR REPLACE INTO migrations VALUES (?, ?, ?)", migration)

    # --- reading ---------------------------------------------------------------------------------------------------

    def last_position(self) -> int:
        """Position of the newest row, 0 when there is none."""
        with translated(self.path):
            return self._number("SELECT coalesce(max(position), 0) FROM rows")

    def rows(self, after: int = 0) -> Iterator[Row]:
        """Every row after a position, oldest first. Raises JournalCorrupt at a gap or a malformed row."""
        with translated(self.path):
            expected = after + 1
            for position, data, send_by_ns, digest, wall_ns in self._execute(
                "SELECT position, input, send_by_ns, digest, wall_ns FROM rows WHERE position > ? ORDER BY position",
                (after,),
            ):
                if position != expected:
                    raise JournalCorrupt(self.path, f"row `{expected}` is missing", "restore it from a copy")
                expected += 1
                yield self._row(position, data, send_by_ns, digest, wall_ns)

    def _row(self, position: object, data: object, send_by_ns: object, digest: object, wall_ns: object) -> Row:
        try:
            assert isinstance(position, int)
            assert isinstance(send_by_ns, int)
            assert isinstance(wall_ns, int)
            assert isinstance(data, bytes)
            assert isinstance(digest, bytes)
            assert len(digest) == DIGEST_BYTES
            return Row(position, unpack(Input, data), send_by_ns, digest, wall_ns)
        except (AssertionError, ValueError) as error:
            raise JournalCorrupt(self.path, f"row `{position}` is malformed", "restore it from a copy") from error

    def notes(self, trade: int) -> list[Note]:
        """All notes of a trade, oldest first."""
        with translated(self.path):
            found = self._all("SELECT name, body FROM notes WHERE trade = ? ORDER BY id", (trade,))
        return [Note(trade, str(name), str(body)) for name, body in found]

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


def checked_note(note: Note) -> Note:
    """The note, if it is within bounds. Raises ValueError."""
    if len(note.body.encode()) > NOTE_BYTES_MAX:
        raise ValueError(f"note `{note.name}` of trade `{note.trade}`: longer than {NOTE_BYTES_MAX} bytes; shorten it")
    return note
