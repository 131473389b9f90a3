"""A rewritten function is the function: on numbers, and as a term that is evaluated afterwards. Each construct once."""

# ruff: noqa: PLC3002, PLR1714, PLR1716, SIM208 -- what is tested is the construct as written

from collections.abc import Callable
from functools import partial
from itertools import product
from types import FunctionType
from typing import Any, Final, cast

import pytest
import z3

from dita.conformance.prove.merging import branches, formula, merged, merging
from dita.conformance.prove.proxies import SymBool, SymInt, Unsupported
from dita.conformance.prove.rewriting import (
    HELP,
    all_of,
    any_of,
    chosen,
    either,
    equal,
    every,
    negated,
    rewritten,
    some,
)
from dita.spec.state import Half, Plan

NUMBERS: Final = (-3, -1, 0, 1, 2, 5)
NAMES: Final = ("a", "b", "c")


# --- one function for each construct --------------------------------------------------------------------------------


def conjunction(a: int, b: int, c: int) -> bool:
    return a < b and b < c and a != 0


def disjunction(a: int, b: int, c: int) -> bool:
    return a == b or b == c or a > 4


def negation(a: int, b: int, c: int) -> bool:
    return not (a < b) and not not (b <= c)


def mixture(a: int, b: int, c: int) -> bool:
    return (a > 0 and b > 0) or not (c > 0 or a == b)


def chain(a: int, b: int, c: int) -> bool:
    return -2 <= a <= b < c


def equality(a: int, b: int, c: int) -> bool:
    return a == b


def inequality(a: int, b: int, c: int) -> bool:
    return a != b != c


def among_constants(a: int, b: int, c: int) -> bool:
    return a in (0, 2, -3)


def not_among_words(a: int, b: int, c: int) -> bool:
    return a not in (b, c)


def truths_equal(a: int, b: int, c: int) -> bool:
    return (a > 0) == (b > 0) and (b > 0) != (c > 0)


def records_equal(a: int, b: int, c: int) -> bool:
    return Half(a, b, c) == Half(b, a, c) or Plan(a, b) != Plan(a, c)


def replaced_equal(a: int, b: int, c: int) -> bool:
    return Half(a, b)._replace(quantity=c) == Half(b, a)


def lengths_differ(a: int, b: int, c: int) -> bool:
    words: tuple[int, ...] = (a, b, c)
    return words[:2] == (a, b) and words[:1] != words[1:]


def conditional(a: int, b: int, c: int) -> int:
    return a if b > c else c - a


def conditional_records(a: int, b: int, c: int) -> tuple[int, ...]:
    return Half(a, b) if a > b else Half(b, c)


def conditional_truth(a: int, b: int, c: int) -> bool:
    return (a > b) if c > 0 else (a == b)


def conditional_constants(a: int, b: int, c: int) -> bool:
    return (True if a > 0 else b > 0) and (b < 3 if c > 0 else False)


def nested_conditionals(a: int, b: int, c: int) -> int:
    return 1 if a > b else 2 if b > c else 3


def early_returns(a: int, b: int, c: int) -> bool:
    if a < 0:
        return b > 0
    if b < 0 and c < 0:
        return True
    return c == a


def every_one(a: int, b: int, c: int) -> bool:
    return all(word >= -1 for word in (a, b, c))


def some_one(a: int, b: int, c: int) -> bool:
    return any(word == 5 or word == a for word in (b, c))


def loop_with_return(a: int, b: int, c: int) -> bool:
    newest = 4
    for word in (a, b, c):
        if word != 0 and word >= newest:
            return False
        newest = word
    return True


def running_total(a: int, b: int, c: int) -> int:
    total = 0
    for word in (a, b, c):
        if word > 0:
            total = total + word
    return total


def branch_on_a_word(a: int, b: int, c: int) -> int:
    if a:
        return b
    return c


def floor_and_remainder(a: int, b: int, c: int) -> tuple[int, ...]:
    return (a // 2, a // -3, b % 4, b % -5, (a - c) // 7)


def extremes(a: int, b: int, c: int) -> tuple[int, ...]:
    return (max(a, b, c), min(a, b), abs(c))


def slices(a: int, b: int, c: int) -> tuple[int, ...]:
    words = (a, b, c)
    return (words[-1], *words[1:], len(words))


def a_lambda(a: int, b: int, c: int) -> bool:
    return (lambda x, y: x < y and y < c)(a, b)


CONSTRUCTS: Final = (
    conjunction, disjunction, negation, mixture, chain, equality, inequality, among_constants, not_among_words,
    truths_equal, records_equal, replaced_equal, lengths_differ, conditional, conditional_records, conditional_truth,
    conditional_constants, nested_conditionals, early_returns, every_one, some_one, loop_with_return, running_total,
    branch_on_a_word, floor_and_remainder, extremes, slices, a_lambda,
)  # fmt: skip


# --- how they are compared ------------------------------------------------------------------------------------------


def again(function: Callable[..., Any], **help_: object) -> Callable[..., Any]:
    """The function rewritten, with what its module's globals would hold in a proof."""
    builtins = {name: merging(value) for name, value in (("max", max), ("min", min), ("abs", abs))}
    real = cast("FunctionType", function)
    return rewritten(real, {**real.__globals__, **HELP, **builtins, **help_})


def term(function: Callable[..., Any]) -> Any:
    """The function on free words: its branches merged into one record of terms."""
    words = [SymInt(z3.Int(name)) for name in NAMES]
    return merged(branches(lambda: function(*words)))


def evaluated(value: Any, numbers: tuple[int, ...]) -> Any:
    """What z3 says that a record of terms is worth."""
    if isinstance(value, tuple):
        return tuple(evaluated(item, numbers) for item in cast("tuple[object, ...]", value))
    if not isinstance(value, (SymInt, SymBool)):
        return value
    given = [(z3.Int(name), z3.IntVal(number)) for name, number in zip(NAMES, numbers, strict=True)]
    known = z3.simplify(z3.substitute(cast("z3.ExprRef", value.term), *given))
    return known.as_long() if z3.is_int_value(known) else {True: True, False: False}[z3.is_true(known)]


def first_difference(function: Callable[..., Any], changed: Callable[..., Any]) -> tuple[int, ...] | None:
    """The first numbers on which the rewritten function, run or evaluated, is not the function."""
    symbolic = term(changed)
    for numbers in product(NUMBERS, repeat=len(NAMES)):
        real = function(*numbers)
        if changed(*numbers) != real or evaluated(symbolic, numbers) != real:
            return numbers
    return None


# --- the claims -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", CONSTRUCTS, ids=lambda function: function.__name__)
def test_rewritten_is_the_function(function: Callable[..., Any]) -> None:
    """On numbers it gives what the function gives; on free words it gives a term with the same value everywhere."""
    assert first_difference(function, again(function)) is None


def test_a_predicate_becomes_one_formula_without_a_fork() -> None:
    """``and``, ``or``, ``not``, chains, ``in`` and conditional expressions do not branch."""
    for function in (mixture, chain, among_constants, conditional_truth, records_equal, every_one, some_one):
        words = [SymInt(z3.Int(name)) for name in NAMES]
        tree = branches(partial(again(function), *words))
        assert tree.__class__.__name__ == "Leaf", function.__name__


def first_of(*values: Any) -> Any:
    return values[0]


def itself(value: Any) -> Any:
    return value


def unequal(left: Any, right: Any) -> object:
    return negated(equal(left, right))


def first_word_equal(left: Any, right: Any) -> object:
    return equal(left[:1], right[:1]) if issubclass(type(left), tuple) else equal(left, right)


def first_option(value: Any, options: Any) -> object:
    return equal(value, options[0])


def other_side(condition: Any, yes: Any, no: Any) -> object:
    return either(condition, no, yes)


def other_value(condition: Any, yes: Any, no: Any) -> object:
    return chosen(condition, no, yes)


@pytest.mark.parametrize(
    ("name", "wrong", "seen_by"),
    [
        ("__any_of", all_of, disjunction),
        ("__all_of", any_of, conjunction),
        ("__negated", itself, negation),
        ("__equal", unequal, equality),
        ("__equal", first_word_equal, records_equal),
        ("__among", first_option, among_constants),
        ("__either", other_side, conditional),
        ("all", some, every_one),
        ("any", every, some_one),
        ("max", first_of, extremes),
    ],
)
def test_a_wrong_rewriting_is_noticed(name: str, wrong: object, seen_by: Callable[..., Any]) -> None:
    """Each helper, done wrong, differs from the function that uses it."""
    assert first_difference(seen_by, again(seen_by, **{name: wrong})) is not None


def test_a_merge_that_swaps_its_branches_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The value of a branch goes with its condition."""
    monkeypatch.setattr("dita.conformance.prove.merging.chosen", other_value)

    assert first_difference(early_returns, again(early_returns)) is not None


def closed_over(limit: int) -> Callable[[int], bool]:
    """A function that refers to a variable of this one."""

    def below(a: int) -> bool:
        return a < limit

    return below


def operand_that_is_no_truth(a: int, b: int, c: int) -> object:
    return a or b


def raises(a: int, b: int, c: int) -> bool:
    if a > b:
        raise ValueError(a)
    return True


def divides(a: int, b: int, c: int) -> bool:
    return b == 0 or a // b > c


def symbolic_index(a: int, b: int, c: int) -> int:
    return (b, c)[a]


def answers_a_number(a: int, b: int, c: int) -> int:
    return a + b


def plain_unequal(a: int, b: int, c: int) -> bool:
    return a == "b"  # type: ignore[comparison-overlap]  # what the lint refuses too


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (operand_that_is_no_truth, "a truth value was expected"),
        (raises, "taken for pure raised `ValueError"),
        (divides, "taken for pure raised `ZeroDivisionError"),
        (symbolic_index, "used the symbolic index"),
        (answers_a_number, "a predicate answered `SymInt`"),
        (plain_unequal, "`str` met a symbolic integer"),
    ],
)
def test_what_would_be_wrong_is_refused(function: Callable[..., Any], complaint: str) -> None:
    """What cannot become a term stops the proof with its reason."""
    words = [SymInt(z3.Int(name)) for name in NAMES]
    with pytest.raises(Unsupported, match=complaint):
        formula(again(function), *words)


def test_a_closure_is_refused() -> None:
    """Variables of an enclosing function are not there when the source is compiled again."""
    with pytest.raises(Unsupported, match="enclosing function"):
        rewritten(cast("FunctionType", closed_over(3)))


def test_records_of_different_length_are_not_equal() -> None:
    """Equality of records looks at every word, and at how many there are."""
    a, b = SymInt(z3.Int("a")), SymInt(z3.Int("b"))

    assert equal((a, b), (a,)) is False
    assert equal((a, b), (a, b)) is True
    assert isinstance(equal((a, b), (b, a)), SymBool)
