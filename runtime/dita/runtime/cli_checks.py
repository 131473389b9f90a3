"""``dita conform``, ``certify`` and ``explore``: the layers of evidence."""

from dita.conformance.conform import Tier, run_conform
from dita.runtime.cli_report import Report, Reporter, table

_SEED = 1


def conform(reporter: Reporter, *, tier: Tier, seed: int | None) -> Report:
    """Compare kernel and reference."""
    report = run_conform(tier, _SEED if seed is None else seed, reporter.progress)
    shown = [table(f"conform, tier {report.tier}, seed {report.seed}", report.figures, ("figure", "value"))]
    texts = [divergence.timeline for divergence in report.divergences]
    return Report(report.figures, report.problems, [*shown, *texts])
