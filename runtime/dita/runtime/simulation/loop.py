"""An event loop without clock, sockets and threads: time jumps to the next timer when nothing can run any more.

Built on asyncio's own loop, of which it replaces the one round (``_run_once``) and what reaches outside. Callbacks run
in the order in which they were scheduled, timers of one instant in the order in which they were set.
"""

import asyncio
import heapq
import itertools
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context
from importlib import import_module
from typing import Any, Final, cast, final

from dita.runtime.simulation.network import MemoryListener, MemoryNetwork
from dita.runtime.simulation.processes import SimulatedProcess, current_process, process_of

START_SECONDS: Final = 1000.0
UTC_AT_ZERO_NS: Final = 1_760_000_000_000_000_000  # a virtual run begins in this century: ids carry their time
_COMPACT_ABOVE: Final = 200  # cancelled timers are dropped when there are more, and they are most


class NothingLeftToHappen(RuntimeError):
    """Everybody waits for somebody else, for ever."""


@final
class VirtualLoop(asyncio.BaseEventLoop):
    """See the module. ``network`` is what its connections go through."""

    def __init__(self, network: MemoryNetwork) -> None:
        super().__init__()
        self.network = network
        self.rounds = 0
        self._now = START_SECONDS
        self._ticket = itertools.count()
        self.set_task_factory(_owned_task)

    def time(self) -> float:
        """The virtual clock, in seconds."""
        return self._now

    def pass_time(self, seconds: float) -> None:
        """Let time pass within the callback that runs, as work takes time. What becomes due waits for its end."""
        self._now += seconds

    # --- processes ---------------------------------------------------------------------------------------------------

    def thaw(self, process: SimulatedProcess) -> None:
        """Let a frozen process go on (SIGCONT): what was due meanwhile happens now, in its order."""
        process.is_frozen = False
        internals = cast("Any", self)
        internals._ready.extend(process.held)
        process.held.clear()

    # --- one round ---------------------------------------------------------------------------------------------------

    def call_at(  # type: ignore[override] # typeshed ties arguments to callback, which is of no concern here
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As in asyncio; timers of one instant keep their order, which a heap of equal times does not promise."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(cast("Any", self)._scheduled, (when, next(self._ticket), timer))
        cast("Any", timer)._scheduled = True
        return timer

    def _run_once(self) -> None:  # pyright: ignore[reportUnusedFunction] # asyncio calls it
        internals = cast("Any", self)
        ready, scheduled = internals._ready, internals._scheduled
        self.rounds += 1
        if len(scheduled) > _COMPACT_ABOVE and internals._timer_cancelled_count * 2 > len(scheduled):
            live = [entry for entry in scheduled if not entry[2]._cancelled]
            heapq.heapify(live)
            scheduled[:] = live
            internals._timer_cancelled_count = 0
        while scheduled and scheduled[0][2]._cancelled:
            internals._timer_cancelled_count -= 1
            heapq.heappop(scheduled)[2]._scheduled = False
        if not ready and not internals._stopping:
            if not scheduled:
                raise NothingLeftToHappen("no task can run and no timer is set: a wait that nothing ends")
            self._now = max(self._now, scheduled[0][0])
        while scheduled and scheduled[0][0] <= self._now:
            timer = heapq.heappop(scheduled)[2]
            timer._scheduled = False
            if timer._cancelled:
                internals._timer_cancelled_count -= 1
            else:
                ready.append(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            owner = process_of(handle._context)
            if owner is not None and owner.is_frozen:
                owner.held.append(handle)
                continue
            handle._run()

    def _process_events(self, event_list: object) -> None:  # pyright: ignore[reportUnusedFunction] # as above
        """Nothing comes from outside."""

    def _write_to_self(self) -> None:  # pyright: ignore[reportUnusedFunction] # as above
        """Nobody waits in a selector."""

    # --- what reaches outside ----------------------------------------------------------------------------------------

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        """Connect within the simulation. Raises ConnectionRefusedError where nobody listens."""
        if options.get("ssl"):
            raise ConnectionRefusedError("the simulated network carries no TLS")
        return await self.network.connect(self, protocol_factory, str(host), int(port))

    async def create_server(self, protocol_factory: Any, *_: Any, sock: Any = None, **__: Any) -> Any:
        """Listen within the simulation, on a ``MemoryListener``."""
        if not isinstance(sock, MemoryListener):
            raise OSError("a simulated server listens on a MemoryListener")
        return self.network.listen(self, protocol_factory, sock)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override] # noqa: ARG002 - as above
        """Refused: the order of threads is nobody's to choose."""
        raise RuntimeError(f"{func!r}: there are no threads in a simulation")


def _owned_task(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any] | Generator[Any, None, Any], **options: Any
) -> "asyncio.Task[Any]":
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
    context = options.get("context")
    owner = current_process() if context is None else process_of(context)
    if owner is not None:
        owner.tasks[task] = None
        task.add_done_callback(lambda done: owner.tasks.pop(done, None))
    return task


@contextmanager
def virtual_library_clocks(loop: VirtualLoop) -> Generator[None]:
    """Let httpcore, which asks the machine's clock when to give up an idle connection, ask the loop's."""
    module: Any = import_module("httpcore._async.http11")  # httpx's own half: we do not depend on it otherwise
    known = module.time
    module.time = _LibraryTime(loop)
    try:
        yield
    finally:
        module.time = known


@final
class _LibraryTime:
    """What httpcore uses of ``time``."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.monotonic = loop.time


@final
class SimulatedClock:
    """A machine's clock (``dita.adapters.bingx.clock.Clock``). ``stepped_ns``: by how much its wall clock is wrong."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._time = loop.time
        self._seconds, self._ns = 0.0, 0  # of the last answer: asked many times an instant
        self.stepped_ns = 0

    def monotonic_ns(self) -> int:
        """Nanoseconds of the loop."""
        seconds = self._time()
        if seconds != self._seconds:
            self._seconds, self._ns = seconds, round(seconds * 1e9)
        return self._ns

    def wall_ns(self) -> int:
        """UTC nanoseconds."""
        return UTC_AT_ZERO_NS + self.monotonic_ns() + self.stepped_ns
