"""One websocket connection of a client: a bounded queue, a sender, and a heartbeat that cuts the silent.

The engine only ever appends to the queue; a slow client can fill its own queue and nobody else's.
"""

import asyncio
import socket
import struct
from collections import deque
from typing import Final, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from dita.adapters.exchange.faults import CutHow

Frame = bytes | str
TRANSPORT_KEY = "exchange.transport"
_AT_ONCE: Final = struct.pack("ii", 1, 0)  # linger on, for no time at all: closing sends a reset


class Transport(Protocol):
    """What is needed of the connection underneath, to cut it without a farewell."""

    def abort(self) -> None:
        """Drop the connection and what is buffered."""

    def close(self) -> None:
        """Flush, then close."""

    def is_closing(self) -> bool:
        """Whether the end has begun."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes, whatever the protocol above thinks."""

    def write_eof(self) -> None:
        """Say that nothing more will come, and go on listening."""

    def get_extra_info(self, name: str) -> socket.socket | None:
        """The socket underneath, by the name `socket`."""
        ...


def reset(transport: Transport) -> None:
    """Drop the connection so that the other end meets a reset, not an orderly end."""
    below = transport.get_extra_info("socket")
    if below is not None and not transport.is_closing():
        below.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()


class ClientSocket:
    """``push`` never waits. A full queue drops its oldest frame or, with ``lossless``, cuts the connection."""

    def __init__(
        self, websocket: WebSocket, transport: Transport, queue_frames: int, *, lossless: bool, account: str = ""
    ) -> None:
        self.websocket = websocket
        self.account = account
        self.listen_key = ""
        self.address = ""
        self.topics: set[str] = set()
        self.dropped = 0
        self.cut_for_slowness = False
        self._transport = transport
        self._queue: deque[Frame] = deque()
        self._bound = queue_frames
        self._lossless = lossless
        self._ready = asyncio.Event()
        self._unanswered = 0
        self._heartbeat: asyncio.TimerHandle | None = None
        self._closing = False
        self._mute = False
        self._half_closing = False

    def push(self, frame: Frame) -> None:
        """Queue a frame."""
        if self._closing or self._mute:
            return
        if len(self._queue) >= self._bound:
            if self._lossless:
                self.cut_for_slowness = True
                self.cut()
                return
            self._queue.popleft()
            self.dropped += 1
        self._queue.append(frame)
        self._ready.set()

    def finish(self) -> None:
        """Send what is queued, then close politely."""
        self._closing = True
        self._ready.set()

    def end(self, how: CutHow) -> None:
        """End the connection as a fault wants it; what is queued still goes out, unless it is a reset."""
        if how == "reset":
            self.cut()
        elif how == "close":
            self.finish()
        else:
            self._mute = True
            self._half_closing = how == "half_close"
            self._stop_heartbeat()
            self._ready.set()

    def cut(self) -> None:
        """End the connection at once, without a close frame (the client sees 1006)."""
        self._closing = True
        self._queue.clear()
        self._stop_heartbeat()
        self._ready.set()
        reset(self._transport)

    def answered(self) -> None:
        """The client has answered a heartbeat."""
        self._unanswered = 0

    def start_heartbeat(self, interval_ms: int, unanswered_max: int, ping: Frame) -> None:
        """Push ``ping`` every interval and cut the connection after so many without an answer."""
        loop = asyncio.get_running_loop()

        def beat() -> None:
            if self._unanswered >= unanswered_max:
                self.cut()
                return
            self._unanswered += 1
            self.push(ping)
            self._heartbeat = loop.call_later(interval_ms / 1000, beat)

        self._heartbeat = loop.call_later(interval_ms / 1000, beat)

    async def send_queued(self) -> None:
        """The sender: runs until the connection is cut, finished or lost."""
        queue, ready, websocket = self._queue, self._ready, self.websocket
        try:
            while not self._transport.is_closing():
                while queue and not self._transport.is_closing():
                    frame = queue.popleft()
                    if isinstance(frame, bytes):
                        await websocket.send_bytes(frame)
                    else:
                        await websocket.send_text(frame)
                if self._closing:
                    if websocket.application_state is WebSocketState.CONNECTED:
                        await websocket.close()
                    return
                if self._half_closing:
                    self._half_closing = False
                    self._transport.write_eof()
                ready.clear()
                await ready.wait()
        except (WebSocketDisconnect, OSError):
            return

    def _stop_heartbeat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            self._heartbeat = None

    def release(self) -> None:
        """Stop the heartbeat; the connection is gone."""
        self._closing = True
        self._stop_heartbeat()
        self._ready.set()
