"""The gate of `make coverage`: a judge that is tested too little fails it, by name."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest


def measured(repository: Path, folder: Path, tests: str) -> subprocess.CompletedProcess[str]:
    """What the gate says about the coverage that these tests alone reach."""
    data = folder / "data"
    settings = ["--rcfile", str(repository / "pyproject.toml"), "--data-file", str(data)]
    coverage = [sys.executable, "-m", "coverage"]
    run = [*coverage, "run", *settings, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", tests]
    done = subprocess.run(run, cwd=repository, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    subprocess.run([*coverage, "combine", "--quiet", *settings], cwd=repository, check=True, timeout=60)
    report = ["make", "--no-print-directory", "coverage-report", f"COVERED={data}"]
    return subprocess.run(report, cwd=repository, capture_output=True, text=True, check=False, timeout=100)


def test_a_judge_that_is_hardly_tested_fails_the_gate(repository: Path, tmp_path: Path) -> None:
    """One small file of tests is far from enough, and the report says which limit was missed."""
    done = measured(repository, tmp_path, "tests/conformance/test_encoding.py")

    assert done.returncode != 0
    assert "fail-under=100" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(("room", "share"), [("reference_py", 100), ("conformance", 95)])
def test_the_gate_holds_both_rooms(repository: Path, room: str, share: int) -> None:
    """The limits stand in the recipe, each for its room."""
    done = subprocess.run(
        ["make", "--just-print", "--no-print-directory", "coverage-report"],
        cwd=repository, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert any(f"{room}/*" in line and f"--fail-under={share}" in line for line in done.stdout.splitlines())


def test_make_test_measures_the_judge_and_runs_the_rest(repository: Path) -> None:
    """Each file of tests is run once: by the measured run, or by the other, which leaves out exactly those."""
    done = subprocess.run(
        ["make", "--just-print", "--no-print-directory", "test"],
        cwd=repository, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    runs = [line.split() for line in done.stdout.splitlines() if "worksteal" in line]
    measured, rest = runs
    named = measured[measured.index("worksteal") + 1 :]
    left_out = {word for before, word in pairwise(rest) if before == "--ignore"}

    assert len(runs) == 2
    assert "coverage" in measured[0]
    assert left_out == {*named, "tests/services"}
    assert {"tests/conformance/test_coverage_gate.py", "tests/runtime/test_cli.py"} <= set(named)
    assert [word for word in rest if word.startswith("tests") and word not in left_out] == []
    assert all((repository / path).exists() for path in named)
