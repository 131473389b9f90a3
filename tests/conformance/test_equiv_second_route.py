"""The second route's report, on paths that were written down by hand, and what its program may do wrong."""

import sys
from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from unittest.mock import MagicMock, Mock

import pytest

from dita.conformance.equiv import run as equiv
from dita.conformance.equiv.comparing import reference_of
from dita.conformance.equiv.lifting import LiftReport
from dita.conformance.equiv.second_route import KINDS, SECONDS, TIER, explored_again, run_second_route
from dita.conformance.equiv.sums import Canonical
from dita.conformance.equiv.tools import STEP, ToolMissing, words_of
from dita.conformance.prove.core import KINDS as ALL_KINDS
from dita.spec.vocabulary import Kind
from in_process import InProcess
from machine_paths import set_mode

PAIRS: Final = equiv.PAIRS[TIER]
ECHO: Final = "import json, sys; print(json.dumps({'asked': json.loads(sys.stdin.readline())}))"
IMAGE: Final = Path("image")
"""Nobody opens it."""


@pytest.fixture(scope="module", autouse=True)
def small_reference() -> Generator[None]:
    """The reference's SET_MODE without the invariants, which it does not need: the answers come in no time."""
    small = replace(reference_of(Kind.SET_MODE, Canonical()), facts=())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dita.conformance.equiv.proving.reference_of", Mock(return_value=small))
        yield


@pytest.fixture
def explored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Mock:
    """What the program answers; what is proved is kept in a folder of this test."""
    monkeypatch.setattr("dita.conformance.equiv.run.FOLDER", tmp_path / "kept")
    solver = MagicMock()
    solver.return_value.__enter__.return_value = InProcess()
    monkeypatch.setattr("dita.conformance.equiv.second_route.Bitwuzla", solver)
    monkeypatch.setattr("dita.conformance.equiv.second_route.lifted", Mock(return_value=LiftReport(PAIRS, 3)))
    answer = Mock(return_value=set_mode())
    monkeypatch.setattr("dita.conformance.equiv.second_route.explored_again", answer)
    return answer


def test_a_kind_is_proved_by_the_second_route(explored: Mock) -> None:
    """Every path equal and compared with the processor, and somebody told how far it is."""
    progress = Mock()

    report = run_second_route(IMAGE, [Kind.SET_MODE], progress)

    assert report.problems == []
    assert (seconded := report.rows[Kind.SET_MODE].seconded) >= 2
    assert explored.call_count == 1
    assert [call.args for call in progress.call_args_list] == [
        ("SET_MODE: by the second route", 0, 1), ("SET_MODE: machine paths compared", 3, 3),
    ]  # fmt: skip
    assert report.figures == {
        "second_route_kinds_asked": 1, "second_route_kinds_proved": 1, "second_route_machine_paths": 3,
        "second_route_machine_paths_equal": 3, "second_route_machine_paths_reached": 3, "second_route_differ": 0,
        "second_route_unknown": 0, "second_route_second_opinions": seconded, "second_route_disagreements": 0,
        "second_route_lifted_pairs": PAIRS, "second_route_lifted_paths": 3, "second_route_misread": 0,
        "second_route_comparisons": 0,
    }  # fmt: skip


def test_a_path_that_was_proved_is_not_asked_about_again(explored: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only whether any path is missing is; another path is asked about, and everything anew."""
    solver = InProcess()
    monkeypatch.setattr("dita.conformance.equiv.second_route.Bitwuzla", lambda: nullcontext(solver))
    asked: list[int] = []

    for answer, anew in ((set_mode(), False), (set_mode(), False), (set_mode(highest=1), False), (set_mode(), True)):
        explored.return_value = answer
        report = run_second_route(IMAGE, [Kind.SET_MODE], Mock(), anew=anew)
        assert report.figures["second_route_kinds_proved"] == (answer == set_mode())
        asked.append(len(solver.asked))
        solver.asked.clear()

    assert asked[1] == 2
    assert asked[0] == asked[3] >= 2 + 2 * 3
    assert asked[2] > 2


@pytest.mark.parametrize(
    ("answer", "lifts", "said"),
    [
        (set_mode(highest=3), LiftReport(PAIRS, 3), "paths differ from the reference"),
        (set_mode(paths=2), LiftReport(PAIRS, 3), "takes none of them"),
        ({"kind": 5, "seconds": 0.0, "problem": "a read of 8 bytes at 0x0"}, LiftReport(PAIRS, 3), "8 bytes at 0x0"),
        (set_mode(), LiftReport(PAIRS, 3, ["path 1 says something else"]), "says something else"),
        (set_mode(), LiftReport(7, 3), f"on 7 of {PAIRS} pairs"),
        (set_mode(), LiftReport(PAIRS, 0), "0 paths and the processor"),
    ],
    ids=["difference", "missing path", "not understood", "misread", "few pairs", "no path compared"],
)
def test_what_is_no_proof_is_a_problem(
    explored: Mock, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], lifts: LiftReport, said: str
) -> None:
    """Another bound, a path that is missing, code that is not understood, a processor that says something else."""
    explored.return_value = answer
    monkeypatch.setattr("dita.conformance.equiv.second_route.lifted", Mock(return_value=lifts))

    report = run_second_route(IMAGE, [Kind.SET_MODE], Mock())

    (problem,) = report.problems
    assert problem.startswith("second route, SET_MODE: ")
    assert said in problem
    assert report.figures["second_route_kinds_proved"] == 0


def test_nothing_asked_is_nothing_proved(explored: Mock) -> None:
    """No kinds, no green."""
    report = run_second_route(IMAGE, [], Mock())

    assert report.problems == ["second route: no kind was asked for"]
    assert not explored.called


def test_the_kinds_are_some_of_all() -> None:
    """Three at least, none twice, and each an input that the step takes."""
    assert len(KINDS) == len(set(KINDS) & set(ALL_KINDS)) >= 3


def test_the_program_is_asked_for_one_kind(tmp_path: Path) -> None:
    """What it is told: where the image is, the step, what it may not enter, and every word by its name."""
    program = tmp_path / "echo.py"
    program.write_text(ECHO)

    asked = explored_again(IMAGE, Kind.WALLET, program, Path(sys.executable))["asked"]

    assert (asked["image"], asked["step"], asked["kinds"]) == ("image", STEP, [int(Kind.WALLET)])
    assert asked["functions"]["dita_notional"] == [2, False]
    assert [*asked["records"]] == ["account", "instrument", "slot", "event", "outcome"]
    assert all(names == words_of(record) for record, names in asked["records"].items())


def test_a_program_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No interpreter, no engine, an end without a word: what to do; and one that does not end is not waited for."""
    program = tmp_path / "program.py"
    for text, said in (("import no_engine", "no_engine"), ("raise SystemExit(3)", "status 3")):
        program.write_text(text)
        with pytest.raises(ToolMissing, match=f"{said}.*make equiv-tools"):
            explored_again(IMAGE, Kind.WALLET, program, Path(sys.executable))
    with pytest.raises(ToolMissing, match="make equiv-tools"):
        explored_again(IMAGE, Kind.WALLET, program, tmp_path / "python")
    program.write_text("import time; time.sleep(60)")
    monkeypatch.setattr("dita.conformance.equiv.second_route.SECONDS", 0.2)
    assert "no paths in" in explored_again(IMAGE, Kind.WALLET, program, Path(sys.executable))["problem"]
    assert SECONDS > 1
