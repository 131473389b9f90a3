"""Metrics over HTTP for Prometheus, on this machine only: ``GET /metrics``, and nothing else.

A page in a browser on this machine can be made to ask any address here under a name of its own; so who asks by another
name than this machine's gets nothing. What is asked often is made once a second.
"""

import asyncio
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Final, final

from dita.adapters.bingx.clock import Clock
from dita.runtime.connect import StartError

HOST: Final = "127.0.0.1"
_NAMES: Final = ("127.0.0.1", "localhost")
_HEADER_BYTES_MAX: Final = 8 * 1024
_SECONDS: Final = 5.0
_AT_ONCE_MAX: Final = 8
_AGE_NS: Final = 1_000_000_000
_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@final
class MetricsEndpoint:
    """Listens from the moment it is made, and answers from ``start`` on."""

    def __init__(self, port: int, text: Callable[[], str], clock: Clock) -> None:
        """``text``: the metrics as Prometheus reads them. Raises StartError when the port is not to be had."""
        self._text = text
        self._clock = clock
        self._made: tuple[int, str] | None = None
        self._busy = 0
        self._server: asyncio.Server | None = None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((HOST, port))
        except OSError as error:
            self._socket.close()
            raise StartError(
                f"DITA_METRICS_PORT: `{port}` on {HOST} cannot be had ({error.strerror}); name a free one"
            ) from error
        self.port: int = self._socket.getsockname()[1]

    async def start(self) -> None:
        """From now on."""
        self._server = await asyncio.start_server(self._serve, sock=self._socket, limit=_HEADER_BYTES_MAX)

    def close(self) -> None:
        """No more."""
        if self._server is not None:
            self._server.close()
        self._socket.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._busy += 1
        try:
            async with asyncio.timeout(_SECONDS):
                status, body = await self._answer(reader)
                head = (
                    f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {_TYPE}\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                )
                writer.write(head.encode() + body)
                await writer.drain()
        except (OSError, TimeoutError):
            pass  # whoever asked has gone, or never said what
        finally:
            self._busy -= 1
            with suppress(OSError):
                writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[HTTPStatus, bytes]:
        try:
            header = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, b""
        except asyncio.IncompleteReadError:
            return HTTPStatus.BAD_REQUEST, b""
        request, *lines = header.decode("latin-1").split("\r\n")
        method, _, rest = request.partition(" ")
        hosts = [value.strip() for name, _, value in (line.partition(":") for line in lines) if name.lower() == "host"]
        if len(hosts) != 1 or re.sub(r":\d+$", "", hosts[0]).lower() not in _NAMES:
            return HTTPStatus.FORBIDDEN, b"ask for 127.0.0.1 or localhost\n"
        if self._busy > _AT_ONCE_MAX:
            return HTTPStatus.SERVICE_UNAVAILABLE, b""
        if rest.split(" ")[0].split("?")[0] != "/metrics":
            return HTTPStatus.NOT_FOUND, b"see /metrics\n"
        if method != "GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, b""
        return HTTPStatus.OK, self._current().encode()

    def _current(self) -> str:
        now_ns = self._clock.monotonic_ns()
        if self._made is None or now_ns - self._made[0] >= _AGE_NS:
            self._made = (now_ns, self._text())
        return self._made[1]
