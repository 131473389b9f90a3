"""``dita equiv``: the machine code of the kernel image against the reference, kind by kind."""

from pathlib import Path
from typing import Final

from rich.console import RenderableType
from rich.table import Table

from dita.conformance.conform import Tier
from dita.conformance.defects import PatchRefused
from dita.conformance.equiv.run import EquivReport, run_equiv
from dita.conformance.equiv.tools import ToolMissing
from dita.conformance.equiv.undecided import UndecidedUnknown, run_undecided
from dita.conformance.equiv.whole import WholeReport, refuted, run_whole
from dita.conformance.mutants.kernel_list import ListStale
from dita.conformance.mutants.records import RecordError
from dita.conformance.prove.core import KINDS
from dita.kernel.image import IMAGE_PATH
from dita.runtime.cli_report import CommandError, Report, Reporter, table
from dita.spec.certificate import add_up
from dita.spec.vocabulary import Kind

COLUMNS: Final = ("kind", "machine paths", "reached", "equal", "reference paths", "seconds", "verdict")


def equiv(
    reporter: Reporter,
    *,
    tier: Tier,
    kinds: list[str] | None,
    image: Path | None,
    anew: bool,
    processes: int,
    mutants: int,
    undecided: bool = False,
) -> Report:
    """Prove the kinds named, or all and what is around them; refute so many mutants. Raises CommandError.

    ``undecided``: and prove those the same that no other layer can tell from the kernel.
    """
    asked = [_kind(name) for name in dict.fromkeys(kinds or [])]
    where = image or IMAGE_PATH
    if not where.is_file():
        raise CommandError(f"--image: `{where}` is no file; `make build` makes the kernel image")
    if (mutants or undecided) and image is not None:
        name = "--mutants" if mutants else "--undecided"
        raise CommandError(f"{name}: they are made of this clone's kernel; leave --image out")
    reporter.progress("reading the machine code", 0, 0)
    try:
        report = _proved(asked, tier, reporter, where, anew=anew, processes=processes)
        if mutants:
            report.pieces.append(refuted(mutants, reporter.progress, processes))
        if undecided:
            report.pieces.append(run_undecided(tier, reporter.progress, processes))
    except (ToolMissing, RecordError, ListStale, PatchRefused, UndecidedUnknown) as problem:
        raise CommandError(str(problem)) from problem
    shown: list[RenderableType] = [_rows(report.kinds)]
    shown += [_pieces(report)] if report.pieces else []
    shown += [f"assumed: {note}" for piece in report.pieces for note in piece.notes]
    figures = report.figures
    return Report(figures, report.problems, [*shown, table(f"equiv, tier {tier}", figures, ("figure", "value"))])


def _proved(
    asked: list[Kind], tier: Tier, reporter: Reporter, image: Path, *, anew: bool, processes: int
) -> WholeReport:
    if asked:
        return WholeReport(run_equiv(asked, tier, reporter.progress, image=image, anew=anew, processes=processes))
    return run_whole(tier, reporter.progress, image=image, anew=anew, processes=processes)


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


def _pieces(report: WholeReport) -> Table:
    made = Table(header_style="bold")
    made.add_column("piece")
    made.add_column("counted")
    made.add_column("verdict")
    for piece in report.pieces:
        counts = add_up(piece.parts)
        said = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
        made.add_row(piece.name, said, "not proved" if piece.problems else "holds")
    return made
