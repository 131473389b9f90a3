"""What a journal holds, as plain records."""

from typing import NamedTuple

from dita.spec.inputs import Input
from dita.spec.layout import unpack

DIGEST_BYTES = 32
ACCOUNT_NOTES = 0  # the trade number of notes about the account as a whole


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


class PackedRow(NamedTuple):
    """A row whose input is still the bytes of ``dita.spec.layout``, as the kernel takes them."""

    position: int
    input: bytes
    send_by_ns: int
    digest: bytes
    wall_ns: int

    def unpacked(self) -> Row:
        """The same with its input as a record."""
        return Row(self.position, unpack(Input, self.input), self.send_by_ns, self.digest, self.wall_ns)


class Note(NamedTuple):
    """Something about a trade that the kernel does not keep: what was meant, by which policy, its stop's order id."""

    trade: int
    name: str
    body: str  # JSON


class Snapshot(NamedTuple):
    """Where a row has led to, so that a start need not walk there with the reference.

    ``outcome`` and ``state`` are packed; with the row's input they give the row's digest. ``past`` is what the runtime
    remembers besides the state, its own JSON. ``made_by`` names the code: another version walks the whole way again.
    """

    position: int
    made_by: str
    outcome: bytes
    state: bytes
    past: str


class Entry(NamedTuple):
    """What becomes durable together."""

    row: Row
    notes: tuple[Note, ...] = ()
    snapshot: Snapshot | None = None


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


class Mended(NamedTuple):
    """What was cut off when a journal with a damaged end was opened."""

    kept: str  # the file as it was found
    what: str  # what was wrong with it
    newest: int  # the last row that was kept


NOTHING_MENDED = Mended("", "", 0)
