"""Where a stand-alone exchange gets its market from: a seeded random walk, or JSON lines from a file or FIFO.

A line is ``{"symbol":"BTC-USDT","bid":"60000.0","bid_quantity":"1.5","ask":"60000.1","ask_quantity":"0.8"}`` with
prices and quantities as decimal text, and optionally ``time_ms`` (otherwise it is the exchange's time).
"""

import asyncio
import json
import os
import random
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self, cast

from dita.adapters.exchange.config import Contract
from dita.adapters.exchange.decimals import parse_decimal
from dita.spec.market import BookTicker
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, QUANTITY_SCALE

_LINE_BYTES_MAX: Final = 4096
_STEP_TICKS_MAX: Final = 20
_SPREAD_TICKS_MAX: Final = 3


class MarketLineError(ValueError):
    """A line that is no ticker; names the field and the value."""

    def __init__(self, text: str) -> None:
        super().__init__(f"market line: {text}")
        self.text = text

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        """What pickling needs: the constructor's own arguments."""
        return type(self), (self.text,)


Feed = Callable[[BookTicker], None]
Clock = Callable[[], int]


class RandomWalk:
    """A price that wanders by a few ticks; equal seeds walk alike. Prices in 1e-10 USDT, quantities in 1e-8 coins."""

    def __init__(self, contract: Contract, start_price: int, seed: int) -> None:
        if start_price <= 0 or start_price % contract.tick:
            raise ValueError(f"start_price: `{start_price}` is not a positive multiple of the tick {contract.tick}")
        self._contract = contract
        self._random = random.Random(f"{contract.symbol} {seed}")
        self._bid = start_price
        self._floor = max(contract.tick, start_price // 4)

    def step(self, time_ns: int) -> BookTicker:
        """The next ticker."""
        chance, contract = self._random, self._contract
        moved = self._bid + chance.randint(-_STEP_TICKS_MAX, _STEP_TICKS_MAX) * contract.tick
        self._bid = max(self._floor, moved)
        ask = self._bid + chance.randint(1, _SPREAD_TICKS_MAX) * contract.tick
        return BookTicker(contract.symbol, self._bid, self._quantity(), ask, self._quantity(), time_ns)

    def _quantity(self) -> int:
        lots = max(1, 5 * QUANTITY_SCALE // self._contract.lot)
        return self._random.randint(1, lots) * self._contract.lot


async def walk_forever(walks: list[RandomWalk], interval_ms: int, clock: Clock, feed: Feed) -> None:
    """Feed one step of every walk each interval, until cancelled."""
    while True:
        for walk in walks:
            feed(walk.step(clock()))
        await asyncio.sleep(interval_ms / 1000)


def read_line(line: bytes, clock: Clock) -> BookTicker:
    """One ticker from one line. Raises ``MarketLineError``."""
    try:
        parsed: object = json.loads(line)
    except (ValueError, RecursionError):
        raise MarketLineError(f"`{line[:80]!r}` is not JSON") from None
    if not isinstance(parsed, dict):
        raise MarketLineError(f"`{line[:80]!r}` is not a JSON object")
    row = cast("dict[str, object]", parsed)
    symbol, time_ms = row.get("symbol"), row.get("time_ms")
    if not isinstance(symbol, str):
        raise MarketLineError(f"symbol `{symbol}` is not text")
    if time_ms is None:
        time_ns = clock()
    elif isinstance(time_ms, int) and not isinstance(time_ms, bool):
        time_ns = time_ms * NANOSECONDS_PER_MILLISECOND
    else:
        raise MarketLineError(f"time_ms `{time_ms}` is not a whole number")
    return BookTicker(
        symbol,
        _decimal(row, "bid", 10),
        _decimal(row, "bid_quantity", 8),
        _decimal(row, "ask", 10),
        _decimal(row, "ask_quantity", 8),
        time_ns,
    )


async def feed_lines(path: Path, interval_ms: int, clock: Clock, feed: Feed) -> None:
    """Feed the lines of a file, one each interval, or those of a FIFO as they come; a FIFO never ends.

    Raises OSError if the path cannot be read and ``MarketLineError`` on a line that makes no sense.
    """
    if _is_fifo(path):
        await _feed_fifo(path, clock, feed)
        return
    with path.open("rb") as lines:
        while line := lines.readline(_LINE_BYTES_MAX):
            if line.strip():
                feed(read_line(line, clock))
                await asyncio.sleep(interval_ms / 1000)


def _is_fifo(path: Path) -> bool:
    return stat.S_ISFIFO(path.stat().st_mode)


async def _feed_fifo(path: Path, clock: Clock, feed: Feed) -> None:
    # Opened for reading and writing, so that the end of one writer is not the end of the file.
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    reader = asyncio.StreamReader(limit=_LINE_BYTES_MAX)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    try:
        while line := await reader.readline():
            if line.strip():
                feed(read_line(line, clock))
    finally:
        transport.close()


def _decimal(row: dict[str, object], name: str, digits: int) -> int:
    text = row.get(name)
    if not isinstance(text, str):
        raise MarketLineError(f"{name} `{text}` is not decimal text")
    try:
        value, exact = parse_decimal(text, digits)
    except ValueError as error:
        raise MarketLineError(f"{name} {error}") from None
    if not exact:
        raise MarketLineError(f"{name} `{text}` has more than {digits} decimals")
    return value
