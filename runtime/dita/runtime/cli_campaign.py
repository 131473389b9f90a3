"""``dita conform --tier campaign`` and ``dita replay --trace``: long random campaigns, and what they found."""

import signal
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from dita.conformance.campaign_book import Subject, ranges
from dita.conformance.distribution import met_text
from dita.conformance.findings import kept, shown_again, told
from dita.conformance.long_campaign import CampaignReport, Here, Limits, run_long_campaign
from dita.conformance.oracle.load import compiled_oracle
from dita.conformance.under_test import CallerMemory, open_image
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import installed_bindings
from dita.runtime.cli_report import CommandError, Report, Reporter, table

HERE: Final = "here"
LOCAL: Final = "local"
SCHEMES: Final = ("tcp://", "tls://")


def campaign(
    reporter: Reporter, *, traces: int | None, minutes: float | None, cluster: str | None, compiled: bool
) -> Report:
    """Run until a limit is reached or somebody stops it, and judge everything that was ever counted on this image.

    Raises ImageRefused, BookRefused, ClusterRefused, OracleRefused, CommandError.
    """
    if compiled:
        compiled_oracle()  # once, before workers on this machine look for it
    subject = Subject.of(installed_bindings(open_image(IMAGE_PATH)))
    limits = Limits(traces, None if minutes is None else 60 * minutes, compiled=compiled)
    with _workers(cluster or LOCAL) as workers, _until_stopped() as stopped:
        report = run_long_campaign(workers, subject, limits, stopped.is_set, reporter.progress)
    return Report(report.figures, report.problems, _shown(report))


def _shown(report: CampaignReport) -> list[RenderableType]:
    book = report.book
    ended = "stopped by hand" if report.stopped else "done"
    seeds = ", ".join(f"{first}–{last}" for first, last in ranges(book.done)[:5]) or "none"
    shown: list[RenderableType] = [
        table(
            f"campaign, {ended}: {report.added} traces in {report.seconds:.0f} s", report.figures, ("total", "value")
        ),
        Text(f"seeds done: {seeds}; the book is {report.path}\n"),
        Text(f"what the random runs met\n\n{met_text(book.met)}\n"),
    ]
    if report.undeclared:
        names = "\n".join(report.undeclared)
        shown.append(Text(f"not in the matrix; `python -m dita.conformance.corpus SEED STEPS` adds them:\n{names}\n"))
    for known in book.divergences.values():
        path = kept(known.what, known.seed, known.trace)
        shown.append(Text(told(known.timeline, known.seed, path)))
    return shown


def _workers(cluster: str) -> Any:
    if cluster == HERE:
        return nullcontext(Here())
    if cluster != LOCAL and not cluster.startswith(SCHEMES):
        raise CommandError(f"--cluster: `{cluster}` is neither {LOCAL}, {HERE} nor an address like tcp://HOST:PORT")
    try:
        module = import_module("dita.conformance.cluster")
    except ModuleNotFoundError as problem:
        if (problem.name or "").startswith("dita"):
            raise
        message = f"--cluster: `{problem.name}` is not installed; install dita[campaign], or use --cluster {HERE}"
        raise CommandError(message) from problem
    return module.dask_workers(cluster)


@contextmanager
def _until_stopped() -> Generator[Event]:
    """Set when the user or the system asks to stop; asked a second time it stops at once."""
    stopped = Event()

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        if stopped.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def replay_trace(reporter: Reporter, *, trace: Path) -> Report:
    """Show a trace on kernel and reference. Raises ImageRefused, TraceError, OSError."""
    del reporter
    with trace.open(encoding="utf-8") as file:
        text, differs = shown_again(file, CallerMemory(open_image(IMAGE_PATH)))
    problems = [f"{trace}: kernel and reference differ"] if differs else []
    return Report({"divergences": int(differs)}, problems, [Text(text)])
