"""Order-book imbalance: the top of the book must not lean against an entry."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple, final

from dita.runtime.gates.rule import Deep, Entry, Gap, Held, News, Passed, Verdict
from dita.spec.decisions import Check, Reason
from dita.spec.scales import RATIO_SCALE
from dita.spec.vocabulary import Side

SNAPSHOTS_MAX: Final = 1000  # in a window: the venue sends a few a second


class Book(NamedTuple):
    """One snapshot: when it arrived, and what its top offers, 1e-8 coins."""

    now_ns: int
    bids: int
    asks: int


@final
@dataclass(frozen=True, slots=True)
class OrderBook:
    """Weighs the quantity of the best ``levels`` of each side, added up over the snapshots of a window.

    The entry's own side (bids for a long, asks for a short) must have at least ``share_min_ppm`` of both together. The
    newest snapshot may be ``age_max_ns`` old; the window reaches back ``window_ns`` from it.
    """

    check: Check = field(default=Check.ORDER_BOOK, init=False)
    levels: int
    window_ns: int
    age_max_ns: int
    share_min_ppm: int

    def start(self) -> tuple[Book, ...]:
        """No book yet."""
        return ()

    def see(self, state: tuple[Book, ...], news: News) -> tuple[Book, ...]:
        """See ``Gate``."""
        if isinstance(news, Gap):
            return ()
        if not isinstance(news, Deep):
            return state
        bids, asks = (
            sum(quantity for _, quantity in side[: self.levels]) for side in (news.depth.bids, news.depth.asks)
        )
        since_ns = news.now_ns - self.window_ns
        kept = tuple(book for book in state if book.now_ns >= since_ns)[1 - SNAPSHOTS_MAX :]
        return (*kept, Book(news.now_ns, bids, asks))

    def judge(self, state: tuple[Book, ...], entry: Entry) -> tuple[tuple[Book, ...], Verdict]:
        """See ``Gate``."""
        if not state:
            return state, Held(Reason.BOOK_UNKNOWN, {})
        age_ns = entry.now_ns - state[-1].now_ns
        facts: dict[str, int | str] = {"age_ns": age_ns, "age_max_ns": self.age_max_ns}
        if age_ns > self.age_max_ns:
            return state, Held(Reason.BOOK_STALE, facts)
        bids, asks = sum(book.bids for book in state), sum(book.asks for book in state)
        facts |= {
            "side": entry.side.name,
            "snapshots": len(state),
            "bids": bids,
            "asks": asks,
            "share_min_ppm": self.share_min_ppm,
        }
        if bids + asks == 0:
            return state, Held(Reason.BOOK_EMPTY, facts)
        own = bids if entry.side == Side.LONG else asks
        if own * RATIO_SCALE < self.share_min_ppm * (bids + asks):
            return state, Held(Reason.BOOK_AGAINST, facts)
        return state, Passed(facts)
