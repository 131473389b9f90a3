"""Quotes and trades of a finer price grid, put on a coarser one."""

from dita.runtime.feeds.errors import FeedError
from dita.spec.market import BookTicker, MarketEvent, MarketTrade


def snap_to_tick(event: MarketEvent, tick: int) -> MarketEvent:
    """The event with its prices on multiples of ``tick`` (units of 1e-10): the bid down, the ask up.

    Rounding outwards never shows a better price than was there, and keeps the bid below the ask. A trade follows the
    side it hit: down where the aggressor sold (it met a bid), up where it bought. An event already on the grid comes
    back as it is. Raises FeedError for a tick below 1 and for a price that rounds to zero.
    """
    if tick < 1:
        raise FeedError("tick", f"`{tick}` is not positive", "take the tick from the venue's contract list")
    if isinstance(event, BookTicker):
        bid = event.bid_price - event.bid_price % tick
        ask = event.ask_price + -event.ask_price % tick
        if bid == event.bid_price and ask == event.ask_price:
            return event
        _refuse_zero(bid, event.bid_price, tick)
        return BookTicker(event.symbol, bid, event.bid_quantity, ask, event.ask_quantity, event.time_ns)
    remainder = event.price % tick
    if remainder == 0:
        return event
    price = event.price - remainder if event.buyer_is_maker else event.price - remainder + tick
    _refuse_zero(price, event.price, tick)
    return MarketTrade(event.symbol, price, event.quantity, event.buyer_is_maker, event.time_ns)


def _refuse_zero(snapped: int, price: int, tick: int) -> None:
    if snapped == 0:
        raise FeedError("tick", f"price `{price}` is below one tick of `{tick}`", "use the tick of this contract")
