"""How far the enumeration of a small world got, so that a run of minutes can be stopped and gone on with.

A state is kept as the way to it: the number of the state before it, and the place of the input in that state's menu.
Going on takes every one of these steps again; if a way leads nowhere new, the world is begun anew. A file is only good
for the sources and the image that it was made with, and is removed when the world is done. What it says was done is
believed, and held against the published figures at the end (``dita.conformance.counts``).
"""

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dita.conformance.differential import Cell, Distribution
from dita.kernel.loader import package_sha256
from dita.spec.canonical import sha256_hex

FOLDER: Final = Path("out") / "small-worlds"
SECONDS_BETWEEN: Final = 30.0
BYTES_MAX: Final = 1 << 28
_PACKAGES: Final = ("dita.spec", "dita.reference", "dita.conformance")


@dataclass(slots=True)
class Progress:
    """What an enumeration has done: ``done`` states with all their inputs, and every state that was found."""

    done: int = 0
    transitions: int = 0
    chain: str = ""  # hash over states, inputs and outcomes so far, in order
    distribution: Distribution = field(default_factory=Distribution)
    found: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # after the roots, in order


class Checkpoint:
    """The file of one world, one set of sources and one image."""

    def __init__(self, world: str, image_sha256: str, folder: Path = FOLDER) -> None:
        depends = {name: package_sha256(name) for name in _PACKAGES}
        depends |= {"world": world, "image": image_sha256, "python": sys.version}
        self.key: Final = sha256_hex(json.dumps(depends, sort_keys=True).encode())
        self.path: Final = folder / f"{self.key}.json"
        self._kept_at = time.monotonic()

    def read(self) -> Progress:
        """What was kept; nothing done if there is no such file, or one of another key or that cannot be read."""
        try:
            if self.path.stat().st_size > BYTES_MAX:
                return Progress()
            content: Any = json.loads(self.path.read_bytes())
            if content["key"] != self.key:
                return Progress()
            cells = Distribution({Cell(*words[:-1]): words[-1] for words in content["distribution"]})
            found = [(int(before), int(place)) for before, place in content["found"]]
            return Progress(int(content["done"]), int(content["transitions"]), str(content["chain"]), cells, found)
        except (OSError, ValueError, LookupError, TypeError):
            return Progress()

    def keep_now_and_then(self, progress: Progress) -> None:
        """Keep it if that was not done for a while."""
        if time.monotonic() - self._kept_at >= SECONDS_BETWEEN:
            self.keep(progress)

    def keep(self, progress: Progress) -> None:
        """Write it, in one step."""
        content = {
            "key": self.key, "done": progress.done, "transitions": progress.transitions, "chain": progress.chain,
            "distribution": [[*cell, count] for cell, count in progress.distribution.items()], "found": progress.found,
        }  # fmt: skip
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(content), encoding="utf-8")
        partial.replace(self.path)
        self._kept_at = time.monotonic()

    def forget(self) -> None:
        """The world is done, or its checkpoint was refused."""
        self.path.unlink(missing_ok=True)
