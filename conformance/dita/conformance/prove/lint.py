"""The lint of everything that is executed symbolically: the reference, the predicates, and the records of ``spec``.

``lint_product`` gives what it refuses, with file and line, the rule, what was found and what to write instead; the
rules and their reasons are in ``dita.conformance.prove.lint_rules``. A function that only makes texts for people is
exempt by name (``TEXTS``); whoever calls it is not. ``__str__`` and ``__repr__`` are not looked into, because whoever
asks for a text is refused.
"""

import ast
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from dita.conformance.prove.lint_checks import CHECKS, Flaw, Place, last_name, makes_container, plain_name, targets_of

# The executor runs the code of these, and of whatever modules of ``dita.spec`` they import.
ROOTS: Final = ("dita.reference", "dita.spec.invariants", "dita.spec.properties")
# Only this record of a module is used by what is executed; its functions build inputs from outside.
RECORDS_ONLY: Final[Mapping[str, frozenset[str]]] = {"dita.spec.inputs": frozenset({"Input"})}
# Functions that make texts for people, by module: never executed symbolically, and never called by what is.
TEXTS: Final[Mapping[str, frozenset[str]]] = {
    "invariants.py": frozenset({"broken", "broken_where"}),
    "outcome.py": frozenset({"transitions"}),
}


class Violation(NamedTuple):
    """One construct that is refused."""

    file: str
    line: int
    rule: str
    found: str
    why: str
    instead: str

    def __str__(self) -> str:
        """One line for people: the place, the rule, what is there, why not, what to write."""
        return f"{self.file}:{self.line}: {self.rule}: `{self.found}`: {self.why}; {self.instead}"


class NothingToLint(Exception):
    """A file, a folder or an exemption that the lint was to look at is not there."""


def lint(source: str, file: str, texts: frozenset[str] = frozenset()) -> list[Violation]:
    """Every refused construct of one module, by line. ``texts`` are its functions that make texts for people.

    Raises SyntaxError for text that is not Python, NothingToLint for a name in ``texts`` that no function has.
    """
    tree = ast.parse(source, file)
    missing = texts - {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    if missing:
        raise NothingToLint(f"`{file}` has no function `{min(missing)}`; remove it from TEXTS")
    everybody = texts.union(*TEXTS.values())
    flaws = set(_walk(tree, Place(sentinels=_sentinels(tree), own_texts=texts, all_texts=everybody)))
    return [
        Violation(file, line, rule.id, found, rule.why, rule.instead)
        for line, rule, found in sorted(flaws, key=lambda flaw: (flaw[0], flaw[1].id, flaw[2]))
    ]


def lint_files(files: Mapping[str, Path], texts: Mapping[str, frozenset[str]]) -> list[Violation]:
    """Every refused construct of these files (shown name to path). Raises NothingToLint when there are none."""
    if not files:
        raise NothingToLint("no Python files to lint; name the package whose code is executed")
    return [
        violation
        for shown, path in files.items()
        for violation in lint(path.read_text(encoding="utf-8"), shown, texts.get(path.name, frozenset()))
    ]


def executed_files() -> dict[str, Path]:
    """The executed files by the name they are shown by. Raises NothingToLint for a module that is not installed."""
    found: dict[str, Path] = {}
    waiting: list[str] = [*ROOTS]
    while waiting:
        for shown, path in _files_of(waiting.pop()).items():
            if shown not in found:
                found[shown] = path
                waiting.extend(_spec_modules_in(ast.parse(path.read_text(encoding="utf-8"), shown)))
    return dict(sorted(found.items()))


def _files_of(module: str) -> dict[str, Path]:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise NothingToLint(f"`{module}` is not installed; install the packages of this tree")
    name, origin = module.replace(".", "/"), Path(spec.origin)
    if origin.name != "__init__.py":
        return {f"{name}.py": origin}
    return {f"{name}/{path.relative_to(origin.parent)}": path for path in sorted(origin.parent.rglob("*.py"))}


def _spec_modules_in(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("dita.spec."))
        elif isinstance(node, ast.ImportFrom) and node.module == "dita.spec":
            yield from (f"dita.spec.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dita.spec."):
            module = node.module or ""
            if not {alias.name for alias in node.names} <= RECORDS_ONLY.get(module, frozenset()):
                yield module


def lint_product() -> list[Violation]:
    """Every refused construct of the code that the executor runs; empty when all is well. Raises NothingToLint."""
    return lint_files(executed_files(), TEXTS)


# --- walking --------------------------------------------------------------------------------------------------------


def _walk(node: ast.AST, place: Place) -> Iterator[Flaw]:
    check = CHECKS.get(type(node))
    if check is not None:
        for line, rule, found in check(node, place):
            if place.function or rule.everywhere:
                yield line, rule, found
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from _walk_function(node, place)
        return
    for child in ast.iter_child_nodes(node):
        if not _is_annotation(node, child):
            yield from _walk(child, place)


def _walk_function(node: ast.FunctionDef | ast.AsyncFunctionDef, place: Place) -> Iterator[Flaw]:
    if node.name in {"__str__", "__repr__"} or node.name in place.own_texts:
        return
    for default in (*node.args.defaults, *node.args.kw_defaults):
        if default is not None:
            yield from _walk(default, place)
    arguments = [argument for argument in ast.walk(node.args) if isinstance(argument, ast.arg)]
    types = {argument.arg: last_name(argument.annotation) for argument in arguments}
    inner = place._replace(function=node.name, fresh=_fresh(node), types=types)
    for statement in node.body:
        yield from _walk(statement, inner)


def _is_annotation(parent: ast.AST, child: ast.AST) -> bool:
    return isinstance(parent, ast.AnnAssign) and child is parent.annotation


def _sentinels(tree: ast.Module) -> frozenset[str]:
    """Module-level names of `object()`: nothing else is the same object, so `is` says what is meant."""
    return frozenset(
        name
        for statement in tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        and isinstance(statement.value, ast.Call)
        and plain_name(statement.value.func) == "object"
        for name in targets_of(statement)
    )


def _fresh(function: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    """Local names that are only ever bound to containers made on the spot."""
    made: set[str] = set()
    other = {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            (made if makes_container(node.value) else other).update(targets_of(node))
        elif isinstance(node, ast.For):
            other.update(name.id for name in ast.walk(node.target) if isinstance(name, ast.Name))
        elif isinstance(node, ast.NamedExpr):
            other.add(node.target.id)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            other.update(node.names)
    return frozenset(made - other)
