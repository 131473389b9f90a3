"""What else is true of the named arithmetic, beyond its contracts: mutants that pass two factors in the other order.

While the step is explored a function is a symbol, so ``notional(price, quantity)`` could be another number than
``notional(quantity, price)``. Each statement here is proved about the real bodies, for all integers (``STATEMENTS``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, cast

import z3

from dita.conformance.prove.contracts import CONTRACTS, Applications, Terms
from dita.conformance.prove.lemmas import Lemma
from dita.reference.arithmetic import price_plausible

Formula = Callable[[z3.FuncDeclRef, Terms], z3.BoolRef]


class Statement(NamedTuple):
    """What is true of a function for all integers: as a lemma about its body, and as a formula about its symbol."""

    function: str
    lemma: Lemma
    formula: Formula


def _always(*_: int) -> bool:
    return True


def _turned(function: str, *order: int) -> Statement:
    """The function gives the same for its arguments in another order."""
    body = CONTRACTS[function].body

    def claim(*numbers: int) -> Any:
        return body(*numbers) == body(*(numbers[place] for place in order))

    def formula(symbol: z3.FuncDeclRef, terms: Terms) -> z3.BoolRef:
        equal: Any = symbol(*terms) == symbol(*(terms[place] for place in order))
        return cast("z3.BoolRef", equal)

    names = tuple(f"argument_{place}" for place in sorted(order))
    turned = "".join(map(str, order))
    return Statement(function, Lemma(f"turned-{function}-{turned}", "Factors.", names, _always, claim), formula)


def _is_paid(quote: int, _: int) -> bool:
    return quote > 0


def _nothing_claim(ref_price: int) -> bool:
    return price_plausible(0, 0, ref_price)


def _nothing(symbol: z3.FuncDeclRef, terms: Terms) -> z3.BoolRef:
    return z3.Implies(z3.And(terms[0] == 0, terms[1] == 0), symbol(*terms))


def _no_price_claim(quote: int, quantity: int) -> bool:
    return not price_plausible(quote, quantity, 0)


def _no_price(symbol: z3.FuncDeclRef, terms: Terms) -> z3.BoolRef:
    return z3.Implies(z3.And(terms[0] > 0, terms[2] == 0), z3.Not(symbol(*terms)))


STATEMENTS: Final = (
    _turned("notional", 1, 0),
    _turned("predicted_fee", 1, 0),
    _turned("calibrated_rate", 1, 0),
    _turned("price_plausible", 0, 2, 1),
    _turned("within_leverage", 0, 2, 1),
    _turned("fits_scales", 1, 0, 2, 3),
    _turned("fits_scales", 0, 1, 3, 2),
    Statement(
        "price_plausible",
        Lemma("nothing-is-plausible", "Nothing for nothing is plausible.", ("ref_price",), _always, _nothing_claim),
        _nothing,
    ),
    Statement(
        "price_plausible",
        Lemma("no-price-is-not", "A price of 0 is not.", ("quote", "quantity"), _is_paid, _no_price_claim),
        _no_price,
    ),
)


def statements_about(applications: Applications) -> Iterator[z3.BoolRef]:
    """What the statements say of every application."""
    for (function, _), (_, terms) in applications.instances.items():
        for statement in STATEMENTS:
            if statement.function == function:
                yield statement.formula(CONTRACTS[function].symbol(), terms)
