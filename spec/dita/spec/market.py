"""Market data as it reaches a policy: integers in the scales of ``dita.spec.scales``, times in UTC nanoseconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BookTicker:
    """Best bid and ask of one symbol. Prices in 1e-10 USDT, quantities in 1e-8 coins; ``time_ns`` is the venue's."""

    symbol: str
    bid_price: int
    bid_quantity: int
    ask_price: int
    ask_quantity: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class MarketTrade:
    """One public trade. ``buyer_is_maker`` means the aggressor sold (venue field ``m``)."""

    symbol: str
    price: int
    quantity: int
    buyer_is_maker: bool
    time_ns: int


@dataclass(frozen=True, slots=True)
class Depth:
    """The top of one book, both sides best first: (price in 1e-10 USDT, quantity in 1e-8 coins). A whole snapshot."""

    symbol: str
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    time_ns: int


MarketEvent = BookTicker | MarketTrade
"""What a policy sees and a feed plays. ``Depth`` is none of these: a book is made of them, not one of them."""
