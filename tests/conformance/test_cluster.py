"""Campaigns on a cluster: a killed worker loses nothing, nobody listens outside, and stopping by hand is clean."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command import DITA
from dita.conformance.campaign_book import Subject, read_book
from dita.conformance.cluster import ClusterRefused, DaskWorkers, dask_workers
from dita.conformance.floors import NO_FLOORS
from dita.conformance.long_campaign import CampaignReport, Here, Limits, run_long_campaign
from dita.kernel.loader import RawKernel, installed_bindings

SHARDS, RUNS = 6, 8


def campaign(raw: RawKernel, workers: Any, folder: Path, stopped: Any) -> CampaignReport:
    """A small campaign without floors."""
    subject = Subject.of(installed_bindings(raw))
    limits = Limits(SHARDS * RUNS, shard_runs=RUNS)
    return run_long_campaign(workers, subject, limits, stopped, folder=folder, floors=NO_FLOORS)


def listening(pids: list[int]) -> set[str]:
    """Local addresses, in hexadecimal, of the sockets on which these processes listen."""
    links = [link for pid in pids for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    sockets = {str(link.readlink()) for link in links}
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets}


def children(pid: int) -> list[int]:
    """All descendants of a process."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    found = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return found + [deeper for child in found for deeper in children(child)]


def commands_of(pid: int) -> bytes:
    """The command line of a process; empty for one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


@pytest.mark.unmeasured
@pytest.mark.timeout(240)
def test_a_killed_worker_loses_nothing_and_nothing_is_counted_twice(raw_kernel: RawKernel, tmp_path: Path) -> None:
    """With SIGKILL in the middle of a shard the totals are exactly those of one process; all sockets are loopback."""
    with dask_workers("local") as workers:
        assert workers.size == 2
        client = workers.client
        pids: dict[str, int] = client.run(os.getpid)
        killed: list[int] = []

        def kill_once() -> bool:
            busy = [address for address, keys in client.processing().items() if keys]
            if not killed and busy:
                killed.append(pids[busy[0]])
                os.kill(killed[0], signal.SIGKILL)
            return False

        addresses = listening([os.getpid(), *pids.values()])
        report = campaign(raw_kernel, workers, tmp_path / "cluster", kill_once)
        after = set(client.run(os.getpid).values())
    alone = campaign(raw_kernel, Here(), tmp_path / "alone", lambda: False)

    assert addresses == {"0100007F"}  # 127.0.0.1
    assert killed
    assert killed[0] not in after
    assert report.problems == []
    assert sorted(report.book.done) == list(range(SHARDS))
    assert report.book.met == alone.book.met
    for name in ("shards", "traces", "steps", "kernel_steps", "canaries_found"):
        assert report.book.counts[name] == alone.book.counts[name]


@pytest.mark.timeout(240)
def test_the_command_ends_cleanly_when_it_is_stopped(tmp_path: Path) -> None:
    """``dita conform --tier campaign`` on two workers, one of them killed, then Ctrl-C: a summary, no process left."""
    command = [*DITA, "conform", "--tier", "campaign",
               "--minutes", "5", "--cluster", "local", "--json", "c.json"]  # fmt: skip
    output = tmp_path / "output"
    with output.open("w") as file:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=file, stderr=file, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while "campaign, traces" not in output.read_text():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        family = children(process.pid)
        workers = [pid for pid in family if b"spawn_main" in commands_of(pid)]
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to everybody
        assert process.wait(timeout=120) == 1, output.read_text()  # far below the floors
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    figures = json.loads((tmp_path / "c.json").read_text())["figures"]
    text = output.read_text()

    assert "campaign, stopped by hand" in text
    assert "Traceback" not in text
    assert figures["divergences"] == 0
    assert figures["traces"] == figures["traces_added"]
    left = family
    for _ in range(100):
        left = [pid for pid in family if b"python" in commands_of(pid)]
        if not left:
            break
        time.sleep(0.1)
    assert not left


def test_a_cluster_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """No scheduler behind the address: one message that names it."""
    monkeypatch.setattr("dita.conformance.cluster.CONNECT_SECONDS", 1)

    says = r"no scheduler answers at `tcp://127\.0\.0\.1:9`"
    with pytest.raises(ClusterRefused, match=says), dask_workers("tcp://127.0.0.1:9"):
        pass


def test_a_shard_that_fails_on_a_worker_is_reported_not_retried_for_ever() -> None:
    """An error on a worker comes back as words; a lost scheduler too."""

    class Future:
        """What Dask hands back."""

        def __init__(self, status: str) -> None:
            self.status = status

        def add_done_callback(self, call: Callable[[object], None]) -> None:
            call(self)

        def exception(self) -> Exception:
            return RuntimeError("worker on `h`: image_sha256 is `1` and not `2`")

    class Client:
        """Calls back at once."""

        def __init__(self, status: str) -> None:
            self._status = status

        def submit(self, *arguments: object, **options: object) -> Any:
            del arguments, options
            return Future(self._status)

    order: Any = type("O", (), {"task": type("T", (), {"seed": 1})})
    for status, says in (("error", "worker on `h`"), ("lost", "the scheduler is gone")):
        workers = DaskWorkers(Client(status))
        workers.submit(order)
        assert says in workers.finished(1)[0].lost


def test_an_unread_book_is_read_back(raw_kernel: RawKernel, tmp_path: Path) -> None:
    """What the cluster's campaign leaves is a book like any other."""
    report = campaign(raw_kernel, Here(), tmp_path, lambda: True)

    assert read_book(report.path, report.book.subject) == report.book
