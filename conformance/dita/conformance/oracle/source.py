"""The source that is compiled: that of ``dita.reference``, under another package's name, with two things said faster.

A member of an enumeration is looked up once a module (``Code.BAD_KIND`` becomes the constant ``Code__BAD_KIND``), since
CPython 3.11 asks the enumeration's metaclass each time; and ``record._replace(field=value)`` becomes
``replaced(record, "field", value)``. Both keep every value, type, order of evaluation and exception.
"""

import ast
from collections.abc import Iterable, Mapping
from enum import EnumType
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from dita.spec import vocabulary

REFERENCE: Final = "dita.reference"
RECORDS: Final = "records"  # the module that is compiled along, beside those of the reference
ENTRY: Final = "step"  # the module whose function of the same name is wanted

_ENUMS: Final = {
    name: frozenset(kind.__members__) for name, kind in vars(vocabulary).items() if isinstance(kind, EnumType)
}


def reference_sources() -> dict[str, str]:
    """The reference's modules as they are installed, by their names in the package, without ``__init__``."""
    paths = sorted(_folder(REFERENCE).glob("*.py"))
    return {path.stem: path.read_text(encoding="utf-8") for path in paths if path.stem != "__init__"}


def compilable(sources: Mapping[str, str], package: str) -> dict[str, str]:
    """All modules of the package that is compiled, by name: these rewritten, and ``records``.

    Raises ValueError when a module takes the name of that one.
    """
    if RECORDS in sources:
        raise ValueError(f"`{REFERENCE}.{RECORDS}` stands where the compiled oracle keeps its own; rename one of them")
    own = Path(__file__).with_name(f"{RECORDS}.py").read_text(encoding="utf-8")
    return {name: rewritten(text, package) for name, text in sources.items()} | {RECORDS: own}


def rewritten(text: str, package: str) -> str:
    """One module of the reference as a module of ``package``."""
    tree = ast.parse(text)
    rewriter = _Rewriter(package)
    body = [rewriter.visit(node) for node in tree.body]
    last_import = max((n for n, node in enumerate(body) if isinstance(node, ast.Import | ast.ImportFrom)), default=0)
    body[last_import + 1 : last_import + 1] = ast.parse("\n".join(_head(rewriter, package))).body
    tree.body = body
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _head(rewriter: "_Rewriter", package: str) -> Iterable[str]:
    """What the rewritten code needs, after the module's own imports."""
    if rewriter.replaces:
        yield f"from {package}.{RECORDS} import replaced"
    if rewriter.members:
        yield "from typing import Final"
    for enum, member in sorted(rewriter.members):
        yield f"{enum}__{member}: Final = {enum}.{member}"


class _Rewriter(ast.NodeTransformer):
    """Renames the package and says the two things faster; what it needs for that is collected on the way."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._imported: set[str] = set()  # enumerations, under their own names
        self.members: set[tuple[str, str]] = set()
        self.replaces = False

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        """``from dita.reference…`` becomes ``from package…``."""
        module = node.module or ""
        if module == REFERENCE or module.startswith(f"{REFERENCE}."):
            node.module = self._package + module[len(REFERENCE) :]
        if module == vocabulary.__name__:
            self._imported |= {item.name for item in node.names if item.asname is None and item.name in _ENUMS}
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """``Code.BAD_KIND`` becomes ``Code__BAD_KIND``."""
        self.generic_visit(node)
        enum = node.value.id if isinstance(node.value, ast.Name) else ""
        if enum not in self._imported or node.attr not in _ENUMS[enum]:
            return node
        self.members.add((enum, node.attr))
        return ast.Name(f"{enum}__{node.attr}", ast.Load())

    def visit_Call(self, node: ast.Call) -> ast.Call:
        """``record._replace(field=value)`` becomes ``replaced(record, "field", value)``."""
        self.generic_visit(node)
        called = node.func
        if not isinstance(called, ast.Attribute) or called.attr != "_replace" or node.args:
            return node
        named = [(word.arg, word.value) for word in node.keywords if word.arg is not None]
        if len(named) != len(node.keywords):  # `**fields`: left as it is
            return node
        self.replaces = True
        changes = [part for name, value in named for part in (ast.Constant(name), value)]
        return ast.Call(ast.Name("replaced", ast.Load()), [called.value, *changes], [])


def _folder(package: str) -> Path:
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"package `{package}` is not installed; install the whole of `dita`")
    return Path(found.submodule_search_locations[0])
