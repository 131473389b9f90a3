"""Trouble with what the venue says, told once each: a venue that repeats itself must not flood the log.

Two messages are the same trouble when they differ only in what stands between backticks, as values do.
"""

import logging
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

_VALUE: Final = re.compile(r"`[^`]*`")
_KINDS_MAX: Final = 256
_TEXT_MAX: Final = 500
_OTHERS: Final = "other trouble, not told any more"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Notices:
    """What one connection to the venue has had to complain about. ``counts``: how often, by trouble without values."""

    name: str
    counts: Counter[str] = field(default_factory=Counter[str])

    def tell(self, text: str) -> None:
        """Count the trouble, and log it the first time, in one printable line."""
        printable = "".join(character if character.isprintable() else "?" for character in text[:_TEXT_MAX])
        trouble = _VALUE.sub("…", printable)
        if trouble not in self.counts and len(self.counts) >= _KINDS_MAX:
            trouble = printable = _OTHERS
        self.counts[trouble] += 1
        if self.counts[trouble] == 1:
            log.warning("%s: %s (said once)", self.name, printable)

    @property
    def total(self) -> int:
        """All complaints so far."""
        return self.counts.total()
