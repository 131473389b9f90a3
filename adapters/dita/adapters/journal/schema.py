"""The journal's tables, their versions, and the checksum of a row.

Version 2 gave each row a checksum over itself and its notes, snapshots of the state, and two numbers in ``meta``:
``fence``, which rises with every writer, and ``trade_floor``, up to which trade numbers may be spent. Version 1 is read
as it is, and becomes version 2, in one transaction, when it is opened for writing.
"""

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from dita.adapters.journal.records import DIGEST_BYTES, Note, PackedRow, Snapshot
from dita.spec.inputs import Input
from dita.spec.layout import WORD_BYTES, size_of, word_names

APPLICATION_ID: Final = 0x44495441  # "DITA"
SCHEMA_VERSION: Final = 2
FIRST_VERSION: Final = 1
CHECKSUM_BYTES: Final = 8
KIND_AT: Final = word_names(Input).index("kind") * WORD_BYTES
TRADE_AT: Final = word_names(Input).index("trade") * WORD_BYTES
_INPUT_BYTES: Final = size_of(Input)
_NUMBERS: Final = struct.Struct("<3q")

# A journal of another input layout cannot be replayed; the hash names the layout.
INPUT_LAYOUT: Final = hashlib.sha256("\n".join(word_names(Input)).encode()).hexdigest()

FENCE: Final = "fence"
TRADE_FLOOR: Final = "trade_floor"

SqlValue = int | str | bytes
Execute = Callable[[str, tuple[SqlValue, ...]], Iterator[tuple[object, ...]]]

_ROWS: Final = """CREATE TABLE rows (position INTEGER PRIMARY KEY, input BLOB NOT NULL, send_by_ns INTEGER NOT NULL,
    digest BLOB NOT NULL, wall_ns INTEGER NOT NULL, checksum BLOB NOT NULL) STRICT"""
_NOTES: Final = """CREATE TABLE notes (position INTEGER NOT NULL, number INTEGER NOT NULL, trade INTEGER NOT NULL,
    name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (position, number)) STRICT, WITHOUT ROWID"""
_NOTES_BY_TRADE: Final = "CREATE INDEX notes_by_trade ON notes (trade)"
_SNAPSHOTS: Final = """CREATE TABLE snapshots (position INTEGER PRIMARY KEY, made_by TEXT NOT NULL,
    outcome BLOB NOT NULL, state BLOB NOT NULL, past TEXT NOT NULL, checksum BLOB NOT NULL) STRICT"""
TABLES: Final = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    _ROWS,
    _NOTES,
    _NOTES_BY_TRADE,
    "CREATE TABLE instruments (number INTEGER PRIMARY KEY, symbol TEXT NOT NULL UNIQUE) STRICT",
    "CREATE TABLE migrations (position INTEGER PRIMARY KEY, digest BLOB NOT NULL, wall_ns INTEGER NOT NULL) STRICT",
    _SNAPSHOTS,
)
INSERT_ROW: Final = "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)"
INSERT_NOTE: Final = "INSERT INTO notes VALUES (?, ?, ?, ?, ?)"


def row_checksum(row: PackedRow, notes: Iterable[Note] = ()) -> bytes:
    """Over every byte of a row and its notes, the row's place included."""
    checksum = hashlib.blake2b(_NUMBERS.pack(row.position, row.send_by_ns, row.wall_ns), digest_size=CHECKSUM_BYTES)
    checksum.update(row.input)
    checksum.update(row.digest)
    for note in notes:
        for text in (str(note.trade), note.name, note.body):
            part = text.encode()
            checksum.update(b"%d:%b" % (len(part), part))  # the length first, so that parts cannot flow together
    return checksum.digest()


def snapshot_checksum(snapshot: Snapshot) -> bytes:
    """Over every byte of a snapshot."""
    parts = (str(snapshot.position).encode(), snapshot.made_by.encode(), snapshot.outcome, snapshot.past.encode())
    checksum = hashlib.blake2b(snapshot.state, digest_size=CHECKSUM_BYTES)
    for part in parts:
        checksum.update(b"%d:%b" % (len(part), part))
    return checksum.digest()


def packed_row(values: tuple[object, ...]) -> PackedRow | None:
    """The row that these columns are, None when a type or a length cannot be right."""
    position, data, send_by_ns, digest, wall_ns = values
    if (
        isinstance(position, int)
        and isinstance(data, bytes)
        and isinstance(send_by_ns, int)
        and isinstance(digest, bytes)
        and isinstance(wall_ns, int)
        and len(data) == _INPUT_BYTES
        and len(digest) == DIGEST_BYTES
    ):
        return PackedRow(position, data, send_by_ns, digest, wall_ns)
    return None


RowsWithNotes = Iterator[tuple[PackedRow, tuple[Note, ...]]]


def upgrade(execute: Execute, read: Callable[[str, str], RowsWithNotes]) -> None:
    """Make version 2 of version 1, inside the caller's transaction. ``read`` gives the rows of two named tables."""

    def run(sql: str, *values: SqlValue) -> None:
        list(execute(sql, values))

    run("DROP INDEX notes_by_trade")
    for table in ("rows", "notes"):
        run(f"ALTER TABLE {table} RENAME TO {table}_1")
    for sql in (_ROWS, _NOTES, _NOTES_BY_TRADE, _SNAPSHOTS):
        run(sql)
    for row, notes in read("rows_1", "notes_1"):
        run(INSERT_ROW, *row, row_checksum(row, notes))
        for number, note in enumerate(notes):
            run(INSERT_NOTE, row.position, number, *note)
    for table in ("rows", "notes"):
        run(f"DROP TABLE {table}_1")
    for name in (FENCE, TRADE_FLOOR):
        run("INSERT INTO meta VALUES (?, '0')", name)
    run(f"PRAGMA user_version={SCHEMA_VERSION}")
