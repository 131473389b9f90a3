"""What an operator does to a running session from another process: halt, flatten, resume, stop, start another."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from command import DITA
from dita.adapters.journal import read_lease
from dita.kernel.loader import RawKernel, installed_bindings
from dita.spec.certificate import Bindings
from kill_check import ENDLESS, Scene, wait_until
from session_process import ExchangeProcess, exchange_process, finish, kill

QUIET_SECONDS = 1.5  # so long nothing may be opened; a session opens some ten trades in that time
WriteCertificate = Callable[[Path, Bindings], Path]


@pytest.fixture
def scene(tmp_path: Path, raw_kernel: RawKernel, write_certificate: WriteCertificate) -> Generator[Scene]:
    """An exchange, and what it takes to start sessions on it."""
    certificate = write_certificate(tmp_path / "certificate", installed_bindings(raw_kernel))
    with exchange_process(tmp_path) as exchange:
        yield Scene(exchange, certificate, tmp_path)


def trading(scene: Scene, name: str) -> BaseProcess:
    """A session that has made an order."""
    before = orders_made(scene.exchange)
    output = scene.folder / f"{name}.txt"
    session = scene.start(output, ENDLESS)
    wait_until(lambda: orders_made(scene.exchange) > before + 1, session, output)
    return session


def orders_made(exchange: ExchangeProcess) -> int:
    return int(exchange.record()["orders_made"])


def told(scene: Scene, *arguments: str) -> tuple[int, dict[str, int | str], str]:
    """A command on the session's journal: status, figures, what it said on standard error."""
    done = subprocess.run(
        [*DITA, *arguments, "--journal", "journal.sqlite", "--json", "told.json"], cwd=scene.folder,
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    figures = json.loads((scene.folder / "told.json").read_text())["figures"]
    return done.returncode, figures, done.stderr


def said_by(scene: Scene, name: str) -> str:
    path = scene.folder / f"{name}.txt"
    return path.read_text() if path.exists() else ""


def until(what: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.02)
    return what()


@pytest.mark.timeout(200)
def test_halt_flatten_and_resume_from_another_process(scene: Scene) -> None:
    """Flat while the session lives, nothing new, the same after a kill and a restart; resumed, it trades again."""
    session = trading(scene, "first")
    status, figures, said = told(scene, "halt", "--to", "flat", "--why", "a test")
    assert (status, figures["confirmed"], figures["mode"]) == (0, 1, "REDUCE_ONLY"), said
    assert until(lambda: scene.exchange.open_position() == 0 and not scene.exchange.open_orders())
    made = orders_made(scene.exchange)
    time.sleep(QUIET_SECONDS)
    assert session.is_alive()
    assert orders_made(scene.exchange) == made
    kill(session)
    session = scene.start(scene.folder / "second.txt", ENDLESS)
    assert until(lambda: "REDUCE_ONLY by settings or switch" in said_by(scene, "second"))
    assert orders_made(scene.exchange) == made
    status, figures, said = told(scene, "resume", "--within", "20")
    assert (status, figures["confirmed"], figures["mode"]) == (0, 1, "ACTIVE"), said
    assert until(lambda: orders_made(scene.exchange) > made)
    kill(session)


@pytest.mark.timeout(200)
def test_a_runtime_that_does_not_answer_is_named(scene: Scene) -> None:
    """A stopped process cannot obey: the command says which, fails, and leaves the switch set for the next start."""
    session = trading(scene, "stopped")
    assert session.pid is not None
    os.kill(session.pid, signal.SIGSTOP)
    status, figures, said = told(scene, "halt", "--within", "0.5")
    assert (status, figures["running"], figures["confirmed"]) == (1, 1, 0)
    assert f"process {session.pid} has not confirmed within 0.5 s" in said.replace("\n", " ")
    kill(session)
    status, figures, _ = told(scene, "halt")
    assert (status, figures["running"]) == (0, 0)


@pytest.mark.timeout(200)
def test_a_second_session_is_refused_with_the_holders_identity(scene: Scene) -> None:
    """On another journal, too: the process that trades the account is named, and goes on."""
    session = trading(scene, "holder")
    lease = read_lease(scene.folder / "journal.sqlite")
    assert lease is not None
    assert (lease.pid, lease.fence) == (session.pid, 1)
    other = Scene(scene.exchange, scene.certificate, scene.folder / "other")
    other.folder.mkdir()
    second = other.start(other.folder / "second.txt", 1)
    assert finish(second, 60) == 2
    assert f"process {session.pid} of user {os.getuid()}" in (other.folder / "second.txt").read_text()
    assert session.is_alive()
    kill(session)


@pytest.mark.timeout(200)
def test_a_stop_is_bounded_when_the_disk_does_not_answer(scene: Scene) -> None:
    """Told twice, a session whose journal hangs ends within its bound, and says which stages it left behind."""
    output, marker = scene.folder / "stuck.txt", scene.folder / "stuck"
    session = scene.start(output, ENDLESS, stuck=str(marker), more={"DITA_STOP_WITHIN_MS": "4000"})
    wait_until(marker.exists, session, output)
    assert session.pid is not None
    os.kill(session.pid, signal.SIGTERM)
    time.sleep(0.5)
    os.kill(session.pid, signal.SIGTERM)
    assert finish(session, 30) == 1
    log = (scene.folder / "out" / "session.log").read_text()
    assert "stop overrun: stopping, inputs: did not end in time" in log
    assert "told to end at once" in output.read_text()
    assert "the stop left behind" in output.read_text()
