"""The journal: what goes in comes out, in order, once; and whatever is wrong with a file has a name."""

import asyncio
import os
import random
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dita.adapters.journal import (
    GROUP_MAX,
    AccountInUse,
    AccountLock,
    GroupedCommit,
    InlineCommit,
    Journal,
    JournalCorrupt,
    JournalError,
    JournalForeign,
    JournalFull,
    JournalLocked,
    JournalMeta,
    JournalMissing,
    JournalReadOnly,
    Note,
    ThreadCommit,
    make_tag,
    open_journal,
    open_reader,
)
from dita.adapters.journal.commit import Commit
from dita.adapters.journal.records import Entry, Row
from dita.adapters.journal.schema import SCHEMA_VERSION
from dita.adapters.journal.store import JournalStore
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.vocabulary import Kind

Driver = Callable[[JournalStore], Commit]
DRIVERS: list[type[InlineCommit] | type[ThreadCommit]] = [InlineCommit, ThreadCommit]
META = JournalMeta("tag0", "paper", 1)


def journal_at(path: Path, driver: Driver = InlineCommit, account: str = "paper") -> Journal:
    return open_journal(path, account=account, tag="tag0", wall_ns=1, driver=driver)


def event(number: int) -> Input:
    return Input(kind=Kind.WALLET, amount=number, time_ns=number, ratios=(number,) * 8)


def digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


async def write_numbers(journal: Journal, count: int) -> None:
    waiting = [journal.append(event(n), send_by_ns=n, digest=digest(n), wall_ns=n) for n in range(1, count + 1)]
    await asyncio.gather(*waiting)


@pytest.mark.parametrize("driver", [*DRIVERS, GroupedCommit])
async def test_rows_come_back_in_the_order_of_the_calls(tmp_path: Path, driver: Driver) -> None:
    """All drivers keep every field and the order in which ``append`` was called, over a close and a new open."""
    journal = journal_at(tmp_path / "j", driver)
    await write_numbers(journal, 700)
    await journal.close()
    again = journal_at(tmp_path / "j", driver)
    rows = list(again.rows())
    assert rows == [Row(n, event(n), n, digest(n), n) for n in range(1, 701)]
    assert again.position == 700
    await again.close()


async def test_both_drivers_write_the_same_database(tmp_path: Path) -> None:
    """A second program (the standard library's sqlite3) reads the same tables from either driver's file."""
    dumps: list[list[object]] = []
    for driver in DRIVERS:
        path = tmp_path / driver.__name__
        journal = journal_at(path, driver)
        assert journal.instrument_number("BTC-USDT", 64) == 0
        assert journal.instrument_number("ETH-USDT", 64) == 1
        assert journal.instrument_number("BTC-USDT", 64) == 0
        note = Note(7, "intent", '{"why": "test"}')
        await journal.append(event(1), send_by_ns=9, digest=digest(1), wall_ns=5, notes=(note,))
        await journal.close()
        with sqlite3.connect(path) as other:
            tables = ("meta", "rows", "notes", "instruments", "migrations")
            dumps.append([other.execute(f"SELECT * FROM {table}").fetchall() for table in tables])  # noqa: S608 - names from above
    assert dumps[0] == dumps[1]
    assert dumps[0][2] == [(1, 0, 7, "intent", '{"why": "test"}')]


async def test_a_row_is_in_the_file_before_its_append_returns(tmp_path: Path) -> None:
    """A reader with its own connection sees a row as soon as its commit was awaited, and not a row that failed."""
    journal = journal_at(tmp_path / "j", ThreadCommit)
    reader = open_reader(tmp_path / "j")
    for n in range(1, 20):
        await journal.append(event(n), send_by_ns=0, digest=digest(n), wall_ns=n)
        assert reader.position == n
    reader.close()
    await journal.close()


async def test_a_second_writer_is_refused_by_name(tmp_path: Path) -> None:
    """While one runtime has the journal, another is refused JournalLocked; after its end it is let in."""
    first = journal_at(tmp_path / "j")
    with pytest.raises(JournalLocked, match="another runtime is writing it"):
        journal_at(tmp_path / "j")
    await write_numbers(first, 3)  # the refused one has not hurt the first
    await first.close()
    second = journal_at(tmp_path / "j")
    assert second.position == 3
    await second.close()


def test_a_second_runtime_of_the_account_is_refused_whatever_its_journal(tmp_path: Path) -> None:
    """AccountLock lets one holder in per account, other accounts beside it, and the next one after the first."""
    name = f"test-{tmp_path}"
    refused = pytest.raises(AccountInUse, match="another runtime on this machine")
    with AccountLock(name), AccountLock(name + "-other"), refused:
        AccountLock(name)
    AccountLock(name).close()


async def test_the_tag_is_fixed_at_creation(tmp_path: Path) -> None:
    """A later open keeps the first tag, so that every order ever sent can be attributed."""
    journal = journal_at(tmp_path / "j")
    await journal.close()
    again = open_journal(tmp_path / "j", account="paper", tag="other9", wall_ns=2, driver=InlineCommit)
    assert (again.meta.tag, again.meta.created_ns) == ("tag0", 1)
    await again.close()


def test_every_tag_makes_valid_order_ids() -> None:
    """10,000 random tags are accepted by the order id's own rules and differ from each other."""
    rng = random.Random(5)
    tags = [make_tag(rng) for _ in range(10_000)]
    assert len(set(tags)) == len(tags)
    assert all(client_order_id(tag, OrderKey(1, 0, 0)).startswith(tag) for tag in tags)


async def test_a_group_is_in_the_file_when_it_is_full_and_its_failure_is_final(tmp_path: Path) -> None:
    """A reader sees whole groups only; once one could not be written, no later entry counts as durable."""
    journal = journal_at(tmp_path / "j", GroupedCommit)
    await write_numbers(journal, GROUP_MAX + 5)
    assert open_reader(tmp_path / "j").position == GROUP_MAX
    await journal.close()
    assert open_reader(tmp_path / "j").position == GROUP_MAX + 5

    store = JournalStore(tmp_path / "other")
    store.create(META)
    commit = GroupedCommit(store)
    row = Row(1, event(1), 0, digest(1), 1)
    twice = [commit.commit(Entry(row)) for _ in range(GROUP_MAX)]  # one place twice: refused by the table
    assert [one.failure is None for one in twice] == [True] * (GROUP_MAX - 1) + [False]
    with pytest.raises(JournalError):
        await commit.commit(Entry(row))
    store.close()


async def test_a_journal_of_another_account_is_refused(tmp_path: Path) -> None:
    """One journal belongs to one account."""
    journal = journal_at(tmp_path / "j")
    await journal.close()
    with pytest.raises(JournalForeign, match="account `paper`, not `live`"):
        journal_at(tmp_path / "j", account="live")
    await journal_at(tmp_path / "j").close()  # and the refusal has left no lock


def garbage(path: Path) -> None:
    path.write_bytes(b"this is not a database, whatever its name says" * 100)


def other_program(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE notes (body TEXT)")


def other_version(path: Path) -> None:
    store = JournalStore(path)
    store.create(META)
    store.close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version=99")


def other_layout(path: Path) -> None:
    other_version(path)
    with sqlite3.connect(path) as other:
        other.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        other.execute("UPDATE meta SET value = 'x' WHERE name = 'input_layout'")


@pytest.mark.parametrize(
    ("spoil", "error", "says"),
    [
        (garbage, JournalCorrupt, "not a journal"),
        (other_program, JournalForeign, "another program"),
        (other_version, JournalForeign, "version `99`"),
        (other_layout, JournalForeign, "another layout"),
    ],
)
def test_a_file_that_is_no_journal_is_refused_and_left_alone(
    tmp_path: Path, spoil: Callable[[Path], None], error: type[JournalError], says: str
) -> None:
    """Writers and readers refuse a foreign file by name, and its bytes stay as they were."""
    path = tmp_path / "j"
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(error, match=says):
        journal_at(path)
    with pytest.raises(error, match=says):
        open_reader(path)
    if spoil is garbage:
        assert path.read_bytes() == before


async def filled(path: Path, count: int) -> None:
    journal = journal_at(path)
    await write_numbers(journal, count)
    await journal.close()


def test_places_where_no_journal_can_be(tmp_path: Path) -> None:
    """A missing folder, a folder instead of a file, a missing file to read: refused by name, nothing is made."""
    with pytest.raises(JournalReadOnly, match="does not exist"):
        journal_at(tmp_path / "no" / "j")
    (tmp_path / "folder").mkdir()
    with pytest.raises(JournalReadOnly):
        journal_at(tmp_path / "folder")
    with pytest.raises(JournalMissing):
        open_reader(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_a_read_only_place_is_refused(tmp_path: Path) -> None:
    """A user who may not write gets JournalReadOnly (asked in a child process that is nobody)."""
    path = tmp_path / "j"
    asyncio.run(filled(path, 1))
    above = [folder for folder in tmp_path.parents if folder.is_relative_to(tempfile.gettempdir())]
    for folder in (tmp_path, *above[:-1]):  # the test's own folders, up to the one they are all in
        folder.chmod(0o755)
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            journal_at(path)
        except JournalReadOnly:
            os._exit(42)
        except BaseException:  # noqa: BLE001 - a forked child must not run the parent's tests
            os._exit(43)
        os._exit(44)
    _, status = os.waitpid(pid, 0)
    tmp_path.chmod(0o755)
    assert os.waitstatus_to_exitcode(status) == 42


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_full_disk_is_named_and_final(tmp_path: Path, driver: Driver) -> None:
    """When SQLite says FULL, the append raises JournalFull, so does every later one, and no later row is written."""
    path = tmp_path / "j"
    stores: list[JournalStore] = []

    def keep(store: JournalStore) -> Commit:
        stores.append(store)
        return driver(store)

    journal = journal_at(path, keep)
    await write_numbers(journal, 5)
    stores[0].limit_pages(16)
    written = 5
    with pytest.raises(JournalFull, match="free disk space"):  # noqa: PT012 - the row at which it happens is not known
        for n in range(6, 2000):
            await journal.append(event(n), send_by_ns=0, digest=digest(n), wall_ns=n)
            written = n
    stores[0].limit_pages(1_000_000)
    with pytest.raises(JournalFull):
        await journal.append(event(1), send_by_ns=0, digest=digest(1), wall_ns=1)
    await journal.close()
    again = journal_at(path)
    assert [row.position for row in again.rows()] == list(range(1, written + 1))
    await again.close()


async def test_a_failed_group_leaves_no_part_behind(tmp_path: Path) -> None:
    """A transaction that fails at its last entry has written none of its entries."""
    store = JournalStore(tmp_path / "j")
    store.create(META)
    good = [Entry(Row(n, event(n), 0, digest(n), n)) for n in (1, 2)]
    with pytest.raises(JournalCorrupt):
        store.write([*good, Entry(Row(2, event(2), 0, digest(2), 2))])
    assert store.last_position() == 0
    store.write(good)
    assert store.last_position() == 2
    store.close()


async def test_a_note_that_is_too_long_takes_no_place(tmp_path: Path) -> None:
    """ValueError at once, and the next row follows without a gap."""
    journal = journal_at(tmp_path / "j")
    with pytest.raises(ValueError, match="longer than"):
        await journal.append(event(1), send_by_ns=0, digest=digest(1), wall_ns=1, notes=(Note(1, "why", "x" * 5000),))
    await write_numbers(journal, 2)
    assert [row.position for row in journal.rows()] == [1, 2]
    await journal.close()
