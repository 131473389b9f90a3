"""The parameters of the generator: what ``calibrate`` writes and ``generator`` reads, and nothing else.

One JSON file a symbol, in ``parameters/``. Its header names the script that wrote it and the recording's SHA-256.
All numbers are integers: prices in ticks, quantities in lots, shares in parts per million, returns in parts per
billion, intervals in milliseconds (the resolution of the exchange's clock).

A histogram is a list of ``[value, count]`` in rising order. Tables of moves and sizes hold equally likely
values. Quantity edges are the ends of equally likely, neighbouring bins.
"""

from importlib import resources
from itertools import pairwise
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dita.runtime.feeds.errors import FeedError

FORMAT: Final = 1
FILE_BYTES_MAX: Final = 1 << 20
QUANTITY_BINS: Final = 128
RANK_PARTS: Final = 32  # steps within a bin: the finest move of a quantity is 1 / (128 * 32) of its distribution

Count = Annotated[int, Field(ge=0, le=2**40)]
Positive = Annotated[int, Field(ge=1, le=2**60)]
Ppm = Annotated[int, Field(ge=0, le=10**6)]
Histogram = Annotated[tuple[tuple[Count, Positive], ...], Field(min_length=1, max_length=4096)]
Table = Annotated[tuple[Count, ...], Field(min_length=1, max_length=256)]
Sizes = Annotated[tuple[Positive, ...], Field(min_length=1, max_length=256)]
Edges = Annotated[tuple[Positive, ...], Field(min_length=QUANTITY_BINS + 1, max_length=QUANTITY_BINS + 1)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Measurement(_Part):
    """What ``measure`` finds in a stream; the same for a recording and for a generated one.

    Jump: a whole second whose mid-price return exceeds four times the bipower volatility (``measure``).
    """

    duration_ms: Positive
    quotes: Positive
    trades: Count
    quotes_per_second_milli: Positive
    interval_mean_us: Positive
    interval_zero_ppm: Ppm
    interval_quantiles_ms: tuple[Count, Count, Count, Count]  # 50 %, 75 %, 90 %, 99 %
    spread_one_tick_ppm: Ppm  # of quotes
    spread_one_tick_time_ppm: Ppm  # of time
    spread_wide_quantiles_ticks: tuple[Count, Count, Count]  # 25 %, 50 %, 90 % of spreads above one tick
    volatility_ppb: Count  # root mean square of one-second mid-price returns
    bipower_ppb: Count  # the same, robust against jumps
    still_seconds_ppm: Ppm  # seconds that end on the price they began with
    jumps: Count
    jumps_per_hour: Count
    jump_mean_ppb: Count
    jump_largest_ppb: Count
    quantity_quantiles_lots: tuple[Count, Count, Count, Count, Count]  # 10 %, 25 %, 50 %, 75 %, 90 %; both sides
    trades_per_second_milli: Count
    trade_quantiles_lots: tuple[Count, Count, Count]  # 25 %, 50 %, 90 %
    seller_bursts_ppm: Ppm  # bursts (`Trades`) whose aggressor sold


class Regime(_Part):
    """A kind of second: how busy, and how far the price goes in it."""

    name: str
    seconds: Positive  # how many the recording had
    following: tuple[Count, ...]  # how many of each regime came next, in the order of the file
    interval_ms: Histogram  # between a one-tick-wide quote and the next quote
    wide_starts_ppm: Ppm  # of one-tick-wide quotes: the next one is wider
    move_ticks: Table  # size of the second's net move; each value is the root mean square of its bin
    steps: Histogram  # in how many steps it gets there
    trade_bursts_ppm: Annotated[int, Field(ge=0, le=10**7)]  # per million quotes


class Wide(_Part):
    """Stretches of quotes with a spread above one tick."""

    interval_ms: Histogram
    spread_ticks: Histogram
    run_quotes: Histogram
    changes_ppm: Ppm  # of quotes within a stretch: the spread is not that of the quote before


class Quantity(_Part):
    """Quantity at the best price, both sides pooled, and how it moves through its distribution from quote to quote."""

    edges_lots: Edges
    rank_step: Table  # in 1 / RANK_PARTS of a bin
    bid_changes_ppm: Ppm  # of quotes at unchanged prices


class Trades(_Part):
    """Trades of one aggressor in one millisecond come as a burst."""

    burst: Histogram
    size_lots: Sizes  # each value is the mean of its bin
    seller_ppm: Ppm  # of bursts
    with_move_ppm: Ppm  # of bursts in seconds that move: aggressor on the side of the move


class Recording(_Part):
    """The recording that was measured: its name, the SHA-256 of its bytes, where it is published."""

    file: str
    sha256: Annotated[str, Field(pattern=r"[0-9a-f]{64}")]
    origin: str


class Model(_Part):
    """Everything the generator knows about one symbol."""

    generated_by: str
    format: int
    symbol: Annotated[str, Field(pattern=r"[A-Z0-9]{1,24}-USDT")]
    recording: Recording
    tick: Positive  # units of 1e-10
    lot: Positive  # units of 1e-8 coins
    first_bid_ticks: Positive
    measured: Measurement
    step_gap_quotes: Histogram  # quotes from one step of a move to the next
    regimes: Annotated[tuple[Regime, ...], Field(min_length=1, max_length=8)]
    wide: Wide
    quantity: Quantity
    trades: Trades

    @model_validator(mode="after")
    def _fits_together(self) -> "Model":
        if self.format != FORMAT:
            raise ValueError(f"format `{self.format}` is not `{FORMAT}`")
        for regime in self.regimes:
            if len(regime.following) != len(self.regimes) or sum(regime.following) == 0:
                raise ValueError(f"regime `{regime.name}`: `following` does not name a next regime for each")
            _need_rising(
                f"regime `{regime.name}`: `interval_ms`", [row[0] for row in regime.interval_ms], strictly=True
            )
            if regime.interval_ms[-1][0] == 0:
                raise ValueError(f"regime `{regime.name}`: `interval_ms` never lets time pass")
        farthest = max(regime.move_ticks[-1] for regime in self.regimes) + self.wide.spread_ticks[-1][0]
        if self.first_bid_ticks < 8 * farthest:
            raise ValueError("`first_bid_ticks` is so low that a move could take the price below zero")
        if self.wide.spread_ticks[0][0] < 2 or self.wide.run_quotes[0][0] < 1 or self.trades.burst[0][0] < 1:
            raise ValueError("a wide spread is 2 ticks or more, a run and a burst 1 or more")
        _need_rising("`quantity.edges_lots`", list(self.quantity.edges_lots), strictly=False)
        return self


def _need_rising(name: str, values: list[int], *, strictly: bool) -> None:
    for before, after in pairwise(values):
        if after < before or (strictly and after == before):
            raise ValueError(f"{name} does not rise: `{before}` then `{after}`")


def parameter_file(symbol: str) -> str:
    """File name of a symbol's parameters: ``btc-usdt.json`` for ``BTC-USDT``."""
    return f"{symbol.lower()}.json"


def calibrated_symbols() -> list[str]:
    """The symbols that have parameters, in alphabetical order."""
    folder = resources.files("dita.runtime.feeds") / "parameters"
    names = [entry.name for entry in folder.iterdir()]
    return sorted(name.removesuffix(".json").upper() for name in names if name.endswith(".json"))


def load_model(symbol: str) -> Model:
    """The committed parameters of a symbol such as ``BTC-USDT``. Raises FeedError if there are none."""
    known = calibrated_symbols()
    if symbol not in known:
        names = ", ".join(f"`{name}`" for name in known)
        raise FeedError("symbol", f"`{symbol}` has no generator parameters", f"use one of {names}")
    path = resources.files("dita.runtime.feeds") / "parameters" / parameter_file(symbol)
    return parse_model(path.read_bytes(), parameter_file(symbol))


def parse_model(text: bytes, name: str) -> Model:
    """Parameters from their text; ``name`` is for the message. Raises FeedError that names the field."""
    again = "write the file again with `python -m dita.runtime.feeds.calibrate`"
    if len(text) > FILE_BYTES_MAX:
        raise FeedError(name, f"is longer than {FILE_BYTES_MAX} bytes", again)
    try:
        return Model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise FeedError(name, f"`{where}`: {first['msg']}", again) from error
