"""``dita run``."""

import asyncio
import logging
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.table import Table

from dita.adapters.bingx.metrics import prometheus_text
from dita.adapters.journal import JournalError
from dita.adapters.logic.arithmetic import money_of_e18
from dita.adapters.logic.fees import Agreement
from dita.kernel.loader import CertifiedKernel
from dita.runtime.audit_page import write_audit_page
from dita.runtime.cli_report import CommandError, Report, Reporter, table
from dita.runtime.doors import certified_kernel
from dita.runtime.fees import FeeCheck
from dita.runtime.logs import logging_to
from dita.runtime.replay import ReplayRefused
from dita.runtime.report.command import report_page
from dita.runtime.session import SessionResult, check_input, money_text, run_session
from dita.runtime.settings import Settings, load_settings
from dita.runtime.simulation.ground import virtual_ground
from dita.spec.scales import NANOSECONDS_PER_SECOND

_METRICS: Final = "metrics.prom"  # what the adapter has counted, as Prometheus and its file collectors read it
_REPORTED_ROWS_MAX: Final = 50_000  # some seconds; of a longer session `dita report` makes one when asked


def run(reporter: Reporter, *, options: dict[str, object], accept_migration: bool) -> Report:
    """Run one session. Raises what is wrong with its input; then nothing was started."""
    settings = load_settings(**options)
    check_input(settings, reporter.progress)
    certified = _certified(settings, reporter)
    with logging_to(settings.out, settings.log_format) as log_path:
        began = time.monotonic()
        result = asyncio.run(_session(settings, certified, reporter, accept_migration=accept_migration))
        return _told(settings, result, time.monotonic() - began, reporter, log_path)


def backtest(reporter: Reporter, *, options: dict[str, object], transport: str = "stacks") -> Report:
    """The same session on virtual time, on an exchange of our own whose market waits for our orders.

    ``transport``: ``stacks`` (HTTP and websockets, in memory) or ``direct`` (calls).

    Raises what is wrong with its input, and CommandError for an exchange, which knows no virtual time, and for books,
    which only a stream tells.
    """
    settings = load_settings(**options, market="waits")
    if settings.exchange is not None:
        raise CommandError(f"DITA_EXCHANGE: `{settings.exchange}` has a time of its own; a backtest needs none")
    is_direct = transport == "direct"
    if is_direct and settings.book_levels:
        raise CommandError(
            f"DITA_BOOK_LEVELS: `{settings.book_levels}`: an exchange that is called tells no books; leave it 0, or use"
            " --transport stacks"
        )
    check_input(settings, reporter.progress)
    certified = _certified(settings, reporter)
    with logging_to(settings.out, settings.log_format) as log_path:
        began = time.monotonic()
        with virtual_ground(settings.seed, is_direct=is_direct) as (loop, ground):
            result = loop.run_until_complete(run_session(settings, certified, reporter.progress, ground=ground))
        return _told(settings, result, time.monotonic() - began, reporter, log_path)


def _told(settings: Settings, result: SessionResult, seconds: float, reporter: Reporter, log_path: Path) -> Report:
    report = _report(result, settings.out / "audit", reporter)
    page = write_audit_page(result, settings.out / "audit", seconds, report)
    (settings.out / _METRICS).write_text(prometheus_text(result.metrics), encoding="utf-8")
    shown = [*fee_table(result.fee_check), _decisions(result), _summary(result, page, report, log_path)]
    return Report(result.figures, result.problems, shown)


def _report(result: SessionResult, folder: Path, reporter: Reporter) -> Path | None:
    """The session's report as a page beside the audit page; None when its journal is too long, or cannot be read."""
    if result.journal_rows > _REPORTED_ROWS_MAX:
        return None
    try:
        return report_page(reporter, journal=result.journal, folder=folder)
    except (JournalError, ReplayRefused) as error:  # what became of the session is already among its problems
        logging.getLogger("dita").warning("no report: %s", error)
        return None


def _certified(settings: Settings, reporter: Reporter) -> CertifiedKernel:
    given = "certificate" in settings.model_fields_set

    def certify(path: Path) -> None:
        from dita.runtime.cli_checks import certify_quickly  # noqa: PLC0415 - what trades needs no judge, no solver

        certify_quickly(path, reporter.progress)

    return certified_kernel(settings.certificate, certify=None if given else certify, trust=settings.trust)


async def _session(
    settings: Settings, certified: CertifiedKernel, reporter: Reporter, *, accept_migration: bool
) -> SessionResult:
    stop, stop_now = asyncio.Event(), asyncio.Event()

    def told() -> None:
        (stop_now if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told)
    return await run_session(
        settings, certified, reporter.progress, accept_migration=accept_migration, stop=stop, stop_now=stop_now
    )


def _summary(result: SessionResult, page: Path, report: Path | None, log_path: Path) -> Table:
    rows: list[tuple[str, int | str]] = [*result.figures.items()]
    average = result.calibration.ratio_ppm
    rows[-1] = ("certificate", f"{result.figures['certificate']} ({result.certificate})")
    rows += [
        ("fees at the start", "not compared" if result.fee_check is None else result.fee_check.says),
        ("fees settled of predicted", f"{average / 10_000:.4f} % ({result.calibration.samples} halves)"),
        ("memory at a tenth", _mebibytes(result.memory.early)),
        ("memory at the end", _mebibytes(result.memory.end)),
        ("inputs in the journal", result.journal_rows),
        ("market", result.market),
        *result.assumptions,
        ("audit page", str(page)),
        ("report", f"dita report --journal {result.journal}" if report is None else str(report)),
        ("log", str(log_path)),
    ]
    return table("session", rows, ("figure", "value"))


def _decisions(result: SessionResult) -> Table:
    made = Table(title="decisions on entries", title_justify="left", header_style="bold")
    for header in ("who", "what"):
        made.add_column(header)
    made.add_column("count", justify="right")
    for who, what, count in result.decisions:
        made.add_row(who, what, str(count))
    return made


def fee_table(check: FeeCheck | None) -> list[Table]:
    """The fills that a start found doubtful or refused, with what each should have cost."""
    if check is None or check.agreement in (Agreement.NOTHING, Agreement.AGREES):
        return []
    made = Table(title="fees of recent fills, USDT", title_justify="left", header_style="bold")
    for name in ("time", "symbol", "role", "notional", "model", "charged"):
        made.add_column(name, justify="left" if name in ("time", "symbol", "role") else "right")
    for row, model_e18 in check.rows:
        moment = datetime.fromtimestamp(row.time_ns // NANOSECONDS_PER_SECOND, UTC)
        role = {True: "maker", False: "taker", None: "not said"}[row.is_maker]
        model = "not known" if model_e18 is None else _usdt(model_e18)
        made.add_row(
            f"{moment:%Y-%m-%d %H:%M:%S}", row.symbol, role, _usdt(row.price * row.quantity), model,
            _usdt(-row.commission_e18),
        )  # fmt: skip
    return [made]


def _usdt(amount_e18: int) -> str:
    return money_text(money_of_e18(amount_e18))


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count else "not reached"
