"""Stale data: nothing is opened on a quote that is missing or old, nor on an event that was long on its way."""

from dataclasses import dataclass, field
from typing import final

from dita.runtime.gates.rule import Entry, Gap, Held, News, Passed, Quoted, Verdict
from dita.spec.decisions import Check, Reason


@final
@dataclass(frozen=True, slots=True)
class StaleData:
    """The state is when the newest quote arrived, None before the first one and after a gap.

    ``age_max_ns``: since the newest quote arrived, by our clock. ``lag_max_ns``: since the venue made the event on
    which the policy decides, by the venue's clock; 0 does not look at it (a market played back has old times).
    """

    check: Check = field(default=Check.STALE_DATA, init=False)
    age_max_ns: int
    lag_max_ns: int = 0

    def start(self) -> int | None:
        """No quote yet."""
        return None

    def see(self, state: int | None, news: News) -> int | None:
        """See ``Gate``."""
        if isinstance(news, Quoted):
            return news.now_ns
        return None if isinstance(news, Gap) else state

    def judge(self, state: int | None, entry: Entry) -> tuple[int | None, Verdict]:
        """See ``Gate``."""
        if state is None:
            return state, Held(Reason.NO_QUOTE, {})
        age_ns = entry.now_ns - state
        facts = {"age_ns": age_ns, "age_max_ns": self.age_max_ns}
        if age_ns > self.age_max_ns:
            return state, Held(Reason.QUOTE_STALE, facts)
        if self.lag_max_ns:
            facts |= {"lag_ns": entry.event_age_ns, "lag_max_ns": self.lag_max_ns}
            if entry.event_age_ns > self.lag_max_ns:
                return state, Held(Reason.QUOTE_LATE, facts)
        return state, Passed(facts)
