"""``dita bench``."""

from typing import Final

from rich.table import Table

from dita.conformance.oracle.load import compiled_oracle
from dita.kernel.loader import load_for_conformance
from dita.runtime.bench import run_bench
from dita.runtime.cli_report import Report, Reporter

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
