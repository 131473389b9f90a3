"""Floors: a random run that met too little is no evidence, and each kind of too little has a defect that shows it."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest

from dita.conformance.campaign import run_campaign
from dita.conformance.conform import TIERS
from dita.conformance.decisions import ONE_ANSWER, Recorder, Tally
from dita.conformance.declare import never
from dita.conformance.differential import Cell, Distribution
from dita.conformance.distribution import met_text
from dita.conformance.floors import FLOORS, NO_FLOORS, Floors, Met, below
from dita.conformance.transitions import Move, Pair, declared_pairs
from dita.conformance.under_test import ReferenceStandIn
from dita.spec.vocabulary import Code, Kind, Phase, Verdict

pytestmark = pytest.mark.unmeasured

SMALL = Floors(5, 500, 1, 950_000, 800_000, 0)
PAIR = min(declared_pairs())
GUARD = "control.set_mode: event.mode != focus.account.mode"


@pytest.fixture(scope="module")
def met() -> Met:
    """What forty thousand random steps meet."""
    recorder = Recorder()
    done = run_campaign(ReferenceStandIn(), None, 77, 40_000, never, recorder=recorder, recorded_every=3)
    assert done.findings == []
    return Met(done.distribution, done.pairs, recorder.tallies())


def changed(met: Met, *, drop: Callable[[Cell], bool]) -> Met:
    """The same without the results that ``drop`` names."""
    kept = {cell: count for cell, count in met.distribution.items() if not drop(cell)}
    return Met(Distribution(kept), met.pairs, met.guards)


def test_traffic_reaches_small_floors_soon(met: Met) -> None:
    """Forty thousand steps refuse and accept every kind, give every code and make nearly every pair."""
    assert below(met, SMALL) == []


def test_a_kind_never_accepted_is_below_its_floor(met: Met) -> None:
    """The planted defect: ADOPT is always refused."""
    less = changed(met, drop=lambda cell: cell.kind == Kind.ADOPT and cell.verdict == Verdict.ACCEPTED)

    assert below(less, SMALL) == ["ADOPT accepted: met `0` times, the floor is `5`"]


def test_a_kind_never_refused_is_below_its_floor(met: Met) -> None:
    """The planted defect: FLATTEN is never refused."""
    less = changed(met, drop=lambda cell: cell.kind == Kind.FLATTEN and cell.verdict == Verdict.REFUSED)

    assert "FLATTEN refused: met `0` times, the floor is `5`" in below(less, SMALL)


def test_a_phase_and_a_code_that_are_missing_are_below_their_floors(met: Met) -> None:
    """The planted defects: nothing met an unresolved exit; nothing was a late fill."""
    phase = changed(met, drop=lambda cell: cell.phase == Phase.EXIT_UNRESOLVED)
    code = changed(met, drop=lambda cell: cell.code == Code.LATE_FILL)

    assert "phase EXIT_UNRESOLVED: met `0` times, the floor is `500`" in below(phase, SMALL)
    assert "code LATE_FILL: met `0` times, the floor is `1`" in below(code, SMALL)


def test_missing_pairs_are_below_their_floor(met: Met) -> None:
    """The planted defect: one pair in ten is never made. Where all are required, one is enough."""
    every = Counter(dict.fromkeys(declared_pairs(), 1))
    tenth = Counter(dict.fromkeys(sorted(declared_pairs())[15:], 1))
    less = Counter(every)
    del less[PAIR]

    assert "`134` of `149` pairs" in "\n".join(below(Met(met.distribution, tenth, met.guards), SMALL))
    strict = Floors(0, 0, 0, 1_000_000, 0, 0)
    assert below(Met(met.distribution, every, {}), strict) == []
    assert str(PAIR) in below(Met(met.distribution, less, {}), strict)[0]


def test_a_pair_that_cannot_occur_fails_every_tier(met: Met) -> None:
    """A run that met it shows that ``pairs.json`` is wrong, whatever its size."""
    strange = Pair(
        Move(Phase.IDLE, Kind.ENTER, Phase.ENTRY_REQUESTED), Move(Phase.IDLE, Kind.ENTER, Phase.EXIT_WORKING)
    )

    found = below(Met(met.distribution, Counter({strange: 1}), {}), NO_FLOORS)

    assert found == [f"{strange}: met, but `pairs.json` does not know it"]


def test_a_guard_that_is_answered_one_way_is_below_its_floor(met: Met) -> None:
    """The planted defects: a guard that was never false, and one that was false too rarely."""
    single = {guard.guard: Tally(99, 0) if guard.answer else Tally(0, 99) for guard in ONE_ANSWER}
    sound = {name: single.get(name, Tally(9_990, 10)) for name in met.guards}

    def found(tally: Tally) -> list[str]:
        return below(Met(met.distribution, met.pairs, {**sound, GUARD: tally}), Floors(0, 0, 0, 0, 1_000_000, 1_000))

    assert found(Tally(10, 9_990)) == []
    every = len(met.guards) - len(ONE_ANSWER)
    text = f"`{every - 1}` of `{every}` guards answered both ways, `1000000` parts per million are required"
    assert f"{text}; missing: {GUARD}" in found(Tally(9_000, 0))
    assert found(Tally(9_999, 9)) == [
        f"guard `{GUARD}`: `9999` times true and `9` times false, the rarer must be `1000` parts per million"
    ]


def test_a_guard_that_answers_what_it_cannot_fails_every_tier(met: Met) -> None:
    """An exception that does not hold, and one that names no guard, are found."""
    single = ONE_ANSWER[0].guard
    wrong = Met(met.distribution, met.pairs, {**met.guards, single: Tally(10, 1)})
    without = {name: tally for name, tally in met.guards.items() if name != single}

    assert below(wrong, NO_FLOORS) == [f"guard `{single}`: answered `False`, which cannot be"]
    assert "not there" in below(Met(met.distribution, met.pairs, without), NO_FLOORS)[0]


def test_nothing_met_is_below_every_floor() -> None:
    """An empty run fails at each tier, on results, pairs and guards."""
    for floors in FLOORS.values():
        found = "\n".join(below(Met(), floors))
        assert "ENTER accepted" in found
        assert "pairs of consecutive transitions" in found
        assert "guards answered both ways" in found


def test_every_tier_has_its_floors_and_larger_ones_ask_for_more() -> None:
    """The tiers have the floors of the table, none is lower than a smaller tier's, and a campaign's is 0.1 %."""
    assert {name: sizes.floors for name, sizes in TIERS.items()} == {name: FLOORS[name] for name in TIERS}
    rows = [FLOORS[name] for name in ("quick", "ci", "full", "campaign")]
    for small, large in pairwise(rows):
        for field in Floors.__slots__:
            assert getattr(small, field) <= getattr(large, field)
    assert (rows[-1].pairs_ppm, rows[-1].guards_ppm, rows[-1].rarer_ppm) == (1_000_000, 1_000_000, 1_000)


def test_everything_that_was_met_is_printed(met: Met) -> None:
    """Kinds, codes, phases, transitions, the rarest pairs and the most one-sided guards, in 120 columns."""
    text = met_text(met)

    assert all(name in text for name in (*Kind.__members__, *Code.__members__, *Phase.__members__))
    assert "POSITION_OPEN -FLATTEN→ EXIT_REQUESTED" in text
    assert "of 149 pairs of consecutive transitions; the rarest:" in text
    assert "guards answered both ways; the most one-sided:" in text
    assert max(map(len, text.splitlines())) <= 120
