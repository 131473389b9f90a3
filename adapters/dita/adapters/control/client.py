"""A commander's end of the socket."""

import os
import socket
from typing import Final

from dita.adapters.control.messages import (
    LINE_BYTES_MAX,
    ControlRefused,
    ControlSilent,
    NobodyThere,
    Reply,
    Request,
    read_reply,
    request_line,
)
from dita.adapters.control.server import PEER
from dita.adapters.plane.errors import PlaneUnusable
from dita.adapters.plane.places import Place, check_folder

_START_IT: Final = "start it, or leave a switch for its start with `dita halt`"


def ask(place: Place, request: Request, seconds: float) -> Reply:
    """Give one command and wait so long for its answer.

    Raises NobodyThere, ControlSilent, ControlRefused when the session did not take it, PlaneUnusable.
    """
    try:
        check_folder(place)
        folder = os.open(place.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NobodyThere(f"no session of this journal takes commands; {_START_IT}") from None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        try:
            connection.connect(f"/proc/self/fd/{folder}/{place.socket.name}")
        except (FileNotFoundError, ConnectionRefusedError):
            raise NobodyThere(f"no session of this journal takes commands; {_START_IT}") from None
        except OSError as error:
            raise PlaneUnusable(
                str(place.socket), f"it cannot be reached ({error})", "ask the session's user"
            ) from error
        finally:
            os.close(folder)
        pid, _, _ = PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
        silent = ControlSilent(
            f"process {pid} has not answered `{request.command}` within {seconds:g} s, and may have taken it or not:"
            " look with `dita control status`; if that is not answered either, leave a switch with `dita halt`"
        )
        try:
            connection.sendall(request_line(request))
            line = _line(connection)
        except OSError:
            raise silent from None
    if not line.endswith(b"\n"):
        raise silent
    reply = read_reply(line)
    if reply.problem and not reply.before.mode:
        raise ControlRefused(f"{request.command}: {reply.problem}")
    return reply


def _line(connection: socket.socket) -> bytes:
    """Up to the end of a line, or to that of the connection."""
    line = b""
    while not line.endswith(b"\n") and len(line) < LINE_BYTES_MAX:
        part = connection.recv(LINE_BYTES_MAX - len(line))
        if not part:
            break
        line += part
    return line
