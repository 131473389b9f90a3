"""The exchange simulator is a mirror of the environment model that the explorer searches: same schedule, same venue.

Some schedules are the same at every commit, some rotate with it; a campaign plays two thousand. Every defect that is
planted in either venue is found by the fixed ones.
"""

import sys
from collections import Counter

import pytest

from dita.spec.clearance import Clearance
from machine_profiles import commit_hash, commit_seed, is_campaign, seconds
from mirror import Difference, difference, played, shortened
from mirror_defects import OF_THE_MODEL, OF_THE_SIMULATOR
from mirror_schedule import Schedule, drawn

FIXED = (9, 11, 5, 8, 2)
ROTATING = 6
ROTATING_IN_CAMPAIGN = 2_000
DEFECTS = {**OF_THE_SIMULATOR, **OF_THE_MODEL}


def agreed(schedule: Schedule, clearance: Clearance) -> Counter[str]:
    """What happened on a schedule on which both venues must agree; where they do not, a short one is shown."""
    try:
        return played(schedule, clearance)
    except Difference:
        short = shortened(schedule, clearance)
        pytest.fail(f"{difference(short, clearance)}\non the schedule\n{short}")


@pytest.mark.timeout(seconds(at_commit=120))
def test_both_venues_agree_on_every_schedule(clearance: Clearance) -> None:
    """After every move: the answer, the stream, position, open orders, the orders touched; at times the wallet."""
    count = ROTATING_IN_CAMPAIGN if is_campaign() else ROTATING
    first = commit_seed()
    sys.stdout.write(f"seeds {first} to {first + count - 1}, from commit {commit_hash()}\n")

    seen = sum((agreed(drawn(seed), clearance) for seed in range(first, first + count)), Counter[str]())

    assert seen["over"] > count


def test_everything_that_can_happen_has_happened(clearance: Clearance) -> None:
    """Each answer to each request, each act of another hand and each state of the wallet occur at every commit."""
    seen: Counter[str] = Counter()
    for seed in FIXED:
        seen += agreed(drawn(seed), clearance)

    assert set(seen) == {
        "SUBMIT DONE", "SUBMIT TOO_LATE", "SUBMIT NAME_USED", "SUBMIT NOT_REDUCIBLE", "SUBMIT REFUSED",
        "CANCEL DONE", "CANCEL TOO_LATE", "CANCEL ABSENT", "CANCEL OVER", "LOST",
        "partial fill", "over", "over with a part", "wallet", "wallet while held",
        "hand cancelled", "hand reduced", "closed all", "deleveraged", "dead man",
    }  # fmt: skip


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_found(name: str, clearance: Clearance, monkeypatch: pytest.MonkeyPatch) -> None:
    """One rule taken away from either venue: on one of the fixed schedules they part, in what the defect is about."""
    defect, parts = DEFECTS[name]
    defect(monkeypatch)

    found = next(filter(None, (difference(drawn(seed), clearance) for seed in FIXED)), None)

    assert found is not None
    assert found.what in parts, str(found)


def test_each_venue_has_its_defects() -> None:
    """At least six of either, each under a name of its own."""
    assert min(len(OF_THE_SIMULATOR), len(OF_THE_MODEL)) >= 6
    assert len(DEFECTS) == len(OF_THE_SIMULATOR) + len(OF_THE_MODEL)


def test_a_difference_is_shown_on_a_short_schedule(clearance: Clearance, monkeypatch: pytest.MonkeyPatch) -> None:
    """A schedule that fails is cut down to the few moves that matter, and still fails in the same way."""
    OF_THE_SIMULATOR["a finished order is unknown"][0](monkeypatch)

    short = shortened(drawn(FIXED[0]), clearance)
    found = difference(short, clearance)

    assert len(short.moves) <= 2
    assert found is not None
    assert found.what == "an order"
