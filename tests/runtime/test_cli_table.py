"""``dita table``: its forms, its figures, and bad input."""

import json
import subprocess
from pathlib import Path

import pytest

from command import DITA, alone


def table(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a folder, on a narrow terminal that knows ASCII only."""
    return subprocess.run(
        [*DITA, "table", *arguments], cwd=folder, capture_output=True, check=False, timeout=60,
        env=alone(folder, COLUMNS="60", PYTHONIOENCODING="ascii"),
    )  # fmt: skip


@pytest.mark.parametrize(("form", "name"), [("text", "table.txt"), ("svg", "states.svg"), ("dot", "states.dot")])
def test_each_form_is_written_as_it_is_kept(form: str, name: str, repository: Path, tmp_path: Path) -> None:
    """Standard output and the file have, byte for byte, what is kept beside the specification."""
    kept = (repository / "spec" / "docs" / name).read_bytes()

    assert table(tmp_path, "--format", form).stdout == kept
    done = table(tmp_path, "--format", form, "--output", name, "--json", "table.json")
    assert (done.returncode, done.stdout) == (0, b"")
    assert (tmp_path / name).read_bytes() == kept
    document = json.loads((tmp_path / "table.json").read_text())
    assert (document["command"], document["ok"]) == ("table", True)
    figures = document["figures"]
    assert (figures["phases"], figures["kinds"], figures["blank"]) == (8, 21, 0)
    assert figures["moves"] == (repository / "spec" / "docs" / "states.dot").read_text().count(" -> ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--output", "no/such/folder.txt"], "--output: `no/such/folder.txt`: no such file or directory; name a file"),
        (["--output", "."], "--output: `.`: is a directory; name a file"),
        (["--format", "png"], "--format"),
    ],
)
def test_bad_input_is_one_message_and_status_2(arguments: list[str], says: str, tmp_path: Path) -> None:
    """What is wrong and what to do, no traceback."""
    done = table(tmp_path, *arguments)

    assert done.returncode == 2
    assert says in " ".join(done.stderr.decode().split())
    assert b"Traceback" not in done.stderr
