"""The environment model's half of the mirror: one account, moved by nothing but the functions of the model.

What the model leaves open (which order fills, how much, at what price) is settled here the way a book of best prices
does it: orders without a price first, then by age, no more than is on offer.
"""

from typing import Final

from dita.spec import environment as env
from dita.spec.environment import Answer, Frame, FrameKind, Order, OrderName, Tariff, Venue
from dita.spec.vocabulary import Side

LOT: Final = 10_000  # 1e-8 coins
TICK: Final = 1_000_000_000  # 1e-10 USDT
LOW: Final = 60_000 * 10**10  # where buys rest
HIGH: Final = 61_000 * 10**10  # where sells rest
FAR_BID: Final = 59_000 * 10**10
FAR_ASK: Final = 62_000 * 10**10
MARK: Final = (FAR_BID + FAR_ASK) // 2
FEE_PPB: Final = 1_000_000  # a tenth of a percent: every fee is a whole number of 1e-8 USDT
SEED: Final = 1_000_000 * 10**8


def money_of_lot(price: int) -> int:
    """What one lot costs, in 1e-8 USDT."""
    return LOT * price // 10**10


def tariff_at(buy: int, sell: int, side: Side, fee_ppb: int = FEE_PPB) -> Tariff:
    """What a lot costs when buys and sells meet these prices."""
    entry, exit_ = (buy, sell) if side == Side.LONG else (sell, buy)
    notionals = money_of_lot(entry), money_of_lot(exit_)
    return Tariff(*notionals, *(notional * fee_ppb // 10**9 for notional in notionals))


class ModelAccount:
    """The venue as the model has it, and what it expects to be said."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.venue = Venue()
        self.cash = 0  # 1e-8 USDT
        self.now_ms = 0
        self.times_ms: dict[int, int] = {}  # what the clock showed when the model's clock had that rank
        self.said: list[Frame] = []  # since ``heard``
        self.priceless: set[OrderName] = set()  # orders that the market fills at any price
        self._opened_at: set[Tariff] = set()  # what the lots held were opened at
        self._ages: dict[OrderName, int] = {}  # the model's time of admission
        self._at_limit = tariff_at(LOW, HIGH, side)
        self._worse = tariff_at(LOW + TICK, HIGH - TICK, side)
        self._forced = tariff_at(MARK, MARK, side, fee_ppb=0)

    @property
    def held(self) -> int:
        """Lots held."""
        return env.position_of(self.venue)

    @property
    def wallet(self) -> int | None:
        """The balance, in 1e-8 USDT; None while lots are held that were opened at different prices."""
        if self.held == 0:
            self._opened_at.clear()
        if len(self._opened_at) > 1:
            return None
        cost = sum(env.position_cost(tariff, self.side, self.held) for tariff in self._opened_at)
        return env.wallet_reading(self.venue, SEED + self.cash + cost).quantity

    def order(self, name: OrderName) -> Order | None:
        """The order of that name."""
        return env.order_named(self.venue, *name)

    def live(self) -> list[Order]:
        """Orders that may still fill."""
        return [order for order in self.venue.orders if order.open == 1]

    def heard(self) -> list[Frame]:
        """What was said since the last time."""
        said, self.said = self.said, []
        return said

    # -- requests

    def arrives(self, request: Frame, *, late: bool, offered: int = 0, at_limit: bool = True) -> Answer:
        """A request reaches the venue; an admitted order takes what is left of the offer."""
        venue, answer, said = env.answered(self.venue, request, late=late)
        self._become(venue, said)
        if answer == Answer.DONE and request.kind == FrameKind.SUBMIT:
            name = request.trade, request.attempt
            order = self.order(name)
            assert order is not None, f"the model admitted {name} and does not know it"
            self._ages[name] = order.time
            self._take(order, offered, at_limit=at_limit)
        return answer

    # -- the venue's own doing, and another hand's

    def matched(self, *, opens: bool, lots: int, at_limit: bool) -> int:
        """The market offers so many lots to entries or to exits; what it still offers afterwards."""
        waiting = [order for order in self.live() if (order.attempt == 0) == opens]
        waiting.sort(key=lambda order: (not self._is_priceless(order), self._admitted(order)))
        for order in waiting:
            if at_limit or self._is_priceless(order):
                lots = self._take(order, lots, at_limit=at_limit)
        return lots

    def ends(self, orders: list[Order]) -> None:
        """Open orders are over with what they have."""
        for order in orders:
            self._become(*env.ended(self.venue, order))

    def closed_by_hand(self, lots: int, *, forced: bool = False) -> None:
        """Lots leave the position without an order of ours: another client's at the market, or by force at the mark."""
        self._become(env.closed_by_hand(self.venue, lots))
        tariff = self._forced if forced else self._worse
        self.cash += env.cash_of(tariff, self.side, opens=False, lots=lots)

    # -- inside

    def _become(self, venue: Venue, said: Frame | None = None) -> None:
        self.venue = venue
        self.times_ms.setdefault(venue.now, self.now_ms)
        if said is not None:
            self.said.append(said)

    def _take(self, order: Order, offered: int, *, at_limit: bool) -> int:
        """Fill an order from an offer; one that has nothing left to reduce is ended when the market reaches it."""
        opens = order.attempt == 0
        if not offered:
            return 0
        lots = min(offered, order.ordered - order.filled, offered if opens else self.held)
        if lots:
            if self.held == 0:
                self._opened_at.clear()
            tariff = self._at_limit if at_limit else self._worse
            self._opened_at |= {tariff} if opens else set()
            self._become(*env.filled(self.venue, order, lots))
            self.cash += env.cash_of(tariff, self.side, opens=opens, lots=lots)
            order = env.order_named(self.venue, order.trade, order.attempt) or order
        if order.open == 1 and not opens and not self.held and offered > lots:
            self._become(*env.ended(self.venue, order))
        return offered - lots

    def _is_priceless(self, order: Order) -> bool:
        return (order.trade, order.attempt) in self.priceless

    def _admitted(self, order: Order) -> int:
        return self._ages[(order.trade, order.attempt)]
