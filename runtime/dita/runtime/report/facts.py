"""What the rows of a journal say of a session: its trades, its money and what did not agree, row by row.

Nothing is estimated. Money is the movement of the kernel's own ledger from the state before a row to the state after
it, and belongs to the trade that the row names; so the trades' money adds up to the ledger's. Prices are those that the
journal holds: the reference price of an entry (the quote that it was decided on) and what orders filled at. Quotes in
between are not journaled. Units as in ``dita.spec.scales``; times are those of our own clock, never running back here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple, final

from dita.adapters.journal import Note, Row
from dita.reference.ledger import frozen
from dita.runtime.decisions import HELD
from dita.runtime.entries import EXIT, INTENT
from dita.runtime.lockstep import Stepped
from dita.runtime.trading_day import DAY_NS
from dita.spec.inputs import Input
from dita.spec.scales import NOTIONAL_DIVISOR
from dita.spec.state import Ledger, Slot, capital, exit_quantity, exit_quote
from dita.spec.vocabulary import Code, IncomeKind, Kind, Mode, Phase, RejectReason, Side, Verdict

FROZEN: Final = "capital frozen"
_NAMES_A_TRADE: Final = frozenset(
    (Kind.ORDER, Kind.REJECTED, Kind.NOT_FOUND, Kind.SETTLE, Kind.SETTLE_FORCED, Kind.ADOPT, Kind.EXTERNAL_CLOSE)
)


class MarkKind(Enum):
    """What happened at a price."""

    ENTRY = "entry"
    EXIT = "exit"
    OUTSIDE = "closed outside"  # by the exchange or by hand


class Mark(NamedTuple):
    """A fill: so much more than was known before, at its own average price (rounded down)."""

    time_ns: int
    trade: int
    kind: MarkKind
    quantity: int
    price: int


@final
@dataclass(slots=True)
class Trade:
    """One trade of the kernel, whatever became of it."""

    trade: int
    instrument: int
    side: int
    wanted_ns: int  # when it was asked for, or found at the venue
    adopted: bool
    reference_price: int
    entry_quantity: int = 0
    entry_quote: int = 0
    exit_quantity: int = 0
    exit_quote: int = 0
    outside_quantity: int = 0  # of the exits: closed by somebody else
    exit_orders: int = 0
    filled_ns: int = 0  # when its first fill was booked; 0: nothing filled yet
    ended_ns: int = 0  # 0: live
    ended_by: str = ""  # of an entry that came to nothing: why
    realised: int = 0
    fees: int = 0
    fees_provisional: int = 0  # the part of the fees that is still predicted
    fees_predicted: int = 0  # what had been predicted for the part that the venue has settled
    fees_settled: int = 0  # what the venue took for that part
    exit_wanted_price: int = 0  # the quote that the newest exit was decided on; 0: the journal has none
    exit_reference_price: int = 0  # of the newest exit order: its limit, else that quote
    referenced_quantity: int = 0  # exits whose order had a reference price,
    referenced_product: int = 0  # and the sum of quantity times that price, 1e-18 USDT
    why: str = ""  # what the policy said: foreign text
    notes: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])  # what else was written down of it

    @property
    def net(self) -> int:
        """Profit after fees as booked, 1e-8 USDT."""
        return self.realised - self.fees

    def to_json(self) -> dict[str, int | str]:
        """Stable names, integers in their units."""
        return {
            "trade": self.trade,
            "instrument": self.instrument,
            "side": Side(self.side).name,
            "adopted": int(self.adopted),
            "wanted_ns": self.wanted_ns,
            "filled_ns": self.filled_ns,
            "ended_ns": self.ended_ns,
            "ended_by": self.ended_by,
            "reference_price": self.reference_price,
            "entry_quantity": self.entry_quantity,
            "entry_quote": self.entry_quote,
            "exit_quantity": self.exit_quantity,
            "exit_quote": self.exit_quote,
            "outside_quantity": self.outside_quantity,
            "exit_orders": self.exit_orders,
            "realised": self.realised,
            "fees": self.fees,
            "fees_provisional": self.fees_provisional,
            "why": self.why,
        }

    @property
    def is_round_trip(self) -> bool:
        """Whether something was bought or sold, and all of it was closed."""
        return self.ended_ns != 0 and self.entry_quantity > 0


class Point(NamedTuple):
    """The books after a row that moved them, 1e-8 USDT. ``earned`` is capital without what was paid in or out."""

    time_ns: int
    capital: int
    earned: int
    fees: int
    funding: int


class Movement(NamedTuple):
    """Money besides trades, 1e-8 USDT: positive was received."""

    time_ns: int
    kind: IncomeKind
    amount: int


@dataclass(slots=True)
class Hold:
    """Entries that a policy wanted and that were not made, all for one reason; ``newest`` is what one was made from."""

    check: str
    reason: str
    count: int = 0
    symbols: set[str] = field(default_factory=set[str])
    newest: str = ""


class Difference(NamedTuple):
    """Wallet minus books from this row on, and what explains it, 1e-8 USDT."""

    position: int
    time_ns: int
    difference: int
    provisional: int
    tolerance: int
    is_frozen: bool
    cause: str


@dataclass(slots=True)
class Span:
    """A time in which nothing could be opened. ``end_ns`` 0: it has not ended."""

    what: str
    begin_ns: int
    cause: str
    end_ns: int = 0
    ended_by: str = ""

    def until(self, now_ns: int) -> int:
        """Its end, or now."""
        return self.end_ns or now_ns


class _Spans:
    """Those that have begun, by what they are about; finished ones stay where they began."""

    def __init__(self) -> None:
        self.every: list[Span] = []
        self._open: dict[str, Span] = {}

    def follow(self, what: str, time_ns: int, cause: str, *, before: bool, after: bool) -> None:
        """One row."""
        if after and not before:
            self.every.append(Span(what, time_ns, cause))
            self._open[what] = self.every[-1]
        elif before and not after and what in self._open:
            span = self._open.pop(what)
            span.end_ns, span.ended_by = time_ns, cause


@final
@dataclass(slots=True)
class Drawdown:
    """The deepest fall below the highest capital before it, without what was paid in or out."""

    peak: int = 0
    money: int = 0
    money_ns: int = 0  # when it was deepest
    ppm: int = 0  # of the peak, rounded down; may be of another moment than ``money``

    def follow(self, time_ns: int, earned: int) -> int:
        """One more point; how far below the peak it is, 1e-8 USDT."""
        self.peak = max(self.peak, earned)
        below = self.peak - earned
        if below > self.money:
            self.money, self.money_ns = below, time_ns
        if self.peak > 0:
            self.ppm = max(self.ppm, below * 1_000_000 // self.peak)
        return below


@final
@dataclass(slots=True)
class Facts:
    """A replay observer. ``symbols``: by the instrument's number."""

    symbols: dict[int, str]
    rows: int = 0
    began_ns: int = 0
    now_ns: int = 0
    trades: dict[int, Trade] = field(default_factory=dict[int, Trade])
    marks: dict[int, list[Mark]] = field(default_factory=dict[int, list[Mark]])  # by instrument
    references: dict[int, list[tuple[int, int]]] = field(default_factory=dict[int, list[tuple[int, int]]])
    points: list[Point] = field(default_factory=list[Point])
    drawdown: Drawdown = field(default_factory=Drawdown)
    movements: list[Movement] = field(default_factory=list[Movement])
    differences: list[Difference] = field(default_factory=list[Difference])
    holds: dict[tuple[str, str], Hold] = field(default_factory=dict[tuple[str, str], Hold])
    unreadable_notes: int = 0
    flagged: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    orders: dict[str, int] = field(default_factory=dict[str, int])
    ledger: Ledger = field(default_factory=Ledger)
    _spans: _Spans = field(default_factory=_Spans)

    @property
    def spans(self) -> list[Span]:
        """Times in which nothing could be opened, in the order of their beginning."""
        return self._spans.every

    @property
    def days(self) -> int:
        """How many UTC days it touches."""
        return self.now_ns // DAY_NS - self.began_ns // DAY_NS + 1

    def symbol(self, instrument: int) -> str:
        """Its name, or its number when the journal has no name."""
        return _printable(self.symbols.get(instrument, f"instrument {instrument}"))

    def observe(self, row: Row, stepped: Stepped, notes: tuple[Note, ...]) -> None:
        """One row and the notes that were written with it."""
        self.rows += 1
        self.now_ns = max(self.now_ns, row.wall_ns)
        self.began_ns = self.began_ns or self.now_ns
        event, outcome = row.input, stepped.outcome
        if outcome.verdict == Verdict.FLAGGED:
            name = Kind(event.kind).name, Code(outcome.code).name
            self.flagged[name] = self.flagged.get(name, 0) + 1
        if event.kind == Kind.REJECTED:
            self._count(f"rejected: {RejectReason(event.reason).name}")
        elif event.kind in (Kind.UNKNOWN, Kind.NOT_FOUND):
            self._count("of unknown fate" if event.kind == Kind.UNKNOWN else "accepted as absent")
        if outcome.verdict == Verdict.ACCEPTED and event.kind in (Kind.ENTER, Kind.ADOPT):
            self._begin(event)
        if event.kind in (Kind.EXIT, Kind.FLATTEN) and event.trade in self.trades:
            self.trades[
                event.trade
            ].exit_wanted_price = 0  # what an earlier exit was decided on says nothing of this one
        for note in notes:
            self._note(note)
        if outcome.submit:
            self._count("exit orders sent" if outcome.reduce_only else "entry orders sent")
            if outcome.reduce_only and (leaving := self.trades.get(outcome.trade)) is not None:
                leaving.exit_reference_price = outcome.limit_price or leaving.exit_wanted_price
        before, after = stepped.before, stepped.after
        if after.slots[event.slot] is not before.slots[event.slot]:
            self._follow_slot(before.slots[event.slot], after.slots[event.slot], event, outcome.code)
        if after.account is not before.account:
            self._follow_account(row, stepped)
        left, right = before.instruments[event.instrument], after.instruments[event.instrument]
        if left.reconcile_required != right.reconcile_required:
            what = f"{self.symbol(event.instrument)} unexplained"
            self._spans.follow(
                what, self.now_ns, _cause(event, outcome.code),
                before=left.reconcile_required == 1, after=right.reconcile_required == 1,
            )  # fmt: skip

    # --- trades ------------------------------------------------------------------------------------------------------

    def _begin(self, event: Input) -> None:
        self.trades[event.trade] = Trade(
            event.trade, event.instrument, event.side, self.now_ns, event.kind == Kind.ADOPT, event.price
        )
        if event.price:
            self.references.setdefault(event.instrument, []).append((self.now_ns, event.price))

    def _note(self, note: Note) -> None:
        try:
            body = json.loads(note.body)
            if note.name == HELD:
                self._hold(body)
            elif (trade := self.trades.get(note.trade)) is not None:
                if note.name == INTENT:
                    trade.why = _printable(str(body["why"]))
                elif note.name == EXIT:
                    trade.exit_wanted_price = int(body["price"])
                trade.notes.append((_printable(note.name), _printable(note.body)))
        except (ValueError, TypeError, KeyError):  # of another version, or of somebody else's making
            self.unreadable_notes += 1

    def _hold(self, body: Mapping[str, object]) -> None:
        check, reason, count = _printable(str(body["check"])), _printable(str(body["reason"])), int(str(body["count"]))
        hold = self.holds.setdefault((check, reason), Hold(check, reason))
        hold.count += count
        hold.symbols.add(_printable(str(body["symbol"])))
        hold.newest = _printable(json.dumps(body["facts"], ensure_ascii=False))

    def _follow_slot(self, before: Slot, after: Slot, event: Input, code: int) -> None:
        """Bring the trade that was or is live here, and the finished ones, to what their records now say."""
        live = self.trades.get(after.trade) if after.phase != Phase.IDLE else None
        if live is not None:
            self._fills(live, after.entry.quantity, after.entry.quote, exit_quantity(after), exit_quote(after), event)
            live.exit_orders = after.exit.attempt
        for tail in after.tails if after.tails is not before.tails else ():
            trade = self.trades.get(tail.trade)
            if trade is not None and tail not in before.tails:
                halves = tail.entry.quantity, tail.entry.quote, tail.exit.quantity, tail.exit.quote
                self._fills(trade, *halves, event)
                trade.exit_orders = tail.last_attempt
        ended = self.trades.get(before.trade) if before.phase != Phase.IDLE else None
        if ended is not None and before.trade != after.trade:
            ended.ended_ns = self.now_ns
            ended.ended_by = _cause(event, code)

    def _fills(self, trade: Trade, bought: int, paid: int, closed: int, proceeds: int, event: Input) -> None:
        if bought > trade.entry_quantity:
            price = _price(bought - trade.entry_quantity, paid - trade.entry_quote, bought, paid)
            self._mark(trade, MarkKind.ENTRY, bought - trade.entry_quantity, price)
            trade.filled_ns = trade.filled_ns or self.now_ns
        if closed > trade.exit_quantity:
            price = _price(closed - trade.exit_quantity, proceeds - trade.exit_quote, closed, proceeds)
            self._closed(trade, closed - trade.exit_quantity, price, outside=event.kind == Kind.EXTERNAL_CLOSE)
        trade.entry_quantity, trade.entry_quote = bought, paid
        trade.exit_quantity, trade.exit_quote = closed, proceeds

    def _closed(self, trade: Trade, quantity: int, price: int, *, outside: bool) -> None:
        self._mark(trade, MarkKind.OUTSIDE if outside else MarkKind.EXIT, quantity, price)
        if outside:
            trade.outside_quantity += quantity
        elif trade.exit_reference_price:
            trade.referenced_quantity += quantity
            trade.referenced_product += quantity * trade.exit_reference_price

    def _mark(self, trade: Trade, kind: MarkKind, quantity: int, price: int) -> None:
        mark = Mark(self.now_ns, trade.trade, kind, quantity, price)
        self.marks.setdefault(trade.instrument, []).append(mark)

    # --- money -------------------------------------------------------------------------------------------------------

    def _follow_account(self, row: Row, stepped: Stepped) -> None:
        event = row.input
        before, after = stepped.before.account, stepped.after.account
        if after.ledger is not before.ledger:
            self._follow_ledger(event, before.ledger, after.ledger)
        was, now = frozen(before.ledger, before.tolerance), frozen(after.ledger, after.tolerance)
        difference, provisional = after.ledger.difference, after.ledger.fees_provisional
        if (before.ledger.difference, was, before.mode) == (difference, now, after.mode):
            return
        cause = _cause(event, stepped.outcome.code)
        if (before.ledger.difference, was) != (difference, now):
            self.differences.append(
                Difference(row.position, self.now_ns, difference, provisional, after.tolerance, now, cause)
            )
        self._spans.follow(FROZEN, self.now_ns, cause, before=was, after=now)
        for mode in (Mode.REDUCE_ONLY, Mode.HALTED):
            self._spans.follow(mode.name, self.now_ns, cause, before=before.mode == mode, after=after.mode == mode)

    def _follow_ledger(self, event: Input, before: Ledger, after: Ledger) -> None:
        self.ledger = after
        trade = self.trades.get(event.trade) if event.kind in _NAMES_A_TRADE else None
        if trade is not None:
            provisional = after.fees_provisional - before.fees_provisional
            trade.realised += after.realised - before.realised
            trade.fees += after.fees - before.fees
            trade.fees_provisional += provisional
            if event.kind == Kind.SETTLE:
                trade.fees_predicted -= provisional
                trade.fees_settled += after.fees - before.fees - provisional
        self._movement(IncomeKind.FUNDING, after.funding - before.funding)
        self._movement(IncomeKind.TRANSFER, after.transfers - before.transfers)
        self._movement(IncomeKind.ADJUSTMENT, after.adjustments - before.adjustments)
        point = Point(self.now_ns, capital(after), capital(after) - after.transfers, after.fees, after.funding)
        if not self.points or point[1:] != self.points[-1][1:]:
            self.points.append(point)
            self.drawdown.follow(self.now_ns, point.earned)

    def _movement(self, kind: IncomeKind, amount: int) -> None:
        if amount:
            self.movements.append(Movement(self.now_ns, kind, amount))

    def _count(self, what: str) -> None:
        self.orders[what] = self.orders.get(what, 0) + 1


def _price(quantity: int, quote: int, whole: int, whole_quote: int) -> int:
    """Of a fill; of all fills so far where rounding of the venue's running average left the fill none of its own."""
    if quote <= 0:
        return whole_quote * NOTIONAL_DIVISOR // whole
    return quote * NOTIONAL_DIVISOR // quantity


def _cause(event: Input, code: int) -> str:
    trade = f" of trade {event.trade}" if event.trade else ""
    return f"{Kind(event.kind).name}{_which(event)}{trade}: {Code(code).name}"


def _which(event: Input) -> str:
    if event.kind == Kind.INCOME:
        return f" {IncomeKind(event.income_kind).name}"
    return f" ({RejectReason(event.reason).name})" if event.kind == Kind.REJECTED else ""


def _printable(foreign: str) -> str:
    """Foreign text without what would steer a terminal or break a page."""
    return "".join(character if character.isprintable() else "\ufffd" for character in foreign)
