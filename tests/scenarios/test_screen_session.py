"""The screen on a terminal beside a real session: its numbers move, its keys are obeyed, its death is shown."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from command import DITA, alone
from dita.adapters.journal import open_reader
from dita.kernel.loader import RawKernel, installed_bindings
from dita.spec.vocabulary import Kind, Mode
from sample_certificate import written_certificate
from terminal import terminal


@pytest.mark.timeout(200)
def test_a_session_is_watched_commanded_and_seen_to_die(raw_kernel: RawKernel, tmp_path: Path) -> None:
    """From before its start: no runtime, live, reduce-only by a key and a yes, in the journal; killed: DIED, in red."""
    written_certificate(tmp_path / "out", installed_bindings(raw_kernel))
    environment = alone(tmp_path, DITA_POLICY="idle", DITA_PLANE=str(tmp_path))
    journal = tmp_path / "out" / "paper" / "journal.sqlite"
    journal.parent.mkdir(parents=True)
    session = subprocess.Popen(
        [*DITA, "run"], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        watching = [*DITA, "status", "--journal", str(journal), "--live"]
        with terminal(watching, tmp_path, environment) as at:
            at.shows(" LIVE   active  opening")
            at.shows("in lockstep")
            first = at.lines[0]
            at.until(lambda: at.lines[0] != first)  # the number of the snapshot rises
            at.press("d")
            at.shows("Cancel entries that work")
            at.press("y")
            at.shows(" LIVE   reduce only ")
            session.send_signal(signal.SIGKILL)
            session.wait(timeout=20)
            at.shows(" DIED for ")
            assert "THESE NUMBERS ARE OLD" in at.lines[0]
            assert at.background(0, 1) == "red"
            at.press("q")
            assert at.ended() == 0
    finally:
        session.kill()
        session.wait(timeout=20)
    reader = open_reader(journal)
    row = reader.newest(Kind.SET_MODE)
    reader.close()
    assert row is not None
    assert row.input.mode == Mode.REDUCE_ONLY
    assert not os.access(f"{journal}.switch", os.F_OK)  # the control plane's way, not the switch's
