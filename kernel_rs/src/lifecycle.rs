//! How a trade's slot changes hands: commands for its orders, rollback, and finishing.

use crate::arithmetic::dita_leg_quantity;
use crate::focus::{Answer, Focus, money, require};
use crate::records::{Outcome, Slot, TAILS, Tail};
use crate::state::{exit_quantity, exit_quote, remaining};
use crate::vocabulary::{ATTEMPT_MAX, Code, order_side, phase, side, verdict};

/// What the outcome must still know of the slot when the slot has changed.
#[derive(Clone, Copy)]
pub struct Before {
    pub phase: i64,
    pub trade: i64,
}

impl Before {
    /// The slot as it is now.
    pub fn of(slot: &Slot) -> Self {
        Self {
            phase: slot.phase,
            trade: slot.trade,
        }
    }
}

/// The entry order is the one in flight.
pub fn in_entry(slot: &Slot) -> bool {
    phase::ENTRY_REQUESTED <= slot.phase && slot.phase <= phase::ENTRY_UNRESOLVED
}

/// The latest exit order is the one in flight.
pub fn in_exit(slot: &Slot) -> bool {
    phase::EXIT_REQUESTED <= slot.phase
}

/// Number of the order in flight (only meaningful in an entry or exit phase).
pub fn in_flight_attempt(slot: &Slot) -> i64 {
    if in_entry(slot) {
        return 0;
    }
    slot.exit.attempt
}

/// Accept; the transition, if the phase changed, is from the true previous phase to the new one. The caller adds what
/// it commands.
pub fn accepted(before: Before, slot: &Slot, outcome: &mut Outcome, code: Code, attempt: i64) {
    outcome.verdict = verdict::ACCEPTED;
    outcome.code = code as i64;
    outcome.trade = before.trade;
    outcome.attempt = attempt;
    if slot.phase != before.phase {
        outcome.moves = 1;
        outcome.from_1 = before.phase;
        outcome.to_1 = slot.phase;
    }
}

/// The live part of the slot back to zero; tails stay (clause S3: rollback is exact).
pub fn idle_again(focus: &mut Focus<'_>) {
    focus.account.live_slots = focus.account.live_slots.wrapping_sub(1);
    focus.account.exposure = focus.account.exposure.wrapping_sub(focus.slot.exposure);
    focus.instrument.holder = 0;
    focus.slot.clear_live();
}

/// Nothing remains: the trade becomes the newest tail and the slot is free (clause F2).
pub fn finished(before: Before, focus: &mut Focus<'_>, outcome: &mut Outcome, code: Code, attempt: i64) {
    let slot = &mut *focus.slot;
    let (quantity, quote) = (exit_quantity(slot), exit_quote(slot));
    make_room(&mut slot.tails);
    let [newest, ..] = &mut slot.tails;
    newest.trade = slot.trade;
    newest.instrument = slot.instrument;
    newest.side = slot.side;
    newest.entry.quantity = slot.entry.quantity;
    newest.entry.quote = slot.entry.quote;
    newest.entry.fee = slot.entry.fee;
    newest.entry.graded = slot.entry.graded;
    newest.exit.quantity = quantity;
    newest.exit.quote = quote;
    newest.exit.fee = slot.closed.fee;
    newest.exit.graded = 0;
    newest.last_attempt = slot.exit.attempt;
    newest.last_attempt_quantity = slot.exit.quantity;
    idle_again(focus);
    accepted(before, focus.slot, outcome, code, attempt);
    outcome.cancel_protection = 1;
}

/// Free the front for the newest tail; the oldest one that is fully graded makes room (its money is in the ledger for
/// good).
///
/// Clause F3: a live trade implies a graded tail; where no other is, it is the front one, which the newest replaces.
fn make_room(tails: &mut [Tail; TAILS]) {
    let [first, second, third, fourth] = tails;
    if is_graded(fourth) {
        *fourth = *third;
        *third = *second;
        *second = *first;
    } else if is_graded(third) {
        *third = *second;
        *second = *first;
    } else if is_graded(second) {
        *second = *first;
    }
}

/// Both halves are settled: the venue has nothing more to say about this trade's money.
pub fn is_graded(tail: &Tail) -> bool {
    tail.entry.graded == 1 && tail.exit.graded == 1
}

/// Clause F3: some tail is graded, so that the next trade will be able to finish.
pub fn has_room(slot: &Slot) -> bool {
    slot.tails.iter().any(is_graded)
}

/// Whether another exit order can be counted and the latest one's notional, which is `latest_quote` by then, be set
/// aside: all that [`closing`] can be refused for.
pub fn require_closable(slot: &Slot, latest_quote: i64) -> Answer {
    require(slot.exit.attempt.wrapping_add(1) <= ATTEMPT_MAX, Code::Overflow)?;
    money(slot.closed.past_quote.wrapping_add(latest_quote))?;
    Ok(())
}

/// Submit the next exit order from `POSITION_OPEN`. Clears `flatten` when it is for everything (clause X3). The caller
/// has asked [`require_closable`].
pub fn closing(focus: &mut Focus<'_>, outcome: &mut Outcome, everything: bool, limit_price: i64) {
    let lot = focus.instrument.lot;
    let slot = &mut *focus.slot;
    let before = Before::of(slot);
    let left = remaining(slot);
    let mut quantity = left;
    if !everything && slot.plan.next_leg < slot.plan.legs.wrapping_sub(1) {
        quantity = dita_leg_quantity(left, next_ratio(slot), lot, slot.minimum);
    }
    let attempt = slot.exit.attempt.wrapping_add(1);
    let takes_all = i64::from(quantity == left);
    slot.phase = phase::EXIT_REQUESTED;
    if takes_all == 1 {
        slot.flatten = 0;
    }
    slot.closed.past_quantity = slot.closed.past_quantity.wrapping_add(slot.exit.quantity);
    slot.closed.past_quote = slot.closed.past_quote.wrapping_add(slot.exit.quote);
    slot.exit.attempt = attempt;
    slot.exit.ordered = quantity;
    slot.exit.quantity = 0;
    slot.exit.quote = 0;
    slot.exit.done = 0;
    slot.exit.seen = 0;
    slot.exit.everything = takes_all;
    accepted(before, slot, outcome, Code::Ok, attempt);
    outcome.submit = 1;
    outcome.side = if slot.side == side::LONG {
        order_side::SELL
    } else {
        order_side::BUY
    };
    outcome.quantity = quantity;
    outcome.limit_price = limit_price;
    outcome.reduce_only = 1;
    outcome.close_all = takes_all;
}

/// The ratio of the plan's next leg; 0 if a damaged plan has no such leg.
fn next_ratio(slot: &Slot) -> i64 {
    usize::try_from(slot.plan.next_leg).map_or(0, |leg| slot.plan.ratios.get(leg).copied().unwrap_or(0))
}

/// The order in flight is over and something remains: `POSITION_OPEN`, and at once `EXIT_REQUESTED` if flattening. The
/// caller has asked [`require_closable`] if `resubmit` and the slot is flattening.
pub fn opened(before: Before, focus: &mut Focus<'_>, outcome: &mut Outcome, attempt: i64, resubmit: bool) {
    focus.slot.phase = phase::POSITION_OPEN;
    if resubmit && focus.slot.flatten == 1 {
        closing(focus, outcome, true, 0);
        outcome.moves = 2;
        outcome.from_1 = before.phase;
        outcome.to_1 = phase::POSITION_OPEN;
        outcome.from_2 = phase::POSITION_OPEN;
        outcome.to_2 = phase::EXIT_REQUESTED;
        return;
    }
    accepted(before, focus.slot, outcome, Code::Ok, attempt);
}
