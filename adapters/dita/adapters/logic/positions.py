"""POSITION readings: both sides, what rests that the kernel does not wait for, and as of when (clauses T2, T5, T6)."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from dita.adapters.logic.rows import OrderRow, PositionRow
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey, parse_client_order_id
from dita.spec.scales import FOREIGN_ORDERS_MAX, NANOSECONDS_PER_SECOND
from dita.spec.vocabulary import Side

NOBODYS: Final[Mapping[str, OrderKey]] = MappingProxyType({})
# How long after an effect a read of the venue may not show it yet (sampling lags fills by up to seconds, observed).
READ_LAG_NS: Final = 5 * NANOSECONDS_PER_SECOND


class PositionReading(NamedTuple):
    """One instrument as the venue shows it. Quantities 1e-8 coins; every effect up to ``as_of_ns`` is in it."""

    long_quantity: int
    short_quantity: int
    foreign: tuple[OrderRow, ...]  # resting orders that are not ours
    strays: tuple[OrderRow, ...]  # resting orders of ours that the kernel does not wait for
    as_of_ns: int


def position_reading(
    *,
    symbol: str,
    positions: Iterable[PositionRow],
    open_orders: Iterable[OrderRow],
    tag: str,
    expected: frozenset[OrderKey],
    protective: frozenset[str],
    server_before_ns: int,
    owned: Mapping[str, OrderKey] = NOBODYS,
    read_lag_ns: int = READ_LAG_NS,
) -> PositionReading:
    """Read both complete lists together; ``server_before_ns`` is the venue's own clock, read before either of them.

    ``expected``: orders the kernel has in flight. ``protective``: venue ids of stops that protect a live trade.
    ``owned``: our orders by the venue's id, because open orders have been listed without their client id (observed):
    one of ours must not be taken for foreign and cancelled.
    """
    held = {Side.LONG: 0, Side.SHORT: 0}
    for row in positions:
        if row.symbol == symbol:
            held[row.side] += row.quantity
    foreign: list[OrderRow] = []
    strays: list[OrderRow] = []
    for order in open_orders:
        if order.symbol != symbol or order.order_id in protective:
            continue
        key = parse_client_order_id(tag, order.client_order_id)
        if key is None and order.client_order_id == "":
            key = owned.get(order.order_id)
        if key is None:
            foreign.append(order)
        elif key not in expected:
            strays.append(order)
    return PositionReading(
        held[Side.LONG], held[Side.SHORT], tuple(foreign), tuple(strays), max(0, server_before_ns - read_lag_ns)
    )


def position_input(slot: int, instrument: int, reading: PositionReading) -> Input:
    """The POSITION input of a reading."""
    return inputs.position(
        slot=slot,
        instrument=instrument,
        long_quantity=reading.long_quantity,
        short_quantity=reading.short_quantity,
        foreign_orders=min(len(reading.foreign) + len(reading.strays), FOREIGN_ORDERS_MAX),
        as_of_ns=reading.as_of_ns,
    )
