"""The fee model held against the account: what fills should have cost by the venue's rates, and what they did cost.

The model fee of a fill is its notional times the rate of its role. Rows that do not say their role are counted and not
compared: a maker's fee beside a taker's rate would say nothing. Sums are exact in 1e-18 USDT and divided once.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, NamedTuple

from dita.adapters.logic.arithmetic import half_even
from dita.adapters.logic.rows import FillRow
from dita.spec.scales import RATE_SCALE, RATIO_SCALE

WARN_PPM: Final = 10_000
REFUSE_PPM: Final = 50_000
_WEIGHT: Final = 8  # a settled half moves the average by an eighth of the way
_AVERAGE_SCALE: Final = 10**12  # of the average: small steps are not lost in its rounding
_AVERAGE_MAX: Final = 4 * _AVERAGE_SCALE  # the kernel takes no more


class FeeTerms(NamedTuple):
    """What the venue says a symbol costs, parts per billion of the notional."""

    taker_ppb: int
    maker_ppb: int


class FeeSum(NamedTuple):
    """Fees of some fills, 1e-18 USDT, positive when paid. ``silent``: rows that did not say their role."""

    rows: int
    silent: int
    model_e18: int
    settled_e18: int


class Agreement(Enum):
    """How model and account agree."""

    NOTHING = "nothing to compare"
    AGREES = "agrees"
    DOUBTFUL = "doubtful"
    REFUSED = "refused"


def model_fee_e18(row: FillRow, terms: FeeTerms) -> int | None:
    """What the fill should have cost; None when the venue did not say whether it was maker or taker."""
    if row.is_maker is None:
        return None
    rate_ppb = terms.maker_ppb if row.is_maker else terms.taker_ppb
    return half_even(row.price * row.quantity * rate_ppb, RATE_SCALE)


def fee_sum(rows: Iterable[FillRow], terms: Mapping[str, FeeTerms]) -> FeeSum:
    """Add up distinct rows of the symbols in ``terms``; others are left out."""
    count = silent = model_e18 = settled_e18 = 0
    for row in {(row.symbol, row.trade_id): row for row in rows if row.symbol in terms}.values():
        fee_e18 = model_fee_e18(row, terms[row.symbol])
        if fee_e18 is None:
            silent += 1
            continue
        count += 1
        model_e18 += fee_e18
        settled_e18 -= row.commission_e18
    return FeeSum(count, silent, model_e18, settled_e18)


def agreement(fees: FeeSum) -> Agreement:
    """Under 1 % apart agrees, under 5 % is doubtful, all else is refused; a fee where none was expected, too."""
    apart = abs(fees.settled_e18 - fees.model_e18) * RATIO_SCALE
    if fees.rows == 0:
        return Agreement.NOTHING
    if apart == 0 or apart < WARN_PPM * fees.model_e18:
        return Agreement.AGREES
    if apart < REFUSE_PPM * fees.model_e18:
        return Agreement.DOUBTFUL
    return Agreement.REFUSED


def ratio_ppm(fees: FeeSum) -> int | None:
    """Settled over model fee in parts per million; None when the model expects none."""
    return None if fees.model_e18 <= 0 else half_even(fees.settled_e18 * RATIO_SCALE, fees.model_e18)


class Calibration(NamedTuple):
    """Settled over model fee as an exponential average (1e-12), and over how many settled halves."""

    average_e12: int = _AVERAGE_SCALE
    samples: int = 0

    @property
    def ratio_ppm(self) -> int:
        """Rounded for the kernel, which takes no ratio below one in a million."""
        return max(1, half_even(self.average_e12 * RATIO_SCALE, _AVERAGE_SCALE))

    @classmethod
    def from_ppm(cls, ppm: int) -> "Calibration":
        """Go on from a ratio that was kept."""
        return cls(ppm * (_AVERAGE_SCALE // RATIO_SCALE))


def calibrated(before: Calibration, fees: FeeSum) -> Calibration:
    """The average after one more settled half; unchanged by one that says nothing. Rebates pull it down to 0."""
    if fees.model_e18 <= 0:
        return before
    sample = half_even(fees.settled_e18 * _AVERAGE_SCALE, fees.model_e18)
    moved = before.average_e12 + half_even(sample - before.average_e12, _WEIGHT)
    return Calibration(min(max(0, moved), _AVERAGE_MAX), before.samples + 1)
