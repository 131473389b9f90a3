"""``dita flatten``: out of every position and order of the chosen symbols, whatever else is wrong."""

import asyncio
import os
from random import SystemRandom

from dita.adapters.bingx.clock import SystemClock
from dita.adapters.bingx.trading import FlattenReport
from dita.adapters.journal import AccountInUse, AccountLock, make_tag
from dita.runtime.cli_report import CommandError, Report, Reporter, escape, table
from dita.runtime.connect import Patience, account_name, connect, hosts_for, read_credentials
from dita.runtime.settings import Settings, load_settings


def flatten(reporter: Reporter, *, options: dict[str, object], rounds: int) -> Report:
    """Cancel and close until nothing is left. Raises CommandError, SettingsError, CredentialsError, StartError."""
    settings = load_settings(**options)
    if settings.exchange is None:
        raise CommandError("--exchange: not given; a session's own exchange ends with it, name the one to get flat on")
    report, warning = asyncio.run(_flatten(settings, reporter, rounds))
    figures = {
        "flat": int(report.is_flat),
        "rounds": report.rounds,
        "positions_left": len(report.remaining),
        "orders_left": len(report.open_orders),
    }
    problems = [] if report.is_flat else ["not flat: run it again, and look at the venue's own page"]
    notes = [escape(note) for note in (*report.notes, warning) if note]
    return Report(figures, problems, [table("flatten", figures, ("figure", "value")), *notes])


async def _flatten(settings: Settings, reporter: Reporter, rounds: int) -> tuple[FlattenReport, str]:
    credentials = read_credentials(settings.credentials, os.environ)
    hosts = hosts_for(str(settings.exchange))
    warning = ""
    try:
        AccountLock(account_name(hosts, credentials)).close()
    except AccountInUse:
        warning = "a runtime on this machine trades this account and may open again: stop it"
    rng = SystemRandom()
    patience = Patience(settings.receive_window_ms, settings.reply_within_ms / 1000)
    connection = await connect(hosts, credentials, settings.symbols, SystemClock(), rng, patience)
    try:
        reporter.progress(f"getting flat on {', '.join(settings.symbols)}", 0, 0)
        return await connection.closer.flatten(settings.symbols, f"{make_tag(rng)}-flat", rounds), warning
    finally:
        await connection.aclose()
