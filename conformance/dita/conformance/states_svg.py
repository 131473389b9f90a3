"""The state diagram as SVG, laid out by hand so that no line but one in each half crosses another.

IDLE and POSITION_OPEN are tall bars at the left and the right; the phases of an order in flight stand between them, the
entry's above, the exit's below. So every edge to or from a bar is one horizontal line with its label on top. Inside a
half, neighbours are joined by vertical lines, and the first phase reaches the third by a lane beside the second.
Lengths are in SVG user units; the same results give the same bytes.
"""

from collections.abc import Iterable
from html import escape
from typing import Final, NamedTuple

from dita.conformance.matrix import Result
from dita.conformance.states import GENERATED, Edge, edges, style, wrapped
from dita.spec.vocabulary import Phase

FONT_SIZE: Final = 12
CHARACTER: Final = 7.5  # a little more than the widest of the usual monospaced fonts at this size
LINE: Final = 15
MARGIN: Final = 20
BAR_WIDTH: Final = 130
NODE_WIDTH: Final = 160
SPAN: Final = 350  # between a bar and the nodes
GAP: Final = 74  # between the nodes of a half
LANE: Final = 26  # from a node to the lane beside it
PAD: Final = 10

HALVES: Final = (
    (Phase.ENTRY_REQUESTED, Phase.ENTRY_WORKING, Phase.ENTRY_UNRESOLVED),
    (Phase.EXIT_REQUESTED, Phase.EXIT_WORKING, Phase.EXIT_UNRESOLVED),
)
BARS: Final = (Phase.IDLE, Phase.POSITION_OPEN)
LEFT: Final = MARGIN + BAR_WIDTH
NODE_LEFT: Final = LEFT + SPAN
NODE_RIGHT: Final = NODE_LEFT + NODE_WIDTH
RIGHT: Final = NODE_RIGHT + SPAN
WIDTH: Final = RIGHT + BAR_WIDTH + MARGIN
FILLS: Final = {Phase.IDLE: "#e8e8e8", Phase.POSITION_OPEN: "#d9ecd9"}
ENTRY_FILL: Final = "#dbe7f6"
EXIT_FILL: Final = "#f8e6d3"
FONT: Final = f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{FONT_SIZE}"'
ARROW_HEAD: Final = (
    '<marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0,1 L10,5 L0,9 z" fill="#444"/></marker>'
)
CAPTION: Final = (
    "The states of a slot: input and code of every move. `then`: a second move in the same step. "
    "What moves nothing is in the table."
)


class Box(NamedTuple):
    """A phase's rectangle."""

    phase: Phase
    x: float
    y: float
    width: float
    height: float


class Label(NamedTuple):
    """One line of text; ``x`` is its left end and ``y`` its base line."""

    x: float
    y: float
    text: str

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the room that the text takes."""
        return self.x, self.y - FONT_SIZE, self.x + CHARACTER * len(self.text), self.y + 3


class Line(NamedTuple):
    """An edge's line: from the first point to the last, with an arrow there."""

    edge: Edge
    points: tuple[tuple[float, float], ...]


class Drawing(NamedTuple):
    """Everything that is drawn."""

    height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    labels: tuple[Label, ...]


class NoRoom(Exception):
    """The layout has no place for an edge; it must be given one."""


class _Pen:
    """Draws from top to bottom and keeps what it drew."""

    def __init__(self, every: Iterable[Edge]) -> None:
        self._edges = {(edge.source, edge.target): edge for edge in every}
        self.boxes: list[Box] = []
        self.lines: list[Line] = []
        self.labels: list[Label] = []
        self.y = float(MARGIN + 2 * LINE)

    def take(self, source: Phase, target: Phase) -> Edge | None:
        """The edge, which is now drawn; None when there is none."""
        return self._edges.pop((source, target), None)

    def rest(self) -> list[Edge]:
        """The edges that nobody has drawn."""
        return list(self._edges.values())

    def across(self, edge: Edge, y: float, left: float, right: float) -> float:
        """A horizontal edge below ``y`` with its labels on top; gives its own y."""
        texts = wrapped(edge.labels, int((right - left - 60) / CHARACTER))
        for text in texts:
            y += LINE
            self.labels.append(Label((left + right - CHARACTER * len(text)) / 2, y, text))
        y += 6
        forward = edge.source == Phase.IDLE or edge.target == Phase.POSITION_OPEN
        ends = ((left, y), (right, y))
        self.lines.append(Line(edge, ends if forward else ends[::-1]))
        return y

    def side(self, phase: Phase, bar: Phase, y: float, left: float, right: float) -> float:
        """Both edges between a node and a bar, below ``y``; gives the y below them."""
        for edge in (self.take(phase, bar), self.take(bar, phase)):
            if edge is not None:
                y = self.across(edge, y, left, right) + 4
        return y

    def down(self, edge: Edge, x: float, top: float, bottom: float, *, before: bool) -> None:
        """A vertical edge in a gap, its labels before or behind it."""
        points = ((x, top), (x, bottom))
        upward = edge.source > edge.target
        self.lines.append(Line(edge, points[::-1] if upward else points))
        y = (top + bottom) / 2 - LINE * (len(edge.labels) - 2) / 2 - 4
        for number, text in enumerate(edge.labels):
            left = x - 8 - CHARACTER * len(text) if before else x + 8
            self.labels.append(Label(left, y + LINE * number, text))


def layout(every: Iterable[Edge]) -> Drawing:
    """Place everything. Raises NoRoom for an edge between phases that this layout does not join."""
    pen = _Pen(every)
    top = pen.y
    _half(pen, HALVES[0])
    for source, target in (BARS, BARS[::-1]):
        edge = pen.take(source, target)
        if edge is not None:
            pen.y = pen.across(edge, pen.y + PAD, LEFT, RIGHT)
    pen.y += 2 * PAD
    _half(pen, HALVES[1])
    rest = pen.rest()
    if rest:
        raise NoRoom(f"no lane from {rest[0].source.name} to {rest[0].target.name}; give the layout one")
    height = pen.y - top
    pen.boxes.append(Box(Phase.IDLE, MARGIN, top, BAR_WIDTH, height))
    pen.boxes.append(Box(Phase.POSITION_OPEN, RIGHT, top, BAR_WIDTH, height))
    return Drawing(pen.y + MARGIN, tuple(pen.boxes), tuple(pen.lines), tuple(pen.labels))


def _half(pen: _Pen, phases: tuple[Phase, Phase, Phase]) -> None:
    first, _, third = phases
    lane = pen.take(first, third)
    placed: list[Box] = []
    for phase in phases:
        if placed:
            pen.y += GAP
        top = pen.y
        begin = top + PAD + (LINE if lane is not None and phase == third else 0)
        left = pen.side(phase, Phase.IDLE, top + PAD, LEFT, NODE_LEFT)
        right = pen.side(phase, Phase.POSITION_OPEN, begin, NODE_RIGHT, RIGHT)
        if lane is not None and phase == first:
            right += LINE
        pen.y = max(left, right, top + 40.0) + PAD
        placed.append(Box(phase, NODE_LEFT, top, NODE_WIDTH, pen.y - top))
    pen.boxes += placed
    for upper, lower in ((0, 1), (1, 2)):
        _neighbours(pen, placed[upper], placed[lower])
    if lane is not None:
        x, start, end = NODE_RIGHT + LANE, placed[0].y + placed[0].height - PAD, placed[2].y + PAD
        pen.lines.append(Line(lane, ((NODE_RIGHT, start), (x, start), (x, end), (NODE_RIGHT, end))))
        y = placed[1].y - GAP / 2 - LINE * (len(lane.labels) - 2) / 2 - 4
        pen.labels += [Label(x + 8, y + LINE * number, text) for number, text in enumerate(lane.labels)]


def _neighbours(pen: _Pen, upper: Box, lower: Box) -> None:
    top, bottom = upper.y + upper.height, lower.y
    down, up = pen.take(upper.phase, lower.phase), pen.take(lower.phase, upper.phase)
    if down is not None:
        pen.down(down, NODE_LEFT + NODE_WIDTH / 4, top, bottom, before=True)
    if up is not None:
        pen.down(up, NODE_LEFT + NODE_WIDTH / 2, top, bottom, before=False)


# --- writing --------------------------------------------------------------------------------------------------------


def svg(results: Iterable[Result]) -> str:
    """The diagram as an SVG document."""
    drawing = layout(edges(results))
    width, height = WIDTH, _number(drawing.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {FONT}>',
        f"<!-- {GENERATED} -->",
        "<title>The states of a slot</title>",
        f"<defs>{ARROW_HEAD}</defs>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{MARGIN}" y="{MARGIN + LINE}">{CAPTION}</text>',
    ]
    for line in drawing.lines:
        points = " ".join(f"{_number(x)},{_number(y)}" for x, y in line.points)
        parts.append(f'<polyline points="{points}" fill="none" stroke="#444" marker-end="url(#arrow)"/>')
    parts += [_box(box) for box in drawing.boxes]
    parts += [
        f'<text x="{_number(label.x)}" y="{_number(label.y)}" textLength="{_number(CHARACTER * len(label.text))}">'
        f"{escape(label.text)}</text>"
        for label in drawing.labels
    ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _box(box: Box) -> str:
    fill = FILLS.get(box.phase, ENTRY_FILL if box.phase < Phase.POSITION_OPEN else EXIT_FILL)
    dashes = ' stroke-dasharray="6 4"' if "dashed" in style(box.phase) else ""
    return (
        f'<rect x="{_number(box.x)}" y="{_number(box.y)}" width="{_number(box.width)}" height="{_number(box.height)}" '
        f'rx="6" fill="{fill}" stroke="#222"{dashes}/>'
        f'<text x="{_number(box.x + box.width / 2)}" y="{_number(box.y + box.height / 2 + 4)}" text-anchor="middle" '
        f'font-weight="bold">{box.phase.name}</text>'
    )


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
