"""Words carried to integers: against z3's own words, and what is wrong with a body, a rule or a call is noticed."""

from itertools import product
from typing import Any, Final

import pytest
import z3

from dita.conformance.arithmetic_vectors import BEYOND, by_reference
from dita.conformance.equiv.bodies import BodiesReport, BodyProof, BodyRow
from dita.conformance.equiv.calls import CallsReport, calls_of
from dita.conformance.equiv.carrying import Carrying, arguments_of
from dita.conformance.equiv.domains import Asserted, complete
from dita.conformance.equiv.integers import Integers
from dita.conformance.equiv.magic import divisor_of, is_division
from dita.conformance.equiv.on_processor import TRAPS, said_by
from dita.conformance.equiv.opinions import Opinions, agrees
from dita.conformance.equiv.polynomials import Polynomial
from dita.conformance.equiv.rules import RULES
from dita.conformance.equiv.words import WORD
from dita.conformance.prove.contracts import CONTRACTS
from dita.conformance.prove.lemmas import Lemma, prove
from dita.spec.vocabulary import Kind

A, B = "argument.0", "argument.1"
ONES: Final = (1 << 64) - 1
VALUES: Final = (0, 7, 1 << 32, (1 << 63) - 1, 1 << 63, ONES, 10**10 * 1_234_567)
PAIRS: Final = tuple(product(VALUES, VALUES))[::3]
WIDE: Final = f"(bvmul ((_ zero_extend 64) {A}) ((_ zero_extend 64) {B}))"
UPPER: Final = f"((_ extract 127 64) (bvmul ((_ zero_extend 64) {A}) #x{{0:032x}}))"
MILLIONS: Final = f"(bvlshr {UPPER} #x0000000000000012)"
MAGIC: Final = 0x431BDE82D7B634DB
TERMS: Final = (
    f"(bvadd {A} {B})", f"(bvsub {A} {B})", f"(bvneg {A})", f"(bvnot {A})", f"(bvmul {A} #x0000000000000003)",
    f"((_ extract 127 64) {WIDE})", f"((_ extract 63 0) {WIDE})", f"((_ extract 80 17) {WIDE})",
    f"((_ extract 127 64) (bvmul ((_ sign_extend 64) {A}) ((_ sign_extend 64) {B})))",
    f"(concat ((_ extract 31 0) {A}) ((_ extract 47 16) {B}))", f"(bvlshr {A} #x0000000000000011)",
    f"(bvashr {A} #x0000000000000011)", f"(bvshl {A} #x0000000000000011)", f"(bvand {A} #xffffffff00000000)",
    f"(bvand {A} ((_ zero_extend 63) ((_ extract 5 5) {B})))",
    f"(bvor (bvshl {A} #x0000000000000020) (bvlshr {B} #x0000000000000020))",
    f"(bvor (bvneg ((_ zero_extend 63) ((_ extract 9 9) {A}))) {B})", f"(bvxor {A} {B} {A})",
    f"(bvxor (bvshl {A} #x0000000000000020) (bvlshr {B} #x0000000000000020))",
    f"((_ zero_extend 63) (bvxor ((_ extract 3 3) {A}) ((_ extract 63 63) {B})))",
    f"((_ zero_extend 63) (bvor ((_ extract 3 3) {A}) ((_ extract 63 63) {B})))",
    f"(ite (bvult {A} {B}) {A} (bvneg {B}))", f"(ite (bvsle {A} {B}) {A} {B})", f"(ite (bvugt {A} {B}) {A} {B})",
    f"(ite (not (bvsge {A} {B})) {A} {B})", f"(ite (or (= {A} {B}) (bvslt {A} #x0000000000000000)) {A} {B})",
    f"(ite (distinct ((_ extract 63 63) (bvneg {A})) #b0) {A} (bvneg {A}))",
    f"(bvudiv {A} #x00000002540be400)", f"(bvurem {A} #x00000002540be400)",
    MILLIONS.format(MAGIC), MILLIONS.format(MAGIC - 1),
)  # fmt: skip
"""Every operation that is carried, and some that are made of them, a magic number and one that is none among these."""


def path_of(
    answer: str, *, divisions: tuple[tuple[str, str], ...] = (), conditions: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A path of a function of two words that answers this word."""
    lines = [f"(declare-fun {name} () (_ BitVec 64))" for name in (A, B, "answer")]
    lines += [f"(assert {condition})" for condition in conditions]
    for number, (numerator, divisor) in enumerate(divisions):
        lines += [
            f"(declare-fun numerator.{number} () (_ BitVec 128))",
            f"(declare-fun divisor.{number} () (_ BitVec 64))",
        ]
        lines += [f"(assert (= numerator.{number} {numerator}))", f"(assert (= divisor.{number} {divisor}))"]
    text = "\n".join([*lines, f"(assert (= answer {answer}))"])
    return {"conditions": len(conditions), "signed": [False] * len(divisions), "text": text}


def by_z3(term: z3.BitVecRef, one: int, other: int) -> int:
    """What z3 says that the word is worth."""
    words = ((z3.BitVec(name, 64), z3.BitVecVal(value, 64)) for name, value in ((A, one), (B, other)))
    return int(str(z3.simplify(z3.substitute(term, *words))))


def _signed(word: int) -> int:
    return word - (word >> 63 << 64)


@pytest.mark.parametrize("term", TERMS, ids=range(len(TERMS)))
def test_a_word_carried_to_integers_is_worth_what_the_word_is(term: str) -> None:
    """Of words of every size and sign z3 computes a value, and the integers allow that one and no other."""
    answer = Asserted.of(path_of(term)).answer
    numbers = Integers()
    carrying = Carrying(numbers, arguments_of([numbers.free("a", WORD), numbers.free("b", WORD)]))
    carried, signed = carrying.unsigned(answer), carrying.signed(answer)
    for name, number in (("carried", carried), ("signed", signed)):
        numbers.know(numbers.term(numbers.free(name, numbers.interval(number)) - number) == 0)
    interval, path = numbers.interval(carried), said_by(Asserted.of(path_of(term)))
    for one, other in PAIRS:
        value = by_z3(answer, one, other)
        given = {"a": _signed(one), "b": _signed(other), "carried": value, "signed": _signed(value)}
        assert agrees(numbers, given), (one, other)
        assert not agrees(numbers, {**given, "carried": value ^ 1}), (one, other)
        assert not agrees(numbers, {**given, "signed": _signed(value ^ 1 << 63)}), (one, other)
        assert interval.low <= value <= interval.high
        assert path((one, other)) == value


# --- a whole body ---------------------------------------------------------------------------------------------------

PRICED: Final = f"(bvudiv {WIDE} #x{10**10:032x})"
ROUNDED: Final = "((_ extract 63 0) (ite (bvugt {0} #x{1:032x}) #x{1:032x} {0}))"
NOTIONAL: Final = ROUNDED.format(PRICED, BEYOND)
HIGH: Final = f"(concat #x0000000000000000 ((_ extract 127 64) {WIDE}))"
REST: Final = f"(concat ((_ extract 63 0) (bvurem {HIGH} #x{10**10:032x})) ((_ extract 63 0) {WIDE}))"
LIMBS: Final = "(concat ((_ extract 63 0) (bvudiv {0} #x{2:032x})) ((_ extract 63 0) (bvudiv {1} #x{2:032x})))"


def proof_of(name: str, paths: list[dict[str, Any]]) -> BodyProof:
    """A function's machine code, if these were its paths."""
    proof = BodyProof(CONTRACTS[name], Opinions(), BodyRow(name))
    proof.prove({"paths": paths})
    return proof


def test_a_body_is_proved_as_it_stands_and_in_limbs() -> None:
    """A division of 128 bits, the same as two of 64 bits, the second with what the first leaves; and a remainder."""
    assert proof_of("notional", [path_of(NOTIONAL)]).row.proved
    assert proof_of("notional", [path_of(ROUNDED.format(LIMBS.format(HIGH, REST, 10**10), BEYOND))]).row.proved
    assert proof_of(
        "is_multiple", [_multiple("((_ extract 63 0) (bvurem (concat #x0000000000000000 {0}) {1}))")]
    ).row.proved


def _multiple(rest: str) -> dict[str, Any]:
    """Whether the magnitude of the first word leaves nothing, for which there is a path of a truth value."""
    size = f"(ite (bvslt {A} #x0000000000000000) (bvneg {A}) {A})"
    path = path_of(A)
    answer = f"(ite (= #x0000000000000000 {rest.format(size, f'((_ zero_extend 64) {B})')}) #x01 #x00)"
    text = (
        path["text"]
        .replace("answer () (_ BitVec 64)", "answer () (_ BitVec 8)")
        .replace(f"answer {A}", f"answer {answer}")
    )
    return {**path, "text": text}


@pytest.mark.parametrize(
    "answer",
    [
        ROUNDED.format(f"(bvudiv {WIDE} #x{10**10 + 1:032x})", BEYOND),  # another divisor
        ROUNDED.format(f"(bvudiv (bvadd {WIDE} #x{5 * 10**9:032x}) #x{10**10:032x})", BEYOND),  # another rounding
        f"((_ extract 63 0) {PRICED})",  # without saturation
        ROUNDED.format(PRICED, BEYOND - 1),
    ],
)
def test_another_body_is_not_proved_and_where_it_parts_is_found(answer: str) -> None:
    """The solvers find arguments within the domain with which the path says something else than the reference."""
    path = path_of(answer)
    proof, said = proof_of("notional", [path]), said_by(Asserted.of(path))
    found = [one for one in proof.tried if said(tuple(one)) != by_reference("notional", tuple(one))]

    assert proof.row.assumed
    assert found
    assert all(CONTRACTS["notional"].domain(*one) for one in found)


def test_what_is_carried_wrongly_contradicts_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quotient that is one too large on both sides is the same on both; of the numbers that are known it is not."""
    rounded_down = Integers.quotient

    def rounded_up(self: Integers, numerator: Polynomial, divisor: Polynomial) -> Polynomial:
        return rounded_down(self, numerator, divisor) + Polynomial.number(1)

    monkeypatch.setattr(Integers, "quotient", rounded_up)
    row = proof_of("notional", [path_of(NOTIONAL)]).row

    assert (row.assumed, row.proved) == ("", False)
    assert "takes path 0, and 0 ways with it where 1 is due" in row.misread[0]


def test_a_division_that_may_trap_is_not_proved() -> None:
    """The answer is right, but the processor would divide what does not fit, or by nothing."""
    lawful = path_of(NOTIONAL, divisions=((f"(concat #x0000000000000000 {A})", f"#x{10**10:016x}"),))
    unlawful = path_of(NOTIONAL, divisions=((f"(concat {A} {B})", f"#x{10**10:016x}"),))
    by_nothing = path_of(NOTIONAL, divisions=((f"(concat #x0000000000000000 {A})", B),))

    assert [proof_of("notional", [path]).row.proved for path in (lawful, unlawful, by_nothing)] == [True, False, False]
    assert [said_by(Asserted.of(path))((10**10, 0)) for path in (lawful, unlawful, by_nothing)] == [0, TRAPS, TRAPS]


def test_paths_that_leave_something_out_are_no_proof() -> None:
    """Two paths that are a decision's sides are all; one alone is not, whatever it answers."""
    below = path_of(NOTIONAL, conditions=(f"(bvult {A} {B})",))
    above = path_of(NOTIONAL, conditions=(f"(bvuge {A} {B})", f"(distinct {A} {B})"))
    same = path_of(NOTIONAL, conditions=(f"(bvuge {A} {B})", f"(= {B} {A})"))
    read = [Asserted.of(path) for path in (below, above, same)]

    assert proof_of("notional", [below, above, same]).row.proved
    assert [complete(read), complete(read[:2]), complete(read[1:]), complete([])] == [True, False, False, False]
    assert proof_of("notional", [below, above]).row.assumed == "the paths found do not cover all arguments"
    assert not proof_of("notional", []).row.proved


def test_what_is_refused_is_a_problem_and_what_is_assumed_is_listed() -> None:
    """A report tells the three apart: proved, assumed, and wrong."""
    refused, assumed, proved = (
        BodyRow("notional"),
        BodyRow("cost_share", assumed="z3 says unknown"),
        BodyRow("fits_scales", cases=1),
    )
    BodyProof(CONTRACTS["notional"], Opinions(), refused).prove({"problem": "a path does not restore rbx"})
    report = BodiesReport({row.name: row for row in (refused, assumed, proved)}, calls=CallsReport())

    assert report.problems == ["notional: a path does not restore rbx"]
    assert report.assumed == ["cost_share: z3 says unknown"]
    assert {name: report.figures[name] for name in ("bodies_proved", "bodies_assumed", "refused")} == dict.fromkeys(
        ("bodies_proved", "bodies_assumed", "refused"), 1
    )
    assert BodiesReport().problems == ["the reference's calls were not looked at"]


# --- rules, magic numbers, calls ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_is_proved_by_both_solvers(rule: Lemma) -> None:
    """For all integers, where the divisors are positive."""
    assert prove(rule, 0).verdict == "proved"


def test_a_rule_that_does_not_hold_is_refuted() -> None:
    """The quotient of the opposite is not the opposite of the quotient."""
    false = Lemma("", "", ("n", "d"), lambda n, d: d > 0, lambda n, d: -n // d == -(n // d))

    assert prove(false, 0).verdict == "refuted"


def test_a_magic_number_is_one_as_far_as_it_goes() -> None:
    """A compiler's number for a million, that number less one, and the first number for which each fails."""
    factor, power = MAGIC, 1 << 82
    divisor, most = divisor_of(factor, power)

    assert (divisor, most >= ONES) == (10**6, True)
    assert is_division(factor, power, divisor, most)
    assert not is_division(factor - 1, power, divisor, ONES)
    assert divisor_of(7, 64) == (10, 10)
    assert next(number for number in range(200) if 7 * number // 64 != number // 10) > 10
    assert is_division(7, 64, 10, 10)


def _two_units(lot: int, *_: int) -> bool:
    return lot > 1


def test_a_call_outside_the_domain_is_found() -> None:
    """Terms of a contract are from 1 on when they are asked about; a domain from 2 on is left by them."""
    well = calls_of((Kind.REGISTER,))
    badly = calls_of((Kind.REGISTER,), {"fits_scales": _two_units})

    assert (well.calls, well.outside) == (1, [])
    assert badly.outside[-1:] == ["REGISTER calls fits_scales outside its domain (sat)"]
