"""The mutants of the kernel's step code, as cargo-mutants lists them.

The list is kept in ``conformance/mutants/kernel-list.json`` with the hash of each source file, so that nobody needs the
tool until a source file changes. ``dita mutants --list-anew`` writes it, and says how to install the tool.
"""

import json
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, cast

from dita.conformance.defects import REPOSITORY
from dita.conformance.mutants.edits import Edit, edit_at

STEP_CODE: Final = (
    "step", "focus", "orders", "trades", "books", "control", "ledger", "lifecycle", "arithmetic", "state", "vocabulary",
)  # fmt: skip
"""The modules that a step runs through. The others are the C interface, the handles and the build's identity."""

LIST: Final = "conformance/mutants/kernel-list.json"
TOOL: Final = "cargo-mutants"


class ListStale(Exception):
    """The list of the kernel's mutants is not there, or cannot be made; the message says what to do."""


def kernel_edits(repository: Path = REPOSITORY) -> list[Edit]:
    """The edits of the list, but for source files that have changed since. Raises ListStale without a list."""
    kept, stale = _kept(repository), stale_sources(repository)
    sources = {name: _source(repository, name) for name in STEP_CODE}
    return [_edit(row, sources[row[0]]) for row in kept["mutants"] if row[0] not in stale]


def stale_sources(repository: Path = REPOSITORY) -> list[str]:
    """The modules that have changed since their mutants were listed. Raises ListStale without a list."""
    listed = _kept(repository)["sources"]
    return [name for name in STEP_CODE if listed.get(name) != sha256(_source(repository, name)).hexdigest()]


def _kept(repository: Path) -> dict[str, Any]:
    path = repository / LIST
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise ListStale(f"`{LIST}` cannot be read ({problem}); run `dita mutants --list-anew`") from problem
    return kept


def _source(repository: Path, name: str) -> bytes:
    return (repository / "kernel_rs" / "src" / f"{name}.rs").read_bytes()


def _edit(row: list[Any], source: bytes) -> Edit:
    name, function, line, column, end_line, end_column, new = row
    start, end = _offset(source, line, column), _offset(source, end_line, end_column)
    return edit_at(f"kernel_rs/src/{name}.rs", function, source, start, end, new)


def _offset(source: bytes, line: int, column: int) -> int:
    """Bytes before a place given by line and character, both from 1."""
    lines = source.splitlines(keepends=True)
    return sum(map(len, lines[: line - 1])) + len(lines[line - 1].decode()[: column - 1].encode())


def list_anew(repository: Path = REPOSITORY) -> int:
    """Ask cargo-mutants and write the list; gives its length. Raises ListStale when the tool is missing or fails."""
    if shutil.which(TOOL) is None:
        raise ListStale(f"`{TOOL}` is not installed; run `cargo install {TOOL} --locked` (minutes), then this again")
    asked = ["cargo", "mutants", "--list", "--json", *(f"--file=src/{name}.rs" for name in STEP_CODE)]
    done = subprocess.run(asked, cwd=repository / "kernel_rs", capture_output=True, text=True, check=False)
    named = ["cargo", "mutants", "--version"]
    version = subprocess.run(named, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not done.stdout.strip():
        raise ListStale(f"`{' '.join(asked)}` failed:\n{done.stderr.strip()}")
    listed = cast("list[dict[str, Any]]", json.loads(done.stdout))
    rows = [_row(mutant) for mutant in listed]
    sources = {name: sha256(_source(repository, name)).hexdigest() for name in STEP_CODE}
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    text = f'{{\n "tool": {json.dumps(version.stdout.strip())},\n "sources": {json.dumps(sources, indent=2)},\n'
    path = repository / LIST
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{text} "mutants": [\n{lines}\n ]\n}}\n', encoding="utf-8")
    return len(rows)


def _row(mutant: dict[str, Any]) -> list[Any]:
    name = re.sub(r"^src/|\.rs$", "", mutant["file"])
    start, end = mutant["span"]["start"], mutant["span"]["end"]
    function = mutant["function"]["function_name"] if mutant["function"] else ""
    return [name, function, start["line"], start["column"], end["line"], end["column"], mutant["replacement"]]
