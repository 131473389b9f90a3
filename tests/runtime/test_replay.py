"""Replay: the journal gives back the very state, says where it does not, and sends nothing."""

from pathlib import Path

import pytest

from dita.adapters.journal import Row
from dita.adapters.journal.records import Migration
from dita.kernel.binding import Kernel
from dita.kernel.loader import RawKernel
from dita.runtime.lockstep import Lockstep
from dita.runtime.replay import ReplayRefused, replay
from dita.spec.inputs import Input
from dita.spec.state import State
from dita.spec.vocabulary import Verdict
from runtime_parts import ReferenceKernel, WrongKernel, open_test_journal, trades


def recorded(events: list[Input]) -> tuple[list[Row], State]:
    """What a runtime would have journaled for these inputs, and where it ended."""
    lockstep = Lockstep(ReferenceKernel())
    rows: list[Row] = []
    for event in events:
        outcome = lockstep.step(event).outcome
        if outcome.verdict != Verdict.REFUSED:
            send_by_ns = 99 if outcome.submit else 0
            rows.append(Row(len(rows) + 1, event, send_by_ns, lockstep.digest(event, outcome), 1))
    return rows, lockstep.state


async def test_a_journal_replays_to_the_very_state(tmp_path: Path, raw_kernel: RawKernel) -> None:
    """Through the file and the built kernel, a history of 20 trades ends in the state in which it was recorded."""
    rows, state = recorded(list(trades(20)))
    journal = open_test_journal(tmp_path / "j")
    for row in rows:
        await journal.append(row.input, send_by_ns=row.send_by_ns, digest=row.digest, wall_ns=row.wall_ns)
    await journal.close()
    again = open_test_journal(tmp_path / "j")
    with Kernel(raw_kernel) as kernel:
        lockstep = Lockstep(kernel)
        found = replay(again.rows(), lockstep, migration=None, accept_migration=False)
    await again.close()
    assert lockstep.state == state
    assert (found.rows, found.differs_at) == (len(rows), 0)


@pytest.mark.parametrize("wound", ["input", "digest", "swapped"])
def test_a_changed_journal_is_refused_and_the_row_is_named(wound: str) -> None:
    """A changed input, a changed digest, two rows exchanged: refused at the first row that differs."""
    rows, _ = recorded(list(trades(3)))
    if wound == "input":
        rows[5] = rows[5]._replace(input=rows[5].input._replace(quantity=rows[5].input.quantity - 10_000))
    elif wound == "digest":
        rows[5] = rows[5]._replace(digest=bytes(32))
    else:
        rows[5], rows[6] = rows[6]._replace(position=6), rows[5]._replace(position=7)
    with pytest.raises(ReplayRefused, match=r"row `6` .*another state"):
        replay(rows, Lockstep(ReferenceKernel()), migration=None, accept_migration=False)


def test_a_kernel_that_disagrees_refuses_the_replay() -> None:
    """A planted kernel that differs at its 8th step stops the start with the row and the advice."""
    rows, _ = recorded(list(trades(3)))
    with pytest.raises(ReplayRefused, match=r"row `8` .*kernel and reference disagree.*dita conform"):
        replay(rows, Lockstep(WrongKernel(8, "account")), migration=None, accept_migration=False)


def test_an_accepted_migration_is_compared_at_its_end_only() -> None:
    """Accepted once, a differing history starts again without the flag, until it differs in another way."""
    rows, _ = recorded(list(trades(3)))
    changed = [row._replace(digest=bytes(32)) if row.position in (5, 9) else row for row in rows[:12]]
    found = replay(changed, Lockstep(ReferenceKernel()), migration=None, accept_migration=True)
    assert found.differs_at == 5
    migration = Migration(12, found.last_digest, 1)
    later = [*changed, *rows[12:]]
    assert replay(later, Lockstep(ReferenceKernel()), migration=migration, accept_migration=False).differs_at == 0
    wrong = Migration(12, bytes(32), 1)
    with pytest.raises(ReplayRefused, match="row `12`"):
        replay(later, Lockstep(ReferenceKernel()), migration=wrong, accept_migration=False)
    later[13] = later[13]._replace(digest=bytes(32))
    with pytest.raises(ReplayRefused, match="row `14`"):
        replay(later, Lockstep(ReferenceKernel()), migration=migration, accept_migration=False)
