"""Whether a step function is the reference: on random runs, word for word, record for record, and object for object.

The classes of records are compared too. Those of words are not: a field is declared ``int``, and where the interpreted
reference hands on an enumeration's member the compiled one may hand on the integer that it is.
"""

import random
from collections.abc import Callable, Iterable
from typing import Final, cast

from dita.conformance.differential import Step
from dita.conformance.generate import Generator
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.state import State, focus_of

RUN_LENGTH: Final = 250


def disagreement(other: Step, seed: int, steps: int) -> str:
    """How another step function first differs from the reference on so many random steps; empty if nowhere."""
    rng = random.Random(seed)
    for _ in range(-(-steps // RUN_LENGTH)):
        source, state = Generator(rng), State()
        for _ in range(RUN_LENGTH):
            event = source.next(state)
            found = difference(other, state, event)
            if found:
                return found
            state, _ = step(state, event)
    return ""


def disagreement_from(other: Step, states: Iterable[State], menu: Callable[[State], Iterable[Input]]) -> str:
    """The same on every input of a menu from each of these states."""
    return next((found for state in states for event in menu(state) if (found := difference(other, state, event))), "")


def difference(other: Step, state: State, event: Input) -> str:
    """How another step function differs from the reference on one step; empty if it does not."""
    expected, outcome = step(state, event)
    after, answer = other(state, event)
    if not same(answer, outcome):
        return f"{event}: the reference answers `{outcome!r}`, it answers `{answer!r}`"
    if after is state or expected is state:
        return "" if after is expected else f"{event}: the state stays the same object in only one of the two"
    ours, theirs = focus_of(expected, event.slot, event.instrument), focus_of(after, event.slot, event.instrument)
    if after != expected or type(after) is not State or not same(ours, theirs):
        return f"{event}: the reference goes on with `{ours!r}`, it with `{theirs!r}`"
    return ""


def same(one: object, two: object) -> bool:
    """Equal words in records of equal classes."""
    if not isinstance(one, tuple) or not isinstance(two, tuple):
        return isinstance(one, int) and isinstance(two, int) and one == two
    ours, theirs = cast("tuple[object, ...]", one), cast("tuple[object, ...]", two)
    if type(ours) is not type(theirs) or len(ours) != len(theirs):
        return False
    return all(map(same, ours, theirs))
