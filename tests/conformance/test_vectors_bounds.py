"""Where an amount is rounded, vectors are aimed at exact halves, above an even number and above an odd one."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any, cast

import pytest
import z3

from dita.conformance.prove.executor import Path
from dita.conformance.prove.proxies import SymInt
from dita.conformance.vectors.bounds import Targets
from dita.conformance.vectors.real import Space
from dita.spec.outcome import Outcome
from dita.spec.scales import RATE_SCALE, RATIO_SCALE
from dita.spec.state import Account, Focus, Instrument, Slot
from dita.spec.vocabulary import Kind

ONE, TWO, THREE = (z3.Int(f"event.{name}") for name in ("quantity", "price", "fee"))


def fee(quote: int, rate: int) -> Fraction:
    """A fee before it is rounded."""
    return Fraction(quote * rate, RATE_SCALE)


def calibrated(rate: int, calibration: int) -> Fraction:
    """A calibrated rate before it is rounded."""
    return Fraction(rate * calibration, RATIO_SCALE)


def share(cost: int, whole: int, part: int) -> Fraction:
    """A share of a cost before it is rounded."""
    return Fraction(cost * part, whole)


ROUNDED: dict[str, tuple[tuple[z3.ArithRef, ...], Callable[..., Fraction]]] = {
    "predicted_fee": ((ONE, TWO), fee),
    "calibrated_rate": ((ONE, TWO), calibrated),
    "cost_share": ((ONE, TWO, THREE), share),
}
"""What is rounded, its arguments here, and the amount before it is rounded."""


def called(name: str, *arguments: z3.ArithRef) -> z3.ArithRef:
    """A named function of these arguments."""
    return cast("z3.ArithRef", z3.Function(name, *[z3.IntSort()] * (len(arguments) + 1))(*arguments))


def targets_of(term: z3.ArithRef) -> Targets:
    """The targets of a kind with one path, which answers this."""
    after = Focus(Account(), Instrument(), Slot())
    symbolic: Any = SymInt(term)
    outcome = Outcome(quantity=symbolic)
    return Targets.of(Space(Kind.SETTLE, [Path((), (after, outcome), None, ())], []))


@pytest.mark.parametrize("name", ROUNDED)
def test_a_rounded_amount_is_aimed_at_exact_halves(name: str) -> None:
    """Whatever numbers meet a target, the amount is half a unit above a whole one; even and odd are both aimed at."""
    arguments, exact = ROUNDED[name]

    found = targets_of(called(name, *arguments)).all

    floors: list[int] = []
    for target in found:
        solver = z3.Solver()
        solver.add(*target.facts, *(argument > 1_000 for argument in arguments))
        assert solver.check() == z3.sat
        numbers = [int(str(solver.model().eval(argument))) for argument in arguments]
        amount = exact(*numbers)
        assert amount - amount.__floor__() == Fraction(1, 2), numbers
        floors.append(amount.__floor__() % 2)
    assert sorted(floors) == [0, 1]


def test_a_rate_that_is_rounded_itself_is_not_aimed_at() -> None:
    """Its fee cannot be chosen: the halves of the rate alone are aimed at."""
    of_a_rate = called("predicted_fee", THREE, called("calibrated_rate", ONE, TWO))

    assert {str(target.facts[0]) for target in targets_of(of_a_rate).all} == {f"event.price == {RATIO_SCALE // 2}"}


def test_what_is_not_rounded_has_no_such_target() -> None:
    """A sum is exact."""
    assert targets_of(ONE + TWO).all == []
