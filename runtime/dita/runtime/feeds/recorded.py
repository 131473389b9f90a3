"""Recorded Binance USD-M perpetual streams as market events, in the exchange's order and on its clock.

A recording is a gzip file with one message a line (see ``messages``). The lines stand in the order in which they
arrived; the quote and the trade streams are separate connections, each in order, of which the trades run up to some
110 ms late. A replayed venue must show them in the order in which they happened, so events wait in a small heap until
none older can still arrive (``REORDER_WINDOW_NS``); among equal times the arrival decides. Times stay the exchange's
own, untouched. Memory is the heap and one line: the length of a recording does not matter.
"""

import gzip
import heapq
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dita.runtime.feeds.errors import FeedError, echo
from dita.runtime.feeds.messages import LINE_BYTES_MAX, LineParser, MalformedLineError
from dita.spec.market import MarketEvent
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND

REORDER_WINDOW_NS: Final = NANOSECONDS_PER_SECOND
PENDING_MAX: Final = 1 << 15  # events within one reorder window; the busiest second of the recordings has 2,411
READ_BYTES: Final = 1 << 16

RECORDING_FILES: Final = {"BTC-USDT": "btcusdt_20240808.gz", "ETH-USDT": "ethusdt_20240808.gz"}

_CUT_OR_REPLACE: Final = "repair or remove this line, or take a fresh copy of the recording"
_FRESH_COPY: Final = "take a fresh copy of the recording"


def find_recording(folder: Path | None, symbol: str) -> Path:
    """The recording of a symbol in the folder named by the setting ``DITA_RECORDINGS``.

    Raises FeedError if the setting is empty, the symbol was not recorded, or folder or file are not there.
    """
    name = RECORDING_FILES.get(symbol)
    if name is None:
        known = ", ".join(f"`{one}`" for one in RECORDING_FILES)
        raise FeedError("symbol", f"`{symbol}` has no recording", f"use one of {known}, or the source `generator`")
    if folder is None:
        raise FeedError(
            "DITA_RECORDINGS",
            "is not set",
            f"set it to the folder that holds `{name}`, or use the source `generator`",
        )
    if not folder.is_dir():
        raise FeedError(
            str(folder), "is not a folder", "set DITA_RECORDINGS to the folder of the recordings, or use `generator`"
        )
    path = folder / name
    if not path.is_file():
        raise FeedError(str(path), "is not there", "copy the recording into this folder, or use the source `generator`")
    return path


def read_recording(path: Path, symbol: str, *, limit: int | None = None) -> Iterator[MarketEvent]:
    """Quotes and trades of one recording, by the exchange's time; at most ``limit`` of them.

    ``symbol`` is the venue's name, such as ``BTC-USDT``; lines of another symbol are an error. Raises FeedError, with
    file and line, for a file that is missing, unreadable, not gzip, truncated, empty, or holds a malformed line.
    """
    if limit is not None and limit < 1:
        raise FeedError("limit", f"`{limit}` is not positive", "give a positive number of events, or none for all")
    events = _in_venue_order(path, symbol)
    if limit is None:
        yield from events
        return
    for count, event in enumerate(events, start=1):
        yield event
        if count == limit:
            return


def _in_venue_order(path: Path, symbol: str) -> Iterator[MarketEvent]:
    waiting: list[tuple[int, int, MarketEvent]] = []
    newest_ns = 0
    released_ns = 0
    number = 0
    for number, event in _read_events(path, symbol):
        time_ns = event.time_ns
        if time_ns < released_ns:
            late_ms = (newest_ns - time_ns) // NANOSECONDS_PER_MILLISECOND
            reason = f"time `T` goes back by {late_ms} ms, more than two streams can"
            raise FeedError(str(path), reason, _CUT_OR_REPLACE, line=number)
        heapq.heappush(waiting, (time_ns, number, event))
        if time_ns > newest_ns:
            newest_ns = time_ns
            safe_ns = newest_ns - REORDER_WINDOW_NS
            while waiting[0][0] <= safe_ns:
                released_ns, _, ready = heapq.heappop(waiting)
                yield ready
        if len(waiting) > PENDING_MAX:
            raise FeedError(
                str(path), f"has more than {PENDING_MAX} events within one second", _CUT_OR_REPLACE, line=number
            )
    if number == 0:
        raise FeedError(str(path), "holds no quote and no trade", _FRESH_COPY)
    while waiting:
        yield heapq.heappop(waiting)[2]


def _read_events(path: Path, symbol: str) -> Iterator[tuple[int, MarketEvent]]:
    try:
        parser = LineParser(symbol)
    except MalformedLineError as error:
        raise FeedError("symbol", str(error), "use a name such as `BTC-USDT`") from error
    number = 0
    try:
        with gzip.open(path, "rb") as unpacked, io.BufferedReader(unpacked, READ_BYTES) as lines:
            while line := lines.readline(LINE_BYTES_MAX + 1):
                number += 1
                event = parser.parse(line)
                if event is not None:
                    yield number, event
    except MalformedLineError as error:
        raise FeedError(str(path), str(error), _CUT_OR_REPLACE, line=number) from error
    except EOFError as error:
        reason = "the gzip file is truncated somewhere after this line"
        raise FeedError(str(path), reason, _FRESH_COPY, line=number) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        reason = f"the gzip file is damaged somewhere after this line: {echo(error)}"
        raise FeedError(str(path), reason, _FRESH_COPY, line=number) from error
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise FeedError(str(path), reason, "check that the file exists and may be read") from error
    if number == 0:
        raise FeedError(str(path), "is empty", _FRESH_COPY)
