"""Ten design bugs, put back one at a time: the search of a small world finds each in seconds, with a timeline."""

from dataclasses import replace
from time import process_time

import pytest

from dita.conformance.defects import defects
from dita.conformance.explore.composition import Composition
from dita.conformance.explore.search import explored
from dita.conformance.explore.timeline import timeline
from explored_bugs import DESIGN_BUGS, DesignBug, hunted, json_of

pytestmark = pytest.mark.unmeasured

SECONDS_MOST = 10.0
SOUND = {json_of(world): world for bug in DESIGN_BUGS for world in [replace(bug.world, judged=False)]}
DEFECTS = {defect.name: defect for defect in defects()}


def test_all_ten_are_here() -> None:
    """A bug that nobody plants is one that nobody would find."""
    assert [bug.name for bug in DESIGN_BUGS] == [
        "time-out = rejected",
        "send before journal",
        "NOT_FOUND believed before the receive window has passed",
        "query overtakes submit",
        "recovery that forgets in-flight orders",
        "gap without back-fill",
        "terminal event without final quantity",
        "reconcile that never converges",
        "duplicate on restart",
        "unknown treated as empty",
    ]


@pytest.mark.parametrize("bug", DESIGN_BUGS, ids=lambda bug: bug.name)
def test_a_design_bug_is_found(bug: DesignBug) -> None:
    """As the property that it breaks, by numbered steps that begin with the start and end with what is wrong."""
    if isinstance(bug.plant, str):
        [found] = hunted(DEFECTS[bug.plant], json_of(bug.world))
        assert all(source.is_relative_to(found.tree) for source in found.sources)
        verdict, steps, text, seconds = found.verdict, found.steps, found.timeline, found.seconds
    else:
        began = process_time()
        composition = Composition(bug.world, conduct=bug.plant())
        search = explored(composition)
        verdict, steps, seconds = search.broken or "STRANDED", len(search.trace), process_time() - began
        text = timeline(composition, search.trace, verdict)

    assert verdict.startswith(bug.seen_as)
    assert steps > 0
    assert "  1. strategy enters" in text
    assert f"{steps:3}. " in text
    assert verdict in text
    assert seconds < SECONDS_MOST


@pytest.mark.parametrize("world", sorted(SOUND))
def test_without_a_bug_the_same_world_is_sound(world: str) -> None:
    """Otherwise the finding above would be none."""
    found = explored(Composition(SOUND[world]))
    assert found.complete
    assert (found.broken, found.stranded) == (None, 0)
