"""The composed system holds in every world of the quick tier, and the report says so in stable figures."""

import random
from collections import deque

import pytest

from dita.conformance.explore import ExploreReport, WorldRow, run_explore, run_world, worlds_of
from dita.conformance.explore.composition import Composition
from dita.conformance.explore.search import explored, reaching
from dita.conformance.explore.system import Move, Setting
from dita.spec.environment import Frame, FrameKind
from dita.spec.vocabulary import Phase


@pytest.fixture(scope="module")
def quick() -> ExploreReport:
    """One run of the quick tier for all claims about it."""
    return run_explore("quick")


def test_quick_tier_is_safe_and_live(quick: ExploreReport) -> None:
    """Every quick world is searched in full: nothing breaks, nothing is stranded, and the canary was found."""
    assert quick.counterexample is None
    assert quick.ok
    assert quick.violations == 0
    assert quick.stranded == 0
    assert quick.canary_found


def test_quick_tier_is_not_empty(quick: ExploreReport) -> None:
    """Each world has thousands of states, and a good one among them; the figures are the sums of the rows."""
    assert [row.name for row in quick.worlds] == [world.name for world in worlds_of("quick")]
    assert all(row.complete and row.good > 0 and row.states > 1000 for row in quick.worlds)
    assert quick.figures["states"] == sum(row.states for row in quick.worlds)
    assert quick.figures["transitions"] == sum(row.transitions for row in quick.worlds)


def test_tiers_grow() -> None:
    """A tier contains the one before it, and no two worlds share a name or a setting."""
    quick, ci, full = worlds_of("quick"), worlds_of("ci"), worlds_of("full")

    assert ci[: len(quick)] == quick
    assert full[: len(ci)] == ci
    assert len({world.name for world in full}) == len(full)


def test_a_report_with_a_hole_is_not_ok() -> None:
    """No worlds, an incomplete world, one without a good state, and a canary that was missed each spoil a report."""
    row = WorldRow("w", 10, 20, 5, 1, 0, 0, complete=True, seconds=0.0)
    cut = WorldRow("w", 10, 20, 5, 1, 0, 0, complete=False, seconds=0.0)
    hopeless = WorldRow("w", 10, 20, 5, 0, 0, 0, complete=True, seconds=0.0)

    assert ExploreReport("quick", (row,), canary_found=True, counterexample=None).ok
    assert not ExploreReport("quick", (), canary_found=True, counterexample=None).ok
    assert not ExploreReport("quick", (row,), canary_found=False, counterexample=None).ok
    assert not ExploreReport("quick", (row, hopeless), canary_found=True, counterexample=None).ok
    spoiled = ExploreReport("quick", (row, cut), canary_found=True, counterexample=None)
    assert not spoiled.ok
    assert spoiled.violations == 1


def test_progress_is_told() -> None:
    """A caller hears of each world at least once, with the figures of the row."""
    heard: list[tuple[str, int, int]] = []

    def hear(name: str, states: int, transitions: int) -> None:
        heard.append((name, states, transitions))

    row, _ = run_world(Setting("small"), hear)

    assert heard[-1] == ("small", row.states, row.transitions)


def test_a_limit_is_not_a_verdict() -> None:
    """A search that is cut says that it is not complete and counts nothing as good."""
    found = explored(Composition(Setting("cut")), state_limit=50)

    assert not found.complete
    assert found.good == 0


def test_every_phase_and_frame_is_reached() -> None:
    """The small world visits all eight phases and has every kind of frame on its way: the search is about something."""
    composition = Composition(Setting("small", wallet=True, periodic=True))
    queue = deque([composition.start()])
    seen = set(queue)
    phases: set[int] = set()
    frames: set[int] = set()
    while queue and not (len(phases) == len(Phase) and len(frames) == len(FrameKind)):
        world = queue.popleft()
        phases.add(composition.view(world).phase)
        frames.update(frame.kind for frame in world.net)
        fresh = {move.world for move in composition.moves(world)} - seen
        seen |= fresh
        queue.extend(fresh)

    assert phases == set(Phase)
    assert frames == set(FrameKind)


def test_backward_search_agrees_with_the_closure() -> None:
    """On random graphs the backward search marks exactly the nodes from which a forward walk meets a target."""
    chance = random.Random(7)
    for _ in range(200):
        size = chance.randint(1, 12)
        edges = [(chance.randrange(size), chance.randrange(size)) for _ in range(chance.randint(0, 20))]
        targets = sorted({chance.randrange(size) for _ in range(chance.randint(0, 3))})
        forward: list[set[int]] = [{node} for node in range(size)]
        for _ in range(size):
            for source, target in edges:
                forward[source] |= forward[target]
        marked = reaching(size, [source for source, _ in edges], [target for _, target in edges], targets)

        assert [bool(mark) for mark in marked] == [bool(forward[node] & set(targets)) for node in range(size)]


def essence(composition: Composition, move: Move) -> tuple[object, ...]:
    """A move without its times, and without what a reading says that will be refused."""
    action, what = move.label
    if isinstance(what, Frame):
        said = () if what.kind >= FrameKind.POSITION else what[:5]
        what_text = str((what.kind, *said))
    else:
        what_text = str(what)
    outcomes = tuple((applied.outcome.verdict, applied.outcome.code) for _, applied in move.fed)
    view = composition.view(move.world)
    return action, what_text, outcomes, move.fair, view.phase, view.reconcile_required, len(move.world.net)


@pytest.mark.parametrize("wallet", [False, True], ids=["positions", "wallet"])
def test_merging_times_changes_nothing_that_can_be_seen(wallet: bool) -> None:
    """Along random walks, a world with merged times and one with exact times offer the same moves and outcomes."""
    chance = random.Random(11)
    settings = [
        Setting("walk", wrong=1, loss=1, periodic=True, wallet=wallet, merged=merged) for merged in (True, False)
    ]
    merged, exact = (Composition(setting) for setting in settings)
    for _ in range(60):
        here, there = merged.start(), exact.start()
        for _ in range(40):
            left = {essence(merged, move): move for move in merged.moves(here)}
            right = {essence(exact, move): move for move in exact.moves(there)}
            assert left.keys() == right.keys()
            if not left:
                break
            chosen = chance.choice(sorted(left, key=str))
            here, there = left[chosen].world, right[chosen].world


@pytest.mark.unmeasured
def test_merged_and_exact_times_reach_the_same_verdict() -> None:
    """A second opinion on the merge: without it the world is larger, and as safe and live."""
    merged = explored(Composition(Setting("merged", periodic=True, merged=True)))
    exact = explored(Composition(Setting("exact", periodic=True, merged=False)))

    assert exact.states > merged.states
    assert (merged.broken, merged.stranded) == (exact.broken, exact.stranded) == (None, 0)
