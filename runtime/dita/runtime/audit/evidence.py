"""What was seen when a flaw was put to a layer: a line a question, kept in the repository and held against the sources.

A row speaks of one patch and one question to one layer, and carries the hashes of the patch, of the files that it
touches and of the question (of a named test: its source). When one of them is another, the row is stale: it is shown
as such and counts for nothing until ``dita audit`` has asked again. Comments, docstrings and layout do not count.
"""

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from dita.conformance.defects import REPOSITORY, Defect
from dita.conformance.prove.depends import without_docstrings
from dita.runtime.audit.asking import Answer, Verdict, file_and_test, names_a_test, touched
from dita.spec.flaws import Ask, Layer

FOLDER: Final = "conformance/audit"
ROWS: Final = "evidence.jsonl"
TRACES: Final = "traces.jsonl"
_PLACE: Final = re.compile(r"(?<![\w.:/])/(?:[\w.+@-]+/)+")  # an absolute path, up to its last part
Status = Literal["current", "stale", "missing"]
Key = tuple[str, Layer, str]  # patch, layer, question


class EvidenceError(ValueError):
    """The evidence cannot be read; the message names file and line."""


class Row(NamedTuple):
    """What one layer said of one patch. ``sound``: whether the same question to the sound tree found nothing."""

    patch: str
    layer: Layer
    what: str
    verdict: Verdict
    sound: bool
    seconds: float
    steps: int
    says: str
    story: str
    patch_sha256: str
    files_sha256: str
    asked_sha256: str

    @property
    def key(self) -> Key:
        """What it is about."""
        return self.patch, self.layer, self.what

    @property
    def caught(self) -> bool:
        """Whether the layer noticed the flaw, and only the flaw."""
        return self.verdict == "caught" and self.sound


@dataclass(slots=True)
class Evidence:
    """All rows, by what they are about, and the shortest trace of each patch that has one."""

    rows: dict[Key, Row] = field(default_factory=dict[Key, Row])
    traces: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])


def row_of(defect: Defect, ask: Ask, answer: Answer, *, sound: bool, repository: Path = REPOSITORY) -> Row:
    """The row that an answer makes."""
    return Row(
        defect.name, ask.layer, ask.what, answer.verdict, sound, round(answer.seconds, 3), answer.steps,
        without_places(answer.says),
        answer.story, patch_hash(defect), files_hash(defect, repository), asked_hash(ask, repository),
    )  # fmt: skip


def without_places(text: str) -> str:
    """What was said, without the folders of the machine on which it was."""
    return _PLACE.sub("…/", text)


def status_of(row: Row | None, defect: Defect, ask: Ask, repository: Path = REPOSITORY) -> Status:
    """Whether a row still speaks of the present sources."""
    if row is None:
        return "missing"
    now = (patch_hash(defect), files_hash(defect, repository), asked_hash(ask, repository))
    return "current" if now == (row.patch_sha256, row.files_sha256, row.asked_sha256) else "stale"


# --- hashes ----------------------------------------------------------------------------------------------------------


def patch_hash(defect: Defect) -> str:
    """Of the patch's text."""
    return _short(defect.path.read_text(encoding="utf-8"))


def files_hash(defect: Defect, repository: Path = REPOSITORY) -> str:
    """Of what the files say that the patch touches, before it is applied."""
    return _short("\0".join(f"{name}\0{_plain(repository / name)}" for name in touched(defect)))


def asked_hash(ask: Ask, repository: Path = REPOSITORY) -> str:
    """Of the question; of a named test, of its source."""
    told = f"{ask.layer}\0{ask.what}\0{ask.says}"
    if names_a_test(ask):
        file, name = file_and_test(ask)
        told += f"\0{test_source(repository / 'tests' / file, name)}"
    return _short(told)


@cache
def test_source(path: Path, name: str) -> str:
    """The syntax tree of a test, decorators included; empty when it is not there."""
    if not path.is_file():
        return ""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return ast.dump(without_docstrings(ast.Module([node], [])))
    return ""


@cache
def _plain(path: Path) -> str:
    """A file without what decides nothing."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if path.suffix == ".py":
        return ast.dump(without_docstrings(ast.parse(text)))
    if path.suffix == ".rs":
        code = text.split("#[cfg(test)]\nmod tests", maxsplit=1)[0]
        return re.sub(r"\s+", " ", re.sub(r"//[^\n]*", "", code))
    return text


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


# --- the files -------------------------------------------------------------------------------------------------------


def read_evidence(repository: Path = REPOSITORY) -> Evidence:
    """What is kept; nothing where nothing is. Raises EvidenceError."""
    evidence = Evidence()
    for number, line in _lines(repository / FOLDER / ROWS):
        row = _read(ROWS, number, line)
        try:
            made = Row(**row)
        except TypeError as problem:
            raise EvidenceError(f"{ROWS}:{number}: {problem}; remove the line and run `dita audit`") from problem
        evidence.rows[made.key] = made
    for number, line in _lines(repository / FOLDER / TRACES):
        trace = _read(TRACES, number, line)
        evidence.traces[trace["patch"]] = trace
    return evidence


def write_evidence(evidence: Evidence, repository: Path = REPOSITORY) -> None:
    """Write everything, in order. Raises OSError."""
    folder = repository / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    rows = [json.dumps(evidence.rows[key]._asdict()) for key in sorted(evidence.rows)]
    traces = [json.dumps(evidence.traces[name]) for name in sorted(evidence.traces)]
    for name, lines in ((ROWS, rows), (TRACES, traces)):
        unfinished = folder / f"{name}.partial"
        unfinished.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        unfinished.replace(folder / name)


def _lines(path: Path) -> list[tuple[int, str]]:
    return list(enumerate(path.read_text(encoding="utf-8").splitlines(), 1)) if path.is_file() else []


def _read(name: str, number: int, line: str) -> dict[str, Any]:
    try:
        found: Mapping[str, Any] = json.loads(line)
    except ValueError as problem:
        raise EvidenceError(f"{name}:{number}: no JSON: {problem}; remove the line and run `dita audit`") from problem
    return dict(found)
