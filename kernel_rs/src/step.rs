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
    // every outcome that is not a refusal says which slot and instrument it speaks of
    *outcome = Outcome {
        slot: event.slot,
        instrument: event.instrument,
        ..Outcome::EMPTY
    };
    let mut focus = Focus {
        account,
        instrument,
        slot,
    };
    if let Err(code) = answer(&mut focus, event, outcome) {
        outcome.slot = 0;
        outcome.instrument = 0;
        outcome.code = code as i64; // and nothing else: handlers write to the outcome when nothing can refuse any more
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

#[cfg(test)]
mod tests {
    use super::step;
    use crate::ranges;
    use crate::records::{Input, Outcome, State};
    use crate::vocabulary::{Code, kind, phase, side, verdict};

    const TRADE: i64 = 7;
    const QUANTITY: i64 = 1_000_000;
    const PRICE: i64 = 600_000_000_000_000;
    const QUOTE: i64 = 60_000_000_000;

    fn send(state: &mut State, event: &Input) -> Outcome {
        let mut outcome = Outcome::EMPTY;
        step(state, event, &mut outcome);
        outcome
    }

    /// A kernel that may trade one contract.
    fn open_shop() -> State {
        let mut state = State::INITIAL;
        let register = Input {
            kind: kind::REGISTER,
            lot: 10_000,
            tick: 1_000_000_000,
            price_max: 1 << 53,
            quantity_max: 1 << 36,
            taker_ppb: 500_000,
            ..Input::EMPTY
        };
        let seed = Input {
            kind: kind::SEED,
            amount: 1 << 50,
            ..Input::EMPTY
        };
        assert_eq!(send(&mut state, &register).verdict, verdict::ACCEPTED);
        assert_eq!(send(&mut state, &seed).verdict, verdict::ACCEPTED);
        state
    }

    fn enter() -> Input {
        let mut event = Input {
            kind: kind::ENTER,
            trade: TRADE,
            side: side::LONG,
            quantity: QUANTITY,
            price: PRICE,
            legs: 1,
            ..Input::EMPTY
        };
        event.ratios[0] = 1_000_000;
        event
    }

    fn order(attempt: i64, quantity: i64, quote: i64, done: i64) -> Input {
        Input {
            kind: kind::ORDER,
            trade: TRADE,
            attempt,
            quantity,
            quote,
            done,
            time_ns: 1,
            ..Input::EMPTY
        }
    }

    /// A trade from order to order: phases, profit and fees as worked out by hand.
    #[test]
    fn a_trade_ends_in_its_profit() {
        let mut state = open_shop();
        assert_eq!(send(&mut state, &enter()).submit, 1);
        assert_eq!(
            send(&mut state, &order(0, QUANTITY / 2, QUOTE / 2, 0)).to_1,
            phase::ENTRY_WORKING
        );
        assert_eq!(
            send(&mut state, &order(0, QUANTITY, QUOTE, 1)).to_1,
            phase::POSITION_OPEN
        );
        let exit = Input {
            kind: kind::EXIT,
            trade: TRADE,
            ..Input::EMPTY
        };
        let submitted = send(&mut state, &exit);
        assert_eq!(
            (submitted.submit, submitted.reduce_only, submitted.close_all),
            (1, 1, 1)
        );
        let last = send(&mut state, &order(1, QUANTITY, QUOTE + 1_000_000, 1));
        assert_eq!((last.to_1, last.cancel_protection), (phase::IDLE, 1));
        assert_eq!(state.account.ledger.realised, 1_000_000);
        assert_eq!(state.account.ledger.fees, 30_000_000 + 30_000_500);
        assert_eq!(state.account.exposure, 0);
        assert!(ranges::holds(&state));
    }

    /// A refusal that is found after everything was decided, at the bound of the books, changes nothing.
    #[test]
    fn a_late_refusal_changes_nothing() {
        let mut state = open_shop();
        send(&mut state, &enter());
        state.account.ledger.fees = crate::vocabulary::BOUND;
        let before = state;
        let outcome = send(&mut state, &order(0, QUANTITY, QUOTE, 1));
        assert_eq!(outcome.code, Code::Overflow as i64);
        assert_eq!(state, before);
        assert!(ranges::holds(&state));
    }

    /// Any kind outside the 21 and any index outside the tables has its own refusal.
    #[test]
    fn foreign_kinds_and_indices() {
        let mut state = open_shop();
        let mut refusal = |kind, slot, instrument| {
            let event = Input {
                kind,
                slot,
                instrument,
                ..Input::EMPTY
            };
            send(&mut state, &event).code
        };
        for kind in [i64::MIN, -1, 0, 22, i64::MAX] {
            assert_eq!(refusal(kind, 0, 0), Code::BadKind as i64);
        }
        for (slot, instrument) in [(-1, 0), (16, 0), (0, -1), (0, 64), (i64::MAX, i64::MIN)] {
            assert_eq!(refusal(kind::ORDER, slot, instrument), Code::BadIndex as i64);
        }
    }

    /// Noise on noise, a million words deep: no panic (the test build checks every operator), and what is refused
    /// leaves state and outcome as a refusal must.
    #[test]
    fn any_bits_are_answered() {
        let mut random: u64 = 0x2545_f491_4f6c_dd1d;
        let mut word = move || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let value = i64::from_ne_bytes(random.to_ne_bytes());
            match random % 5 {
                0 => value,
                1 => value >> 61,
                2 => value.rem_euclid(8),
                3 => value >> (random % 63),
                _ => [i64::MIN, i64::MAX, 1 << 60, -(1 << 60), 0][usize::try_from(random % 5).expect("small")],
            }
        };
        let mut state = open_shop();
        for round in 0..20_000 {
            if round % 40 == 0 {
                fill(&mut state, &mut word);
            }
            let mut event = Input::EMPTY;
            fill(&mut event, &mut word);
            event.kind = 1 + word().rem_euclid(21);
            event.slot = word().rem_euclid(17);
            event.instrument = word().rem_euclid(65);
            let before = state;
            let outcome = send(&mut state, &event);
            if outcome.verdict == verdict::REFUSED {
                assert_eq!(state, before);
                assert_eq!(
                    outcome,
                    Outcome {
                        code: outcome.code,
                        ..Outcome::EMPTY
                    }
                );
            }
        }
    }

    /// Put words into every place of a record.
    fn fill<T>(record: &mut T, word: &mut impl FnMut() -> i64) {
        let place: *mut T = record;
        for index in 0..size_of::<T>() / 8 {
            // SAFETY: a record is nothing but 64-bit words, and the index stays inside it.
            unsafe { place.cast::<i64>().add(index).write(word()) };
        }
    }
}
