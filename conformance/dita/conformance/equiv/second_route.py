"""The same proof of the same image by another route, so that a mistake in reading the machine code cannot hide.

The first route's paths are what angr makes of the instructions. Here they are made by Triton, which shares no code with
it (``conformance/equiv/second/engine.py``), and each is proved equal to the reference all over again. Where both routes
end in a proof, both have read the same behaviour out of the image: the reference's, on every state and input.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from dita.conformance.equiv.flags import Flags, compared
from dita.conformance.equiv.lifting import LiftReport, lifted
from dita.conformance.equiv.proving import KindReport, prove_kind
from dita.conformance.equiv.run import PAIRS, SECOND_EVERY, EquivReport, Kept, Progress, Tier, keys_of
from dita.conformance.equiv.tools import KIND_WORD, PROGRAMS, PYTHON, STEP, Bitwuzla, ToolMissing, words_of
from dita.conformance.prove.contracts import CONTRACTS
from dita.spec.canonical import sha256_hex
from dita.spec.vocabulary import Kind

PROGRAM: Final = PROGRAMS / "second" / "engine.py"
KINDS: Final = (
    Kind.SET_MODE, Kind.SET_LIMITS, Kind.SEED, Kind.CALIBRATE, Kind.CANCEL, Kind.WALLET, Kind.REGISTER, Kind.FLATTEN,
    Kind.SILENT, Kind.UNKNOWN, Kind.INCOME, Kind.SETTLE_FORCED, Kind.REJECTED,
)  # fmt: skip
"""What takes minutes in all; the cheapest first."""
TIER: Final[Tier] = "quick"  # of it are the share of second opinions and the number of pairs
SECONDS: Final = 3_000  # for the paths of a kind
_RECORDS: Final = ("account", "instrument", "slot", "event", "outcome")
_NAMES: Final = (
    "kinds_asked", "kinds_proved", "machine_paths", "machine_paths_equal", "machine_paths_reached", "differ", "unknown",
    "second_opinions", "disagreements", "lifted_pairs", "lifted_paths", "misread",
)  # fmt: skip


@dataclass(slots=True)
class SecondRouteReport:
    """What was found of every kind that was asked for."""

    asked: tuple[Kind, ...]
    rows: dict[Kind, KindReport] = field(default_factory=dict[Kind, KindReport])
    comparisons: int = 0  # that stood as processor flags in the paths

    @property
    def figures(self) -> dict[str, int]:
        """Stable names, those of the first route with ``second_route_`` before them."""
        of_rows = EquivReport(self.asked, self.rows).figures
        return {
            **{f"second_route_{name}": of_rows[name] for name in _NAMES},
            "second_route_comparisons": self.comparisons,
        }

    @property
    def problems(self) -> list[str]:
        """Of every kind that is not proved, why; and that no kind was asked for."""
        found = [f"second route, {problem}" for problem in EquivReport(self.asked, self.rows).problems]
        return found if self.asked else ["second route: no kind was asked for"]


def run_second_route(
    image: Path, kinds: Sequence[Kind], progress: Progress, *, anew: bool = False, program: Path = PROGRAM
) -> SecondRouteReport:
    """Prove these kinds of an image from the second engine's paths. Raises ToolMissing, OSError, SolverUnknown.

    The image is read every time; a path that was proved before by the same code is not asked about again.
    """
    report, flags = SecondRouteReport(tuple(kinds)), Flags()
    with Bitwuzla() as solver:
        for number, kind in enumerate(kinds):
            progress(f"{kind.name}: by the second route", number, len(kinds))
            answer = compared(explored_again(image, kind, program), flags)
            known = Kept(_key_of(kind), partial(progress, f"{kind.name}: machine paths compared"))
            found = prove_kind(kind, answer, solver, SECOND_EVERY[TIER], None, {} if anew else known.paths, known.add)
            report.rows[kind] = found
            if "paths" in answer:
                _compare_with_processor(found, lifted(image, answer, PAIRS[TIER]))
    report.comparisons = flags.turned
    return report


def _key_of(kind: Kind) -> str:
    """The name under which proved paths are kept: not the first route's, for both may run at once."""
    (key,) = keys_of([kind], TIER, None).values()
    return sha256_hex(f"{__name__} {key}".encode())


def _compare_with_processor(row: KindReport, found: LiftReport) -> None:
    row.lifted_pairs, row.lifted_paths, row.misread = found.pairs, found.hit, [*found.findings]
    if found.pairs != PAIRS[TIER] or not found.hit:
        row.misread.append(f"{found.hit} paths and the processor, on {found.pairs} of {PAIRS[TIER]} pairs")


def explored_again(image: Path, kind: Kind, program: Path = PROGRAM, python: Path = PYTHON) -> dict[str, Any]:
    """Every path of the image's step for a kind, as ``machine.py`` says it. Raises ToolMissing."""
    request = {
        "image": str(image), "step": STEP, "kind_word": KIND_WORD, "read_only": "event", "kinds": [int(kind)],
        "functions": {f"dita_{item.name}": (item.arity, item.truth) for item in CONTRACTS.values()},
        "records": {record: words_of(record) for record in _RECORDS},
    }  # fmt: skip
    command = [str(python), str(program)]
    try:
        done = subprocess.run(
            command, input=json.dumps(request), capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except OSError as problem:
        raise ToolMissing(f"`{command[0]}`: {problem.strerror}; run `make equiv-tools`") from problem
    except subprocess.TimeoutExpired:
        return {"kind": int(kind), "seconds": float(SECONDS), "problem": f"no paths in {SECONDS} seconds"}
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise ToolMissing(f"`{' '.join(command)}` ended with: {why}; run `make equiv-tools`")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
