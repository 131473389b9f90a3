"""Ending in stages: each has a share of the time, and one that fails or takes too long does not keep the next."""

import asyncio
from collections.abc import Awaitable
from typing import Final, final

from dita.runtime.alerts import Alert, Alerts

SHARES: Final = 20  # of the whole time; what all stages take together must not be more


@final
class Stages:
    """Runs them one after the other."""

    def __init__(self, alerts: Alerts, seconds: float) -> None:
        """``seconds``: for all of them together."""
        self.unfinished: list[str] = []
        self._alerts = alerts
        self._seconds = seconds

    async def run(self, name: str, shares: int, work: Awaitable[object]) -> None:
        """One stage. Never raises but when its caller is cancelled."""
        try:
            async with asyncio.timeout(self._seconds * shares / SHARES):
                await work
        except TimeoutError:
            self._left(name, "did not end in time")
        except Exception as error:  # noqa: BLE001 - the next stage has to come whatever this one met
            self._left(name, f"raised {error!r}")

    def _left(self, name: str, what: str) -> None:
        self.unfinished.append(name)
        self._alerts.raise_(Alert.STOP_OVERRUN, f"stopping, {name}: {what}")
