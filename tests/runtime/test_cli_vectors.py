"""``dita vectors``: makes both files, or says what differs from those that are kept; and nothing outside of a clone."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dita.conformance.prove.solvers import SolverFailed
from dita.conformance.vectors import generate
from dita.conformance.vectors.generate import Content, Progress
from dita.conformance.vectors.making import PathMissed
from dita.conformance.vectors.rows import BINARY_PATH, ROWS_PATH
from dita.runtime import cli_vectors
from dita.runtime.cli import app
from dita.runtime.cli_report import CommandError, Reporter

KEPT = Content(ROWS_PATH.read_bytes(), BINARY_PATH.read_bytes(), {"paths": 3, "vectors": 7})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """The seeds that were asked for, in a folder of its own; what is made is what is kept."""
    seeds: list[int] = []

    def made(seed: int, progress: Progress) -> Content:
        seeds.append(seed)
        progress("ENTER", 1, 1)
        return KEPT

    monkeypatch.setattr(generate, "generate", made)
    monkeypatch.chdir(tmp_path)
    return seeds


def run(*arguments: str) -> tuple[int, str]:
    """Exit status and output."""
    done = CliRunner().invoke(app, ["vectors", *arguments])
    return done.exit_code, " ".join(done.output.split())


def test_what_is_made_is_written(asked: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both files, with the usual seed; the figures are printed and in the JSON file."""
    written: list[Content] = []
    monkeypatch.setattr(generate, "write", written.append)

    status, text = run("--json", "out.json")

    assert status == 0
    assert written == [KEPT]
    assert asked == [generate.SEED]
    assert "path_vectors.txt" in text
    assert "path_vectors.bin" in text
    document = json.loads((tmp_path / "out.json").read_text())
    assert (document["command"], document["ok"], document["figures"]) == ("vectors", True, KEPT.figures)


def test_a_check_writes_nothing_and_says_what_differs(asked: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes are status 0; another byte in either file is status 1 and its place."""
    before = ROWS_PATH.stat().st_mtime_ns

    assert run("--check", "--seed", "5")[0] == 0
    changed = KEPT.text[:100] + b"?" + KEPT.text[101:]

    def other(seed: int, progress: Progress) -> Content:
        return Content(changed, KEPT.binary[:-1], {"paths": 3})

    monkeypatch.setattr(generate, "generate", other)
    status, text = run("--check")

    assert status == 1
    assert "`path_vectors.txt`: differs from what is made now, first at byte `100`" in text
    assert f"`path_vectors.bin`: differs from what is made now, first at byte `{len(KEPT.binary) - 1}`" in text
    assert ROWS_PATH.stat().st_mtime_ns == before
    assert asked == [5]


def test_a_path_without_a_vector_is_told_and_nothing_is_written(
    asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path is named; so is a solver that does not work."""

    def missed(seed: int, progress: Progress) -> Content:
        raise PathMissed("ENTER path 7: no numbers were found that take it")

    monkeypatch.setattr(generate, "generate", missed)
    status, text = run()
    assert (status, "ENTER path 7: no numbers" in text) == (1, True)

    def broken() -> None:
        raise SolverFailed("cvc5 does not answer")

    monkeypatch.setattr(cli_vectors, "check_solvers", broken)
    status, text = run()
    assert (status, "cvc5 does not answer" in text) == (1, True)
    assert asked == []


def test_outside_of_a_clone_nothing_is_made(asked: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An installed copy has no repository to keep them in."""
    monkeypatch.setattr(cli_vectors, "REPOSITORY", tmp_path)

    with pytest.raises(CommandError, match="is no clone of the repository"):
        cli_vectors.vectors(Reporter(), check=False, seed=None)
    assert asked == []
