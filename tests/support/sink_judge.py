"""What every sink of a session has to hold at its end, by the journal alone: every row, the snapshot, the commands.

The state is the reference's, which no sink is made with; the rows are made again, and the laws of projections, which do
not know how they are made, are asked about them.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from analytics_parts import opened
from dita.adapters.clickhouse import AnalyticsStore
from dita.adapters.clickhouse.tables import as_stored
from dita.adapters.journal.store import JournalStore
from dita.kernel.binding import Kernel
from dita.kernel.loader import load_for_conformance
from dita.reference import step
from dita.runtime.projection.derivation import Derivation
from dita.runtime.projection.engine_view import engine_snapshot
from dita.runtime.projection.names import Names
from dita.runtime.projection.projector import Projector
from dita.runtime.standing import NOTE
from dita.spec.published.snapshot import EngineSnapshot, LiveSnapshot
from dita.spec.state import initial_state
from projected import Projected, Stored
from projection_laws import broken

_SHOWN: Final = 5
_FLAT: Final = {
    "final_position": 0, "orphans": 0, "reconcile_delta": "0.00000000", "reference_divergences": 0,
}  # fmt: skip


class Commanded(NamedTuple):
    """A command that was given. ``position``: a row of the journal, at which it was in force; None: no answer came."""

    why: str
    slot_limit: int
    position: int | None


class Ends(NamedTuple):
    """Where the sinks are, and what those say that are in memory."""

    journal: Path
    folder: str
    server: str
    plane: LiveSnapshot
    grid: LiveSnapshot
    scraped_rows: tuple[int, int, int]  # the journal's end before, what the metrics said, the journal's end after
    commands: Sequence[Commanded]
    figures: dict[str, Any]


class Truth(NamedTuple):
    """What a journal says."""

    tag: str
    rows: dict[str, list[tuple[object, ...]]]  # of every family, as a store has them
    end: EngineSnapshot
    orders: list[dict[str, Any]]  # an operator's commands, by the notes that were written with their rows
    laws: list[str]  # that the rows break


def stored_in(journal: Path) -> tuple[str, dict[int, str], list[Stored]]:
    """Tag, contracts and rows, by the store itself."""
    store = JournalStore(journal, read_only=True)
    try:
        return store.meta().tag, store.instruments(), list(store.stored())
    finally:
        store.close()


def truth_of(journal: Path) -> Truth:
    """Made again from the first row to the last, by the reference and by a kernel."""
    tag, symbols, stored = stored_in(journal)
    names, state = Names(tag, symbols), initial_state()
    with Kernel(load_for_conformance()) as kernel:
        derivation, projector = Derivation(kernel), Projector(names)
        steps: list[Any] = []
        for one in derivation.steps(stored, None):
            projector.project(one, kernel.state)
            state, _ = step(state, one.event)
            steps.append(one)
        last = stored[-1][0]
        end = engine_snapshot(state, projector.memory, names, position=last.position, wall_ns=last.wall_ns)
        made = Projected(projector.take(), steps, kernel.state())
    laws = broken(made) + ([] if made.state == state else ["kernel and reference end in different states"])
    orders = [
        {"position": row.position, **json.loads(note.body)}
        for row, notes in stored for note in notes if note.name == NOTE
    ]  # fmt: skip
    return Truth(tag, {family: as_stored(family, rows) for family, rows in made.rows.items()}, end, orders, laws)


def judged(ends: Ends, truth: Truth) -> list[str]:
    """What is wrong."""
    found = [f"a law: {law}" for law in truth.laws]
    found += [f"{family}: the session made no row" for family, rows in truth.rows.items() if not rows]
    for name, where in (("folder", ends.folder), ("server", ends.server)):
        with opened(where) as store:
            found += [f"{name}: {said}" for said in rows_differ(store, truth)]
    found += [f"plane: {said}" for said in snapshot_differs(ends.plane, truth)]
    found += [f"cluster: {said}" for said in snapshot_differs(ends.grid, truth)]
    found += [f"command: {said}" for command in ends.commands for said in command_differs(command, truth)]
    before, scraped, after = ends.scraped_rows
    if not before <= scraped <= after:
        found.append(f"metrics: {scraped} rows, and the journal had {before} before and {after} after")
    found += [
        f"session: {name} is `{ends.figures[name]}`" for name, wanted in _FLAT.items() if ends.figures[name] != wanted
    ]
    return found


def rows_differ(store: AnalyticsStore, truth: Truth) -> Iterator[str]:
    """Rows that are missing, too many, doubled or other ones, of each family."""
    position = store.progress(truth.tag).journal_position
    if position != truth.end.journal_position:
        yield f"it has come to row {position} of {truth.end.journal_position}"
    for family, rows in truth.rows.items():
        wanted, got = Counter(rows), Counter(store.rows(family, truth.tag, 0, 2**62))
        if wanted != got:
            missing, strange = wanted - got, got - wanted
            examples = [one[1:3] for one in (*missing, *strange)][:_SHOWN]
            yield f"{family}: {missing.total()} rows missing, {strange.total()} too many, such as {examples}"


def snapshot_differs(got: LiveSnapshot, truth: Truth) -> Iterator[str]:
    """Fields of the engine that are not as the journal ends."""
    for field, wanted in truth.end._asdict().items():
        if (found := getattr(got.engine, field)) != wanted:
            yield f"{field} is `{str(found)[:300]}`, by the journal `{str(wanted)[:300]}`"


def command_differs(command: Commanded, truth: Truth) -> Iterator[str]:
    """One that was answered is in the journal once, at or before that row; one that was not, at most once."""
    rows = [one for one in truth.orders if one["why"] == command.why]
    if len(rows) > 1 or (command.position is not None and not rows):
        yield f"`{command.why}` stands {len(rows)} times in the journal"
    for row in rows:
        if command.position is not None and row["position"] > command.position:
            yield f"`{command.why}` was answered at row {command.position}, and is in row {row['position']}"
        if (limit := row["standing"]["slot_limit"]) != command.slot_limit:
            yield f"`{command.why}`: the limit is `{limit}`, commanded was {command.slot_limit}"
