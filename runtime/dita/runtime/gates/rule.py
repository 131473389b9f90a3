"""What every gate is: the news that it sees, the entry that it judges, the verdict that it gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from dita.runtime.trading_day import TradingDay
from dita.spec.decisions import Check, Feature, Reason
from dita.spec.market import BookTicker, Depth
from dita.spec.scales import RATIO_SCALE
from dita.spec.vocabulary import Side

Facts = Mapping[str, int | str]
"""What a verdict was made from, by names that end in their unit."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """A quote has arrived. ``now_ns``: our monotonic clock then."""

    quote: BookTicker
    now_ns: int


@dataclass(frozen=True, slots=True)
class Deep:
    """The top of the book has arrived."""

    depth: Depth
    now_ns: int


@dataclass(frozen=True, slots=True)
class Gap:
    """The market stream was interrupted: what was seen before does not go on with what will be seen."""


News = Quoted | Deep | Gap


@dataclass(frozen=True, slots=True)
class Entry:
    """A trade that a policy wants to open, and all that a gate may know about the moment."""

    symbol: str
    side: Side
    now_ns: int  # our monotonic clock
    event_age_ns: int  # by the venue's clock: how long ago the event was made on which the policy decided
    wall_ns: int  # our wall clock, for what is counted by the day
    day: TradingDay
    result: int  # what trading has come to, 1e-8 USDT (``trading_day.result``)
    boost: object = None  # what the policy's own scan says, if anything: foreign, so anything
    features: Mapping[Feature, object] = field(default_factory=dict[Feature, object])


@dataclass(frozen=True, slots=True)
class Passed:
    """The entry may go on. ``boost_ppm`` multiplies its leverage."""

    facts: Facts
    boost_ppm: int = RATIO_SCALE


@dataclass(frozen=True, slots=True)
class Held:
    """The entry is not made."""

    reason: Reason
    facts: Facts


Verdict = Passed | Held

S = TypeVar("S")


class Gate(Protocol[S]):
    """A rule over a state of its own. All three are pure: the same arguments give the same answer."""

    @property
    def check(self) -> Check:
        """Its place in the row."""
        ...

    def start(self) -> S:
        """The state of a symbol of which nothing has been seen."""
        ...

    def see(self, state: S, news: News) -> S:
        """Take news in."""
        ...

    def judge(self, state: S, entry: Entry) -> tuple[S, Verdict]:
        """Judge an entry."""
        ...
