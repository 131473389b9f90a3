"""The command line: exit status, figures as JSON, and bad input as one line with the next step."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from command import dita
from dita.adapters.journal import Switch, SwitchTo, set_switch
from dita.runtime.cli import app
from dita.runtime.lockstep import Lockstep
from dita.spec.vocabulary import Verdict
from runtime_parts import ReferenceKernel, open_test_journal, trades


def journaled(path: Path, count: int) -> None:
    """A journal with so many finished trades."""

    async def write() -> None:
        journal = open_test_journal(path)
        journal.instrument_number("BTC-USDT", 64)
        lockstep = Lockstep(ReferenceKernel())
        for event in trades(count):
            outcome = lockstep.step(event).outcome
            assert outcome.verdict == Verdict.ACCEPTED
            digest = lockstep.digest(event, outcome)
            await journal.append(event, send_by_ns=0, digest=digest, wall_ns=1_700_000_000_000_000_000)
        await journal.close()

    asyncio.run(write())


def test_help_lists_every_command_and_is_quick_to_ask_for(tmp_path: Path) -> None:
    """All commands of the main job are there, and help needs nothing heavy imported."""
    done = dita(tmp_path, "--help")
    assert done.returncode == 0
    for name in (
        "prove", "conform", "certify", "explore", "exchange", "run", "status", "replay", "settle-forced", "flatten",
        "bench", "doctor",
    ):  # fmt: skip
        assert f" {name} " in done.stdout
    probe = """import sys; sys.argv = ['dita', '--help']
from dita.runtime.cli import main
try:
    main()
finally:
    print(sorted({'httpx', 'apsw', 'starlette', 'pydantic'} & set(sys.modules)))
"""
    heavy = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60)
    assert heavy.stdout.splitlines()[-1] == "[]"


def test_the_folder_one_stands_in_hides_nothing_that_is_installed(tmp_path: Path) -> None:
    """Flaw I18: folders named as the rooms are, with a module of a known name in each: nobody imports those."""
    for room in ("spec", "reference_py", "kernel_rs", "conformance", "adapters", "runtime", "."):
        (tmp_path / room).mkdir(exist_ok=True)
        (tmp_path / room / "typer.py").write_text("raise SystemExit('the wrong module')\n")
    command = Path(sys.executable).with_name("dita")  # not `python -c`, which puts the folder first by itself
    done = subprocess.run([command, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_status_says_what_a_journal_holds(tmp_path: Path) -> None:
    """Trades, capital and mode of a journal of seven trades; the JSON file has the same figures."""
    journaled(tmp_path / "j", 7)
    done = dita(tmp_path, "status", "--journal", "j", "--json", "status.json")
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "status.json").read_text())
    assert (document["command"], document["ok"]) == ("status", True)
    figures = document["figures"]
    assert (figures["trades"], figures["live"], figures["mode"]) == (7, 0, "ACTIVE")
    fees = sum(1000 + trade + 2000 for trade in range(1, 8))
    assert figures["capital"] == f"{100_000 * 10**8 - fees:d}"[:-8] + "." + f"{100_000 * 10**8 - fees:d}"[-8:]
    assert "BTC-USDT" not in done.stdout  # nothing is live
    assert figures["capital"] in done.stdout
    assert "nobody" in done.stdout  # holds it
    set_switch(tmp_path / "j", Switch(SwitchTo.FLAT, "a test", 1))
    assert "flat, a test" in dita(tmp_path, "status", "--journal", "j").stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["status", "--journal", "none"], "there is no such file; name the journal"),
        (["replay", "--journal", "text"], "damaged or not a journal"),
        (["run", "--policy", "moon"], "use one of coin, dislocation, idle, reversion"),
        (["run", "--certificate", "none.json"], "certificate refused, MISSING"),
        (["run", "--round-trips", "0", "--source", "tape"], "--source: `tape`"),
        (["run", "--source", "recorded"], "`DITA_RECORDINGS`: is not set"),
        (["run", "--json", "no/such/folder.json"], "--json"),
        (["run", "--exchange", "https://open-api.bingx.com"], "trades on paper and demo only"),
        (["run", "--exchange", "https://example.org"], "neither on this machine nor the demo venue"),
        (["exchange", "--symbol", "XRP-USDT"], "lists BTC-USDT, ETH-USDT"),
        (["flatten"], "--exchange: not given"),
        (["bench", "--rounds", "none"], "--rounds"),
        (["bench", "--backtest", "20", "--journal", "2000"], "leave one of them out"),
        (["conform", "--compiled"], "it belongs to --tier campaign"),
        (["nonsense"], "nonsense"),
    ],
)
def test_bad_input_is_one_message_and_status_2(tmp_path: Path, arguments: list[str], says: str) -> None:
    """Each mistake: status 2, what is wrong and what to do on standard error, no traceback, and nothing was begun."""
    (tmp_path / "text").write_text("this is no journal " * 100)
    (tmp_path / "secret").write_text("BINGX_API_KEY=k\nBINGX_API_SECRET=s\n")
    (tmp_path / "secret").chmod(0o600)
    done = dita(tmp_path, *arguments, DITA_CREDENTIALS="secret")
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "session.json").exists()


def test_wrong_settings_are_told_together(tmp_path: Path) -> None:
    """Four wrong variables: four lines, in one go."""
    done = dita(tmp_path, "run", DITA_SEED="x", DITA_SYMBOLS="BTC", DITA_LEVERAGE="3", DITA_RECEIVE_WINDOW_MS="5001")
    assert done.returncode == 2
    for name in ("DITA_SEED", "DITA_SYMBOLS", "DITA_LEVERAGE", "DITA_RECEIVE_WINDOW_MS"):
        assert f"{name}: " in done.stderr


def test_an_unknown_feature_refuses_the_start(tmp_path: Path) -> None:
    """A key that nobody declared is told by its name, and nothing is started."""
    (tmp_path / "features.json").write_text('{"BTC-USDT": {"latest_acb": 1.5}}')
    done = dita(tmp_path, "run", DITA_FEATURES="features.json")
    assert done.returncode == 2
    assert "there is no feature `latest_acb`" in done.stderr
    assert not (tmp_path / "session.json").exists()


def test_doctor_finds_what_is_there_and_says_what_to_do(tmp_path: Path) -> None:
    """With nothing but an image: status 0, absent things named with their next step; a broken one is status 1."""
    done = dita(tmp_path, "doctor", "--json", "doctor.json")
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "doctor.json").read_text())["figures"]
    assert figures["fail"] == 0
    assert figures["ok"] >= 3
    assert "dita certify" in done.stdout
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "certificate.json").write_text("{}")
    done = dita(tmp_path, "doctor", "--json", "doctor.json")
    assert done.returncode == 1
    assert "certificate" in done.stderr
    assert json.loads((tmp_path / "doctor.json").read_text())["figures"]["fail"] == 1


def test_doctor_names_an_exchange_that_does_not_answer(tmp_path: Path) -> None:
    """Nobody listens there: the check fails with the URL."""
    done = dita(
        tmp_path, "doctor", "--exchange", "http://127.0.0.1:9", BINGX_API_KEY="k", BINGX_API_SECRET="very-secret-text"
    )
    assert done.returncode == 1
    assert "http://127.0.0.1:9" in done.stderr
    assert "very-secret-text" not in done.stdout + done.stderr


@pytest.mark.unmeasured
def test_bench_writes_every_figure(tmp_path: Path) -> None:
    """One round: every figure but those of the compiled reference, positive, whatever the machine."""
    done = dita(tmp_path, "bench", "--rounds", "1", "--json", "bench.json")
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "bench.json").read_text())["figures"]
    assert set(figures) == {
        "call_ready_r", "call_integers_r", "batch_64_r", "batch_1024_r", "lifecycle_batched_r", "past_trades_ratio",
        "reference_step_r", "differential_step_r", "paper_round_trip_r", "campaign_step_r", "replay_r",
        "campaign_steps_per_second", "replay_steps_per_second",
        "account_frame_r", "submit_ack_r",
    }  # fmt: skip
    assert all(value > 0 for value in figures.values())


@pytest.mark.unmeasured
def test_bench_measures_the_journal(tmp_path: Path) -> None:
    """A start after six thousand rows: every figure, positive, and nothing left in the folder."""
    done = dita(tmp_path, "bench", "--journal", "6000", "--json", "bench.json")
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "bench.json").read_text())["figures"]
    names = (
        "inputs_per_second",
        "flush_p50_ms",
        "alone_p50_ms",
        "open_s",
        "recover_s",
        "start_s",
        "start_cpu_s",
        "rows",
    )
    assert set(figures) == {f"journal_{name}" for name in names}
    assert all(value > 0 for value in figures.values())
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


def test_the_exchange_runs_by_itself_and_keeps_its_account(tmp_path: Path) -> None:
    """For two seconds: a URL, a credentials file only its owner reads, events fed; the second run keeps the key."""
    texts: list[str] = []
    for _ in range(2):
        done = dita(tmp_path, "exchange", "--seconds", "2", "--pace", "100", "--json", "exchange.json")
        assert done.returncode == 0, done.stderr
        assert "exchange: http://127.0.0.1:" in done.stdout
        figures = json.loads((tmp_path / "exchange.json").read_text())["figures"]
        assert 0 < figures["events"] <= 200
        path = tmp_path / "out" / "exchange-credentials"
        assert path.stat().st_mode & 0o777 == 0o600
        texts.append(path.read_text())
        assert texts[-1].rpartition("=")[2].strip() not in done.stdout + done.stderr
    assert texts[0] == texts[1]


@pytest.mark.unmeasured
def test_every_command_says_what_it_takes() -> None:
    """What is written in an option's help must not be taken for markup."""
    names = [one.name or getattr(one.callback, "__name__", "") for one in app.registered_commands]
    assert len(names) > 20
    for name in names:
        done = CliRunner().invoke(app, [name, "--help"])
        assert (name, done.exit_code) == (name, 0), done.output
