"""To a snapshot without the reference: the kernel takes every row before it, in large batches, and must arrive there.

So a start after a million inputs takes seconds and still believes no snapshot: its state is what this kernel makes of
every row of the journal, and the digest that the row carries was written when the reference agreed to that state. What
comes after the snapshot is replayed through both sides.
"""

from itertools import islice
from typing import Final, Protocol, runtime_checkable

from dita.adapters.journal import Journal, Snapshot
from dita.kernel.errors import raise_for
from dita.kernel.lanes import Lane
from dita.runtime.history import History
from dita.runtime.lockstep import KernelPort, Lockstep, step_digest
from dita.spec.layout import pack, unpack
from dita.spec.state import State, initial_state

_BATCH: Final = 1024


@runtime_checkable
class BatchKernel(Protocol):
    """A kernel that takes packed inputs, many in one call."""

    def lane(self, count: int = 1) -> Lane:
        """Memory for that many inputs."""
        ...

    def restore(self, content: bytes) -> None:
        """Put a packed state in place of the present one."""
        ...


def fast_forward(
    journal: Journal, kernel: KernelPort, made_by: str, *, after: int
) -> tuple[Lockstep, History, int] | None:
    """Bring a fresh kernel to the newest snapshot that this version made behind row ``after``.

    None when there is none, or when the kernel does not arrive there: then the kernel is fresh again, and the whole
    way is walked with the reference, which finds out and names the row. Raises JournalError.
    """
    snapshot = next((one for one in journal.snapshots() if one.made_by == made_by and one.position > after), None)
    if snapshot is None or not isinstance(kernel, BatchKernel):
        return None
    _walk(journal, kernel, snapshot.position)
    if kernel.snapshot() == snapshot.state and _is_of_its_row(snapshot, journal):
        try:
            history = History.from_text(snapshot.past)
        except ValueError:
            history = None
        if history is not None:
            return Lockstep(kernel, unpack(State, snapshot.state)), history, snapshot.position
    kernel.restore(pack(initial_state()))
    return None


def _walk(journal: Journal, kernel: BatchKernel, position: int) -> None:
    """Take all rows up to a position."""
    lane = kernel.lane(_BATCH)
    inputs = journal.inputs(position)
    while batch := list(islice(inputs, _BATCH)):
        content = b"".join(batch)
        lane.input_bytes[: len(content)] = content
        raise_for(lane.step_batch(lane.inputs, len(batch), lane.outcomes))


def _is_of_its_row(snapshot: Snapshot, journal: Journal) -> bool:
    """Whether the digest that its row was written with is of this outcome and this state."""
    row = next(journal.packed_rows(snapshot.position - 1), None)
    return row is not None and step_digest(row.input, snapshot.outcome, snapshot.state) == row.digest
