"""``dita conform``, ``certify`` and ``explore``: the layers of evidence."""

from pathlib import Path
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from dita.conformance.certify import CERTIFICATE_NAME, CertifyReport, run_certify
from dita.conformance.conform import Progress, Tier, run_conform
from dita.conformance.distribution import met_text
from dita.conformance.explore import run_explore
from dita.conformance.findings import kept, told
from dita.conformance.signing import SigningKey
from dita.runtime.audit.judging import audit
from dita.runtime.cli_keygen import read_signing_key
from dita.runtime.cli_report import CommandError, Report, Reporter, escape, table
from dita.runtime.settings import load_settings

_SEED: Final = 1
_TOLD_MAX: Final = 10


def conform(reporter: Reporter, *, tier: Tier, seed: int | None) -> Report:
    """Compare kernel and reference. Raises ImageRefused."""
    report = run_conform(tier, _SEED if seed is None else seed, reporter.progress)
    shown: list[RenderableType] = [
        table(f"conform, tier {report.tier}, seed {report.seed}", report.figures, ("figure", "value")),
        table("of which", report.details, ("detail", "value")),
        Text(f"what the random runs met\n\n{met_text(report.met)}\n"),
        *(
            Text(told(found.timeline, found.seed, kept(found.what, found.seed, found.trace)))
            for found in report.divergences
        ),
    ]
    return Report(report.figures, report.problems, shown)


def explore(reporter: Reporter, *, tier: Tier) -> Report:
    """Search the worlds of a tier in full."""
    report = run_explore(tier, reporter.progress)
    shown = Table(title=f"explore, tier {report.tier}", title_justify="left", header_style="bold")
    for header in ("world", "states", "transitions", "good", "violations", "stranded", "circling", "seconds"):
        shown.add_column(header, justify="left" if header == "world" else "right")
    for row in report.worlds:
        shown.add_row(
            escape(row.name), str(row.states), str(row.transitions), str(row.good), str(row.violations),
            str(row.stranded), str(row.circling), f"{row.seconds:.1f}",
        )  # fmt: skip
    problems = [f"{row.name}: not safe, not free of stranded states, or not searched in full" for row in report.worlds
                if not row.ok]  # fmt: skip
    if not report.canary_found:
        problems.append("the planted canary was not found: the search proves nothing")
    found = [] if report.counterexample is None else [escape(report.counterexample)]
    return Report(report.figures, problems, [shown, table("explore", report.figures, ("figure", "value")), *found])


def certify(reporter: Reporter, *, tier: Tier, sign: Path | None) -> Report:
    """Run every layer and write the certificate to where the settings say, signed if a key file is named.

    Raises ImageRefused, CommandError, PrivateFileError, SettingsError.
    """
    key = None if sign is None else read_signing_key(sign)  # before the work, not after it
    if key is not None and tier == "full":
        require_audited()
    report = _certify(load_settings().certificate, tier, reporter.progress, key)
    figures: dict[str, object] = {}
    shown: list[RenderableType] = []
    for outcome in report.outcomes:
        figures |= {f"{outcome.name}_{name}": count for name, count in outcome.counts.items()}
        shown.append(table(outcome.name, dict(outcome.counts), ("count", "value")))
    shown += [escape(text) for text in report.counterexamples]
    if report.certificate is not None:
        by = "unsigned" if key is None else f"signed with {key.public_key}"
        shown.append(f"certificate {report.certificate}, sha256 {report.certificate_sha256}, {by}")
    return Report({"certified": int(report.ok), **figures}, report.refusals, shown)


def require_audited() -> None:
    """A release needs evidence about every known flaw that speaks of these very sources. Raises CommandError."""
    problems = audit().problems(strict=True)
    if problems:
        told = "\n".join(problems[:_TOLD_MAX])
        raise CommandError(
            f"certify --tier full --sign is a release, and {len(problems)} flaws speak against it:\n{told}"
        )


class CertificationFailed(Exception):
    """The image was not certified; the message says why. Nothing may be traded on it."""


def certify_quickly(path: Path, progress: Progress) -> None:
    """Make the quick certificate at this path. Raises ImageRefused, CommandError, CertificationFailed."""
    report = _certify(path, "quick", progress)
    if not report.ok:
        raise CertificationFailed(f"certify: refused: {'; '.join(report.refusals)}; run `dita certify` to see more")


def _certify(path: Path, tier: Tier, progress: Progress, key: SigningKey | None = None) -> CertifyReport:
    if path.name != CERTIFICATE_NAME:
        raise CommandError(f"certificate: `{path}` is not named {CERTIFICATE_NAME}; name a file that is")
    path.parent.mkdir(parents=True, exist_ok=True)
    return run_certify(tier, out_dir=path.parent, progress=progress, key=key)
