"""The shortest counterexample of a flaw, as moments that a page or a screen can draw.

Where kernel and reference part there is a trace with both sides' phases, orders and positions. Where the explorer tells
a story, its steps are the moments. What other layers notice is no sequence of inputs, and is shown in their own words.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from dita.runtime.audit.asking import touched
from dita.runtime.audit.judging import Judged, Planted
from dita.spec.scales import QUANTITY_SCALE

_STEP: Final = re.compile(r"^\s*\d+\.\s+(.*)$")
_PHASES: Final = re.compile(r"\b([A-Z]+(?:_[A-Z]+)*) -> ([A-Z]+(?:_[A-Z]+)*)\b")


class Side(NamedTuple):
    """What one side is after an input."""

    phase: str
    order: str
    position: str
    outcome: str


class Moment(NamedTuple):
    """One step. ``sound`` and ``flawed`` in words; ``left`` and ``right`` for a drawing, where they are known."""

    event: str
    sound: str
    flawed: str
    differs: bool
    left: Side | None = None
    right: Side | None = None


class Drawn(NamedTuple):
    """A counterexample."""

    patch: str
    moments: tuple[Moment, ...]
    names: tuple[str, str]  # of the two sides
    told_by: str


def moments(one: Judged) -> Drawn | None:
    """The shortest counterexample that is recorded of a flaw's injections; None where none is a sequence."""
    found = [drawn for planted in one.planted for drawn in _of(planted)]
    return min(found, key=lambda drawn: (drawn.told_by != "trace", len(drawn.moments)), default=None)


def _of(planted: Planted) -> list[Drawn]:
    found: list[Drawn] = []
    if planted.trace is not None:
        found.append(_from_trace(planted, planted.trace))
    told = [asked.row for asked in planted.asked if asked.noticed]
    found += [_from_story(planted.defect.name, row.story) for row in told if row is not None and row.story]
    return found


def _from_trace(planted: Planted, trace: Mapping[str, Any]) -> Drawn:
    kernel_is_flawed = any(name.startswith("kernel_rs/") for name in touched(planted.defect))
    sound, flawed = ("reference", "kernel") if kernel_is_flawed else ("kernel", "reference")
    drawn: list[Moment] = []
    for row in trace["steps"]:
        left, right = _side(row[sound]), _side(row[flawed])
        drawn.append(Moment(row["event"], _words(left), _words(right), row[sound] != row[flawed], left, right))
    names = (f"{sound}, sound", f"{flawed}, with the flaw")
    return Drawn(planted.defect.name, tuple(drawn), names, "trace")


def _side(told: Mapping[str, Any]) -> Side:
    coins = f"{told['position'] / QUANTITY_SCALE:g}" if told["position"] else "flat"
    position = coins if told["position"] == 0 else f"{told['side'].lower()} {coins}"
    return Side(told["phase"], told["order"], position, told["outcome"])


def _words(side: Side) -> str:
    return f"{side.phase}, {side.position}: {side.outcome}"


def _from_story(patch: str, story: str) -> Drawn:
    """The explorer's timeline: a numbered step a moment, the lines below it its details."""
    drawn: list[Moment] = []
    for line in story.splitlines():
        step = _STEP.match(line)
        if step is not None:
            drawn.append(Moment(step[1].strip(), "", "", differs=False))
        elif drawn and line.strip():
            last = drawn[-1]
            moved = _PHASES.search(line)
            right = last.right if moved is None else Side(moved[2], "", "", "")
            drawn[-1] = last._replace(flawed=f"{last.flawed} {line.strip()}".strip(), right=right)
    if drawn:
        drawn[-1] = drawn[-1]._replace(differs=True)
    return Drawn(patch, tuple(drawn), ("", "with the flaw"), "story")
