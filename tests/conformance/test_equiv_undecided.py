"""Mutants that no other layer can tell from the kernel: which kinds may run them, and what counts as the same."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest

from dita.conformance.equiv import undecided
from dita.conformance.equiv.functions import functions_changed
from dita.conformance.equiv.proving import Difference, KindReport
from dita.conformance.equiv.run import EquivReport
from dita.conformance.equiv.undecided import (
    SOURCES,
    Decision,
    Named,
    UndecidedUnknown,
    decide,
    kinds_running,
    piece_of,
    run_undecided,
    undecided_mutants,
)
from dita.conformance.equiv.whole import Piece
from dita.conformance.mutants.campaign import read_undecided
from dita.kernel.image import IMAGE_PATH
from dita.spec.certificate import Part, add_up
from dita.spec.vocabulary import Kind

EQUAL = KindReport(int(Kind.INCOME), machine_paths=3, reached=3, reference_paths=3, equal=3)
DIFFERENT = Difference(1, {"event.quote": 0})
ALMOST = replace(EQUAL, equal=2, differ=[DIFFERENT])
OF_INCOME, OF_BODIES = "adbcad3b03", "6e86eff105"


def silent(_: str, __: int, ___: int) -> None:
    """No progress."""


def found_of(row: KindReport) -> Callable[..., EquivReport]:
    """As if of every kind this was found."""

    def run(kinds: tuple[Kind, ...], *_: Any, **__: Any) -> EquivReport:
        return EquivReport(kinds, dict.fromkeys(kinds, row))

    return run


def of_list(name: str) -> Named:
    """One of the list."""
    (found,) = [one for one in undecided_mutants() if one.name == name]
    return found


@pytest.fixture(autouse=True)
def proves(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """What proves kinds is planted; nothing is built."""
    monkeypatch.setattr(undecided, "build_image", Mock(return_value=IMAGE_PATH))
    run = Mock(side_effect=found_of(EQUAL))
    monkeypatch.setattr(undecided, "run_equiv", run)
    return run


@dataclass
class Looks:
    """What a closer look is made with: the CPU, which parts, and what is asked then, which is so."""

    parted: Mock = field(default_factory=lambda: Mock(return_value=["a word"]))
    is_known: Mock = field(default_factory=lambda: Mock(return_value=True))
    is_in: Mock = field(default_factory=lambda: Mock(return_value=True))
    is_equal: Mock = field(default_factory=lambda: Mock(return_value=True))


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """In the place of all of that."""
    made = Looks()
    for name in ("parted", "is_known", "is_in", "is_equal"):
        monkeypatch.setattr(undecided, name, getattr(made, name))
    monkeypatch.setattr(undecided, "Bitwuzla", MagicMock())
    return made


# --- which kinds ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("functions", "kinds"),
    [
        ({"income_advances"}, {Kind.INCOME}),
        ({"mismatch"}, {Kind.SETTLE}),
        ({"entry_order"}, {Kind.ORDER}),
        ({"advances"}, {Kind.ORDER, Kind.EXTERNAL_CLOSE}),
        ({"mismatch", "set_mode"}, {Kind.SETTLE, Kind.SET_MODE}),
        ({"answer"}, set[Kind]()),
        ({"select"}, set[Kind]()),
        ({""}, set[Kind]()),
        ({"closing", ""}, set[Kind]()),
        ({"no_such_function"}, set[Kind]()),
    ],
)
def test_the_kinds_that_may_run_a_function(functions: set[str], kinds: set[Kind]) -> None:
    """As somebody who reads the kernel finds them; what is before the handlers, or in no function, is not for kinds."""
    assert set(kinds_running(functions, SOURCES)) == kinds


def test_a_function_that_is_handed_on_counts_as_called() -> None:
    """`has_room` hands `is_graded` to `any`, and asks it of every tail where a trade begins."""
    assert {Kind.ENTER, Kind.ADOPT} <= set(kinds_running({"is_graded"}, SOURCES))


def test_rather_too_many_kinds_than_too_few() -> None:
    """Names that two modules use for different things are held for one."""
    assert Kind.FLATTEN in kinds_running({"closing"}, SOURCES)
    assert Kind.EXIT in kinds_running({"closing"}, SOURCES)


def test_the_functions_that_a_change_is_in(tmp_path: Path) -> None:
    """A comment is no change; what is in no function goes by no name."""
    source = tmp_path / "some.rs"
    before = (
        "const ONE: i64 = 1;\n\npub fn one() -> i64 {\n    ONE // or so\n}\n\nfn two() {\n}\n\nconst TWO: i64 = 2;\n"
    )
    source.write_text(before)

    assert functions_changed(source, before.encode()) == set()
    assert functions_changed(source, before.replace("or so", "that is").encode()) == set()
    assert functions_changed(source, before.replace("    ONE", "    ONE + ONE").encode()) == {"one"}
    assert functions_changed(source, before.replace("i64 = 2", "i64 = 3").encode()) == {""}
    assert functions_changed(source, before.replace("i64 = 1", "i64 = 0").encode()) == {""}
    assert functions_changed(source, before.replace("fn two", "fn three").encode()) == {"two", "three"}


# --- what counts ----------------------------------------------------------------------------------------------------


def test_the_list_is_of_mutants_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it; who is gone from the catalogue has to leave the list."""
    assert {one.name for one in undecided_mutants()} == set(read_undecided())

    monkeypatch.setattr(undecided, "read_undecided", Mock(return_value={"0" * 10: "a reason"}))
    with pytest.raises(UndecidedUnknown, match="0000000000"):
        undecided_mutants()


def test_a_mutant_is_proved_on_the_kinds_that_run_it(proves: Mock) -> None:
    """In its own image, and in the tier that is asked for."""
    found = decide(of_list(OF_INCOME).mutant, "full")

    assert found == Decision("the same", "INCOME", 3)
    assert proves.call_args.args[:2] == ((Kind.INCOME,), "full")
    assert proves.call_args.kwargs["image"] == IMAGE_PATH


@pytest.mark.parametrize(
    "row",
    [
        KindReport(18, machine_paths=3, reached=3, equal=2, unknown=["path 2: no answer in time"]),
        KindReport(18, machine_paths=3, reached=3, equal=1, unknown=["path 2: no answer"], differ=[DIFFERENT]),
        KindReport(18, machine_paths=3, reached=3, equal=2, misread=["path 1"], differ=[DIFFERENT]),
        KindReport(18, machine_paths=3, reached=0, equal=2, differ=[DIFFERENT]),
        KindReport(18),
    ],
)
def test_what_is_not_equal_is_not_the_same(proves: Mock, row: KindReport, looks: Looks) -> None:
    """A path without an answer, one that is misread, none that is reached, and a kind without paths."""
    proves.side_effect = found_of(row)
    looks.parted.return_value = []

    found = decide(of_list(OF_INCOME).mutant, "quick")

    assert found.verdict == "not proved"
    assert found.says.startswith("INCOME: ")
    looks.is_equal.assert_not_called()


def test_a_mutant_differs_where_the_cpu_says_so(proves: Mock, looks: Looks) -> None:
    """Then nothing that is known can help."""
    proves.side_effect = found_of(ALMOST)

    found = decide(of_list(OF_INCOME).mutant, "quick")

    assert found == Decision("differs", "INCOME: 1 machine paths differ from the reference")
    assert looks.parted.call_args.args == (IMAGE_PATH, DIFFERENT.words)
    looks.is_equal.assert_not_called()


def test_a_difference_that_cannot_be_is_looked_at_more_closely(proves: Mock, looks: Looks) -> None:
    """The same, if what is known besides is so, of this image as well, and the paths are equal with it."""
    proves.side_effect = found_of(ALMOST)
    looks.parted.return_value = []
    mutant = of_list(OF_INCOME).mutant

    assert decide(mutant, "quick") == Decision("the same", "INCOME, with what is known of price_plausible besides", 3)
    assert looks.is_equal.call_args.args[:3] == (IMAGE_PATH, Kind.INCOME, DIFFERENT)
    for one in (looks.is_known, looks.is_in, looks.is_equal):
        one.return_value = False
        assert decide(mutant, "quick").verdict == "not proved"
        one.return_value = True


def test_a_mutant_that_no_handler_runs_is_not_proved(proves: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was asked about it."""
    proves.side_effect = None
    proves.return_value = EquivReport(())
    monkeypatch.setattr(undecided, "kinds_running", Mock(return_value=()))

    assert decide(of_list(OF_INCOME).mutant, "quick").verdict == "not proved"


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        (Piece("bodies", (Part("body notional", {"body_paths": 4}), Part("bodies", {}))), ("the same", 4)),
        (Piece("bodies", (), ("notional: cvc5 does not know",)), ("not proved", 0)),
        (Piece("bodies", (), (), ("notional: (1, 2) is not what the reference gives",)), ("differs", 0)),
    ],
)
def test_a_mutant_of_the_arithmetic_is_proved_on_the_named_functions(
    piece: Piece, expected: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step knows them by name, and so does not change; what is assumed is not proved."""
    bodies = Mock()
    bodies.read_or_run.return_value = piece
    monkeypatch.setattr(undecided, "BODIES", bodies)

    found = decide(of_list(OF_BODIES).mutant, "quick")

    assert (found.verdict, found.paths) == expected
    assert bodies.read_or_run.call_args.args[0] == IMAGE_PATH


def test_who_is_not_proved_the_same_is_a_problem() -> None:
    """One that differs is no mutant that cannot be told."""
    found = {"one": Decision("the same", "ORDER", 5), "two": Decision("differs", "ORDER: one machine path differs")}

    piece = piece_of(found, {"one": "first", "two": "second"})

    counts = add_up(piece.parts)
    assert (counts["undecided_mutants"], counts["undecided_the_same"], counts["undecided_differ"]) == (2, 1, 1)
    assert piece.problems == ("two (second) differs: ORDER: one machine path differs",)
    assert piece_of({"one": found["one"]}, {"one": "first"}).problems == ()


def test_all_of_the_list_are_asked_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the list, however they end."""
    monkeypatch.setattr(undecided, "worker_pool", ThreadPoolExecutor)
    monkeypatch.setattr(undecided, "decide", Mock(return_value=Decision("not proved", "no answer")))
    told: list[tuple[int, int]] = []

    def tell(_: str, done: int, of: int) -> None:
        told.append((done, of))

    piece = run_undecided("quick", tell, 2)

    count = len(read_undecided())
    assert count > 5
    assert [problem.split(" ")[0] for problem in piece.problems] == list(read_undecided())
    assert told[-1] == (count, count)
