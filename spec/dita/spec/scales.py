"""Fixed-point scales and bounds: every number behind the kernel's boundary is an integer in one of these units.

Clause N1: prices are in 1e-10, quantities in 1e-8 coins, money in 1e-8 USDT, times in UTC nanoseconds, ratios in
parts per million, fee rates in parts per billion. Clause N2: a stored amount is at most ``BOUND`` in magnitude, so
that a sum of up to eight of them cannot wrap a signed 64-bit word.
"""

from typing import Final

PRICE_SCALE: Final = 10_000_000_000  # units of 1e-10 USDT
QUANTITY_SCALE: Final = 100_000_000  # units of 1e-8 coins
MONEY_SCALE: Final = 100_000_000  # units of 1e-8 USDT
RATIO_SCALE: Final = 1_000_000  # parts per million
RATE_SCALE: Final = 1_000_000_000  # parts per billion

# price (1e-10) * quantity (1e-8) = 1e-18; divided by this it is money (1e-8).
NOTIONAL_DIVISOR: Final = 10_000_000_000

BOUND: Final = 1 << 60  # every stored price, quantity and amount of money: |x| <= BOUND
TIME_MAX_NS: Final = 1 << 62  # year 2116; times are never summed, so they may be larger than BOUND
TRADE_ID_MAX: Final = 1 << 40
ATTEMPT_MAX: Final = 1 << 20
INCOME_ROWS_MAX: Final = 1 << 40
FOREIGN_ORDERS_MAX: Final = 1 << 20

NANOSECONDS_PER_SECOND: Final = 1_000_000_000
NANOSECONDS_PER_MILLISECOND: Final = 1_000_000
