"""An event loop whose clock jumps: nothing waits, and everything that is due happens in its order."""

import asyncio
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
