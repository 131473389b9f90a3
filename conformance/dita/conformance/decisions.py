"""How often each guard of the reference was true and false: a copy of its source that counts what it decides.

A guard is a condition that the reference asks: the condition of an ``if``, of ``x if c else y``, of ``require``, each
operand of ``and`` and ``or`` by itself, and at every place where they are called the gates ``money`` and
``require_time``, which refuse by themselves. The copy is made of the modules as they are installed, with a call around
each guard; nothing in the reference knows of it. It must answer as the reference does, step for step, or it counts
something else: whoever feeds it compares.
"""

import ast
import importlib
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Final, NamedTuple, cast

from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.state import State

ENTRY: Final = "dita.reference.step"
PACKAGE: Final = "dita.reference"
GATES: Final = frozenset(("money", "require_time"))
_SEEN: Final = "__seen"
_PASSED: Final = "__passed"

Step = Callable[[State, Input], tuple[State, Outcome]]


class Tally(NamedTuple):
    """How often a guard was true and how often false."""

    true: int
    false: int

    @property
    def visits(self) -> int:
        """How often it was asked."""
        return self.true + self.false

    @property
    def rarer_ppm(self) -> int:
        """The rarer answer's share of the visits, parts per million; 0 for a guard that was never asked."""
        return min(self.true, self.false) * 1_000_000 // max(1, self.visits)


class NeverBoth(NamedTuple):
    """A guard that gives one answer only, and the proved obligations or the earlier guard that say so."""

    guard: str
    answer: bool
    because: str


ONE_ANSWER: Final = (
    NeverBoth(
        "lifecycle.closing: money(slot.closed.past_quote + slot.exit.quote)", answer=True,
        because="all exits together are within the bound before (obligation orders-typed), and none is negative",
    ),
    NeverBoth(
        "books.wallet: money(event.amount)", answer=True,
        because="an amount beyond the bound is refused with BAD_VALUE at the beginning of the same function",
    ),
    NeverBoth(
        "trades.enter: money(notional(event.quantity, event.price))", answer=True,
        because="quantity and price are within the contract's, whose largest order fits (obligation terms-fit)",
    ),
    NeverBoth(
        "orders.late: focus.slot.phase == Phase.POSITION_OPEN", answer=True,
        because="asked only when nothing remains: growth of an entry leaves something (obligation exits-within-entry),"
        " and a late exit comes while no order is in flight (obligation shape-exit)",
    ),
)  # fmt: skip
"""The guards that cannot be answered both ways. One that is all the same is a finding."""


class Recorder:
    """The counting copy. ``step`` is the reference's step; ``tallies`` are the counts so far."""

    def __init__(self) -> None:
        self._modules: dict[str, ModuleType] = {}
        self._names: list[str] = []
        self._counts: list[list[int]] = []  # of each guard: true, false
        self.step: Step = cast("Step", self._module(ENTRY).__dict__["step"])

    def tallies(self) -> dict[str, Tally]:
        """The counts of every guard, by name, in the order of the source."""
        return {name: Tally(*counts) for name, counts in zip(self._names, self._counts, strict=True)}

    def clear(self) -> None:
        """All counts back to zero."""
        for counts in self._counts:
            counts[:] = (0, 0)

    def _module(self, name: str) -> ModuleType:
        """The counting copy of a module of the reference, made when it is first asked for."""
        if name not in self._modules:
            original = importlib.import_module(name)
            copy = ModuleType(f"{name} (counting)")
            self._modules[name] = copy
            tree = ast.parse(inspect.getsource(original))
            self._take_imports(tree, copy)
            _Counting(name.rpartition(".")[2], self._guard).visit(tree)
            copy.__dict__.update({_SEEN: self._seen, _PASSED: self._passed})
            exec(compile(ast.fix_missing_locations(tree), f"<{name}>", "exec"), copy.__dict__)  # noqa: S102 our own source
        return self._modules[name]

    def _take_imports(self, tree: ast.Module, copy: ModuleType) -> None:
        """What a copy takes from the reference comes from the copies; the import itself is dropped."""
        kept: list[ast.stmt] = []
        for node in tree.body:
            if not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE)):
                kept.append(node)
                continue
            for alias in node.names:
                whole = node.module == PACKAGE
                home = self._module(f"{PACKAGE}.{alias.name}" if whole else str(node.module))
                copy.__dict__[alias.asname or alias.name] = home if whole else home.__dict__[alias.name]
        tree.body = kept

    def _guard(self, name: str) -> int:
        """The number of a new guard."""
        number = 1 + sum(1 for known in self._names if known == name or known.startswith(f"{name} #"))
        self._names.append(name if number == 1 else f"{name} #{number}")
        self._counts.append([0, 0])
        return len(self._names) - 1

    def _seen(self, guard: int, answer: object) -> object:
        self._counts[guard][0 if answer else 1] += 1
        return answer

    def _passed(self, guard: int, gate: Callable[[int], object], value: int) -> object:
        counts = self._counts[guard]
        counts[1] += 1  # taken back when the gate lets the value through
        result = gate(value)
        counts[1] -= 1
        counts[0] += 1
        return result


class _Counting(ast.NodeTransformer):
    """Puts a call around every guard of a module."""

    def __init__(self, module: str, guard: Callable[[str], int]) -> None:
        self._guard = guard
        self._where = [module]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self._where.append(node.name)
        self.generic_visit(node)
        self._where.pop()
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        node.test = self._asked(node.test)
        node.body = [cast("ast.stmt", self.visit(line)) for line in node.body]
        node.orelse = [cast("ast.stmt", self.visit(line)) for line in node.orelse]
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        node.test = self._asked(node.test)
        node.body, node.orelse = self._visited(node.body), self._visited(node.orelse)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        return self._asked(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "require":
            node.args = [self._asked(node.args[0]), *map(self._visited, node.args[1:])]
            return node
        text = ast.unparse(node)
        self.generic_visit(node)
        return self._counted(_PASSED, text, [node.func, *node.args]) if name in GATES else node

    def _asked(self, condition: ast.expr) -> ast.expr:
        """The condition with a call around it, or around each operand; a constant decides nothing."""
        if isinstance(condition, ast.BoolOp):
            condition.values = [self._asked(operand) for operand in condition.values]
            return condition
        if isinstance(condition, ast.Constant):
            return condition
        return self._counted(_SEEN, ast.unparse(condition), [self._visited(condition)])

    def _counted(self, function: str, text: str, arguments: list[ast.expr]) -> ast.expr:
        guard = self._guard(f"{'.'.join(self._where)}: {text}")
        return ast.Call(ast.Name(function, ast.Load()), [ast.Constant(guard), *arguments], [])

    def _visited(self, node: ast.expr) -> ast.expr:
        return cast("ast.expr", self.visit(node))


def added(one: Mapping[str, Tally], other: Mapping[str, Tally]) -> dict[str, Tally]:
    """The sum of two counts."""
    nothing = Tally(0, 0)
    return {
        name: Tally(*map(sum, zip(one.get(name, nothing), other.get(name, nothing), strict=True)))
        for name in (*one, *(name for name in other if name not in one))
    }
