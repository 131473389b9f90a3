"""The report as text, for eighty columns."""

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from dita.runtime.cli_report import escape, table
from dita.runtime.report.facts import Facts, Trade
from dita.runtime.report.figures import Figures, Held, Slippage
from dita.runtime.report.scales import length_text, moment_text
from dita.runtime.session import money_text
from dita.runtime.story import decimal_text
from dita.spec.scales import NOTIONAL_DIVISOR, PRICE_SCALE, QUANTITY_SCALE
from dita.spec.vocabulary import Side

_DIFFERENCES_SHOWN: Final = 20
_PRICE_DIGITS: Final = 7  # of an average price in a narrow table


def tables(facts: Facts, figures: Figures, path: str, last: int) -> list[RenderableType]:
    """Everything; of the trades the newest ``last`` (0: all). What there is none of is said, not left out."""
    return [
        table(f"report of {path}", summary(facts, figures), ("figure", "value")),
        _trades(facts, last),
        _listed(
            "entries that were held back", ("who", "why", "count", "newest was made from"),
            [(hold.check, hold.reason, str(hold.count), hold.newest) for hold in facts.holds.values()],
        ),
        _listed(
            "inputs that contradicted the books (what the kernel refused is not journaled)", ("input", "code", "count"),
            [(kind, code, str(count)) for (kind, code), count in sorted(facts.flagged.items())],
        ),
        _listed("orders", ("what", "count"), [(what, str(count)) for what, count in sorted(facts.orders.items())]),
        _differences(facts),
        _listed(
            "times in which nothing could be opened", ("what", "from (UTC)", "for", "begun by", "ended by"),
            [
                (
                    span.what, moment_text(span.begin_ns)[5:], length_text(span.until(facts.now_ns) - span.begin_ns),
                    span.cause, span.ended_by or "not ended",
                )
                for span in facts.spans
            ],
        ),
    ]  # fmt: skip


def summary(facts: Facts, figures: Figures) -> list[tuple[str, str]]:
    """The summary's rows; text and page show the same."""
    worst = figures.worst_difference
    settled = f"{money_text(figures.fees_settled)} against {money_text(figures.fees_predicted)} predicted"
    held = figures.held
    rows = [
        ("from (UTC)", moment_text(figures.began_ns) if figures.rows else "no row"),
        ("to (UTC)", moment_text(figures.ended_ns) if figures.rows else "no row"),
        ("rows", str(figures.rows)),
        ("round trips", f"{figures.round_trips}: {figures.wins} won, {figures.losses} lost, {figures.even} even"),
        ("live", str(figures.live)),
        ("entries that came to nothing", str(figures.came_to_nothing)),
        ("capital at the start", money_text(figures.capital_start)),
        ("+ realised", money_text(figures.realised)),
        ("− fees booked", money_text(figures.fees)),
        ("+ funding", money_text(figures.funding)),
        ("+ transfers", money_text(figures.transfers)),
        ("+ adjustments", money_text(figures.adjustments)),
        ("= capital at the end", money_text(figures.capital_end)),
        ("fees still predicted", money_text(figures.fees_provisional)),
        ("fees settled", settled),
        ("largest drawdown", f"{money_text(figures.drawdown)}, {figures.drawdown_ppm} ppm of the highest"),
        ("slippage of entries", _slippage(figures.entry_slippage)),
        ("slippage of exits", _slippage(figures.exit_slippage)),
        ("held", "nothing" if held is None else _held(held)),
        ("largest reconcile difference",
            "none" if worst is None else f"{money_text(worst.difference)} at row {worst.position}"),
        ("capital frozen", f"{_times(figures.frozen_times, 'time')}, {length_text(figures.frozen_ns)}"),
    ]  # fmt: skip
    if facts.unreadable_notes:
        rows.append(("notes that could not be read", str(facts.unreadable_notes)))
    return rows


def _held(held: Held) -> str:
    return f"{length_text(held.shortest)} to {length_text(held.longest)}, median {length_text(held.median)}"


def _slippage(slippage: Slippage) -> str:
    without = f"; {_times(slippage.without, 'trade')} without a reference price" if slippage.without else ""
    if slippage.trades == 0:
        return f"none known{without}"
    return f"{money_text(slippage.money)}, {slippage.ppm} ppm of {_times(slippage.trades, 'trade')}{without}"


def _times(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _trades(facts: Facts, last: int) -> Table:
    every = [trade for trade in facts.trades.values() if trade.entry_quantity]
    shown = every[-last:] if last else every
    title = "trades" if len(shown) == len(every) else f"trades, the newest {len(shown)} of {len(every)}"
    made = _plain(title)
    for header in ("trade", "symbol", "side", "quantity", "entry", "exit", "held", "net"):
        made.add_column(header, justify="left" if header in ("symbol", "side") else "right")
    for trade in shown:
        made.add_row(
            str(trade.trade), escape(facts.symbol(trade.instrument)), Side(trade.side).name,
            decimal_text(trade.entry_quantity, QUANTITY_SCALE), entry_price_text(trade), exit_price_text(trade),
            length_text(trade.ended_ns - trade.filled_ns) if trade.ended_ns else "live", money_text(trade.net),
        )  # fmt: skip
    return made


def entry_price_text(trade: Trade) -> str:
    """Average price, rounded down to seven digits."""
    return _average_text(trade.entry_quantity, trade.entry_quote)


def exit_price_text(trade: Trade) -> str:
    """Average price, rounded down to seven digits."""
    return _average_text(trade.exit_quantity, trade.exit_quote)


def _average_text(quantity: int, quote: int) -> str:
    if quantity == 0:
        return "none"
    average = quote * NOTIONAL_DIVISOR // quantity
    unit = 10 ** max(0, len(str(average)) - _PRICE_DIGITS)
    return decimal_text(average - average % unit, PRICE_SCALE)


def _differences(facts: Facts) -> RenderableType:
    """The largest, in the order of time."""
    chosen = sorted(facts.differences, key=lambda one: -abs(one.difference))[:_DIFFERENCES_SHOWN]
    title = "wallet minus books"
    if len(facts.differences) > len(chosen):
        title += f", the largest {len(chosen)} of {len(facts.differences)} changes"
    return _listed(
        title, ("row", "time (UTC)", "difference", "fees predicted", "capital", "cause"),
        [
            (
                str(one.position), moment_text(one.time_ns)[5:], money_text(one.difference),
                money_text(one.provisional), "frozen" if one.is_frozen else "free", one.cause,
            )
            for one in sorted(chosen)
        ],
    )  # fmt: skip


def _listed(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> RenderableType:
    if not rows:
        return Text(f"{title}: none\n", style="bold")
    made = _plain(title)
    for header in headers:
        made.add_column(header, overflow="fold")
    for row in rows:
        made.add_row(*(escape(cell) for cell in row))
    return made


def _plain(title: str) -> Table:
    shape = box.SIMPLE_HEAD
    return Table(title=title, title_justify="left", header_style="bold", box=shape, pad_edge=False, padding=(0, 0))
