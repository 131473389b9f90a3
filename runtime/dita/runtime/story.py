"""The story of one trade, as its rows tell it: what was wanted, what was sent, what the venue did, what it came to.

Every number is the kernel's own, from the state before and after the row; the last lines are the kernel's books.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, final

from dita.adapters.journal import Row
from dita.runtime.lockstep import Stepped
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.outcome import Outcome
from dita.spec.scales import (
    MONEY_SCALE,
    NANOSECONDS_PER_MILLISECOND,
    NANOSECONDS_PER_SECOND,
    NOTIONAL_DIVISOR,
    PRICE_SCALE,
    QUANTITY_SCALE,
)
from dita.spec.state import Half, Slot, Tail, exit_quantity, exit_quote, remaining
from dita.spec.vocabulary import Kind, Part, RejectReason, Side

_ONE_SIDE_PLUS: Final = {Side.LONG: 1, Side.SHORT: -1}


class Line(NamedTuple):
    """One row of the story. ``after_ms`` since the trade's first row, by our own clock."""

    position: int
    after_ms: int
    what: str
    answer: str


def said(event: Input) -> str:
    """An input in a line: its kind, and every field that is not zero."""
    default = Input()
    named = [
        f"{name}={value}"
        for name, value in event._asdict().items()
        if name not in ("kind", "slot", "trade", "ratios", "time_ns") and value != getattr(default, name)
    ]
    return " ".join((Kind(event.kind).name, *named))


@final
class Story:
    """A replay observer for one trade."""

    def __init__(self, trade: int, tag: str, symbols: dict[int, str]) -> None:
        self.lines: list[Line] = []
        self.summary: list[tuple[str, str]] = []
        self.trade = trade
        self._tag = tag
        self._symbols = symbols
        self._began_ns = 0
        self._ended_ns = 0

    def observe(self, row: Row, stepped: Stepped) -> None:
        """One row."""
        slot = row.input.slot
        before, after = stepped.before.slots[slot], stepped.after.slots[slot]
        if not self._concerns(row.input, stepped.outcome, before, after):
            return
        self._began_ns = self._began_ns or row.wall_ns
        tells = _TELLERS.get(Kind(row.input.kind), _other)
        what = tells(row.input, after if after.trade == self.trade else before)
        after_ms = (row.wall_ns - self._began_ns) // NANOSECONDS_PER_MILLISECOND
        self.lines.append(Line(row.position, after_ms, what, self._answer(stepped.outcome)))
        self._books(row, slot, before, after)

    def _concerns(self, event: Input, outcome: Outcome, before: Slot, after: Slot) -> bool:
        """Whether the row names the trade, or moved or touched it while it was live."""
        lives = self.trade in (before.trade, after.trade)
        return self.trade in (event.trade, outcome.trade) or (lives and before != after)

    def _answer(self, outcome: Outcome) -> str:
        if not outcome.submit:
            return str(outcome)
        name = client_order_id(self._tag, OrderKey(outcome.trade, outcome.slot, outcome.attempt))
        price = f" at {decimal_text(outcome.limit_price, PRICE_SCALE)}" if outcome.limit_price else " at market"
        closing = " to close" if outcome.reduce_only else ""
        return f"{outcome}: order {name}, {decimal_text(outcome.quantity, QUANTITY_SCALE)}{price}{closing}"

    def _books(self, row: Row, number: int, before: Slot, after: Slot) -> None:
        """Keep the kernel's figures of the trade as they are after this row."""
        tail = next((one for one in after.tails if one.trade == self.trade), None)
        if tail is not None:
            if before.trade == self.trade:
                self._ended_ns = row.wall_ns
            self.summary = self._of_tail(number, tail)
        elif after.trade == self.trade:
            self.summary = self._of_slot(number, after)

    def _of_slot(self, number: int, slot: Slot) -> list[tuple[str, str]]:
        return [
            *self._head(number, slot.instrument, slot.side),
            ("entered", _filled(slot.entry.quantity, slot.entry.quote)),
            ("closed", _filled(exit_quantity(slot), exit_quote(slot))),
            ("left", decimal_text(remaining(slot), QUANTITY_SCALE)),
            ("realised so far", decimal_text(slot.realised, MONEY_SCALE)),
        ]

    def _of_tail(self, number: int, tail: Tail) -> list[tuple[str, str]]:
        earned = (tail.exit.quote - tail.entry.quote) * _ONE_SIDE_PLUS.get(Side(tail.side), 0)
        seconds = (self._ended_ns - self._began_ns) // NANOSECONDS_PER_SECOND
        return [
            *self._head(number, tail.instrument, tail.side),
            ("entered", _filled(tail.entry.quantity, tail.entry.quote)),
            ("closed", _filled(tail.exit.quantity, tail.exit.quote)),
            ("lasted", f"{seconds} s"),
            ("realised", decimal_text(earned, MONEY_SCALE)),
            ("entry fee", _fee(tail.entry)),
            ("exit fee", _fee(tail.exit)),
            ("net", decimal_text(earned - tail.entry.fee - tail.exit.fee, MONEY_SCALE)),
        ]

    def _head(self, number: int, instrument: int, side: int) -> list[tuple[str, str]]:
        symbol = self._symbols.get(instrument, f"instrument {instrument}")
        return [("trade", f"{self.trade} in slot {number}"), ("what", f"{Side(side).name} {symbol}")]


def decimal_text(units: int, scale: int) -> str:
    """An exact decimal without trailing zeros. ``scale`` is a power of ten."""
    whole, rest = divmod(abs(units), scale)
    digits = str(scale + rest)[1:].rstrip("0")
    return f"{'-' if units < 0 else ''}{whole}{'.' if digits else ''}{digits}"


def _average(quantity: int, quote: int) -> str:
    """Average price, rounded down to 1e-10."""
    return decimal_text(quote * NOTIONAL_DIVISOR // quantity, PRICE_SCALE) if quantity else "none"


def _filled(quantity: int, quote: int) -> str:
    if quantity == 0:
        return "nothing"
    return f"{decimal_text(quantity, QUANTITY_SCALE)} at {_average(quantity, quote)} on average"


def _fee(half: Half) -> str:
    return f"{decimal_text(half.fee, MONEY_SCALE)} ({'settled' if half.graded else 'predicted'})"


def _entered(event: Input, _: Slot) -> str:
    return (
        f"wants {Side(event.side).name} {decimal_text(event.quantity, QUANTITY_SCALE)}"
        f" at about {decimal_text(event.price, PRICE_SCALE)}"
    )


def _ordered(event: Input, slot: Slot) -> str:
    order = slot.entry if event.attempt == 0 else slot.exit
    which = "entry" if event.attempt == 0 else f"exit {event.attempt}"
    state = "done" if event.done else "open"
    filled = f"{_filled(event.quantity, event.quote)}, of {decimal_text(order.ordered, QUANTITY_SCALE)}"
    return f"{which} is {state}: {'nothing filled' if event.quantity == 0 else filled}"


def _rejected(event: Input, _: Slot) -> str:
    reason = event.reason
    name = RejectReason(reason).name if reason in RejectReason.__members__.values() else f"reason {reason}"
    return f"{'entry' if event.attempt == 0 else f'exit {event.attempt}'} was rejected: {name}"


def _settled(event: Input, _: Slot) -> str:
    part = Part(event.part).name.lower() if event.part in Part.__members__.values() else f"part {event.part}"
    return f"{part} settled: {_filled(event.quantity, event.quote)}, fee {decimal_text(event.amount, MONEY_SCALE)}"


def _adopted(event: Input, _: Slot) -> str:
    return f"found at the venue: {Side(event.side).name} {_filled(event.quantity, event.quote)}"


def _closed_outside(event: Input, _: Slot) -> str:
    return f"closed by somebody else: {_filled(event.quantity, event.quote)} so far"


def _of_order(text: str) -> Callable[[Input, Slot], str]:
    return lambda event, _: f"{'entry' if event.attempt == 0 else f'exit {event.attempt}'}: {text}"


def _wanted(text: str) -> Callable[[Input, Slot], str]:
    return lambda event, _: text.format(leg=event.leg)


def _other(event: Input, _: Slot) -> str:
    return Kind(event.kind).name


_TELLERS: Final[dict[Kind, Callable[[Input, Slot], str]]] = {
    Kind.ENTER: _entered,
    Kind.EXIT: _wanted("wants out of leg {leg}"),
    Kind.FLATTEN: _wanted("wants out of everything"),
    Kind.CANCEL: _wanted("wants the order off the book"),
    Kind.ORDER: _ordered,
    Kind.REJECTED: _rejected,
    Kind.UNKNOWN: _of_order("nobody knows whether it arrived"),
    Kind.NOT_FOUND: _of_order("the venue does not know it"),
    Kind.SILENT: _of_order("nothing heard of it for too long"),
    Kind.SETTLE: _settled,
    Kind.SETTLE_FORCED: _wanted("predicted fees accepted by an operator"),
    Kind.ADOPT: _adopted,
    Kind.EXTERNAL_CLOSE: _closed_outside,
}
