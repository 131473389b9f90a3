"""One account of our own exchange, held in the hand: the trader and the reader that the runtime's port asks for.

Every answer is there when the call returns, and so is what the exchange pushes: whoever listens has heard of an order's
fills before its submit comes back. Of an order that fills at once nothing is told of its being new.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import chain
from typing import Final, cast, final

from dita.adapters.bingx.clock import Clock, ClockSample
from dita.adapters.bingx.contracts import Contract
from dita.adapters.bingx.errors import Call, classify
from dita.adapters.bingx.orders import (
    Accepted,
    CancelKind,
    CancelResult,
    NewOrder,
    Rejected,
    SubmitResult,
    Unknown,
    UnknownReason,
    fault_of,
    position_side,
)
from dita.adapters.bingx.rest import PositionMode
from dita.adapters.bingx.stream_events import AccountEvent, AccountUpdate, OrderUpdate
from dita.adapters.exchange.errors import VenueError as ExchangeRefused
from dita.adapters.exchange.events import OrderUpdate as OrderStep
from dita.adapters.exchange.orders import NewOrder as Request
from dita.adapters.exchange.orders import Order, PositionSide
from dita.adapters.exchange.venue import Venue as Exchange
from dita.adapters.logic.rows import BalanceRow, Evidence, FillRow, IncomeRow, OrderRow, PositionRow
from dita.runtime.direct.rows import fill_row, income_row, order_row, position_row, pushed_row
from dita.spec.clearance import Clearance
from dita.spec.market import MarketEvent
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND
from dita.spec.vocabulary import OrderSide, RejectReason

Listener = Callable[[AccountEvent], Awaitable[None]]

_ANSWERED: Final = 200
_GONE: Final = ("80016", "order does not exist")


async def _nobody(_: AccountEvent) -> None:
    """Before anybody listens there is nothing to tell: no order has been sent."""


@final
class DirectAccount:
    """See the module. Both halves of the port; opening orders need a clearance that lets them."""

    def __init__(
        self, exchange: Exchange, api_key: str, clock: Clock, contracts: Mapping[str, Contract], clearance: Clearance
    ) -> None:
        self._exchange = exchange
        self._engine = exchange.engine
        self._account = exchange.engine.accounts[api_key]
        self._asset = exchange.config.wire.settlement_asset
        self._clock = clock
        self._contracts = contracts
        self._clearance = clearance
        self.listener: Listener = _nobody

    # --- the exchange's world ----------------------------------------------------------------------------------------

    async def feed(self, event: MarketEvent) -> None:
        """One market event: what it fills, triggers or liquidates is told before this returns."""
        engine, now_ns = self._engine, self._exchange.enter()
        engine.feed(event, now_ns)
        await self._tell()

    async def _tell(self) -> None:
        events = self._engine.take_events()
        for index, event in enumerate(events):
            if not isinstance(event, OrderStep):
                if event.reason != "ORDER":
                    await self.listener(AccountUpdate(event.reason, event.time_ns, (), ()))
            elif event.execution != "NEW" or not _goes_on(events[index + 1 :], event.order):
                await self.listener(OrderUpdate(pushed_row(event), event.time_ns))

    # --- trader ------------------------------------------------------------------------------------------------------

    def narrow(self) -> None:
        """See ``Trader``."""
        self._clearance = self._clearance.narrowed()

    async def submit(self, order: NewOrder) -> SubmitResult:
        """See ``Trader``."""
        if not order.reduce_only and self._clearance.reduce_only:
            return Rejected(
                RejectReason.NOT_SENT, None, "no clearance to add exposure: only reduce-only orders may leave"
            )
        fault = fault_of(order, self._contracts.get(order.symbol))
        if fault is not None:
            return Rejected(RejectReason.NOT_SENT, None, fault)
        now_ns = self._exchange.enter()
        try:
            placed = self._engine.submit(self._account, self._request(order), now_ns)
        except ExchangeRefused as refused:
            return _judged(refused)
        await self._tell()
        return Accepted(str(placed.order_id), order.client_order_id, now_ns // NANOSECONDS_PER_MILLISECOND)

    def _request(self, order: NewOrder) -> Request:
        hedge = self._account.hedge_mode
        mode = PositionMode.HEDGE if hedge else PositionMode.ONE_WAY
        return Request(
            symbol=order.symbol,
            side="BUY" if order.side is OrderSide.BUY else "SELL",
            position_side=cast("PositionSide", position_side(order, mode)),
            order_type="LIMIT" if order.limit_price else "MARKET",
            time_in_force="PostOnly" if order.post_only else "GTC",
            quantity=order.quantity,
            price=order.limit_price,
            reduce_only=order.reduce_only and not hedge,
            client_id=order.client_order_id,
        )

    async def cancel(self, symbol: str, client_order_id: str, order_id: str = "") -> CancelResult:
        """See ``Trader``."""
        found = self._account.by_client_id.get(client_order_id)
        if found is None and order_id:
            found = self._account.orders.get(int(order_id))
        return await self._cancelled(found, symbol)

    async def cancel_order_id(self, symbol: str, order_id: str) -> CancelResult:
        """An order that is not ours, by the exchange's id."""
        return await self._cancelled(self._account.orders.get(int(order_id)), symbol)

    async def _cancelled(self, order: Order | None, symbol: str) -> CancelResult:
        if order is None or order.symbol != symbol:
            return CancelResult(CancelKind.NOT_FOUND, *_GONE)
        now_ns = self._exchange.enter()
        if not order.live:
            return CancelResult(CancelKind.ALREADY_DONE, "80018", "order is already filled")
        self._engine.cancel(self._account, order, now_ns)
        await self._tell()
        return CancelResult(CancelKind.REQUESTED, "0", "")

    # --- reader ------------------------------------------------------------------------------------------------------

    async def server_time(self) -> ClockSample:
        """See ``Reader``."""
        ours_ns = self._clock.wall_ns()
        return ClockSample(ours_ns, ours_ns, self._exchange.enter())

    async def query_by_client_id(self, symbol: str, client_order_id: str) -> OrderRow | None:
        """See ``Reader``."""
        return self._row(self._account.by_client_id.get(client_order_id), symbol)

    async def query_by_order_id(self, symbol: str, order_id: str) -> OrderRow | None:
        """See ``Reader``."""
        return self._row(self._account.orders.get(int(order_id)), symbol)

    @staticmethod
    def _row(order: Order | None, symbol: str) -> OrderRow | None:
        return None if order is None or order.symbol != symbol else order_row(order, Evidence.QUERY)

    async def open_orders(self, symbol: str) -> tuple[OrderRow, ...]:
        """See ``Reader``."""
        return tuple(order_row(order, Evidence.LISTING) for order in self._account.live_orders(symbol))

    async def all_orders(self, symbol: str, start_ns: int, end_ns: int) -> tuple[OrderRow, ...]:
        """See ``Reader``: those that are over."""
        return self._orders(symbol, start_ns, end_ns, live=False)

    async def full_orders(self, symbol: str, start_ns: int, end_ns: int) -> tuple[OrderRow, ...]:
        """See ``Reader``."""
        return self._orders(symbol, start_ns, end_ns, live=True)

    def _orders(self, symbol: str, start_ns: int, end_ns: int, *, live: bool) -> tuple[OrderRow, ...]:
        return tuple(
            order_row(order, Evidence.LISTING)
            for order in self._account.orders.values()
            if order.symbol == symbol and (live or not order.live) and start_ns <= order.created_ns <= end_ns
        )

    async def fill_history(
        self, symbol: str, start_ns: int, end_ns: int, order_id: str | None = None
    ) -> tuple[FillRow, ...]:
        """See ``Reader``: oldest first."""
        found: list[FillRow] = []
        for fill in reversed(self._account.fills):
            if fill.time_ns < start_ns:
                break
            if fill.symbol == symbol and fill.time_ns <= end_ns and order_id in (None, str(fill.order_id)):
                found.append(fill_row(fill, self._asset))
        found.reverse()
        return tuple(found)

    async def positions(self, symbol: str | None = None) -> tuple[PositionRow, ...]:
        """See ``Reader``."""
        return tuple(position_row(position) for position in self._account.open_positions(symbol or ""))

    async def balance(self, asset: str) -> BalanceRow:
        """See ``Reader``."""
        account, marks = self._account, self._engine.marks
        free = account.available_margin(marks)
        equity = account.wallet + account.cross_unrealised(marks)
        return BalanceRow(asset, account.wallet, equity, free, max(0, equity - free))

    async def income(
        self, start_ns: int, end_ns: int, income_type: str | None = None, symbol: str | None = None
    ) -> tuple[IncomeRow, ...]:
        """See ``Reader``: oldest first."""
        found: list[IncomeRow] = []
        for row in chain(reversed(self._account.income), reversed(self._account.older_income)):
            if row.time_ns < start_ns:
                break
            if row.time_ns <= end_ns and income_type in (None, row.income_type) and symbol in (None, row.symbol):
                found.append(income_row(row, self._asset))
        found.reverse()
        return tuple(found)


def _goes_on(events: Iterable[object], order: Order) -> bool:
    """Whether more is told of the order."""
    return any(isinstance(event, OrderStep) and event.order is order for event in events)


def _judged(refused: ExchangeRefused) -> Rejected | Unknown:
    """What a refusal proves, by the adapter's own table of codes."""
    code = str(refused.code)
    meaning = classify(Call.SUBMIT, _ANSWERED, code, refused.text)
    if meaning.klass.is_definite:
        return Rejected(meaning.reason, code, refused.text, meaning.klass)
    return Unknown(UnknownReason.AMBIGUOUS, f"code `{code}`: {refused.text}")
