"""Measures recordings and writes the generator's parameters: ``python -m dita.runtime.feeds.calibrate``.

What it takes from a recording (the tables of ``model``, the measures and the definition of a jump of ``measure``):

- **seconds**, sorted into regimes: *jump* (net move beyond the jump threshold), else *still* (price ends where it
  began), else *moving*; the last two halved at their median number of quotes into slow and busy. A chain of the
  counted transitions gives the order of regimes; within one, intervals, net move, steps and trades are tables.
- **spread**: how often it opens beyond one tick, how wide, for how many quotes, how fast those follow.
- **quantity at the best price**: 128 equally likely bins, and how far it moves through them from quote to quote.
- **trades**: bursts (one aggressor, one millisecond), sizes, side of the aggressor in seconds that move.

Output is JSON with a fixed layout, so that the same recording gives the same bytes.
"""

import argparse
import hashlib
import json
import os
import sys
from bisect import bisect_right
from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from math import gcd
from pathlib import Path
from typing import Final, cast

from dita.runtime.feeds.errors import FeedError
from dita.runtime.feeds.measure import (
    BILLION,
    MILLION,
    Second,
    Tape,
    bipower,
    bursts_of,
    histogram,
    is_jump,
    measure,
    root_mean_square,
    round_divide,
    seconds_of,
    share_ppm,
    tape_of,
)
from dita.runtime.feeds.model import (
    FORMAT,
    QUANTITY_BINS,
    RANK_PARTS,
    Model,
    Quantity,
    Recording,
    Regime,
    Trades,
    Wide,
    parameter_file,
)
from dita.runtime.feeds.recorded import RECORDING_FILES, find_recording, read_recording
from dita.spec.market import BookTicker, MarketTrade
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND

GENERATED_BY: Final = "python -m dita.runtime.feeds.calibrate"
ORIGIN: Final = "Binance USD-M perpetual, hftbacktest examples/usdm (MIT)"
REGIMES: Final = ("still_slow", "still_busy", "moving_slow", "moving_busy", "jump")
MOVE_BINS: Final = 48
RANK_STEP_BINS: Final = 64
SIZE_BINS: Final = 256


def calibrate(path: Path, symbol: str) -> Model:
    """The parameters of one recording. Raises FeedError if it cannot be read or is too short to measure."""
    events = list(read_recording(path, symbol))
    quotes = [event for event in events if isinstance(event, BookTicker)]
    trades = [event for event in events if isinstance(event, MarketTrade)]
    if not quotes or not trades:
        raise FeedError(str(path), "lacks quotes or trades", "calibrate on a recording that has both")
    tick = reduce(gcd, (price for quote in quotes for price in (quote.bid_price, quote.ask_price)))
    lot = reduce(gcd, (size for quote in quotes for size in (quote.bid_quantity, quote.ask_quantity)))
    lot = reduce(gcd, (trade.quantity for trade in trades), lot)
    tape = tape_of(events, tick, lot)
    seconds = seconds_of(tape)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Model(
        generated_by=GENERATED_BY,
        format=FORMAT,
        symbol=symbol,
        recording=Recording(file=path.name, sha256=digest, origin=ORIGIN),
        tick=tick,
        lot=lot,
        first_bid_ticks=quotes[0].bid_price // tick,
        measured=measure(tape),
        step_gap_quotes=_step_gaps(tape, seconds),
        regimes=_regimes(tape, seconds),
        wide=_wide(tape),
        quantity=_quantity(tape),
        trades=_trades(tape, seconds),
    )


def _regime_names(seconds: Sequence[Second]) -> list[str]:
    robust = bipower([second.return_ppb for second in seconds])
    kinds: list[str] = []
    for second in seconds:
        net_ppb = round_divide(second.move_ticks * BILLION, second.rest)
        kinds.append("jump" if is_jump(net_ppb, robust) else "still" if second.move_ticks == 0 else "moving")
    medians: dict[str, int] = {}
    for kind in set(kinds):
        counts = sorted(len(one.quotes) for one, its in zip(seconds, kinds, strict=True) if its == kind)
        medians[kind] = counts[(len(counts) - 1) // 2]
    return [
        kind if kind == "jump" else f"{kind}_{'slow' if len(second.quotes) <= medians[kind] else 'busy'}"
        for second, kind in zip(seconds, kinds, strict=True)
    ]


def _regimes(tape: Tape, seconds: Sequence[Second]) -> tuple[Regime, ...]:
    names = _regime_names(seconds)
    present = [name for name in REGIMES if name in names]
    bursts = bursts_of(tape.trades)
    first_ns = tape.quotes[0].time_ns
    burst_counts = [0] * len(seconds)
    for burst in bursts:
        number = (burst[0].time_ns - first_ns) // (1000 * NANOSECONDS_PER_MILLISECOND)
        if 0 <= number < len(seconds):
            burst_counts[number] += 1
    regimes: list[Regime] = []
    for name in present:
        members = [number for number, its in enumerate(names) if its == name]
        # The second after the last one is the first: without it a regime seen once, at the end, would have no way out.
        after = [names[(number + 1) % len(names)] for number in members]
        intervals: list[int] = []
        starts = 0
        for number in members:
            for position in seconds[number].quotes:
                here, there = tape.quotes[position], tape.quotes[position + 1]
                if tape.spread_ticks(here) == 1:
                    intervals.append((there.time_ns - here.time_ns) // NANOSECONDS_PER_MILLISECOND)
                    starts += tape.spread_ticks(there) > 1
        quotes = sum(len(seconds[number].quotes) for number in members)
        regimes.append(
            Regime(
                name=name,
                seconds=len(members),
                following=tuple(after.count(other) for other in present),
                interval_ms=histogram(intervals),
                wide_starts_ppm=share_ppm(starts, len(intervals)),
                move_ticks=_equal_bins([abs(seconds[number].move_ticks) for number in members], MOVE_BINS),
                steps=histogram(len(_step_positions(tape, seconds[number])) for number in members),
                trade_bursts_ppm=sum(burst_counts[number] for number in members) * MILLION // quotes,
            )
        )
    return tuple(regimes)


def _step_positions(tape: Tape, second: Second) -> list[int]:
    """Where, within a second, the bid of one-tick-wide quotes changes."""
    positions: list[int] = []
    rest = second.rest - second.move_ticks
    for position in second.quotes:
        quote = tape.quotes[position]
        bid = quote.bid_price // tape.tick
        if tape.spread_ticks(quote) == 1 and bid != rest:
            positions.append(position)
            rest = bid
    return positions


def _step_gaps(tape: Tape, seconds: Sequence[Second]) -> tuple[tuple[int, int], ...]:
    gaps: list[int] = []
    for second in seconds:
        positions = _step_positions(tape, second)
        gaps.extend(after - before for before, after in pairwise(positions))
    return histogram(gaps or [1])


def _wide(tape: Tape) -> Wide:
    intervals: list[int] = []
    spreads: list[int] = []
    runs: list[int] = []
    run = changes = 0
    for here, there in pairwise(tape.quotes):
        spread = tape.spread_ticks(here)
        if spread > 1:
            run += 1
            spreads.append(spread)
            intervals.append((there.time_ns - here.time_ns) // NANOSECONDS_PER_MILLISECOND)
            changes += tape.spread_ticks(there) not in (1, spread)
        elif run:
            runs.append(run)
            run = 0
    # A stream that never opened its spread still needs tables; its regimes then never start a stretch.
    return Wide(
        interval_ms=histogram(intervals or [1]),
        spread_ticks=histogram(spreads or [2]),
        run_quotes=histogram(runs or [1]),
        changes_ppm=share_ppm(changes, len(spreads) - len(runs)),
    )


def _quantity(tape: Tape) -> Quantity:
    lots = sorted(size // tape.lot for quote in tape.quotes for size in (quote.bid_quantity, quote.ask_quantity))
    edges = _edges(lots)
    steps: list[int] = []
    bid_changes = ask_changes = 0
    for before, after in pairwise(tape.quotes):
        if before.bid_price == after.bid_price and before.bid_quantity != after.bid_quantity:
            steps.append(
                abs(_rank(edges, after.bid_quantity // tape.lot) - _rank(edges, before.bid_quantity // tape.lot))
            )
            bid_changes += 1
        if before.ask_price == after.ask_price and before.ask_quantity != after.ask_quantity:
            steps.append(
                abs(_rank(edges, after.ask_quantity // tape.lot) - _rank(edges, before.ask_quantity // tape.lot))
            )
            ask_changes += 1
    return Quantity(
        edges_lots=edges,
        rank_step=_equal_bins(steps, RANK_STEP_BINS),
        bid_changes_ppm=share_ppm(bid_changes, bid_changes + ask_changes),
    )


def _trades(tape: Tape, seconds: Sequence[Second]) -> Trades:
    bursts = bursts_of(tape.trades)
    first_ns = tape.quotes[0].time_ns
    with_move = against_move = 0
    for burst in bursts:
        number = (burst[0].time_ns - first_ns) // (1000 * NANOSECONDS_PER_MILLISECOND)
        move = seconds[number].move_ticks if 0 <= number < len(seconds) else 0
        if move:
            if burst[0].buyer_is_maker == (move < 0):
                with_move += 1
            else:
                against_move += 1
    return Trades(
        burst=histogram(len(burst) for burst in bursts),
        size_lots=tuple(
            round_divide(sum(one), len(one))
            for one in _bins([trade.quantity // tape.lot for trade in tape.trades], SIZE_BINS)
        ),
        seller_ppm=share_ppm(sum(burst[0].buyer_is_maker for burst in bursts), len(bursts)),
        with_move_ppm=share_ppm(with_move, with_move + against_move),
    )


def _bins(values: Sequence[int], most: int) -> list[list[int]]:
    """The values in rising order, cut into at most ``most`` bins of equal count."""
    ordered = sorted(values)
    count = min(most, len(ordered))
    ends = [len(ordered) * number // count for number in range(count + 1)]
    return [ordered[start:end] for start, end in pairwise(ends)]


def _equal_bins(values: Sequence[int], most: int) -> tuple[int, ...]:
    """Equally likely values, each the root mean square of its bin, so that the variance stays."""
    return tuple(root_mean_square(one) for one in _bins(values or [0], most))


def _edges(ordered: Sequence[int]) -> tuple[int, ...]:
    return tuple(ordered[number * (len(ordered) - 1) // QUANTITY_BINS] for number in range(QUANTITY_BINS + 1))


def _rank(edges: Sequence[int], lots: int) -> int:
    """Where a quantity stands in its distribution, in 1 / RANK_PARTS of a bin."""
    bin_number = min(max(bisect_right(edges, lots) - 1, 0), QUANTITY_BINS - 1)
    low, high = edges[bin_number], edges[bin_number + 1]
    return bin_number * RANK_PARTS + (RANK_PARTS * (lots - low) // (high - low) if high > low else 0)


def render(model: Model) -> bytes:
    """The parameters as JSON text: one field a line, tables on one line."""
    lines: list[str] = []
    fields = cast("list[tuple[str, object]]", list(model.model_dump(mode="json").items()))
    for number, (name, value) in enumerate(fields):
        comma = "," if number < len(fields) - 1 else ""
        if name == "regimes":
            regimes = cast("list[dict[str, object]]", value)
            rows = ",\n".join(_render_object(regime, "  ") for regime in regimes)
            lines.append(f' "regimes": [\n{rows}\n ]{comma}')
        elif isinstance(value, dict):
            lines.append(f' "{name}": {_render_object(cast("dict[str, object]", value), " ").lstrip()}{comma}')
        else:
            lines.append(f' "{name}": {json.dumps(value, separators=(",", ":"))}{comma}')
    return ("{\n" + "\n".join(lines) + "\n}\n").encode()


def _render_object(value: dict[str, object], indent: str) -> str:
    rows = [f'{indent} "{name}": {json.dumps(one, separators=(",", ":"))}' for name, one in value.items()]
    return f"{indent}{{\n" + ",\n".join(rows) + f"\n{indent}}}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Calibrates every recorded symbol and writes its parameters. Exit status 2 if a recording cannot be read."""
    parser = argparse.ArgumentParser(description="measure the recordings and write the generator's parameters")
    parser.add_argument("--recordings", type=Path, help="folder of the recordings; default: DITA_RECORDINGS")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "parameters")
    chosen = parser.parse_args(arguments)
    setting = os.environ.get("DITA_RECORDINGS")
    folder: Path | None = chosen.recordings or (Path(setting) if setting else None)
    try:
        for symbol in RECORDING_FILES:
            model = calibrate(find_recording(folder, symbol), symbol)
            path = Path(chosen.output) / parameter_file(symbol)
            path.write_bytes(render(model))
            sys.stdout.write(f"{path}: {model.measured.quotes} quotes, {model.measured.trades} trades\n")
    except (FeedError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
