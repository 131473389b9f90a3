"""How terms are walked: without recursion, for they are deeper than Python's stack, and each once."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence

import z3


def of_term(term: z3.ExprRef) -> Sequence[z3.ExprRef]:
    """A term's children."""
    return term.children()


def children_first(
    term: z3.ExprRef, done: Container[int], before: Callable[[z3.ExprRef], Sequence[z3.ExprRef]] = of_term
) -> Iterator[z3.ExprRef]:
    """Every part that is not done yet, after all that it is made of; who asks puts each one's id into ``done``."""
    stack = [term]
    while stack:
        top = stack[-1]
        missing = [] if top.get_id() in done else [one for one in before(top) if one.get_id() not in done]
        if missing:
            stack += missing
            continue
        stack.pop()
        if top.get_id() not in done:
            yield top
