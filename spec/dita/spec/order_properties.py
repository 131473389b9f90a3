"""The step properties about refusals that must be, and about what a snapshot does to an order's record.

They stand in the table of ``dita.spec.properties`` with the others.
"""

from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.slot_invariants import in_entry, in_exit
from dita.spec.state import Focus, Slot
from dita.spec.vocabulary import Code, Kind, Mode, Phase, Verdict


def is_mine(slot: Slot, event: Input) -> bool:
    """The input names the live trade's entry order or its latest exit order (clause O4)."""
    live = slot.phase != Phase.IDLE and slot.trade == event.trade
    return live and event.attempt in (0, slot.exit.attempt)


def busy_refuses_enter(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A busy slot refuses ENTER with SLOT_BUSY, unless a value or the number is wrong already (clause G1)."""
    if event.kind != Kind.ENTER or pre.slot.phase == Phase.IDLE:
        return True
    wrong = outcome.code in (Code.BAD_VALUE, Code.BAD_INDEX, Code.NOT_LOT, Code.STALE_ID)
    return outcome.verdict == Verdict.REFUSED and (wrong or outcome.code == Code.SLOT_BUSY)


def nothing_blocks_a_close(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """No mode, freeze or limit refuses FLATTEN or CANCEL; only HALTED refuses EXIT (clauses M1, X1)."""
    if event.kind not in (Kind.EXIT, Kind.FLATTEN, Kind.CANCEL):
        return True
    blocked = outcome.code in (
        Code.MODE_REDUCE_ONLY, Code.CAPITAL_FROZEN, Code.RECONCILE_REQUIRED, Code.UNSETTLED_TRADE, Code.LEVERAGE,
        Code.SLOT_LIMIT,
    )  # fmt: skip
    halted = event.kind == Kind.EXIT and pre.account.mode == Mode.HALTED
    return not blocked and (outcome.code != Code.MODE_HALTED or halted)


def exit_needs_a_position(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """EXIT is accepted only for a live trade, at its next leg, with no exit in flight: no phantom close (clause X2)."""
    if event.kind != Kind.EXIT or outcome.verdict != Verdict.ACCEPTED:
        return True
    slot = pre.slot
    mine = slot.phase != Phase.IDLE and slot.trade == event.trade
    return mine and not in_exit(slot) and slot.plan.next_leg == event.leg


def last_leg_closes_all(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """The last leg of the plan, a pending flatten and FLATTEN close everything that remains (clauses E2, X1)."""
    if outcome.submit == 0 or event.kind not in (Kind.EXIT, Kind.FLATTEN):
        return True
    plan = pre.slot.plan
    whole = event.kind == Kind.FLATTEN or pre.slot.flatten == 1 or plan.next_leg >= plan.legs - 1
    return not whole or outcome.close_all == 1


def past_trade_changes_nothing(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """News of an order that is not addressable changes no slot and no money (clauses O4, T1)."""
    news = event.kind in (Kind.ORDER, Kind.REJECTED, Kind.UNKNOWN, Kind.NOT_FOUND, Kind.SILENT)
    if not news or is_mine(pre.slot, event):
        return True
    return post.slot == pre.slot and post.account.ledger == pre.account.ledger and outcome.verdict != Verdict.ACCEPTED


def seen_is_never_absent(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """An order that has been seen is neither rejected nor absent, whatever is said: it stays in flight (clause U2)."""
    slot = pre.slot
    answer = event.kind in (Kind.REJECTED, Kind.NOT_FOUND)
    entry_seen = in_entry(slot) and slot.entry.seen == 1
    exit_seen = in_exit(slot) and slot.exit.seen == 1
    if not answer or not (entry_seen or exit_seen):
        return True
    return (in_entry(post.slot) and in_entry(slot)) or (in_exit(post.slot) and in_exit(slot))


def entry_is_joined(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A snapshot of the entry order that is believed, or is no news, leaves the join of record and snapshot (O1).

    Join: the larger of (quantity, graded, quote), in this order; done and seen are sticky.
    """
    if event.kind != Kind.ORDER or event.attempt != 0 or not is_mine(pre.slot, event):
        return True
    believed = outcome.verdict == Verdict.ACCEPTED or outcome.code == Code.NO_CHANGE
    if not believed or post.slot.phase == Phase.IDLE:
        return True
    old, new = pre.slot.entry, post.slot.entry
    below = event.quantity == old.quantity and (old.graded == 1 or event.quote <= old.quote)
    if event.quantity < old.quantity or below:
        return (new.quantity, new.graded, new.quote) == (old.quantity, old.graded, old.quote)
    return (new.quantity, new.graded, new.quote) == (event.quantity, 0, event.quote) and new.seen == 1


def exit_is_joined(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A snapshot of the latest exit order that is believed, or is no news, leaves the join of record and snapshot (O1).

    Join: the larger of (quantity, quote), in this order; a resubmitted exit has taken the joined one into the past.
    """
    if event.kind != Kind.ORDER or event.attempt == 0 or not is_mine(pre.slot, event):
        return True
    believed = outcome.verdict == Verdict.ACCEPTED or outcome.code == Code.NO_CHANGE
    if not believed or post.slot.phase == Phase.IDLE:
        return True
    old = pre.slot.exit
    news = event.quantity > old.quantity or (event.quantity == old.quantity and event.quote > old.quote)
    joined = (event.quantity, event.quote) if news else (old.quantity, old.quote)
    if outcome.submit == 0:
        return (post.slot.exit.quantity, post.slot.exit.quote) == joined
    past = pre.slot.closed
    taken = (past.past_quantity + joined[0], past.past_quote + joined[1])
    return (post.slot.closed.past_quantity, post.slot.closed.past_quote) == taken


def mode_is_obeyed(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """After SET_MODE with a mode that exists, that is the mode: no new risk is one input away (clause M1)."""
    if event.kind != Kind.SET_MODE or outcome.code == Code.BAD_VALUE:
        return True
    return post.account.mode == event.mode
