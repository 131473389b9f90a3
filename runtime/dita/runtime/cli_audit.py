"""``dita audit``: every known flaw, what notices it when it is put back, and whether that still holds."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from dita.conformance.defects import DEFECTS, REPOSITORY
from dita.runtime.audit.judging import Asked, Audit, Judged, ask, audit, compare, questions, sample, tidy
from dita.runtime.audit.pages import write_site
from dita.runtime.audit.scaffold import scaffold
from dita.runtime.audit.summary import markdown
from dita.runtime.audit.timelines import moments
from dita.runtime.cli_report import CommandError, Report, Reporter, escape, table
from dita.spec.clauses import BY_ID
from dita.spec.flaws import LAYERS

Tier = Literal["quick", "full"]
SAMPLE_SECONDS: Final = 6.0  # of processor time, of a question that a quick run may ask again
_WIDTH_MAX: Final = 110


def run(
    reporter: Reporter, *, ids: Sequence[str], tier: Tier, anew: bool, again: int, seed: int | None,
    minutes: float | None, html: Path | None, markdown_file: Path | None,
) -> Report:  # fmt: skip
    """Judge by what is recorded; ask again what is stale (tier full), everything (anew), or a sample (again).

    Raises AuditRefused, CatalogueError, CommandError, EvidenceError, PatchRefused.
    """
    if ids and ids[0] == "new":
        if len(ids) != 2:
            raise CommandError("new: name the flaw to begin, and nothing else: dita audit new T99")
        return Report({}, [], [escape(line) for line in scaffold(ids[1])])
    found = audit(ids)
    wanted = questions(found, lambda one: anew or (tier == "full" and one.status != "current"))
    if wanted:
        ran = ask(wanted, found.evidence, reporter.progress, minutes=minutes)
        found = audit(ids)
        found.ran = len(ran)
    if again:
        _ask_again(found, again, commit_seed() if seed is None else seed, reporter)
    if not ids:
        tidy(found)
    problems = found.problems(strict=tier == "full")
    if markdown_file is not None:
        markdown_file.write_text(markdown(found), encoding="utf-8")
    shown: list[RenderableType] = [_told(one) for one in found.judged] if ids else []
    if html is not None:
        shown.append(f"site written: {write_site(found, html)}")
    elif not ids:
        shown.append(_matrix(found))
    return Report(found.figures, problems, [*shown, table("audit", found.figures, ("figure", "value"))])


def _ask_again(found: Audit, count: int, seed: int, reporter: Reporter) -> None:
    """Ask a few questions once more, and note where the answer is another than is recorded."""
    current = questions(found, lambda asked: asked.noticed)
    drawn = sample(current, count, seed, SAMPLE_SECONDS, found.evidence)
    for number, question in enumerate(drawn):
        reporter.progress(f"audit again, seed {seed}: {question.defect.name}", number, len(drawn))
        found.contradicted += compare(question, found.evidence)
    found.ran += len(drawn)


def commit_seed(repository: Path = REPOSITORY) -> int:
    """A number that changes with the commit; 0 outside a clone."""
    command = ["git", "rev-parse", "HEAD"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    return int(done.stdout[:8], 16) if done.returncode == 0 else 0


# --- the screen ------------------------------------------------------------------------------------------------------


def time_text(seconds: float) -> str:
    """Processor time, short."""
    return f"{seconds * 1000:.0f}ms" if seconds < 0.95 else f"{seconds:.0f}s" if seconds >= 9.5 else f"{seconds:.1f}s"


def _matrix(found: Audit) -> Table:
    """A line a flaw: who notices it, quickest first. The site draws the matrix."""
    made = Table(title="flaws, and processor time to detection", title_justify="left", header_style="bold")
    made.add_column("flaw", no_wrap=True)
    made.add_column("severity", no_wrap=True)
    made.add_column("layers", justify="right", no_wrap=True)
    made.add_column("noticed by")
    for one in found.judged:
        told = ", ".join(_noticing(one)) or "nobody"
        told += f" (open: {one.flaw.open})" if one.flaw.open else ""
        made.add_row(one.flaw.id, one.flaw.severity, str(one.layers_min), told, style="" if one.covered else "yellow")
    return made


def _noticing(one: Judged) -> list[str]:
    rows = [(asked.row.seconds, layer) for layer in LAYERS for asked in one.of(layer) if asked.noticed and asked.row]
    quickest: dict[str, float] = {}
    for seconds, layer in sorted(rows):
        quickest.setdefault(layer, seconds)
    return [f"{layer} {time_text(seconds)}" for layer, seconds in quickest.items()]


def _told(one: Judged) -> Text:
    """A flaw on one screen."""
    flaw = one.flaw
    lines = [
        f"{flaw.id}  {flaw.title}   [{flaw.severity}, {flaw.room}]",
        "",
        f"what went wrong   {flaw.wrong}",
        f"what must hold    {flaw.must}",
        f"excluded by       {flaw.excluded}: {flaw.how}",
        *([f"source            {flaw.source}"] if flaw.source else []),
        *[f"clause {name:<10} {BY_ID[name].rule}" for name in flaw.clauses],
        *([f"obligations       {', '.join(flaw.obligations)}"] if flaw.obligations else []),
        *([f"OPEN              {flaw.open}"] if flaw.open else []),
    ]
    for planted in one.planted:
        lines += [
            "",
            f"put back by conformance/defects/{planted.defect.path.relative_to(DEFECTS)}: {planted.defect.says}",
        ]
        lines += [f"  instead: {planted.injection.instead}"] if planted.injection.instead else []
        lines += [f"  {_line(asked)}" for asked in planted.asked]
    lines += ["", *shortest(one), "", f"again: dita audit {flaw.id} --anew", ""]
    return Text("\n".join(lines))


def _line(asked: Asked) -> str:
    row = asked.row
    if row is None:
        return f"{asked.ask.layer:<11} never asked  {asked.ask.what}"
    state = "stale" if asked.status == "stale" else row.verdict if row.sound else "void"
    says = next(iter(row.says.splitlines()), "")
    return f"{asked.ask.layer:<11} {state:<6} {time_text(row.seconds):>6}  {asked.ask.what}  {says}"[:_WIDTH_MAX]


def shortest(one: Judged, lines_max: int = 16) -> list[str]:
    """The shortest counterexample of a flaw as lines, if any layer told one."""
    drawn = moments(one)
    if drawn is None:
        return ["no trace: what is noticed is no sequence of inputs; see what the layers say"]
    told = [f"shortest trace, of `{drawn.patch}`; left as it must be, right with the flaw"]
    for number, moment in enumerate(drawn.moments[-lines_max:], 1):
        told.append(f"{number:>3} {moment.event}"[:_WIDTH_MAX])
        if moment.sound or moment.flawed:
            sign = "≠" if moment.differs else "="
            told.append(f"    {moment.sound}  {sign}  {moment.flawed}"[: 2 * _WIDTH_MAX])
    return told
