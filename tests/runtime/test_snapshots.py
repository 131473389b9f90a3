"""Snapshots: a start from one is in the very state that the whole way leads to, and a wrong one leads nowhere."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from unittest import mock

import pytest

from dita.adapters.journal import Journal, Snapshot, mending
from dita.adapters.journal.schema import row_checksum, snapshot_checksum
from dita.adapters.journal.store import JournalStore
from dita.kernel.binding import Kernel
from dita.kernel.loader import RawKernel
from dita.runtime import fast_forward
from dita.runtime.recovery import Recovered, recover
from dita.runtime.replay import ReplayRefused
from dita.spec.inputs import Input
from dita.spec.layout import pack, unpack
from dita.spec.state import initial_state
from dita.spec.vocabulary import Kind
from runtime_parts import SNAPSHOT_EVERY, lived, open_test_journal

MADE_BY = "this version"


def started(path: Path, raw_kernel: RawKernel, made_by: str = MADE_BY) -> tuple[bytes, Recovered]:
    """What a start on the built kernel recovers."""

    async def work() -> tuple[bytes, Recovered]:
        journal = open_test_journal(path)
        try:
            with Kernel(raw_kernel) as kernel:
                found = recover(journal, kernel, made_by=made_by, accept_migration=False, wall_ns=1)
                assert kernel.snapshot() == pack(found.lockstep.state)
                return pack(found.lockstep.state), found
        finally:
            await journal.close()

    return asyncio.run(work())


def test_a_start_from_a_snapshot_is_the_whole_way(tmp_path: Path, raw_kernel: RawKernel) -> None:
    """Kernel and reference are in the very state of the runtime that ended, its deadlines and starts are known."""
    state, history = lived(tmp_path / "j", 9, MADE_BY)
    found, recovered = started(tmp_path / "j", raw_kernel)
    rows = 3 + 9 * 6 + 1
    assert (found, recovered.history) == (state, history)
    assert (recovered.from_snapshot, recovered.replayed.rows) == (
        rows // SNAPSHOT_EVERY * SNAPSHOT_EVERY,
        rows % SNAPSHOT_EVERY,
    )
    whole, walked = started(tmp_path / "j", raw_kernel, made_by="")
    assert (whole, walked.history) == (state, history)
    assert (walked.from_snapshot, walked.replayed.rows) == (0, rows)


def test_only_the_newest_snapshots_are_kept(tmp_path: Path) -> None:
    """Two of five remain in the file, so that it grows with its rows only."""
    lived(tmp_path / "j", 9, MADE_BY)
    with closing(sqlite3.connect(tmp_path / "j")) as file:
        assert file.execute("SELECT position FROM snapshots ORDER BY position").fetchall() == [(40,), (50,)]


def test_another_versions_snapshot_is_not_used(tmp_path: Path, raw_kernel: RawKernel) -> None:
    """A snapshot of other code is no evidence about this code: the reference walks the whole way."""
    state, _ = lived(tmp_path / "j", 9, "another version")
    found, recovered = started(tmp_path / "j", raw_kernel)
    assert (found, recovered.from_snapshot) == (state, 0)


@pytest.mark.parametrize("column", ["state", "outcome", "past"])
def test_a_snapshot_that_the_kernel_does_not_arrive_at_is_not_used(
    tmp_path: Path, raw_kernel: RawKernel, column: str
) -> None:
    """A state, outcome or past of another place, with a checksum that fits: not believed, the whole way is walked."""
    state, history = lived(tmp_path / "j", 9, MADE_BY)
    with closing(sqlite3.connect(tmp_path / "j")) as file, file:
        found = file.execute("SELECT position, made_by, outcome, state, past FROM snapshots WHERE position = 50")
        snapshot = Snapshot._make(found.fetchone())
        planted = {
            "state": snapshot._replace(state=pack(initial_state())),
            "outcome": snapshot._replace(outcome=bytes(176)),
            "past": snapshot._replace(past="[]"),
        }[column]
        file.execute("DELETE FROM snapshots WHERE position = 50")
        values = (*planted, snapshot_checksum(planted))
        file.execute("INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?)", values)
    reached, recovered = started(tmp_path / "j", raw_kernel)
    assert (reached, recovered.history, recovered.from_snapshot) == (state, history, 0)


def test_a_changed_row_before_a_snapshot_is_found(tmp_path: Path, raw_kernel: RawKernel) -> None:
    """A settled fee long before the snapshot was changed, its checksum with it: no start, and the row is named."""
    lived(tmp_path / "j", 9, MADE_BY)
    store = JournalStore(tmp_path / "j")
    row = next(store.packed_rows(7))
    store.close()
    settled = unpack(Input, row.input)
    assert settled.kind == Kind.SETTLE
    wrong = row._replace(input=pack(settled._replace(amount=settled.amount + 1)))
    with closing(sqlite3.connect(tmp_path / "j")) as file, file:
        values = (wrong.input, row_checksum(wrong))
        file.execute("UPDATE rows SET input = ?, checksum = ? WHERE position = 8", values)
    with pytest.raises(ReplayRefused, match=r"row `8` .*SETTLE"):
        started(tmp_path / "j", raw_kernel)


def test_a_snapshot_that_is_believed_unseen_hides_a_changed_row(tmp_path: Path, raw_kernel: RawKernel) -> None:
    """Planted: the kernel is put into the snapshot's state instead of walking there. The change above is not found."""
    lived(tmp_path / "j", 9, MADE_BY)
    with closing(sqlite3.connect(tmp_path / "j")) as file, file:
        file.execute("UPDATE rows SET input = zeroblob(352) WHERE position = 8")

    def believed(journal: Journal, kernel: Kernel, position: int) -> None:
        assert journal.snapshots()[0].position == position
        kernel.restore(journal.snapshots()[0].state)

    with mock.patch.object(fast_forward, "_walk", believed), mock.patch.object(mending, "damage_of", return_value=None):
        assert started(tmp_path / "j", raw_kernel)[1].from_snapshot == 50
