"""A whole state around an account, an instrument and a slot: every sum, count and holder of the whole kernel agrees.

The core theorem's paths are about three records. What the account counts beyond them (live slots, exposure, predicted
fees, unreconciled instruments) is given to other slots and instruments, so that each invariant of the whole holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dita.conformance.vectors.dice import Dice
from dita.spec.inputs import Input
from dita.spec.invariants import broken
from dita.spec.scales import BOUND, NOTIONAL_DIVISOR, RATIO_SCALE
from dita.spec.slot_invariants import provisional_fees
from dita.spec.state import Entry, Focus, Half, Instrument, Plan, Slot, State, Tail
from dita.spec.vocabulary import INSTRUMENTS, LEGS, SLOTS, Phase, Side

ROOM: Final = 64  # numbers of trades that the rest of the kernel may need


class NotWhole(RuntimeError):
    """No whole state has these three records; the message says which invariant is in the way."""


@dataclass(frozen=True, slots=True)
class Rest:
    """What the account counts beyond the slot and the instrument."""

    live: int
    exposure: int
    provisional: int
    unreconciled: int

    @classmethod
    def of(cls, focus: Focus) -> Rest:
        """The rest of these three records' account."""
        account = focus.account
        return cls(
            account.live_slots - (focus.slot.phase != Phase.IDLE),
            account.exposure - focus.slot.exposure,
            account.ledger.fees_provisional - provisional_fees(focus.slot),
            account.unreconciled - focus.instrument.reconcile_required,
        )


def embedded(focus: Focus, event: Input, dice: Dice) -> State:
    """A state in which the input finds these three records. Raises NotWhole.

    Which slots and instruments hold the rest is drawn first, so that a little more or less of it moves little.
    """
    whole = _Whole.around(focus, event, dice)
    whole.hold_elsewhere()
    whole.fill_slots()
    whole.keep_fees()
    whole.register_tails()
    whole.flag()
    state = State(focus.account, tuple(whole.instruments), tuple(whole.slots))
    problems = broken(state)
    if problems:
        raise NotWhole(f"{', '.join(problems)}: {focus} {event}")
    return state


@dataclass(slots=True)
class _Whole:
    """A state in the making."""

    focus: Focus
    k: int
    i: int
    dice: Dice
    rest: Rest
    slots: list[Slot]
    instruments: list[Instrument]
    free_slots: list[int]
    free_instruments: list[int]
    numbers: list[int]

    @classmethod
    def around(cls, focus: Focus, event: Input, dice: Dice) -> _Whole:
        """Nothing but the three records, and a plan of what the rest may use."""
        k, i = event.slot, event.instrument
        slots, instruments = [Slot()] * SLOTS, [Instrument()] * INSTRUMENTS
        slots[k], instruments[i] = focus.slot, focus.instrument
        used = {focus.slot.trade, *(tail.trade for tail in focus.slot.tails)}
        high = focus.account.trade_high_water
        numbers = [number for number in range(max(1, high - ROOM), high + 1) if number not in used]
        return cls(
            focus, k, i, dice, Rest.of(focus), slots, instruments,
            [index for index in dice.shuffled(SLOTS) if index != k],
            [index for index in dice.shuffled(INSTRUMENTS) if index not in {i, focus.slot.instrument}],
            numbers,
        )  # fmt: skip

    def hold_elsewhere(self) -> None:
        """The instrument of a live trade that the input does not name."""
        slot = self.focus.slot
        if slot.phase != Phase.IDLE and slot.instrument != self.i:
            self.instruments[slot.instrument] = contract(self.dice, lot=1)._replace(holder=self.k + 1)

    def fill_slots(self) -> None:
        """Other live slots with their share of the exposure; one of them may hold the named instrument."""
        holder = self.instruments[self.i].holder - 1
        foreign = holder >= 0 and holder != self.k
        if foreign:
            self.free_slots.remove(holder)
            self.free_slots.insert(0, holder)
        left = self.rest.exposure
        for number in range(self.rest.live):
            k = self.free_slots[number]
            last = number + 1 == self.rest.live
            share = left if last else left // self.dice.among((2, 3, 4))
            left -= share
            if foreign and number == 0:
                i = self.i
            else:
                i = self.free_instruments.pop(0)
                self.instruments[i] = contract(self.dice)._replace(holder=k + 1)
            self.slots[k] = waiting(self.dice, self.numbers.pop(), i, self.instruments[i].lot, share)

    def keep_fees(self) -> None:
        """The predicted fees that are left: of a finished trade in some other slot."""
        fee = self.rest.provisional
        if fee == 0:
            return
        k = self.free_slots[-1]
        i = next((i for i in (self.i, *self._registered()) if self.instruments[i].registered), self.free_instruments[0])
        quantity, quote = self.dice.some(16), min(BOUND, fee + self.dice.bits(8))
        tail = Tail(
            self.numbers.pop(0), i, Side.LONG + self.dice.below(2), Half(quantity, quote, fee, 0),
            Half(quantity, self.dice.some(16), 0, 1), 1, quantity,
        )  # fmt: skip
        self.slots[k] = self.slots[k]._replace(tails=(tail, *self.slots[k].tails[1:]))

    def _registered(self) -> list[int]:
        return [index for index, known in enumerate(self.instruments) if known.registered]

    def register_tails(self) -> None:
        """Finished trades were in instruments that are registered."""
        for tail in (tail for slot in self.slots for tail in slot.tails):
            if tail.trade and not self.instruments[tail.instrument].registered:
                self.instruments[tail.instrument] = contract(self.dice)

    def flag(self) -> None:
        """Other instruments that await a reconcile, registered if need be."""
        others = [index for index in (*self._registered(), *self.free_instruments) if index != self.i]
        for index in list(dict.fromkeys(others))[: self.rest.unreconciled]:
            known = self.instruments[index] if self.instruments[index].registered else contract(self.dice)
            self.instruments[index] = known._replace(reconcile_required=1, evidence_time_ns=self.dice.some(16))


def contract(dice: Dice, lot: int = 0) -> Instrument:
    """A registered instrument, of small numbers."""
    lot = lot or dice.among((1, 2, 5))
    return Instrument(
        1, lot=lot, tick=NOTIONAL_DIVISOR, price_max=dice.some(8), quantity_max=dice.some(16),
        quantity_min=dice.bits(4), taker_ppb=dice.bits(10),
    )  # fmt: skip


def waiting(dice: Dice, trade: int, i: int, lot: int, exposure: int) -> Slot:
    """A live trade of which nothing is filled yet."""
    phase = dice.among((Phase.ENTRY_REQUESTED, Phase.ENTRY_WORKING, Phase.ENTRY_UNRESOLVED))
    return Slot(
        phase=phase, trade=trade, instrument=i, side=Side.LONG + dice.below(2), minimum=lot,
        ref_price=dice.some(16), exposure=exposure, entry=Entry(ordered=lot, seen=int(phase == Phase.ENTRY_WORKING)),
        plan=Plan(legs=1, ratios=(RATIO_SCALE,) + (0,) * (LEGS - 1)),
    )  # fmt: skip
