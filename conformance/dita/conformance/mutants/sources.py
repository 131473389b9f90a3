"""What a mutant's evidence depends on: hashes of sources in which comments, docstrings and tests do not count.

``own`` is the changed function, ``rest`` everything that a trial of the mutant's side runs. When both are as they were,
the evidence is current. When only the rest has changed, a kill is carried over (it is a kill until a trial says
otherwise) and a proof of equivalence is not.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from dita.conformance.defects import REPOSITORY
from dita.conformance.mutants.edits import Family, Mutant, changed_files
from dita.conformance.mutants.planting import ROOTS

PREDICATES: Final = (
    "slot_invariants", "invariants", "shares", "properties", "answer_properties", "book_properties",
    "order_properties", "laws",
)  # fmt: skip
"""The modules of ``dita.spec`` whose functions say what must hold."""

DEPENDS: Final[Mapping[str, tuple[str, ...]]] = {
    "kernel": ("kernel_rs/src/*.rs", "kernel_rs/Cargo.toml"),
    "reference": ("reference_py/dita/reference/*.py", *(f"spec/dita/spec/{name}.py" for name in PREDICATES)),
    "predicate": tuple(f"spec/dita/spec/{name}.py" for name in PREDICATES),
}
"""Whose sources a trial runs, and with them all of the two packages that they import: a proof that a mutant of the
reference is the same one assumes the invariants. A patch made by hand depends on what the side that it changes does."""

_TESTS: Final = re.compile(r"#\[cfg\(test\)\]\nmod (\w+);\n")


def side_of(mutant: Mutant) -> Family:
    """The family whose trials a mutant goes through."""
    if mutant.family != "hand":
        return mutant.family
    return "kernel" if mutant.is_kernel else "reference"


def own_of(mutant: Mutant, repository: Path = REPOSITORY) -> str:
    """The hash of what is changed: the function as it is, or what the patch makes of its files. Raises PatchRefused."""
    if mutant.edit is not None:
        return _short(f"{_function(repository / mutant.edit.path, mutant.edit.function)}\0{mutant.id}")
    changed = changed_files(mutant, repository)
    return _short("\0".join(_plain(path, text.decode()) for path, text in sorted(changed.items())))


@cache
def rest_of(side: Family, repository: Path = REPOSITORY) -> str:
    """The hash of everything that the side's trials run."""
    found: list[str] = []
    tests = _test_modules(repository)
    run = {path for pattern in DEPENDS[side] for path in repository.glob(pattern)} - tests
    for path in sorted(_with_imported(run, repository)):
        name = path.relative_to(repository).as_posix()
        found += [name, _plain(name, path.read_text(encoding="utf-8"))]
    return _short("\0".join(found))


def _with_imported(paths: Iterable[Path], repository: Path) -> set[Path]:
    """These files, and those of the two Python packages that they import, and so on."""
    found: set[Path] = set()
    todo = list(paths)
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            if path.suffix == ".py":
                todo += _imported(path, repository)
    return found


def _imported(path: Path, repository: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                for package, folder in ROOTS.items():
                    file = repository / folder / f"{name.removeprefix(f'{package}.')}.py"
                    if name.startswith(f"{package}.") and file.is_file():
                        yield file


@cache
def _function(path: Path, function: str) -> str:
    """A function as it stands in a file; empty when it is not there."""
    if not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8")
    return _rust_function(text, function) if path.suffix == ".rs" else _python(text, function)


def _plain(path: str, text: str) -> str:
    return _rust(text) if path.endswith(".rs") else _python(text) if path.endswith(".py") else text


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:10]


@cache
def _parsed(text: str) -> ast.Module:
    """The tree of a module, which is asked for function by function; what ``_python`` takes out of it stays out."""
    return ast.parse(text)


def _python(text: str, function: str = "") -> str:
    """The syntax tree of a module, or of one function of it; empty when it is not there."""
    tree: ast.Module | ast.FunctionDef | ast.ClassDef = _parsed(text)
    for name in filter(None, function.split(".")):
        items = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name]
        if not items:
            return ""
        tree = items[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = None  # the sentence below a constant
    return ast.dump(tree)


def _test_modules(repository: Path) -> set[Path]:
    """The files of the crate that hold nothing but tests."""
    root = repository / "kernel_rs" / "src" / "lib.rs"
    return {root.with_name(f"{name}.rs") for name in _TESTS.findall(root.read_text(encoding="utf-8"))}


def _rust(text: str) -> str:
    """The code up to the tests, without comments and layout."""
    code = _TESTS.sub("", text.split("#[cfg(test)]\nmod tests", maxsplit=1)[0])
    return " ".join(word for line in code.splitlines() for word in line.split("//", maxsplit=1)[0].split())


def _rust_function(text: str, function: str) -> str:
    """The item of this name, up to the brace that stands as far in as it begins; the module where there is none."""
    name = re.escape(function.rsplit(":", maxsplit=1)[-1])
    found = re.search(rf"^( *)(pub |const |unsafe |extern \"C\" )*fn {name}\b.*?^\1}}$", text, re.MULTILINE | re.DOTALL)
    return _rust(found[0]) if function and found else _rust(text)
