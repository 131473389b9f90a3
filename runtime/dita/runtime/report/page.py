"""The report as one static page: no script, nothing from elsewhere, light and dark, as wide as its window."""

from pathlib import Path
from typing import Final, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from dita.runtime.entries import INTENT
from dita.runtime.report.charts import equity_chart, money_chart, price_chart, reconcile_chart
from dita.runtime.report.facts import Facts, Trade
from dita.runtime.report.figures import Figures, entry_slippage, rounded
from dita.runtime.report.scales import grouped, length_text, moment_text
from dita.runtime.report.tables import entry_price_text, exit_price_text, summary
from dita.runtime.session import money_text
from dita.runtime.story import decimal_text
from dita.spec.scales import MONEY_SCALE, QUANTITY_SCALE
from dita.spec.vocabulary import Side

_TRADES_MAX: Final = 4000
_DETAILED_MAX: Final = 500  # trades up to which each says why it was made
_UNITS_OF_A_PLACE: Final = 10_000  # the fourth place of money
_ROWS_MAX: Final = 200  # of a list


class Shown(NamedTuple):
    """A row of the table of trades."""

    cells: tuple[str, ...]
    why: str
    notes: str


def write_page(facts: Facts, figures: Figures, path: str, folder: Path) -> Path:
    """Write ``report.html`` into a folder, which is made if need be; gives its path. Raises OSError."""
    environment = Environment(
        loader=PackageLoader("dita.runtime", "templates"),
        autoescape=select_autoescape(("html", "jinja")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    every = [trade for trade in facts.trades.values() if trade.entry_quantity]
    traded = sorted({*facts.marks, *facts.references})
    page = environment.get_template("report.html.jinja").render(
        path=path,
        figures=figures,
        cards=_cards(figures),
        summary=summary(facts, figures),
        equity=equity_chart(facts),
        prices=[(facts.symbol(number), price_chart(facts, number)) for number in traded],
        trades=[_shown(facts, trade) for trade in reversed(every[-_TRADES_MAX:])],
        trades_in_all=len(every),
        detailed=len(every) <= _DETAILED_MAX,
        money=money_chart(facts),
        movements=[
            (moment_text(one.time_ns), one.kind.name.lower(), money_text(one.amount))
            for one in facts.movements[-_ROWS_MAX:]
        ],
        holds=[
            (hold.check, hold.reason, str(hold.count), ", ".join(sorted(hold.symbols)), hold.newest)
            for hold in facts.holds.values()
        ],
        orders=sorted(facts.orders.items()),
        flagged=[(kind, code, count) for (kind, code), count in sorted(facts.flagged.items())],
        reconcile=reconcile_chart(facts),
        differences=[
            (
                one.position, moment_text(one.time_ns), money_text(one.difference), money_text(one.provisional),
                "frozen" if one.is_frozen else "free", one.cause,
            )
            for one in sorted(sorted(facts.differences, key=lambda one: -abs(one.difference))[:_ROWS_MAX])
        ],
        spans=[
            (
                span.what, moment_text(span.begin_ns), length_text(span.until(facts.now_ns) - span.begin_ns),
                span.cause, span.ended_by or "not ended",
            )
            for span in facts.spans[-_ROWS_MAX:]
        ],
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "report.html"
    target.write_text(page, encoding="utf-8")
    return target


def _cards(figures: Figures) -> list[tuple[str, str]]:
    earned = figures.realised - figures.fees + figures.funding
    return [
        ("realised − fees + funding", _money(earned)),
        ("round trips", str(figures.round_trips)),
        ("won, lost, even", f"{figures.wins}, {figures.losses}, {figures.even}"),
        ("largest drawdown", _money(figures.drawdown)),
        ("fees", _money(figures.fees)),
        ("capital at the end", _money(figures.capital_end)),
    ]


def _money(units: int) -> str:
    """For reading side by side: rounded to four places; the JSON has every unit."""
    return grouped(rounded(units, _UNITS_OF_A_PLACE), MONEY_SCALE // _UNITS_OF_A_PLACE)


def _shown(facts: Facts, trade: Trade) -> Shown:
    slippage = entry_slippage(trade)
    cells = (
        str(trade.trade),
        moment_text(trade.wanted_ns)[0 if facts.days > 1 else len("2026-01-01 ") :],
        length_text(trade.ended_ns - trade.filled_ns) if trade.ended_ns else "live",
        facts.symbol(trade.instrument),
        Side(trade.side).name.lower() + (", adopted" if trade.adopted else ""),
        decimal_text(trade.entry_quantity, QUANTITY_SCALE),
        entry_price_text(trade),
        exit_price_text(trade),
        _money(slippage.money) if slippage.trades else "–",
        _money(trade.realised),
        _money(trade.fees) + (" (predicted)" if trade.fees_provisional else ""),
        _money(trade.net),
    )
    notes = "\n".join(f"{name}: {body}" for name, body in trade.notes if name != INTENT)
    return Shown(cells, trade.why, notes)
