"""How much to trade: capital × fraction × leverage × boost ÷ price, in exact integers, down to the lot.

A number that cannot be traded with gives no quantity, but the reason and every operand. Exits are not sized here: the
kernel alone knows what is held.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from dita.runtime.foreign_numbers import NotANumber, positive_units
from dita.spec.decisions import Reason
from dita.spec.scales import NOTIONAL_DIVISOR, PRICE_SCALE, RATIO_SCALE
from dita.spec.vocabulary import Side

PRICE_FLOOR: Final = PRICE_SCALE // 10**8  # 1e-8 USDT
_DIVISOR: Final = RATIO_SCALE**3


@dataclass(frozen=True, slots=True)
class Sizing:
    """The share of capital that one trade uses, its leverage, and that of all trades together; parts per million."""

    fraction_ppm: int
    leverage_ppm: int
    leverage_max_ppm: int


class Contract(NamedTuple):
    """What a contract can trade, 1e-8 coins, and its tick, 1e-10 USDT."""

    lot: int
    quantity_min: int
    quantity_max: int
    tick: int


class Sized(NamedTuple):
    """A quantity, 1e-8 coins, and what it was made from."""

    quantity: int
    facts: Mapping[str, int | str]


class Unsized(NamedTuple):
    """No quantity, why, and every number that it would have been made from."""

    reason: Reason
    facts: Mapping[str, int | str]


def quantity_for(
    sizing: Sizing, contract: Contract, *, capital: int, exposure: int, price: int, boost_ppm: int = RATIO_SCALE
) -> Sized | Unsized:
    """Quantity of one trade: the largest number of whole lots that the share of capital buys.

    Capital, and ``exposure`` of all live trades, in 1e-8 USDT; price in 1e-10 USDT. The margin of a trade is its
    notional by ``leverage_ppm``, as the venue reckons it; a boost makes a trade larger, not the venue's leverage.
    """
    facts: dict[str, int | str] = {
        "capital": capital,
        "exposure": exposure,
        "fraction_ppm": sizing.fraction_ppm,
        "leverage_ppm": sizing.leverage_ppm,
        "leverage_max_ppm": sizing.leverage_max_ppm,
        "boost_ppm": boost_ppm,
        "price": price,
        "lot": contract.lot,
    }
    if min(capital, sizing.fraction_ppm, sizing.leverage_ppm, boost_ppm, price, contract.lot) <= 0:
        return Unsized(Reason.NOT_POSITIVE, facts)
    if price < PRICE_FLOOR:
        return Unsized(Reason.BELOW_PRICE_FLOOR, facts | {"price_floor": PRICE_FLOOR})
    money = capital * sizing.fraction_ppm * sizing.leverage_ppm * boost_ppm
    raw = min(money * NOTIONAL_DIVISOR // (price * _DIVISOR), contract.quantity_max)
    quantity = raw - raw % contract.lot
    notional = -(-quantity * price // NOTIONAL_DIVISOR)
    facts |= {"quantity": quantity, "notional": notional}
    smallest = max(contract.quantity_min, contract.lot)
    if quantity < smallest:
        return Unsized(Reason.BELOW_SMALLEST_ORDER, facts | {"quantity_min": smallest})
    together = (exposure + notional) * RATIO_SCALE
    if together > capital * sizing.leverage_max_ppm:
        return Unsized(Reason.ABOVE_LEVERAGE, facts)
    if together > capital * sizing.leverage_ppm:
        return Unsized(Reason.ABOVE_MARGIN, facts)
    return Sized(quantity, facts)


def limit_price_for(said: object, side: Side, tick: int) -> int | Unsized:
    """A policy's limit price on the tick, never worse than it said: down for a long, up for a short. 0: at market."""
    if isinstance(said, int | float) and said == 0:
        return 0
    price = positive_units(said, 1)
    if isinstance(price, NotANumber):
        return Unsized(price.reason, {"name": "limit_price", "value": price.shown})
    ticks = price // tick if side == Side.LONG else -(-price // tick)
    if ticks * tick < PRICE_FLOOR:
        return Unsized(Reason.BELOW_PRICE_FLOOR, {"name": "limit_price", "value": int(price), "tick": tick})
    return ticks * tick
