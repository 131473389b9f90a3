"""The dislocation sample: sells when a fall gathers speed in a market that is neither asleep nor wild."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from dita.runtime.policy import Close, Decision, Hold, MarketView, Open
from dita.spec.market import BookTicker
from dita.spec.scales import RATIO_SCALE
from dita.spec.vocabulary import Phase, Side

_SHORT_LEGS: Final = (RATIO_SCALE // 2, RATIO_SCALE)  # half of it, then the rest
_PPB_PER_PPM: Final = 1000
_BOOST_MAX: Final = 3.0


@dataclass(slots=True)
class _Seen:
    """What is remembered of a symbol: the middles of its last quotes (doubled), and for how many a trade was held."""

    mids: tuple[int, ...] = ()
    held: int = 0


@dataclass(slots=True)
class Dislocation:
    """Short on negative velocity divergence, out at a fixed profit in legs, or after some quotes at any price.

    Velocity is how fast the middle moved over so many quotes, parts per billion of it a quote; divergence is the
    velocity over the ``fast`` last quotes less that over the ``slow`` last. Volatility is the mean size of a quote's
    move over the slow ones, in the same unit. Below minus ``divergence_ppb`` the policy sells, if the volatility is
    within its range; the further below, the larger the boost that its scan gives the trade.

    Leg n of the exit plan is closed when the price is n times ``profit_ppm`` better than at the beginning. All of it is
    closed after ``patience`` quotes: a fixed profit alone would wait for ever in a market that goes the other way.
    """

    fast: int = 5
    slow: int = 20
    divergence_ppb: int = 2000
    volatility_min_ppb: int = 100
    volatility_max_ppb: int = 200_000
    profit_ppm: int = 20
    patience: int = 60
    legs: tuple[int, ...] = _SHORT_LEGS
    wants_trades: bool = False
    _seen: dict[str, _Seen] = field(default_factory=dict[str, _Seen])

    def on_market(self, view: MarketView) -> Decision:
        """See the class."""
        if not isinstance(view.event, BookTicker):
            return Hold("no quote")
        seen = self._seen.setdefault(view.symbol, _Seen())
        seen.mids = (*seen.mids, view.bid_price + view.ask_price)[-self.slow - 1 :]
        if view.phase == Phase.POSITION_OPEN:
            seen.held += 1
            return self._out(view, seen.held)
        seen.held = 0
        if view.phase != Phase.IDLE:
            return Hold("an order is under way")
        return self._in(seen.mids)

    def _in(self, mids: tuple[int, ...]) -> Decision:
        if len(mids) <= self.slow:
            return Hold("too few quotes")
        volatility_ppb = sum(abs(_move_ppb(a, b)) for a, b in pairwise(mids)) / self.slow
        if not self.volatility_min_ppb <= volatility_ppb <= self.volatility_max_ppb:
            return Hold("the volatility is out of range")
        fast = _move_ppb(mids[-self.fast - 1], mids[-1]) / self.fast
        divergence_ppb = fast - _move_ppb(mids[0], mids[-1]) / self.slow
        if divergence_ppb > -self.divergence_ppb:
            return Hold("no dislocation")
        boost = min(_BOOST_MAX, -divergence_ppb / self.divergence_ppb)
        why = f"divergence {divergence_ppb:.0f} ppb a quote, volatility {volatility_ppb:.0f}"
        return Open(Side.SHORT, why, ratios=self.legs, boost=boost)

    def _out(self, view: MarketView, held: int) -> Decision:
        if held >= self.patience:
            return Close(f"held for {self.patience} quotes", everything=True)
        better_ppm = (view.opened_at_price - view.ask_price) * RATIO_SCALE // view.opened_at_price
        wanted_ppm = self.profit_ppm * (view.next_leg + 1)
        if better_ppm >= wanted_ppm:
            return Close(f"{better_ppm} ppm better, leg {view.next_leg} wants {wanted_ppm}")
        return Hold("waiting for the profit")


def _move_ppb(before: int, now: int) -> float:
    return (now - before) * RATIO_SCALE * _PPB_PER_PPM / before
