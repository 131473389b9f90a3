"""Nothing of this process leaves the machine: connects and name look-ups are watched where the interpreter makes them.

An audit hook sees them all, whatever library asks, and cannot be taken out again: so there is one, which is told when
to look. It cannot see other processes.
"""

import ipaddress
import socket
import sys
from typing import Final, cast

_HARMLESS: Final = frozenset({"", "localhost", "None"})


class Watch:
    """What was tried while it looked: refused by PermissionError, and kept in case somebody swallows that."""

    def __init__(self) -> None:
        self.looks = False
        self.tried: list[str] = []

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """The hook."""
        if not self.looks or event not in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
            return
        if event == "socket.getaddrinfo":
            host = arguments[0]
        else:
            connection, address = arguments
            if isinstance(connection, socket.socket) and connection.family not in (socket.AF_INET, socket.AF_INET6):
                return
            host = cast("tuple[object, ...]", address)[0]  # of an internet socket
        name = host.decode() if isinstance(host, bytes) else str(host)
        if not is_here(name):
            self.tried.append(f"{event} {name}")
            raise PermissionError(f"{event}: `{name}` is not this machine; use a loopback address in tests")


def is_here(name: str) -> bool:
    """Whether a host is this machine, without asking anybody."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name in _HARMLESS


WATCH: Final = Watch()
sys.addaudithook(WATCH)
