//! What one input may touch: the account, one instrument, one slot. Other slots are out of reach by construction.
//!
//! The reference returns new records; here a handler changes them in place, and therefore does so only after its last
//! requirement: a refusal leaves every byte as it was (clause R2). The outcome comes in all zero and is filled last too.

use crate::records::{Account, Input, Instrument, Outcome, Slot};
use crate::vocabulary::{BOUND, Code, TIME_MAX_NS, reconcile, verdict};

/// The account, the selected instrument and the selected slot.
pub struct Focus<'a> {
    pub account: &'a mut Account,
    pub instrument: &'a mut Instrument,
    pub slot: &'a mut Slot,
}

/// Done, with the outcome filled; or refused with nothing changed (clause R2).
pub type Answer = Result<(), Code>;

/// Refuse with `code` unless the condition holds.
#[inline]
pub fn require(condition: bool, code: Code) -> Answer {
    if condition { Ok(()) } else { Err(code) }
}

/// Whether low <= value <= high.
#[inline]
pub fn in_range(value: i64, low: i64, high: i64) -> bool {
    low <= value && value <= high
}

/// Gate for every stored amount: beyond the bound the input is refused with OVERFLOW (clause N2).
#[inline]
pub fn money(value: i64) -> Result<i64, Code> {
    require(in_range(value, -BOUND, BOUND), Code::Overflow)?;
    Ok(value)
}

/// A time that the kernel will store or compare must be a plausible UTC nanosecond.
#[inline]
pub fn require_time(time_ns: i64) -> Answer {
    require(in_range(time_ns, 0, TIME_MAX_NS), Code::BadValue)
}

/// Nothing moves, but the runtime is told to look; the caller adds what it commands.
pub fn flagged(outcome: &mut Outcome, code: Code, trade: i64, attempt: i64) {
    outcome.verdict = verdict::FLAGGED;
    outcome.code = code as i64;
    outcome.trade = trade;
    outcome.attempt = attempt;
}

/// Clause T2: unexplained exposure in this instrument; only a matching, newer position snapshot clears it.
pub fn with_evidence(focus: &mut Focus<'_>, time_ns: i64) {
    let instrument = &mut *focus.instrument;
    if instrument.reconcile_required == 0 {
        focus.account.unreconciled = focus.account.unreconciled.wrapping_add(1);
    }
    instrument.reconcile_required = 1;
    instrument.evidence_time_ns = instrument.evidence_time_ns.max(time_ns);
}

/// Flag, and require a reconcile of the instrument before the next ENTER.
pub fn flagged_evidence(focus: &mut Focus<'_>, outcome: &mut Outcome, code: Code, event: &Input, attempt: i64) {
    with_evidence(focus, event.time_ns);
    flagged(outcome, code, event.trade, attempt);
    outcome.reconcile = reconcile::POSITION;
}
