"""The reference alone against the laws: random traces, every step property and every invariant after every step.

``python -m dita.conformance.hunt SEED STEPS SHRINK_SECONDS`` prints the laws that broke and the trace, and exits 1; it
exits 0 when all held.
"""

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from dita.conformance.exhaustive import broken_laws
from dita.conformance.generate import Generator
from dita.conformance.shrink import shrink
from dita.conformance.tasks import until
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.invariants import broken
from dita.spec.state import State
from dita.spec.trace import Trace, format_trace

RUN_LENGTH = 250


@dataclass(slots=True)
class Hunt:
    """What a hunt saw. ``laws`` is empty when every law held on every step."""

    steps: int = 0
    laws: list[str] = field(default_factory=list[str])
    inputs: tuple[Input, ...] = ()


def hunt(seed: int, steps: int, shrink_seconds: int = 0) -> Hunt:
    """Random steps of the reference until a law breaks or ``steps`` are done."""
    rng = random.Random(seed)
    result = Hunt()
    while result.steps < steps:
        state, source = State(), Generator(rng)
        inputs: list[Input] = []
        for _ in range(RUN_LENGTH):
            event = source.next(state)
            inputs.append(event)
            result.steps += 1
            try:
                after, outcome = step(state, event)
                result.laws = broken_laws(state, event, after, outcome, known=False)
            except Exception as error:  # noqa: BLE001 the step is total (clause R3), and leaves what can be judged
                result.laws, result.inputs = [f"step-is-total ({type(error).__name__})"], tuple(inputs)
                return result
            if result.laws:
                result.inputs = shrink(inputs, lambda trace: bool(broken_on(trace)), until(shrink_seconds))
                return result
            state = after
        result.laws = broken(state)
        if result.laws:
            result.inputs = tuple(inputs)
            return result
    return result


def broken_on(inputs: Sequence[Input]) -> list[str]:
    """The laws that the first bad step of a trace breaks."""
    state = State()
    for event in inputs:
        after, outcome = step(state, event)
        laws = broken_laws(state, event, after, outcome, known=False)
        if laws:
            return laws
        state = after
    return []


def main(arguments: list[str]) -> int:
    """Hunt with the seed, the number of steps and the time for shrinking of the command line."""
    seed, steps, shrink_seconds = (int(text) for text in arguments)
    result = hunt(seed, steps, shrink_seconds)
    if not result.laws:
        sys.stdout.write(f"{result.steps} steps, every law held\n")
        return 0
    sys.stdout.write(f"broken: {', '.join(result.laws)}\n{format_trace(Trace(result.inputs))}")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
