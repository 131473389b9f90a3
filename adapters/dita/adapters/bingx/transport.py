"""The one place that touches httpx: one HTTP exchange, bounded in time and size, that answers with a value.

The timestamp and the signature are made *while the request is being written*, in httpcore's trace hook for the start of
the request headers: after the limiter, after the wait for a pooled connection, after connect and TLS. So a queue inside
this process can never age a timestamp, nothing is written after ``send_by_ns``, and whether the venue can have seen any
byte of a request is known for certain (``sent``), also on re-used connections. What httpx knows of a request, and logs
and puts into its exceptions, has neither a query nor a key: parameters, signature and key can reach no log.
"""

import asyncio
import logging
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any, Final

import httpx

from dita.adapters.bingx.clock import Clock
from dita.adapters.bingx.compression import CompressionError, decompress
from dita.adapters.bingx.credentials import Credentials
from dita.adapters.bingx.endpoints import ENDPOINTS, SHARED_QUOTAS, Endpoint
from dita.adapters.bingx.limiter import Limiter, Quota, Rank
from dita.adapters.bingx.signing import canonical_text, plain_query, signed_query
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND

RECV_WINDOW_MAX_MS: Final = 5000  # the venue's default; a longer one only lengthens the time of not knowing
_CONNECTIONS_MAX: Final = 16
_CONNECTIONS_FOR_CLOSINGS: Final = 4  # of those: slow replies to anything else must not hold up a closing
_KEEPALIVE_SECONDS: Final = 15  # re-used connections end soon: a changed address is picked up, stale ones are rare
_WAIT_STEP_NS_MIN: Final = NANOSECONDS_PER_MILLISECOND
_KEPT_HEADERS: Final = ("x-ratelimit-requests-remain", "x-ratelimit-requests-expire", "retry-after")
_HEADERS_STARTED: Final = "http11.send_request_headers.started"

log = logging.getLogger(__name__)


class FailureKind(Enum):
    """Why there is no reply to look at."""

    TOO_LATE = "too late"  # refused to write after send_by
    THROTTLED = "throttled"  # the local limiter would have had to wait for too long
    CLOSED = "closed"  # this transport, by us
    NOT_CONNECTED = "not connected"  # name, connect, TLS or proxy
    TIMED_OUT = "timed out"
    CONNECTION_LOST = "connection lost"
    BODY_REFUSED = "body refused"  # longer than believed, or not decodable
    BAD_REQUEST = "bad request"  # a parameter that cannot be signed
    BUG = "bug"  # an exception of our own code


@dataclass(frozen=True, slots=True)
class Failure:
    """No reply. ``sent`` False proves that not one byte of the request was written."""

    kind: FailureKind
    detail: str
    sent: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete reply, not judged. Times are our wall clock; ``timestamp_ms`` is the venue time we signed."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str]
    sent_ns: int
    received_ns: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. ``total`` bounds the whole exchange, a body that drips included; the limiter's wait is not in it."""

    connect: float = 3.0
    read: float = 5.0
    write: float = 3.0
    pool: float = 3.0
    total: float = 8.0
    limiter: float = 20.0


def default_limiter() -> Limiter:
    """A limiter with the venue's published limits."""
    own = {endpoint.name: Quota(endpoint.per_second, reserved=endpoint.reserved) for endpoint in ENDPOINTS}
    return Limiter({**own, **SHARED_QUOTAS}, {endpoint.name: endpoint.shares for endpoint in ENDPOINTS})


@cache
def _ssl_context(cert_file: str | None, cert_dir: str | None) -> ssl.SSLContext:  # noqa: ARG001 - the cache's key
    """Certificates as the environment says; reading them takes longer than everything else here, so once is enough."""
    return httpx.create_ssl_context(trust_env=True)


class _TooLate(Exception):
    """Raised inside the write hook: the request must not go out any more."""


@dataclass(slots=True)
class _Attempt:
    """One request on its way: makes the query at the moment of writing and remembers that it did."""

    transport: "Transport"
    endpoint: Endpoint
    parameters: Mapping[str, str]
    send_by_ns: int | None
    age_ns: int
    sent_ns: int = 0
    timestamp_ms: int = 0
    sent: bool = False

    async def on_trace(self, name: str, info: dict[str, Any]) -> None:
        """The trace extension of httpcore: called just before the headers of the given request are written."""
        if name != _HEADERS_STARTED:
            return
        request = info["request"]
        if request.method == b"CONNECT":  # a proxy tunnel is being opened; ours comes after it
            return
        if self.sent:
            raise RuntimeError("a request would have been written twice")
        venue_ns = self.transport.venue_now_ns()
        if self.send_by_ns is not None and venue_ns > self.send_by_ns:
            raise _TooLate
        self.timestamp_ms = (venue_ns - self.age_ns) // NANOSECONDS_PER_MILLISECOND
        query = self.transport.query_at(self.endpoint, self.parameters, self.timestamp_ms)
        if query:
            request.url.target += b"?" + query.encode("ascii")
        if self.endpoint.with_key and self.transport.credentials is not None:
            request.headers.append((b"X-BX-APIKEY", self.transport.credentials.api_key.get_secret_value().encode()))
        self.sent_ns = self.transport.clock.wall_ns()
        self.sent = True


@dataclass(slots=True)
class Transport:
    """Signed HTTP exchanges with one account's hosts. Close it with ``aclose``."""

    credentials: Credentials | None
    clock: Clock
    limiter: Limiter = field(default_factory=default_limiter)
    timeouts: Timeouts = field(default_factory=Timeouts)
    recv_window_ms: int = 2000
    send_recv_window: bool = True  # False: leave the venue's default of 5000 ms in force
    clock_offset_ns: int = 0  # venue clock minus ours; BingxRest keeps it up to date
    _client: httpx.AsyncClient = field(init=False, repr=False)
    _in_flight: int = field(default=0, init=False)
    _closed: bool = field(default=False, init=False)
    _waiters: int = field(default=0, init=False)
    _moved: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.recv_window_ms <= RECV_WINDOW_MAX_MS:
            raise ValueError(f"recv_window_ms: `{self.recv_window_ms}` is not within 1 to {RECV_WINDOW_MAX_MS}")
        self._client = httpx.AsyncClient(
            http1=True,
            http2=False,
            follow_redirects=False,
            trust_env=True,  # proxies from the environment
            verify=_ssl_context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
            timeout=httpx.Timeout(
                connect=self.timeouts.connect,
                read=self.timeouts.read,
                write=self.timeouts.write,
                pool=self.timeouts.pool,
            ),
            limits=httpx.Limits(
                max_connections=_CONNECTIONS_MAX,
                max_keepalive_connections=_CONNECTIONS_MAX,
                keepalive_expiry=_KEEPALIVE_SECONDS,
            ),
            headers={"User-Agent": "dita", "X-SOURCE-KEY": "DITA", "Accept-Encoding": "identity"},
        )

    async def aclose(self) -> None:
        """Release every connection; whoever waits is told. Calling it again is harmless."""
        self._closed = True
        self._let_the_others_look()
        await self._client.aclose()

    def venue_now_ns(self) -> int:
        """Our best idea of the venue's clock, UTC nanoseconds."""
        return self.clock.wall_ns() + self.clock_offset_ns

    @property
    def window_ns(self) -> int:
        """How long after its timestamp the venue may still admit a request."""
        window_ms = self.recv_window_ms if self.send_recv_window else RECV_WINDOW_MAX_MS
        return window_ms * NANOSECONDS_PER_MILLISECOND

    def check(self, endpoint: Endpoint, parameters: Mapping[str, str]) -> None:
        """Raise ValueError for what could not be written."""
        canonical_text(parameters)
        if endpoint.signed and self.credentials is None:
            raise ValueError(f"{endpoint.name}: needs credentials and none were given")

    def query_at(self, endpoint: Endpoint, parameters: Mapping[str, str], timestamp_ms: int) -> str:
        """The query text of a request that was checked and is written at ``timestamp_ms``."""
        if not endpoint.signed:
            return plain_query(parameters)
        assert self.credentials is not None  # checked before
        stamped = {**parameters, "timestamp": str(timestamp_ms)}
        if self.send_recv_window:
            stamped["recvWindow"] = str(self.recv_window_ms)
        return signed_query(self.credentials.secret, stamped)

    def redacted(self, text: str) -> str:
        """A text from outside without our key, should it quote our own request at us."""
        if self.credentials is None:
            return text
        return text.replace(self.credentials.api_key.get_secret_value(), "…")

    async def exchange(
        self,
        base_url: str,
        endpoint: Endpoint,
        parameters: Mapping[str, str],
        *,
        rank: Rank = Rank.OPENING,
        send_by_ns: int | None = None,
        age_ns: int = 0,
    ) -> Reply | Failure:
        """Send one request and read its reply. Never raises, except when the calling task is cancelled.

        ``send_by_ns`` is venue time: nothing is written after it. ``rank`` says whom it overtakes while it waits.
        ``age_ns`` makes the timestamp that much too old, for the probe that asks whether the venue refuses it.
        """
        attempt = _Attempt(self, endpoint, parameters, send_by_ns, age_ns)
        try:
            self.check(endpoint, parameters)  # what cannot be signed is refused before anything is waited for
        except ValueError as error:
            return Failure(FailureKind.BAD_REQUEST, str(error), sent=False)
        try:
            refusal = await self._wait_for_turn(endpoint, rank, send_by_ns)
            if refusal is not None:
                return refusal
            try:
                async with asyncio.timeout(self.timeouts.total):
                    return await self._send(base_url, attempt)
            finally:
                self._in_flight -= 1
                if self._in_flight + 1 >= _CONNECTIONS_MAX - _CONNECTIONS_FOR_CLOSINGS:  # somebody may wait for it
                    self._let_the_others_look()
        except _TooLate:
            return Failure(FailureKind.TOO_LATE, "the last moment to send had passed", sent=False)
        except (TimeoutError, httpx.TimeoutException) as error:
            return Failure(FailureKind.TIMED_OUT, type(error).__name__, sent=attempt.sent)
        except (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
            return Failure(FailureKind.NOT_CONNECTED, type(error).__name__, sent=attempt.sent)
        except httpx.HTTPError as error:
            return Failure(FailureKind.CONNECTION_LOST, type(error).__name__, sent=attempt.sent)
        except CompressionError as error:
            return Failure(FailureKind.BODY_REFUSED, str(error), sent=attempt.sent)
        except Exception as error:  # noqa: BLE001 - see below
            # Whatever this is, it must not end the caller's loop with an order in an unknown state: the caller is told
            # that we do not know, and by which type of exception. The text may quote a request, so it is not kept.
            log.error("%s: our own code raised %s", endpoint.name, type(error).__name__)  # noqa: TRY400 - as above
            return Failure(FailureKind.BUG, type(error).__name__, sent=attempt.sent)

    async def _wait_for_turn(self, endpoint: Endpoint, rank: Rank, send_by_ns: int | None) -> Failure | None:
        """Wait for the tokens and a connection; None when the request may go and counts as in flight."""
        connections = _CONNECTIONS_MAX - (0 if rank is Rank.CLOSING else _CONNECTIONS_FOR_CLOSINGS)
        patience_ns = int(self.timeouts.limiter * NANOSECONDS_PER_SECOND)
        started_ns = self.clock.monotonic_ns()
        ticket = self.limiter.join(endpoint.name, rank)
        taken = False
        try:
            while not self._closed:
                now_ns = self.clock.monotonic_ns()
                taken = self._in_flight < connections and self.limiter.take(ticket, now_ns)
                if taken:
                    self._in_flight += 1
                    return None
                wait_ns = self.limiter.wait_ns(ticket, now_ns)
                spare_ns = None if send_by_ns is None else send_by_ns - self.venue_now_ns()
                if spare_ns is not None and spare_ns < 0:
                    raise _TooLate
                left_ns = started_ns + patience_ns - now_ns
                if (spare_ns is not None and wait_ns > spare_ns) or wait_ns > left_ns or left_ns <= 0:
                    detail = f"a request may go out in {wait_ns // NANOSECONDS_PER_MILLISECOND} ms at the earliest"
                    return Failure(FailureKind.THROTTLED, detail, sent=False)
                patient_ns = left_ns if spare_ns is None else min(left_ns, spare_ns + 1)
                await self._look_again_within(wait_ns or patient_ns)
            return Failure(FailureKind.CLOSED, "the transport was closed", sent=False)
        finally:
            if not taken:  # whoever stood behind need not wait so long now
                self.limiter.leave(ticket)
                self._let_the_others_look()

    async def _look_again_within(self, wait_ns: int) -> None:
        """Return after so long, or when somebody has left the queue or given back a connection."""
        moved = self._moved
        self._waiters += 1
        try:
            async with asyncio.timeout(max(wait_ns, _WAIT_STEP_NS_MIN) / NANOSECONDS_PER_SECOND):
                await moved.wait()
        except TimeoutError:
            pass
        finally:
            self._waiters -= 1

    def _let_the_others_look(self) -> None:
        if self._waiters:
            self._moved.set()
            self._moved = asyncio.Event()

    async def _send(self, base_url: str, attempt: _Attempt) -> Reply | Failure:
        endpoint = attempt.endpoint
        async with self._client.stream(
            endpoint.method, base_url + endpoint.path, extensions={"trace": attempt.on_trace}
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > endpoint.body_bytes_max:
                    return Failure(FailureKind.BODY_REFUSED, f"more than {endpoint.body_bytes_max} bytes", attempt.sent)
            received_ns = self.clock.wall_ns()
            if not attempt.sent:  # without the hook no valid request can have been sent
                return Failure(FailureKind.BUG, "a reply to a request that was never stamped", sent=True)
            content = bytes(body)
            encoding = response.headers.get("content-encoding", "identity").strip().lower()
            if encoding in ("gzip", "deflate", "x-gzip") and content:
                content = decompress(content, endpoint.body_bytes_max)
            elif encoding not in ("identity", "") and content:
                raise CompressionError(f"content-encoding: `{encoding[:20]}` was not asked for")
            kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
            return Reply(response.status_code, content, kept, attempt.sent_ns, received_ns, attempt.timestamp_ms)
