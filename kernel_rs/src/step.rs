//! One step of the kernel: select what the input may touch and let the kind's handler answer.
//!
//! Clause R1: a REFUSED input changes nothing and commands nothing. Clause R3: the step is total: every bit pattern of an
//! input has one named answer. Guard order is the same for every kind: `BAD_KIND`, `BAD_INDEX`, values, identity, then
//! the phase.

use crate::focus::{Answer, Focus};
use crate::records::{Account, Input, Instrument, Outcome, Slot, State};
use crate::vocabulary::{Code, kind};
use crate::{books, control, orders, trades};

/// Advance `state` by each input in turn and say what must be done about it.
#[inline]
pub fn fold(state: &mut State, events: &[Input], outcomes: &mut [Outcome]) {
    for (event, outcome) in events.iter().zip(outcomes) {
        step(state, event, outcome);
    }
}

/// Advance `state` by one input and say what must be done about it.
#[inline]
pub fn step(state: &mut State, event: &Input, outcome: &mut Outcome) {
    if event.kind < kind::ENTER || event.kind > kind::CALIBRATE {
        return refuse(outcome, Code::BadKind);
    }
    let Some((account, instrument, slot)) = select(state, event.slot, event.instrument) else {
        return refuse(outcome, Code::BadIndex);
    };
    dita_core(account, instrument, slot, event, outcome);
}

/// The account, and the instrument and the slot with these numbers.
#[inline]
pub fn select(state: &mut State, slot: i64, instrument: i64) -> Option<(&mut Account, &mut Instrument, &mut Slot)> {
    let slot = state.slots.get_mut(usize::try_from(slot).ok()?)?;
    let instrument = state.instruments.get_mut(usize::try_from(instrument).ok()?)?;
    Some((&mut state.account, instrument, slot))
}

/// The step of one account, one instrument and one slot, flat: no index, no table, nothing else in reach (clause S1).
///
/// Exported under its name for proofs about the machine code; its arguments are five distinct records.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn dita_core(
    account: &mut Account,
    instrument: &mut Instrument,
    slot: &mut Slot,
    event: &Input,
    outcome: &mut Outcome,
) {
    *outcome = Outcome::EMPTY;
    let mut focus = Focus {
        account,
        instrument,
        slot,
    };
    match answer(&mut focus, event, outcome) {
        // every outcome that is not a refusal says which slot and instrument it speaks of
        Ok(()) => {
            outcome.slot = event.slot;
            outcome.instrument = event.instrument;
        }
        Err(code) => outcome.code = code as i64,
    }
}

/// Nothing changed, and why.
#[inline]
fn refuse(outcome: &mut Outcome, code: Code) {
    *outcome = Outcome::EMPTY;
    outcome.code = code as i64;
}

/// The handler's answer for the input's kind.
fn answer(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    match event.kind {
        kind::ENTER => trades::enter(focus, event, outcome),
        kind::EXIT => trades::exit_leg(focus, event, outcome),
        kind::FLATTEN => trades::flatten(focus, event, outcome),
        kind::CANCEL => trades::cancel(focus, event, outcome),
        kind::SET_MODE => control::set_mode(focus, event, outcome),
        kind::SET_LIMITS => control::set_limits(focus, event, outcome),
        kind::REGISTER => control::register(focus, event, outcome),
        kind::SEED => books::seed(focus, event, outcome),
        kind::ADOPT => trades::adopt(focus, event, outcome),
        kind::SETTLE_FORCED => books::settle_forced(focus, event, outcome),
        kind::ORDER => orders::order(focus, event, outcome),
        kind::REJECTED => orders::rejected(focus, event, outcome),
        kind::UNKNOWN => orders::unknown(focus, event, outcome),
        kind::NOT_FOUND => orders::not_found(focus, event, outcome),
        kind::SILENT => orders::silent(focus, event, outcome),
        kind::EXTERNAL_CLOSE => trades::external_close(focus, event, outcome),
        kind::SETTLE => books::settle(focus, event, outcome),
        kind::INCOME => books::income(focus, event, outcome),
        kind::WALLET => books::wallet(focus, event, outcome),
        kind::POSITION => control::position(focus, event, outcome),
        kind::CALIBRATE => control::calibrate(focus, event, outcome),
        _ => Err(Code::BadKind),
    }
}
