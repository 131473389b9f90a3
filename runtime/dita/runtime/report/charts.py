"""The pictures of a report, as inline SVG without scripts.

A drawing has no size of its own along: places are percents, and lines stand in a nested drawing that is stretched while
their strokes are not. So the text stays readable at any width. Every mark says in its ``title`` what it is; kinds
differ in shape as well as in colour. What would be more than a screen can show is thinned out column by column, keeping
first, lowest, highest and last, and the caption says so.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final, NamedTuple

from dita.runtime.report.facts import FROZEN, Facts, Mark, MarkKind, Movement, Span, Trade
from dita.runtime.report.scales import (
    WHOLE_WIDTH,
    TimeAxis,
    ValueAxis,
    grouped,
    length_text,
    moment_text,
    time_axis,
    value_axis,
)
from dita.runtime.story import decimal_text
from dita.spec.scales import MONEY_SCALE, PRICE_SCALE, QUANTITY_SCALE
from dita.spec.vocabulary import IncomeKind, Side

_COLUMNS: Final = 1000  # of a line
_TIP_COLUMNS: Final = 60
_MARKS_MAX: Final = 400  # of one symbol, before they are thinned out
_MARK_COLUMNS: Final = 100
_JOINED_MAX: Final = 120  # trades of one symbol whose entry and exit are joined by a line
_SPANS_MAX: Final = 200  # of one lane
_STEP: Final = WHOLE_WIDTH // _COLUMNS
_EQUITY: Final = (380, 1900)  # top and height of the panels, tenths of a pixel
_DRAWDOWN: Final = (2720, 750)
_SINGLE: Final = (380, 1800)
_LOW: Final = (380, 900)
_MARGIN_PART: Final = 20  # of the time, before its beginning
_BELOW: Final = 24  # pixels below a time axis, for its text
_LANE: Final = 220

Series = Sequence[tuple[int, int]]
"""Moments (nanoseconds) and values, in the order of time."""


class Drawn(NamedTuple):
    """A picture and what is to be said below it."""

    svg: str
    caption: str


# --- pictures --------------------------------------------------------------------------------------------------------


def equity_chart(facts: Facts) -> Drawn:
    """Capital, and beneath it on the same time axis how far it is below its highest."""
    axis = _axis(facts)
    capital = [(point.time_ns, point.capital) for point in facts.points]
    below = drawdowns(facts)
    upper = value_axis([value for _, value in capital], *_EQUITY, MONEY_SCALE)
    lower = value_axis([value for _, value in below], *_DRAWDOWN, MONEY_SCALE, zero=True)
    parts = [
        *_grid(upper, "capital, USDT"), *_grid(lower, "drawdown, USDT"), *_times(axis, lower),
        _stretched(
            (stepped_path(capital, axis, upper), "line one"),
            (stepped_path(below, axis, lower, close_at=0), "area two"),
            (stepped_path(below, axis, lower), "line two"),
            height=_bottom(lower),
        ),
        *_transfers(facts, axis, upper),
        *_tips(lower, _equity_tips(axis, capital, below)),
    ]  # fmt: skip
    return Drawn(
        _svg("capital and drawdown over time", _bottom(lower) + _BELOW, parts),
        "Capital as booked after every row: seed + realised − fees + funding + transfers + adjustments, open positions"
        " not valued. The drawdown is against the highest capital before, without what was paid in or out.",
    )


def _axis(facts: Facts) -> TimeAxis:
    """The same for all pictures; with room at the left for what is written beside the other axis."""
    return time_axis(facts.began_ns - (facts.now_ns - facts.began_ns) // _MARGIN_PART, facts.now_ns)


def drawdowns(facts: Facts) -> list[tuple[int, int]]:
    """How far below its highest the capital is, as negative amounts; without what was paid in or out."""
    found: list[tuple[int, int]] = []
    peak = facts.points[0].earned if facts.points else 0
    for point in facts.points:
        peak = max(peak, point.earned)
        found.append((point.time_ns, point.earned - peak))
    return found


def price_chart(facts: Facts, instrument: int) -> Drawn:
    """The prices that the journal holds of one symbol, and where trades got in and out."""
    axis = _axis(facts)
    marks = facts.marks.get(instrument, [])
    line = sorted([*facts.references.get(instrument, []), *((mark.time_ns, mark.price) for mark in marks)])
    scale = value_axis([price for _, price in line], *_SINGLE, PRICE_SCALE)
    shown = thinned(marks, axis)
    trades = [trade for trade in facts.trades.values() if trade.instrument == instrument and trade.entry_quantity]
    joined = trades if len(trades) <= _JOINED_MAX else []
    parts = [
        *_grid(scale, "price, USDT"), *_times(axis, scale),
        _stretched((straight_path(line, axis, scale), "line price"), height=_bottom(scale)),
        *_joints(joined, marks, axis, scale),
        *(_mark(mark, facts.trades[mark.trade], axis, scale) for mark in shown),
    ]  # fmt: skip
    fewer = "" if len(shown) == len(marks) else f" {len(shown)} of {len(marks)} marks are drawn."
    return Drawn(
        _svg(f"price of {facts.symbol(instrument)} with entries and exits", _bottom(scale) + _BELOW, parts),
        "The line joins what the journal holds of the price: the quote that each entry was decided on, and what orders"
        f" filled at. Quotes in between are not journaled.{fewer}",
    )


def money_chart(facts: Facts) -> Drawn:
    """What was paid in fees, and what funding came to."""
    axis = _axis(facts)
    fees = [(point.time_ns, point.fees) for point in facts.points]
    funding = [(point.time_ns, point.funding) for point in facts.points]
    values = [value for _, value in (*fees, *funding)]
    scale = value_axis(values, *_SINGLE, MONEY_SCALE, zero=True)
    parts = [
        *_grid(scale, "USDT since the beginning"), *_times(axis, scale),
        _stretched(
            (stepped_path(fees, axis, scale), "line two"),
            (stepped_path(funding, axis, scale), "line one dashed"),
            height=_bottom(scale),
        ),
        *(
            _dot(movement, 0, axis, scale)
            for movement in facts.movements[:_MARKS_MAX]
        ),
    ]  # fmt: skip
    return Drawn(
        _svg("fees paid and funding received over time", _bottom(scale) + _BELOW, parts),
        "Fees paid (solid; predicted ones until the venue's own have come) and funding received (dashed).",
    )


def reconcile_chart(facts: Facts) -> Drawn:
    """Wallet minus books, and beneath it the times in which nothing could be opened."""
    axis = _axis(facts)
    difference = [(facts.began_ns, 0), *((one.time_ns, one.difference) for one in facts.differences)]
    scale = value_axis([value for _, value in difference], *_LOW, MONEY_SCALE, zero=True)
    lanes = list(dict.fromkeys((FROZEN, *(span.what for span in facts.spans))))
    parts = [
        *_grid(scale, "wallet − books, USDT"),
        _stretched((stepped_path(difference, axis, scale), "line one"), height=_bottom(scale)),
    ]
    top = (scale.top + scale.height) // 10 + 12
    fewer = False
    for lane in lanes:
        mine = [span for span in facts.spans if span.what == lane]
        kept = sorted(mine, key=lambda span: span.until(facts.now_ns) - span.begin_ns)[-_SPANS_MAX:]
        fewer = fewer or len(kept) < len(mine)
        parts.append(f'<text x="4" y="{top + 10}" class="label">{escape(lane)}</text>')
        parts += [_span(span, axis, facts.now_ns, top + 14) for span in kept]
        top += _LANE // 10 + 8
    below = ValueAxis(scale.low, scale.high, 0, 10 * top, scale.scale)
    return Drawn(
        _svg("wallet minus books over time", top + _BELOW, [*parts, *_times(axis, below)]),
        "Wallet minus books at the last comparable reading, and the times in which nothing could be opened."
        + (f" Of each kind the longest {_SPANS_MAX} are drawn." if fewer else ""),
    )


# --- lines -----------------------------------------------------------------------------------------------------------


def stepped_path(series: Series, axis: TimeAxis, scale: ValueAxis, *, close_at: int | None = None) -> str:
    """A line that keeps each value until the next one, to the border; with ``close_at`` the area to that value."""
    if not series:
        return ""
    places = columns(series, axis, scale)
    drawn = [f"M{places[0][0]} {places[0][1]}"]
    for (x, y), (_, before) in zip(places[1:], places, strict=False):
        drawn.append(f"H{x}" if y == before else f"H{x}V{y}")
    drawn.append(f"H{_COLUMNS}")
    if close_at is not None:
        drawn.append(f"V{scale.at(close_at)}H{places[0][0]}Z")
    return "".join(drawn)


def straight_path(series: Series, axis: TimeAxis, scale: ValueAxis) -> str:
    """A line from value to value."""
    return "".join(f"{'L' if at else 'M'}{x} {y}" for at, (x, y) in enumerate(columns(series, axis, scale)))


def columns(series: Series, axis: TimeAxis, scale: ValueAxis) -> list[tuple[int, int]]:
    """Places of a line, column by column: of each the first, the lowest, the highest and the last, in their order."""
    places: list[tuple[int, int]] = []
    for x, ys in _by_column(series, axis):
        kept = sorted({0, ys.index(min(ys)), ys.index(max(ys)), len(ys) - 1})
        places += ((x, scale.at(ys[at])) for at in kept)
    return places


def _by_column(series: Series, axis: TimeAxis) -> Iterator[tuple[int, list[int]]]:
    held: list[int] = []
    column = -1
    for time_ns, value in series:
        at = axis.at(time_ns) // _STEP
        if at != column and held:
            yield column, held
            held = []
        column = at
        held.append(value)
    if held:
        yield column, held


def thinned(marks: Sequence[Mark], axis: TimeAxis) -> list[Mark]:
    """All marks when they are few; else of each column and kind the lowest and the highest."""
    if len(marks) <= _MARKS_MAX:
        return list(marks)
    places: dict[tuple[int, MarkKind], list[Mark]] = {}
    for mark in marks:
        places.setdefault((axis.at(mark.time_ns) * _MARK_COLUMNS // (WHOLE_WIDTH + 1), mark.kind), []).append(mark)
    kept: list[Mark] = []
    for group in places.values():
        ends = (min(group, key=lambda mark: mark.price), max(group, key=lambda mark: mark.price))
        kept += ends[: 1 if ends[0] is ends[1] else 2]
    return kept


# --- pieces ----------------------------------------------------------------------------------------------------------


def _svg(label: str, height: int, parts: Iterable[str]) -> str:
    size = f'width="100%" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(label)}">'
    return "\n".join([head, *parts, "</svg>"])


def _stretched(*lines: tuple[str, str], height: int) -> str:
    paths = "".join(f'<path d="{path}" class="{name}"/>' for path, name in lines if path)
    box = f'viewBox="0 0 {_COLUMNS} {10 * height}" preserveAspectRatio="none"'
    return f'<svg width="100%" height="{height}" {box}>{paths}</svg>'


def _bottom(scale: ValueAxis) -> int:
    return (scale.top + scale.height) // 10


def _grid(scale: ValueAxis, title: str) -> list[str]:
    made = [f'<text x="0" y="{scale.top // 10 - 20}" class="label">{escape(title)}</text>']
    for tick in scale.ticks():
        y = _tenths(tick.at)
        made.append(f'<line x1="0" x2="100%" y1="{y}" y2="{y}" class="grid"/>')
        made.append(f'<text x="2" y="{_tenths(tick.at - 30)}" class="tick">{tick.label}</text>')
    return made


def _times(axis: TimeAxis, scale: ValueAxis) -> list[str]:
    bottom = _bottom(scale)
    made = [f'<line x1="0" x2="100%" y1="{bottom}" y2="{bottom}" class="axis"/>']
    made.append(f'<text x="100%" y="{bottom - 4}" text-anchor="end" class="tick">UTC</text>')
    for number, tick in enumerate(axis.ticks()):
        x = _percent(tick.at)
        anchor = "start" if tick.at < 8_000 else "end" if tick.at > 92_000 else "middle"
        name = "tick second" if number % 2 else "tick"  # every second one is left out where there is little room
        made.append(f'<line x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 4}" class="axis"/>')
        made.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="{anchor}" class="{name}">{tick.label}</text>')
    return made


def _tips(scale: ValueAxis, texts: Sequence[str]) -> list[str]:
    """Invisible columns over the whole height that say what stands there."""
    width = WHOLE_WIDTH // _TIP_COLUMNS
    return [
        f'<rect x="{_percent(number * width)}" y="0" width="{_percent(width)}" height="{_bottom(scale)}" class="tip">'
        f"<title>{escape(text)}</title></rect>"
        for number, text in enumerate(texts)
        if text
    ]


def _equity_tips(axis: TimeAxis, capital: Series, below: Series) -> list[str]:
    """What stood at the end of each column."""
    texts: list[str] = []
    at = 0
    for number in range(_TIP_COLUMNS):
        until = axis.begin_ns + (axis.end_ns - axis.begin_ns) * (number + 1) // _TIP_COLUMNS
        while at < len(capital) and capital[at][0] <= until:
            at += 1
        if at == 0:
            texts.append("")
            continue
        money = grouped(capital[at - 1][1], MONEY_SCALE)
        texts.append(
            f"{moment_text(until)} UTC: capital {money}, {grouped(-below[at - 1][1], MONEY_SCALE)} below the highest"
        )
    return texts


def _transfers(facts: Facts, axis: TimeAxis, scale: ValueAxis) -> Iterator[str]:
    capital = {point.time_ns: point.capital for point in facts.points}
    for movement in facts.movements[:_MARKS_MAX]:
        if movement.kind == IncomeKind.TRANSFER:
            yield _dot(movement, capital[movement.time_ns], axis, scale)


def _dot(movement: Movement, value: int, axis: TimeAxis, scale: ValueAxis) -> str:
    text = f"{movement.kind.name.lower()} of {grouped(movement.amount, MONEY_SCALE)} USDT"
    place = f'cx="{_percent(axis.at(movement.time_ns))}" cy="{_tenths(scale.at(value))}"'
    return f'<circle {place} r="4" class="dot"><title>{text}, {moment_text(movement.time_ns)} UTC</title></circle>'


def _mark(mark: Mark, trade: Trade, axis: TimeAxis, scale: ValueAxis) -> str:
    side = "long" if trade.side == Side.LONG else "short"
    shape = f"in-{side}" if mark.kind == MarkKind.ENTRY else "out" if mark.kind == MarkKind.EXIT else "outside"
    text = (
        f"trade {mark.trade}, {side}: {mark.kind.value}, {decimal_text(mark.quantity, QUANTITY_SCALE)} at"
        f" {decimal_text(mark.price, PRICE_SCALE)}, {moment_text(mark.time_ns)} UTC"
    )
    place = f'x="{_percent(axis.at(mark.time_ns))}" y="{_tenths(scale.at(mark.price))}"'
    return f'<g class="mark {shape}"><title>{escape(text)}</title><use href="#{shape}" {place}/></g>'


def _joints(trades: Sequence[Trade], marks: Sequence[Mark], axis: TimeAxis, scale: ValueAxis) -> Iterator[str]:
    """From a trade's first entry to its last exit."""
    ends: dict[int, tuple[Mark, Mark]] = {}
    for mark in marks:
        ends[mark.trade] = (ends.get(mark.trade, (mark, mark))[0], mark)
    for trade in trades:
        first, last = ends[trade.trade]
        name = "won" if trade.net > 0 else "lost"
        yield (
            f'<line x1="{_percent(axis.at(first.time_ns))}" y1="{_tenths(scale.at(first.price))}"'
            f' x2="{_percent(axis.at(last.time_ns))}" y2="{_tenths(scale.at(last.price))}" class="joint {name}"/>'
        )


def _span(span: Span, axis: TimeAxis, now_ns: int, y: int) -> str:
    begin = axis.at(span.begin_ns)
    width = max(200, axis.at(span.until(now_ns)) - begin)
    end = f"{length_text(span.end_ns - span.begin_ns)}, ended by {span.ended_by}" if span.end_ns else "not ended"
    text = f"{span.what} from {moment_text(span.begin_ns)} UTC by {span.cause}: {end}"
    return (
        f'<rect x="{_percent(min(begin, WHOLE_WIDTH - width))}" y="{y}" width="{_percent(width)}" height="10"'
        f' class="span"><title>{escape(text)}</title></rect>'
    )


def _percent(thousandths: int) -> str:
    whole, rest = divmod(thousandths, 1000)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".") + "%"


def _tenths(value: int) -> str:
    whole, rest = divmod(value, 10)
    return f"{whole}.{rest}" if rest else str(whole)
