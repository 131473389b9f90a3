"""What the facts come to: exact sums, counts and extremes; and numbers as text. Rounded is only what says so."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from dita.runtime.report.facts import FROZEN, Difference, Facts, Trade
from dita.runtime.session import money_text
from dita.spec.scales import NOTIONAL_DIVISOR, RATIO_SCALE
from dita.spec.state import capital
from dita.spec.vocabulary import Side


class Slippage(NamedTuple):
    """What orders paid beyond their reference price (positive is worse), over those that had one."""

    product: int = 0  # 1e-18 USDT, exact
    at_reference: int = 0  # quantity times reference price, 1e-18 USDT
    trades: int = 0
    without: int = 0  # trades of which the journal has no reference price

    @property
    def money(self) -> int:
        """1e-8 USDT, rounded to even."""
        return rounded(self.product, NOTIONAL_DIVISOR)

    @property
    def ppm(self) -> int:
        """Of the notional at the reference prices, rounded to even."""
        return rounded(self.product * RATIO_SCALE, self.at_reference) if self.at_reference else 0


class Held(NamedTuple):
    """How long round trips were held, from the first fill to the end, in nanoseconds; the median is rounded down."""

    shortest: int
    median: int
    longest: int


class Figures(NamedTuple):
    """The summary. Money in 1e-8 USDT."""

    began_ns: int
    ended_ns: int
    rows: int
    round_trips: int
    wins: int
    losses: int
    even: int
    live: int
    came_to_nothing: int
    capital_start: int
    realised: int
    fees: int
    fees_provisional: int
    fees_predicted: int
    fees_settled: int
    funding: int
    transfers: int
    adjustments: int
    capital_end: int
    drawdown: int
    drawdown_ppm: int
    drawdown_ns: int
    entry_slippage: Slippage
    exit_slippage: Slippage
    held: Held | None
    worst_difference: Difference | None
    frozen_times: int
    frozen_ns: int

    def to_json(self) -> dict[str, int | str | None]:
        """Stable names; money as decimal text, times as UTC nanoseconds."""
        worst = self.worst_difference
        return {
            "rows": self.rows,
            "began_ns": self.began_ns,
            "ended_ns": self.ended_ns,
            "round_trips": self.round_trips,
            "wins": self.wins,
            "losses": self.losses,
            "even": self.even,
            "live": self.live,
            "came_to_nothing": self.came_to_nothing,
            "capital_start": money_text(self.capital_start),
            "realised": money_text(self.realised),
            "fees": money_text(self.fees),
            "fees_still_predicted": money_text(self.fees_provisional),
            "fees_predicted_of_settled": money_text(self.fees_predicted),
            "fees_settled": money_text(self.fees_settled),
            "funding": money_text(self.funding),
            "transfers": money_text(self.transfers),
            "adjustments": money_text(self.adjustments),
            "capital_end": money_text(self.capital_end),
            "drawdown": money_text(self.drawdown),
            "drawdown_ppm": self.drawdown_ppm,
            "entry_slippage": money_text(self.entry_slippage.money),
            "entry_slippage_ppm": self.entry_slippage.ppm,
            "entries_without_reference": self.entry_slippage.without,
            "exit_slippage": money_text(self.exit_slippage.money),
            "exit_slippage_ppm": self.exit_slippage.ppm,
            "exits_without_reference": self.exit_slippage.without,
            "held_shortest_ns": None if self.held is None else self.held.shortest,
            "held_median_ns": None if self.held is None else self.held.median,
            "held_longest_ns": None if self.held is None else self.held.longest,
            "worst_difference": money_text(0 if worst is None else worst.difference),
            "worst_difference_row": 0 if worst is None else worst.position,
            "frozen_times": self.frozen_times,
            "frozen_ns": self.frozen_ns,
        }


def figures_of(facts: Facts) -> Figures:
    """All of them."""
    done = [trade for trade in facts.trades.values() if trade.is_round_trip]
    signs = Counter((trade.net > 0) - (trade.net < 0) for trade in done)
    filled = [trade for trade in facts.trades.values() if trade.entry_quantity > 0]
    frozen = [span for span in facts.spans if span.what == FROZEN]
    ledger = facts.ledger
    return Figures(
        began_ns=facts.began_ns,
        ended_ns=facts.now_ns,
        rows=facts.rows,
        round_trips=len(done),
        wins=signs[1],
        losses=signs[-1],
        even=signs[0],
        live=sum(1 for trade in facts.trades.values() if trade.ended_ns == 0),
        came_to_nothing=sum(1 for trade in facts.trades.values() if trade.ended_ns and not trade.entry_quantity),
        capital_start=ledger.seed,
        realised=ledger.realised,
        fees=ledger.fees,
        fees_provisional=ledger.fees_provisional,
        fees_predicted=sum(trade.fees_predicted for trade in facts.trades.values()),
        fees_settled=sum(trade.fees_settled for trade in facts.trades.values()),
        funding=ledger.funding,
        transfers=ledger.transfers,
        adjustments=ledger.adjustments,
        capital_end=capital(ledger),
        drawdown=facts.drawdown.money,
        drawdown_ppm=facts.drawdown.ppm,
        drawdown_ns=facts.drawdown.money_ns,
        entry_slippage=total(entry_slippage(trade) for trade in filled),
        exit_slippage=total(exit_slippage(trade) for trade in done),
        held=_held([trade.ended_ns - trade.filled_ns for trade in done]),
        worst_difference=max(facts.differences, key=lambda one: abs(one.difference), default=None),
        frozen_times=len(frozen),
        frozen_ns=sum(span.until(facts.now_ns) - span.begin_ns for span in frozen),
    )


def entry_slippage(trade: Trade) -> Slippage:
    """What a trade's entry paid beyond the quote that it was decided on; an adopted one was not decided on any."""
    if trade.adopted or trade.reference_price == 0:
        return Slippage(without=1)
    at_reference = trade.entry_quantity * trade.reference_price
    beyond = trade.entry_quote * NOTIONAL_DIVISOR - at_reference
    return Slippage(beyond if trade.side == Side.LONG else -beyond, at_reference, 1)


def exit_slippage(trade: Trade) -> Slippage:
    """What a trade's exits brought less than their reference prices; only when all of them had one."""
    if trade.referenced_quantity != trade.exit_quantity:
        return Slippage(without=1)
    short = trade.referenced_product - trade.exit_quote * NOTIONAL_DIVISOR
    return Slippage(short if trade.side == Side.LONG else -short, trade.referenced_product, 1)


def total(parts: Iterable[Slippage]) -> Slippage:
    """The sum."""
    return Slippage(*(sum(column) for column in zip(Slippage(), *parts, strict=True)))


def _held(lengths: list[int]) -> Held | None:
    if not lengths:
        return None
    ordered = sorted(lengths)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2
    return Held(ordered[0], median, ordered[-1])


def rounded(numerator: int, denominator: int) -> int:
    """The nearest integer, ties to even, of either sign. ``denominator`` > 0."""
    quotient, rest = divmod(numerator, denominator)
    return quotient + (2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1))
