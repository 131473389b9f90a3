"""The one place that touches websockets: a connection that yields documents, answers heartbeats, notices silence."""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from dita.adapters.bingx.compression import CompressionError, decompress
from dita.adapters.bingx.json_text import JsonTextError, parse_json

_FRAME_BYTES_MAX: Final = 1 << 20  # compressed
_TEXT_BYTES_MAX: Final = 4 << 20  # decompressed
_OPEN_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 2.0
_QUEUED_FRAMES_MAX: Final = 256

# The URL of the account stream holds the listen key: the library must not log it.
_silent = logging.getLogger("dita.adapters.bingx.websocket.wire")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False
_silent.setLevel(logging.CRITICAL)

# Undocumented, hundreds every five seconds; dropped before the JSON is parsed, so that they cannot starve the reader.
_NOISE: Final = re.compile(r'"e"\s*:\s*"(?:SNAPSHOT|ACCOUNT_CONFIG_UPDATE)"')


class Cause(Enum):
    """Why a session ended, for those who count."""

    NOT_CONNECTED = "not connected"
    LOST = "connection lost"
    SILENT = "silent"
    NO_DATA = "heartbeats only"
    UNDECODABLE = "undecodable"
    UNREADABLE = "unreadable order"
    KEY = "listen key"
    REFUSED = "refused by the venue"
    BUG = "own bug"


HEARTBEAT: Final = object()  # in the place of a document


class StreamEnded(Exception):
    """The connection cannot be used any more; the message says why, in words that hold no secret.

    ``since_ns``: when it may have ended in truth, where that is earlier than its last frame.
    """

    def __init__(self, cause: Cause, detail: str, since_ns: int | None = None) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail
        self.since_ns = since_ns

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        """What pickling needs: the constructor's own arguments."""
        return type(self), (self.cause, self.detail, self.since_ns)


@dataclass(slots=True)
class Socket:
    """One open connection. ``last_frame_ns`` is the time (by ``now_ns``) of the last frame of any kind."""

    connection: ClientConnection
    now_ns: Callable[[], int]
    silence_seconds: float
    last_frame_ns: int

    async def receive(self) -> object | None:
        """The next document, or None for a heartbeat or noise. Raises StreamEnded on silence, loss or nonsense."""
        try:
            async with asyncio.timeout(self.silence_seconds):
                frame = await self.connection.recv()
        except TimeoutError:
            raise StreamEnded(Cause.SILENT, f"no frame for {self.silence_seconds} seconds") from None
        except (WebSocketException, OSError, EOFError) as error:
            raise StreamEnded(Cause.LOST, f"connection lost: {type(error).__name__}") from None
        self.last_frame_ns = self.now_ns()
        document = document_of(frame)
        if document is HEARTBEAT:
            await self._answer()
            return None
        return document

    async def _answer(self) -> None:
        """Pong. A connection that is over is told by the next ``receive``, after all that has arrived before."""
        with suppress(WebSocketException, OSError, EOFError):
            try:
                async with asyncio.timeout(self.silence_seconds):
                    await self.connection.send("Pong")
            except TimeoutError:
                raise StreamEnded(Cause.LOST, "connection lost while sending: TimeoutError") from None

    async def send(self, text: str) -> None:
        """Send one text frame. Raises StreamEnded."""
        try:
            async with asyncio.timeout(self.silence_seconds):
                await self.connection.send(text)
        except (TimeoutError, WebSocketException, OSError, EOFError) as error:
            raise StreamEnded(Cause.LOST, f"connection lost while sending: {type(error).__name__}") from None


def document_of(frame: str | bytes) -> object | None:
    """The document in a frame; None for what says nothing, HEARTBEAT for what wants an answer. Raises StreamEnded."""
    text = decode_frame(frame)
    if text == "Ping":
        return HEARTBEAT
    if not text or text == "Pong" or _NOISE.search(text):
        return None
    try:
        return parse_json(text)
    except JsonTextError as error:
        raise StreamEnded(Cause.UNDECODABLE, f"undecodable frame: {error}") from None


def decode_frame(frame: str | bytes) -> str:
    """The text of a frame: BINARY is gzip (always, as observed), TEXT is taken as it is. Raises StreamEnded."""
    if isinstance(frame, str):
        return frame
    try:
        return decompress(frame, _TEXT_BYTES_MAX).decode("utf-8")
    except (CompressionError, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, CompressionError) else "not UTF-8"
        raise StreamEnded(Cause.UNDECODABLE, f"undecodable frame: {reason}") from None


@asynccontextmanager
async def open_socket(url: SecretStr, now_ns: Callable[[], int], silence_seconds: float) -> AsyncGenerator[Socket]:
    """Connect (through the proxy that the environment names, if any) and close on the way out. Raises StreamEnded."""
    try:
        # The address is looked up at every connect. The venue sends application heartbeats, so we send no pings.
        connection = await connect(
            url.get_secret_value(),
            compression=None,
            ping_interval=None,
            open_timeout=_OPEN_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            max_size=_FRAME_BYTES_MAX,
            max_queue=_QUEUED_FRAMES_MAX,
            logger=_silent,
        )
    except (WebSocketException, OSError, EOFError, TimeoutError, ValueError) as error:
        raise StreamEnded(Cause.NOT_CONNECTED, f"not connected: {type(error).__name__}") from None
    try:
        yield Socket(connection, now_ns, silence_seconds, now_ns())
    finally:
        await connection.close()
