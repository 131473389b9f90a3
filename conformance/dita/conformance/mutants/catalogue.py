"""Every mutant there is, by family; and those of them whose function changed since a commit."""

import io
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from dita.conformance.defects import REPOSITORY, Defect, defects
from dita.conformance.mutants.edits import FAMILIES, Family, Mutant, mutants_of
from dita.conformance.mutants.kernel_list import STEP_CODE, kernel_edits
from dita.conformance.mutants.operators import edits_of
from dita.conformance.mutants.predicate_trial import Tables, predicate_paths
from dita.conformance.mutants.reference_trial import Reach, reference_paths
from dita.conformance.mutants.sources import own_of

Catalogue = dict[Family, list[Mutant]]

_CHANGED: Final = re.compile(r"^\+\+\+ b/(\S+)", re.MULTILINE)
_SIDES: Final = ("kernel_rs/src/", "reference_py/dita/reference/")


class UnknownRevision(Exception):
    """There is no such commit; the message is git's."""


def catalogue(repository: Path = REPOSITORY) -> Catalogue:
    """All mutants in order, of functions that a step may run or that have a part in a predicate.

    Raises ListStale, PatchRefused, SyntaxError.
    """
    tables, reach = Tables(repository), Reach(repository)
    steps = [edit for path in reference_paths() for edit in edits_of(path, (repository / path).read_bytes())]
    predicates = [edit for path in predicate_paths() for edit in edits_of(path, (repository / path).read_bytes())]
    return {
        "kernel": mutants_of("kernel", kernel_edits(repository)),
        "reference": mutants_of("reference", [edit for edit in steps if reach.kinds(edit.function)]),
        "predicate": mutants_of("predicate", [edit for edit in predicates if tables.touched(edit.function)]),
        "hand": by_hand(repository),
    }


def by_hand(repository: Path = REPOSITORY) -> list[Mutant]:
    """The mutants that are patches. Raises PatchRefused."""
    return [made for defect in defects(repository / "conformance" / "defects") if (made := _by_hand(defect))]


def _by_hand(defect: Defect) -> Mutant | None:
    """The mutant that a patch is, if all that it changes is step code of one side."""
    paths = tuple(sorted(set(_CHANGED.findall(defect.path.read_text(encoding="utf-8")))))
    for side in _SIDES:
        if paths and all(path.startswith(side) for path in paths):
            modules = {Path(path).stem for path in paths}
            return Mutant(defect.name, "hand", paths, None, defect) if modules <= set(STEP_CODE) else None
    return None


def changed_since(revision: str, mutants: Catalogue, repository: Path = REPOSITORY) -> Catalogue:
    """The mutants whose function, or patch, is not what it was in the revision. Raises UnknownRevision."""
    with tempfile.TemporaryDirectory(prefix="dita-revision-") as scratch:
        old = Path(scratch)
        asked = ["git", "archive", "--format=tar", revision, "kernel_rs", "reference_py", "spec", "conformance/defects"]
        archived = subprocess.run(asked, cwd=repository, capture_output=True, check=False)
        if archived.returncode != 0:
            raise UnknownRevision(f"--since: `{revision}`: {archived.stderr.decode().strip()}")
        with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as tar:
            tar.extractall(old, filter="data")
        return {family: [item for item in mutants[family] if _is_new(item, old, repository)] for family in FAMILIES}


def _is_new(mutant: Mutant, old: Path, repository: Path) -> bool:
    if mutant.patch is not None:
        before = old / "conformance" / "defects" / mutant.patch.path.name
        return not before.is_file() or before.read_bytes() != mutant.patch.path.read_bytes()
    return own_of(mutant, old) != own_of(mutant, repository)
