"""What is said of the named arithmetic in a world of round numbers is so, and a witness is a state of the real code."""

import random
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple, cast

import pytest
import z3

from dita.conformance.prove.contracts import CONTRACTS
from dita.conformance.prove.core import KindReport, Options, prove_kind
from dita.conformance.prove.models import GROUND, ONE, SMALL, Found
from dita.conformance.prove.world import words
from dita.reference.focus import Refused
from dita.reference.step import answer
from dita.spec.inputs import Input
from dita.spec.invariants import ACCOUNT, INSTRUMENT
from dita.spec.outcome import Outcome
from dita.spec.properties import STEP
from dita.spec.scales import BOUND, RATIO_SCALE
from dita.spec.shares import CONTEXT, FOLLOWS
from dita.spec.slot_invariants import HELD, SLOT
from dita.spec.state import Account, Focus, Instrument, Slot
from dita.spec.vocabulary import Kind

DRAWS = 160
USEFUL = 16  # of them at least so many lie in the special case
ROUND = {
    "notional": {1: ONE},
    "predicted_fee": {1: 0},
    "calibrated_rate": {0: 0},
    "minimum_quantity": {1: 0, 3: 1},
    "leg_quantity": {1: RATIO_SCALE},
    "price_plausible": {2: ONE},
    "within_leverage": {2: RATIO_SCALE},
    "fits_scales": {0: 1, 1: ONE, 3: ONE},
}  # arguments that half of the draws have; the other half may be anything
WORDS = (0, 1, 2, 3, 10, 97, SMALL, ONE, RATIO_SCALE, BOUND)

# ---- special cases of the arithmetic


class Draw(NamedTuple):
    """Arguments in the domain of a function's contract, and the function's real value there."""

    arguments: tuple[int, ...]
    value: int


def draws(name: str) -> list[Draw]:
    """Random arguments, with many of the round numbers among them and many that are equal to another."""
    contract, chance, found = CONTRACTS[name], random.Random(name), list[Draw]()
    while len(found) < DRAWS:
        arguments: list[int] = []
        for _ in range(contract.arity):
            fresh = chance.randrange(10 ** chance.randrange(1, 12))
            arguments.append(chance.choice((fresh, chance.choice(WORDS), *arguments[-1:])))
        if chance.random() < 0.5:
            arguments = [ROUND.get(name, {}).get(index, word) for index, word in enumerate(arguments)]
        if contract.domain(*arguments):
            found.append(Draw(tuple(arguments), contract.body(*arguments)))
    return found


def said(name: str, draw: Draw) -> z3.BoolRef:
    """The special case with these numbers: ``Implies(where, what)``, still to be evaluated."""
    value = z3.BoolVal(bool(draw.value)) if CONTRACTS[name].truth else z3.IntVal(draw.value)
    return GROUND[name](value, tuple(z3.IntVal(argument) for argument in draw.arguments))


def applies(name: str, draw: Draw) -> bool:
    """Whether the numbers lie in the special case."""
    return z3.is_true(z3.simplify(said(name, draw).arg(0)))


def holds(name: str, draw: Draw) -> bool:
    """Whether the special case is right about the value."""
    return z3.is_true(z3.simplify(said(name, draw)))


def test_every_named_function_has_a_special_case() -> None:
    """None of the functions that a contract stands for is left without a line in GROUND."""
    assert set(GROUND) == set(CONTRACTS)


@pytest.mark.parametrize("name", GROUND)
def test_a_special_case_is_what_the_function_gives(name: str) -> None:
    """The real function agrees on random numbers, and enough of those lie in the special case."""
    drawn = draws(name)

    assert [draw for draw in drawn if not holds(name, draw)] == []
    assert sum(applies(name, draw) for draw in drawn) >= USEFUL


@pytest.mark.parametrize("name", GROUND)
def test_a_wrong_value_is_found(name: str) -> None:
    """A value one higher, or the contrary, is refused wherever the special case applies."""
    for draw in draws(name):
        wrong = draw._replace(value=not draw.value if CONTRACTS[name].truth else draw.value + 1)

        assert holds(name, wrong) is not applies(name, wrong)


# ---- witnesses


class Step(NamedTuple):
    """One step of the handlers."""

    pre: Focus
    event: Input
    post: Focus
    outcome: Outcome


def filled(template: object, numbers: Iterator[int]) -> Any:
    """The nested record with these numbers, depth first."""
    if not isinstance(template, tuple):
        return next(numbers)
    items = [filled(item, numbers) for item in cast("tuple[object, ...]", template)]
    return getattr(cast("object", template), "_make", tuple)(items)


def replayed(found: Found, code: Callable[[Focus, Input], tuple[Focus, Outcome]]) -> Step:
    """The witness as CPython sees it: before, the input, after, and the outcome."""
    pre: Focus = filled(Focus(Account(), Instrument(), Slot()), iter(found.focus))
    event: Input = filled(Input(), iter(found.event))
    try:
        return Step(pre, event, *code(pre, event))
    except Refused as refused:
        return Step(pre, event, pre, refused.outcome)


def broken_invariants(focus: Focus, event: Input) -> set[str]:
    """The invariants of what the input may touch that do not hold."""
    judged: list[tuple[str, bool]] = [(item.id, item.holds(focus.slot)) for item in SLOT]
    judged += [(item.id, item.holds(focus.instrument)) for item in INSTRUMENT]
    judged += [(item.id, item.holds(focus.account)) for item in ACCOUNT]
    if focus.slot.instrument == event.instrument:
        judged += [(item.id, item.holds(focus.slot, focus.instrument)) for item in HELD]
    return {name for name, held in judged if not held}


def broken_before(step: Step) -> set[str]:
    """What the theorem assumes and the state does not have."""
    return broken_invariants(step.pre, step.event) | {x.id for x in CONTEXT if not x.holds(step.pre, step.event)}


def broken_by(step: Step) -> set[str]:
    """What the theorem promises and the step does not keep."""
    of_step = {item.id for item in STEP if not item.holds(*step)} | {x.id for x in FOLLOWS if not x.holds(*step)}
    return broken_invariants(step.post, step.event) | of_step


@cache
def proved(kind: Kind) -> KindReport:
    """What is proved of a kind, with a witness for each obligation that says something there."""
    return prove_kind(kind, Options(second_every=0))


def exact_witnesses(kind: Kind) -> dict[str, Found]:
    """Those whose arithmetic is the real one, of what was not refuted."""
    refuted = {refutation.obligation for refutation in proved(kind).refuted}
    found = proved(kind).witnesses.items()
    return {name: witness for name, witness in found if witness.exact and name not in refuted}


CHEAP = (Kind.SET_MODE, Kind.CALIBRATE)


@pytest.mark.parametrize("kind", CHEAP)
def test_a_witness_is_a_sound_state_on_which_the_predicate_holds(kind: Kind) -> None:
    """CPython, given a witness's numbers, finds all that was assumed there, and what was proved after the step."""
    witnesses = exact_witnesses(kind)

    assert len(witnesses) > 30
    for name, found in witnesses.items():
        step = replayed(found, answer)

        assert step.event.kind == kind
        assert broken_before(step) == set()
        assert name not in broken_by(step)


def changed(focus: Focus, event: Input) -> tuple[Focus, Outcome]:
    """The handlers, but afterwards the account's mode and the slot's fee rate are out of range."""
    post, outcome = answer(focus, event)
    return post._replace(account=post.account._replace(mode=9), slot=post.slot._replace(fee_rate_ppb=-1)), outcome


@pytest.mark.parametrize("kind", CHEAP)
def test_a_defective_handler_breaks_predicates_on_the_witnesses(kind: Kind) -> None:
    """The replay is not blind: where the step is accepted, planted wrong words are noticed by name.

    Of all witnesses: which of them are exact depends on what the solver was asked before, and no handler here calls a
    named function.
    """
    found = [broken_by(replayed(witness, changed)) for witness in proved(kind).witnesses.values()]

    assert any({"account-typed", "slot-typed"} <= names for names in found)


def test_an_unsound_state_is_noticed() -> None:
    """Each word of a witness's account made wrong breaks something that was assumed."""
    found = next(iter(exact_witnesses(Kind.SET_MODE).values()))

    for index in range(len(words(Account()))):
        focus = (*found.focus[:index], -(2**70), *found.focus[index + 1 :])

        assert broken_before(replayed(found._replace(focus=focus), answer)) != set()
