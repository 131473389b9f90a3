"""The market of a run: a price that wanders on its contract's grid, with books of the size of our orders."""

from random import Random
from typing import Final, final

from dita.adapters.exchange import Contract
from dita.spec.market import BookTicker
from dita.spec.scales import MONEY_SCALE, NOTIONAL_DIVISOR

_STEP_TICKS: Final = 12
_SPREAD_TICKS: Final = 3


@final
class Walk:
    """One contract's prices (1e-10 USDT) and quantities (1e-8 coins); equal seeds walk alike."""

    def __init__(self, contract: Contract, start_price: int, depth_usdt: tuple[int, int], seed: int) -> None:
        """``depth_usdt``: what a level holds, at least and at most; our orders are of about a thousand."""
        self._contract = contract
        self._depth_usdt = depth_usdt
        self._rng = Random(f"walk {contract.symbol} {seed}")
        self._bid = start_price
        self._floor = start_price // 2
        self._ceiling = start_price * 2

    def step(self, time_ns: int) -> BookTicker:
        """The next ticker."""
        tick = self._contract.tick
        moved = self._bid + self._rng.randint(-_STEP_TICKS, _STEP_TICKS) * tick
        self._bid = min(self._ceiling, max(self._floor, moved))
        ask = self._bid + self._rng.randint(1, _SPREAD_TICKS) * tick
        return BookTicker(self._contract.symbol, self._bid, self._quantity(), ask, self._quantity(), time_ns)

    def _quantity(self) -> int:
        money = self._rng.randint(*self._depth_usdt) * MONEY_SCALE
        lots = money * NOTIONAL_DIVISOR // (self._bid * self._contract.lot)
        return max(1, lots) * self._contract.lot
