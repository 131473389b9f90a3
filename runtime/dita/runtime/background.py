"""Tasks that belong to somebody: bounded, named, never silently dead."""

import asyncio
from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any, Final, final

from dita.runtime.alerts import Alert, Alerts

_TASKS_MAX: Final = 256  # far above what 16 slots can need; beyond it something is wrong


@final
class Background:
    """Holds running tasks; an exception in one becomes an alert and ends that task only."""

    def __init__(self, alerts: Alerts, *, at_once: bool = False) -> None:
        """``at_once``: what is ``begun`` runs within the call until it first waits, and so mostly to its end."""
        self._alerts = alerts
        self._at_once = at_once
        self._tasks: set[asyncio.Task[None]] = set()
        self.dropped = 0

    def start(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None] | None":
        """Run it beside everything else; None when there are too many already (then it does not run at all)."""
        if len(self._tasks) >= _TASKS_MAX:
            work.close()
            self.dropped += 1
            self._alerts.raise_(Alert.OWN_BUG, f"`{name}` not begun: {_TASKS_MAX} tasks are running")
            return None
        task = asyncio.create_task(self._guarded(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def begin(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None] | None":
        """As ``start``; where nothing is ever waited for it may be over when this returns, and then there is no task.

        Not for work that asks for its task, as ``asyncio.timeout`` does.
        """
        if not self._at_once:
            return self.start(work, name)
        guarded = self._guarded(work, name)
        try:
            waited_for = guarded.send(None)
        except StopIteration:
            return None
        return self.start(_gone_on(guarded, waited_for), name)

    async def _guarded(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - nothing of our own bugs may end the runtime
            self._alerts.raise_(Alert.OWN_BUG, f"`{name}` raised {error!r}")

    async def stop(self) -> None:
        """Cancel everything and wait for it."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _gone_on(work: Coroutine[Any, Any, None], waited_for: Any) -> None:
    await _Rest(work, waited_for)


@final
class _Rest:
    """The rest of a coroutine that waits for something; what comes of it, or a cancellation, is handed on."""

    def __init__(self, work: Coroutine[Any, Any, None], waited_for: Any) -> None:
        self._work = work
        self._waited_for = waited_for

    def __await__(self) -> Generator[Any, Any, None]:
        """To its end."""
        waited_for = self._waited_for
        while True:
            try:
                came = yield waited_for
            except BaseException as error:  # noqa: BLE001 - it is the work's to meet
                step = partial(self._work.throw, error)
            else:
                step = partial(self._work.send, came)
            try:
                waited_for = step()
            except StopIteration:
                return
