"""``dita report``: what a session came to, from its journal."""

from collections.abc import Iterator
from pathlib import Path

from dita.adapters.journal import JournalReader, Note, Row, open_reader
from dita.runtime.cli_journal import replayed
from dita.runtime.cli_report import Report, Reporter
from dita.runtime.lockstep import Stepped
from dita.runtime.report.facts import Facts
from dita.runtime.report.figures import figures_of
from dita.runtime.report.page import write_page
from dita.runtime.report.tables import tables
from dita.runtime.settings import load_settings


def report(reporter: Reporter, *, journal: Path | None, last: int, html: Path | None) -> Report:
    """Replay a journal, also while a runtime writes it, and show what it comes to.

    Raises JournalError for one that is missing or damaged, ReplayRefused for one that does not replay to what it says,
    OSError when the page cannot be written. Then nothing is shown: half a journal has no result.
    """
    reader = open_reader(load_settings(journal=journal).journal)
    try:
        facts = read_facts(reader, reporter)
        figures = figures_of(facts)
        shown = tables(facts, figures, reader.path, last)
        if html is not None:
            page = write_page(facts, figures, reader.path, html)
            shown.append(f"page: {page}")
        return Report(figures.to_json() | {"trades": [one.to_json() for one in facts.trades.values()]}, (), shown)
    finally:
        reader.close()


def report_page(reporter: Reporter, *, journal: Path, folder: Path) -> Path:
    """The page alone; gives its path. Raises JournalError, ReplayRefused, OSError."""
    reader = open_reader(journal)
    try:
        facts = read_facts(reader, reporter)
        return write_page(facts, figures_of(facts), reader.path, folder)
    finally:
        reader.close()


def read_facts(reader: JournalReader, reporter: Reporter) -> Facts:
    """Every row through kernel and reference. Raises JournalError, ReplayRefused."""
    facts = Facts(dict(reader.symbols))
    notes: tuple[Note, ...] = ()

    def rows() -> Iterator[Row]:
        nonlocal notes
        for row, beside in reader.stored():
            notes = beside
            yield row.unpacked()

    def observe(row: Row, stepped: Stepped) -> None:
        facts.observe(row, stepped, notes)

    replayed(reader, reporter, observe, rows())
    return facts
