"""The service as it is installed: systemd takes it, it is confined, and a session writes in its state folder only.

Needs Debian's `systemd` (systemd-analyze) and `util-linux` (unshare).
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from command import DITA, alone
from dita.kernel.loader import RawKernel, installed_bindings
from hostile_driver import tool
from sample_certificate import written_certificate

EXPOSURE_MAX = 20  # tenths, of 100: what systemd calls OK; a service without any confinement has 96
SERVICES = ("dita.service", "dita-health.service", "dita-analytics.service", "dita-relay.service")
UNITS = (*SERVICES, "dita-health.timer")


@pytest.fixture
def installed(repository: Path, tmp_path: Path) -> Path:
    """The units in a folder, with the command where it is on this machine and a user that is here."""
    command = str(Path(sys.executable).with_name("dita"))
    for name in UNITS:
        text = (repository / "deploy" / name).read_text()
        text = text.replace("/opt/dita/bin/dita", command).replace("=dita\n", "=daemon\n")
        (tmp_path / name).write_text(text)
    return tmp_path


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``systemd-analyze``."""
    program = tool("systemd-analyze", "install the package systemd, or run `make test-services` as root")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_systemd_accepts_the_units(installed: Path) -> None:
    """No unknown section, setting or value; a misspelt one is found."""
    done = analyze("verify", "--man=no", *(str(installed / name) for name in UNITS))
    ours = [line for line in done.stderr.splitlines() if str(installed) in line or "dita" in line]
    assert (done.returncode, ours) == (0, []), done.stderr

    path = installed / "dita.service"
    path.write_text(path.read_text().replace("ProtectSystem=", "ProtectSystm="))
    assert "ProtectSystm" in analyze("verify", "--man=no", str(path)).stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined(installed: Path, name: str) -> None:
    """By systemd's own measure; without its read-only file system it is less so."""
    path = installed / name

    def exposure() -> int:
        done = analyze("security", "--offline=yes", "--no-pager", str(path))
        found = re.search(r"exposure level for \S+: (\d+)\.(\d)", done.stdout)
        assert found is not None, done.stdout + done.stderr
        return int(found[1]) * 10 + int(found[2])

    confined = exposure()
    assert confined <= EXPOSURE_MAX
    path.write_text(path.read_text().replace("ProtectSystem=strict\n", ""))
    assert exposure() > confined


def test_what_runs_beside_the_runtime_goes_after_it(repository: Path) -> None:
    """Started again for ever, with less of the processor and the disk; the commands exist."""
    for name in ("dita-analytics", "dita-relay"):
        lines = (repository / "deploy" / f"{name}.service").read_text().splitlines()
        assert {"Restart=always", "StartLimitIntervalSec=0", "Nice=10", "IOSchedulingClass=idle"} <= set(lines)
        (command,) = [line.removeprefix("ExecStart=/opt/dita/bin/dita ") for line in lines if "ExecStart=" in line]
        done = subprocess.run([*DITA, *command.split(), "--help"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def session(repository: Path, state: Path, *writable: str) -> subprocess.CompletedProcess[str]:
    """A paper session of two round trips, without any privilege, that can write only there."""
    unshare = tool("unshare", "install the package util-linux")
    confined = [unshare, "--user", sys.executable, str(repository / "tests" / "support" / "only_writable.py")]
    command = [*confined, *writable, "--", *DITA, "run", "--round-trips", "2", "--json", "session.json"]
    return subprocess.run(
        command, cwd=state, env=alone(state), capture_output=True, text=True, check=False, timeout=110
    )  # fmt: skip


def test_a_session_writes_nothing_but_its_state_folder(repository: Path, raw_kernel: RawKernel, tmp_path: Path) -> None:
    """It trades, settles and reports as usual with everything else read-only; with no state folder it says so."""
    state, other = tmp_path / "state", tmp_path / "other"
    other.mkdir()
    written_certificate(state / "out", installed_bindings(raw_kernel))

    done = session(repository, state, str(state), "/dev/shm", "/dev/null")

    assert done.returncode == 0, done.stdout + done.stderr
    assert (state / "session.json").exists()
    assert (state / "out" / "paper" / "journal.sqlite").exists()

    denied = session(repository, state, str(other), "/dev/null")
    assert denied.returncode == 2
    assert "Permission denied" in denied.stderr
    assert "Traceback" not in denied.stderr


def test_the_confinement_confines(repository: Path, tmp_path: Path) -> None:
    """Under it a file beside the state folder cannot be written, made or removed, and the user is nobody."""
    state = tmp_path / "state"
    state.mkdir()
    kept = tmp_path / "kept"
    kept.write_text("as it was")
    code = (
        "import os, pathlib, sys\nprint(os.getuid() != 0)\n"
        "for do in (lambda p: p.write_text(''), lambda p: p.unlink(), lambda p: p.with_name('new').mkdir(),\n"
        "           lambda p: os.truncate(p, 0)):\n"
        "    try: do(pathlib.Path(sys.argv[1]))\n    except PermissionError: print('denied')\n"
        "pathlib.Path('here').write_text('written')\n"
    )
    script = repository / "tests" / "support" / "only_writable.py"
    command = [
        "unshare",
        "--user",
        sys.executable,
        str(script),
        str(state),
        "--",
        sys.executable,
        "-c",
        code,
        str(kept),
    ]
    done = subprocess.run(
        command, cwd=state, capture_output=True, text=True, check=True, timeout=60, env=dict(os.environ)
    )

    assert done.stdout.split() == ["True", *["denied"] * 4]
    assert kept.read_text() == "as it was"
    assert (state / "here").read_text() == "written"
