"""Work that may crash, or never end, in a process of its own: a forked child with a limit on its processor time.

The child shares what the parent has read (the traffic) without copying it. It says how far it is in shared memory, so
that a crash or an endless loop can be laid at the step where it happened.
"""

import faulthandler
import json
import mmap
import os
import resource
import select
import signal
import struct
import time
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

Work = Callable[["Mark"], Any]
"""What the child does; its result must be JSON."""

WALL_FACTOR: Final = 120  # a child that neither ends nor gets the processor is ended after so many times its limit
_PLACE: Final = struct.Struct("<q")


class Mark:
    """Where the child is, for the parent to read."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _PLACE.size)

    def at(self, place: int) -> None:
        """The child is about to take this step."""
        _PLACE.pack_into(self._memory, 0, place)

    @property
    def place(self) -> int:
        """The step that the child was about to take last."""
        return int(_PLACE.unpack_from(self._memory, 0)[0])


class Ended(NamedTuple):
    """How a child ended: with a result, out of time, or by a signal; and where it was."""

    how: Literal["result", "timeout", "crash"]
    result: Any
    place: int
    says: str


def in_child(work: Work, cpu_seconds: int) -> Ended:
    """Do the work in a forked child. Raises RuntimeError when the child ends without a result and without a signal."""
    mark = Mark()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work(work, mark, writing, cpu_seconds)
    os.close(writing)
    told, in_time = _read(reading, time.monotonic() + WALL_FACTOR * cpu_seconds)
    if not in_time:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not in_time:
        return Ended("timeout", None, mark.place, f"no end, and no use of the processor either, at step {mark.place}")
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return Ended("timeout", None, mark.place, f"no end after {cpu_seconds} s of processor time")
        return Ended("crash", None, mark.place, signal.Signals(number).name)
    if os.WEXITSTATUS(status) != 0 or not told:
        raise RuntimeError(f"a child left with status {os.WEXITSTATUS(status)}: {told.decode(errors='replace')}")
    return Ended("result", json.loads(told), mark.place, "")


def _work(work: Work, mark: Mark, writing: int, cpu_seconds: int) -> None:
    """The child: never returns."""
    status = 1
    try:
        used = int(time.process_time()) + 1  # the clock of a forked child starts at zero, but let nobody rely on it
        resource.setrlimit(resource.RLIMIT_CPU, (used + cpu_seconds, used + 2 * cpu_seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        faulthandler.disable()  # a crash is a result here
        told = json.dumps(work(mark)).encode()
        status = 0
    except BaseException as problem:  # noqa: BLE001 whatever it is, the parent is told and raises it
        told = f"{type(problem).__name__}: {problem}".encode()
    while told:
        told = told[os.write(writing, told) :]
    os._exit(status)


def _read(reading: int, deadline: float) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while True:
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return b"".join(parts), False
            part = pipe.read(1 << 16)
            if not part:
                return b"".join(parts), True
            parts.append(part)
