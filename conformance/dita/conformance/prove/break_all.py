"""Every obligation refuted by its killing defect, two at a time; what was refuted stays so until something changes.

The evidence is kept one by one, so that a run which was stopped goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Final, NamedTuple

from dita.conformance.defects import Defect, PatchRefused
from dita.conformance.prove import evidence
from dita.conformance.prove.breaking import Broken, NotNoticed, UnknownObligation, break_by, killer_of
from dita.conformance.prove.proof import everything, solver_versions
from dita.spec.canonical import sha256_hex

AT_ONCE: Final = 2
Progress = Callable[[str, int, int], None]
Break = Callable[[str, Defect, str, float], Broken]


class Kill(NamedTuple):
    """What became of one obligation when its defect was planted."""

    obligation: str
    defect: str
    part: str
    kept: bool = False  # known from an earlier run
    problem: str = ""  # why it is not refuted; empty when it is


def break_all(
    progress: Progress | None = None,
    names: Sequence[str] | None = None,
    folder: Path = evidence.FOLDER,
    breaks: Break = break_by,
) -> list[Kill]:
    """Refute every obligation, or those named, each by its defect; in the order of the table."""
    wanted = [item.id for item in everything()] if names is None else list(names)
    proof = evidence.key_of("full", 0, solver_versions())
    found: dict[str, Kill] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running: dict[Future[Kill], str] = {
            pool.submit(_break_one, name, proof, folder, breaks): name for name in wanted
        }
        for done, future in enumerate(as_completed(running), 1):
            found[running[future]] = future.result()
            if progress is not None:
                progress("planting defects", done, len(running))
    return [found[name] for name in wanted]


def _break_one(obligation: str, proof: str, folder: Path, breaks: Break) -> Kill:
    try:
        defect, part = killer_of(obligation)
    except (UnknownObligation, PatchRefused) as problem:
        return Kill(obligation, "", "", problem=str(problem))
    patch = sha256_hex(defect.path.read_bytes())
    key = sha256_hex(f"{proof} {obligation} {part} {patch}".encode())
    if evidence.kept(key, folder) is not None:
        return Kill(obligation, defect.name, part, kept=True)
    try:
        breaks(obligation, defect, part, 0.0)
    except (PatchRefused, NotNoticed) as problem:
        return Kill(obligation, defect.name, part, problem=str(problem))
    evidence.keep(key, {"obligation": obligation, "refuted_by": defect.name, "part": part}, folder)
    return Kill(obligation, defect.name, part)
