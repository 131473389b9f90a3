"""Generate ``matrix.json``: ``python -m dita.conformance.declare`` after a change of behaviour that is meant.

The results come from the quick worlds, the boundary vectors and the corpus, all of them run on both sides.
"""

import sys

from dita.conformance.boundary import run_boundary, sample_states
from dita.conformance.corpus import corpus, run_corpus
from dita.conformance.exhaustive import enumerate_world
from dita.conformance.matrix import MATRIX_PATH, Result, blank_cells, matrix_text, results_of
from dita.conformance.small_worlds import worlds
from dita.conformance.under_test import CallerMemory, StepUnderTest, open_image
from dita.kernel.image import IMAGE_PATH


def observed_results(kernel: StepUnderTest) -> frozenset[Result]:
    """Every result that was seen, on both sides. Raises RuntimeError when the sides differ or a law is broken."""
    seen: frozenset[Result] = frozenset()
    runs = [enumerate_world(world, kernel, never) for world in worlds("quick")]
    runs += [run_boundary(kernel, never, sample_states(1)), run_corpus(kernel, corpus())]
    for run in runs:
        if run.findings:
            raise RuntimeError(f"the two sides disagree: {run.findings[0].what}; run `dita conform`")
        seen |= results_of(run.distribution)
    return seen


def never() -> bool:
    """There is time."""
    return False


def main() -> int:
    """Write ``matrix.json`` anew."""
    results = observed_results(CallerMemory(open_image(IMAGE_PATH)))
    MATRIX_PATH.write_text(matrix_text(results), encoding="utf-8")
    sys.stdout.write(f"{len(results)} results, {len(blank_cells(results))} blank cells\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
