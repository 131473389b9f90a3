"""What goes back over HTTP: envelopes, and the replies that a fault plan prefers to an answer."""

from typing import Final, Literal

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dita.adapters.exchange.client_socket import TRANSPORT_KEY
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
    """Never answers: leaves the client waiting (``hang``) or cuts the connection (``reset``)."""

    def __init__(self, how: Literal["hang", "reset"]) -> None:
        super().__init__()
        self._how = how

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's signature
        """Cut or wait, and return when the client is gone."""
        if self._how == "reset":
            scope[TRANSPORT_KEY].abort()
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


async def _gone(receive: Receive) -> None:
    """Wait for the end of the connection."""
    message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()
