"""The one schema of everything that is published: to tables, to maps, to shared memory, to screens.

Declared in ``rows`` and ``snapshot``; ``spec/docs/published.txt`` shows it. Whoever writes or reads makes its columns
from ``declared``, and whoever keeps content says which schema it was by ``fingerprint``. A change of a declaration
needs another ``SCHEMA_VERSION`` and another page (``python -m dita.spec.published``).
"""

import hashlib
from typing import Any, Final

from dita.spec.published.codec import PublishedError, checked, document, packed, read_document, unpacked
from dita.spec.published.fields import Field, Kind, SchemaError, declared, lines_of
from dita.spec.published.rows import ROWS
from dita.spec.published.snapshot import ENGINE_SNAPSHOTS, EngineSnapshot, FeatureView, LiveSnapshot

__all__ = [
    "FAMILIES", "SCHEMA_VERSION", "Field", "Kind", "PublishedError", "SchemaError", "checked", "declared", "document",
    "fingerprint", "packed", "read_document", "schema_text", "unpacked",
]  # fmt: skip

SCHEMA_VERSION: Final = 1
FAMILIES: Final[dict[str, type[Any]]] = {**ROWS, ENGINE_SNAPSHOTS: EngineSnapshot}
"""The families of rows that are derived from a journal, by the name of their table."""


def schema_text() -> str:
    """Every declaration, a line a field."""
    lines = [f"schema {SCHEMA_VERSION}"]
    for name, record in FAMILIES.items():
        lines += ["", f"family {name}", *lines_of(record)]
    for record in (LiveSnapshot, FeatureView):
        lines += ["", *lines_of(record)]
    return "\n".join(lines) + "\n"


def fingerprint() -> str:
    """SHA-256 of ``schema_text``: two sides that have the same one mean the same by every field."""
    return _FINGERPRINT


_FINGERPRINT: Final = hashlib.sha256(schema_text().encode()).hexdigest()
