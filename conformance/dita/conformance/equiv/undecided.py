"""Mutants that no other layer can tell from the kernel, decided by their machine code: the same after all, or refuted.

``conformance/mutants/undecided.json`` says of each why it should answer the same. Of a mutant of the arithmetic the ten
named functions are proved anew, in its own image; of any other every kind whose handler may run what was changed. A
mutant differs if this CPU says so; a difference that only a solver sees is looked at more closely (``closer``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import as_completed
from functools import partial
from pathlib import Path
from typing import Final, Literal, NamedTuple

from dita.conformance.defects import build_image
from dita.conformance.equiv.closer import KNOWN, is_equal, is_in, is_known
from dita.conformance.equiv.functions import coming_to, functions_changed, functions_of
from dita.conformance.equiv.proving import Difference, KindReport
from dita.conformance.equiv.refuting import AROUND, OF_ARITHMETIC, unlinted
from dita.conformance.equiv.replay import parted
from dita.conformance.equiv.run import Progress, Tier, run_equiv
from dita.conformance.equiv.tools import Bitwuzla
from dita.conformance.equiv.whole import PIECES, Piece
from dita.conformance.mutants.campaign import read_undecided
from dita.conformance.mutants.catalogue import catalogue
from dita.conformance.mutants.edits import Mutant, changed_files
from dita.conformance.workers import worker_pool
from dita.spec.certificate import Part
from dita.spec.vocabulary import Kind

SOURCES: Final = Path("kernel_rs") / "src"
HANDLED: Final = re.compile(r"kind::(\w+) => \w+::(\w+)\(")
Verdict = Literal["the same", "differs", "not proved"]
(BODIES,) = (made for made in PIECES if made.name == "bodies")


class UndecidedUnknown(LookupError):
    """The list names a mutant that there is not."""


class Decision(NamedTuple):
    """What its machine code says of one mutant."""

    verdict: Verdict
    says: str
    paths: int = 0  # of its image, all equal to the reference


class Named(NamedTuple):
    """A mutant's name in the list, and the mutant."""

    name: str
    mutant: Mutant


def undecided_mutants() -> list[Named]:
    """Those of the list. Raises RecordError, ListStale, and UndecidedUnknown where the catalogue has no such mutant."""
    known = {mutant.id: mutant for family in catalogue().values() for mutant in family}
    listed = read_undecided()
    if unknown := sorted(set(listed) - set(known)):
        raise UndecidedUnknown(f"undecided.json: `{unknown[0]}` is no mutant of the kernel; take it out of the list")
    return [Named(name, known[name]) for name in listed]


def run_undecided(tier: Tier, progress: Progress, processes: int = 1) -> Piece:
    """Decide each, so many at a time; a kind's result is read back as that of any image.

    Raises ToolMissing, OSError, SolverUnknown, PatchRefused, NotReplayed, RecordError, ListStale, UndecidedUnknown.
    """
    listed = undecided_mutants()
    found: dict[str, Decision] = {}
    with worker_pool(processes) as pool:
        running = {pool.submit(partial(decide, one.mutant, tier)): one.name for one in listed}
        for done in as_completed(running):
            found[running[done]] = done.result()
            progress("undecided mutants decided", len(found), len(listed))
    return piece_of({one.name: found[one.name] for one in listed}, {one.name: one.mutant.title for one in listed})


def piece_of(found: Mapping[str, Decision], titles: Mapping[str, str]) -> Piece:
    """The figures, and of each that is not proved the same why: one that differs is to be killed by a test."""
    verdicts = [decision.verdict for decision in found.values()]
    counts = {
        "undecided_mutants": len(verdicts),
        "undecided_the_same": verdicts.count("the same"),
        "undecided_differ": verdicts.count("differs"),
        "undecided_not_proved": verdicts.count("not proved"),
        "undecided_paths": sum(decision.paths for decision in found.values()),
    }
    failed = [
        f"{name} ({titles[name]}) {'differs' if decision.verdict == 'differs' else 'is not proved'}: {decision.says}"
        for name, decision in found.items()
        if decision.verdict != "the same"
    ]
    return Piece("undecided mutants", (Part("undecided mutants", counts),), (), tuple(failed))


def decide(mutant: Mutant, tier: Tier) -> Decision:
    """Build its image and prove it. Raises ToolMissing, OSError, SolverUnknown, PatchRefused, NotReplayed."""
    with unlinted() as tree:
        changed = changed_files(mutant)
        functions = {name for path, content in changed.items() for name in functions_changed(tree / path, content)}
        for path, content in changed.items():
            (tree / path).write_bytes(content)
        image = build_image(tree)
        if OF_ARITHMETIC in mutant.paths:
            return _of_bodies(BODIES.read_or_run(image, _unseen, anew=False))
        return _of_kinds(kinds_running(functions, tree / SOURCES), image, tier)


def _of_bodies(piece: Piece) -> Decision:
    paths = sum(part.counts.get("body_paths", 0) for part in piece.parts)
    if piece.problems:
        return Decision("differs", piece.problems[0])
    if piece.notes:
        return Decision("not proved", piece.notes[0])
    return Decision("the same", "the ten named functions", paths)


def _of_kinds(kinds: tuple[Kind, ...], image: Path, tier: Tier) -> Decision:
    report = run_equiv(kinds, tier, _unseen, image=image)
    differ = [(kind, found) for kind, row in report.rows.items() for found in row.differ]
    if any(parted(image, found.words) for _, found in differ):
        return Decision("differs", report.problems[0])
    more = ""
    if differ and all(row.proved or _only_differs(row) for row in report.rows.values()):
        more = _known_besides(image, differ)
    if not kinds or (report.problems and not more):
        return Decision("not proved", (report.problems or ["no handler of an input runs what is changed"])[0])
    return Decision("the same", ", ".join(kind.name for kind in kinds) + more, report.figures["machine_paths"])


def _only_differs(row: KindReport) -> bool:
    """Nothing else speaks against it."""
    others = row.failures > len(row.differ) or row.misread
    return not others and row.reached > 0 and row.equal + len(row.differ) == row.machine_paths


def _known_besides(image: Path, differ: Sequence[tuple[Kind, Difference]]) -> str:
    """With what these paths are equal, if they are."""
    if not all(is_known(known) and is_in(known, image) for known in KNOWN):
        return ""
    with Bitwuzla() as first:
        equal = all(is_equal(image, kind, found, first) for kind, found in differ)
    return f", with what is known of {', '.join(known.name for known in KNOWN)} besides" if equal else ""


def _unseen(_: str, __: int, ___: int) -> None:
    """In a worker nobody looks."""


# --- which kinds run a function -------------------------------------------------------------------------------------


def kinds_running(functions: set[str], sources: Path) -> tuple[Kind, ...]:
    """The kinds of input whose handlers may come to one of these, as far as names tell: rather too many than too few.

    Nothing where something is changed that is in no handler, for then more is to be proved than kinds. Raises OSError.
    """
    texts: dict[str, str] = {}
    elsewhere = {"", *AROUND}
    handlers: dict[Kind, str] = {}
    for path in sorted(sources.glob("*.rs")):
        text = path.read_text(encoding="utf-8")
        for name, body in functions_of(text).items():
            handled = HANDLED.findall(body)
            if handled:  # what comes before the handlers runs all kinds, and no handler runs it
                handlers |= {Kind[kind]: handler for kind, handler in handled}
                elsewhere.add(name)
            else:
                texts[name] = texts.get(name, "") + body
    if functions & elsewhere:
        return ()
    running = coming_to(functions, texts)
    return tuple(sorted(kind for kind, handler in handlers.items() if handler in running))
