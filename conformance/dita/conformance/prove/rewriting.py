"""Pure functions without hidden branches: ``and``, ``or``, ``not``, chains, ``in`` and ``x if c else y`` become terms.

Python turns the operands of these into truth values one after the other, which would fork at every one of them. The
function's own source is compiled again with calls in their place; what they do on plain values is what Python does, on
symbolic ones they build one term. Operands of a pure function may all be evaluated; one that raises is refused loudly
(``branches``). ``tests/conformance/test_prove_rewriting.py`` holds rewritten and real functions against each other.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable
from functools import cache
from types import CodeType, FunctionType
from typing import Any, Final, cast

import z3

from dita.conformance.prove.proxies import SymBool, SymInt, Unsupported, is_symbolic, parts_of, term_of


def truth_of(value: object) -> z3.BoolRef:
    """The term of a truth value. Raises Unsupported for anything else."""
    if isinstance(value, SymBool):
        return value.term
    if isinstance(value, bool):
        return z3.BoolVal(value)
    raise Unsupported(f"a truth value was expected, not `{type(value).__name__}`")


def all_of(*operands: Callable[[], object]) -> bool | SymBool:
    """``a and b and …`` of truth values."""
    terms: list[z3.BoolRef] = []
    for operand in operands:
        value = operand()
        if value is False:
            return False
        if value is not True:
            terms.append(truth_of(value))
    return SymBool(z3.And(*terms) if len(terms) > 1 else terms[0]) if terms else True


def any_of(*operands: Callable[[], object]) -> bool | SymBool:
    """``a or b or …`` of truth values."""
    terms: list[z3.BoolRef] = []
    for operand in operands:
        value = operand()
        if value is True:
            return True
        if value is not False:
            terms.append(truth_of(value))
    return SymBool(z3.Or(*terms) if len(terms) > 1 else terms[0]) if terms else False


def every(values: Iterable[object]) -> bool | SymBool:
    """``all`` of truth values."""
    return all_of(*[lambda value=value: value for value in values])


def some(values: Iterable[object]) -> bool | SymBool:
    """``any`` of truth values."""
    return any_of(*[lambda value=value: value for value in values])


def negated(value: object) -> bool | SymBool:
    """``not value`` of a truth value."""
    return not value if isinstance(value, bool) else SymBool(z3.Not(truth_of(value)))


def equal(left: object, right: object) -> bool | SymBool:
    """``left == right``, word by word for records."""
    ours, theirs = parts_of(left), parts_of(right)
    if ours is not None and theirs is not None:
        if len(ours) != len(theirs):
            return False
        return all_of(*[lambda a=a, b=b: equal(a, b) for a, b in zip(ours, theirs, strict=True)])
    if not is_symbolic((left, right)):
        return bool(left == right)
    if isinstance(left, (bool, SymBool)) and isinstance(right, (bool, SymBool)):
        return SymBool(truth_of(left) == truth_of(right))
    one, other = term_of(left), term_of(right)
    return True if one.eq(other) else SymBool(one == other)


def among(value: object, options: Iterable[object]) -> bool | SymBool:
    """``value in options`` for a display of options."""
    return any_of(*[lambda option=option: equal(value, option) for option in options])


def either(condition: object, yes: Callable[[], Any], no: Callable[[], Any]) -> Any:
    """``yes if condition else no``."""
    if isinstance(condition, bool):
        return yes() if condition else no()
    return chosen(truth_of(condition), yes(), no())


def chosen(condition: z3.BoolRef, yes: Any, no: Any) -> Any:
    """``yes if condition else no``, word by word."""
    if yes is no:
        return yes
    ours, theirs = parts_of(yes), parts_of(no)
    if ours is not None and theirs is not None:
        items = [chosen(condition, a, b) for a, b in zip(ours, theirs, strict=True)]
        return getattr(type(ours), "_make", tuple)(items)
    if isinstance(yes, (bool, SymBool)) and isinstance(no, (bool, SymBool)):
        return _chosen_truth(condition, yes, no)
    left, right = term_of(yes), term_of(no)
    return yes if left.eq(right) else SymInt(z3.If(condition, left, right))


def _chosen_truth(condition: z3.BoolRef, yes: bool | SymBool, no: bool | SymBool) -> bool | SymBool:
    if isinstance(yes, bool) and isinstance(no, bool) and yes == no:
        return yes
    if no is False:
        return SymBool(condition if yes is True else z3.And(condition, truth_of(yes)))
    if yes is True:
        return SymBool(z3.Or(condition, truth_of(no)))
    return SymBool(z3.If(condition, truth_of(yes), truth_of(no)))


HELP: Final[dict[str, object]] = {
    "__all_of": all_of,
    "__any_of": any_of,
    "__negated": negated,
    "__equal": equal,
    "__among": among,
    "__either": either,
    "all": every,
    "any": some,
}
"""What a module's globals must hold while rewritten functions of it run."""


def rewritten(function: Callable[..., Any], names: dict[str, Any] | None = None) -> Callable[..., Any]:
    """The function compiled with calls in place of what would branch.

    It looks its names up in ``names``, or else in its own module, where ``HELP`` must stand while it runs. Raises
    Unsupported for a function that refers to variables of an enclosing one.
    """
    if not isinstance(function, FunctionType):
        raise Unsupported(f"`{function!r}` is not a plain function")
    if function.__closure__:
        raise Unsupported(f"`{function.__name__}` refers to variables of an enclosing function")
    space: dict[str, Any] = {}
    exec(_compiled(function), function.__globals__ if names is None else names, space)  # noqa: S102 our own source
    return cast("Callable[..., Any]", space[function.__name__])


@cache
def _compiled(function: FunctionType) -> CodeType:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise Unsupported(f"`{function.__name__}` is not a plain function")
    definition.decorator_list = []
    changed = ast.fix_missing_locations(_Rewriter().visit(tree))
    return compile(changed, inspect.getfile(function), "exec", dont_inherit=True)


class _Rewriter(ast.NodeTransformer):
    """Replaces what branches inside an expression."""

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        return _call("__all_of" if isinstance(node.op, ast.And) else "__any_of", [_later(v) for v in node.values])

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return _call("__negated", [node.operand]) if isinstance(node.op, ast.Not) else node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        return _call("__either", [node.test, _later(node.body), _later(node.orelse)])

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        operands = [node.left, *node.comparators]
        pairs = [_compared(operands[n], op, operands[n + 1]) for n, op in enumerate(node.ops)]
        return pairs[0] if len(pairs) == 1 else _call("__all_of", [_later(pair) for pair in pairs])


def _compared(left: ast.expr, operator: ast.cmpop, right: ast.expr) -> ast.expr:
    if isinstance(operator, ast.Eq):
        return _call("__equal", [left, right])
    if isinstance(operator, ast.NotEq):
        return _call("__negated", [_call("__equal", [left, right])])
    if isinstance(operator, ast.In):
        return _call("__among", [left, right])
    if isinstance(operator, ast.NotIn):
        return _call("__negated", [_call("__among", [left, right])])
    return ast.Compare(left, [operator], [right])


def _later(body: ast.expr) -> ast.expr:
    nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    return ast.Lambda(args=nothing, body=body)


def _call(name: str, arguments: list[ast.expr]) -> ast.expr:
    return ast.Call(func=ast.Name(id=name, ctx=ast.Load()), args=arguments, keywords=[])
