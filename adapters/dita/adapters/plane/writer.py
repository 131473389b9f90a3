"""The one writer of a plane. It never waits: a publication is two writes to a file in memory.

Writes, not stores into mapped pages: if somebody cuts the file short, or the memory is full, a write fails, where a
store would kill the process that trades.
"""

import os
from contextlib import suppress
from typing import Self, final

from dita.adapters.plane.errors import PlaneInUse, PlaneUnusable
from dita.adapters.plane.layout import (
    PAYLOAD_BYTES_MAX,
    REGION_BYTES,
    WORD,
    Packet,
    header,
    newest,
    packed,
    place_at,
    word_at,
)
from dita.adapters.plane.locks import try_to_hold
from dita.adapters.plane.places import Place, is_named, make_folder

_TRIES = 10


@final
class PlaneWriter:
    """See the module. A process that dies leaves its last packet, and no lock."""

    def __init__(self, place: Place, schema: bytes, payload: bytes, now_ns: int) -> None:
        """Publish a first packet. ``schema``: SHA-256 of what payloads are. ``now_ns``: CLOCK_MONOTONIC.

        Raises PlaneInUse while another process publishes there, PlaneUnusable, ValueError.
        """
        self._place = place
        self._header = header(schema)
        self._payload = _checked(payload)
        self._pid = os.getpid()
        self._now_ns = now_ns
        self.sequence = 0
        make_folder(place)
        try:
            self._handle = self._opened()
        except OSError as error:
            raise PlaneUnusable(
                str(place.region), f"it cannot be made ({error.strerror})", "free memory there, or set DITA_PLANE"
            ) from error

    def publish(self, payload: bytes, now_ns: int) -> None:
        """Make this the newest packet. Raises OSError, and ValueError for a payload that is too long."""
        self._payload = _checked(payload)
        self._publish(self._handle, self._payload, now_ns, is_last=False)

    def close(self, now_ns: int) -> None:
        """Say that it was the last one, and take the place away; who has it open still reads it. Never raises."""
        with suppress(OSError):
            self._publish(self._handle, self._payload, now_ns, is_last=True)
        with suppress(OSError):
            self._place.region.unlink(missing_ok=True)
        os.close(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close(self._now_ns)

    def _publish(self, handle: int, payload: bytes, now_ns: int, *, is_last: bool) -> None:
        sequence = self.sequence + 1
        os.pwrite(handle, packed(Packet(sequence, now_ns, self._pid, is_last, payload)), place_at(sequence))
        os.pwrite(handle, WORD.pack(sequence), word_at(sequence))
        self.sequence = sequence
        self._now_ns = now_ns

    # --- opening -----------------------------------------------------------------------------------------------------

    def _opened(self) -> int:
        """A locked descriptor with our first packet in it: of the region that the last writer left, or of a new one.

        Raises OSError, PlaneInUse.
        """
        for _ in range(_TRIES):
            handle = self._left() or self._made()
            if handle is not None:
                return handle
        raise self._in_use()  # others come and go faster than we can look

    def _left(self) -> int | None:
        """The region that is there, None when there is none (any more) that can be used."""
        try:
            handle = os.open(self._place.region, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        try:
            is_ours = self._goes_on(handle)
        except BaseException:
            os.close(handle)
            raise
        if is_ours:
            return handle
        os.close(handle)
        return None

    def _goes_on(self, handle: int) -> bool:
        """Whether it is locked now, with our packet behind the last writer's. Raises OSError, PlaneInUse."""
        if not try_to_hold(handle):
            raise self._in_use()
        if not is_named(handle, self._place.region):  # taken away or replaced since it was opened
            return False
        packet, _ = newest(lambda at, count: os.pread(handle, count, at))
        if packet is None or os.pread(handle, len(self._header), 0) != self._header:
            self._place.region.unlink()  # another version's, or nothing that can be gone on with
            return False
        self.sequence = packet.sequence
        self._publish(handle, self._payload, self._now_ns, is_last=False)
        return True

    def _made(self) -> int | None:
        """A region with a packet in it, and only then with a name; None when somebody was faster."""
        folder = os.open(self._place.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        handle = -1
        try:
            handle = os.open(self._place.folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try_to_hold(handle)
            os.posix_fallocate(handle, 0, REGION_BYTES)  # what there is no room for fails now
            os.pwrite(handle, self._header, 0)
            self.sequence = 0
            self._publish(handle, self._payload, self._now_ns, is_last=False)
            # With a descriptor of the folder, because only then Python follows the link to the unnamed file.
            os.link(f"/proc/self/fd/{handle}", self._place.region.name, dst_dir_fd=folder)
        except FileExistsError:
            os.close(handle)
            return None
        except BaseException:
            if handle >= 0:
                os.close(handle)
            raise
        finally:
            os.close(folder)
        return handle

    def _in_use(self) -> PlaneInUse:
        return PlaneInUse(
            str(self._place.region), "another process publishes there", "stop that runtime, or give another journal"
        )


def _checked(payload: bytes) -> bytes:
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise ValueError(f"payload: {len(payload)} bytes, at most {PAYLOAD_BYTES_MAX}; publish less")
    return payload
