"""Which kinds are proved of an image, in figures; what was proved of the same image by the same code is read back.

A result is kept under a hash of everything that it depends on: the image, the code of specification, reference and
prover, the two programs of the other environment with their pinned packages, and the solvers. Only what was proved is
kept.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

from dita.conformance.defects import REPOSITORY
from dita.conformance.equiv.closer import OPEN, is_covered
from dita.conformance.equiv.lifting import LiftReport, lifted
from dita.conformance.equiv.proving import KindReport, Proved, ProvedPaths, prove_kind
from dita.conformance.equiv.replay import source_digest_in
from dita.conformance.equiv.tools import PROGRAMS, READER, SOLVER, Bitwuzla, explored
from dita.conformance.prove.core import KINDS
from dita.conformance.prove.depends import digests
from dita.conformance.prove.evidence import keep, kept
from dita.conformance.workers import worker_pool
from dita.kernel.image import IMAGE_PATH
from dita.spec.canonical import sha256_hex
from dita.spec.vocabulary import Kind

FOLDER: Final = Path("out") / "equiv"
PINS: Final = REPOSITORY / "requirements" / "equiv.txt"
PINNED: Final = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)
PACKAGES: Final = {SOLVER: ("bitwuzla",)}
ELSEWHERE: Final = ("triton-library",)
"""Packages of the other environment that only one program needs, and one that neither of these needs."""
Tier = Literal["quick", "ci", "full"]
SECOND_EVERY: Final[dict[Tier, int]] = {"quick": 37, "ci": 37, "full": 19}
"""The other solver is asked about one path in so many, drawn by name. The questions are the same in every tier."""

OPINIONS: Final = 25
"""Of a kind of many paths are about so many drawn, for some of these answers take a minute."""

LONGEST: Final = Kind.ORDER
"""Most machine paths by far are of this kind."""
PAIRS: Final[dict[Tier, int]] = {"quick": 200, "ci": 500, "full": 5_000}
"""Of state and input, on which a kind's paths and the processor are compared."""

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class EquivReport:
    """What was found of every kind that was asked for."""

    asked: tuple[Kind, ...]
    rows: dict[Kind, KindReport] = field(default_factory=dict[Kind, KindReport])
    read_back: int = 0

    @property
    def figures(self) -> dict[str, int]:
        """Stable names; ``input_kinds`` is how many there are, whatever was asked for."""
        rows = self.rows.values()
        return {
            "input_kinds": len(KINDS),
            "kinds_asked": len(self.asked),
            "kinds_proved": sum(row.proved for row in rows),
            "machine_paths": sum(row.machine_paths for row in rows),
            "machine_paths_equal": sum(row.equal for row in rows),
            "machine_paths_reached": sum(row.reached for row in rows),
            "reference_paths": sum(row.reference_paths for row in rows),
            "pairs": sum(row.pairs for row in rows),
            "differ": sum(len(row.differ) for row in rows),
            "unknown": sum(len(row.unknown) for row in rows),
            "second_opinions": sum(row.seconded for row in rows),
            "disagreements": sum(len(row.disagreed) for row in rows),
            "lifted_pairs": sum(row.lifted_pairs for row in rows),
            "lifted_paths": sum(row.lifted_paths for row in rows),
            "misread": sum(len(row.misread) for row in rows),
            "read_back": self.read_back,
        }

    @property
    def problems(self) -> list[str]:
        """Of every kind that is not proved, why."""
        return [f"{kind.name}: {_why(self.rows[kind])}" for kind in self.asked if not self.rows[kind].proved]


def _why(row: KindReport) -> str:
    found = [f"{len(row.differ)} machine paths differ from the reference"] if row.differ else []
    found += [*row.unknown[:2], *row.disagreed[:2], *row.misread[:2]]
    return "; ".join(found) or "no path of the image was proved"


def run_equiv(
    kinds: Sequence[Kind],
    tier: Tier,
    progress: Progress,
    *,
    image: Path = IMAGE_PATH,
    anew: bool = False,
    processes: int = 1,
) -> EquivReport:
    """Prove these kinds of an image, so many paths at a time. Raises ToolMissing, OSError, SolverUnknown."""
    report = EquivReport(tuple(kinds))
    keys, path_keys = keys_of(kinds, tier, image), keys_of(kinds, tier, None)
    for kind in () if anew else kinds:
        found = kept(keys[kind], FOLDER)
        if found is not None:
            report.rows[kind] = KindReport(**found["report"])
    report.read_back = len(report.rows)
    missing = sorted((kind for kind in kinds if kind not in report.rows), key=lambda kind: kind is LONGEST)
    if missing:
        workers = worker_pool(processes) if processes > 1 else nullcontext()
        with Bitwuzla() as solver, workers as pool, ThreadPoolExecutor(1) as beside:
            for number, answer in enumerate(_explored(image, missing)):
                kind = missing[number]
                held = beside.submit(lifted, image, answer, PAIRS[tier]) if "paths" in answer else None
                progress(f"{kind.name}: {len(answer.get('paths', ()))} machine paths", number, len(missing))
                known = Kept(path_keys[kind], partial(progress, f"{kind.name}: machine paths compared"))
                every = max(SECOND_EVERY[tier], len(answer.get("paths", ())) // OPINIONS)
                row = prove_kind(kind, answer, solver, every, pool, {} if anew else known.paths, known.add)
                report.rows[kind] = row
                if row.disagreed == [OPEN] and is_covered(kind, answer):
                    row.disagreed.clear()
                if held is not None:
                    _held_against_processor(row, held.result(), PAIRS[tier])
                if row.proved:
                    keep(keys[kind], {"report": row.as_json()}, FOLDER)
    return report


def _explored(image: Path, kinds: Sequence[Kind]) -> Iterator[Mapping[str, Any]]:
    """What the image does with each of these kinds; the last one is read beside the others, for it takes longest."""
    *others, last = kinds
    unread = [digest] if (digest := source_digest_in(image)) else []
    with ThreadPoolExecutor(1) as beside:
        reading = beside.submit(lambda: [*explored(image, [int(last)], unread=unread)])
        if others:
            yield from explored(image, [int(kind) for kind in others], unread=unread)
        yield from reading.result()


def _held_against_processor(row: KindReport, found: LiftReport, pairs: int) -> None:
    row.lifted_pairs, row.lifted_paths, row.misread = found.pairs, found.hit, [*found.findings]
    if found.pairs != pairs or not found.hit:
        row.misread.append(f"{found.hit} paths were compared with the processor, on {found.pairs} of {pairs} pairs")


@dataclass(slots=True)
class Kept:
    """The paths that were proved of a kind, in whatever image: a path's formula and the reference decide that alone."""

    key: str
    progress: Callable[[int, int], None]
    paths: dict[str, Proved] = field(init=False)

    def __post_init__(self) -> None:
        """Read back what there is."""
        found = kept(self.key, FOLDER) or {"paths": {}}
        self.paths = {name: Proved(*proved) for name, proved in found["paths"].items()}

    def add(self, proved: ProvedPaths, done: int, paths: int) -> None:
        """Keep these as well: a run that is ended begins where it was."""
        self.paths |= proved
        keep(self.key, {"paths": self.paths}, FOLDER)
        self.progress(done, paths)


def keys_of(kinds: Sequence[Kind], tier: Tier, image: Path | None) -> dict[Kind, str]:
    """The names of results: of each a hash over everything that it depends on. Raises OSError.

    Those of an image, or, without one, those of its paths by themselves, whoever read them.
    """
    depends: dict[str, Any] = {
        "image": sha256_hex(nameless(image)) if image else "",
        "code": code_of(__name__) if image else code_of(prove_kind.__module__, (SOLVER,)),
        "second every": SECOND_EVERY[tier],
        "pairs": PAIRS[tier],
        "solvers": solver_versions(),
        "python": sys.version,
    }
    return {kind: sha256_hex(json.dumps({**depends, "kind": int(kind)}, sort_keys=True).encode()) for kind in kinds}


def nameless(image: Path) -> bytes:
    """The image without the digest of its sources, which its step may not read: a comment is no other machine code."""
    content, digest = image.read_bytes(), bytes.fromhex(source_digest_in(image))
    return content.replace(digest, bytes(len(digest))) if digest else content


@cache
def code_of(module: str, programs: tuple[str, ...] = (READER, SOLVER)) -> str:
    """A hash over what proves, from this module on, with these programs: once a process."""
    texts = {name: sha256_hex((PROGRAMS / name).read_bytes()) for name in programs}
    depends = {"modules": digests((module,)), "programs": texts, "pins": [_pinned(name) for name in programs]}
    return sha256_hex(json.dumps(depends, sort_keys=True).encode())


def _pinned(program: str) -> list[str]:
    """The packages behind a program, with their versions."""
    every = PINNED.findall(PINS.read_text(encoding="utf-8"))
    only = PACKAGES.get(program)
    return [
        f"{name}=={version}"
        for name, version in every
        if (name in only if only else program != READER or name not in ELSEWHERE)
    ]


def solver_versions() -> Mapping[str, str]:
    """The solvers of this environment; the first one's version is among the pins."""
    return {name: version(name) for name in ("z3-solver", "cvc5")}
