"""Terms as plain data, and what they are worth on numbers: a list of nodes, each after those that it is made of.

A solver's terms cannot leave their process, and asking the solver for a value is slow. Both evaluations here, the one
node by node and the one that asks only for what matters, know nothing of ``compiled``, which writes Python for the same
nodes: each is a second opinion on the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final, NamedTuple, cast

import z3

from dita.conformance.prove.contracts import CONTRACTS
from dita.conformance.prove.proxies import Unsupported, term_of

Shape = int | tuple["Shape", ...]
"""A nested record with the number of a node in place of every word."""

NUMBER: Final = "number"
TRUTH: Final = "truth"
WORD: Final = "word"
CALL: Final = "call"


class Node(NamedTuple):
    """One term: an operation of SMT-LIB on earlier nodes, or a number, a truth value, a free word, a named function."""

    op: str
    args: tuple[int, ...] = ()
    value: int | str = 0  # the number, or the name of the word or function


# --- what the operations are, as SMT-LIB says -----------------------------------------------------------------------


def division(numerator: int, divisor: int) -> int:
    """``div``: the quotient whose remainder is >= 0. By zero: any number, here one that nothing expects."""
    if divisor == 0:
        return unspecified(numerator)
    return numerator // divisor if divisor > 0 else -(numerator // -divisor)


def modulo(numerator: int, divisor: int) -> int:
    """``mod``: the remainder that belongs to ``div``."""
    return numerator - divisor * division(numerator, divisor)


def unspecified(*arguments: int) -> int:
    """What a function gives where nothing is said about it: a term that is right does not depend on it."""
    return hash((0x5EED, *arguments)) >> 7


def total(function: Callable[..., Any], *, truth: bool) -> Callable[..., Any]:
    """The function with an unexpected value where it divides by zero: a term may mention what it does not need."""

    def call(*arguments: int) -> Any:
        try:
            return function(*arguments)
        except ZeroDivisionError:
            return unspecified(*arguments) % 2 == 1 if truth else unspecified(*arguments)

    return call


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    name: total(contract.body, truth=contract.truth) for name, contract in CONTRACTS.items()
}
"""The real named arithmetic."""

OPERATIONS: Final[dict[str, Callable[[Sequence[Any]], Any]]] = {
    "and": all,
    "or": any,
    "not": lambda v: not v[0],
    "=>": lambda v: v[1] if v[0] else True,
    "=": lambda v: v[0] == v[1],
    "distinct": lambda v: len(set(v)) == len(v),
    "if": lambda v: v[1] if v[0] else v[2],
    "<=": lambda v: v[0] <= v[1],
    ">=": lambda v: v[0] >= v[1],
    "<": lambda v: v[0] < v[1],
    ">": lambda v: v[0] > v[1],
    "+": sum,
    "-": lambda v: v[0] - sum(v[1:]) if len(v) > 1 else -v[0],
    "*": prod,
    "div": lambda v: division(v[0], v[1]),
    "mod": lambda v: modulo(v[0], v[1]),
}


# --- from terms to nodes --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Flattener:
    """Gathers terms as nodes; a term that occurs twice is one node."""

    nodes: list[Node] = field(default_factory=list[Node])
    _known: dict[int, int] = field(default_factory=dict[int, int])
    _kept: list[z3.ExprRef] = field(default_factory=list[z3.ExprRef])  # or their ids would be given again

    def add(self, term: z3.ExprRef) -> int:
        """The number of the term's node. Raises Unsupported for an operation that is not known here."""
        stack = [term]
        while stack:
            top = stack[-1]
            if top.get_id() in self._known:
                stack.pop()
                continue
            missing = [child for child in top.children() if child.get_id() not in self._known]
            if missing:
                stack += missing
                continue
            stack.pop()
            self._kept.append(top)
            self._known[top.get_id()] = len(self.nodes)
            self.nodes.append(self._node(top))
        return self._known[term.get_id()]

    def shape(self, record: object) -> Shape:
        """A nested record of symbolic and plain words as numbers of nodes."""
        if isinstance(record, tuple):
            return tuple(self.shape(item) for item in cast("tuple[object, ...]", record))
        return self.add(term_of(record))

    def _node(self, term: z3.ExprRef) -> Node:
        args = tuple(self._known[child.get_id()] for child in term.children())
        name = term.decl().name()
        if z3.is_int_value(term):
            return Node(NUMBER, value=int(term.as_long()))
        if z3.is_true(term) or z3.is_false(term):
            return Node(TRUTH, value=int(z3.is_true(term)))
        if not args:
            return Node(WORD, value=name)
        if name in CONTRACTS:
            return Node(CALL, args, name)
        if name not in OPERATIONS:
            raise Unsupported(f"no meaning is known for the operation `{name}` of a term")
        return Node(name, args)


# --- from nodes to values -------------------------------------------------------------------------------------------


def values_of(nodes: Sequence[Node], words: Mapping[str, int]) -> list[int]:
    """The value of every node where the free words have these values."""
    values: list[int] = []
    for node in nodes:
        given = [values[index] for index in node.args]
        if node.op in OPERATIONS:
            values.append(OPERATIONS[node.op](given))
        elif node.op == CALL:
            values.append(FUNCTIONS[str(node.value)](*given))
        else:
            values.append(_leaf(node, words))
    return values


def at(shape: Shape, values: Sequence[int]) -> Any:
    """The record behind a shape."""
    return values[shape] if isinstance(shape, int) else tuple(at(item, values) for item in shape)


@dataclass(slots=True)
class Lazily:
    """One node's value, asking only for what decides it; and whether a named function was asked outside its domain."""

    nodes: Sequence[Node]
    words: Mapping[str, int]
    outside: bool = False
    _known: dict[int, int] = field(default_factory=dict[int, int])

    def value(self, index: int) -> int:
        """The node's value."""
        if index not in self._known:
            self._known[index] = self._asked(index)
        return self._known[index]

    def _asked(self, index: int) -> int:
        node = self.nodes[index]
        if node.op in ("and", "or"):
            wanted = node.op == "or"
            return any(self.value(arg) for arg in node.args) if wanted else all(self.value(arg) for arg in node.args)
        if node.op == "=>":
            return not self.value(node.args[0]) or self.value(node.args[1])
        if node.op == "if":
            return self.value(node.args[1] if self.value(node.args[0]) else node.args[2])
        given = [self.value(arg) for arg in node.args]
        if node.op == CALL:
            name = str(node.value)
            self.outside = self.outside or not CONTRACTS[name].domain(*given)
            return int(FUNCTIONS[name](*given))
        return int(OPERATIONS[node.op](given)) if given else _leaf(node, self.words)


def _leaf(node: Node, words: Mapping[str, int]) -> int:
    if node.op == WORD:
        return words[str(node.value)]
    return bool(node.value) if node.op == TRUTH else int(node.value)
