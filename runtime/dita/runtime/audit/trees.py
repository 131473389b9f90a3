"""Scratch copies of the whole repository, with one flaw put back.

Unlike ``dita.conformance.defects.planted`` the copy has tests, pages and packaging, too, for flaws live there as well.
It is a clone of its own with one commit, since some tests ask for the commit they run under.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dita.conformance.defects import DEFECTS, REPOSITORY, Defect, PatchRefused, build_image, defects, plant
from dita.kernel.image import IMAGE_PATH

ELSEWHERE: Final = "flaws"
"""The folder beside the other patches whose patches only the audit plants; some are of tests, pages or packaging."""
LIBRARY: Final = "kernel_rs/target/release/libdita_kernel.a"
_COMMIT: Final = (
    "git",
    "-c",
    "user.name=audit",
    "-c",
    "user.email=audit@localhost",
    "commit",
    "--quiet",
    "--allow-empty",
)


def patches(folder: Path = DEFECTS) -> dict[str, Defect]:
    """Every patch there is, by name. Raises PatchRefused."""
    found = [*defects(folder), *defects(folder / ELSEWHERE)]
    if len({one.name for one in found}) != len(found):
        raise PatchRefused(f"`{folder}` and `{ELSEWHERE}` in it have a patch of the same name; rename one")
    return {one.name: one for one in found}


@contextmanager
def scratch(defect: Defect | None, repository: Path = REPOSITORY, *, build: bool = True) -> Generator[Path]:
    """A copy of everything that is, or would be, committed, with the defect in it and a kernel image to match.

    Without ``build`` the image is the sound one, whatever the defect changes.
    Raises PatchRefused when the patch does not apply or the patched kernel does not build.
    """
    with tempfile.TemporaryDirectory(prefix="dita-audit-") as folder:
        tree = Path(folder)
        for name in listed(repository):
            if (repository / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(repository / name, tree / name)
        if defect is not None:
            plant(defect, tree)
        if defect is not None and defect.kernel and build:
            build_image(tree)
        else:
            _copy_built(repository, tree)
        _commit(tree)
        yield tree


def _copy_built(repository: Path, tree: Path) -> None:
    """The sound image, and the static library from which it was linked."""
    shutil.copy2(IMAGE_PATH, tree / "kernel_rs" / "dita" / "kernel")
    library = repository / LIBRARY
    if library.is_file():
        (tree / LIBRARY).parent.mkdir(parents=True)
        shutil.copy2(library, tree / LIBRARY)


def listed(repository: Path) -> list[str]:
    """Every file that is, or would be, committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True)
    return sorted(filter(None, done.stdout.split("\0")))


def _commit(tree: Path) -> None:
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for command in (("git", "init", "--quiet"), (*_COMMIT, "--message", "a scratch copy")):
        subprocess.run(command, cwd=tree, env=environment, check=True, capture_output=True)
