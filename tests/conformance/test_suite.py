"""The table of the shortest traces: what is measured anew is written, the rest stays as it was."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dita.conformance import suite
from dita.conformance.defects import Defect
from dita.conformance.suite import SUITE_PATH, Shown, here, main, measured, median
from dita.conformance.tasks import Report, Task, TaskResult
from dita.kernel.image import IMAGE_PATH
from dita.spec.inputs import Input
from dita.spec.state import Account, State
from dita.spec.trace import Trace, format_trace
from dita.spec.vocabulary import Kind

NAMES = sorted(measured())[:2]


@pytest.fixture
def shortest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[dict[str, Shown | None]], Path]:
    """Let defects come out so, and the table be written into a folder, where it is as it is kept."""

    def use(found: dict[str, Shown | None]) -> Path:
        path = tmp_path / "suite.json"
        path.write_bytes(SUITE_PATH.read_bytes())

        def instead(defect: Defect) -> Shown | None:
            return found[defect.name]

        monkeypatch.setattr(suite, "SUITE_PATH", path)
        monkeypatch.setattr(suite, "shortest", instead)
        return path

    return use


def test_only_what_is_named_is_measured_anew(
    shortest: Callable[[dict[str, Shown | None]], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """One defect shows in seven inputs now, one no longer; the others keep their rows, in the same form."""
    seven = Shown(7, False, 12, 90)
    path = shortest({NAMES[0]: seven, NAMES[1]: None})

    assert main(NAMES) == 0

    expected = {**measured(), NAMES[0]: seven}
    del expected[NAMES[1]]
    assert measured(path) == expected
    assert capsys.readouterr().out.splitlines()[-1] == f"{len(expected)} shown, median {median(expected)} inputs"


def test_the_kept_table_is_in_the_form_that_is_written(
    shortest: Callable[[dict[str, Shown | None]], Path],
) -> None:
    """To the byte, so that a change of the table shows the rows that changed, and no others."""
    path = shortest({NAMES[0]: measured()[NAMES[0]]})

    main(NAMES[:1])

    assert path.read_bytes() == SUITE_PATH.read_bytes()


def test_a_trace_is_measured_as_people_read_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Inputs, whether it starts blank, and the size of the timeline; on the sound image nothing is found."""
    inputs = [Input(kind=Kind.SET_MODE), Input(kind=Kind.CANCEL)]
    stretched = State(Account(seeded=1), State().instruments, State().slots)
    reports = [
        Report("blank", format_trace(Trace(tuple(inputs))), "one\nthe longest line"),
        Report("stretched", format_trace(Trace(tuple(inputs[:1]), stretched)), "one"),
    ]

    def found(task: Task, image: Path) -> TaskResult:
        assert (task.runs, image) == (suite.RUNS, IMAGE_PATH)
        return TaskResult(task, reports=reports)

    monkeypatch.setattr(suite, "run_task", found)
    assert here(IMAGE_PATH) == [Shown(2, True, 2, 16), Shown(1, False, 1, 3)]
    monkeypatch.undo()
    monkeypatch.setattr(suite, "RUNS", 2)
    assert main(["--here", str(IMAGE_PATH)]) == 0
    assert capsys.readouterr().out == "[]\n"
