"""The generated market: sound, reproducible, and like the recordings it was calibrated on."""

import ast
import hashlib
import math
import statistics
import subprocess
import sys
from collections.abc import Callable
from itertools import islice, pairwise, takewhile
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dita.runtime.feeds import FeedError, open_feed
from dita.runtime.feeds import generator as generator_module
from dita.runtime.feeds.compare import TOLERANCES, deviations
from dita.runtime.feeds.generator import START_TIME_NS, generate
from dita.runtime.feeds.measure import measure, tape_of
from dita.runtime.feeds.model import Measurement, Model, Regime, load_model
from dita.spec.market import BookTicker, MarketEvent, MarketTrade
from dita.spec.scales import BOUND, TIME_MAX_NS

SYMBOLS: Final = ("BTC-USDT", "ETH-USDT")
SECOND_NS: Final = 10**9
SECONDS: Final = 1200
SEED: Final = 20


def stretch(model: Model, seconds: int, *, seed: int = SEED) -> list[MarketEvent]:
    end_ns = START_TIME_NS + seconds * SECOND_NS
    return list(takewhile(lambda event: event.time_ns < end_ns, generate(model, seed)))


def measured(model: Model, seconds: int, *, seed: int = SEED) -> Measurement:
    return measure(tape_of(stretch(model, seconds, seed=seed), model.tick, model.lot))


@pytest.mark.parametrize("symbol", SYMBOLS)
@given(seed=st.integers(-(2**70), 2**70))
@settings(max_examples=8, deadline=None)
def test_every_stream_is_sound(symbol: str, seed: int) -> None:
    """Whatever the seed: time never goes back, bid < ask, all on tick and lot, quotes change, trades meet a quote."""
    model = load_model(symbol)
    now_ns = START_TIME_NS
    last: BookTicker | None = None
    for event in islice(generate(model, seed), 3000):
        assert event.symbol == symbol
        assert event.time_ns >= now_ns
        now_ns = event.time_ns
        if isinstance(event, BookTicker):
            assert 0 < event.bid_price < event.ask_price <= BOUND
            assert event.bid_price % model.tick == event.ask_price % model.tick == 0
            assert 0 < event.bid_quantity <= BOUND
            assert 0 < event.ask_quantity <= BOUND
            assert event.bid_quantity % model.lot == event.ask_quantity % model.lot == 0
            assert last is None or _content(event) != _content(last)
            last = event
        else:
            assert last is not None
            assert event.price == (last.bid_price if event.buyer_is_maker else last.ask_price)
            assert 0 < event.quantity <= BOUND
            assert event.quantity % model.lot == 0


def _content(quote: BookTicker) -> tuple[int, int, int, int]:
    return (quote.bid_price, quote.bid_quantity, quote.ask_price, quote.ask_quantity)


@given(seed=st.integers(0, 2**64))
@settings(max_examples=6, deadline=None)
def test_symbols_are_merged_by_time(seed: int) -> None:
    """A feed of two symbols is in order of time and holds each symbol's own stream, event for event."""
    merged = list(open_feed("generator", SYMBOLS, seed=seed, limit=2000))

    assert len(merged) == 2000
    assert all(before.time_ns <= after.time_ns for before, after in pairwise(merged))
    for symbol in SYMBOLS:
        own = [event for event in merged if event.symbol == symbol]
        assert own
        assert own == list(islice(generate(load_model(symbol), seed), len(own)))


DIGEST: Final = """
import hashlib
from dita.runtime.feeds import open_feed
events = open_feed("generator", ["BTC-USDT", "ETH-USDT"], seed=7, limit=20000)
print(hashlib.sha256("\\n".join(map(repr, events)).encode()).hexdigest())
"""


def test_one_seed_gives_one_stream_byte_for_byte() -> None:
    """Two other processes, with other hash seeds, and this one produce the same bytes; another seed others."""
    ours = [
        hashlib.sha256(
            "\n".join(map(repr, open_feed("generator", SYMBOLS, seed=seed, limit=20000))).encode()
        ).hexdigest()
        for seed in (7, 8)
    ]
    theirs = [
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    ]

    assert theirs == [ours[0], ours[0]]
    assert ours[1] != ours[0]


def test_no_float_takes_part() -> None:
    """The generator's code holds no float and no division that makes one, so that machines cannot differ."""
    code = compile(_source(), "generator", "exec")
    pending = [code]
    constants: list[object] = []
    while pending:
        for constant in pending.pop().co_consts:
            if hasattr(constant, "co_consts"):
                pending.append(constant)
            else:
                constants.append(constant)

    assert not [constant for constant in constants if isinstance(constant, float)]
    assert not _true_divisions(_source())
    assert _true_divisions("x = 1 / 2") == 1  # the check sees one where there is one


def _source() -> str:
    return Path(generator_module.__file__).read_text()


def _true_divisions(source: str) -> int:
    return sum(isinstance(node, ast.Div) for node in ast.walk(ast.parse(source)))


def test_numbers_are_integers() -> None:
    """Every number of every event is an int, no bool and no float."""
    for event in open_feed("generator", SYMBOLS, seed=1, limit=3000):
        numbers: tuple[object, ...]
        if isinstance(event, BookTicker):
            numbers = (*_content(event), event.time_ns)
        else:
            numbers = (event.price, event.quantity, event.time_ns)
            assert type(event.buyer_is_maker) is bool
        assert all(type(number) is int for number in numbers)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_generated_market_measures_like_the_recorded_one(symbol: str) -> None:
    """Twenty generated minutes lie within the stated tolerances of every figure of the recording."""
    model = load_model(symbol)

    assert deviations(measured(model, SECONDS), model.measured) == []


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_figures_agree_with_a_second_opinion(symbol: str) -> None:
    """Rate, spread and volatility, computed here in floats from the same events, agree with `measure`."""
    model = load_model(symbol)
    events = stretch(model, 150)
    figures = measure(tape_of(events, model.tick, model.lot))
    quotes = [event for event in events if isinstance(event, BookTicker)]
    seconds = (quotes[-1].time_ns - quotes[0].time_ns) / SECOND_NS
    marks: list[float] = []
    for number in range(int(seconds) + 1):
        limit_ns = quotes[0].time_ns + number * SECOND_NS
        latest = quotes[0]
        for quote in quotes if number else []:
            if quote.time_ns >= limit_ns:
                break
            latest = quote
        marks.append((latest.bid_price + latest.ask_price) / 2)
    returns = [(after - before) / before * 1e9 for before, after in pairwise(marks)]
    robust = math.sqrt(math.pi / 2 * statistics.fmean(abs(one * other) for one, other in pairwise(returns)))
    narrow = sum(quote.ask_price - quote.bid_price == model.tick for quote in quotes)

    assert figures.quotes_per_second_milli == pytest.approx(len(quotes) / seconds * 1e3, rel=1e-3)
    assert figures.trades_per_second_milli == pytest.approx((len(events) - len(quotes)) / seconds * 1e3, rel=1e-3)
    assert figures.spread_one_tick_ppm == pytest.approx(narrow / len(quotes) * 1e6, abs=1)
    assert figures.volatility_ppb == pytest.approx(math.sqrt(statistics.fmean(one * one for one in returns)), rel=1e-3)
    assert figures.bipower_ppb == pytest.approx(robust, rel=2e-3)
    assert figures.jumps == sum(abs(one) > 4 * figures.bipower_ppb for one in returns)


def _with_regimes(model: Model, change: Callable[[Regime], dict[str, object]]) -> Model:
    regimes = tuple(regime.model_copy(update=change(regime)) for regime in model.regimes)
    return model.model_copy(update={"regimes": regimes})


def _times(rows: tuple[tuple[int, int], ...], factor: int) -> tuple[tuple[int, int], ...]:
    return tuple((value * factor, count) for value, count in rows)


def volatility_threefold(model: Model) -> Model:
    return _with_regimes(model, lambda regime: {"move_ticks": tuple(3 * one for one in regime.move_ticks)})


def rate_halved(model: Model) -> Model:
    return _with_regimes(model, lambda regime: {"interval_ms": _times(regime.interval_ms, 2)})


def never_jumps(model: Model) -> Model:
    calm = [number for number, regime in enumerate(model.regimes) if regime.name != "jump"]
    return model.model_copy(
        update={
            "regimes": tuple(
                model.regimes[number].model_copy(
                    update={
                        "following": tuple(model.regimes[number].following[other] for other in calm),
                        "move_ticks": tuple(min(one, 60) for one in model.regimes[number].move_ticks),
                    }
                )
                for number in calm
            )
        }
    )


def never_still(model: Model) -> Model:
    return _with_regimes(model, lambda regime: {"move_ticks": tuple(one or 2 for one in regime.move_ticks)})


def spread_never_opens(model: Model) -> Model:
    return _with_regimes(model, lambda _: {"wide_starts_ppm": 0})


def wider_spreads(model: Model) -> Model:
    wide = model.wide.model_copy(update={"spread_ticks": _times(model.wide.spread_ticks, 3)})
    return model.model_copy(update={"wide": wide})


def doubled_quantity(model: Model) -> Model:
    edges = tuple(2 * edge for edge in model.quantity.edges_lots)
    return model.model_copy(update={"quantity": model.quantity.model_copy(update={"edges_lots": edges})})


def half_the_trades(model: Model) -> Model:
    return _with_regimes(model, lambda regime: {"trade_bursts_ppm": regime.trade_bursts_ppm // 2})


def doubled_trades(model: Model) -> Model:
    sizes = tuple(2 * size for size in model.trades.size_lots)
    return model.model_copy(update={"trades": model.trades.model_copy(update={"size_lots": sizes})})


def only_sellers(model: Model) -> Model:
    return model.model_copy(update={"trades": model.trades.model_copy(update={"seller_ppm": 900_000})})


DEFECTS: Final[dict[Callable[[Model], Model], set[str]]] = {
    volatility_threefold: {"volatility_ppb", "bipower_ppb", "jump_mean_ppb"},
    rate_halved: {"quotes_per_second_milli", "interval_mean_us", "interval_quantiles_ms"},
    never_jumps: {"jumps_per_hour", "volatility_ppb"},
    never_still: {"still_seconds_ppm"},
    spread_never_opens: {"spread_one_tick_ppm", "spread_one_tick_time_ppm", "spread_wide_quantiles_ticks"},
    wider_spreads: {"spread_wide_quantiles_ticks"},
    doubled_quantity: {"quantity_quantiles_lots"},
    half_the_trades: {"trades_per_second_milli"},
    doubled_trades: {"trade_quantiles_lots"},
    only_sellers: {"seller_bursts_ppm"},
}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
def test_a_planted_defect_turns_the_comparison_red(defect: Callable[[Model], Model]) -> None:
    """A generator that is wrong in one respect is caught by the figures of that respect."""
    model = load_model("BTC-USDT")
    found = {deviation.figure for deviation in deviations(measured(defect(model), 300), model.measured)}

    assert DEFECTS[defect] <= found


def test_every_figure_but_one_has_a_planted_defect() -> None:
    """Each compared figure is turned red by some defect above; the share of equal times by one of its own."""
    model = load_model("BTC-USDT")
    spread_out = _with_regimes(
        model, lambda regime: {"interval_ms": ((5, 1),) if "still" not in regime.name else ((12, 1),)}
    )
    found = {deviation.figure for deviation in deviations(measured(spread_out, 300), model.measured)}

    assert set(TOLERANCES) - set().union(*DEFECTS.values()) == {"interval_zero_ppm"}
    assert "interval_zero_ppm" in found


def test_a_deviation_reads_as_a_sentence() -> None:
    """A figure out of tolerance is reported with its name, what was found and what the recording has."""
    model = load_model("BTC-USDT")
    expected = model.measured
    found = expected.model_copy(update={"volatility_ppb": 3 * expected.volatility_ppb})

    assert [str(one) for one in deviations(found, expected)] == [
        f"`volatility_ppb` is `{3 * expected.volatility_ppb}` where the recording has `{expected.volatility_ppb}`"
    ]
    assert deviations(expected, expected) == []


@pytest.mark.parametrize("figure", [name for name, tolerance in TOLERANCES.items() if not tolerance.absolute])
def test_tolerances_hold_either_way(figure: str) -> None:
    """A relative tolerance lets through what is just within its factor, up and down, and nothing beyond."""
    base = load_model("BTC-USDT").measured
    factor = 1 + TOLERANCES[figure].relative_ppm / 1e6
    size = 10**9
    pair: tuple[object, ...] = (size,) * 5 if isinstance(getattr(base, figure), tuple) else ()
    expected = base.model_copy(update={figure: pair or size})
    for within, number in [
        (True, size * factor - 1), (True, size / factor + 1), (False, size * factor + 1), (False, size / factor - 1),
    ]:  # fmt: skip
        value = (int(number),) * 5 if pair else int(number)
        assert (deviations(base.model_copy(update={figure: value}), expected) == []) == within


def test_a_long_walk_comes_back() -> None:
    """A price beyond twice or half of where it started only moves back, so no seed runs into zero."""
    model = load_model("ETH-USDT")
    first = model.first_bid_ticks
    farthest = max(regime.move_ticks[-1] for regime in model.regimes)
    violent = _with_regimes(model, lambda _: {"move_ticks": (farthest * 40,)}).model_copy(
        update={"first_bid_ticks": 8 * 40 * farthest}
    )
    bids = [event.bid_price // model.tick for event in stretch(violent, 120) if isinstance(event, BookTicker)]

    assert first != violent.first_bid_ticks
    assert min(bids) > 0
    assert max(bids) < 3 * violent.first_bid_ticks


@pytest.mark.parametrize("start", [0, -1, TIME_MAX_NS])
def test_a_start_outside_the_range_of_times_is_refused(start: int) -> None:
    """A stream cannot begin where its times would not be times."""
    with pytest.raises(FeedError, match="`start_time_ns`"):
        next(generate(load_model("BTC-USDT"), 1, start_time_ns=start))


def test_a_stream_ends_before_time_does() -> None:
    """At the end of the kernel's range of times the stream ends with an error; all before it is in range."""
    events: list[MarketEvent] = []
    with pytest.raises(FeedError, match="has reached the last time"):
        events.extend(generate(load_model("BTC-USDT"), 1, start_time_ns=TIME_MAX_NS - 3 * SECOND_NS))

    assert events
    assert max(event.time_ns for event in events) <= TIME_MAX_NS


def test_a_stream_without_trades_is_not_measured() -> None:
    """A missing trade rate is an error, not a rate of zero."""
    model = load_model("BTC-USDT")
    quotes = [event for event in stretch(model, 70) if isinstance(event, BookTicker)]
    with pytest.raises(FeedError, match="has no trade"):
        measure(tape_of(quotes, model.tick, model.lot))


def test_no_trade_comes_before_the_first_quote() -> None:
    """The first event is a quote for each of many seeds, so every trade has a price it was made at."""
    model = load_model("BTC-USDT")
    firsts = [next(generate(model, seed)) for seed in range(60)]

    assert not [event for event in firsts if isinstance(event, MarketTrade)]
