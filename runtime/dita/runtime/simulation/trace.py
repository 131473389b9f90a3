"""What happened in a run, as it happened: hashed in full, and the last part kept for people."""

import hashlib
from collections import deque
from collections.abc import Callable
from typing import Final, final

from dita.spec.inputs import Input
from dita.spec.layout import pack
from dita.spec.outcome import Outcome
from dita.spec.vocabulary import Kind, Verdict

_KEPT: Final = 4000


@final
class Trace:
    """Times are seconds of the virtual clock. Texts are for people; they are hashed only where ``what`` holds them."""

    def __init__(self, now: Callable[[], float], *, keep: int = _KEPT) -> None:
        self.lines: deque[str] = deque(maxlen=keep)
        self._now = now
        self._hash = hashlib.sha256()

    def event(self, what: str, detail: str, text: str = "") -> None:
        """Something other than an input."""
        now = self._now()
        self._hash.update(f"{now:.9f} {what} {detail}\n".encode())
        self.lines.append(f"{now:12.6f} {what}: {detail}{' | ' if text else ''}{text}")

    def step(self, event: Input, outcome: Outcome) -> None:
        """An input and what the kernel said."""
        now = self._now()
        self._hash.update(f"{now:.9f}".encode() + pack(event) + pack(outcome))
        commands = [name for name in ("submit", "cancel", "resolve", "reconcile") if getattr(outcome, name)]
        self.lines.append(
            f"{now:12.6f} {Kind(event.kind).name} slot {event.slot} instrument {event.instrument} trade {event.trade}"
            f" attempt {event.attempt} quantity {event.quantity}: {Verdict(outcome.verdict).name}"
            f" {outcome.code} {' '.join(commands)}"
        )

    def add(self, data: bytes) -> None:
        """Anything else that must be equal in two runs of one seed."""
        self._hash.update(data)

    def digest(self) -> str:
        """Of everything so far."""
        return self._hash.hexdigest()
