"""``dita equiv``: the machine code of the kernel image against the reference, kind by kind."""

from pathlib import Path
from typing import Final

from rich.console import RenderableType
from rich.table import Table

from dita.conformance.conform import Tier
from dita.conformance.equiv.run import EquivReport, run_equiv
from dita.conformance.equiv.tools import ToolMissing
from dita.conformance.prove.core import KINDS
from dita.kernel.image import IMAGE_PATH
from dita.runtime.cli_report import CommandError, Report, Reporter, table
from dita.spec.vocabulary import Kind

COLUMNS: Final = ("kind", "machine paths", "reached", "equal", "reference paths", "seconds", "verdict")


def equiv(
    reporter: Reporter, *, tier: Tier, kinds: list[str] | None, image: Path | None, anew: bool, processes: int
) -> Report:
    """Prove the kinds named, or all there are. Raises CommandError."""
    asked = [_kind(name) for name in dict.fromkeys(kinds or [kind.name for kind in KINDS])]
    where = image or IMAGE_PATH
    if not where.is_file():
        raise CommandError(f"--image: `{where}` is no file; `make build` makes the kernel image")
    reporter.progress("reading the machine code", 0, 0)
    try:
        report = run_equiv(asked, tier, reporter.progress, image=where, anew=anew, processes=processes)
    except ToolMissing as missing:
        raise CommandError(str(missing)) from missing
    shown: list[RenderableType] = [_rows(report), table(f"equiv, tier {tier}", report.figures, ("figure", "value"))]
    return Report(report.figures, report.problems, shown)


def _kind(name: str) -> Kind:
    known = {kind.name: kind for kind in sorted(KINDS)}
    if name.upper() not in known:
        raise CommandError(f"`{name}` is no kind of input; name some of {', '.join(known)}, or none for all")
    return known[name.upper()]


def _rows(report: EquivReport) -> Table:
    made = Table(header_style="bold")
    for number, column in enumerate(COLUMNS):
        made.add_column(column, justify="left" if number in {0, len(COLUMNS) - 1} else "right")
    for kind in report.asked:
        row = report.rows[kind]
        seconds = round(row.seconds_exploring + row.seconds_deciding, 1)
        numbers = (row.machine_paths, row.reached, row.equal, row.reference_paths, seconds)
        made.add_row(kind.name, *[str(number) for number in numbers], "proved" if row.proved else "not proved")
    return made
