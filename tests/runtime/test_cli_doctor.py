"""The doctor asked by command about a runtime at work: what it reads of shared memory is that runtime's, and whole."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from command import dita
from dita.adapters.plane import PlaneWriter, place_of
from dita.adapters.plane.layout import HEAD_BYTES, place_at
from dita.runtime.publishing import SCHEMA
from dita.spec.published import packed
from dita.spec.published.snapshot import LiveSnapshot
from screen_looks import ENGINE, HEALTH

pytestmark = pytest.mark.unmeasured

WELL = packed(LiveSnapshot(ENGINE, HEALTH))


def pulse_of(folder: Path) -> dict[str, Any]:
    """What `dita doctor --running` says of the pulse of the journal in this folder."""
    done = dita(folder, "doctor", "--running", "--json", "doctor.json", DITA_PLANE=str(folder))
    assert done.returncode == 1, done.stderr  # nobody holds the journal
    rows = json.loads((folder / "doctor.json").read_text())["figures"]["results"]
    pulses: list[dict[str, Any]] = [row for row in rows if row["check"] == "pulse"]
    return pulses[0]


def test_half_a_packet_is_passed_over(tmp_path: Path) -> None:
    """Flaw X7: the newest word of the runtime is damaged; the one before it is read instead, and nothing crashes."""
    (tmp_path / "out").mkdir()
    place = place_of(tmp_path, tmp_path / "out" / "journal.sqlite")
    soon_ns = time.monotonic_ns() + 60 * 10**9  # the command may take a while to look
    with PlaneWriter(place, SCHEMA, WELL, soon_ns) as writer:
        writer.publish(WELL, soon_ns)
        handle = os.open(place.region, os.O_RDWR)
        os.pwrite(handle, bytes(len(WELL) // 2), place_at(2) + HEAD_BYTES)
        os.close(handle)
        pulse = pulse_of(tmp_path)
    assert (pulse["health"], pulse["found"].partition(",")[0]) == ("ok", "live")


def test_the_pulse_of_another_journal_is_none_of_ours(tmp_path: Path) -> None:
    """Flaw X10: somebody else's runtime is alive and publishes in the same folder; ours is as dead as before."""
    for name in ("out", "other"):
        (tmp_path / name).mkdir()
    with PlaneWriter(place_of(tmp_path, tmp_path / "other" / "journal.sqlite"), SCHEMA, WELL, time.monotonic_ns()):
        pulse = pulse_of(tmp_path)
    assert pulse["health"] == "fail"
    assert "nobody publishes" in pulse["found"]
