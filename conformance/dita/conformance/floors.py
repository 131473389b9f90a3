"""What a random campaign must have met, or it proves too little: floors by tier, each a failure with a name.

The floors grow with the size of the tier; what must never be met (a pair of transitions that cannot occur, the
impossible answer of a guard) fails every tier. Below its floor a run is no evidence, whatever it compared.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from dita.conformance.decisions import ONE_ANSWER, Tally, added
from dita.conformance.differential import Distribution
from dita.conformance.transitions import Pair, declared_pairs
from dita.spec.vocabulary import Code, Kind, Phase, Verdict

PPM: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Floors:
    """The least that must have been met."""

    accepted_and_refused: int  # inputs of each kind
    in_phase: int  # inputs for a slot of each phase
    with_code: int  # answers with each code
    pairs_ppm: int  # of the possible pairs of transitions
    guards_ppm: int  # of the guards, answered both ways
    rarer_ppm: int  # of each guard's visits, the rarer answer


FLOORS: Final[dict[str, Floors]] = {
    "quick": Floors(5, 500, 1, 950_000, 900_000, 0),
    "ci": Floors(5, 1_000, 1, PPM, 950_000, 0),
    "full": Floors(100, 10_000, 20, PPM, PPM, 500),
    "campaign": Floors(100, 10_000, 20, PPM, PPM, 1_000),
}
"""By tier. At ``quick`` and ``ci`` so few runs are counted that some guards are hardly visited."""

NO_FLOORS: Final = Floors(0, 0, 0, 0, 0, 0)
"""For a run that is no evidence by itself. What cannot be met fails it all the same."""


@dataclass(slots=True)
class Met:
    """What random runs met: results, pairs of transitions, and on a part of the runs how each guard was answered."""

    distribution: Distribution = field(default_factory=Distribution)
    pairs: Counter[Pair] = field(default_factory=Counter[Pair])
    guards: dict[str, Tally] = field(default_factory=dict[str, Tally])

    def add(self, distribution: Distribution, pairs: Mapping[Pair, int], guards: Mapping[str, Tally]) -> None:
        """Count another part."""
        self.distribution.update(distribution)
        self.pairs.update(pairs)
        self.guards = added(self.guards, guards)


def below(met: Met, floors: Floors) -> list[str]:
    """Every floor that was not reached, and everything that cannot be."""
    return [*_of_results(met, floors), *_of_pairs(met.pairs, floors), *_of_guards(met.guards, floors)]


def _of_results(met: Met, floors: Floors) -> list[str]:
    verdicts: Counter[tuple[int, int]] = Counter()
    phases: Counter[int] = Counter()
    codes: Counter[int] = Counter()
    for cell, count in met.distribution.items():
        verdicts[(cell.kind, cell.verdict)] += count
        phases[cell.phase] += count
        codes[cell.code] += count
    wanted = [(f"{kind.name} accepted", verdicts[(kind, Verdict.ACCEPTED)]) for kind in Kind if kind != Kind.NONE]
    wanted += [(f"{kind.name} refused", verdicts[(kind, Verdict.REFUSED)]) for kind in Kind]
    found = [_low(name, count, floors.accepted_and_refused) for name, count in wanted]
    found += [_low(f"phase {phase.name}", phases[phase], floors.in_phase) for phase in Phase]
    found += [_low(f"code {code.name}", codes[code], floors.with_code) for code in Code]
    return [text for text in found if text]


def _low(name: str, count: int, floor: int) -> str:
    return "" if count >= floor else f"{name}: met `{count}` times, the floor is `{floor}`"


def _of_pairs(pairs: Mapping[Pair, int], floors: Floors) -> list[str]:
    possible = declared_pairs()
    met = {pair for pair, count in pairs.items() if count > 0}
    found = [f"{pair}: met, but `pairs.json` does not know it" for pair in sorted(met - possible)]
    return found + _share("pairs of consecutive transitions", len(met & possible), possible - met, floors.pairs_ppm)


def _of_guards(guards: Mapping[str, Tally], floors: Floors) -> list[str]:
    single = {guard.guard: guard.answer for guard in ONE_ANSWER}
    if not guards and floors.guards_ppm == 0:
        return []
    found = [f"guard `{name}`: named in `decisions.ONE_ANSWER`, and not there" for name in single if name not in guards]
    found += [
        f"guard `{name}`: answered `{not single[name]}`, which cannot be"
        for name, tally in guards.items()
        if name in single and (tally.false if single[name] else tally.true)
    ]
    asked = {name: tally for name, tally in guards.items() if name not in single}
    both = {name for name, tally in asked.items() if tally.true and tally.false}
    found += _share("guards answered both ways", len(both), asked.keys() - both, floors.guards_ppm)
    return found + [
        f"guard `{name}`: `{tally.true}` times true and `{tally.false}` times false, the rarer must be"
        f" `{floors.rarer_ppm}` parts per million"
        for name, tally in asked.items()
        if tally.rarer_ppm < floors.rarer_ppm
    ]


def _share(what: str, met: int, missing: Iterable[object], floor_ppm: int) -> list[str]:
    if floor_ppm == 0:
        return []
    names = sorted(map(str, missing))
    every = met + len(names)
    if every > 0 and PPM * met >= floor_ppm * every:
        return []
    examples = "; ".join(names[:5])
    return [f"`{met}` of `{every}` {what}, `{floor_ppm}` parts per million are required; missing: {examples}"]
