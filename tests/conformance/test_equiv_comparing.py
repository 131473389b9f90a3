"""The two sides of a kind compared, on machine code that was written down by hand: what is equal, and what is not."""

from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from unittest.mock import MagicMock, Mock

import pytest
import z3

from dita.conformance.equiv.comparing import machine_path, reference_of, result_of
from dita.conformance.equiv.lifting import LiftReport
from dita.conformance.equiv.proving import AS_NUMBERS, HASTY, PATIENT, KindReport, ProvedPaths, name_of, prove_kind
from dita.conformance.equiv.replay import NotReplayed, by_image, by_reference, parted, source_digest_in
from dita.conformance.equiv.run import PAIRS, EquivReport, keys_of, run_equiv
from dita.conformance.equiv.sums import Canonical
from dita.conformance.equiv.tools import BEFORE, EVENT, WRITTEN, Bitwuzla, ToolMissing, explored
from dita.conformance.prove.second_opinion import Opinion, ask
from dita.kernel.image import IMAGE_PATH
from dita.spec.vocabulary import Kind
from in_process import InProcess, Shrugs
from machine_paths import MODE, NOW, number, set_mode

SOONER: Final = {way.milliseconds for way in (*HASTY, *PATIENT) if not way.as_numbers}


class AtOnce(Executor):
    """A pool whose one worker is this process, which z3 answers in the first solver's place."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Done before it is asked for."""
        self.given += args
        done = Future[Any]()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("dita.conformance.equiv.proving.Bitwuzla", lambda: nullcontext(InProcess()))
            done.set_result(fn(*args, **kwargs))
        return done


@pytest.fixture(scope="module", autouse=True)
def small_reference() -> Generator[None]:
    """The reference's SET_MODE without the invariants, which it does not need: the answers come in no time."""
    small = replace(reference_of(Kind.SET_MODE, Canonical()), facts=())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dita.conformance.equiv.proving.reference_of", Mock(return_value=small))
        yield


def test_equal_sides_are_proved() -> None:
    """Every path is equal and reached, nothing is left out on either side, and the second solver agrees."""
    report = prove_kind(Kind.SET_MODE, set_mode(), InProcess(), second_every=1)

    assert report.proved
    assert (report.machine_paths, report.equal, report.reached, report.pairs) == (3, 3, 3, 9)
    assert report.seconded == 5
    assert KindReport(**report.as_json()) == report


@pytest.mark.parametrize(
    ("changed", "paths"),
    [
        ({"highest": 3}, {1, 2}),
        ({"answer": {"outcome.code": number(1)}}, {2}),
        ({"answer": {"pre.slot.tails[3].exit.graded": MODE}}, {2}),
    ],
    ids=["range", "code", "another word"],
)
def test_a_difference_is_found_with_a_state_and_an_input(changed: dict[str, Any], paths: set[int]) -> None:
    """A bound, an outcome, a word that should not move: each is refuted, and a state and input are given."""
    report = prove_kind(Kind.SET_MODE, set_mode(**changed), InProcess(), second_every=0)

    assert not report.proved
    assert {found.path for found in report.differ} <= paths
    assert report.differ
    assert set(report.differ[0].words) == {*BEFORE, *EVENT}


def test_the_second_solver_is_asked_of_what_is_complete_and_of_paths_by_their_names() -> None:
    """Of everything where every path is drawn, and else of those whose names are; without a number of nothing."""
    names = [int(name_of(path), 16) for path in set_mode()["paths"]]
    for every in (0, 2, 3, 1 << 256):
        report = prove_kind(Kind.SET_MODE, set_mode(), InProcess(), second_every=every)

        assert report.proved
        assert report.seconded == (sum(name % every == 0 for name in names) + 2 if every else 0)


def test_a_path_that_was_proved_is_not_asked_about_again() -> None:
    """What was found of it counts; a path of another text is asked about, and what is not equal is never kept."""
    told: list[tuple[ProvedPaths, int, int]] = []

    def note(proved: ProvedPaths, done: int, paths: int) -> None:
        told.append((proved, done, paths))

    first = prove_kind(Kind.SET_MODE, set_mode(), InProcess(), second_every=1, compared=note)
    ((known, done, paths),) = told
    solver = InProcess()
    again = prove_kind(Kind.SET_MODE, set_mode(), solver, second_every=1, known=known)
    parted_solver = InProcess()
    told.clear()
    other = prove_kind(Kind.SET_MODE, set_mode(highest=3), parted_solver, 0, known=known, compared=note)

    assert (len(known), done, paths) == (3, 3, 3)
    assert replace(again, seconds_deciding=0.0) == replace(first, seconds_deciding=0.0)
    assert len(solver.asked) == 2
    assert not other.proved
    assert other.differ
    assert len(parted_solver.asked) > 2
    kept = told[0][0]
    assert len({found.path for found in other.differ}) == 3 - other.equal
    assert kept.keys().isdisjoint(name_of(set_mode(highest=3)["paths"][found.path]) for found in other.differ)


def test_one_process_tells_of_its_paths_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """So what it has proved is kept when it is ended; with nothing left it tells nothing."""
    monkeypatch.setattr("dita.conformance.equiv.proving.SHARE", 2)
    told: list[tuple[ProvedPaths, int, int]] = []

    def note(proved: ProvedPaths, done: int, paths: int) -> None:
        told.append((proved, done, paths))

    prove_kind(Kind.SET_MODE, set_mode(), InProcess(), second_every=1, compared=note)
    known = {name: proved for share, _, _ in told for name, proved in share.items()}
    steps = [(len(proved), done, paths) for proved, done, paths in told]
    told.clear()
    prove_kind(Kind.SET_MODE, set_mode(), InProcess(), second_every=1, known=known, compared=note)

    assert steps == [(2, 2, 3), (1, 3, 3)]
    assert told == []


@pytest.mark.parametrize("changed", [{}, {"highest": 3}], ids=["equal", "parted"])
def test_paths_that_are_shared_out_come_to_the_same(changed: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """One path a worker: every path is given to one of them, and what all of them found is what one alone finds."""
    monkeypatch.setattr("dita.conformance.equiv.proving.SHARE", 1)
    alone = prove_kind(Kind.SET_MODE, set_mode(**changed), InProcess(), second_every=1)
    pool = AtOnce()
    shared = prove_kind(Kind.SET_MODE, set_mode(**changed), InProcess(), second_every=1, pool=pool)

    assert sorted(number for share in pool.given for number, _ in share.paths) == [0, 1, 2]
    assert len(pool.given) == 3
    assert {found.path for found in shared.differ} == {found.path for found in alone.differ}
    for name in ("machine_paths", "reference_paths", "pairs", "equal", "reached", "seconded", "unknown", "disagreed"):
        assert getattr(shared, name) == getattr(alone, name), name
    assert shared.proved is alone.proved is not bool(changed)


@pytest.mark.unmeasured
def test_a_path_may_differ_where_no_state_satisfies_the_invariants(monkeypatch: pytest.MonkeyPatch) -> None:
    """What parts for some words is asked again of those that satisfy the invariants, and of no others."""
    anything = prove_kind(Kind.SET_MODE, set_mode(highest=3), InProcess(), second_every=0)
    mode = z3.BitVec(MODE, 64)
    for highest, proved in ((2, True), (3, False)):
        small = replace(reference_of(Kind.SET_MODE, Canonical()), facts=(mode >= 0, mode <= highest))
        monkeypatch.setattr("dita.conformance.equiv.proving.reference_of", Mock(return_value=small))
        paths = set_mode(highest=3)
        paths["paths"] = paths["paths"][1:] if proved else paths["paths"]

        report = prove_kind(Kind.SET_MODE, paths, InProcess(), second_every=0)

        assert report.proved is proved
        assert bool(report.differ) is not proved
    assert anything.differ


def test_a_path_that_is_missing_is_found() -> None:
    """Two of three paths, both equal, are no proof."""
    report = prove_kind(Kind.SET_MODE, set_mode(paths=2), InProcess(), second_every=0)

    assert not report.proved
    assert report.equal == report.machine_paths == 2
    assert report.unknown == ["machine paths complete: some input takes none of them"]


def test_no_paths_and_no_answers_are_no_proof() -> None:
    """An empty list, a solver that does not know, and machine code that is not understood all fail."""
    nothing = prove_kind(Kind.SET_MODE, {"seconds": 0.0, "paths": []}, InProcess(), second_every=0)
    silent = prove_kind(Kind.SET_MODE, set_mode(), Shrugs(), second_every=0)
    strange = prove_kind(Kind.SET_MODE, {"seconds": 0.0, "problem": "a jump"}, InProcess(), second_every=0)

    assert not nothing.proved
    assert not silent.proved
    assert len(silent.unknown) == 5
    assert silent.equal == 3, "which the second solver found"
    assert not strange.proved
    assert "a jump" in strange.unknown[0]
    report = EquivReport((Kind.SET_MODE,), {Kind.SET_MODE: strange})
    assert report.problems == ["SET_MODE: the machine code is not understood: a jump"]
    assert report.figures["kinds_proved"] == 0
    assert report.figures["input_kinds"] == 21


def test_a_solver_that_disagrees_is_no_proof() -> None:
    """The second solver's other answer is named."""

    class Wrong(Shrugs):
        def ask(self, _: str, /, words: Sequence[str] = (), milliseconds: int | None = None) -> Mapping[str, Any]:
            return {**super().ask(_, words, milliseconds), "verdict": "unsat"}

    report = prove_kind(Kind.SET_MODE, set_mode(highest=3), Wrong(), second_every=1)

    assert not report.proved
    assert any("unsat against sat" in line for line in report.disagreed)


def test_what_only_the_second_solver_finds_is_asked_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first gave up a path is equal by the second; one that is drawn has to be equal by the first as well."""

    class Slow(InProcess):
        def ask(self, text: str, /, words: Sequence[str] = (), milliseconds: int | None = None) -> Mapping[str, Any]:
            hasty = milliseconds in SOONER
            return {"verdict": "unknown"} if hasty else super().ask(text, words, milliseconds)

    def slow(_: Any, text: str, /, words: Sequence[str] = (), milliseconds: int | None = None) -> Mapping[str, Any]:
        known = "(distinct" in text and milliseconds not in SOONER
        return {"verdict": "sat" if known else "unknown", "words": words}

    helped = prove_kind(Kind.SET_MODE, set_mode(), Slow(), second_every=1)
    parted = prove_kind(Kind.SET_MODE, set_mode(highest=3), Slow(), second_every=1)
    monkeypatch.setattr(Shrugs, "ask", slow)
    other = prove_kind(Kind.SET_MODE, set_mode(), Shrugs(), second_every=1)

    assert helped.proved
    assert helped.seconded == 5
    assert parted.differ
    assert [line for line in other.disagreed if "unsat against sat" in line]


def test_the_way_that_found_one_path_equal_is_tried_first_on_the_next() -> None:
    """It is asked for less the second time; whoever finds nothing soon is given more time before anybody gives up."""
    times: list[int | None] = []

    class Third(InProcess):
        def ask(self, text: str, /, words: Sequence[str] = (), milliseconds: int | None = None) -> Mapping[str, Any]:
            if "(distinct" in text:
                times.append(milliseconds)
                if len(times) < 3:
                    return {"verdict": "unknown"}
            return super().ask(text, words, milliseconds)

    class Late(InProcess):
        def ask(self, text: str, /, words: Sequence[str] = (), milliseconds: int | None = None) -> Mapping[str, Any]:
            late = milliseconds in {way.milliseconds for way in HASTY} and "(distinct" in text
            return {"verdict": "unknown"} if late else super().ask(text, words, milliseconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dita.conformance.equiv.proving.ask", Mock(return_value=Opinion.UNKNOWN))
        found = prove_kind(Kind.SET_MODE, set_mode(), Third(), second_every=0)
        third = [*times]
        late = prove_kind(Kind.SET_MODE, set_mode(), Late(), second_every=0)

    assert found.equal == found.machine_paths == 3
    assert len(third) == 3 + 1 + 1
    assert late.equal == 3


def test_a_second_solver_that_finds_nothing_is_asked_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """As numbers first; then as bits; and what it finds in neither way is no proof."""
    asked: list[bool] = []

    def ask_bits_only(text: str, logic: str) -> Opinion:
        asked.append(AS_NUMBERS in text)
        return Opinion.UNKNOWN if asked[-1] else ask(text, logic)

    monkeypatch.setattr("dita.conformance.equiv.proving.ask", ask_bits_only)
    helped = prove_kind(Kind.SET_MODE, set_mode(), InProcess(), second_every=1)
    monkeypatch.setattr("dita.conformance.equiv.proving.ask", Mock(return_value=Opinion.UNKNOWN))
    by_z3 = prove_kind(Kind.SET_MODE, set_mode(), InProcess(), second_every=1 << 256)
    monkeypatch.setattr("dita.conformance.equiv.proving._by_z3", Mock(return_value=Opinion.UNKNOWN))
    helpless = prove_kind(Kind.SET_MODE, set_mode(), InProcess(), second_every=1 << 256)

    assert helped.proved
    assert by_z3.proved
    assert asked == [True, False] * helped.seconded
    assert not helpless.proved
    assert helpless.disagreed[0] == "machine paths complete: unsat against unknown"


@pytest.mark.unmeasured
def test_a_second_opinion_may_assume_something_else_but_not_find_something_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Impossible with other assumptions is the same opinion of a path; possible there is no opinion, but here it is."""
    facts = (z3.BitVec(NOW, 64) == z3.BitVec(NOW, 64) + 0,)
    reference = replace(reference_of(Kind.SET_MODE, Canonical()), facts=facts)
    monkeypatch.setattr("dita.conformance.equiv.proving.reference_of", Mock(return_value=reference))
    monkeypatch.setattr("dita.conformance.equiv.proving._as_bits", Mock(return_value=Opinion.UNKNOWN))
    monkeypatch.setattr("dita.conformance.equiv.proving._by_z3", Mock(return_value=Opinion.UNKNOWN))

    def says(with_fact: Opinion, without: Opinion) -> KindReport:
        def ask_second(text: str, _: int) -> Opinion:
            if "theirs." not in text:
                return Opinion.UNSAT
            return with_fact if "bvadd" in text else without

        monkeypatch.setattr("dita.conformance.equiv.proving._as_numbers", ask_second)
        return prove_kind(Kind.SET_MODE, set_mode(), InProcess(), second_every=1)

    own = Opinion.UNKNOWN
    assert says(Opinion.UNSAT, own).disagreed == []
    assert says(Opinion.UNKNOWN, Opinion.UNSAT).disagreed == []
    assert any("unsat against unknown" in line for line in says(Opinion.SAT, own).disagreed)
    assert any("unsat against sat" in line for line in says(Opinion.UNSAT, Opinion.SAT).disagreed)


def test_what_the_image_calls_is_the_reference_s_function() -> None:
    """Results are carried from call to call; a truth value is a bit, and a notional beyond a word is the largest."""
    lines = [
        "(declare-fun event.quantity () (_ BitVec 64))", "(declare-fun event.price () (_ BitVec 64))",
        "(declare-fun result.0 () (_ BitVec 64))", "(declare-fun result.1 () (_ BitVec 1))",
        *[f"(declare-fun argument.{at} () (_ BitVec 64))" for at in ("0.0", "0.1", "1.0", "1.1")],
        "(assert (= result.1 #b1))",
        "(assert (= argument.0.0 event.quantity))", "(assert (= event.price argument.0.1))",
        "(assert (= argument.1.0 (bvadd result.0 #x0000000000000001)))", "(assert (= argument.1.1 event.price))",
    ]  # fmt: skip
    calls = [{"function": "dita_notional", "arguments": 2}, {"function": "dita_is_multiple", "arguments": 2}]
    answer = {"conditions": 1, "calls": calls, "changed": [], "text": "\n".join(lines)}
    quantity, price = z3.BitVec("event.quantity", 64), z3.BitVec("event.price", 64)
    notional = result_of("notional", [quantity, price])
    wanted = result_of("is_multiple", [notional + 1, price]) == z3.BitVecVal(1, 1)

    (found,) = machine_path(answer, Canonical()).holds

    solver = z3.SolverFor("QF_UFBV")
    solver.add(found != wanted)
    assert solver.check() == z3.unsat
    solver = z3.SolverFor("QF_UFBV")
    solver.add(notional > z3.BitVecVal(5 << 60, 64))
    assert solver.check() == z3.unsat


@pytest.mark.parametrize("line", ["(assert (= event.mode event.slot))", "(assert (= after.nobody event.slot))"])
def test_a_text_that_says_something_else_is_refused(line: str) -> None:
    """A definition of no name, and a word that no step has."""
    names = ("event.mode", "event.slot", "after.nobody")
    text = "".join(f"(declare-fun {name} () (_ BitVec 64))" for name in names) + line
    answer = {"conditions": 0, "calls": [], "changed": ["nobody"], "text": text}

    with pytest.raises(ValueError, match=r"defines no name|no word of a step"):
        machine_path(answer, Canonical())


def test_the_other_environment_is_asked_for_by_name(tmp_path: Path) -> None:
    """A missing Python, and one that ends without an answer, say what to run."""
    silent = tmp_path / "python"
    silent.write_text("#!/bin/sh\nexit 0\n")
    silent.chmod(0o755)

    for python in (tmp_path / "absent", silent):
        with pytest.raises(ToolMissing, match="make equiv-tools"), Bitwuzla(python) as solver:
            solver.ask("(assert true)")
        with pytest.raises(ToolMissing, match="make equiv-tools"):
            list(explored(tmp_path / "image", [5], python))


def test_an_answer_is_kept_by_all_that_it_depends_on(tmp_path: Path) -> None:
    """Another kind, another tier and another byte of the image are other names."""
    image = tmp_path / "image"
    image.write_bytes(b"one")
    both = [Kind.SET_MODE, Kind.CALIBRATE]
    names = [*keys_of(both, "quick", image).values(), *keys_of(both, "full", image).values()]
    image.write_bytes(b"two")
    names += keys_of(both, "quick", image).values()

    assert len(set(names)) == 6


def test_other_sources_with_the_same_code_are_the_same_name(tmp_path: Path) -> None:
    """The digest of the sources in an image is no part of what is proved of it; every other byte is."""
    content = IMAGE_PATH.read_bytes()
    digest = bytes.fromhex(source_digest_in(IMAGE_PATH))
    assert content.count(digest) == 1
    (built,) = keys_of([Kind.SET_MODE], "quick", IMAGE_PATH).values()
    image, names = tmp_path / "image", list[str]()
    for other in (content.replace(digest, digest[::-1]), content[:-1] + bytes([content[-1] ^ 1])):
        image.write_bytes(other)
        names += keys_of([Kind.SET_MODE], "quick", image).values()

    assert names[0] == built != names[1]
    assert source_digest_in(Path(__file__)) == ""


@pytest.mark.unmeasured
def test_a_proof_is_read_back_until_something_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run asks nobody; a difference is never kept, and a run anew asks again."""
    image = tmp_path / "image"
    image.write_bytes(b"one")
    monkeypatch.setattr("dita.conformance.equiv.run.FOLDER", tmp_path)
    solver, asked = MagicMock(), InProcess()
    solver.return_value.__enter__.return_value = asked
    monkeypatch.setattr("dita.conformance.equiv.run.Bitwuzla", solver)
    explorer = Mock(return_value=[set_mode()])
    monkeypatch.setattr("dita.conformance.equiv.run.explored", explorer)
    compared = Mock(return_value=LiftReport(PAIRS["quick"], 3))
    monkeypatch.setattr("dita.conformance.equiv.run.lifted", compared)

    first = run_equiv([Kind.SET_MODE], "quick", Mock(), image=image)
    again = run_equiv([Kind.SET_MODE], "quick", Mock(), image=image)
    anew = run_equiv([Kind.SET_MODE], "quick", Mock(), image=image, anew=True)

    assert first.problems == again.problems == anew.problems == []
    assert (first.read_back, again.read_back, anew.read_back) == (0, 1, 0)
    assert explorer.call_count == 2
    asked.asked.clear()
    image.write_bytes(b"the same step in another image")
    assert run_equiv([Kind.SET_MODE], "quick", Mock(), image=image).figures == first.figures
    assert len(asked.asked) == 2  # whether the paths are complete; every path is known
    assert {**again.figures, "read_back": 0} == first.figures
    explorer.return_value = [set_mode(highest=3)]
    image.write_bytes(b"two")
    for _ in range(2):
        assert run_equiv([Kind.SET_MODE], "quick", Mock(), image=image).read_back == 0
    explorer.return_value = [set_mode()]
    image.write_bytes(b"three")
    for report in (LiftReport(PAIRS["quick"], 3, ["path 1 says something else"]), LiftReport(7, 3), LiftReport()):
        compared.return_value = report
        (problem,) = run_equiv([Kind.SET_MODE], "quick", Mock(), image=image).problems
        assert "says something else" in problem or f"on {report.pairs} of {PAIRS['quick']} pairs" in problem


@pytest.mark.parametrize("mode", [1, 3])
def test_what_a_solver_finds_is_tried_on_both_sides(mode: int) -> None:
    """Accepted or refused, the built image leaves what the reference leaves; an image that is none says so."""
    words = dict.fromkeys((*BEFORE, *EVENT), 0) | {"event.kind": int(Kind.SET_MODE), MODE: mode, "event.slot": 7}
    left = dict(zip(WRITTEN, by_reference(words), strict=True))

    assert left[NOW] == (mode if mode == 1 else 0)
    assert left["outcome.slot"] == (7 if mode == 1 else 0)
    assert by_image(IMAGE_PATH, words) == list(left.values())
    assert parted(IMAGE_PATH, words) == []
    with pytest.raises(NotReplayed, match="kernel image refused"):
        parted(Path(__file__), words)
