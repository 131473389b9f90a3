"""``dita vectors``: make all path vectors, in two files, or hold those of the repository against new ones.

Each kind is made in a process of its own, so that nothing of another kind can move a number: the same sources, solver
and seed give the same bytes.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dita.conformance.prove.core import KINDS
from dita.conformance.prove.lemmas import prove
from dita.conformance.vectors.making import Made, PathMissed, make
from dita.conformance.vectors.real import FITTING
from dita.conformance.vectors.refusing import make_refusing
from dita.conformance.vectors.rows import BINARY_PATH, INTERIOR, ROWS_PATH, Vector, binary_of, parse, rows_of, text_of
from dita.conformance.vectors.sources import solver_version, sources_sha256
from dita.spec.vocabulary import Kind

SEED: Final = 1
PROCESSES: Final = 2
BYTES_MAX: Final = 2_000_000  # of both files together
BASES: Final = (Kind.FLATTEN, Kind.CANCEL)  # whose vectors the refusals of the step itself are made from

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Content:
    """Both files, and what is in them."""

    text: bytes
    binary: bytes
    figures: dict[str, int]


def generate(seed: int = SEED, progress: Progress | None = None) -> Content:
    """Make everything. Raises PathMissed when a path has no vector, Unsupported."""
    proof = prove(FITTING, seed)
    if proof.verdict != "proved":
        raise PathMissed(f"`{FITTING.id}` is {proof.verdict}: paths were called impossible because of it")
    made: dict[int, Made] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context, max_tasks_per_child=1) as pool:
        running: list[Future[Made]] = [pool.submit(make, kind, seed) for kind in KINDS]
        for done, future in enumerate(as_completed(running), 1):
            one = future.result()
            made[one.kind] = one
            if progress is not None:
                progress(Kind(one.kind).name, done, len(KINDS))
    bases = [next(vector for vector in made[kind].vectors if vector.purpose == INTERIOR) for kind in BASES]
    made[Kind.NONE] = make_refusing(bases, seed)
    return content_of({Kind(kind): made[kind] for kind in sorted(made)}, seed)


def content_of(made: Mapping[Kind, Made], seed: int) -> Content:
    """The files. Raises PathMissed if they are larger than the repository has room for."""
    vectors: list[Vector] = []
    first = 0
    for one in made.values():
        vectors += [vector._replace(path=first + vector.path) for vector in one.vectors]
        first += len(one.marks)
    interior = sum(vector.purpose == INTERIOR for vector in vectors)
    figures = {
        "paths": first,
        "beyond": sum(len(one.beyond) for one in made.values()),
        "vectors": len(vectors),
        "interior": interior,
        "boundary": len(vectors) - interior,
        "bounds": sum(one.targets for one in made.values()),
        "bounds_met": sum(one.met for one in made.values()),
        "bounds_impossible": sum(one.impossible for one in made.values()),
        "bounds_given_up": sum(one.given_up for one in made.values()),
    }
    marks = {kind.name: one.marks for kind, one in made.items()}
    text = text_of(sources_sha256(), solver_version(), seed, figures, marks, list(rows_of(vectors))).encode()
    binary = binary_of(parse(text, "what was made"))
    if len(text) + len(binary) > BYTES_MAX:
        raise PathMissed(f"the files have `{len(text) + len(binary)}` bytes, `{BYTES_MAX}` are allowed: make fewer")
    return Content(text, binary, figures | {"bytes": len(text) + len(binary)})


def write(content: Content, rows: Path = ROWS_PATH, binary: Path = BINARY_PATH) -> None:
    """Replace both files."""
    binary.parent.mkdir(parents=True, exist_ok=True)
    for path, data in ((rows, content.text), (binary, content.binary)):
        partial = path.with_name(f"{path.name}.partial")
        partial.write_bytes(data)
        partial.replace(path)


def differences(content: Content, rows: Path = ROWS_PATH, binary: Path = BINARY_PATH) -> list[str]:
    """What differs between what was made and what is kept."""
    found: list[str] = []
    for path, data in ((rows, content.text), (binary, content.binary)):
        kept = path.read_bytes() if path.is_file() else b""
        if kept != data:
            pairs = enumerate(zip(kept, data, strict=False))
            same = next((place for place, (old, new) in pairs if old != new), min(len(kept), len(data)))
            found.append(f"`{path.name}`: differs from what is made now, first at byte `{same}`")
    return found
