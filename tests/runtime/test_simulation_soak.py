"""The soak: hours in rounds, each judged; what a process holds may not grow, and a planted leak turns it red."""

from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

from dita.kernel.loader import CertifiedKernel
from dita.runtime.live import Runtime
from dita.runtime.simulation.scenario import DISK_KINDS, FAULT_KINDS, Happening, soak_scenario
from dita.runtime.simulation.soak import Held, Soaked, grown, soak

MIB = 1 << 20
HELD = Held(resident_bytes=100 * MIB, handles=20, connections=50, tasks=25, objects=100_000)


def quiet(text: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
    assert (text, done < total) == ("soaking, rounds", True)


def run(certified: CertifiedKernel) -> Soaked:
    """Five short rounds."""
    return soak(1, 0.01, certified, quiet, round_seconds=15.0)


def test_a_short_soak_is_sound_and_flat(certified_kernel: CertifiedKernel) -> None:
    """Five rounds with faults and new processes: each is judged, and the last holds no more than the second."""
    soaked = run(certified_kernel)
    assert soaked.found == []
    assert len(soaked.held) == 5
    assert soaked.starts > 5
    assert len(soaked.fired) > 25
    assert soaked.inputs > 150
    assert grown(soaked.quarters) == []


def test_planted_leaks_are_seen(certified_kernel: CertifiedKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each input leaves something behind, as in a runtime that forgets to let go: what grows is named."""
    files: list[IO[bytes]] = []
    kept: list[object] = []
    trade = Runtime.trade

    def leak(event: object, _: object) -> None:
        files.append(Path("/dev/null").open("rb"))  # noqa: SIM115 - it is closed below
        kept.extend([event] for _ in range(200))
        kept.append(bytearray(500_000))

    def leaking(self: Runtime) -> None:
        self.engine.observers.append(leak)
        trade(self)

    monkeypatch.setattr(Runtime, "trade", leaking)
    soaked = run(certified_kernel)
    for file in files:
        file.close()
    assert [one.split(":")[0] for one in grown(soaked.quarters)] == ["resident_bytes", "handles", "objects"]


@pytest.mark.parametrize(
    ("last", "names"),
    [
        (HELD, []),
        (HELD._replace(resident_bytes=110 * MIB), []),
        (HELD._replace(resident_bytes=111 * MIB), ["resident_bytes"]),
        (HELD._replace(handles=22, connections=82, tasks=33), []),
        (HELD._replace(handles=23), ["handles"]),
        (HELD._replace(connections=83), ["connections"]),
        (HELD._replace(tasks=34), ["tasks"]),
        (HELD._replace(objects=110_001), ["objects"]),
        (HELD._replace(handles=50, tasks=50), ["handles", "tasks"]),
        (Held(1, 1, 1, 1, 1), []),
    ],
)
def test_what_has_grown_is_named(last: Held, names: list[str]) -> None:
    """The last quarter against the first: a tenth more, or what comes and goes, is allowed."""
    assert [one.split(":")[0] for one in grown((HELD, HELD, HELD, last))] == names


def test_quarters_take_the_most_of_each_and_leave_out_the_warm_up() -> None:
    """A peak in the middle of a quarter is not overlooked; less than a round a quarter is no soak."""
    rounds = [HELD._replace(handles=number) for number in (99, 1, 5, 2, 3, 7, 4, 8, 6)]
    assert [quarter.handles for quarter in Soaked(held=rounds).quarters] == [5, 3, 7, 8]
    assert Soaked(held=rounds[:4]).quarters == ()
    assert grown(()) == ["it ended before there were four quarters to compare"]


def test_too_few_inputs_make_a_soak_void() -> None:
    """Hours in which little happens prove little; what was found is told first."""
    soaked = Soaked(inputs=999, virtual_seconds=100.0, cpu_seconds=1.0, held=[HELD] * 5, found=["round 1: bad"])
    assert soaked.problems() == ["round 1: bad", "999 inputs in 100 s are fewer than 10 a second"]
    assert replace(soaked, inputs=1000, found=[]).problems() == []
    assert soaked.figures["violations"] == 1


def test_rounds_draw_every_kind_that_needs_no_simulated_disk() -> None:
    """Within a few rounds; times of the exchange's clock lie within their round."""
    begins, seconds = 7200.0, 100.0
    drawn = [trouble.what for seed in range(12) for trouble in soak_scenario(seed, seconds, begins).troubles]
    assert {what.kind for what in drawn} == set(FAULT_KINDS) - DISK_KINDS
    first = soak_scenario(3, seconds, 0.0).troubles
    later = soak_scenario(3, seconds, begins).troubles
    for before, after in zip(first, later, strict=True):
        if hasattr(before.what, "at_ms"):
            assert after.what.at_ms == before.what.at_ms + 7_200_000  # type: ignore[union-attr] # of a timed fault
        else:
            assert after.what == before.what
    assert all(what.at < seconds for what in drawn if isinstance(what, Happening))
