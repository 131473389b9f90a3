"""Session limits: how much may be lost on a day, how many trades it may have, how long to wait after a loss."""

from dataclasses import dataclass, field
from typing import final

from dita.runtime.gates.rule import Entry, Held, News, Passed, Verdict
from dita.spec.decisions import Check, Reason


@final
@dataclass(frozen=True, slots=True)
class SessionLimits:
    """A day is a UTC day by our clock. 0 is no limit.

    What the limits look at is the trading day of the journal, the same for all symbols and the same after a restart;
    so the gate itself remembers nothing. ``loss_max`` in 1e-8 USDT, of what trading has come to since the day began:
    realised less fees plus funding. ``pause_ns`` after the end of a losing trade; a wall clock that is set back makes
    the pause longer, never shorter.
    """

    check: Check = field(default=Check.SESSION_LIMITS, init=False)
    loss_max: int = 0
    trades_max: int = 0
    pause_ns: int = 0

    def start(self) -> None:
        """Nothing."""

    def see(self, state: None, news: News) -> None:
        """Nothing."""

    def judge(self, state: None, entry: Entry) -> tuple[None, Verdict]:
        """See ``Gate``."""
        day = entry.day.on(entry.wall_ns, entry.result)
        lost = day.result_before - entry.result
        facts = {"day": day.number, "lost": lost, "loss_max": self.loss_max}
        if self.loss_max and lost >= self.loss_max:
            return state, Held(Reason.DAILY_LOSS, facts)
        facts |= {"trades": day.trades, "trades_max": self.trades_max}
        if self.trades_max and day.trades >= self.trades_max:
            return state, Held(Reason.DAILY_TRADES, facts)
        if self.pause_ns and day.loss_ended_ns:
            since_ns = entry.wall_ns - day.loss_ended_ns
            facts |= {"since_loss_ns": since_ns, "pause_ns": self.pause_ns}
            if since_ns < self.pause_ns:
                return state, Held(Reason.COOLING_DOWN, facts)
        return state, Passed(facts)
