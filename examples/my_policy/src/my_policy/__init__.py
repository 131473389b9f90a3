"""A policy of one's own: buys what has risen over three quotes, sells half of it when it rose on, the rest later."""

from dataclasses import dataclass, field
from random import Random

from dita.runtime.policy import Close, Decision, Hold, MarketView, Open
from dita.spec.market import BookTicker
from dita.spec.vocabulary import Phase, Side

HALF_THEN_ALL = (500_000, 1_000_000)  # parts per million of what is left


@dataclass
class Mine:
    """The fields are its settings, and what it remembers of each symbol."""

    look_back: int = 3  # quotes
    profit_ppm: float = 2.5
    patience: int = 8  # quotes
    wants_trades: bool = False  # quotes are enough
    bids: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    held: dict[str, int] = field(default_factory=dict[str, int])

    def on_market(self, view: MarketView) -> Decision:
        """Decide on one event."""
        if not isinstance(view.event, BookTicker):
            return Hold("no quote")
        bids = self.bids.setdefault(view.symbol, [])
        bids.append(view.bid_price)
        del bids[: -self.look_back - 1]
        if view.phase == Phase.POSITION_OPEN:
            return self.out(view)
        self.held[view.symbol] = 0
        if view.phase != Phase.IDLE:
            return Hold("an order is under way")
        if len(bids) <= self.look_back or bids[-1] <= bids[0]:
            return Hold("it does not rise")
        return Open(Side.LONG, f"rose over {self.look_back} quotes", ratios=HALF_THEN_ALL, boost=1.25)

    def out(self, view: MarketView) -> Decision:
        """Whether to close the next leg, everything, or nothing."""
        self.held[view.symbol] += 1
        if self.held[view.symbol] >= self.patience:
            return Close("out of patience", everything=True)
        risen_ppm = (view.bid_price - view.opened_at_price) * 1e6 / view.opened_at_price
        if risen_ppm >= self.profit_ppm * (view.next_leg + 1):
            return Close(f"rose by {risen_ppm:.1f} ppm")
        return Hold("waiting for more")


def make(_: Random) -> Mine:
    """What the entry point names. The generator of chance is seeded; this policy has no use for it."""
    return Mine()
