"""Proofs are kept by what they depend on: the code of specification, reference and prover, and the two solvers.

A run that finds its own proof again reads it instead of proving anew; a change of anything that it depends on is
another name. Only a run in which everything was proved is kept.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from dita.conformance.prove.depends import Sources, digests, source_of
from dita.spec.canonical import sha256_hex

FOLDER: Final = Path("out") / "proofs"
ROOM: Final = "dita.conformance.prove"
PROVED_BY: Final = tuple(f"{ROOM}.{name}" for name in ("core", "frame", "laws", "lemmas", "executor_check"))
"""What the parts of a proof run; all that these import counts."""
BYTES_MAX: Final = 1 << 24


def key_of(tier: str, seed: int, solvers: Mapping[str, str], sources: Sources = source_of) -> str:
    """The name of a proof: a hash over everything that it depends on."""
    depends: dict[str, object] = {"code": digests(PROVED_BY, sources), "counted by": sources(f"{ROOM}.proof")}
    depends |= {"tier": tier, "seed": seed, "solvers": dict(solvers), "python": sys.version}
    return sha256_hex(json.dumps(depends, sort_keys=True).encode())


def kept(key: str, folder: Path = FOLDER) -> dict[str, Any] | None:
    """A proof of that name, or None. A file that cannot be read is no proof."""
    path = folder / f"{key}.json"
    try:
        if path.stat().st_size > BYTES_MAX:
            return None
        read: object = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    found = cast("dict[str, Any]", read) if isinstance(read, dict) else {}
    return found if found.get("key") == key else None


def keep(key: str, proof: Mapping[str, Any], folder: Path = FOLDER) -> None:
    """Keep a proof under its name; other names of older sources are left for whoever goes back to them."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{key}.partial"
    partial.write_text(json.dumps({**proof, "key": key}), encoding="utf-8")
    partial.replace(folder / f"{key}.json")
