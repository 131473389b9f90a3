"""``dita doctor``: is everything there to run, and if not, what to do."""

import asyncio
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from enum import Enum
from random import Random
from typing import Final, NamedTuple

from rich.table import Table

from dita.adapters.bingx.clock import SystemClock
from dita.adapters.bingx.credentials import CredentialsError
from dita.adapters.journal import JournalError, JournalMissing, open_reader
from dita.kernel.image import IMAGE_PATH, ImageRefused
from dita.kernel.loader import LOAD_MILLISECONDS_MAX, load_certified, load_for_conformance
from dita.runtime.cli_report import Report, Reporter, escape
from dita.runtime.connect import Patience, StartError, connect, hosts_for, read_credentials
from dita.runtime.feeds import FeedError, open_feed
from dita.runtime.settings import Settings, load_settings
from dita.spec.certificate import CertificateRefused, Refusal

_PYTHON_NEEDED: Final = (3, 11)


class Health(Enum):
    """How a check ended. ABSENT: not there, and nothing is broken."""

    HELD = "ok"
    ABSENT = "absent"
    FAILED = "failed"


class Check(NamedTuple):
    """One check: what it found, and what to do next."""

    name: str
    health: Health
    found: str
    next_step: str = ""


def doctor(reporter: Reporter, *, options: dict[str, object]) -> Report:
    """Check everything. Raises SettingsError."""
    settings = load_settings(**options)
    checks: list[Check] = []
    probes = list(_probes(settings))
    for number, probe in enumerate(probes):
        reporter.progress("checking", number, len(probes))
        checks.append(probe())
    shown = Table(title="doctor", title_justify="left", header_style="bold")
    for header in ("check", "", "found", "next step"):
        shown.add_column(header)
    for check in checks:
        shown.add_row(check.name, check.health.value, escape(check.found), escape(check.next_step))
    counts = {health: sum(1 for check in checks if check.health is health) for health in Health}
    figures = {
        "checks": len(checks),
        "held": counts[Health.HELD],
        "absent": counts[Health.ABSENT],
        "failed": counts[Health.FAILED],
    }
    problems = [f"{check.name}: {check.found}; {check.next_step}" for check in checks if check.health is Health.FAILED]
    return Report(figures, problems, [shown])


def _probes(settings: Settings) -> Iterator[Callable[[], Check]]:
    yield _python
    yield _system
    yield lambda: _tool("cargo", "install Rust from https://rustup.rs; only building the kernel needs it")
    yield lambda: _tool("cc", "install a C compiler and Python's headers; only building the kernel needs them")
    yield lambda: _certificate(settings)  # before the image is asked for: what it takes includes mapping it
    yield _image
    yield lambda: _journal(settings)
    yield lambda: _recordings(settings)
    yield lambda: _exchange(settings)


def _python() -> Check:
    found = platform.python_version()
    if sys.version_info[:2] < _PYTHON_NEEDED:
        return Check("python", Health.FAILED, found, "install Python 3.11 or newer")
    return Check("python", Health.HELD, found)


def _system() -> Check:
    found = f"{platform.system()} {platform.machine()}"
    if platform.system() != "Linux":
        return Check("system", Health.FAILED, found, "use Linux: the kernel image is sealed with memfd_create")
    return Check("system", Health.HELD, found)


def _tool(name: str, advice: str) -> Check:
    path = shutil.which(name)
    return Check(name, Health.ABSENT, "not on the path", advice) if path is None else Check(name, Health.HELD, path)


def _image() -> Check:
    if not IMAGE_PATH.exists():
        return Check("kernel image", Health.ABSENT, f"{IMAGE_PATH} does not exist", "run `make build`")
    try:
        raw = load_for_conformance(IMAGE_PATH)
    except ImageRefused as error:
        return Check("kernel image", Health.FAILED, str(error), "run `make build`")
    return Check("kernel image", Health.HELD, f"sha256 {raw.image_sha256[:16]}, abi {raw.abi_version}")


def _certificate(settings: Settings) -> Check:
    try:
        began = time.perf_counter_ns()
        certified = load_certified(settings.certificate, trust=settings.trust)
        milliseconds = (time.perf_counter_ns() - began) / 1e6
    except CertificateRefused as error:
        health = Health.ABSENT if error.reason is Refusal.MISSING else Health.FAILED
        return Check("certificate", health, f"{error.reason.name}: {error.detail}", error.reason.value)
    except ImageRefused as error:
        return Check("certificate", Health.FAILED, str(error), "run `make build`, then `dita certify`")
    by = "signed" if certified.clearance.signed else "unsigned"
    took = f"loaded in {milliseconds:.1f} of {LOAD_MILLISECONDS_MAX} ms"
    return Check("certificate", Health.HELD, f"{settings.certificate}, tier {certified.statement.tier}, {by}, {took}")


def _journal(settings: Settings) -> Check:
    try:
        reader = open_reader(settings.journal)
    except JournalMissing:
        return Check("journal", Health.ABSENT, f"{settings.journal} does not exist", "the first `dita run` makes it")
    except JournalError as error:
        return Check("journal", Health.FAILED, error.reason, error.next_step)
    try:
        return Check(
            "journal", Health.HELD, f"{settings.journal}, {reader.position} rows, account {reader.meta.account}"
        )
    finally:
        reader.close()


def _recordings(settings: Settings) -> Check:
    if settings.recordings is None:
        return Check("recordings", Health.ABSENT, "DITA_RECORDINGS is not set", "set it to use --source recorded")
    try:
        next(open_feed("recorded", settings.symbols, recordings=settings.recordings))
    except FeedError as error:
        return Check("recordings", Health.FAILED, f"{error.source}: {error.reason}", error.next_step)
    return Check("recordings", Health.HELD, f"{settings.recordings}, {', '.join(settings.symbols)}")


def _exchange(settings: Settings) -> Check:
    if settings.exchange is None:
        return Check("exchange", Health.ABSENT, "none named", "a session makes its own, or give --exchange URL")
    try:
        return asyncio.run(_reach(settings))
    except (StartError, CredentialsError) as error:
        return Check("exchange", Health.FAILED, str(error), "start it, or correct URL and credentials")


async def _reach(settings: Settings) -> Check:
    credentials = read_credentials(settings.credentials, os.environ)
    hosts = hosts_for(str(settings.exchange))
    patience = Patience(settings.receive_window_ms, settings.reply_within_ms / 1000)
    connection = await connect(hosts, credentials, settings.symbols, SystemClock(), Random(0), patience)
    try:
        mode = connection.desk.mode.value
        return Check("exchange", Health.HELD, f"{hosts.rest}, {mode} mode, {', '.join(connection.desk.contracts)}")
    finally:
        await connection.aclose()
