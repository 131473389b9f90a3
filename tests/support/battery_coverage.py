"""Which cells of the matrix phase × kind the battery reaches on the real path, and which nothing can reach, and why.

A cell wants to be reached when the reference can do anything in it but refuse; each of its transitions wants to be
reached by itself. The rest is named in ``UNREACHABLE`` with a reason, and reaching one of those is a failure, too: then
the reason was wrong. Kinds that name no slot count once, in whatever phase slot 0 is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from battery import Place
from dita.conformance.matrix import Result, declared_results
from dita.spec.vocabulary import Kind, Phase, Verdict

WITHOUT_SLOT: Final = frozenset({
    Kind.SET_MODE, Kind.SET_LIMITS, Kind.REGISTER, Kind.SEED, Kind.INCOME, Kind.WALLET, Kind.CALIBRATE,
})  # fmt: skip


class Cell(NamedTuple):
    """What wants to be reached: a transition (``path``, the phases it goes through), or with () any other answer."""

    phase: str
    kind: str
    path: tuple[str, ...]

    def __str__(self) -> str:
        """In a line."""
        return f"{self.phase} {self.kind}{''.join(f' → {phase}' for phase in self.path)}"


def wanted() -> frozenset[Cell]:
    """Every cell that wants to be reached, from the declared results of the reference."""
    return frozenset(cell for result in declared_results() if (cell := _cell_of(result)) is not None)


def _cell_of(result: Result) -> Cell | None:
    if result.text.startswith("REFUSED"):
        return None
    if Kind[result.kind] in WITHOUT_SLOT:
        return Cell("any phase", result.kind, ())
    path = tuple(part.split()[0] for part in result.text.split(" → ")[1:])
    return Cell(result.phase, result.kind, path)


def reached(places: Iterable[Place]) -> frozenset[Cell]:
    """The cells that these answers were in."""
    found: set[Cell] = set()
    for place in places:
        kind = Kind(place.kind)
        if place.verdict == Verdict.REFUSED:
            continue
        phase = "any phase" if kind in WITHOUT_SLOT else place.phase.name
        found.add(Cell(phase, kind.name, tuple(Phase(phase).name for phase in place.path)))
    return frozenset(found)


def problems(have: frozenset[Cell], unreachable: Mapping[Cell, str]) -> list[str]:
    """Cells that are neither reached nor named, those that are both, and names of cells that there are not."""
    want = wanted()
    found = [f"not reached, and nothing says why: {cell}" for cell in sorted(want - have - unreachable.keys())]
    found += [f"reached, although {unreachable[cell]}: {cell}" for cell in sorted(have & unreachable.keys())]
    return found + [f"named, and no such cell: {cell}" for cell in sorted(unreachable.keys() - want)]


def table(have: frozenset[Cell], unreachable: Mapping[Cell, str]) -> str:
    """Phases × kinds: reached of reachable, behind a stroke what nothing can reach; ``·``: nothing wants to be."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for cell in wanted():
        counts = sums[cell.phase, cell.kind]
        counts[0] += cell in have
        counts[1] += cell not in unreachable
        counts[2] += cell in unreachable
    lines = [f"{'':16}" + "".join(f"{name:>7}" for name in ("ID", "ER", "EW", "EU", "PO", "XR", "XW", "XU"))]
    for kind in Kind:
        if kind is Kind.NONE:
            continue
        if kind in WITHOUT_SLOT:
            lines.append(f"{kind.name:16}{_shown(sums['any phase', kind.name]):>7}  (names no slot)")
        else:
            lines.append(f"{kind.name:16}" + "".join(f"{_shown(sums[phase.name, kind.name]):>7}" for phase in Phase))
    return "\n".join(lines)


def _shown(counts: list[int]) -> str:
    have, want, never = counts
    if not want and not never:
        return "·"
    return f"{have}/{want}" + (f"|{never}" if never else "")


# --- what nothing can reach -----------------------------------------------------------------------------------------

ANSWERED_ONCE: Final = "a submit is answered once: what was called unknown is never called rejected, or unknown again"
SILENCE: Final = "silence is told of answered orders, and with its answer an order is requested no more"
CLOSES_LATER: Final = "what closes besides the order in flight is told of an open position, when no order is in flight"
FULL_EVIDENCE: Final = (
    "absence is told with full evidence only, of an order that nobody has seen; one that works was seen"
)
ENTRIES_ONLY: Final = "the runtime cancels entries; an exit is called off by FLATTEN"
AT_REST: Final = "`dita settle-forced` gives it to a journal that no session has open"
CONTRADICTION: Final = "the venue would have to say that an order is over with less than it said was filled"
_IN_FLIGHT: Final = tuple(phase.name for phase in Phase if phase not in (Phase.IDLE, Phase.POSITION_OPEN))


def _unreachable() -> Iterator[tuple[Cell, str]]:
    for phase in ("ENTRY_UNRESOLVED", "EXIT_UNRESOLVED"):
        yield Cell(phase, "UNKNOWN", ()), ANSWERED_ONCE
        yield Cell(phase, "REJECTED", ()), ANSWERED_ONCE
        yield Cell(phase, "REJECTED", ("IDLE",)), ANSWERED_ONCE
    yield Cell("EXIT_UNRESOLVED", "REJECTED", ("POSITION_OPEN",)), ANSWERED_ONCE
    yield Cell("ENTRY_REQUESTED", "SILENT", ("ENTRY_UNRESOLVED",)), SILENCE
    yield Cell("EXIT_REQUESTED", "SILENT", ("EXIT_UNRESOLVED",)), SILENCE
    yield Cell("EXIT_REQUESTED", "REJECTED", ("IDLE",)), CLOSES_LATER
    yield Cell("EXIT_UNRESOLVED", "NOT_FOUND", ("IDLE",)), CLOSES_LATER
    for phase in (*_IN_FLIGHT, "IDLE"):
        yield Cell(phase, "EXTERNAL_CLOSE", ()), CLOSES_LATER
    for phase in _IN_FLIGHT:
        yield Cell(phase, "NOT_FOUND", ()), FULL_EVIDENCE
    for phase in ("EXIT_WORKING", "EXIT_UNRESOLVED"):
        yield Cell(phase, "CANCEL", ()), ENTRIES_ONLY
    for each in Phase:
        yield Cell(each.name, "SETTLE_FORCED", ()), AT_REST
    yield Cell("ENTRY_WORKING", "ORDER", ("ENTRY_UNRESOLVED",)), CONTRADICTION
    yield Cell("EXIT_WORKING", "ORDER", ("EXIT_UNRESOLVED",)), CONTRADICTION


UNREACHABLE: Final[Mapping[Cell, str]] = dict(_unreachable())
"""Cells that no input of a session can be in, and why; ``test_battery_coverage`` checks each reason."""
