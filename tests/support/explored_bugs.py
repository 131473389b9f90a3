"""The ten design bugs that the explorer must find, each planted where it is decided; and the hunt for a patch."""

import json
from dataclasses import dataclass, fields
from pathlib import Path

from dita.conformance.defects import Defect, planted, run_python
from dita.conformance.explore.conduct import JOURNALED, SENT, Conduct
from dita.conformance.explore.feeding import request_of
from dita.conformance.explore.system import Setting
from dita.spec.environment import Frame
from dita.spec.outcome import Outcome
from dita.spec.state import State
from dita.spec.vocabulary import Phase

HUNT = """
import json, sys, time
import dita.adapters.logic, dita.reference
from dita.conformance.explore.composition import Composition
from dita.conformance.explore.search import explored
from dita.conformance.explore.system import Setting
from dita.conformance.explore.timeline import timeline
began = time.process_time()
composition = Composition(Setting("planted", **json.loads(sys.argv[1])))
found = explored(composition)
verdict = found.broken or ("STRANDED" if found.stranded else "nothing")
print(json.dumps({
    "sources": [dita.reference.__file__, dita.adapters.logic.__file__],
    "verdict": verdict,
    "steps": len(found.trace),
    "timeline": timeline(composition, found.trace, verdict) if found.trace else "",
    "seconds": time.process_time() - began,
}))
"""


@dataclass(frozen=True, slots=True)
class Hunted:
    """What the search in a tree with a defect found. ``seconds`` of processor time, without the start of Python."""

    sources: tuple[Path, ...]
    tree: Path
    verdict: str
    steps: int
    timeline: str
    seconds: float


def hunted(defect: Defect, world: str) -> Hunted:
    """Plant a patch in a scratch copy, and search one world there. ``world``: see ``json_of``."""
    with planted(defect) as tree:
        done = run_python(tree, ["-c", HUNT, world], seconds=110)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        sources = tuple(Path(source).resolve() for source in found.pop("sources"))
        return Hunted(sources, tree.resolve(), **found)


def json_of(world: Setting) -> str:
    """The settings of a world, as JSON, but for its name."""
    usual = Setting("usual")
    chosen = {one.name: getattr(world, one.name) for one in fields(world) if one.name != "name"}
    return json.dumps({name: value for name, value in chosen.items() if value != getattr(usual, name)}, sort_keys=True)


class SentBeforeJournaled(Conduct):
    """An order leaves, and then its input is written down."""

    effects = (SENT, JOURNALED)


class SendsAgain(Conduct):
    """A start sends every order once more whose submit was not answered, under its old name."""

    def sent_again(self, state: State) -> list[Frame]:
        """Replay as if the commands had not been carried out."""
        slot = state.slots[0]
        if slot.phase not in (Phase.ENTRY_REQUESTED, Phase.EXIT_REQUESTED):
            return []
        closes = slot.phase == Phase.EXIT_REQUESTED
        attempt, quantity = (slot.exit.attempt, slot.exit.ordered) if closes else (0, slot.entry.ordered)
        again = request_of(Outcome(submit=1, trade=slot.trade, attempt=attempt, quantity=quantity))
        assert again is not None
        return [again]


NOTHING_FAILS = Setting("nothing fails")
A_CRASH = Setting("a crash", crash=1)


@dataclass(frozen=True, slots=True)
class DesignBug:
    """One of the ten. ``plant``: a patch under ``conformance/defects``, or a conduct where the runtime decides."""

    name: str
    plant: str | type[Conduct]
    seen_as: str
    world: Setting


DESIGN_BUGS: tuple[DesignBug, ...] = (
    DesignBug(
        "time-out = rejected", "reference-unknown-is-rejected", "ABANDONED", Setting("not judged", judged=False)
    ),  # what becomes of an UNKNOWN is the kernel's decision: there the reference is bent
    DesignBug("send before journal", SentBeforeJournaled, "ABANDONED", A_CRASH),
    DesignBug(
        "NOT_FOUND believed before the receive window has passed", "explore-window-not-waited", "ABANDONED",
        NOTHING_FAILS,
    ),
    DesignBug(
        "query overtakes submit", "explore-query-overtakes-submit", "ABANDONED",
        Setting("a look-up takes time", stepwise=True),
    ),
    DesignBug("recovery that forgets in-flight orders", "explore-recovery-forgets-orders", "STRANDED", A_CRASH),
    DesignBug("gap without back-fill", "explore-gap-not-read", "BEHIND", Setting("the stream breaks", gap=1)),
    DesignBug(
        "terminal event without final quantity", "explore-end-without-quantity", "BAND",
        Setting("two lots, bare ends", lots=2, bare=True),
    ),
    DesignBug(
        "reconcile that never converges", "explore-reconcile-never-converges", "STRANDED",
        Setting("closed by another hand", external=1),
    ),
    DesignBug("duplicate on restart", SendsAgain, "DOUBLE", A_CRASH),
    DesignBug("unknown treated as empty", "explore-unknown-is-empty", "ABANDONED", NOTHING_FAILS),
)  # fmt: skip
