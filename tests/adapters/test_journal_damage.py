"""Damage: a journal is read as it was written, or without its end and with a report, or not at all; never otherwise."""

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest import mock

import pytest

from dita.adapters.journal import (
    NOTHING_MENDED,
    InlineCommit,
    Journal,
    JournalCorrupt,
    JournalError,
    JournalFenced,
    Note,
    Row,
    Snapshot,
    mending,
    open_journal,
    open_reader,
    store,
)
from dita.adapters.journal.mending import TRADES_SKIPPED
from dita.adapters.journal.records import PackedRow
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.vocabulary import Side

ROWS = 60
FLIPS = 250  # single wrong bits, each in a copy of one journal
NOTE = Note(7, "intent", '{"why": "test"}')


def event(number: int) -> Input:
    return inputs.enter(slot=0, instrument=0, trade=number, side=Side.LONG, quantity=5, price=9)


def expected(number: int) -> Row:
    return Row(number, event(number), number, number.to_bytes(32, "big"), number)


def opened(path: Path, account: str = "paper") -> Journal:
    return open_journal(path, account=account, tag="tag0", wall_ns=77, driver=InlineCommit)


def snapshot(position: int) -> Snapshot:
    return Snapshot(position, "me", b"o", bytes(3000), "{}")


async def written(path: Path, count: int = ROWS) -> None:
    """A journal with notes at every fifth row and two snapshots, closed."""
    journal = opened(path)
    for n in range(1, count + 1):
        notes = (NOTE,) if n % 5 == 0 else ()
        row = expected(n)
        await journal.append(
            row.input,
            send_by_ns=row.send_by_ns,
            digest=row.digest,
            wall_ns=row.wall_ns,
            notes=notes,
            snapshot=snapshot if n in (20, 40) else None,
        )
    await journal.close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "j"
    asyncio.run(written(path))
    return path


def content_of(name: str) -> bytes:
    return Path(name).read_bytes()


def remove(name: str) -> None:
    Path(name).unlink()


def copy_of(sound: Path, folder: Path) -> Path:
    path = folder / "j"
    for stale in folder.glob("j*"):
        stale.unlink()
    shutil.copy(sound, path)
    return path


def wounded(sound: Path, folder: Path, sql: str) -> Path:
    path = copy_of(sound, folder)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(sql)
    return path


TAIL_WOUNDS = {
    "input": "UPDATE rows SET input = zeroblob(352) WHERE position = 60",
    "malformed": "UPDATE rows SET input = x'00' WHERE position = 60",
    "send-by": "UPDATE rows SET send_by_ns = 1 WHERE position = 60",
    "digest": "UPDATE rows SET digest = zeroblob(32) WHERE position = 60",
    "wall": "UPDATE rows SET wall_ns = 1 WHERE position = 60",
    "checksum": "UPDATE rows SET checksum = zeroblob(8) WHERE position = 60",
    "note": "UPDATE notes SET body = '{}' WHERE position = 60",
    "note lost": "DELETE FROM notes WHERE position = 60",
    "note without its row": "DELETE FROM rows WHERE position = 60",
}


@pytest.mark.parametrize("wound", list(TAIL_WOUNDS))
async def test_a_damaged_end_is_cut_off_and_reported(sound: Path, tmp_path: Path, wound: str) -> None:
    """A column of the last row, or its note, is wrong: 59 rows remain, the file is kept, trade numbers are skipped."""
    path = wounded(sound, tmp_path, TAIL_WOUNDS[wound])
    found = path.read_bytes()
    journal = opened(path)
    assert list(journal.rows()) == [expected(n) for n in range(1, ROWS)]
    assert journal.mended.newest == ROWS - 1
    assert "row `60`" in journal.mended.what
    assert content_of(journal.mended.kept) == found
    assert journal.trade_floor == ROWS - 1 + TRADES_SKIPPED
    await journal.append(event(60), send_by_ns=0, digest=bytes(32), wall_ns=1)
    await journal.close()
    again = opened(path)
    assert again.mended == NOTHING_MENDED
    assert (again.position, again.trade_floor) == (ROWS, ROWS - 1 + TRADES_SKIPPED)
    await again.close()


async def test_an_unreadable_last_page_is_cut_off(sound: Path, tmp_path: Path) -> None:
    """The page of the last rows is noise, which SQLite itself cannot read: what is before it remains."""
    path = copy_of(sound, tmp_path)
    data = bytearray(path.read_bytes())
    at = data.rindex(event(ROWS - 1)._replace().trade.to_bytes(8, "little") + (0).to_bytes(8, "little"))
    page = at // 4096 * 4096
    data[page : page + 4096] = random.Random(1).randbytes(4096)
    path.write_bytes(data)
    journal = opened(path)
    kept = journal.position
    assert 0 < kept < ROWS
    assert list(journal.rows()) == [expected(n) for n in range(1, kept + 1)]
    assert journal.mended.newest == kept
    await journal.close()


@pytest.mark.parametrize(
    "wound",
    [
        "UPDATE rows SET wall_ns = 1 WHERE position = 30",
        "UPDATE rows SET input = x'00' WHERE position = 30",
        "UPDATE rows SET digest = x'00' WHERE position = 30",
        "DELETE FROM rows WHERE position = 30",
        "DELETE FROM rows WHERE position < 30",
        "UPDATE notes SET body = '' WHERE position = 30",
    ],
)
def test_a_damaged_middle_is_refused_with_the_way_out(sound: Path, tmp_path: Path, wound: str) -> None:
    """A row with sound rows behind it: no start, every byte left alone, and the message says how to proceed."""
    path = wounded(sound, tmp_path, wound)
    before = path.read_bytes()
    row = 1 if "<" in wound else 30
    with pytest.raises(JournalCorrupt, match=rf"row `{row}` .*`\d+` behind it is sound; .*dita flatten.*new one"):
        opened(path)
    assert path.read_bytes() == before
    reader = open_reader(path)
    with pytest.raises(JournalCorrupt, match=f"row `{row}`"):
        list(reader.rows())
    reader.close()


async def test_a_damaged_snapshot_costs_nothing(sound: Path, tmp_path: Path) -> None:
    """A wrong byte in a snapshot: that one is not offered, the other is, and no row is lost."""
    path = wounded(sound, tmp_path, "UPDATE snapshots SET state = zeroblob(2999) WHERE position = 40")
    journal = opened(path)
    assert [one.position for one in journal.snapshots()] == [20]
    assert (journal.position, journal.mended) == (ROWS, NOTHING_MENDED)
    await journal.close()


def flipped(sound: Path, folder: Path, rng: random.Random) -> Path:
    path = copy_of(sound, folder)
    data = bytearray(path.read_bytes())
    data[rng.randrange(100, len(data))] ^= 1 << rng.randrange(8)  # the first 100 bytes are SQLite's, tried elsewhere
    path.write_bytes(data)
    return path


async def wrong_readings(sound: Path, folder: Path, flips: int) -> tuple[list[str], int]:
    """Flip one bit at a time; what then reads as something that was never written, and how many lost their end."""
    rng = random.Random(6)
    wrong: list[str] = []
    refused = mended = 0
    for number in range(flips):
        path = flipped(sound, folder, rng)
        try:
            journal = opened(path)
        except JournalError:
            refused += 1
            continue
        try:
            rows = list(journal.rows())
        except JournalError as error:
            wrong.append(f"flip {number}: opened, then {error}")
            rows = []
        if rows != [expected(n) for n in range(1, len(rows) + 1)]:
            wrong.append(f"flip {number}: other rows")
        if len(rows) < ROWS:
            mended += 1
            if journal.mended == NOTHING_MENDED:
                wrong.append(f"flip {number}: {ROWS - len(rows)} rows gone without a word")
        await journal.close()
    assert refused > flips // 20
    return wrong, mended


async def test_one_wrong_bit_anywhere_is_never_read_as_something_else(sound: Path, tmp_path: Path) -> None:
    """250 single wrong bits: the rows are a beginning of those written, reported if shorter, or none are."""
    wrong, mended = await wrong_readings(sound, tmp_path, FLIPS)
    assert wrong == []
    assert mended > 0


async def test_without_checksums_wrong_bits_are_read(sound: Path, tmp_path: Path) -> None:
    """Planted: every checksum is believed. The same search finds rows that were never written."""

    def believed(self: object, number: int, columns: tuple[object, ...], *_: object) -> PackedRow:
        return PackedRow(*columns)  # type: ignore[arg-type] # the planted defect

    with mock.patch.object(store.JournalStore, "_checked", believed):
        wrong, _ = await wrong_readings(sound, tmp_path, FLIPS)
    assert any("other rows" in one for one in wrong)


# --- the write-ahead log ---------------------------------------------------------------------------------------------


async def unclosed(path: Path, folder: Path, count: int) -> Path:
    """The files of a journal whose process was killed: the rows are in its log."""
    journal = opened(path)
    for n in range(1, count + 1):
        await journal.append(event(n), send_by_ns=n, digest=expected(n).digest, wall_ns=n)
    left = folder / "left"
    left.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", left / f"j{suffix}")
    await journal.close()
    return left


def lost_without_a_word(left: Path, folder: Path, logs: Iterator[bytes], count: int) -> list[str]:
    """Start from each of these logs; every start that has fewer rows and says nothing of it, or has other rows."""
    wrong: list[str] = []
    for number, log in enumerate(logs):
        path = copy_of(left / "j", folder)
        Path(f"{path}-wal").write_bytes(log)
        reader = opened(path)
        rows = list(reader.rows())
        if rows != [expected(n) for n in range(1, len(rows) + 1)]:
            wrong.append(f"{number}: other rows")
        if len(rows) < count and reader.mended == NOTHING_MENDED:
            wrong.append(f"{number}: {count - len(rows)} rows gone without a word")
        if reader.mended != NOTHING_MENDED and reader.trade_floor < TRADES_SKIPPED:
            wrong.append(f"{number}: trade numbers of lost rows would be given out again")
    return wrong


def damaged_logs(log: bytes) -> Iterator[bytes]:
    """A wrong bit in every page, in every frame's header and in the log's own; noise instead of the last page."""
    rng = random.Random(9)
    for at in [*range(0, 32, 8), *range(32, len(log), 4120), *range(32 + 24, len(log), 4120)]:
        spoiled = bytearray(log)
        spoiled[at + rng.randrange(8)] ^= 1 << rng.randrange(8)
        yield bytes(spoiled)
    yield log[:-4096] + rng.randbytes(4096)


async def test_transactions_that_sqlite_drops_are_reported(tmp_path: Path) -> None:
    """A wrong bit anywhere in the log of a killed process: rows that are gone are reported, and their log is kept."""
    left = await unclosed(tmp_path / "j", tmp_path, 12)
    log = (left / "j-wal").read_bytes()
    (tmp_path / "again").mkdir()
    assert lost_without_a_word(left, tmp_path / "again", iter([log]), 12) == []
    assert lost_without_a_word(left, tmp_path / "again", damaged_logs(log), 12) == []
    assert any(path.name.endswith("-wal") and "damaged" in path.name for path in (tmp_path / "again").iterdir())


async def test_a_log_that_is_not_looked_at_loses_rows_in_silence(tmp_path: Path) -> None:
    """Planted: nobody counts what SQLite dropped. The same check finds rows gone without a word."""
    left = await unclosed(tmp_path / "j", tmp_path, 12)
    (tmp_path / "again").mkdir()
    with mock.patch.object(mending, "commit_frames", return_value=[]):
        wrong = lost_without_a_word(left, tmp_path / "again", damaged_logs((left / "j-wal").read_bytes()), 12)
    assert any("without a word" in one for one in wrong)


# --- the fence -------------------------------------------------------------------------------------------------------


async def second_writer(path: Path) -> tuple[Journal, Journal]:
    """Two writers of one journal: somebody removed the lock's file while the first had it."""
    first = opened(path)
    await first.append(event(1), send_by_ns=0, digest=bytes(32), wall_ns=1)
    remove(f"{path}.lock")
    return first, opened(path)


async def test_a_writer_that_the_lock_has_lost_is_fenced_off(tmp_path: Path) -> None:
    """The later writer writes; every write of the earlier one is refused by name, and nothing of it is in the file."""
    first, second = await second_writer(tmp_path / "j")
    assert second.fence == first.fence + 1
    with pytest.raises(JournalFenced, match=r"writer `2`, this one is `1`"):
        await first.append(event(99), send_by_ns=0, digest=bytes(32), wall_ns=1)
    await second.append(event(2), send_by_ns=0, digest=bytes(32), wall_ns=1)
    with pytest.raises(JournalFenced):
        await first.append(event(98), send_by_ns=0, digest=bytes(32), wall_ns=1)
    await second.close()
    await first.close()
    last = opened(tmp_path / "j")
    assert [row.input.trade for row in last.rows()] == [1, 2]
    await last.close()


async def test_without_the_fence_two_writers_write(tmp_path: Path) -> None:
    """Planted: nobody looks at the fence. The earlier writer's row is in the file, which the test above forbids."""
    with mock.patch.object(store.JournalStore, "begin_writing", return_value=0):
        first, second = await second_writer(tmp_path / "j")
    await first.append(event(99), send_by_ns=0, digest=bytes(32), wall_ns=1)
    assert [row.input.trade for row in second.rows()] == [1, 99]
    await second.close()
    await first.close()
