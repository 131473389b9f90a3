"""A mutant: one small change of the sources, and a name that outlives changes elsewhere in the file."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

from dita.conformance.defects import REPOSITORY, Defect, PatchRefused

Family = Literal["kernel", "reference", "predicate", "hand"]
FAMILIES: Final[tuple[Family, ...]] = ("kernel", "reference", "predicate", "hand")
"""Step code by cargo-mutants, the reference and the predicates by our own operators, patches made by hand."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Other text in place of some text of one file."""

    path: str  # in the repository
    function: str
    line: int
    column: int  # in bytes, from 1
    start: int  # bytes from the beginning of the file
    end: int
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mutant: an edit, or a patch of ``conformance/defects`` with the files that it changes."""

    id: str
    family: Family
    paths: tuple[str, ...]
    edit: Edit | None
    patch: Defect | None = None

    @property
    def is_kernel(self) -> bool:
        """Whether the kernel is changed, and so must be built."""
        return self.paths[0].startswith("kernel_rs/")

    @property
    def title(self) -> str:
        """Where and what, on one line."""
        if self.edit is None:
            return self.id
        old, new = (" ".join(text.split()) for text in (self.edit.old, self.edit.new))
        where = f"{self.edit.path}:{self.edit.line}:{self.edit.column} in {self.edit.function}"
        return f"{where}: `{_short(old)}` → `{_short(new)}`"


def edit_at(path: str, function: str, source: bytes, start: int, end: int, new: str) -> Edit:
    """Other text in place of these bytes of a source."""
    line, column = source.count(b"\n", 0, start) + 1, start - source.rfind(b"\n", 0, start)
    return Edit(path, function, line, column, start, end, source[start:end].decode(), new)


def _short(text: str, length: int = 48) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def mutants_of(family: Family, edits: Iterable[Edit]) -> list[Mutant]:
    """A mutant for each edit; those that are the same text in the same function are told apart by their order."""
    seen: dict[str, int] = {}
    found: list[Mutant] = []
    for edit in edits:
        what = f"{edit.path}\0{edit.function}\0{edit.old}\0{edit.new}"
        number = seen[what] = seen.get(what, 0) + 1
        name = sha256(f"{what}\0{number}".encode()).hexdigest()[:10]
        found.append(Mutant(name, family, (edit.path,), edit))
    return found


def changed_files(mutant: Mutant, repository: Path = REPOSITORY) -> dict[str, bytes]:
    """The files that the mutant changes, with their changed content. Raises PatchRefused."""
    if mutant.edit is not None:
        edit = mutant.edit
        source = (repository / edit.path).read_bytes()
        if source[edit.start : edit.end] != edit.old.encode():
            raise PatchRefused(
                f"`{mutant.title}`: `{edit.path}` has changed since the mutants were listed; list them anew"
            )
        return {edit.path: source[: edit.start] + edit.new.encode() + source[edit.end :]}
    if mutant.patch is None:
        raise PatchRefused(f"`{mutant.id}` is neither an edit nor a patch")
    return _patched(mutant.patch, mutant.paths, repository)


def _patched(patch: Defect, paths: Iterable[str], repository: Path) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="dita-mutant-") as scratch:
        tree = Path(scratch)
        for path in paths:
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes((repository / path).read_bytes())
        command = ["git", "apply", "--whitespace=nowarn", str(patch.path.resolve())]
        environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(tree.parent)}
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PatchRefused(f"`{patch.name}` no longer applies; renew the patch:\n{done.stderr.strip()}")
        return {path: (tree / path).read_bytes() for path in paths}


def text_of(changed: Mapping[str, bytes]) -> str:
    """A hash of the changed files: what the mutant is, whatever it is called."""
    found = sha256()
    for path, content in sorted(changed.items()):
        found.update(f"{path}\0{len(content)}\0".encode() + content)
    return found.hexdigest()
