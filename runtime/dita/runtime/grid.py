"""Market events of any origin on a contract's own grid: prices on ticks, quantities in lots."""

from dataclasses import replace

from dita.runtime.feeds import snap_to_tick
from dita.spec.market import BookTicker, MarketEvent


def on_grid(event: MarketEvent, tick: int, lot: int) -> MarketEvent:
    """The event with its prices on multiples of ``tick`` (outwards) and quantities in whole ``lot``s, at least one.

    Raises FeedError as ``snap_to_tick``.
    """
    event = snap_to_tick(event, tick)
    if isinstance(event, BookTicker):
        bid, ask = _in_lots(event.bid_quantity, lot), _in_lots(event.ask_quantity, lot)
        if (bid, ask) == (event.bid_quantity, event.ask_quantity):
            return event
        return replace(event, bid_quantity=bid, ask_quantity=ask)
    quantity = _in_lots(event.quantity, lot)
    return event if quantity == event.quantity else replace(event, quantity=quantity)


def _in_lots(quantity: int, lot: int) -> int:
    return max(lot, quantity - quantity % lot)
