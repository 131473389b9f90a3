"""``dita status`` on a terminal."""

from pathlib import Path

from dita.adapters.journal import open_reader
from dita.kernel.binding import Kernel
from dita.kernel.loader import load_for_conformance
from dita.runtime.cli_report import CommandError, Report, Reporter
from dita.runtime.screen.journal_source import JournalSource

try:
    from dita.runtime.screen.app import StatusApp
except ModuleNotFoundError as missing:
    raise CommandError(f"the screen needs a library ({missing}): pip install 'dita[screen]', or --plain") from missing


def status(reporter: Reporter, *, journal: Path | None) -> Report:
    """Show a journal, or what the runtime of the settings' journal publishes, until q. Raises JournalError."""
    assert journal is not None
    return _replay(reporter, journal)


def _replay(reporter: Reporter, journal: Path) -> Report:
    reader = open_reader(journal)
    try:
        with Kernel(load_for_conformance()) as kernel:
            source = JournalSource(reader, kernel)
            source.read(lambda done, total: reporter.progress("replaying", done, total))
            reporter.leave()
            StatusApp(source, None, source).run()
    finally:
        reader.close()
    return Report({})
