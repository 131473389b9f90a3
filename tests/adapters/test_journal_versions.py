"""Journals of older versions, recorded by those versions, are read by this one and go on in it."""

import gzip
import hashlib
import json
from contextlib import suppress
from pathlib import Path
from unittest import mock

import pytest

from dita.adapters.journal import InlineCommit, Journal, JournalError, Row, open_journal, open_reader, schema
from dita.adapters.journal.records import PackedRow
from dita.adapters.journal.schema import SCHEMA_VERSION
from dita.adapters.journal.store import JournalStore
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.layout import pack
from dita.spec.state import State, initial_state
from dita.spec.vocabulary import Kind

RECORDED = Path(__file__).parent / "journals"
# A paper session of seven round trips with a rejection, an order of unknown fate and partial fills, closed in order.
ROWS, TRADES = 88, 7
FIXTURES = sorted(RECORDED.glob("version-*.sqlite.gz"))


def unpacked(fixture: Path, folder: Path) -> Path:
    path = folder / "journal.sqlite"
    path.write_bytes(gzip.decompress(fixture.read_bytes()))
    return path


def opened(path: Path) -> Journal:
    reader = open_reader(path)
    account = reader.meta.account
    reader.close()
    return open_journal(path, account=account, tag="other9", wall_ns=1, driver=InlineCommit)


def judged(rows: list[Row]) -> State:
    """The state behind the rows, by the reference alone; every row's digest is made anew and compared."""
    state = initial_state()
    for row in rows:
        state, outcome = step(state, row.input)
        assert hashlib.sha256(pack(row.input) + pack(outcome) + pack(state)).digest() == row.digest
    return state


def test_every_older_version_has_its_recording() -> None:
    """One file for each version before this one."""
    assert [path.name for path in FIXTURES] == [f"version-{n}.sqlite.gz" for n in range(1, SCHEMA_VERSION)]


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.name)
async def test_an_older_journal_is_read_as_it_is(fixture: Path, tmp_path: Path) -> None:
    """A reader finds every row, note and symbol, and changes no byte of the file."""
    path = unpacked(fixture, tmp_path)
    before = path.read_bytes()
    reader = open_reader(path)
    rows = list(reader.rows())
    assert len(rows) == reader.position == ROWS
    assert judged(rows).account.trade_high_water == TRADES
    assert reader.symbols == {0: "BTC-USDT", 1: "ETH-USDT"}
    assert [note.name for note in reader.notes(1)] == ["intent"]
    assert json.loads(reader.notes(1)[0].body)["symbol"] in reader.symbols.values()
    reader.close()
    assert path.read_bytes() == before


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.name)
async def test_an_older_journal_becomes_one_of_this_version_and_goes_on(fixture: Path, tmp_path: Path) -> None:
    """Opened for writing: the same rows, notes, tag and symbols, now with checksums that bite, and room for more."""
    path = unpacked(fixture, tmp_path)
    reader = open_reader(path)
    rows, meta, notes = list(reader.rows()), reader.meta, reader.notes(1)
    reader.close()
    journal = opened(path)
    assert (list(journal.rows()), journal.meta, journal.notes(1)) == (rows, meta, notes)
    await journal.append(Input(kind=Kind.WALLET), send_by_ns=0, digest=bytes(32), wall_ns=9)
    await journal.close()
    store = JournalStore(path)
    assert store.upgrade() == SCHEMA_VERSION
    assert all(store.is_intact(n) for n in range(1, ROWS + 2))
    assert not store.is_intact(ROWS + 2)
    assert judged(list(store.rows())[:ROWS]).account.trade_high_water == TRADES
    store.close()


async def test_an_upgrade_that_is_cut_off_has_not_happened(tmp_path: Path) -> None:
    """It fails at every row in turn: the file is still the older version's, whole, and the next opening upgrades it."""
    path = unpacked(FIXTURES[0], tmp_path)
    made = schema.row_checksum
    for row in range(1, ROWS + 1, 9):

        def failing(stored: PackedRow, *rest: object, last: int = row) -> bytes:
            if stored.position == last:
                raise JournalError("test", "planted", "go on")
            return made(stored)

        with mock.patch.object(schema, "row_checksum", failing), pytest.raises(JournalError, match="planted"):
            opened(path)
        store = JournalStore(path, read_only=True)
        assert len(list(store.rows())) == ROWS
        with suppress(JournalError):
            assert not store.is_intact(1)  # no checksum yet
        store.close()
    journal = opened(path)
    assert judged(list(journal.rows())).account.trade_high_water == TRADES
    await journal.close()
