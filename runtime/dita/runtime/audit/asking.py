"""Put a planted flaw to a layer: the layer's own command, in small, in a scratch copy.

A layer has noticed the flaw when it is red for the right reason: a refutation, a divergence, a broken property, a named
test that fails in its body. That a tool crashed, could not be imported or did not end in time is no detection: such an
answer is ``void``, and so is one whose layer is red on the sound tree, too (``Control``).
"""

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, cast

from dita.conformance.defects import Defect, run_python
from dita.conformance.mutants.kernel_list import STEP_CODE
from dita.conformance.prove.killers import KILLERS
from dita.runtime.audit.stopwatch import VARIABLE
from dita.spec.flaws import COMPUTED, Ask, Layer

Verdict = Literal["caught", "missed", "void"]

SECONDS_MAX: Final = 400
_IN: Final = 2 * ":"  # between a file and a test in it, as pytest writes
PROOF_HUNT_SECONDS: Final = "1"
SAYS_MAX: Final = 1_600
TESTED: Final = ("battery", "sessions", "commands", "boundary", "exchange", "wire", "rooms", "judge", "house")
"""Layers that are asked by naming a test, ``folder/file.py::test`` under ``tests``."""
STATIC: Final[Mapping[str, tuple[str, ...]]] = {
    "kernel": ("python", "kernel_rs/build_kernel.py"),
    "crate": ("cargo", "test", "--quiet", "--offline", "--locked", "--lib"),
    "ruff": ("ruff", "check", "--no-cache", "."),
    "mypy": ("mypy", "--no-incremental"),
    "imports": ("lint-imports", "--no-cache"),
    "deptry": ("deptry", ".", "--no-ansi"),
}
BUILD: Final = ("static", "kernel")
"""A question to the build itself: such a patch makes no image that could be compared."""
_NO_FINDING: Final = re.compile(
    r"\b(ImportError|ModuleNotFoundError|SyntaxError|IndentationError|CollectError)\b|^Timeout |Failed: Timeout|"
    r"fixture '[^']*' not found",
    re.MULTILINE,
)


class Answer(NamedTuple):
    """What a layer said. ``seconds`` of processor time until then; ``steps`` where the layer counts them."""

    verdict: Verdict
    seconds: float
    says: str = ""
    steps: int = 0
    story: str = ""  # a timeline in words, where the layer tells one


@dataclass(slots=True)
class Answers:
    """Of one tree: what every question came to, and the trace on which kernel and reference part, if any."""

    of: dict[Ask, Answer]
    trace: dict[str, Any] | None = None


def touched(defect: Defect) -> tuple[str, ...]:
    """The files that a patch changes, by path in the repository."""
    found = re.findall(r"^(?:\+\+\+ b|--- a)/(\S+)", defect.path.read_text(encoding="utf-8"), re.MULTILINE)
    return tuple(dict.fromkeys(found))


def shows_in_traffic(defect: Defect) -> bool:
    """Whether the patch changes what kernel or reference answer, so that comparing them can show it."""
    return any(
        name.startswith("reference_py/") or (name.startswith("kernel_rs/src/") and Path(name).stem in STEP_CODE)
        for name in touched(defect)
    )


def names_a_test(ask: Ask) -> bool:
    """Whether the question is a test's name; scenarios of the battery are named by themselves."""
    return ask.layer in TESTED and _IN in ask.what


def file_and_test(ask: Ask) -> tuple[str, str]:
    """The file under ``tests`` that a question names, and the test in it, without its parameters."""
    file, _, name = ask.what.partition(_IN)
    return file, name.partition("[")[0]


def asks_of(defect: Defect, named: Iterable[Ask]) -> tuple[Ask, ...]:
    """Every question that is put to a planted patch: the computed ones and those that the catalogue names."""
    if not shows_in_traffic(defect):
        return tuple(named)
    layers: list[Layer] = [layer for layer in COMPUTED if layer != "lockstep" or defect.kernel]
    return (*(Ask(layer=layer, what="all") for layer in layers), *named)


def answers(tree: Path, asks: Sequence[Ask], defect: Defect | None) -> Answers:
    """What the layers say of a tree. Never raises for what a layer does: that is ``void``."""
    found = Answers({})
    computed = [ask for ask in asks if ask.layer in COMPUTED]
    if computed:
        _traffic(tree, computed, found)
    tested = [ask for ask in asks if names_a_test(ask)]
    if tested:
        found.of |= _tests(tree, tested)
    for ask in asks:
        if ask not in found.of:
            found.of[ask] = _ONE[ask.layer](tree, ask, defect)
    return found


# --- running ---------------------------------------------------------------------------------------------------------


class _Ran(NamedTuple):
    status: int  # -1: it did not end in time
    out: str
    err: str
    seconds: float


def _run(tree: Path, arguments: Sequence[str]) -> _Ran:
    """Python in the tree, and the processor time that it took."""
    before = _children_seconds()
    try:
        done = run_python(tree, arguments, seconds=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return _Ran(-1, "", f"no answer within {SECONDS_MAX} seconds", _children_seconds() - before)
    return _Ran(done.returncode, done.stdout, done.stderr, _children_seconds() - before)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _void(ran: _Ran) -> Answer:
    last = (ran.err.strip() or ran.out.strip() or "no message").splitlines()[-1]
    return Answer("void", ran.seconds, f"no answer (status {ran.status}): {last}"[:SAYS_MAX])


def _judged(ran: _Ran, ask: Ask) -> Answer:
    """A script that ends with 1 when it has found something, and with 0 when it has not."""
    text = ran.out.strip()
    if ran.status == 0:
        return Answer("missed", ran.seconds)
    if ran.status != 1 or not text or "Traceback (most recent call last)" in ran.err:
        return _void(ran)
    if ask.says and ask.says not in text:
        return Answer("void", ran.seconds, f"red, but it does not say `{ask.says}`: {text}"[:SAYS_MAX])
    return Answer("caught", ran.seconds, text[:SAYS_MAX])


def _record(ran: _Ran) -> dict[str, Any] | None:
    try:
        return cast("dict[str, Any]", json.loads(ran.out.splitlines()[-1]))
    except (IndexError, ValueError):
        return None


# --- the layers ------------------------------------------------------------------------------------------------------


def _traffic(tree: Path, asks: Sequence[Ask], found: Answers) -> None:
    ran = _run(tree, ["-m", "dita.runtime.audit.probe", "traffic", *(ask.layer for ask in asks)])
    told = _record(ran)
    for ask in asks:
        row = None if told is None else told.get(ask.layer)
        if row is None:
            found.of[ask] = _void(ran)
        else:
            found.of[ask] = Answer(row["verdict"], row["seconds"], row["says"][:SAYS_MAX], row["steps"])
    found.trace = None if told is None else told.get("trace")


def _explorer(tree: Path, ask: Ask, _: Defect | None) -> Answer:
    ran = _run(tree, ["-m", "dita.runtime.audit.probe", "explorer", ask.what])
    row = _record(ran)
    if row is None:
        return _void(ran)
    if row["verdict"] == "caught" and not row["says"].startswith(ask.says):
        return Answer("void", row["seconds"], f"red, but it does not say `{ask.says}`: {row['says']}"[:SAYS_MAX])
    return Answer(row["verdict"], row["seconds"], row["says"], row["steps"], row.get("story", ""))


def part_of(ask: Ask, defect: Defect | None) -> tuple[str, str]:
    """The obligation, and the part of the proof that shows it: ``ID@PART``, or the part of its known killer."""
    name, _, part = ask.what.partition("@")
    killer = KILLERS.get(name)
    if not part and killer is not None and (defect is None or killer.defect == defect.name):
        part = killer.part
    return name, part


def _proof(tree: Path, ask: Ask, defect: Defect | None) -> Answer:
    name, part = part_of(ask, defect)
    if not part:
        return Answer("void", 0.0, f"`{name}`: say where it shows, as `{name}@PART`")
    answer = tree / "found.json"
    ran = _run(tree, ["-m", "dita.conformance.prove.breaking", name, part, PROOF_HUNT_SECONDS, str(answer)])
    if ran.status != 0 or not answer.is_file():
        return _void(ran)
    told = json.loads(answer.read_text(encoding="utf-8"))
    answer.unlink()
    if not told["refuted"]:
        return Answer("missed", ran.seconds, steps=told["figures"].get("paths", 0))
    return Answer("caught", ran.seconds, f"{name}: refuted", told["figures"].get("paths", 0))


def _simulation(tree: Path, ask: Ask, _: Defect | None) -> Answer:
    script = str(tree / "tests" / "support" / "simulation_hunt.py")
    return _judged(_run(tree, [script, str(tree / "certificate"), *ask.what.split()]), ask)


def _battery(tree: Path, ask: Ask, _: Defect | None) -> Answer:
    return _judged(_run(tree, [str(tree / "tests" / "support" / "battery_run.py"), *ask.what.split()]), ask)


def _static(tree: Path, ask: Ask, _: Defect | None) -> Answer:
    tool, *more = STATIC[ask.what]
    path = os.pathsep.join(
        str(tree / name) for name in ("spec", "reference_py", "kernel_rs", "conformance", "adapters", "runtime")
    )
    before = _children_seconds()
    beside = Path(sys.executable).with_name(tool)
    done = subprocess.run(
        [str(beside) if beside.exists() else tool, *more],
        cwd=tree / "kernel_rs" if tool == "cargo" else tree,  # cargo reads its settings from the folder it is called in
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True, text=True, check=False, timeout=SECONDS_MAX,
    )  # fmt: skip
    text = (done.stdout + done.stderr).strip()
    return _judged(_Ran(min(done.returncode, 1), text, "", _children_seconds() - before), ask)


_ONE: Final[Mapping[Layer, Callable[[Path, Ask, Defect | None], Answer]]] = {
    "explorer": _explorer, "proof": _proof, "simulation": _simulation, "battery": _battery, "static": _static,
}  # fmt: skip


# --- tests -----------------------------------------------------------------------------------------------------------


def _tests(tree: Path, asks: Sequence[Ask]) -> dict[Ask, Answer]:
    """Named tests, in one run. A test has noticed something when it fails in its body."""
    told_in = tree / "tests.jsonl"
    nodes = list(dict.fromkeys(f"tests/{ask.what}" for ask in asks))
    settings = ["-p", "dita.runtime.audit.stopwatch", "-p", "no:cacheprovider", "-p", "no:xdist", "-q", "--no-header"]
    with _variable(VARIABLE, str(told_in)):
        ran = _run(tree, ["-m", "pytest", *settings, *nodes])
    if not told_in.is_file():
        return {ask: _void(ran) for ask in asks}
    rows = [json.loads(line) for line in told_in.read_text(encoding="utf-8").splitlines()]
    told_in.unlink()
    return {ask: _answer(ask, [row for row in rows if _is_of(row["test"], ask)], ran) for ask in asks}


class _variable:  # noqa: N801 used like a function
    """An environment variable for as long as a block lasts."""

    def __init__(self, name: str, value: str) -> None:
        self._name, self._value = name, value

    def __enter__(self) -> None:
        os.environ[self._name] = self._value

    def __exit__(self, *_: object) -> None:
        del os.environ[self._name]


def _is_of(test: str, ask: Ask) -> bool:
    return test == f"tests/{ask.what}" or test.startswith((f"tests/{ask.what}[", f"tests/{ask.what}::"))


def _answer(ask: Ask, rows: Sequence[Mapping[str, Any]], ran: _Ran) -> Answer:
    if not rows:
        return _void(ran)
    seconds = sum(row["seconds"] for row in rows)
    red = [row for row in rows if row["failed"]]
    if not red:
        return Answer("missed", seconds, steps=len(rows))
    for row in red:
        in_body = row["failed"] == "call" or (ask.says and ask.says in row["says"])
        if in_body and not _NO_FINDING.search(row["says"]) and ask.says in row["says"]:
            return Answer("caught", seconds, f"{row['test']}\n{row['says']}"[:SAYS_MAX], len(rows))
    return Answer("void", seconds, f"red for another reason: {red[0]['test']}\n{red[0]['says']}"[:SAYS_MAX])
