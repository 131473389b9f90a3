"""What is assumed is said once, and for each assumption a test that runs would notice its failure."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dita.spec.assumptions import ASSUMPTIONS, ENVIRONMENT, TOOLS

HERE = "tests/spec/test_assumptions.py"


def named_tests() -> set[str]:
    """Every test that an assumption names."""
    return {test for one in ASSUMPTIONS for test in one.tests}


def collected(repository: Path, files: set[str]) -> set[str]:
    """The tests that pytest finds in these files under the project's own settings, without parameters."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *sorted(files)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False, timeout=100)
    return {line.partition("[")[0] for line in done.stdout.splitlines() if line.startswith("tests/")}


def test_each_is_one_sentence_with_its_own_id() -> None:
    """No ID and no sentence is there twice; each sentence ends, and each has a test."""
    assert set(ASSUMPTIONS) == {*TOOLS, *ENVIRONMENT}
    assert len({one.id for one in ASSUMPTIONS}) == len({one.sentence for one in ASSUMPTIONS}) == len(ASSUMPTIONS)
    for one in ASSUMPTIONS:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", one.id)
        assert one.sentence.endswith(".")
        assert one.tests, one.id


@pytest.fixture(scope="module")
def found(repository: Path) -> set[str]:
    """What pytest finds in the files that assumptions name, and in this one."""
    return collected(repository, {*(test.partition(":")[0] for test in named_tests()), HERE})


def test_every_named_test_runs(found: set[str]) -> None:
    """Pytest finds each of them, where the settings say tests are: none was renamed, removed or moved away."""
    assert named_tests() - found == set()
    assert all(test.startswith("tests/") for test in named_tests())


def test_a_test_that_is_gone_is_noticed(found: set[str]) -> None:
    """The planted defect: a name that no file has is not among what pytest finds, and neighbours of it are."""
    assert f"{HERE}::test_every_named_test_runs" in found
    assert f"{HERE}::test_that_was_renamed" not in found
