"""The corpus: short traces, each of which shows something that the small worlds and boundary vectors do not.

Replayed in every run, on both sides. ``python -m dita.conformance.corpus SEED STEPS`` looks for results that nothing
declares yet, shrinks the trace of each, and adds it; a trace of a divergence that was found once belongs here too.
"""

import random
import sys
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from dita.conformance.differential import Diverged, Lockstep, cell_of
from dita.conformance.exhaustive import Enumeration, Finding, broken_laws
from dita.conformance.matrix import Result, declared_results, result_of
from dita.conformance.shrink import shrink
from dita.conformance.starts import simpler_start
from dita.conformance.traffic import Traffic, stretched
from dita.conformance.under_test import StepUnderTest
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.state import State
from dita.spec.trace import Trace, format_trace, parse_trace

CORPUS: Final = Path(__file__).with_name("corpus")
RUN_LENGTH: Final = 300


def corpus(folder: Path = CORPUS) -> tuple[tuple[str, Trace], ...]:
    """All traces by name. Raises TraceError for one that cannot be read."""
    paths = sorted(folder.glob("*.jsonl"))
    return tuple((path.stem, parse_trace(path.read_text(encoding="utf-8").splitlines())) for path in paths)


def run_corpus(kernel: StepUnderTest, traces: Iterable[tuple[str, Trace]]) -> Enumeration:
    """Every trace in lockstep, every law on the reference's side; ``states`` counts traces."""
    result = Enumeration()
    lockstep = Lockstep(kernel)
    for name, trace in traces:
        lockstep.start(trace.start)
        result.states += 1
        for number, event in enumerate(trace.inputs, 1):
            before = lockstep.state
            result.transitions += 1
            try:
                outcome = lockstep.step(event)
            except Diverged as divergence:
                result.findings.append(Finding(f"corpus {name}: {divergence}", trace.start, trace.inputs[:number]))
                break
            result.distribution[cell_of(before, event, outcome)] += 1
            broke = broken_laws(before, event, lockstep.state, outcome, known=False)
            if broke:
                what = f"corpus {name}: broken: {', '.join(broke)}"
                result.findings.append(Finding(what, trace.start, trace.inputs[:number]))
                break
    result.complete = not result.findings
    return result


def shown_by(inputs: Sequence[Input], start: State) -> Iterable[Result]:
    """The results of a trace's steps, by the reference."""
    state = start
    for event in inputs:
        after, outcome = step(state, event)
        result = result_of(cell_of(state, event, outcome))
        if result is not None:
            yield result
        state = after


def undeclared(known: set[Result], seed: int, steps: int) -> Iterable[tuple[Result, Trace]]:
    """Results that are not known, each with a short trace that shows it.

    Every other run begins blank, or else near a bound where the one before it had ended.
    """
    rng = random.Random(seed)
    state = State()
    for number in range(steps // RUN_LENGTH):
        near = stretched(rng, state) if number % 2 else None
        start = State() if near is None else near
        source, state = Traffic(rng, preamble=near is None), start
        if near is not None:
            source.adapt(start)
        inputs: list[Input] = []
        for _ in range(RUN_LENGTH):
            event = source.next(state)
            inputs.append(event)
            after, outcome = step(state, event)
            result = result_of(cell_of(state, event, outcome))
            state = after
            if result is not None and result not in known:
                known.add(result)
                yield result, _short(result, inputs, start)


def _short(result: Result, inputs: Sequence[Input], start: State) -> Trace:
    short = shrink(inputs, _shows(result, start), lambda: False)
    if start != State():
        start = simpler_start(start, lambda state: result in shown_by(short, state), lambda: False)
    return Trace(short, start)


def _shows(result: Result, start: State) -> Callable[[Sequence[Input]], bool]:
    return lambda inputs: result in shown_by(inputs, start)


def main(arguments: Sequence[str]) -> int:
    """Grow the corpus with the seed and number of steps of the command line."""
    seed, steps = (int(text) for text in arguments)
    CORPUS.mkdir(exist_ok=True)
    known = set(declared_results())
    for _, trace in corpus(CORPUS):
        known |= set(shown_by(trace.inputs, trace.start))
    for result, trace in undeclared(known, seed, steps):
        mark = sha256(repr(result).encode()).hexdigest()[:8]
        path = CORPUS / f"{result.phase}-{result.kind}-{mark}.jsonl".lower()
        text = f"# {result.phase} {result.kind}: {result.text}\n{format_trace(trace)}"
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.name}: {len(trace.inputs)} inputs: {result.text}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
