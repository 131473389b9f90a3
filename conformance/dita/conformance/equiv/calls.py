"""Where the reference calls a function of which the image computes the same on a part of the integers only.

Contracts of ``price_plausible`` and ``fits_scales`` speak of all integers. In the image their 128-bit products wrap far
outside the amounts, and they take magnitudes. So each call of them that the reference can make, on any state that
satisfies the invariants and any input, has to lie in the narrower domain; and each that the invariants themselves make.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

import z3

from dita.conformance.equiv.domains import NARROWER
from dita.conformance.prove.contracts import applications_of
from dita.conformance.prove.core import KINDS, theory
from dita.conformance.prove.executor import Explorer
from dita.conformance.prove.merging import formula
from dita.conformance.prove.models import named_kind
from dita.conformance.prove.proxies import SymInt, term_of
from dita.conformance.prove.seams import REFERENCE
from dita.conformance.prove.standins import prepared, replaced
from dita.reference.step import answer
from dita.spec.vocabulary import Kind


class Called(Exception):
    """The code came to a call of this name; nothing of what follows is of interest."""

    terms: Sequence[z3.ArithRef] = ()


@dataclass(slots=True)
class CallsReport:
    """What was found of the calls of all kinds."""

    paths: int = 0
    calls: int = 0
    assumed: int = 0  # applications in what is assumed of every state
    outside: list[str] = field(default_factory=list[str])


Domains = dict[str, Callable[..., bool]]


def calls_of(kinds: tuple[Kind, ...] = KINDS, domains: Domains | None = None) -> CallsReport:
    """Every call that an input of these kinds can lead to. Raises Unsupported, SolverUnknown."""
    inside = NARROWER if domains is None else domains
    report = CallsReport()
    base = theory()
    for fact in base.assumptions:
        for name, domain in inside.items():
            for terms in applications_of(name, fact):
                report.assumed += 1
                _judge(report, f"the invariants call {name}", domain, list(terms), base.assumptions)
    for kind in kinds:
        event = base.world.event._replace(kind=int(kind))
        assumptions = [*base.assumptions, named_kind(base.world.event, int(kind))]
        explorer = Explorer(assumptions, (Exception,))
        with prepared(explorer.lemma, base.applications, explorer.claim), ExitStack() as stack:
            for module in REFERENCE:
                for name in inside.keys() & vars(module).keys():
                    stack.enter_context(replaced(module, name, partial(_called, name)))
            paths = explorer.explore(partial(answer, base.world.pre, event))
        for path in paths:
            report.paths += 1
            if isinstance(path.error, Called):
                report.calls += 1
                known = [*assumptions, *path.lemmas, *path.literals]
                where = f"{kind.name} calls {path.error!s}"
                _judge(report, where, inside[str(path.error)], path.error.terms, known)
    return report


def _called(name: str, *arguments: Any) -> NoReturn:
    called = Called(name)
    called.terms = [term_of(argument) for argument in arguments]
    raise called


def _judge(
    report: CallsReport, where: str, domain: Callable[..., bool], terms: Sequence[z3.ArithRef], known: list[z3.BoolRef]
) -> None:
    solver = z3.SolverFor("QF_UFLIA")
    solver.add(*known, z3.Not(formula(domain, *[SymInt(term) for term in terms])))
    said = solver.check()
    if said != z3.unsat:
        report.outside.append(f"{where} outside its domain ({said})")
