"""Journals, stores and a server of their own for tests of the analytics store."""

import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dita.adapters.clickhouse import AnalyticsStore, open_connection
from dita.adapters.journal import Entry
from dita.adapters.journal.records import JournalMeta
from dita.adapters.journal.store import JournalStore
from dita.kernel.binding import Kernel
from dita.kernel.loader import load_for_conformance
from dita.runtime.analytics.feeding import Feeder
from dita.runtime.analytics.parity import Parity, compare
from dita.runtime.cli_report import Reporter
from projected import TAG, Stored
from report_sessions import SYMBOL

_FRONT = Path(__file__).with_name("clickhouse_front.py")
_START_SECONDS = 60.0


def journal_of(path: Path, rows: Sequence[Stored], tag: str = TAG) -> Path:
    """A journal of these rows; more may be written later."""
    store = JournalStore(path)
    store.create(JournalMeta(tag, "paper", 1))
    for number in range(4):
        store.write_instrument(number, SYMBOL if number == 0 else f"C{number}-USDT")
    store.close()
    append(path, rows)
    return path


def append(path: Path, rows: Sequence[Stored]) -> None:
    """More of them."""
    store = JournalStore(path)
    store.write([Entry(row.unpacked(), notes) for row, notes in rows])
    store.close()


@contextmanager
def opened(where: str) -> Generator[AnalyticsStore]:
    """A store, prepared."""
    connection = open_connection(where)
    try:
        store = AnalyticsStore(connection)
        store.prepare()
        yield store
    finally:
        connection.close()


def written_twice(store: AnalyticsStore, family: str, which: str) -> None:
    """Write rows that are there once more. No merge may come and make them one before somebody looks."""
    store.connection.command(f"SYSTEM STOP MERGES {family}")
    store.connection.command(f"INSERT INTO {family} SELECT * FROM {family} {which}")  # noqa: S608 - a name of ours


def fed(journal: Path, store: AnalyticsStore, *, batch: int = 300) -> int:
    """Feed to the journal's end; how many rows the store took."""
    with Kernel(load_for_conformance()) as kernel:
        feeder = Feeder(journal, kernel, store, batch=batch)
        while feeder.advance():
            pass
        return feeder.put


def parity(journal: Path, store: AnalyticsStore) -> Parity:
    """Compare all of it."""
    with Kernel(load_for_conformance()) as kernel:
        return compare(journal, kernel, store, Reporter(), batch=200)


def everything(store: AnalyticsStore, tag: str = TAG) -> dict[str, Any]:
    """Every row of a journal, as it lies."""
    return {family: store.rows(family, tag, 0, 2**62) for family in store.counts(tag)}


@contextmanager
def front(folder: Path, port: int) -> Generator[subprocess.Popen[bytes]]:
    """The engine behind HTTP, in a process of its own."""
    process = subprocess.Popen([sys.executable, str(_FRONT), str(folder), str(port)])
    try:
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, "the front ended"
                assert time.monotonic() < until, "the front does not listen"
                time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait()
