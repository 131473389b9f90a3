"""Questions in SMT-LIB answered by bitwuzla: run by the Python in ``.venv/equiv``.

    .venv/equiv/bin/python deciding.py < questions.jsonl > answers.jsonl

One question a line: ``text`` without a ``check-sat``, ``milliseconds`` of processor time, which are the same whatever
else runs, and ``words``, the names of 64-bit words whose values are wanted where the answer is ``sat``. One answer a
line: ``verdict``, ``seconds``, and those ``values``.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import bitwuzla


def decided(question: dict[str, Any]) -> dict[str, Any]:
    """The answer to one question; what the solver could not read is a problem with its words."""
    began = time.process_time()
    options = bitwuzla.Options()
    options.set(bitwuzla.Option.PRODUCE_MODELS, True)
    latest = began + question["milliseconds"] / 1000
    parser = bitwuzla.Parser(bitwuzla.TermManager(), options)
    try:
        parser.parse(question["text"], True, False)  # the text itself, and nothing of it carried out
        solver = parser.bitwuzla()
        solver.configure_terminator(lambda: time.process_time() > latest)
        verdict = {bitwuzla.Result.SAT: "sat", bitwuzla.Result.UNSAT: "unsat"}.get(solver.check_sat(), "unknown")
        answer: dict[str, Any] = {"verdict": verdict}
        if verdict == "sat":
            answer["values"] = {name: _value(solver, parser.parse_term(name)) for name in question["words"]}
    except Exception as problem:  # noqa: BLE001 - another process reads why
        answer = {"verdict": "unknown", "problem": str(problem)}
    return {**answer, "seconds": round(time.process_time() - began, 3)}


def _value(solver: Any, word: Any) -> int:
    number = int(solver.get_value(word).value(10))
    return number - (1 << 64) if number >= 1 << 63 else number


def main() -> int:
    """Answer until standard input ends."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(decided(json.loads(line))) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
