"""What else is true of the named arithmetic, beyond its contracts: mutants that pass two factors in the other order.

While the step is explored a function is a symbol, so ``notional(price, quantity)`` could be another number than
``notional(quantity, price)``. Each statement here is proved about the real bodies, for all integers (``STATEMENTS``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import z3

from dita.conformance.prove.contracts import CONTRACTS, Applications, Terms
from dita.conformance.prove.lemmas import Lemma
from dita.reference.arithmetic import (
    calibrated_rate,
    fits_scales,
    notional,
    predicted_fee,
    price_plausible,
    within_leverage,
)


class Statement(NamedTuple):
    """What is true of a function for all integers: as a lemma about its body, and as a formula about its symbol."""

    function: str
    lemma: Lemma
    formula: Callable[[z3.FuncDeclRef, Terms], z3.BoolRef]


def _always(*_: int) -> bool:
    return True


def _turned(function: str, names: str, claim: Callable[..., bool], order: tuple[int, ...]) -> Statement:
    """The function gives the same for its arguments in another order."""
    lemma = Lemma(f"turned-{function}-{order[0]}", "Factors change places.", tuple(names.split()), _always, claim)
    return Statement(function, lemma, lambda symbol, terms: symbol(*terms) == symbol(*(terms[n] for n in order)))


def _nothing_is_plausible(ref_price: int) -> bool:
    return price_plausible(0, 0, ref_price)


def _no_price_is_plausible(quote: int, quantity: int) -> bool:
    return not price_plausible(quote, quantity, 0)


def _is_paid(quote: int, quantity: int) -> bool:
    del quantity
    return quote > 0


STATEMENTS: Final = (
    _turned("notional", "q p", lambda q, p: notional(q, p) == notional(p, q), (1, 0)),
    _turned("predicted_fee", "q r", lambda q, r: predicted_fee(q, r) == predicted_fee(r, q), (1, 0)),
    _turned("calibrated_rate", "r c", lambda r, c: calibrated_rate(r, c) == calibrated_rate(c, r), (1, 0)),
    _turned(
        "price_plausible", "p q r", lambda p, q, r: price_plausible(p, q, r) == price_plausible(p, r, q), (0, 2, 1)
    ),
    _turned(
        "within_leverage", "e c m", lambda e, c, m: within_leverage(e, c, m) == within_leverage(e, m, c), (0, 2, 1)
    ),
    _turned(
        "fits_scales", "l t q p", lambda a, b, q, p: fits_scales(a, b, q, p) == fits_scales(b, a, q, p), (1, 0, 2, 3)
    ),
    _turned(
        "fits_scales", "l t q p", lambda a, b, q, p: fits_scales(a, b, q, p) == fits_scales(a, b, p, q), (0, 1, 3, 2)
    ),
    Statement(
        "price_plausible",
        Lemma("plausible-nothing", "Nothing for nothing is plausible.", ("r",), _always, _nothing_is_plausible),
        lambda symbol, terms: z3.Implies(z3.And(terms[0] == 0, terms[1] == 0), symbol(*terms)),
    ),
    Statement(
        "price_plausible",
        Lemma(
            "plausible-price",
            "At a price of zero no payment is plausible.",
            ("p", "q"),
            _is_paid,
            _no_price_is_plausible,
        ),
        lambda symbol, terms: z3.Implies(z3.And(terms[0] > 0, terms[2] == 0), z3.Not(symbol(*terms))),
    ),
)


def statements_about(applications: Applications) -> Iterator[z3.BoolRef]:
    """What the statements say of every application."""
    for (function, _), (_, terms) in applications.instances.items():
        for statement in STATEMENTS:
            if statement.function == function:
                yield statement.formula(CONTRACTS[function].symbol(), terms)
