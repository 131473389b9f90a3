"""Small functions that use what the executor offers and the reference does not: each construct once.

The reference may come to use any of these (the lint lets them through), and a proxy that is wrong about one of them
must not wait for that. Each is explored like a handler and predicted like one, on small numbers of either sign.
"""

# ruff: noqa: ARG001, PLR1714, SIM201, SIM300 -- all take the same words, and what is tested is the construct as written

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from dita.conformance.prove.compiled import KnownPath, Places, Predictor, source_of_paths
from dita.conformance.prove.executor import Explorer
from dita.conformance.prove.flat import Flattener
from dita.conformance.prove.world import symbolic
from dita.reference.focus import Refused, require
from dita.spec.state import Half
from dita.spec.vocabulary import Code, Phase

NAMES: Final = ("a", "b", "c")
LOW: Final = -9
HIGH: Final = 9
ERRORS: Final[tuple[type[Exception], ...]] = (ZeroDivisionError, IndexError, KeyError, ValueError, Refused)
TABLE: Final = (7, 5, 3, 11, 2)
KINDS: Final = {-1: 4, 0: 8, 3: 15}


class Construct(NamedTuple):
    """A function of three integers."""

    name: str
    function: Callable[[int, int, int], Any]


def floor_division(a: int, b: int, c: int) -> tuple[int, ...]:
    """Python rounds towards minus infinity, whatever the signs; by zero it raises."""
    return (a // b, a // 4, a // -4, 17 // b, -17 // b, (a - c) // 2)


def remainder(a: int, b: int, c: int) -> tuple[int, ...]:
    """The remainder has the divisor's sign."""
    return (a % b, a % 4, a % -4, (a - c) % 3)


def signs(a: int, b: int, c: int) -> tuple[int, ...]:
    """Minus, plus, and absolute values."""
    return (-a, +b, abs(c), abs(a - b), abs(-c))


def sums(a: int, b: int, c: int) -> tuple[int, ...]:
    """Sums, differences and products, with the constant on either side."""
    return (a + b, a - b, 5 + a, 5 - a, a + 5, a - 5, 3 * a, b * 3, a + b - c, c - (b - a))


def comparisons(a: int, b: int, c: int) -> tuple[bool, ...]:
    """Each comparison, of two words and with a constant on either side."""
    return (a == b, a != b, a < b, a <= b, a > b, a >= b, 3 == a, 3 != a, 3 < a, 3 <= a, 3 > a, 3 >= a, c == Phase.IDLE)


def chains(a: int, b: int, c: int) -> int:
    """Chained comparisons, ``and``, ``or``, ``not`` in a branch."""
    if a <= b < c:
        return 1
    if (a == b or b == c) and not a == c:
        return 2
    if not (a > b and c > b):
        return 3
    return 4


def truth(a: int, b: int, c: int) -> int:
    """A word as a condition: zero is false."""
    if a:
        return 1 if not b else 2
    return 3 if c else 4


def operands(a: int, b: int, c: int) -> tuple[int, ...]:
    """``and`` and ``or`` give back an operand."""
    return (a or b, a and b, a or b or c)


def choice(a: int, b: int, c: int) -> int:
    """A conditional expression, and an assignment in one branch only."""
    found = a if b > c else b
    if found > a - c:
        found = found + c
    return found


def extremes(a: int, b: int, c: int) -> tuple[int, ...]:
    """The largest and the smallest, of words and of constants."""
    return (max(a, b), min(a, b), max(a, b, c), min(a, 0), max(3, c))


def in_order(a: int, b: int, c: int) -> tuple[int, ...]:
    """Sorting, and a sum over a display."""
    return (*sorted((a, b, c)), sum((a, b, c)))


def membership(a: int, b: int, c: int) -> tuple[bool, ...]:
    """``in`` a tuple of constants and of words."""
    return (a in (1, 2, -3), b not in (0, c), c in (a, b))


def every_and_some(a: int, b: int, c: int) -> tuple[bool, bool]:
    """``all`` and ``any`` over a generator."""
    words = (a, b, c)
    return (all(word > -5 for word in words), any(word == 3 for word in words))


def indexed(a: int, b: int, c: int) -> tuple[int, ...]:
    """A sequence indexed by a word, from the end when it is negative; beyond it raises."""
    return (TABLE[a], TABLE[-1])


def sliced(a: int, b: int, c: int) -> tuple[int, int]:
    """A slice that begins at a word."""
    rest = TABLE[a:]
    return (len(rest), sum(rest))


def looked_up(a: int, b: int, c: int) -> int:
    """A dictionary asked for a word; what is not there raises."""
    return KINDS[b]


def in_set(a: int, b: int, c: int) -> bool:
    """A word in a set of numbers: hashed and compared."""
    return c in {1, 2, -1}


def counted(a: int, b: int, c: int) -> int:
    """A loop as often as a word says."""
    total = 0
    for index in range(a):
        total = total + index * b
    return total


def while_loop(a: int, b: int, c: int) -> int:
    """A loop until a comparison fails."""
    steps = 0
    while a < b:
        a = a + 5
        steps = steps + 1
    return steps


def records(a: int, b: int, c: int) -> tuple[Any, ...]:
    """Named tuples: made, replaced, compared and taken apart."""
    half = Half(a, b, c)
    other = half._replace(quote=c, fee=b)
    return (half == other, half != other, half < other, other.quote, *other[1:3])


def matched(a: int, b: int, c: int) -> int:
    """A match statement on words and on numbers."""
    match (a, b):
        case (0, _):
            return 1
        case (_, 2) if c > 0:
            return 2
        case (1 | 3, other):
            return other
        case _:
            return 0


def refusals(a: int, b: int, c: int) -> int:
    """The reference's one early exit, and one that is caught."""
    require(a >= -5, Code.BAD_VALUE)
    try:
        require(b != 4, Code.NO_CHANGE)
    except Refused:
        return a
    return b


def truths_compared(a: int, b: int, c: int) -> tuple[Any, ...]:
    """Truth values compared with each other and used as numbers."""
    low, high = a < b, b < c
    return (low == high, low != high, low == (c > 0), int(low) + 2, TABLE[low])


CONSTRUCTS: Final = tuple(
    Construct(function.__name__.replace("_", "-"), function)
    for function in (
        floor_division, remainder, signs, sums, comparisons, chains, truth, operands, choice, extremes, in_order,
        membership, every_and_some, indexed, sliced, looked_up, in_set, counted, while_loop, records, matched,
        refusals, truths_compared,
    )
)  # fmt: skip


def answered(function: Callable[..., Any], words: Sequence[Any]) -> tuple[int, Any]:
    """What a function gives, or 1 + the number of the error that it raises."""
    try:
        return 0, function(*words)
    except ERRORS as error:
        return 1 + ERRORS.index(type(error)), error.outcome.code if isinstance(error, Refused) else 0


def predictor_of(construct: Construct) -> Predictor:
    """The construct explored, with its words from ``LOW`` to ``HIGH``."""
    words: list[Any] = [symbolic(0, name) for name in NAMES]
    bounds = [bound for word in words for bound in (word.term >= LOW, word.term <= HIGH)]
    paths = Explorer(bounds, ERRORS).explore(lambda: answered(construct.function, words))
    flattener = Flattener()
    places = Places.of(dict(zip(NAMES, words, strict=True)), flattener)
    known = tuple(
        KnownPath(
            tuple((flattener.add(decision.condition), decision.taken) for decision in path.decisions),
            flattener.shape(path.result),
        )
        for path in paths
    )
    nodes = tuple(flattener.nodes)
    return Predictor(construct.name, nodes, known, source_of_paths(nodes, known, places))


def differing(construct: Construct, pairs: int, seed: int) -> str:
    """The first numbers on which the prediction of a construct differs from Python; empty when there are none."""
    rng = random.Random(seed)
    predict = predictor_of(construct).function()
    for _ in range(pairs):
        words = [rng.randint(LOW, HIGH) for _ in NAMES]
        ours = answered(construct.function, words)
        said = predict(*words)
        if said is None or said[1] != ours:
            return f"construct `{construct.name}` at {words}: Python gives {ours}, the paths say {said}"
    return ""
