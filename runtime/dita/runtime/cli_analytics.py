"""``dita analytics`` and ``dita query``: the analytics store, made of a journal, and questions to it."""

import logging
import os
import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.table import Table

from dita.adapters.clickhouse import AnalyticsStore, Answer, open_connection
from dita.adapters.journal import open_reader
from dita.kernel.binding import Kernel
from dita.kernel.loader import load_for_conformance
from dita.runtime.analytics.feeding import Feeder, Patience, keep_up
from dita.runtime.analytics.parity import compare
from dita.runtime.analytics.questions import QUESTIONS
from dita.runtime.cli_report import CommandError, Figure, Report, Reporter, escape, table
from dita.runtime.settings import load_settings

_IDLE_SECONDS = 0.2
_ROWS_SHOWN = 200


@contextmanager
def _store(where: str | None) -> Generator[AnalyticsStore]:
    """The store that the settings name, prepared. Its password is in CLICKHOUSE_PASSWORD."""
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)  # what it logs, it raises, too
    connection = open_connection(
        load_settings(analytics=where).analytics, os.environ.get("CLICKHOUSE_PASSWORD", "")
    )  # fmt: skip
    try:
        store = AnalyticsStore(connection)
        store.prepare()
        yield store
    finally:
        connection.close()


def rebuild(reporter: Reporter, *, journal: Path | None, store: str | None) -> Report:
    """Forget the journal's rows and make them again. Raises AnalyticsError, JournalError, ReplayRefused."""
    path = load_settings(journal=journal).journal
    with _store(store) as analytics, Kernel(load_for_conformance()) as kernel:
        feeder = Feeder(path, kernel, analytics)
        analytics.wipe(feeder.tag)
        began = time.perf_counter()
        cpu_began = time.process_time()
        while feeder.advance():
            reporter.progress("making rows", feeder.position, 0)
        seconds = time.perf_counter() - began
        figures: dict[str, Figure] = {
            "journal_rows": feeder.position,
            "rows": feeder.put,
            "rows_per_second": int(feeder.put / seconds) if seconds > 0 else 0,
            "cpu_seconds": round(time.process_time() - cpu_began, 3),
        }
        figures |= analytics.counts(feeder.tag)
        return Report(figures, (), [table(f"analytics of {path} in {analytics.where}", figures, ("what", "value"))])


def follow(reporter: Reporter, *, journal: Path | None, store: str | None, once: bool = False) -> Report:
    """Take in what the journal has beyond the store, until told to end, or once up to its end.

    While the store is away the journal waits. Raises AnalyticsError, JournalError, ReplayRefused, JournalCut.
    """
    path = load_settings(journal=journal).journal
    stop = threading.Event()

    def told(_: int, __: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)
    with _store(store) as analytics, Kernel(load_for_conformance()) as kernel:
        feeder = Feeder(path, kernel, analytics)

        def idle() -> None:
            if once:
                stop.set()
            stop.wait(_IDLE_SECONDS)

        def until() -> bool:
            if feeder.position:
                reporter.progress("following", feeder.position, 0)
            return stop.is_set()

        keep_up(
            feeder, until=until, idle=idle, patience=Patience(stop.wait),
            away=lambda error: reporter.error(str(error)),
        )  # fmt: skip
        figures: dict[str, Figure] = {"journal_rows": feeder.position, "rows": feeder.put}
        return Report(figures, (), [table(f"analytics of {path} in {analytics.where}", figures, ("what", "value"))])


def check(reporter: Reporter, *, journal: Path | None, store: str | None) -> Report:
    """Make every row again and compare; a difference is a problem.

    Raises AnalyticsError, JournalError, ReplayRefused.
    """
    path = load_settings(journal=journal).journal
    with _store(store) as analytics, Kernel(load_for_conformance()) as kernel:
        found = compare(path, kernel, analytics, reporter)
        figures: dict[str, Figure] = {"journal_rows": found.to, "behind": found.behind, **found.rows}
        problems = list(found.differences)
        if found.to == 0:
            problems.append("the store has nothing of this journal: `dita analytics rebuild`")
        return Report(figures, problems, [table(f"rows of {path} compared", figures, ("what", "value"))])


def query(reporter: Reporter, *, question: str, journal: Path | None, store: str | None) -> Report:
    """Ask by name, or in SQL. Rows that a newer one of the same key replaces are not seen. Raises AnalyticsError."""
    reporter.progress("asking", 0, 0)
    named = QUESTIONS.get(question)
    if named is None and " " not in question.strip():
        known = ", ".join(f"{name} ({one.about})" for name, one in QUESTIONS.items())
        raise CommandError(f"`{question}`: no question of this name, and no SQL; known are {known}")
    with _store(store) as analytics:
        parameters = {} if named is None else {"tag": _tag(journal)}
        answer = analytics.connection.ask(question if named is None else named.sql, parameters, final=True)
    return Report({"rows": len(answer.rows)}, (), [_shown(question if named is None else named.about, answer)])


def _tag(journal: Path | None) -> str:
    reader = open_reader(load_settings(journal=journal).journal)
    try:
        return reader.meta.tag
    finally:
        reader.close()


def _shown(title: str, answer: Answer) -> Table:
    shown = Table(title=escape(title), title_justify="left", header_style="bold")
    for name in answer.names:
        shown.add_column(escape(name), overflow="fold")
    for row in answer.rows[:_ROWS_SHOWN]:
        shown.add_row(*(escape("" if value is None else str(value)) for value in row))
    if len(answer.rows) > _ROWS_SHOWN:
        shown.caption = f"{_ROWS_SHOWN} of {len(answer.rows)} rows"
    return shown
