"""From the venue's readings of an order to the kernel's ORDER snapshots (clauses O1 to O9).

One ``OrderMemory`` an order: it merges stream frames, queries and fill rows, makes the notional exact where the rows
seen allow it, calls an order done only on terminal evidence, and lets through only what says more than before: the same
join as the kernel's. Its memory is a convenience (no noise after a back-fill); the kernel does not rely on it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from dita.adapters.logic.arithmetic import half_even, money_of_e18
from dita.adapters.logic.rows import Evidence, FillRow, OrderRow, OrderState
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey
from dita.spec.scales import BOUND, NOTIONAL_DIVISOR

# Only these can prove that an order is over: an echo may predate a racing fill, a listing is a hint.
_PROVES_END: Final = frozenset({Evidence.STREAM, Evidence.QUERY})


class Snapshot(NamedTuple):
    """What is said of an order: cumulative quantity (1e-8 coins) and notional (1e-8 USDT), and whether it is over."""

    quantity: int
    quote: int
    done: bool
    time_ns: int

    def is_news_after(self, known: "Snapshot | None") -> bool:
        """Clause O1: more filled, or as much for a larger notional, or over at last; the first word is always news."""
        if known is None:
            return True
        if (self.quantity, self.quote) > (known.quantity, known.quote):
            return True
        return self.done and not known.done


class Reading(NamedTuple):
    """What a row gives: a snapshot to forward, or None. ``ask``: it hints at more than it proves; query the order."""

    snapshot: Snapshot | None
    ask: bool


_NOTHING: Final = Reading(None, ask=False)
_ASK: Final = Reading(None, ask=True)


@dataclass(slots=True)
class OrderMemory:
    """What is known of one order. ``forwarded``: the join of what was let through; restore it from the journal."""

    forwarded: Snapshot | None = None
    _frames: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])  # z: (l, L)
    _sums: dict[int, int] = field(default_factory=lambda: {0: 0})  # z: exact quote of the frames up to it, 1e-18 USDT
    _fills: dict[str, FillRow] = field(default_factory=dict[str, FillRow])

    def take_row(self, row: OrderRow) -> Reading:
        """One reading of the order, from anywhere. The row must be about this order."""
        if row.cum_quantity is None:
            return _ASK
        quantity = row.cum_quantity
        self._remember_frame(row, quantity)
        terminal = row.state.is_terminal
        done = terminal and row.evidence in _PROVES_END
        if row.state is OrderState.FILLED and quantity == 0:
            return _ASK  # contradicts itself
        quote = self._quote(quantity, row.average_price)
        if quote is None:
            return _ASK
        reading = self._let_through(Snapshot(quantity, quote, done, row.time_ns))
        unproved_end = terminal and not done and not (self.forwarded is not None and self.forwarded.done)
        return Reading(reading.snapshot, reading.ask or unproved_end)

    def take_stray(self, row: OrderRow) -> Snapshot | None:
        """A listed order of ours that rests although nobody waits for it: said again, news or not.

        Only what the kernel is told makes it cancel, and a cancel may have been refused or lost.
        """
        snapshot = self.take_row(row).snapshot
        if snapshot is None and self.forwarded is not None and not self.forwarded.done:
            return self.forwarded
        return snapshot

    def take_fills(self, rows: Iterable[FillRow]) -> Reading:
        """Fill rows of this order, in any order. They never end an order; they prove quantity and notional."""
        self.remember_fills(rows)
        quantity = sum(row.quantity for row in self._fills.values())
        if quantity == 0:
            return _NOTHING
        quote = self._quote(quantity, None)
        if quote is None:
            return _ASK
        newest_ns = max(row.time_ns for row in self._fills.values())
        return self._let_through(Snapshot(quantity, quote, False, newest_ns))

    def remember_fills(self, rows: Iterable[FillRow]) -> bool:
        """Keep fill rows for the notional. True when they show more than was let through: then query the order."""
        for row in rows:
            self._fills[row.trade_id] = row
        known = 0 if self.forwarded is None else self.forwarded.quantity
        return sum(row.quantity for row in self._fills.values()) > known

    def take_acceptance(self, time_ns: int) -> Reading:
        """The venue took the order (an ACK): a snapshot with nothing filled."""
        return self._let_through(Snapshot(0, 0, False, time_ns))

    def _let_through(self, snapshot: Snapshot) -> Reading:
        known = self.forwarded
        if not snapshot.is_news_after(known):
            return _NOTHING
        if known is not None and snapshot.done and snapshot.quantity < known.quantity:
            # Over with less than was already filled: never merged away. The kernel is told as it is, and asks.
            return Reading(snapshot, ask=True)
        if known is None:
            self.forwarded = snapshot
        else:
            quantity, quote = max((known.quantity, known.quote), (snapshot.quantity, snapshot.quote))
            time_ns = max(known.time_ns, snapshot.time_ns)
            self.forwarded = Snapshot(quantity, quote, known.done or snapshot.done, time_ns)
        return Reading(snapshot, ask=False)

    def _remember_frame(self, row: OrderRow, quantity: int) -> None:
        last, price = row.last_quantity, row.last_price
        if row.evidence is not Evidence.STREAM or not last or not price or not 0 < last <= quantity:
            return
        if self._frames.setdefault(quantity, (last, price)) != (last, price):
            self._frames[quantity] = (0, 0)  # told in two ways: neither is believed
            self._sums = {0: 0}

    def _quote(self, quantity: int, average_price: int | None) -> int | None:
        """The notional of the first ``quantity``: exact from fill rows or frames that sum to it, else ap times z."""
        if quantity == 0:
            return 0
        exact = self._quote_of_fills(quantity)
        if exact is None:
            exact = self._quote_of_frames(quantity)
        if exact is None and average_price:
            exact = half_even(average_price * quantity, NOTIONAL_DIVISOR)
        return exact if exact is not None and 0 < exact <= BOUND else None

    def _quote_of_fills(self, quantity: int) -> int | None:
        if sum(row.quantity for row in self._fills.values()) != quantity:
            return None
        return money_of_e18(sum(row.price * row.quantity for row in self._fills.values()))

    def _quote_of_frames(self, quantity: int) -> int | None:
        """Frames chain backwards: the one that reached z began at z - l. What has been summed once is not again."""
        chain: list[int] = []
        at = quantity
        while at not in self._sums:
            last, _ = self._frames.get(at, (0, 0))
            if last == 0:
                return None
            chain.append(at)
            at -= last
        quote_e18 = self._sums[at]
        for reached in reversed(chain):
            last, price = self._frames[reached]
            quote_e18 += price * last
            self._sums[reached] = quote_e18
        return money_of_e18(quote_e18)


def order_input(key: OrderKey, instrument: int, snapshot: Snapshot) -> Input:
    """The ORDER input of a snapshot."""
    return inputs.order(
        slot=key.slot,
        instrument=instrument,
        trade=key.trade,
        attempt=key.attempt,
        quantity=snapshot.quantity,
        quote=snapshot.quote,
        done=snapshot.done,
        time_ns=snapshot.time_ns,
    )
