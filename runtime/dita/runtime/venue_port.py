"""What the runtime asks of a venue. ``BingxTrader`` and ``BingxRest`` are it; tests stand in with less."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from dita.adapters.bingx.clock import Clock, ClockSample
from dita.adapters.bingx.orders import CancelResult, NewOrder, SubmitResult
from dita.adapters.logic.rows import BalanceRow, FillRow, IncomeRow, OrderRow, PositionRow


class Trader(Protocol):
    """Sends orders and cancels; never raises."""

    def narrow(self) -> None:
        """From now on refuse whatever is not reducing."""
        ...

    async def submit(self, order: NewOrder) -> SubmitResult:
        """Place one order."""
        ...

    async def cancel(self, symbol: str, client_order_id: str, order_id: str = "") -> CancelResult:
        """Cancel one order of ours."""
        ...


class Reader(Protocol):
    """Reads the account; raises ``VenueError`` when an answer is not certain."""

    async def server_time(self) -> ClockSample:
        """The venue's clock."""
        ...

    async def query_by_client_id(self, symbol: str, client_order_id: str) -> OrderRow | None:
        """One order of ours."""
        ...

    async def query_by_order_id(self, symbol: str, order_id: str) -> OrderRow | None:
        """One order, by the venue's id."""
        ...

    async def open_orders(self, symbol: str) -> tuple[OrderRow, ...]:
        """Everything that rests on a symbol."""
        ...

    async def all_orders(self, symbol: str, start_ns: int, end_ns: int) -> tuple[OrderRow, ...]:
        """The order history."""
        ...

    async def full_orders(self, symbol: str, start_ns: int, end_ns: int) -> tuple[OrderRow, ...]:
        """Orders of every state."""
        ...

    async def fill_history(
        self, symbol: str, start_ns: int, end_ns: int, order_id: str | None = None
    ) -> tuple[FillRow, ...]:
        """Matches."""
        ...

    async def positions(self, symbol: str | None = None) -> tuple[PositionRow, ...]:
        """Open positions, all of them."""
        ...

    async def balance(self, asset: str) -> BalanceRow:
        """The wallet."""
        ...

    async def income(
        self, start_ns: int, end_ns: int, income_type: str | None = None, symbol: str | None = None
    ) -> tuple[IncomeRow, ...]:
        """The income statement."""
        ...


@dataclass(frozen=True, slots=True)
class Venue:
    """One account at one venue, as the runtime holds it."""

    trader: Trader
    reader: Reader
    cancel_foreign: Callable[[str, str], Awaitable[CancelResult]]  # symbol, the venue's order id
    clock: Clock
    venue_now_ns: Callable[[], int]
    asset: str  # of settlement
    window_ns: int  # how long after its timestamp the venue may still admit a request
    read_lag_ns: int  # how long after an effect a read may not show it
