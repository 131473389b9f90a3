"""Whether the store has just the rows that its journal says: every family made again, and compared row for row."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dita.adapters.clickhouse import AnalyticsStore
from dita.adapters.clickhouse.tables import KEY, as_stored, column_types
from dita.adapters.journal import open_reader
from dita.kernel.binding import Kernel
from dita.runtime.analytics.feeding import batches
from dita.runtime.cli_report import Reporter
from dita.runtime.projection.derivation import Derivation
from dita.runtime.projection.names import Names
from dita.runtime.projection.projector import Projector
from dita.spec.published import FAMILIES

BATCH: Final = 5_000
_DIFFERENCES_MAX: Final = 20
_FOR_EVER: Final = 2**63 - 1


@dataclass(slots=True)
class Parity:
    """What a comparison found; ``to`` is the journal's row up to which it was made."""

    tag: str
    to: int = 0
    behind: int = 0  # the journal's rows that the store has not taken in yet
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FAMILIES, 0))
    differences: list[str] = field(default_factory=list[str])


def compare(path: Path, kernel: Kernel, store: AnalyticsStore, reporter: Reporter, *, batch: int = BATCH) -> Parity:
    """Up to the store's progress. ``kernel``: a fresh one. Raises AnalyticsError, JournalError, ReplayRefused."""
    reader = open_reader(path)
    try:
        found = Parity(reader.meta.tag)
        known = store.progress(found.tag)
        found.behind = max(0, reader.position - known.journal_position)
        derivation, projector = Derivation(kernel), Projector(Names(found.tag, reader.symbols))
        for some in batches(reader, 0, batch):
            mine = [one for one in some if one[0].position <= known.journal_position]
            for step in derivation.steps(mine, reader.migration()):
                projector.project(step, kernel.state)
            if mine:
                _compare_batch(found, store, projector, mine[-1][0].position)
                reporter.progress("comparing", found.to, known.journal_position)
            if len(mine) < len(some) or len(found.differences) >= _DIFFERENCES_MAX:
                break
        for family in FAMILIES:
            if beyond := store.rows(family, found.tag, found.to, _FOR_EVER):
                found.differences.append(f"{family}: {len(beyond)} rows beyond row `{found.to}` of the journal")
        return found
    finally:
        reader.close()


def _compare_batch(found: Parity, store: AnalyticsStore, projector: Projector, to: int) -> None:
    made = projector.take()
    for family, rows in made.items():
        wanted, got = as_stored(family, rows), store.rows(family, found.tag, found.to, to)
        found.rows[family] += len(wanted)
        if wanted != list(got):
            found.differences.append(_difference(family, wanted, list(got)))
    found.to = to


def _difference(family: str, wanted: list[tuple[object, ...]], got: list[tuple[object, ...]]) -> str:
    """The first row that differs, in words."""
    at = next((i for i, (left, right) in enumerate(zip(wanted, got, strict=False)) if left != right), None)
    if at is None:
        at = min(len(wanted), len(got))
        missing = len(wanted) > len(got)
        row = (wanted if missing else got)[at]
        return f"{family}: {'no row' if missing else 'one row too many'} {_key(row)}"
    left, right = wanted[at], got[at]
    if left[: len(KEY)] != right[: len(KEY)]:
        return f"{family}: {_key(right)} stands where {_key(left)} should"
    names = list(column_types(family))
    column = next(i for i, (one, other) in enumerate(zip(left, right, strict=True)) if one != other)
    return f"{family} {_key(left)}: {names[column]} is `{right[column]}`, the journal says `{left[column]}`"


def _key(row: tuple[object, ...]) -> str:
    return f"(journal row {row[1]}, {row[2]})"
