"""What the kernel's shape costs that its proof needs: named functions that are never inlined, against ones that are.

``python tests/support/shaping_cost.py [ROUNDS]`` builds the kernel once more with every exported function of the
arithmetic inlined where it is called, and times both images in turn, in one run, on one processor, in its time: whole
trades in a batch, and random inputs. What is printed of each is the ratio of the shipped image to the other one, the
median of the rounds and the middle half of them.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dita.conformance.defects import build_image
from dita.conformance.equiv.refuting import OF_ARITHMETIC, unlinted
from dita.conformance.prove.contracts import CONTRACTS
from dita.kernel.binding import Kernel
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import load_for_conformance
from dita.runtime.bench import pinned
from dita.runtime.bench_rows import Row, rows_of
from dita.runtime.bench_traffic import traffic_rows

ROUNDS: Final = 1_500
APART: Final = '#[inline(never)]\npub extern "C" fn'
INLINE: Final = '#[inline(always)]\npub extern "C" fn'
TIMES: Final = "--times"
Times = Mapping[str, int]
TIMED: Final = ("lifecycle_batched_r", "replay_r")


@contextmanager
def inlined() -> Generator[Path]:
    """An image whose named functions are inlined. Raises PatchRefused, ValueError."""
    with unlinted() as tree:
        source = tree / OF_ARITHMETIC
        text = source.read_text(encoding="utf-8")
        if text.count(APART) != len(CONTRACTS):
            raise ValueError(
                f"{OF_ARITHMETIC}: {text.count(APART)} functions are kept apart, {len(CONTRACTS)} are named"
            )
        source.write_text(text.replace(APART, INLINE), encoding="utf-8")
        yield build_image(tree)


class Timing:
    """An image in a process of its own, for a process holds one image for its life: a line asks, a line answers."""

    def __init__(self, image: Path) -> None:
        command = [sys.executable, __file__, TIMES, str(image)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def spent(self) -> dict[str, int]:
        """Nanoseconds of every row, once more."""
        asks, answers = self._process.stdin, self._process.stdout
        assert asks is not None
        assert answers is not None  # both are pipes
        print(file=asks, flush=True)
        found: dict[str, int] = json.loads(answers.readline())
        return found

    def end(self) -> None:
        """Until it has."""
        self._process.communicate()


def ratios_of(shipped: Callable[[], Times], other: Callable[[], Times], rounds: int) -> dict[str, list[float]]:
    """By row, a round's time of the one image over that of the other; which one goes first takes turns."""
    found: dict[str, list[float]] = {}
    for number in range(rounds):
        if number % 2:
            mine, others = shipped(), other()
        else:
            others, mine = other(), shipped()
        for name, spent in mine.items():
            found.setdefault(name, []).append(spent / others[name])
    return found


def answer(image: Path) -> None:
    """Time an image whenever a line asks for it."""
    raw = load_for_conformance(image)
    with pinned(), Kernel(raw) as kernel:
        rows = {row.name: row for row in (*rows_of(kernel), *traffic_rows(raw, None))}
        for _ in sys.stdin:
            sys.stdout.write(json.dumps({name: _spent(rows[name]) for name in TIMED}) + "\n")
            sys.stdout.flush()


def _spent(row: Row) -> int:
    spent = 0
    for _ in range(row.repeats):
        row.prepare()
        began = time.process_time_ns()
        row.run()
        spent += time.process_time_ns() - began
    row.check()
    return spent


def main(rounds: int) -> None:
    """Measure, and say so."""
    with inlined() as image:
        shipped, other = Timing(IMAGE_PATH), Timing(image)
        found = ratios_of(shipped.spent, other.spent, rounds)
        shipped.end()
        other.end()
    for name, ratios in found.items():
        low, middle, high = statistics.quantiles(ratios, n=4)
        middle_half = f"half of the rounds {low:.3f} to {high:.3f}"
        sys.stdout.write(f"{name}: {middle:.3f} of the other image's time ({middle_half})\n")


if __name__ == "__main__":
    if sys.argv[1:2] == [TIMES]:
        answer(Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
