"""How much to trade: capital × fraction × leverage ÷ price, in exact integers, down to the lot. Floats end here."""

from dataclasses import dataclass

from dita.spec.scales import NOTIONAL_DIVISOR, RATIO_SCALE


@dataclass(frozen=True, slots=True)
class Sizing:
    """The share of capital that one trade uses, both parts per million."""

    fraction_ppm: int
    leverage_ppm: int


@dataclass(frozen=True, slots=True)
class Unsized:
    """No quantity, and every number it came from."""

    reason: str


def quantity_for(
    sizing: Sizing, *, capital: int, price: int, lot: int, quantity_min: int, quantity_max: int
) -> int | Unsized:
    """Quantity of one trade (1e-8 coins), a positive multiple of ``lot`` from quantity_min to quantity_max.

    Capital in 1e-8 USDT, price in 1e-10 USDT. Unsized names the operands when there is no such quantity.
    """
    operands = (
        f"capital `{capital}`, fraction `{sizing.fraction_ppm}`, leverage `{sizing.leverage_ppm}`,"
        f" price `{price}`, lot `{lot}`"
    )
    if min(capital, sizing.fraction_ppm, sizing.leverage_ppm, price, lot) <= 0:
        return Unsized(f"not positive: {operands}")
    notional = capital * sizing.fraction_ppm * sizing.leverage_ppm // (RATIO_SCALE * RATIO_SCALE)
    raw = min(notional * NOTIONAL_DIVISOR // price, quantity_max)
    quantity = raw - raw % lot
    if quantity < max(quantity_min, lot):
        return Unsized(f"`{quantity}` is below the smallest order `{max(quantity_min, lot)}`: {operands}")
    return quantity
