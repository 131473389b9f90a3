"""The step properties: what one step may do, as named plain predicates on (before, event, after, outcome).

Like the invariants they are ordinary Python on integers, so that tests, searches and proofs share them; a predicate's
docstring is the sentence it states. Each is an implication: it holds trivially where its premise does not.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from dita.spec.answer_properties import ANSWERS, contradiction_is_asked_again, equal_snapshot_answers, silence_asks
from dita.spec.book_properties import (
    books_follow_records,
    finished_is_recorded,
    income_is_signed,
    money_moves_by_named_kinds,
    rollback_is_exact,
    seed_is_the_wallet,
    settlement_is_taken,
    tails_are_kept,
    tails_only_settle,
)
from dita.spec.inputs import Input
from dita.spec.laws import record_is_joined
from dita.spec.order_properties import (
    busy_refuses_enter,
    entry_is_joined,
    exit_is_joined,
    exit_needs_a_position,
    last_leg_closes_all,
    mode_is_obeyed,
    nothing_blocks_a_close,
    past_trade_changes_nothing,
    seen_is_never_absent,
)
from dita.spec.outcome import Outcome
from dita.spec.scales import RATIO_SCALE
from dita.spec.shares import FOLLOWS
from dita.spec.slot_invariants import in_entry, in_exit, is_bit, is_whole
from dita.spec.state import Account, Exit, Focus, Slot, State, Tail, capital, exit_quantity, focus_of, remaining
from dita.spec.vocabulary import (
    ADMIT_MARGIN_NS,
    ALL_CHECKS,
    Code,
    Kind,
    Mode,
    OrderSide,
    Phase,
    Reconcile,
    Side,
    Verdict,
)

Predicate = Callable[[Focus, Input, Focus, Outcome], bool]


class Property(NamedTuple):
    """A predicate over what one step may touch, before and after it."""

    id: str
    holds: Predicate


class WholeProperty(NamedTuple):
    """A predicate over the whole state before and after a step."""

    id: str
    holds: Callable[[State, Input, State, Outcome], bool]


# --- verdicts, frame, transitions -----------------------------------------------------------------------------------


def refused_is_identity(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """REFUSED changes nothing and commands nothing (clauses R1, R2)."""
    return outcome.verdict != Verdict.REFUSED or (post == pre and outcome == Outcome(code=outcome.code))


def verdict_is_named(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """Verdict, code, moves and commands are in their vocabularies (clauses R1, R3)."""
    return (
        Verdict.REFUSED <= outcome.verdict <= Verdict.ACCEPTED and Code.OK <= outcome.code <= Code.BAD_INDEX
        and 0 <= outcome.moves <= 2 and is_bit(outcome.submit) and is_bit(outcome.cancel) and is_bit(outcome.resolve)
        and Reconcile.NONE <= outcome.reconcile <= Reconcile.WALLET and is_bit(outcome.cancel_protection)
    )  # fmt: skip


def flagged_moves_nothing(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """FLAGGED touches no slot and no money; only reconcile-required and its evidence time may rise (clause R1)."""
    if outcome.verdict != Verdict.FLAGGED:
        return True
    if outcome.submit == 1 or outcome.moves > 0 or outcome.cancel_protection == 1 or post.slot != pre.slot:
        return False
    if post == pre:
        return True
    old, new = pre.instrument, post.instrument
    rose = new.reconcile_required - old.reconcile_required
    return (
        rose >= 0 and new.evidence_time_ns >= old.evidence_time_ns
        and post.account == pre.account._replace(unreconciled=pre.account.unreconciled + rose)
        and new == old._replace(reconcile_required=new.reconcile_required, evidence_time_ns=new.evidence_time_ns)
    )  # fmt: skip


def only_accepted_submits(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """Only ACCEPTED submits (clause C3)."""
    return outcome.submit == 0 or outcome.verdict == Verdict.ACCEPTED


def transitions_are_true(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """Reported transitions start at the true previous phase, join, and end at the true next one (clause P1)."""
    if outcome.verdict == Verdict.REFUSED:
        return True
    old, new = pre.slot.phase, post.slot.phase
    if outcome.moves == 0:
        return old == new and outcome.from_1 == 0 and outcome.to_1 == 0 and outcome.from_2 == 0 and outcome.to_2 == 0
    if outcome.from_1 != old or outcome.to_1 == old:
        return False
    if outcome.moves == 1:
        return outcome.to_1 == new and outcome.from_2 == 0 and outcome.to_2 == 0
    return outcome.to_1 == Phase.POSITION_OPEN and outcome.from_2 == outcome.to_1 and outcome.to_2 == new


# --- opening --------------------------------------------------------------------------------------------------------


def entered(event: Input, outcome: Outcome) -> bool:
    """An ENTER was accepted."""
    return event.kind == Kind.ENTER and outcome.verdict == Verdict.ACCEPTED


def taken(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """An idle slot became live."""
    if outcome.verdict != Verdict.ACCEPTED:
        return False
    return pre.slot.phase == Phase.IDLE and post.slot.phase != Phase.IDLE


def only_enter_and_adopt_open(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """An idle slot becomes live by ENTER or ADOPT only: no phantom trade (clauses F2, T3)."""
    return not taken(pre, event, post, outcome) or event.kind in (Kind.ENTER, Kind.ADOPT)


def new_trade_is_new(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A new trade has a number above the high water, which becomes the high water (clauses I2, I3)."""
    if not taken(pre, event, post, outcome):
        return post.account.trade_high_water == pre.account.trade_high_water
    high = post.account.trade_high_water
    return pre.account.trade_high_water < event.trade and high == event.trade and post.slot.trade == high


def new_trade_starts_blank(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A new trade inherits nothing from an earlier one: no exit, no fill, first leg, same tails (clause S2)."""
    if not taken(pre, event, post, outcome):
        return True
    slot = post.slot
    return (
        slot.exit == Exit() and exit_quantity(slot) == 0 and slot.closed.fee == 0 and slot.realised == 0
        and slot.plan.next_leg == 0 and slot.flatten == 0 and slot.tails == pre.slot.tails
        and (slot.entry.quantity == 0 or event.kind == Kind.ADOPT)
    )  # fmt: skip


def entry_within_mode(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """ENTER is accepted in ACTIVE only, after SEED, into an idle slot (clauses G1, G2, G3)."""
    account = pre.account
    idle = not entered(event, outcome) or pre.slot.phase == Phase.IDLE
    return idle and (not entered(event, outcome) or (account.mode == Mode.ACTIVE and account.seeded == 1))


def entry_within_truth(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """ENTER is refused while capital is frozen or any instrument awaits a reconcile (clauses G4, G5)."""
    ledger = pre.account.ledger
    calm = abs(ledger.difference) <= pre.account.tolerance + ledger.fees_provisional
    return not entered(event, outcome) or (calm and pre.account.unreconciled == 0)


def entry_within_limits(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """ENTER keeps to the slot limit and to aggregate leverage, one trade an instrument (clauses G7, G8, G9)."""
    if not entered(event, outcome):
        return True
    account = post.account
    return (
        account.live_slots <= account.slot_limit
        and is_leverage_kept(account.exposure, capital(account.ledger), account.leverage_max_ppm)
        and pre.instrument.holder == 0
    )


def is_leverage_kept(exposure: int, funds: int, leverage_max_ppm: int) -> bool:
    """The aggregate notional is at most capital times the largest leverage."""
    return exposure * RATIO_SCALE <= funds * leverage_max_ppm


# --- orders ---------------------------------------------------------------------------------------------------------


def submit_is_recorded(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A submitted order is the slot's order in flight: same trade, attempt, side and quantity (clause C1)."""
    if outcome.submit == 0:
        return True
    slot = post.slot
    if slot.trade != outcome.trade or outcome.quantity < 1 or outcome.cancel == 1 or outcome.resolve == 1:
        return False
    opens = OrderSide.BUY if slot.side == Side.LONG else OrderSide.SELL
    closes = OrderSide.SELL if slot.side == Side.LONG else OrderSide.BUY
    if slot.phase == Phase.ENTRY_REQUESTED:
        order, side, attempt = slot.entry.ordered, opens, 0
    else:
        order, side, attempt = slot.exit.ordered, closes, slot.exit.attempt
    requested = slot.phase in (Phase.ENTRY_REQUESTED, Phase.EXIT_REQUESTED)
    return requested and outcome.quantity == order and outcome.side == side and outcome.attempt == attempt


def exits_reduce(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """An exit is reduce-only, at most what remains, in whole lots, and leaves no dust (clauses C2, E5)."""
    if outcome.submit == 0:
        return True
    slot = post.slot
    if in_entry(slot):
        return outcome.reduce_only == 0 and outcome.close_all == 0
    left, lot = remaining(slot), pre.instrument.lot
    rest = left - outcome.quantity
    return (
        outcome.reduce_only == 1 and rest >= 0 and is_whole(outcome.quantity, lot)
        and (outcome.close_all == 1) == (rest == 0) and (rest == 0 or rest >= slot.minimum)
        and (outcome.quantity >= slot.minimum or outcome.close_all == 1)
    )  # fmt: skip


def halted_only_flattens(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """In HALTED a SUBMIT appears only for a flatten (clause M1)."""
    if outcome.submit == 0 or pre.account.mode != Mode.HALTED:
        return True
    return event.kind == Kind.FLATTEN or pre.slot.flatten == 1


def attempts_only_rise(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """Within a trade the attempt rises by one with each exit SUBMIT and never else (clause I2)."""
    if outcome.verdict == Verdict.REFUSED:
        return True
    old, new = pre.slot, post.slot
    if old.trade != new.trade or new.phase == Phase.IDLE:
        return True
    return new.exit.attempt == old.exit.attempt + outcome.submit


def terms_are_fixed(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A live trade keeps its instrument, side, ordered quantity, fee rate, minimum and plan (clauses E4, L7)."""
    if outcome.verdict == Verdict.REFUSED:
        return True
    old, new = pre.slot, post.slot
    if Phase.IDLE in (old.phase, new.phase):
        return True
    return (
        old.trade == new.trade and old.instrument == new.instrument and old.side == new.side
        and old.fee_rate_ppb == new.fee_rate_ppb and old.minimum == new.minimum and old.ref_price == new.ref_price
        and old.entry.ordered == new.entry.ordered and old.plan.legs == new.plan.legs
        and old.plan.ratios == new.plan.ratios
    )  # fmt: skip


def fills_only_grow(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """Within a trade booked quantities never fall, and done and seen are sticky (clause O1)."""
    if outcome.verdict == Verdict.REFUSED:
        return True
    old, new = pre.slot, post.slot
    if Phase.IDLE in (old.phase, new.phase):
        return True
    grew = new.entry.quantity > old.entry.quantity
    return (
        new.entry.quantity >= old.entry.quantity and exit_quantity(new) >= exit_quantity(old)
        and new.entry.done >= old.entry.done and new.entry.seen >= old.entry.seen
        and (grew or new.entry.graded >= old.entry.graded)
        and (outcome.submit == 1 or (new.exit.done >= old.exit.done and new.exit.seen >= old.exit.seen))
    )  # fmt: skip


def legs_advance_by_done_exits(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """The leg index advances by one exactly when an exit ends with a fill, or was for everything (clauses E2, E3)."""
    if outcome.verdict == Verdict.REFUSED:
        return True
    old, new = pre.slot, post.slot
    if Phase.IDLE in (old.phase, new.phase):
        return True
    over = in_exit(old) and not (in_exit(new) and new.exit.attempt == old.exit.attempt)
    did = event.quantity > 0 or old.exit.everything == 1
    if over and event.kind == Kind.ORDER and did:
        return new.plan.next_leg == min(old.plan.next_leg + 1, old.plan.legs)
    return new.plan.next_leg == old.plan.next_leg


# --- unknown --------------------------------------------------------------------------------------------------------


def is_unresolved(slot: Slot) -> bool:
    """The fate of the order in flight is unknown."""
    return slot.phase in (Phase.ENTRY_UNRESOLVED, Phase.EXIT_UNRESOLVED)


def unresolved_asks(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A slot becomes unresolved only together with RESOLVE (clause U1)."""
    if outcome.verdict != Verdict.ACCEPTED or not is_unresolved(post.slot):
        return True
    return is_unresolved(pre.slot) or outcome.resolve == 1


def unresolved_is_left_by_evidence(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """*_UNRESOLVED is left only by a snapshot, or never seen: rejected, or absent with proof (clauses U1, U4)."""
    if outcome.verdict != Verdict.ACCEPTED or not is_unresolved(pre.slot):
        return True
    slot = pre.slot
    if post.slot.phase == slot.phase or event.kind == Kind.ORDER:
        return True
    seen = slot.entry.seen if in_entry(slot) else slot.exit.seen
    if event.kind == Kind.NOT_FOUND:
        proof = event.checks == ALL_CHECKS and event.deadline_ns > 0
        return seen == 0 and proof and event.time_ns > event.deadline_ns + ADMIT_MARGIN_NS
    return seen == 0 and event.kind == Kind.REJECTED


def freed_slot_owns_no_order(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A slot with an order in flight is freed only by that order's own end (clause T4)."""
    if outcome.verdict == Verdict.REFUSED:
        return True
    old = pre.slot
    if old.phase in (Phase.IDLE, Phase.POSITION_OPEN) or post.slot.phase != Phase.IDLE:
        return True
    attempt = 0 if in_entry(old) else old.exit.attempt
    ordered = old.entry.ordered if in_entry(old) else old.exit.ordered
    if event.trade != old.trade or event.attempt != attempt:
        return False
    ended = event.kind == Kind.ORDER and (event.done == 1 or event.quantity == ordered)
    return ended or event.kind in (Kind.REJECTED, Kind.NOT_FOUND)


def order_in_flight_ends_by_evidence(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """An order in flight ends (the slot leaves its half) only by its own snapshot, rejection or absence (clause U1)."""
    if outcome.verdict == Verdict.REFUSED:
        return True
    old, new = pre.slot, post.slot
    left_entry = in_entry(old) and not in_entry(new)
    left_exit = in_exit(old) and not (in_exit(new) and new.exit.attempt == old.exit.attempt)
    if not (left_entry or left_exit):
        return True
    attempt = 0 if in_entry(old) else old.exit.attempt
    ends = event.kind in (Kind.ORDER, Kind.REJECTED, Kind.NOT_FOUND)
    return ends and event.trade == old.trade and event.attempt == attempt


# --- truth ----------------------------------------------------------------------------------------------------------


def reconcile_is_cleared_by_position(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """reconcile-required is cleared only by a POSITION at least as new as all evidence and fills (clauses T2, T6)."""
    if outcome.verdict == Verdict.REFUSED:
        return True
    old, new = pre.instrument, post.instrument
    if new.reconcile_required >= old.reconcile_required:
        return True
    newest = max(old.evidence_time_ns, old.fill_time_ns)
    return event.kind == Kind.POSITION and event.time_ns >= newest and event.foreign_orders == 0


def adoption_is_founded(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """ADOPT needs a required reconcile and a reading as new as its instrument's evidence and fills (clauses T3, T6)."""
    if event.kind != Kind.ADOPT or outcome.verdict != Verdict.ACCEPTED:
        return True
    known = pre.instrument
    return known.reconcile_required == 1 and event.time_ns >= max(known.evidence_time_ns, known.fill_time_ns)


def surprise_is_reconciled(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """Late fills, over-closes and mismatches require a reconcile and command one (clauses O5, E6, T5)."""
    surprise = outcome.code in (Code.LATE_FILL, Code.OVER_CLOSE)
    if not surprise and outcome.code != Code.POSITION_MISMATCH:
        return True
    required = post.instrument.reconcile_required == 1
    return required and outcome.reconcile == Reconcile.POSITION


def stray_order_is_reported(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """An order that is not addressable is cancelled when open, and reconciled when it filled unshown (clause T1)."""
    strange = outcome.code in (Code.TERMINAL_STATE, Code.UNKNOWN_ORDER)
    if event.kind != Kind.ORDER or not strange:
        return True
    if event.done == 0 and outcome.cancel == 0:
        return False
    if any(shows(tail, event) for tail in pre.slot.tails) or event.quantity == 0:
        return True
    return post.instrument.reconcile_required == 1 and outcome.reconcile == Reconcile.POSITION


def shows(tail: Tail, event: Input) -> bool:
    """The tail is of the order's trade and proves that its fill is booked."""
    if tail.trade != event.trade:
        return False
    if event.attempt == 0:
        return event.quantity <= tail.entry.quantity
    return event.attempt == tail.last_attempt and event.quantity <= tail.last_attempt_quantity


def times_only_rise(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """Evidence, fill and money times never go back (clauses T2, L5)."""
    if outcome.verdict == Verdict.REFUSED:
        return True
    old, new = pre.instrument, post.instrument
    return (
        new.evidence_time_ns >= old.evidence_time_ns and new.fill_time_ns >= old.fill_time_ns
        and post.account.ledger.last_money_time_ns >= pre.account.ledger.last_money_time_ns
        and post.account.ledger.wallet_as_of_ns >= pre.account.ledger.wallet_as_of_ns
    )  # fmt: skip


def settings_change_by_their_kind(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """Mode, limits, calibration and contract terms change by their own input only (clauses M1, L7)."""
    if outcome.verdict == Verdict.REFUSED:
        return True
    old, new = pre.account, post.account
    terms_before, terms_after = pre.instrument[5:], post.instrument[5:]
    return (
        (new.mode == old.mode or event.kind == Kind.SET_MODE)
        and (limits_of(new) == limits_of(old) or event.kind == Kind.SET_LIMITS)
        and (new.calibration_ppm == old.calibration_ppm or event.kind == Kind.CALIBRATE)
        and (terms_after == terms_before or event.kind == Kind.REGISTER)
    )


def limits_of(account: Account) -> tuple[int, int, int]:
    """What SET_LIMITS sets."""
    return (account.slot_limit, account.leverage_max_ppm, account.tolerance)


STEP: Final = tuple(
    Property(predicate.__name__.replace("_", "-"), predicate)
    for predicate in (
        refused_is_identity, verdict_is_named, flagged_moves_nothing, only_accepted_submits,
        transitions_are_true, only_enter_and_adopt_open, new_trade_is_new, new_trade_starts_blank, entry_within_mode,
        entry_within_truth, entry_within_limits, submit_is_recorded, exits_reduce, halted_only_flattens,
        attempts_only_rise, terms_are_fixed, fills_only_grow, legs_advance_by_done_exits, unresolved_asks,
        unresolved_is_left_by_evidence, freed_slot_owns_no_order, order_in_flight_ends_by_evidence, rollback_is_exact,
        finished_is_recorded, tails_are_kept, tails_only_settle,
        settlement_is_taken, books_follow_records, money_moves_by_named_kinds,
        seed_is_the_wallet, income_is_signed, reconcile_is_cleared_by_position, adoption_is_founded,
        surprise_is_reconciled, stray_order_is_reported, times_only_rise, settings_change_by_their_kind,
        busy_refuses_enter, nothing_blocks_a_close, exit_needs_a_position, last_leg_closes_all,
        past_trade_changes_nothing, seen_is_never_absent, entry_is_joined, exit_is_joined, mode_is_obeyed,
        record_is_joined, *ANSWERS,
    )
)  # fmt: skip


# --- the whole step -------------------------------------------------------------------------------------------------


def refusal_keeps_the_state(pre: State, event: Input, post: State, outcome: Outcome) -> bool:
    """A refused input returns the very same state object (clause R1)."""
    return outcome.verdict != Verdict.REFUSED or post is pre


def others_untouched(pre: State, event: Input, post: State, outcome: Outcome) -> bool:
    """Slots and instruments that the input does not name are untouched, and the outcome names its own (clause S1)."""
    if outcome.verdict == Verdict.REFUSED:
        return True
    i, k = event.instrument, event.slot
    return (
        post.slots[:k] == pre.slots[:k] and post.slots[k + 1 :] == pre.slots[k + 1 :]
        and post.instruments[:i] == pre.instruments[:i] and post.instruments[i + 1 :] == pre.instruments[i + 1 :]
        and outcome.slot == k and outcome.instrument == i
    )  # fmt: skip


WHOLE_STEP: Final = (
    WholeProperty("refusal-keeps-the-state", refusal_keeps_the_state),
    WholeProperty("others-untouched", others_untouched),
)


_SNAPSHOT: Final = (
    entry_is_joined, exit_is_joined, record_is_joined, stray_order_is_reported, contradiction_is_asked_again,
    equal_snapshot_answers,
)  # fmt: skip
WHEN_REFUSED: Final[dict[int, tuple[Predicate, ...]]] = {
    Kind.ENTER: (busy_refuses_enter,),
    Kind.EXIT: (nothing_blocks_a_close,),
    Kind.FLATTEN: (nothing_blocks_a_close,),
    Kind.CANCEL: (nothing_blocks_a_close,),
    Kind.SET_MODE: (mode_is_obeyed,),
    Kind.ORDER: _SNAPSHOT,
    Kind.REJECTED: (contradiction_is_asked_again,),
    Kind.SILENT: (silence_asks,),
}
"""The step properties that a refusal, which changes nothing, can break: some inputs may not be refused, or not so."""


def broken_by_refusal(state: State, event: Input, outcome: Outcome) -> list[str]:
    """IDs of the step properties that do not hold of a refusal that left the state as it was and commands nothing."""
    asked = WHEN_REFUSED.get(event.kind, ())
    here = 0 <= event.slot < len(state.slots) and 0 <= event.instrument < len(state.instruments)
    if not asked or not here:
        return []
    focus = focus_of(state, event.slot, event.instrument)
    return [_ID_OF[holds] for holds in asked if not holds(focus, event, focus, outcome)]


_ID_OF: Final = {item.holds: item.id for item in STEP}


def broken_by_step(pre: State, event: Input, post: State, outcome: Outcome) -> list[str]:
    """IDs of the step properties that do not hold."""
    found = [item.id for item in WHOLE_STEP if not item.holds(pre, event, post, outcome)]
    if outcome.verdict == Verdict.REFUSED:
        if outcome != Outcome(code=outcome.code):
            return [*found, "refused-is-identity"]
        return found + broken_by_refusal(pre, event, outcome)
    before = focus_of(pre, event.slot, event.instrument)
    after = focus_of(post, event.slot, event.instrument)
    found += [item.id for item in STEP if not item.holds(before, event, after, outcome)]
    return found + [item.id for item in FOLLOWS if not item.holds(before, event, after, outcome)]
