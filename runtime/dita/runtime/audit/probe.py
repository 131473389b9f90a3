"""The half of the audit that runs in a scratch copy: ``python -m dita.runtime.audit.probe traffic|explorer …``.

``traffic LAYER …`` puts the copy's kernel and reference to layers that compare them, makes the shortest trace on which
the two part, and shows that trace to the runtime's own comparison. ``explorer WORLD`` searches one world of the
composed system. Both print one JSON object.
"""

import json
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from dita.conformance.differential import Diverged
from dita.conformance.differential import Lockstep as Pair
from dita.conformance.encoding import fresh_buffer, pack_input, unpack_outcome
from dita.conformance.exhaustive import Finding, enumerate_world
from dita.conformance.explore.composition import Composition
from dita.conformance.explore.report import verdict_of
from dita.conformance.explore.search import explored
from dita.conformance.explore.system import Setting
from dita.conformance.explore.timeline import timeline
from dita.conformance.mutants.recording import LAYERS
from dita.conformance.shrink import shrink
from dita.conformance.small_worlds import worlds
from dita.conformance.tasks import until
from dita.conformance.under_test import CallerMemory, StepUnderTest
from dita.kernel.binding import Kernel
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import RawKernel, load_for_conformance
from dita.reference import step
from dita.runtime.lockstep import Lockstep
from dita.spec.inputs import Input
from dita.spec.layout import pack, unpack
from dita.spec.state import State, remaining
from dita.spec.trace import Trace, format_input, format_trace
from dita.spec.vocabulary import Kind, Phase, Side

SHRINK_SECONDS: Final = 4.0
STEPS_SHOWN: Final = 24


class Counted:
    """A kernel under test that counts its steps."""

    def __init__(self, kernel: StepUnderTest) -> None:
        self._kernel = kernel
        self.load, self.batch, self.holds, self.state = kernel.load, kernel.batch, kernel.holds, kernel.state
        self.steps = 0

    def step(self, event: bytes, /) -> bytes:
        """Carry out one input."""
        self.steps += 1
        return self._kernel.step(event)


def _exhaustive(kernel: StepUnderTest) -> list[Finding] | None:
    """Worlds in full until one has a finding; None when one was not searched in full."""
    for world in worlds("quick"):
        done = enumerate_world(world, kernel, lambda: False)
        if done.findings or not done.complete:
            return done.findings or None
    return []


ASKED: Final[dict[str, Callable[[StepUnderTest], list[Finding] | None]]] = {
    "vectors": LAYERS["vectors"], "exhaustive": _exhaustive, "random": LAYERS["random"],
}  # fmt: skip


def traffic(layers: Sequence[str]) -> dict[str, Any]:
    """What each of these layers says of the kernel and the reference of this copy; random traffic gives the trace."""
    raw = load_for_conformance(IMAGE_PATH)
    found: dict[str, Any] = {}
    findings: list[Finding] = []
    for name in dict.fromkeys((*(layer for layer in layers if layer in ASKED), "random")):
        ask = ASKED[name]
        kernel = Counted(CallerMemory(raw))
        began = time.process_time()
        try:
            answer = ask(kernel)
            says = "it did not finish" if answer is None else answer[0].what if answer else ""
            verdict = "void" if answer is None else "caught" if answer else "missed"
            findings += answer or []
        except Exception as error:  # noqa: BLE001 the step is total (clause R3): what it raises is the finding
            verdict, says = _raised(error)
        found[name] = {
            "verdict": verdict, "says": says, "steps": kernel.steps, "seconds": time.process_time() - began,
        }  # fmt: skip
    trace = _shortest(raw, findings)
    found["lockstep"] = {"verdict": "missed", "says": "no trace to show", "steps": 0, "seconds": 0.0}
    if trace is not None:
        found["lockstep"] = _lockstep(raw, trace)
        found["trace"] = {"text": format_trace(trace), "steps": _sides(raw, trace)}
    return found


def _raised(error: Exception) -> tuple[str, str]:
    """An exception of the reference's own is a finding; one of the harness is none."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    inside = "reference_py" in last.filename or "dita/reference" in last.filename
    return ("caught" if inside else "void"), f"raises {error!r} in {last.name}"


def _shortest(raw: RawKernel, findings: Sequence[Finding]) -> Trace | None:
    """The shortest trace that was found, from the blank state where there is one."""
    kernel = CallerMemory(raw)
    blank = [one for one in findings if one.start == State()]
    for one in sorted(blank or findings, key=lambda finding: len(finding.inputs)):
        start = unpack(State, bytes(fresh_buffer(one.start)))  # a small world's state has fewer slots
        parts = partial(_parts, kernel, start)
        if parts(one.inputs):
            return Trace(shrink(one.inputs, parts, until(SHRINK_SECONDS)), start)
    return None


def _parts(kernel: StepUnderTest, start: State, inputs: Sequence[Input]) -> bool:
    """Whether kernel and reference part on these inputs."""
    pair = Pair(kernel, start)
    try:
        for event in inputs:
            pair.step(event)
    except Diverged:
        return True
    return False


def _lockstep(raw: RawKernel, trace: Trace) -> dict[str, Any]:
    """What the runtime's own comparison says of the trace."""
    began = time.process_time()
    with Kernel(raw) as kernel:
        if trace.start != State():
            kernel.restore(pack(trace.start))
        both = Lockstep(kernel, trace.start)
        for event in trace.inputs:
            both.step(event)
    told = both.divergence
    says = "" if told is None else f"{told.reason}: kernel {told.kernel}; reference {told.reference}"
    return {
        "verdict": "missed" if told is None else "caught", "says": says, "steps": both.steps,
        "seconds": time.process_time() - began,
    }  # fmt: skip


def _sides(raw: RawKernel, trace: Trace) -> list[dict[str, Any]]:
    """Each input of the trace, and what reference and kernel make of it."""
    kernel = CallerMemory(raw)
    kernel.load(pack(trace.start))
    state = trace.start
    told: list[dict[str, Any]] = []
    for event in trace.inputs:
        row: dict[str, Any] = {"event": format_input(event), "kind": _kind(event)}
        try:
            state, outcome = step(state, event)
            row["reference"] = {"outcome": str(outcome), **_seen(state, event)}
        except Exception as error:  # noqa: BLE001 shown as what it is
            row["reference"] = {"outcome": f"raises {type(error).__name__}", **_seen(state, event)}
        answer = kernel.step(pack_input(event))
        try:
            said = str(unpack_outcome(answer))
        except ValueError:
            said = "unreadable"
        row["kernel"] = {"outcome": said, **_seen(unpack(State, kernel.state()), event)}
        told.append(row)
    return told[-STEPS_SHOWN:]


def _kind(event: Input) -> str:
    return Kind(event.kind).name if event.kind in list(Kind) else f"kind {event.kind}"


def _seen(state: State, event: Input) -> dict[str, Any]:
    """What a drawing shows of a slot: phase, position, the order in flight, the ledger's sum."""
    slot = state.slots[event.slot if 0 <= event.slot < len(state.slots) else 0]
    phase = Phase(slot.phase).name if slot.phase in list(Phase) else str(slot.phase)
    side = Side(slot.side).name if slot.side in list(Side) else str(slot.side)
    order = ""
    if phase.startswith("ENTRY"):
        order = f"entry {slot.entry.quantity} of {slot.entry.ordered}"
    elif phase.startswith("EXIT"):
        order = f"exit {slot.exit.attempt}: {slot.exit.quantity} of {slot.exit.ordered}"
    ledger = state.account.ledger
    return {
        "phase": phase, "side": side, "position": remaining(slot), "order": order,
        "money": [ledger.realised, ledger.fees, ledger.funding, ledger.adjustments],
    }  # fmt: skip


def explorer(world: str) -> dict[str, Any]:
    """What a search of the composed system finds, in full."""
    composition = Composition(Setting("audit", **json.loads(world)))
    began = time.process_time()
    found = explored(composition)
    verdict = verdict_of(found) if found.trace else ""
    return {
        "verdict": "caught" if found.trace else "missed" if found.complete else "void",
        "says": verdict,
        "steps": len(found.trace),
        "story": timeline(composition, found.trace, verdict) if found.trace else "",
        "seconds": time.process_time() - began,
    }


def main(arguments: Sequence[str]) -> int:
    """See the module."""
    what, *more = arguments
    answer = traffic(more) if what == "traffic" else explorer(*more)
    sys.stdout.write(f"{json.dumps(answer)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
