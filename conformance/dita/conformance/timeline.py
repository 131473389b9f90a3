"""A divergence on one screen: each input, the phases around it, both sides' outcome, the first word that differs.

Written for the person who has to find the cause: the last lines are the ones to read first.
"""

from collections.abc import Sequence
from typing import Final

from dita.conformance.differential import Diverged, Lockstep
from dita.conformance.encoding import pack_input, unpack_outcome
from dita.conformance.under_test import StepUnderTest
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.state import State
from dita.spec.trace import format_input
from dita.spec.vocabulary import Phase

WIDTH: Final = 118
LINES: Final = 24  # of the trace; the beginning of a longer one is left out and said so


def timeline(inputs: Sequence[Input], kernel: StepUnderTest, start: State | None = None) -> str:
    """The printed timeline of a trace up to its first divergence."""
    state = State() if start is None else start
    lockstep = Lockstep(kernel, state)
    lines: list[str] = []
    verdict = "no divergence"
    for number, event in enumerate(inputs, 1):
        before = lockstep.state
        after, outcome = step(before, event)
        lines.append(f"{number:>4} {_phase(before, event)} → {_phase(after, event)}  {outcome}")
        lines.append(f"     {_clipped(format_input(event))}")
        try:
            lockstep.step(event)
        except Diverged as divergence:
            theirs = _kernel_outcome(inputs[:number], kernel, start)
            verdict = f"reference: {outcome}\n   kernel: {theirs}\n   differs: {divergence.difference}"
            break
    hidden = max(0, len(lines) - 2 * LINES)
    head = [f"     … {hidden // 2} inputs before"] if hidden else []
    return "\n".join([*head, *lines[hidden:], verdict])


def _kernel_outcome(inputs: Sequence[Input], kernel: StepUnderTest, start: State | None) -> str:
    Lockstep(kernel, start)
    replies = [kernel.step(pack_input(event)) for event in inputs]
    try:
        return str(unpack_outcome(replies[-1]))
    except ValueError as problem:  # a word that is in no vocabulary is the finding, not a reason to stop
        return f"unreadable ({problem})"


def _phase(state: State, event: Input) -> str:
    if not 0 <= event.slot < len(state.slots):
        return "no such slot"
    phase = state.slots[event.slot].phase
    return f"slot {event.slot} {Phase(phase).name}"


def _clipped(text: str) -> str:
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
