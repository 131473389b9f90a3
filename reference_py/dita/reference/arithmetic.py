"""Every product and every division of the kernel, each in a named function, all exact integers (clause N4).

The Rust kernel has the same functions, never inlined, so that proofs about machine code can treat them by name.
All arguments are within the bounds of ``dita.spec.scales``; every function is total on them.
"""

from dita.spec.scales import BOUND, NOTIONAL_DIVISOR, RATE_SCALE, RATIO_SCALE


def half_even(numerator: int, denominator: int) -> int:
    """The one rounding of the kernel: numerator / denominator, ties to even. Numerator >= 0, denominator > 0."""
    quotient = numerator // denominator
    doubled = 2 * (numerator - quotient * denominator)
    if doubled > denominator:
        return quotient + 1
    if doubled == denominator and quotient % 2 == 1:
        return quotient + 1
    return quotient


def notional(quantity: int, price: int) -> int:
    """Quantity (1e-8) times price (1e-10) as money (1e-8), rounded down."""
    return quantity * price // NOTIONAL_DIVISOR


def cost_share(cost: int, whole: int, part: int) -> int:
    """Clause L3: the cost of ``part`` of a ``whole`` that cost ``cost``; exact at both ends, so legs telescope."""
    if part == 0:
        return 0
    if part == whole:
        return cost
    return half_even(cost * part, whole)


def predicted_fee(quote: int, fee_rate_ppb: int) -> int:
    """Fee expected on a notional, 1e-8 USDT."""
    return half_even(quote * fee_rate_ppb, RATE_SCALE)


def calibrated_rate(rate_ppb: int, calibration_ppm: int) -> int:
    """The model's fee rate corrected by what the account really paid, parts per billion."""
    return half_even(rate_ppb * calibration_ppm, RATIO_SCALE)


def is_multiple(value: int, step: int) -> bool:
    """Whether value (>= 0) is a whole number of steps (> 0)."""
    return value % step == 0


def minimum_quantity(quantity_min: int, notional_min: int, ref_price: int, lot: int) -> int:
    """Clause E4: the smallest quantity that can be entered and surely closed again, at least one lot.

    Twice the venue's smallest notional leaves room for the price to halve. Above BOUND it is BOUND + 1: no order
    can be that large.
    """
    by_notional = -(-2 * notional_min * NOTIONAL_DIVISOR // ref_price)
    smallest = -(-max(quantity_min, by_notional, 1) // lot) * lot
    return min(smallest, BOUND + 1)


def leg_quantity(remaining: int, ratio_ppm: int, lot: int, minimum: int) -> int:
    """Clause E5: a leg's quantity: its ratio of what remains in whole lots, never leaving an unclosable rest."""
    share = remaining * ratio_ppm // RATIO_SCALE
    quantity = share - share % lot
    if quantity < minimum:
        quantity = minimum
    if quantity > remaining or remaining - quantity < minimum:
        quantity = remaining
    return quantity


def price_plausible(quote: int, quantity: int, ref_price: int) -> bool:
    """Clause O3: the average price lies within a quarter and four times the reference (catches unit errors)."""
    at_reference = quantity * ref_price
    paid = quote * NOTIONAL_DIVISOR
    return at_reference <= 4 * paid and paid <= 4 * at_reference


def within_leverage(exposure: int, capital: int, leverage_max_ppm: int) -> bool:
    """Clause G9: aggregate notional at most capital times the largest leverage."""
    return exposure * RATIO_SCALE <= capital * leverage_max_ppm


def fits_scales(lot: int, tick: int, quantity_max: int, price_max: int) -> bool:
    """Clause N5: every fill's notional is a whole number of money units, and the largest order's fits the bound."""
    return lot * tick % NOTIONAL_DIVISOR == 0 and quantity_max * price_max // NOTIONAL_DIVISOR <= BOUND
