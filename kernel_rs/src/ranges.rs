//! The states that the kernel takes back: every word in its range, so that all arithmetic on them is exact.
//!
//! Three conditions go beyond single words, because divisors depend on them: a live trade's instrument is registered,
//! a registered instrument has a lot and a tick, and no more has left a position than entered it. Whether a state is
//! one that the kernel can *reach* is for the invariants of the specification to say, not for this module.

use crate::control::{CALIBRATION_CEILING_PPM, FEE_RATE_CEILING_PPB, LEVERAGE_CEILING_PPM, SLOT_CEILING};
use crate::focus::in_range;
use crate::records::{
    Account, Closed, Entry, Exit, Half, INSTRUMENTS, Instrument, Ledger, Plan, Slot, State, TAILS, Tail,
};
use crate::state::exit_quantity;
use crate::vocabulary::{ATTEMPT_MAX, BOUND, RATIO_SCALE, TIME_MAX_NS, TRADE_ID_MAX, mode, phase, side};

/// Wallet minus capital: seven bounded amounts.
const DIFFERENCE_MAX: i64 = 7 * BOUND;
/// The largest fee rate times the largest calibration.
const TRADE_RATE_MAX_PPB: i64 = 4 * FEE_RATE_CEILING_PPB;

/// Whether every word of the state is in its range.
pub fn holds(state: &State) -> bool {
    account(&state.account)
        && state.instruments.iter().all(instrument)
        && state.slots.iter().all(|record| slot(record, &state.instruments))
}

fn flag(value: i64) -> bool {
    in_range(value, 0, 1)
}

/// A quantity, price or notional.
fn amount(value: i64) -> bool {
    in_range(value, 0, BOUND)
}

/// An amount of money that may be owed.
fn signed(value: i64) -> bool {
    in_range(value, -BOUND, BOUND)
}

fn time(value: i64) -> bool {
    in_range(value, 0, TIME_MAX_NS)
}

/// Rows are compared, never counted with.
fn rows(value: i64) -> bool {
    value >= 0
}

fn count(value: i64, most: usize) -> bool {
    usize::try_from(value).is_ok_and(|value| value <= most)
}

fn account(record: &Account) -> bool {
    in_range(record.mode, mode::ACTIVE, mode::HALTED)
        && flag(record.seeded)
        && in_range(record.slot_limit, 1, SLOT_CEILING)
        && in_range(record.leverage_max_ppm, 1, LEVERAGE_CEILING_PPM)
        && amount(record.tolerance)
        && in_range(record.calibration_ppm, 1, CALIBRATION_CEILING_PPM)
        && in_range(record.trade_high_water, 0, TRADE_ID_MAX)
        && in_range(record.live_slots, 0, SLOT_CEILING)
        && count(record.unreconciled, INSTRUMENTS)
        && amount(record.exposure)
        && ledger(&record.ledger)
}

fn ledger(record: &Ledger) -> bool {
    amount(record.seed)
        && signed(record.realised)
        && signed(record.fees)
        && signed(record.fees_provisional)
        && signed(record.funding)
        && rows(record.funding_rows)
        && signed(record.transfers)
        && rows(record.transfer_rows)
        && signed(record.adjustments)
        && rows(record.adjustment_rows)
        && time(record.last_money_time_ns)
        && flag(record.wallet_seen)
        && signed(record.wallet_amount)
        && time(record.wallet_as_of_ns)
        && in_range(record.difference, -DIFFERENCE_MAX, DIFFERENCE_MAX)
}

fn instrument(record: &Instrument) -> bool {
    let terms = [record.lot, record.tick, record.price_max, record.quantity_max];
    flag(record.registered)
        && in_range(record.holder, 0, SLOT_CEILING)
        && flag(record.reconcile_required)
        && time(record.evidence_time_ns)
        && time(record.fill_time_ns)
        && terms.into_iter().all(|value| in_range(value, record.registered, BOUND))
        && amount(record.quantity_min)
        && amount(record.notional_min)
        && in_range(record.taker_ppb, 0, FEE_RATE_CEILING_PPB)
        && in_range(record.maker_ppb, 0, FEE_RATE_CEILING_PPB)
}

fn slot(record: &Slot, instruments: &[Instrument; INSTRUMENTS]) -> bool {
    let registered = usize::try_from(record.instrument)
        .ok()
        .and_then(|index| instruments.get(index))
        .is_some_and(|instrument| record.phase == phase::IDLE || instrument.registered == 1);
    registered
        && in_range(record.phase, phase::IDLE, phase::EXIT_UNRESOLVED)
        && in_range(record.trade, 0, TRADE_ID_MAX)
        && in_range(record.side, side::NONE, side::SHORT)
        && flag(record.flatten)
        && in_range(record.fee_rate_ppb, 0, TRADE_RATE_MAX_PPB)
        && amount(record.minimum)
        && amount(record.ref_price)
        && amount(record.exposure)
        && signed(record.realised)
        && entry(&record.entry)
        && exit(&record.exit)
        && closed(&record.closed)
        && exit_quantity(record) <= record.entry.quantity
        && plan(&record.plan)
        && tails(&record.tails)
}

fn entry(record: &Entry) -> bool {
    amount(record.ordered)
        && amount(record.quantity)
        && amount(record.quote)
        && signed(record.fee)
        && flag(record.graded)
        && flag(record.done)
        && flag(record.seen)
}

fn exit(record: &Exit) -> bool {
    in_range(record.attempt, 0, ATTEMPT_MAX)
        && amount(record.ordered)
        && amount(record.quantity)
        && amount(record.quote)
        && flag(record.done)
        && flag(record.seen)
        && flag(record.everything)
}

fn closed(record: &Closed) -> bool {
    amount(record.past_quantity)
        && amount(record.past_quote)
        && amount(record.external_quantity)
        && amount(record.external_quote)
        && amount(record.fee)
}

fn plan(record: &Plan) -> bool {
    let whole = i64::try_from(RATIO_SCALE).unwrap_or(0);
    count(record.legs, record.ratios.len())
        && in_range(record.next_leg, 0, record.legs)
        && record.ratios.into_iter().all(|ratio| in_range(ratio, 0, whole))
}

fn tails(records: &[Tail; TAILS]) -> bool {
    records.iter().all(|record| {
        in_range(record.trade, 0, TRADE_ID_MAX)
            && count(record.instrument, INSTRUMENTS - 1)
            && in_range(record.side, side::NONE, side::SHORT)
            && half(&record.entry)
            && half(&record.exit)
            && in_range(record.last_attempt, 0, ATTEMPT_MAX)
            && amount(record.last_attempt_quantity)
    })
}

fn half(record: &Half) -> bool {
    amount(record.quantity) && amount(record.quote) && signed(record.fee) && flag(record.graded)
}

#[cfg(test)]
mod tests {
    use super::holds;
    use crate::records::State;
    use crate::vocabulary::{BOUND, phase};

    fn damaged(damage: impl Fn(&mut State)) -> bool {
        let mut state = State::INITIAL;
        damage(&mut state);
        !holds(&state)
    }

    /// The first state is in range, and so is one at the bounds.
    #[test]
    fn sound_states_hold() {
        assert!(!damaged(|_| ()));
        assert!(!damaged(|state| state.account.ledger.realised = -BOUND));
        assert!(!damaged(|state| state.account.ledger.difference = -7 * BOUND));
    }

    /// One word beyond its range is enough, wherever it stands.
    #[test]
    fn one_word_is_enough() {
        assert!(damaged(|state| state.account.slot_limit = 0));
        assert!(damaged(|state| state.account.ledger.realised = -BOUND - 1));
        assert!(damaged(|state| state.instruments[63].holder = 17));
        assert!(damaged(|state| state.slots[15].tails[3].exit.graded = 2));
        assert!(damaged(|state| state.slots[0].plan.next_leg = 1));
    }

    /// What divisors depend on.
    #[test]
    fn divisors_are_positive() {
        assert!(damaged(|state| state.slots[3].phase = phase::POSITION_OPEN));
        assert!(damaged(|state| state.instruments[0].registered = 1));
        assert!(damaged(|state| state.slots[0].exit.quantity = 1));
    }
}
