"""What a strategy is to this runtime: a policy that looks at one market event and says what it means to do, and why.

A policy never touches execution: it may be wrong, slow to notice or stubborn, and the kernel decides. Policies are
plug-ins: an entry point in the group ``dita.policies`` names a callable that takes a seeded ``random.Random``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol

from dita.spec.market import MarketEvent
from dita.spec.scales import RATIO_SCALE
from dita.spec.vocabulary import Phase, Side


@dataclass(frozen=True, slots=True)
class MarketView:
    """One market event of one symbol, and what is held there. Units as in ``dita.spec.scales``."""

    symbol: str
    event: MarketEvent
    bid_price: int  # 0 until a quote was seen
    ask_price: int
    phase: Phase  # of the live trade in this symbol; IDLE when there is none
    side: Side
    remaining: int
    opened_at_price: int  # reference price of the live trade
    capital: int


@dataclass(frozen=True, slots=True)
class Open:
    """Enter, at market or at a limit price, with an exit plan of ratios (ppm of what then remains)."""

    side: Side
    why: str
    ratios: tuple[int, ...] = (RATIO_SCALE,)
    limit_price: int = 0
    post_only: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """Close the next leg of the plan, or everything."""

    why: str
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """Do nothing, and why."""

    why: str


Intent = Open | Close
Decision = Intent | Hold


class Policy(Protocol):
    """A strategy. ``wants_trades``: whether it is to see public trades besides quotes."""

    wants_trades: bool

    def on_market(self, view: MarketView) -> Decision:
        """Decide on one event. Called often: must be quick, must not wait. An exception counts as Hold."""
        ...


PolicyMaker = Callable[[Random], Policy]
