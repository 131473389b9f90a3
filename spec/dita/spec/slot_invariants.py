"""The invariants of one slot, and of a live slot with its instrument: plain predicates.

A predicate is ordinary Python on integers (no float, no formatting, loops over fixed tuples), so that a symbolic
executor can run it; its docstring is the sentence it states. The fee and cost formulas are stated as relations
(``is_half_even``), not copied from an implementation.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from dita.spec.scales import ATTEMPT_MAX, BOUND, NOTIONAL_DIVISOR, RATE_SCALE, RATIO_SCALE, TIME_MAX_NS, TRADE_ID_MAX
from dita.spec.state import Exit, Half, Instrument, Plan, Slot, Tail, exit_quantity, exit_quote, remaining
from dita.spec.vocabulary import INSTRUMENTS, LEGS, Phase, Side

FEE_RATE_MAX_PPB: Final = RATE_SCALE * 4 // 10  # the largest contract rate times the largest calibration


class SlotInvariant(NamedTuple):
    """A predicate over one slot."""

    id: str
    holds: Callable[[Slot], bool]


class HeldInvariant(NamedTuple):
    """A predicate over a live slot and the instrument it trades."""

    id: str
    holds: Callable[[Slot, Instrument], bool]


# --- helpers --------------------------------------------------------------------------------------------------------


def is_bit(value: int) -> bool:
    """0 or 1."""
    return 0 <= value <= 1


def is_amount(value: int) -> bool:
    """A quantity, price or notional: 0 to BOUND."""
    return 0 <= value <= BOUND


def is_money(value: int) -> bool:
    """A signed amount within the bound."""
    return -BOUND <= value <= BOUND


def is_time(value: int) -> bool:
    """A plausible UTC nanosecond."""
    return 0 <= value <= TIME_MAX_NS


def is_half_even(value: int, numerator: int, denominator: int) -> bool:
    """Whether value is numerator / denominator rounded half to even. Numerator >= 0, denominator > 0."""
    twice_rest = 2 * (numerator - value * denominator)
    if abs(twice_rest) == denominator:
        return value % 2 == 0
    return -denominator < twice_rest < denominator


def is_predicted_fee(fee: int, quote: int, fee_rate_ppb: int) -> bool:
    """Clause L7: fee is the rate's part of a notional."""
    return is_half_even(fee, quote * fee_rate_ppb, RATE_SCALE)


def is_whole(quantity: int, lot: int) -> bool:
    """Clause E5: a quantity is a whole number of lots."""
    return quantity % lot == 0


def is_cost_share(cost: int, whole_cost: int, whole: int, part: int) -> bool:
    """Clause L3: cost is the share of ``part`` in a ``whole`` that cost ``whole_cost``."""
    if part == 0:
        return cost == 0
    if part == whole:
        return cost == whole_cost
    return is_half_even(cost, whole_cost * part, whole)


def is_graded(tail: Tail) -> bool:
    """Both halves of a finished trade are settled."""
    return tail.entry.graded == 1 and tail.exit.graded == 1


def remembers(slot: Slot, trade: int) -> bool:
    """A tail of the slot is of this trade."""
    return any(tail.trade == trade for tail in slot.tails)


def in_entry(slot: Slot) -> bool:
    """The entry order's fate is open."""
    return Phase.ENTRY_REQUESTED <= slot.phase <= Phase.ENTRY_UNRESOLVED


def in_exit(slot: Slot) -> bool:
    """The latest exit order's fate is open."""
    return slot.phase >= Phase.EXIT_REQUESTED


def tail_profit(tail: Tail) -> int:
    """Profit of a finished trade before fees, 1e-8 USDT."""
    if tail.side == Side.LONG:
        return tail.exit.quote - tail.entry.quote
    return tail.entry.quote - tail.exit.quote


def provisional_fees(slot: Slot) -> int:
    """The predicted fees of a slot's live trade and of its tails, 1e-8 USDT."""
    total = slot.closed.fee
    if slot.entry.graded == 0:
        total = total + slot.entry.fee
    for tail in slot.tails:
        total = total + provisional_of(tail.entry) + provisional_of(tail.exit)
    return total


def provisional_of(half: Half) -> int:
    """The fee of a finished trade's half while it is only predicted, 1e-8 USDT."""
    return half.fee if half.graded == 0 else 0


# --- one slot -------------------------------------------------------------------------------------------------------


def slot_is_typed(slot: Slot) -> bool:
    """Every word of a slot is in its declared range (clause N2)."""
    return (
        Phase.IDLE <= slot.phase <= Phase.EXIT_UNRESOLVED
        and 0 <= slot.trade <= TRADE_ID_MAX
        and 0 <= slot.instrument < INSTRUMENTS
        and Side.NONE <= slot.side <= Side.SHORT
        and is_bit(slot.flatten)
        and 0 <= slot.fee_rate_ppb <= FEE_RATE_MAX_PPB
        and is_amount(slot.minimum) and is_amount(slot.ref_price)
        and is_amount(slot.exposure) and is_money(slot.realised)
    )  # fmt: skip


def orders_are_typed(slot: Slot) -> bool:
    """Order records are in range and a fee is at most its notional."""
    entry, last, closed = slot.entry, slot.exit, slot.closed
    return (
        is_amount(entry.ordered) and is_amount(entry.quantity) and is_amount(entry.quote)
        and -entry.quote <= entry.fee <= entry.quote
        and is_bit(entry.graded) and is_bit(entry.done) and is_bit(entry.seen)
        and 0 <= last.attempt <= ATTEMPT_MAX
        and is_amount(last.ordered) and is_amount(last.quantity) and is_amount(last.quote)
        and is_bit(last.done) and is_bit(last.seen) and is_bit(last.everything)
        and is_amount(closed.past_quantity) and is_amount(closed.past_quote)
        and is_amount(closed.external_quantity) and is_amount(closed.external_quote)
        and 0 <= closed.fee <= BOUND and exit_quote(slot) <= BOUND
    )  # fmt: skip


def plan_is_typed(slot: Slot) -> bool:
    """A live trade has 1 to 8 legs, positive ratios, zeros behind (clause E2)."""
    plan = slot.plan
    if slot.phase == Phase.IDLE:
        return True
    if plan.legs < 1 or plan.legs > LEGS or plan.next_leg < 0 or plan.next_leg > plan.legs:
        return False
    return all(is_leg_typed(plan, index) for index in range(LEGS))


def is_leg_typed(plan: Plan, index: int) -> bool:
    """A leg of the plan takes a positive share of what remains; past the last leg there is nothing."""
    if index < plan.legs:
        return 1 <= plan.ratios[index] <= RATIO_SCALE
    return plan.ratios[index] == 0


def idle_is_blank(slot: Slot) -> bool:
    """An idle slot is all zero but for its tails (clause S2)."""
    return slot.phase != Phase.IDLE or slot == Slot(tails=slot.tails)


def live_is_identified(slot: Slot) -> bool:
    """A live trade has an id, a side, a minimum, a reference."""
    if slot.phase == Phase.IDLE:
        return True
    return slot.trade >= 1 and slot.side != Side.NONE and slot.minimum >= 1 and slot.ref_price >= 1


def fills_have_money(slot: Slot) -> bool:
    """Quantity and notional are both zero or both positive (clause O2)."""
    entry, last, closed = slot.entry, slot.exit, slot.closed
    return (
        (entry.quantity > 0) == (entry.quote > 0)
        and (last.quantity > 0) == (last.quote > 0)
        and (closed.past_quantity > 0) == (closed.past_quote > 0)
        and (closed.external_quantity > 0) == (closed.external_quote > 0)
    )


def orders_within_terms(slot: Slot) -> bool:
    """No order fills more than ordered, or unseen."""
    entry, last, closed = slot.entry, slot.exit, slot.closed
    return (
        entry.quantity <= entry.ordered
        and last.quantity <= last.ordered
        and closed.past_quantity + last.ordered <= entry.quantity
        and (entry.quantity == 0 or entry.seen == 1)
        and (last.quantity == 0 or last.seen == 1)
    )


def exits_within_entry(slot: Slot) -> bool:
    """Exits together never exceed the entry (clause E6)."""
    return remaining(slot) >= 0


def entry_phase_shape(slot: Slot) -> bool:
    """ENTRY_*: the entry is not over and no exit exists (clause P1)."""
    if not in_entry(slot):
        return True
    entry = slot.entry
    return (
        entry.ordered >= 1 and entry.quantity < entry.ordered and entry.done == 0 and entry.graded == 0
        and slot.exit == Exit() and slot.closed.past_quantity == 0 and slot.plan.next_leg == 0
        and (slot.phase != Phase.ENTRY_REQUESTED or entry.seen == 0)
        and (slot.phase != Phase.ENTRY_WORKING or entry.seen == 1)
    )  # fmt: skip


def open_phase_shape(slot: Slot) -> bool:
    """POSITION_OPEN: something remains and no order is in flight."""
    if slot.phase != Phase.POSITION_OPEN:
        return True
    if slot.exit.attempt == 0 and slot.exit != Exit():
        return False
    return remaining(slot) > 0 and (slot.exit.attempt == 0 or slot.exit.done == 1)


def exit_phase_shape(slot: Slot) -> bool:
    """EXIT_*: exactly one exit order is in flight, not over."""
    if not in_exit(slot):
        return True
    last = slot.exit
    return (
        last.attempt >= 1 and last.ordered >= 1 and last.quantity < last.ordered and last.done == 0
        and (slot.phase != Phase.EXIT_REQUESTED or last.seen == 0)
        and (slot.phase != Phase.EXIT_WORKING or last.seen == 1)
    )  # fmt: skip


def entry_over_once_held(slot: Slot) -> bool:
    """From POSITION_OPEN on the entry is over, seen and filled."""
    if slot.phase == Phase.IDLE or in_entry(slot):
        return True
    return slot.entry.done == 1 and slot.entry.seen == 1 and slot.entry.quantity >= 1


def no_exit_without_attempt(slot: Slot) -> bool:
    """Attempt 0 means that no exit order ever was."""
    if slot.exit.attempt > 0:
        return True
    return slot.exit == Exit() and slot.closed.past_quantity == 0


def fees_follow_record(slot: Slot) -> bool:
    """An ungraded fee is the prediction on its notional (clause L7)."""
    entry = slot.entry
    if entry.graded == 0 and not is_predicted_fee(entry.fee, entry.quote, slot.fee_rate_ppb):
        return False
    return is_predicted_fee(slot.closed.fee, exit_quote(slot), slot.fee_rate_ppb)


def realised_follows_record(slot: Slot) -> bool:
    """Profit is a function of the record (clause L2)."""
    proceeds = exit_quote(slot)
    cost = proceeds - slot.realised
    if slot.side != Side.LONG:
        cost = proceeds + slot.realised
    return is_cost_share(cost, slot.entry.quote, slot.entry.quantity, exit_quantity(slot))


def exposure_covers_entry(slot: Slot) -> bool:
    """Exposure is at least the entry's notional (clause G9)."""
    return slot.exposure >= slot.entry.quote


def tails_are_typed(slot: Slot) -> bool:
    """A tail is blank, or a whole finished trade."""
    return all(is_tail_typed(tail) for tail in slot.tails)


def is_tail_typed(tail: Tail) -> bool:
    """Blank, or both halves and the record of a finished trade."""
    if tail.trade == 0:
        return tail == Tail()
    return is_settled_half(tail.entry) and is_settled_half(tail.exit) and tail_is_finished(tail)


def is_settled_half(half: Half) -> bool:
    """A half of a finished trade: something was traded, with fees up to its notional; predicted ones are no rebate."""
    return (
        1 <= half.quantity <= BOUND and 1 <= half.quote <= BOUND
        and -half.quote <= half.fee <= half.quote and is_bit(half.graded) and (half.graded == 1 or half.fee >= 0)
    )  # fmt: skip


def tail_is_finished(tail: Tail) -> bool:
    """All that was bought was sold (or the reverse), by orders that the record can show."""
    return (
        1 <= tail.trade <= TRADE_ID_MAX and 0 <= tail.instrument < INSTRUMENTS
        and Side.LONG <= tail.side <= Side.SHORT and tail.entry.quantity == tail.exit.quantity
        and 0 <= tail.last_attempt <= ATTEMPT_MAX
        and 0 <= tail.last_attempt_quantity <= tail.exit.quantity
        and (tail.last_attempt > 0 or tail.last_attempt_quantity == 0)
    )  # fmt: skip


def tails_newest_first(slot: Slot) -> bool:
    """Tails are older than the live trade, newest first, blanks last."""
    newer = slot.trade if slot.phase != Phase.IDLE else TRADE_ID_MAX + 1
    for tail in slot.tails:
        if tail.trade != 0 and tail.trade >= newer:
            return False
        newer = tail.trade
    return True


def live_has_room_to_finish(slot: Slot) -> bool:
    """A live trade implies a graded tail (clause F3)."""
    return slot.phase == Phase.IDLE or any(is_graded(tail) for tail in slot.tails)


def entry_price_is_plausible(slot: Slot) -> bool:
    """While the entry's fate is open, its average price lies within a quarter and four times the reference (O3)."""
    entry = slot.entry
    return not in_entry(slot) or entry.quantity == 0 or is_plausible(entry.quote, entry.quantity, slot.ref_price)


def is_plausible(quote: int, quantity: int, ref_price: int) -> bool:
    """A notional is within a quarter and four times of a quantity at a reference price."""
    return quantity * ref_price <= 4 * quote * NOTIONAL_DIVISOR and quote * NOTIONAL_DIVISOR <= 4 * quantity * ref_price


SLOT: Final = (
    SlotInvariant("slot-typed", slot_is_typed),
    SlotInvariant("orders-typed", orders_are_typed),
    SlotInvariant("plan-typed", plan_is_typed),
    SlotInvariant("idle-blank", idle_is_blank),
    SlotInvariant("live-identified", live_is_identified),
    SlotInvariant("fills-have-money", fills_have_money),
    SlotInvariant("orders-within-terms", orders_within_terms),
    SlotInvariant("exits-within-entry", exits_within_entry),
    SlotInvariant("shape-entry", entry_phase_shape),
    SlotInvariant("shape-open", open_phase_shape),
    SlotInvariant("shape-exit", exit_phase_shape),
    SlotInvariant("entry-over", entry_over_once_held),
    SlotInvariant("no-exit-unnumbered", no_exit_without_attempt),
    SlotInvariant("fees-follow-record", fees_follow_record),
    SlotInvariant("realised-follows-record", realised_follows_record),
    SlotInvariant("exposure-covers-entry", exposure_covers_entry),
    SlotInvariant("entry-price-plausible", entry_price_is_plausible),
    SlotInvariant("tails-typed", tails_are_typed),
    SlotInvariant("tails-newest-first", tails_newest_first),
    SlotInvariant("room-to-finish", live_has_room_to_finish),
)  # fmt: skip


# --- a live slot and its instrument ---------------------------------------------------------------------------------


def live_in_registered(slot: Slot, instrument: Instrument) -> bool:
    """A live trade is in a registered instrument."""
    return slot.phase == Phase.IDLE or instrument.registered == 1


def whole_lots(slot: Slot, instrument: Instrument) -> bool:
    """Every quantity of a live trade is whole lots (clause E5)."""
    if slot.phase == Phase.IDLE:
        return True
    lot = instrument.lot
    entry, last, closed = slot.entry, slot.exit, slot.closed
    return (
        is_whole(entry.ordered, lot) and is_whole(entry.quantity, lot) and is_whole(last.ordered, lot)
        and is_whole(last.quantity, lot) and is_whole(closed.past_quantity, lot)
        and is_whole(closed.external_quantity, lot)
    )  # fmt: skip


def minimum_is_whole(slot: Slot, instrument: Instrument) -> bool:
    """A live trade's minimum is whole lots, or too large for any order (clause E4)."""
    return slot.phase == Phase.IDLE or slot.minimum == BOUND or is_whole(slot.minimum, instrument.lot)


HELD: Final = (
    HeldInvariant("live-in-registered", live_in_registered),
    HeldInvariant("whole-lots", whole_lots),
    HeldInvariant("minimum-whole", minimum_is_whole),
)
