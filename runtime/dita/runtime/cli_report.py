"""How commands speak: progress on anything that takes a while, one table at the end, and the same as JSON."""

import json
import os
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final, Self, final

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

_LINE_SECONDS: Final = 10.0  # without a terminal, at most one line of progress in so many seconds

Figure = int | float | str


@final
class Reporter:
    """Progress for people: a bar on a terminal, now and then a line elsewhere. Everything goes to standard error."""

    def __init__(self) -> None:
        self.console = Console()
        self._errors = Console(stderr=True)
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._text = ""
        self._line_at = 0.0
        self._lock = Lock()

    def __enter__(self) -> Self:
        if self._errors.is_terminal:
            self._progress = Progress(
                SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                TimeElapsedColumn(), console=self._errors, transient=True,
            )  # fmt: skip
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def progress(self, text: str, done: int, total: int) -> None:
        """Say what is going on and how far; a total of 0 means nobody knows. From any thread."""
        with self._lock:
            self._show(text, done, total)

    def _show(self, text: str, done: int, total: int) -> None:
        if self._progress is not None:
            if self._task is None or text != self._text:
                if self._task is not None:
                    self._progress.remove_task(self._task)
                self._task = self._progress.add_task(text, total=total or None)
            self._progress.update(self._task, completed=done, total=total or None)
        elif text != self._text or time.monotonic() - self._line_at > _LINE_SECONDS:
            self._line_at = time.monotonic()
            self._errors.print(f"{text} {done}/{total}" if total else text, highlight=False)
        self._text = text

    def leave(self) -> None:
        """Take the bar away: the terminal belongs to somebody else from now on."""
        self.__exit__()

    def error(self, message: str) -> None:
        """What went wrong, on standard error."""
        self._errors.print(f"[bold red]error[/]: {escape(message)}", highlight=False, soft_wrap=True)


def escape(text: str) -> str:
    """Text that rich prints as it is."""
    return text.replace("[", "\\[")


def table(title: str, rows: Mapping[str, Figure] | Sequence[tuple[str, Figure]], headers: tuple[str, str]) -> Table:
    """Two columns: names left, values right."""
    made = Table(title=title, title_justify="left", header_style="bold")
    made.add_column(headers[0])
    made.add_column(headers[1], justify="right")
    for name, value in rows.items() if isinstance(rows, Mapping) else rows:
        made.add_row(name, escape(str(value)))
    return made


@dataclass(frozen=True, slots=True)
class Report:
    """What a command came to: stable figures, what failed, and what to print."""

    figures: Mapping[str, object]
    problems: Sequence[str] = ()
    show: Sequence[RenderableType] = ()


@final
class Outcome:
    """Writes down what a command came to and gives the exit status."""

    def __init__(self, command: str, reporter: Reporter, json_path: Path | None) -> None:
        self._command = command
        self._reporter = reporter
        self._json_path = json_path
        self._began = time.monotonic()

    def check_writable(self) -> None:
        """Find out before the work, not after it, that the figures can be written. Raises CommandError."""
        path = self._json_path
        if path is not None and (path.is_dir() or not os.access(path.resolve().parent, os.W_OK)):
            raise CommandError(f"--json: `{path}` cannot be written; name a file in a folder that is there")

    def finish(self, report: Report) -> int:
        """Print, write, and give the exit status: 0 without problems, else 1. Raises OSError."""
        for renderable in report.show:
            self._reporter.console.print(renderable, soft_wrap=isinstance(renderable, Text))  # its lines stay lines
        if self._json_path is not None:
            document = {
                "command": self._command,
                "ok": not report.problems,
                "seconds": round(time.monotonic() - self._began, 3),
                "figures": dict(report.figures),
            }
            self._json_path.write_text(json.dumps(document, indent=1) + "\n")
        for problem in report.problems:
            self._reporter.error(problem)
        return 1 if report.problems else 0


class CommandError(Exception):
    """The command cannot begin as it was given; the message says what to change."""


@contextmanager
def reporting() -> Generator[Reporter]:
    """A reporter for the length of a command."""
    with Reporter() as reporter:
        yield reporter
