"""Small policies: one that never trades, one that bets on reversion, one that tosses a coin."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Final

from dita.runtime.policy import Close, Decision, Hold, MarketView, Open
from dita.spec.scales import RATIO_SCALE
from dita.spec.vocabulary import Phase, Side

_HALF: Final = RATIO_SCALE // 2
_PATIENCE: Final = 3  # a coin gives a waiting entry so many times longer than it holds a position


@dataclass(slots=True)
class Idle:
    """Never trades: for watching and for reconciling."""

    wants_trades: bool = True

    def on_market(self, view: MarketView) -> Decision:
        """Always Hold."""
        return Hold(f"idle by choice in {view.symbol}")


@dataclass(slots=True)
class _Average:
    """Slow average of a price in integers, 1/16 of the way each time."""

    price: int = 0

    def follow(self, price: int) -> int:
        self.price = price if self.price == 0 else self.price + (price - self.price) // 16
        return self.price


@dataclass(slots=True)
class Reversion:
    """Bets that a move away from the recent average comes back; closes when it did, or after some quotes.

    Meant to trade often: with its default threshold it acts on nearly every pause between trades.
    """

    threshold_ppm: int = 2
    patience: int = 6  # quotes for which a position is held at most
    legs: tuple[int, ...] = (_HALF, RATIO_SCALE)
    wants_trades: bool = False
    _averages: dict[str, _Average] = field(default_factory=dict[str, _Average])
    _held: Counter[str] = field(default_factory=Counter[str])

    def on_market(self, view: MarketView) -> Decision:
        """See the class."""
        if view.bid_price == 0:
            return Hold("no quote yet")
        mid = (view.bid_price + view.ask_price) // 2
        average = self._averages.setdefault(view.symbol, _Average()).follow(mid)
        away_ppm = (mid - average) * RATIO_SCALE // average
        if view.phase == Phase.POSITION_OPEN:
            self._held[view.symbol] += 1
            if self._held[view.symbol] >= self.patience:
                return Close(f"held for {self.patience} quotes")
            is_back = away_ppm >= 0 if view.side == Side.LONG else away_ppm <= 0
            return Close("back at the average") if is_back else Hold("waiting for the average")
        self._held[view.symbol] = 0
        if view.phase != Phase.IDLE:
            return Hold("an order is under way")
        if abs(away_ppm) < self.threshold_ppm:
            return Hold("too near to the average")
        side = Side.SHORT if away_ppm > 0 else Side.LONG
        return Open(side, f"{away_ppm} ppm from the average", ratios=self.legs)


@dataclass(slots=True)
class Coin:
    """Opens and closes at random: every path of the engine is taken sooner or later."""

    rng: Random
    open_chance: int = 4  # one in so many events
    close_chance: int = 4
    limit_chance: int = 0  # one in so many entries waits in the book for its price; 0: none
    wants_trades: bool = True

    def on_market(self, view: MarketView) -> Decision:
        """See the class."""
        waits = view.phase == Phase.ENTRY_WORKING and self.limit_chance > 0
        if view.bid_price == 0 or not (waits or view.phase in (Phase.IDLE, Phase.POSITION_OPEN)):
            return Hold("nothing to decide")
        if waits:
            if self.rng.randrange(_PATIENCE * self.close_chance):
                return Hold("the coin says wait")
            return Close("the coin says give it up", everything=self.rng.randrange(2) == 0)
        if view.phase == Phase.POSITION_OPEN:
            if self.rng.randrange(self.close_chance):
                return Hold("the coin says stay")
            return Close("the coin says go", everything=self.rng.randrange(4) == 0)
        if self.rng.randrange(self.open_chance):
            return Hold("the coin says stay out")
        legs = self.rng.randint(1, 3)
        ratios = (*(self.rng.randint(RATIO_SCALE // 5, _HALF) for _ in range(legs - 1)), RATIO_SCALE)
        side = self.rng.choice((Side.LONG, Side.SHORT))
        if self.limit_chance and not self.rng.randrange(self.limit_chance):
            near = view.bid_price if side == Side.LONG else view.ask_price
            return Open(side, "the coin says queue", ratios, near, post_only=self.rng.randrange(2) == 0)
        return Open(side, "the coin says go", ratios)
