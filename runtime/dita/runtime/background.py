"""Tasks that belong to somebody: bounded, named, never silently dead."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, final

from dita.runtime.alerts import Alert, Alerts

_TASKS_MAX: Final = 256  # far above what 16 slots can need; beyond it something is wrong


@final
class Background:
    """Holds running tasks; an exception in one becomes an alert and ends that task only."""

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts
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
