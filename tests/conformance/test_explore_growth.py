"""Each part of the model notices what nothing else does: a defect that is found with it, and not without it."""

import random

import pytest

from dita.conformance.defects import defects
from dita.conformance.explore import worlds_of
from dita.conformance.explore.composition import Composition
from dita.conformance.explore.conduct import Conduct
from dita.conformance.explore.fairness import components
from dita.conformance.explore.report import verdict_of
from dita.conformance.explore.search import explored
from dita.conformance.explore.system import Setting
from dita.spec.state import State
from dita.spec.vocabulary import Phase
from explored_bugs import GROWTHS, Growth, hunted, json_of
from machine_profiles import commit_seed, rotating

pytestmark = pytest.mark.unmeasured

DEFECTS = {defect.name: defect for defect in defects()}
QUICK = {json_of(world) for world in worlds_of("quick")}  # searched by another test
SAMPLE = 5  # of either list at profile commit, rotating with the commit; a campaign (``make tampering``) tries all
GROWN = {name: growth.world for growth in GROWTHS if (name := json_of(growth.world)) not in QUICK}


def verdicts(growth: Growth) -> list[str]:
    """What the searches of its two worlds find with the defect of this growth in them."""
    plant, worlds = growth.plant, (growth.world, growth.without)
    if isinstance(plant, str):
        return [found.verdict for found in hunted(DEFECTS[plant], *map(json_of, worlds))]
    if isinstance(plant, type):
        searches = [explored(Composition(world, conduct=plant())) for world in worlds]
    else:
        searches = [explored(Composition(world, step=plant)) for world in worlds]
    return [verdict_of(found) if found.trace else "nothing" for found in searches]


@pytest.mark.parametrize("growth", rotating(GROWTHS, SAMPLE, commit_seed()), ids=lambda growth: growth.name)
def test_a_part_of_the_model_notices_its_defect(growth: Growth) -> None:
    """As the property that it breaks; the same world without this part finds nothing."""
    found, without = verdicts(growth)
    assert found.startswith(growth.seen_as)
    assert without == "nothing"


@pytest.mark.parametrize("name", rotating(list(GROWN), SAMPLE, commit_seed()))
def test_without_a_defect_such_a_world_is_sound(name: str) -> None:
    """Otherwise the finding above would be none."""
    found = explored(Composition(GROWN[name]))
    assert found.complete
    assert (found.broken, found.stranded, found.circling) == (None, 0, 0)


IN_FLIGHT = [phase for phase in Phase if phase not in (Phase.IDLE, Phase.POSITION_OPEN)]


@pytest.mark.parametrize("phase", IN_FLIGHT, ids=lambda phase: phase.name)
def test_a_start_is_met_in_every_phase(phase: Phase) -> None:
    """A runtime that forgets the order in flight when it starts in this one phase leaves it for ever."""

    class Forgets(Conduct):
        def follows(self, state: State) -> bool:
            return state.slots[0].phase != phase and super().follows(state)

    found = explored(Composition(Setting("a crash", crash=1, net=1), conduct=Forgets()))
    assert found.stranded > 0


def test_components_are_those_of_the_closure() -> None:
    """On random graphs, two nodes are in one component exactly when each can be reached from the other."""
    chance = random.Random(5)
    for _ in range(200):
        size = chance.randint(1, 10)
        edges = [[chance.randrange(size) for _ in range(chance.randint(0, 3))] for _ in range(size)]
        reached: list[set[int]] = [{node} for node in range(size)]
        for _ in range(size):
            for node in range(size):
                for target in edges[node]:
                    reached[node] |= reached[target]
        groups = list(components(edges))

        assert sorted(node for group in groups for node in group) == list(range(size))
        expected = {frozenset(b for b in range(size) if b in reached[a] and a in reached[b]) for a in range(size)}
        assert {frozenset(group) for group in groups} == expected
