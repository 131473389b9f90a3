"""Somebody who trades on the simulated account besides the runtime: by hand, through the exchange's own front door."""

from collections.abc import Awaitable, Callable
from random import Random
from typing import final

from dita.adapters.bingx.api import Api
from dita.adapters.bingx.credentials import Credentials
from dita.adapters.bingx.desk import OrderDesk
from dita.adapters.bingx.endpoints import SUBMIT
from dita.adapters.bingx.errors import Call, VenueError
from dita.adapters.bingx.orders import NewOrder, order_parameters
from dita.adapters.bingx.rest import BingxRest, PositionMode
from dita.adapters.bingx.transport import Transport
from dita.adapters.exchange import ExchangeServer
from dita.runtime.connect import hosts_for
from dita.runtime.simulation.loop import SimulatedClock, VirtualLoop
from dita.runtime.simulation.trace import Trace


@final
class Hand:
    """One person. What the exchange refuses is noted in the trace."""

    def __init__(
        self, loop: VirtualLoop, exchange: ExchangeServer, credentials: Credentials, rng: Random, trace: Trace
    ) -> None:
        self._loop = loop
        self._exchange = exchange
        self._credentials = credentials
        self._rng = rng
        self._trace = trace

    async def place(self, order: NewOrder) -> None:
        """Place an order."""

        async def work(desk: OrderDesk) -> None:
            await desk.rest.api.call(SUBMIT, order_parameters(order, desk.mode), Call.SUBMIT)

        await self._do(work)

    async def cancel(self, symbol: str, client_id: str) -> None:
        """Cancel anybody's order."""

        async def work(desk: OrderDesk) -> None:
            await desk.cancel(symbol, client_id)

        await self._do(work)

    async def _do(self, work: Callable[[OrderDesk], Awaitable[None]]) -> None:
        key = self._credentials.api_key.get_secret_value()
        hedge_mode = self._exchange.venue_record().account(key).hedge_mode
        mode = PositionMode.HEDGE if hedge_mode else PositionMode.ONE_WAY
        transport = Transport(self._credentials, SimulatedClock(self._loop))
        try:
            rest = BingxRest(Api(transport, hosts_for(self._exchange.rest_url), self._rng))
            await work(OrderDesk(rest, mode))
        except VenueError as error:
            self._trace.event("hand", "refused", str(error))
        finally:
            await transport.aclose()
