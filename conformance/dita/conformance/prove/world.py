"""The symbolic world of one step: every word of what an input may touch is a free integer named by its path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

import z3

from dita.conformance.prove.proxies import SymInt, parts_of, term_of
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.state import Account, Focus, Instrument, Slot

T = TypeVar("T")


def symbolic(template: T, name: str) -> T:
    """The same nested record with a free integer in place of every word."""
    if isinstance(template, tuple):
        items = cast("tuple[Any, ...]", template)
        fields = cast("tuple[str, ...] | None", getattr(type(items), "_fields", None))
        if fields is None:
            return cast("T", tuple(symbolic(item, f"{name}[{index}]") for index, item in enumerate(items)))
        made = [symbolic(item, f"{name}.{field}") for item, field in zip(items, fields, strict=True)]
        return cast("T", type(items)(*made))
    return cast("T", SymInt(z3.Int(name)))


def words(record: object) -> list[z3.ArithRef]:
    """The terms of a nested record's words, in their order."""
    parts = parts_of(record)
    if parts is not None:
        return [word for part in parts for word in words(part)]
    return [term_of(record)]


BLANK: Final = Focus(Account(), Instrument(), Slot())


@dataclass(frozen=True, slots=True)
class World:
    """Free variables for a step: before, the input, after, and the outcome."""

    pre: Focus
    event: Input
    post: Focus
    outcome: Outcome


def one_step() -> World:
    """The world of one step; ``post`` and ``outcome`` are tied to a path's terms when it is judged."""
    return World(
        symbolic(BLANK, "pre"), symbolic(Input(), "event"), symbolic(BLANK, "post"), symbolic(Outcome(), "outcome")
    )
