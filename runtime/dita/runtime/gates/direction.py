"""Direction confirmation: the price must not have moved against an entry over the last quotes."""

from dataclasses import dataclass, field
from typing import Final, final

from dita.runtime.gates.rule import Entry, Gap, Held, News, Passed, Quoted, Verdict
from dita.spec.decisions import Check, Reason
from dita.spec.scales import RATIO_SCALE
from dita.spec.vocabulary import Side

TICKS: Final = 7
AGAINST_PPM: Final = 75  # 0.75 basis points

Mids = tuple[int, ...]
"""Twice the middle of each of the last quotes (bid + ask, which stays an integer), oldest first."""


@final
@dataclass(frozen=True, slots=True)
class Direction:
    """Compares the middle of the newest quote with that of ``ticks`` quotes before.

    Risen by more than ``against_ppm`` contradicts a short, fallen by more a long. As long as there are fewer quotes
    nothing is known, and nothing is opened.
    """

    check: Check = field(default=Check.DIRECTION, init=False)
    ticks: int = TICKS
    against_ppm: int = AGAINST_PPM

    def start(self) -> Mids:
        """No quote yet."""
        return ()

    def see(self, state: Mids, news: News) -> Mids:
        """See ``Gate``."""
        if isinstance(news, Quoted):
            return (*state, news.quote.bid_price + news.quote.ask_price)[-self.ticks - 1 :]
        return () if isinstance(news, Gap) else state

    def judge(self, state: Mids, entry: Entry) -> tuple[Mids, Verdict]:
        """See ``Gate``."""
        if len(state) <= self.ticks:
            return state, Held(Reason.DC_TOO_FEW_TICKS, {"ticks": len(state) - 1, "ticks_min": self.ticks})
        before, now = state[0], state[-1]
        facts: dict[str, int | str] = {
            "side": entry.side.name,
            "ticks": self.ticks,
            "mid_doubled_before": before,
            "mid_doubled_now": now,
            "against_ppm": self.against_ppm,
        }
        against = before - now if entry.side == Side.LONG else now - before
        if against * RATIO_SCALE > before * self.against_ppm:
            return state, Held(Reason.DC_CONTRADICT, facts)
        return state, Passed(facts)
