"""Changing a record without its class's own machinery; compiled along with the reference.

``_replace`` of a named tuple goes through keyword arguments and an iterator in Python code, which is a third of a
compiled step. ``dita.conformance.oracle.source`` writes ``replaced(record, "name", value, …)`` instead.
"""

from typing import Any, Final, TypeVar

Record = TypeVar("Record", bound=tuple[Any, ...])

_PLACES: Final[dict[type, dict[str, int]]] = {}  # of the fields, by class


def replaced(record: Record, *changes: Any) -> Record:
    """The record with these fields (name, value, name, value, …), as ``record._replace``. Raises KeyError."""
    kind = type(record)
    places = _PLACES.get(kind)
    if places is None:
        places = {name: place for place, name in enumerate(kind._fields)}  # type: ignore[attr-defined] # a named tuple
        _PLACES[kind] = places
    words = list(record)
    for at in range(0, len(changes), 2):
        words[places[changes[at]]] = changes[at + 1]
    made: Record = tuple.__new__(kind, words)  # pyright: ignore[reportUnknownMemberType] # tuple is generic
    return made
