"""Run a tier of worlds and say what was found: figures, one row a world, and a timeline when something is wrong."""

import time
from dataclasses import dataclass
from typing import Final

from dita.conformance.explore.composition import Composition
from dita.conformance.explore.conduct import Conduct
from dita.conformance.explore.search import Found, Progress, explored
from dita.conformance.explore.system import Setting
from dita.conformance.explore.timeline import timeline
from dita.conformance.explore.worlds import Tier, worlds_of
from dita.spec.inputs import Input
from dita.spec.state import State
from dita.spec.vocabulary import Kind

STATE_LIMIT: Final = 3_000_000  # no world of any tier comes near; a search that reaches it is not complete


@dataclass(frozen=True, slots=True)
class WorldRow:
    """One world: how large it is and what was found."""

    name: str
    states: int
    transitions: int
    steps: int  # distinct kernel steps
    good: int
    violations: int
    stranded: int
    complete: bool
    seconds: float
    circling: int = 0  # on a cycle of delays that leaves an order unresolved for ever

    @property
    def ok(self) -> bool:
        """Searched in full, safe, and a good world is reachable from every world."""
        return self.complete and self.violations == 0 and self.stranded == 0 and self.circling == 0 and self.good > 0

    @property
    def faults(self) -> int:
        """Searches that stopped at a broken property or at their limit, or found a cycle of delays without an end."""
        return self.violations or int(not self.complete or self.circling > 0)


@dataclass(frozen=True, slots=True)
class ExploreReport:
    """What a run of the explorer found."""

    tier: Tier
    worlds: tuple[WorldRow, ...]
    canary_found: bool
    counterexample: str | None

    @property
    def ok(self) -> bool:
        """Every world held, and the planted canary did not."""
        return self.canary_found and bool(self.worlds) and all(row.ok for row in self.worlds)

    @property
    def states(self) -> int:
        """Distinct worlds visited."""
        return sum(row.states for row in self.worlds)

    @property
    def transitions(self) -> int:
        """Transitions taken."""
        return sum(row.transitions for row in self.worlds)

    @property
    def violations(self) -> int:
        """Worlds whose search stopped at a broken property, or at its limit."""
        return sum(row.faults for row in self.worlds)

    @property
    def stranded(self) -> int:
        """States from which no good one can be reached."""
        return sum(row.stranded for row in self.worlds)

    @property
    def figures(self) -> dict[str, int]:
        """The figures whose names stay stable."""
        return {
            "states": self.states,
            "transitions": self.transitions,
            "violations": self.violations,
            "stranded": self.stranded,
            "worlds": len(self.worlds),
        }


class TimeOutIsRejection(Conduct):
    """The canary: the classic bug. A run that does not find it proves nothing."""

    def timed_out(self, state: State) -> Input:
        """Take silence for a definite no."""
        return super().timed_out(state)._replace(kind=Kind.REJECTED)


def run_explore(tier: Tier, progress: Progress | None = None) -> ExploreReport:
    """Search every world of a tier in full. ``progress`` gets (world, states, transitions) now and then."""
    rows: list[WorldRow] = []
    counterexample: str | None = None
    for setting in worlds_of(tier):
        row, text = run_world(setting, progress)
        rows.append(row)
        counterexample = counterexample or text
    canary = explored(Composition(Setting("canary", loss=1, strict=False), conduct=TimeOutIsRejection()))
    found = canary.broken is not None and canary.broken.startswith("ORPHAN")
    return ExploreReport(tier, tuple(rows), found, counterexample)


def run_world(setting: Setting, progress: Progress | None = None) -> tuple[WorldRow, str | None]:
    """Search one world in full; its row, and the timeline of a counterexample if there is one."""
    began = time.perf_counter()
    composition = Composition(setting)
    found = explored(composition, state_limit=STATE_LIMIT, progress=progress)
    if progress is not None:
        progress(setting.name, found.states, found.transitions)
    row = WorldRow(
        name=setting.name,
        states=found.states,
        transitions=found.transitions,
        steps=found.steps,
        good=found.good,
        violations=int(found.broken is not None),
        stranded=found.stranded,
        complete=found.complete,
        circling=found.circling,
        seconds=time.perf_counter() - began,
    )
    return row, timeline(composition, found.trace, verdict_of(found)) if found.trace else None


def verdict_of(found: Found) -> str:
    """What is wrong at the end of the trace of a search."""
    if found.broken is not None:
        return found.broken
    if found.stranded:
        return f"STRANDED: no good state can be reached ({found.stranded} such states)"
    return f"CIRCLING: an order can stay unresolved for ever under a fair venue ({found.circling} such states)"
