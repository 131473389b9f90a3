"""The work of one process: trials of mutants, one after the other, with everything they need read once.

What kills one mutant often kills another, so what killed before is tried first when a witness is chosen: the witnesses
that are kept stay few.
"""

import gc
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from subprocess import TimeoutExpired
from typing import Any, Final, TypeVar

from dita.conformance.arithmetic_vectors import by_reference
from dita.conformance.encoding import pack_outcome
from dita.conformance.mutants import calls as arithmetic
from dita.conformance.mutants import kernel_trial, predicate_trial, reference_trial
from dita.conformance.mutants.calls import ARITHMETIC, Call
from dita.conformance.mutants.defect_examples import of_defects
from dita.conformance.mutants.edits import Mutant, changed_files
from dita.conformance.mutants.equivalence import Same, same_answers, same_predicate
from dita.conformance.mutants.examples import Example, corners, damaged, of_moves, of_row
from dita.conformance.mutants.kernel_trial import Unviable, Workshop, workshop
from dita.conformance.mutants.planting import changed_functions, module_of
from dita.conformance.mutants.recording import LAYERS, Exchange, Move, Reader, Traffic, record
from dita.conformance.mutants.records import Record, Witness, Witnesses, exchange_of, step_of
from dita.conformance.mutants.reference_trial import Reach, Runs
from dita.conformance.mutants.sources import own_of, rest_of, side_of
from dita.conformance.mutants.trials import Answer, Verdict
from dita.conformance.under_test import CallerMemory, open_image
from dita.kernel.image import IMAGE_PATH
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.state import State

T = TypeVar("T")

UNIT_TESTS: Final = "crate tests"
BUILD: Final = "build"
SOLVER: Final = "solver"
KNOWN: Final = "known"  # what killed before: no layer, but the choice of a witness
UNIT_TEST_SECONDS: Final = 600
FIRST: Final = ("corpus", "vectors", "random")
FIRST_EXAMPLES: Final = ("defects", "corners", "damaged")
"""What notices most for its time. Python is slow: a mutant that these notice, or one proved equal, is asked no more."""
EVERY_LAYER: Final = 8  # but of one mutant in so many, and of those made by hand, every layer is asked

Sources = dict[str, bytes]


@dataclass(slots=True)
class Bench:
    """What trials need; each part is made when it is first asked for."""

    witnesses: Witnesses
    _stack: ExitStack = field(default_factory=ExitStack)
    _shop: Workshop | None = None
    _traffic: Traffic | None = None
    _calls: list[Call] | None = None
    _moves: dict[str, list[Move]] | None = None
    _runs: Runs | None = None
    _examples: dict[str, list[Example]] | None = None
    _known: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    reach: Reach = field(default_factory=Reach)
    tables: predicate_trial.Tables = field(default_factory=predicate_trial.Tables)
    early: dict[str, dict[str, Answer]] = field(default_factory=dict[str, dict[str, Answer]])

    def close(self) -> None:
        """Remove the workshop."""
        self._stack.close()

    @property
    def shop(self) -> Workshop:
        """Where crates are built."""
        if self._shop is None:
            self._shop = self._stack.enter_context(workshop())
        return self._shop

    @property
    def traffic(self) -> Traffic:
        """What the layers say. Raises ImageRefused, TrafficVoid."""
        if self._traffic is None:
            raw = open_image(IMAGE_PATH)
            self._calls = arithmetic.recorded_calls(raw.lib)
            self._traffic = record(list(LAYERS), CallerMemory(raw))
            _settle_memory()
        return self._traffic

    @property
    def calls(self) -> list[Call]:
        """The calls of named arithmetic. Raises ImageRefused, TrafficVoid."""
        _ = self.traffic
        return self._calls or []

    @property
    def moves(self) -> dict[str, list[Move]]:
        """The traffic in records. Raises ImageRefused, TrafficVoid."""
        if self._moves is None:
            self._moves = {name: list(Reader().moves(exchanges)) for name, exchanges in self.traffic.items()}
            _settle_memory()
        return self._moves

    def asked(self, changed: Sources) -> dict[str, Sequence[int]]:
        """The moves of each layer on which a changed reference may differ. Raises ImageRefused, TrafficVoid."""
        if self._runs is None:
            self._runs = Runs(self.moves)
            _settle_memory()
        functions = changed_functions(changed)
        return {name: self._runs.asked(name, functions) for name in self.moves}

    @property
    def examples(self) -> dict[str, list[Example]]:
        """The examples for predicates, by layer. Raises ImageRefused, TrafficVoid."""
        if self._examples is None:
            reachable = [example for moves in self.moves.values() for example in of_moves(moves)]
            self._examples = {
                "reachable": reachable,
                "defects": list(of_defects(self.moves, self.asked)),
                "corners": list(corners()),
                "damaged": list(damaged(reachable)),
            }
            self._moves = self._runs = None
            _settle_memory()
        return self._examples

    @property
    def known_exchanges(self) -> list[Exchange]:
        """The steps that killed before, in bytes."""
        return self._grown("exchanges", len(self.witnesses.steps), lambda n: _exchange(*self.witnesses.step(n)))

    @property
    def known_moves(self) -> list[Move]:
        """The steps that killed before, in records."""
        return self._grown("moves", len(self.witnesses.steps), lambda n: _move(*self.witnesses.step(n)))

    @property
    def known_examples(self) -> list[Example]:
        """The examples that killed before."""
        return self._grown("examples", len(self.witnesses.examples), self.witnesses.example)

    def _grown(self, name: str, length: int, made: Callable[[int], T]) -> list[T]:
        known: list[T] = self._known.setdefault(name, [])
        known += map(made, range(len(known), length))
        return known


def _settle_memory() -> None:
    """What has been read stays; the children share it without touching it."""
    gc.collect()
    gc.freeze()


def ask_together(bench: Bench, mutants: Sequence[Mutant]) -> None:
    """Ask several mutants of predicates in one child, which touches the examples once; ``tried`` goes on from there."""
    trials: list[predicate_trial.Trial] = []
    for mutant in mutants:
        first, _ = _in_two(mutant, bench.examples, FIRST_EXAMPLES)
        touched = bench.tables.touched(mutant.edit.function if mutant.edit is not None else "")
        layers = {KNOWN: bench.known_examples, **first}
        trials.append(predicate_trial.Trial(changed_files(mutant), touched, layers))
    answers = predicate_trial.ask_each(trials) if trials else []
    bench.early = {mutant.id: said for mutant, said in zip(mutants, answers, strict=False)}


# --- trials ---------------------------------------------------------------------------------------------------------


def tried(bench: Bench, mutant: Mutant) -> Record:
    """Every layer on a mutant, and what follows. Raises PatchRefused."""
    changed = changed_files(mutant)
    return _TRIALS[side_of(mutant)](bench, mutant, changed)


def _made(
    mutant: Mutant,
    verdict: Verdict,
    note: str = "",
    witness: Witness | None = None,
    answers: dict[str, Answer] | None = None,
) -> Record:
    own, rest = own_of(mutant), rest_of(side_of(mutant))
    return Record(mutant.id, verdict, own, rest, note, witness, answers or {})


def _kernel(bench: Bench, mutant: Mutant, changed: Sources) -> Record:
    shop = bench.shop
    try:
        library = shop.build(changed)
    except Unviable as problem:
        return _made(mutant, "unviable", _first_line(str(problem)))
    answers = kernel_trial.ask_all(shop, library, {KNOWN: bench.known_exchanges, **bench.traffic})
    again = answers.pop(KNOWN)
    answers[ARITHMETIC] = arithmetic.ask_kernel(library, shop, bench.calls)
    _add_known(answers, again)
    if any(answer.noticed for name, answer in answers.items() if name != ARITHMETIC):
        return _made(mutant, "killed", "", _chosen_step(bench, answers, again), answers)
    if answers[ARITHMETIC].noticed:
        return _made(mutant, "killed", "", _call_witness(bench, answers), answers)
    if _late(answers):
        return _made(mutant, "timeout", _late(answers), None, answers)
    try:
        if shop.is_the_product(changed):
            return _made(mutant, "equivalent", "the product's build gives the same bytes", None, answers)
    except Unviable as problem:
        answers[BUILD] = Answer("killed", 1, 0, _first_line(str(problem)))
        return _made(mutant, "killed", f"the product's build refuses it: {_first_line(str(problem))}", None, answers)
    try:
        failed = shop.unit_tests(changed, UNIT_TEST_SECONDS)
    except TimeoutExpired:
        return _made(mutant, "timeout", f"the crate's own tests do not end in {UNIT_TEST_SECONDS} s", None, answers)
    answers[UNIT_TESTS] = Answer("killed" if failed else "survived", 1, 0, failed)
    return _made(mutant, "killed" if failed else "survived", f"fails {failed}" if failed else "", None, answers)


def _reference(bench: Bench, mutant: Mutant, changed: Sources) -> Record:
    function = mutant.edit.function if mutant.edit is not None else ""
    kinds, asked = bench.reach.kinds(function), bench.asked(changed)
    first, rest = _in_two(mutant, bench.moves, FIRST)
    answers = reference_trial.ask_all(changed, {KNOWN: bench.known_moves, **first}, asked)
    again, same = answers.pop(KNOWN), None
    if any(module_of(path) == "dita.reference.arithmetic" for path in changed):
        answers[ARITHMETIC] = arithmetic.ask_reference(changed, bench.calls)
    if not _is_noticed(answers):
        if not again.noticed and not _late(answers):
            same = same_answers(changed, function, kinds)
            if same.how == "same":
                return _made(mutant, "equivalent", same.says, None, answers)
        answers |= reference_trial.ask_all(changed, rest, asked)
    _add_known(answers, again)
    if any(answer.noticed for name, answer in answers.items() if name != ARITHMETIC):
        return _made(mutant, "killed", "", _chosen_step(bench, answers, again), answers)
    if ARITHMETIC in answers and answers[ARITHMETIC].noticed:
        return _made(mutant, "killed", "", _call_witness(bench, answers), answers)
    if _late(answers) or same is None:
        return _made(mutant, "timeout", _late(answers), None, answers)
    if same.row is not None:
        answers[SOLVER] = Answer("killed", 1, 0, same.says)
        return _made(mutant, "killed", "", bench.witnesses.add_row("steps", same.row), answers)
    return _made(mutant, "survived", same.says, None, answers)


def _predicate(bench: Bench, mutant: Mutant, changed: Sources) -> Record:
    function = mutant.edit.function if mutant.edit is not None else ""
    touched = bench.tables.touched(function)
    first, rest = _in_two(mutant, bench.examples, FIRST_EXAMPLES)
    answers = bench.early.pop(mutant.id, None)
    if answers is None:
        answers = predicate_trial.ask_all(changed, touched, {KNOWN: bench.known_examples, **first})
    again, same = answers.pop(KNOWN), None
    if not _is_noticed(answers):
        if not again.noticed:
            same = same_predicate(changed, function, bench.tables)
            if same.how == "same":
                return _made(mutant, "equivalent", same.says, None, answers)
        answers |= predicate_trial.ask_all(changed, touched, rest)
    _add_known(answers, again)
    if again.noticed:
        return _made(mutant, "killed", "", Witness("examples", again.steps - 1), answers)
    for name, answer in answers.items():
        if answer.noticed:
            witness = bench.witnesses.add_example(bench.examples[name][answer.steps - 1])
            return _made(mutant, "killed", "", witness, answers)
    if same is not None and same.row is not None:
        answers[SOLVER] = Answer("killed", 1, 0, same.says)
        return _made(mutant, "killed", "", bench.witnesses.add_example(of_row(same.row)), answers)
    return _made(mutant, "survived", same.says if same is not None else "", None, answers)


def _in_two(mutant: Mutant, layers: Mapping[str, T], first: Sequence[str]) -> tuple[dict[str, T], dict[str, T]]:
    """The layers that a mutant is asked by first, and those only if need be; of one mutant in eight all are first."""
    if mutant.edit is None or int(mutant.id, 16) % EVERY_LAYER == 0:
        return dict(layers), {}
    rest = {name: said for name, said in layers.items() if name not in first}
    return {name: layers[name] for name in first if name in layers}, rest


_TRIALS: Final[dict[str, Callable[[Bench, Mutant, Sources], Record]]] = {
    "kernel": _kernel, "reference": _reference, "predicate": _predicate,
}  # fmt: skip


def _is_noticed(answers: Mapping[str, Answer]) -> bool:
    return any(answer.noticed for answer in answers.values())


def _late(answers: Mapping[str, Answer]) -> str:
    """What is said of a layer that ran out of time; empty when none did."""
    return next((answer.says for answer in answers.values() if answer.how == "timeout"), "")


def _add_known(answers: dict[str, Answer], again: Answer) -> None:
    """Where no layer noticed, but what the solver gave for another mutant does, the kill is the solver's."""
    if again.noticed and not _is_noticed(answers):
        answers[SOLVER] = again


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:160]


# --- witnesses ------------------------------------------------------------------------------------------------------


def _chosen_step(bench: Bench, answers: dict[str, Answer], again: Answer) -> Witness:
    """A step that kills: one that is kept already, if it does, else the first of the first layer that noticed."""
    if again.noticed:
        place = again.steps - 1 if again.how == "killed" else again.steps
        return Witness("steps", place)
    name, answer = next((n, a) for n, a in answers.items() if n != ARITHMETIC and a.noticed)
    place = answer.steps - 1 if answer.how == "killed" else answer.steps
    return bench.witnesses.add_step(*step_of(bench.traffic[name], place))


def _call_witness(bench: Bench, answers: dict[str, Answer]) -> Witness:
    answer = answers[ARITHMETIC]
    call = bench.calls[answer.steps - 1 if answer.how == "killed" else answer.steps]
    return bench.witnesses.add_call(call.name, call.arguments)


def _move(before: State, event: Input) -> Move:
    after, outcome = step(before, event)
    return Move(before, event, after, outcome)


def _exchange(before: State, event: Input) -> Exchange:
    after, outcome = step(before, event)
    return exchange_of(before, event, pack_outcome(outcome), after)


# --- again ----------------------------------------------------------------------------------------------------------


def doubted(bench: Bench, mutant: Mutant, kept: Record) -> str:
    """Why a record is not true of the present sources; empty when it is. Raises PatchRefused."""
    changed = changed_files(mutant)
    side = side_of(mutant)
    if kept.verdict == "killed":
        seen = _kills(bench, mutant, side, changed, kept)
        return "" if seen else f"`{mutant.title}` is recorded as killed, but what killed it does not"
    if kept.verdict == "equivalent":
        same = _same(bench, mutant, side, changed)
        return "" if same.how == "same" else f"`{mutant.title}` is recorded as equivalent, but: {same.says}"
    if kept.verdict == "unviable":
        try:
            bench.shop.build(changed)
        except Unviable:
            return ""
        return f"`{mutant.title}` is recorded as unviable, but it compiles"
    return ""


def _kills(bench: Bench, mutant: Mutant, side: str, changed: Sources, kept: Record) -> bool:
    shop, witness = bench.shop if side == "kernel" else None, kept.witness
    if witness is None:
        if shop is None:
            return False
        if UNIT_TESTS in kept.answers:
            return bool(shop.unit_tests(changed, UNIT_TEST_SECONDS))
        try:
            shop.is_the_product(changed)
        except Unviable:
            return True
        return False
    if witness.kind == "examples":
        function = mutant.edit.function if mutant.edit is not None else ""
        example = bench.witnesses.example(witness.place)
        return predicate_trial.ask(changed, bench.tables.touched(function), [example]).noticed
    if witness.kind == "calls":
        name, arguments = bench.witnesses.calls[witness.place]
        call = Call(name, tuple(arguments), by_reference(name, tuple(arguments)))
        if shop is None:
            return arithmetic.ask_reference(changed, [call]).noticed
        return arithmetic.ask_kernel(shop.build(changed), shop, [call]).noticed
    before, event = bench.witnesses.step(witness.place)
    if shop is None:
        return reference_trial.ask(changed, [_move(before, event)]).noticed
    return kernel_trial.ask(shop, shop.build(changed), [_exchange(before, event)], laws=False).noticed


def _same(bench: Bench, mutant: Mutant, side: str, changed: Sources) -> Same:
    function = mutant.edit.function if mutant.edit is not None else ""
    if side == "kernel":
        try:
            same = bench.shop.is_the_product(changed)
        except Unviable as problem:
            return Same("differs", _first_line(str(problem)))
        return Same("same" if same else "differs", "the product's build gives other bytes")
    if side == "reference":
        return same_answers(changed, function, bench.reach.kinds(function))
    return same_predicate(changed, function, bench.tables)
