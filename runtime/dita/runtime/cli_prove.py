"""``dita prove``: the door. A solver that is missing or crashes is a failure with a name, whatever was asked for."""

from importlib import import_module
from pathlib import Path
from typing import Any, Final

from dita.conformance.conform import Tier
from dita.conformance.prove.solvers import SolverFailed, check_solvers
from dita.runtime.cli_report import CommandError, Report, Reporter

EVERY: Final = "all"
FIGURES: Final = ("invariants", "paths", "obligations", "proved", "refuted", "unknown", "vacuous", "solvers")


def prove(
    reporter: Reporter, *, tier: Tier, seed: int | None, listing: bool, html: Path | None, breaking: str | None,
    anew: bool,
) -> Report:  # fmt: skip
    """Prove the reference, list what is proved, or show what one planted defect does. Raises CommandError."""
    if listing and breaking is not None:
        raise CommandError("--list and --break are two commands; give one of them")
    if html is not None and (listing or breaking is not None):
        raise CommandError("--html: the pages are about a whole run; leave out --list and --break")
    if html is not None and html.exists() and not html.is_dir():
        raise CommandError(f"--html: `{html}` is no folder; name one, it is made if need be")
    reporter.progress("asking the solvers", 0, 0)
    try:
        check_solvers()
        commands: Any = import_module("dita.runtime.proof_commands")  # imports both solvers
        if listing:
            found: Report = commands.listed()
        elif breaking == EVERY:
            found = commands.all_broken(reporter)
        elif breaking is not None:
            found = commands.broken(reporter, breaking)
        else:
            found = commands.proved(reporter, tier, seed or 0, html, anew=anew)
    except SolverFailed as failure:
        return Report(dict.fromkeys(FIGURES, 0), [str(failure)])
    return found
