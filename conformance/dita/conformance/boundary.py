"""Boundary vectors: each field that a kind names, put on and beside every bound, from states of every phase.

The states come from a short fixed campaign (``sample_states``): some of each phase, so that most vectors fail in
exactly one field. Fields that a kind does not name are filled with noise once, to show that they are ignored.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from dita.conformance import likely
from dita.conformance.differential import cell_of
from dita.conformance.draw import BOUNDARIES, I64_MAX, I64_MIN, Draw
from dita.conformance.encoding import scalars, with_scalars
from dita.conformance.exhaustive import Comparison, Enumeration, Finding, broken_laws
from dita.conformance.generate import Generator
from dita.conformance.likely import Scene
from dita.conformance.under_test import StepUnderTest
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.state import State
from dita.spec.vocabulary import LEGS, Kind, Phase, Verdict

SAMPLE_SEED: Final = 20_240_229
RUNS: Final = 60
RUN_LENGTH: Final = 250
TRIES: Final = 12  # draws of a likely input before an unlikely one is taken as it is

_BUILDERS: Final = {
    Kind.ENTER: likely.enter, Kind.EXIT: likely.exit_leg, Kind.FLATTEN: likely.flatten, Kind.CANCEL: likely.cancel,
    Kind.SET_MODE: likely.set_mode, Kind.SET_LIMITS: likely.set_limits, Kind.REGISTER: likely.register,
    Kind.SEED: likely.seed, Kind.ADOPT: likely.adopt, Kind.SETTLE_FORCED: likely.settle_forced,
    Kind.REJECTED: likely.rejected, Kind.UNKNOWN: likely.unknown, Kind.NOT_FOUND: likely.not_found,
    Kind.SILENT: likely.silent, Kind.EXTERNAL_CLOSE: likely.external_close, Kind.SETTLE: likely.settle,
    Kind.INCOME: likely.income, Kind.WALLET: likely.wallet, Kind.POSITION: likely.position,
    Kind.CALIBRATE: likely.calibrate,
}  # fmt: skip

NAMED: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.ENTER: ("trade", "side", "quantity", "price", "limit_price", "post_only", "legs"),
    Kind.EXIT: ("trade", "leg", "limit_price"),
    Kind.FLATTEN: ("trade",),
    Kind.CANCEL: ("trade",),
    Kind.SET_MODE: ("mode",),
    Kind.SET_LIMITS: ("slot_limit", "ratio_ppm", "amount"),
    Kind.REGISTER: (
        "lot", "tick", "quantity_min", "notional_min", "price_max", "quantity_max", "taker_ppb", "maker_ppb",
    ),
    Kind.SEED: ("amount", "time_ns"),
    Kind.ADOPT: ("trade", "side", "quantity", "quote", "price", "time_ns"),
    Kind.SETTLE_FORCED: ("trade",),
    Kind.ORDER: ("trade", "attempt", "quantity", "quote", "done", "time_ns"),
    Kind.REJECTED: ("trade", "attempt", "reason", "time_ns"),
    Kind.UNKNOWN: ("trade", "attempt"),
    Kind.NOT_FOUND: ("trade", "attempt", "time_ns", "deadline_ns", "checks"),
    Kind.SILENT: ("trade", "attempt"),
    Kind.EXTERNAL_CLOSE: ("trade", "quantity", "quote", "time_ns"),
    Kind.SETTLE: ("trade", "part", "quantity", "quote", "amount", "time_ns"),
    Kind.INCOME: ("income_kind", "rows", "amount", "time_ns"),
    Kind.WALLET: ("amount", "time_ns"),
    Kind.POSITION: ("long_quantity", "short_quantity", "foreign_orders", "time_ns"),
    Kind.CALIBRATE: ("ratio_ppm",),
}  # fmt: skip
"""The fields of each kind besides kind, slot, instrument and ratios, as the builders of ``dita.spec.inputs`` say."""

_FIELD_INDEX: Final = {name: index for index, name in enumerate(Input._fields)}
_SELECTORS: Final = (1, 2)  # slot and instrument


def sample_states(per_phase: int, seed: int = SAMPLE_SEED) -> list[State]:
    """The blank state, and states of every phase that differ in what they hold; the same for the same seed."""
    rng = random.Random(seed)
    found: dict[tuple[int, ...], State] = {}
    counts: dict[int, int] = dict.fromkeys(Phase, 0)
    for _ in range(RUNS):
        source, state = Generator(rng), State()
        for _ in range(RUN_LENGTH):
            event = source.next(state)
            state, outcome = step(state, event)
            if outcome.verdict != Verdict.ACCEPTED:
                continue
            slot = state.slots[event.slot]
            shape = (
                slot.phase, slot.flatten, slot.exit.attempt > 0, slot.entry.graded, slot.closed.external_quantity > 0,
                state.instruments[event.instrument].reconcile_required, slot.tails[0].trade > 0,
            )  # fmt: skip
            if shape not in found and counts[slot.phase] < per_phase and state.account.seeded:
                counts[slot.phase] += 1
                found[shape] = state
    return [State(), *found.values()]


def scenes(state: State) -> Iterator[Scene]:
    """What an input may name in this state: each live slot, one idle slot that has traded, one blank one."""
    named = [k for k, slot in enumerate(state.slots) if slot.phase != Phase.IDLE]
    named += [k for k, slot in enumerate(state.slots) if slot.phase == Phase.IDLE and slot.tails[0].trade][:1]
    named += [k for k, slot in enumerate(state.slots) if slot.phase == Phase.IDLE and not slot.tails[0].trade][:1]
    free = [i for i, known in enumerate(state.instruments) if known.registered and not known.holder]
    for k in named[:3]:
        slot = state.slots[k]
        i = slot.instrument if slot.phase else (free[0] if free else 0)
        yield Scene(state, k, slot, i, state.instruments[i])


def base_inputs(draw: Draw, scene: Scene) -> Iterator[Input]:
    """For each kind an input that is accepted here, or at least a likely one; for ORDER one of each order."""
    builders: list[Callable[[Draw, Scene], Input]] = [*_BUILDERS.values(), likely.entry_order, likely.exit_order]
    for builder in builders:
        event = builder(draw, scene)
        for _ in range(TRIES):
            if step(scene.state, event)[1].verdict == Verdict.ACCEPTED:
                break
            event = builder(draw, scene)
        yield event


def vectors_of(event: Input) -> Iterator[Input]:
    """The input itself, each named field on and beside every bound, and unnamed fields full of noise."""
    yield event
    words = scalars(event)
    if not Kind.ENTER <= event.kind <= Kind.CALIBRATE:
        return
    named = [_FIELD_INDEX[name] for name in NAMED[Kind(event.kind)]]
    for field in (*_SELECTORS, *named):
        for value in dict.fromkeys((words[field] - 1, words[field] + 1, *BOUNDARIES)):
            if value != words[field] and I64_MIN <= value <= I64_MAX:
                yield with_scalars([*words[:field], value, *words[field + 1 :]], event.ratios)
    if event.kind == Kind.ENTER:
        for index in range(LEGS):
            for value in (0, 1, -1, 1_000_000, 1_000_001, I64_MIN, I64_MAX):
                ratios = (*event.ratios[:index], value, *event.ratios[index + 1 :])
                yield event._replace(ratios=ratios)
    used = {0, *_SELECTORS, *named}
    noise = [word if index in used else -1 - index for index, word in enumerate(words)]
    yield with_scalars(noise, event.ratios if event.kind == Kind.ENTER else (I64_MIN,) * LEGS)


def foreign_kinds(scene: Scene) -> Iterator[Input]:
    """Kinds that do not exist."""
    for kind in (0, -1, Kind.CALIBRATE + 1, I64_MIN, I64_MAX):
        yield Input(kind=kind, slot=scene.k, instrument=scene.i)


def run_boundary(kernel: StepUnderTest, out_of_time: Callable[[], bool], states: Iterable[State]) -> Enumeration:
    """All vectors from all states on both sides; not complete when out of time."""
    result = Enumeration()
    both = Comparison(kernel)
    draw = Draw(random.Random(SAMPLE_SEED))
    for state in states:
        result.states += 1
        both.start(state)
        for scene in scenes(state):
            for base in (*base_inputs(draw, scene), *foreign_kinds(scene)):
                for event in vectors_of(base):
                    after, outcome, differs = both.step(event)
                    result.distribution[cell_of(state, event, outcome)] += 1
                    broke = broken_laws(state, event, after, outcome, known=False)
                    if differs is not None or broke:
                        what = f"boundary: {differs or 'broken: ' + ', '.join(broke)}"
                        result.findings.append(Finding(what, state, (event,)))
                        result.transitions = both.steps
                        return result
                if out_of_time():
                    result.transitions = both.steps
                    return result
    result.transitions = both.steps
    result.complete = True
    return result
