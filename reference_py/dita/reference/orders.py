"""What the venue says about one order: snapshots, rejections, silence, absence (clauses O1 to O9, U1 to U5).

Order events are snapshots, never deltas: merging is a join, so duplicates, reordering and loss are one harmless case.
"""

from dita.reference.arithmetic import is_multiple, price_plausible
from dita.reference.focus import Answer, flagged, flagged_evidence, in_range, require, require_time, with_evidence
from dita.reference.ledger import booked
from dita.reference.lifecycle import accepted, finished, idle_again, in_entry, in_exit, in_flight_attempt, opened
from dita.spec.inputs import Input
from dita.spec.scales import ATTEMPT_MAX, BOUND, TRADE_ID_MAX
from dita.spec.state import Focus, Slot, Tail, exit_quantity, remaining
from dita.spec.vocabulary import ADMIT_MARGIN_NS, ALL_CHECKS, Code, Phase, Reconcile, RejectReason

# --- identity -------------------------------------------------------------------------------------------------------


def require_order_named(event: Input) -> None:
    """The order's numbers are in range; a kernel-given id always is."""
    require(in_range(event.trade, 1, TRADE_ID_MAX), Code.BAD_VALUE)
    require(in_range(event.attempt, 0, ATTEMPT_MAX), Code.BAD_VALUE)


def is_mine(slot: Slot, event: Input) -> bool:
    """Clause O4: the entry order and the latest exit order of the live trade stay addressable, done or not."""
    if slot.phase == Phase.IDLE or slot.trade != event.trade:
        return False
    return event.attempt == 0 or event.attempt == slot.exit.attempt


def not_mine(focus: Focus, event: Input) -> Code:
    """An order of a known trade is past; one of a trade never begun is unknown."""
    if event.trade <= focus.account.trade_high_water:
        return Code.TERMINAL_STATE
    return Code.UNKNOWN_ORDER


def require_mine(focus: Focus, event: Input) -> None:
    """Refuse unless the order is addressable in this slot and instrument."""
    require_order_named(event)
    require(is_mine(focus.slot, event), not_mine(focus, event))
    require(focus.slot.instrument == event.instrument, Code.BAD_INDEX)


# --- snapshots ------------------------------------------------------------------------------------------------------


def order(focus: Focus, event: Input) -> Answer:
    """ORDER: cumulative fill, cumulative notional, and whether the order is over."""
    require_order_named(event)
    require_time(event.time_ns)
    require(in_range(event.done, 0, 1), Code.BAD_VALUE)
    require(focus.instrument.registered == 1, Code.BAD_INDEX)
    if not is_possible(event.quantity, event.quote):
        return impossible(focus, event)
    if not is_mine(focus.slot, event):
        return stray(focus, event)
    require(focus.slot.instrument == event.instrument, Code.BAD_INDEX)
    if event.attempt == 0:
        return entry_order(focus, event)
    return exit_order(focus, event)


def is_possible(quantity: int, quote: int) -> bool:
    """Clause O2: a cumulative fill and its notional are both zero or both positive, and within bounds."""
    if quantity == 0:
        return quote == 0
    return in_range(quantity, 1, BOUND) and in_range(quote, 1, BOUND)


def impossible(focus: Focus, event: Input) -> Answer:
    """The snapshot cannot be true whatever else is: nothing is believed, the runtime reconciles."""
    return flagged(focus, Code.IMPOSSIBLE, trade=event.trade, attempt=event.attempt, reconcile=Reconcile.POSITION)


def stray(focus: Focus, event: Input) -> Answer:
    """Clause T1: an order that the kernel cannot address. Open: cancel it. More than was booked: reconcile."""
    code = not_mine(focus, event)
    shown = 0
    for tail in focus.slot.tails:
        if tail.trade == event.trade:
            require(tail.instrument == event.instrument, Code.BAD_INDEX)
            shown = shown_by(tail, event.attempt)
    cancel = 1 - event.done
    if event.quantity > shown:
        return flagged_evidence(focus, code, event.time_ns, trade=event.trade, attempt=event.attempt, cancel=cancel)
    require(cancel == 1, code)
    return flagged(focus, code, trade=event.trade, attempt=event.attempt, cancel=1)


def shown_by(tail: Tail, attempt: int) -> int:
    """The fill of one order that a finished trade's record proves to be booked."""
    if attempt == 0:
        return tail.entry.quantity
    if attempt == tail.last_attempt:
        return tail.last_attempt_quantity
    return 0


def advances(quantity: int, quote: int, known_quantity: int, known_quote: int, graded: int) -> bool:
    """Clause O1: a provisional snapshot is news when (quantity, grade 0, quote) is above what is known."""
    if quantity != known_quantity:
        return quantity > known_quantity
    return graded == 0 and quote > known_quote


def entry_order(focus: Focus, event: Input) -> Answer:
    """A snapshot of the live trade's entry order."""
    slot = focus.slot
    entry = slot.entry
    lot = focus.instrument.lot
    if event.quantity > entry.ordered or not is_multiple(event.quantity, lot):
        return impossible(focus, event)
    if event.quantity > 0 and not price_plausible(event.quote, event.quantity, slot.ref_price):
        return impossible(focus, event)
    news = advances(event.quantity, event.quote, entry.quantity, entry.quote, entry.graded)
    if not in_entry(slot):
        return late_entry(focus, event, news)
    done = event.done == 1 or event.quantity == entry.ordered
    if done:
        if event.quantity < entry.quantity:
            return to_unresolved(focus, event)
        return entry_done(booked_entry(focus, event, news, done=1), slot)
    if news or entry.seen == 0:
        return entry_working(booked_entry(focus, event, news, done=0), slot)
    require(slot.phase == Phase.ENTRY_UNRESOLVED and event.quantity == entry.quantity, Code.NO_CHANGE)
    require(event.quote == entry.quote, Code.NO_CHANGE)
    return entry_working(focus, slot)


def booked_entry(focus: Focus, event: Input, news: bool, *, done: int) -> Focus:
    """The entry order's record joined with the snapshot, its money booked."""
    slot = focus.slot
    if not news:
        return focus._replace(slot=slot._replace(entry=slot.entry._replace(done=done, seen=1)))
    entry = slot.entry._replace(quantity=event.quantity, quote=event.quote, graded=0, done=done, seen=1)
    return booked(focus, slot._replace(entry=entry), event.time_ns)


def entry_working(focus: Focus, before: Slot) -> Answer:
    """The entry rests on the book; a pending flatten cancels it when it is first known to."""
    slot = focus.slot._replace(phase=Phase.ENTRY_WORKING)
    cancel = slot.flatten if before.phase != Phase.ENTRY_WORKING else 0
    return accepted(before, focus._replace(slot=slot), cancel=cancel)


def entry_done(focus: Focus, before: Slot) -> Answer:
    """The entry is over: nothing filled rolls back exactly, nothing left finishes, else the position is open."""
    if focus.slot.entry.quantity == 0:
        return accepted(before, idle_again(focus), Code.ROLLED_BACK)
    if remaining(focus.slot) == 0:
        return finished(before, focus)
    return opened(before, focus, resubmit=True)


def late_entry(focus: Focus, event: Input, news: bool) -> Answer:
    """Clause O5: growth of an entry that was believed over is booked, because attribution is certain."""
    require(news, Code.NO_CHANGE)
    before = focus.slot
    grows = event.quantity > before.entry.quantity
    focus = booked_entry(focus, event, news, done=1)
    if not grows:
        return accepted(before, focus)
    return late(before, focus, event)


def late(before: Slot, focus: Focus, event: Input) -> Answer:
    """A late fill was booked: reconcile, and cancel the order if the venue still calls it open, finished or not."""
    focus = with_evidence(focus, event.time_ns)
    if remaining(focus.slot) == 0 and focus.slot.phase == Phase.POSITION_OPEN:
        answer, outcome = finished(before, focus, Code.LATE_FILL, attempt=event.attempt)
    else:
        answer, outcome = accepted(before, focus, Code.LATE_FILL, attempt=event.attempt)
    return answer, outcome._replace(cancel=1 - event.done, reconcile=Reconcile.POSITION)


def exit_order(focus: Focus, event: Input) -> Answer:
    """A snapshot of the live trade's latest exit order."""
    slot = focus.slot
    known = slot.exit
    if event.quantity > known.ordered or not is_multiple(event.quantity, focus.instrument.lot):
        return impossible(focus, event)
    news = advances(event.quantity, event.quote, known.quantity, known.quote, 0)
    if news and exit_quantity(slot) - known.quantity + event.quantity > slot.entry.quantity:
        stop = 0 if in_exit(slot) else 1 - event.done
        return flagged_evidence(
            focus, Code.OVER_CLOSE, event.time_ns, trade=event.trade, attempt=event.attempt, cancel=stop
        )
    if not in_exit(slot):
        return late_exit(focus, event, news)
    done = event.done == 1 or event.quantity == known.ordered
    if done:
        if event.quantity < known.quantity:
            return to_unresolved(focus, event)
        return exit_done(booked_exit(focus, event, news, done=1), slot)
    if news or known.seen == 0:
        return exit_working(booked_exit(focus, event, news, done=0), slot)
    require(slot.phase == Phase.EXIT_UNRESOLVED and event.quantity == known.quantity, Code.NO_CHANGE)
    require(event.quote == known.quote, Code.NO_CHANGE)
    return exit_working(focus, slot)


def booked_exit(focus: Focus, event: Input, news: bool, *, done: int) -> Focus:
    """The latest exit order's record joined with the snapshot, its money booked."""
    slot = focus.slot
    if not news:
        return focus._replace(slot=slot._replace(exit=slot.exit._replace(done=done, seen=1)))
    record = slot.exit._replace(quantity=event.quantity, quote=event.quote, done=done, seen=1)
    return booked(focus, slot._replace(exit=record), event.time_ns)


def exit_working(focus: Focus, before: Slot) -> Answer:
    """The exit rests on the book; it is cancelled when a flatten is pending or nothing is left for it to close."""
    slot = focus.slot._replace(phase=Phase.EXIT_WORKING)
    cancel = slot.flatten if before.phase != Phase.EXIT_WORKING else 0
    if remaining(slot) == 0:
        cancel = 1
    return accepted(before, focus._replace(slot=slot), attempt=slot.exit.attempt, cancel=cancel)


def exit_done(focus: Focus, before: Slot) -> Answer:
    """The exit is over: finish when nothing remains, else the leg is consumed if it did anything."""
    slot = focus.slot
    attempt = slot.exit.attempt
    if remaining(slot) == 0:
        return finished(before, focus, attempt=attempt)
    if slot.exit.quantity > 0 or slot.exit.everything == 1:
        next_leg = min(slot.plan.next_leg + 1, slot.plan.legs)
        focus = focus._replace(slot=slot._replace(plan=slot.plan._replace(next_leg=next_leg)))
    return opened(before, focus, attempt=attempt, resubmit=True)


def late_exit(focus: Focus, event: Input, news: bool) -> Answer:
    """Clause O6: news of the latest exit after it was believed over (wrongly rejected, wrongly absent, or grown)."""
    before = focus.slot
    first_seen = before.exit.seen == 0
    resting = first_seen and event.done == 0
    require(news or resting, Code.NO_CHANGE)
    grows = event.quantity > before.exit.quantity
    focus = booked_exit(focus, event, news, done=1)
    if grows:
        return late(before, focus, event)
    if not resting:
        return accepted(before, focus, attempt=event.attempt)
    return accepted(
        before,
        with_evidence(focus, event.time_ns),
        Code.INCONSISTENT,
        attempt=event.attempt,
        cancel=1,
        reconcile=Reconcile.POSITION,
    )


def to_unresolved(focus: Focus, event: Input) -> Answer:
    """Clause O7: contradictory evidence about the order in flight. Nothing is believed; it is asked for again."""
    slot = focus.slot
    target = Phase.ENTRY_UNRESOLVED if in_entry(slot) else Phase.EXIT_UNRESOLVED
    if slot.phase == target:
        return flagged(focus, Code.INCONSISTENT, trade=event.trade, attempt=event.attempt, resolve=1)
    return unresolved(focus, Code.INCONSISTENT)


def unresolved(focus: Focus, code: Code = Code.OK) -> Answer:
    """The order in flight is unknown: the slot waits for a resolution (clause U1)."""
    before = focus.slot
    target = Phase.ENTRY_UNRESOLVED if in_entry(before) else Phase.EXIT_UNRESOLVED
    return accepted(
        before,
        focus._replace(slot=before._replace(phase=target)),
        code,
        attempt=in_flight_attempt(before),
        resolve=1,
    )


# --- answers to a submit --------------------------------------------------------------------------------------------


def is_in_flight(slot: Slot, event: Input) -> bool:
    """The named order is the one whose fate is open."""
    if in_entry(slot):
        return event.attempt == 0
    return in_exit(slot) and event.attempt == slot.exit.attempt


def was_seen(slot: Slot) -> int:
    """Whether the order in flight has ever been seen."""
    if in_entry(slot):
        return slot.entry.seen
    return slot.exit.seen


def rejected(focus: Focus, event: Input) -> Answer:
    """REJECTED: the order surely did not reach the book, unless it has been seen there."""
    require_mine(focus, event)
    require_time(event.time_ns)
    require(in_range(event.reason, RejectReason.NOT_SENT, RejectReason.THROTTLED), Code.BAD_VALUE)
    require(is_in_flight(focus.slot, event), Code.NO_CHANGE)
    if was_seen(focus.slot) == 1:
        return to_unresolved(focus, event)
    if in_entry(focus.slot):
        return accepted(focus.slot, idle_again(focus), Code.ROLLED_BACK)
    suspicious = event.reason == RejectReason.NO_POSITION or event.reason == RejectReason.BLOCKED
    return exit_never_was(focus, event, reconcile=suspicious)


def exit_never_was(focus: Focus, event: Input, *, reconcile: bool) -> Answer:
    """An exit that never reached the book: back to the position, leg unconsumed; never resubmitted in the same step."""
    before = focus.slot
    focus = focus._replace(slot=before._replace(exit=before.exit._replace(done=1)))
    if reconcile:
        focus = with_evidence(focus, event.time_ns)
    if remaining(before) == 0:
        answer, outcome = finished(before, focus, attempt=event.attempt)
    else:
        answer, outcome = opened(before, focus, attempt=event.attempt, resubmit=False)
    if reconcile:
        outcome = outcome._replace(reconcile=Reconcile.POSITION)
    return answer, outcome


def unknown(focus: Focus, event: Input) -> Answer:
    """UNKNOWN: the submit's fate is open. An order that has been seen exists, whatever the answer was."""
    require_mine(focus, event)
    require(is_in_flight(focus.slot, event), Code.NO_CHANGE)
    working = focus.slot.phase == Phase.ENTRY_WORKING or focus.slot.phase == Phase.EXIT_WORKING
    require(not working, Code.NO_CHANGE)
    return unresolved(focus)


def silent(focus: Focus, event: Input) -> Answer:
    """SILENT: ask again; a requested order that stays silent becomes unresolved, a quiet resting one does not."""
    require_mine(focus, event)
    require(is_in_flight(focus.slot, event), Code.NO_CHANGE)
    slot = focus.slot
    if slot.phase == Phase.ENTRY_WORKING or slot.phase == Phase.EXIT_WORKING:
        return accepted(slot, focus, attempt=event.attempt, resolve=1)
    return unresolved(focus)


def not_found(focus: Focus, event: Input) -> Answer:
    """NOT_FOUND: accepted as absent only with the full evidence of clause U4, and then reconciled all the same."""
    require_mine(focus, event)
    require_time(event.time_ns)
    require_time(event.deadline_ns)
    slot = focus.slot
    require(is_in_flight(slot, event), Code.NO_CHANGE)
    if not is_definitely_absent(slot, event):
        return flagged(focus, Code.NOT_DEFINITE, trade=event.trade, attempt=event.attempt, resolve=1)
    if in_exit(slot):
        return exit_never_was(focus, event, reconcile=True)
    gone = with_evidence(idle_again(focus), event.time_ns)
    return accepted(slot, gone, Code.ROLLED_BACK, reconcile=Reconcile.POSITION)


def is_definitely_absent(slot: Slot, event: Input) -> bool:
    """Clause U4: unresolved, never seen, every check made, and read after the deadline plus the admission margin."""
    if slot.phase != Phase.ENTRY_UNRESOLVED and slot.phase != Phase.EXIT_UNRESOLVED:
        return False
    if was_seen(slot) == 1 or event.checks != ALL_CHECKS or event.deadline_ns == 0:
        return False
    return event.time_ns > event.deadline_ns + ADMIT_MARGIN_NS
