"""Mutation operators for plain Python: what each kind of node may be mistaken for.

The reference and the predicates use few constructs, so the operators are few: another comparison, one off, a condition
negated, decided or cut short, a requirement removed, arguments swapped, a neighbouring field, code or phase, a field
left as it was, an answer given early. Every replacement is a piece of text in place of a node's own text, so a mutant
can be read as a line of a diff.
"""

import ast
from collections.abc import Iterator
from typing import Final

from dita.conformance.mutants.edits import Edit, edit_at

COMPARISONS: Final[dict[type[ast.cmpop], str]] = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==", ast.Is: "is not",
    ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
_SIGNS: Final[dict[type[ast.cmpop], str]] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is",
    ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
ARITHMETIC: Final[dict[type[ast.operator], tuple[str, str]]] = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "+"), ast.FloorDiv: ("//", "*"), ast.Mod: ("%", "//"),
}  # fmt: skip
SIBLINGS: Final = {
    "quantity": "quote", "quote": "quantity", "entry": "exit", "exit": "entry", "past_quantity": "external_quantity",
    "external_quantity": "past_quantity", "past_quote": "external_quote", "external_quote": "past_quote",
    "done": "seen", "seen": "done", "ordered": "quantity", "long_quantity": "short_quantity",
    "short_quantity": "long_quantity", "evidence_time_ns": "fill_time_ns", "fill_time_ns": "evidence_time_ns",
    "taker_ppb": "maker_ppb", "maker_ppb": "taker_ppb", "realised": "fees", "fees": "realised",
    "funding": "transfers", "transfers": "adjustments", "adjustments": "funding", "funding_rows": "transfer_rows",
    "transfer_rows": "adjustment_rows", "adjustment_rows": "funding_rows", "lot": "tick", "tick": "lot",
    "price_max": "quantity_max", "quantity_max": "price_max", "next_leg": "legs", "legs": "next_leg",
    "live_slots": "slot_limit", "slot_limit": "live_slots", "wallet_as_of_ns": "last_money_time_ns",
    "last_money_time_ns": "wallet_as_of_ns", "minimum": "ref_price", "ref_price": "minimum",
}  # fmt: skip
"""Fields that are easily taken for each other."""
CONSTANTS: Final = frozenset(
    ("Code", "Phase", "Kind", "Mode", "Side", "OrderSide", "Reconcile", "Verdict", "Part", "IncomeKind", "RejectReason")
)
"""Vocabularies: a member is taken for another of them."""
NEIGHBOUR: Final = {
    "ENTRY_REQUESTED": "ENTRY_WORKING", "ENTRY_WORKING": "ENTRY_UNRESOLVED", "ENTRY_UNRESOLVED": "ENTRY_REQUESTED",
    "POSITION_OPEN": "EXIT_REQUESTED", "EXIT_REQUESTED": "EXIT_WORKING", "EXIT_WORKING": "EXIT_UNRESOLVED",
    "EXIT_UNRESOLVED": "EXIT_REQUESTED", "IDLE": "POSITION_OPEN", "LONG": "SHORT", "SHORT": "LONG", "BUY": "SELL",
    "SELL": "BUY", "ACTIVE": "HALTED", "HALTED": "REDUCE_ONLY", "REDUCE_ONLY": "HALTED", "ACCEPTED": "FLAGGED",
    "FLAGGED": "ACCEPTED", "REFUSED": "FLAGGED", "WALLET": "POSITION", "NOT_FOUND": "REJECTED", "ORDER": "SILENT",
    "REJECTED": "NOT_FOUND", "ENTER": "ADOPT", "ADOPT": "ENTER", "EXIT": "FLATTEN", "FLATTEN": "EXIT",
    "FUNDING": "TRANSFER", "TRANSFER": "ADJUSTMENT", "ADJUSTMENT": "FUNDING", "NO_CHANGE": "TERMINAL_STATE",
    "ENTRY": "EXIT", "NO_POSITION": "BLOCKED", "BLOCKED": "NO_POSITION", "OK": "NO_CHANGE",
}  # fmt: skip
_MEMBERS_OF: Final = {
    "Reconcile": {"POSITION": "WALLET", "WALLET": "POSITION", "NONE": "POSITION"},
    "Part": {"ENTRY": "EXIT", "EXIT": "ENTRY"},
    "Code": {"OK": "NO_CHANGE", "NO_CHANGE": "TERMINAL_STATE"},
}


_SYMMETRIC: Final = ("max", "min", "require", "isinstance")
_RECORDS: Final = ("focus", "event", "slot", "before", "after", "outcome", "pre", "post", "state", "tail", "ledger")
"""Names of records: taken for a number they only raise."""


def edits_of(path: str, source: bytes) -> list[Edit]:
    """Every edit of the functions and number constants of a module. Raises SyntaxError."""
    tree = ast.parse(source)
    text = _Text(path, source)
    found: list[Edit] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found += _of_function(text, node, node.name)
        elif isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.FunctionDef):
                    found += _of_function(text, item, f"{node.name}.{item.name}")
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.BinOp | ast.Constant):
            parts = (part for part in ast.walk(node.value) if isinstance(part, ast.Constant))
            found += [text.edit("", part, new) for part in parts for new in _constant(part)]
    return list(dict.fromkeys(found))


class _Text:
    """A module's bytes, and the places of its nodes in them."""

    def __init__(self, path: str, source: bytes) -> None:
        self.path = path
        self.source = source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def place(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Where a node's text begins and ends, in bytes."""
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[end_line - 1] + end_column

    def of(self, node: ast.expr | ast.stmt) -> str:
        """A node's text."""
        start, end = self.place(node)
        return self.source[start:end].decode()

    def edit(self, function: str, node: ast.expr | ast.stmt, new: str) -> Edit:
        """Other text for a node."""
        start, end = self.place(node)
        return self.at(function, start, end, new)

    def at(self, function: str, start: int, end: int, new: str) -> Edit:
        """Other text for these bytes."""
        return edit_at(self.path, function, self.source, start, end, new)

    def between(self, function: str, left: ast.expr, right: ast.expr, old: str, new: str) -> Edit:
        """Another operator between two operands."""
        _, begin = self.place(left)
        finish, _ = self.place(right)
        start = begin + self.source[begin:finish].index(old.encode())
        return self.at(function, start, start + len(old), new)


def _of_function(text: _Text, function: ast.FunctionDef, name: str) -> Iterator[Edit]:
    annotations = {id(part) for part in _annotations(function)}
    defaults = {id(part) for default in function.args.kw_defaults if default for part in ast.walk(default)}
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    for statement in body:
        for node in ast.walk(statement):
            if id(node) in annotations or id(node) in defaults:
                continue
            yield from _of_node(text, name, node)


def _annotations(function: ast.FunctionDef) -> Iterator[ast.AST]:
    for node in ast.walk(function):
        if isinstance(node, ast.AnnAssign):
            yield from ast.walk(node.annotation)


def _of_node(text: _Text, name: str, node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.stmt):
        yield from _statement(text, name, node)
    elif isinstance(node, ast.Compare):
        yield from _comparison(text, name, node)
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        old, new = ARITHMETIC[type(node.op)]
        yield text.between(name, node.left, node.right, old, new)
    elif isinstance(node, ast.BoolOp):
        yield from _boolean(text, name, node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield text.edit(name, node, f"({text.of(node.operand)})")
    elif isinstance(node, ast.IfExp):
        yield text.edit(name, node, f"({text.of(node.body)})")
        yield text.edit(name, node, f"({text.of(node.orelse)})")
    elif isinstance(node, ast.Call):
        yield from _call(text, name, node)
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        yield from _attribute(text, name, node)
    elif isinstance(node, ast.Constant):
        yield from (text.edit(name, node, new) for new in _constant(node))


def _statement(text: _Text, name: str, node: ast.stmt) -> Iterator[Edit]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield text.edit(name, node, "pass")  # a requirement removed
    if isinstance(node, ast.If):
        yield text.edit(name, node.test, "True")
        yield text.edit(name, node.test, "False")
    if isinstance(node, ast.Return) and node.value is not None and _is_truth(node.value):
        yield text.edit(name, node.value, "True")
        yield text.edit(name, node.value, "False")


def _is_truth(value: ast.expr) -> bool:
    """Whether an expression is surely a truth value, and not a constant one."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id.startswith(("is_", "any", "all", "in_range"))
    return isinstance(value, ast.Compare | ast.BoolOp) or (
        isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not)
    )


def _comparison(text: _Text, name: str, node: ast.Compare) -> Iterator[Edit]:
    operands = [node.left, *node.comparators]
    for index, operator in enumerate(node.ops):
        old, new = _SIGNS[type(operator)], COMPARISONS[type(operator)]
        yield text.between(name, operands[index], operands[index + 1], old, new)


def _boolean(text: _Text, name: str, node: ast.BoolOp) -> Iterator[Edit]:
    old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    if len(node.values) == 2:
        yield text.between(name, node.values[0], node.values[1], old, new)
    neutral = "True" if isinstance(node.op, ast.And) else "False"
    for operand in node.values:  # left out
        yield text.edit(name, operand, neutral)


def _call(text: _Text, name: str, node: ast.Call) -> Iterator[Edit]:
    called = node.func.id if isinstance(node.func, ast.Name) else ""
    other = {"max": "min", "min": "max", "any": "all", "all": "any"}.get(called)
    if other is not None:
        yield text.edit(name, node.func, other)
    for left, right in zip(node.args, node.args[1:], strict=False):
        ours, theirs = text.of(left), text.of(right)
        if called not in _SYMMETRIC and ours != theirs and not _is_record(ours) and not _is_record(theirs):
            start, end = text.place(left)[0], text.place(right)[1]
            middle = text.source[text.place(left)[1] : text.place(right)[0]].decode()
            yield text.at(name, start, end, f"{theirs}{middle}{ours}")
    yield from _left_out(text, name, node)


def _is_record(text: str) -> bool:
    return text.rsplit(".", maxsplit=1)[-1] in _RECORDS or text.startswith("Code.")


def _left_out(text: _Text, name: str, node: ast.Call) -> Iterator[Edit]:
    """A record is made or changed without one of its fields; the field keeps its default, or what it was."""
    replaces = isinstance(node.func, ast.Attribute) and node.func.attr == "_replace"
    makes = isinstance(node.func, ast.Name) and node.func.id[:1].isupper()
    if not (replaces or makes):
        return
    for keyword in node.keywords:
        if keyword.arg is None:
            continue
        start, end = text.place(keyword.value)
        start -= len(f"{keyword.arg}=")
        rest = text.source[end:]
        blank = len(rest) - len(rest.lstrip(b", \n"))
        end += blank if rest[:1] == b"," else 0
        yield text.at(name, start, end, "")


def _attribute(text: _Text, name: str, node: ast.Attribute) -> Iterator[Edit]:
    new = None
    if isinstance(node.value, ast.Name) and node.value.id in CONSTANTS:
        new = _MEMBERS_OF.get(node.value.id, NEIGHBOUR).get(node.attr)
        if new is None and node.value.id == "Code":
            new = "NO_CHANGE"
    elif node.attr in SIBLINGS:
        new = SIBLINGS[node.attr]
    if new is not None:
        start, end = text.place(node)
        start = end - len(node.attr.encode())
        yield text.at(name, start, end, new)


def _constant(node: ast.Constant) -> Iterator[str]:
    if isinstance(node.value, bool):
        yield str(not node.value)
    elif isinstance(node.value, int):
        yield str(node.value + 1)
        yield str(node.value - 1) if node.value > 0 else "-1"
