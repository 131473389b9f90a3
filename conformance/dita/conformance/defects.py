"""Defects put back on purpose: a patch file, applied to a scratch copy of the tree, built and run there.

The product knows nothing of them, so a release cannot contain one. A patch that no longer applies is an error, never a
skipped check. The first lines of a patch file, up to the first ``diff`` or ``---`` line, say in words what it breaks.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOTS: Final = ("spec", "reference_py", "kernel_rs", "conformance", "adapters", "runtime")
REPOSITORY: Final = Path(__file__).resolve().parents[3]
DEFECTS: Final = REPOSITORY / "conformance" / "defects"
_LEFT_OUT: Final = shutil.ignore_patterns("target", "__pycache__", "kernel.image", "*.partial")


class PatchRefused(Exception):
    """The patch does not apply to this tree, or the patched tree does not build; the message is the tool's."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One patch file. ``kernel`` tells whether it changes the Rust side (and so must be built)."""

    name: str
    path: Path
    says: str
    kernel: bool


def defects(folder: Path = DEFECTS) -> tuple[Defect, ...]:
    """All defects of a folder, by name. Raises PatchRefused when there is none: an empty list proves nothing."""
    found = tuple(_read(path) for path in sorted(folder.glob("*.patch")))
    if not found:
        raise PatchRefused(f"`{folder}` holds no patch; it must not be empty")
    return found


def _read(path: Path) -> Defect:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    start = next((n for n, line in enumerate(lines) if line.startswith(("diff ", "--- "))), None)
    if start is None or start == 0:
        raise PatchRefused(f"`{path.name}`: a patch file begins with a sentence on what it breaks, then the diff")
    return Defect(path.stem, path, " ".join(lines[:start]).strip(), "kernel_rs/" in text)


@contextmanager
def planted(defect: Defect | None, repository: Path = REPOSITORY, roots: Sequence[str] = ROOTS) -> Generator[Path]:
    """A scratch copy of the tree's roots with the defect in it (or unchanged, for None). Raises PatchRefused.

    With fewer ``roots`` the others are those that are installed.
    """
    with tempfile.TemporaryDirectory(prefix="dita-defect-") as scratch:
        tree = Path(scratch)
        for root in roots:
            if (repository / root).is_dir():
                shutil.copytree(repository / root, tree / root, ignore=_LEFT_OUT)
        if defect is not None:
            _apply(defect, tree)
        yield tree


def require_applicable(defect: Defect, tree: Path) -> None:
    """Raise PatchRefused unless the patch applies to the tree, which stays as it is."""
    _apply(defect, tree, "--check")


def plant(defect: Defect, tree: Path) -> None:
    """Put the defect into a scratch tree that somebody else has made. Raises PatchRefused."""
    _apply(defect, tree)


def _apply(defect: Defect, tree: Path, *options: str) -> None:
    command = ["git", "apply", "--whitespace=nowarn", *options, str(defect.path.resolve())]
    # a folder inside a repository would be patched as a part of that one; the ceiling keeps git from looking up
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(tree.parent)}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PatchRefused(f"`{defect.name}` no longer applies; renew the patch:\n{done.stderr.strip()}")


def build_image(tree: Path) -> Path:
    """Build the kernel image of a scratch tree, and give its path. Raises PatchRefused with the builder's message."""
    command = [sys.executable, str(tree / "kernel_rs" / "build_kernel.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PatchRefused(f"the patched kernel does not build:\n{done.stderr.strip()}")
    return tree / "kernel_rs" / "dita" / "kernel" / "kernel.image"


def run_python(tree: Path, arguments: Sequence[str], *, seconds: int) -> subprocess.CompletedProcess[str]:
    """Run Python with the scratch tree's packages in place of the installed ones. Raises subprocess.TimeoutExpired."""
    path = os.pathsep.join(str(tree / root) for root in ROOTS)
    environment = os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=seconds
    )
