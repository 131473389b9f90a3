"""Connections in memory: asyncio transports whose bytes arrive after a latency, in order, unless the network fails.

Real protocol code runs on both ends; only the sockets are missing. An end that belongs to a killed process is silent,
and its peer meets a reset, as the operating system of the dead would send it.
"""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from itertools import pairwise
from random import Random
from typing import Any, Final, final

from dita.runtime.simulation.processes import SimulatedProcess, current_process

_KERNEL_BYTES: Final = 262_144  # what two socket buffers take before a writer has to wait
_FIRST_CLIENT_PORT: Final = 40_000
_PIECES_MAX: Final = 4
_EOF: Final = b""

_Reset = ConnectionResetError
_Item = bytes | ConnectionResetError


@final
class MemoryListener:
    """Stands for a bound socket."""

    family = socket.AF_INET

    def __init__(self, host: str, port: int) -> None:
        self.address = (host, port)

    def getsockname(self) -> tuple[str, int]:
        """Host and port."""
        return self.address

    def close(self) -> None:
        """Nothing is held."""


@final
class MemoryNetwork:
    """All listeners and connections. ``rng`` draws latencies; seconds.

    ``fragments``: bytes written at once arrive in pieces. ``dark_until``: until then nothing arrives, and arrives then.
    ``refuses_until``: until then new connections are refused.
    """

    def __init__(self, rng: Random, latency: tuple[float, float]) -> None:
        self.latency = latency
        self.fragments = False
        self.dark_until = 0.0
        self.refuses_until = 0.0
        self.bytes_carried = 0
        self._rng = rng
        self._servers: dict[tuple[str, int], _MemoryServer] = {}
        self._ends: dict[_MemoryTransport, None] = {}
        self._next_port = _FIRST_CLIENT_PORT
        quiet, self._quiet_writer = os.pipe()
        loud, loud_writer = os.pipe()
        os.write(loud_writer, b"!")
        os.close(loud_writer)
        self.descriptors = {False: quiet, True: loud}  # by whether there is something to read

    def close(self) -> None:
        """Give back the descriptors."""
        for descriptor in (*self.descriptors.values(), self._quiet_writer):
            os.close(descriptor)

    def listen(self, loop: asyncio.AbstractEventLoop, factory: Callable[[], Any], listener: MemoryListener) -> Any:
        """Accept connections at the listener's address."""
        server = _MemoryServer(self, loop, factory, listener.address)
        self._servers[listener.address] = server
        return server

    def forget(self, address: tuple[str, int]) -> None:
        """Nobody listens there any more."""
        self._servers.pop(address, None)

    async def connect(
        self, loop: asyncio.AbstractEventLoop, factory: Callable[[], Any], host: str, port: int
    ) -> tuple[asyncio.Transport, Any]:
        """One connection, after a round trip. Raises ConnectionRefusedError."""
        await asyncio.sleep(self.delay(loop.time()))
        server = self._servers.get((host, port))
        if server is None or loop.time() < self.refuses_until:
            raise ConnectionRefusedError(f"nobody answers at {host}:{port}")
        self._next_port += 1
        here = (host, self._next_port)
        near = _MemoryTransport(self, loop, here, server.address, current_process(), copy_context())
        far = _MemoryTransport(self, loop, server.address, here, None, server.context.copy())
        near.peer, far.peer = far, near
        if not near.is_dead:  # what is left of a killed process may believe that it has connected; nobody else does
            self._ends |= {near: None, far: None}
            far.attach(server.context.copy().run(server.factory))
        await asyncio.sleep(self.delay(loop.time()))
        protocol = factory()
        near.set_protocol(protocol)
        protocol.connection_made(near)
        near.begin()
        return near, protocol

    def delay(self, now: float) -> float:
        """How long something takes that is sent now."""
        low, high = self.latency
        return max(0.0, self.dark_until - now) + low + (high - low) * self._rng.random()

    def pieces(self, data: bytes) -> list[bytes]:
        """The data as it arrives."""
        if not self.fragments or len(data) < 2:
            return [data]
        cuts = sorted(self._rng.randrange(1, len(data)) for _ in range(self._rng.randrange(_PIECES_MAX)))
        edges = [0, *cuts, len(data)]
        return [data[a:b] for a, b in pairwise(edges) if a < b]

    @property
    def connections(self) -> int:
        """Ends of connections that are open."""
        return len(self._ends)

    def drop(self, end: "_MemoryTransport") -> None:
        """An end that is no more."""
        self._ends.pop(end, None)

    def bury(self, process: SimulatedProcess) -> None:
        """The process is dead: its connections are reset from this side."""
        for end in [end for end in self._ends if end.owner is process]:
            end.die()

    def reset_all(self) -> None:
        """A box on the way forgets every connection: both ends meet a reset."""
        for end in list(self._ends):
            end.arrive(ConnectionResetError("reset by the network"))


@final
class _MemoryServer:
    """What ``create_server`` gives."""

    def __init__(
        self,
        network: MemoryNetwork,
        loop: asyncio.AbstractEventLoop,
        factory: Callable[[], Any],
        address: tuple[str, int],
    ) -> None:
        self._network = network
        self.loop = loop
        self.factory = factory
        self.address = address
        self.context: Context = copy_context()

    def close(self) -> None:
        """Accept nobody any more."""
        self._network.forget(self.address)

    async def wait_closed(self) -> None:
        """It is at once."""


@final
class _Socket:
    """What libraries ask of a transport's socket."""

    family = socket.AF_INET

    def __init__(self, end: "_MemoryTransport") -> None:
        self._end = end

    def getsockname(self) -> tuple[str, int]:
        return self._end.here

    def getpeername(self) -> tuple[str, int]:
        return self._end.there

    def setsockopt(self, _level: int, option: int, _value: object) -> None:
        if option == socket.SO_LINGER:  # who asks for it wants its end to be a reset
            self._end.ends_with_reset = True

    def fileno(self) -> int:
        return self._end.descriptor()


@final
class _MemoryTransport(asyncio.Transport):
    """One end of a connection."""

    peer: "_MemoryTransport"

    def __init__(
        self,
        network: MemoryNetwork,
        loop: asyncio.AbstractEventLoop,
        here: tuple[str, int],
        there: tuple[str, int],
        owner: SimulatedProcess | None,
        context: Context,
    ) -> None:
        super().__init__()
        self.here, self.there = here, there
        self.owner = owner
        self.ends_with_reset = False
        self._network = network
        self._loop = loop
        self._context = context
        self._protocol: Any = None
        self._inbox: deque[_Item] = deque()  # has arrived, not yet told to the protocol
        self._on_the_way: deque[_Item] = deque()  # towards this end
        self._due = 0.0
        self._unread = 0  # bytes of this end's writing that the other has not taken
        self._high = 0
        self._is_paused = False
        self._has_begun = False
        self._writer_waits = False
        self._pumping = False
        self._closing = False
        self._said_eof = False
        self._over = False  # connection_lost was called or is about to be

    def __hash__(self) -> int:
        return hash(self.here) ^ hash(self.there)

    def __eq__(self, other: object) -> bool:
        return self is other

    # --- beginning

    def attach(self, protocol: Any) -> None:
        """The accepting side's beginning."""
        self._protocol = protocol
        self._soon(protocol.connection_made, self)
        self.begin()

    def begin(self) -> None:
        """From now on what arrives is told."""
        self._has_begun = True
        self._wake()

    # --- what asyncio's transports do

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        known = {"socket": _Socket(self), "peername": self.there, "sockname": self.here}
        return known.get(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> Any:
        return self._protocol

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return not self._is_paused

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._wake()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:  # noqa: ARG002 - asyncio's signature
        self._high = 65_536 if high is None else high

    def get_write_buffer_size(self) -> int:
        return max(0, self._unread - _KERNEL_BYTES)

    def can_write_eof(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._closing or self._said_eof or not data or self.is_dead:
            return
        content = bytes(data)
        self._unread += len(content)
        self._network.bytes_carried += len(content)
        for piece in self._network.pieces(content):
            self.peer.approach(piece)
        if self.get_write_buffer_size() > self._high and not self._writer_waits:
            self._writer_waits = True
            self._protocol.pause_writing()

    def write_eof(self) -> None:
        if self._closing or self._said_eof or self.is_dead:
            return
        self._said_eof = True
        self.peer.approach(_EOF)

    def close(self) -> None:
        self._end(None)

    def abort(self) -> None:
        self._end(None)

    # --- what the network does

    @property
    def is_dead(self) -> bool:
        """Whether the process that holds it was killed."""
        return self.owner is not None and not self.owner.is_alive

    def descriptor(self) -> int:
        """A descriptor that is readable exactly when this end has something to read, -1 once it is closed."""
        return -1 if self._closing else self._network.descriptors[bool(self._inbox)]

    def approach(self, item: _Item) -> None:
        """Something was sent to this end."""
        now = self._loop.time()
        self._due = max(self._due, now + self._network.delay(now))
        self._on_the_way.append(item)
        self._loop.call_at(self._due, self._arrived, context=self._context)

    def _arrived(self) -> None:
        self.arrive(self._on_the_way.popleft())

    def arrive(self, item: _Item) -> None:
        """Something is here."""
        if self._closing:
            if item and not isinstance(item, ConnectionResetError):  # nobody is left to read it
                self.peer.approach(ConnectionResetError("written to a closed connection"))
            return
        self._inbox.append(item)
        self._wake()

    def die(self) -> None:
        """Its process was killed."""
        if not self._closing:
            self.peer.approach(ConnectionResetError("the other process is gone"))
            self._lose(ConnectionAbortedError("killed"))  # the remains must not wait for it

    def _soon(self, callback: Callable[..., object], *arguments: object) -> None:
        self._loop.call_soon(callback, *arguments, context=self._context)

    def _wake(self) -> None:
        if not self._pumping and self._inbox and self._has_begun:
            self._pumping = True
            self._soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        while self._inbox and not self._closing:
            item = self._inbox[0]
            if isinstance(item, ConnectionResetError):
                self._inbox.clear()
                self._lose(item)
            elif self._is_paused:
                return
            else:
                self._inbox.popleft()
                self._tell(item)

    def _tell(self, item: bytes) -> None:
        if item:
            self.peer.taken(len(item))
            self._protocol.data_received(item)
        elif not self._protocol.eof_received():
            self.close()

    def taken(self, count: int) -> None:
        """The other end has read so many bytes of ours."""
        self._unread -= count
        if self._writer_waits and not self.get_write_buffer_size() and not self._closing:
            self._writer_waits = False
            self._soon(self._protocol.resume_writing)

    def _end(self, error: Exception | None) -> None:
        if self._closing:
            return
        if not self.is_dead:
            self.peer.approach(ConnectionResetError("reset by the other end") if self.ends_with_reset else _EOF)
        self._lose(error)

    def _lose(self, error: Exception | None) -> None:
        self._closing = True
        if not self._over:
            self._over = True
            self._network.drop(self)
            if self._protocol is not None:  # killed before it knew that it was connected
                self._soon(self._protocol.connection_lost, error)
