"""The compiled reference is the reference: what is compiled, what is kept, and what is refused."""

import fcntl
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from dita.conformance import tasks
from dita.conformance.campaign_book import Subject
from dita.conformance.differential import Diverged, Lockstep, Step
from dita.conformance.exhaustive import World
from dita.conformance.generate import Generator
from dita.conformance.oracle import build as builds
from dita.conformance.oracle import load as loading
from dita.conformance.oracle.agreement import difference, disagreement, disagreement_from, same
from dita.conformance.oracle.build import Built, OracleRefused, build, kept, key_of
from dita.conformance.oracle.load import INTERPRETED, Oracle, compiled_oracle, imported
from dita.conformance.oracle.records import replaced
from dita.conformance.oracle.source import compilable, reference_sources, rewritten
from dita.conformance.shard import order_of
from dita.conformance.small_worlds import worlds
from dita.conformance.tasks import run_task
from dita.conformance.under_test import ReferenceStandIn
from dita.kernel.image import IMAGE_PATH
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.state import Entry, Exit, Slot, State
from dita.spec.vocabulary import Kind, Verdict

DEFECT = ("ledger", "ledger.fees + fees", "ledger.fees - fees")


def patched(module: str, old: str, new: str) -> dict[str, str]:
    """The reference's sources with one text replaced by another."""
    sources = reference_sources()
    assert sources[module].count(old) == 1
    return sources | {module: sources[module].replace(old, new)}


@pytest.fixture
def interpret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, str]], Step]:
    """Makes a step function of what would be compiled, without compiling it."""

    def made(sources: Mapping[str, str]) -> Step:
        package = f"interpreted_{len(sys.modules)}"
        (tmp_path / package).mkdir()
        for name, text in compilable(sources, package).items():
            (tmp_path / package / f"{name}.py").write_text(text, encoding="utf-8")
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        function: Step = import_module(f"{package}.step").step
        return function

    return made


def sample(world: World, count: int) -> Iterator[State]:
    """The first states of a small world."""
    found, seen = list(world.roots), set(world.roots)
    for state in found:
        yield state
        for event in world.menu(state):
            after = world.canonical(step(state, event)[0])
            if after is not None and after not in seen and len(found) < count:
                seen.add(after)
                found.append(after)


def disagreements(other: Step) -> list[str]:
    """Of random runs, and of the first states of every quick world; empty texts left out."""
    places = [disagreement_from(other, sample(world, 30), world.menu) for world in worlds("quick")]
    return [text for text in (disagreement(other, 7, 2_000), *places) if text]


def test_what_is_compiled_is_the_reference(interpret: Callable[[Mapping[str, str]], Step]) -> None:
    """Rewriting every module of the reference changes no answer: run as Python, it agrees everywhere."""
    assert disagreements(interpret(reference_sources())) == []


@pytest.mark.parametrize(
    "defect",
    [
        DEFECT,
        ("focus", "low <= value and value <= high\n\n", "low <= value and value < high\n\n"),
        ("lifecycle", "attempt = slot.exit.attempt + 1", "attempt = slot.exit.attempt + 2"),
        ("step", "after.slot is not before.slot", "after.slot is before.slot"),
    ],
    ids=lambda defect: defect[0],
)
def test_another_reference_is_noticed(
    defect: tuple[str, str, str], interpret: Callable[[Mapping[str, str]], Step]
) -> None:
    """The planted defect: a step made of other sources disagrees."""
    assert disagreements(interpret(patched(*defect)))


def test_a_state_that_is_rebuilt_and_a_record_of_another_class_are_noticed() -> None:
    """Equal words are not enough: a refusal keeps the object, and a record keeps its class."""
    refusal = Input(kind=99)

    def rebuilding(state: State, event: Input) -> tuple[State, Outcome]:
        after, outcome = step(state, event)
        return State(*after), outcome

    def confusing(state: State, event: Input) -> tuple[State, Outcome]:
        after, outcome = step(state, event)
        entry: Any = Exit(*after.slots[0].entry)
        slot = after.slots[0]._replace(entry=entry)
        return after._replace(slots=(slot, *after.slots[1:])), outcome

    assert "same object" in difference(rebuilding, State(), refusal)
    assert "Exit(" in difference(confusing, State(), Input(kind=Kind.SET_MODE, mode=2))
    assert same(Verdict.ACCEPTED, 2)
    assert not same(2, (2,))
    assert not same(Entry(), (0,) * 7)


def test_the_rewriting_says_only_two_things_differently() -> None:
    """Members become constants, `_replace` becomes a function; other names, calls and imports stay as they are."""
    text = (
        "from dita.spec.vocabulary import Code\nfrom dita.reference.focus import money\n"
        "def f(x, Phase, more):\n    return x._replace(a=money(1), b=Code.OK)._replace(**more), Phase.IDLE, Code.name\n"
    )

    assert rewritten(text, "p").splitlines() == [
        "from dita.spec.vocabulary import Code",
        "from p.focus import money",
        "from p.records import replaced",
        "from typing import Final",
        "Code__OK: Final = Code.OK",
        "",
        "def f(x, Phase, more):",
        "    return (replaced(x, 'a', money(1), 'b', Code__OK)._replace(**more), Phase.IDLE, Code.name)",
    ]


def test_a_module_may_not_take_the_helpers_name() -> None:
    """A module of the reference named like the helper that is compiled along is refused."""
    with pytest.raises(ValueError, match="rename"):
        compilable({"records": ""}, "p")


def test_replaced_is_replace() -> None:
    """The helper gives what the record's own `_replace` gives, and knows no other fields."""
    slot = Slot()

    assert same(replaced(slot, "phase", 3, "entry", Entry(seen=1)), slot._replace(phase=3, entry=Entry(seen=1)))
    assert replaced(slot) == slot
    with pytest.raises(KeyError):
        replaced(slot, "colour", 1)


def test_every_dependency_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another source, level, specification, tool or Python is another key, so what is kept for the old is not used."""
    sources = reference_sources()
    keys = [key_of(sources, 2), key_of(patched(*DEFECT), 2), key_of(sources, 1)]
    for name in ("package_sha256", "version"):
        monkeypatch.setattr(builds, name, "another {}".format)
        keys.append(key_of(sources, 2))
    monkeypatch.setattr(sys, "version", "another Python")
    keys.append(key_of(sources, 2))

    assert len(set(keys)) == len(keys)


def test_a_missing_tool_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the compiler's package there is no oracle, and the message says which to install."""
    monkeypatch.setattr(builds, "_TOOLS", ("mypy", "no-such-package"))

    with pytest.raises(OracleRefused, match=r"`no-such-package` is not installed.*install `dita\[dev\]`"):
        key_of({}, 2)


def test_a_compiler_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What mypyc said is told, and nothing is kept; nor is anything when it takes too long."""

    def failing(*args: object, **named: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(["mypyc"], 1, "step.py:1: error: no", "")

    monkeypatch.setattr(subprocess, "run", failing)
    with pytest.raises(OracleRefused, match="error: no"):
        build(reference_sources(), folder=tmp_path)

    def late(*args: object, **named: object) -> None:
        raise subprocess.TimeoutExpired("mypyc", 1)

    monkeypatch.setattr(subprocess, "run", late)
    with pytest.raises(OracleRefused, match="not done in"):
        build(reference_sources(), folder=tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_compiler_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the next one; what somebody is at work on, or has only just begun, stays."""
    names = ("killed", "at work", "begun", "killed at once")
    killed, at_work, begun, at_once = (tmp_path / f"{name}.partial" for name in names)
    for work in (killed, at_work, begun, at_once):
        (work / "inside").mkdir(parents=True)
    (killed / builds.BUSY).touch()
    os.utime(at_once, (0, 0))

    def failing(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(["mypyc"], 1, "no", "")

    monkeypatch.setattr(subprocess, "run", failing)
    with (at_work / builds.BUSY).open("w") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        with pytest.raises(OracleRefused, match="no"):
            build(reference_sources(), folder=tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {at_work.name, begun.name}


def test_a_compiler_at_work_is_not_swept_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one compiles, another that begins finds its folder locked and leaves it."""
    seen: list[int] = []

    def compiling(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        builds._sweep(tmp_path)  # pyright: ignore[reportPrivateUsage] - what the other one does first
        seen.append(len(list(tmp_path.glob("*.partial/*/step.py"))))
        return subprocess.CompletedProcess(["mypyc"], 1, "no", "")

    monkeypatch.setattr(subprocess, "run", compiling)
    with pytest.raises(OracleRefused, match="no"):
        build(reference_sources(), folder=tmp_path)

    assert seen == [1]


@pytest.mark.timeout(400)
def test_the_compiled_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled once, used again, refused when a byte differs; it agrees everywhere, and a patched one is refused."""
    oracle = compiled_oracle(optimise=0, folder=tmp_path)
    key = key_of(reference_sources(), 0)
    assert oracle.name == f"compiled {key[:16]}"
    assert oracle.step is not INTERPRETED.step
    assert disagreements(oracle.step) == []

    with monkeypatch.context() as patch:
        patch.setattr(builds, "_compile", None)  # not called again
        assert compiled_oracle(optimise=0, folder=tmp_path).step is oracle.step

    elsewhere = tmp_path / "elsewhere"  # what is mapped is not written to
    shutil.copytree(tmp_path / key, elsewhere / key)
    found = kept(key, elsewhere)
    assert found is not None
    for name in (builds.MANIFEST, *found.files[:1]):
        path = found.home / name
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert kept(key, elsewhere) is None
        path.write_bytes(content)
        assert kept(key, elsewhere) == found
    (found.home / "stray.so").touch()
    assert kept(key, elsewhere) is None


def test_a_compiled_step_that_is_not_the_reference_is_refused(
    interpret: Callable[[Mapping[str, str]], Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted defect: whatever a build's files say of themselves, a step of other sources is not handed out."""
    other = interpret(patched(*DEFECT))

    def pretend(*args: object) -> Built:
        return Built("0" * 64, Path(), ())

    def imported_other(built: Built) -> Step:
        return other

    monkeypatch.setattr(loading, "build", pretend)
    monkeypatch.setattr(loading, "imported", imported_other)

    with pytest.raises(OracleRefused, match=r"it is not the reference: .*the reference goes on with"):
        compiled_oracle()


def test_only_compiled_code_is_handed_out(tmp_path: Path) -> None:
    """Where a build's shared object is missing, Python source in its place is not taken for it."""
    built = Built("1" * 64, tmp_path, ())
    (tmp_path / built.package).mkdir()
    (tmp_path / built.package / "step.py").write_text("from dita.reference import step\n", encoding="utf-8")

    with pytest.raises(OracleRefused, match="not compiled"):
        imported(built)


def test_a_task_asks_the_oracle_that_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard that is ordered compiled runs on the compiled oracle, and finds what that one says differently."""

    def forgetful(state: State, event: Input) -> tuple[State, Outcome]:
        after, outcome = step(state, event)
        return (state, outcome) if event.kind == Kind.SEED else (after, outcome)

    monkeypatch.setattr(tasks, "compiled_oracle", lambda: Oracle("forgetful", forgetful))
    subject = Subject("0", "0", "0")
    order = order_of(5, 2, subject, None, compiled=True)

    result = run_task(order.task, IMAGE_PATH)

    assert "SEED: state" in result.reports[0].what
    assert not order_of(5, 2, subject, None).task.compiled


def test_lockstep_asks_the_oracle_that_it_is_given() -> None:
    """The planted defect: with a step that is not the reference's, lockstep diverges."""

    def forgetful(state: State, event: Input) -> tuple[State, Outcome]:
        after, outcome = step(state, event)
        return (state, outcome) if event.kind == Kind.SEED else (after, outcome)

    source = Generator(random.Random(3))
    lockstep = Lockstep(ReferenceStandIn(), oracle=forgetful)

    def run() -> None:
        for _ in range(100):
            lockstep.step(source.next(lockstep.state))

    with pytest.raises(Diverged, match="SEED: state"):
        run()
