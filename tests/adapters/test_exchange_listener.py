"""The exchange's socket: replies leave at once."""

import asyncio
import socket

import pytest

from dita.adapters.exchange.server import open_listener


async def test_accepted_connections_do_not_delay_small_packets() -> None:
    """Both ends of a connection through asyncio have Nagle's delay off, so that a reply of two packets never waits."""
    accepted: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(
        lambda _, writer: accepted.set_result(writer), sock=open_listener("127.0.0.1", 0)
    )
    async with server:
        _, client = await asyncio.open_connection(*server.sockets[0].getsockname())
        for writer in (client, await accepted):
            connection: socket.socket = writer.get_extra_info("socket")
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
            writer.close()


def test_a_taken_port_is_an_error_and_leaves_no_socket() -> None:
    """Binding a port that somebody listens on raises, as the start of the exchange promises."""
    with open_listener("127.0.0.1", 0) as first:
        first.listen()
        with pytest.raises(OSError, match="in use"):
            open_listener("127.0.0.1", first.getsockname()[1])
