"""What a proof depends on: the modules that it imports, however far away, by what their code says.

Comments, docstrings and layout decide nothing, so they are no part of a module's digest; a module that no part of the
proof imports is no part of the answer at all.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from dita.spec.canonical import sha256_hex

_OURS: Final = re.compile(r"dita(\.\w+)+")
Sources = Callable[[str], str | None]


def source_of(module: str) -> str | None:
    """A module's text; None if there is no such module, or it has no file of its own."""
    try:
        found = find_spec(module)
    except ModuleNotFoundError:
        return None
    if found is None or found.origin is None or not found.has_location:
        return None
    return Path(found.origin).read_text(encoding="utf-8")


def digests(starts: Sequence[str], sources: Sources = source_of) -> dict[str, str]:
    """Of each module of ours that these import, and of these, a digest of its code. Raises SyntaxError."""
    found: dict[str, str] = {}
    met, stack = set[str](), list(starts)
    while stack:
        module = stack.pop()
        if module in met:
            continue
        met.add(module)
        text = sources(module)
        if text is not None:
            tree = without_docstrings(ast.parse(text))
            found[module] = sha256_hex(ast.dump(tree).encode())
            stack += named_in(tree)
    return dict(sorted(found.items()))


def named_in(tree: ast.AST) -> Iterator[str]:
    """Every module of ours that a module may import: what a name is imported from, the name itself, and the packages.

    Also a text that reads like the name of one: that is how modules are named where they are looked up.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = [node.value]
        else:
            continue
        for name in names:
            if _OURS.fullmatch(name):
                parts = name.split(".")
                yield from (".".join(parts[:length]) for length in range(2, len(parts) + 1))


def without_docstrings(tree: ast.Module) -> ast.Module:
    """The tree without the texts that only people read."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            node.body = [line for line in node.body if not _is_text(line)]
    return tree


def _is_text(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)
