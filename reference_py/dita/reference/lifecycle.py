"""How a trade's slot changes hands: commands for its orders, rollback, and finishing."""

from dita.reference.arithmetic import leg_quantity
from dita.reference.focus import Answer, money, require
from dita.spec.outcome import Outcome
from dita.spec.scales import ATTEMPT_MAX
from dita.spec.state import Exit, Focus, Half, Slot, Tail, exit_quantity, exit_quote, remaining
from dita.spec.vocabulary import Code, OrderSide, Phase, Side, Verdict

ENTRY_PHASES = (Phase.ENTRY_REQUESTED, Phase.ENTRY_WORKING, Phase.ENTRY_UNRESOLVED)
EXIT_PHASES = (Phase.EXIT_REQUESTED, Phase.EXIT_WORKING, Phase.EXIT_UNRESOLVED)


def in_entry(slot: Slot) -> bool:
    """The entry order is the one in flight."""
    return Phase.ENTRY_REQUESTED <= slot.phase and slot.phase <= Phase.ENTRY_UNRESOLVED


def in_exit(slot: Slot) -> bool:
    """The latest exit order is the one in flight."""
    return Phase.EXIT_REQUESTED <= slot.phase


def in_flight_attempt(slot: Slot) -> int:
    """Number of the order in flight (only meaningful in an entry or exit phase)."""
    if in_entry(slot):
        return 0
    return slot.exit.attempt


def accepted(
    before: Slot,
    focus: Focus,
    code: Code = Code.OK,
    *,
    attempt: int = 0,
    cancel: int = 0,
    resolve: int = 0,
    reconcile: int = 0,
) -> Answer:
    """Accept; the transition, if the phase changed, is from the true previous phase to the new one."""
    outcome = Outcome(
        Verdict.ACCEPTED, code, trade=before.trade, attempt=attempt,
        cancel=cancel, resolve=resolve, reconcile=reconcile,
    )  # fmt: skip
    if focus.slot.phase != before.phase:
        outcome = outcome._replace(moves=1, from_1=before.phase, to_1=focus.slot.phase)
    return focus, outcome


def idle_again(focus: Focus) -> Focus:
    """The live part of the slot back to zero; tails stay (clause S3: rollback is exact)."""
    account = focus.account._replace(
        live_slots=focus.account.live_slots - 1,
        exposure=focus.account.exposure - focus.slot.exposure,
    )
    return Focus(account, focus.instrument._replace(holder=0), Slot(tails=focus.slot.tails))


def finished(before: Slot, focus: Focus, code: Code = Code.OK, *, attempt: int = 0) -> Answer:
    """Nothing remains: the trade becomes the newest tail and the slot is free (clause F2)."""
    slot = focus.slot
    tail = Tail(
        trade=slot.trade,
        instrument=slot.instrument,
        side=slot.side,
        entry=Half(slot.entry.quantity, slot.entry.quote, slot.entry.fee, slot.entry.graded),
        exit=Half(exit_quantity(slot), exit_quote(slot), slot.closed.fee, 0),
        last_attempt=slot.exit.attempt,
        last_attempt_quantity=slot.exit.quantity,
    )
    done = idle_again(focus._replace(slot=slot._replace(tails=with_newest(slot.tails, tail))))
    answer, outcome = accepted(before, done, code, attempt=attempt)
    return answer, outcome._replace(cancel_protection=1)


def with_newest(tails: tuple[Tail, ...], newest: Tail) -> tuple[Tail, ...]:
    """Put a tail in front; the oldest one that is fully graded makes room (its money is in the ledger for good)."""
    for index in reversed(range(1, len(tails))):
        if is_graded(tails[index]):
            return (newest, *tails[:index], *tails[index + 1 :])
    # Clause F3: a live trade implies a graded tail; no other is, so it is the front one.
    return (newest, *tails[1:])


def is_graded(tail: Tail) -> bool:
    """Both halves are settled: the venue has nothing more to say about this trade's money."""
    return tail.entry.graded == 1 and tail.exit.graded == 1


def has_room(slot: Slot) -> bool:
    """Clause F3: some tail is graded, so that the next trade will be able to finish."""
    for tail in slot.tails:
        if is_graded(tail):
            return True
    return False


def closing(focus: Focus, *, everything: bool, limit_price: int, lot: int) -> tuple[Focus, Outcome]:
    """Submit the next exit order from POSITION_OPEN. Clears ``flatten`` when it is for everything (clause X3)."""
    slot = focus.slot
    left = remaining(slot)
    quantity = left
    if not everything and slot.plan.next_leg < slot.plan.legs - 1:
        ratio = slot.plan.ratios[slot.plan.next_leg]
        quantity = leg_quantity(left, ratio, lot, slot.minimum)
    attempt = slot.exit.attempt + 1
    require(attempt <= ATTEMPT_MAX, Code.OVERFLOW)
    takes_all = 1 if quantity == left else 0
    closed = slot.closed._replace(
        past_quantity=slot.closed.past_quantity + slot.exit.quantity,
        past_quote=money(slot.closed.past_quote + slot.exit.quote),
    )
    after = slot._replace(
        phase=Phase.EXIT_REQUESTED,
        flatten=0 if takes_all == 1 else slot.flatten,
        closed=closed,
        exit=Exit(attempt=attempt, ordered=quantity, everything=takes_all),
    )
    order_side = OrderSide.SELL if slot.side == Side.LONG else OrderSide.BUY
    outcome = Outcome(
        Verdict.ACCEPTED, Code.OK, moves=1, from_1=slot.phase, to_1=Phase.EXIT_REQUESTED,
        submit=1, trade=slot.trade, attempt=attempt, side=order_side, quantity=quantity,
        limit_price=limit_price, reduce_only=1, close_all=takes_all,
    )  # fmt: skip
    return focus._replace(slot=after), outcome


def opened(before: Slot, focus: Focus, code: Code = Code.OK, *, attempt: int = 0, resubmit: bool) -> Answer:
    """The order in flight is over and something remains: POSITION_OPEN, and at once EXIT_REQUESTED if flattening."""
    focus = focus._replace(slot=focus.slot._replace(phase=Phase.POSITION_OPEN))
    if resubmit and focus.slot.flatten == 1:
        focus, outcome = closing(focus, everything=True, limit_price=0, lot=focus.instrument.lot)
        return focus, outcome._replace(code=code, moves=2, from_1=before.phase, to_1=Phase.POSITION_OPEN,
            from_2=Phase.POSITION_OPEN, to_2=Phase.EXIT_REQUESTED,
        )  # fmt: skip
    return accepted(before, focus, code, attempt=attempt)
