"""What a journal holds, as plain records."""

from typing import NamedTuple

from dita.spec.inputs import Input

DIGEST_BYTES = 32


class Row(NamedTuple):
    """One input that changed something.

    ``digest`` is over the input, its outcome and the whole state after it, so that a replay by another binary cannot
    differ in silence. ``send_by_ns`` is the venue time after which the order that this input submitted may not be
    written any more; 0 when it submitted none. ``wall_ns`` is our own clock, for people only.
    """

    position: int  # 1, 2, 3, … without a gap
    input: Input
    send_by_ns: int
    digest: bytes
    wall_ns: int


class Note(NamedTuple):
    """Something about a trade that the kernel does not keep: what was meant, by which policy, its stop's order id."""

    trade: int
    name: str
    body: str  # JSON


class Entry(NamedTuple):
    """What becomes durable together."""

    row: Row
    notes: tuple[Note, ...] = ()


class JournalMeta(NamedTuple):
    """What was fixed when the journal was made."""

    tag: str  # begins every client order id of this journal (clause I1)
    account: str
    created_ns: int


class Migration(NamedTuple):
    """An operator accepted that a replay differs: up to ``position`` only this final ``digest`` is compared."""

    position: int
    digest: bytes
    wall_ns: int
