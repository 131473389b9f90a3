"""What is looked at on this machine: system, kernel image, certificate, folders, lock, journal, recordings."""

import logging
import os
import platform
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from dita.adapters.clickhouse import AnalyticsError, open_connection
from dita.adapters.grid import GridError, open_grid
from dita.adapters.journal import JournalError, JournalMissing, is_held, open_reader, read_lease, read_switch
from dita.adapters.plane import PlaneError, Pulse
from dita.kernel.image import IMAGE_PATH, ImageRefused
from dita.kernel.loader import LOAD_MILLISECONDS_MAX, CertifiedKernel, load_certified, load_for_conformance
from dita.runtime.doctor.checks import Check, Health, Stage, fatal_from
from dita.runtime.feeds import FeedError, open_feed
from dita.runtime.publishing import read_snapshot, watch
from dita.runtime.settings import Settings
from dita.spec.certificate import CertificateRefused, Refusal
from dita.spec.published import PublishedError

_PYTHON_NEEDED: Final = (3, 11)
_ROOM_BYTES_MIN: Final = 64 * 2**20  # a journal writes a kilobyte a trade; below this the next hours are not safe
_ROOM_BYTES_GOOD: Final = 1024 * 2**20
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH

Probe = Callable[[], Check]


def system_probes(stage: Stage) -> Iterator[Probe]:
    """What needs no settings."""
    yield _python
    yield _system
    yield lambda: user(stage, os.getuid())
    yield lambda: tool("cargo", "install Rust from https://rustup.rs; only building the kernel needs it")
    yield lambda: tool("cc", "install a C compiler and Python's headers; only building the kernel needs them")


def state_probes(settings: Settings, stage: Stage, *, running: bool) -> Iterator[Probe]:
    """What the settings name. ``running``: a runtime is to be at work; else none may be."""
    certified: list[CertifiedKernel] = []
    yield lambda: _certificate(settings, stage, certified)  # before the image: what it takes includes mapping it
    yield lambda: _signature(settings, stage, certified)
    yield _image
    for folder in dict.fromkeys((settings.journal.parent, settings.out)):
        yield partial(state_folder, folder, stage)
        yield partial(room, folder)
    yield lambda: _lock(settings.journal, running=running)
    if running:
        yield lambda: _pulse(settings)
    yield lambda: _switch(settings.journal)
    yield lambda: _journal(settings.journal)
    yield lambda: _recordings(settings)
    if not running:
        yield lambda: _analytics(settings.analytics)
        yield lambda: hazelcast_check(settings)


def _python() -> Check:
    found = platform.python_version()
    if sys.version_info[:2] < _PYTHON_NEEDED:
        return Check("python", Health.FAIL, found, "install Python 3.11 or newer")
    return Check("python", Health.OK, found)


def _system() -> Check:
    found = f"{platform.system()} {platform.machine()}"
    if platform.system() != "Linux":
        return Check("system", Health.FAIL, found, "use Linux: the kernel image is sealed with memfd_create")
    return Check("system", Health.OK, found)


def user(stage: Stage, uid: int) -> Check:
    """Root can write everything; a runtime needs one folder."""
    if uid == 0:
        advice = "run it as a user of its own, as deploy/dita.service does"
        return Check("user", fatal_from(stage, Stage.LIVE), "root", advice)
    return Check("user", Health.OK, str(uid))


def tool(name: str, advice: str) -> Check:
    """A program that building needs and trading does not."""
    path = shutil.which(name)
    return Check(name, Health.WARN, "not on the path", advice) if path is None else Check(name, Health.OK, path)


def _image() -> Check:
    try:
        raw = load_for_conformance(IMAGE_PATH)
    except ImageRefused as error:
        return Check("kernel image", Health.FAIL, str(error), "run `make build`")
    return Check("kernel image", Health.OK, f"sha256 {raw.image_sha256[:16]}, abi {raw.abi_version}")


def _certificate(settings: Settings, stage: Stage, certified: list[CertifiedKernel]) -> Check:
    try:
        began = time.perf_counter_ns()
        certified.append(load_certified(settings.certificate, trust=settings.trust))
        milliseconds = (time.perf_counter_ns() - began) / 1e6
    except CertificateRefused as error:
        # On paper `dita run` makes the quick one by itself, but never in place of one that is damaged.
        missing = error.reason is Refusal.MISSING
        health = fatal_from(stage, Stage.VST) if missing and not settings.trust.signature_required else Health.FAIL
        return Check("certificate", health, f"{error.reason.name}: {error.detail}", error.reason.value)
    except ImageRefused as error:
        return Check("certificate", Health.FAIL, str(error), "run `make build`, then `dita certify`")
    tier = certified[0].statement.tier
    by = "signed" if certified[0].clearance.signed else "unsigned"
    found = f"{settings.certificate}, tier {tier}, {by}, loaded in {milliseconds:.1f} of {LOAD_MILLISECONDS_MAX} ms"
    if stage is Stage.LIVE and tier != "full":
        return Check("certificate", Health.WARN, found, "for money run `dita certify --tier full --sign KEY`")
    return Check("certificate", Health.OK, found)


def _signature(settings: Settings, stage: Stage, certified: list[CertifiedKernel]) -> Check:
    if stage is not Stage.LIVE:
        return Check("signature", Health.OK, f"not asked for at stage {stage}")
    if settings.profile != "live":
        advice = "set DITA_PROFILE=live and DITA_TRUSTED_KEYS to what `dita keygen` printed"
        return Check("signature", Health.FAIL, f"DITA_PROFILE is {settings.profile}", advice)
    if not certified or not certified[0].clearance.signed:
        return Check("signature", Health.FAIL, "no certificate signed by a trusted key", "dita certify --sign KEY")
    return Check("signature", Health.OK, f"by one of {len(settings.trusted_keys)} trusted keys")


def state_folder(folder: Path, stage: Stage) -> Check:
    """Journal and switch lie there: who may write it may halt the runtime, or lose its past."""
    name = f"state folder {folder}"
    if not folder.exists():
        around = next(parent for parent in folder.absolute().parents if parent.exists())
        if os.access(around, os.W_OK | os.X_OK):
            return Check(name, Health.WARN, "does not exist", f"the first `dita run` makes it in {around}")
        return Check(name, Health.FAIL, f"does not exist, and {around} cannot be written", f"make {folder}")
    info = folder.stat()
    if not stat.S_ISDIR(info.st_mode) or not os.access(folder, os.W_OK | os.X_OK):
        return Check(name, Health.FAIL, "cannot be written", "give it to this user, or name another (DITA_OUT)")
    found = f"mode {stat.S_IMODE(info.st_mode):04o}, user {info.st_uid}"
    if info.st_mode & _OTHERS_WRITE or info.st_uid != os.getuid():
        return Check(name, fatal_from(stage, Stage.LIVE), found, f"own it, and chmod go-w {folder}")
    return Check(name, Health.OK, found)


def room(folder: Path) -> Check:
    """What the disk has left."""
    name = f"room in {folder}"
    around = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(around).free
    found = f"{free // 2**20} MiB free"
    if free < _ROOM_BYTES_GOOD:
        return Check(name, Health.FAIL if free < _ROOM_BYTES_MIN else Health.WARN, found, "make room on this disk")
    return Check(name, Health.OK, found)


def _lock(journal: Path, *, running: bool) -> Check:
    holder = read_lease(journal)
    by = "somebody" if holder is None else str(holder)
    if is_held(journal):
        if running:
            return Check("runtime", Health.OK, f"{by} holds the journal")
        advice = "a second runtime would be refused: stop that one, or ask with --running"
        return Check("runtime", Health.FAIL, f"{by} holds the journal", advice)
    if running:
        return Check("runtime", Health.FAIL, "nobody holds the journal", "start it: `dita run`, or the service")
    return Check("runtime", Health.OK, "nobody holds the journal")


def _pulse(settings: Settings) -> Check:
    """Whether the process that holds the journal is at work, by what it publishes of itself."""
    if settings.plane == "off":
        advice = "nobody can tell whether it stands still: publish"
        return Check("pulse", Health.WARN, "DITA_PLANE is off", advice)
    try:
        with watch(settings.plane, settings.journal) as reader:
            seen = reader.look(time.monotonic_ns())
            health = read_snapshot(seen.packet.payload).health
    except (PlaneError, PublishedError) as error:
        return Check("pulse", Health.FAIL, str(error), "look at its log, and at `dita status`")
    found = f"{seen.pulse.value}, newest word {seen.age_ns / 1e9:.1f} s ago"
    wrong = [
        said
        for said, so in (
            ("fenced", health.is_fenced),
            ("its journal failed", not health.is_journal_sound),
            ("kernel and reference disagree", not health.is_in_lockstep),
            ("a stream is dark", not all(one.is_live for one in health.streams)),
        )
        if so
    ]
    if seen.pulse is not Pulse.LIVE or wrong:
        return Check("pulse", Health.FAIL, ", ".join((found, *wrong)), "see the runbook: halt it, or restart it")
    return Check("pulse", Health.OK, found)


def _switch(journal: Path) -> Check:
    switch = read_switch(journal)
    if switch is None:
        return Check("operator's switch", Health.OK, "not set")
    return Check(
        "operator's switch", Health.WARN, f"{switch.to.value}, {switch.why}", "nothing opens until `dita resume`"
    )


def _journal(path: Path) -> Check:
    try:
        reader = open_reader(path)
    except JournalMissing:
        return Check("journal", Health.WARN, f"{path} does not exist", "the first `dita run` makes it")
    except JournalError as error:
        return Check("journal", Health.FAIL, error.reason, error.next_step)
    try:
        count = sum(1 for _ in reader.packed_rows())  # each is held against its checksum
        return Check("journal", Health.OK, f"{path}, {count} rows, account {reader.meta.account}")
    except JournalError as error:
        return Check("journal", Health.FAIL, error.reason, error.next_step)
    finally:
        reader.close()


def _analytics(where: str) -> Check:
    """A projection that may lie elsewhere. Nothing waits for it, so its absence keeps no start back."""
    if not where.startswith(("http://", "https://")):
        return Check("analytics", Health.OK, f"in the folder {where}")
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)  # what it logs, it raises, too
    try:
        connection = open_connection(where, os.environ.get("CLICKHOUSE_PASSWORD", ""))
    except AnalyticsError as error:
        return Check("analytics", Health.WARN, error.reason, error.next_step)
    connection.close()
    return Check("analytics", Health.OK, where)


def hazelcast_check(settings: Settings) -> Check:
    """The cluster that `dita relay` fills, of which the same holds."""
    if not settings.hazelcast:
        return Check("hazelcast", Health.OK, "DITA_HAZELCAST is not set")
    members = ", ".join(settings.hazelcast)
    try:
        open_grid(list(settings.hazelcast), settings.hazelcast_cluster, None).close()
    except GridError as error:
        return Check("hazelcast", Health.WARN, f"{members}: {error}", "trading goes on without it")
    return Check("hazelcast", Health.OK, f"cluster {settings.hazelcast_cluster} at {members}")


def _recordings(settings: Settings) -> Check:
    if settings.recordings is None:
        health = Health.FAIL if settings.source == "recorded" else Health.OK
        return Check("recordings", health, "DITA_RECORDINGS is not set", "set it to use --source recorded")
    try:
        next(open_feed("recorded", settings.symbols, recordings=settings.recordings))
    except FeedError as error:
        return Check("recordings", Health.FAIL, f"{error.source}: {error.reason}", error.next_step)
    return Check("recordings", Health.OK, f"{settings.recordings}, {', '.join(settings.symbols)}")
