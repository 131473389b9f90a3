"""Our own exchange as an account that answers (``Link``), without a wire in between."""

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Final, Generic, TypeVar, final

from dita.adapters.bingx.clock import Clock
from dita.adapters.bingx.contracts import Contract
from dita.adapters.bingx.metrics import Metric
from dita.adapters.bingx.rest import Leverage
from dita.adapters.bingx.stream_base import StreamClosed
from dita.adapters.bingx.stream_events import AccountEvent
from dita.adapters.exchange import Contract as Listed
from dita.adapters.exchange.orders import PositionSide
from dita.runtime.direct.account import DirectAccount
from dita.runtime.instruments import Instruments
from dita.runtime.paper import API_KEY, PaperExchange
from dita.runtime.venue_port import MarketStreamEvent, Premises, Venue
from dita.spec.clearance import Clearance

_HOUR_SECONDS: Final = 3600
_WINDOW_NS: Final = 0  # a call cannot be late: it is over when it returns


E = TypeVar("E")


@final
class Silent(Generic[E]):
    """A stream on which nothing comes: what it would bring is handed over in the call that causes it."""

    def __init__(self) -> None:
        self._closed = asyncio.Event()

    def start(self) -> None:
        """Nothing to connect to."""

    async def next_event(self) -> E:
        """See ``Stream``: waits for the end. Raises StreamClosed."""
        await self._closed.wait()
        raise StreamClosed("direct: closed")

    async def aclose(self) -> None:
        """The end."""
        self._closed.set()


class _Known:
    """Nothing is ever unknown: an order is absent exactly when the exchange says so."""

    echo_seen = True
    stale_refused = True

    async def ask(self) -> None:
        """Nothing to ask."""


@final
class DirectConnection:
    """See the module. ``account`` is there once a runtime has asked for its venue."""

    answers_at_once = True

    def __init__(self, exchange: PaperExchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock
        hours = exchange.server.config.matching.funding_interval_s // _HOUR_SECONDS
        self.contracts: Mapping[str, Contract] = {
            symbol: _terms(listed, hours) for symbol, listed in exchange.contracts.items()
        }
        self._account: DirectAccount | None = None
        self._holder = exchange.server.venue.engine.accounts[API_KEY]
        self._sides: tuple[PositionSide, PositionSide] = (
            ("LONG", "SHORT") if self._holder.hedge_mode else ("BOTH", "BOTH")
        )

    @property
    def account(self) -> DirectAccount:
        """The account, for whoever feeds its exchange and hands its news on."""
        assert self._account is not None, "no runtime has been opened on this connection"
        return self._account

    def venue(self, clearance: Clearance, clock: Clock, read_lag_ns: int) -> Venue:
        """See ``Link``."""
        venue = self._exchange.server.venue
        self._account = account = DirectAccount(venue, API_KEY, clock, self.contracts, clearance)
        return Venue(
            trader=account,
            reader=account,
            cancel_foreign=account.cancel_order_id,
            clock=clock,
            venue_now_ns=venue.now_ns,
            asset=self._exchange.server.config.wire.settlement_asset,
            window_ns=_WINDOW_NS,
            read_lag_ns=read_lag_ns,
        )

    def premises(self, instruments: Instruments, tag: str) -> Premises:  # noqa: ARG002 - see Link
        """See ``Link``."""
        return _Known()

    def account_stream(self, symbols: tuple[str, ...], rng: Random) -> Silent[AccountEvent]:  # noqa: ARG002 - see Link
        """See ``Link``."""
        return Silent()

    def market_stream(self, *_: object, **__: object) -> Silent[MarketStreamEvent]:
        """See ``Link``."""
        return Silent()

    async def leverage(self, symbol: str) -> Leverage:
        """See ``Link``."""
        most = self._exchange.contracts[symbol].max_leverage
        long, short = (self._holder.leverage(symbol, side) for side in self._sides)
        return Leverage(long, short, most, most)

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        """See ``Link``."""
        for side in self._sides:
            self._holder.set_leverage(symbol, side, leverage)

    async def cancel_all_after(self, seconds: int) -> None:
        """See ``Link``: who is gone takes the exchange along."""

    def metrics(self) -> tuple[Metric, ...]:
        """See ``Link``: no wire, no counters."""
        return ()

    async def aclose(self) -> None:
        """Nothing is open."""


def _terms(listed: Listed, funding_hours: int) -> Contract:
    """The contract as the adapter would read it from the exchange's list."""
    return Contract(
        symbol=listed.symbol,
        tick=listed.tick,
        lot=listed.lot,
        price_precision=listed.price_precision,
        quantity_precision=listed.quantity_precision,
        quantity_min=listed.min_quantity,
        notional_min=listed.min_notional,
        taker_ppb=listed.taker_rate_ppb,
        maker_ppb=listed.maker_rate_ppb,
        tradable=listed.status == 1,
        funding_hours=funding_hours,
    )
