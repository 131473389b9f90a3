"""The session's end of the socket: takes a line, has it obeyed, sends a line back.

Who sends less than a whole line, or nothing for a while, has asked for nothing. Once a line is whole it is obeyed to
its end, whatever becomes of the one who sent it.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, final

from dita.adapters.control.messages import (
    NO_CONDITION,
    REQUEST_BYTES_MAX,
    ControlError,
    ControlRefused,
    Reply,
    Request,
    read_request,
    reply_line,
)
from dita.adapters.plane.errors import PlaneUnusable
from dita.adapters.plane.places import Place, check_folder

PEER: Final = struct.Struct("3i")  # pid, uid, gid: Linux's struct ucred
_AT_ONCE_MAX: Final = 8
_LINE_SECONDS: Final = 5.0
_BACKLOG: Final = 16

Obey = Callable[[Request, str], Awaitable[Reply]]
"""Carries a command out for somebody, named in words; raises ControlError when it does not take it."""


@final
class ControlServer:
    """Listens from the moment it is made, and answers from ``start`` on. One to a place: by the plane's writer."""

    def __init__(self, place: Place, obey: Obey) -> None:
        """Raises PlaneUnusable."""
        self.taken = 0
        self.refused = 0
        self._place = place
        self._obey = obey
        self._server: asyncio.Server | None = None
        self._busy = 0
        check_folder(place)
        try:
            self._socket = _bound(place)
        except OSError as error:
            raise PlaneUnusable(
                str(place.socket), f"no socket can be made there ({error.strerror})", "set DITA_PLANE to another folder"
            ) from error

    async def start(self) -> None:
        """From now on answer, also those who have asked already."""
        self._server = await asyncio.start_unix_server(self._serve, sock=self._socket, limit=REQUEST_BYTES_MAX)

    def close(self) -> None:
        """Answer nobody any more. Calling it again is harmless."""
        with suppress(OSError):
            self._place.socket.unlink(missing_ok=True)
        if self._server is not None:
            self._server.close()
        self._socket.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._busy += 1
        try:
            line = await self._line(reader)
            if line:
                writer.write(reply_line(await self._answer(line, _who(writer))))
                async with asyncio.timeout(_LINE_SECONDS):
                    await writer.drain()
        except (OSError, TimeoutError):
            pass  # whoever asked has gone; what was asked is done
        finally:
            self._busy -= 1
            writer.close()

    @staticmethod
    async def _line(reader: asyncio.StreamReader) -> bytes:
        """A whole line; nothing when none comes."""
        try:
            async with asyncio.timeout(_LINE_SECONDS):
                line = await reader.readline()
        except ValueError:  # longer than any request
            return b"{}"
        return line if line.endswith(b"\n") else b""

    async def _answer(self, line: bytes, who: tuple[int, int]) -> Reply:
        pid, uid = who
        try:
            self._check(uid)
            reply = await self._obey(read_request(line), f"process {pid} of user {uid}")
        except ControlError as error:
            self.refused += 1
            return _problem(str(error))
        except Exception as error:  # noqa: BLE001 - a bug in a command is told to whoever gave it, and ends nothing
            self.refused += 1
            return _problem(f"a bug: {error!r}; look with `dita control status` what came of it")
        self.taken += 1
        return reply

    def _check(self, uid: int) -> None:
        """Raises ControlRefused."""
        if uid not in (os.getuid(), 0):
            raise ControlRefused(f"user {uid} may not command a session of user {os.getuid()}")
        if self._busy > _AT_ONCE_MAX:
            raise ControlRefused(f"{_AT_ONCE_MAX} commands are under way; ask again")


def _bound(place: Place) -> socket.socket:
    """A listening socket that only we can reach. What a dead session left there is removed."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = os.open(place.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        place.socket.unlink(missing_ok=True)
        # By the descriptor of its folder, for an address has at most 107 bytes and a folder may be anywhere.
        listener.bind(f"/proc/self/fd/{folder}/{place.socket.name}")
        place.socket.chmod(0o600)  # nobody else can have entered the folder before
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    finally:
        os.close(folder)
    return listener


def _who(writer: asyncio.StreamWriter) -> tuple[int, int]:
    """Process and user of whoever is at the other end, as the system knows it."""
    connection = writer.get_extra_info("socket")
    pid, uid, _ = PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
    return pid, uid


def _problem(text: str) -> Reply:
    return Reply(text, os.getpid(), 0, is_journaled=False, before=NO_CONDITION, after=NO_CONDITION, answers=(), left=())
