"""What the runtime asks of a venue. ``BingxTrader`` and ``BingxRest`` are it; tests stand in with less."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Protocol, TypeVar

from dita.adapters.bingx.clock import Clock, ClockSample
from dita.adapters.bingx.contracts import Contract
from dita.adapters.bingx.metrics import Metric
from dita.adapters.bingx.orders import CancelResult, NewOrder, SubmitResult
from dita.adapters.bingx.rest import Leverage
from dita.adapters.bingx.stream_events import AccountEvent, MarkPrice, StreamGap, StreamRestored, TopicRefused
from dita.adapters.logic.rows import BalanceRow, FillRow, IncomeRow, OrderRow, PositionRow
from dita.runtime.instruments import Instruments
from dita.spec.clearance import Clearance
from dita.spec.market import BookTicker, Depth, MarketTrade

E_co = TypeVar("E_co", covariant=True)
MarketStreamEvent = BookTicker | MarketTrade | Depth | MarkPrice | TopicRefused | StreamGap | StreamRestored


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


class Premises(Protocol):
    """What must have been seen of a venue before an order may be believed absent (clause U4)."""

    echo_seen: bool
    stale_refused: bool

    async def ask(self) -> None:
        """Find out what is not known yet. Raises VenueError when the venue did not answer."""
        ...


class Stream(Protocol[E_co]):
    """Events as they come."""

    def start(self) -> None:
        """Begin."""
        ...

    async def next_event(self) -> E_co:
        """The next one. Raises StreamClosed at the end."""
        ...

    async def aclose(self) -> None:
        """End it."""
        ...


class Link(Protocol):
    """An account that answers, and all that a runtime gets from it. ``Connection`` is it for a venue behind a wire.

    ``answers_at_once``: whether nothing is ever waited for; then what is begun ends within the call that begins it.
    """

    answers_at_once: bool

    @property
    def contracts(self) -> Mapping[str, Contract]:
        """The terms of every symbol."""
        ...

    def venue(self, clearance: Clearance, clock: Clock, read_lag_ns: int) -> Venue:
        """The account as the runtime holds it, with leave to open."""
        ...

    def premises(self, instruments: Instruments, tag: str) -> Premises:
        """What is known of this venue."""
        ...

    def account_stream(self, symbols: tuple[str, ...], rng: Random) -> Stream[AccountEvent]:
        """What the venue pushes about the account."""
        ...

    def market_stream(
        self, symbols: tuple[str, ...], clock: Clock, rng: Random, *, trades: bool, depth: int
    ) -> Stream[MarketStreamEvent]:
        """What the venue pushes about its markets."""
        ...

    async def leverage(self, symbol: str) -> Leverage:
        """What is in force for both sides of a symbol. Raises VenueError."""
        ...

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        """Set it for both sides, a positive whole number. Raises VenueError."""
        ...

    async def cancel_all_after(self, seconds: int) -> None:
        """Wind the venue's dead-man timer, 0 stops it. Raises VenueError."""
        ...

    def metrics(self) -> tuple[Metric, ...]:
        """Everything that was counted for the account, its streams included."""
        ...

    async def aclose(self) -> None:
        """Release everything. Never raises."""
        ...
