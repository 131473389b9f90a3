"""Recordings as files: order, time, limits, replay in a loop, and every way in which a file can be bad."""

import gzip
import json
import os
import tracemalloc
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dita.runtime.feeds import FeedError, open_feed, read_recording, snap_to_tick
from dita.runtime.feeds.messages import LINE_BYTES_MAX
from dita.runtime.feeds.recorded import PENDING_MAX, RECORDING_FILES, REORDER_WINDOW_NS, find_recording
from dita.runtime.feeds.replay import LOOP_PAUSE_NS
from dita.spec.market import BookTicker, MarketEvent, MarketTrade
from dita.spec.scales import TIME_MAX_NS

MILLISECOND = 10**6
START_MS = 1_723_161_256_000


def quote_line(time_ms: int, number: int, *, symbol: str = "BTCUSDT", bid: str = "61800.20") -> bytes:
    data = {
        "e": "bookTicker", "u": number, "s": symbol, "b": bid, "B": "2.507", "a": "99999.30", "A": "2.510",
        "T": time_ms, "E": time_ms,
    }  # fmt: skip
    return _line({"stream": f"{symbol.lower()}@bookTicker", "data": data})


def trade_line(time_ms: int, number: int, *, symbol: str = "BTCUSDT") -> bytes:
    data = {
        "e": "trade", "E": time_ms, "T": time_ms, "s": symbol, "t": number, "p": "61800.30", "q": "0.006",
        "X": "MARKET", "m": False,
    }  # fmt: skip
    return _line({"stream": f"{symbol.lower()}@trade", "data": data})


def depth_line(time_ms: int) -> bytes:
    data = {
        "e": "depthUpdate", "E": time_ms, "T": time_ms, "s": "BTCUSDT", "U": 1, "u": 2, "pu": 0,
        "b": [["61800.20", "0.000"]], "a": [],
    }  # fmt: skip
    return _line({"stream": "btcusdt@depth@0ms", "data": data})


def _line(message: dict[str, object]) -> bytes:
    return b"1723161255088169167 " + json.dumps(message, separators=(",", ":")).encode() + b"\n"


def write(path: Path, *lines: bytes) -> Path:
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.writelines(lines)
    return path


def failure(path: Path, *, symbol: str = "BTC-USDT") -> FeedError:
    with pytest.raises(FeedError) as caught:
        list(read_recording(path, symbol))
    return caught.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two short recordings, of different length and not in step."""
    write(
        tmp_path / "btcusdt_20240808.gz",
        quote_line(START_MS, 1),
        depth_line(START_MS),
        trade_line(START_MS + 5, 1),
        quote_line(START_MS + 40, 2),
    )
    write(
        tmp_path / "ethusdt_20240808.gz",
        quote_line(START_MS + 3, 1, symbol="ETHUSDT"),
        quote_line(START_MS + 70, 2, symbol="ETHUSDT"),
    )
    return tmp_path


def test_events_come_in_the_order_of_the_exchanges_time(tmp_path: Path) -> None:
    """A trade that arrived after a later quote is played before it; at equal times the first to arrive is first."""
    path = write(
        tmp_path / "r.gz",
        quote_line(START_MS, 1),
        quote_line(START_MS + 110, 2),
        trade_line(START_MS, 1),
        trade_line(START_MS + 110, 2),
        quote_line(START_MS + 5000, 3),
    )
    got = [(type(event), event.time_ns // MILLISECOND - START_MS) for event in read_recording(path, "BTC-USDT")]

    expected = [(BookTicker, 0), (MarketTrade, 0), (BookTicker, 110), (MarketTrade, 110), (BookTicker, 5000)]
    assert expected == got


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3000), st.integers(0, 900)), min_size=1, max_size=60))
def test_two_late_streams_play_as_one_sorted_one(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[bool, int, int]]
) -> None:
    """However two ordered streams interleave within the window, the result is their stable sort by time."""
    now = 0
    lines: list[bytes] = []
    times: list[tuple[int, int]] = []
    for number, (is_trade, gap, late) in enumerate(rows):
        now += gap
        stamp = START_MS + now - (late if is_trade else 0)
        lines.append((trade_line if is_trade else quote_line)(stamp, number))
        times.append((stamp, number))
    path = write(tmp_path_factory.mktemp("late") / "r.gz", *lines)
    got = [event.time_ns // MILLISECOND for event in read_recording(path, "BTC-USDT")]

    assert got == [stamp for stamp, _ in sorted(times)]


def test_time_that_goes_back_further_than_the_window_is_an_error(tmp_path: Path) -> None:
    """An event older than what was already played is refused with its line, never played out of order."""
    window_ms = REORDER_WINDOW_NS // MILLISECOND
    lines = [quote_line(START_MS, 1), quote_line(START_MS + 1, 2), quote_line(START_MS + 1 + window_ms, 3)]
    path = write(tmp_path / "r.gz", *lines, trade_line(START_MS, 1))
    error = failure(path)

    assert (error.line, error.source) == (4, str(path))
    assert f"goes back by {window_ms + 1} ms" in error.reason


def test_too_much_in_one_window_is_an_error(tmp_path: Path) -> None:
    """A file whose clock stands still cannot fill the memory with events that wait for their turn."""
    with gzip.open(tmp_path / "r.gz", "wb", compresslevel=1) as file:
        for number in range(PENDING_MAX + 1):
            file.write(trade_line(START_MS, number))
    error = failure(tmp_path / "r.gz")

    assert "within one second" in error.reason
    assert error.line == PENDING_MAX + 1


def test_a_long_recording_is_read_in_little_memory(tmp_path: Path) -> None:
    """The peak is that of the window and the buffers: a small part of the text that is read."""
    count = 20_000
    size = 0
    with gzip.open(tmp_path / "r.gz", "wb", compresslevel=1) as file:
        for number in range(count):
            size += file.write(quote_line(START_MS + 20 * number, number))
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_recording(tmp_path / "r.gz", "BTC-USDT")) == count
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < size // 4


@pytest.mark.parametrize("limit", [1, 2, 3, 99])
def test_limit_ends_the_stream(tmp_path: Path, limit: int) -> None:
    """No more events than asked for, fewer only if the file has fewer."""
    lines = [quote_line(START_MS + 2000 * number, number) for number in range(3)]
    path = write(tmp_path / "r.gz", *lines)
    whole = list(read_recording(path, "BTC-USDT"))

    assert list(read_recording(path, "BTC-USDT", limit=limit)) == whole[:limit]


def test_a_limit_of_nothing_is_refused(folder: Path) -> None:
    """A limit below one is a mistake, not an empty stream."""
    with pytest.raises(FeedError, match="`limit`: `0` is not positive"):
        next(read_recording(folder / "btcusdt_20240808.gz", "BTC-USDT", limit=0))


def test_damage_behind_the_limit_is_not_reached(tmp_path: Path) -> None:
    """Reading is lazy: what a limit leaves unread is not judged, and without the limit it is."""
    lines = [quote_line(START_MS + 2000 * number, number) for number in range(3)]
    path = write(tmp_path / "r.gz", *lines, b"garbage\n")

    assert len(list(read_recording(path, "BTC-USDT", limit=1))) == 1
    assert failure(path).line == 4


def test_a_malformed_line_is_named(folder: Path) -> None:
    """The error of a bad line says which file, which line, what is wrong with it, and what to do."""
    path = write(folder / "bad.gz", quote_line(START_MS, 1), depth_line(START_MS), b"not a message\n")
    error = failure(path)

    assert (error.source, error.line) == (str(path), 3)
    assert "`not`" in error.reason
    assert "fresh copy" in error.next_step
    assert str(error) == f"`{path}` line 3: {error.reason}; {error.next_step}"


def test_garbage_between_depth_updates_is_noticed(tmp_path: Path) -> None:
    """Depth is not used, yet a depth line with garbage in it does not pass."""
    bad = depth_line(START_MS).replace(b'"0.000"', b'"0.0O0"')
    path = write(tmp_path / "r.gz", quote_line(START_MS, 1), bad)

    assert failure(path).line == 2


def test_an_overlong_line_is_an_error_and_not_read_whole(tmp_path: Path) -> None:
    """A line that never ends is refused after the limit, whatever it holds."""
    path = write(tmp_path / "r.gz", quote_line(START_MS, 1), b"1 " + b"0" * (4 * LINE_BYTES_MAX))
    error = failure(path)

    assert error.line == 2
    assert "longer than" in error.reason


@pytest.mark.parametrize("kept_percent", [5, 50, 95, 99])
def test_a_truncated_file_is_an_error(tmp_path: Path, kept_percent: int) -> None:
    """A recording whose end is missing never passes for a complete one, wherever it was cut."""
    path = write(tmp_path / "r.gz", *(quote_line(START_MS + number, number * 7919) for number in range(3000)))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * kept_percent // 100])
    error = failure(path)

    assert "truncated" in error.reason
    assert error.source == str(path)


def test_a_file_without_its_last_byte_is_an_error(tmp_path: Path) -> None:
    """Even the last byte of the gzip trailer is missed, although every line could be read."""
    path = write(tmp_path / "r.gz", quote_line(START_MS, 1))
    path.write_bytes(path.read_bytes()[:-1])

    assert "truncated" in failure(path).reason


def test_a_flipped_bit_is_an_error(tmp_path: Path) -> None:
    """Damage that still unpacks is found by gzip's checksum."""
    path = write(tmp_path / "r.gz", quote_line(START_MS, 1))
    content = bytearray(path.read_bytes())
    content[-5] ^= 1  # the checksum's last byte
    path.write_bytes(bytes(content))

    assert "damaged" in failure(path).reason


def test_what_is_no_recording_is_an_error(tmp_path: Path) -> None:
    """Plain text, an empty file, an empty gzip, one without events, a folder, nothing: each has its words."""
    (tmp_path / "plain").write_bytes(quote_line(START_MS, 1))
    (tmp_path / "nothing").write_bytes(b"")
    write(tmp_path / "hollow")
    write(tmp_path / "depth", depth_line(START_MS))
    reasons = {
        name: failure(tmp_path / name).reason for name in ("plain", "nothing", "hollow", "depth", ".", "missing")
    }

    assert "damaged" in reasons["plain"]
    assert reasons["nothing"] == reasons["hollow"] == "is empty"
    assert reasons["depth"] == "holds no quote and no trade"
    assert reasons["."] == "cannot be read: Is a directory"
    assert reasons["missing"] == "cannot be read: No such file or directory"


def test_the_wrong_symbol_is_an_error(folder: Path) -> None:
    """A recording of another symbol than asked for is refused at its first line, a name of no symbol at once."""
    assert "`ETHUSDT` is not the recording's `BTCUSDT`" in failure(folder / "ethusdt_20240808.gz").reason
    assert failure(folder / "ethusdt_20240808.gz", symbol="ETHUSDT").source == "symbol"


def test_two_symbols_are_merged_by_time(folder: Path) -> None:
    """The recorded source plays all symbols as one stream in order of time."""
    got = [
        (event.symbol, event.time_ns // MILLISECOND - START_MS)
        for event in open_feed("recorded", ["BTC-USDT", "ETH-USDT"], recordings=folder)
    ]

    expected = [("BTC-USDT", 0), ("ETH-USDT", 3), ("BTC-USDT", 5), ("BTC-USDT", 40), ("ETH-USDT", 70)]
    assert expected == got


def test_a_loop_shifts_every_pass_as_a_whole(folder: Path) -> None:
    """The third pass is the first, later by twice the length and pause; symbols keep their distance; time rises."""
    once = list(open_feed("recorded", ["BTC-USDT", "ETH-USDT"], recordings=folder))
    thrice = list(open_feed("recorded", ["BTC-USDT", "ETH-USDT"], recordings=folder, loops=3))
    length_ns = 70 * MILLISECOND + LOOP_PAUSE_NS

    assert thrice[:5] == once
    for number in range(15):
        first, later = once[number % 5], thrice[number]
        assert later.time_ns == first.time_ns + (number // 5) * length_ns
        assert _without_time(later) == _without_time(first)


def _without_time(event: MarketEvent) -> tuple[object, ...]:
    if isinstance(event, BookTicker):
        return (event.symbol, event.bid_price, event.bid_quantity, event.ask_price, event.ask_quantity)
    return (event.symbol, event.price, event.quantity, event.buyer_is_maker)


def test_a_limit_counts_across_passes(folder: Path) -> None:
    """Seven events of a recording of five are one pass and two of the next."""
    looped = list(open_feed("recorded", ["BTC-USDT", "ETH-USDT"], recordings=folder, loops=9))

    assert list(open_feed("recorded", ["BTC-USDT", "ETH-USDT"], recordings=folder, loops=9, limit=7)) == looped[:7]


def test_loops_end_before_time_does(tmp_path: Path) -> None:
    """A loop that would leave the kernel's range of times ends with an error that says so."""
    last_ms = TIME_MAX_NS // MILLISECOND
    write(tmp_path / "btcusdt_20240808.gz", quote_line(last_ms - 10, 1), quote_line(last_ms, 2))
    feed = open_feed("recorded", ["BTC-USDT"], recordings=tmp_path, loops=2)

    assert len([next(feed), next(feed)]) == 2
    with pytest.raises(FeedError, match="pass `2` leaves the kernel's range of times"):
        next(feed)


def test_missing_recordings_are_refused_when_the_feed_is_opened(folder: Path) -> None:
    """Without setting, folder, file or symbol the call itself fails and says what to set, before any event."""
    (folder / "ethusdt_20240808.gz").unlink()
    cases: list[tuple[Path | None, str, str]] = [
        (None, "BTC-USDT", "`DITA_RECORDINGS`: is not set; set it to the folder that holds `btcusdt_20240808.gz`"),
        (folder / "no", "BTC-USDT", "is not a folder; set DITA_RECORDINGS"),
        (folder, "ETH-USDT", "is not there; copy the recording into this folder"),
        (folder, "SOL-USDT", "`symbol`: `SOL-USDT` has no recording; use one of `BTC-USDT`, `ETH-USDT`"),
    ]
    for where, symbol, words in cases:
        with pytest.raises(FeedError) as caught:
            open_feed("recorded", [symbol], recordings=where)

        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"source": "live"}, "`source`: `live` is not a feed; use one of `generator`, `recorded`"),
        ({"symbols": []}, "`symbols`: `` is not a list of different symbols"),
        ({"symbols": ["BTC-USDT", "BTC-USDT"]}, "is not a list of different symbols"),
        ({"symbols": ["DOGE-USDT"]}, "`DOGE-USDT` has no generator parameters; use one of `BTC-USDT`, `ETH-USDT`"),
        ({"limit": 0}, "`limit`: `0` is not positive"),
        ({"loops": 0}, "`loops`: `0` is not positive"),
        ({"loops": 2}, "`2` passes of an endless feed"),
    ],
)
def test_wrong_arguments_are_refused_when_the_feed_is_opened(arguments: dict[str, object], words: str) -> None:
    """Each argument is checked before the first event is asked for, and the error names it."""
    chosen: dict[str, object] = {"source": "generator", "symbols": ["BTC-USDT"], **arguments}
    with pytest.raises(FeedError) as caught:
        open_feed(**chosen)  # type: ignore[arg-type]  # the cases hold values of several types

    assert words in str(caught.value)


PRICES = st.integers(1, 10**17)


@given(bid=PRICES, spread=PRICES, tick=st.integers(1, 10**12))
def test_snapping_rounds_a_quote_outwards(bid: int, spread: int, tick: int) -> None:
    """On the grid, never better than it was, less than a tick away, bid still below ask; or refused as below a tick."""
    quote = BookTicker("BTC-USDT", bid, 1, bid + spread, 2, 3)
    if bid < tick:
        with pytest.raises(FeedError, match="below one tick"):
            snap_to_tick(quote, tick)
        return
    snapped = snap_to_tick(quote, tick)

    assert isinstance(snapped, BookTicker)
    assert (snapped.bid_price % tick, snapped.ask_price % tick) == (0, 0)
    assert bid - tick < snapped.bid_price <= bid
    assert bid + spread <= snapped.ask_price < bid + spread + tick
    assert snapped.bid_price < snapped.ask_price
    assert (snapped.symbol, snapped.bid_quantity, snapped.ask_quantity, snapped.time_ns) == ("BTC-USDT", 1, 2, 3)
    assert snap_to_tick(snapped, tick) is snapped


@given(price=PRICES, tick=st.integers(1, 10**12), seller=st.booleans())
def test_snapping_keeps_a_trade_on_its_side(price: int, tick: int, seller: bool) -> None:
    """A trade at the bid or the ask of a quote is still at that bid or ask when both are snapped."""
    if price <= tick:
        return
    quote = (
        BookTicker("BTC-USDT", price, 1, price + 1, 1, 3)
        if seller
        else BookTicker("BTC-USDT", price - 1, 1, price, 1, 3)
    )
    if quote.bid_price < tick:
        return
    trade = snap_to_tick(MarketTrade("BTC-USDT", price, 7, seller, 3), tick)
    snapped = snap_to_tick(quote, tick)

    assert isinstance(trade, MarketTrade)
    assert isinstance(snapped, BookTicker)
    assert trade.price == (snapped.bid_price if seller else snapped.ask_price)
    assert (trade.quantity, trade.buyer_is_maker, trade.time_ns) == (7, seller, 3)


@pytest.mark.parametrize("tick", [0, -1])
def test_a_tick_below_one_is_refused(tick: int) -> None:
    """There is no grid of width nothing."""
    with pytest.raises(FeedError, match="is not positive"):
        snap_to_tick(MarketTrade("BTC-USDT", 5, 7, True, 3), tick)


def _second_opinion(path: Path) -> Iterator[tuple[object, ...]]:
    """The quotes and trades of a file by plain JSON and decimal arithmetic, in order of arrival."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            data = json.loads(line.partition(" ")[2]).get("data", {})
            prices = [Decimal(data[name]).scaleb(10) for name in "bap" if name in data and data["e"] != "depthUpdate"]
            sizes = [Decimal(data[name]).scaleb(8) for name in "BAq" if name in data]
            if prices:
                yield (data["s"], *map(int, prices), *map(int, sizes), data["T"] * MILLISECOND)


def _as_tuple(event: MarketEvent) -> tuple[object, ...]:
    name = event.symbol.replace("-", "")
    if isinstance(event, BookTicker):
        prices = (event.bid_price, event.ask_price, event.bid_quantity, event.ask_quantity)
        return (name, *prices, event.time_ns)
    return (name, event.price, event.quantity, event.time_ns)


def test_every_event_of_a_recording_is_what_plain_json_says(folder: Path) -> None:
    """The events of whole files equal those of a second, slow and plain reader.

    The files are the real recordings where the setting names them, and always the two short ones made here.
    """
    setting = os.environ.get("DITA_RECORDINGS")
    folders = [folder] if not setting else [folder, Path(setting)]
    for place in folders:
        for symbol in RECORDING_FILES:
            path = find_recording(place, symbol)
            events = list(read_recording(path, symbol))

            assert [_as_tuple(event) for event in events] == sorted(_second_opinion(path), key=lambda row: str(row[-1]))
            assert all(before.time_ns <= after.time_ns for before, after in pairwise(events))
