"""One line of a recorded Binance USD-M stream, as text, to one market event in exact integers.

A line is the local receive time in nanoseconds, a space, and the exchange's JSON: ``bookTicker``, ``trade``,
``depthUpdate`` (each wrapped with its stream's name) or one bare order-book snapshot. Fields and their meaning:
Binance USD-M futures, "Individual Symbol Book Ticker Streams", "Diff. Book Depth Streams", "Order Book"; the futures'
raw trade stream is not documented and has the fields of spot "Trade Streams", and `X`. Depth is not used here, only
checked, so that garbage between two quotes is noticed.

Two paths give the same answer. The fast one is a set of anchored patterns for exactly the text the exchange sends;
whatever they do not match goes to the careful one, which reads JSON within limits, allows another order of fields and
fields it does not know, and says what is wrong. Nothing here is a float: numbers are text until they are integers.
"""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NoReturn, cast

from dita.runtime.feeds.errors import echo
from dita.spec.market import BookTicker, MarketEvent, MarketTrade
from dita.spec.scales import BOUND, NANOSECONDS_PER_MILLISECOND, TIME_MAX_NS

LINE_BYTES_MAX: Final = 256 * 1024  # a 1000-level snapshot of BTC-USDT takes 42 KiB
JSON_DEPTH_MAX: Final = 8  # an order-book update nests 4 deep
LEVELS_MAX: Final = 8192  # of one side of an order-book update
IDENTIFIER_MAX: Final = 2**63 - 1
DECIMAL_CACHE: Final = 8192  # prices and quantities repeat; a bounded cache saves most conversions

_QUOTE: Final = "USDT"
_PRICE_DECIMALS: Final = 10
_QUANTITY_DECIMALS: Final = 8
_DECIMAL: Final = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,18}))?")
_SYMBOL: Final = re.compile(rf"([A-Z0-9]{{1,24}})-{_QUOTE}")
_BRACKETS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]')
_NUMBER: Final = rb'"[0-9]{1,9}\.[0-9]{1,8}"'
_LEVELS: Final = rb"(?:\[" + _NUMBER + rb"," + _NUMBER + rb"\](?:,(?=\[)|(?=\])))*+"

# Where a trade came from (field `X`, which the exchange does not document). Prints of the insurance fund lie as far as
# 10 % off the market and are no market data (QuantConnect Lean.Brokerages.Binance, issue 28); deleveraging and prints
# of no origin are passed over with them. The two calibrated recordings hold `MARKET` alone; any other value is refused.
_MARKET_ORIGIN: Final = "MARKET"
_OTHER_ORIGINS: Final = frozenset({"INSURANCE_FUND", "ADL", "NA"})


class MalformedLineError(ValueError):
    """A line that is not one of the four messages; the reader of the file adds file and line number."""


def malformed(reason: str) -> NoReturn:
    """Raises MalformedLineError."""
    raise MalformedLineError(reason)


def to_recorded_symbol(symbol: str) -> str:
    """``BTC-USDT``, as the kernel's venue writes it, to ``BTCUSDT``, as the recordings do.

    Raises MalformedLineError for anything that is not quoted in USDT.
    """
    match = _SYMBOL.fullmatch(symbol)
    if match is None:
        malformed(f"symbol {echo(symbol)} is not a base coin, a hyphen and {_QUOTE}")
    return f"{match[1]}{_QUOTE}"


def _scaled(text: str, decimals: int, name: str) -> int:
    match = _DECIMAL.fullmatch(text)
    if match is None:
        malformed(f"{name} {echo(text)} is not a plain decimal number")
    fraction = match[2] or ""
    if fraction[decimals:].strip("0"):
        malformed(f"{name} {echo(text)} has more than {decimals} decimals and cannot be kept exactly")
    value = int(match[1] + fraction[:decimals].ljust(decimals, "0"))
    if value == 0:
        malformed(f"{name} {echo(text)} is not positive")
    if value > BOUND:
        malformed(f"{name} {echo(text)} is above the largest amount the kernel stores")
    return value


@lru_cache(maxsize=DECIMAL_CACHE)
def price_units(text: bytes) -> int:
    """A positive decimal price to units of 1e-10, exactly. Raises MalformedLineError."""
    return _scaled(text.decode("ascii", "backslashreplace"), _PRICE_DECIMALS, "price")


@lru_cache(maxsize=DECIMAL_CACHE)
def quantity_units(text: bytes) -> int:
    """A positive decimal quantity to units of 1e-8 coins, exactly. Raises MalformedLineError."""
    return _scaled(text.decode("ascii", "backslashreplace"), _QUANTITY_DECIMALS, "quantity")


def _time_ns(milliseconds: int) -> int:
    time_ns = milliseconds * NANOSECONDS_PER_MILLISECOND
    if not 0 < time_ns <= TIME_MAX_NS:
        malformed(f"time `T` {echo(milliseconds)} ms is outside the kernel's range of times")
    return time_ns


def _quote(symbol: str, fields: tuple[bytes, bytes, bytes, bytes], time_ms: int) -> BookTicker:
    bid, bid_quantity, ask, ask_quantity = fields
    bid_price, ask_price = price_units(bid), price_units(ask)
    if bid_price >= ask_price:
        malformed(f"bid {echo(bid)} is not below ask {echo(ask)}")
    return BookTicker(
        symbol, bid_price, quantity_units(bid_quantity), ask_price, quantity_units(ask_quantity), _time_ns(time_ms)
    )


class LineParser:
    """Parses the lines of one symbol's recording.

    Remembers only the last update and trade ids, which the exchange counts upwards: an id that does not grow means a
    line twice, or two recordings in one file, and replaying that would trade the same print twice.
    """

    def __init__(self, symbol: str) -> None:
        """``symbol`` is the venue's, such as ``BTC-USDT``. Raises MalformedLineError if it is not one."""
        self.symbol: Final = symbol
        self._recorded: Final = to_recorded_symbol(symbol)
        self._update_id = -1
        self._trade_id = -1
        upper = self._recorded.encode()
        lower = upper.lower()
        number = rb'"([0-9]{1,9}\.[0-9]{1,8})"'
        head = rb'[0-9]{1,19} \{"stream":"' + lower
        integer = rb"([0-9]{1,18})"
        skipped = rb"[0-9]{1,18}"
        self._book_ticker: Final = re.compile(
            head + rb'@bookTicker","data":\{"e":"bookTicker","u":' + integer + rb',"s":"' + upper + rb'","b":' + number
            + rb',"B":' + number + rb',"a":' + number + rb',"A":' + number + rb',"T":' + integer + rb',"E":'
            + skipped + rb"\}\}\n?"
        )  # fmt: skip
        self._trade: Final = re.compile(
            head + rb'@trade","data":\{"e":"trade","E":' + skipped + rb',"T":' + integer + rb',"s":"' + upper
            + rb'","t":' + integer + rb',"p":' + number + rb',"q":' + number
            + rb',"X":"MARKET","m":(true|false)\}\}\n?'
        )  # fmt: skip
        self._depth: Final = re.compile(
            head + rb'@depth@[0-9]{1,4}ms","data":\{"e":"depthUpdate","E":' + skipped + rb',"T":' + skipped
            + rb',"s":"' + upper + rb'","U":' + skipped + rb',"u":' + skipped + rb',"pu":' + skipped
            + rb',"b":\[' + _LEVELS + rb'\],"a":\[' + _LEVELS + rb"\]\}\}\n?"
        )  # fmt: skip

    def parse(self, line: bytes) -> MarketEvent | None:
        """The line's market event, or None for a message that carries none (depth, snapshot).

        Raises MalformedLineError, which names the field and its value.
        """
        match = self._book_ticker.fullmatch(line)
        if match is not None:
            update_id, bid, bid_quantity, ask, ask_quantity, time_ms = match.groups()
            self._note_update(int(update_id))
            return _quote(self.symbol, (bid, bid_quantity, ask, ask_quantity), int(time_ms))
        match = self._trade.fullmatch(line)
        if match is not None:
            time_ms, trade_id, price, quantity, maker = match.groups()
            self._note_trade(int(trade_id))
            return MarketTrade(
                self.symbol, price_units(price), quantity_units(quantity), maker == b"true", _time_ns(int(time_ms))
            )
        if self._depth.fullmatch(line) is not None:
            return None
        return self.parse_carefully(line)

    def parse_carefully(self, line: bytes) -> MarketEvent | None:
        """The same answer as ``parse``, from JSON: slower, order-blind, and able to say what is wrong."""
        if len(line) > LINE_BYTES_MAX:
            malformed(f"longer than {LINE_BYTES_MAX} bytes")
        received, space, body = line.removesuffix(b"\n").partition(b" ")
        if not space or re.fullmatch(rb"[0-9]{1,19}", received) is None or int(received) > TIME_MAX_NS:
            malformed(f"does not start with a receive time in nanoseconds and a space but with {echo(received)}")
        message = _object(_read_json(body), "message")
        if "lastUpdateId" in message:
            _check_snapshot(message)
            return None
        stream = _text(message, "stream")
        data = _object(_field(message, "data"), "data")
        kind = _text(data, "e")
        symbol = _text(data, "s")
        if symbol != self._recorded:
            malformed(f"symbol `s` {echo(symbol)} is not the recording's `{self._recorded}`")
        if stream.partition("@")[0] != self._recorded.lower():
            malformed(f"stream {echo(stream)} is not one of `{self._recorded}`")
        readers: dict[str, Callable[[dict[str, object]], MarketEvent | None]] = {
            "bookTicker": self._read_book_ticker,
            "trade": self._read_trade,
            "depthUpdate": _check_depth,
        }
        reader = readers.get(kind)
        if reader is None:
            malformed(f"message kind `e` {echo(kind)} is none of {', '.join(sorted(readers))}")
        return reader(data)

    def _read_book_ticker(self, data: dict[str, object]) -> BookTicker:
        self._note_update(_integer(data, "u"))
        _integer(data, "E")
        fields = (_raw(data, "b"), _raw(data, "B"), _raw(data, "a"), _raw(data, "A"))
        return _quote(self.symbol, fields, _integer(data, "T"))

    def _read_trade(self, data: dict[str, object]) -> MarketTrade | None:
        self._note_trade(_integer(data, "t"))
        _integer(data, "E")
        maker = _field(data, "m")
        if not isinstance(maker, bool):
            malformed(f"field `m` {echo(maker)} is not true or false")
        origin = _text(data, "X")
        if origin in _OTHER_ORIGINS:
            return None
        if origin != _MARKET_ORIGIN:
            malformed(
                f"trade origin `X` {echo(origin)} is none of {', '.join(sorted({_MARKET_ORIGIN, *_OTHER_ORIGINS}))}"
            )
        price, quantity = _raw(data, "p"), _raw(data, "q")
        return MarketTrade(
            self.symbol, price_units(price), quantity_units(quantity), maker, _time_ns(_integer(data, "T"))
        )

    def _note_update(self, update_id: int) -> None:
        if update_id <= self._update_id:
            malformed(f"update id `u` `{update_id}` does not follow `{self._update_id}`")
        self._update_id = update_id

    def _note_trade(self, trade_id: int) -> None:
        if trade_id <= self._trade_id:
            malformed(f"trade id `t` `{trade_id}` does not follow `{self._trade_id}`")
        self._trade_id = trade_id


def _check_snapshot(message: dict[str, object]) -> None:
    for name in ("lastUpdateId", "E", "T"):
        _integer(message, name)
    _check_levels(message, "bids")
    _check_levels(message, "asks")


def _check_depth(data: dict[str, object]) -> None:
    for name in ("E", "T", "U", "u", "pu"):
        _integer(data, name)
    _check_levels(data, "b")
    _check_levels(data, "a")


def _check_levels(data: dict[str, object], name: str) -> None:
    levels = _field(data, name)
    if not isinstance(levels, list):
        malformed(f"field `{name}` {echo(levels)} is not a list of levels")
    rows = cast("list[object]", levels)  # the elements of a JSON list are objects that json.loads made
    if len(rows) > LEVELS_MAX:
        malformed(f"field `{name}` has {len(rows)} levels, more than {LEVELS_MAX}")
    for row in rows:
        cells = _cells(row)
        if len(cells) != 2 or not all(isinstance(cell, str) and _DECIMAL.fullmatch(cell) for cell in cells):
            malformed(f"field `{name}` has a level {echo(row)} that is not a price and a quantity")


def _cells(row: object) -> list[object]:
    return cast("list[object]", row) if isinstance(row, list) else []


def _read_json(body: bytes) -> object:
    depth = 0
    for bracket in _BRACKETS.findall(body):
        if bracket in (b"{", b"["):
            depth += 1
            if depth > JSON_DEPTH_MAX:
                malformed(f"nests deeper than {JSON_DEPTH_MAX}")
        elif bracket in (b"}", b"]"):
            depth -= 1
    try:
        return cast(
            "object",
            json.loads(body, object_pairs_hook=_unique, parse_float=_refuse_number, parse_constant=_refuse_number),
        )
    except MalformedLineError:
        raise
    except ValueError as error:  # JSONDecodeError, UnicodeDecodeError, and the limit on digits of an integer
        raise MalformedLineError(f"not JSON: {echo(error)}") from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        malformed("names a field twice")
    return fields


def _refuse_number(text: str) -> NoReturn:
    malformed(f"number {echo(text)} is not an integer")


def _object(value: object, name: str) -> dict[str, object]:
    if not isinstance(value, dict):
        malformed(f"{name} {echo(value)} is not an object")
    return cast("dict[str, object]", value)  # JSON names are always text


def _field(fields: dict[str, object], name: str) -> object:
    if name not in fields:
        malformed(f"field `{name}` is missing")
    return fields[name]


def _text(fields: dict[str, object], name: str) -> str:
    value = _field(fields, name)
    if not isinstance(value, str):
        malformed(f"field `{name}` {echo(value)} is not text")
    return value


def _raw(fields: dict[str, object], name: str) -> bytes:
    return _text(fields, name).encode("utf-8", "surrogatepass")  # JSON text may hold half a surrogate pair


def _integer(fields: dict[str, object], name: str) -> int:
    value = _field(fields, name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= IDENTIFIER_MAX:
        malformed(f"field `{name}` {echo(value)} is not a whole number from 0 to {IDENTIFIER_MAX}")
    return value
