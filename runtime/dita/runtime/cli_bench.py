"""``dita bench``."""

from rich.table import Table

from dita.kernel.loader import load_for_conformance
from dita.runtime.bench import run_bench
from dita.runtime.cli_report import Report, Reporter


def bench(reporter: Reporter, *, rounds: int) -> Report:
    """Measure and show. Targets are shown, not judged: machines are noisy. Raises ImageRefused, WrongResult."""
    measured = run_bench(load_for_conformance(), rounds, reporter.progress)
    shown = Table(title=f"bench, medians of {rounds} rounds; R: one no-op call", title_justify="left")
    for header in ("figure", "what"):
        shown.add_column(header)
    for header in ("R", "target", "µs"):
        shown.add_column(header, justify="right")
    for one in measured:
        target = "" if one.target is None else f"≤ {one.target:g}"
        shown.add_row(one.name, one.what, f"{one.value:g}", target, f"{one.nanoseconds / 1000:.3f}")
    return Report({one.name: one.value for one in measured}, (), [shown])
