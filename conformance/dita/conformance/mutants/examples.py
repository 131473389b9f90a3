"""Steps on which predicates are tried: sound ones, ones that planted defects made, and sound ones with words damaged.

A predicate that became weaker shows on a step that the true one refutes; one that became stronger shows on a step that
the true one accepts. So the examples are of both kinds, many of each, and every predicate is asked of every example by
itself: a damaged word that breaks one invariant does not hide that another one still holds.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple, cast

from dita.conformance.arithmetic_vectors import LAST_TERMS
from dita.conformance.differential import Cell, cell_of
from dita.conformance.draw import BOUNDARIES
from dita.conformance.mutants.recording import Move
from dita.spec.inputs import Input
from dita.spec.invariants import ACCOUNT, INSTRUMENT, WHOLE
from dita.spec.layout import filled, flatten_words
from dita.spec.outcome import Outcome
from dita.spec.properties import STEP, WHOLE_STEP
from dita.spec.scales import NOTIONAL_DIVISOR
from dita.spec.shares import CONTEXT, FOLLOWS
from dita.spec.slot_invariants import HELD, SLOT
from dita.spec.state import Account, Entry, Exit, Focus, Instrument, Slot, State, focus_of
from dita.spec.vocabulary import Phase, Side, Verdict

SIZE: Final = 2  # slots and instruments of an example of a whole state
A_CELL: Final = 12  # sound examples of what happened alike
REFUSED_A_CELL: Final = 2
DAMAGED: Final = 30_000
SEED: Final = 20_260_530
_BLANK_FOCUS: Final = Focus(Account(), Instrument(), Slot())
_BLANK_STATE: Final = State(instruments=(Instrument(),) * SIZE, slots=(Slot(),) * SIZE)


class Example(NamedTuple):
    """A step of what an input may touch, or of a whole small state; it need not be one that any kernel makes."""

    before: Focus | State
    event: Input
    after: Focus | State
    outcome: Outcome

    @property
    def whole(self) -> bool:
        """Whether it is of a whole state."""
        return isinstance(self.before, State)


class Asked(NamedTuple):
    """How the predicates of a table are asked of an example."""

    table: str  # name of the table in its module
    module: str
    whole: bool
    arguments: Callable[[Any], tuple[Any, ...]]
    here: bool = False  # only where the input names the slot's instrument

    def of(self, example: Example) -> bool:
        """Whether the predicates speak of such an example."""
        if self.whole != example.whole:
            return False
        after: Any = example.after
        return not self.here or after.slot.instrument == example.event.instrument


def _take(*paths: str) -> Callable[[Any], tuple[Any, ...]]:
    """The parts of an example with these dotted names."""
    getters = [attrgetter(path) for path in paths]
    return lambda example: tuple(get(example) for get in getters)


_STEP: Final = ("before", "event", "after", "outcome")

TABLES: Final[dict[str, tuple[Sequence[Any], Asked]]] = {
    "SLOT": (SLOT, Asked("SLOT", "slot_invariants", False, _take("after.slot"))),
    "HELD": (HELD, Asked("HELD", "slot_invariants", False, _take("after.slot", "after.instrument"), here=True)),
    "INSTRUMENT": (INSTRUMENT, Asked("INSTRUMENT", "invariants", False, _take("after.instrument"))),
    "ACCOUNT": (ACCOUNT, Asked("ACCOUNT", "invariants", False, _take("after.account"))),
    "CONTEXT": (CONTEXT, Asked("CONTEXT", "shares", False, _take("after", "event"))),
    "FOLLOWS": (FOLLOWS, Asked("FOLLOWS", "shares", False, _take(*_STEP))),
    "STEP": (STEP, Asked("STEP", "properties", False, _take(*_STEP))),
    "WHOLE": (WHOLE, Asked("WHOLE", "invariants", True, _take("after"))),
    "WHOLE_STEP": (WHOLE_STEP, Asked("WHOLE_STEP", "properties", True, _take(*_STEP))),
}
"""Every table of predicates, and what of an example its predicates are given."""


def verdict(predicate: Callable[..., Any], asked: Asked, example: Example) -> object:
    """What a predicate says of an example: a truth value, or the name of what it raises."""
    try:
        said = predicate(*asked.arguments(example))
    except Exception as problem:  # noqa: BLE001 of a changed predicate, whatever it raises is its answer
        return type(problem).__name__
    return bool(said)


def broken_by(example: Example) -> tuple[str, ...]:
    """The predicates that do not hold of an example, by name; one that cannot say is marked by what it raises."""
    found: list[str] = []
    for table, asked in TABLES.values():
        if asked.of(example):
            for item in table:
                said = verdict(item.holds, asked, example)
                if said is not True:
                    found.append(item.id if said is False else f"{item.id} ({said})")
    return tuple(found)


# --- sound examples -------------------------------------------------------------------------------------------------


def of_moves(moves: Iterable[Move]) -> Iterator[Example]:
    """A few steps of everything that happened alike, as what an input may touch and, where it is small, as a whole."""
    seen: Counter[Cell] = Counter()
    for move in moves:
        if not (0 <= move.event.slot < len(move.before.slots)):
            continue
        if not (0 <= move.event.instrument < len(move.before.instruments)):
            continue
        cell = cell_of(move.before, move.event, move.outcome)
        limit = REFUSED_A_CELL if move.outcome.verdict == Verdict.REFUSED else A_CELL
        if seen[cell] >= limit:
            continue
        seen[cell] += 1
        yield from of_step(*move)


def of_step(before: State, event: Input, after: State, outcome: Outcome) -> Iterator[Example]:
    """The examples that a step of a full-size state gives."""
    pre, post = (focus_of(state, event.slot, event.instrument) for state in (before, after))
    yield Example(pre, event, pre if after is before else post, outcome)
    if event.slot < SIZE and event.instrument < SIZE and _is_small(before):
        small = _cut(before)
        yield Example(small, event, small if after is before else _cut(after), outcome)


def _is_small(state: State) -> bool:
    return all(slot == Slot() for slot in state.slots[SIZE:]) and all(
        instrument == Instrument() for instrument in state.instruments[SIZE:]
    )


def _cut(state: State) -> State:
    return State(state.account, state.instruments[:SIZE], state.slots[:SIZE])


def corners() -> Iterator[Example]:
    """What neither steps nor damage come to: last terms, last prices, last exits, and a share of less than nothing."""
    for lot, tick, quantity_max, price_max in LAST_TERMS:
        terms = Instrument(1, lot=lot, tick=tick, quantity_max=quantity_max, price_max=price_max)
        yield _still(_BLANK_FOCUS._replace(instrument=terms))
    for quote, ref_price in ((1, 4 * NOTIONAL_DIVISOR), (1, 5 * NOTIONAL_DIVISOR), (5, NOTIONAL_DIVISOR)):
        entered = Slot(Phase.ENTRY_WORKING, ref_price=ref_price, entry=Entry(1, 1, quote))
        yield _still(_BLANK_FOCUS._replace(slot=entered))
    for quantity, lot, minimum in ((11, 1, -1), (5, 2, 3), (1, 1, 3)):  # one too many, half a lot, too few
        slot = Slot(Phase.EXIT_REQUESTED, minimum=minimum, entry=Entry(10, 10, 10))
        submitted = Outcome(Verdict.ACCEPTED, submit=1, quantity=quantity, reduce_only=1)
        yield _still(_BLANK_FOCUS._replace(instrument=Instrument(1, lot=lot), slot=slot), submitted)
    all_of_less = Slot(side=Side.LONG, entry=Entry(-1, -1, 7), exit=Exit(1, -1, -1, 7))
    yield _still(_BLANK_FOCUS._replace(slot=all_of_less))


def _still(focus: Focus, outcome: Outcome | None = None) -> Example:
    """Nothing moves, whatever is told."""
    return Example(focus, Input(), focus, outcome or Outcome())


# --- damage ---------------------------------------------------------------------------------------------------------


def damaged(sound: Sequence[Example], count: int = DAMAGED, seed: int = SEED) -> Iterator[Example]:
    """Sound examples with one or two words changed: one off, on a boundary, or what another word is."""
    rng = random.Random(seed)
    for _ in range(count):
        example = sound[int(rng.random() * len(sound))]
        for _ in range(1 if rng.random() < 0.7 else 2):
            example = _with_damage(rng, example)
        yield example


def _with_damage(rng: random.Random, example: Example) -> Example:
    field = ("after", "after", "after", "before", "event", "outcome")[int(rng.random() * 6)]
    record: Any = getattr(example, field)
    words = flatten_words(record)
    used = [index for index, word in enumerate(words) if word != 0]
    if field in ("after", "before") and rng.random() < 0.5:  # where the two differ is where predicates look
        other = flatten_words(example.before if field == "after" else example.after)
        used = [index for index, pair in enumerate(zip(words, other, strict=True)) if pair[0] != pair[1]] or used
    index = used[int(rng.random() * len(used))] if used and rng.random() < 0.6 else int(rng.random() * len(words))
    dice = rng.random()
    if dice < 0.45:
        words[index] += 1 if rng.random() < 0.5 else -1
    elif dice < 0.6:
        words[index] = (0, 1, -1, 2)[int(rng.random() * 4)]
    elif dice < 0.7:
        words[index] = BOUNDARIES[int(rng.random() * len(BOUNDARIES))]
    else:
        words[index] = words[int(rng.random() * len(words))]
    changed: Any = filled(record, words)
    same = example.after is example.before
    example = example._replace(**{field: changed})
    return example._replace(after=changed) if same and field == "before" and rng.random() < 0.5 else example


# --- as rows --------------------------------------------------------------------------------------------------------

Row = list[list[int]]
"""Of before, input, after, outcome: place and value of each word that is not as in the template, one after the other.

The templates are blank records, and ``before`` for ``after``. The first list holds a 1 in front for a whole state.
"""


def to_row(example: Example) -> Row:
    """An example in few integers."""
    blank: object = _BLANK_STATE if example.whole else _BLANK_FOCUS
    before = flatten_words(example.before)
    return [
        [int(example.whole), *_sparse(before, flatten_words(blank))],
        _sparse(flatten_words(example.event), flatten_words(Input())),
        _sparse(flatten_words(example.after), before),
        _sparse(flatten_words(example.outcome), flatten_words(Outcome())),
    ]


def of_row(row: Row) -> Example:
    """The example behind a row. Raises IndexError, ValueError for what ``to_row`` never writes."""
    blank: Any = _BLANK_STATE if row[0][0] else _BLANK_FOCUS
    before: Any = _dense(blank, row[0][1:])
    after: Any = _dense(before, row[2]) if row[2] else before
    event, outcome = (cast("Any", _dense(template, row[n])) for n, template in ((1, Input()), (3, Outcome())))
    return Example(before, event, after, outcome)


def to_step(before: State, event: Input) -> Row:
    """A full-size state and an input in few integers: of each, place and value of the words that are not as usual."""
    return [
        _sparse(flatten_words(before), flatten_words(State())),
        _sparse(flatten_words(event), flatten_words(Input())),
    ]


def of_step_row(row: Row) -> tuple[State, Input]:
    """The state and the input behind a row. Raises IndexError, ValueError for what ``to_step`` never writes."""
    state, event = row
    return cast("State", _dense(State(), state)), cast("Input", _dense(Input(), event))


def _sparse(words: Sequence[int], template: Sequence[int]) -> list[int]:
    pairs = enumerate(zip(words, template, strict=True))
    return [number for index, (word, usual) in pairs if word != usual for number in (index, word)]


def _dense(template: object, sparse: Sequence[int]) -> object:
    words = flatten_words(template)
    for index, word in zip(sparse[::2], sparse[1::2], strict=True):
        words[index] = word
    return filled(template, words)
