"""How a published record is declared, and what its declaration says: fields, kinds, units.

A record is a named tuple. Every field says in words what it is, its name ends in its unit, and its type is one of a
few. From that alone readers, writers and tables are made, so none of them can have an opinion of its own.
"""

from collections.abc import Callable, Iterable
from enum import Enum, IntEnum, StrEnum
from types import GenericAlias
from typing import Annotated, Any, Final, NamedTuple, cast, get_args, get_origin, get_type_hints

UNITS: Final = {
    "_ns": "UTC nanoseconds",
    "_span_ns": "nanoseconds of a span of time",
    "_e8_usdt": "1e-8 USDT",
    "_e8_coins": "1e-8 coins",
    "_e10_usdt": "1e-10 USDT for a coin",
    "_ppm": "parts per million",
    "_ppb": "parts per billion",
}
"""What a name's end says of an integer, the longest that fits; ``dita.spec.scales`` has the scales."""


class SchemaError(ValueError):
    """A declaration that is none."""


class Kind(Enum):
    """The types of a field."""

    AMOUNT = "amount"  # an integer with a unit
    COUNT = "count"  # an integer without one: how many, or which
    FLAG = "flag"
    NAME = "name"  # one of a vocabulary's names
    TEXT = "text"
    RECORD = "record"
    LIST = "list"  # of records


class _Number:
    """Marks an integer that has no unit."""


Count = Annotated[int, _Number()]
"""How many, or which one."""

Vocabulary = type[IntEnum] | type[StrEnum]


class Names:
    """Marks text that is the name of a member of one of these enumerations; ``also`` are names of no enumeration."""

    def __init__(self, *vocabularies: Vocabulary, also: tuple[str, ...] = ()) -> None:
        self.allowed: Final = (*also, *(member.name for one in vocabularies for member in one))


class Field(NamedTuple):
    """One field as it was declared."""

    name: str
    kind: Kind
    unit: str  # "" for what has none
    about: str
    names: tuple[str, ...] = ()  # of Kind.NAME: what it may say
    record: "type[Any] | None" = None  # of Kind.RECORD and Kind.LIST


Record = tuple[Any, ...]


def declared(record: type[Record]) -> tuple[Field, ...]:
    """The fields of a record class, in order. Raises SchemaError for one that is not declared as it has to be."""
    known = DECLARED.get(record)
    if known is None:
        hints = get_type_hints(record, include_extras=True)
        names = cast("Iterable[str]", getattr(record, "_fields", ()))
        known = DECLARED[record] = tuple(_field(record.__name__, name, hints[name]) for name in names)
        if not known:
            raise SchemaError(f"`{record.__name__}` declares no field; make it a named tuple with some")
    return known


DECLARED: Final[dict[type[Any], tuple[Field, ...]]] = {}
"""Those that have been asked for."""


def _field(record: str, name: str, hint: object) -> Field:
    where = f"`{record}.{name}`"
    if get_origin(hint) is not Annotated:
        raise SchemaError(f"{where}: says nothing of itself; write Annotated[type, ..., what it is]")
    base, *marks = get_args(hint)
    about = [mark for mark in marks if isinstance(mark, str)]
    if len(about) != 1 or not about[0].strip():
        raise SchemaError(f"{where}: says what it is `{len(about)}` times; once is right")
    kind, names, inner = _kind(where, base, marks)
    unit = max((end for end in UNITS if name.endswith(end)), key=len, default="")
    if kind is Kind.AMOUNT and not unit:
        raise SchemaError(f"{where}: no unit at the end of its name; one of {', '.join(UNITS)}, or declare a Count")
    if kind is not Kind.AMOUNT and unit:
        raise SchemaError(f"{where}: its name ends in the unit `{unit}`, but it is a {kind.value}")
    return Field(name, kind, UNITS.get(unit, ""), about[0], names, inner)


def _kind(where: str, base: object, marks: Iterable[object]) -> tuple[Kind, tuple[str, ...], "type[Any] | None"]:
    names = [mark for mark in marks if isinstance(mark, Names)]
    if base is bool:
        return Kind.FLAG, (), None
    if base is int:
        return (Kind.COUNT if any(isinstance(mark, _Number) for mark in marks) else Kind.AMOUNT), (), None
    if base is str:
        return (Kind.NAME, names[0].allowed, None) if names else (Kind.TEXT, (), None)
    if isinstance(base, GenericAlias) and get_origin(base) is tuple and get_args(base)[1:] == (...,):
        return Kind.LIST, (), _nested(where, get_args(base)[0])
    return Kind.RECORD, (), _nested(where, base)


def _nested(where: str, base: object) -> type[Any]:
    if not (isinstance(base, type) and issubclass(base, tuple)):
        raise SchemaError(
            f"{where}: `{base}` is no type of a field; use int, bool, str, a record or a tuple of records"
        )
    record = cast("type[Any]", base)
    declared(record)
    return record


def lines_of(record: type[Record], make: Callable[[Field], str] | None = None) -> list[str]:
    """A record as text, a line a field: what its fingerprint is of."""
    say = make or _line
    found = [f"record {record.__name__}", *(f"  {say(field)}" for field in declared(record))]
    for field in declared(record):
        if field.record is not None:
            found += lines_of(field.record, make)
    return found


def _line(field: Field) -> str:
    more = field.unit or "|".join(field.names) or ("" if field.record is None else field.record.__name__)
    return f"{field.name} {field.kind.value}{f' ({more})' if more else ''}: {field.about}"
