"""Settlement: the venue's own fill rows, summed exactly, replace what was booked provisionally.

Which rows may settle what is judged by ``dita.adapters.logic.settle``; here they are read, and attributed to orders.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final, NamedTuple, final

from dita.adapters.bingx.errors import VenueError
from dita.adapters.journal import ACCOUNT_NOTES, Note
from dita.adapters.logic.rows import FillRow
from dita.adapters.logic.settle import NotSettled, settle_input, settlement
from dita.runtime.alerts import Alert, Alerts
from dita.runtime.engine import Engine
from dita.runtime.instruments import Instrument, Instruments
from dita.runtime.lockstep import Stepped
from dita.runtime.order_truth import OrderTruth
from dita.runtime.venue_port import Venue
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey
from dita.spec.scales import NANOSECONDS_PER_SECOND
from dita.spec.state import Slot, State
from dita.spec.trace import WORD_MAX
from dita.spec.vocabulary import SLOTS, TAILS, Code, Kind, OrderSide, Part, Phase, Side, Verdict

_ROUNDED_NS: Final = 2 * NANOSECONDS_PER_SECOND  # fill rows carry whole seconds
_DAY_NS: Final = 86_400 * NANOSECONDS_PER_SECOND
_TRIES_BEFORE_ALERT: Final = 20
_AGAIN_SECONDS_MAX: Final = 60.0  # between looks for what was looked for so often: each reads a day of rows
_STARTS_MAX: Final = SLOTS * (TAILS + 1)
_HALVES_MAX: Final = 2 * _STARTS_MAX
_SPENT_NS: Final = 2 * _DAY_NS  # rows older than a day are not looked at
_SPENT: Final = "rows of nobody"
_ROWS_A_NOTE: Final = 20  # a note has at most 4,096 bytes


class Half(NamedTuple):
    """One half of a trade that waits for its rows."""

    slot: int
    instrument: int
    trade: int
    part: Part
    side: OrderSide
    quantity: int
    last_attempt: int


def unsettled(state: State) -> Iterator[Half]:
    """Every half that could be settled now: of finished trades, and entries of open positions."""
    for number, slot in enumerate(state.slots):
        for tail in slot.tails:
            if tail.entry.graded and tail.exit.graded:
                continue
            sides = _sides(tail.side)
            if not tail.entry.graded:
                yield Half(number, tail.instrument, tail.trade, Part.ENTRY, sides[0], tail.entry.quantity, 0)
            if not tail.exit.graded:
                yield Half(
                    number, tail.instrument, tail.trade, Part.EXIT, sides[1], tail.exit.quantity, tail.last_attempt
                )
        if _is_open_and_ungraded(slot):
            yield Half(number, slot.instrument, slot.trade, Part.ENTRY, _sides(slot.side)[0], slot.entry.quantity, 0)


def _is_open_and_ungraded(slot: Slot) -> bool:
    return slot.phase >= Phase.POSITION_OPEN and not slot.entry.graded and slot.entry.quantity > 0


def _sides(side: int) -> tuple[OrderSide, OrderSide]:
    return (OrderSide.BUY, OrderSide.SELL) if side == Side.LONG else (OrderSide.SELL, OrderSide.BUY)


@final
class Settler:
    """Settles whatever waits, soon after it began to wait and again until it is settled."""

    def __init__(
        self,
        engine: Engine,
        venue: Venue,
        instruments: Instruments,
        orders: OrderTruth,
        alerts: Alerts,
        *,
        on_settled: Callable[[tuple[FillRow, ...]], Awaitable[None]],
        pause_seconds: float,
        again_seconds: float,
    ) -> None:
        """``pause_seconds``: between passes at least. ``again_seconds``: when rows were not complete yet.

        ``on_settled`` is told the rows of orders of ours with which a half was settled.
        """
        self._engine = engine
        self._venue = venue
        self._instruments = instruments
        self._orders = orders
        self._alerts = alerts
        self._on_settled = on_settled
        self._pause_seconds = pause_seconds
        self._again_seconds = again_seconds
        self._wanted = asyncio.Event()
        self._starts: dict[int, int] = {}  # trade: venue time before which it has no fill
        self._explained: dict[int, int] = {}  # instrument: venue time at which its position was last what we knew
        self._tries: dict[tuple[int, int], int] = {}
        self._due_ns: dict[int, int] = {}  # instrument: our monotonic time before which old halves are not looked for
        self._why: dict[tuple[int, int], str] = {}
        self._spent = spent_rows(engine.journal.notes(ACCOUNT_NOTES), engine.state)

    def observe(self, event: Input, stepped: Stepped) -> None:
        """Engine observer: learn when trades begin, wake when one is over.

        What is adopted was filled between the last reading that showed no more than what we knew and the adoption.
        """
        outcome = stepped.outcome
        if event.kind == Kind.POSITION and outcome.code in (Code.OK, Code.NO_CHANGE):
            self._explained[event.instrument] = event.time_ns
        elif event.kind == Kind.ENTER and outcome.moves:
            self.began(event.trade, self._venue.venue_now_ns())
        elif event.kind == Kind.ADOPT and outcome.moves:
            long_ago_ns = self._venue.venue_now_ns() - _DAY_NS
            self.began(event.trade, self._explained.get(event.instrument, long_ago_ns))
        if outcome.cancel_protection or (event.kind == Kind.ORDER and outcome.moves):
            self._wanted.set()

    def began(self, trade: int, time_ns: int) -> None:
        """A trade began at this venue time; where nobody knows it, rows are looked for a day back."""
        self._starts[trade] = time_ns
        while len(self._starts) > _STARTS_MAX:
            del self._starts[min(self._starts)]

    def wake(self) -> None:
        """Look now."""
        self._wanted.set()

    async def settle_wanted(self) -> None:
        """Settle now what has just become ready, where the venue answers at once. What is left is left to ``run``."""
        if self._wanted.is_set():
            self._wanted.clear()
            if not await self.settle():
                self._wanted.set()

    async def run(self) -> None:
        """Settle for ever."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            complete = await self.settle()
            await asyncio.sleep(self._pause_seconds if complete else self._again_seconds)
            if not complete:
                self._wanted.set()

    async def settle(self) -> bool:
        """One pass; whether nothing is left to settle."""
        waiting: dict[int, list[Half]] = {}
        for half in unsettled(self._engine.state):
            waiting.setdefault(half.instrument, []).append(half)
        complete = True
        for number, halves in waiting.items():
            if all(self._is_old(half) for half in halves) and self._monotonic_ns() < self._due_ns.get(number, 0):
                complete = False
                continue
            try:
                complete = await self._settle_instrument(self._instruments[number], halves) and complete
            except VenueError as error:
                self._alerts.raise_(Alert.READ_FAILED, str(error))
                complete = False
        return complete

    async def _settle_instrument(self, instrument: Instrument, halves: list[Half]) -> bool:
        now_ns = self._venue.venue_now_ns()
        start_ns = min(self._start_ns(half, now_ns) for half in halves)
        end_ns = max(now_ns, start_ns) + _ROUNDED_NS  # our clock may have been set back since the trade began
        rows = await self._venue.reader.fill_history(instrument.symbol, start_ns, end_ns)
        known = self._remembered_owners(halves)
        left = halves if known is None else [half for half in halves if not await self._settle_half(half, rows, known)]
        if not left:
            return True
        owners = await self._listed_owners(instrument, start_ns, end_ns)
        likely = {half: self._likely(half, rows, owners) for half in left}
        left = [half for half in left if not await self._settle_half(half, rows, owners, likely[half])]
        for half in left:
            self._count_failure(half)
        if left:
            doublings = min(self._tries_of(half) for half in left) - _TRIES_BEFORE_ALERT
            pause_seconds = min(self._again_seconds * 2 ** min(max(doublings, 0), 10), _AGAIN_SECONDS_MAX)
            self._due_ns[instrument.number] = self._monotonic_ns() + int(pause_seconds * NANOSECONDS_PER_SECOND)
        return not left

    def _monotonic_ns(self) -> int:
        return self._venue.clock.monotonic_ns()

    def _start_ns(self, half: Half, now_ns: int) -> int:
        """Since when the half can have fills.

        After some tries our own clock may have been wrong when the trade began. Rows of our own orders are known:
        each look goes further back, to a day. Of rows that nobody owns a part would do by chance: all of a day at once.
        """
        long_ago_ns = now_ns - _DAY_NS
        start_ns = self._starts.get(half.trade, long_ago_ns)
        if not self._is_old(half):
            return start_ns
        if not self._is_our_own(half):
            return long_ago_ns
        looks = self._tries_of(half) - _TRIES_BEFORE_ALERT
        return max(long_ago_ns, min(start_ns, now_ns) - (1 << 2 * min(looks, 9)) * NANOSECONDS_PER_SECOND)

    def _likely(self, half: Half, rows: tuple[FillRow, ...], owners: dict[str, OrderKey]) -> frozenset[str]:
        """Orders that nobody owns and that can have moved this half: its side, before the instrument's next trade.

        Only one trade at a time holds an instrument, so that two positions closed by hand have rows apart. None, when
        our own orders have moved all of it: their rows are late, or our clock is wrong.
        """
        if self._is_our_own(half):
            return frozenset()
        sides = (_position_side(half), "BOTH", "")
        start_ns, end_ns = self._held_by_rows(half, rows, owners) if self._is_old(half) else self._held_by_clock(half)
        return frozenset(
            row.order_id
            for row in rows
            if self._is_nobodys(owners.get(row.order_id))
            and row.side is half.side
            and row.position_side in sides
            and start_ns <= row.time_ns < end_ns
        )

    def _is_our_own(self, half: Half) -> bool:
        """Whether the kernel was told of so much by orders of ours, as far as this process remembers."""
        attempts = (0,) if half.part == Part.ENTRY else range(1, half.last_attempt + 1)
        told = [self._orders.forwarded(OrderKey(half.trade, half.slot, attempt)) for attempt in attempts]
        return sum(snapshot.quantity for snapshot in told if snapshot is not None) >= half.quantity

    def _tries_of(self, half: Half) -> int:
        """How often it was tried in vain, as far as that is remembered."""
        return self._tries.get((half.trade, half.part), 0)

    def _is_old(self, half: Half) -> bool:
        """Whether it was tried so often that what our own clock has said of it must be wrong."""
        return self._tries_of(half) >= _TRIES_BEFORE_ALERT

    def _held_by_clock(self, half: Half) -> tuple[int, int]:
        """From when till when the trade held its instrument, by our clock: exact, while that was right."""
        start_ns = self._starts.get(half.trade, 0)
        later = [self._starts[trade] for trade in self._trades_of(half.instrument) if half.trade < trade]
        return start_ns - start_ns % NANOSECONDS_PER_SECOND, min(later, default=WORD_MAX)  # rows carry whole seconds

    def _held_by_rows(self, half: Half, rows: tuple[FillRow, ...], owners: dict[str, OrderKey]) -> tuple[int, int]:
        """The same to the second, by the venue's: from the first row of the trade's orders to that of a later trade's.

        What was adopted has no order of ours that opened it.
        """
        first: dict[int, int] = {}
        for row in rows:
            key = owners.get(row.order_id)
            if key is not None:
                first[key.trade] = min(row.time_ns, first.get(key.trade, row.time_ns))
        start_ns = 0 if half.part == Part.ENTRY else first.get(half.trade, 0)
        later = [time_ns + NANOSECONDS_PER_SECOND for trade, time_ns in first.items() if half.trade < trade]
        return start_ns, min(later, default=WORD_MAX)

    def _is_nobodys(self, key: OrderKey | None) -> bool:
        """Whether an order's fills are in no trade's books: it is not ours, or its trade was given up before it filled.

        What came of such an order was adopted, and settles the trade that it was adopted as.
        """
        if key is None:
            return True
        slot = self._engine.state.slots[key.slot]
        is_kept = key.trade in (slot.trade, *(tail.trade for tail in slot.tails))
        return key.trade in self._engine.history.given_up and not is_kept

    def _trades_of(self, instrument: int) -> Iterator[int]:
        """Trades of this instrument whose beginning is known."""
        for slot in self._engine.state.slots:
            named = [(slot.trade, slot.instrument), *((tail.trade, tail.instrument) for tail in slot.tails)]
            yield from (trade for trade, place in named if place == instrument and trade in self._starts)

    def _remembered_owners(self, halves: list[Half]) -> dict[str, OrderKey] | None:
        """Venue order id to our order, if every order of the halves is known in this process."""
        owners: dict[str, OrderKey] = {}
        for half in halves:
            first = 0 if half.part == Part.ENTRY else 1
            for attempt in range(first, half.last_attempt + 1):
                key = OrderKey(half.trade, half.slot, attempt)
                order_id = self._orders.order_id(key)
                if order_id is None:
                    return None
                owners[order_id] = key
        return owners

    async def _listed_owners(self, instrument: Instrument, start_ns: int, end_ns: int) -> dict[str, OrderKey]:
        owners: dict[str, OrderKey] = {}
        for row in await self._venue.reader.all_orders(instrument.symbol, start_ns, end_ns):
            key = self._orders.key_of(row)
            if key is not None:
                owners[row.order_id] = key
                self._orders.learn(key, row.order_id)
        return owners

    async def _settle_half(
        self,
        half: Half,
        rows: tuple[FillRow, ...],
        owners: dict[str, OrderKey],
        unowned: frozenset[str] = frozenset(),
    ) -> bool:
        own = frozenset(order_id for order_id, key in owners.items() if _belongs(half, key))
        found, others = settlement(rows, own, half.side, half.quantity, self._venue.asset), list[FillRow]()
        if isinstance(found, NotSettled) and unowned:  # opened or closed without an order of ours: rows nobody owns
            others = [row for row in rows if row.order_id in unowned and _name(row) not in self._spent]
            counted = [*(row for row in rows if row.order_id in own), *others]
            found = settlement(counted, own | unowned, half.side, half.quantity, self._venue.asset)
        if isinstance(found, NotSettled):
            self._why[half.trade, half.part] = found.why
            return False
        key = (half.trade, half.part)
        if found.quantity != half.quantity and self._tries.get(key, 0):
            return False  # more than was booked: the kernel has been told once
        event = settle_input(half.slot, half.instrument, half.trade, half.part, found)
        outcome = await self._engine.apply(event, spent_notes(half, others))
        if outcome.verdict != Verdict.ACCEPTED:
            self._why[key] = f"{outcome}: rows sum to `{found.quantity}`, booked `{half.quantity}`"
            return False
        self._spend(others)
        self._tries.pop(key, None)
        self._why.pop(key, None)
        await self._on_settled(tuple(row for row in rows if row.order_id in own))
        return True

    def _spend(self, rows: Iterable[FillRow]) -> None:
        """Rows that nobody owns have settled a half: they settle no other, for as long as they are looked at."""
        self._spent |= {_name(row): row.time_ns for row in rows}
        newest_ns = max(self._spent.values(), default=0)
        self._spent = {name: time_ns for name, time_ns in self._spent.items() if time_ns >= newest_ns - _SPENT_NS}

    def _count_failure(self, half: Half) -> None:
        key = (half.trade, half.part)
        self._tries[key] = self._tries.get(key, 0) + 1
        if self._tries[key] == _TRIES_BEFORE_ALERT:
            why = self._why.get(key, "")
            self._alerts.raise_(Alert.UNSETTLED, f"trade `{half.trade}` {half.part.name}: {why}")
        for memory in (self._tries, self._why):
            while len(memory) > _HALVES_MAX:
                del memory[min(memory)]


def _position_side(half: Half) -> str:
    """The venue's word for the side that the half's trade holds, where it keeps them apart."""
    return "LONG" if (half.side is OrderSide.BUY) == (half.part == Part.ENTRY) else "SHORT"


def spent_notes(half: Half, rows: Iterable[FillRow]) -> tuple[Note, ...]:
    """What is written with a SETTLE: the rows that nobody owns and that it is made of; nothing, when there is none.

    In parts, for a note may not be long, and a position that was closed by force can have hundreds of rows.
    """
    named = [[row.symbol, row.trade_id, row.time_ns] for row in rows]
    parts = [named[first : first + _ROWS_A_NOTE] for first in range(0, len(named), _ROWS_A_NOTE)]
    return tuple(
        Note(ACCOUNT_NOTES, _SPENT, json.dumps({"trade": half.trade, "part": half.part.name, "rows": part}))
        for part in parts
    )


def spent_rows(notes: Iterable[Note], state: State) -> dict[tuple[str, str], int]:
    """By notes of an earlier process: rows that have settled a half, by symbol and fill, each with its time.

    A SETTLE that was refused has a note, too; but its half still waits.
    """
    waiting = {(half.trade, half.part.name) for half in unsettled(state)}
    bodies = [json.loads(note.body) for note in notes if note.name == _SPENT]
    return {
        (symbol, trade_id): time_ns
        for body in bodies
        if (body["trade"], body["part"]) not in waiting
        for symbol, trade_id, time_ns in body["rows"]
    }


def _name(row: FillRow) -> tuple[str, str]:
    return row.symbol, row.trade_id


def _belongs(half: Half, key: OrderKey | None) -> bool:
    if key is None or key.trade != half.trade:
        return False
    return (key.attempt == 0) == (half.part == Part.ENTRY)
