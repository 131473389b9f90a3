"""What one world trades, and the venue's facts in the units of kernel and adapters: inputs, rows, notionals, times."""

from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from dita.adapters.logic.rows import Evidence, FillRow, OrderRow, OrderState, PositionRow
from dita.spec import inputs
from dita.spec.environment import Frame, Order, OrderName, Tariff
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.scales import NOTIONAL_DIVISOR
from dita.spec.state import Slot
from dita.spec.vocabulary import ADMIT_MARGIN_NS, OrderSide, Part, RejectReason, Side

LOT: Final = 100_000_000  # one coin
TICK: Final = 100
PRICE: Final = 1_000_000_000_000  # reference and fill price of entries, 100 USDT
EXIT_PRICE: Final = 1_030_000_000_000
TAKER_PPB: Final = 500_000
EPOCH_NS: Final = 1_000_000_000_000  # venue time of rank 0
RANK_NS: Final = 10 * ADMIT_MARGIN_NS  # between two changes on the venue
# Fees differ from the prediction, so that books which miss a settlement differ from the wallet.
TARIFF: Final = Tariff(
    entry_notional=LOT * PRICE // NOTIONAL_DIVISOR,
    exit_notional=LOT * EXIT_PRICE // NOTIONAL_DIVISOR,
    entry_fee=4_999_983,
    exit_fee=5_149_971,
)
SYMBOL: Final = "COIN-USDT"
ASSET: Final = "USDT"
TAG: Final = "explored"
_E18_PER_UNIT: Final = 10**10


class Terms(NamedTuple):
    """What a world fixes about its trades."""

    lots: int
    ratios: tuple[int, ...]
    side: Side

    def entry(self, trade: int) -> Input:
        """ENTER."""
        return inputs.enter(
            slot=0, instrument=0, trade=trade, side=self.side, quantity=self.lots * LOT, price=PRICE,
            ratios=self.ratios,
        )  # fmt: skip


def time_ns(rank: int) -> int:
    """Venue time of a rank; rank 0 is before everything."""
    return EPOCH_NS + rank * RANK_NS if rank > 0 else 0


def rank_of(time: int) -> int:
    """The rank behind a time of ``time_ns``."""
    return (time - EPOCH_NS) // RANK_NS if time > 0 else 0


def price_of(attempt: int) -> int:
    """What one coin costs in an entry's fills, or brings in an exit's."""
    return PRICE if attempt == 0 else EXIT_PRICE


def notional(attempt: int, lots: int, rounded: int = 0) -> int:
    """A cumulative notional as the venue reports it; a rounded average price is off by one unit a lot."""
    each = TARIFF.entry_notional if attempt == 0 else TARIFF.exit_notional
    return lots * (each + rounded)


# --- orders, fills and positions as the adapters' logic reads them ---------------------------------------------------


@cache
def client_id(name: OrderName) -> str:
    """The order's name on the wire."""
    return client_order_id(TAG, key_of(name))


def key_of(name: OrderName) -> OrderKey:
    """The order's name in the kernel."""
    return OrderKey(name[0], 0, name[1])


def order_id(name: OrderName) -> str:
    """The venue's own name of an order."""
    return f"{name[0]}.{name[1]}"


def side_of(attempt: int, side: Side) -> OrderSide:
    """What an entry or an exit of a trade on this side does."""
    return OrderSide.BUY if (attempt == 0) == (side == Side.LONG) else OrderSide.SELL


def order_row(order: Order, evidence: Evidence, side: Side, *, rounded: int = 0) -> OrderRow:
    """A reading of an order. ``filled`` -1: the venue does not say how much."""
    state = OrderState.OPEN if order.open else OrderState.CANCELED
    if not order.open and order.filled == order.ordered:
        state = OrderState.FILLED
    one_unit = NOTIONAL_DIVISOR // LOT
    return OrderRow(
        evidence=evidence,
        symbol=SYMBOL,
        order_id=order_id((order.trade, order.attempt)),
        client_order_id=client_id((order.trade, order.attempt)),
        side=side_of(order.attempt, side),
        position_side=side.name,
        state=state,
        status_text=state.name,
        type_text="LIMIT",
        ordered_quantity=order.ordered * LOT,
        cum_quantity=None if order.filled < 0 else order.filled * LOT,
        average_price=price_of(order.attempt) + rounded * one_unit,
        time_ns=time_ns(order.time),
        reduce_only=order.attempt > 0,
    )


def pushed_row(frame: Frame, ordered: int, side: Side) -> OrderRow:
    """The row behind a SNAPSHOT frame: pushed on the stream, or the answer to a question."""
    order = Order(frame.trade, frame.attempt, ordered, frame.quantity, 1 - frame.flag, frame.time)
    return order_row(order, Evidence.QUERY if frame.answer else Evidence.STREAM, side, rounded=frame.rounded)


def fill_rows(attempt: int, lots: int, side: Side, of_order: str, rank: int) -> tuple[FillRow, ...]:
    """One row a lot, with the venue's own fee."""
    fee = TARIFF.entry_fee if attempt == 0 else TARIFF.exit_fee
    return tuple(
        FillRow(
            symbol=SYMBOL, trade_id=f"{of_order}.{number}", order_id=of_order, side=side_of(attempt, side),
            position_side=side.name, price=price_of(attempt), quantity=LOT, commission_e18=-fee * _E18_PER_UNIT,
            commission_asset=ASSET, time_ns=time_ns(rank),
        )
        for number in range(lots)
    )  # fmt: skip


def position_rows(lots: int, side: Side) -> tuple[PositionRow, ...]:
    """What is held, at the price at which it was opened."""
    return (PositionRow(SYMBOL, side, lots * LOT, PRICE, 0, ""),) if lots else ()


# --- the other slot, on the other contract: one lot long, by the same tariff ------------------------------------------


def next_door_entry(trade: int) -> Input:
    """ENTER."""
    return inputs.enter(slot=1, instrument=1, trade=trade, side=Side.LONG, quantity=LOT, price=PRICE)


def next_door_refusal(trade: int) -> Input:
    """The entry is refused."""
    reason = RejectReason.REFUSED
    return inputs.rejected(slot=1, instrument=1, trade=trade, attempt=0, reason=reason, time_ns=time_ns(1))


def next_door_fill(trade: int, attempt: int) -> Input:
    """An order is filled whole."""
    return inputs.order(
        slot=1, instrument=1, trade=trade, attempt=attempt, quantity=LOT, quote=notional(attempt, 1), done=True,
        time_ns=time_ns(1),
    )  # fmt: skip


def next_door_settlements(slot: Slot) -> Iterator[Input]:
    """What its fill rows settle."""
    for tail in slot.tails:
        for part, half in ((Part.ENTRY, tail.entry), (Part.EXIT, tail.exit)):
            if tail.trade and not half.graded:
                attempt = int(part == Part.EXIT)
                fee = TARIFF.exit_fee if attempt else TARIFF.entry_fee
                yield inputs.settle(
                    slot=1, instrument=1, trade=tail.trade, part=part, quantity=LOT, quote=notional(attempt, 1),
                    fee=fee, time_ns=time_ns(1),
                )  # fmt: skip
