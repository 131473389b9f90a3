"""Whole sessions through the command line: over real sockets, with faults, flat at the end to the last unit."""

import json
import resource
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from command import DITA, alone
from dita.adapters.bingx.credentials import KEY_NAME, SECRET_NAME
from dita.kernel.loader import RawKernel, installed_bindings
from dita.spec.certificate import Bindings
from session_process import KEY, QUICK, SECRET, exchange_process, finish, forking, kill, start_session
from small_recording import write_recording

FIGURES = [
    "round_trips", "orders", "fills", "partial_fills", "rejections", "unknown_submits", "reconnects", "final_position",
    "orphans", "reconcile_delta", "reference_divergences", "certificate",
]  # fmt: skip

WriteCertificate = Callable[[Path, Bindings], Path]


@pytest.fixture
def certificate(tmp_path: Path, raw_kernel: RawKernel, write_certificate: WriteCertificate) -> Path:
    """A certificate that holds for the built image."""
    return write_certificate(tmp_path / "certificate", installed_bindings(raw_kernel))


def dita(
    folder: Path,
    *arguments: str,
    limit: Callable[[], None] | None = None,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DITA, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=200, preexec_fn=limit,
        env=alone(folder, **(environment or {})),
    )  # fmt: skip


@pytest.mark.timeout(300)
def test_a_paper_session_ends_flat_with_everything_in_it(tmp_path: Path, certificate: Path) -> None:
    """30 round trips with a partial fill, a rejection, an unknown submit and a reconnect; then all is zero."""
    done = dita(tmp_path, "run", "--certificate", str(certificate), "--round-trips", "30", "--seed", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads((tmp_path / "session.json").read_text())
    figures = document["figures"]
    assert (document["command"], document["ok"]) == ("run", True)
    assert list(figures) == FIGURES
    assert figures["round_trips"] >= 30
    for name in ("partial_fills", "rejections", "unknown_submits", "reconnects"):
        assert figures[name] >= 1, name
    assert (figures["final_position"], figures["orphans"], figures["reference_divergences"]) == (0, 0, 0)
    assert (figures["reconcile_delta"], figures["certificate"]) == ("0.00000000", "valid")
    metrics = dict(
        line.rsplit(" ", 1) for line in (tmp_path / "out" / "metrics.prom").read_text().splitlines() if line[0] != "#"
    )
    assert int(metrics['bingx_submits_total{came_to="unknown"}']) == figures["unknown_submits"]
    assert int(metrics['bingx_submits_total{came_to="rejected"}']) == figures["rejections"]
    assert int(metrics['bingx_stream_gaps_total{stream="account stream"}']) >= figures["reconnects"]
    assert int(metrics["bingx_backfills_total"]) >= figures["reconnects"]
    page = (tmp_path / "out" / "audit" / "index.html").read_text()
    assert "all checks held" in page
    assert "<polyline" in page
    replayed = dita(tmp_path, "replay", "--journal", "out/paper/journal.sqlite", "--json", "replay.json")
    assert replayed.returncode == 0, replayed.stderr
    rows = json.loads((tmp_path / "replay.json").read_text())["figures"]
    assert rows["rows"] == rows["digests_verified"] > 200


@pytest.mark.timeout(300)
def test_a_recorded_market_is_played_until_there_is_enough(tmp_path: Path, certificate: Path) -> None:
    """A short recording, played over and over: the session ends flat, and says from where its market came."""
    recordings = write_recording(tmp_path / "recordings", 400)
    done = dita(
        tmp_path, "run", "--certificate", str(certificate), "--round-trips", "8", "--source", "recorded",
        "--symbol", "BTC-USDT", environment={"DITA_RECORDINGS": str(recordings)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads((tmp_path / "session.json").read_text())["figures"]
    assert (figures["final_position"], figures["orphans"], figures["reconcile_delta"]) == (0, 0, "0.00000000")
    assert str(recordings) in done.stdout


def test_a_truncated_recording_stops_the_start(tmp_path: Path, certificate: Path) -> None:
    """Damage at the end of the file is found before anything is started: status 2, the file is named."""
    recordings = write_recording(tmp_path / "recordings", 400)
    path = recordings / "btcusdt_20240808.gz"
    path.write_bytes(path.read_bytes()[:-200])
    done = dita(
        tmp_path, "run", "--certificate", str(certificate), "--source", "recorded", "--symbol", "BTC-USDT",
        environment={"DITA_RECORDINGS": str(recordings)},
    )  # fmt: skip
    assert done.returncode == 2
    assert "btcusdt_20240808.gz" in done.stderr
    assert not (tmp_path / "session.json").exists()
    assert not (tmp_path / "out").exists()


def test_an_exchange_that_is_not_there_stops_the_start(tmp_path: Path, certificate: Path) -> None:
    """Nobody listens at the URL: status 2 with the URL and what to check; no journal is left behind."""
    done = dita(
        tmp_path, "run", "--certificate", str(certificate), "--exchange", "http://127.0.0.1:9", "--journal", "j",
        environment={KEY_NAME: KEY, SECRET_NAME: SECRET},
    )  # fmt: skip
    assert done.returncode == 2
    assert "`http://127.0.0.1:9` does not answer" in done.stderr
    assert SECRET not in done.stderr + done.stdout
    assert not (tmp_path / "j").exists()


def test_a_foreign_certificate_stops_the_start(
    tmp_path: Path, raw_kernel: RawKernel, write_certificate: WriteCertificate
) -> None:
    """A sound certificate for another image, named by hand: refused by name, nothing is certified in its place."""
    from dataclasses import replace

    other = replace(installed_bindings(raw_kernel), image_sha256="ab" * 32)
    path = write_certificate(tmp_path / "foreign", other)
    before = path.read_bytes()
    done = dita(tmp_path, "run", "--certificate", str(path))
    assert done.returncode == 2
    assert "WRONG_BINARY" in done.stderr
    assert path.read_bytes() == before


def limited_to(size: int) -> Callable[[], None]:
    """No file of the process may become larger."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.timeout(300)
def test_a_disk_that_fills_up_ends_the_session_flat(tmp_path: Path, certificate: Path) -> None:
    """The journal stops growing in the middle: no new trade, everything is closed unjournaled, status 1 and why."""
    done = dita(tmp_path, "run", "--certificate", str(certificate), "--round-trips", "1000", limit=limited_to(300_000))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "no new trade may be opened any more" in done.stderr
    figures = json.loads((tmp_path / "session.json").read_text())["figures"]
    assert (figures["final_position"], figures["orphans"]) == (0, 0)
    assert figures["round_trips"] >= 1


@pytest.mark.timeout(300)
def test_a_second_runtime_of_the_account_is_refused(tmp_path: Path, certificate: Path) -> None:
    """While a session trades, another on its journal, and another on the same account elsewhere: refused by name."""
    context = forking()
    with exchange_process(tmp_path) as exchange:
        first = start_session(context, exchange, certificate, tmp_path, 100_000, tmp_path / "first.txt")
        try:
            while "trading" not in ((tmp_path / "first.txt").read_text() if (tmp_path / "first.txt").exists() else ""):
                first.join(timeout=0.05)
                assert first.exitcode is None, (tmp_path / "first.txt").read_text()
            second = start_session(context, exchange, certificate, tmp_path, 1, tmp_path / "second.txt")
            assert finish(second, 60) == 2
            assert "another runtime on this machine trades it" in (tmp_path / "second.txt").read_text()
        finally:
            kill(first)


@pytest.mark.timeout(300)
def test_flatten_needs_no_certificate(tmp_path: Path, certificate: Path) -> None:
    """A killed session leaves a position; with no certificate anywhere `dita flatten` closes it, as the venue says."""
    context = forking()
    slow = {"faults": [{"kind": "split_fills", "parts": 4, "delay_ms": 400, "when": {"every": 1, "times": 0}}]}
    with exchange_process(tmp_path, faults=slow) as exchange:
        session = start_session(context, exchange, certificate, tmp_path, 100_000, tmp_path / "first.txt")
        for _ in range(1200):
            session.join(timeout=0.05)
            assert session.exitcode is None, (tmp_path / "first.txt").read_text()
            if exchange.open_position():
                break
        kill(session)
        assert exchange.open_position() > 0
        done = dita(tmp_path, "flatten", "--exchange", exchange.url, "--json", "flatten.json", environment=QUICK)
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads((tmp_path / "flatten.json").read_text())["figures"]["flat"] == 1
        assert (exchange.open_position(), exchange.open_orders()) == (0, [])
