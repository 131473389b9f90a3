"""What the lint looks for: a check for each kind of syntax node, giving line, rule and what was found.

``Place`` tells a check where its node stands; ``CHECKS`` says which node kind is checked by what.
"""

import ast
import builtins
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from dita.conformance.prove import lint_rules as rules
from dita.conformance.prove.lint_rules import Rule

FOUND_MAX: Final = 60  # characters of the source that a violation quotes

Flaw = tuple[int, Rule, str]


class Place(NamedTuple):
    """Where a node stands: ``fresh`` are containers that the function itself made, ``types`` its arguments' types."""

    function: str = ""
    fresh: frozenset[str] = frozenset()
    types: Mapping[str, str | None] = MappingProxyType({})
    sentinels: frozenset[str] = frozenset()
    own_texts: frozenset[str] = frozenset()  # functions of this module that are not looked into
    all_texts: frozenset[str] = frozenset()  # functions that nobody here may call


def makes_container(value: ast.expr | None) -> bool:
    """Whether an expression makes a list, dict or set on the spot."""
    if isinstance(value, ast.Call):
        return (plain_name(value.func) or plain_name(getattr(value.func, "value", None))) in {"list", "dict", "set"}
    return isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


def targets_of(node: ast.Assign | ast.AnnAssign) -> list[str]:
    """The names that are bound; `a` is not bound by `a.b = 1` or `a[0] = 1`."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [part.id for target in targets for part in parts_of(target) if isinstance(part, ast.Name)]


def parts_of(target: ast.expr) -> Iterator[ast.expr]:
    """The single targets in a target, out of their tuples and lists."""
    if isinstance(target, ast.Tuple | ast.List):
        for part in target.elts:
            yield from parts_of(part)
    else:
        yield target.value if isinstance(target, ast.Starred) else target


def plain_name(node: ast.AST | None) -> str | None:
    """The name, if the node is nothing but a name."""
    return node.id if isinstance(node, ast.Name) else None


def last_name(node: ast.AST | None) -> str | None:
    """`Enum` of both `Enum` and `enum.Enum`."""
    return node.attr if isinstance(node, ast.Attribute) else plain_name(node)


def _root(node: ast.AST) -> str | None:
    """`a` of `a.b[c].d`."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return plain_name(node)


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= FOUND_MAX else text[: FOUND_MAX - 1] + "…"


# --- expressions ----------------------------------------------------------------------------------------------------


def _compare(node: ast.Compare, place: Place) -> Iterator[Flaw]:
    sides = [node.left, *node.comparators]
    for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
        if isinstance(operator, ast.Is | ast.IsNot) and not _is_same_object_meant(left, right, place):
            yield node.lineno, rules.IDENTITY, _text(node)
        if (
            isinstance(operator, ast.In | ast.NotIn)
            and isinstance(right, ast.Call)
            and plain_name(right.func) == "range"
        ):
            yield node.lineno, rules.RANGE, _text(node)


def _is_same_object_meant(left: ast.expr, right: ast.expr, place: Place) -> bool:
    for side in (left, right):
        if (isinstance(side, ast.Constant) and side.value is None) or plain_name(side) in place.sentinels:
            return True
    if isinstance(left, ast.Attribute) and isinstance(right, ast.Attribute):
        return left.attr == right.attr and _holds_record(left, place) and _holds_record(right, place)
    return all(place.types.get(plain_name(side) or "") in rules.RECORDS for side in (left, right))


def _holds_record(node: ast.Attribute, place: Place) -> bool:
    return node.attr in rules.HOLDERS.get(place.types.get(plain_name(node.value) or "") or "", ())


def _call(node: ast.Call, place: Place) -> Iterator[Flaw]:
    name = plain_name(node.func)
    if name is not None:
        if name in rules.CALLS and (name != "iter" or len(node.args) > 1):
            yield node.lineno, rules.CALLS[name], _text(node)
        if name == place.function:
            yield node.lineno, rules.LOOP, _text(node)
        if name in ("min", "max") and any(keyword.arg == "key" for keyword in node.keywords):
            yield node.lineno, rules.SORTING, _text(node)
        if name in place.all_texts:
            yield node.lineno, rules.FOR_PEOPLE, _text(node)
    if isinstance(node.func, ast.Attribute):
        method = node.func.attr
        if method in rules.METHODS:
            yield node.lineno, rules.METHODS[method], _text(node)
        if method in rules.MUTATORS and _root(node.func) not in place.fresh:
            yield node.lineno, rules.MUTATION, _text(node)


def _attribute(node: ast.Attribute, place: Place) -> Iterator[Flaw]:
    if node.attr in rules.ATTRIBUTES:
        yield node.lineno, rules.ATTRIBUTES[node.attr], _text(node)
    if node.attr in place.all_texts:
        yield node.lineno, rules.FOR_PEOPLE, _text(node)


def _constant(node: ast.Constant, place: Place) -> Iterator[Flaw]:
    del place
    if isinstance(node.value, float | complex):
        yield node.lineno, rules.FLOAT, _text(node)


_BITS: Final = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift)


def _operator(node: ast.BinOp | ast.AugAssign, place: Place) -> Iterator[Flaw]:
    left, right = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
    if isinstance(node.op, ast.Div):
        yield node.lineno, rules.FLOAT, _text(node)
    elif isinstance(node.op, ast.Mod) and isinstance(left, ast.Constant | ast.JoinedStr) and _is_text(left):
        yield node.lineno, rules.FORMATTING, _text(node)
    elif isinstance(left, ast.Constant) and isinstance(right, ast.Constant):
        return
    elif isinstance(node.op, _BITS):
        yield node.lineno, rules.BITWISE, _text(node)
    elif isinstance(node.op, ast.Pow):
        yield node.lineno, rules.POWER, _text(node)
    if isinstance(node, ast.AugAssign):
        grows = isinstance(node.value, ast.List | ast.ListComp) and plain_name(node.target) not in place.fresh
        if grows or (not isinstance(node.target, ast.Name) and _root(node.target) not in place.fresh):
            yield node.lineno, rules.MUTATION, _text(node)


def _is_text(node: ast.Constant | ast.JoinedStr) -> bool:
    return isinstance(node, ast.JoinedStr) or isinstance(node.value, str | bytes)


def _invert(node: ast.UnaryOp, place: Place) -> Iterator[Flaw]:
    del place
    if isinstance(node.op, ast.Invert):
        yield node.lineno, rules.BITWISE, _text(node)


def _f_string(node: ast.JoinedStr, place: Place) -> Iterator[Flaw]:
    del place
    if any(isinstance(part, ast.FormattedValue) for part in node.values):
        yield node.lineno, rules.FORMATTING, _text(node)


def _hashed(node: ast.Dict | ast.Set | ast.DictComp | ast.SetComp, place: Place) -> Iterator[Flaw]:
    del place
    if not isinstance(node, ast.Dict) or not all(isinstance(key, ast.Constant | None) for key in node.keys):
        yield node.lineno, rules.HASH, _text(node)


def _lambda(node: ast.Lambda, place: Place) -> Iterator[Flaw]:
    del place
    yield node.lineno, rules.LAMBDA, _text(node)


# --- statements -----------------------------------------------------------------------------------------------------


def _assignment(node: ast.Assign | ast.AnnAssign | ast.Delete, place: Place) -> Iterator[Flaw]:
    """A constructor may set its own attributes (the one exception class of the reference)."""
    targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
    for target in (part for whole in targets for part in parts_of(whole)):
        if isinstance(target, ast.Attribute | ast.Subscript) and _root(target) not in place.fresh:
            own = (
                isinstance(target, ast.Attribute)
                and plain_name(target.value) == "self"
                and place.function == "__init__"
            )
            if not own:
                yield node.lineno, rules.MUTATION, _text(node)


def _outer_name(node: ast.Global | ast.Nonlocal, place: Place) -> Iterator[Flaw]:
    del place
    yield node.lineno, rules.MUTATION, _text(node)


def _try(node: ast.Try | ast.TryStar, place: Place) -> Iterator[Flaw]:
    del place
    if node.finalbody:
        yield node.finalbody[0].lineno, rules.FINALLY, "finally"


def _with(node: ast.With | ast.AsyncWith, place: Place) -> Iterator[Flaw]:
    del place
    yield node.lineno, rules.FINALLY, "with " + ", ".join(_text(item) for item in node.items)


def _handler(node: ast.ExceptHandler, place: Place) -> Iterator[Flaw]:
    """Exceptions of ours are named after what happened; those of the language may come from the executor."""
    del place
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    for kind in caught:
        name = last_name(kind)
        if name is None or (hasattr(builtins, name) and name != "ZeroDivisionError"):
            yield node.lineno, rules.BROAD_EXCEPT, "except" if kind is None else f"except {_text(kind)}"


def _assert(node: ast.Assert, place: Place) -> Iterator[Flaw]:
    del place
    yield node.lineno, rules.ASSERT, _text(node)


def _debug(node: ast.Name, place: Place) -> Iterator[Flaw]:
    del place
    if node.id == "__debug__":
        yield node.lineno, rules.ASSERT, node.id


def _while(node: ast.While, place: Place) -> Iterator[Flaw]:
    del place
    yield node.lineno, rules.LOOP, f"while {_text(node.test)}"


def _class_pattern(node: ast.MatchClass, place: Place) -> Iterator[Flaw]:
    del place
    yield node.cls.lineno, rules.TYPE_TEST, f"case {_text(node)}"


def _singleton_pattern(node: ast.MatchSingleton, place: Place) -> Iterator[Flaw]:
    del place
    if node.value is not None:
        yield node.lineno, rules.IDENTITY, f"case {_text(node)}"


def _mapping_pattern(node: ast.MatchMapping, place: Place) -> Iterator[Flaw]:
    del place
    yield node.lineno, rules.HASH, f"case {_text(node)}"


# --- definitions ----------------------------------------------------------------------------------------------------


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, place: Place) -> Iterator[Flaw]:
    del place
    for decorator in node.decorator_list:
        if last_name(decorator) not in rules.DECORATORS:
            yield decorator.lineno, rules.DECORATOR, f"@{_text(decorator)}"
    for default in (*node.args.defaults, *node.args.kw_defaults):
        if default is not None and makes_container(default):
            yield default.lineno, rules.MUTABLE_DEFAULT, _text(default)


def _class(node: ast.ClassDef, place: Place) -> Iterator[Flaw]:
    del place
    for base in node.bases:
        if last_name(base) in rules.PLAIN_ENUMS:
            yield node.lineno, rules.PLAIN_ENUM, f"class {node.name}({_text(base)})"
    for decorator in node.decorator_list:
        if last_name(decorator) not in rules.DECORATORS | rules.FROM_ENUM:
            yield decorator.lineno, rules.DECORATOR, f"@{_text(decorator)}"


def _import(node: ast.Import, place: Place) -> Iterator[Flaw]:
    del place
    for alias in node.names:
        if not _is_known(alias.name):
            yield node.lineno, rules.IMPORT, f"import {alias.name}"


def _import_from(node: ast.ImportFrom, place: Place) -> Iterator[Flaw]:
    del place
    module = node.module or ""
    for alias in node.names:
        known = alias.name in rules.FROM_ENUM if module == "enum" else _is_known(module, alias.name)
        if not known or alias.name == "*":
            yield node.lineno, rules.IMPORT, f"from {module} import {alias.name}"


def _is_known(module: str, name: str = "") -> bool:
    """`from dita import spec` and `import dita.spec.state` are, whatever is imported from there."""
    paths = (module, f"{module}.{name}")
    return any(path == known or path.startswith(f"{known}.") for path in paths for known in rules.MODULES)


CHECKS: Final[Mapping[type[ast.AST], Callable[[Any, Place], Iterator[Flaw]]]] = {
    ast.AnnAssign: _assignment,
    ast.Assert: _assert,
    ast.Assign: _assignment,
    ast.AsyncFunctionDef: _function,
    ast.AsyncWith: _with,
    ast.Attribute: _attribute,
    ast.AugAssign: _operator,
    ast.BinOp: _operator,
    ast.Call: _call,
    ast.ClassDef: _class,
    ast.Compare: _compare,
    ast.Constant: _constant,
    ast.Delete: _assignment,
    ast.Dict: _hashed,
    ast.DictComp: _hashed,
    ast.ExceptHandler: _handler,
    ast.FunctionDef: _function,
    ast.Global: _outer_name,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.JoinedStr: _f_string,
    ast.Lambda: _lambda,
    ast.MatchClass: _class_pattern,
    ast.MatchMapping: _mapping_pattern,
    ast.MatchSingleton: _singleton_pattern,
    ast.Name: _debug,
    ast.Nonlocal: _outer_name,
    ast.Set: _hashed,
    ast.SetComp: _hashed,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.UnaryOp: _invert,
    ast.While: _while,
    ast.With: _with,
}
