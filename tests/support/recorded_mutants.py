"""What is recorded of mutants, and copies of the sources to change it in, for the tests of the campaign over them."""

import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from dita.conformance.mutants.catalogue import Catalogue, catalogue
from dita.conformance.mutants.edits import FAMILIES, Family, Mutant
from dita.conformance.mutants.records import Evidence, Record, read_evidence

SOURCES: Final = ("kernel_rs", "reference_py", "spec", "conformance/defects", "conformance/mutants")


@cache
def every_mutant(repository: Path) -> Catalogue:
    """All mutants, listed once in a process."""
    return catalogue(repository)


@cache
def kept_evidence(repository: Path) -> Evidence:
    """What is recorded, read once in a process: a test that changes it reads its own."""
    return read_evidence(repository)


def copied_sources(repository: Path, folder: Path, roots: Iterable[str] = SOURCES) -> Path:
    """Copy the sources and the evidence into a folder, to be changed there; gives the folder."""
    ignored = shutil.ignore_patterns("target", "__pycache__", "kernel.image", "vectors")
    for root in roots:
        shutil.copytree(repository / root, folder / root, ignore=ignored)
    return folder


def recorded(
    every: Catalogue, evidence: Evidence, *verdicts: str, families: Iterable[Family] = FAMILIES
) -> list[tuple[Mutant, Record]]:
    """The mutants with one of these verdicts, and their records."""
    found = [(mutant, evidence.records[family].get(mutant.id)) for family in families for mutant in every[family]]
    return [(mutant, record) for mutant, record in found if record is not None and record.verdict in verdicts]
