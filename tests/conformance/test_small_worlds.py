"""The small worlds are enumerated in full, on both sides, and they fill the whole matrix."""

from collections import deque

import pytest

from dita.conformance.declare import never, observed_results
from dita.conformance.exhaustive import World, enumerate_world
from dita.conformance.matrix import blank_cells, declared_results, markdown, matrix_text
from dita.conformance.small_worlds import worlds
from dita.conformance.under_test import CallerMemory, Canary, ReferenceStandIn
from dita.kernel.loader import RawKernel
from dita.reference import step
from dita.spec.invariants import broken
from dita.spec.state import State
from dita.spec.vocabulary import Code, Kind, Phase


@pytest.mark.unmeasured
@pytest.mark.timeout(400)
def test_the_matrix_is_what_both_sides_do(raw_kernel: RawKernel) -> None:
    """A full run of the quick worlds and boundary vectors gives exactly the declared results, with no divergence."""
    observed = observed_results(CallerMemory(raw_kernel))

    assert observed == declared_results(), "run `python -m dita.conformance.declare` and read the difference"


def test_no_cell_of_the_matrix_is_blank() -> None:
    """Every (phase, kind) pair has a named result (clause P2)."""
    assert blank_cells(declared_results()) == []


def test_every_code_that_can_be_given_for_a_named_slot_is_declared() -> None:
    """Every code of the vocabulary occurs in the matrix, but the one for kinds that do not exist."""
    codes = {result.text.split()[1] for result in declared_results()}

    assert {code.name for code in Code} - codes == {"BAD_KIND"}


def test_a_missing_result_leaves_a_blank_cell() -> None:
    """The planted defect: without one cell's results the cell is reported."""
    rest = [result for result in declared_results() if (result.phase, result.kind) != ("IDLE", "ENTER")]

    assert blank_cells(rest) == [("IDLE", "ENTER")]


def test_the_matrix_is_rendered_for_people() -> None:
    """Markdown has a section for each kind and a row for each phase, and the data file is its own canonical text."""
    text = markdown(declared_results())

    assert text.count("\n## ") == len(Kind) - 2
    assert text.count("| POSITION_OPEN |") == len(Kind) - 1
    assert "**none**" not in text
    assert matrix_text(declared_results()).startswith('{\n "IDLE": {\n  "ENTER": [')


@pytest.mark.parametrize("world", worlds("quick"), ids=lambda world: world.name)
def test_canonical_states_are_sound_and_stay_as_they_are(world: World) -> None:
    """Representatives satisfy every invariant, and the canonical form of one is itself: the quotient is well formed."""
    seen, frontier = set(world.roots), deque(world.roots)
    while frontier and len(seen) < 120:
        state = frontier.popleft()
        for event in world.menu(state):
            after, _ = step(state, event)
            canonical = world.canonical(after)
            if canonical is not None and canonical not in seen:
                assert broken(canonical) == []
                assert world.canonical(canonical) == canonical
                seen.add(canonical)
                frontier.append(canonical)

    assert len(seen) >= 20


@pytest.mark.parametrize("in_outcome", [False, True])
def test_a_planted_fault_is_found_in_a_small_world(in_outcome: bool) -> None:
    """One flipped word after an accepted ENTER ends the enumeration with a finding."""
    world = next(world for world in worlds("quick") if world.name == "two")
    planted = Canary(ReferenceStandIn(), kind=Kind.ENTER, hits=1, word=17, in_outcome=in_outcome)

    found = enumerate_world(world, planted, never)

    assert len(found.findings) == 1
    assert not found.complete


def test_running_out_of_time_is_not_complete() -> None:
    """A world that was cut says so."""
    world = worlds("quick")[0]

    assert not enumerate_world(world, ReferenceStandIn(), lambda: True).complete


def test_a_law_broken_in_a_world_is_a_finding() -> None:
    """A root that is not sound is reported by the invariants, even when both sides agree."""
    sound = worlds("quick")[0]
    root = sound.roots[0]
    unsound = root._replace(account=root.account._replace(live_slots=1))

    def nowhere(state: State) -> State | None:
        del state
        return None

    found = enumerate_world(World("unsound", (unsound,), sound.menu, nowhere), ReferenceStandIn(), never)

    assert "live-counted" in found.findings[0].what


def test_the_worlds_visit_every_phase() -> None:
    """No phase is missing from the small worlds, whatever the size."""
    orders = next(world for world in worlds("quick") if world.name == "doubt")
    seen: set[State] = set(orders.roots)
    frontier = deque(orders.roots)
    while frontier:
        state = frontier.popleft()
        for event in orders.menu(state):
            after = orders.canonical(step(state, event)[0])
            if after is not None and after not in seen:
                seen.add(after)
                frontier.append(after)

    assert {state.slots[0].phase for state in seen} == set(Phase)
