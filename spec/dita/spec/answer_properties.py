"""The step properties about answers: to contradictions, to silence, to requests to close, to rows that do not fit.

They stand in the table of ``dita.spec.properties`` with the others.
"""

from typing import Final

from dita.spec.inputs import Input
from dita.spec.order_properties import is_mine
from dita.spec.outcome import Outcome
from dita.spec.slot_invariants import in_entry, in_exit
from dita.spec.state import Focus, Slot, remaining
from dita.spec.vocabulary import Code, Kind, Part, Phase, Reconcile, RejectReason, Verdict


def is_about_the_order(slot: Slot, event: Input) -> bool:
    """The input names the order in flight, in its instrument."""
    attempt = 0 if in_entry(slot) else slot.exit.attempt
    flying = in_entry(slot) or in_exit(slot)
    return flying and slot.trade == event.trade and slot.instrument == event.instrument and event.attempt == attempt


def is_malformed(outcome: Outcome) -> bool:
    """The input was turned down for its own fields (clause O2)."""
    return outcome.code in (Code.IMPOSSIBLE, Code.BAD_VALUE, Code.BAD_INDEX)


def asks_for_its_order(pre: Slot, post: Slot, outcome: Outcome) -> bool:
    """The order in flight has become unresolved, or stays so, and is asked for."""
    target = Phase.ENTRY_UNRESOLVED if in_entry(pre) else Phase.EXIT_UNRESOLVED
    return post.phase == target and outcome.resolve == 1


def contradiction_is_asked_again(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """Done below the known fill, or rejected though seen: the order is unresolved and asked for (clause O7)."""
    slot = pre.slot
    if not is_about_the_order(slot, event) or is_malformed(outcome):
        return True
    known = slot.entry.quantity if in_entry(slot) else slot.exit.quantity
    seen = slot.entry.seen if in_entry(slot) else slot.exit.seen
    shrank = event.kind == Kind.ORDER and event.done == 1 and event.quantity < known
    denied = event.kind == Kind.REJECTED and seen == 1
    if not shrank and not denied:
        return True
    return outcome.code == Code.INCONSISTENT and asks_for_its_order(slot, post.slot, outcome)


def equal_snapshot_answers(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """In *_UNRESOLVED an open snapshot equal to what is known moves to *_WORKING (clause O9)."""
    slot = pre.slot
    unresolved = slot.phase in (Phase.ENTRY_UNRESOLVED, Phase.EXIT_UNRESOLVED)
    if event.kind != Kind.ORDER or not unresolved or not is_about_the_order(slot, event) or is_malformed(outcome):
        return True
    known = (slot.entry.quantity, slot.entry.quote) if in_entry(slot) else (slot.exit.quantity, slot.exit.quote)
    if event.done == 1 or (event.quantity, event.quote) != known:
        return True
    working = Phase.ENTRY_WORKING if in_entry(slot) else Phase.EXIT_WORKING
    return outcome.verdict == Verdict.ACCEPTED and post.slot.phase == working


def is_news_of_the_past(slot: Slot, event: Input) -> bool:
    """The input is a snapshot of the live trade's entry or latest exit, believed over: it grew, or is seen at last."""
    if event.kind != Kind.ORDER or not is_mine(slot, event) or is_about_the_order(slot, event):
        return False
    if event.attempt == 0:
        return event.quantity > slot.entry.quantity or slot.entry.seen == 0
    return event.quantity > slot.exit.quantity or slot.exit.seen == 0


def late_fill_is_booked(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """Growth of an order believed over is booked as LATE_FILL and requires a reconcile (clauses O5, O6)."""
    if not is_news_of_the_past(pre.slot, event) or outcome.verdict != Verdict.ACCEPTED:
        return True
    known = pre.slot.entry.quantity if event.attempt == 0 else pre.slot.exit.quantity
    late = outcome.code == Code.LATE_FILL and post.instrument.reconcile_required == 1
    return event.quantity == known or late


def open_past_order_is_cancelled(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """An order believed over that grew, or is seen at last, and is still open is cancelled: none outlives its trade.

    Also when the trade finishes by it, or it would close too much (clauses O5, O6, E6).
    """
    if not is_news_of_the_past(pre.slot, event) or event.done == 1:
        return True
    if outcome.verdict == Verdict.REFUSED or outcome.code == Code.IMPOSSIBLE:
        return True
    return outcome.cancel == 1 and outcome.trade == event.trade and outcome.attempt == event.attempt


def silence_asks(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """SILENT about the order in flight asks for it; requested becomes unresolved, working stays so (clause U3)."""
    slot = pre.slot
    if event.kind != Kind.SILENT or not is_about_the_order(slot, event):
        return True
    if outcome.verdict != Verdict.ACCEPTED or outcome.resolve == 0:
        return False
    if slot.phase in (Phase.ENTRY_WORKING, Phase.EXIT_WORKING):
        return post.slot == slot
    return asks_for_its_order(slot, post.slot, outcome)


def nothing_is_sent_again(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A rejected or absent order is never resubmitted in the same step; a pending flatten stays pending (clause U5)."""
    if event.kind not in (Kind.REJECTED, Kind.NOT_FOUND):
        return True
    return outcome.submit == 0 and (post.slot.phase == Phase.IDLE or post.slot.flatten == pre.slot.flatten)


def cancel_is_about_its_order(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """CANCEL cancels a working order, asks for an unresolved one, and keeps all that is booked (clause X4)."""
    if event.kind != Kind.CANCEL or outcome.verdict != Verdict.ACCEPTED:
        return True
    slot = pre.slot
    working = slot.phase in (Phase.ENTRY_WORKING, Phase.EXIT_WORKING)
    unresolved = slot.phase in (Phase.ENTRY_UNRESOLVED, Phase.EXIT_UNRESOLVED)
    attempt = 0 if in_entry(slot) else slot.exit.attempt
    return (
        (working or unresolved) and (outcome.cancel == 1) == working and (outcome.resolve == 1) == unresolved
        and outcome.attempt == attempt and post.slot == slot
    )  # fmt: skip


def rejected_exit_reopens(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A rejected exit leaves the position open and its leg to be done; if it may be gone, a reconcile (clause X5)."""
    slot = pre.slot
    rejected = event.kind == Kind.REJECTED and outcome.verdict == Verdict.ACCEPTED
    if not rejected or not in_exit(slot) or slot.exit.seen == 1:
        return True
    gone = event.reason in (RejectReason.NO_POSITION, RejectReason.BLOCKED)
    if gone and (post.instrument.reconcile_required == 0 or outcome.reconcile != Reconcile.POSITION):
        return False
    if remaining(slot) == 0:
        return post.slot.phase == Phase.IDLE
    return post.slot.phase == Phase.POSITION_OPEN and post.slot.plan == slot.plan


def a_close_names_its_trade(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """EXIT, CANCEL and FLATTEN act on the trade they name (FLATTEN may name none), EXIT on the next leg (clause X6)."""
    if event.kind not in (Kind.EXIT, Kind.FLATTEN, Kind.CANCEL) or outcome.verdict != Verdict.ACCEPTED:
        return True
    any_trade = event.kind == Kind.FLATTEN and event.trade == 0
    named = any_trade or event.trade == pre.slot.trade
    return named and (event.kind != Kind.EXIT or event.leg == pre.slot.plan.next_leg)


def booked_quantity(slot: Slot, event: Input) -> int:
    """What is booked of the half of the trade that a settlement names, 1e-8 coins."""
    known = 0
    if slot.phase != Phase.IDLE and slot.trade == event.trade:
        known = slot.entry.quantity
    for tail in slot.tails:
        if tail.trade == event.trade and tail.trade != 0:
            known = tail.entry.quantity if event.part == Part.ENTRY else tail.exit.quantity
    return known


def other_rows_are_not_booked(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """Only rows of the booked quantity settle; SETTLE_MISMATCH says otherwise, of more it requires a reconcile (F4)."""
    if event.kind != Kind.SETTLE or outcome.verdict == Verdict.REFUSED:
        return True
    known = booked_quantity(pre.slot, event)
    if outcome.verdict == Verdict.ACCEPTED:
        return event.quantity == known
    if outcome.code != Code.SETTLE_MISMATCH or event.quantity == known:
        return False
    evidence = post.instrument.reconcile_required == 1 and outcome.reconcile == Reconcile.POSITION
    return event.quantity < known or evidence


ANSWERS: Final = (
    contradiction_is_asked_again, equal_snapshot_answers, late_fill_is_booked, open_past_order_is_cancelled,
    silence_asks, nothing_is_sent_again, cancel_is_about_its_order, rejected_exit_reopens, a_close_names_its_trade,
    other_rows_are_not_booked,
)  # fmt: skip
