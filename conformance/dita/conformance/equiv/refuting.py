"""Mutants of the kernel refuted on their machine code: what a prover calls equal must not be what is known to differ.

Of a mutant that a step has killed, the paths are listed which that step's words may take in the mutant's own image, and
each is asked what is asked of every path. One of them must differ from the reference, and the state and input with
which the solver shows it must part the two on this CPU: those that it finds by itself, or else the step's own, on which
the named functions have no freedom to be what they are not. Of a mutant of what stands around `dita_core` some lemma
must fail (``surroundings``), and of one of the named arithmetic some function that runs it must not be proved to be
the reference's, and must give something else on this CPU (``bodies``).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import z3

from dita.conformance.defects import REPOSITORY, PatchRefused, build_image, planted
from dita.conformance.equiv.bodies import BodyRow, run_bodies
from dita.conformance.equiv.comparing import Reference, machine_path, reference_of
from dita.conformance.equiv.functions import coming_to, functions_changed, functions_of
from dita.conformance.equiv.proving import FREE
from dita.conformance.equiv.questions import Spelled, spelled
from dita.conformance.equiv.replay import Parted, parted
from dita.conformance.equiv.run import FOLDER, code_of
from dita.conformance.equiv.sums import Canonical
from dita.conformance.equiv.surroundings import run_surroundings
from dita.conformance.equiv.tools import BEFORE, EVENT, KIND_WORD, Asked, Bitwuzla, explored
from dita.conformance.equiv.words import WORD_BITS
from dita.conformance.mutants.catalogue import catalogue
from dita.conformance.mutants.edits import Mutant, changed_files
from dita.conformance.mutants.records import read_evidence
from dita.conformance.mutants.sources import own_of, rest_of
from dita.conformance.prove.contracts import CONTRACTS
from dita.conformance.prove.evidence import keep, kept
from dita.conformance.workers import worker_pool
from dita.spec.canonical import sha256_hex
from dita.spec.inputs import Input
from dita.spec.layout import flatten_words
from dita.spec.state import State, focus_of
from dita.spec.vocabulary import Kind

Words = Mapping[str, int]
Verdict = Literal["refuted", "refused", "missed", "unknown"]
"""Refused: no product build makes an image of it. Missed: its paths are called equal, or nothing differs on the CPU."""

SHARE: Final = 10  # mutants that a process refutes, one after the other
FAMILIES: Final = ("kernel", "hand")
OF_ARITHMETIC: Final = "kernel_rs/src/arithmetic.rs"
AROUND: Final = frozenset({"fold", "step", "select", "refuse"})
"""What `step.rs` does before `dita_core` is called, and what `fold` does with many."""
Replay = Callable[[Path, Words], "list[Parted]"]
Progress = Callable[[str, int, int], None]


class Refutation(NamedTuple):
    """What became of one mutant."""

    verdict: Verdict
    says: str
    paths: int = 0  # of the mutant's image that the words may take
    differ: int = 0


SHOWS_NOTHING: Final = Refutation(
    "missed", "the step that killed it shows nothing on the image that the product's build makes"
)


@dataclass(slots=True)
class RefutingReport:
    """What became of each."""

    rows: dict[str, Refutation] = field(default_factory=dict[str, Refutation])

    @property
    def figures(self) -> dict[str, int]:
        """Stable names."""
        verdicts = [row.verdict for row in self.rows.values()]
        return {
            "kernel_mutants_asked": len(verdicts),
            "kernel_mutants_refuted": verdicts.count("refuted"),
            "kernel_mutants_refused": verdicts.count("refused"),
            "kernel_mutants_missed": verdicts.count("missed"),
            "kernel_mutants_unknown": verdicts.count("unknown"),
        }

    @property
    def problems(self) -> list[str]:
        """Who was not refuted, and why."""
        failed = [f"{name}: {row.says}" for name, row in self.rows.items() if row.verdict in {"missed", "unknown"}]
        refuted = any(row.verdict == "refuted" for row in self.rows.values())
        return failed + ([] if refuted else ["no mutant of the kernel was refuted on its machine code"])


class Killed(NamedTuple):
    """A mutant and the step that killed it."""

    mutant: Mutant
    before: State
    event: Input


def killed_by_steps() -> list[Killed]:
    """Mutants whose recorded witness is a step. Raises RecordError, ListStale."""
    evidence, found = read_evidence(), list[Killed]()
    for family in FAMILIES:
        for mutant in catalogue()[family]:
            record = evidence.records[family].get(mutant.id)
            if record is None or record.witness is None or record.witness.kind != "steps":
                continue
            if mutant.is_kernel and record.verdict == "killed":
                found.append(Killed(mutant, *evidence.witnesses.step(record.witness.place)))
    return found


def drawn(killed: Sequence[Killed], count: int, seed: int) -> list[Killed]:
    """So many of them, by chance, in the order of their kinds, for the reference is carried over once a kind."""
    chosen = random.Random(seed).sample(list(killed), min(count, len(killed)))
    return sorted(chosen, key=lambda one: (one.event.kind, one.mutant.id))


def words_of(before: State, event: Input) -> dict[str, int]:
    """A step as the words of what it touches. Raises IndexError where the input names no slot or instrument."""
    if event.slot < 0 or event.instrument < 0:
        raise IndexError("no slot and no instrument has a negative number")
    focus = focus_of(before, event.slot, event.instrument)
    return dict(zip((*BEFORE, *EVENT), (*flatten_words(focus), *flatten_words(event)), strict=True))


def refute(image: Path, words: Words, first: Asked, replay: Replay = parted) -> Refutation:
    """An image on which reference and CPU part on these words. Raises ToolMissing, Unsupported, NotReplayed."""
    kind = Kind(words[KIND_WORD])
    if not replay(image, words):
        return SHOWS_NOTHING
    (answer,) = explored(image, [int(kind)], along={name: value % (1 << WORD_BITS) for name, value in words.items()})
    if "problem" in answer:
        return Refutation("refuted", f"its machine code is refused: {answer['problem']}")
    differ, unknown = list[str](), 0
    canonical, reference = _carried(kind)
    written = Spelled(reference)
    for listed in answer["paths"]:
        path = machine_path(listed, canonical)
        for fixed in ((), _fixed(words)):
            found = first.ask(written.difference(path, (*reference.facts, *fixed)), [spelled(name) for name in FREE])
            unknown += found["verdict"] == "unknown"
            if found["verdict"] != "sat":
                break
            state = {name: int(found["values"][spelled(name)]) for name in FREE}
            if fixed or replay(image, state):
                differ.append("the step's own state and input" if fixed else "a state and an input of the solver's")
                break
    paths = len(answer["paths"])
    if differ:
        return Refutation("refuted", f"on {differ[0]}", paths, len(differ))
    if unknown:
        return Refutation("unknown", f"{unknown} questions have no answer in time", paths)
    return Refutation("missed", f"{paths} paths that its step may take are called equal to the reference", paths)


def is_around(mutant: Mutant) -> bool:
    """Whether it changes nothing but what stands around `dita_core`. Raises OSError, PatchRefused."""
    functions = _changed_by(mutant)
    return bool(functions) and functions <= AROUND


def refute_around(image: Path) -> Refutation:
    """An image whose step goes wrong around `dita_core`: some lemma must fail. Raises ToolMissing, OSError."""
    lemmas = run_surroundings(image, _unseen).lemmas
    failed = [lemma.name for lemma in lemmas if lemma.verdict == "refuted"]
    unknown = [f"{lemma.name}: {lemma.why}" for lemma in lemmas if lemma.verdict not in {"refuted", "proved"}]
    if failed:
        return Refutation("refuted", f"on the lemma `{failed[0]}`", differ=len(failed))
    if unknown:
        return Refutation("unknown", unknown[0])
    return Refutation("missed", f"{len(lemmas)} lemmas are called proved")


def named_in(mutant: Mutant) -> list[str]:
    """The named functions that run what it changes, as far as names tell; all if it is in none. Raises OSError."""
    changed = _changed_by(mutant)
    coming = coming_to(changed, functions_of((REPOSITORY / OF_ARITHMETIC).read_text(encoding="utf-8")))
    return [name for name in CONTRACTS if "" in changed or f"dita_{name}" in coming]


def refute_named(image: Path, words: Words, names: Sequence[str], replay: Replay = parted) -> Refutation:
    """An image whose step goes wrong on these words by the arithmetic: one of these is not what the reference has.

    Raises ToolMissing, SolverUnknown, NotReplayed.
    """
    if not replay(image, words):
        return SHOWS_NOTHING
    found = dict[str, Refutation]()
    for name in names:
        found[name] = _of_body(name, run_bodies(image, only=(name,)).rows[name])
        if found[name].verdict == "refuted":
            return found[name]
    unknown = [row for row in found.values() if row.verdict == "unknown"]
    equal = Refutation("missed", f"{', '.join(names) or 'no named function'}: nothing is seen to differ")
    return next(iter(unknown), equal)


def _of_body(name: str, row: BodyRow) -> Refutation:
    if row.refused:
        return Refutation("refuted", f"the machine code of `{name}` is refused: {row.refused}")
    if row.differ and row.assumed:
        whose = "the solver's" if row.shown else "the vectors'"
        return Refutation("refuted", f"on {whose} arguments of `{name}`", row.paths, len(row.differ))
    if row.assumed:
        return Refutation("unknown", f"`{name}`: {row.assumed}", row.paths)
    return Refutation("missed", f"`{name}` is called proved", row.paths)


def _changed_by(mutant: Mutant) -> set[str]:
    changed = changed_files(mutant).items()
    return {name for path, content in changed for name in functions_changed(REPOSITORY / path, content)}


def _unseen(_: str, __: int, ___: int) -> None:
    """In a worker nobody looks."""


@lru_cache(maxsize=1)
def _carried(kind: Kind) -> tuple[Canonical, Reference]:
    canonical = Canonical()
    return canonical, reference_of(kind, canonical)


def _fixed(words: Words) -> tuple[z3.BoolRef, ...]:
    return tuple(z3.BitVec(name, WORD_BITS) == z3.BitVecVal(value, WORD_BITS) for name, value in words.items())


def run_refuting(chosen: Sequence[Killed], progress: Progress, processes: int = 1) -> RefutingReport:
    """Each of these mutants, so many at a time, built as the product is but for lints.

    What was refuted of the same sources by the same code is read back. Raises ToolMissing, Unsupported, NotReplayed.
    """
    report = RefutingReport()
    names = {_key(killed): killed for killed in chosen}
    for name in names:
        found = kept(name, FOLDER)
        if found is not None:
            report.rows[name] = Refutation(*found["refutation"])
    missing = [item for item in names.items() if item[0] not in report.rows]
    shares = [missing[at : at + SHARE] for at in range(0, len(missing), SHARE)]
    with worker_pool(processes) if processes > 1 and shares else nullcontext() as pool:
        for found in pool.map(_refuted, shares) if pool else map(_refuted, shares):
            report.rows |= found
            progress("mutants refuted on their machine code", len(report.rows), len(names))
    report.rows = {names[name].mutant.title: report.rows[name] for name in names}
    return report


@contextmanager
def unlinted() -> Generator[Path]:
    """A copy of the kernel's sources, built as the product is but for lints. Raises PatchRefused."""
    with planted(None, roots=("kernel_rs",)) as tree:
        manifest = tree / "kernel_rs" / "Cargo.toml"
        manifest.write_text(manifest.read_text(encoding="utf-8").split("[lints.")[0], encoding="utf-8")
        yield tree


def _refuted(share: Sequence[tuple[str, Killed]]) -> dict[str, Refutation]:
    found: dict[str, Refutation] = {}
    with Bitwuzla() as first, unlinted() as tree:
        for name, killed in share:
            found[name] = _one(killed, tree, first)
            if found[name].verdict in {"refuted", "refused"}:
                keep(name, {"refutation": list(found[name])}, FOLDER)
    return found


def _one(killed: Killed, tree: Path, first: Asked) -> Refutation:
    sound: dict[str, bytes] = {}
    changed: Mapping[str, Any] = changed_files(killed.mutant)
    try:
        around = is_around(killed.mutant)
        words = {} if around else words_of(killed.before, killed.event)
        for name, content in changed.items():
            sound[name] = (tree / name).read_bytes()
            (tree / name).write_bytes(content)
        image = build_image(tree)
        if around:
            return refute_around(image)
        if OF_ARITHMETIC in killed.mutant.paths:
            return refute_named(image, words, named_in(killed.mutant))
        return refute(image, words, first)
    except IndexError:
        return Refutation("refused", "its step names no slot or instrument, and so never comes to `dita_core`")
    except PatchRefused as problem:
        return Refutation("refused", str(problem).strip().splitlines()[-1])
    finally:
        for name, content in sound.items():
            (tree / name).write_bytes(content)


def _key(killed: Killed) -> str:
    """The name under which a refutation is kept: the mutant, its step, the whole kernel, and what refutes."""
    depends = [
        killed.mutant.id,
        own_of(killed.mutant),
        rest_of("kernel"),
        repr((killed.before, killed.event)),
        code_of(__name__),
    ]
    return sha256_hex(json.dumps(depends).encode())
