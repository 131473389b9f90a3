"""Market feeds: quotes and trades as exact integers, in order of time, from recordings or from a seeded generator."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from dita.runtime.feeds.errors import FeedError
from dita.runtime.feeds.generator import generate
from dita.runtime.feeds.model import load_model
from dita.runtime.feeds.recorded import find_recording, read_recording
from dita.runtime.feeds.replay import merge_by_time, replay
from dita.runtime.feeds.ticks import snap_to_tick
from dita.spec.market import MarketEvent

__all__ = ["SOURCES", "FeedError", "open_feed", "read_recording", "snap_to_tick"]

GENERATOR: Final = "generator"
RECORDED: Final = "recorded"
SOURCES: Final = (GENERATOR, RECORDED)


def open_feed(
    source: str,
    symbols: Sequence[str],
    *,
    seed: int = 0,
    recordings: Path | None = None,
    limit: int | None = None,
    loops: int = 1,
) -> Iterator[MarketEvent]:
    """Market events of ``symbols`` (such as ``BTC-USDT``), merged by time.

    ``generator`` is endless and wants a ``seed``; ``recorded`` plays the folder ``recordings`` (the setting
    ``DITA_RECORDINGS``) ``loops`` times. Either ends after ``limit`` events, if given. Raises FeedError: at once for
    an argument that is wrong or a recording that is not there, while reading for one that cannot be read.
    """
    if source not in SOURCES:
        raise FeedError("source", f"`{source}` is not a feed", f"use one of {', '.join(f'`{one}`' for one in SOURCES)}")
    if not symbols or len(set(symbols)) != len(symbols):
        raise FeedError("symbols", f"`{', '.join(symbols)}` is not a list of different symbols", "name each once")
    if limit is not None and limit < 1:
        raise FeedError("limit", f"`{limit}` is not positive", "give a positive number of events, or none for all")
    if loops < 1:
        raise FeedError("loops", f"`{loops}` is not positive", "play a recording once or more")
    if source == GENERATOR:
        if loops != 1:
            raise FeedError("loops", f"`{loops}` passes of an endless feed", "use loops with the source `recorded`")
        models = [load_model(symbol) for symbol in symbols]
        events = merge_by_time(generate(model, seed) for model in models)
    else:
        events = replay({symbol: find_recording(recordings, symbol) for symbol in symbols}, loops=loops)
    return events if limit is None else islice(events, limit)
