"""What the memory of a plane holds: a header, an index, and a ring of packets. All numbers are little-endian.

A packet is written into the place of the oldest one, and then its number into the index. So a reader has the newest
whole one at every moment, also when its writer is killed half-way through the next; and a plane is made whole, with a
packet in it, before it gets its name.

What makes a packet a packet is its checksum, over head and payload as they were copied, and nothing else: whatever
order the stores of another processor arrive in, a copy that mixes two packets is not believed (one in 2^64 would be,
if it came to that). The order only makes such copies rare. Packet and index word are two system calls, each a copy
within the kernel; x86-64 shows other processors the stores of one in the order in which it made them, and an aligned
word is copied in one piece. That is what this machine does, not what Python or POSIX promise.
"""

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from xxhash import xxh3_64_intdigest

MAGIC: Final = b"DITAPLN2"
PACKETS: Final = 4  # a copy meets its writer only if three more packets are published while it is made
PAYLOAD_BYTES_MAX: Final = 64 * 1024 - 64
SCHEMA_BYTES: Final = 32

_HEADER: Final = struct.Struct(f"<8sII{SCHEMA_BYTES}s")  # magic, packets, payload bytes at most, schema's digest
INDEX_AT: Final = 64
INDEX: Final = struct.Struct(f"<{PACKETS}Q")  # the sequence of the packet in each place; 0: none yet
WORD: Final = struct.Struct("<Q")
_FIELDS: Final = struct.Struct("<QQQII")  # sequence, published (monotonic ns), writer's process, payload bytes, last
_CHECKSUM: Final = struct.Struct("<Q")  # XXH3 of the payload, seeded with that of the fields
HEAD_BYTES: Final = _FIELDS.size + _CHECKSUM.size
_FIRST_AT: Final = 128
_PLACE_BYTES: Final = PAYLOAD_BYTES_MAX + 64
_TRIES: Final = 100
REGION_BYTES: Final = _FIRST_AT + PACKETS * _PLACE_BYTES


class Packet(NamedTuple):
    """One publication."""

    sequence: int  # 1, 2, 3, …, and goes on where the last writer ended
    published_ns: int  # CLOCK_MONOTONIC, the same for every process of this machine
    writer_pid: int
    is_last: bool  # its writer ended in order after it
    payload: bytes


def header(schema: bytes) -> bytes:
    """The fixed beginning of a region. ``schema``: SHA-256 of what its payloads are."""
    return _HEADER.pack(MAGIC, PACKETS, PAYLOAD_BYTES_MAX, schema)


def place_at(sequence: int) -> int:
    """The offset of the place that a sequence number has in a region."""
    return _FIRST_AT + (sequence % PACKETS) * _PLACE_BYTES


def word_at(sequence: int) -> int:
    """The offset of its word in the index."""
    return INDEX_AT + WORD.size * (sequence % PACKETS)


def checksum(fields: bytes, payload: bytes) -> int:
    """Of all that a packet says, in 64 bits. It finds accidents; who may write here needs no accident."""
    return xxh3_64_intdigest(payload, xxh3_64_intdigest(fields))


def packed(packet: Packet) -> bytes:
    """What stands in a packet's place: head, checksum included, and payload."""
    payload = packet.payload
    fields = _FIELDS.pack(
        packet.sequence, packet.published_ns, packet.writer_pid, len(payload), 1 if packet.is_last else 0
    )
    return fields + _CHECKSUM.pack(checksum(fields, payload)) + payload


Copy = Callable[[int, int], bytes]
"""Copies so many bytes from an offset of a region; fewer where the region ends."""


def newest(copy: Copy, expected_bytes: int = 0) -> tuple[Packet | None, tuple[str, ...]]:
    """The newest sound packet of a region, None if there is none; and what is wrong with each newer one.

    A place that changes while it is copied is copied again: its writer was there, which is no damage.
    ``expected_bytes``: what payloads are thought to have; another length costs one more copy.
    """
    packet: Packet | None = None
    damaged: tuple[str, ...] = ()
    for _ in range(_TRIES):
        index = copy(INDEX_AT, INDEX.size)
        if len(index) != INDEX.size:
            return None, ("the memory ends within its index",)
        packet, damaged = _newest_of(copy, INDEX.unpack(index), expected_bytes)
        if not damaged or copy(INDEX_AT, INDEX.size) == index:
            break
    return packet, damaged


def _newest_of(copy: Copy, index: tuple[int, ...], expected_bytes: int) -> tuple[Packet | None, tuple[str, ...]]:
    damaged: tuple[str, ...] = ()
    for sequence in sorted(index, reverse=True):
        if sequence == 0:
            continue
        found = _copied(copy, sequence, expected_bytes)
        if isinstance(found, Packet):
            return found, damaged
        damaged = (*damaged, found)
    return None, damaged


def _copied(copy: Copy, sequence: int, expected_bytes: int) -> Packet | str:
    """The packet of this number, or what is wrong with the copy."""
    at = place_at(sequence)
    content = copy(at, HEAD_BYTES + expected_bytes)
    if len(content) < HEAD_BYTES:
        return f"packet {sequence}: the memory ends within its head"
    found, published_ns, writer_pid, length, last = _FIELDS.unpack_from(content)
    if found != sequence or length > PAYLOAD_BYTES_MAX:
        return f"packet {sequence}: its head says {found}, of {length} bytes"
    if length > expected_bytes:
        content = copy(at, HEAD_BYTES + length)
    payload = content[HEAD_BYTES : HEAD_BYTES + length]
    (expected,) = _CHECKSUM.unpack_from(content, _FIELDS.size)
    if len(payload) != length or checksum(content[: _FIELDS.size], payload) != expected:
        return f"packet {sequence}: its checksum is wrong"
    return Packet(sequence, published_ns, writer_pid, bool(last), payload)
