"""``dita equiv``: what was proved as tables and figures, and what was not, or cannot be asked, as status 1."""

import json
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

from dita.conformance.equiv.proving import KindReport
from dita.conformance.equiv.run import EquivReport
from dita.conformance.equiv.tools import ToolMissing
from dita.conformance.equiv.whole import Piece, WholeReport
from dita.runtime import cli_equiv
from dita.runtime.cli import app
from dita.runtime.cli_report import CommandError
from dita.spec.certificate import Part
from dita.spec.vocabulary import Kind

PROVED = KindReport(5, machine_paths=3, reached=3, reference_paths=3, equal=3)
SEED_PROVED = replace(PROVED, kind=int(Kind.SEED))
PIECE = Piece("bodies", (Part("body notional", {"bodies_proved": 1, "bodies_failed": 0}),), ("no sum wraps",))


@pytest.fixture(autouse=True)
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Mock]:
    """What proves is planted, in a folder of its own: kinds that are named, all there is, and mutants."""
    monkeypatch.chdir(tmp_path)
    named = EquivReport((Kind.SET_MODE, Kind.SEED), {Kind.SET_MODE: PROVED, Kind.SEED: SEED_PROVED})
    mutants = Piece("mutants", (Part("mutants", {"kernel_mutants_refuted": 4}),))
    planted = {
        "run_equiv": Mock(return_value=named),
        "run_whole": Mock(return_value=WholeReport(named, [PIECE])),
        "refuted": Mock(return_value=mutants),
        "run_undecided": Mock(return_value=Piece("undecided mutants", (Part("all", {"undecided_the_same": 9}),))),
    }
    for name, run in planted.items():
        monkeypatch.setattr(cli_equiv, name, run)
    return planted


def dita(*arguments: str) -> tuple[int, str]:
    """Exit status, and output with what the command cannot do."""
    done = CliRunner().invoke(app, ["equiv", *arguments])
    assert done.exception is None or isinstance(done.exception, (CommandError, SystemExit)), done.exception
    return done.exit_code, " ".join(f"{done.output} {done.exception}".split())


def test_kinds_that_are_named_are_proved_alone(runs: dict[str, Mock]) -> None:
    """Each once, in the order given, whatever their case; a row for each, and the figures in the JSON file."""
    status, text = dita("set_mode", "SEED", "set_mode", "--json", "out.json")

    assert status == 0, text
    assert runs["run_equiv"].call_args.args[0] == [Kind.SET_MODE, Kind.SEED]
    assert not runs["run_whole"].called
    assert "SET_MODE" in text
    assert "proved" in text
    figures = json.loads(Path("out.json").read_text())["figures"]
    assert (figures["kinds_proved"], figures["machine_paths"], figures["input_kinds"]) == (2, 6, 21)


def test_without_a_name_everything_is_proved(runs: dict[str, Mock]) -> None:
    """The pieces around the step are told as well, and what they assume; mutants where they are asked for."""
    status, text = dita("--tier", "full", "--mutants", "4", "--anew")

    assert status == 0, text
    assert runs["run_whole"].call_args.args[0] == "full"
    assert runs["run_whole"].call_args.kwargs["anew"]
    assert runs["refuted"].call_args.args[0] == 4
    assert "bodies_proved 1" in text
    assert "assumed: no sum wraps" in text
    assert "kernel_mutants_refuted" in text


def test_mutants_that_no_layer_can_tell_are_asked_where_that_is_asked_for(runs: dict[str, Mock]) -> None:
    """With whatever else is proved, in the same tier."""
    left, asked = dita(), dita("--tier", "full", "SEED", "--undecided", "--processes", "3")

    assert (left[0], asked[0]) == (0, 0)
    assert "undecided" not in left[1]
    assert "undecided_the_same 9" in asked[1]
    assert (runs["run_undecided"].call_args.args[0], runs["run_undecided"].call_args.args[2]) == ("full", 3)


def test_what_is_not_proved_is_status_1(runs: dict[str, Mock]) -> None:
    """A kind, or a piece: the problem is told."""
    rows = {Kind.SET_MODE: replace(PROVED, equal=2, unknown=["path 2: no answer in time"]), Kind.SEED: SEED_PROVED}
    runs["run_equiv"].return_value = EquivReport((Kind.SET_MODE, Kind.SEED), rows)
    kind = dita("SET_MODE", "SEED")
    failing = WholeReport(EquivReport((Kind.SEED,), {Kind.SEED: SEED_PROVED}), [PIECE._replace(problems=("it wraps",))])
    runs["run_whole"].return_value = failing
    piece = dita()

    assert (kind[0], piece[0]) == (1, 1)
    assert "path 2: no answer in time" in kind[1]
    assert "not proved" in kind[1]
    assert "it wraps" in piece[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("GUESS",), "`GUESS` is no kind of input"),
        (("--image", "none.image"), "`none.image` is no file"),
        (("--image", "some.image", "--mutants", "1"), "--mutants: they are made of this clone's kernel; leave --image"),
        (("--image", "some.image", "--undecided"), "--undecided: they are made of this clone's kernel; leave --image"),
    ],
)
def test_what_cannot_be_asked_says_so(arguments: tuple[str, ...], says: str) -> None:
    """The argument, its value and what to do."""
    Path("some.image").write_bytes(b"one")

    status, text = dita(*arguments)

    assert status == 1
    assert says in text


def test_without_the_tools_it_says_what_to_run(runs: dict[str, Mock]) -> None:
    """Nothing was proved."""
    runs["run_whole"].side_effect = ToolMissing("no angr; run `make equiv-tools`")

    assert dita()[0] == 1
    assert "run `make equiv-tools`" in dita()[1]
