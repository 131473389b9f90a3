"""The exchange-side dead-man timer: unless it is wound again in time, the venue cancels every order of the account.

It stands for protective stops, not beside them: it would cancel those, too. While the venue does not confirm that the
timer runs, no trade is opened.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, final

from dita.adapters.bingx.errors import VenueError
from dita.runtime.alerts import Alert, Alerts

_WINDINGS: Final = 3  # in the time that it takes to run out
_AGAIN_SECONDS: Final = 1.0
REASON: Final = "dead-man timer"


@final
class DeadMan:
    """Winds the timer. ``hold`` and ``release`` say whether trades may be opened."""

    def __init__(
        self,
        wind: Callable[[int], Awaitable[None]],
        seconds: int,
        alerts: Alerts,
        *,
        hold: Callable[[str], None],
        release: Callable[[str], None],
    ) -> None:
        """``wind`` sets the venue's timer to so many seconds, 0 stops it; raises VenueError. ``seconds`` 0: unused."""
        self._wind = wind
        self._seconds = seconds
        self._alerts = alerts
        self._hold = hold
        self._release = release
        self.wound = 0

    async def run(self) -> None:
        """For ever; returns at once when it is not used."""
        if not self._seconds:
            return
        self._hold(REASON)  # until the first confirmation
        while True:
            confirmed = await self._wound()
            await asyncio.sleep(self._seconds / _WINDINGS if confirmed else _AGAIN_SECONDS)

    async def _wound(self) -> bool:
        try:
            await self._wind(self._seconds)
        except VenueError as error:
            self._hold(REASON)
            self._alerts.raise_(Alert.DEAD_MAN, f"the timer is not confirmed, nothing is opened: {error}")
            return False
        self.wound += 1
        self._release(REASON)
        return True

    async def stop(self) -> None:
        """Stop the timer: what rests from now on is meant to rest. Tried until the venue confirms it."""
        while self.wound:
            try:
                await self._wind(0)
            except VenueError as error:
                self._alerts.raise_(Alert.DEAD_MAN, f"the timer runs on: {error}")
                await asyncio.sleep(_AGAIN_SECONDS / 2)
                continue
            self.wound = 0
