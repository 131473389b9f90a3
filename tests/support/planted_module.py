"""One module of the runtime by itself, as it is or with a defect of ``conformance/defects`` in it, in this process.

Cheaper than a copy of the tree and a Python of its own: the patch is applied to a copy of the one file that it changes,
and the file is loaded under another name.
"""

import importlib.util
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dita.conformance.defects import REPOSITORY, Defect, defects, planted

Module = Any
"""A loaded module: what is in it is looked up by name."""

ROOM = "runtime/dita/runtime"


@dataclass(frozen=True)
class ModuleDefect:
    """A patch of one file of the runtime, such as ``gates/boost.py``."""

    name: str
    file: str
    defect: Defect


def module_defects(named: str, prefix: str = "") -> list[ModuleDefect]:
    """Every patch that is named so, of a file that begins with ``prefix``."""
    found: list[ModuleDefect] = []
    for defect in defects():
        if defect.name.startswith(named):
            (line,) = [line for line in defect.path.read_text().splitlines() if line.startswith("+++ ")]
            found.append(ModuleDefect(defect.name, line.removeprefix(f"+++ b/{ROOM}/"), defect))
    return [defect for defect in found if defect.file.startswith(prefix)]


def gate_defects(prefix: str = "") -> list[ModuleDefect]:
    """Every ``gate-`` patch of a file that begins with ``prefix``."""
    return module_defects("gate-", prefix)


@contextmanager
def planted_module(file: str, defect: ModuleDefect | None = None) -> Generator[Module]:
    """The module of a file, with the defect or without. Raises PatchRefused when the patch no longer applies."""
    with tempfile.TemporaryDirectory() as scratch:
        original = REPOSITORY / ROOM / file
        copy = Path(scratch) / ROOM / file
        copy.parent.mkdir(parents=True)
        copy.write_text(original.read_text())
        with planted(defect.defect if defect else None, Path(scratch)) as tree:
            name = f"planted_{Path(file).stem}"
            spec = importlib.util.spec_from_file_location(name, tree / ROOM / file)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module  # dataclasses look their own module up
            try:
                spec.loader.exec_module(module)
                yield module
            finally:
                del sys.modules[name]
