"""``dita bench``."""

import logging
import tempfile
from pathlib import Path
from typing import Final

from rich.table import Table

from dita.conformance.oracle.load import compiled_oracle
from dita.kernel.loader import load_for_conformance
from dita.runtime.bench import run_bench
from dita.runtime.bench_backtest import R_MAX, bench_backtest
from dita.runtime.bench_journal import bench_journal
from dita.runtime.cli_report import Report, Reporter
from dita.runtime.doors import certified_kernel
from dita.runtime.settings import load_settings

_PER_SECOND: Final = {
    "campaign_step_r": "campaign_steps_per_second",
    "campaign_step_compiled_r": "compiled_campaign_steps_per_second",
    "replay_r": "replay_steps_per_second",
}


def bench(reporter: Reporter, *, rounds: int, compiled: bool) -> Report:
    """Measure and show. Targets are shown, not judged: machines are noisy.

    Raises ImageRefused, WrongResult, OracleRefused.
    """
    oracle = compiled_oracle().step if compiled else None
    measured = run_bench(load_for_conformance(), rounds, reporter.progress, oracle)
    shown = Table(title=f"bench, medians of {rounds} rounds; R: one no-op call", title_justify="left")
    for header in ("figure", "what"):
        shown.add_column(header)
    for header in ("R", "target", "µs"):
        shown.add_column(header, justify="right")
    for one in measured:
        target = "" if one.target is None else f"≤ {one.target:g}"
        shown.add_row(one.name, one.what, f"{one.value:g}", target, f"{one.nanoseconds / 1000:.3f}")
    figures: dict[str, object] = {one.name: one.value for one in measured}
    figures |= {_PER_SECOND[one.name]: int(1e9 / one.nanoseconds) for one in measured if one.name in _PER_SECOND}
    return Report(figures, (), [shown])


def backtest(reporter: Reporter, *, rounds: int, round_trips: int) -> Report:
    """Measure round trips of a backtest that calls its exchange, and show them.

    Raises WrongResult, SettingsError, CertificateRefused, ImageRefused, OSError.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        settings = load_settings({}, symbols="BTC-USDT", round_trips=round_trips, out=Path(folder), market="waits")
        kernel = certified_kernel(load_settings().certificate, certify=None)
        logging.getLogger("dita").setLevel(logging.ERROR)  # what it would say of its streams is no news here
        found = bench_backtest(kernel, settings, rounds, reporter.progress)
    per_second = int(1e9 / found.round_trip_ns)
    shown = Table(title=f"bench of a backtest, medians of {rounds} rounds; R: one no-op call", title_justify="left")
    for header in ("figure", "what", "value", "target"):
        shown.add_column(header)
    what = "a round trip: policy, gates, sizing, kernel and reference, journal, exchange, settlement"
    shown.add_row("backtest_round_trip_r", what, f"{found.round_trip_r:.0f}", f"≤ {R_MAX:g}")
    shown.add_row("backtest_round_trips_per_second", "of processor time", f"{per_second}", "≥ 3000")
    figures: dict[str, object] = {
        "backtest_round_trip_r": round(found.round_trip_r, 1),
        "backtest_round_trips_per_second": per_second,
    }
    return Report(figures, (), [shown])


def journal(reporter: Reporter, *, rows: int) -> Report:
    """Measure the journal on the disk of the present folder, and show it. Raises OSError and what the bench raises."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder:
        found = bench_journal(load_for_conformance(), Path(folder), rows, reporter.progress)
    start_seconds = found.open_seconds + found.recover_seconds
    lines = [
        ("journal_inputs_per_second", "durable inputs a second, in groups", f"{found.grouped_per_second}", "≥ 5000"),
        ("journal_flush_p50_ms", "the bare disk: a page until it is flushed, ms", f"{found.flush_p50_ms:.3f}", ""),
        ("journal_alone_p50_ms", "one input until it is durable, ms", f"{found.alone_p50_ms:.3f}", "≤ 2"),
        ("journal_open_s", f"reading and checking {rows} rows, s", f"{found.open_seconds:.2f}", ""),
        ("journal_recover_s", "through the snapshot to the state, s", f"{found.recover_seconds:.2f}", ""),
        ("journal_start_s", "both, s; the target is for a million rows", f"{start_seconds:.2f}", "< 20"),
        ("journal_start_cpu_s", "processor time of both, s", f"{found.start_cpu_seconds:.2f}", ""),
    ]
    shown = Table(title="bench of the journal", title_justify="left")
    for header in ("figure", "what", "value", "target"):
        shown.add_column(header)
    for line in lines:
        shown.add_row(*line)
    figures: dict[str, object] = {name: float(value) for name, _, value, _ in lines}
    return Report(figures | {"journal_rows": rows}, (), [shown])
