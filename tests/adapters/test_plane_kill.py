"""The shared-memory plane with its writers and readers killed at random: nobody ever sees a torn or an empty state."""

import random
from pathlib import Path

import pytest

from machine_profiles import commit_seed
from plane_stress import under_fire

LIVES = 8
WORDS = ("live", "stalled", "died")


def faults(lines: list[str]) -> list[str]:
    return [line for line in lines if line.split()[0] not in WORDS]


def test_no_reader_ever_sees_a_torn_or_empty_state(tmp_path: Path) -> None:
    """Eight lives of a writer at full speed, two readers: whole packets, in order, every death noticed, no damage."""
    lines = under_fire(tmp_path, tmp_path, lives=LIVES, rng=random.Random(commit_seed()))
    assert faults(lines) == []
    told = [line.split() for line in lines]
    assert {life for pulse, life, _ in told if pulse == "died"} >= {str(life) for life in range(1, LIVES + 1)}
    assert {life for pulse, life, _ in told if pulse == "live"} >= {str(life) for life in range(1, LIVES + 1)}
    assert {damaged for _, _, damaged in told} == {"0"}


@pytest.mark.parametrize(("planted", "fault"), [("unchecked", "torn"), ("zeroed first", "empty")])
def test_the_stress_finds_a_plane_that_is_none(tmp_path: Path, planted: str, fault: str) -> None:
    """Planted: no checksum, and the predecessor's zeroing (flaw X2). Each is seen within two lives."""
    lines = under_fire(tmp_path, tmp_path, lives=2, rng=random.Random(1), planted=planted)
    assert {line.split()[0] for line in faults(lines)} >= {fault}


def test_readers_and_writers_live_on_when_a_region_is_cut(tmp_path: Path) -> None:
    """Flaw X7: somebody cuts the file at random while it is written and read; damage is told, and nobody ends of it."""
    lines = under_fire(tmp_path, tmp_path, lives=4, rng=random.Random(commit_seed()), is_cut=True)
    assert set(faults(lines)) <= {"damaged"}
    assert {line.split()[1] for line in lines if line.startswith("live ")} >= {"1", "2", "3", "4"}
