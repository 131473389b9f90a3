"""All that is proved of an image's machine code: the step, kind by kind, and what else stands between it and a trace.

Each piece by itself is in a module of its own; here they are run, or read back where the image and what proves them are
the same, and counted together for the certificate.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from dita.conformance.equiv import bodies, second_route, surroundings
from dita.conformance.equiv.refuting import drawn, killed_by_steps, run_refuting
from dita.conformance.equiv.run import (
    FOLDER,
    EquivReport,
    Progress,
    Tier,
    code_of,
    nameless,
    run_equiv,
    solver_versions,
)
from dita.conformance.prove.core import KINDS
from dita.conformance.prove.evidence import keep, kept
from dita.conformance.workers import worker_pool
from dita.kernel.image import IMAGE_PATH
from dita.spec.canonical import sha256_hex
from dita.spec.certificate import Part, add_up


class Piece(NamedTuple):
    """What a certificate may say of one piece, part by part. ``problems`` is empty exactly when it holds."""

    name: str
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()  # for people: what is assumed
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class WholeReport:
    """What was found of an image."""

    kinds: EquivReport
    pieces: list[Piece] = field(default_factory=list[Piece])

    @property
    def parts(self) -> tuple[Part, ...]:
        """What the certificate counts."""
        return (*_of_kinds(self.kinds), *(part for piece in self.pieces for part in piece.parts))

    @property
    def figures(self) -> dict[str, int]:
        """Stable names."""
        counted = add_up(part for piece in self.pieces for part in piece.parts)
        both = {name: self.kinds.figures[name] + counted.pop(name, 0) for name in self.kinds.figures}
        return both | counted

    @property
    def problems(self) -> list[str]:
        """Of everything."""
        return [*self.kinds.problems, *(problem for piece in self.pieces for problem in piece.problems)]


def run_whole(
    tier: Tier, progress: Progress, *, image: Path = IMAGE_PATH, anew: bool = False, processes: int = 1
) -> WholeReport:
    """Prove all of an image, so many paths at a time. Raises ToolMissing, OSError, SolverUnknown."""
    report = WholeReport(run_equiv(sorted(KINDS), tier, progress, image=image, anew=anew, processes=processes))
    if processes < 2:
        report.pieces += [made.read_or_run(image, progress, anew=anew) for made in PIECES]
        return report
    with worker_pool(processes) as pool:
        pieces = [pool.submit(_read_or_run, at, image, anew=anew) for at in range(len(PIECES))]
        for done, _ in enumerate(as_completed(pieces)):
            progress("pieces around the step proved", done + 1, len(pieces))
        report.pieces += [piece.result() for piece in pieces]
    return report


def _read_or_run(number: int, image: Path, *, anew: bool) -> Piece:
    """A piece in another process, where nobody looks."""
    return PIECES[number].read_or_run(image, lambda _, __, ___: None, anew=anew)


def refuted(mutants: int, progress: Progress, processes: int) -> Piece:
    """So many mutants of the kernel, drawn by its hash. Raises ToolMissing, RecordError, ListStale, PatchRefused."""
    seed = int(sha256_hex(IMAGE_PATH.read_bytes())[:8], 16)
    report = run_refuting(drawn(killed_by_steps(), mutants, seed), progress, processes)
    return Piece("mutants", (Part("mutants", report.figures),), (), tuple(report.problems))


def _of_kinds(report: EquivReport) -> tuple[Part, ...]:
    parts: list[Part] = []
    for kind, row in report.rows.items():
        alone = EquivReport((kind,), {kind: row}).figures
        counts = {
            name: count for name, count in alone.items() if name not in {"input_kinds", "kinds_asked", "read_back"}
        }
        parts.append(Part(f"kind {kind.name}", counts))
    return (*parts, Part("kinds", {"input_kinds": len(KINDS)}))


# --- the other pieces -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Made:
    """How a piece is made, and on which modules and programs it depends."""

    name: str
    module: str
    programs: tuple[str, ...]
    run: Callable[[Path, Progress], Piece]

    def read_or_run(self, image: Path, progress: Progress, *, anew: bool) -> Piece:
        """As it was proved of the same image by the same code, or anew; only what holds is kept."""
        key = self._key(image)
        found = None if anew else kept(key, FOLDER)
        if found is not None:
            parts = tuple(Part(name, counts) for name, counts in found["parts"])
            return Piece(self.name, parts, tuple(found["notes"]))
        piece = self.run(image, progress)
        if not piece.problems:
            parts_kept = [[part.name, dict(part.counts)] for part in piece.parts]
            keep(key, {"parts": parts_kept, "notes": list(piece.notes)}, FOLDER)
        return piece

    def _key(self, image: Path) -> str:
        depends = {
            "piece": self.name,
            "image": sha256_hex(nameless(image)),
            "code": [code_of(module, self.programs) for module in (self.module, __name__)],
            "solvers": solver_versions(),
            "python": sys.version,
        }
        return sha256_hex(json.dumps(depends, sort_keys=True).encode())


def _lemmas(image: Path, progress: Progress) -> Piece:
    report = surroundings.run_surroundings(image, progress)
    parts = [
        Part(f"lemma {lemma.name}", {"lemmas": 1, "lemmas_proved": int(proved), "lemmas_failed": int(not proved)})
        for lemma in report.lemmas
        for proved in (lemma.verdict == "proved",)
    ]
    return Piece("lemmas", tuple(parts), (), tuple(report.problems))


def _bodies(image: Path, progress: Progress) -> Piece:
    report = bodies.run_bodies(image, progress)
    parts = [
        Part(
            f"body {name}",
            {"bodies": 1, "bodies_proved": int(row.proved), "body_paths": row.paths, "body_vectors": row.vectors},
        )
        for name, row in report.rows.items()
    ]
    figures = report.figures
    rest = {"bodies_failed": len(report.problems), "bodies_assumed": figures["bodies_assumed"],
            "second_opinions": figures["second_opinions"]}  # fmt: skip
    return Piece("bodies", (*parts, Part("bodies", rest)), tuple(report.assumed), tuple(report.problems))


def _route(image: Path, progress: Progress) -> Piece:
    report = second_route.run_second_route(image, second_route.KINDS, progress)
    parts = [
        Part(
            f"second route {kind.name}",
            {"route_kinds": 1, "route_kinds_proved": int(row.proved), "route_kinds_failed": int(not row.proved),
             "route_paths": row.machine_paths},
        )
        for kind, row in report.rows.items()
    ]  # fmt: skip
    return Piece("second route", tuple(parts), (), tuple(report.problems))


PIECES: Final[tuple[Made, ...]] = (
    Made("lemmas", surroundings.__name__, ("surroundings.py", "machine.py", "deciding.py"), _lemmas),
    Made("bodies", bodies.__name__, ("bodies.py", "machine.py"), _bodies),
    Made("second route", second_route.__name__, ("second/engine.py", "deciding.py"), _route),
)
