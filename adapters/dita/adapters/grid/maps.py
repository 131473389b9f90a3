"""The maps, their keys and their entries, declared once: a name that is not here is nobody's.

An entry is JSON: the schema's fingerprint, and the record as ``dita.spec.published`` writes it. A reader of another
version is told so, and never shows a blank.
"""

import json
from enum import StrEnum
from typing import Any, Final, TypeVar, cast

from dita.spec.published import PublishedError, document, fingerprint, read_document

T = TypeVar("T", bound=tuple[Any, ...])
_SCHEMA: Final = "schema"
_RECORD: Final = "record"
REQUEST_CHARACTERS_MAX: Final = 8_000


class Map(StrEnum):
    """Every map, by its name in the cluster."""

    SNAPSHOTS = "dita-snapshots"  # journal tag: LiveSnapshot
    FEATURES = "dita-features"  # symbol: FeatureView
    COMMANDS = "dita-commands"  # any name: a request, as the control socket takes it, and the journal's tag
    REPLIES = "dita-replies"  # the same name: what came of it


def entry(record: tuple[Any, ...]) -> str:
    """A record as it lies in a map. Raises PublishedError."""
    return json.dumps({_SCHEMA: fingerprint(), _RECORD: document(record)}, ensure_ascii=False)


def read_entry(kind: type[T], text: str) -> T:
    """A record out of a map. Raises PublishedError, which names what is missing, unknown or of another version."""
    try:
        found: object = json.loads(text)
    except ValueError as error:
        raise PublishedError(f"{kind.__name__}: `{text[:80]}` is no JSON") from error
    if not isinstance(found, dict) or set(cast("dict[str, object]", found)) != {_SCHEMA, _RECORD}:
        raise PublishedError(f"{kind.__name__}: an entry has `{_SCHEMA}` and `{_RECORD}`, and nothing else")
    whole = cast("dict[str, object]", found)
    if whole[_SCHEMA] != fingerprint():
        raise PublishedError(f"{kind.__name__}: schema `{whole[_SCHEMA]}` is another one; use the writer's version")
    return read_document(kind, whole[_RECORD])


def command_of(text: str) -> tuple[str, bytes]:
    """Whose command it is, by the journal's tag, and the request's own line. Raises PublishedError."""
    if len(text) > REQUEST_CHARACTERS_MAX:
        raise PublishedError(f"command: `{len(text)}` characters, at most {REQUEST_CHARACTERS_MAX}")
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PublishedError(f"command: `{text[:80]}` is no JSON") from error
    if not isinstance(found, dict):
        raise PublishedError(f"command: `{text[:80]}` is no object")
    whole = cast("dict[str, object]", found)
    tag = whole.pop("journal_tag", None)
    if not isinstance(tag, str):
        raise PublishedError("command: `journal_tag` is missing; say which journal's session is meant")
    return tag, json.dumps(whole).encode()
