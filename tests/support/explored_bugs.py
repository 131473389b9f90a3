"""What the explorer must find: the ten design bugs, and for each part of its model what only that part notices."""

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path

from dita.conformance.defects import Defect, planted, run_python
from dita.conformance.explore.conduct import JOURNALED, SENT, Conduct
from dita.conformance.explore.feeding import request_of
from dita.conformance.explore.kernels import Step
from dita.conformance.explore.system import Setting
from dita.reference import step
from dita.spec.environment import Frame
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.state import State
from dita.spec.vocabulary import Kind, Phase

HUNT = """
import json, sys, time
import dita.adapters.logic, dita.reference
from dita.conformance.explore.composition import Composition
from dita.conformance.explore.report import verdict_of
from dita.conformance.explore.search import explored
from dita.conformance.explore.system import Setting
from dita.conformance.explore.timeline import timeline
for world in sys.argv[1:]:
    began = time.process_time()
    composition = Composition(Setting("planted", **json.loads(world)))
    found = explored(composition)
    verdict = verdict_of(found) if found.trace else "nothing"
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


def hunted(defect: Defect, *worlds: str) -> list[Hunted]:
    """Plant a patch in a scratch copy, and search worlds there. ``worlds``: see ``json_of``."""
    with planted(defect, roots=("reference_py", "adapters")) as tree:
        done = run_python(tree, ["-c", HUNT, *worlds], seconds=110)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        sources = [tuple(Path(source).resolve() for source in found.pop("sources")) for found in lines]
        return [Hunted(where, tree.resolve(), **found) for where, found in zip(sources, lines, strict=True)]


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


NOTHING_FAILS = Setting("nothing fails")  # two frames on their way: a look-up beside a submit
A_CRASH = Setting("a crash", net=1, crash=1)


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
    DesignBug("gap without back-fill", "explore-gap-not-read", "BEHIND", Setting("the stream breaks", net=1, gap=1)),
    DesignBug(
        "terminal event without final quantity", "explore-end-without-quantity", "BAND",
        Setting("two lots, bare ends", lots=2, bare=True),
    ),
    DesignBug(
        "reconcile that never converges", "explore-reconcile-never-converges", "STRANDED",
        Setting("closed by another hand", net=1, external=1),
    ),
    DesignBug("duplicate on restart", SendsAgain, "DOUBLE", A_CRASH),
    DesignBug("unknown treated as empty", "explore-unknown-is-empty", "ABANDONED", NOTHING_FAILS),
)  # fmt: skip


# --- what each growth of the model is for -----------------------------------------------------------------------------


class CancelsOnce:
    """The reference, but for a close that is asked for again: its order is not cancelled a second time."""

    def __call__(self, state: State, event: Input) -> tuple[State, Outcome]:
        """Take CANCEL out of the answer to a repeated request."""
        after, outcome = step(state, event)
        again = event.kind in (Kind.FLATTEN, Kind.CANCEL) and state.slots[0].flatten == 1
        return after, outcome._replace(cancel=0) if again else outcome


class OldWallet:
    """The reference, but for clause L5: a reading of the wallet is as new as it has to be to be compared."""

    def __call__(self, state: State, event: Input) -> tuple[State, Outcome]:
        """Date it by the newest booked money."""
        if event.kind == Kind.WALLET:
            event = event._replace(time_ns=max(event.time_ns, state.account.ledger.last_money_time_ns))
        return step(state, event)


class BeginsAgain(Conduct):
    """Silence asks about the order anew, and drops the question under way."""

    begins_again = True


@dataclass(frozen=True, slots=True)
class Growth:
    """What only a part of the model notices. ``world`` has that part, ``without`` is the same world without it.

    ``plant``: a patch, a conduct, or a step.
    """

    name: str
    plant: str | type[Conduct] | Step
    seen_as: str
    world: Setting
    without: Setting


HALVES = (500_000, 1_000_000)
ONE_FRAME = Setting("one frame", net=1, periodic=True, adjusts=True)
GROWTHS: tuple[Growth, ...] = (
    Growth(
        "the wallet is read while money moves", "proof-wallet-corrects-the-books", "BOOKS",
        Setting("the wallet is read", net=1, wallet=True, judged=False), Setting("not judged", net=1, judged=False),
    ),
    Growth(
        "a wallet from before the newest booking", OldWallet(), "WALLET",
        Setting("the wallet is read", wallet=True, judged=False), Setting("not judged", judged=False),
    ),
    Growth(
        "legs and a crash", "explore-legs-not-followed", "STRANDED",
        Setting("legs, a crash", lots=2, ratios=HALVES, crash=1, net=1), Setting("a crash", lots=2, crash=1, net=1),
    ),
    Growth(
        "cancels without effect", CancelsOnce(), "STRANDED",
        Setting("cancels fail", net=1, cancels=1, judged=False), Setting("not judged", net=1, judged=False),
    ),
    Growth(
        "one contract nets: another hand adds to the position", "explore-surplus-is-a-close", "PHANTOM",
        replace(ONE_FRAME, added=1), ONE_FRAME,
    ),
    Growth(
        "one contract nets: an exit beside what another hand added", "explore-exit-waits-for-the-surplus", "STRANDED",
        replace(ONE_FRAME, added=1), ONE_FRAME,
    ),
    Growth(
        "a second slot: no cross-talk", "reference-other-slot-touched", "CROSSTALK",
        Setting("two slots", net=1, neighbour=1, slot_limit=2, judged=False), Setting("one slot", net=1, judged=False),
    ),
    Growth(
        "a second slot: the limit of live slots", "reference-slot-limit-ignored", "LIMIT",
        Setting("two slots, one live", net=1, neighbour=1, judged=False), Setting("one slot", net=1, judged=False),
    ),
    Growth("cycles of delay", BeginsAgain, "CIRCLING", Setting("a loss", loss=1), Setting("no loss")),
)  # fmt: skip
