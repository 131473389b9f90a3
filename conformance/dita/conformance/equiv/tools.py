"""The two programs that run in an environment of their own: what reads machine code, and the first solver.

angr pins a z3 that is older than the proofs', so neither can be imported here. ``make equiv-tools`` makes the
environment; both programs speak JSON, one line an answer.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Final, Protocol, Self

from dita.conformance.defects import REPOSITORY
from dita.conformance.prove.contracts import CONTRACTS
from dita.spec.inputs import Input
from dita.spec.layout import word_names
from dita.spec.outcome import Outcome
from dita.spec.state import Account, Instrument, Slot

PYTHON: Final = Path(sys.prefix) / "equiv" / "bin" / "python"
PROGRAMS: Final = REPOSITORY / "conformance" / "equiv"
READER: Final = "machine.py"
SOLVER: Final = "deciding.py"
STEP: Final = "dita_core"
KIND_WORD: Final = "event.kind"
MILLISECONDS: Final = 60_000  # of processor time
_RECORDS: Final = {
    "account": ("pre.account", Account), "instrument": ("pre.instrument", Instrument), "slot": ("pre.slot", Slot),
    "event": ("event", Input), "outcome": ("outcome", Outcome),
}  # fmt: skip
"""The arguments of the step, in order: how a word of each is called where it is a free word."""


class ToolMissing(Exception):
    """The environment is not there, or a program in it failed; the message says what to do."""


class Asked(Protocol):
    """Somebody who answers questions about words."""

    def ask(self, text: str, /, words: Sequence[str] = (), milliseconds: int | None = None) -> Mapping[str, Any]:
        """``verdict``: sat, unsat or unknown; with sat the ``values`` of these words. None: for the usual time."""
        ...


def words_of(record: str) -> list[str]:
    """Names of a record's words before the step."""
    prefix, kind = _RECORDS[record]
    return [f"{prefix}.{word}" for word in word_names(kind)]


BEFORE: Final = [*words_of("account"), *words_of("instrument"), *words_of("slot")]
EVENT: Final = words_of("event")
WRITTEN: Final = [*BEFORE, *words_of("outcome")]
"""What a step leaves behind, in the order in which both sides are compared."""


def explored(
    image: Path,
    kinds: Sequence[int],
    python: Path = PYTHON,
    unread: Sequence[str] = (),
    along: Mapping[str, int] = MappingProxyType({}),
) -> Iterator[dict[str, Any]]:
    """Every path of the image's step, kind by kind, as ``machine.py`` says. Raises ToolMissing.

    A step that reads some of the constants ``unread``, in hexadecimal, is not understood. Where words are given, only
    paths that they may take.
    """
    request = {
        "image": str(image), "step": STEP, "kind_word": KIND_WORD, "read_only": "event", "kinds": list(kinds),
        "unread": list(unread), "along": dict(along),
        "functions": {f"dita_{item.name}": (item.arity, item.truth) for item in CONTRACTS.values()},
        "records": {record: words_of(record) for record in _RECORDS},
    }  # fmt: skip
    with _Program(python, READER) as program:
        program.say(request)
        for _ in kinds:
            yield program.hear()


class Bitwuzla:
    """The first solver, in a process of its own. A context."""

    def __init__(self, python: Path = PYTHON, milliseconds: int = MILLISECONDS) -> None:
        self._program = _Program(python, SOLVER)
        self._milliseconds = milliseconds

    def __enter__(self) -> Self:
        self._program.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._program.__exit__()

    def ask(self, text: str, /, words: Sequence[str] = (), milliseconds: int | None = None) -> Mapping[str, Any]:
        """Its answer. Raises ToolMissing."""
        patience = self._milliseconds if milliseconds is None else milliseconds
        self._program.say({"text": text, "words": list(words), "milliseconds": patience})
        return self._program.hear()


class _Program:
    """A program that reads lines of JSON and writes such."""

    def __init__(self, python: Path, name: str) -> None:
        self._command = [str(python), str(PROGRAMS / name)]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        try:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        except OSError as problem:
            raise ToolMissing(f"`{self._command[0]}`: {problem.strerror}; run `make equiv-tools`") from problem
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            with suppress(BrokenPipeError), self._process:  # closes its ends and waits
                self._process = None

    def say(self, request: Mapping[str, Any]) -> None:
        """One line to it."""
        try:
            print(json.dumps(request), file=self._stream("stdin"), flush=True)
        except BrokenPipeError as problem:
            raise self._gone() from problem

    def hear(self) -> dict[str, Any]:
        """One line of it."""
        line = self._stream("stdout").readline()
        if not line:
            raise self._gone()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _stream(self, name: str) -> IO[str]:
        stream: IO[str] | None = getattr(self._process, name)
        assert stream is not None  # it was asked for, within the context
        return stream

    def _gone(self) -> ToolMissing:
        return ToolMissing(f"`{' '.join(self._command)}` ended without an answer; run `make equiv-tools`")
