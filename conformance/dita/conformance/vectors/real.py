"""Numbers that take a path of the real code: a solver's model, asked again until the named arithmetic is the real one.

In the paths each product and quotient is an unknown function of which only a contract is known, so a model may give it
a value that no multiplication has. Wherever a model does, the real value is told to the solver, first at this point
alone, later for whole lines: the real function is run with some arguments fixed to numbers and the others symbolic,
which leaves no product of unknowns. Everything told is a fact about the real functions, so nothing is lost by it.

What is wished for is a list of equations in ranks. What contradicts the path is dropped, the lowest rank first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

import z3

from dita.conformance.prove.contracts import CONTRACTS, Terms
from dita.conformance.prove.core import paths_of, theory
from dita.conformance.prove.executor import LOGIC, Path
from dita.conformance.prove.flat import Flattener, values_of
from dita.conformance.prove.lemmas import PRODUCT, Lemma
from dita.conformance.prove.merging import branches, merged
from dita.conformance.prove.proxies import SymBool, SymInt, Unsupported, term_of
from dita.conformance.prove.world import words
from dita.conformance.vectors.embedding import ROOM
from dita.reference import arithmetic
from dita.spec.scales import BOUND
from dita.spec.vocabulary import Kind, Phase

ROUNDS_MAX: Final = 6
POINTS_ONLY: Final = 2  # rounds in which only points are told, then a line, then all lines
ONE_LINE: Final = 4
EFFORT: Final = 1_000_000  # of one check, in the solver's own units: the same on every machine
WORD_MIN: Final = -(1 << 63)
WORD_END: Final = 1 << 63

LINES: Final[dict[str, tuple[tuple[int, ...], ...]]] = {
    "notional": ((1,), (0,)),
    "cost_share": ((1, 2), (0, 1)),
    "predicted_fee": ((1,), (0,)),
    "calibrated_rate": ((1,), (0,)),
    "is_multiple": ((1,),),
    "minimum_quantity": ((2, 3),),
    "leg_quantity": ((1, 2),),
    "price_plausible": ((2,), (1,)),
    "within_leverage": ((2,), (1,)),
    "fits_scales": ((1, 3), (0, 2)),
}
"""Which arguments to fix, for each named function, so that the others are multiplied by numbers only."""


def _fitting(lot: int, tick: int, quantity_max: int, price_max: int, quantity: int, price: int) -> bool:
    if not arithmetic.fits_scales(lot, tick, quantity_max, price_max):
        return True
    return arithmetic.notional(quantity, price) <= BOUND


FITTING: Final = Lemma(
    "orders-fit", "Where terms fit the scales, no order within them has a notional above the bound.",
    ("lot", "tick", "quantity_max", "price_max", "quantity", "price"),
    lambda lot, tick, quantity_max, price_max, quantity, price: (
        0 <= quantity <= quantity_max and 0 <= price <= price_max
    ), _fitting,
    lambda lot, tick, quantity_max, price_max, quantity, price: (
        (PRODUCT, quantity_max - quantity, price), (PRODUCT, price_max - price, quantity_max)
    ),
)  # fmt: skip
"""What the contracts do not say and real numbers obey; ``making`` has both solvers prove it before it is used."""


class Wish(NamedTuple):
    """Something that a model should satisfy if it can; a lower rank is given up first."""

    rank: int
    fact: z3.BoolRef


class Call(NamedTuple):
    """One application of a named function in what is asserted."""

    name: str
    fact: z3.BoolRef  # its contract, by which the assertions bring it along
    terms: Terms
    nodes: tuple[int, ...]  # of the arguments


@dataclass(frozen=True)
class Space:
    """A kind's paths, the words that a vector gives numbers to, and everything asserted of them."""

    kind: Kind
    paths: list[Path]
    assumptions: list[z3.BoolRef]
    _wishes: dict[tuple[int, int], Wish] = field(default_factory=dict[tuple[int, int], Wish])
    _facts: dict[tuple[object, ...], z3.BoolRef | None] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: Kind, seed: int = 0) -> Space:
        """Explore the kind. Raises Unsupported."""
        paths, _, assumptions = paths_of(kind, seed)
        return cls(kind, paths, assumptions)

    @cached_property
    def words(self) -> list[z3.ArithRef]:
        """The words of account, instrument, slot and input, in order."""
        world = theory().world
        return words(world.pre) + words(world.event)

    @cached_property
    def names(self) -> list[str]:
        """Their names."""
        return [word.decl().name() for word in self.words]

    @cached_property
    def known(self) -> list[z3.BoolRef]:
        """What holds of every state and input: the assumptions, the range of a word, and ``FITTING``."""
        own = set(self.names)
        about_us = [fact for fact in self.assumptions if names_in(fact) <= own]
        ranges = [z3.And(word >= WORD_MIN, word < WORD_END) for word in self.words]
        return [*about_us, *ranges, *self._fitting()]

    @cached_property
    def asserted(self) -> list[z3.BoolRef]:
        """What holds of every vector: what is known, and that a whole state can be found."""
        return [*self.known, *_is_whole()]

    def _fitting(self) -> list[z3.BoolRef]:
        """``FITTING`` for every notional and the terms of the instrument."""
        terms = theory().world.pre.instrument
        most, dearest = term_of(terms.quantity_max), term_of(terms.price_max)
        fits = CONTRACTS["fits_scales"].symbol()(term_of(terms.lot), term_of(terms.tick), most, dearest)
        found: list[z3.BoolRef] = []
        for call in self.calls:
            if call.name == "notional":
                quantity, price = call.terms
                within = z3.And(quantity >= 0, quantity <= most, price >= 0, price <= dearest, fits)
                found.append(z3.Implies(within, CONTRACTS["notional"].symbol()(quantity, price) <= BOUND))
        return found

    @cached_property
    def flattener(self) -> Flattener:
        """The arguments of all calls as nodes."""
        return Flattener()

    @cached_property
    def calls(self) -> list[Call]:
        """Every application of a named function to our words."""
        own = set(self.names)
        return [
            Call(name, fact, terms, tuple(self.flattener.add(term) for term in terms))
            for (name, _), (fact, terms) in theory().applications.instances.items()
            if all(names_in(term) <= own for term in terms)
        ]

    @cached_property
    def ranks(self) -> list[int]:
        """How much a word's own number is wanted: most where lines are fixed by it, least where nothing depends."""
        fixed: set[str] = set()
        used: set[str] = set()
        for call in self.calls:
            for number, arguments in enumerate(LINES[call.name]):
                for argument in arguments:
                    first = number == 0 and call.name != "cost_share"
                    (fixed if first else used).update(names_in(call.terms[argument]))
        return [2 if name in fixed else 1 if name in used else 0 for name in self.names]

    def values(self, numbers: Sequence[int]) -> list[int]:
        """The value of every node of ``flattener`` where the words have these numbers."""
        return values_of(self.flattener.nodes, dict(zip(self.names, numbers, strict=True)))

    def near(self, numbers: Sequence[int]) -> list[Wish]:
        """The wish for exactly these numbers."""
        found: list[Wish] = []
        for place, number in enumerate(numbers):
            if (place, number) not in self._wishes:
                self._wishes[place, number] = Wish(self.ranks[place], self.words[place] == number)
            found.append(self._wishes[place, number])
        return found

    def real_values(self, call: Call, fixed: tuple[int, ...], arguments: Sequence[int]) -> z3.BoolRef | None:
        """``real_values``, made once."""
        key = (call.fact.get_id(), fixed, *[arguments[n] for n in fixed])
        if key not in self._facts:
            self._facts[key] = real_values(call, fixed, arguments)
        return self._facts[key]


def names_in(term: z3.ExprRef) -> set[str]:
    """The names of the free words in a term."""
    found, seen, stack = set[str](), set[int](), [term]
    while stack:
        node = stack.pop()
        if node.get_id() in seen:
            continue
        seen.add(node.get_id())
        children = node.children()
        stack.extend(children)
        if not children and not (z3.is_int_value(node) or z3.is_true(node) or z3.is_false(node)):
            found.add(node.decl().name())
    return found


def _is_whole() -> list[z3.BoolRef]:
    """What three records must satisfy, beyond what the core theorem assumes, for ``embedded`` to find a whole state.

    Slots that are not live expose nothing; other live slots, and trades that finished in them, need numbers; and an
    instrument that is held elsewhere needs a slot that holds it.
    """
    world = theory().world
    account, instrument, slot = world.pre
    live = term_of(account.live_slots) - z3.If(term_of(slot.phase) == Phase.IDLE, z3.IntVal(0), z3.IntVal(1))
    fees: z3.ArithRef = z3.IntVal(0)
    halves = [half for tail in slot.tails for half in (tail.entry, tail.exit)]
    for fee, graded in [(slot.entry.fee, slot.entry.graded), *[(half.fee, half.graded) for half in halves]]:
        fees = fees + z3.If(term_of(graded) == 0, term_of(fee), z3.IntVal(0))
    others = term_of(account.ledger.fees_provisional) - fees - term_of(slot.closed.fee)
    exposed = term_of(account.exposure) - term_of(slot.exposure)
    holder = term_of(instrument.holder)
    return [
        z3.Implies(live == 0, exposed == 0),
        z3.Or(z3.And(live == 0, others == 0), term_of(account.trade_high_water) >= ROOM),
        z3.Implies(z3.And(holder != 0, holder != term_of(world.event.slot) + 1), live >= 1),
    ]


# --- asking ---------------------------------------------------------------------------------------------------------


class Asked(NamedTuple):
    """The numbers of the words, or None: then there are none, unless the solver gave up."""

    numbers: tuple[int, ...] | None
    gave_up: bool = False


class Question:
    """One path, asked for numbers as often as wanted."""

    def __init__(self, space: Space, number: int, beside: Path | None = None) -> None:
        """``beside`` is a path whose decisions are to be wished for: what it uses is made known too."""
        path = space.paths[number]
        lemmas = [*path.lemmas, *(beside.lemmas if beside is not None else ())]
        self._space = space
        self._solver = z3.SolverFor(LOGIC)
        self._solver.set("random_seed", 0)
        self._solver.set("rlimit", EFFORT)
        self._solver.add(*space.asserted, *path.literals, *lemmas)
        present = {fact.get_id() for fact in (*space.asserted, *lemmas)}
        self._calls = [call for call in space.calls if call.fact.get_id() in present]
        self._told: dict[int, z3.BoolRef] = {}

    def ask(self, near: Sequence[int], wishes: Sequence[Wish] = (), must: Sequence[z3.BoolRef] = ()) -> Asked:
        """Numbers near these that take the path, satisfy ``must``, and as many of the wishes as can be."""
        self._solver.push()
        self._solver.add(*must)
        told = len(self._told)
        try:
            asked = self._repaired(near, wishes)
            return self._repaired(near, ()) if asked.gave_up and wishes else asked
        finally:
            self._solver.pop()
            self._solver.add(*list(self._told.values())[told:])  # they hold whatever is asked

    def _repaired(self, near: Sequence[int], wishes: Sequence[Wish]) -> Asked:
        self._tell(near, 0)
        for number in range(1, ROUNDS_MAX + 1):
            answer, model = self._model([*wishes, *self._space.near(near)])
            if answer != z3.sat:
                return Asked(None, gave_up=answer == z3.unknown)
            near = [int(model.eval(word, model_completion=True).as_long()) for word in self._space.words]
            if not self._tell(near, number, model):
                return Asked(tuple(near))
        return Asked(None, gave_up=True)

    def _model(self, wishes: Iterable[Wish]) -> tuple[z3.CheckSatResult, Any]:
        """A model with as many wishes as it takes to drop a rank of each contradiction."""
        alive = {wish.fact.get_id(): wish for wish in wishes}
        while True:
            answer = self._solver.check(*[wish.fact for wish in alive.values()])
            if answer == z3.sat:
                return answer, self._solver.model()
            core = [alive[fact.get_id()] for fact in self._solver.unsat_core()] if answer == z3.unsat else []
            if not core:
                return answer, None
            lowest = min(wish.rank for wish in core)
            for wish in core:
                if wish.rank == lowest:
                    del alive[wish.fact.get_id()]

    def _tell(self, numbers: Sequence[int], number: int, model: Any = None) -> bool:
        """Tell the real values where the model has others (or everywhere); whether there was anything to tell."""
        values = self._space.values(numbers)
        wrong = False
        for call in self._calls:
            arguments = tuple(values[node] for node in call.nodes)
            if model is not None and _is_real(model, call, arguments):
                continue
            wrong = True
            lines = LINES[call.name][: 0 if number <= POINTS_ONLY else 1 if number <= ONE_LINE else None]
            for fixed in (tuple(range(len(arguments))), *lines):
                fact = self._space.real_values(call, fixed, arguments)
                if fact is not None and fact.get_id() not in self._told:
                    self._told[fact.get_id()] = fact
                    self._solver.add(fact)
        return wrong


def _is_real(model: Any, call: Call, arguments: Sequence[int]) -> bool:
    """Whether the model gives the call its real value. Where the body divides by zero, nothing reads the value."""
    contract = CONTRACTS[call.name]
    said = model.eval(contract.symbol()(*call.terms), model_completion=True)
    try:
        real = contract.body(*arguments)
    except ZeroDivisionError:
        return True
    return bool(z3.is_true(said) == real) if contract.truth else int(said.as_long()) == real


def real_values(call: Call, fixed: Sequence[int], arguments: Sequence[int]) -> z3.BoolRef | None:
    """What the real function gives wherever these of its arguments have these values; None where it divides by zero."""
    contract = CONTRACTS[call.name]
    given = [arguments[n] if n in fixed else SymInt(term) for n, term in enumerate(call.terms)]
    try:
        value = merged(branches(lambda: contract.body(*given)))
    except Unsupported as problem:
        if isinstance(problem.__cause__, ZeroDivisionError):
            return None
        raise
    term = value.term if isinstance(value, (SymBool, SymInt)) else z3.BoolVal(value) if contract.truth else value
    there = [call.terms[n] == arguments[n] for n in fixed]
    return z3.Implies(z3.And(*there), contract.symbol()(*call.terms) == term)
