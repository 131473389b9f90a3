"""``ExchangeServer``: the exchange on a real socket, one port for REST and websocket, loopback only."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, cast
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from dita.adapters.exchange.account import Account
from dita.adapters.exchange.client_socket import TRANSPORT_KEY, Transport
from dita.adapters.exchange.config import ExchangeConfig
from dita.adapters.exchange.errors import KEY_UNKNOWN, VenueError
from dita.adapters.exchange.faults import Fault
from dita.adapters.exchange.json_text import json_text
from dita.adapters.exchange.orders import PositionSide
from dita.adapters.exchange.record import VenueRecord, take_record
from dita.adapters.exchange.replies import JSON_TYPE
from dita.adapters.exchange.rest import RestApi
from dita.adapters.exchange.venue import Venue
from dita.spec.market import MarketEvent

_KEEP_ALIVE_S: Final = 75
_GRACE_S: Final = 2
_FRAME_BYTES_MAX: Final = 65_536
_LOOPBACK: Final = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class ExchangeReport:
    """What the exchange has done so far."""

    requests_served: int
    faults_fired: dict[str, int]
    connections: int
    market_frames_dropped: int
    slow_clients_cut: int
    orders_made: int
    fills_made: int


class Visit(NamedTuple):
    """A line of the access log: a request that has arrived, or a socket that begins (and then, that is over)."""

    time_ns: int  # of the exchange's clock
    path: str
    parameters: Mapping[str, str]
    is_over: bool


class _Uvicorn(uvicorn.Server):
    """A server inside somebody else's loop: signals belong to the owner, and being ready is an event."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.leaving = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def main_loop(self) -> None:
        """Keep the date of the replies, and leave when told instead of looking ten times a second whether to."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.leaving.wait(), 1)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def open_listener(host: str, port: int) -> socket.socket:
    """A bound TCP socket. Raises OSError if the port is taken.

    It calls itself TCP, because asyncio turns the delay of small packets off for no other: a reply, which is written in
    two packets, would wait 40 ms for the acknowledgement of the first.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


class ExchangeServer:
    """Start it, feed it market events, trade on it. All methods belong to the loop that called ``start``."""

    def __init__(
        self,
        config: ExchangeConfig,
        clock: Callable[[], int] = time.time_ns,
        listen: Callable[[str, int], socket.socket] = open_listener,
        access_log: Callable[[Visit], None] | None = None,
    ) -> None:
        """``listen`` gives the bound socket that connections are accepted on; ``access_log`` is told every visit."""
        self.config = config
        self._access_log = access_log
        self._listen = listen
        self.venue = Venue(config, clock)
        self._api = RestApi(self.venue)
        self._transports: set[Transport] = set()
        self._socket: socket.socket | None = None
        self._uvicorn: _Uvicorn | None = None
        self._serving: asyncio.Task[None] | None = None
        self._port = 0

    async def start(self) -> None:
        """Bind and serve. Raises OSError if the port is taken and RuntimeError if already started."""
        if self._serving is not None:
            raise RuntimeError("the exchange is already started, stop it first")
        listener = self._listen(self.config.host, self.config.port)
        self._socket = listener
        self._port = int(listener.getsockname()[1])
        server = _Uvicorn(
            uvicorn.Config(
                self._application(),
                http="h11",
                ws="websockets-sansio",
                ws_ping_interval=None,  # the venue's heartbeat is its own, in the application
                ws_per_message_deflate=False,
                ws_max_size=_FRAME_BYTES_MAX,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )
        self._uvicorn = server
        self._serving = asyncio.create_task(server.serve([listener]), name="exchange")
        ready = asyncio.create_task(server.ready.wait())
        done, _ = await asyncio.wait((ready, self._serving), return_when=asyncio.FIRST_COMPLETED)
        if ready not in done:
            ready.cancel()
            await self._serving
            raise RuntimeError("the exchange ended before it was ready")
        self.venue.start()

    async def stop(self) -> None:
        """Cut every connection, stop every task, release the port. Stopping twice is harmless."""
        serving, server = self._serving, self._uvicorn
        if serving is None or server is None:
            return
        self._serving = None
        self.venue.stop()
        self.venue.streams.cut_all()
        for transport in tuple(self._transports):
            transport.abort()
        server.should_exit = True
        server.leaving.set()
        await serving
        self._uvicorn = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @property
    def port(self) -> int:
        """The bound port, 0 before the start."""
        return self._port

    @property
    def rest_url(self) -> str:
        """Base URL of REST calls; paths begin with ``/openApi``."""
        return f"http://{self._authority}"

    @property
    def ws_url(self) -> str:
        """Market stream; add ``?listenKey=...`` for the account stream."""
        return f"ws://{self._authority}/swap-market"

    @property
    def _authority(self) -> str:
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        return f"{host}:{self._port}"

    # -- the world outside

    def feed(self, event: MarketEvent) -> None:
        """Push one market event: resting orders match, subscribers are told. Never waits for a client.

        Raises ValueError for a symbol without contract or a negative number.
        """
        self.venue.feed(event)

    def advance(self) -> None:
        """Let everything happen that is due by now; needed only with a clock that the loop does not drive."""
        self.venue.enter()
        self.venue.settle()

    def fund(self, symbol: str, rate_ppb: int) -> None:
        """Settle funding of a symbol now at its mark price; longs pay a positive rate (1e-9)."""
        now_ns = self.venue.enter()
        self.venue.engine.fund(symbol, rate_ppb, now_ns)
        self.venue.settle()

    def transfer(self, api_key: str, amount: int) -> None:
        """Deposit (positive) or withdraw (negative), in 1e-8 USDT."""
        now_ns = self.venue.enter()
        self.venue.engine.transfer(self._account_of(api_key), amount, now_ns)
        self.venue.settle()

    def deleverage(self, api_key: str, symbol: str, side: PositionSide, quantity: int) -> None:
        """Close a part (1e-8 coins) of a position at the mark price, as the venue does to balance others' losses.

        Raises ValueError without such a position, or when the quantity is no part of it.
        """
        now_ns = self.venue.enter()
        account = self._account_of(api_key)
        found = [position for position in account.open_positions(symbol) if position.side == side]
        if not found:
            raise ValueError(f"position: `{symbol}` {side} is no open position, deleverage one that is")
        self.venue.engine.deleverage(account, found[0], quantity, now_ns)
        self.venue.settle()

    def arm(self, faults: Sequence[Fault]) -> None:
        """Add faults to the running exchange; their occasions count from now."""
        self.venue.arm(faults)

    def disarm(self) -> None:
        """From now on nothing goes wrong any more."""
        self.venue.faults.disarm()

    def cut_account_streams(self, api_key: str) -> None:
        """Cut the account's sockets without a close frame, as a network does."""
        self.venue.streams.cut_account(self._account_of(api_key).key)

    def cut_market_streams(self) -> None:
        """Cut every market socket without a close frame."""
        self.venue.streams.cut_market()

    def venue_record(self) -> VenueRecord:
        """The exchange's own books, copied."""
        now_ns = self.venue.enter()
        self.venue.settle()
        return take_record(self.venue.engine, now_ns)

    def report(self) -> ExchangeReport:
        """Counts so far."""
        accounts = self.venue.engine.accounts.values()
        streams = self.venue.streams
        return ExchangeReport(
            requests_served=self.venue.requests_served,
            faults_fired=self.venue.faults.fired,
            connections=streams.connections,
            market_frames_dropped=streams.dropped,
            slow_clients_cut=streams.slow_clients_cut,
            orders_made=sum(account.orders_made for account in accounts),
            fills_made=sum(account.fills_made for account in accounts),
        )

    def _account_of(self, api_key: str) -> Account:
        account = self.venue.engine.accounts.get(api_key)
        if account is None:
            raise VenueError(KEY_UNKNOWN, "Incorrect apiKey")
        return account

    # -- the application

    def _application(self) -> Callable[[Scope, Receive, Send], object]:
        routes: list[Route | WebSocketRoute] = [WebSocketRoute("/swap-market", self.venue.streams.serve)]
        if self.config.debug_record:
            routes.append(Route("/debug/record", self._debug_record))
            routes.append(Route("/debug/report", self._debug_report))
        inner = Starlette(routes=routes)
        transports = self._transports
        answer = self._api.answer

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            # Faults cut connections below HTTP, so the transport travels with the request.
            transport = _transport_behind(send)
            scope[TRANSPORT_KEY] = transport
            transports.add(transport)
            self._log(scope)
            try:
                if scope["type"] == "http" and not scope["path"].startswith("/debug/"):
                    response = await answer(Request(scope, receive))
                    await response(scope, receive, send)
                else:
                    await inner(scope, receive, send)
            finally:
                transports.discard(transport)
                if scope["type"] == "websocket":
                    self._log(scope, is_over=True)

        return application

    def _log(self, scope: Scope, *, is_over: bool = False) -> None:
        if self._access_log is not None:
            parameters = dict(parse_qsl(scope["query_string"].decode("latin-1")))
            self._access_log(Visit(self.venue.now_ns(), scope["path"], parameters, is_over))

    async def _debug_record(self, request: Request) -> Response:
        if request.client is None or request.client.host not in _LOOPBACK:
            return Response("loopback only", 403)
        return Response(json_text(self.venue_record().to_json_object()), media_type=JSON_TYPE)

    async def _debug_report(self, request: Request) -> Response:
        if request.client is None or request.client.host not in _LOOPBACK:
            return Response("loopback only", 403)
        report = self.report()
        value = {name: getattr(report, name) for name in report.__slots__}
        return Response(json_text(value), media_type=JSON_TYPE)


def _transport_behind(send: Send) -> Transport:
    """The socket transport below an ASGI ``send``: uvicorn's protocols bind it to an object that holds it."""
    holder: object = getattr(send, "__self__", None)
    transport: object = getattr(holder, "transport", None)
    if not hasattr(transport, "abort"):
        raise TypeError("the exchange needs uvicorn's protocols, whose `send` is bound to a transport")
    return cast("Transport", transport)
