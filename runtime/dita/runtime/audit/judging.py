"""The audit: what the catalogue asks, what is recorded of it, and what that comes to.

A flaw is **covered** when each of its injections is noticed by at least two layers, by rows that speak of the present
sources. What is recorded is never believed against what is there: a patch, an obligation, a test or a scenario that the
catalogue names and nobody finds is a problem, and so is a question without a row.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from dita.conformance.defects import REPOSITORY, ROOTS, Defect, PatchRefused
from dita.conformance.prove.proof import everything, keep, proved_before, run_prove
from dita.runtime.audit.asking import (
    BUILD,
    STATIC,
    TESTED,
    Answer,
    Answers,
    answers,
    asks_of,
    file_and_test,
    names_a_test,
    part_of,
)
from dita.runtime.audit.evidence import (
    Evidence,
    Key,
    Row,
    Status,
    read_evidence,
    row_of,
    status_of,
    test_source,
    write_evidence,
)
from dita.runtime.audit.mutants_record import MutantsRecord
from dita.runtime.audit.trees import listed, patches, scratch
from dita.spec.flaws import Ask, Flaw, Injection, Layer, catalogue

LAYERS_MIN: Final = 2
DRIFTING: Final[tuple[Layer, ...]] = ("simulation",)
"""Layers whose seeds mean another run once anything of the runtime has changed: only a full audit asks them again."""
Progress = Callable[[str, int, int], None]


class AuditRefused(Exception):
    """The audit cannot be made as it was asked for; the message says what to change."""


class Asked(NamedTuple):
    """One question and what is recorded of it."""

    ask: Ask
    row: Row | None
    status: Status

    @property
    def noticed(self) -> bool:
        """Whether the layer is known, by a current row, to notice the flaw."""
        return self.status == "current" and self.row is not None and self.row.caught


@dataclass(frozen=True)
class Planted:
    """An injection, its patch, and every question about it."""

    injection: Injection
    defect: Defect
    asked: tuple[Asked, ...]
    trace: Mapping[str, Any] | None = None  # the shortest on which kernel and reference part

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that notice it, quickest first."""
        seen = sorted(
            (one for one in self.asked if one.noticed and one.row), key=lambda one: one.row.seconds if one.row else 0
        )
        return tuple(dict.fromkeys(one.ask.layer for one in seen))


@dataclass(frozen=True)
class Judged:
    """A flaw, its injections, and what is wrong with its entry."""

    flaw: Flaw
    planted: tuple[Planted, ...]
    problems: tuple[str, ...] = ()

    @cached_property
    def layers_min(self) -> int:
        """How many layers notice the injection that fewest notice; 0 where there is none."""
        return min((len(one.layers) for one in self.planted), default=0)

    @property
    def covered(self) -> bool:
        """Whether every injection is noticed by enough layers."""
        return self.layers_min >= LAYERS_MIN

    def of(self, layer: Layer) -> list[Asked]:
        """Every question to one layer."""
        return [asked for one in self.planted for asked in one.asked if asked.ask.layer == layer]


@dataclass(slots=True)
class Audit:
    """Everything that was judged. ``contradicted``: rows that a run of now did not bear out."""

    judged: tuple[Judged, ...]
    evidence: Evidence
    ran: int = 0
    contradicted: list[str] = field(default_factory=list[str])

    @property
    def figures(self) -> dict[str, int]:
        """The stable figures."""
        asked = [one for judged in self.judged for planted in judged.planted for one in planted.asked]
        closed = [one for one in self.judged if not one.flaw.open]
        return {
            "flaws": len(self.judged),
            "covered": sum(one.covered for one in self.judged),
            "min_layers": min((one.layers_min for one in self.judged), default=0),
            "open": len(self.judged) - len(closed),
            "min_layers_of_closed": min((one.layers_min for one in closed), default=0),
            "injections": sum(len(one.planted) for one in self.judged),
            "questions": len(asked),
            "noticed": sum(one.noticed for one in asked),
            "stale": sum(one.status == "stale" for one in asked),
            "missing": sum(one.status == "missing" for one in asked),
            "ran": self.ran,
            "contradicted": len(self.contradicted),
        }

    def problems(self, *, strict: bool) -> list[str]:
        """What is wrong. ``strict``: stale rows count, too, and flaws that are still open with all that they lack."""
        found = list(self.contradicted)
        for one in self.judged:
            found += [f"{one.flaw.id}: {problem}" for problem in one.problems]
            rows = [(planted, asked) for planted in one.planted for asked in planted.asked]
            found += [
                f"{one.flaw.id}: `{planted.defect.name}` was never put to {asked.ask.layer} `{asked.ask.what}`; {AGAIN}"
                for planted, asked in rows
                if asked.status == "missing" and (strict or not one.flaw.open)
            ]  # fmt: skip
            found += [
                f"{one.flaw.id}: {asked.ask.layer} `{asked.ask.what}` is no evidence: {_first(asked.row.says)}"
                for _, asked in rows
                if asked.status == "current" and asked.row and (asked.row.verdict == "void" or not asked.row.sound)
            ]  # fmt: skip
            stale = [asked for _, asked in rows if asked.status == "stale"]
            if stale and strict:
                found.append(f"{one.flaw.id}: {len(stale)} rows are stale; {AGAIN}")
            if one.flaw.open and strict:
                found.append(f"{one.flaw.id}: not covered yet: {one.flaw.open}")
            if one.flaw.open and one.covered and all(asked.status == "current" for _, asked in rows):
                found.append(f"{one.flaw.id}: {one.layers_min} layers notice it; take out `open`")
            if not (one.covered or one.flaw.open or (stale and not strict)):
                found.append(f"{one.flaw.id}: noticed by {one.layers_min} layers, {LAYERS_MIN} are required")
        return list(dict.fromkeys(found))


AGAIN: Final = "run `dita audit --tier full`"


def _first(text: str) -> str:
    return next(iter(text.splitlines()), "")


# --- judging ---------------------------------------------------------------------------------------------------------


def audit(ids: Sequence[str] = (), repository: Path = REPOSITORY, evidence: Evidence | None = None) -> Audit:
    """Judge these flaws, or all, by what is recorded.

    Raises AuditRefused, CatalogueError, EvidenceError, PatchRefused.
    """
    flaws = chosen(ids)
    kept = read_evidence(repository) if evidence is None else evidence
    there = patches(repository / "conformance" / "defects")
    obligations = {item.id for item in everything()}
    return Audit(tuple(judged(flaw, kept, there, obligations, repository) for flaw in flaws), kept)


def chosen(ids: Sequence[str]) -> tuple[Flaw, ...]:
    """These flaws, or all. Raises AuditRefused, CatalogueError."""
    flaws = {flaw.id: flaw for flaw in catalogue()}
    if unknown := [name for name in ids if name not in flaws]:
        raise AuditRefused(f"`{unknown[0]}` is in no chapter of spec/dita/spec/flaws; known are {', '.join(flaws)}")
    return tuple(flaws[name] for name in ids) if ids else tuple(flaws.values())


def judged(
    flaw: Flaw, evidence: Evidence, there: Mapping[str, Defect], obligations: set[str], repository: Path
) -> Judged:
    """One flaw by what is recorded of it, held against what is there."""
    problems = [
        f"obligation `{name}` is none; `dita prove --list` names them"
        for name in flaw.obligations
        if name not in obligations
    ]
    planted: list[Planted] = []
    for injection in flaw.injections:
        defect = there.get(injection.patch)
        if defect is None:
            problems.append(f"`{injection.patch}.patch` is not under conformance/defects")
            continue
        asked: list[Asked] = []
        for ask in asks_of(defect, injection.asks):
            problems += _unknown(ask, defect, obligations, repository)
            row = evidence.rows.get((defect.name, ask.layer, ask.what))
            asked.append(Asked(ask, row, status_of(row, defect, ask, repository)))
        planted.append(Planted(injection, defect, tuple(asked), evidence.traces.get(defect.name)))
    return Judged(flaw, tuple(planted), tuple(problems))


def _unknown(ask: Ask, defect: Defect, obligations: set[str], repository: Path) -> list[str]:
    """What a question names and nobody finds."""
    if names_a_test(ask):
        file, name = file_and_test(ask)
        if not test_source(repository / "tests" / file, name):
            return [f"there is no test `{ask.what}`"]
        return (
            [] if layer_of(file) == ask.layer else [f"`{file}` belongs to layer `{layer_of(file)}`, not `{ask.layer}`"]
        )
    if ask.layer == "battery":
        scenarios = repository / "tests" / "scenarios" / "battery"
        return [
            f"there is no scenario `{name}`" for name in ask.what.split() if not (scenarios / f"{name}.txt").is_file()
        ]
    if ask.layer == "proof":
        name, part = part_of(ask, defect)
        return [] if name in obligations and part else [f"proof `{ask.what}`: name an obligation, as ID@PART"]
    if ask.layer == "static":
        return [] if ask.what in STATIC else [f"static `{ask.what}`: one of {', '.join(STATIC)}"]
    return [f"{ask.layer} `{ask.what}`: name a test, as folder/file.py::test"] if ask.layer in TESTED else []


_SCRIPTED: Final = (
    "transport", "network", "streams", "key_change", "orders", "closing", "rest", "ranges", "calls", "secrets",
)  # fmt: skip
_OVER_SOCKETS: Final[Mapping[str, Layer]] = {
    **{f"test_{name}.py": "exchange" for name in ("bingx_faults", "bingx_exchange", "bingx_soak", "strangers")},
    **{f"test_bingx_{name}.py": "wire" for name in _SCRIPTED},
}


_FOLDERS: Final[Mapping[str, Layer]] = {"kernel": "boundary", "conformance": "judge", "": "house"}


def layer_of(file: str) -> Layer:
    """The layer that a test file belongs to, by its path under ``tests``."""
    folder, _, name = file.rpartition("/")
    if folder == "scenarios" or name == "test_plane_kill.py":
        return "battery" if name == "test_battery.py" else "sessions"
    if folder == "adapters" and name in _OVER_SOCKETS:
        return _OVER_SOCKETS[name]
    if folder == "runtime" and name.startswith("test_cli"):
        return "commands"
    return _FOLDERS.get(folder, "rooms")


# --- running ---------------------------------------------------------------------------------------------------------


class Question(NamedTuple):
    """One question about one patch."""

    defect: Defect
    ask: Ask


def questions(audit_of: Audit, wanted: Callable[[Asked], bool]) -> list[Question]:
    """The questions that are wanted, each once."""
    found = {
        (planted.defect.name, asked.ask): Question(planted.defect, asked.ask)
        for judged in audit_of.judged for planted in judged.planted for asked in planted.asked if wanted(asked)
    }  # fmt: skip
    return list(found.values())


def sample(found: Sequence[Question], count: int, seed: int, seconds_max: float, evidence: Evidence) -> list[Question]:
    """So many questions about one patch each, drawn by the seed, that took little time when they were last asked."""
    rows = {one: evidence.rows.get((one.defect.name, one.ask.layer, one.ask.what)) for one in found}
    cheap = [
        one
        for one, row in rows.items()
        if row is not None and row.seconds <= seconds_max and one.ask.layer not in DRIFTING
    ]
    return Random(seed).sample(cheap, min(count, len(cheap)))


def ask(
    found: Sequence[Question],
    evidence: Evidence,
    progress: Progress | None = None,
    repository: Path = REPOSITORY,
    *,
    minutes: float | None = None,
) -> list[Row]:
    """Ask anew, patch by patch, keeping each row as it comes; gives the new rows. Raises OSError.

    What ``dita mutants`` has on record of a patch is taken over. The same questions are put to the sound tree. With
    ``minutes`` it ends after so long, between two patches.
    """
    by_patch: dict[str, list[Question]] = {}
    for one in found:
        by_patch.setdefault(one.defect.name, []).append(one)
    sound, record = Controls(repository), MutantsRecord(repository)
    over = None if minutes is None else time.monotonic() + 60 * minutes
    made: list[Row] = []
    for number, (name, asked) in enumerate(by_patch.items()):
        if over is not None and time.monotonic() > over:
            break
        if progress is not None:
            progress(f"audit {name}", number, len(by_patch))
        known = {one: answer for one in asked if (answer := record.of(one.defect, one.ask.layer)) is not None}
        rows = [row_of(one.defect, one.ask, answer, sound=True, repository=repository) for one, answer in known.items()]
        rest = [one for one in asked if one not in known]
        if rest:
            told, more = once(rest, repository)
            quiet = sound.of([one.ask for one in rest])
            rows += [row._replace(sound=quiet[one.ask]) for one, row in zip(rest, more, strict=True)]
            if told.trace is not None:
                evidence.traces[name] = {"patch": name, **told.trace}
        evidence.rows |= {row.key: row for row in rows}
        made += rows
        write_evidence(evidence, repository)
    return made


def once(asked: Sequence[Question], repository: Path = REPOSITORY) -> tuple[Answers, list[Row]]:
    """Questions about one patch, asked in one scratch copy; the rows say nothing of the sound tree yet."""
    defect = asked[0].defect
    named = [one for flaw in catalogue() for one in flaw.injections if one.patch == defect.name]
    builds = BUILD not in [(one.layer, one.what) for injection in named for one in injection.asks]
    try:
        with scratch(defect, repository, build=builds) as tree:
            told = answers(tree, [one.ask for one in asked], defect)
    except PatchRefused as refusal:  # no detection, and no reason to ask nothing of the others
        told = Answers({one.ask: Answer("void", 0.0, str(refusal)) for one in asked})
    rows = [row_of(defect, one.ask, told.of[one.ask], sound=True, repository=repository) for one in asked]
    return told, rows


def tidy(found: Audit, repository: Path = REPOSITORY) -> None:
    """Of an audit of everything: drop rows and traces that no flaw asks for any more. Raises OSError."""
    kept, asked = found.evidence, _asked(found)
    rows = {key: row for key, row in kept.rows.items() if key in asked}
    traces = {name: trace for name, trace in kept.traces.items() if any(key[0] == name for key in rows)}
    if (len(rows), len(traces)) != (len(kept.rows), len(kept.traces)):
        kept.rows, kept.traces = rows, traces
        write_evidence(kept, repository)


def _asked(found: Audit) -> set[Key]:
    planted = [one for judged in found.judged for one in judged.planted]
    return {(one.defect.name, asked.ask.layer, asked.ask.what) for one in planted for asked in one.asked}


def compare(question: Question, evidence: Evidence, repository: Path = REPOSITORY) -> list[str]:
    """Ask once more, record nothing, and say where the answer is another than is recorded."""
    _, (row,) = once([question], repository)
    old = evidence.rows.get(row.key)
    if old is not None and old.verdict == row.verdict:
        return []
    was = "never asked" if old is None else old.verdict
    return [f"`{row.patch}` put to {row.layer} `{row.what}`: recorded as {was}, now {row.verdict}: {_first(row.says)}"]


class Controls:
    """What the layers say of the sound tree. Kept under ``out`` for as long as the product is as it was."""

    def __init__(self, repository: Path = REPOSITORY) -> None:
        self._repository = repository
        self._path = repository / "out" / "audit-controls.json"
        self._tree = product_hash(repository)
        self._quiet: dict[str, bool] = {}
        if self._path.is_file():
            kept: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
            self._quiet = kept["quiet"] if kept["tree"] == self._tree else {}

    def of(self, asks: Sequence[Ask]) -> dict[Ask, bool]:
        """Of each question, whether the layer finds nothing in the sound tree."""
        missing = [one for one in dict.fromkeys(asks) if _name(one) not in self._quiet]
        if missing:
            self._quiet |= {_name(one): _is_proved(one) for one in missing if one.layer == "proof"}
            others = [one for one in missing if one.layer != "proof"]
            if others:
                with scratch(None, self._repository) as tree:
                    told = answers(tree, others, None).of
                self._quiet |= {_name(one): told[one].verdict == "missed" for one in others}
            self._path.parent.mkdir(exist_ok=True)
            self._path.write_text(json.dumps({"tree": self._tree, "quiet": self._quiet}), encoding="utf-8")
        return {one: self._quiet[_name(one)] for one in asks}


def _is_proved(one: Ask) -> bool:
    """Whether the obligation is proved of the sound reference; read back where nothing has changed since."""
    report = proved_before("quick")
    if report is None:
        report = run_prove("quick")
        keep(report)
    name, _ = part_of(one, None)
    return name in report.rows and report.rows[name].verdict == "proved"


def _name(one: Ask) -> str:
    return f"{one.layer} {one.what}"


def product_hash(repository: Path = REPOSITORY) -> str:
    """Of the rooms and tests, but for the audit itself and its data."""
    digest = sha256()
    for name in listed(repository):
        if name.startswith(_PRODUCT) and not name.startswith(_AUDIT) and (repository / name).is_file():
            digest.update(f"{name}\0".encode() + (repository / name).read_bytes())
    return digest.hexdigest()


_PRODUCT: Final = (*(f"{room}/" for room in (*ROOTS, "tests")), "pyproject.toml", "requirements/")
_AUDIT: Final = (
    "runtime/dita/runtime/audit/", "runtime/dita/runtime/cli", "runtime/dita/runtime/templates/",
    "spec/dita/spec/flaws/", "conformance/defects/", "conformance/audit/", "tests/runtime/test_audit",
    "tests/spec/test_flaws",
)  # fmt: skip
