"""Paths of machine code held against the processor: what a wrong reading of an instruction would do is noticed."""

import random
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
import z3

from dita.conformance.equiv.lifting import Said, compared, lifted, said_by
from dita.conformance.equiv.replay import Replayed
from dita.conformance.equiv.tools import BEFORE, EVENT, WRITTEN
from dita.conformance.prove.executor_pairs import Pairs
from dita.conformance.prove.proxies import Unsupported
from dita.kernel.image import IMAGE_PATH
from dita.spec.vocabulary import Kind
from machine_paths import set_mode

WORDS: Final = (0, 5, 63, 64, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 0x0123_4567_89AB_CDEF)
PAIRS: Final = 60


A, B = "event.mode", "event.slot"
NAMES: Final = (A, B, "result.0", "argument.0.0", "after.outcome.code")
TERMS: Final = (
    f"(bvsub (bvadd {A} (bvmul {B} #x0000000000000003)) #x0000000000000007)", f"(bvxor (bvneg {A}) (bvnot {B}))",
    f"(bvor (bvand {A} {B}) #x0000000000000005)", f"(ite (or (bvslt {A} {B}) (bvugt {B} {A})) {A} {B})",
    f"(ite (and (bvsge {A} {B}) (not (bvule {A} {B}))) {A} {B})",
    f"(ite (= (bvult {A} {B}) (bvsle {A} {B})) {A} {B})", f"(ite (=> (bvuge {A} {B}) (bvsgt {A} {B})) {A} {B})",
    f"(concat ((_ extract 31 0) {A}) ((_ extract 47 16) {B}))", f"((_ sign_extend 32) ((_ extract 40 9) {A}))",
    f"((_ zero_extend 32) ((_ extract 40 9) {A}))", f"(bvshl {A} {B})", f"(bvlshr {A} {B})", f"(bvashr {A} {B})",
    f"(ite (distinct {A} {B} #x0000000000000005) {A} {B})", f"((_ sign_extend 63) ((_ extract 0 0) {A}))",
)  # fmt: skip


def path_of(term: str, calls: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """A path without conditions that leaves this term as the outcome's code; a call is of event.mode."""
    lines = [f"(declare-fun {name} () (_ BitVec 64))" for name in NAMES]
    lines += [f"(assert (= after.outcome.code {term}))", f"(assert (= argument.0.0 {A}))"]
    return {"conditions": 0, "calls": calls, "changed": ["outcome.code"], "text": "\n".join(lines)}


def by_z3(term: z3.ExprRef, one: int, other: int) -> int:
    """What z3 says that the term is worth."""
    words = ((z3.BitVec(name, 64), z3.BitVecVal(value, 64)) for name, value in ((A, one), (B, other)))
    return int(str(z3.simplify(z3.substitute(term, *words))))


def code(path: Said, mode: int, slot: int) -> int:
    """The code that a path leaves, where a named function gives its first argument and the length of its name."""
    words = {**dict.fromkeys((*BEFORE, *EVENT, *WRITTEN), 0), A: mode, B: slot}
    left = path(words, lambda name, arguments: arguments[0] + len(name))
    assert left is not None
    return left[WRITTEN.index("outcome.code")]


@pytest.mark.parametrize("term", TERMS, ids=range(len(TERMS)))
def test_a_path_as_a_function_is_worth_what_the_formula_is(term: str) -> None:
    """Every operation, on words of every size and sign, against z3's own numbers."""
    answer = path_of(term)
    path, (fact, *_) = said_by(answer), z3.parse_smt2_string(answer["text"])
    for one, other in product(WORDS, WORDS):
        assert code(path, one, other) == by_z3(fact.arg(1), one, other), (one, other)


def test_named_functions_are_called_and_what_has_no_meaning_is_refused() -> None:
    """A call's result is used where it is asked for; a quotient is not known."""
    calls = [{"function": "dita_x", "arguments": 1}]

    assert code(said_by(path_of(f"(bvadd result.0 {B})", calls)), 100, 20) == 126
    with pytest.raises(Unsupported, match="bvsdiv"):
        said_by(path_of(f"(bvsdiv {A} {B})"))


def found(answer: dict[str, Any]) -> list[str]:
    """What the built image on this processor shows of paths."""
    paths = [said_by(path) for path in answer["paths"]]
    source = Pairs(random.Random(1), only=Kind.SET_MODE)
    return compared(paths, Replayed(IMAGE_PATH), source, PAIRS).findings


def bent(old: str, new: str) -> dict[str, Any]:
    """SET_MODE with every path's text read otherwise."""
    answer = set_mode()
    for path in answer["paths"]:
        path["text"] = path["text"].replace(old, new)
    return answer


def test_the_processor_agrees_with_a_path_that_was_read_well_and_with_no_other() -> None:
    """A comparison with a sign, another word, a path too few and one too many are each shown by some pair."""
    report = lifted(IMAGE_PATH, set_mode(), PAIRS)
    assert (report.pairs, report.hit, report.findings) == (PAIRS, 3, [])

    for answer in (bent("bvule", "bvsle"), bent("bvule", "bvult"), set_mode(highest=3)):
        assert any("are taken" in line or "says" in line for line in found(answer))
    assert "the processor" in found(set_mode(answer={"outcome.code": "#x0000000000000007"}))[0]
    assert "are taken: []" in found(set_mode(paths=2))[0]
    twice = set_mode()
    twice["paths"].append(twice["paths"][0])
    assert "are taken: [0, 3]" in found(twice)[0]


def test_a_pair_that_no_record_holds_is_passed_over() -> None:
    """It is not counted, so that a run of nothing else compares nothing."""
    paths = [said_by(path) for path in set_mode()["paths"]]
    state, event, rest = next(iter(Pairs(random.Random(1), only=Kind.SET_MODE)))
    wide = [(state, event._replace(amount=number), rest) for number in (1 << 63, -(1 << 63) - 1)]

    both = compared(paths, Replayed(IMAGE_PATH), [*wide, (state, event, rest)], PAIRS)
    nothing = compared(paths, Replayed(IMAGE_PATH), wide, PAIRS)

    assert (both.pairs, both.hit, both.findings) == (1, 1, [])
    assert (nothing.pairs, nothing.hit) == (0, 0)


def test_an_image_that_cannot_be_asked_is_a_finding() -> None:
    """No image, and a text that nobody can read, end the comparison and say why."""
    assert "kernel image refused" in lifted(Path(__file__), set_mode(), 1).findings[0]
    (line,) = lifted(IMAGE_PATH, bent("bvule", "nobody"), 1).findings
    assert "nobody" in line
