"""Show that an obligation says something: plant its killing defect in a copy of the tree and prove it there.

``python -m dita.conformance.prove.breaking ID PART SECONDS FILE`` is the half that runs in the copy: it proves until
the obligation is refuted, lets the defective code show the refutation, and writes what it found to the file.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from dita.conformance.defects import DEFECTS, Defect, PatchRefused, defects, planted, run_python
from dita.conformance.prove.core import Refutation
from dita.conformance.prove.counterexample import Counterexample, Explanation, Moment, compared, explained
from dita.conformance.prove.killers import KILLERS, Killer
from dita.conformance.prove.proof import RESTS_ON, ProveReport, everything, run_prove
from dita.spec.trace import parse_trace

SECONDS: Final = 900
HUNT_SECONDS: Final = 5.0
TRACES: Final = Path("out/prove")


class UnknownObligation(Exception):
    """There is no such obligation, or no defect is known that breaks it; the message says what to do."""


class NotNoticed(Exception):
    """The proof did not refute the obligation although its defect is planted: it says nothing."""


class Broken(NamedTuple):
    """An obligation refuted by its defect."""

    obligation: str
    defect: Defect
    part: str
    explanation: Explanation
    figures: dict[str, int]


def killer_of(obligation: str) -> tuple[Defect, str]:
    """The killing defect and the part of the proof that shows it. Raises UnknownObligation, PatchRefused."""
    if obligation not in {item.id for item in everything()}:
        raise UnknownObligation(f"--break: `{obligation}` is no obligation; `dita prove --list` names them")
    killer = KILLERS.get(obligation)
    if killer is None:
        raise UnknownObligation(f"--break: no defect is known that breaks `{obligation}`; add one to prove/killers.py")
    return defect_of(killer), killer.part


def defect_of(killer: Killer, folder: Path = DEFECTS) -> Defect:
    """The killer's patch. Raises PatchRefused when it is not there."""
    for defect in defects(folder):
        if defect.name == killer.defect:
            return defect
    raise PatchRefused(f"`{killer.defect}.patch` is not in `{folder}`; restore it or name another in prove/killers.py")


def break_obligation(obligation: str) -> Broken:
    """Refute an obligation by its killing defect. Raises UnknownObligation, PatchRefused, NotNoticed."""
    defect, part = killer_of(obligation)
    return break_by(obligation, defect, part)


def break_by(obligation: str, defect: Defect, part: str, hunt_seconds: float = HUNT_SECONDS) -> Broken:
    """Refute an obligation by a defect. Raises PatchRefused, NotNoticed."""
    with planted(defect) as tree:
        answer = tree / "found.json"
        asked = ["-m", "dita.conformance.prove.breaking", obligation, part, str(hunt_seconds), str(answer)]
        where = f"in a tree with `{defect.name}`"
        try:
            done = run_python(tree, asked, seconds=SECONDS)
        except subprocess.TimeoutExpired:
            raise NotNoticed(f"`{obligation}`: no answer within {SECONDS} seconds {where}") from None
        if done.returncode != 0 or not answer.is_file():
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise NotNoticed(f"`{obligation}`: the proof stopped {where}: {last}")
        found = cast("dict[str, Any]", json.loads(answer.read_text(encoding="utf-8")))
    if not found["refuted"]:
        raise NotNoticed(
            f"`{obligation}` is not refuted by `{defect.name}` in part `{part}`; "
            "the obligation says too little, or the defect is none"
        )
    explanation = decoded(found["explanation"])
    return Broken(obligation, defect, part, explanation, cast("dict[str, int]", found["figures"]))


# --- in the copy ----------------------------------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    """Prove one obligation in one part, and write what came of it."""
    obligation, part, seconds, answer = arguments
    report = run_prove("full", only=obligation, part=part)
    row = report.rows[obligation]
    found: dict[str, Any] = {"refuted": row.verdict == "refuted", "figures": report.figures}
    if row.verdict == "refuted":
        found["explanation"] = explained(obligation, refutation_of(report, obligation), row.note, float(seconds))
    Path(answer).write_text(json.dumps(found), encoding="utf-8")
    return 0


def refutation_of(report: ProveReport, obligation: str) -> Refutation | None:
    """What refutes an obligation: its own refutation, or that of what it rests on."""
    rows = [report.rows[name] for name in (obligation, *RESTS_ON.get(obligation, ()))]
    return next((row.refuted for row in rows if row.refuted is not None), None)


# --- between the two ------------------------------------------------------------------------------------------------


def decoded(found: list[Any]) -> Explanation:
    """What the copy wrote as JSON, with what this process's sound code answers to the same inputs."""
    obligation, note, exact, model, blank = found
    return Explanation(obligation, note, exact, _read(model), _read(blank))


def _read(item: list[Any] | None) -> Counterexample | None:
    if item is None:
        return None
    trace, start, told, confirmed, reachable = item
    moments = [Moment(event, moved, said, tuple(words), broke) for event, moved, said, words, broke, _ in told]
    found = Counterexample(trace, tuple(start), tuple(moments), confirmed, reachable)
    return compared(found, parse_trace(trace.splitlines()))


def write_traces(explanation: Explanation, sentence: str, folder: Path = TRACES) -> list[Path]:
    """Leave the counterexamples as trace files that can be edited and run; gives their paths. Raises OSError."""
    written: list[Path] = []
    for suffix, found in (("", explanation.model), (".from-blank", explanation.blank)):
        if found is not None:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{explanation.obligation}{suffix}.trace"
            path.write_text(f"# breaks {explanation.obligation}: {sentence}\n{found.trace}", encoding="utf-8")
            written.append(path)
    return written


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
