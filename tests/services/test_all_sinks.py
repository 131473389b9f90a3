"""A session with everything on, killed ten times at random with everything beside it: every sink is as the journal."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from all_sinks import company, played
from analytics_parts import opened, written_twice
from dita.conformance.defects import REPOSITORY, defects, plant, planted, run_python
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import RawKernel, installed_bindings
from dita.spec.certificate import Bindings
from machine_profiles import commit_seed
from sink_judge import Commanded, Ends, Truth, judged, truth_of

JAR: Final = Path(sys.prefix) / "hazelcast" / "hazelcast-5.5.0.jar"
KILLS: Final = 10
PLAY: Final = REPOSITORY / "tests" / "support" / "all_sinks.py"
PLANTED: Final = [one for one in defects() if one.name.startswith("sinks-")]
PLANTED_SEED: Final = 32  # both feeders are killed in the first life, and the relay is not
WriteCertificate = Callable[[Path, Bindings], Path]


@pytest.mark.timeout(600)
def test_ten_kills_leave_every_sink_as_the_journal_says(
    tmp_path: Path, raw_kernel: RawKernel, write_certificate: WriteCertificate, capsys: pytest.CaptureFixture[str]
) -> None:
    """Row for row in both stores, field for field in plane and cluster, each answered command once; damage is seen.

    Killed at random are the session, both feeders, the server of one and the relay; the seed is the commit's.
    """
    certificate = write_certificate(tmp_path / "certificate", installed_bindings(raw_kernel))
    with company(tmp_path, certificate, JAR) as made:
        ends = played(made, KILLS, commit_seed())
        truth = truth_of(ends.journal)
        killed = {one.name: one.killed for one in made.beside} | {"http": made.served.killed}
        with capsys.disabled():
            sys.stdout.write(
                f"\nall sinks: {truth.end.journal_position} rows, session killed {made.killed} times, {killed}\n"
            )

        assert judged(ends, truth) == []
        assert made.killed == KILLS
        assert sum(killed.values()) >= KILLS // 2
        assert sum(one.position is not None for one in ends.commands) >= 2  # by the socket and by the cluster
        assert truth.end.journal_position > 100
        assert_damage_is_seen(ends, truth)


def assert_damage_is_seen(ends: Ends, truth: Truth) -> None:
    """A row lost, another one there twice, snapshots and metrics of before, commands that were not or otherwise."""
    with opened(ends.folder) as store:
        store.connection.command(
            "ALTER TABLE fill_events DELETE WHERE journal_position ="
            " (SELECT max(journal_position) FROM fill_events) SETTINGS mutations_sync = 2"
        )
    with opened(ends.server) as store:
        written_twice(store, "order_events", "LIMIT 1 OFFSET 5")
    before, (_, _, after) = ends.plane.engine.journal_position - 1, ends.scraped_rows
    answered = next(one for one in ends.commands if one.position is not None)
    damaged = ends._replace(
        plane=ends.plane._replace(engine=ends.plane.engine._replace(journal_position=before)),
        grid=ends.grid._replace(engine=ends.grid.engine._replace(capital_e8_usdt=0)),
        scraped_rows=(after, after - 1, after),
        commands=(
            Commanded("of nobody", 1, after), answered._replace(position=1),
            answered._replace(slot_limit=answered.slot_limit + 1),
        ),
        figures=ends.figures | {"final_position": 1},
    )  # fmt: skip
    found = judged(damaged, truth)

    for wanted in (
        "folder: fill_events: ", "server: order_events: 0 rows missing, 1 too many", "plane: journal_position is",
        "cluster: capital_e8_usdt is", "metrics: ", "`of nobody` stands 0 times", "was answered at row 1",
        f"the limit is `{answered.slot_limit}`", "session: final_position is `1`",
    ):  # fmt: skip
        assert any(wanted in one for one in found), (wanted, found)
    assert len(found) == 9, found


@pytest.mark.timeout(400)
def test_planted_defects_are_seen_in_their_sinks(
    tmp_path: Path, raw_kernel: RawKernel, write_certificate: WriteCertificate
) -> None:
    """Rows that a restarted feeder skips, and a relay that stays with the session of before: one kill is enough."""
    certificate = write_certificate(tmp_path / "certificate", installed_bindings(raw_kernel))
    first, second = PLANTED
    with planted(first) as tree:
        plant(second, tree)
        shutil.copy(IMAGE_PATH, tree / "kernel_rs" / "dita" / "kernel")  # the defects are in Python
        arguments = [str(PLAY), str(tmp_path), str(certificate), str(JAR), "1", str(PLANTED_SEED)]
        done = run_python(tree, arguments, seconds=380)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "rows missing" in done.stdout
    assert "cluster: journal_position is" in done.stdout
    assert {line.partition(":")[0] for line in done.stdout.splitlines()} <= {"folder", "server", "cluster"}
