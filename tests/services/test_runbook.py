"""The runbook is performed, from its top to its bottom, against the exchange simulator: some 45 seconds of processor.

It needs no system package; it stands here because it takes minutes, and CI runs it with the other services.
"""

import os
import re
import sys
from pathlib import Path

import pytest

from command import alone
from dita.kernel.loader import RawKernel, installed_bindings
from dita.runtime.alerts import Alert
from runnable_page import Step, performed, steps_of
from sample_certificate import written_certificate


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """As a reader's: nothing but the command on the path."""
    given = alone(tmp_path)
    return given | {"PATH": os.pathsep.join((str(Path(sys.executable).parent), given["PATH"]))}


@pytest.mark.timeout(1200)
def test_every_step_of_the_runbook_prints_what_it_says(
    repository: Path, raw_kernel: RawKernel, environment: dict[str, str], tmp_path: Path
) -> None:
    """Start, halt, stop, crash, reconcile, unknown order, exchange down, certificate, keys, stages: one shell."""
    written_certificate(
        tmp_path / "out", installed_bindings(raw_kernel)
    )  # `dita certify` takes minutes, and has its tests
    steps = steps_of((repository / "docs" / "runbook.md").read_text())

    done = performed(steps, tmp_path, environment, tmp_path / "runbook.log")

    assert done[-1].problem == ""
    assert len(done) == len(steps) > 20


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (Step(1, "echo one; echo two", 0, ("two", "one")), "`one` is not printed, or not in this order"),
        (Step(1, "echo one", 0, ("on",)), ""),
        (Step(1, "echo value 17 of 20", 0, ("value … of 20",)), ""),
        (Step(1, "echo value 17 of 21", 0, ("value … of 20",)), "is not printed"),
        (Step(1, "false", 0, ()), "status 1, the page says 0"),
        (Step(1, "true", 1, ()), "status 0, the page says 1"),
    ],
)
def test_a_step_that_is_not_as_written_is_noticed(
    step: Step, says: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """Output that is missing or elsewhere, and another status; the steps behind it are not taken."""
    (done, *rest) = performed([step, Step(2, "echo reached", 0, ())], tmp_path, environment, tmp_path / "log")

    assert says in done.problem
    assert bool(done.problem) is bool(says)
    assert len(rest) == (0 if says else 1)


def test_a_shell_that_ends_is_noticed(environment: dict[str, str], tmp_path: Path) -> None:
    """A step that takes its shell along has no status to be right."""
    with pytest.raises(AssertionError, match="the shell has ended"):
        performed([Step(1, "exit 3", 3, ())], tmp_path, environment, tmp_path / "log")


def test_a_page_is_read_as_it_is_written() -> None:
    """A fence of text belongs to the commands before it; a second one, and one without commands, to none."""
    page = "```text\nnot\n```\n```sh\nls\n```\n```text\na\n(status 2)\n\nb\n```\n```text\nnot\n```\n```sh\nid\n```\n"

    assert steps_of(page) == [Step(4, "ls\n", 2, ("a", "b")), Step(16, "id\n", 0, ())]


def test_the_runbook_leads_from_what_is_seen_to_what_is_done(repository: Path) -> None:
    """Every alert and every word of the screen in its table exists, and every link leads to a heading."""
    text = (repository / "docs" / "runbook.md").read_text()
    table = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    headings = {
        re.sub(r"[^a-z -]", "", head.lower()).replace(" ", "-") for head in re.findall(r"^## (.+)$", text, re.MULTILINE)
    }
    names = {
        name for row in re.findall(r"alerts? ((?:`[a-z -]+`(?:, )?)+)", table) for name in re.findall(r"`([^`]+)`", row)
    }

    assert set(re.findall(r"\(#([a-z-]+)\)", text)) <= headings
    assert names
    assert names <= {alert.value for alert in Alert}
