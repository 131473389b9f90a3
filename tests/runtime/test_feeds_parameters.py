"""The generator's parameters: where they come from, that they hang together, and what is refused."""

import gzip
import hashlib
import json
import math
import os
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import pytest

from dita.runtime.feeds import FeedError, read_recording
from dita.runtime.feeds import generator as generator_module
from dita.runtime.feeds.calibrate import GENERATED_BY, calibrate, main, render
from dita.runtime.feeds.generator import START_TIME_NS, generate
from dita.runtime.feeds.measure import measure, tape_of
from dita.runtime.feeds.model import FILE_BYTES_MAX, Model, calibrated_symbols, load_model, parameter_file, parse_model
from dita.runtime.feeds.recorded import RECORDING_FILES, find_recording
from dita.spec.market import BookTicker, MarketEvent

SYMBOLS: Final = tuple(RECORDING_FILES)
SECOND_NS: Final = 10**9
RECORDED_SHA256: Final = {
    "BTC-USDT": "0ad7b3a0f5cff220761ea890cfd6e3c15f6899edc7f94637ec915043d7a72251",
    "ETH-USDT": "6b76bc224bbb7fe402e7206066775e17e18dbc697247fbab8ebcc38289a3f772",
}


def committed(symbol: str) -> bytes:
    return (Path(generator_module.__file__).parent / "parameters" / parameter_file(symbol)).read_bytes()


def as_line(event: MarketEvent, number: int) -> bytes:
    """The event as the exchange sends it; written here without the reader's help."""
    name = event.symbol.replace("-", "")

    def text(units: int, decimals: int) -> str:
        digits = f"{units:0{decimals + 1}d}"
        return f"{digits[:-decimals]}.{digits[-decimals:]}"

    time_ms = event.time_ns // 10**6
    if isinstance(event, BookTicker):
        data: dict[str, object] = {
            "e": "bookTicker", "u": number, "s": name, "b": text(event.bid_price, 10), "B": text(event.bid_quantity, 8),
            "a": text(event.ask_price, 10), "A": text(event.ask_quantity, 8), "T": time_ms, "E": time_ms,
        }  # fmt: skip
    else:
        data = {
            "e": "trade", "E": time_ms, "T": time_ms, "s": name, "t": number, "p": text(event.price, 10),
            "q": text(event.quantity, 8), "X": "MARKET", "m": event.buyer_is_maker,
        }  # fmt: skip
    message = {"stream": f"{name.lower()}@{data['e']}", "data": data}
    return f"{event.time_ns} {json.dumps(message, separators=(',', ':'))}\n".encode()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of recordings that were never recorded: seventy generated seconds of each symbol."""
    folder = tmp_path_factory.mktemp("made")
    for symbol, file_name in RECORDING_FILES.items():
        with gzip.open(folder / file_name, "wb", compresslevel=1) as file:
            file.writelines(as_line(event, number) for number, event in enumerate(short_stream(symbol)))
    return folder


def short_stream(symbol: str) -> list[MarketEvent]:
    end_ns = START_TIME_NS + 70 * SECOND_NS
    return list(takewhile(lambda event: event.time_ns < end_ns, generate(load_model(symbol), 3)))


def contradictions(model: Model) -> list[str]:
    """Where the tables of a model and the measurement kept with them cannot come from the same recording."""
    seen = model.measured
    rows = [row for regime in model.regimes for row in regime.interval_ms]
    narrow, narrow_ms = sum(count for _, count in rows), sum(value * count for value, count in rows)
    wide_ms = sum(value * count for value, count in model.wide.interval_ms)
    wide = sum(count for _, count in model.wide.spread_ticks)
    seconds = sum(regime.seconds for regime in model.regimes)
    square = sum(
        regime.seconds * sum(move * move for move in regime.move_ticks) / len(regime.move_ticks)
        for regime in model.regimes
    )
    still = sum(regime.seconds for regime in model.regimes if regime.name.startswith("still"))
    jumps = sum(regime.seconds for regime in model.regimes if regime.name == "jump")
    burst_rows = model.trades.burst
    bursts = sum(count for _, count in burst_rows)
    sizes = sorted(model.trades.size_lots)
    comparisons: dict[str, tuple[float, float, float]] = {  # ours, measured, tolerance relative to it
        "seconds": (seconds, seen.duration_ms / 1000, 0.005),
        "quotes": (narrow + wide, seen.quotes, 0.005),
        "duration": (narrow_ms + wide_ms, seen.duration_ms, 0.005),
        "narrow quotes": (narrow / (narrow + wide) * 1e6, seen.spread_one_tick_ppm, 0.001),
        "narrow time": (1e6 - wide_ms / seen.duration_ms * 1e6, seen.spread_one_tick_time_ppm, 0.001),
        "quotes of wide runs": (sum(value * count for value, count in model.wide.run_quotes), wide, 0.001),
        "volatility": (math.sqrt(square / seconds) / model.first_bid_ticks * 1e9, seen.volatility_ppb, 0.05),
        "still seconds": (still / seconds * 1e6, seen.still_seconds_ppm, 0.1),
        "jumps": (jumps, seen.jumps, 0.2),
        "trades": (sum(value * count for value, count in burst_rows), seen.trades, 0.0),
        "bursts": (
            sum(row.trade_bursts_ppm / 1e6 * _quotes(model, at) for at, row in enumerate(model.regimes)), bursts, 0.05
        ),
        "trade size": (sizes[len(sizes) // 2], seen.trade_quantiles_lots[1], 0.1),
        "median quantity": (model.quantity.edges_lots[64], seen.quantity_quantiles_lots[2], 0.001),
        "first quartile of quantity": (model.quantity.edges_lots[32], seen.quantity_quantiles_lots[1], 0.001),
    }  # fmt: skip
    found = [name for name, (ours, theirs, share) in comparisons.items() if abs(ours - theirs) > share * theirs]
    for at, regime in enumerate(model.regimes):
        into = sum(other.following[at] for other in model.regimes)
        if not regime.seconds == sum(regime.following) == into:
            found.append(f"transitions of {regime.name}")
    return found


def _quotes(model: Model, at: int) -> float:
    """Quotes of a regime: those one tick wide, and its share of the wide stretches.

    The share takes all stretches for equally long. Those in jumps are longer, which costs the sum of bursts 3 %.
    """
    regime = model.regimes[at]
    narrow = sum(count for _, count in regime.interval_ms)
    runs = model.wide.run_quotes
    mean_run = sum(value * count for value, count in runs) / sum(count for _, count in runs)
    return narrow + narrow * regime.wide_starts_ppm / 1e6 * mean_run


def differences_from_recordings(setting: str) -> list[str]:
    """The symbols whose committed parameters are not what the script makes of the recordings now."""
    folder = Path(setting)
    return [
        symbol for symbol in SYMBOLS if render(calibrate(find_recording(folder, symbol), symbol)) != committed(symbol)
    ]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_tables_and_measurement_come_from_one_recording(symbol: str) -> None:
    """Counts, sums and quantiles of the committed tables agree with the measurement that is kept beside them."""
    assert contradictions(load_model(symbol)) == []


def test_the_parameters_are_what_the_script_writes(made: Path) -> None:
    """The committed files are, byte for byte, the script's output for the recordings that the setting names.

    A setting that names an unreadable folder is an error, not a pass. Everywhere, the script gives one text for one
    recording, and the committed files are in its layout, to the byte.
    """
    setting = os.environ.get("DITA_RECORDINGS")
    if setting:
        assert differences_from_recordings(setting) == []
    file_name = RECORDING_FILES["ETH-USDT"]
    first, second = (calibrate(made / file_name, "ETH-USDT") for _ in range(2))

    assert render(first) == render(second)
    assert parse_model(render(first), file_name) == first
    for symbol in SYMBOLS:
        assert render(load_model(symbol)) == committed(symbol)


def test_other_recordings_are_told_apart(made: Path) -> None:
    """The comparison with the recordings is red for recordings of another day, and an error for none."""
    assert differences_from_recordings(str(made)) == list(SYMBOLS)
    with pytest.raises(FeedError, match="is not a folder"):
        differences_from_recordings(str(made / "nowhere"))


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_what_is_generated_can_be_recorded_read_and_measured(made: Path, symbol: str) -> None:
    """A generated stream, written as the exchange would and read back, is the same stream and measures the same."""
    path = made / RECORDING_FILES[symbol]
    events = short_stream(symbol)
    model = calibrate(path, symbol)
    truth = load_model(symbol)

    assert sorted(map(repr, read_recording(path, symbol))) == sorted(map(repr, events))
    assert (model.tick, model.lot) == (truth.tick, truth.lot)
    assert model.measured == measure(tape_of(events, truth.tick, truth.lot))
    assert model.recording.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_parameters_name_their_maker_and_their_recording(symbol: str) -> None:
    """The header says which command wrote the file and from which bytes."""
    header = json.loads(committed(symbol))

    assert header["generated_by"] == GENERATED_BY
    assert header["recording"]["file"] == RECORDING_FILES[symbol]
    assert header["recording"]["sha256"] == RECORDED_SHA256[symbol]
    assert calibrated_symbols() == sorted(SYMBOLS)


def test_the_generators_docstring_gives_the_measured_numbers() -> None:
    """The table in the module's documentation is the measurement in the parameter files, rounded."""
    text = generator_module.__doc__ or ""
    cells = {row[:38].strip(): row[38:].split("  ") for row in text.splitlines()}
    figures: dict[str, Callable[[Model], str]] = {
        "quotes per second": lambda model: f"{model.measured.quotes_per_second_milli / 1e3:.1f}",
        "quotes in the same millisecond": lambda model: f"{model.measured.interval_zero_ppm / 1e4:.1f} %",
        "interval 75 % / 90 % / 99 %, ms": lambda model: " / ".join(map(str, model.measured.interval_quantiles_ms[1:])),
        "tick, USDT": lambda model: f"{model.tick / 1e10:g}",
        "spread of one tick, of quotes": lambda model: f"{model.measured.spread_one_tick_ppm / 1e4:.1f} %",
        "spread of one tick, of time": lambda model: f"{model.measured.spread_one_tick_time_ppm / 1e4:.1f} %",
        "wider spreads 50 % / 90 %, ticks": lambda model: " / ".join(
            map(str, model.measured.spread_wide_quantiles_ticks[1:])
        ),
        "volatility of 1 s returns, ppm": lambda model: f"{model.measured.volatility_ppb / 1e3:.1f}",
        "seconds that do not move": lambda model: f"{model.measured.still_seconds_ppm / 1e4:.1f} %",
        "jumps per hour (9 and 3 observed)": lambda model: str(model.measured.jumps_per_hour),
        "mean jump, ppm": lambda model: f"{model.measured.jump_mean_ppb / 1e3:.0f}",
        "quantity at best, median, coins": lambda model: f"{model.measured.quantity_quantiles_lots[2] / 1e3:.3f}",
        "trades per second": lambda model: f"{model.measured.trades_per_second_milli / 1e3:.1f}",
    }
    for name, figure in figures.items():
        stated = [cell.strip() for cell in cells[name] if cell.strip()]

        assert stated == [figure(load_model(symbol)) for symbol in SYMBOLS], name
    assert [load_model(symbol).measured.jumps for symbol in SYMBOLS] == [9, 3]


def test_the_script_writes_a_file_for_each_symbol(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run as a command, with the setting or the option, it writes both files and says what it measured."""
    monkeypatch.setenv("DITA_RECORDINGS", str(made))

    assert main(["--output", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["btc-usdt.json", "eth-usdt.json"]
    assert (tmp_path / "btc-usdt.json").read_bytes() == render(calibrate(made / "btcusdt_20240808.gz", "BTC-USDT"))
    assert "quotes" in capsys.readouterr().out


def test_the_script_fails_with_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without recordings it writes nothing, names the setting, and its exit status is not 0."""
    monkeypatch.delenv("DITA_RECORDINGS", raising=False)

    assert main(["--output", str(tmp_path)]) == 2
    assert "`DITA_RECORDINGS`: is not set" in capsys.readouterr().err
    assert main(["--output", str(tmp_path), "--recordings", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []


def test_too_short_a_recording_is_refused(tmp_path: Path) -> None:
    """Less than a minute, or quotes alone, is nothing to calibrate on."""
    events = short_stream("BTC-USDT")
    short = takewhile(lambda event: event.time_ns < START_TIME_NS + 59 * SECOND_NS, events)
    cases = {"short": short, "quotes": (event for event in events if isinstance(event, BookTicker))}
    words: dict[str, str] = {}
    for name, kept in cases.items():
        with gzip.open(tmp_path / name, "wb", compresslevel=1) as file:
            file.writelines(as_line(event, number) for number, event in enumerate(kept))
        with pytest.raises(FeedError) as caught:
            calibrate(tmp_path / name, "BTC-USDT")
        words[name] = str(caught.value)

    assert "has 58 whole seconds of quotes; measure one of at least 60 seconds" in words["short"]
    assert "lacks quotes or trades" in words["quotes"]


def _regime(field: str, value: object) -> Callable[[Any], None]:
    return lambda raw: raw["regimes"][2].__setitem__(field, value)


def _set(*path: str, value: object) -> Callable[[Any], None]:
    def change(raw: Any) -> None:
        for name in path[:-1]:
            raw = raw[name]
        raw[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_set("format", value=2), "format `2` is not `1`"),
        (_set("tick", value=0), "`tick`"),
        (_set("tick", value=1.5), "`tick`"),
        (_set("tick", value="1"), "`tick`"),
        (_set("lot", value=None), "`lot`"),
        (_set("extra", value=1), "`extra`"),
        (_set("symbol", value="BTCUSDT"), "`symbol`"),
        (_set("recording", "sha256", value="abc"), "`recording.sha256`"),
        (_set("regimes", value=[]), "`regimes`"),
        (_set("first_bid_ticks", value=100), "could take the price below zero"),
        (_set("wide", "spread_ticks", value=[[1, 5]]), "a wide spread is 2 ticks or more"),
        (_set("wide", "run_quotes", value=[[0, 5]]), "a run and a burst 1 or more"),
        (_set("trades", "burst", value=[[0, 5]]), "a run and a burst 1 or more"),
        (_set("quantity", "edges_lots", value=list(range(129, 0, -1))), "`quantity.edges_lots` does not rise"),
        (_set("quantity", "edges_lots", value=[1, 2, 3]), "`quantity.edges_lots`"),
        (_set("trades", "seller_ppm", value=1_000_001), "`trades.seller_ppm`"),
        (_regime("following", [1]), "regime `moving_slow`: `following` does not name a next regime"),
        (_regime("following", [0, 0, 0, 0, 0]), "regime `moving_slow`: `following` does not name a next regime"),
        (_regime("interval_ms", [[0, 5]]), "regime `moving_slow`: `interval_ms` never lets time pass"),
        (_regime("interval_ms", [[1, 5], [1, 5]]), "regime `moving_slow`: `interval_ms` does not rise"),
        (_regime("move_ticks", []), "`regimes.2.move_ticks`"),
        (_regime("steps", [[1, 0]]), "`regimes.2.steps.0.1`"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_refused_by_name(change: Callable[[Any], None], words: str) -> None:
    """A file that was edited or damaged is refused with the field, and with how to write it again."""
    raw = json.loads(committed("BTC-USDT"))
    change(raw)
    with pytest.raises(FeedError) as caught:
        parse_model(json.dumps(raw).encode(), "btc-usdt.json")

    assert words in str(caught.value)
    assert "`btc-usdt.json`" in str(caught.value)
    assert GENERATED_BY in caught.value.next_step


@pytest.mark.parametrize(
    ("text", "words"), [(b"", "the file"), (b"{", "the file"), (b"x" * (FILE_BYTES_MAX + 1), "is longer than")]
)
def test_what_is_no_parameter_file_is_refused(text: bytes, words: str) -> None:
    """No JSON, or far too much of it, is refused before anything is made of it."""
    with pytest.raises(FeedError, match=words):
        parse_model(text, "btc-usdt.json")


def _stretched(raw: Any) -> None:
    for regime in raw["regimes"]:
        regime["interval_ms"] = [[2 * value, count] for value, count in regime["interval_ms"]]


def _wilder(raw: Any) -> None:
    for regime in raw["regimes"]:
        regime["move_ticks"] = [3 * move for move in regime["move_ticks"]]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (_stretched, "duration"),
        (_wilder, "volatility"),
        (_set("wide", "spread_ticks", value=[[2, 9]]), "quotes"),
        (_set("wide", "run_quotes", value=[[2, 9]]), "quotes of wide runs"),
        (_set("wide", "interval_ms", value=[[90, 3000]]), "narrow time"),
        (_set("trades", "burst", value=[[1, 5435]]), "trades"),
        (_set("trades", "size_lots", value=[500]), "trade size"),
        (_set("quantity", "edges_lots", value=list(range(1, 130))), "median quantity"),
        (_regime("trade_bursts_ppm", 500_000), "bursts"),
        (_regime("following", [87, 0, 0, 0, 0]), "transitions of still_slow"),
        (_regime("seconds", 200), "seconds"),
        (_regime("name", "still_slow"), "still seconds"),
        (_regime("name", "jump"), "jumps"),
    ],
)  # fmt: skip
def test_edited_tables_contradict_the_measurement(change: Callable[[Any], None], name: str) -> None:
    """The agreement of tables and measurement is a check that fails: each planted edit is found by its name."""
    raw = json.loads(committed("BTC-USDT"))
    change(raw)

    assert name in contradictions(parse_model(json.dumps(raw).encode(), "btc-usdt.json"))
