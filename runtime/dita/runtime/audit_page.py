"""The page a session leaves behind: its figures, checks, capital curve and newest trades, as one HTML file."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from dita.runtime.session import SessionResult, money_text
from dita.runtime.tally import FinishedTrade
from dita.spec.scales import NANOSECONDS_PER_SECOND, PRICE_SCALE, QUANTITY_SCALE

_WIDTH: Final = 900
_HEIGHT: Final = 220
_MARGIN: Final = 10


def write_audit_page(result: SessionResult, folder: Path, seconds: float, report: Path | None) -> Path:
    """Write ``index.html`` into a folder, which is made if need be; gives its path. Raises OSError.

    ``report``: the page in the same folder that ``dita report`` makes, if there is one.
    """
    environment = Environment(
        loader=PackageLoader("dita.runtime", "templates"),
        autoescape=select_autoescape(("html", "jinja")),
        undefined=StrictUndefined,
    )
    page = environment.get_template("session.html.jinja").render(
        result=result,
        seconds=seconds,
        report=None if report is None else report.name,
        curve=curve(result.tally.capital_points),
        capital=_first_and_last(result.tally.capital_points),
        trades=[_shown(trade) for trade in reversed(result.tally.trades)],
        width=_WIDTH,
        height=_HEIGHT,
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    path.write_text(page)
    return path


def curve(points: Sequence[tuple[int, int]]) -> str:
    """The points of an SVG polyline: round trips to the right, capital upwards; empty below two points."""
    if len(points) < 2:
        return ""
    low, high = min(y for _, y in points), max(y for _, y in points)
    first, last = points[0][0], points[-1][0]
    inner_width, inner_height = _WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN
    drawn: list[str] = []
    for x, y in points:
        at_x = _MARGIN + inner_width * (x - first) // max(1, last - first)
        at_y = _HEIGHT - _MARGIN - inner_height * (y - low) // max(1, high - low)
        drawn.append(f"{at_x},{at_y}")
    return " ".join(drawn)


def _first_and_last(points: Sequence[tuple[int, int]]) -> tuple[str, str]:
    return ("", "") if not points else (money_text(points[0][1]), money_text(points[-1][1]))


def _shown(trade: FinishedTrade) -> dict[str, str]:
    moment = datetime.fromtimestamp(trade.venue_ns // NANOSECONDS_PER_SECOND, UTC)
    return {
        "trade": str(trade.trade),
        "time": moment.strftime("%Y-%m-%d %H:%M:%S"),
        "symbol": trade.symbol,
        "side": trade.side,
        "quantity": str(Decimal(trade.quantity) / QUANTITY_SCALE),
        "entry": f"{Decimal(trade.entry_price) / PRICE_SCALE:.4f}",
        "exit": f"{Decimal(trade.exit_price) / PRICE_SCALE:.4f}",
        "profit": money_text(trade.profit),
        "fees": money_text(trade.fees),
    }
