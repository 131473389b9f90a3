"""What solvers leave open: whether all is covered, by other assumptions; differences, by what is known besides."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, Mock, call

import pytest
import z3

from dita.conformance.equiv import closer, run
from dita.conformance.equiv.closer import KNOWN, OPEN, Known, instances, is_covered, is_equal, is_in, is_known
from dita.conformance.equiv.comparing import machine_path, reference_of
from dita.conformance.equiv.lifting import LiftReport
from dita.conformance.equiv.proving import Difference, KindReport
from dita.conformance.equiv.run import PAIRS
from dita.conformance.equiv.sums import Canonical
from dita.conformance.equiv.tools import BEFORE, EVENT
from dita.conformance.equiv.words import symbol
from dita.conformance.prove.second_opinion import Opinion
from dita.kernel.image import IMAGE_PATH
from dita.spec.vocabulary import Code, Kind
from in_process import InProcess, Shrugs
from machine_paths import number, path, set_mode

WORDS = dict.fromkeys((*BEFORE, *EVENT), 0)
FOUND = Difference(0, WORDS)


def asking(quote: int, quantity: int) -> dict[str, Any]:
    """A path that refuses any input where so much for so much is not plausible."""
    refused = path(["(= result.0 #b0)"], {"outcome.code": number(Code.BAD_VALUE)})
    given = [number(quote), number(quantity), "event.slot"]
    lines = [f"(declare-fun argument.0.{index} () (_ BitVec 64))" for index in range(3)]
    lines += [f"(assert (= argument.0.{index} {value}))" for index, value in enumerate(given)]
    calls = [{"function": "dita_price_plausible", "arguments": 3}]
    text = "\n".join(["(declare-fun result.0 () (_ BitVec 1))", refused["text"], *lines])
    return {**refused, "calls": calls, "text": text}


@pytest.fixture
def explored(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, Any]], Mock]:
    """The machine code that is read, and a reference without the invariants, which it does not need."""
    small = replace(reference_of(Kind.SET_MODE, Canonical()), facts=())
    monkeypatch.setattr(closer, "reference_of", Mock(return_value=small))

    def read(answer: Mapping[str, Any]) -> Mock:
        made = Mock(return_value=[answer])
        monkeypatch.setattr(closer, "explored", made)
        return made

    return read


@pytest.mark.unmeasured
def test_paths_are_complete_with_less_assumed() -> None:
    """Of any words at all; where a path is missing they are not, whatever is assumed."""
    every = set_mode()

    assert is_covered(Kind.SET_MODE, every)
    assert not is_covered(Kind.SET_MODE, {**every, "paths": every["paths"][:-1]})


@pytest.mark.parametrize(
    ("disagreed", "covered", "left"),
    [([OPEN], True, 0), ([OPEN], False, 1), ([OPEN, "path 1: sat against unsat"], True, 2), ([OPEN, OPEN], True, 2)],
)
def test_only_what_is_open_is_asked_again(
    disagreed: list[str], covered: bool, left: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for the image, with all its paths; another disagreement is one."""
    row = KindReport(int(Kind.SET_MODE), machine_paths=3, reached=3, equal=3, disagreed=[*disagreed])
    planted = {
        "FOLDER": tmp_path, "Bitwuzla": MagicMock(), "prove_kind": Mock(return_value=row),
        "explored": Mock(return_value=[set_mode()]), "lifted": Mock(return_value=LiftReport(PAIRS["quick"], 3)),
        "is_covered": (asked := Mock(return_value=covered)),
    }  # fmt: skip
    for name, value in planted.items():
        monkeypatch.setattr(run, name, value)

    report = run.run_equiv([Kind.SET_MODE], "quick", Mock())

    assert report.figures["disagreements"] == left
    assert bool(report.problems) == bool(left)
    assert asked.call_args_list == ([call(Kind.SET_MODE, set_mode())] if disagreed == [OPEN] else [])


@pytest.mark.parametrize(
    "wrong",
    [
        Known("price_plausible", ("quote",)),
        Known("price_plausible", ("quantity",)),
        Known("fits_scales", ("lot",)),
        Known("within_leverage", ("exposure",)),
        Known("price_plausible", ("no_such_argument",)),
    ],
)
def test_what_is_known_is_proved_of_the_body(wrong: Known) -> None:
    """For all integers; what is not so is found out."""
    assert all(is_known(one) for one in KNOWN)
    assert not is_known(wrong)


@pytest.mark.parametrize("proved", [True, False])
def test_the_image_s_own_body_is_proved(proved: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of that function alone."""
    proves = Mock(return_value=Mock(rows={"price_plausible": Mock(proved=proved)}))
    monkeypatch.setattr(closer, "run_bodies", proves)

    assert is_in(KNOWN[0], IMAGE_PATH) is proved
    proves.assert_called_once_with(IMAGE_PATH, only=("price_plausible",))


def test_what_is_known_says_something_of_nothing_alone() -> None:
    """Of every application in a path, where both arguments are 0."""
    fact = z3.And(*instances(machine_path(asking(0, 0), Canonical()), KNOWN))
    other = z3.And(*instances(machine_path(asking(0, 1), Canonical()), KNOWN))
    zero, one, slot = z3.BitVecVal(0, 64), z3.BitVecVal(1, 64), z3.BitVec("event.slot", 64)
    solver = z3.Solver()

    assert solver.check(fact, z3.Not(symbol("price_plausible")(zero, zero, slot))) == z3.unsat
    assert solver.check(other, z3.Not(symbol("price_plausible")(zero, one, slot))) == z3.sat
    assert instances(machine_path(set_mode()["paths"][0], Canonical()), KNOWN) == []


def test_a_path_that_needs_what_cannot_be_is_equal(explored: Callable[..., Mock]) -> None:
    """Read again along the words, whatever named functions give; it differs where less is known."""
    read = explored({"paths": [asking(0, 0)]})

    assert is_equal(IMAGE_PATH, Kind.SET_MODE, FOUND, InProcess())
    assert not is_equal(IMAGE_PATH, Kind.SET_MODE, FOUND, InProcess(), known=())
    assert read.call_args.kwargs["along"] == WORDS
    assert len(read.call_args.kwargs["unread"]) == 1
    explored({"paths": [asking(0, 0), asking(0, 1)]})
    assert not is_equal(IMAGE_PATH, Kind.SET_MODE, FOUND, InProcess())


@pytest.mark.unmeasured
def test_no_answer_is_not_equal(explored: Callable[..., Mock], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of either solver; and no path, or machine code that is not understood, is none."""
    explored({"paths": [asking(0, 0)]})
    assert not is_equal(IMAGE_PATH, Kind.SET_MODE, FOUND, Shrugs())
    monkeypatch.setattr(closer, "ask", Mock(return_value=Opinion.UNKNOWN))
    assert not is_equal(IMAGE_PATH, Kind.SET_MODE, FOUND, InProcess())
    monkeypatch.undo()
    answers: list[dict[str, Any]] = [{"paths": []}, {"problem": "a write of 8 bytes"}]
    for answer in answers:
        explored(answer)
        assert not is_equal(IMAGE_PATH, Kind.SET_MODE, FOUND, InProcess())
