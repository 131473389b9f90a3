"""A state and an input that a solver found, on the real code of both sides: reference, and image on this CPU.

The solver may give a named function a value that no multiplication has, so what it finds is a suspicion until it is
seen here. ``python -m dita.conformance.equiv.replay IMAGE`` reads the words as JSON; it is a process of
its own, for a process holds one image for its life.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from dita.conformance.equiv.tools import BEFORE, EVENT, WRITTEN
from dita.kernel.binding import raise_for
from dita.kernel.loader import load_for_conformance
from dita.reference.focus import Refused
from dita.reference.step import answer, located
from dita.spec.inputs import Input
from dita.spec.layout import Record, filled, flatten_words, pack
from dita.spec.outcome import Outcome
from dita.spec.state import Account, Focus, Instrument, Slot

SECONDS: Final = 60
BLANK: Final = Focus(Account(), Instrument(), Slot())


class Parted(NamedTuple):
    """A word that the two sides left behind otherwise."""

    name: str
    reference: int
    image: int


class NotReplayed(Exception):
    """The image could not be asked; the message says why."""


def parted(image: Path, words: Mapping[str, int]) -> list[Parted]:
    """Where image and reference part on these words. Raises NotReplayed."""
    command = [sys.executable, "-m", "dita.conformance.equiv.replay", str(image)]
    try:
        done = subprocess.run(
            command, input=json.dumps(dict(words)), capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise NotReplayed(f"the image gave no answer in {SECONDS} seconds") from None
    if done.returncode != 0:
        raise NotReplayed((done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1])
    return [Parted(*found) for found in json.loads(done.stdout)]


def by_reference(words: Mapping[str, int]) -> list[int]:
    """What the reference leaves behind."""
    focus = filled(BLANK, [words[name] for name in BEFORE])
    event = filled(Input(), [words[name] for name in EVENT])
    try:
        after, outcome = answer(focus, event)
    except Refused as refusal:
        return flatten_words(focus) + flatten_words(refusal.outcome)
    return flatten_words(after) + flatten_words(located(outcome, event))


class Replayed:
    """An image in this process. Raises ImageRefused."""

    def __init__(self, image: Path) -> None:
        self._raw = load_for_conformance(image)
        self._lib: Any = self._raw.lib

    def after(self, words: Mapping[str, int]) -> list[int]:
        """What it leaves behind. Raises KernelError."""
        ffi = self._raw.ffi
        focus = filled(BLANK, [words[name] for name in BEFORE])
        event = filled(Input(), [words[name] for name in EVENT])
        records: list[Record] = [focus.account, focus.instrument, focus.slot, event, Outcome()]
        names = ("account", "instrument", "slot", "input", "outcome")
        pointers = [ffi.new(f"struct dita_{name} *") for name in names]
        for pointer, record in zip(pointers, records, strict=True):
            ffi.buffer(pointer)[:] = pack(record)
        raise_for(self._lib.dita_step_focus(*pointers))
        left = b"".join(bytes(ffi.buffer(pointers[index])) for index in (0, 1, 2, 4))
        return [int.from_bytes(left[at : at + 8], "little", signed=True) for at in range(0, len(left), 8)]

    def call(self, name: str, arguments: tuple[int, ...]) -> int:
        """What a named function gives for words, as a word."""
        given = [value - (1 << 64) if value >> 63 else value for value in arguments]
        return int(getattr(self._lib, name)(*given)) % (1 << 64)


def by_image(image: Path, words: Mapping[str, int]) -> list[int]:
    """What the image leaves behind, in this process. Raises ImageRefused, KernelError."""
    return Replayed(image).after(words)


def source_digest_in(image: Path) -> str:
    """The digest of its sources, in hexadecimal, that an image carries; nothing where it is not once in the file."""
    command = [sys.executable, "-m", "dita.conformance.equiv.replay", str(image), "--sources"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    digest = done.stdout if done.returncode == 0 else ""
    return digest if digest and image.read_bytes().count(bytes.fromhex(digest)) == 1 else ""


def main(arguments: list[str]) -> int:
    """Compare both sides on the words of standard input, or say which sources an image was built from."""
    image, *asked = arguments
    if asked:
        sys.stdout.write(load_for_conformance(Path(image)).source_sha256)
        return 0
    words: dict[str, int] = json.load(sys.stdin)
    both = zip(WRITTEN, by_reference(words), by_image(Path(image), words), strict=True)
    sys.stdout.write(json.dumps([found for found in both if found[1] != found[2]]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
