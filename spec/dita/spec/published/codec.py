"""A published record as JSON and back, strictly: a missing, unknown or ill-typed field is an error that names it.

``document``/``read_document`` write objects, for people and other programs. ``packed``/``unpacked`` write arrays, for
those who share this very schema and are in a hurry; the fingerprint in front says which one it was.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from dita.spec.published.fields import Field, Kind, Record, declared

WORD_MAX: Final = 2**63 - 1
T = TypeVar("T", bound=tuple[Any, ...])


class PublishedError(ValueError):
    """What was read is not what was declared. The message names the field, the value and what to do."""


def document(record: Record) -> dict[str, Any]:
    """The record as JSON's own types. Raises PublishedError when it is not as declared."""
    _check_record(record, type(record).__name__)
    return _document(record)


def read_document(kind: type[T], found: object) -> T:
    """The record in a parsed JSON object. Raises PublishedError."""
    return cast("T", _read(kind, found, kind.__name__))


def packed(record: Record) -> bytes:
    """The record as nested arrays. It is not checked: the writer's types were, and a reader checks all of it."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()


def unpacked(kind: type[T], content: bytes) -> T:
    """Back again. Raises PublishedError."""
    try:
        found = json.loads(content)
    except ValueError as error:
        raise PublishedError(f"{kind.__name__}: `{content[:80]!r}` is no JSON ({error}); it is damaged") from error
    return cast("T", _from_list(kind, found, kind.__name__))


def checked(record: T) -> T:
    """The record itself. Raises PublishedError when a field is not as it was declared."""
    _check_record(record, type(record).__name__)
    return record


def _document(record: Record) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for field, value in zip(declared(type(record)), record, strict=True):
        if field.kind is Kind.RECORD:
            made[field.name] = _document(value)
        elif field.kind is Kind.LIST:
            made[field.name] = [_document(item) for item in value]
        else:
            made[field.name] = value
    return made


def _read(kind: type[Any], found: object, where: str) -> Record:
    if not isinstance(found, Mapping):
        raise PublishedError(f"{where}: `{found!r}` is no object; write one with its fields")
    given = cast("Mapping[str, object]", found)
    fields = declared(kind)
    names = {field.name for field in fields}
    for name in given:
        if name not in names:
            raise PublishedError(f"{where}: `{name}` is no field of it; reader and writer must be of one version")
    for name in names:
        if name not in given:
            raise PublishedError(f"{where}: `{name}` is missing; reader and writer must be of one version")
    return cast("Record", kind._make(_value(field, given[field.name], f"{where}.{field.name}") for field in fields))


def _value(field: Field, value: object, where: str) -> object:
    if field.record is None:
        _check(field, value, where)
        return value
    if field.kind is Kind.RECORD:
        return _read(field.record, value, where)
    return tuple(_read(field.record, item, f"{where}[{i}]") for i, item in enumerate(_list(value, where)))


def _from_list(kind: type[Any], found: object, where: str) -> Record:
    fields = declared(kind)
    values = _list(found, where)
    if len(values) != len(fields):
        raise PublishedError(
            f"{where}: `{len(values)}` fields given, {len(fields)} declared; reader and writer must be of one version"
        )
    made: list[object] = []
    for field, value in zip(fields, values, strict=True):
        inside = f"{where}.{field.name}"
        if field.record is None:
            _check(field, value, inside)
            made.append(value)
        elif field.kind is Kind.RECORD:
            made.append(_from_list(field.record, value, inside))
        else:
            inner, items = field.record, _list(value, inside)
            made.append(tuple(_from_list(inner, item, f"{inside}[{i}]") for i, item in enumerate(items)))
    return cast("Record", kind._make(made))


def _list(value: object, where: str) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise PublishedError(f"{where}: `{value!r}` is no list")
    return cast("Sequence[object]", value)


def _check_record(record: Record, where: str) -> None:
    for field, value in zip(declared(type(record)), record, strict=True):
        inside = f"{where}.{field.name}"
        if field.record is None:
            _check(field, value, inside)
            continue
        items = (value,) if field.kind is Kind.RECORD else _list(value, inside)
        for item in items:
            if type(item) is not field.record:
                raise PublishedError(f"{inside}: `{item!r}` is no {field.record.__name__}")
            _check_record(cast("Record", item), inside)


def _check(field: Field, value: object, where: str) -> None:
    if field.kind is Kind.FLAG:
        fine, wanted = isinstance(value, bool), "true or false"
    elif field.kind in (Kind.TEXT, Kind.NAME):
        fine, wanted = isinstance(value, str), "text"
    else:
        fine = isinstance(value, int) and not isinstance(value, bool) and -WORD_MAX <= value <= WORD_MAX
        wanted = f"an integer of 64 bits{f' ({field.unit})' if field.unit else ''}"
    if not fine:
        raise PublishedError(f"{where}: `{value!r}` is no {wanted}")
    if field.kind is Kind.NAME and value not in field.names:
        raise PublishedError(f"{where}: `{value}` is none of its names: {', '.join(field.names)}")
    if field.kind is Kind.COUNT and isinstance(value, int) and value < 0:
        raise PublishedError(f"{where}: `{value}` is below 0, and it counts")
