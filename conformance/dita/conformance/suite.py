"""How short the traces of planted defects come out: ``suite.json``, measured by ``python -m dita.conformance.suite``.

Each defect of the kernel or the reference that a random campaign can see is planted in a copy, met by a campaign, and
its trace is shrunk. What counts is the number of inputs from the blank state, everything included: registering, seeding
and entering too. A defect that only shows from a stretched start counts from there, and is marked so.
"""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from dita.conformance.defects import Defect, build_image, defects, planted, run_python
from dita.conformance.tasks import Task, run_task
from dita.kernel.image import IMAGE_PATH
from dita.spec.state import State
from dita.spec.trace import parse_trace

SUITE_PATH: Final = Path(__file__).with_name("suite.json")
PREFIXES: Final = ("kernel-", "reference-")
RUNS: Final = 60
SEED: Final = 1
SHRINK_SECONDS: Final = 20
SECONDS: Final = 300


class Shown(NamedTuple):
    """The shortest trace of a defect: its inputs, whether it starts blank, the lines and columns of its timeline."""

    inputs: int
    blank: bool
    lines: int
    columns: int


def shortest(defect: Defect) -> Shown | None:
    """Plant a defect, let a campaign meet it, and measure its shortest trace; None when the campaign sees nothing."""
    with planted(defect) as tree:
        image = build_image(tree) if defect.kernel else IMAGE_PATH.resolve()
        done = run_python(tree, ["-m", "dita.conformance.suite", "--here", str(image)], seconds=SECONDS)
    if done.returncode != 0:
        raise RuntimeError(f"`{defect.name}`: the campaign failed:\n{done.stderr[-2000:]}")
    found: list[Shown] = [Shown(*row) for row in json.loads(done.stdout.splitlines()[-1])]
    return min(found, key=lambda shown: (not shown.blank, shown.inputs), default=None)


def here(image: Path) -> list[Shown]:
    """What a small campaign in this process finds on an image."""
    result = run_task(Task("random", "suite", "quick", SEED, 0, 0, SECONDS, SHRINK_SECONDS, RUNS), image)
    shown: list[Shown] = []
    for report in result.reports:
        trace = parse_trace(report.trace.splitlines())
        lines = report.timeline.splitlines()
        shown.append(Shown(len(trace.inputs), trace.start == State(), len(lines), max(map(len, lines))))
    return shown


def measured(path: Path = SUITE_PATH) -> Mapping[str, Shown]:
    """What ``suite.json`` holds."""
    table: Mapping[str, Sequence[int]] = json.loads(path.read_text(encoding="utf-8"))
    return {name: Shown(row[0], bool(row[1]), row[2], row[3]) for name, row in table.items()}


def median(table: Mapping[str, Shown]) -> float:
    """The median number of inputs."""
    return statistics.median(shown.inputs for shown in table.values())


def main(arguments: Sequence[str]) -> int:
    """Measure all, or the named ones anew; or, with ``--here IMAGE``, what this process finds."""
    if arguments[:1] == ["--here"]:
        sys.stdout.write(f"{json.dumps(here(Path(arguments[1])))}\n")
        return 0
    table = dict(measured()) if arguments and SUITE_PATH.exists() else {}
    for defect in defects():
        if not defect.name.startswith(PREFIXES) or (arguments and defect.name not in arguments):
            continue
        table.pop(defect.name, None)
        shown = shortest(defect)
        sys.stdout.write(f"{defect.name}: {shown}\n")
        sys.stdout.flush()
        if shown is not None:
            table[defect.name] = shown
        rows = ",\n".join(f' "{name}": {json.dumps([*map(int, it)])}' for name, it in sorted(table.items()))
        SUITE_PATH.write_text(f"{{\n{rows}\n}}\n", encoding="utf-8")
    sys.stdout.write(f"{len(table)} shown, median {median(table)} inputs\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
