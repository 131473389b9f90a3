"""Sessions as processes of their own, against an exchange process that outlives them: started, killed, asked."""

import asyncio
import contextlib
import functools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Generator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import httpx

from dita.adapters.bingx.credentials import KEY_NAME, SECRET_NAME
from dita.adapters.journal import Entry, ThreadCommit
from dita.adapters.journal.store import JournalStore

KEY = "kill-test-key"
SECRET = "kill-test-secret-0123456789abcdef"
EXCHANGE_CONFIG = "exchange.json"
START_SECONDS = 30.0


@dataclass(frozen=True)
class ExchangeProcess:
    """A running exchange."""

    url: str
    pid: int

    def record(self) -> dict[str, Any]:
        """The exchange's own books of the account."""
        document = httpx.get(f"{self.url}/debug/record", timeout=10).json()
        accounts = cast("list[dict[str, Any]]", document["accounts"])
        return next(account for account in accounts if account["api_key"] == KEY)

    def faults_fired(self) -> dict[str, int]:
        """How often each planned kind of fault has happened."""
        return dict(httpx.get(f"{self.url}/debug/report", timeout=10).json()["faults_fired"])

    def open_position(self) -> int:
        """All position sides added up, 1e-8 coins."""
        return sum(abs(int(position["quantity"])) for position in self.record()["positions"])

    def open_orders(self) -> list[str]:
        """Client ids of orders that may still fill."""
        live = ("NEW", "PARTIALLY_FILLED")
        return [str(order["client_id"]) for order in self.record()["orders"] if order["status"] in live]


@contextlib.contextmanager
def exchange_process(folder: Path, *, interval_ms: int = 10, **config: object) -> Generator[ExchangeProcess]:
    """An exchange with a random market, ended at the end."""
    document = {
        "accounts": [{"api_key": KEY, "secret": SECRET}],
        "requests": {"rate_limits": False},
        "streams": {"snapshot_interval_ms": 0},
        "debug_record": True,
        **config,
    }
    (folder / EXCHANGE_CONFIG).write_text(json.dumps(document))
    port_file = folder / "port"
    child = subprocess.Popen(
        [
            sys.executable, "-m", "dita.adapters.exchange", "--config", str(folder / EXCHANGE_CONFIG),
            "--port-file", str(port_file), "--interval-ms", str(interval_ms),
        ]
    )  # fmt: skip
    try:
        until = time.monotonic() + START_SECONDS
        while not port_file.exists():
            assert child.poll() is None, "the exchange ended at once"
            assert time.monotonic() < until, "the exchange does not start"
            time.sleep(0.02)
        yield ExchangeProcess(f"http://127.0.0.1:{int(port_file.read_text())}", child.pid)
    finally:
        child.terminate()
        child.wait(timeout=20)


def files_with_secrets(folder: Path) -> list[str]:
    """Every file of a session that holds its key or its secret; the exchange's own configuration is none of them."""
    written = [path for path in folder.rglob("*") if path.is_file() and path.name != EXCHANGE_CONFIG]
    return [str(path) for path in written if any(one.encode() in path.read_bytes() for one in (KEY, SECRET))]


def forking() -> ForkServerContext:
    """Processes forked from one that has imported everything: a start costs milliseconds, and is a start."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["dita.runtime.cli", "dita.runtime.cli_session", "session_process"])
    return context


class StuckCommit:
    """A journal whose disk stops to answer at the first order: neither that row nor a later one is ever durable."""

    def __init__(self, store: JournalStore, marker: Path) -> None:
        """``marker`` is made when it stops."""
        self._inner = ThreadCommit(store)
        self._marker = marker
        self._stuck = False

    def commit(self, entry: Entry) -> Awaitable[None]:
        """See ``Commit``."""
        self._stuck = self._stuck or entry.row.send_by_ns != 0
        if not self._stuck:
            return self._inner.commit(entry)
        self._marker.touch()
        return asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        """See ``Commit``."""
        await self._inner.close()


class StallingCommit:
    """A journal that keeps the whole event loop, at one order after the other for so many seconds."""

    def __init__(self, store: JournalStore, stalls: Sequence[float]) -> None:
        self._inner = ThreadCommit(store)
        self._stalls = list(stalls)

    def commit(self, entry: Entry) -> Awaitable[None]:
        """See ``Commit``."""
        if entry.row.send_by_ns and self._stalls:
            time.sleep(self._stalls.pop(0))
        return self._inner.commit(entry)

    async def close(self) -> None:
        """See ``Commit``."""
        await self._inner.close()


def run_dita(
    folder: str,
    arguments: list[str],
    environment: dict[str, str],
    output: str,
    stuck: str = "",
    stalls: Sequence[float] = (),
) -> None:
    """In the child: ``dita`` with these arguments, its output in a file. See ``StuckCommit`` and ``StallingCommit``."""
    from dita.runtime.cli import main
    from dita.runtime.ground import MACHINE

    if stuck:
        object.__setattr__(MACHINE, "driver", functools.partial(StuckCommit, marker=Path(stuck)))  # of this child alone
    if stalls:
        object.__setattr__(MACHINE, "driver", functools.partial(StallingCommit, stalls=stalls))
    os.chdir(folder)
    os.environ.update(environment)
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.argv = ["dita", *arguments]
    main()


def session_arguments(exchange: ExchangeProcess, certificate: Path, folder: Path, round_trips: int) -> list[str]:
    """A session against that exchange, on a journal in the folder."""
    return [
        "run", "--exchange", exchange.url, "--certificate", str(certificate),
        "--journal", str(folder / "journal.sqlite"), "--round-trips", str(round_trips),
        "--json", str(folder / "session.json"),
    ]  # fmt: skip


# Short, so that what waits for the venue's clock to pass does not wait long.
QUICK = {
    KEY_NAME: KEY,
    SECRET_NAME: SECRET,
    "DITA_READ_LAG_MS": "0",
    "DITA_SEND_WITHIN_MS": "400",
    "DITA_RECEIVE_WINDOW_MS": "400",
    "DITA_SILENCE_MS": "600",
    "DITA_POSITION_INTERVAL_MS": "2000",
    "DITA_WALLET_INTERVAL_MS": "2000",
}


def start_session(
    context: ForkServerContext,
    exchange: ExchangeProcess,
    certificate: Path,
    folder: Path,
    round_trips: int,
    output: Path,
    *,
    reply_within_ms: int = 1000,
    stuck: str = "",
    stalls: Sequence[float] = (),
    more: Mapping[str, str] = MappingProxyType({}),
) -> BaseProcess:
    """Start a session that writes what it says to a file; for ``stuck`` and ``stalls`` see ``run_dita``."""
    arguments = session_arguments(exchange, certificate, folder, round_trips)
    own = {"DITA_REPLY_WITHIN_MS": str(reply_within_ms), "DITA_PLANE": str(folder)}
    environment = QUICK | own | dict(more)
    process = context.Process(
        target=run_dita, args=(str(folder), arguments, environment, str(output), stuck, tuple(stalls))
    )
    process.start()
    return process


def kill(process: BaseProcess) -> None:
    """SIGKILL, and wait for the end."""
    assert process.pid is not None
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    process.join(timeout=20)


def finish(process: BaseProcess, seconds: float) -> int | None:
    """Wait for the end; the exit status, or None when it had to be killed."""
    process.join(timeout=seconds)
    if process.exitcode is None:
        kill(process)
        return None
    return process.exitcode
