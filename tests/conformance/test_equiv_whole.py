"""All of the machine code in one report: what the certificate's layer counts, what is read back, and what fails."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from dita.conformance import layers
from dita.conformance.equiv import whole
from dita.conformance.equiv.proving import Difference, KindReport
from dita.conformance.equiv.refuting import Refutation, RefutingReport
from dita.conformance.equiv.run import EquivReport
from dita.conformance.equiv.tools import ToolMissing
from dita.conformance.equiv.whole import PIECES, Made, Piece, WholeReport, run_whole
from dita.conformance.layers import LayerOrder, LayerOutcome, equiv_layer
from dita.conformance.prove.core import KINDS
from dita.kernel.image import IMAGE_PATH
from dita.spec.certificate import REQUIRED_LAYERS, CertificateRefused, Part, add_up
from dita.spec.certificate_check import check_counts
from dita.spec.vocabulary import Kind

PROVED = KindReport(
    0, machine_paths=3, reached=2, reference_paths=4, pairs=12, equal=3, seconded=2, lifted_pairs=9, lifted_paths=2
)
HOLD = (
    Piece("lemmas", (Part("lemma step", {"lemmas": 1, "lemmas_proved": 1, "lemmas_failed": 0}),)),
    Piece("bodies", (Part("body notional", {"bodies_proved": 1, "bodies_failed": 0, "body_vectors": 8}),), ("a sum",)),
    Piece("second route", (Part("second route SET_MODE", {"route_kinds_proved": 1, "route_kinds_failed": 0}),)),
)
(RULE,) = (rule for rule in REQUIRED_LAYERS if rule.name == "equiv")


def silent(_: str, __: int, ___: int) -> None:
    """No progress."""


def kinds(**changed: Any) -> EquivReport:
    """A run in which every kind was proved, or one of them was not."""
    rows = {kind: replace(PROVED, kind=int(kind)) for kind in sorted(KINDS)}
    rows[Kind.SEED] = replace(rows[Kind.SEED], **changed)
    return EquivReport(tuple(sorted(KINDS)), rows)


def outcome(report: WholeReport, monkeypatch: pytest.MonkeyPatch) -> LayerOutcome:
    """What the layer hands over of a run."""
    monkeypatch.setattr(layers, "run_whole", Mock(return_value=report))
    return equiv_layer(LayerOrder("full", IMAGE_PATH, 1))


def test_the_layer_counts_what_its_rule_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind and every piece is a part; together they satisfy the rule; what is assumed is told."""
    found = outcome(WholeReport(kinds(), list(HOLD)), monkeypatch)

    check_counts(RULE, found.counts)
    assert found.problems == ()
    assert found.counts["kinds_proved"] == found.counts["input_kinds"] == len(KINDS) == 21
    assert found.counts["machine_paths"] == 3 * 21
    assert found.details["assumed"] == {"bodies 0": "a sum"}
    names = [part.name for part in found.parts]
    assert len(names) == len(set(names)) == 21 + 1 + 3
    assert found.counts == add_up(found.parts)


@pytest.mark.parametrize(
    ("changed", "count"),
    [
        ({"equal": 2, "differ": [Difference(1, {})]}, "differ"),
        ({"unknown": ["no answer in time"]}, "unknown"),
        ({"disagreed": ["unsat against sat"]}, "disagreements"),
        ({"misread": ["another word"]}, "misread"),
        ({"equal": 2}, "kinds_proved"),
    ],
    ids=["differ", "unknown", "disagreements", "misread", "a path short"],
)
def test_a_kind_that_is_not_proved_fails_the_layer(
    changed: dict[str, Any], count: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the problem that it names, and by its counts alone."""
    found = outcome(WholeReport(kinds(**changed), list(HOLD)), monkeypatch)

    assert [problem for problem in found.problems if problem.startswith("SEED")]
    with pytest.raises(CertificateRefused, match=rf"equiv.*{count}"):
        check_counts(RULE, found.counts)


@pytest.mark.parametrize("gone", range(len(HOLD)))
def test_a_piece_that_is_missing_or_fails_fails_the_layer(gone: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its counts are asked for, and its problems are the layer's."""
    without = outcome(WholeReport(kinds(), [piece for piece in HOLD if piece is not HOLD[gone]]), monkeypatch)
    failing = HOLD[gone]._replace(problems=("lemma step: refuted",))
    failed = outcome(WholeReport(kinds(), [*HOLD, failing]), monkeypatch)

    with pytest.raises(CertificateRefused, match="equiv"):
        check_counts(RULE, without.counts)
    assert failed.problems == ("lemma step: refuted",)


def test_without_its_tools_the_layer_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a problem, so there is no certificate."""
    monkeypatch.setattr(layers, "run_whole", Mock(side_effect=ToolMissing("run `make equiv-tools`")))

    found = equiv_layer(LayerOrder("full", IMAGE_PATH, 1, Mock()))

    assert found.problems == ("run `make equiv-tools`",)
    assert found.counts == {}


def test_pieces_are_read_back_until_something_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What holds is kept by image, code and piece; what does not is tried again; anew reads nothing back."""
    monkeypatch.setattr(whole, "FOLDER", tmp_path)
    monkeypatch.setattr(whole, "run_equiv", Mock(return_value=kinds()))
    image = tmp_path / "image"
    image.write_bytes(b"one")
    asked: list[str] = []

    def made(piece: Piece) -> Callable[[Path, Any], Piece]:
        def run(_: Path, __: Any) -> Piece:
            asked.append(piece.name)
            return piece

        return run

    failing = HOLD[2]._replace(problems=("not read",))
    pieces = [Made(piece.name, whole.__name__, (), made(piece)) for piece in (*HOLD[:2], failing)]
    monkeypatch.setattr(whole, "PIECES", pieces)

    first = run_whole("quick", silent, image=image)
    again = run_whole("quick", silent, image=image)
    assert asked == ["lemmas", "bodies", "second route", "second route"]
    assert first.parts == again.parts
    assert first.pieces[:2] == again.pieces[:2]
    assert again.problems == ["not read"]
    image.write_bytes(b"two")
    run_whole("quick", silent, image=image)
    run_whole("quick", silent, image=image, anew=True)
    assert asked[4:] == ["lemmas", "bodies", "second route"] * 2


def test_pieces_are_proved_side_by_side_and_told_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """However they end; what one of them cannot do is told as where they come one after the other."""
    monkeypatch.setattr(whole, "run_equiv", Mock(return_value=kinds()))
    monkeypatch.setattr(whole, "worker_pool", ThreadPoolExecutor)
    pieces = [Mock(read_or_run=Mock(return_value=piece)) for piece in HOLD]
    monkeypatch.setattr(whole, "PIECES", pieces)
    told: list[int] = []

    found = run_whole("quick", lambda _, done, __: told.append(done), processes=2, anew=True)

    assert [piece.name for piece in found.pieces] == ["lemmas", "bodies", "second route"]
    assert told == [1, 2, 3]
    assert all(piece.read_or_run.call_args.kwargs["anew"] for piece in pieces)
    pieces[1].read_or_run.side_effect = ToolMissing("run `make equiv-tools`")
    with pytest.raises(ToolMissing):
        run_whole("quick", silent, processes=2)


def test_every_piece_hands_over_what_its_report_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of lemmas, bodies and the second route, proved or not, the rule's counts follow."""
    assert [made.name for made in PIECES] == ["lemmas", "bodies", "second route"]
    lemma, body = Mock(verdict="proved"), Mock(proved=True, paths=3, vectors=7)
    lemma.name = "step"
    figures = {"bodies_assumed": 0, "second_opinions": 2}
    reports = {
        "surroundings": Mock(lemmas=[lemma], problems=[]),
        "bodies": Mock(rows={"notional": body}, problems=[], assumed=[], figures=figures),
        "second_route": Mock(rows={Kind.SEED: PROVED}, problems=[]),
    }
    for name, report in reports.items():
        monkeypatch.setattr(getattr(whole, name), f"run_{name}", Mock(return_value=report))
    found = [made.run(IMAGE_PATH, silent) for made in PIECES]
    counts = WholeReport(kinds(), found).parts

    check_counts(RULE, add_up(counts))
    assert [piece.problems for piece in found] == [(), (), ()]
    lemma.verdict, body.proved = "refuted", False
    reports["bodies"].problems, reports["bodies"].assumed = ["notional: another word"], ["notional: no answer"]
    reports["second_route"].rows = {Kind.SEED: replace(PROVED, equal=1)}
    failed = add_up(part for made in PIECES for part in made.run(IMAGE_PATH, silent).parts)
    assert (failed["lemmas_failed"], failed["bodies_failed"], failed["route_kinds_failed"]) == (1, 1, 1)
    assert (failed["lemmas_proved"], failed["bodies_proved"], failed["route_kinds_proved"]) == (0, 0, 0)


def test_mutants_are_a_piece_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many as were asked for, drawn by the image; who is missed is a problem."""
    run = Mock(return_value=RefutingReport({"one": Refutation("missed", "called equal")}))
    monkeypatch.setattr(whole, "run_refuting", run)

    found = whole.refuted(5, silent, 2)

    assert len(run.call_args.args[0]) == 5
    assert add_up(found.parts)["kernel_mutants_missed"] == 1
    assert found.problems[0] == "one: called equal"
