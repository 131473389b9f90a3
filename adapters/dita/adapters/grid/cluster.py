"""One client of a cluster, by hazelcast-python-client."""

import importlib.util
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, final

from dita.adapters.grid.maps import Map

CONNECT_SECONDS: Final = 5.0


class GridError(Exception):
    """The cluster cannot be used; the message says why and what to do."""


class GridMissing(GridError):
    """The client is not installed."""


class GridAway(GridError):
    """No member answers, or the connection broke. Trying again helps."""


def open_grid(members: list[str], cluster: str, on_command: Callable[[str, str], None] | None) -> "Grid":
    """Connect to ``host:port`` members. Raises GridMissing, GridAway.

    ``on_command`` is given the name and text of each command that is put from now on, in a thread of the client's.
    """
    if importlib.util.find_spec("hazelcast") is None:
        raise GridMissing(f"cluster `{cluster}`: its client is not installed; pip install dita[hazelcast]")
    import hazelcast  # noqa: PLC0415 - an extra: only who uses the cluster needs it

    logging.getLogger("hazelcast").setLevel(logging.CRITICAL)  # what it logs, it raises, too
    with _translated(cluster):
        client = hazelcast.HazelcastClient(
            cluster_members=members, cluster_name=cluster, cluster_connect_timeout=CONNECT_SECONDS,
            connection_timeout=CONNECT_SECONDS, invocation_timeout=CONNECT_SECONDS, statistics_enabled=False,
        )  # fmt: skip
        try:
            return Grid(cluster, client, on_command)
        except BaseException:
            client.shutdown()
            raise


@final
class Grid:
    """The maps. Every call raises GridAway when the cluster is not there; then close it and open another."""

    def __init__(self, cluster: str, client: Any, on_command: Callable[[str, str], None] | None) -> None:
        self._cluster = cluster
        self._client = client
        self._maps = {one: client.get_map(one.value).blocking() for one in Map}
        if on_command is not None:
            take = on_command

            def added(event: Any) -> None:
                take(str(event.key), str(event.value))

            self._maps[Map.COMMANDS].add_entry_listener(include_value=True, added_func=added)

    def put(self, into: Map, key: str, text: str) -> None:
        """Set an entry."""
        with _translated(self._cluster):
            self._maps[into].set(key, text)

    def get(self, of: Map, key: str) -> str | None:
        """An entry."""
        with _translated(self._cluster):
            found = self._maps[of].get(key)
            return None if found is None else str(found)

    def take(self, of: Map, key: str) -> bool:
        """Remove an entry; whether it was there, and nobody else took it."""
        with _translated(self._cluster):
            return self._maps[of].remove(key) is not None

    def keys(self, of: Map) -> list[str]:
        """Of a map."""
        with _translated(self._cluster):
            return [str(key) for key in self._maps[of].key_set()]

    def close(self) -> None:
        """Let go of it."""
        self._client.shutdown()


@contextmanager
def _translated(cluster: str) -> Generator[None]:
    from hazelcast import errors  # noqa: PLC0415 - as above

    try:
        yield
    except (errors.HazelcastError, OSError) as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise GridAway(f"cluster `{cluster}`: {said}; start it, or wait until it is back") from error
