"""Puts stand-ins into the modules under proof: contracts for arithmetic, merged forms for pure helpers.

Two kinds of modules are prepared: the reference (``reference_prepared``, for as long as it is explored) and the
predicates of ``dita.spec`` (the same block). Everything is put back at the end of the block.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any, Final

import z3

from dita.conformance.prove.contracts import CONTRACTS, Applications
from dita.conformance.prove.merging import merging
from dita.conformance.prove.proxies import SymBool, is_symbolic, term_of
from dita.conformance.prove.rewriting import HELP, rewritten
from dita.conformance.prove.seams import BUILTINS, PREDICATES, REFERENCE, is_merged

# Relations of the predicates, and the named function whose value they fix (each proved to in ``lemmas``).
EQUALITIES: Final = {"is_predicted_fee": "predicted_fee", "is_cost_share": "cost_share"}
SAME: Final = {
    "is_whole": "is_multiple",
    "are_terms_exact": "fits_scales",
    "is_leverage_kept": "within_leverage",
    "is_plausible": "price_plausible",
}

Sink = Callable[[z3.BoolRef], None]


@contextmanager
def replaced(module: ModuleType, name: str, value: object) -> Generator[None]:
    """Within the block the module's name stands for this value."""
    real: object = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, real)


@contextmanager
def prepared(
    sink: Sink, applications: Applications, claim: Sink | None = None, also: Iterable[ModuleType] = ()
) -> Generator[None]:
    """Within the block both sides call stand-ins; the facts they bring along go to ``sink``.

    That each call lies in its contract's domain goes to ``claim``: of code, which calls what it needs. A predicate's
    formula mentions what its Python would not have asked for, and holds whatever is answered there.

    ``also`` are further modules to prepare: changed copies of those that always are.
    """
    undo: list[tuple[ModuleType, str, bool, Any]] = []

    def put(module: ModuleType, name: str, value: object) -> None:
        undo.append((module, name, name in vars(module), vars(module).get(name)))
        setattr(module, name, value)

    try:
        everywhere = {**HELP, **{name: merging(getattr(builtins, name)) for name in BUILTINS}}
        made: dict[FunctionType, object] = {}
        for module in dict.fromkeys((*REFERENCE, *PREDICATES, *also)):
            for name, value in list(vars(module).items()):
                if isinstance(value, FunctionType):
                    if value not in made:
                        made[value] = _replacement(value, sink, applications, claim)
                    put(module, name, made[value])
            for name, value in everywhere.items():
                put(module, name, value)
        yield
    finally:
        for module, name, existed, value in reversed(undo):
            if existed:
                setattr(module, name, value)
            else:
                delattr(module, name)


def _replacement(function: FunctionType, sink: Sink, applications: Applications, claim: Sink | None) -> object:
    name = function.__name__
    if name in CONTRACTS:
        return _contracted(name, function, sink, applications, claim)
    if name in EQUALITIES:
        return _equality(EQUALITIES[name], function, sink, applications)
    if name in SAME:
        return _contracted(SAME[name], function, sink, applications)
    if is_merged(function):
        return merging(rewritten(function))
    return function


def _contracted(
    name: str, real: Callable[..., Any], sink: Sink, applications: Applications, claim: Sink | None = None
) -> Callable[..., Any]:
    def call(*arguments: object) -> Any:
        if not is_symbolic(arguments):
            return real(*arguments)
        terms = tuple(term_of(argument) for argument in arguments)
        if claim is not None:
            claim(applications.domain(name, terms))
        for fact in applications.facts(name, terms):
            sink(fact)
        return CONTRACTS[name].value(terms)

    return call


def _equality(name: str, real: Callable[..., Any], sink: Sink, applications: Applications) -> Callable[..., Any]:
    function = _contracted(name, real, sink, applications)

    def call(value: object, *arguments: object) -> Any:
        if not is_symbolic((value, *arguments)):
            return real(value, *arguments)
        return SymBool(term_of(value) == term_of(function(*arguments)))

    return call
