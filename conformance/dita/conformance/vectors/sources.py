"""What path vectors depend on: the modules that decide a byte of them, and the solver. A change makes them stale."""

from __future__ import annotations

from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from dita.conformance.vectors.rows import AGAIN, Header, VectorsRefused

_SPEC: Final = (
    "answer_properties", "book_properties", "inputs", "invariants", "laws", "layout", "order_properties", "outcome",
    "properties", "scales", "shares", "slot_invariants", "state", "vocabulary",
)  # fmt: skip
_REFERENCE: Final = ("arithmetic", "books", "control", "focus", "ledger", "lifecycle", "orders", "step", "trades")
_PROVE: Final = (
    "compiled", "concrete", "contracts", "core", "covering", "division", "executor", "flat", "lemmas", "merging",
    "models", "obligations", "prediction", "proxies", "rewriting", "seams", "second_opinion", "standins", "world",
)  # fmt: skip
_VECTORS: Final = (
    "bounds", "dice", "embedding", "generate", "making", "pathfinder", "real", "refusing", "rows", "scenes", "sources",
)  # fmt: skip
MODULES: Final[tuple[str, ...]] = (
    *[f"dita.spec.{name}" for name in _SPEC],
    *[f"dita.reference.{name}" for name in _REFERENCE],
    *[f"dita.conformance.prove.{name}" for name in _PROVE],
    *[f"dita.conformance.vectors.{name}" for name in _VECTORS],
)
"""Everything of ours that making vectors imports; ``tests/conformance/test_vectors.py`` holds it against an import."""


def sources_sha256() -> str:
    """SHA-256 over the names, lengths and bytes of the modules."""
    digest = sha256()
    for name in MODULES:
        found = find_spec(name)
        if found is None or found.origin is None:
            raise VectorsRefused(f"`{name}`: vectors are made from it and it is gone; {AGAIN}")
        content = Path(found.origin).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def solver_version() -> str:
    """The solver that makes them."""
    return f"z3-solver {version('z3-solver')}"


def require_current(header: Header) -> None:
    """Raise VectorsRefused unless the vectors were made from what is installed here."""
    if header.sources != sources_sha256():
        raise VectorsRefused(f"the path vectors are stale: what they are made from changed since; {AGAIN}")
    if header.solver != solver_version():
        raise VectorsRefused(
            f"the path vectors are stale: made with {header.solver}, {solver_version()} is installed; {AGAIN}"
        )
