"""Pure functions as terms: a predicate becomes one formula, a helper's branches are merged into its result.

No solver is asked here: every syntactic branch of the function counts, so what comes out equals the function on all
integers. A function that raises, or uses a symbolic index, is refused loudly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

import z3

from dita.conformance.prove.proxies import SymBool, SymInt, Unsupported, is_symbolic, parts_of, release, use
from dita.conformance.prove.rewriting import chosen, truth_of

BRANCHES_MAX: Final = 4_096  # of one function; more means that it should be split


class _Branch:
    """One way through a function: the given decisions, then True at every further branch."""

    def __init__(self, prefix: list[bool]) -> None:
        self.prefix = prefix
        self.conditions: list[z3.BoolRef] = []
        self.taken: list[bool] = []
        self._memo: dict[int, bool] = {}

    def decide(self, condition: z3.BoolRef) -> bool:
        """The decision of this run, the same for the same condition."""
        atom, negated = stripped(condition)
        if z3.is_true(atom):
            return not negated
        known = self._memo.get(atom.get_id())
        if known is None:
            index = len(self.taken)
            known = self.prefix[index] if index < len(self.prefix) else True
            self.taken.append(known)
            self.conditions.append(atom)
            self._memo[atom.get_id()] = known
        return known != negated

    def concretise(self, term: z3.ArithRef) -> int:
        """Only a term that is a number has one value."""
        simple = z3.simplify(term)
        if z3.is_int_value(simple):
            return int(simple.as_long())
        raise Unsupported(f"a pure function used the symbolic index `{simple}`")


def stripped(condition: z3.BoolRef) -> tuple[z3.BoolRef, bool]:
    """The condition in one canonical form without its outer negation, and whether there was one."""
    simple = z3.simplify(condition)
    if z3.is_false(simple):
        return z3.BoolVal(True), True
    if z3.is_not(simple):
        return simple.arg(0), True
    return simple, False


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where a function returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class Fork:
    """Where a function branched."""

    condition: z3.BoolRef
    yes: Leaf | Fork
    no: Leaf | Fork


def branches(function: Callable[[], Any], where_divided_by_zero: Any = None) -> Leaf | Fork:
    """The decision tree of a pure function. Raises Unsupported when it raises, or has too many branches.

    A division by zero has the value given for it, if one is.
    """
    count = 0

    def build(prefix: list[bool]) -> Leaf | Fork:
        nonlocal count
        count += 1
        if count > BRANCHES_MAX:
            raise Unsupported(f"more than {BRANCHES_MAX} branches in a pure function; split it")
        run = _Branch(prefix)
        use(run)
        try:
            value = function()
        except ZeroDivisionError as error:
            if where_divided_by_zero is None:
                raise Unsupported(f"a function that was taken for pure raised `{error!r}`") from error
            value = where_divided_by_zero
        except Exception as error:  # whatever it raises: a function that raises is not pure
            raise Unsupported(f"a function that was taken for pure raised `{error!r}`") from error
        finally:
            release(run)
        # Everything past the prefix was taken True; each of those decisions has a False side of its own.
        result: Leaf | Fork = Leaf(value)
        for index in reversed(range(len(prefix), len(run.taken))):
            result = Fork(run.conditions[index], result, build([*run.taken[:index], False]))
        return result

    return build([])


def formula(predicate: Callable[..., Any], *args: Any) -> z3.BoolRef:
    """A plain Python predicate on symbolic values as one formula."""
    return truth_of(merged(branches(lambda: bool_like(predicate(*args)))))


def bool_like(value: Any) -> bool | SymBool:
    """A predicate's answer. Raises Unsupported for anything but a truth value."""
    if isinstance(value, (bool, SymBool)):
        return value
    raise Unsupported(f"a predicate answered `{type(value).__name__}`")


def merging(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its branches merged into its result, so that a pure helper does not multiply paths."""
    known: dict[tuple[object, ...], tuple[Any, object]] = {}

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = (*args, *kwargs.values())
        if not is_symbolic(given):
            return function(*args, **kwargs)
        key = (*kwargs, *[identity(value) for value in given])
        if key not in known:
            # the arguments are kept, or the ids of their terms would be given again
            known[key] = merged(branches(lambda: function(*args, **kwargs))), given
        return known[key][0]

    return call


_records: Final[dict[int, tuple[object, object]]] = {}  # by its id, a record, which is kept, and its identity
_structures: Final[dict[tuple[object, ...], object]] = {}


def identity(value: object) -> object:
    """What tells a value with symbolic words from another: a term's id, and for a record a number of its own.

    Records of the same words have the same number, so that a large one is walked once.
    """
    parts = parts_of(value)
    if parts is None:
        return ("term", value.term.get_id()) if isinstance(value, (SymInt, SymBool)) else value
    known = _records.get(id(value))
    if known is None:
        structure = tuple(identity(part) for part in parts)
        known = _records[id(value)] = (value, _structures.setdefault(structure, ("record", len(_structures))))
    return known[1]


def merged(tree: Leaf | Fork) -> Any:
    """One value for the whole tree."""
    if isinstance(tree, Leaf):
        return tree.value
    return chosen(tree.condition, merged(tree.yes), merged(tree.no))
