"""The example of a policy works as its README says: installed, tested and run in an environment of its own."""

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

import dita
from dita.kernel.loader import RawKernel, installed_bindings
from dita.spec.certificate import Bindings
from house_pages import blocks

EXAMPLE = "examples/my_policy"
COMMANDS = {"pip": "-m pip", "pytest": "-m pytest", "dita": "-c 'from dita.runtime.cli import main; main()'"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Variables under which commands are those of a scratch environment that sees this one's packages."""
    folder = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    paths = (sysconfig.get_paths()["purelib"], *(str(Path(root).parent) for root in dita.__path__))
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "above.pth").write_text("\n".join(paths) + "\n")
    for name, arguments in COMMANDS.items():
        command = folder / "bin" / name
        command.write_text(f'#!/bin/sh\nexec {python} {arguments} "$@"\n')
        command.chmod(0o755)
    return {
        "PATH": f"{folder / 'bin'}:/usr/bin:/bin", "HOME": str(tmp_path), "COLUMNS": "200",
        "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1",  # 0: without one
    }  # fmt: skip


def run(command: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """One command line, in a shell."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=150,
    )  # fmt: skip


def installed() -> set[str]:
    """What lies in the environment of these tests."""
    return {path.name for path in Path(sysconfig.get_paths()["purelib"]).iterdir()}


@pytest.mark.timeout(300)
def test_the_example_works_as_its_readme_says(
    tmp_path: Path,
    repository: Path,
    environment: dict[str, str],
    raw_kernel: RawKernel,
    write_certificate: Callable[[Path, Bindings], Path],
) -> None:
    """Every command of the README, in its order; then there is a session by that policy, and a record of its holds."""
    before = installed()
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    shutil.copytree(repository / EXAMPLE, tmp_path / EXAMPLE, ignore=ignored)
    unknown = run("dita run --policy mine", tmp_path, environment)
    assert unknown.returncode == 2
    assert "policy: `mine` is not installed" in unknown.stderr
    certificate = write_certificate(tmp_path / "certificate", installed_bindings(raw_kernel))
    readme = (repository / EXAMPLE / "README.md").read_text()
    commands = [line for block in blocks({"README.md": readme}) if block.info == "sh" for line in block.commands]
    assert {line.split()[0] for line in commands} == set(COMMANDS)
    for line in commands:
        done = run(line, tmp_path, environment | {"DITA_CERTIFICATE": str(certificate)})
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    figures = json.loads((tmp_path / "session.json").read_text())["figures"]
    assert figures["round_trips"] >= 10
    assert (figures["final_position"], figures["orphans"], figures["reconcile_delta"]) == (0, 0, "0.00000000")
    assert installed() == before, "the example is to leave no trace here"


def test_every_page_of_the_examples_is_run(repository: Path) -> None:
    """The house test leaves the examples' pages to this file: there is no other."""
    assert [path.parent.name for path in (repository / "examples").glob("*/*.md")] == ["my_policy"]
