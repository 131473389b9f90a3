"""Mutants of Python code that no layer notices: a solver shows that they are the same, or an example that they are not.

- A mutant of a handler and the sound one are explored together, on an arbitrary sound account, instrument and slot: on
  every path of both, every word of what they leave and answer is the same (``same_answers``), or the solver gives a
  state and an input on which it is not, and the real code is asked.
- A mutant of the named arithmetic is the same function on the contract's domain, at full width, by both solvers.
- A mutant of a predicate says the same of all integers, or the solver gives a step on which it does not
  (``same_predicate``); that step becomes an example.

Everything here runs in a forked child (``children``), which the mutant's modules do not outlive.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, ModuleType
from typing import Any, Final, Literal, NamedTuple

import z3

from dita.conformance.exhaustive import broken_laws
from dita.conformance.mutants.children import Mark, in_child
from dita.conformance.mutants.examples import TABLES, Asked, Example, to_row, to_step, verdict
from dita.conformance.mutants.planting import module_of, plant
from dita.conformance.mutants.predicate_trial import Tables, pairs_of
from dita.conformance.mutants.swaps import statements_about
from dita.conformance.prove.concrete import is_sound, state_of
from dita.conformance.prove.contracts import CONTRACTS, Applications
from dita.conformance.prove.core import LOUD, indices, invariants_of
from dita.conformance.prove.core import asked as asked_of
from dita.conformance.prove.executor import LOGIC, SECONDS_A_CHECK, Explorer, SolverUnknown
from dita.conformance.prove.lemmas import LINKS, Lemma, prove
from dita.conformance.prove.merging import formula
from dita.conformance.prove.models import named_kind, readable_model
from dita.conformance.prove.proxies import Unsupported
from dita.conformance.prove.rewriting import HELP, rewritten, truth_of
from dita.conformance.prove.standins import EQUALITIES, SAME, prepared
from dita.conformance.prove.world import one_step, symbolic, words
from dita.reference import arithmetic, step
from dita.reference import focus as sound_focus
from dita.reference.step import answer
from dita.spec.inputs import Input
from dita.spec.layout import filled, flatten_words
from dita.spec.outcome import Outcome
from dita.spec.shares import CONTEXT, is_live
from dita.spec.slot_invariants import provisional_fees
from dita.spec.state import Focus, State, initial_state
from dita.spec.vocabulary import Kind

CPU_SECONDS: Final = 600
ARITHMETIC: Final = "dita.reference.arithmetic"


class Same(NamedTuple):
    """Whether a mutant is equivalent: shown, refuted, or open; and why."""

    how: Literal["same", "differs", "open"]
    says: str
    row: Any = None  # of the witness: the example on which a predicate differs, or the step on which a reference does


def _asked(work: Callable[[Mark], list[Any]], cpu_seconds: int) -> Same:
    ended = in_child(work, cpu_seconds)
    return Same(*ended.result) if ended.how == "result" else Same("open", f"the solver: {ended.how} ({ended.says})")


# --- the reference --------------------------------------------------------------------------------------------------


def same_answers(
    sources: Mapping[str, bytes], function: str, kinds: frozenset[int], cpu_seconds: int = CPU_SECONDS
) -> Same:
    """Whether a changed reference answers every input of these kinds as the sound one does."""
    changed = {module_of(path): source for path, source in sources.items()}

    def work(_: Mark) -> list[Any]:
        if set(changed) == {ARITHMETIC}:
            plant(changed)
            return list(_same_function(ARITHMETIC, function, _domain(function), getattr(arithmetic, function)))
        if any(not name.startswith("dita.reference.") for name in changed):
            return ["open", "both sides of the proof would be changed"]
        return list(_same_steps(changed, kinds))

    return _asked(work, cpu_seconds)


def _same_function(module: str, function: str, domain: Callable[..., bool] | None, sound: Callable[..., Any]) -> Same:
    """Whether the changed module's function is the sound one where it is to be, by exact arithmetic at full width."""
    if domain is None:
        return Same("open", f"nothing says for which arguments `{function}` is to be the same")
    mutated = getattr(importlib.import_module(module), function)

    def claim(*arguments: Any) -> Any:
        return sound(*arguments) == mutated(*arguments)

    names = tuple(inspect.signature(sound).parameters)
    proof = prove(Lemma(f"mutant-{function}", "The same function.", names, domain, claim), 0)
    if proof.verdict == "proved":
        return Same("same", f"the same function on its domain: {proof.queries} queries, two solvers")
    if proof.verdict == "refuted":
        return Same("differs", f"at {dict(proof.counterexample or {})}")
    return Same("open", proof.note)


def _is_fraction(numerator: int, denominator: int) -> bool:
    return numerator >= 0 and denominator > 0


def _is_divided(value: int, numerator: int, denominator: int) -> bool:
    del value, numerator
    return denominator > 0


def _domain(function: str) -> Callable[..., bool] | None:
    """For which arguments a named function, or a relation that says the same, is asked."""
    if function in CONTRACTS:
        return CONTRACTS[function].domain
    if function == "half_even":
        return _is_fraction
    if function == "is_half_even":
        return _is_divided
    return next((lemma.domain for lemma in LINKS if lemma.id == f"same-{function}"), None)


def _same_steps(changed: Mapping[str, bytes], kinds: frozenset[int]) -> Same:
    sound_refusal = sound_focus.Refused
    plant(changed)
    mutated = importlib.import_module("dita.reference.step")
    refusals = (sound_refusal, importlib.import_module("dita.reference.focus").Refused)
    also = [module for name, module in sorted(sys.modules.items()) if _is_reference(name)]
    paths = 0
    for kind in sorted(kinds & set(map(int, Kind))):
        if kind == Kind.NONE:
            continue
        found = _same_kind(kind, mutated, refusals, also)
        if isinstance(found, Same):
            return found
        paths += found
    return Same("same", f"the same answer on all {paths} paths")


def _is_reference(name: str) -> bool:
    return name.startswith("dita.reference.") and name != ARITHMETIC


def _same_kind(
    kind: int, mutated: Any, refusals: tuple[type[Exception], ...], also: Sequence[ModuleType]
) -> Same | int:
    """The number of paths of both together, or what became of the question."""
    world, applications = one_step(), Applications()
    event = world.event._replace(kind=kind)
    facts: list[z3.BoolRef] = []
    with prepared(facts.append, applications, also=also):
        known = [*invariants_of(world.pre, world.event).values(), *asked_of(CONTEXT, world.pre, world.event).values()]
        alone = formula(rewritten(_is_alone, {**globals(), **HELP}), world.pre)
    known += [*facts, *indices(world.event), named_kind(world.event, kind)]
    explorer = Explorer(known, (Exception,))

    def both() -> tuple[Any, Any]:
        # the handlers' tables hold the functions themselves, and so the sound handler is never the changed one
        return _outcome(answer, world.pre, event, refusals), _outcome(mutated.answer, world.pre, event, refusals)

    try:
        with prepared(explorer.lemma, applications, also=also):
            found = explorer.explore(both)
    except SolverUnknown as unknown:
        return Same("open", f"{Kind(kind).name}: {unknown}")
    except Unsupported as unsupported:
        return Same("open", f"{Kind(kind).name}: {unsupported}")
    solver = z3.SolverFor(LOGIC)
    solver.set("timeout", 1_000 * SECONDS_A_CHECK)
    solver.add(*known, *statements_about(applications))
    differs: Same | None = None
    for path in found:
        if isinstance(path.error, LOUD):
            return Same("open", f"{Kind(kind).name}: {path.error!r}")
        different = [z3.BoolVal(True)]  # the mutant raises: the sound handlers never do
        if path.error is None:
            ours, theirs = (words(side) for side in path.result)
            different = [a != b for a, b in zip(ours, theirs, strict=True) if not a.eq(b)]
        if not different:
            continue
        solver.push()
        solver.add(*path.literals, *path.lemmas, z3.Or(*different) if len(different) > 1 else different[0])
        said = solver.check()
        if said == z3.sat:
            if solver.check(alone) == z3.sat:
                solver.add(alone)
            model, _ = readable_model(solver, applications, world.pre, world.event)
            differs = _stepped(*state_of(model), mutated.step)._replace(says=f"{Kind(kind).name}: a word differs")
            if differs.row is not None:  # otherwise another path may differ in a step of a whole sound state
                return differs
        solver.pop()
        if said == z3.unknown:
            return Same("open", f"{Kind(kind).name}: a word may differ")
    return differs or len(found)


def _is_alone(focus: Focus) -> bool:
    """Everything else in the state is blank: the account counts this slot and this instrument, and no others."""
    account, instrument, slot = focus.account, focus.instrument, focus.slot
    return (
        account.live_slots == is_live(slot) and account.exposure == slot.exposure
        and account.ledger.fees_provisional == provisional_fees(slot)
        and account.unreconciled == instrument.reconcile_required
    )  # fmt: skip


def _stepped(before: State, event: Input, mutated: Callable[..., Any]) -> Same:
    """The solver's state and input as a witness, if they are sound and the real code differs on them.

    The solver knows one instrument; any other that a finished trade names gets the same terms, to be sound as a whole.
    """
    named = {tail.instrument for tail in before.slots[event.slot].tails if tail.trade} - {event.instrument}
    terms = before.instruments[event.instrument]._replace(holder=0, reconcile_required=0)
    instruments = tuple(terms if place in named else there for place, there in enumerate(before.instruments))
    before = before._replace(instruments=instruments)
    if not fits_words(before) or not fits_words(event) or not is_sound(before, event):
        return Same("differs", "")
    sound = step(before, event)
    try:
        same = mutated(before, event) == sound
    except Exception:  # noqa: BLE001 of a mutant, whatever it raises is its answer
        same = False
    return Same(
        "differs", "", None if same or broken_laws(before, event, *sound, known=False) else to_step(before, event)
    )


def _outcome(side: Callable[..., Any], pre: Any, event: Any, refusals: tuple[type[Exception], ...]) -> Any:
    try:
        return side(pre, event)
    except refusals as refusal:
        refused: Any = refusal
        return pre, refused.outcome


# --- the predicates -------------------------------------------------------------------------------------------------


def same_predicate(sources: Mapping[str, bytes], function: str, tables: Tables, cpu_seconds: int = CPU_SECONDS) -> Same:
    """Whether the predicates that a changed function has a part in say the same of all integers.

    A relation that the proofs replace by a named function (``standins``) would be replaced here too, changed or not. So
    it, and what only it calls, is compared as a function, by exact arithmetic.
    """
    changed = {module_of(path): source for path, source in sources.items()}
    touched = tables.touched(function)
    hidden = {function, *tables.callers_of(function)} & (EQUALITIES.keys() | SAME.keys())

    def work(_: Mark) -> list[Any]:
        if hidden:
            module = next(iter(changed))
            sound = getattr(importlib.import_module(module), function)
            plant(changed, ("dita.spec",))
            return list(_same_function(module, function, _domain(function), sound))
        plant(changed, ("dita.spec",))
        pairs = pairs_of(touched)  # imports the changed modules
        modules = [module for name, module in sorted(sys.modules.items()) if _is_predicates(name)]
        for name, asked, sound, mutated in pairs:
            found = _same_pair(asked, sound, mutated, modules)
            if found.how != "same":
                return list(found._replace(says=f"{name}: {found.says}"))
        return ["same", f"the same of all integers: {', '.join(TABLES[t][0][n].id for t, n in touched)}"]

    return _asked(work, cpu_seconds)


def _is_predicates(name: str) -> bool:
    return name.startswith("dita.spec.") and name.rsplit(".", 1)[1].endswith(
        ("properties", "invariants", "shares", "laws", "state")
    )


def _same_pair(
    asked: Asked, sound: Callable[..., Any], mutated: Callable[..., Any], modules: Sequence[ModuleType]
) -> Same:
    blank: Any = initial_state(2, 2) if asked.whole else one_step().pre
    free = Example(
        symbolic(blank, "before") if asked.whole else one_step().pre, symbolic(Input(), "event"),
        symbolic(initial_state(2, 2), "after") if asked.whole else one_step().post, symbolic(Outcome(), "outcome"),
    )  # fmt: skip
    facts: list[z3.BoolRef] = []
    applications = Applications()
    try:
        with prepared(facts.append, applications, also=modules):
            ours = formula(rewritten(_plain(sound)), *asked.arguments(free))
            theirs = formula(rewritten(_plain(mutated)), *asked.arguments(free))
    except Unsupported as unsupported:
        return Same("open", str(unsupported))
    solver = z3.SolverFor(LOGIC)
    solver.set("timeout", 1_000 * SECONDS_A_CHECK)
    if asked.here:
        free_after: Any = free.after
        solver.add(truth_of(free_after.slot.instrument == free.event.instrument))
    solver.add(ours != theirs, *statements_about(applications))  # no contract is used: the functions are the same
    said = solver.check()
    if said != z3.sat:
        return Same("same" if said == z3.unsat else "open", str(said))
    model = solver.model()
    numbers = [model.eval(word, model_completion=True).as_long() for word in words(free)]
    return _confirmed(filled(free, numbers), asked, sound, mutated)


def _plain(predicate: Callable[..., Any]) -> FunctionType:
    if not isinstance(predicate, FunctionType):
        raise Unsupported(f"`{predicate!r}` is not a plain function")
    return predicate


def _confirmed(example: Example, asked: Asked, sound: Callable[..., Any], mutated: Callable[..., Any]) -> Same:
    """The solver's example, if the real functions differ on it too."""
    if not all(map(fits_words, example)):
        return Same("open", "the solver's example does not fit 64 bits")
    true, changed = verdict(sound, asked, example), verdict(mutated, asked, example)
    if asked.of(example) and true in (True, False) and changed != true:
        row = to_row(example)
        said = "true" if true else "false"
        return Same("differs", f"{said} on the solver's example", row)
    return Same("open", "the real functions do not differ on the solver's example")


def fits_words(record: object) -> bool:
    """Whether every word of a record has 64 bits."""
    return all(-(1 << 63) <= word < 1 << 63 for word in flatten_words(record))
