"""Rows in, rows out, and how far each journal has come.

A batch goes to one table after the other, and last to the progress. Each insert is one block of one partition, so it is
there as a whole or not at all; whoever comes after a crash looks what each table has beyond the progress and adds only
what is missing. What an insert that was believed lost brings later has the same keys: it replaces.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, final

from dita.adapters.clickhouse.connection import Answer, Connection
from dita.adapters.clickhouse.errors import AnalyticsRefused
from dita.adapters.clickhouse.tables import PROGRESS, VERSIONS, as_stored, bookkeeping, column_types, create_table
from dita.spec.published import FAMILIES, SCHEMA_VERSION, fingerprint

MIGRATIONS: Final[Mapping[int, Sequence[str]]] = {}
"""What makes a version's tables of those of the one before it, besides making those that are new."""
_REBUILD: Final = (
    "wipe it and make it again from the journal: another folder or database, then `dita analytics rebuild`"
)


class Progress(NamedTuple):
    """How far a journal has come: its row, and that row's digest, "" for none."""

    journal_position: int
    digest: str


NO_PROGRESS: Final = Progress(0, "")


@final
class AnalyticsStore:
    """The tables behind one connection. ``prepare`` first."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @property
    def where(self) -> str:
        """For people."""
        return self.connection.where

    def prepare(self) -> None:
        """Make the tables, or bring those of an older version up to this one, and see that they are as declared.

        Raises AnalyticsRefused for tables of a later version, or of other columns.
        """
        for statement in bookkeeping():
            self.connection.command(statement)
        version, found = self._version()
        if version > SCHEMA_VERSION:
            raise AnalyticsRefused(self.where, f"its schema is `{version}`, this is {SCHEMA_VERSION}", "update dita")
        for step in range(version + 1 if version else SCHEMA_VERSION + 1, SCHEMA_VERSION + 1):
            if step not in MIGRATIONS:
                raise AnalyticsRefused(self.where, f"nothing leads from schema `{version}` to {step}", _REBUILD)
            for statement in MIGRATIONS[step]:
                self.connection.command(statement)
        for family in FAMILIES:
            self.connection.command(create_table(family))
        self._verify()
        if version == SCHEMA_VERSION and found != fingerprint():
            raise AnalyticsRefused(self.where, f"its schema `{version}` is another one of that number", _REBUILD)
        if version != SCHEMA_VERSION:
            self.connection.insert(VERSIONS, ("version", "fingerprint"), ((SCHEMA_VERSION,), (fingerprint(),)))

    def _version(self) -> tuple[int, str]:
        rows = self.ask(f"SELECT version, fingerprint FROM {VERSIONS} ORDER BY version DESC LIMIT 1").rows  # noqa: S608 - a name of ours
        return (int(rows[0][0]), str(rows[0][1])) if rows else (0, "")

    def _verify(self) -> None:
        """The written columns of every table, by name, type and order."""
        for family in FAMILIES:
            found = self.ask(
                "SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {family:String}"
                " AND default_kind != 'ALIAS' ORDER BY position",
                {"database": self.connection.database, "family": family},
            )
            columns = {str(name): str(type_) for name, type_ in found.rows}
            if list(columns.items()) != list(column_types(family).items()):
                differing = sorted(set(columns.items()) ^ set(column_types(family).items()))
                raise AnalyticsRefused(self.where, f"`{family}` has other columns than declared: {differing}", _REBUILD)

    # --- journals ----------------------------------------------------------------------------------------------------

    def progress(self, tag: str) -> Progress:
        """Up to which row of a journal everything is here."""
        found = self.ask(
            f"SELECT journal_position, digest FROM {PROGRESS} WHERE journal_tag = {{tag:String}}"  # noqa: S608 - a name of ours
            " ORDER BY journal_position DESC LIMIT 1",
            {"tag": tag},
        )
        return Progress(int(found.rows[0][0]), str(found.rows[0][1])) if found.rows else NO_PROGRESS

    def newest(self, tag: str) -> dict[str, int]:
        """The last row of a journal from which each family has something; 0: none."""
        return {
            family: int(
                self.ask(
                    f"SELECT max(journal_position) FROM {family} WHERE journal_tag = {{tag:String}}",  # noqa: S608 - a name of ours
                    {"tag": tag},
                ).rows[0][0]
            )
            for family in FAMILIES
        }

    def put(self, tag: str, rows: Mapping[str, Sequence[Any]], newest: Mapping[str, int], to: Progress) -> None:
        """Add a journal's next rows, up to and with a row of it. ``newest``: what each family has already.

        After an error nobody knows how much is here: ask ``newest`` again and put the same.
        """
        for family in FAMILIES:
            fresh = [row for row in rows[family] if row.journal_position > newest[family]]
            if fresh:
                token = f"{tag} {fresh[0].journal_position} {to.journal_position} {len(fresh)}"
                columns = list(zip(*as_stored(family, fresh), strict=True))
                self.connection.insert(family, tuple(column_types(family)), columns, token)
        names = ("journal_tag", "journal_position", "digest")
        self.connection.insert(PROGRESS, names, ((tag,), (to.journal_position,), (to.digest,)))

    def wipe(self, tag: str) -> None:
        """Forget a journal: first how far it has come, then its rows."""
        self.connection.command(
            f"ALTER TABLE {PROGRESS} DELETE WHERE journal_tag = {{tag:String}} SETTINGS mutations_sync = 2",
            {"tag": tag},
        )
        for family in FAMILIES:
            self.connection.command(f"ALTER TABLE {family} DROP PARTITION {{tag:String}}", {"tag": tag})

    def rows(self, family: str, tag: str, after: int, to: int) -> Sequence[tuple[object, ...]]:
        """What is stored of a family from a journal's rows behind ``after`` up to ``to``, doubles included."""
        columns = ", ".join(column_types(family))
        found = self.ask(
            f"SELECT {columns} FROM {family} WHERE journal_tag = {{tag:String}}"  # noqa: S608 - names of ours
            " AND journal_position > {after:UInt64} AND journal_position <= {to:UInt64}"
            " ORDER BY journal_position, ordinal",
            {"tag": tag, "after": after, "to": to},
        )
        return [tuple(row) for row in found.rows]

    def counts(self, tag: str) -> dict[str, int]:
        """Rows of each family from a journal, doubles included."""
        return {
            family: int(
                self.ask(
                    f"SELECT count() FROM {family} WHERE journal_tag = {{tag:String}}",  # noqa: S608 - a name of ours
                    {"tag": tag},
                ).rows[0][0]
            )
            for family in FAMILIES
        }

    def ask(self, sql: str, parameters: Mapping[str, object] | None = None) -> Answer:
        """Any question, of the rows as they lie. Raises AnalyticsRefused, AnalyticsUnreachable."""
        return self.connection.ask(sql, parameters)

    def close(self) -> None:
        """Let go of it."""
        self.connection.close()
