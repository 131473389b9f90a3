"""What is proved, by name: every predicate of ``dita.spec`` and every law, with the theorem that discharges it.

An obligation's ID is that of its predicate; its sentence is the predicate's docstring. Theorems:

- ``start``: the initial state satisfies every invariant;
- ``core``: each path of each input's handler, on an arbitrary account, instrument and slot that satisfy the invariants;
- ``frame``: ``step`` gives the handler exactly those three, puts back what it answers, and touches nothing else;
- ``lift``: core and frame together carry every whole-kernel invariant over a step;
- ``laws``: what takes two or more steps, or speaks of a function (``dita.spec.laws``);
- ``arithmetic``: what the other theorems assume of the named arithmetic, about its real bodies.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from dita.spec.invariants import ACCOUNT, INSTRUMENT, WHOLE
from dita.spec.properties import STEP, WHOLE_STEP
from dita.spec.shares import CONTEXT, FOLLOWS
from dita.spec.slot_invariants import HELD, SLOT

_CLAUSES: Final = re.compile(r"\b([A-Z][0-9]{1,2})\b")


class Obligation(NamedTuple):
    """One thing to prove."""

    id: str
    theorem: str
    says: str
    predicate: Callable[..., Any] | None = None

    @property
    def clauses(self) -> tuple[str, ...]:
        """Numbers of the clauses that the sentence cites."""
        return tuple(dict.fromkeys(_CLAUSES.findall(self.says)))

    @property
    def source(self) -> str:
        """The predicate's text."""
        return "" if self.predicate is None else inspect.getsource(self.predicate)


def _of(theorem: str, table: tuple[Any, ...]) -> list[Obligation]:
    return [Obligation(item.id, theorem, sentence(item.holds), item.holds) for item in table]


def sentence(function: Callable[..., Any]) -> str:
    """The docstring on one line."""
    return " ".join((function.__doc__ or "").split())


META: Final = (
    Obligation("step-is-total", "core", "No input raises anything but the one early exit (clause R3)."),
    Obligation("paths-complete", "core", "Every input takes one of the paths that were explored (clause R3)."),
    Obligation("paths-disjoint", "core", "No input takes two of them (clause R3)."),
)
INSIDE: Final = Obligation(
    "calls-within-domain", "core",
    "Every call of a named arithmetic function lies in its contract's domain, where the real body returns (N4, R3).",
)  # fmt: skip
CORE: Final = (
    *META,
    INSIDE,
    *_of("core", (*SLOT, *HELD, *INSTRUMENT, *ACCOUNT)),
    *_of("core", (*STEP, *FOLLOWS)),
)
FRAME: Final = (
    Obligation("answer-is-placed", "frame", "A handler gets what the input names; its answer is put back (S1)."),
    *_of("frame", WHOLE_STEP),
)
LIFT: Final = tuple(_of("lift", (*WHOLE, *CONTEXT)))
