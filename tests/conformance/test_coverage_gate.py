"""The gate of `make coverage`: a judge that is tested too little fails it, by name."""

import os
import shlex
import subprocess
import sys
from collections import Counter
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


def found_in(folder: Path, *what: str) -> list[str]:
    """The tests that pytest finds, called in that folder; none where it cannot read them."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run([*command, *what], cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    return sorted(line for line in done.stdout.splitlines() if "::test_" in line)


@pytest.mark.unmeasured
def test_what_is_a_test_does_not_depend_on_the_folder(repository: Path) -> None:
    """Flaw V9: standing in a room's tests one finds the same ones, by the same names, as from the clone's folder."""
    from_the_clone = found_in(repository, "tests/reference")
    assert len(from_the_clone) > 50
    assert found_in(repository / "tests" / "reference") == from_the_clone


@pytest.mark.unmeasured
def test_tests_import_what_any_program_imports(repository: Path) -> None:
    """Flaw X6: beside a fresh interpreter's search path there are only the tests' helpers, and where pytest began."""
    fresh = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; print(*sys.path, sep='\\n')"],
        cwd=repository, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    more = Counter(sys.path) - Counter((*fresh.stdout.splitlines(), *given))
    helpers, began = str(repository / "tests" / "support"), {"", str(Path.cwd()), str(Path(sys.executable).parent)}
    assert set(more) <= {helpers, *began}


@pytest.mark.parametrize(("room", "share"), [("reference_py", 100), ("conformance", 95)])
def test_the_gate_holds_both_rooms(repository: Path, room: str, share: int) -> None:
    """The limits stand in the recipe, each for its room."""
    done = subprocess.run(
        ["make", "--just-print", "--no-print-directory", "coverage-report"],
        cwd=repository, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert any(f"{room}/*" in line and f"--fail-under={share}" in line for line in done.stdout.splitlines())


@pytest.mark.unmeasured
def test_make_test_runs_every_test_once(repository: Path) -> None:
    """Either measured or in the other run, which leaves out only files that have nothing for it."""
    done = subprocess.run(
        ["make", "--just-print", "--no-print-directory", "test"],
        cwd=repository, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    runs = [shlex.split(line.partition("reorder")[2]) for line in done.stdout.splitlines() if "reorder" in line]
    measured, rest = runs
    left_out = {word for before, word in pairwise(rest) if before == "--ignore"}
    left_out -= {"tests/services", "tests/machine_code"}  # which have targets of their own

    assert measured[:2] == ["-m", "measured"]
    assert rest[rest.index("-m") + 1] == "not measured"
    assert left_out < set(measured[2:])
    assert [path for path in left_out if f"mark.{'unmeasured'}" in (repository / path).read_text()] == []
    files = [
        "tests/conformance/test_explore_worlds.py",
        "tests/runtime/test_cli_prove.py",
        "tests/spec/test_clauses.py",
    ]
    by_mark = [collected(repository, [*chosen, *files]) for chosen in (measured[:2], ["-m", "not measured"], [])]
    assert by_mark[0] | by_mark[1] == by_mark[2]
    assert by_mark[0] & by_mark[1] == set()
    assert all(by_mark)


def collected(repository: Path, arguments: list[str]) -> set[str]:
    """The tests that pytest takes with these arguments."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True, timeout=110)
    return {line for line in done.stdout.splitlines() if "::test_" in line}
