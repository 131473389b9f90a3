"""The kernel's states as small numbers: each distinct state is kept once, each distinct step is carried out once.

A state is kept with its running money rebased (only the change of capital counts) and, on request, with its trade,
attempt and time numbers renamed in order. The kernel compares these numbers and never looks at their size, so renaming
them in order changes nothing that it does; it makes an endless life of trades a finite graph.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from dita.spec.environment import OrderName
from dita.spec.inputs import Input
from dita.spec.invariants import broken
from dita.spec.outcome import Outcome
from dita.spec.properties import broken_by_step
from dita.spec.slot_invariants import in_entry, in_exit, is_graded
from dita.spec.state import Half, Slot, State, Tail, capital, exit_quantity, remaining
from dita.spec.vocabulary import Kind, Part, Phase

Step = Callable[[State, Input], tuple[State, Outcome]]

KEEP: Final = 0  # the tail can still be spoken of
STAND_IN: Final = 1  # nobody can speak of it any more: only that it is there and graded counts
BLANK: Final = 2  # the same, and no tail that counts stands behind it


class Times(NamedTuple):
    """The venue times that a kernel state holds, in ranks."""

    evidence: int
    fill: int
    money: int
    wallet: int


class View(NamedTuple):
    """What the rest of the model needs to know about one kernel state. Quantities in lots, times in ranks."""

    phase: int
    trade: int
    attempt: int  # the latest exit's
    flight: OrderName | None
    flight_seen: int
    remaining: int
    low: int  # the band in which the venue's position must lie
    high: int
    reconcile_required: int
    times: Times
    high_water: int
    next_leg: int
    legs: int
    flatten: int
    entry_lots: int
    exit_lots: int
    external_lots: int
    booked_entry: int  # lots, live trade and tails
    booked_exit: int
    claimed_entry: int  # lots whose fill rows have settled a half
    claimed_exit: int
    unsettled: tuple[tuple[int, int, int], ...]  # (trade, part, lots)
    tails: tuple[tuple[int, int, int], ...]  # (trade, graded, last attempt), blanks left out
    tail_lots: tuple[int, ...]  # lots of each such tail, 0 for a stand-in
    wallet_difference: int | None  # wallet less capital at the last comparable reading
    at_rest: bool  # every slot idle, settled, every instrument reconciled
    other_lots: int = 0  # lots of the other slots
    others: tuple[OrderName, ...] = ()  # (trade, last attempt) that the other slots still speak of


class Applied(NamedTuple):
    """What one step did."""

    kernel: int
    outcome: Outcome
    gain: int  # change of capital, 1e-8 USDT
    retired: int  # lots of a settled trade that the kernel has let go
    wrong: tuple[str, ...]  # invariants and step properties that it broke


class Renaming(NamedTuple):
    """Old numbers in order; the new number is the place in the row, from 1."""

    trades: tuple[int, ...]
    high_water: int  # the new number
    attempts: tuple[tuple[OrderName, int], ...]
    times: Times  # the kernel's own, already as their new numbers
    tails: tuple[int, ...]  # KEEP, STAND_IN or BLANK for each tail that is not blank


class Clock(NamedTuple):
    """How ranks become venue times, and back."""

    time_of: Callable[[int], int]
    rank_of: Callable[[int], int]


class Kernels:
    """All kernel states met so far, by number."""

    def __init__(self, step: Step, start: State, lot: int, clock: Clock, *, wallet: bool, judged: bool) -> None:
        self._step = step
        self._lot = lot
        self._clock = clock
        self._judged = judged
        self._wallet = wallet
        self._broken: dict[int, tuple[str, ...]] = {}
        self._seed = start.account.ledger.seed
        self._stand_in = Half(lot, lot, 0, 1)
        self._slot_limit = start.account.slot_limit
        self._numbers: dict[State, int] = {}
        self._states: list[State] = []
        self._steps: dict[tuple[int, Input], Applied] = {}
        self._renamed: dict[tuple[int, Renaming], int] = {}
        self.views: list[View] = []
        self.start = self._number(rebased(start, self._seed, wallet=wallet))

    @property
    def steps(self) -> int:
        """Distinct steps carried out."""
        return len(self._steps)

    def state(self, kernel: int) -> State:
        """The state behind a number."""
        return self._states[kernel]

    def apply(self, kernel: int, event: Input) -> Applied:
        """Feed one input; what it did is remembered."""
        found = self._steps.get((kernel, event))
        if found is None:
            found = self._steps[kernel, event] = self._carried_out(kernel, event)
        return found

    def _carried_out(self, kernel: int, event: Input) -> Applied:
        before = self._states[kernel]
        after, outcome = self._step(before, event)
        wrong = tuple(broken_by_step(before, event, after, outcome)) if self._judged else ()
        if after is before:
            return Applied(kernel, outcome, 0, 0, wrong)
        wrong += tuple(self._of_slots(before, event, after))
        gain = capital(after.account.ledger) - capital(before.account.ledger)
        number = self._number(rebased(after, self._seed, wallet=self._wallet))
        wrong += self._broken_in(number) if self._judged else ()
        return Applied(number, outcome, gain, self._let_go(before, after), wrong)

    def _of_slots(self, before: State, event: Input, after: State) -> Iterator[str]:
        """What a step does to slots that are not its own, and how many it leaves live."""
        for number, slot in enumerate(after.slots):
            if number != event.slot and slot != before.slots[number]:
                yield f"CROSSTALK: a step of slot {event.slot} changes slot {number}"
        if sum(slot.phase != Phase.IDLE for slot in after.slots) > self._slot_limit and event.kind == Kind.ENTER:
            yield f"LIMIT: more than {self._slot_limit} slots are live"

    def _broken_in(self, number: int) -> tuple[str, ...]:
        found = self._broken.get(number)
        if found is None:
            found = self._broken[number] = tuple(broken(self._states[number]))
        return found

    def _let_go(self, before: State, after: State) -> int:
        kept = {tail.trade for tail in after.slots[0].tails}
        gone = [t for t in before.slots[0].tails if t.trade not in kept and t.entry != self._stand_in]
        return sum(tail.entry.quantity for tail in gone) // self._lot

    def _number(self, state: State) -> int:
        number = self._numbers.get(state)
        if number is None:
            number = self._numbers[state] = len(self._states)
            self._states.append(state)
            self.views.append(self._view(state))
        return number

    def renamed(self, kernel: int, renaming: Renaming) -> int:
        """The same kernel state under other numbers."""
        key = (kernel, renaming)
        found = self._renamed.get(key)
        if found is None:
            found = self._renamed[key] = self._number(self._rename(self._states[kernel], renaming))
        return found

    def _rename(self, state: State, renaming: Renaming) -> State:
        trades = {0: 0} | {old: new for new, old in enumerate(renaming.trades, 1)}
        attempts = dict(renaming.attempts)
        time_of = self._clock.time_of
        slot, instrument = state.slots[0], state.instruments[0]
        instrument = instrument._replace(
            evidence_time_ns=time_of(renaming.times.evidence),
            fill_time_ns=time_of(renaming.times.fill),
        )
        tails: list[Tail] = []
        for tail, fate in zip(slot.tails, renaming.tails, strict=False):
            if fate == KEEP:
                attempt = attempts.get((tail.trade, tail.last_attempt), 0)
                tails.append(tail._replace(trade=trades[tail.trade], last_attempt=attempt))
            elif fate == STAND_IN:
                tails.append(Tail(trades[tail.trade], 0, tail.side, self._stand_in, self._stand_in))
        blanks = (Tail(),) * (len(slot.tails) - len(tails))
        last = slot.exit._replace(attempt=attempts.get((slot.trade, slot.exit.attempt), 0))
        slot = slot._replace(trade=trades[slot.trade], exit=last, tails=(*tails, *blanks))
        ledger = state.account.ledger._replace(
            last_money_time_ns=time_of(renaming.times.money), wallet_as_of_ns=time_of(renaming.times.wallet)
        )
        account = state.account._replace(trade_high_water=renaming.high_water, ledger=ledger)
        others = tuple(self._rename_other(other, trades, attempts) for other in state.slots[1:])
        return State(account, (instrument, *state.instruments[1:]), (slot, *others))

    def _rename_other(self, slot: Slot, trades: dict[int, int], attempts: dict[OrderName, int]) -> Slot:
        """Another slot: what it has settled nobody asks for any more."""
        kept = [
            tail._replace(trade=trades[tail.trade], last_attempt=attempts.get((tail.trade, tail.last_attempt), 0))
            for tail in slot.tails
            if not is_graded(tail)
        ]
        blanks = (Tail(),) * (len(slot.tails) - len(kept))
        last = slot.exit._replace(attempt=attempts.get((slot.trade, slot.exit.attempt), 0))
        return slot._replace(trade=trades[slot.trade], exit=last, tails=(*kept, *blanks))

    def _times(self, state: State) -> Times:
        rank_of = self._clock.rank_of
        instrument, ledger = state.instruments[0], state.account.ledger
        return Times(
            rank_of(instrument.evidence_time_ns),
            rank_of(instrument.fill_time_ns),
            rank_of(ledger.last_money_time_ns),
            rank_of(ledger.wallet_as_of_ns),
        )

    def _view(self, state: State) -> View:
        slot, instrument, lot = state.slots[0], state.instruments[0], self._lot
        flight: OrderName | None = None
        seen = 0
        left = remaining(slot) // lot
        low = high = left
        if in_entry(slot):
            flight, seen = (slot.trade, 0), slot.entry.seen
            high += (slot.entry.ordered - slot.entry.quantity) // lot
        elif in_exit(slot):
            flight, seen = (slot.trade, slot.exit.attempt), slot.exit.seen
            low -= (slot.exit.ordered - slot.exit.quantity) // lot
        known = [t for t in slot.tails if t.trade != 0 and t.entry != self._stand_in]
        ledger = state.account.ledger
        live_settled = slot.entry.quantity if slot.entry.graded == 1 else 0
        return View(
            phase=slot.phase,
            trade=slot.trade,
            attempt=slot.exit.attempt,
            flight=flight,
            flight_seen=seen,
            remaining=left,
            low=low,
            high=high,
            reconcile_required=instrument.reconcile_required,
            times=self._times(state),
            high_water=state.account.trade_high_water,
            next_leg=slot.plan.next_leg,
            legs=slot.plan.legs,
            flatten=slot.flatten,
            entry_lots=slot.entry.quantity // lot,
            exit_lots=slot.exit.quantity // lot,
            external_lots=slot.closed.external_quantity // lot,
            booked_entry=(slot.entry.quantity + sum(t.entry.quantity for t in known)) // lot,
            booked_exit=(exit_quantity(slot) + sum(t.exit.quantity for t in known)) // lot,
            claimed_entry=(live_settled + sum(t.entry.quantity for t in known if t.entry.graded == 1)) // lot,
            claimed_exit=sum(t.exit.quantity for t in known if t.exit.graded == 1) // lot,
            unsettled=tuple(_unsettled(slot, known, lot)),
            tails=tuple((t.trade, int(is_graded(t)), t.last_attempt) for t in slot.tails if t.trade != 0),
            tail_lots=tuple(
                0 if t.entry == self._stand_in else t.entry.quantity // lot for t in slot.tails if t.trade != 0
            ),
            wallet_difference=ledger.difference if ledger.wallet_seen == 1 else None,
            at_rest=state.account.unreconciled == 0
            and all(each.phase == Phase.IDLE and all(map(is_graded, each.tails)) for each in state.slots),
            other_lots=sum(map(remaining, state.slots[1:])) // lot,
            others=tuple(_spoken_of(state.slots[1:])),
        )


def _spoken_of(slots: Iterable[Slot]) -> Iterator[OrderName]:
    for slot in slots:
        if slot.trade:
            yield slot.trade, slot.exit.attempt
        yield from ((tail.trade, tail.last_attempt) for tail in slot.tails if not is_graded(tail))


def rebased(state: State, seed: int, *, wallet: bool) -> State:
    """The same state with the money it has made taken out; how much that was, the caller counts.

    A wallet reading that newer money has overtaken is forgotten but for the difference it left.
    """
    before = state.account.ledger
    ledger = before._replace(seed=seed, realised=0, fees=0, adjustments=0, adjustment_rows=0)
    if not wallet:
        ledger = ledger._replace(last_money_time_ns=0)
    elif before.wallet_seen == 0:
        pass
    elif before.wallet_as_of_ns < before.last_money_time_ns:
        ledger = ledger._replace(wallet_amount=0, wallet_as_of_ns=0)
    else:
        ledger = ledger._replace(wallet_amount=before.wallet_amount + seed - capital(before))
    return state._replace(account=state.account._replace(ledger=ledger))


def _unsettled(slot: Slot, tails: list[Tail], lot: int) -> list[tuple[int, int, int]]:
    halves: list[tuple[int, int, int]] = []
    if slot.phase >= Phase.POSITION_OPEN and slot.entry.graded == 0:
        halves.append((slot.trade, Part.ENTRY, slot.entry.quantity // lot))
    for tail in tails:
        if tail.entry.graded == 0:
            halves.append((tail.trade, Part.ENTRY, tail.entry.quantity // lot))
        if tail.exit.graded == 0:
            halves.append((tail.trade, Part.EXIT, tail.exit.quantity // lot))
    return halves
