"""What the paths say, held against the processor: angr's lifter and engine stand between an instruction and a formula.

On states and inputs of the executor's own check, half met on traces and half made, the conditions of exactly one path
must hold, and that path must say every word that the same image leaves behind on this processor. The named functions
are the image's own. ``python -m dita.conformance.equiv.lifting IMAGE PAIRS`` reads what was found of a kind as JSON; it
is a process of its own, for a process holds one image for its life.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast

import z3

from dita.conformance.equiv.comparing import definitions_of
from dita.conformance.equiv.replay import Replayed
from dita.conformance.equiv.terms import children_first
from dita.conformance.equiv.tools import BEFORE, EVENT, WRITTEN
from dita.conformance.prove.executor_pairs import Pairs
from dita.conformance.prove.proxies import Unsupported
from dita.spec.layout import flatten_words
from dita.spec.state import focus_of
from dita.spec.vocabulary import Kind

SECONDS: Final = 3_000
FINDINGS_MAX: Final = 5
WRAP: Final = 1 << 64
Call = Callable[[str, tuple[int, ...]], int]
Said = Callable[[Mapping[str, int], Call], "list[int] | None"]
"""The words that a path leaves behind; nothing where its conditions do not hold."""


@dataclass(slots=True)
class LiftReport:
    """What was compared of a kind."""

    pairs: int = 0
    hit: int = 0  # paths that some pair took
    findings: list[str] = field(default_factory=list[str])


def lifted(image: Path, answer: Mapping[str, Any], pairs: int) -> LiftReport:
    """Paths that were found in an image, against that image; what ends the comparison is a finding."""
    command = [sys.executable, "-m", "dita.conformance.equiv.lifting", str(image), str(pairs)]
    try:
        done = subprocess.run(
            command, input=json.dumps(answer), capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return LiftReport(findings=[f"nothing was said in {SECONDS} seconds"])
    if done.returncode != 0:
        return LiftReport(findings=[(done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]])
    return LiftReport(**json.loads(done.stdout))


def compared(paths: Sequence[Said], replayed: Replayed, source: Iterable[Any], pairs: int) -> LiftReport:
    """So many pairs of state and input; a made one whose numbers are no words is passed over."""
    report, taken = LiftReport(), set[int]()
    made = (
        dict(zip((*BEFORE, *EVENT), (*flatten_words(focus), *flatten_words(event)), strict=True))
        for focus, event in ((focus_of(state, event.slot, event.instrument), event) for state, event, _ in source)
    )
    for signed in islice(filter(_are_words, made), pairs):
        report.pairs += 1
        words = {name: value % WRAP for name, value in signed.items()} | dict.fromkeys(WRITTEN[len(BEFORE) :], 0)
        said = {number: left for number, path in enumerate(paths) if (left := path(words, replayed.call)) is not None}
        taken |= said.keys()
        left = [value % WRAP for value in replayed.after(signed)]
        problem = ""
        if len(said) != 1:
            problem = f"of {len(paths)} paths these are taken: {sorted(said)}"
        elif [*said.values()] != [left]:
            (number,) = said
            at = next(index for index, word in enumerate(said[number]) if word != left[index])
            problem = f"path {number} says {WRITTEN[at]} is `{said[number][at]}`, the processor `{left[at]}`"
        if problem and len(report.findings) < FINDINGS_MAX:
            report.findings.append(f"{problem}, after {json.dumps({n: v for n, v in signed.items() if v})}")
    report.hit = len(taken)
    return report


def _are_words(numbers: Mapping[str, int]) -> bool:
    return all(-WRAP // 2 <= number < WRAP // 2 for number in numbers.values())


# --- a path as a function -------------------------------------------------------------------------------------------


def said_by(answer: Mapping[str, Any]) -> Said:
    """A path of ``machine.py`` as a function. Raises Unsupported for an operation that is not known here."""
    conditions, named = definitions_of(answer)
    writer = _Writer(answer["calls"], named)
    for condition in conditions:
        writer.lines.append(f"if not {writer.value(condition)}: return None")
    left = [writer.value(named[f"after.{name}"]) if name in answer["changed"] else f"w[{name!r}]" for name in WRITTEN]
    writer.lines.append(f"return [{', '.join(left)}]")
    space: dict[str, Any] = {"signed": signed_of}
    exec("def said(w, call):\n " + "\n ".join(writer.lines), space)  # noqa: S102 - a formula, written out
    return cast("Said", space["said"])


def signed_of(value: int, bits: int) -> int:
    """A word's bits as a number with a sign."""
    return value - (1 << bits) if value >> (bits - 1) else value


@dataclass(slots=True)
class _Writer:
    """Writes terms out as assignments, each once, a call where its result is first asked for."""

    calls: Sequence[Mapping[str, Any]]
    named: Mapping[str, z3.ExprRef]
    lines: list[str] = field(default_factory=list[str])
    _done: dict[int, str] = field(default_factory=dict[int, str])
    _kept: list[z3.ExprRef] = field(default_factory=list[z3.ExprRef])  # or their ids would be given again

    def value(self, term: z3.ExprRef) -> str:
        """The variable that holds the term's value: a truth value, or a word's bits as a number."""
        for part in children_first(term, self._done, self._before):
            self._kept.append(part)
            self._done[part.get_id()] = f"v{len(self._done)}"
            self.lines.append(f"{self._done[part.get_id()]} = {self._written(part)}")
        return self._done[term.get_id()]

    def _before(self, term: z3.ExprRef) -> list[z3.ExprRef]:
        number = _result(term)
        if number is None:
            return term.children()
        return [self.named[f"argument.{number}.{index}"] for index in range(self.calls[number]["arguments"])]

    def _written(self, term: z3.ExprRef) -> str:
        given = [self._done[child.get_id()] for child in self._before(term)]
        number = _result(term)
        if number is not None:
            return f"call({self.calls[number]['function']!r}, ({', '.join(given)},))"
        name, children = term.decl().name(), term.children()
        if z3.is_bv_value(term):
            return str(term.as_long())
        if not children:
            return {"true": "True", "false": "False"}.get(name) or f"w[{name!r}]"
        bits = [child.size() if z3.is_bv(child) else 0 for child in children]
        made = _WRITTEN.get(name)
        if made is None:
            raise Unsupported(f"no meaning of `{name}` is known here")
        text = made(given, bits, term.params())
        return f"({text}) & {(1 << term.size()) - 1}" if z3.is_bv(term) else text


def _result(term: z3.ExprRef) -> int | None:
    name = term.decl().name() if term.num_args() == 0 else ""
    return int(name.removeprefix("result.")) if name.startswith("result.") else None


_Made = Callable[[list[str], list[int], Sequence[Any]], str]


def _between(sign: str) -> _Made:
    return lambda given, _, __: f" {sign} ".join(given)


def _signed(sign: str) -> _Made:
    return lambda given, bits, _: f" {sign} ".join(f"signed({one}, {bits[0]})" for one in given)


def _concatenated(given: list[str], bits: list[int], _: Sequence[Any]) -> str:
    text = given[0]
    for one, size in zip(given[1:], bits[1:], strict=True):
        text = f"(({text}) << {size} | {one})"
    return text


_WRITTEN: Final[dict[str, _Made]] = {
    "bvadd": _between("+"), "bvsub": _between("-"), "bvmul": _between("*"), "bvand": _between("&"),
    "bvor": _between("|"), "bvxor": _between("^"), "bvult": _between("<"), "bvule": _between("<="),
    "bvugt": _between(">"), "bvuge": _between(">="), "bvslt": _signed("<"), "bvsle": _signed("<="),
    "bvsgt": _signed(">"), "bvsge": _signed(">="), "=": _between("=="), "and": _between("and"), "or": _between("or"),
    "bvneg": lambda given, _, __: f"-{given[0]}", "bvnot": lambda given, _, __: f"~{given[0]}",
    "not": lambda given, _, __: f"not {given[0]}", "=>": lambda given, _, __: f"not {given[0]} or {given[1]}",
    "distinct": lambda given, _, __: f"len({{{', '.join(given)}}}) == {len(given)}",
    "if": lambda given, _, __: f"{given[1]} if {given[0]} else {given[2]}",
    "concat": _concatenated, "extract": lambda given, _, places: f"{given[0]} >> {places[1]}",
    "zero_extend": lambda given, _, __: given[0],
    "sign_extend": lambda given, bits, _: f"signed({given[0]}, {bits[0]})",
    "bvshl": lambda given, bits, _: f"{given[0]} << min({given[1]}, {bits[0]})",
    "bvlshr": lambda given, _, __: f"{given[0]} >> {given[1]}",
    "bvashr": lambda given, bits, _: f"signed({given[0]}, {bits[0]}) >> {given[1]}",
}  # fmt: skip
"""What an operation is in Python, before it is cut to its size; of the numbers behind each, their sizes and places."""


def main(arguments: Sequence[str]) -> int:
    """Compare the paths of standard input with an image."""
    image, pairs = arguments
    answer: dict[str, Any] = json.load(sys.stdin)
    kind = Kind(answer["kind"])
    source = Pairs(random.Random(int(kind)), only=kind)
    paths = [said_by(path) for path in answer["paths"]]
    json.dump(asdict(compared(paths, replay_of(Path(image)), source, int(pairs))), sys.stdout)
    return 0


@cache
def replay_of(image: Path) -> Replayed:
    """The image in this process. Raises ImageRefused."""
    return Replayed(image)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
