"""What session limits look at: how much was earned or lost this UTC day, how many trades, when a loss ended."""

from typing import Final, NamedTuple

from dita.spec.scales import NANOSECONDS_PER_SECOND
from dita.spec.state import Ledger

DAY_NS: Final = 24 * 3600 * NANOSECONDS_PER_SECOND


def result(ledger: Ledger) -> int:
    """What trading has come to, 1e-8 USDT: realised less fees plus funding; not what was paid in or out."""
    return ledger.realised - ledger.fees + ledger.funding


class TradingDay(NamedTuple):
    """A day by our own clock. ``History`` keeps it along with every journaled input: a restart finds it as it was."""

    number: int = 0  # UTC days since 1970
    result_before: int = 0  # what trading had come to when it began, 1e-8 USDT
    trades: int = 0  # entries of this day that were not rejected
    loss_ended_ns: int = 0  # our clock when the last losing trade finished, of any day; 0: none has

    def on(self, wall_ns: int, result_now: int) -> "TradingDay":
        """The day at that moment. A clock that was set back does not bring a day back."""
        number = wall_ns // DAY_NS
        return self if number <= self.number else TradingDay(number, result_now, 0, self.loss_ended_ns)
