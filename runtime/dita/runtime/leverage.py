"""The account's leverage at the venue: as the settings say, or nothing is opened. It is set while a symbol is flat.

Sizing reckons the margin of a trade by ``DITA_LEVERAGE_PPM``. The venue takes whole numbers only, so what is wanted is
the next one up: its margin is then never more than what was reckoned with.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, final

from dita.adapters.bingx.errors import VenueError, VenueRefused
from dita.adapters.bingx.rest import Leverage
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.venue_port import Link
from dita.spec.scales import RATIO_SCALE

HOLD: Final = "leverage at the venue"
_AGAIN_SECONDS: Final = 5.0


def whole_leverage(leverage_ppm: int) -> int:
    """What the venue is to have for so much, parts per million: a whole number."""
    return -(-leverage_ppm // RATIO_SCALE)


@final
class LeverageKeeper:
    """See the module. ``problem``: why the venue's leverage stays another one; "" when it does not, or may not.

    ``is_flat``: whether neither books nor venue have a position or an order of a symbol; raises VenueError.
    """

    def __init__(
        self,
        link: Link,
        symbols: Iterable[str],
        leverage_ppm: int,
        is_flat: Callable[[str], Awaitable[bool]],
        alerts: Alerts,
        *,
        hold: Callable[[str], None],
        release: Callable[[str], None],
    ) -> None:
        self.problem = ""
        self._link = link
        self._left = list(symbols)  # those that are not known to be right
        self._wanted = whole_leverage(leverage_ppm)
        self._is_flat = is_flat
        self._alerts = alerts
        self._hold = hold
        self._release = release

    async def check(self) -> bool:
        """Compare, and set what can be set; whether the venue has answered. What differs still is held and told."""
        told: list[str] = []
        problems: list[str] = []
        left: list[str] = []
        try:
            for symbol in self._left:
                said = await self._link.leverage(symbol)
                if self._is_wanted(said):
                    continue
                left.append(symbol)
                shown = f"{symbol} has {_shown(said)} at the venue, DITA_LEVERAGE_PPM asks for {self._wanted}"
                if not await self._is_flat(symbol):
                    told.append(f"{shown}; it is set as soon as the symbol is flat")
                elif refused := await self._refusal(symbol, said):
                    problems.append(f"{shown}; {refused}")
                else:
                    left.pop()
        except VenueError as error:
            self._alerts.raise_(Alert.READ_FAILED, str(error))
            return False
        self._left = left
        self._tell(told, problems)
        return True

    async def run(self) -> None:
        """For ever: what had to wait is tried again."""
        while True:
            await asyncio.sleep(_AGAIN_SECONDS)
            if self._left and not self.problem:
                await self.check()

    async def _refusal(self, symbol: str, said: Leverage) -> str:
        """Why it cannot be set; "" when it is, by the venue's own word. Raises VenueError when that is not known."""
        most = min((limit for limit in (said.long_max, said.short_max) if limit), default=self._wanted)
        if self._wanted > most:
            return f"the venue has at most {most}: ask for less"
        try:
            await self._link.set_leverage(symbol, self._wanted)
        except VenueRefused as error:
            return f"the venue refuses it: {error.text}"
        now = await self._link.leverage(symbol)
        return "" if self._is_wanted(now) else f"after it was set the venue has {_shown(now)}"

    def _is_wanted(self, said: Leverage) -> bool:
        return said.long == said.short == self._wanted

    def _tell(self, told: list[str], problems: list[str]) -> None:
        self.problem = f"leverage: {'; '.join(problems)}: nothing is opened" if problems else ""
        if not told and not problems:
            self._release(HOLD)
            return
        self._hold(HOLD)
        self._alerts.raise_(Alert.LEVERAGE, "; ".join((*problems, *told)))


def _shown(said: Leverage) -> str:
    return f"{said.long}" if said.long == said.short else f"{said.long} (long) and {said.short} (short)"
