"""A counterexample as a picture: two lanes, a column an input; phases as bars, the order and the position in words."""

from typing import Final, NamedTuple

from dita.runtime.audit.timelines import Drawn, Moment, Side

STEP_WIDTH: Final = 178
LABEL_WIDTH: Final = 128
LANE_HEIGHT: Final = 96
TOP: Final = 34
_TEXT_MAX: Final = 26
_KINDS: Final = {"IDLE": "idle", "POSITION_OPEN": "open"}


class Box(NamedTuple):
    """One slot in one phase, after one input."""

    x: int
    y: int
    kind: str  # idle, entry, open, exit, other
    phase: str
    order: str
    position: str
    outcome: str
    differs: bool


class Head(NamedTuple):
    """An input above its column."""

    x: int
    number: int
    text: str
    full: str


class Lane(NamedTuple):
    """One side."""

    y: int
    name: str


class Drawing(NamedTuple):
    """What the template draws, in pixels."""

    width: int
    height: int
    heads: tuple[Head, ...]
    lanes: tuple[Lane, ...]
    boxes: tuple[Box, ...]


def drawn(trace: Drawn) -> Drawing:
    """Place everything."""
    sides = [side for side in (0, 1) if any(_side(moment, side) for moment in trace.moments)]
    heads: list[Head] = []
    boxes: list[Box] = []
    for at, moment in enumerate(trace.moments):
        x = LABEL_WIDTH + at * STEP_WIDTH
        heads.append(Head(x, at + 1, _short(_named(moment.event)), moment.event))
        for row, side in enumerate(sides):
            shown = _side(moment, side)
            if shown is not None:
                boxes.append(_box(x, TOP + row * LANE_HEIGHT, shown, differs=moment.differs))
    lanes = tuple(Lane(TOP + row * LANE_HEIGHT, trace.names[side]) for row, side in enumerate(sides))
    width = LABEL_WIDTH + STEP_WIDTH * len(trace.moments)
    return Drawing(width, TOP + LANE_HEIGHT * max(1, len(sides)), tuple(heads), lanes, tuple(boxes))


def _side(moment: Moment, side: int) -> Side | None:
    return (moment.left, moment.right)[side]


def _box(x: int, y: int, side: Side, *, differs: bool) -> Box:
    kind = _KINDS.get(side.phase) or side.phase.split("_", maxsplit=1)[0].lower()
    return Box(x, y, kind if kind in ("idle", "entry", "open", "exit") else "other", side.phase, _short(side.order),
               side.position, _short(_answered(side.outcome)), differs)  # fmt: skip


def _named(event: str) -> str:
    """The kind of an input; of a step that is told in words, its first words."""
    if event.startswith("{"):
        return (
            event.partition('"kind": "')[2].partition('"')[0]
            or event.partition('"kind":"')[2].partition('"')[0]
            or event
        )
    return event


def _answered(outcome: str) -> str:
    """Verdict, code and commands; the phases stand in the boxes."""
    return " ".join(word for word in outcome.split() if "→" not in word)


def _short(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else f"{text[: _TEXT_MAX - 1]}…"
