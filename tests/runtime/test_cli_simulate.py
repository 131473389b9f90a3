"""`dita simulate` as a person starts it: one run, its digest, what it is told wrong."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dita.kernel.loader import RawKernel, installed_bindings
from dita.runtime.cli_report import CommandError, reporting
from dita.runtime.cli_simulate import run
from dita.spec.certificate import Bindings

pytestmark = pytest.mark.unmeasured

DITA = str(Path(sys.executable).with_name("dita"))


def simulate(folder: Path, certificate: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in a folder of its own."""
    environment = os.environ | {"DITA_CERTIFICATE": str(certificate)}
    command = [DITA, "simulate", *options]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=100
    )


@pytest.fixture
def certificate(tmp_path: Path, raw_kernel: RawKernel, write_certificate: Callable[[Path, Bindings], Path]) -> Path:
    """A certificate of the built image."""
    return write_certificate(tmp_path / "certificate", installed_bindings(raw_kernel))


def test_a_seed_is_run_in_part_and_told(tmp_path: Path, certificate: Path) -> None:
    """The troubles that were kept are printed, with a digest; the figures have their stable names."""
    done = simulate(tmp_path, certificate, "--seed", "8", "--keep", "0,1", "--seconds", "6", "--json", "simulate.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^digest [0-9a-f]{64}$", done.stdout, re.MULTILINE)
    assert [line[:2] for line in done.stdout.splitlines() if re.match(r"\d+ \w+\(", line)] == ["0 ", "1 "]
    document = json.loads((tmp_path / "simulate.json").read_text())
    assert document["command"] == "simulate"
    assert document["ok"] is True
    figures = document["figures"]
    stable = {"runs", "simulated_days", "fault_kinds", "faults_injected", "violations", "unconverged"}
    assert stable <= set(figures)
    assert (figures["runs"], figures["violations"], figures["unconverged"]) == (1, 0, 0)
    assert figures["inputs"] > 10


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"keep": "1"}, "--keep: it belongs to one run, name its --seed"),
        ({"seconds": 5.0}, "--seconds: it belongs to one run, name its --seed"),
        ({"point": 5}, "--point: it belongs to one run, name its --seed"),
        ({"seed": 8, "keep": "1,x"}, "`1,x` is no list of numbers"),
        ({"seed": 8, "keep": "77"}, "seed 8 has no trouble `77`"),
        ({"seed": 8, "point": 3, "keep": "1"}, "leave --keep out"),
        ({"seed": 8, "soak_hours": 24.0, "seconds": 9.0}, "--seconds: a soak is run as it is"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(options: dict[str, Any], says: str) -> None:
    """Before a kernel is loaded or anything is run."""
    wanted: dict[str, Any] = {
        "tier": "quick", "seed": None, "keep": None, "seconds": None, "point": None, "first": 1, "processes": 1,
    }  # fmt: skip
    with reporting() as reporter, pytest.raises(CommandError) as refused:
        run(reporter, **(wanted | options))
    assert says in str(refused.value)


def test_a_first_seed_beside_the_only_one_is_refused(tmp_path: Path, certificate: Path) -> None:
    """Status 2 from the command line, and nothing is run."""
    done = simulate(tmp_path, certificate, "--seed", "8", "--first", "3")
    assert done.returncode == 2, done.stdout
    assert "leave one of them out" in " ".join(done.stderr.replace("│", " ").split())
    assert "digest" not in done.stdout
