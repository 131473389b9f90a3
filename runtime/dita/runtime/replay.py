"""Rebuilding the state from the journal: every input again, through both sides, every digest compared, nothing sent."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dita.adapters.journal.records import Migration, Row
from dita.runtime.lockstep import Lockstep, Stepped
from dita.spec.vocabulary import Kind


class ReplayRefused(Exception):
    """The journal does not replay to what it says; the message names the row and the next step."""


@dataclass(slots=True)
class Replayed:
    """What a replay found."""

    rows: int = 0
    differs_at: int = 0  # position of the first row whose digest differs from its replay; 0: none
    last_digest: bytes = b""


def replay(
    rows: Iterable[Row],
    lockstep: Lockstep,
    *,
    migration: Migration | None,
    accept_migration: bool,
    observe: Callable[[Row, Stepped], None] | None = None,
) -> Replayed:
    """Step through all rows. ``lockstep`` must be where the row before the first has led to. Raises ReplayRefused.

    Rows up to an accepted migration are compared at its end only. With ``accept_migration`` a difference is noted and
    not refused; the caller then records the new migration.
    """
    found = Replayed()
    for row in rows:
        stepped = lockstep.step(row.input)
        if stepped.diverged_now:
            divergence = lockstep.divergence
            assert divergence is not None
            raise ReplayRefused(
                f"row `{row.position}` ({_kind(row)}): kernel and reference disagree, {divergence.reason};"
                " do not trade with this image: run `dita conform`"
            )
        found.rows += 1
        found.last_digest = lockstep.digest(row.input, stepped.outcome)
        expected = row.digest
        if migration is not None and row.position <= migration.position:
            expected = migration.digest if row.position == migration.position else found.last_digest
        if found.last_digest != expected and not found.differs_at:
            if not accept_migration:
                raise ReplayRefused(
                    f"row `{row.position}` ({_kind(row)}) replays to `{stepped.outcome}` and another state than it was"
                    " written with; it was written by another version: start that one, or, when flat,"
                    " start once with --accept-migration"
                )
            found.differs_at = row.position
        if observe is not None:
            observe(row, stepped)
    return found


def _kind(row: Row) -> str:
    kind = row.input.kind
    return Kind(kind).name if kind in Kind.__members__.values() else f"kind {kind}"
