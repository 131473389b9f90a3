"""``dita vectors``: make the path vectors of the reference anew, or hold those of the repository against new ones."""

from importlib import import_module
from typing import Any

from rich.console import RenderableType

from dita.conformance.prove.solvers import SolverFailed, check_solvers
from dita.conformance.vectors.rows import BINARY_PATH, REPOSITORY, ROWS_PATH
from dita.runtime.cli_report import CommandError, Report, Reporter, table


def vectors(reporter: Reporter, *, check: bool, seed: int | None) -> Report:
    """Make them and write both files; with ``check`` write nothing and report what differs. Raises CommandError."""
    if not (REPOSITORY / "pyproject.toml").is_file():
        raise CommandError(f"`{REPOSITORY}` is no clone of the repository; path vectors are made where they are kept")
    reporter.progress("asking the solvers", 0, 0)
    try:
        check_solvers()
    except SolverFailed as failure:
        return Report({"vectors": 0}, [str(failure)])
    generate: Any = import_module("dita.conformance.vectors.generate")  # imports both solvers
    try:
        content = generate.generate(generate.SEED if seed is None else seed, reporter.progress)
    except generate.PathMissed as missed:
        return Report({"vectors": 0}, [str(missed)])
    problems: list[str] = []
    shown: list[RenderableType] = [table("vectors", content.figures, ("figure", "value"))]
    if check:
        problems = generate.differences(content)
    else:
        generate.write(content)
        shown += [f"written: {path}" for path in (ROWS_PATH, BINARY_PATH)]
    return Report(content.figures, problems, shown)
