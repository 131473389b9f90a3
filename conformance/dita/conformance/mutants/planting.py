"""Mutants of Python code: the changed source in place of a module, for a process that is thrown away afterwards.

Only for a forked child (``children``): every module that could have taken a name from the changed one is read anew.
"""

import ast
import linecache
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from dita.conformance.defects import REPOSITORY

ROOTS: Final = {"dita.reference": "reference_py/dita/reference", "dita.spec": "spec/dita/spec"}


class _Planted(MetaPathFinder, InspectLoader):
    """Finds the changed modules before anything else does."""

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        self._sources = sources

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for a changed module."""
        del path, target
        if fullname not in self._sources:
            return None
        return spec_from_loader(fullname, self, origin=f"<mutant of {fullname}>")

    def get_source(self, fullname: str) -> str:
        """The changed source."""
        return self._sources[fullname].decode()

    def get_code(self, fullname: str) -> Any:
        """The changed code, under a name by which its source can be read again."""
        name, source = f"<mutant of {fullname}>", self.get_source(fullname)
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        return compile(source, name, "exec", dont_inherit=True)


def plant(sources: Mapping[str, bytes], roots: Iterable[str] = ("dita.reference",)) -> None:
    """From now on these modules have these sources, and everything under ``roots`` is imported anew."""
    roots = tuple(roots)
    for name in list(sys.modules):
        if any(name == root or name.startswith(f"{root}.") for root in roots):
            del sys.modules[name]
    sys.meta_path.insert(0, _Planted(sources))


@contextmanager
def planted(sources: Mapping[str, bytes], roots: Iterable[str]) -> Generator[None]:
    """``plant`` for as long as the block lasts; afterwards the sound modules are there again."""
    roots, finders = tuple(roots), list(sys.meta_path)
    sound = {name: module for name, module in sys.modules.items() if name.startswith(roots)}
    try:
        plant(sources, roots)
        yield
    finally:
        sys.meta_path[:] = finders
        for name in [name for name in sys.modules if name.startswith(roots)]:
            del sys.modules[name]
        sys.modules.update(sound)


def module_of(path: str) -> str:
    """The module of a source file in the repository. Raises ValueError for one that is in neither package."""
    for package, folder in ROOTS.items():
        if path.startswith(f"{folder}/"):
            return f"{package}.{Path(path).stem}"
    raise ValueError(f"`{path}` is in none of {', '.join(ROOTS.values())}")


def planted_step(sources: Mapping[str, bytes]) -> Callable[..., Any]:
    """The step of the reference with these sources."""
    roots = (
        ("dita.reference", "dita.spec")
        if any(name.startswith("dita.spec") for name in sources)
        else ("dita.reference",)
    )
    plant(sources, roots)
    step: Callable[..., Any] = import_module("dita.reference").step
    return step


# --- who calls whom -------------------------------------------------------------------------------------------------


def callers(paths: Iterable[str], repository: Path = REPOSITORY) -> dict[str, set[str]]:
    """For each name of a function or constant of these modules, the functions that it may be reached from.

    By name alone and so too many rather than too few: two functions of one name count as one.
    """
    uses: dict[str, set[str]] = {}
    for path in paths:
        for node in ast.parse((repository / path).read_bytes()).body:
            if isinstance(node, ast.FunctionDef):
                for part in ast.walk(node):
                    if isinstance(part, ast.Name):
                        uses.setdefault(part.id, set()).add(node.name)
                    elif isinstance(part, ast.Attribute):
                        uses.setdefault(part.attr, set()).add(node.name)
    return {name: _closure(name, uses) for name in uses}


def _closure(name: str, uses: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    todo = [name]
    while todo:
        for caller in uses.get(todo.pop(), ()):
            if caller not in found:
                found.add(caller)
                todo.append(caller)
    return found


def changed_functions(sources: Mapping[str, bytes], repository: Path = REPOSITORY) -> frozenset[str] | None:
    """The functions of the modules, given by path, that are not what they were; None where more than functions is."""
    found: set[str] = set()
    for path, source in sources.items():
        sound, changed = (_items(text) for text in ((repository / path).read_bytes(), source))
        if sound[""] != changed[""]:
            return None
        found.update(name for name in sound.keys() | changed.keys() if sound.get(name) != changed.get(name))
    return frozenset(found)


def _items(source: bytes) -> dict[str, list[str]]:
    """The functions of a module, by name, and under no name what else it consists of."""
    found: dict[str, list[str]] = {"": []}
    for node in ast.parse(source).body:
        name = node.name if isinstance(node, ast.FunctionDef) else ""
        found.setdefault(name, []).append(ast.dump(node))
    return found
