"""A divergence on one screen: each input, the phases around it, both sides' outcome, the first word that differs.

Written for the person who has to find the cause: the last lines are the ones to read first. At most ``LINES_MAX`` lines
of ``WIDTH`` columns; the trace file has what does not fit.
"""

from collections.abc import Sequence
from typing import Final

from dita.conformance.differential import Difference, Diverged, Lockstep
from dita.conformance.encoding import pack_input, unpack_outcome
from dita.conformance.exhaustive import broken_laws
from dita.conformance.under_test import StepUnderTest
from dita.spec.inputs import Input
from dita.spec.layout import flatten_words, word_names
from dita.spec.state import State
from dita.spec.vocabulary import Code, Kind, Mode, OrderSide, Phase, Side, Verdict

WIDTH: Final = 118
INPUTS_MAX: Final = 14  # of the trace; the beginning of a longer one is left out and said so
START_LINES_MAX: Final = 4
LINES_MAX: Final = 40
AGREE: Final = "no divergence"

_NAMES: Final = {
    "phase": Phase, "verdict": Verdict, "code": Code, "mode": Mode, "from_1": Phase, "to_1": Phase, "from_2": Phase,
    "to_2": Phase,
}  # fmt: skip
_SIDES: Final = {"outcome": OrderSide, "state": Side}
_COINS: Final = ("quantity", "ordered", "lot", "minimum")
_MONEY: Final = (
    "quote", "fee", "fees", "realised", "exposure", "seed", "provisional", "funding", "transfers", "adjustments",
    "amount", "difference", "tolerance", "notional_min",
)  # fmt: skip


def timeline(inputs: Sequence[Input], kernel: StepUnderTest, start: State | None = None) -> str:
    """The printed timeline of a trace up to its first divergence, or the first step that breaks a law."""
    lockstep = Lockstep(kernel, State() if start is None else start)
    told: list[tuple[str, str]] = []
    verdict = AGREE
    for number, event in enumerate(inputs, 1):
        before = lockstep.state
        held = lockstep.bytes()
        try:
            outcome = lockstep.step(event)
        except Diverged as divergence:
            told.append((f"{number:>4} {_phase(before, event)}", _said(event)))
            verdict = _both(lockstep, kernel, held, divergence)
            break
        told.append((f"{number:>4} {_phase(before, event)} → {_phase(lockstep.state, event)}  {outcome}", _said(event)))
        broke = broken_laws(before, event, lockstep.state, outcome, known=False)
        if broke:
            verdict = f"   broken: {', '.join(broke)}"
            break
    hidden = max(0, len(told) - INPUTS_MAX)
    lines = [*_start_lines(start), *([f"     … {hidden} inputs before"] if hidden else [])]
    lines += [line for step in told[hidden:] for line in (step[0], f"     {step[1]}")]
    return "\n".join(_clipped(line) for line in (*lines, *verdict.splitlines()))


def _both(lockstep: Lockstep, kernel: StepUnderTest, held: bytes, divergence: Diverged) -> str:
    """Both sides' answer to the last input, and the first word that differs with its unit."""
    difference = divergence.difference
    kernel.load(held)
    theirs = _outcome(kernel.step(pack_input(divergence.event)))
    ours = difference.word if difference.record == "reference" else _outcome(lockstep.outcome_bytes)
    return f"reference: {ours}\n   kernel: {theirs}\n   differs: {_difference(difference)}"


def _outcome(data: bytes) -> str:
    try:
        return str(unpack_outcome(data))
    except ValueError as problem:  # a word that is in no vocabulary is the finding, not a reason to stop
        return f"unreadable ({problem})"


def _difference(difference: Difference) -> str:
    unit = unit_of(difference.word)
    last = difference.word.rpartition(".")[2]
    names = _NAMES.get(last) or (_SIDES.get(difference.record) if last == "side" else None)
    ours, theirs = (
        f"`{value}`" + (f" {names(value).name}" if names is not None and value in list(names) else "")
        for value in (difference.reference, difference.kernel)
    )
    return f"{difference.record}.{difference.word}: reference {ours}, kernel {theirs}{f', in {unit}' if unit else ''}"


def unit_of(word: str) -> str:
    """The unit of a word of state or outcome by its dotted name; empty for one that counts or names something."""
    last = word.rpartition(".")[2]
    if last.endswith("_rows"):
        return ""
    suffixes = {"_ns": "ns", "_ppm": "parts per million", "_ppb": "parts per billion"}
    for suffix, unit in suffixes.items():
        if last.endswith(suffix):
            return unit
    if "price" in last or last == "tick":
        return "1e-10 USDT"
    if any(last == name or last.endswith(f"_{name}") or last.startswith(f"{name}_") for name in _MONEY):
        return "1e-8 USDT"
    if any(last == name or last.endswith(f"_{name}") or last.startswith(f"{name}_") for name in _COINS):
        return "1e-8 coins"
    return ""


def _start_lines(start: State | None) -> list[str]:
    """The words of a starting state that are not blank, as far as they fit."""
    if start is None or start == State():
        return []
    pairs = zip(word_names(State), flatten_words(start), flatten_words(State()), strict=True)
    words = [f"{name}={value}" for name, value, blank in pairs if value != blank]
    words.sort(key=lambda word: not word.startswith("slots"))  # what is live comes first
    lines: list[str] = ["start"]
    while words and len(lines) < START_LINES_MAX:
        line = "     "
        while words and len(line) + 1 + len(words[0]) <= WIDTH:
            line += f" {words.pop(0)}"
        lines.append(line)
    return [*lines, f"      … and {len(words)} more words"] if words else lines


def _said(event: Input) -> str:
    """The kind and every field that is not zero."""
    kind = Kind(event.kind).name if Kind.NONE <= event.kind <= Kind.CALIBRATE else f"kind {event.kind}"
    fields = [f"{name}={value}" for name, value in event._asdict().items() if name not in ("kind", "ratios") and value]
    ratios = [str(ratio) for ratio in event.ratios]
    while ratios and ratios[-1] == "0":
        ratios.pop()
    return " ".join((kind, *fields, *([f"ratios={','.join(ratios)}"] if ratios else [])))


def _phase(state: State, event: Input) -> str:
    if not 0 <= event.slot < len(state.slots):
        return "no such slot"
    phase = state.slots[event.slot].phase
    return f"slot {event.slot} {Phase(phase).name}"


def _clipped(text: str) -> str:
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
