"""From settings to a connected account: hosts, credentials, transport, contracts, trader. Nothing is left half open."""

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, TypeVar
from urllib.parse import urlsplit

from dita.adapters.bingx.account_stream import AccountStream
from dita.adapters.bingx.api import Api
from dita.adapters.bingx.clock import Clock
from dita.adapters.bingx.contracts import Contract
from dita.adapters.bingx.credentials import Credentials, credentials_from_environment, credentials_from_file
from dita.adapters.bingx.desk import OrderDesk
from dita.adapters.bingx.endpoints import DEMO, ENDPOINTS, LIVE, Hosts
from dita.adapters.bingx.errors import ErrorClass, VenueError, VenueRefused
from dita.adapters.bingx.limiter import Limiter, Quota
from dita.adapters.bingx.market_stream import MarketStream
from dita.adapters.bingx.metrics import Metric, adapter_metrics
from dita.adapters.bingx.rest import BingxRest, Leverage, PositionMode
from dita.adapters.bingx.trading import BingxCloser, BingxTrader
from dita.adapters.bingx.transport import Timeouts, Transport, default_limiter
from dita.runtime.instruments import Instruments
from dita.runtime.resolving import AskedPremises
from dita.runtime.venue_port import Premises, Venue
from dita.spec.clearance import Clearance
from dita.spec.vocabulary import Side

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_TRIES: Final = 4  # of a call at the start that meets the venue's rate limit
_UNLIMITED: Final = 100_000  # requests a second: a simulator inside this process sets no limits

log = logging.getLogger(__name__)
T = TypeVar("T")


class StartError(Exception):
    """The runtime cannot start; the message says why and what to do. Nothing was started."""


def hosts_for(url: str) -> Hosts:
    """The venue's hosts behind the URL of its REST calls. Raises StartError for one that may not be used."""
    base = url.rstrip("/")
    if base == DEMO.rest:
        return DEMO
    parts = urlsplit(base)
    if parts.hostname not in _LOOPBACK:
        if base == LIVE.rest:
            raise StartError(f"exchange: `{url}` is the live venue; this version trades on paper and demo only")
        raise StartError(f"exchange: `{url}` is neither on this machine nor the demo venue `{DEMO.rest}`")
    scheme = "wss" if parts.scheme == "https" else "ws"
    stream = f"{scheme}://{parts.netloc}/swap-market"
    return Hosts(rest=base, rest_fallback=None, market_stream=stream, account_stream=stream, settlement_asset="USDT")


def read_credentials(path: Path | None, environment: Mapping[str, str]) -> Credentials:
    """From the file, else from the environment. Raises CredentialsError."""
    return credentials_from_environment(environment) if path is None else credentials_from_file(path)


def account_name(hosts: Hosts, credentials: Credentials) -> str:
    """Names the account without telling its key."""
    digest = hashlib.sha256(credentials.api_key.get_secret_value().encode()).hexdigest()[:12]
    return f"{digest}@{urlsplit(hosts.rest).netloc}"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for the venue."""

    receive_window_ms: int = 2000
    reply_seconds: float = 5.0
    unlimited: bool = False  # no local rate limit


@dataclass(slots=True)
class Connection:
    """An account that answers."""

    hosts: Hosts
    desk: OrderDesk
    closer: BingxCloser
    answers_at_once: bool = field(default=False, init=False)
    _streams: list[AccountStream | MarketStream] = field(
        default_factory=list[AccountStream | MarketStream], init=False, repr=False
    )

    @property
    def contracts(self) -> Mapping[str, Contract]:
        """See ``Link``."""
        return self.desk.contracts

    @property
    def rest(self) -> BingxRest:
        """Reads."""
        return self.desk.rest

    @property
    def transport(self) -> Transport:
        """What all requests go through."""
        return self.desk.rest.api.transport

    def venue(self, clearance: Clearance, clock: Clock, read_lag_ns: int) -> Venue:
        """See ``Link``."""
        return Venue(
            trader=BingxTrader(self.desk, clearance),
            reader=self.rest,
            cancel_foreign=self.desk.cancel_order_id,
            clock=clock,
            venue_now_ns=self.transport.venue_now_ns,
            asset=self.hosts.settlement_asset,
            window_ns=self.transport.window_ns,
            read_lag_ns=read_lag_ns,
        )

    def premises(self, instruments: Instruments, tag: str) -> Premises:
        """See ``Link``."""
        return AskedPremises(self.rest, self.desk.mode, instruments, tag)

    def account_stream(self, symbols: tuple[str, ...], rng: Random) -> AccountStream:
        """See ``Link``."""
        stream = AccountStream(self.rest, symbols, rng)
        self._streams.append(stream)
        return stream

    def market_stream(
        self, symbols: tuple[str, ...], clock: Clock, rng: Random, *, trades: bool, depth: int
    ) -> MarketStream:
        """See ``Link``."""
        stream = MarketStream(self.hosts.market_stream, symbols, clock, rng, trades=trades, depth=depth)
        self._streams.append(stream)
        return stream

    async def leverage(self, symbol: str) -> Leverage:
        """See ``Link``."""
        return await self.rest.leverage(symbol)

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        """See ``Link``."""
        is_hedge = self.desk.mode is PositionMode.HEDGE
        for side in (Side.LONG, Side.SHORT) if is_hedge else (Side.NONE,):
            await self.rest.set_leverage(symbol, side, leverage)

    async def cancel_all_after(self, seconds: int) -> None:
        """See ``Link``."""
        await self.rest.cancel_all_after(seconds)

    @property
    def streams(self) -> tuple[AccountStream | MarketStream, ...]:
        """Those that were asked for."""
        return tuple(self._streams)

    def metrics(self) -> tuple[Metric, ...]:
        """See ``Link``."""
        return adapter_metrics(self.desk, self._streams)

    async def aclose(self) -> None:
        """Release every connection."""
        await self.transport.aclose()


async def connect(
    hosts: Hosts,
    credentials: Credentials,
    symbols: Sequence[str],
    clock: Clock,
    rng: Random,
    patience: Patience,
) -> Connection:
    """Reach the account: clock, window, position mode, contracts. Raises StartError, and leaves nothing open."""
    total = patience.reply_seconds
    transport = Transport(
        credentials=credentials,
        clock=clock,
        limiter=_no_limits() if patience.unlimited else default_limiter(),
        timeouts=Timeouts(connect=min(3.0, total), read=total, write=min(3.0, total), pool=total, total=total * 1.5),
        recv_window_ms=patience.receive_window_ms,
    )
    try:
        rest = BingxRest(Api(transport, hosts, rng))
        await _patiently(rest.sync_clock)
        await _patiently(rest.probe_receive_window)
        mode = await _patiently(rest.position_mode)
        contracts = await _patiently(lambda: rest.terms(symbols))
    except VenueError as error:
        await transport.aclose()
        raise StartError(
            f"exchange: `{hosts.rest}` does not answer as it should ({error});"
            " check that it runs, the URL, the credentials and the symbols"
        ) from error
    except BaseException:
        await transport.aclose()
        raise
    desk = OrderDesk(rest, mode, contracts)
    return Connection(hosts, desk, BingxCloser(desk))


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again when the venue has had too many requests: of us, or of who asked before us. Raises VenueError.

    The refusal has paused the call, so the next one waits by itself.
    """
    for _ in range(_TRIES - 1):
        try:
            return await ask()
        except VenueRefused as error:
            if error.meaning.klass is not ErrorClass.RATE_LIMITED:
                raise
    return await ask()


def _no_limits() -> Limiter:
    return Limiter({endpoint.name: Quota(_UNLIMITED) for endpoint in ENDPOINTS})
