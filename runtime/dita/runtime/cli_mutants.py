"""``dita mutants``: the score of the harness itself."""

from pathlib import Path
from typing import Final

from rich.console import RenderableType
from rich.table import Table

from dita.conformance.mutants.campaign import MutantsReport, Order, Tier, run_mutants
from dita.conformance.mutants.edits import FAMILIES, Family
from dita.conformance.mutants.kernel_list import LIST, list_anew
from dita.conformance.mutants.matrix_text import matrix, summary
from dita.runtime.cli_report import CommandError, Report, Reporter, escape, table

SHOWN: Final = 40  # survivors and undecided mutants on the screen; --matrix has all


def mutants(
    reporter: Reporter, *, family: Family | None, since: str | None, tier: Tier, anew: bool, recorded: bool,
    minutes: int | None, processes: int, listing: bool, matrix_file: Path | None,
) -> Report:  # fmt: skip
    """Try what has no current evidence, and say how many mutants the layers notice. Raises CommandError, ListStale."""
    if recorded and (anew or minutes is not None):
        raise CommandError("--recorded: nothing is tried; leave out --anew and --minutes")
    if listing:
        return Report({"listed": list_anew()}, [], [f"the kernel's mutants stand in {LIST}"])
    order = Order(
        FAMILIES if family is None else (family,), since, tier, anew, not recorded,
        None if minutes is None else 60.0 * minutes, processes,
    )  # fmt: skip
    report = run_mutants(order, reporter.progress)
    if matrix_file is not None:
        matrix_file.write_text(matrix(report), encoding="utf-8")
    shown: list[RenderableType] = [
        _layers(report),
        *_named(report),
        table("mutants", report.figures, ("figure", "value")),
    ]
    if not report.tried:
        shown.append("read from the record: nothing was to be tried; --anew tries everything again")
    return Report(report.figures, report.problems, shown)


def _layers(report: MutantsReport) -> Table:
    made = Table(title="killed mutants by layer", title_justify="left", header_style="bold")
    for header in ("family", "layer", "asked", "noticed", "share", "alone", "median steps", "median time"):
        made.add_column(header, justify="left" if header in ("family", "layer") else "right")
    for row in summary(report):
        made.add_row(
            row.family, row.layer, str(row.asked), str(row.noticed), f"{row.share_ppm / 10_000:.1f} %", str(row.alone),
            str(row.steps), f"{row.micros / 1_000:.1f} ms" if row.micros else "",
        )  # fmt: skip
    return made


def _named(report: MutantsReport) -> list[RenderableType]:
    """Those that are not killed and not proved equivalent, by name."""
    found = [
        f"{record.verdict}: {mutant.id} {mutant.title}{f': {record.note}' if record.note else ''}"
        for rows in report.records.values()
        for mutant, record in rows
        if record.verdict in ("undecided", "timeout")
    ]
    more = [f"and {len(found) - SHOWN} more; --matrix FILE has all"] if len(found) > SHOWN else []
    return [escape(text) for text in (*found[:SHOWN], *more)]
