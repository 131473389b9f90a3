"""``dita run``."""

import asyncio
import signal
import time
from pathlib import Path

from rich.table import Table

from dita.kernel.loader import CertifiedKernel
from dita.runtime.audit_page import write_audit_page
from dita.runtime.cli_checks import certify_quickly
from dita.runtime.cli_report import Report, Reporter, table
from dita.runtime.doors import certified_kernel
from dita.runtime.session import SessionResult, check_input, run_session
from dita.runtime.settings import Settings, load_settings


def run(reporter: Reporter, *, options: dict[str, object], accept_migration: bool) -> Report:
    """Run one session. Raises what is wrong with its input; then nothing was started."""
    settings = load_settings(**options)
    check_input(settings, reporter.progress)
    certified = _certified(settings, reporter)
    began = time.monotonic()
    result = asyncio.run(_session(settings, certified, reporter, accept_migration=accept_migration))
    page = write_audit_page(result, settings.out / "audit", time.monotonic() - began)
    return Report(result.figures, result.problems, [_summary(result, page)])


def _certified(settings: Settings, reporter: Reporter) -> CertifiedKernel:
    given = "certificate" in settings.model_fields_set

    def certify(path: Path) -> None:
        certify_quickly(path, reporter.progress)

    return certified_kernel(settings.certificate, certify=None if given else certify)


async def _session(
    settings: Settings, certified: CertifiedKernel, reporter: Reporter, *, accept_migration: bool
) -> SessionResult:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return await run_session(settings, certified, reporter.progress, accept_migration=accept_migration, stop=stop)


def _summary(result: SessionResult, page: Path) -> Table:
    rows: list[tuple[str, int | str]] = [*result.figures.items()]
    rows[-1] = ("certificate", f"{result.figures['certificate']} ({result.certificate})")
    rows += [("market", result.market), ("audit page", str(page))]
    return table("session", rows, ("figure", "value"))
