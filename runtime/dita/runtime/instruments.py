"""The contracts that this runtime trades: number in the kernel, symbol at the venue, terms, and the REGISTER input."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, final

from dita.adapters.bingx.contracts import Contract
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.scales import BOUND, NOTIONAL_DIVISOR

# A price is believed up to 10^(8 - price decimals) USDT: venues quote about six significant digits, so this is a
# hundredfold above the usual (BTC with one decimal: 10,000,000; a coin with five: 1,000).
_PRICE_MAX_EXPONENT: Final = 18


@dataclass(frozen=True, slots=True)
class Instrument:
    """One traded contract."""

    number: int
    contract: Contract

    @property
    def symbol(self) -> str:
        """Its name at the venue."""
        return self.contract.symbol

    @property
    def price_max(self) -> int:
        """Largest price believed, 1e-10 USDT."""
        exponent = _PRICE_MAX_EXPONENT - self.contract.price_precision
        return max(self.contract.tick, int(10**exponent))

    @property
    def quantity_max(self) -> int:
        """Largest order, 1e-8 coins: whole lots, its notional within the kernel's bound at any believed price."""
        most = min(BOUND, BOUND * NOTIONAL_DIVISOR // self.price_max)
        return most - most % self.contract.lot

    def register(self) -> Input:
        """The input that tells the kernel these terms."""
        contract = self.contract
        return inputs.register(
            instrument=self.number,
            lot=contract.lot,
            tick=contract.tick,
            quantity_min=contract.quantity_min,
            notional_min=contract.notional_min,
            price_max=self.price_max,
            quantity_max=self.quantity_max,
            taker_ppb=contract.taker_ppb,
            maker_ppb=contract.maker_ppb,
        )


@final
class Instruments:
    """All of them, by number and by symbol."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._by_number = {one.number: one for one in instruments}
        self._by_symbol = {one.symbol: one for one in self._by_number.values()}

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_number.values())

    def __getitem__(self, number: int) -> Instrument:
        """By number. Raises KeyError."""
        return self._by_number[number]

    def of(self, symbol: str) -> Instrument | None:
        """By symbol."""
        return self._by_symbol.get(symbol)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol."""
        return tuple(self._by_symbol)
