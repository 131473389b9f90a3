"""Killed at every persistence point of a life, a start, an upgrade and a mending: nothing is lost or doubled.

In-process: the points are SQLite's own writes, syncs, cuts and deletions (``crashing_disk``). Real processes and real
SIGKILLs are in ``test_kill_and_restart`` and ``test_journal_kill``.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from crash_suite import VFS, Suite, opened_journal
from crashing_disk import CrashingDisk, Death
from dita.adapters.journal import JournalError, mending
from dita.conformance.defects import defects, planted, run_python
from machine_profiles import commit_seed, rotating

SCENES = [*(f"{what} {death}" for what in ("life", "restart") for death in Death), "upgrade", "mending"]
POINTS_MIN = {"life": 100, "restart": 9, "upgrade": 50, "mending": 50}
DEFECTS = {defect.name: defect for defect in defects()}
# Each defect, the scene in which it shows, and what the judge then says.
BITES = {
    "runtime-order-before-journal": ("life killed", "is at the venue and in no row"),
    "runtime-unanswered-is-unsent": ("life killed", "being resolved"),
    "recovery-forgets-orders": ("life torn", "remembered"),
    "recovery-sends-again": ("life killed", "was sent by the restart"),
    "recovery-deadline-forgotten": ("life killed", "remembered"),
    "journal-commit-not-synced": ("life power", "lost:"),
    "journal-full-disk-ignored": ("life full", "lost:"),
    "journal-log-thrown-away": ("restart killed", "lost:"),
    "journal-upgrade-row-by-row": ("upgrade", "no start: "),
    "journal-moved-away-before-mended": ("mending", "`0` rows of `7`"),
}


SAMPLE = 5  # defects planted at profile commit, rotating with the commit; a campaign plants all


@pytest.fixture
def disk() -> Iterator[CrashingDisk]:
    with CrashingDisk(VFS) as made:
        yield made


@pytest.mark.parametrize("scene", SCENES)
def test_nothing_is_lost_or_doubled_at_any_point(scene: str, tmp_path: Path, disk: CrashingDisk) -> None:
    """Every point of the scene, one after the other: started again, the judge finds nothing."""
    suite = Suite(tmp_path, disk)
    assert list(suite.play(scene)) == []
    assert suite.points[scene] >= POINTS_MIN[scene.split(maxsplit=1)[0]]


def test_every_scene_is_played(tmp_path: Path, disk: CrashingDisk) -> None:
    """A scene that no test names would prove nothing."""
    assert list(Suite(tmp_path, disk).scenes) == SCENES


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", rotating(list(BITES), SAMPLE, commit_seed()))
def test_a_planted_defect_is_seen(name: str, repository: Path, tmp_path: Path) -> None:
    """Sent before it is journaled, forgotten, sent again, acknowledged unsynced, and the rest: the judge is red."""
    scene, says = BITES[name]
    suite = repository / "tests" / "support" / "crash_suite.py"
    with planted(DEFECTS[name]) as tree:
        found = run_python(tree, [str(suite), str(tmp_path), scene], seconds=150)
    assert found.returncode == 1, found.stdout + found.stderr
    assert says in found.stdout


def test_every_defect_of_journal_and_recovery_has_its_scene() -> None:
    """A patch that no test plants would prove nothing."""
    assert {name for name in DEFECTS if name.startswith(("journal-", "recovery-"))} <= set(BITES)


@pytest.mark.parametrize("call", ["link", "replace", "sync"])
async def test_a_mending_that_dies_between_two_files_is_done_again(
    call: str, tmp_path: Path, disk: CrashingDisk
) -> None:
    """Killed before the old file is kept, before the new one is in its place, or before the folder is synced."""
    suite = Suite(tmp_path, disk)
    path = suite.damaged()
    died = JournalError("test", "planted", "go on")
    target = {"link": (os, "link"), "replace": (Path, "replace"), "sync": (mending, "_sync_folder")}[call]
    with mock.patch.object(*target, side_effect=died), pytest.raises(JournalError, match="planted"):
        opened_journal(path)
    journal = opened_journal(path)
    assert [row.position for row in journal.rows()] == list(range(1, 8))
    await journal.close()
