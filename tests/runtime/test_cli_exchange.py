"""`dita exchange` as a person starts it: its address, its faults, what it keeps to itself, and its end."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from dita.adapters.exchange import AccountConfig, ExchangeConfig
from dita.runtime.cli_exchange import with_faults
from dita.runtime.cli_report import CommandError

pytestmark = pytest.mark.unmeasured

DITA = str(Path(sys.executable).with_name("dita"))
TIME = "/openApi/swap/v2/server/time"


@contextmanager
def running(folder: Path, *options: str) -> Generator[str]:
    """A running exchange's address; it has to end with status 0 on SIGTERM."""
    command = [DITA, "exchange", "--json", "exchange.json", *options]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        try:
            address = folder / "out" / "exchange-address"
            while not address.exists() or not address.read_text().endswith("\n"):
                assert process.poll() is None
                time.sleep(0.02)
            yield address.read_text().strip()
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_plan_of_faults_happens_and_is_counted(tmp_path: Path) -> None:
    """The first call is limited as the file says, the second is not; one fault is counted; the books stay private."""
    plan = {"faults": [{"kind": "limit_rate", "how": "http429", "on": "read"}]}
    (tmp_path / "plan.json").write_text(json.dumps(plan))

    with running(tmp_path, "--faults", "plan.json") as address:
        statuses = [httpx.get(f"{address}{TIME}", trust_env=False).status_code for _ in range(2)]
        private = httpx.get(f"{address}/debug/record", trust_env=False).status_code

    assert (statuses, private) == ([429, 200], 404)
    assert json.loads((tmp_path / "exchange.json").read_text())["figures"]["faults"] == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["exchange-credentials"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('{"faults":[{"kind":"melt_down"}]}', "faults.0"),
        ('{"faults":[{"kind":"drop_frame","when":{"nth":-1}}]}', "nth"),
        ('{"faults":[{"kind":"drop_frame","when":{"symbol":"XRP-USDT"}}]}', "XRP-USDT"),
        ('{"faults":7}', "faults"),
        ("{", "JSON"),
    ],
)
def test_a_wrong_plan_is_refused_by_name(tmp_path: Path, text: str, word: str) -> None:
    """The option, the file and the field stand in what is said."""
    plan = tmp_path / "plan.json"
    plan.write_text(text)

    with pytest.raises(CommandError, match=rf"--faults: .*plan\.json: .*{word}"):
        with_faults(ExchangeConfig((AccountConfig("k", "s"),)), plan)


def test_a_wrong_plan_starts_nothing(tmp_path: Path) -> None:
    """Status 2, and no address is written."""
    (tmp_path / "plan.json").write_text("{")

    done = subprocess.run(
        [DITA, "exchange", "--faults", "plan.json"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (done.returncode, "--faults: plan.json" in done.stderr) == (2, True)
    assert not (tmp_path / "out" / "exchange-address").exists()
