"""The tables, made of the declarations of ``dita.spec.published``: one text for the embedded engine and for a server.

Amounts are integers under the names that they have everywhere. Beside each stands an alias that takes no room: a
decimal in whole units, or a time. Rows are known by their key, so one that is written twice is one.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from dita.spec.published import FAMILIES, Field, Kind, declared, document

KEY: Final = ("journal_tag", "journal_position", "ordinal")
PROGRESS: Final = "journals"
VERSIONS: Final = "schema_versions"
_TYPES: Final = {
    Kind.AMOUNT: "Int64", Kind.COUNT: "UInt64", Kind.FLAG: "Bool", Kind.NAME: "LowCardinality(String)",
    Kind.TEXT: "String", Kind.RECORD: "String", Kind.LIST: "String",
}  # fmt: skip
_WHOLE: Final = {"_e8_usdt": ("_usdt", 8), "_e8_coins": ("_coins", 8), "_e10_usdt": ("_usdt", 10)}
_DURABLE: Final = "fsync_after_insert = 1, fsync_part_directory = 1"
_SETTINGS: Final = f"{_DURABLE}, non_replicated_deduplication_window = 1000"


def column_types(family: str) -> dict[str, str]:
    """Name and type of every column that is written, in order."""
    return {field.name: _TYPES[field.kind] for field in declared(FAMILIES[family])}


def alias(field: Field) -> tuple[str, str, str] | None:
    """Name, type and expression of what is shown beside an amount; None for what needs nothing."""
    if field.kind is not Kind.AMOUNT:
        return None
    for end, (whole, digits) in _WHOLE.items():
        if field.name.endswith(end):
            name = field.name.removesuffix(end) + whole
            return name, f"Decimal(38, {digits})", f"toDecimal128({field.name}, {digits}) / {10**digits}"
    if field.name.endswith("_ns") and not field.name.endswith("_span_ns"):
        name = field.name.removesuffix("_ns") + "_utc"
        return name, "DateTime64(9, 'UTC')", f"fromUnixTimestamp64Nano({field.name}, 'UTC')"
    return None


def create_table(family: str) -> str:
    """The statement that makes a family's table."""
    fields = declared(FAMILIES[family])
    lines = [f"{field.name} {_TYPES[field.kind]} COMMENT {_quoted(_about(field))}" for field in fields]
    for field in fields:
        if (beside := alias(field)) is not None:
            name, type_, expression = beside
            lines.append(f"{name} {type_} ALIAS {expression}")
    columns = ",\n  ".join(lines)
    return (
        f"CREATE TABLE IF NOT EXISTS {family} (\n  {columns}\n) ENGINE = ReplacingMergeTree"
        f" PARTITION BY journal_tag ORDER BY ({', '.join(KEY)}) SETTINGS {_SETTINGS}"
    )


def bookkeeping() -> Sequence[str]:
    """The statements that make the two tables of the store's own."""
    progress = f"{PROGRESS} (journal_tag String, journal_position UInt64, digest String)"
    versions = f"{VERSIONS} (version UInt32, fingerprint String)"
    return tuple(
        f"CREATE TABLE IF NOT EXISTS {table} ENGINE = {engine} SETTINGS {_DURABLE}"
        for table, engine in (
            (progress, "ReplacingMergeTree(journal_position) ORDER BY journal_tag"),
            (versions, "ReplacingMergeTree ORDER BY version"),
        )
    )


def as_stored(family: str, rows: Iterable[Any]) -> list[tuple[object, ...]]:
    """Rows as the table has them: what is nested becomes JSON."""
    nested = [(at, field) for at, field in enumerate(declared(FAMILIES[family])) if field.record is not None]
    if not nested:
        return list(rows)
    made: list[tuple[object, ...]] = []
    for row in rows:
        values: list[object] = list(row)
        for at, field in nested:
            whole = document(row)[field.name]
            values[at] = json.dumps(whole, separators=(",", ":"), ensure_ascii=False)
        made.append(tuple(values))
    return made


def _about(field: Field) -> str:
    return f"{field.about} ({field.unit})" if field.unit else field.about


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
