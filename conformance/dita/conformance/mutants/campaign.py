"""The campaign: tries every mutant whose evidence is not current, keeps what comes of it, and adds it up.

Evidence is written after every few mutants, so a campaign may be stopped at any time and goes on where it was. What a
run reports is always the whole evidence, old and new.
"""

import json
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from dita.conformance.defects import REPOSITORY
from dita.conformance.mutants.bench import Bench, ask_together, doubted, tried
from dita.conformance.mutants.catalogue import Catalogue, catalogue, changed_since
from dita.conformance.mutants.edits import FAMILIES, Family, Mutant
from dita.conformance.mutants.kernel_list import stale_sources
from dita.conformance.mutants.records import (
    FOLDER,
    Evidence,
    Kind,
    Record,
    RecordError,
    Status,
    Witnesses,
    read_evidence,
    status_of,
    write_evidence,
)
from dita.conformance.mutants.sources import own_of, rest_of, side_of
from dita.conformance.workers import end_with_parent

Tier = Literal["quick", "full"]
Progress = Callable[[str, int, int], None]
Row = tuple[Kind, Any]
Work = tuple[Mutant, Record | None]
"""A mutant, and its record where that is to be confirmed first."""

UNDECIDED: Final = "undecided.json"
REASON_LENGTH: Final = 40  # characters of a reason, at least
UNDECIDED_MAX: Final = 10  # of the kernel's, until the machine code itself is compared with the reference
CHUNK: Final[Mapping[Family, int]] = {"kernel": 8, "reference": 40, "predicate": 40}
PROCESSES: Final = 2


@dataclass(frozen=True, slots=True)
class Order:
    """What a campaign is asked to do."""

    families: tuple[Family, ...] = FAMILIES
    since: str | None = None  # only mutants whose function changed since this commit
    tier: Tier = "quick"  # full: what is carried over is tried again too
    anew: bool = False  # everything is tried again, by every layer
    run: bool = True  # False: say what is recorded
    seconds: float | None = None  # end after so long; a later run goes on
    processes: int = PROCESSES


@dataclass(slots=True)
class MutantsReport:
    """What is known of the mutants. ``problems`` is empty exactly when the score is complete and perfect."""

    records: dict[Family, list[tuple[Mutant, Record]]] = field(
        default_factory=dict[Family, list[tuple[Mutant, Record]]]
    )
    figures: dict[str, int] = field(default_factory=dict[str, int])
    problems: list[str] = field(default_factory=list[str])
    tried: int = 0
    undecided: dict[str, str] = field(default_factory=dict[str, str])


def run_mutants(order: Order, progress: Progress | None = None, repository: Path = REPOSITORY) -> MutantsReport:
    """Try what is to be tried, and report.

    Raises ListStale, PatchRefused, RecordError, UnknownRevision, ImageRefused, TrafficVoid.
    """
    every = catalogue(repository)
    evidence = read_evidence(repository)
    asked = changed_since(order.since, every, repository) if order.since is not None else every
    chosen: Catalogue = {family: asked[family] if family in order.families else [] for family in FAMILIES}
    todo = list(to_do(order, chosen, evidence, repository)) if order.run else []
    done = _carry_out(order, todo, evidence, every, progress, repository) if todo else 0
    return reported(chosen, evidence, done, repository)


def to_do(order: Order, chosen: Catalogue, evidence: Evidence, repository: Path) -> Iterator[Work]:
    """What is to be tried, a survivor every time; with its record where that is to be confirmed first."""
    again: tuple[Status, ...] = ("missing", "stale", "carried") if order.tier == "full" else ("missing", "stale")
    undecided = read_undecided(repository)
    for family in FAMILIES:
        for mutant in chosen[family]:
            record = evidence.records[family].get(mutant.id)
            survived = record is not None and record.verdict == "survived" and mutant.id not in undecided
            if order.anew or survived or status_of(mutant, record, repository) in again:
                yield mutant, None if order.anew else record


# --- processes ------------------------------------------------------------------------------------------------------


class _Process:
    """What a worker process keeps between chunks."""

    bench: Bench | None = None


def _begin(witnesses: Witnesses) -> None:
    end_with_parent()
    _Process.bench = Bench(witnesses)


def _work(chunk: Sequence[Work]) -> list[tuple[Record, Row | None]]:
    bench = _Process.bench
    if bench is None:
        raise RuntimeError("a worker was given work before its bench")
    ask_together(bench, [mutant for mutant, record in chunk if record is None and side_of(mutant) == "predicate"])
    return [_result(bench, _tried(bench, mutant, record)) for mutant, record in chunk]


def _tried(bench: Bench, mutant: Mutant, record: Record | None) -> Record:
    """A mutant's new record: the old one confirmed, if there is one and it holds, else by every layer."""
    if record is not None and record.verdict != "survived" and not doubted(bench, mutant, record):
        return replace(record, own=own_of(mutant), rest=rest_of(side_of(mutant)))
    return tried(bench, mutant)


def _result(bench: Bench, record: Record) -> tuple[Record, Row | None]:
    """The record and its witness itself: places are the worker's own."""
    witness = record.witness
    if witness is None:
        return record, None
    return record, (witness.kind, getattr(bench.witnesses, witness.kind)[witness.place])


def _carry_out(
    order: Order, todo: Sequence[Work], evidence: Evidence, every: Catalogue,
    progress: Progress | None, repository: Path,
) -> int:  # fmt: skip
    """Try them in processes, keep what comes of it; gives how many were tried."""
    began, done = time.monotonic(), 0
    chunks = iter(list(_chunks(todo)))
    running: dict[Future[list[tuple[Record, Row | None]]], Sequence[Work]] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(order.processes, context, _begin, (evidence.witnesses,)) as pool:
        while True:
            while len(running) <= order.processes and not _late(order, began):
                following = next(chunks, None)
                if following is None:
                    break
                running[pool.submit(_work, following)] = following
            if not running:
                return done
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                chunk = running.pop(future)
                for (mutant, _), (record, row) in zip(chunk, future.result(), strict=True):
                    placed = None if row is None else evidence.witnesses.add_row(*row)
                    evidence.put(mutant.family, replace(record, witness=placed))
                done += len(chunk)
                write_evidence(evidence, every, repository)
                if progress is not None:
                    progress("mutants", done, len(todo))


def _late(order: Order, began: float) -> bool:
    return order.seconds is not None and time.monotonic() - began > order.seconds


def _chunks(todo: Sequence[Work]) -> Iterator[list[Work]]:
    """Mutants of one side together, so that a process does not need everything at once."""
    chunk: list[Work] = []
    for item in sorted(todo, key=lambda item: list(CHUNK).index(side_of(item[0]))):
        side = side_of(item[0])
        if chunk and (side != side_of(chunk[0][0]) or len(chunk) == CHUNK[side]):
            yield chunk
            chunk = []
        chunk.append(item)
    if chunk:
        yield chunk


# --- the report -----------------------------------------------------------------------------------------------------


def read_undecided(repository: Path = REPOSITORY) -> dict[str, str]:
    """Mutants of the kernel that are not decided yet, by id, each with its reason. Raises RecordError."""
    path = repository / FOLDER / UNDECIDED
    if not path.is_file():
        return {}
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    if any(len(str(why)) < REASON_LENGTH for why in kept.values()):
        raise RecordError(f"{UNDECIDED}: give for each mutant's id the reason, in a sentence or more")
    return kept


def reported(chosen: Catalogue, evidence: Evidence, done: int, repository: Path = REPOSITORY) -> MutantsReport:
    """What the evidence says of these mutants. Raises ListStale, PatchRefused, RecordError."""
    report = MutantsReport(tried=done, undecided=read_undecided(repository))
    statuses: dict[Status, int] = {"current": 0, "carried": 0, "stale": 0, "missing": 0}
    verdicts = dict.fromkeys(("killed", "equivalent", "undecided", "timeout", "survived", "unviable"), 0)
    for family in FAMILIES:
        rows: list[tuple[Mutant, Record]] = []
        for mutant in chosen[family]:
            record = evidence.records[family].get(mutant.id)
            statuses[status_of(mutant, record, repository)] += 1
            if record is not None:
                judged = _judged(report, mutant, record)
                verdicts[judged.verdict] += 1
                rows.append((mutant, judged))
        report.records[family] = rows
    report.figures = {
        "mutants": sum(verdicts.values()) - verdicts["unviable"],
        "killed": verdicts["killed"],
        "equivalent_proved": verdicts["equivalent"],
        "undecided": verdicts["undecided"],
        "timeouts": verdicts["timeout"],
        "survived": verdicts["survived"],
        "unviable": verdicts["unviable"],
        **{f"{family}_mutants": sum(r.verdict != "unviable" for _, r in report.records[family]) for family in FAMILIES},
        **{str(status): count for status, count in statuses.items()},
        "unlisted": len(stale_sources(repository)),
        "tried_now": done,
    }
    _complain(report)
    return report


def _judged(report: MutantsReport, mutant: Mutant, record: Record) -> Record:
    """A survivor of the kernel that is declared to be undecided counts as that."""
    why = report.undecided.get(mutant.id)
    if record.verdict == "survived" and side_of(mutant) == "kernel" and why is not None:
        return replace(record, verdict="undecided", note=why)
    return record


def _complain(report: MutantsReport) -> None:
    figures = report.figures
    for rows in report.records.values():
        for mutant, record in rows:
            if record.verdict == "survived":
                report.problems.append(f"survived: {mutant.title} ({record.note or 'no layer noticed it'})")
            elif record.verdict == "timeout" and not record.note.startswith("endless"):
                report.problems.append(f"out of time: {mutant.title}: {record.note}")
    if figures["kernel_mutants"] and figures["unlisted"]:
        report.problems.append(
            f"`{figures['unlisted']}` source files of the kernel have changed; `dita mutants --list-anew`"
        )
    waiting = figures["stale"] + figures["missing"]
    if waiting:
        report.problems.append(f"`{waiting}` mutants have no evidence for the present sources; run `dita mutants`")
    if figures["undecided"] > UNDECIDED_MAX:
        report.problems.append(f"`{figures['undecided']}` mutants are undecided, at most {UNDECIDED_MAX} may be")
    named = {mutant.id for rows in report.records.values() for mutant, record in rows if record.verdict == "undecided"}
    report.problems += [
        f"`{UNDECIDED}` names `{name}`, which is decided or no mutant; take it out"
        for name in sorted(report.undecided.keys() - named)
        if figures["kernel_mutants"] and not figures["missing"]
    ]
    if not figures["mutants"]:
        report.problems.append("there is no mutant: nothing was shown")
