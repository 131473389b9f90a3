"""Paths and formulas written out as Python functions, so that one prediction costs microseconds.

The paths of an exploration share the beginnings of their decisions, in the order in which they were found: they are one
tree of ``if``. The records are plain nested tuples; a part of a record that a path leaves alone is handed on as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, cast

from dita.conformance.prove.flat import (
    CALL,
    FUNCTIONS,
    NUMBER,
    TRUTH,
    WORD,
    Flattener,
    Node,
    Shape,
    division,
    modulo,
)
from dita.conformance.prove.proxies import Unsupported
from dita.conformance.prove.world import words

HEIGHT_MAX: Final = 12  # of an expression; the parser has a limit
_PAD: Final = " "
_SYMBOLS: Final = {"<=": "<=", ">=": ">=", "<": "<", ">": ">", "=": "=="}
_SPACE: Final[dict[str, object]] = {**FUNCTIONS, "div": division, "mod": modulo}


class KnownPath(NamedTuple):
    """One path: its decisions (number of the condition's node, side taken) and its result."""

    literals: tuple[tuple[int, bool], ...]
    result: Shape


@dataclass(frozen=True, slots=True)
class Predictor:
    """What paths say, as data and as the source of a function; it can be sent to another process."""

    name: str
    nodes: tuple[Node, ...]
    paths: tuple[KnownPath, ...]
    source: str

    def function(self) -> Callable[..., tuple[int, Any] | None]:
        """The function: the number of the path that the arguments take and its result; None where none is taken."""
        return compiled(self.source)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the words are: for each name of a free word the expression that reads it from the parameters."""

    parameters: tuple[str, ...]
    of_word: Mapping[str, str]
    own: Mapping[Shape, str] = field(default_factory=dict[Shape, str])  # records as they were given

    @classmethod
    def of(cls, records: Mapping[str, object], flattener: Flattener) -> Places:
        """The places of symbolic records that are the parameters of these names."""
        of_word: dict[str, str] = {}
        own: dict[Shape, str] = {}
        for name, record in records.items():
            _place(record, name, flattener, of_word, own)
        return cls(tuple(records), of_word, own)


def _place(record: object, text: str, flattener: Flattener, of_word: dict[str, str], own: dict[Shape, str]) -> None:
    if isinstance(record, tuple):
        items = cast("tuple[object, ...]", record)
        own[flattener.shape(items)] = text
        for index, item in enumerate(items):
            _place(item, f"{text}[{index}]", flattener, of_word, own)
        return
    for word in words(record):
        of_word[word.decl().name()] = text


def compiled(source: str) -> Callable[..., Any]:
    """The function ``said`` of a source that was made here."""
    space = dict(_SPACE)
    exec(compile(source, "<paths>", "exec"), space)  # noqa: S102 our own source
    return cast("Callable[..., Any]", space["said"])


def source_of_values(nodes: Sequence[Node], roots: Sequence[int], places: Places) -> str:
    """A function that gives the values of these nodes as a tuple."""
    writer = _Writer(nodes, roots, places)
    scope = _Scope(_PAD, set())
    texts = [writer.text(root, scope) for root in roots]
    writer.lines.append(f"{_PAD}return ({''.join(f'{text}, ' for text in texts)})")
    return writer.source()


def source_of_paths(nodes: Sequence[Node], paths: Sequence[KnownPath], places: Places) -> str:
    """A function that gives the number of the path that is taken, and its result; None where none is.

    Raises Unsupported if two paths differ in the order of their decisions: then they are no tree.
    """
    roots = [number for path in paths for number in {literal[0] for literal in path.literals}]
    writer = _Writer(nodes, roots, places)
    _tree(writer, paths, list(range(len(paths))), 0, _Scope(_PAD, set()))
    return writer.source()


@dataclass(slots=True)
class _Scope:
    pad: str
    defined: set[int]

    def inner(self) -> _Scope:
        return _Scope(self.pad + _PAD, set(self.defined))


class _Writer:
    """Expressions over nodes. What is used more than once gets a name, once in a scope."""

    def __init__(self, nodes: Sequence[Node], roots: Sequence[int], places: Places) -> None:
        self.lines: list[str] = []
        self._nodes = nodes
        self._places = places
        uses = [0] * len(nodes)
        for root in roots:
            uses[root] += 1
        for node in nodes:
            for arg in node.args:
                uses[arg] += 1
        heights: list[int] = []
        self._named: list[bool] = []
        for node, count in zip(nodes, uses, strict=True):
            height = 1 + max((heights[arg] for arg in node.args), default=0)
            named = node.op not in (NUMBER, TRUTH) and (count > 1 or height >= HEIGHT_MAX)
            self._named.append(named)
            heights.append(0 if named else height)

    def source(self) -> str:
        """The whole function."""
        return "\n".join([f"def said({', '.join(self._places.parameters)}):", *self.lines, ""])

    def text(self, index: int, scope: _Scope) -> str:
        """An expression for the node; lines that it needs are written first."""
        if index in scope.defined:
            return f"v{index}"
        text = self._expression(self._nodes[index], scope)
        if not self._named[index]:
            return text
        self.lines.append(f"{scope.pad}v{index} = {text}")
        scope.defined.add(index)
        return f"v{index}"

    def _expression(self, node: Node, scope: _Scope) -> str:
        if node.op == NUMBER:
            return f"({node.value})" if int(node.value) < 0 else str(node.value)
        if node.op == TRUTH:
            return str(bool(node.value))
        if node.op == WORD:
            return self._places.of_word[str(node.value)]
        texts = [self.text(arg, scope) for arg in node.args]
        return _applied(node, texts)

    def record(self, shape: Shape, scope: _Scope) -> str:
        """An expression for a record; the parameters' own parts are handed on."""
        own = self._places.own.get(shape)
        if own is not None:
            return own
        if isinstance(shape, int):
            return self.text(shape, scope)
        return f"({''.join(f'{self.record(item, scope)}, ' for item in shape)})"


def _applied(node: Node, texts: Sequence[str]) -> str:
    if node.op in ("and", "or", "+", "*"):
        return f"({f' {node.op} '.join(texts)})"
    if node.op in _SYMBOLS:
        return f"({texts[0]} {_SYMBOLS[node.op]} {texts[1]})"
    if node.op == "distinct":
        return f"({texts[0]} != {texts[1]})" if len(texts) == 2 else f"(len({{{', '.join(texts)}}}) == {len(texts)})"
    if node.op == "not":
        return f"(not {texts[0]})"
    if node.op == "=>":
        return f"(not {texts[0]} or {texts[1]})"
    if node.op == "if":
        return f"({texts[1]} if {texts[0]} else {texts[2]})"
    if node.op == "-":
        return f"(-{texts[0]})" if len(texts) == 1 else f"({' - '.join(texts)})"
    return f"{node.value if node.op == CALL else node.op}({', '.join(texts)})"


def _tree(writer: _Writer, paths: Sequence[KnownPath], here: list[int], depth: int, scope: _Scope) -> None:
    """The ``if`` from this depth on; the smaller side is the indented one."""
    while True:
        if len(here) == 1 and len(paths[here[0]].literals) == depth:
            writer.lines.append(f"{scope.pad}return {here[0]}, {writer.record(paths[here[0]].result, scope)}")
            return
        if any(len(paths[number].literals) <= depth for number in here):
            raise Unsupported("one path ends where another goes on: they are not disjoint")
        conditions = {paths[number].literals[depth][0] for number in here}
        if len(conditions) != 1:
            raise Unsupported("paths that agree so far decide different things: the code is not deterministic")
        taken = [number for number in here if paths[number].literals[depth][1]]
        refused = [number for number in here if not paths[number].literals[depth][1]]
        condition = writer.text(conditions.pop(), scope)
        depth += 1
        side, inside, here = ("", taken, refused) if len(taken) <= len(refused) else ("not ", refused, taken)
        inner = scope.inner()
        writer.lines.append(f"{scope.pad}if {side}{condition}:")
        if inside:
            _tree(writer, paths, inside, depth, inner)
        else:
            writer.lines.append(f"{inner.pad}return None")
