"""The two halves that send orders: ``BingxCloser`` cancels and reduces, ``BingxTrader`` opens and needs a clearance."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from dita.adapters.bingx.desk import OrderDesk
from dita.adapters.bingx.errors import VenueError
from dita.adapters.bingx.orders import (
    CancelAllResult,
    CancelResult,
    NewOrder,
    Rejected,
    SubmitResult,
)
from dita.adapters.bingx.stops import NewStop
from dita.adapters.logic.rows import OrderRow, PositionRow
from dita.spec.clearance import Clearance
from dita.spec.scales import NANOSECONDS_PER_SECOND
from dita.spec.vocabulary import OrderSide, RejectReason, Side

# Refusals of a close for its size: the whole position can still be closed by its id (BingX, error codes; clause E5).
TOO_SMALL_CODES: Final = frozenset({"101202", "101400", "101485", "110422", "110425"})
_CLOSE_WITHIN_NS: Final = 10 * NANOSECONDS_PER_SECOND
_FLATTEN_PAUSE_SECONDS: Final = 1.0  # reads lag fills, and one order number may be cancelled once a second


@dataclass(frozen=True, slots=True)
class FlattenReport:
    """What getting flat came to. ``is_flat``: the last read showed neither position nor order on these symbols."""

    is_flat: bool
    rounds: int
    remaining: tuple[PositionRow, ...]
    open_orders: tuple[OrderRow, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BingxCloser:
    """The half that can only cancel and reduce. Needs no clearance: whatever happens, one can get flat."""

    desk: OrderDesk

    async def submit(self, order: NewOrder) -> SubmitResult:
        """Place an order that can only make the position smaller; any other is rejected. Never raises."""
        return await self.desk.submit(order, None)

    async def cancel(self, symbol: str, client_order_id: str, order_id: str = "") -> CancelResult:
        """Cancel one order; see ``OrderDesk.cancel``. Never raises."""
        return await self.desk.cancel(symbol, client_order_id, order_id)

    async def cancel_all(self, symbol: str) -> CancelAllResult:
        """Cancel every order of a symbol. Never raises."""
        return await self.desk.cancel_all(symbol)

    async def protect(self, stop: NewStop) -> SubmitResult:
        """Place a stop for a position; see ``OrderDesk.protect``. Never raises."""
        return await self.desk.protect(stop)

    async def close_whole(self, symbol: str, position_id: str) -> SubmitResult:
        """Close what is too small for an order; see ``OrderDesk.close_whole``. Never raises."""
        return await self.desk.close_whole(symbol, position_id)

    async def close_position(
        self, symbol: str, side: Side, quantity: int, client_order_id: str, limit_price: int = 0
    ) -> SubmitResult:
        """Reduce a LONG or SHORT position by ``quantity`` (1e-8 coins), at market or a limit price. Never raises."""
        order = NewOrder(
            symbol=symbol,
            client_order_id=client_order_id,
            side=OrderSide.SELL if side is Side.LONG else OrderSide.BUY,
            reduce_only=True,
            quantity=quantity,
            limit_price=limit_price,
            send_by_ns=self.desk.rest.api.transport.venue_now_ns() + _CLOSE_WITHIN_NS,
        )
        if side not in (Side.LONG, Side.SHORT):
            return Rejected(RejectReason.NOT_SENT, None, f"side: `{side!r}` is neither LONG nor SHORT")
        return await self.submit(order)

    async def flatten(self, symbols: Sequence[str], id_prefix: str, rounds: int = 10) -> FlattenReport:
        """Cancel and close everything on these symbols, round by round, until a read shows nothing.

        ``id_prefix`` makes the client ids of the closing orders (``prefix-1``, …): give one never used before. A close
        repeated after an unknown one cannot flip the position: it is reduce-only, or for one side only.
        """
        notes: list[str] = []
        held: dict[str, tuple[PositionRow, ...]] = {}
        resting: dict[str, tuple[OrderRow, ...]] = {}
        serial = 0
        for number in range(1, rounds + 1):
            clear = True
            for symbol in symbols:
                cancelled = await self.cancel_all(symbol)
                if not cancelled.confirmed:
                    notes.append(f"{symbol}: cancel all not confirmed: {cancelled.text}")
                try:  # each by itself: what cannot be read keeps nothing else from being closed
                    held[symbol] = await self.desk.rest.positions(symbol)
                    resting[symbol] = await self.desk.rest.open_orders(symbol)
                except VenueError as error:
                    notes.append(str(error))
                    clear = False
            if clear and not any(held.values()) and not any(resting.values()):
                return FlattenReport(True, number, (), (), tuple(notes))
            for row in (row for rows in held.values() for row in rows):
                serial += 1
                closed = await self.close_position(row.symbol, row.side, row.quantity, f"{id_prefix}-{serial}")
                if isinstance(closed, Rejected) and closed.code in TOO_SMALL_CODES and row.position_id:
                    notes.append(f"{row.symbol}: too small for an order: {closed.text}")
                    closed = await self.desk.close_whole(row.symbol, row.position_id)
                notes.append(f"{row.symbol}: close of the {row.side.name} position: {closed}")
            await asyncio.sleep(_FLATTEN_PAUSE_SECONDS)
        positions = tuple(row for rows in held.values() for row in rows)
        orders = tuple(row for rows in resting.values() for row in rows)
        return FlattenReport(False, rounds, positions, orders, tuple(notes))


def _required_clearance(value: object) -> Clearance:
    if not isinstance(value, Clearance):
        given = type(value).__name__
        raise TypeError(f"clearance: a `{given}` permits nothing; load a certified kernel and use its clearance")
    return value


@final
class BingxTrader:
    """The half that can open. Cannot be made without a clearance; a reduce-only clearance lets it reduce only."""

    def __init__(self, desk: OrderDesk, clearance: Clearance) -> None:
        self._desk = desk
        self._clearance = _required_clearance(clearance)

    @property
    def closer(self) -> BingxCloser:
        """The closing half, through the same door."""
        return BingxCloser(self._desk)

    @property
    def reduce_only(self) -> bool:
        """Whether opening orders are refused here."""
        return self._clearance.reduce_only

    def narrow(self) -> None:
        """From now on refuse every order that is not reducing. There is no way back."""
        self._clearance = self._clearance.narrowed()

    async def submit(self, order: NewOrder) -> SubmitResult:
        """Place one order. Never raises; see ``OrderDesk.submit``."""
        return await self._desk.submit(order, self._clearance)

    async def cancel(self, symbol: str, client_order_id: str, order_id: str = "") -> CancelResult:
        """Cancel one order; see ``OrderDesk.cancel``. Never raises."""
        return await self._desk.cancel(symbol, client_order_id, order_id)
