"""An event loop whose clock jumps: nothing waits, and everything that is due happens in its order."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time stands still while something can run and jumps to the next timer when nothing can. No sockets."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual = 1_000_000.0

    def time(self) -> float:
        """The virtual clock, in seconds."""
        return self._virtual

    def _run_once(self) -> None:
        internals = cast("Any", self)
        if not internals._ready and internals._scheduled:
            self._virtual = max(self._virtual, internals._scheduled[0]._when)
        run_once = cast("Callable[[], None]", super()._run_once)  # type: ignore[misc] # asyncio's own, unstubbed
        run_once()


class VirtualClock:
    """The adapter's clock on a virtual loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def monotonic_ns(self) -> int:
        """Nanoseconds of the loop."""
        return round(self._loop.time() * 1e9)

    def wall_ns(self) -> int:
        """The same, as if it were UTC."""
        return self.monotonic_ns()


def run_virtually(work: Callable[[VirtualClock], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on a virtual loop of its own, which it is given the clock of."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work(VirtualClock(loop)))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


class _JumpingSelector(selectors.DefaultSelector):
    """Says what is readable now; when nothing is, time jumps instead of passing."""

    jump: Callable[[float], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """As selectors do, without waiting, unless there is nothing to jump to."""
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:  # a thread works, or somebody outside this process must act
            return super().select(1.0)
        self.jump(timeout)
        return ready


class VirtualSocketLoop(asyncio.SelectorEventLoop):
    """Like ``VirtualLoop``, with sockets: what one end has sent over loopback is there before time can jump.

    Nothing outside this process may take part, and no thread: names must be numbers.
    """

    def __init__(self) -> None:
        selector = _JumpingSelector()
        super().__init__(selector)
        self._virtual = 1_000_000.0
        selector.jump = self._jump

    def time(self) -> float:
        """The virtual clock, in seconds."""
        return self._virtual

    def _jump(self, seconds: float) -> None:
        scheduled = cast("Any", self)._scheduled
        self._virtual = max(self._virtual, scheduled[0]._when if scheduled else self._virtual + seconds)


class UtcVirtualClock(VirtualClock):
    """A virtual clock whose wall is in this century, as ids that carry their time need it."""

    def wall_ns(self) -> int:
        """UTC nanoseconds."""
        return 1_760_000_000_000_000_000 + self.monotonic_ns()
