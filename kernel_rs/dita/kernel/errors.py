"""What can go wrong between Python and an open kernel. None of these is an answer of the step: a refusal is an outcome.

Each status of ``dita_kernel.h`` has its exception here; after any of them the kernel is as it was before.
"""

from typing import Final

OK: Final = 0
CLOSED: Final = 1
BUSY: Final = 2


class KernelError(Exception):
    """A call that did not reach the step, or a state that was not taken."""


class KernelClosed(KernelError):
    """The kernel was closed, or the handle never was one of an open kernel. Open a new one."""


class KernelBusy(KernelError):
    """Another thread is inside this kernel. One kernel is for one thread at a time; nobody waits."""


class KernelTableFull(KernelError):
    """All kernels that a process can have are open. Close one."""


class StateRefused(KernelError):
    """The bytes are no state that the kernel takes back: wrong length, or a word out of its range."""


class BufferRefused(KernelError):
    """A pointer is null, unaligned or overlaps another, or a count or index is beyond its memory."""


class WordRefused(KernelError, ValueError):
    """A field of an input is no signed 64-bit integer."""


STATUS_ERRORS: Final[dict[int, tuple[type[KernelError], str]]] = {
    CLOSED: (KernelClosed, "the kernel is closed; open a new one"),
    BUSY: (KernelBusy, "another thread is inside this kernel; use one kernel from one thread at a time"),
    3: (BufferRefused, "a length or count is not what it must be; use the memory of a lane or a batch"),
    4: (StateRefused, "a word of the state is out of its range; restore what `snapshot` gave"),
    5: (KernelTableFull, "all kernels that a process can have are open; close one"),
    6: (BufferRefused, "a pointer is null, unaligned or overlaps another; use the memory of a lane or a batch"),
    7: (BufferRefused, "there is no such slot or instrument; see the counts in `dita.spec.vocabulary`"),
}
"""Statuses of ``dita_kernel.h`` and what they become."""


def raise_for(status: int) -> None:
    """Nothing for OK, else the status's exception."""
    if status != OK:
        kind, advice = STATUS_ERRORS[status]
        raise kind(advice)
