"""What to do about a position that the kernel cannot explain: adopt what is too much, book as closed what is missing.

The decision only. Whoever drives it reads twice before it acts, and queries the latest exit order before anything is
booked as closed without us; the explorer drives it, too, and acts on the first reading.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dita.adapters.logic.positions import PositionReading
from dita.adapters.logic.rows import PositionRow
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.scales import NOTIONAL_DIVISOR
from dita.spec.state import Slot, State, remaining
from dita.spec.vocabulary import Phase, Side


class Difference(NamedTuple):
    """What makes two readings the same difference."""

    trade: int
    phase: int
    remaining: int
    long_quantity: int
    short_quantity: int
    resting: tuple[str, ...]


def difference(state: State, instrument: int, reading: PositionReading) -> Difference:
    """Kernel and venue, side by side."""
    slot = live_slot(state, instrument)
    return Difference(
        trade=0 if slot is None else slot.trade,
        phase=Phase.IDLE if slot is None else slot.phase,
        remaining=0 if slot is None else remaining(slot),
        long_quantity=reading.long_quantity,
        short_quantity=reading.short_quantity,
        resting=tuple(sorted(row.order_id for row in (*reading.foreign, *reading.strays))),
    )


def live_slot(state: State, instrument: int) -> Slot | None:
    """The slot whose trade is live in an instrument."""
    holder = state.instruments[instrument].holder
    return None if holder == 0 else state.slots[holder - 1]


def decide(
    state: State, instrument: int, symbol: str, reading: PositionReading, positions: Iterable[PositionRow]
) -> Input | None:
    """The input that brings books and venue together, or None: wait, or an order must end first.

    ``positions`` are the rows of the reading, of any symbol. What is too much is adopted once the slot is idle.
    """
    slot = live_slot(state, instrument)
    if slot is None:
        prices = {row.side: row.average_price for row in positions if row.symbol == symbol}
        return _adoption(state, instrument, reading, prices)
    if slot.phase != Phase.POSITION_OPEN:
        return None
    number = state.instruments[instrument].holder - 1
    is_long = slot.side == Side.LONG
    own, other = reading.long_quantity, reading.short_quantity
    if not is_long:
        own, other = other, own
    left = remaining(slot)
    if own < left:
        gone = slot.closed.external_quantity + left - own
        quote = slot.closed.external_quote + max(1, (left - own) * slot.ref_price // NOTIONAL_DIVISOR)
        return inputs.external_close(
            slot=number, instrument=instrument, trade=slot.trade, quantity=gone, quote=quote, time_ns=reading.as_of_ns
        )
    if own > left or other > 0:
        return inputs.flatten(slot=number, instrument=instrument, trade=slot.trade)
    return None


def _adoption(state: State, instrument: int, reading: PositionReading, prices: Mapping[Side, int]) -> Input | None:
    side, quantity = Side.LONG, reading.long_quantity
    if quantity == 0:
        side, quantity = Side.SHORT, reading.short_quantity
    slot = idle_slot(state)
    price = prices.get(side, 0)
    if quantity == 0 or slot is None or price == 0:
        return None
    return inputs.adopt(
        slot=slot, instrument=instrument, trade=state.account.trade_high_water + 1, side=side,
        quantity=quantity, quote=max(1, quantity * price // NOTIONAL_DIVISOR), price=price,
        time_ns=reading.as_of_ns,
    )  # fmt: skip


def idle_slot(state: State) -> int | None:
    """An idle slot that can take a trade, the one with the fewest unsettled tails; None when there is none."""
    best: int | None = None
    fewest = 0
    for number, slot in enumerate(state.slots):
        if slot.phase != Phase.IDLE:
            continue
        unsettled = sum(1 for tail in slot.tails if not (tail.entry.graded and tail.exit.graded))
        if unsettled < len(slot.tails) and (best is None or unsettled < fewest):
            best, fewest = number, unsettled
    return best
