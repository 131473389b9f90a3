"""The screen's view of a running process: alive, standing still, ended, dead, unreadable, damaged, not there."""

import os
import subprocess
import sys
from pathlib import Path

from dita.adapters.plane import Place, PlaneReader, PlaneWriter
from dita.runtime.screen.live_source import LiveSource
from dita.runtime.screen.look import Look, Standing
from dita.runtime.screen.panels import banner
from dita.spec.published import fingerprint, packed
from dita.spec.published.snapshot import LiveSnapshot
from screen_looks import ENGINE, HEALTH, NOW_NS, S

SCHEMA = bytes.fromhex(fingerprint())
PAYLOAD = packed(LiveSnapshot(ENGINE, HEALTH))
BEGAN_NS = 5_000 * S  # monotonic


class Hand:
    """Clocks that a test moves; our own is so far ahead of the snapshot."""

    def __init__(self) -> None:
        self.now_ns = BEGAN_NS

    def wall_ns(self) -> int:
        """UTC."""
        return NOW_NS + self.now_ns - BEGAN_NS

    def monotonic_ns(self) -> int:
        """The machine's."""
        return self.now_ns


def watched(folder: Path) -> tuple[Place, Hand, LiveSource]:
    """A place in the folder, a clock, and a source that looks there."""
    place, clock = Place(folder / "plane", "j"), Hand()
    return place, clock, LiveSource(lambda: PlaneReader(place, SCHEMA), "out/journal.sqlite", clock)


def test_a_process_is_seen_from_before_it_begins_to_after_it_ended(tmp_path: Path) -> None:
    """Missing, live, standing still, live again, ended, and the next one: one source, no number ever taken for live."""
    place, clock, source = watched(tmp_path)
    assert source.look() == Look(
        Standing.MISSING, NOW_NS, about="nobody publishes for out/journal.sqlite: `dita run` does"
    )  # fmt: skip
    writer = PlaneWriter(place, SCHEMA, PAYLOAD, clock.now_ns)
    assert source.look() == Look(Standing.LIVE, NOW_NS, ENGINE, HEALTH)
    clock.now_ns += 4 * S
    stalled = source.look()
    assert (stalled.standing, stalled.old_ns, stalled.now_ns) == (Standing.STALLED, 4 * S, HEALTH.made_ns)
    newer = HEALTH._replace(sequence=HEALTH.sequence + 1)
    writer.publish(packed(LiveSnapshot(ENGINE, newer)), clock.now_ns)
    assert source.look() == Look(Standing.LIVE, NOW_NS + 4 * S, ENGINE, newer)
    writer.close(clock.now_ns)
    clock.now_ns += S
    ended = source.look()
    assert (ended.standing, ended.old_ns) == (Standing.ENDED, S)
    assert "ENDED for 1.0 s: THESE NUMBERS ARE OLD" in banner(ended).plain
    with PlaneWriter(place, SCHEMA, PAYLOAD, clock.now_ns):
        assert source.look().standing is Standing.LIVE
    source.close()


def test_a_killed_process_is_dead_and_not_live(tmp_path: Path) -> None:
    """SIGKILL leaves its last packet: shown as what was, with the word DIED."""
    place, clock, source = watched(tmp_path)
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom dita.adapters.plane import Place, PlaneWriter\n"
        "PlaneWriter(Place(Path(sys.argv[1]), 'j'), bytes.fromhex(sys.argv[2]), sys.stdin.buffer.read(), 5)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(place.folder), SCHEMA.hex()], input=PAYLOAD, check=False, timeout=60
    )

    look = source.look()

    assert (look.standing, look.engine, look.health) == (Standing.DIED, ENGINE, HEALTH)
    assert look.old_ns == clock.now_ns - 5
    source.close()


def test_what_cannot_be_understood_is_said(tmp_path: Path) -> None:
    """Another schema, a payload that is none, a folder that others enter: the reason, and no number."""
    place, clock, source = watched(tmp_path)
    with PlaneWriter(place, bytes(32), PAYLOAD, clock.now_ns):
        look = source.look()
        assert (look.standing, look.engine) == (Standing.UNREADABLE, None)
        assert "another version" in look.about
    with PlaneWriter(place, SCHEMA, b"[1, 2]", clock.now_ns) as writer:
        look = source.look()
        assert (look.standing, look.engine) == (Standing.UNREADABLE, None)
        assert "LiveSnapshot" in look.about
        writer.publish(PAYLOAD, clock.now_ns)
        assert source.look().standing is Standing.LIVE
        source.close()
        place.folder.chmod(0o755)
        assert source.look().standing is Standing.UNREADABLE


def test_a_damaged_packet_is_skipped_and_told(tmp_path: Path) -> None:
    """The one before is shown, with a word."""
    place, clock, source = watched(tmp_path)
    with PlaneWriter(place, SCHEMA, PAYLOAD, clock.now_ns) as writer:
        writer.publish(PAYLOAD, clock.now_ns)
        content = bytearray(place.region.read_bytes())
        at = content.rfind(PAYLOAD) + 50
        with place.region.open("r+b") as region:
            os.pwrite(region.fileno(), bytes([content[at] ^ 1]), at)
        look = source.look()
    assert look.engine == ENGINE
    assert "1 damaged packets skipped" in banner(look).plain
    source.close()
