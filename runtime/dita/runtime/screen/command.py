"""``dita status`` on a terminal: what the runtime of a journal publishes, or the journal itself, until q."""

from pathlib import Path

from dita.adapters.bingx.clock import SystemClock
from dita.adapters.journal import is_held, open_reader
from dita.adapters.plane import place_of
from dita.kernel.binding import Kernel
from dita.kernel.loader import load_for_conformance
from dita.runtime.cli_report import CommandError, Report, Reporter
from dita.runtime.publishing import watch
from dita.runtime.screen.controls import sender
from dita.runtime.screen.journal_source import JournalSource
from dita.runtime.screen.live_source import LiveSource
from dita.runtime.settings import Settings, load_settings

try:
    from dita.runtime.screen.app import StatusApp
except ModuleNotFoundError as missing:
    raise CommandError(f"the screen needs a library ({missing}): pip install 'dita[screen]', or --plain") from missing


def status(reporter: Reporter, *, journal: Path | None, live: bool | None) -> Report:
    """Watch the runtime that writes the journal; a journal that was named and that nobody writes is gone through.

    ``live`` says which, whatever there is.

    Raises JournalError, ReplayRefused, SettingsError, CommandError.
    """
    settings = load_settings()
    path = watched_journal(settings) if journal is None else journal
    if live is None:
        live = journal is None or is_held(journal)
    if not live:
        _replay(reporter, path)
    elif settings.plane == "off":
        raise CommandError(
            "DITA_PLANE: `off` publishes nothing that could be watched; --replay goes through the journal"
        )
    else:
        base = settings.plane
        reporter.leave()
        source = LiveSource(lambda: watch(base, path), str(path), SystemClock())
        StatusApp(source, sender(lambda: place_of(base, path)), log=settings.out / "session.log").run()
        source.close()
    return Report({})


def watched_journal(settings: Settings) -> Path:
    """The settings' journal; while only a session on an exchange of its own is at work, that one's."""
    paper = settings.out / "paper" / "journal.sqlite"
    return paper if is_held(paper) and not is_held(settings.journal) else settings.journal


def _replay(reporter: Reporter, journal: Path) -> None:
    reader = open_reader(journal)
    try:
        with Kernel(load_for_conformance()) as kernel:
            source = JournalSource(reader, kernel)
            source.read(lambda done, total: reporter.progress("replaying", done, total))
            reporter.leave()
            StatusApp(source, None, source).run()
    finally:
        reader.close()
