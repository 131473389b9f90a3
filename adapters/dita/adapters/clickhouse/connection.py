"""One connection, by clickhouse-connect: to the engine in this process (a folder) or to a server (an address)."""

import importlib.util
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, final
from urllib.parse import urlsplit

from dita.adapters.clickhouse.errors import AnalyticsBusy, AnalyticsMissing, AnalyticsRefused, AnalyticsUnreachable

DATABASE: Final = "dita"
_SCHEMES: Final = {"http": 8123, "https": 8443}
_SHOWN: Final = 300  # characters of an engine's words
_BUSY: Final = "initializing EmbeddedServer"


class Answer(NamedTuple):
    """What a question came to."""

    names: tuple[str, ...]
    rows: Sequence[Sequence[Any]]


class Connection(Protocol):
    """What the store needs of one. ``where`` is for people."""

    where: str
    database: str

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Carry out a statement. Raises AnalyticsRefused, AnalyticsUnreachable."""
        ...

    def ask(self, sql: str, parameters: Mapping[str, object] | None = None, *, final: bool = False) -> Answer:
        """Ask a question; ``final``: without rows that another one of the same key replaces. Raises as above."""
        ...

    def insert(self, table: str, names: Sequence[str], columns: Sequence[Sequence[object]], token: str = "") -> None:
        """Add rows, given as columns; what was added under the token before is not added again. Raises as above."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def open_connection(where: str, password: str = "") -> Connection:
    """To a folder, which is made, or to ``http[s]://[user@]host[:port][/database]``; the database is made.

    Raises AnalyticsMissing, AnalyticsBusy, AnalyticsUnreachable, AnalyticsRefused.
    """
    if importlib.util.find_spec("clickhouse_connect") is None:
        raise AnalyticsMissing(where, "its client is not installed", "pip install dita[analytics]")
    if "://" in where:
        return _to_server(where, password)
    if importlib.util.find_spec("chdb") is None:
        raise AnalyticsMissing(where, "the embedded engine is not installed", "pip install dita[analytics]")
    folder = Path(where)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return _opened(str(folder), DATABASE, {"interface": "chdb", "path": str(folder)})


def _to_server(where: str, password: str) -> Connection:
    parts = urlsplit(where)
    shown = f"{parts.scheme}://{parts.hostname}{parts.path}"
    try:
        port = parts.port or _SCHEMES[parts.scheme]
    except (KeyError, ValueError):
        raise AnalyticsRefused(shown, "no address of a server", "write http[s]://[user@]host[:port][/name]") from None
    if parts.password is not None:
        raise AnalyticsRefused(shown, "a password in the address", "set CLICKHOUSE_PASSWORD and leave it out here")
    database = parts.path.strip("/") or DATABASE
    if not database.isidentifier():
        raise AnalyticsRefused(shown, f"`{database}` is no name of a database", "use letters, digits and _")
    options: dict[str, Any] = {
        "host": parts.hostname, "port": port, "username": parts.username or "default", "password": password,
        "secure": parts.scheme == "https", "compress": False, "connect_timeout": 5, "send_receive_timeout": 60,
    }  # fmt: skip
    return _opened(shown, database, options)


def _opened(where: str, database: str, options: dict[str, Any]) -> Connection:
    import clickhouse_connect  # noqa: PLC0415 - an extra: only who uses the store needs it

    with _translated(where):
        first = clickhouse_connect.get_client(**options)
        try:
            first.command(f"CREATE DATABASE IF NOT EXISTS {database}")
            client = clickhouse_connect.get_client(**options, database=database)
        finally:
            first.close()
    return _Connected(where, database, client)


@final
class _Connected:
    """A client of clickhouse-connect."""

    def __init__(self, where: str, database: str, client: Any) -> None:
        self.where = where
        self.database = database
        self._client = client

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """See ``Connection``."""
        with _translated(self.where):
            self._client.command(sql, parameters=dict(parameters or {}))

    def ask(self, sql: str, parameters: Mapping[str, object] | None = None, *, final: bool = False) -> Answer:
        """See ``Connection``."""
        settings = {"final": 1} if final else {}
        with _translated(self.where):
            found = self._client.query(sql, parameters=dict(parameters or {}), settings=settings)
            return Answer(tuple(found.column_names), found.result_rows)

    def insert(self, table: str, names: Sequence[str], columns: Sequence[Sequence[object]], token: str = "") -> None:
        """See ``Connection``."""
        with _translated(self.where):
            self._client.insert(
                table, columns, column_names=list(names), column_oriented=True,
                settings={"async_insert": 0} | ({"insert_deduplication_token": token} if token else {}),
            )  # fmt: skip

    def close(self) -> None:
        """See ``Connection``."""
        with _translated(self.where):
            self._client.close()


@contextmanager
def _translated(where: str) -> Generator[None]:
    """Raise the store's own errors for the client's."""
    from clickhouse_connect.driver import exceptions  # noqa: PLC0415 - as above

    try:
        yield
    except exceptions.OperationalError as error:
        raise AnalyticsUnreachable(where, _said(error), "start the server, or wait until it is back") from error
    except exceptions.Error as error:
        said = _said(error)
        if _BUSY in said:
            raise AnalyticsBusy(
                where, "another process has it, or it is not ours to write", "end that one, or use a server"
            ) from error
        raise AnalyticsRefused(where, said, "mend the statement, or `dita analytics rebuild`") from error
    except OSError as error:
        raise AnalyticsUnreachable(where, _said(error), "check folder and network") from error


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:_SHOWN] or type(error).__name__
