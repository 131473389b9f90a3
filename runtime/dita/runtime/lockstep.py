"""Kernel and reference side by side: an outcome counts only when both agree on it and on the whole state after it.

On the first disagreement the reference, which is normative, goes on alone from the last agreed state; the kernel is not
asked again in this process (semantics: lockstep divergence means binary, binding or hardware). What then may still be
ordered is the engine's business.
"""

import hashlib
import struct
from typing import NamedTuple, Protocol, final

from dita.reference import step
from dita.runtime.packing import packed_input, packed_outcome
from dita.runtime.state_image import StateImage, first_difference
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome, refused
from dita.spec.state import State, initial_state
from dita.spec.vocabulary import Code


def _fits(event: Input) -> bool:
    try:
        packed_input(event)
    except struct.error:
        return False
    return True


def step_digest(event: bytes, outcome: bytes, state: bytes) -> bytes:
    """Of a packed input, its packed outcome and the packed state after it: what a row of the journal carries."""
    digest = hashlib.sha256(event)
    digest.update(outcome)
    digest.update(state)
    return digest.digest()


class KernelPort(Protocol):
    """What the runtime needs of a kernel."""

    def step(self, event: Input) -> Outcome:
        """One step; the kernel keeps the state."""
        ...

    def snapshot(self) -> bytes:
        """The whole state, in the layout of ``dita.spec.layout``."""
        ...


class Divergence(NamedTuple):
    """The input on which the two sides disagreed, what each said, and the state before, for whoever looks into it."""

    event: Input
    reason: str
    kernel: str
    reference: str
    state_before: State


class Stepped(NamedTuple):
    """One agreed (or, after a divergence, the reference's) step."""

    outcome: Outcome
    before: State
    after: State
    diverged_now: bool


@final
class Lockstep:
    """Drives both sides. ``state`` is the reference's, and equal to the kernel's until ``divergence`` is set."""

    def __init__(self, kernel: KernelPort, state: State | None = None) -> None:
        """``kernel`` must be in ``state``, by default the initial one. Raises ValueError otherwise."""
        self.state = initial_state() if state is None else state
        self.divergence: Divergence | None = None
        self.divergences = 0
        self.steps = 0
        self._kernel: KernelPort | None = kernel
        self._image = StateImage(self.state)
        if kernel.snapshot() != self._image.content:
            raise ValueError("kernel: it is not in the state to begin with; make a new one")

    def step(self, event: Input) -> Stepped:
        """Step both sides. Never raises; an input with a word beyond 64 bits is refused before either is asked."""
        self.steps += 1
        before = self.state
        if not _fits(event):
            return Stepped(refused(Code.BAD_VALUE), before, before, diverged_now=False)
        try:
            after, outcome = step(before, event)
            self._image.update(before, after, event)
        except Exception as error:  # noqa: BLE001 - an exception here would end the loop with orders in the market
            self._diverged(event, f"the reference raised {error!r}", "not asked", "raised")
            return Stepped(refused(Code.BAD_VALUE), before, before, diverged_now=True)
        self.state = after
        fresh = self._kernel is not None and self._disagrees(self._kernel, event, outcome, before)
        return Stepped(outcome, before, after, fresh)

    def digest(self, event: Input, outcome: Outcome) -> bytes:
        """Of an input, its outcome and the whole present state."""
        return step_digest(packed_input(event), packed_outcome(outcome), self._image.content)

    @property
    def packed_state(self) -> bytes:
        """The present state, packed."""
        return self._image.content

    def _disagrees(self, kernel: KernelPort, event: Input, outcome: Outcome, before: State) -> bool:
        try:
            said = kernel.step(event)
            content = kernel.snapshot()
        except Exception as error:  # noqa: BLE001 - whatever the binding raises, the reference goes on alone
            self._diverged(event, f"the kernel raised {error!r}", "raised", str(outcome), before)
            return True
        if said != outcome:
            self._diverged(event, "the outcomes differ", repr(said), repr(outcome), before)
            return True
        if content != self._image.content:
            name, left, right = first_difference(content, self._image.content)
            self._diverged(event, f"the states differ at `{name}`", str(left), str(right), before)
            return True
        return False

    def _diverged(self, event: Input, reason: str, kernel: str, reference: str, before: State | None = None) -> None:
        self._kernel = None
        self.divergences += 1
        self.divergence = Divergence(event, reason, kernel, reference, self.state if before is None else before)
