"""What goes back over HTTP: envelopes, and the replies that a fault plan prefers to an answer."""

from collections.abc import Awaitable, Callable
from typing import Final, Literal

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dita.adapters.exchange.client_socket import TRANSPORT_KEY, Transport, reset
from dita.adapters.exchange.errors import VenueError
from dita.adapters.exchange.json_text import json_text

JSON_TYPE: Final = "application/json"
GATEWAY_PAGE: Final = (
    "<html><head><title>504 Gateway Time-out</title></head>"
    "<body><center><h1>504 Gateway Time-out</h1></center></body></html>"
)


def success(data: object) -> str:
    """The usual envelope around a result."""
    return '{"code":0,"msg":"","data":' + json_text(data) + "}"


def refusal(error: VenueError) -> str:
    """A refused request; ``data`` is an empty object, also where a list was expected, as observed."""
    return json_text({"code": error.code, "msg": error.text, "data": {}})


class NoReply(Response):
    """Never answers: leaves the client waiting (``hang``), resets the connection, or says that nothing will come."""

    def __init__(self, how: Literal["hang", "reset", "half_close"]) -> None:
        super().__init__()
        self._how = how

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's signature
        """Cut or wait, and return when the client is gone."""
        if self._how == "reset":
            reset(scope[TRANSPORT_KEY])
        elif self._how == "half_close":
            scope[TRANSPORT_KEY].write_eof()
        await _gone(receive)


class TornReply(Response):
    """Headers that promise the whole body, half of it, and the end of the connection."""

    def __init__(self, text: str) -> None:
        super().__init__(text, media_type=JSON_TYPE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the half and flush it out."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        scope[TRANSPORT_KEY].close()
        await _gone(receive)


class RawReply(Response):
    """A reply written past the server's own HTTP, in pieces: what it promises and what it holds may differ.

    ``length_off``: by how many bytes the Content-Length is wrong. ``pause``: what to wait for between two pieces.
    """

    def __init__(
        self,
        text: str,
        *,
        length_off: int = 0,
        piece: int = 1 << 20,
        pause: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(text, media_type=JSON_TYPE)
        body = bytes(self.body)
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {JSON_TYPE}\r\ncontent-length: {len(body) + length_off}\r\n\r\n"
        self._bytes = head.encode() + body
        self._waits_for_more = length_off > 0
        self._piece = piece
        self._pause = pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's signature
        """Write it piece by piece and end the connection, unless the client was promised more."""
        transport: Transport = scope[TRANSPORT_KEY]
        for start in range(0, len(self._bytes), self._piece):
            if self._pause is not None and start:
                await self._pause()
            if transport.is_closing():
                break
            transport.write(self._bytes[start : start + self._piece])
        if not self._waits_for_more:
            transport.close()
        await _gone(receive)


async def _gone(receive: Receive) -> None:
    """Wait for the end of the connection."""
    message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()
