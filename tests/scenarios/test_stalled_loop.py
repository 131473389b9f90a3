"""A real session whose event loop stops to run: told with its stacks, gone on with carefully, at last killed."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from dita.kernel.loader import RawKernel, installed_bindings
from dita.spec.certificate import Bindings
from kill_check import ENDLESS, Scene, restart_and_judge, wait_until
from session_process import exchange_process

PASSING_SECONDS = 1.8  # beyond the bound at which a stall is told, below the one at which it ends
STALLS = (PASSING_SECONDS, 0.0, 0.0, 3_600.0)  # at one order after the other
BOUNDS = {"DITA_STALL_MS": "1000", "DITA_STALL_KILL_MS": "2500"}
WriteCertificate = Callable[[Path, Bindings], Path]


@pytest.mark.timeout(200)
def test_a_stalled_session_goes_on_or_is_killed(
    tmp_path: Path, raw_kernel: RawKernel, write_certificate: WriteCertificate
) -> None:
    """A stall that passes leaves its stacks, and orders follow it; one that does not ends by SIGKILL.

    The next session finds locks, journal and account as after any kill.
    """
    certificate = write_certificate(tmp_path / "certificate", installed_bindings(raw_kernel))
    with exchange_process(tmp_path) as exchange:
        scene = Scene(exchange, certificate, tmp_path)
        output, stacks = tmp_path / "stalling.txt", tmp_path / "out" / "stalls"

        session = scene.start(output, ENDLESS, stalls=STALLS, more=BOUNDS)
        wait_until(lambda: stacks.exists() and len(list(stacks.iterdir())) == 2, session, output)
        made = int(exchange.record()["orders_made"])
        session.join(timeout=20)

        assert session.exitcode == -signal.SIGKILL
        assert made >= 1  # the first order was too old when the loop ran again; those after it were not
        assert all("commit" in path.read_text() for path in stacks.iterdir())
        log = (tmp_path / "out" / "session.log").read_text()
        assert log.count("the loop did not run for") == 1
        assert "ending the process" in log
        assert restart_and_judge(scene, "stalled") == []
