"""Simulated processes: what runs in one can be stopped, continued and killed, as the operating system does it."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, final

_REAP_SECONDS: Final = 30.0
_REAP_ROUNDS: Final = 20  # cancellations that code may catch before it counts as unkillable


class Unkillable(Exception):
    """Code that goes on after it was cancelled again and again; it would keep a real process from stopping."""


@final
class SimulatedProcess:
    """One process. Whatever is started in its ``context`` belongs to it: tasks, timers, connections.

    ``is_alive`` is False from the instant of a kill on: nothing that its code still does may have an effect outside.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_alive = True
        self.is_frozen = False
        self.held: deque[asyncio.Handle] = deque()  # what would have run while it was frozen, in order
        self.tasks: dict[asyncio.Task[Any], None] = {}  # in order of creation: a set would be in order of addresses
        self.context: Context = copy_context()
        self.context.run(_CURRENT.set, self)
        self.on_death: list[Callable[[], None]] = []

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Begin a coroutine inside the process."""
        loop = asyncio.get_running_loop()
        return self.context.copy().run(loop.create_task, work)

    def freeze(self) -> None:
        """From now on nothing of it runs (SIGSTOP)."""
        self.is_frozen = True

    def kill(self) -> None:
        """End it now (SIGKILL). What runs at this instant goes on to its next pause, without effect; then ``reap``."""
        if not self.is_alive:
            return
        self.is_alive = False
        self.is_frozen = True
        for told in self.on_death:
            told()

    async def reap(self) -> None:
        """Clear away the tasks of a killed process. Raises Unkillable."""
        assert not self.is_alive
        self.is_frozen = False
        for handle in self.held:  # a task whose wake-up is lost could not even be cancelled
            asyncio.get_running_loop().call_soon(handle._run)
        self.held.clear()
        for _ in range(_REAP_ROUNDS):
            left = [task for task in self.tasks if not task.done()]
            if not left:
                return
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=_REAP_SECONDS)
        raise Unkillable(f"{self.name}: {[task.get_name() for task in self.tasks]} run on after they were cancelled")


_CURRENT: ContextVar[SimulatedProcess | None] = ContextVar("simulated process", default=None)


def current_process() -> SimulatedProcess | None:
    """The process whose code runs; None for the world around."""
    return _CURRENT.get()


def process_of(context: Context) -> SimulatedProcess | None:
    """The process that a context belongs to."""
    return context.get(_CURRENT)
