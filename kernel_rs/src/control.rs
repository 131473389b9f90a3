//! The operator's and the venue's settings: mode, limits, contracts, calibration, position snapshots.

use crate::arithmetic::dita_fits_scales;
use crate::books::acknowledged;
use crate::focus::{Answer, Focus, flagged_evidence, in_range, require, require_time};
use crate::lifecycle::{in_entry, in_exit};
use crate::records::{Input, Outcome, Slot};
use crate::state::remaining;
use crate::vocabulary::{BOUND, Code, FOREIGN_ORDERS_MAX, mode, phase, side};

/// Most slots that can be live at once.
pub const SLOT_CEILING: i64 = 16;
/// A thousand times the capital.
pub const LEVERAGE_CEILING_PPM: i64 = 1_000_000_000;
/// Four times the model's fees.
pub const CALIBRATION_CEILING_PPM: i64 = 4_000_000;
/// A tenth of the notional.
pub const FEE_RATE_CEILING_PPB: i64 = 100_000_000;

/// `SET_MODE`: commands nothing by itself; the runtime cancels working entries on a downgrade.
pub fn set_mode(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    require(in_range(event.mode, mode::ACTIVE, mode::HALTED), Code::BadValue)?;
    require(event.mode != focus.account.mode, Code::NoChange)?;
    focus.account.mode = event.mode;
    acknowledged(outcome)
}

/// `SET_LIMITS`: live slots, aggregate leverage, tolerated wallet difference. Open trades are not touched.
pub fn set_limits(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    require(in_range(event.slot_limit, 1, SLOT_CEILING), Code::BadValue)?;
    require(in_range(event.ratio_ppm, 1, LEVERAGE_CEILING_PPM), Code::BadValue)?;
    require(in_range(event.amount, 0, BOUND), Code::BadValue)?;
    focus.account.slot_limit = event.slot_limit;
    focus.account.leverage_max_ppm = event.ratio_ppm;
    focus.account.tolerance = event.amount;
    acknowledged(outcome)
}

/// CALIBRATE: the ratio of actual to model fee, for trades entered from now on.
pub fn calibrate(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    require(in_range(event.ratio_ppm, 1, CALIBRATION_CEILING_PPM), Code::BadValue)?;
    focus.account.calibration_ppm = event.ratio_ppm;
    acknowledged(outcome)
}

/// REGISTER: contract terms of an instrument, refused when the scales cannot hold them exactly (clause N5).
pub fn register(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    require(in_range(event.lot, 1, BOUND), Code::BadValue)?;
    require(in_range(event.tick, 1, BOUND), Code::BadValue)?;
    require(in_range(event.quantity_min, 0, BOUND), Code::BadValue)?;
    require(in_range(event.notional_min, 0, BOUND), Code::BadValue)?;
    require(in_range(event.price_max, 1, BOUND), Code::BadValue)?;
    require(in_range(event.quantity_max, 1, BOUND), Code::BadValue)?;
    require(in_range(event.taker_ppb, 0, FEE_RATE_CEILING_PPB), Code::BadValue)?;
    require(in_range(event.maker_ppb, 0, FEE_RATE_CEILING_PPB), Code::BadValue)?;
    let fits = dita_fits_scales(event.lot, event.tick, event.quantity_max, event.price_max);
    require(fits, Code::UnfitInstrument)?;
    let instrument = &mut *focus.instrument;
    require(instrument.holder == 0, Code::InstrumentBusy)?;
    instrument.registered = 1;
    instrument.lot = event.lot;
    instrument.tick = event.tick;
    instrument.quantity_min = event.quantity_min;
    instrument.notional_min = event.notional_min;
    instrument.price_max = event.price_max;
    instrument.quantity_max = event.quantity_max;
    instrument.taker_ppb = event.taker_ppb;
    instrument.maker_ppb = event.maker_ppb;
    acknowledged(outcome)
}

// --- position snapshots ---------------------------------------------------------------------------------------------

/// POSITION: only an exact match, newer than all evidence and with no order in flight, explains everything.
pub fn position(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    let instrument = &*focus.instrument;
    let (holder, holds) = (instrument.holder, instrument.holder != 0);
    require(instrument.registered == 1, Code::BadIndex)?;
    require(!holds || holder == event.slot.wrapping_add(1), Code::BadIndex)?;
    require_time(event.time_ns)?;
    require(in_range(event.long_quantity, 0, BOUND), Code::BadValue)?;
    require(in_range(event.short_quantity, 0, BOUND), Code::BadValue)?;
    require(in_range(event.foreign_orders, 0, FOREIGN_ORDERS_MAX), Code::BadValue)?;
    let newest = instrument.evidence_time_ns.max(instrument.fill_time_ns);
    require(event.time_ns >= newest, Code::StaleSnapshot)?;
    // without a live trade in the instrument the slot says nothing about it: flat is what is expected
    let (trade, explained, settled) = if holds {
        let slot = &*focus.slot;
        let settled = slot.phase == phase::IDLE || slot.phase == phase::POSITION_OPEN;
        (slot.trade, position_explained(slot, event), settled)
    } else {
        (0, is_flat(event), true)
    };
    if !explained {
        flagged_evidence(focus, outcome, Code::PositionMismatch, event, 0);
        outcome.trade = trade;
        return Ok(());
    }
    require(settled && focus.instrument.reconcile_required == 1, Code::NoChange)?;
    reconciled(focus);
    acknowledged(outcome)
}

/// Nothing at all at the venue.
fn is_flat(event: &Input) -> bool {
    event.long_quantity == 0 && event.short_quantity == 0 && event.foreign_orders == 0
}

/// Clause T5: the venue's own side lies in the band that the order in flight allows; nothing else is there.
fn position_explained(slot: &Slot, event: &Input) -> bool {
    let mut low = remaining(slot);
    let mut high = low;
    if in_entry(slot) {
        high = low.wrapping_add(slot.entry.ordered).wrapping_sub(slot.entry.quantity);
    }
    if in_exit(slot) {
        low = low.wrapping_sub(slot.exit.ordered.wrapping_sub(slot.exit.quantity));
    }
    let short = slot.side == side::SHORT;
    let (own, other) = if short {
        (event.short_quantity, event.long_quantity)
    } else {
        (event.long_quantity, event.short_quantity)
    };
    in_range(own, low, high) && other == 0 && event.foreign_orders == 0
}

/// The venue agrees and is newer than the evidence: new risk in this instrument is explained.
fn reconciled(focus: &mut Focus<'_>) {
    focus.account.unreconciled = focus.account.unreconciled.wrapping_sub(1);
    focus.instrument.reconcile_required = 0;
}
