"""Begin the entry of a newly found bug: a table in the catalogue, and what is to be done next."""

from pathlib import Path
from typing import Final

from dita.conformance.defects import REPOSITORY
from dita.runtime.audit.judging import AuditRefused
from dita.spec.flaws import FOLDER, ID, catalogue

CHAPTER: Final = "9-trackers.toml"
_ENTRY: Final = """
[{id}]
title = "What went wrong, in a line"
severity = "high"
room = "runtime"
wrong = "What happened, and what it cost."
must = "What must hold instead."
excluded = "check"
how = "What keeps it out, once it is mended."
{source}open = "Found, not planted yet."
"""
_SOURCE: Final = 'source = "Where it was met, in words."\n'


def scaffold(identity: str, repository: Path = REPOSITORY) -> list[str]:
    """Add an open entry, and say what comes next. Raises AuditRefused, CatalogueError, OSError."""
    if not ID.fullmatch(identity) or not identity:
        raise AuditRefused(f"`{identity}` is no ID; write letters, then a number, such as T99")
    if identity in {flaw.id for flaw in catalogue()}:
        raise AuditRefused(f"`{identity}` is in the catalogue already: `dita audit {identity}` shows it")
    path = repository / FOLDER / CHAPTER
    source = _SOURCE if identity.startswith("T") else ""
    with path.open("a", encoding="utf-8") as file:
        file.write(_ENTRY.format(id=identity, source=source))
    return [
        f"begun in {FOLDER}/{CHAPTER}; it counts as not covered until the rest is done",
        f"1. plant it: conformance/defects/flaws/flaw-{identity}-what-it-does.patch, a sentence, then the diff",
        "2. name in `injections` the patch and who is asked; take out `open`",
        f"3. dita audit {identity} --tier full: red in two layers at least, or a layer is missing a test",
        "4. mend the product if it has the bug, and run it once more",
    ]
