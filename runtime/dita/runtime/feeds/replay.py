"""Several recordings as one stream, once or over and over."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from dita.runtime.feeds.errors import FeedError
from dita.runtime.feeds.recorded import read_recording
from dita.spec.market import BookTicker, MarketEvent, MarketTrade
from dita.spec.scales import NANOSECONDS_PER_SECOND, TIME_MAX_NS

LOOP_PAUSE_NS: Final = NANOSECONDS_PER_SECOND  # between the last event of a pass and the first of the next


def event_time_ns(event: MarketEvent) -> int:
    """The key that streams are merged by."""
    return event.time_ns


def merge_by_time(streams: Iterable[Iterator[MarketEvent]]) -> Iterator[MarketEvent]:
    """One stream in order of time; at equal times the earlier stream comes first, so the result is reproducible."""
    return heapq.merge(*streams, key=event_time_ns)


def replay(recordings: Mapping[str, Path], *, loops: int) -> Iterator[MarketEvent]:
    """Plays recordings (symbol to file) together, ``loops`` times, merged by time.

    Each pass after the first is shifted as a whole, so that it begins ``LOOP_PAUSE_NS`` after the last event before it:
    times never go back and the symbols keep their distance from each other. Prices are not shifted: a new pass begins
    where the recording began, and the step from its end is there to be seen. Raises FeedError as ``read_recording``,
    and where the times would leave the kernel's range.
    """
    shift_ns = 0
    last_ns = 0
    for number in range(loops):
        first_of_pass = True
        for event in merge_by_time(read_recording(path, symbol) for symbol, path in recordings.items()):
            if first_of_pass:
                first_of_pass = False
                shift_ns = 0 if number == 0 else last_ns + LOOP_PAUSE_NS - event.time_ns
            last_ns = event.time_ns + shift_ns
            if last_ns > TIME_MAX_NS:
                raise FeedError("loops", f"pass `{number + 1}` leaves the kernel's range of times", "use fewer loops")
            yield shifted(event, shift_ns) if shift_ns else event


def shifted(event: MarketEvent, shift_ns: int) -> MarketEvent:
    """The event, ``shift_ns`` later."""
    time_ns = event.time_ns + shift_ns
    if isinstance(event, BookTicker):
        return BookTicker(
            event.symbol, event.bid_price, event.bid_quantity, event.ask_price, event.ask_quantity, time_ns
        )
    return MarketTrade(event.symbol, event.price, event.quantity, event.buyer_is_maker, time_ns)
