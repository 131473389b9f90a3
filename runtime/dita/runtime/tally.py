"""Counts what happens in a session and keeps the newest trades for the page; bounded however long it runs."""

from collections import deque
from dataclasses import dataclass
from typing import Final, final

from dita.runtime.instruments import Instruments
from dita.runtime.lockstep import Stepped
from dita.spec.inputs import Input
from dita.spec.scales import NOTIONAL_DIVISOR
from dita.spec.state import Tail, capital
from dita.spec.vocabulary import Kind, Side, Verdict

_TRADES_KEPT: Final = 200
_POINTS_MAX: Final = 600


@dataclass(frozen=True, slots=True)
class FinishedTrade:
    """One round trip. Prices 1e-10 USDT (averages, rounded down), money 1e-8 USDT; fees as booked when it finished."""

    trade: int
    symbol: str
    side: str
    quantity: int
    entry_price: int
    exit_price: int
    profit: int
    fees: int
    venue_ns: int


@final
class Tally:
    """An engine observer."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self.round_trips = 0
        self.fills = 0
        self.partial_fills = 0
        self.trades: deque[FinishedTrade] = deque(maxlen=_TRADES_KEPT)
        self.capital_points: list[tuple[int, int]] = []  # (round trips, capital)
        self._every = 1

    def observe(self, event: Input, stepped: Stepped) -> None:
        """One step."""
        if event.kind == Kind.ORDER:
            self._order(event, stepped)
        if stepped.outcome.cancel_protection:
            self._finished(event, stepped)

    def _order(self, event: Input, stepped: Stepped) -> None:
        before = stepped.before.slots[event.slot]
        if stepped.outcome.verdict != Verdict.ACCEPTED or before.trade != event.trade:
            return
        known = before.entry.quantity if event.attempt == 0 else before.exit.quantity
        ordered = before.entry.ordered if event.attempt == 0 else before.exit.ordered
        if event.quantity > known:
            self.fills += 1
            if event.quantity < ordered:
                self.partial_fills += 1

    def _finished(self, event: Input, stepped: Stepped) -> None:
        tail = stepped.after.slots[event.slot].tails[0]
        if tail.entry.quantity == 0:
            return
        self.round_trips += 1
        self.trades.append(self._trade(tail, event.time_ns))
        if self.round_trips % self._every == 0:
            self.capital_points.append((self.round_trips, capital(stepped.after.account.ledger)))
            if len(self.capital_points) > _POINTS_MAX:
                self.capital_points = self.capital_points[1::2]
                self._every *= 2

    def _trade(self, tail: Tail, venue_ns: int) -> FinishedTrade:
        entry, exit_ = tail.entry, tail.exit
        earned = exit_.quote - entry.quote
        return FinishedTrade(
            trade=tail.trade,
            symbol=self._instruments[tail.instrument].symbol,
            side=Side(tail.side).name,
            quantity=entry.quantity,
            entry_price=entry.quote * NOTIONAL_DIVISOR // entry.quantity,
            exit_price=exit_.quote * NOTIONAL_DIVISOR // max(1, exit_.quantity),
            profit=earned if tail.side == Side.LONG else -earned,
            fees=entry.fee + exit_.fee,
            venue_ns=venue_ns,
        )
