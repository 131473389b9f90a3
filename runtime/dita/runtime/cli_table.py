"""``dita table``: what every input does in every phase, and the state diagram."""

import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, Literal

from dita.conformance.matrix import Result, blank_cells, declared_results
from dita.conformance.states import dot, edges
from dita.conformance.states_svg import svg
from dita.conformance.table import everything
from dita.runtime.cli_report import CommandError, Report, Reporter
from dita.spec.vocabulary import Kind, Phase

Format = Literal["text", "svg", "dot"]
_MAKERS: Final[dict[Format, Callable[[Collection[Result]], str]]] = {"text": everything, "svg": svg, "dot": dot}


def table(reporter: Reporter, *, form: Format, output: Path | None) -> Report:
    """Write the table (text) or the diagram (svg, dot) to a file or to standard output. Raises CommandError."""
    del reporter
    results = declared_results()
    text = _MAKERS[form](results)
    if output is None:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as problem:
            reason = problem.strerror or str(problem)
            raise CommandError(
                f"--output: `{output}`: {reason.lower()}; name a file in a folder that is there"
            ) from None
    blank = blank_cells(results)
    figures = {
        "phases": len(Phase),
        "kinds": len(Kind) - 1,
        "results": len(results),
        "moves": len(edges(results)),
        "blank": len(blank),
    }
    return Report(figures, [f"{phase} × {kind}: no result is known" for phase, kind in blank])
