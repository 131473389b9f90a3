"""Processor flags as comparisons: each that is one becomes it, and what only looks like one stays as it is."""

from collections.abc import Callable
from typing import Final
from unittest.mock import Mock

import pytest
import z3

from dita.conformance.equiv.comparing import definitions_of
from dita.conformance.equiv.flags import Flags, compared
from dita.conformance.prove.second_opinion import Opinion, ask
from machine_paths import set_mode

REASON: Final = z3.Extract(0, 0, z3.BitVec("event.reason", 64))
ONE, ZERO = z3.BitVecVal(1, 1), z3.BitVecVal(0, 1)
Question = Callable[["Compared"], z3.BoolRef]


class Compared:
    """What an engine keeps of a comparison of two numbers."""

    def __init__(self, one: z3.BitVecRef, other: z3.BitVecRef) -> None:
        top = one.size() - 1
        difference = one - other
        overflow = (one ^ other) & (one ^ difference)
        self.carry = z3.Extract(top, top, (one ^ (other ^ difference)) ^ ((one ^ difference) & (one ^ other)))
        self.overflow = z3.Extract(top, top, overflow)
        self.sign = z3.Extract(top, top, difference)
        self.zero = z3.If(difference == 0, ONE, ZERO)


QUESTIONS: Final[dict[str, tuple[Question, str]]] = {
    "jb": (lambda flags: flags.carry == ONE, "bvult"),
    "jae": (lambda flags: flags.carry == ZERO, "bvuge"),
    "ja": (lambda flags: (~flags.carry & ~flags.zero) == ONE, "bvugt"),
    "jbe": (lambda flags: (flags.carry | flags.zero) == ONE, "bvule"),
    "je": (lambda flags: flags.zero == ONE, "="),
    "jl": (lambda flags: (flags.sign ^ flags.overflow) == ONE, "bvslt"),
    "jge": (lambda flags: flags.sign == flags.overflow, "bvsge"),
    "jle": (lambda flags: ((flags.sign ^ flags.overflow) | flags.zero) == ONE, "bvsle"),
    "jg": (lambda flags: (~(flags.sign ^ flags.overflow) & ~flags.zero) == ONE, "bvsgt"),
}
NO_COMPARISONS: Final[dict[str, Question]] = {
    "overflow": lambda flags: flags.overflow == ONE,
    "two flags": lambda flags: (flags.sign & flags.carry) == ONE,
    "sign of a difference": lambda flags: flags.sign == ONE,
    "with another word": lambda flags: (flags.sign ^ flags.overflow ^ REASON) == ONE,
}
NUMBERS: Final = (("event.mode", 8), ("7", 8), ("7", 64), ("0", 64))
"""The other side, and how many bits both have; of two free words with more the second opinion takes seconds."""


def sides(other: str, bits: int) -> tuple[z3.BitVecRef, z3.BitVecRef]:
    """A sum of free words, so that not every number in the question is one of these two; and another word or number."""
    one = z3.BitVec("event.slot", bits) + z3.BitVec("event.instrument", bits)
    return one, z3.BitVecVal(int(other), bits) if other.isdecimal() else z3.BitVec(other, bits)


def is_valid(claim: z3.BoolRef) -> bool:
    """What cvc5 says, which had no part in finding the comparison."""
    solver = z3.Solver()
    solver.add(z3.Not(claim))
    return ask(solver.to_smt2(), "QF_BV") is Opinion.UNSAT


@pytest.mark.parametrize(("other", "bits"), NUMBERS)
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_jump_s_question_becomes_the_comparison_that_it_is(name: str, other: str, bits: int) -> None:
    """Of words and of bytes, with a word, a number and zero: the comparison alone is left, and says the same."""
    asks, operation = QUESTIONS[name]
    one, two = sides(other, bits)
    question = asks(Compared(one, two))
    flags = Flags()

    found = flags.of(z3.And(question, z3.Bool("else")))

    comparison = found.arg(0)
    assert is_valid(question == comparison)
    assert flags.turned >= 1
    assert comparison.decl().name() == operation or other != "event.mode"
    assert "extract" not in comparison.sexpr()


@pytest.mark.parametrize("name", NO_COMPARISONS)
def test_what_is_no_comparison_of_two_numbers_is_worth_what_it_was(name: str) -> None:
    """An overflow alone, flags that no jump joins, a bit of something else: nothing is claimed that does not hold."""
    question = NO_COMPARISONS[name](Compared(*sides("event.mode", 64)))

    found = Flags().of(question)

    assert isinstance(found, z3.BoolRef)
    assert is_valid(question == found)
    assert {"event.mode", "event.slot", "event.instrument"} <= {str(word) for word in words(found)}


def words(term: z3.ExprRef) -> set[z3.ExprRef]:
    """The free words in it."""
    if not term.num_args():
        return set() if z3.is_bv_value(term) else {term}
    return set[z3.ExprRef]().union(*[words(child) for child in term.children()])


def test_a_wrong_proof_would_change_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the first comparison taken unproved, another condition would come out: the proof is what holds it."""
    question = QUESTIONS["jb"][0](Compared(*sides("event.mode", 64)))
    monkeypatch.setattr("dita.conformance.equiv.flags._same", Mock(return_value=True))

    assert not is_valid(question == Flags().of(question))


def test_a_path_keeps_its_form() -> None:
    """Conditions and words stand where they stood; a kind that was not understood is handed on."""
    answer = set_mode()
    refused = {"kind": 5, "seconds": 1.0, "problem": "an access of a length that is not known"}

    found = compared(answer, Flags())

    assert compared(refused, Flags()) == refused
    for before, after in zip(answer["paths"], found["paths"], strict=True):
        assert {**before, "text": ""} == {**after, "text": ""}
        (conditions, named), (theirs, others) = definitions_of(before), definitions_of(after)
        assert [str(one) for one in conditions] == [str(one) for one in theirs]
        assert {name: str(one) for name, one in named.items()} == {name: str(one) for name, one in others.items()}
