//! What the runtime wants: open, close, cancel, adopt; and closes that happened without us (clauses G, X, T).

use crate::arithmetic::{
    dita_calibrated_rate, dita_is_multiple, dita_minimum_quantity, dita_notional, dita_price_plausible,
    dita_within_leverage,
};
use crate::focus::{Answer, Focus, flagged, flagged_evidence, in_range, money, require, require_time};
use crate::ledger::{Booking, Figures, Fills, Terms, booked, frozen};
use crate::lifecycle::{Before, accepted, closing, finished, has_room, in_exit, in_flight_attempt, require_closable};
use crate::orders::{advances, is_possible, is_working};
use crate::records::{Input, Instrument, LEGS, Outcome, Plan};
use crate::state::{capital, exit_quantity, remaining};
use crate::vocabulary::{BOUND, Code, TRADE_ID_MAX, mode, order_side, phase, reconcile, side, verdict};

/// A whole, in parts per million.
const WHOLE_PPM: i64 = 1_000_000;

// --- opening --------------------------------------------------------------------------------------------------------

/// ENTER: reserve an idle slot and submit the entry order; every guard in its place (clauses G1 to G9).
pub fn enter(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    let (account, instrument, slot) = (&*focus.account, &*focus.instrument, &*focus.slot);
    require_entry_values(instrument, event)?;
    require(event.trade > account.trade_high_water, Code::StaleId)?;
    require(slot.phase == phase::IDLE, Code::SlotBusy)?;
    require(account.seeded == 1, Code::NotSeeded)?;
    require(account.mode != mode::HALTED, Code::ModeHalted)?;
    require(account.mode != mode::REDUCE_ONLY, Code::ModeReduceOnly)?;
    require(!frozen(&account.ledger, account.tolerance), Code::CapitalFrozen)?;
    require(account.unreconciled == 0, Code::ReconcileRequired)?;
    require(has_room(slot), Code::UnsettledTrade)?;
    require(account.live_slots < account.slot_limit, Code::SlotLimit)?;
    require(instrument.holder == 0, Code::InstrumentBusy)?;
    let minimum = dita_minimum_quantity(
        instrument.quantity_min,
        instrument.notional_min,
        event.price,
        instrument.lot,
    );
    require(event.quantity >= minimum, Code::BelowMinimum)?;
    let ordered_notional = money(dita_notional(event.quantity, event.price))?;
    let exposure = money(account.exposure.wrapping_add(ordered_notional))?;
    let within = dita_within_leverage(exposure, capital(&account.ledger), account.leverage_max_ppm);
    require(within, Code::Leverage)?;
    let rate = if event.post_only == 1 {
        instrument.maker_ppb
    } else {
        instrument.taker_ppb
    };
    let fee_rate_ppb = dita_calibrated_rate(rate, account.calibration_ppm);
    // nothing can refuse any more
    taken(focus, event);
    focus.account.exposure = exposure;
    let slot = &mut *focus.slot;
    slot.phase = phase::ENTRY_REQUESTED;
    slot.fee_rate_ppb = fee_rate_ppb;
    slot.minimum = minimum;
    slot.exposure = ordered_notional;
    slot.entry.ordered = event.quantity;
    slot.plan.legs = event.legs;
    slot.plan.ratios = event.ratios;
    outcome.verdict = verdict::ACCEPTED;
    outcome.moves = 1;
    outcome.from_1 = phase::IDLE;
    outcome.to_1 = phase::ENTRY_REQUESTED;
    outcome.submit = 1;
    outcome.trade = event.trade;
    outcome.side = if event.side == side::LONG {
        order_side::BUY
    } else {
        order_side::SELL
    };
    outcome.quantity = event.quantity;
    outcome.limit_price = event.limit_price;
    outcome.post_only = event.post_only;
    Ok(())
}

/// The slot and its instrument now belong to the event's trade; the trade number is spent for ever.
fn taken(focus: &mut Focus<'_>, event: &Input) {
    let account = &mut *focus.account;
    account.trade_high_water = event.trade;
    account.live_slots = account.live_slots.wrapping_add(1);
    focus.instrument.holder = event.slot.wrapping_add(1);
    let slot = &mut *focus.slot;
    slot.clear_live();
    slot.trade = event.trade;
    slot.instrument = event.instrument;
    slot.side = event.side;
    slot.ref_price = event.price;
}

/// Domain of every ENTER field.
fn require_entry_values(instrument: &Instrument, event: &Input) -> Answer {
    require(instrument.registered == 1, Code::BadIndex)?;
    require(in_range(event.trade, 1, TRADE_ID_MAX), Code::BadValue)?;
    require(event.side == side::LONG || event.side == side::SHORT, Code::BadValue)?;
    require(in_range(event.quantity, 1, instrument.quantity_max), Code::BadValue)?;
    require(in_range(event.price, 1, instrument.price_max), Code::BadValue)?;
    require(in_range(event.post_only, 0, 1), Code::BadValue)?;
    require_limit_price(instrument, event)?;
    require_plan(event)?;
    require(dita_is_multiple(event.quantity, instrument.lot), Code::NotLot)
}

/// 0 is a market order; anything else is a whole number of ticks.
fn require_limit_price(instrument: &Instrument, event: &Input) -> Answer {
    require(in_range(event.limit_price, 0, instrument.price_max), Code::BadValue)?;
    require(dita_is_multiple(event.limit_price, instrument.tick), Code::BadValue)
}

/// 1 to 8 legs, each taking a positive share of what remains; ratios past the last leg are 0.
fn require_plan(event: &Input) -> Answer {
    require(
        in_range(event.legs, 1, i64::try_from(LEGS).unwrap_or(0)),
        Code::BadValue,
    )?;
    for (index, ratio) in (0_i64..).zip(event.ratios) {
        if index < event.legs {
            require(in_range(ratio, 1, WHOLE_PPM), Code::BadValue)?;
        } else {
            require(ratio == 0, Code::BadValue)?;
        }
    }
    Ok(())
}

/// ADOPT: an unexplained venue position becomes a trade that can be closed; no limit refuses it (clauses T3, T6).
pub fn adopt(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    let (account, instrument, slot) = (&*focus.account, &*focus.instrument, &*focus.slot);
    require(instrument.registered == 1, Code::BadIndex)?;
    require_time(event.time_ns)?;
    require(in_range(event.trade, 1, TRADE_ID_MAX), Code::BadValue)?;
    require(event.side == side::LONG || event.side == side::SHORT, Code::BadValue)?;
    require(
        event.quantity > 0 && is_possible(event.quantity, event.quote),
        Code::BadValue,
    )?;
    require(in_range(event.price, 1, BOUND), Code::BadValue)?;
    require(
        dita_price_plausible(event.quote, event.quantity, event.price),
        Code::BadValue,
    )?;
    require(dita_is_multiple(event.quantity, instrument.lot), Code::NotLot)?;
    require(event.trade > account.trade_high_water, Code::StaleId)?;
    require(slot.phase == phase::IDLE, Code::SlotBusy)?;
    require(account.seeded == 1, Code::NotSeeded)?;
    require(instrument.reconcile_required == 1, Code::NoChange)?;
    let newest = instrument.evidence_time_ns.max(instrument.fill_time_ns);
    require(event.time_ns >= newest, Code::StaleSnapshot)?;
    require(has_room(slot), Code::UnsettledTrade)?;
    require(instrument.holder == 0, Code::InstrumentBusy)?;
    let minimum = dita_minimum_quantity(
        instrument.quantity_min,
        instrument.notional_min,
        event.price,
        instrument.lot,
    );
    let terms = Terms {
        side: event.side,
        fee_rate_ppb: dita_calibrated_rate(instrument.taker_ppb, account.calibration_ppm),
    };
    let fills = Fills {
        entry_quantity: event.quantity,
        entry_quote: event.quote,
        entry_fee: 0,
        entry_graded: 0,
        exit_quantity: 0,
        exit_quote: 0,
    };
    let after = Figures::predicted(&terms, &fills)?;
    let booking = Booking::of(account, &Figures::NONE, after, event.time_ns)?;
    // nothing can refuse any more
    taken(focus, event);
    booking.write(focus);
    let slot = &mut *focus.slot;
    slot.phase = phase::POSITION_OPEN;
    slot.fee_rate_ppb = terms.fee_rate_ppb;
    slot.minimum = minimum.min(BOUND);
    slot.entry.ordered = event.quantity;
    slot.entry.quantity = event.quantity;
    slot.entry.quote = event.quote;
    slot.entry.done = 1;
    slot.entry.seen = 1;
    slot.plan = ADOPTED_PLAN;
    outcome.verdict = verdict::ACCEPTED;
    outcome.moves = 1;
    outcome.from_1 = phase::IDLE;
    outcome.to_1 = phase::POSITION_OPEN;
    outcome.trade = event.trade;
    Ok(())
}

/// One leg that takes everything.
const ADOPTED_PLAN: Plan = Plan {
    legs: 1,
    next_leg: 0,
    ratios: [WHOLE_PPM, 0, 0, 0, 0, 0, 0, 0],
};

// --- closing --------------------------------------------------------------------------------------------------------

/// The input names the trade that is live in this slot, in its instrument.
fn require_live(focus: &Focus<'_>, event: &Input) -> Answer {
    require(focus.slot.trade == event.trade, Code::StaleId)?;
    require(focus.slot.instrument == event.instrument, Code::BadIndex)
}

/// EXIT: submit the next leg; while the entry still works it is deferred behind a cancel (clause X2).
pub fn exit_leg(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    let slot = &*focus.slot;
    require(slot.phase != phase::IDLE, Code::NoPosition)?;
    require_live(focus, event)?;
    require_limit_price(focus.instrument, event)?;
    require(slot.plan.next_leg == event.leg, Code::WrongLeg)?;
    require(focus.account.mode != mode::HALTED, Code::ModeHalted)?;
    if slot.phase == phase::POSITION_OPEN {
        require_closable(slot, slot.exit.quote)?;
        let everything = slot.flatten == 1;
        closing(focus, outcome, everything, event.limit_price);
        return Ok(());
    }
    require(!in_exit(slot), Code::ExitInProgress)?;
    deferred(focus, outcome, Code::ExitDeferred)
}

/// FLATTEN: close everything, in any mode; behind the order in flight if there is one (clause X1).
pub fn flatten(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    let slot = &*focus.slot;
    require(slot.phase != phase::IDLE, Code::NoPosition)?;
    if event.trade != 0 {
        require(slot.trade == event.trade, Code::StaleId)?;
    }
    require(slot.instrument == event.instrument, Code::BadIndex)?;
    if slot.phase == phase::POSITION_OPEN {
        require_closable(slot, slot.exit.quote)?;
        closing(focus, outcome, true, 0);
        return Ok(());
    }
    deferred(focus, outcome, Code::Ok)
}

/// Remember to close everything, and cancel the order in flight if it is known to rest on the book.
fn deferred(focus: &mut Focus<'_>, outcome: &mut Outcome, code: Code) -> Answer {
    let slot = &mut *focus.slot;
    let working = is_working(slot);
    require(working || slot.flatten == 0, Code::NoChange)?;
    slot.flatten = 1;
    accepted(Before::of(slot), slot, outcome, code, in_flight_attempt(slot));
    outcome.cancel = i64::from(working);
    Ok(())
}

/// CANCEL: take the working order off the book and keep what filled; an unresolved one is asked for instead.
pub fn cancel(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    let slot = &*focus.slot;
    require(slot.phase != phase::IDLE, Code::NothingWorking)?;
    require_live(focus, event)?;
    let attempt = in_flight_attempt(slot);
    if is_working(slot) {
        accepted(Before::of(slot), slot, outcome, Code::Ok, attempt);
        outcome.cancel = 1;
        return Ok(());
    }
    let unresolved = slot.phase == phase::ENTRY_UNRESOLVED || slot.phase == phase::EXIT_UNRESOLVED;
    require(unresolved, Code::NothingWorking)?;
    accepted(Before::of(slot), slot, outcome, Code::Ok, attempt);
    outcome.resolve = 1;
    Ok(())
}

/// `EXTERNAL_CLOSE`: what left the position without an addressable order, as one virtual exit order (clause T4).
pub fn external_close(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    require(in_range(event.trade, 1, TRADE_ID_MAX), Code::BadValue)?;
    require_time(event.time_ns)?;
    require(focus.instrument.registered == 1, Code::BadIndex)?;
    if !(event.quantity > 0 && is_possible(event.quantity, event.quote)) {
        return impossible(event, outcome);
    }
    let slot = &*focus.slot;
    if slot.phase == phase::IDLE || slot.trade != event.trade {
        return external_close_of_past_trade(focus, event, outcome);
    }
    require(slot.instrument == event.instrument, Code::BadIndex)?;
    if !dita_is_multiple(event.quantity, focus.instrument.lot) {
        return impossible(event, outcome);
    }
    let known = &slot.closed;
    let news = advances(
        event.quantity,
        event.quote,
        known.external_quantity,
        known.external_quote,
        0,
    );
    require(news, Code::NoChange)?;
    let closed = exit_quantity(slot)
        .wrapping_sub(known.external_quantity)
        .wrapping_add(event.quantity);
    if closed > slot.entry.quantity {
        flagged_evidence(focus, outcome, Code::OverClose, event, 0);
        return Ok(());
    }
    let fills = Fills {
        exit_quantity: known
            .past_quantity
            .wrapping_add(slot.exit.quantity)
            .wrapping_add(event.quantity),
        exit_quote: known.past_quote.wrapping_add(slot.exit.quote).wrapping_add(event.quote),
        ..Fills::of(slot)
    };
    booked(focus, &fills, event.time_ns)?;
    focus.slot.closed.external_quantity = event.quantity;
    focus.slot.closed.external_quote = event.quote;
    after_external_close(focus, outcome);
    Ok(())
}

/// The report cannot be true whatever else is: nothing is believed, the runtime reconciles.
fn impossible(event: &Input, outcome: &mut Outcome) -> Answer {
    flagged(outcome, Code::Impossible, event.trade, 0);
    outcome.reconcile = reconcile::POSITION;
    Ok(())
}

/// Free the slot only if it owns no order; otherwise cancel the order and wait for its end.
fn after_external_close(focus: &mut Focus<'_>, outcome: &mut Outcome) {
    let slot = &*focus.slot;
    let before = Before::of(slot);
    let flat = remaining(slot) == 0;
    if slot.phase == phase::POSITION_OPEN && flat {
        finished(before, focus, outcome, Code::Ok, 0);
        return;
    }
    let entry_rests = slot.phase == phase::ENTRY_WORKING;
    let exit_rests = slot.phase == phase::EXIT_WORKING && flat;
    if entry_rests || exit_rests {
        accepted(before, slot, outcome, Code::Ok, in_flight_attempt(slot));
        outcome.cancel = 1;
        return;
    }
    accepted(before, slot, outcome, Code::Ok, 0);
}

/// News about a finished trade changes nothing; more than its record shows asks for a reconcile.
fn external_close_of_past_trade(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    let known = event.trade <= focus.account.trade_high_water;
    let code = if known { Code::TerminalState } else { Code::UnknownOrder };
    let mut shown = 0;
    for tail in &focus.slot.tails {
        if tail.trade == event.trade {
            require(tail.instrument == event.instrument, Code::BadIndex)?;
            shown = tail.exit.quantity;
        }
    }
    require(event.quantity > shown, code)?;
    flagged_evidence(focus, outcome, code, event, 0);
    Ok(())
}
