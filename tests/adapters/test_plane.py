"""The shared-memory plane by itself: its names, its one writer, damage of every kind, deaths at every byte."""

import math
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest

from dita.adapters.plane import (
    PAYLOAD_BYTES_MAX,
    Place,
    PlaneDamaged,
    PlaneError,
    PlaneInUse,
    PlaneMissing,
    PlaneReader,
    PlaneUnusable,
    PlaneWriter,
    Pulse,
    layout,
    place_of,
)
from dita.adapters.plane.layout import HEAD_BYTES, INDEX_AT, PACKETS, REGION_BYTES, place_at, word_at

SCHEMA = bytes(range(32))
OTHER_SCHEMA = bytes(32)
SECOND_NS = 1_000_000_000
BUSY_BYTES = 8_192  # more than a busy runtime publishes
TIMES_SLOWER_MAX = 8  # than a bare copy of as many bytes


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place of its own."""
    return place_of(tmp_path, tmp_path / "journal.sqlite")


def published(place: Place, count: int) -> PlaneWriter:
    """A writer that has published so many packets, each of its number."""
    writer = PlaneWriter(place, SCHEMA, b"packet 1", 1)
    for number in range(2, count + 1):
        writer.publish(b"packet %d" % number, number)
    return writer


def die(writer: PlaneWriter) -> None:
    """End as a killed process does: the descriptor is gone, and nothing else was done."""
    os.close(writer._handle)  # pyright: ignore[reportPrivateUsage] # what the system does


def overwrite(place: Place, at: int, content: bytes) -> None:
    handle = os.open(place.region, os.O_WRONLY)
    os.pwrite(handle, content, at)
    os.close(handle)


# --- names -----------------------------------------------------------------------------------------------------------


def test_two_journals_never_share_a_place_and_two_paths_of_one_do(tmp_path: Path) -> None:
    """By construction (flaws X10, W2): the journal's folder and name, however the path is written."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    paths = ("a/x", "a/y", "b/x", "a/x.plane")
    assert len({place_of(tmp_path, tmp_path / path) for path in paths}) == len(paths)
    for same in ("link/x", "a/../a/x", "a//x"):
        assert place_of(tmp_path, tmp_path / same) == place_of(tmp_path, tmp_path / "a/x")
    with pytest.raises(PlaneUnusable, match="create it first"):
        place_of(tmp_path, tmp_path / "nowhere" / "x")


def test_a_folder_that_others_can_enter_is_refused(place: Place) -> None:
    """By whoever would publish there and whoever would read; the message says what to do."""
    place.folder.mkdir(mode=0o755)
    for user in (lambda: PlaneWriter(place, SCHEMA, b"", 1), lambda: PlaneReader(place, SCHEMA)):
        with pytest.raises(PlaneUnusable, match="run chmod 700"):
            user()
    place.folder.rmdir()
    place.folder.touch()
    with pytest.raises(PlaneUnusable, match="cannot be made"):
        PlaneWriter(place, SCHEMA, b"", 1)
    with (
        mock.patch("dita.adapters.plane.places.os.getuid", return_value=os.getuid() + 1),
        pytest.raises(PlaneUnusable),
    ):
        PlaneWriter(place_of(place.folder.parent, place.folder), SCHEMA, b"", 1)


def test_what_is_made_is_for_its_user_alone(place: Place) -> None:
    """Folder 0700, region 0600, whatever the mask of the process; and all of the memory is there from the start."""
    before = os.umask(0)
    try:
        writer = published(place, 1)
    finally:
        os.umask(before)
    assert (place.folder.stat().st_mode & 0o777, place.region.stat().st_mode & 0o777) == (0o700, 0o600)
    assert place.region.stat().st_blocks * 512 >= REGION_BYTES
    writer.close(2)
    assert list(place.folder.iterdir()) == []


def test_a_folder_that_is_not_there_refuses_the_start(tmp_path: Path) -> None:
    """What was configured is what runs, or nothing does (flaw W9)."""
    with pytest.raises(PlaneUnusable, match="set DITA_PLANE"):
        PlaneWriter(place_of(tmp_path / "gone", tmp_path / "journal"), SCHEMA, b"", 1)


# --- one writer ------------------------------------------------------------------------------------------------------


def test_a_second_writer_is_refused_and_the_first_goes_on(place: Place) -> None:
    """While the first lives, readers or not; once it is dead the next one goes on from its number."""
    first = published(place, 3)
    reader = PlaneReader(place, SCHEMA)
    for _ in range(3):
        with pytest.raises(PlaneInUse, match="another process publishes there"):
            PlaneWriter(place, SCHEMA, b"second", 9)
    assert reader.look(3).packet == (3, 3, os.getpid(), False, b"packet 3")
    die(first)
    second = PlaneWriter(place, SCHEMA, b"second", 9)
    assert reader.look(9).packet[::4] == (4, b"second")
    second.close(10)


def test_without_the_lock_a_second_writer_would_be_let_in(place: Place) -> None:
    """Planted: a lock that is always given. The check above would see it."""
    first = published(place, 3)
    with mock.patch("dita.adapters.plane.writer.try_to_hold", return_value=True):
        PlaneWriter(place, SCHEMA, b"second", 9).close(10)
    die(first)


def test_readers_keep_no_writer_out(place: Place) -> None:
    """Asking whether somebody publishes takes no lock, so a start meets none."""
    die(published(place, 2))
    readers = [PlaneReader(place, SCHEMA) for _ in range(5)]
    pulses = {reader.look(2).pulse for reader in readers}
    PlaneWriter(place, SCHEMA, b"again", 3).close(4)
    assert pulses == {Pulse.DIED}


def test_a_region_of_another_version_is_replaced_by_a_writer_and_refused_by_a_reader(place: Place) -> None:
    """And whoever had the old one open is led to the new one."""
    die(published(place, 2))
    old = PlaneReader(place, SCHEMA)
    with pytest.raises(PlaneUnusable, match="another version"):
        PlaneReader(place, OTHER_SCHEMA)
    writer = PlaneWriter(place, OTHER_SCHEMA, b"new", 3)
    assert PlaneReader(place, OTHER_SCHEMA).look(3).packet.payload == b"new"
    with pytest.raises(PlaneUnusable, match="another version"):
        old.look(3)
    writer.close(4)


def test_a_reader_follows_to_the_next_runtime(place: Place) -> None:
    """An end in order takes the name away; readers of the old region find that of the next runtime."""
    writer = published(place, 2)
    reader = PlaneReader(place, SCHEMA)
    writer.close(3)
    assert reader.look(4)[:2] == ((3, 3, os.getpid(), True, b"packet 2"), Pulse.ENDED)
    with pytest.raises(PlaneMissing, match="start the runtime"):
        PlaneReader(place, SCHEMA)
    with published(place, 1):
        assert reader.look(4)[:2] == ((1, 1, os.getpid(), False, b"packet 1"), Pulse.LIVE)


def test_a_name_is_taken_once(place: Place) -> None:
    """Two that begin at the same moment: a new region gets its name only where there is none, so one is refused."""

    def somebody_is_faster(*_: object, **__: object) -> None:
        raise FileExistsError

    with mock.patch("dita.adapters.plane.writer.os.link", somebody_is_faster), pytest.raises(PlaneInUse):
        PlaneWriter(place, SCHEMA, b"late", 1)
    assert list(place.folder.iterdir()) == []


# --- the pulse -------------------------------------------------------------------------------------------------------


def test_silence_death_and_an_end_are_told_apart(place: Place) -> None:
    """By the age of the newest packet while its writer lives, else by whether it was the last one."""
    writer = published(place, 1)
    reader = PlaneReader(place, SCHEMA)
    assert reader.look(1 + 3 * SECOND_NS) == (reader.read()[0], Pulse.LIVE, 3 * SECOND_NS, ())
    assert reader.look(2 + 3 * SECOND_NS).pulse is Pulse.STALLED
    writer.publish(b"again", 5 * SECOND_NS)
    assert reader.look(5 * SECOND_NS)[1:3] == (Pulse.LIVE, 0)
    die(writer)
    assert reader.look(5 * SECOND_NS).pulse is Pulse.DIED


# --- damage ----------------------------------------------------------------------------------------------------------


def test_damage_of_every_byte_is_reported_and_skipped(place: Place) -> None:
    """Flaw X7: any byte of the newest packet or of its index word; the one before it is read, and the damage told."""
    writer = published(place, 3)
    handle = os.open(place.region, os.O_RDWR)
    spots = [place_at(3) + offset for offset in range(HEAD_BYTES + len(b"packet 3"))]
    spots += [word_at(3) + offset for offset in range(8)]
    for spot in spots:
        (good,) = os.pread(handle, 1, spot)
        os.pwrite(handle, bytes([good ^ 0x41]), spot)
        with PlaneReader(place, SCHEMA) as reader:
            packet, damaged = reader.read()
        assert packet.payload == b"packet 2", spot
        assert len(damaged) == 1, spot
        os.pwrite(handle, bytes([good]), spot)
    assert PlaneReader(place, SCHEMA).read() == ((3, 3, os.getpid(), False, b"packet 3"), ())
    os.close(handle)
    writer.close(4)


def test_a_region_cut_short_anywhere_raises_nothing_but_its_own_error(place: Place) -> None:
    """A partial read is damage like any other; there is no page to die on."""
    die(published(place, 3))
    cuts = [*range(0, place_at(0) + 1, 7), *(place_at(number) + more for number in range(4) for more in (0, 10, 40))]
    for cut in sorted(cuts, reverse=True):
        os.truncate(place.region, cut)
        try:
            with PlaneReader(place, SCHEMA) as reader:
                assert reader.look(3).packet.payload.startswith(b"packet ")
        except (PlaneDamaged, PlaneUnusable) as error:
            assert str(place.region) in str(error)  # noqa: PT017 - either of the two, or a packet


def test_a_writer_does_not_die_of_a_region_cut_short(place: Place) -> None:
    """It goes on, and what it publishes then is read."""
    writer = published(place, 3)
    os.truncate(place.region, 0)
    writer.publish(b"packet 4", 4)
    overwrite(place, 0, layout.header(SCHEMA))
    assert PlaneReader(place, SCHEMA).read()[0].payload == b"packet 4"
    writer.close(5)


def test_what_was_seen_is_not_taken_back(place: Place) -> None:
    """A reader that has seen packet 3 gives it again, not packet 2, when 3 is damaged afterwards."""
    writer = published(place, 3)
    reader = PlaneReader(place, SCHEMA)
    assert reader.read()[0].sequence == 3
    overwrite(place, place_at(3), b"damage")
    packet, damaged = reader.read()
    assert (packet.payload, len(damaged), reader.damaged) == (b"packet 3", 1, 1)
    writer.close(4)


def test_a_plane_without_a_sound_packet_says_so_and_the_next_writer_replaces_it(place: Place) -> None:
    """Nothing is made up; and nobody has to remove a file by hand."""
    die(published(place, 9))
    for number in range(PACKETS):
        overwrite(place, place_at(number), b"damage")
    with pytest.raises(PlaneDamaged, match="packet 9: its head says"):
        PlaneReader(place, SCHEMA).look(9)
    with PlaneWriter(place, SCHEMA, b"again", 10):
        assert PlaneReader(place, SCHEMA).read()[0][::4] == (1, b"again")


def test_a_packet_that_is_being_replaced_is_no_damage(place: Place) -> None:
    """A copy that its writer overtakes is made again, and nothing is reported."""
    writer = published(place, 3)
    handle = os.open(place.region, os.O_RDONLY)
    overtaken = [False]

    def copy(at: int, count: int) -> bytes:
        if at == place_at(3) and not overtaken[0]:
            overtaken[0] = True
            for number in range(4, 4 + PACKETS):
                writer.publish(b"packet %d" % number, number)
        return os.pread(handle, count, at)

    packet, damaged = layout.newest(copy)
    assert packet is not None
    assert (packet.payload, damaged) == (b"packet 7", ())
    os.close(handle)
    writer.close(9)


def test_a_writer_that_dies_at_any_byte_leaves_the_packet_before(tmp_path: Path) -> None:
    """Killed within a publication: whatever part of it was written, the newest whole packet is read, without damage.

    And the next writer goes on behind it.
    """
    whole = HEAD_BYTES + len(b"packet 5")
    for written in range(whole + 1 + 8):
        place = place_of(tmp_path, tmp_path / f"journal {written}")
        writer = published(place, 4)
        with mock.patch("dita.adapters.plane.writer.os.pwrite", partly(written)), pytest.raises(KilledError):
            writer.publish(b"packet 5", 5)
        die(writer)
        with PlaneReader(place, SCHEMA) as reader:
            seen = reader.look(5)
            assert seen.packet.sequence == (5 if written > whole else 4), written  # the number's first byte tells it
            assert seen.damaged == ()
            with PlaneWriter(place, SCHEMA, b"next", 6) as following:
                assert following.sequence == seen.packet.sequence + 1
                assert reader.look(6).packet.payload == b"next"


class KilledError(BaseException):
    """The process is gone."""


def partly(count: int) -> Callable[[int, bytes, int], int]:
    """A pwrite that writes so many bytes all in all, and then the process is gone."""
    left = [count]
    pwrite = os.pwrite

    def write(handle: int, content: bytes, at: int) -> int:
        part = content[: left[0]]
        left[0] -= len(part)
        pwrite(handle, part, at)
        if left[0] <= 0:
            raise KilledError
        return len(part)

    return write


# --- bounds and speed ------------------------------------------------------------------------------------------------


def test_a_payload_that_is_too_long_changes_nothing(place: Place) -> None:
    """It is refused by its length; the longest is carried whole."""
    with published(place, 1) as writer:
        reader = PlaneReader(place, SCHEMA)
        with pytest.raises(ValueError, match=f"{PAYLOAD_BYTES_MAX + 1} bytes, at most {PAYLOAD_BYTES_MAX}"):
            writer.publish(bytes(PAYLOAD_BYTES_MAX + 1), 2)
        assert reader.read()[0].payload == b"packet 1"
        longest = os.urandom(PAYLOAD_BYTES_MAX)
        writer.publish(longest, 3)
        assert reader.read()[0].payload == longest
        assert {place_at(number) for number in range(PACKETS)} == {place_at(number) for number in range(4, 8)}
        assert place_at(PACKETS - 1) + HEAD_BYTES + PAYLOAD_BYTES_MAX <= REGION_BYTES
        assert place_at(PACKETS) >= INDEX_AT + 8 * PACKETS


def test_every_error_says_where_what_and_what_to_do() -> None:
    """And survives the way between processes."""
    error = PlaneError("there", "it is broken", "mend it")
    assert str(error) == "plane `there`: it is broken; mend it"
    assert error.__reduce__() == (PlaneError, ("there", "it is broken", "mend it"))


def test_a_publication_and_a_reading_cost_little_more_than_their_copies(tmp_path: Path) -> None:
    """Each at most a few times what the same bytes cost that are only copied, both in turns; encoding is apart."""
    place = place_of(Path("/dev/shm"), tmp_path / "journal")
    payload = os.urandom(BUSY_BYTES)
    with PlaneWriter(place, SCHEMA, payload, 1) as writer, PlaneReader(place, SCHEMA) as reader, bare_file() as bare:
        written = times_slower(lambda: writer.publish(payload, 2), lambda: os.pwrite(bare, payload, 0))
        read = times_slower(reader.read, lambda: os.pread(bare, BUSY_BYTES, 0))
        waiting = times_slower(lambda: (sum(range(2_000)), reader.read()), lambda: os.pread(bare, BUSY_BYTES, 0))

    assert written <= TIMES_SLOWER_MAX
    assert read <= TIMES_SLOWER_MAX
    assert waiting > TIMES_SLOWER_MAX  # some twenty microseconds more would be noticed


@contextmanager
def bare_file() -> Generator[int]:
    """A descriptor of a file in the same memory."""
    handle = os.open("/dev/shm", os.O_TMPFILE | os.O_RDWR)
    try:
        yield handle
    finally:
        os.close(handle)


def times_slower(work: Callable[[], object], yardstick: Callable[[], object]) -> float:
    """Processor time of one to that of the other, each in the best of many short rounds, in turns."""
    best = [math.inf, math.inf]
    for _ in range(100):
        for number, one in enumerate((work, yardstick)):
            began = time.process_time_ns()
            for _ in range(100):
                one()
            best[number] = min(best[number], time.process_time_ns() - began)
    return best[0] / best[1]
