"""The network between a client and the exchange, in the test's hand: it holds, repeats and loses orders and cancels.

What is read (GET) passes through; what changes something (POST, DELETE) waits as a ``Parcel`` until the test delivers
it. The bytes are those that the client signed and the exchange answers.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Self

_END = b"\r\n\r\n"


class Parcel:
    """One request on its way."""

    def __init__(self, request: bytes, port: int) -> None:
        self._request = request
        self._port = port
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()  # b"": the reply was lost

    async def deliver(self) -> bytes:
        """The exchange gets the request, once more if it has had it before; its whole answer."""
        return await _asked(self._port, self._request)

    def reply(self, answer: bytes) -> None:
        """The client gets this answer."""
        self.answer.set_result(answer)

    def lose(self) -> None:
        """The client gets no answer: its connection ends."""
        self.answer.set_result(b"")


class SlowWire:
    """A relay in front of the exchange at ``port``."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._parcels: asyncio.Queue[Parcel] = asyncio.Queue()
        self._clients: set[asyncio.Task[None]] = set()
        self.url = ""

    async def parcel(self) -> Parcel:
        """The next request that waits."""
        return await asyncio.wait_for(self._parcels.get(), 60)

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[Self]:
        """Listen on a free loopback port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self
            for client in self._clients:
                client.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            while True:
                request = await reader.readuntil(_END)
                if request.startswith(b"GET "):
                    answer = await _asked(self._port, request)
                else:
                    parcel = Parcel(request, self._port)
                    self._parcels.put_nowait(parcel)
                    answer = await parcel.answer
                if not answer:
                    return
                writer.write(answer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client or the test has gone
        finally:
            self._clients.discard(task)
            writer.close()


async def _asked(port: int, request: bytes) -> bytes:
    """One request on a connection of its own, to its whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        head = await reader.readuntil(_END)
        fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if b": " in line)
        return head + await reader.readexactly(int(fields[b"content-length"]))
    finally:
        writer.close()
