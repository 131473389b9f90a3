"""What a strategy is to this runtime: a policy that looks at one market event and says what it means to do, and why.

A policy never touches execution: it may be wrong, slow to notice or stubborn, and gates, sizing and kernel decide. It
gets a view, which is made for it and cannot be changed, and nothing else. Policies are plug-ins: an entry point in the
group ``dita.policies`` names a callable that takes a seeded ``random.Random``; ``examples/my_policy`` is one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Protocol

from dita.spec.market import MarketEvent
from dita.spec.scales import BOUND, RATIO_SCALE
from dita.spec.vocabulary import LEGS, Phase, Side


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
    next_leg: int = 0  # of the live trade's exit plan; the kernel alone moves it


@dataclass(frozen=True, slots=True)
class Open:
    """Enter, at market or at a limit price, with an exit plan of ratios (ppm of what then remains).

    ``limit_price`` in 1e-10 USDT may be a float; it is put on the tick away from the market, so that it is never worse
    than asked. ``boost`` is what the policy's scan says the leverage should be multiplied by; None: it says nothing.
    """

    side: Side
    why: str
    ratios: tuple[int, ...] = (RATIO_SCALE,)
    limit_price: float = 0
    post_only: bool = False
    boost: float | None = None


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

_SHOWN_CHARACTERS: Final = 100


def fault_of(decision: object) -> str:
    """What is wrong with what a policy has said, by field and value; "" when it is a decision that can be meant.

    Prices and boosts are not looked at: floats meet integers in gates and sizing.
    """
    if isinstance(decision, Hold | Close):  # whatever a Close gives as its reason: nothing keeps a position open
        return ""
    if not isinstance(decision, Open):
        return f"decision: {_shown(decision)} is no Open, Close or Hold"
    said: Any = decision  # a policy is foreign code: the types of the fields are what it says they are, or not
    if not isinstance(said.side, Side) or said.side == Side.NONE:
        return f"side: {_shown(said.side)} is neither LONG nor SHORT"
    if not isinstance(said.why, str):
        return f"why: {_shown(said.why)} is no text"
    ratios: Any = said.ratios
    if type(ratios) is not tuple or not 1 <= len(decision.ratios) <= LEGS:
        return f"ratios: {_shown(decision.ratios)} is no tuple of 1 to {LEGS} ratios"
    wrong = [ratio for ratio in decision.ratios if not _is_whole(ratio) or not 0 <= ratio <= BOUND]
    return f"ratios: {_shown(wrong[0])} is no whole number of ppm" if wrong else ""


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _shown(value: object) -> str:
    return f"`{value!r:.{_SHOWN_CHARACTERS}}`"
