"""Trials of mutants of the kernel: build the changed crate, replay what the layers said to the sound one.

The crate is built without optimisation, incrementally, in a scratch copy: a third of a second instead of three. What a
mutant answers there it answers in every build, for its code is safe Rust; only a panic, which the product's build would
have refused, here ends the process. A mutant that nobody notices is built as the product is, and then compared with the
product byte for byte (``product_of``).
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cffi import FFI

from dita.conformance.defects import REPOSITORY
from dita.conformance.differential import difference
from dita.conformance.encoding import unpack_input, unpack_outcome
from dita.conformance.exhaustive import broken_laws
from dita.conformance.mutants.children import Ended, Mark, in_child
from dita.conformance.mutants.recording import Exchange, Reader, patched
from dita.conformance.mutants.trials import Answer, Question, asked_together
from dita.conformance.under_test import CallerMemory, StepUnderTest

CPU_SECONDS: Final = 60  # for one layer on one mutant; the sound kernel takes one
LAWS_TRIED: Final = 25  # differing steps of a layer on which the laws are asked
CRATE: Final = "kernel_rs"
_SETTINGS: Final = {"CARGO_PROFILE_DEV_DEBUG": "false", "CARGO_PROFILE_DEV_INCREMENTAL": "true"}
# Nobody defines these two: a panic jumps to address zero, which ends the process.
_LINKED: Final = ("-Clink-arg=-Wl,--defsym=dita_kernel_panic_is_reachable=0,--defsym=rust_eh_personality=0",)


class Unviable(Exception):
    """The changed crate does not compile: the change is no mutant. The message is the compiler's."""


@dataclass(frozen=True, slots=True)
class Library:
    """A built crate: what a kernel under test is made of (``under_test.Mapped``)."""

    ffi: Any
    lib: Any


class Workshop:
    """A scratch copy of the crate, in which one mutant after the other is built."""

    def __init__(self, tree: Path, repository: Path) -> None:
        self._tree = tree
        self._repository = repository
        self._crate = tree / CRATE
        builder = _builder(repository / CRATE / "build_kernel.py")
        self._ffi: Any = FFI()
        self._ffi.cdef(builder["cdef_text"]((repository / CRATE / "include" / "dita_kernel.h").read_text()))
        self._product = ""

    def build(self, changed: Mapping[str, bytes]) -> Path:
        """The library of the crate with these files changed; the next build replaces it. Raises Unviable."""
        with self._changed(changed):
            command = ["cargo", "rustc", "--quiet", "--offline", "--locked", "--lib", "--crate-type", "cdylib"]
            command += [
                "--target-dir",
                str(self._tree / "target"),
                "--",
                "-Ccodegen-units=1",
                "--cap-lints=allow",
                *_LINKED,
            ]
            done = subprocess.run(
                command, cwd=self._crate, env=os.environ | _SETTINGS, capture_output=True, text=True, check=False
            )
        if done.returncode != 0:
            raise Unviable(done.stderr.strip())
        return self._tree / "target" / "debug" / "libdita_kernel.so"

    def open(self, library: Path) -> CallerMemory:
        """Map a library into this process; for a child, which maps no other."""
        return CallerMemory(Library(self._ffi, self.functions(library)))

    def functions(self, library: Path) -> Any:
        """The functions of a library, mapped into this process."""
        return self._ffi.dlopen(str(library))

    def product_of(self, changed: Mapping[str, bytes]) -> str:
        """SHA-256 of the image that the product's own build makes of the changed crate, its source digest taken out.

        Raises Unviable with the builder's message when it refuses: above all because a panic can be reached.
        """
        with self._changed(changed):
            image = self._tree / "kernel.image"
            command = [sys.executable, str(self._crate / "build_kernel.py"), "--image", str(image)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Unviable(done.stderr.strip())
            digest = bytes.fromhex(_builder(self._crate / "build_kernel.py")["source_digest"](self._crate))
            content = image.read_bytes()
        if content.count(digest) != 1:
            raise Unviable(f"the image holds its source digest {content.count(digest)} times; one was expected")
        return sha256(content.replace(digest, bytes(len(digest)))).hexdigest()

    def is_the_product(self, changed: Mapping[str, bytes]) -> bool:
        """Whether the changed crate gives the product's bytes. Raises Unviable."""
        if not self._product:
            self._product = self.product_of({})
        return self.product_of(changed) == self._product

    def unit_tests(self, changed: Mapping[str, bytes], seconds: int) -> str:
        """The crate's own tests that fail on the changed crate; empty when all pass.

        Raises subprocess.TimeoutExpired, Unviable.
        """
        with self._changed(changed):
            command = ["cargo", "test", "--quiet", "--offline", "--locked", "--lib", "--target-dir"]
            command += [str(self._tree / "target-tests")]
            settings = os.environ | {"RUSTFLAGS": "--cap-lints=allow"}
            done = subprocess.run(
                command, cwd=self._crate, env=settings, capture_output=True, text=True, check=False, timeout=seconds
            )
        if done.returncode == 0:
            return ""
        failed = [line.strip() for line in done.stdout.splitlines() if line.startswith("---- ")]
        if "could not compile" in done.stderr:
            raise Unviable(done.stderr.strip())
        return ", ".join(line.split()[1] for line in failed) or "the process that runs the tests"

    @contextmanager
    def _changed(self, changed: Mapping[str, bytes]) -> Generator[None]:
        """The crate with the changes, for as long as the block lasts."""
        try:
            for path, content in changed.items():
                (self._tree / path).write_bytes(content)
            yield
        finally:
            for path in changed:
                shutil.copy(self._repository / path, self._tree / path)  # with a new time, so that cargo looks again


@contextmanager
def workshop(repository: Path = REPOSITORY) -> Generator[Workshop]:
    """A workshop in a scratch folder."""
    with tempfile.TemporaryDirectory(prefix="dita-mutants-") as scratch:
        ignored = shutil.ignore_patterns("target", "__pycache__", "kernel.image", "*.partial")
        shutil.copytree(repository / CRATE, Path(scratch) / CRATE, ignore=ignored)
        yield Workshop(Path(scratch), repository)


def _builder(script: Path) -> dict[str, Any]:
    """The names of the crate's build script, which is no module of a package."""
    space: dict[str, Any] = {"__name__": "build_kernel", "__file__": str(script)}
    exec(compile(script.read_bytes(), str(script), "exec"), space)  # noqa: S102 our own script
    return space


# --- replay ---------------------------------------------------------------------------------------------------------


def ask(
    shop: Workshop, library: Path, exchanges: Sequence[Exchange], *, laws: bool, cpu_seconds: int = CPU_SECONDS
) -> Answer:
    """What a layer's exchanges say of a built library, asked in a child."""

    def work(mark: Mark) -> list[Any]:
        return list(replayed(shop.open(library), exchanges, mark, laws=laws))

    ended = in_child(work, cpu_seconds)
    if ended.how == "result":
        return Answer(*ended.result)
    if ended.how == "crash":
        return Answer("crash", ended.place, 0, ended.says)
    return _timeout(shop, library, exchanges, ended)


def ask_all(shop: Workshop, library: Path, traffic: Mapping[str, Sequence[Exchange]]) -> dict[str, Answer]:
    """What every layer's exchanges say of a built library."""
    questions: dict[str, Question] = {name: partial(_question, said) for name, said in traffic.items()}
    alone = partial(_alone_in_child, shop, library, traffic)
    return asked_together(questions, lambda: shop.open(library), alone, CPU_SECONDS)


def _question(exchanges: Sequence[Exchange], kernel: CallerMemory, mark: Mark) -> Answer:
    return replayed(kernel, exchanges, mark, laws=True)


def _alone_in_child(shop: Workshop, library: Path, traffic: Mapping[str, Sequence[Exchange]], name: str) -> Answer:
    return ask(shop, library, traffic[name], laws=True)


def _timeout(shop: Workshop, library: Path, exchanges: Sequence[Exchange], ended: Ended) -> Answer:
    """Whether the one step at which time ran out never ends: asked by itself, it uses up the whole time again."""
    alone = in_child(
        lambda mark: list(replayed(shop.open(library), [_alone(exchanges, ended.place)], mark, laws=False)), CPU_SECONDS
    )
    if alone.how == "timeout":
        return Answer("timeout", ended.place, 0, f"endless: this step alone has no end either, after {CPU_SECONDS} s")
    return Answer("timeout", ended.place, 0, ended.says)


def _alone(exchanges: Sequence[Exchange], number: int) -> Exchange:
    """The exchange with the state that it was taken from."""
    current = b""
    for exchange in exchanges[: number + 1]:
        current = exchange.start if exchange.start is not None else current
        if exchange is not exchanges[number]:
            current = bytes(patched(current, exchange.changes)) if exchange.changes else current
    return exchanges[number]._replace(start=current)


def replayed(kernel: StepUnderTest, exchanges: Sequence[Exchange], mark: Mark, *, laws: bool) -> Answer:
    """Every exchange on the kernel, from the sound state; the answer is about the first that differs."""
    began = time.perf_counter_ns()
    first: Answer | None = None
    before = bytearray()
    reader = Reader()
    tried = 0
    away = False  # the kernel is no longer where the sound one is
    for number, exchange in enumerate(exchanges):
        if exchange.start is not None:
            before = bytearray(exchange.start)
            kernel.load(before)
        elif away:
            kernel.load(before)
        mark.at(number)
        theirs = kernel.step(exchange.event)
        expected = patched(before, exchange.changes) if exchange.changes else before
        away = theirs != exchange.outcome or not kernel.holds(expected)
        if away:
            if first is None:
                micros = (time.perf_counter_ns() - began) // 1_000
                differs = (
                    difference("outcome", exchange.outcome, theirs)
                    if theirs != exchange.outcome
                    else difference("state", expected, kernel.state())
                )
                first = Answer("killed", number + 1, micros, str(differs))
                if not laws:
                    return first
            broke = _laws(reader, bytes(before), exchange.event, kernel.state(), theirs)
            if broke:
                return first._replace(laws=broke, laws_steps=number + 1)
            tried += 1
            if tried == LAWS_TRIED:
                return first
        before = expected
    return first or Answer("survived", len(exchanges), (time.perf_counter_ns() - began) // 1_000)


def _laws(reader: Reader, before: bytes, event: bytes, after: bytes, outcome: bytes) -> str:
    """The laws that a step breaks; words that are in no vocabulary break one that needs no name."""
    pre, told = reader.state(before), unpack_input(event)
    post = reader.state(after) if after != before else pre
    if not (0 <= told.slot < len(pre.slots) and 0 <= told.instrument < len(pre.instruments)):
        return "refused-is-identity" if post is not pre else ""
    try:
        return ", ".join(broken_laws(pre, told, post, unpack_outcome(outcome), known=False))
    except (ArithmeticError, IndexError, ValueError) as problem:
        return f"unreadable ({type(problem).__name__})"
