"""The book of a campaign: which seeds are done and what they met together, in one file that a later run goes on from.

A book belongs to one kernel image and one reference: their hashes name the file and stand in it. It is replaced as a
whole after every shard, so whatever is killed in between leaves the one before. A seed is either done and counted, or
fresh; it is never counted twice.
"""

import fcntl
import json
import os
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from dita.conformance.decisions import Tally
from dita.conformance.differential import Cell, Distribution
from dita.conformance.floors import Met
from dita.conformance.tasks import Report, TaskResult
from dita.conformance.transitions import Move, Pair
from dita.spec.canonical import canonical_json, sha256_hex
from dita.spec.certificate import Bindings

FORMAT: Final = "dita-campaign"
VERSION: Final = 1
FOLDER: Final = Path("out/campaign")
COUNTS: Final = ("shards", "traces", "steps", "kernel_steps", "canaries_planted", "canaries_found", "milliseconds")
"""What is added up; ``milliseconds`` are of the workers together."""


class BookRefused(Exception):
    """The book cannot be read, belongs to another build, or is in use; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a campaign is about: SHA-256 of image, spec and reference, in hexadecimal."""

    image_sha256: str
    spec_sha256: str
    reference_sha256: str

    @classmethod
    def of(cls, bindings: Bindings) -> Self:
        """The part of a certificate's bindings that a campaign depends on."""
        return cls(bindings.image_sha256, bindings.spec_sha256, bindings.reference_sha256)

    @property
    def name(self) -> str:
        """A short name for files."""
        return sha256_hex(f"{self.image_sha256}{self.spec_sha256}{self.reference_sha256}".encode())[:16]


@dataclass(slots=True)
class Known:
    """A divergence by its signature: how often it was met, the first seed, and the shortest trace."""

    what: str
    seed: int
    trace: str
    timeline: str
    count: int = 1


@dataclass(slots=True)
class Book:
    """Everything that a campaign has counted."""

    subject: Subject
    done: set[int] = field(default_factory=set[int])  # seeds
    counts: Counter[str] = field(default_factory=Counter[str])
    met: Met = field(default_factory=Met)
    divergences: dict[str, Known] = field(default_factory=dict[str, Known])

    def fresh(self, taken: Iterable[int] = ()) -> int:
        """The smallest seed that is neither done nor taken."""
        used = self.done.union(taken)
        seed = 0
        while seed in used:
            seed += 1
        return seed

    def add(self, result: TaskResult) -> bool:
        """Count a finished shard; False, and nothing changes, when its seed is done already or the shard is void."""
        seed = result.task.seed
        if seed in self.done or result.void:
            return False
        self.done.add(seed)
        self.counts.update(
            shards=1, traces=result.states, steps=result.compared, kernel_steps=result.kernel_steps,
            canaries_planted=result.canaries_planted, canaries_found=result.canaries_found,
            milliseconds=int(1000 * result.seconds),
        )  # fmt: skip
        self.met.add(result.distribution, result.pairs, result.guards)
        for report in result.reports:
            self._note(report)
        return True

    def _note(self, report: Report) -> None:
        known = self.divergences.get(report.signature)
        if known is None:
            self.divergences[report.signature] = Known(report.what, report.seed, report.trace, report.timeline)
            return
        known.count += 1
        if len(report.trace) < len(known.trace):
            known.what, known.seed, known.trace, known.timeline = (
                report.what, report.seed, report.trace, report.timeline,
            )  # fmt: skip


# --- the file -------------------------------------------------------------------------------------------------------


@contextmanager
def opened(subject: Subject, folder: Path = FOLDER) -> Generator[tuple[Book, Path]]:
    """The book of a subject and its file, for one campaign at a time; a new one where there is none.

    Raises BookRefused, OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{subject.name}.json"
    with path.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise BookRefused(f"`{path}` is in use by another campaign; wait for it or stop it") from problem
        yield (read_book(path, subject) if path.exists() else Book(subject)), path


def write_book(book: Book, path: Path) -> None:
    """Replace the file as a whole."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(encoded(book))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def encoded(book: Book) -> bytes:
    """The content of the file: canonical JSON."""
    subject = book.subject
    return canonical_json({
        "format": FORMAT,
        "version": VERSION,
        "subject": [subject.image_sha256, subject.spec_sha256, subject.reference_sha256],
        "seeds": ranges(book.done),
        "counts": {name: book.counts[name] for name in COUNTS},
        "cells": [[*map(int, cell), count] for cell, count in sorted(book.met.distribution.items())],
        "pairs": [[*map(int, (*pair.first, *pair.second)), count] for pair, count in sorted(book.met.pairs.items())],
        "guards": {name: list(tally) for name, tally in book.met.guards.items()},
        "divergences": {
            mark: [known.what, known.seed, known.trace, known.timeline, known.count]
            for mark, known in book.divergences.items()
        },
    })  # fmt: skip


def read_book(path: Path, subject: Subject) -> Book:
    """The book in a file. Raises BookRefused when it is damaged or about something else."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        if (content["format"], content["version"]) != (FORMAT, VERSION):
            raise BookRefused(f"`{path}` is no campaign of version {VERSION}; move it away to begin anew")
        book = Book(Subject(*content["subject"]), set(_seeds(content["seeds"])), Counter(content["counts"]))
        book.met.distribution = Distribution({Cell(*row[:-1]): row[-1] for row in content["cells"]})
        book.met.pairs = Counter({Pair(Move(*row[:3]), Move(*row[3:6])): row[6] for row in content["pairs"]})
        book.met.guards = {name: Tally(*tally) for name, tally in content["guards"].items()}
        book.divergences = {mark: Known(*row) for mark, row in content["divergences"].items()}
    except (ValueError, KeyError, TypeError, IndexError) as problem:
        raise BookRefused(f"`{path}` is damaged ({problem}); move it away to begin anew") from problem
    if book.subject != subject:
        raise BookRefused(f"`{path}` is about another image or reference; move it away to begin anew")
    if book.counts["shards"] != len(book.done):
        raise BookRefused(f"`{path}` counts `{book.counts['shards']}` shards of `{len(book.done)}` seeds; move it away")
    return book


def ranges(seeds: Iterable[int]) -> list[list[int]]:
    """Ascending [first, last] ranges of a set of seeds."""
    found: list[list[int]] = []
    for seed in sorted(seeds):
        if found and seed == found[-1][1] + 1:
            found[-1][1] = seed
        else:
            found.append([seed, seed])
    return found


def _seeds(rows: Sequence[Sequence[int]]) -> Iterable[int]:
    for first, last in rows:
        yield from range(first, last + 1)


def totals(book: Book) -> Mapping[str, int]:
    """The counts for people and figures."""
    return {name: book.counts[name] for name in COUNTS} | {"divergences": len(book.divergences)}
