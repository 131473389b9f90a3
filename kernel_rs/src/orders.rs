//! What the venue says about one order: snapshots, rejections, silence, absence (clauses O1 to O9, U1 to U5).
//!
//! Order events are snapshots, never deltas: merging is a join, so duplicates, reordering and loss are one harmless case.

use crate::arithmetic::{dita_is_multiple, dita_price_plausible};
use crate::focus::{Answer, Focus, flagged, flagged_evidence, in_range, require, require_time, with_evidence};
use crate::ledger::{Fills, booked};
use crate::lifecycle::{
    Before, accepted, finished, idle_again, in_entry, in_exit, in_flight_attempt, opened, require_closable,
};
use crate::records::{Input, Outcome, Slot, Tail};
use crate::state::{exit_quantity, remaining};
use crate::vocabulary::{
    ADMIT_MARGIN_NS, ALL_CHECKS, ATTEMPT_MAX, BOUND, Code, TRADE_ID_MAX, phase, reconcile, reject_reason,
};

// --- identity -------------------------------------------------------------------------------------------------------

/// The order's numbers are in range; a kernel-given id always is.
fn require_order_named(event: &Input) -> Answer {
    require(in_range(event.trade, 1, TRADE_ID_MAX), Code::BadValue)?;
    require(in_range(event.attempt, 0, ATTEMPT_MAX), Code::BadValue)
}

/// Clause O4: the entry order and the latest exit order of the live trade stay addressable, done or not.
fn is_mine(slot: &Slot, event: &Input) -> bool {
    if slot.phase == phase::IDLE || slot.trade != event.trade {
        return false;
    }
    event.attempt == 0 || event.attempt == slot.exit.attempt
}

/// An order of a known trade is past; one of a trade never begun is unknown.
fn not_mine(focus: &Focus<'_>, event: &Input) -> Code {
    if event.trade <= focus.account.trade_high_water {
        return Code::TerminalState;
    }
    Code::UnknownOrder
}

/// Refuse unless the order is addressable in this slot and instrument.
fn require_mine(focus: &Focus<'_>, event: &Input) -> Answer {
    require_order_named(event)?;
    require(is_mine(focus.slot, event), not_mine(focus, event))?;
    require(focus.slot.instrument == event.instrument, Code::BadIndex)
}

// --- snapshots ------------------------------------------------------------------------------------------------------

/// ORDER: cumulative fill, cumulative notional, and whether the order is over.
pub fn order(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    require_order_named(event)?;
    require_time(event.time_ns)?;
    require(in_range(event.done, 0, 1), Code::BadValue)?;
    require(focus.instrument.registered == 1, Code::BadIndex)?;
    if !is_possible(event.quantity, event.quote) {
        return impossible(event, outcome);
    }
    if !is_mine(focus.slot, event) {
        return stray(focus, event, outcome);
    }
    require(focus.slot.instrument == event.instrument, Code::BadIndex)?;
    if event.attempt == 0 {
        return entry_order(focus, event, outcome);
    }
    exit_order(focus, event, outcome)
}

/// Clause O2: a cumulative fill and its notional are both zero or both positive, and within bounds.
pub fn is_possible(quantity: i64, quote: i64) -> bool {
    if quantity == 0 {
        return quote == 0;
    }
    in_range(quantity, 1, BOUND) && in_range(quote, 1, BOUND)
}

/// The snapshot cannot be true whatever else is: nothing is believed, the runtime reconciles.
fn impossible(event: &Input, outcome: &mut Outcome) -> Answer {
    flagged(outcome, Code::Impossible, event.trade, event.attempt);
    outcome.reconcile = reconcile::POSITION;
    Ok(())
}

/// Clause T1: an order that the kernel cannot address. Open: cancel it. More than was booked: reconcile.
fn stray(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    let code = not_mine(focus, event);
    let mut shown = 0;
    for tail in &focus.slot.tails {
        if tail.trade == event.trade {
            require(tail.instrument == event.instrument, Code::BadIndex)?;
            shown = shown_by(tail, event.attempt);
        }
    }
    let cancel = 1_i64.wrapping_sub(event.done);
    if event.quantity > shown {
        flagged_evidence(focus, outcome, code, event, event.attempt);
        outcome.cancel = cancel;
        return Ok(());
    }
    require(cancel == 1, code)?;
    flagged(outcome, code, event.trade, event.attempt);
    outcome.cancel = 1;
    Ok(())
}

/// The fill of one order that a finished trade's record proves to be booked.
fn shown_by(tail: &Tail, attempt: i64) -> i64 {
    if attempt == 0 {
        return tail.entry.quantity;
    }
    if attempt == tail.last_attempt {
        return tail.last_attempt_quantity;
    }
    0
}

/// Clause O1: a provisional snapshot is news when (quantity, grade 0, quote) is above what is known.
pub fn advances(quantity: i64, quote: i64, known_quantity: i64, known_quote: i64, graded: i64) -> bool {
    if quantity != known_quantity {
        return quantity > known_quantity;
    }
    graded == 0 && quote > known_quote
}

/// Whether the slot may become open with so much remaining: if it is flattening, the next exit must be possible.
#[inline]
fn require_openable(slot: &Slot, left: i64, latest_quote: i64) -> Answer {
    if slot.flatten == 1 && left != 0 {
        return require_closable(slot, latest_quote);
    }
    Ok(())
}

/// A snapshot of the live trade's entry order.
#[inline(always)]
fn entry_order(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    let entry = &focus.slot.entry;
    if event.quantity > entry.ordered || !dita_is_multiple(event.quantity, focus.instrument.lot) {
        return impossible(event, outcome);
    }
    if event.quantity > 0 && !dita_price_plausible(event.quote, event.quantity, focus.slot.ref_price) {
        return impossible(event, outcome);
    }
    let news = advances(event.quantity, event.quote, entry.quantity, entry.quote, entry.graded);
    if !in_entry(focus.slot) {
        return late_entry(focus, event, outcome, news);
    }
    let before = Before::of(focus.slot);
    let done = event.done == 1 || event.quantity == entry.ordered;
    if done {
        if event.quantity < entry.quantity {
            return to_unresolved(focus, event, outcome);
        }
        if event.quantity != 0 {
            let left = event.quantity.wrapping_sub(exit_quantity(focus.slot));
            require_openable(focus.slot, left, focus.slot.exit.quote)?;
        }
        booked_entry(focus, event, news, 1)?;
        entry_done(before, focus, outcome);
        return Ok(());
    }
    if news || entry.seen == 0 {
        booked_entry(focus, event, news, 0)?;
        entry_working(before, focus, outcome);
        return Ok(());
    }
    require(
        focus.slot.phase == phase::ENTRY_UNRESOLVED && event.quantity == entry.quantity,
        Code::NoChange,
    )?;
    require(event.quote == entry.quote, Code::NoChange)?;
    entry_working(before, focus, outcome);
    Ok(())
}

/// The entry order's record joined with the snapshot, its money booked.
#[inline(always)]
fn booked_entry(focus: &mut Focus<'_>, event: &Input, news: bool, done: i64) -> Answer {
    if news {
        let fills = Fills {
            entry_quantity: event.quantity,
            entry_quote: event.quote,
            entry_graded: 0,
            ..Fills::of(focus.slot)
        };
        booked(focus, &fills, event.time_ns)?;
        focus.slot.entry.quantity = event.quantity;
        focus.slot.entry.quote = event.quote;
        focus.slot.entry.graded = 0;
    }
    focus.slot.entry.done = done;
    focus.slot.entry.seen = 1;
    Ok(())
}

/// The entry rests on the book; a pending flatten cancels it when it is first known to.
fn entry_working(before: Before, focus: &mut Focus<'_>, outcome: &mut Outcome) {
    let slot = &mut *focus.slot;
    slot.phase = phase::ENTRY_WORKING;
    accepted(before, slot, outcome, Code::Ok, 0);
    outcome.cancel = if before.phase == phase::ENTRY_WORKING {
        0
    } else {
        slot.flatten
    };
}

/// The entry is over: nothing filled rolls back exactly, nothing left finishes, else the position is open.
fn entry_done(before: Before, focus: &mut Focus<'_>, outcome: &mut Outcome) {
    if focus.slot.entry.quantity == 0 {
        idle_again(focus);
        accepted(before, focus.slot, outcome, Code::RolledBack, 0);
        return;
    }
    if remaining(focus.slot) == 0 {
        finished(before, focus, outcome, Code::Ok, 0);
        return;
    }
    opened(before, focus, outcome, 0, true);
}

/// Clause O5: growth of an entry that was believed over is booked, because attribution is certain.
fn late_entry(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome, news: bool) -> Answer {
    require(news, Code::NoChange)?;
    let before = Before::of(focus.slot);
    let grows = event.quantity > focus.slot.entry.quantity;
    booked_entry(focus, event, news, 1)?;
    if !grows {
        accepted(before, focus.slot, outcome, Code::Ok, 0);
        return Ok(());
    }
    late(before, focus, event, outcome);
    Ok(())
}

/// A late fill was booked: reconcile, and cancel the order if the venue still calls it open, finished or not.
fn late(before: Before, focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) {
    with_evidence(focus, event.time_ns);
    if remaining(focus.slot) == 0 && focus.slot.phase == phase::POSITION_OPEN {
        finished(before, focus, outcome, Code::LateFill, event.attempt);
    } else {
        accepted(before, focus.slot, outcome, Code::LateFill, event.attempt);
    }
    outcome.cancel = 1_i64.wrapping_sub(event.done);
    outcome.reconcile = reconcile::POSITION;
}

/// A snapshot of the live trade's latest exit order.
#[inline(always)]
fn exit_order(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    let known = &focus.slot.exit;
    if event.quantity > known.ordered || !dita_is_multiple(event.quantity, focus.instrument.lot) {
        return impossible(event, outcome);
    }
    let news = advances(event.quantity, event.quote, known.quantity, known.quote, 0);
    let closed = exit_quantity(focus.slot)
        .wrapping_sub(known.quantity)
        .wrapping_add(event.quantity);
    if news && closed > focus.slot.entry.quantity {
        flagged_evidence(focus, outcome, Code::OverClose, event, event.attempt);
        if !in_exit(focus.slot) {
            outcome.cancel = 1_i64.wrapping_sub(event.done);
        }
        return Ok(());
    }
    if !in_exit(focus.slot) {
        return late_exit(focus, event, outcome, news);
    }
    let before = Before::of(focus.slot);
    let done = event.done == 1 || event.quantity == known.ordered;
    if done {
        if event.quantity < known.quantity {
            return to_unresolved(focus, event, outcome);
        }
        let (closed, latest_quote) = if news {
            (closed, event.quote)
        } else {
            (exit_quantity(focus.slot), known.quote)
        };
        require_openable(focus.slot, focus.slot.entry.quantity.wrapping_sub(closed), latest_quote)?;
        booked_exit(focus, event, news, 1)?;
        exit_done(before, focus, outcome);
        return Ok(());
    }
    if news || known.seen == 0 {
        booked_exit(focus, event, news, 0)?;
        exit_working(before, focus, outcome);
        return Ok(());
    }
    require(
        focus.slot.phase == phase::EXIT_UNRESOLVED && event.quantity == known.quantity,
        Code::NoChange,
    )?;
    require(event.quote == known.quote, Code::NoChange)?;
    exit_working(before, focus, outcome);
    Ok(())
}

/// The latest exit order's record joined with the snapshot, its money booked.
#[inline(always)]
fn booked_exit(focus: &mut Focus<'_>, event: &Input, news: bool, done: i64) -> Answer {
    if news {
        let slot = &*focus.slot;
        let closed = &slot.closed;
        let fills = Fills {
            exit_quantity: closed
                .past_quantity
                .wrapping_add(event.quantity)
                .wrapping_add(closed.external_quantity),
            exit_quote: closed
                .past_quote
                .wrapping_add(event.quote)
                .wrapping_add(closed.external_quote),
            ..Fills::of(slot)
        };
        booked(focus, &fills, event.time_ns)?;
        focus.slot.exit.quantity = event.quantity;
        focus.slot.exit.quote = event.quote;
    }
    focus.slot.exit.done = done;
    focus.slot.exit.seen = 1;
    Ok(())
}

/// The exit rests on the book; it is cancelled when a flatten is pending or nothing is left for it to close.
fn exit_working(before: Before, focus: &mut Focus<'_>, outcome: &mut Outcome) {
    let slot = &mut *focus.slot;
    slot.phase = phase::EXIT_WORKING;
    accepted(before, slot, outcome, Code::Ok, slot.exit.attempt);
    if before.phase != phase::EXIT_WORKING {
        outcome.cancel = slot.flatten;
    }
    if remaining(slot) == 0 {
        outcome.cancel = 1;
    }
}

/// The exit is over: finish when nothing remains, else the leg is consumed if it did anything.
fn exit_done(before: Before, focus: &mut Focus<'_>, outcome: &mut Outcome) {
    let slot = &mut *focus.slot;
    let attempt = slot.exit.attempt;
    if remaining(slot) == 0 {
        finished(before, focus, outcome, Code::Ok, attempt);
        return;
    }
    if slot.exit.quantity > 0 || slot.exit.everything == 1 {
        slot.plan.next_leg = slot.plan.next_leg.wrapping_add(1).min(slot.plan.legs);
    }
    opened(before, focus, outcome, attempt, true);
}

/// Clause O6: news of the latest exit after it was believed over (wrongly rejected, wrongly absent, or grown).
fn late_exit(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome, news: bool) -> Answer {
    let before = Before::of(focus.slot);
    let first_seen = focus.slot.exit.seen == 0;
    let resting = first_seen && event.done == 0;
    require(news || resting, Code::NoChange)?;
    let grows = event.quantity > focus.slot.exit.quantity;
    booked_exit(focus, event, news, 1)?;
    if grows {
        late(before, focus, event, outcome);
        return Ok(());
    }
    if !resting {
        accepted(before, focus.slot, outcome, Code::Ok, event.attempt);
        return Ok(());
    }
    with_evidence(focus, event.time_ns);
    accepted(before, focus.slot, outcome, Code::Inconsistent, event.attempt);
    outcome.cancel = 1;
    outcome.reconcile = reconcile::POSITION;
    Ok(())
}

/// Clause O7: contradictory evidence about the order in flight. Nothing is believed; it is asked for again.
fn to_unresolved(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    if focus.slot.phase == unresolved_phase(focus.slot) {
        flagged(outcome, Code::Inconsistent, event.trade, event.attempt);
        outcome.resolve = 1;
        return Ok(());
    }
    unresolved(focus, outcome, Code::Inconsistent)
}

/// The phase in which the order in flight waits for a resolution.
fn unresolved_phase(slot: &Slot) -> i64 {
    if in_entry(slot) {
        return phase::ENTRY_UNRESOLVED;
    }
    phase::EXIT_UNRESOLVED
}

/// The order in flight is unknown: the slot waits for a resolution (clause U1).
fn unresolved(focus: &mut Focus<'_>, outcome: &mut Outcome, code: Code) -> Answer {
    let slot = &mut *focus.slot;
    let before = Before::of(slot);
    let attempt = in_flight_attempt(slot);
    slot.phase = unresolved_phase(slot);
    accepted(before, slot, outcome, code, attempt);
    outcome.resolve = 1;
    Ok(())
}

// --- answers to a submit --------------------------------------------------------------------------------------------

/// The named order is the one whose fate is open.
fn is_in_flight(slot: &Slot, event: &Input) -> bool {
    if in_entry(slot) {
        return event.attempt == 0;
    }
    in_exit(slot) && event.attempt == slot.exit.attempt
}

/// Whether the order in flight has ever been seen.
fn was_seen(slot: &Slot) -> i64 {
    if in_entry(slot) {
        return slot.entry.seen;
    }
    slot.exit.seen
}

/// REJECTED: the order surely did not reach the book, unless it has been seen there.
pub fn rejected(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    require_mine(focus, event)?;
    require_time(event.time_ns)?;
    require(
        in_range(event.reason, reject_reason::NOT_SENT, reject_reason::THROTTLED),
        Code::BadValue,
    )?;
    require(is_in_flight(focus.slot, event), Code::NoChange)?;
    if was_seen(focus.slot) == 1 {
        return to_unresolved(focus, event, outcome);
    }
    if in_entry(focus.slot) {
        let before = Before::of(focus.slot);
        idle_again(focus);
        accepted(before, focus.slot, outcome, Code::RolledBack, 0);
        return Ok(());
    }
    let suspicious = event.reason == reject_reason::NO_POSITION || event.reason == reject_reason::BLOCKED;
    exit_never_was(focus, event, outcome, suspicious);
    Ok(())
}

/// An exit that never reached the book: back to the position, leg unconsumed; never resubmitted in the same step.
fn exit_never_was(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome, suspicious: bool) {
    let before = Before::of(focus.slot);
    focus.slot.exit.done = 1;
    if suspicious {
        with_evidence(focus, event.time_ns);
    }
    if remaining(focus.slot) == 0 {
        finished(before, focus, outcome, Code::Ok, event.attempt);
    } else {
        opened(before, focus, outcome, event.attempt, false);
    }
    if suspicious {
        outcome.reconcile = reconcile::POSITION;
    }
}

/// UNKNOWN: the submit's fate is open. An order that has been seen exists, whatever the answer was.
pub fn unknown(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    require_mine(focus, event)?;
    require(is_in_flight(focus.slot, event), Code::NoChange)?;
    require(!is_working(focus.slot), Code::NoChange)?;
    unresolved(focus, outcome, Code::Ok)
}

/// The order in flight is known to rest on the book.
pub fn is_working(slot: &Slot) -> bool {
    slot.phase == phase::ENTRY_WORKING || slot.phase == phase::EXIT_WORKING
}

/// SILENT: ask again; a requested order that stays silent becomes unresolved, a quiet resting one does not.
pub fn silent(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    require_mine(focus, event)?;
    require(is_in_flight(focus.slot, event), Code::NoChange)?;
    if is_working(focus.slot) {
        accepted(Before::of(focus.slot), focus.slot, outcome, Code::Ok, event.attempt);
        outcome.resolve = 1;
        return Ok(());
    }
    unresolved(focus, outcome, Code::Ok)
}

/// `NOT_FOUND`: accepted as absent only with the full evidence of clause U4, and then reconciled all the same.
pub fn not_found(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    require_mine(focus, event)?;
    require_time(event.time_ns)?;
    require_time(event.deadline_ns)?;
    require(is_in_flight(focus.slot, event), Code::NoChange)?;
    if !is_definitely_absent(focus.slot, event) {
        flagged(outcome, Code::NotDefinite, event.trade, event.attempt);
        outcome.resolve = 1;
        return Ok(());
    }
    if in_exit(focus.slot) {
        exit_never_was(focus, event, outcome, true);
        return Ok(());
    }
    let before = Before::of(focus.slot);
    idle_again(focus);
    with_evidence(focus, event.time_ns);
    accepted(before, focus.slot, outcome, Code::RolledBack, 0);
    outcome.reconcile = reconcile::POSITION;
    Ok(())
}

/// Clause U4: unresolved, never seen, every check made, and read after the deadline plus the admission margin.
fn is_definitely_absent(slot: &Slot, event: &Input) -> bool {
    if slot.phase != phase::ENTRY_UNRESOLVED && slot.phase != phase::EXIT_UNRESOLVED {
        return false;
    }
    if was_seen(slot) == 1 || event.checks != ALL_CHECKS || event.deadline_ns == 0 {
        return false;
    }
    event.time_ns > event.deadline_ns.wrapping_add(ADMIT_MARGIN_NS)
}
