//! Money that the venue reports: settlement, income, wallet (clauses F1 to F4, L1 to L6).

use crate::focus::{Answer, Focus, flagged, flagged_evidence, in_range, require, require_time};
use crate::ledger::{Fills, Posting, booked, compared, profit};
use crate::lifecycle::{Before, accepted, in_entry, is_graded};
use crate::records::{Account, Half, Input, Outcome, Tail};
use crate::vocabulary::{BOUND, Code, INCOME_ROWS_MAX, TRADE_ID_MAX, income_kind, part, phase, reconcile, verdict};

/// Accepted; no slot is concerned.
pub fn acknowledged(outcome: &mut Outcome) -> Answer {
    outcome.verdict = verdict::ACCEPTED;
    Ok(())
}

// --- settlement -----------------------------------------------------------------------------------------------------

/// SETTLE: the venue's fill rows for one half of a trade replace the provisional figures, once (clause F1).
pub fn settle(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    require(in_range(event.trade, 1, TRADE_ID_MAX), Code::BadValue)?;
    require_time(event.time_ns)?;
    require(in_range(event.part, part::ENTRY, part::EXIT), Code::BadValue)?;
    require(in_range(event.quantity, 1, BOUND), Code::BadValue)?;
    require(in_range(event.quote, 1, BOUND), Code::BadValue)?;
    require(
        in_range(event.amount, event.quote.wrapping_neg(), event.quote),
        Code::BadValue,
    )?;
    if focus.slot.phase != phase::IDLE && focus.slot.trade == event.trade {
        return settle_live(focus, event, outcome);
    }
    for index in 0..focus.slot.tails.len() {
        if focus
            .slot
            .tails
            .get(index)
            .is_some_and(|tail| tail.trade == event.trade)
        {
            return settle_tail(focus, event, outcome, index);
        }
    }
    require(event.trade <= focus.account.trade_high_water, Code::UnknownOrder)?;
    Err(Code::NoChange)
}

/// The entry of a live trade may settle once its order is over; its exits only when the trade has finished.
fn settle_live(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    let slot = &*focus.slot;
    require(slot.instrument == event.instrument, Code::BadIndex)?;
    require(event.part == part::ENTRY && !in_entry(slot), Code::NoChange)?;
    let entry = &slot.entry;
    let known = Half {
        quantity: entry.quantity,
        quote: entry.quote,
        fee: entry.fee,
        graded: entry.graded,
    };
    if known.quantity != event.quantity {
        return mismatch(focus, event, outcome, known);
    }
    require(settlement_advances(known, event), Code::NoChange)?;
    let fills = Fills {
        entry_quote: event.quote,
        entry_fee: event.amount,
        entry_graded: 1,
        ..Fills::of(slot)
    };
    // time 0: the effects were timed when they were booked, and so was the instrument's newest fill
    booked(focus, &fills, 0)?;
    focus.slot.entry.quote = event.quote;
    focus.slot.entry.graded = 1;
    accepted(Before::of(focus.slot), focus.slot, outcome, Code::Ok, 0);
    Ok(())
}

/// Clause O1 at equal quantity: settled beats provisional, then the larger (quote, fee) wins.
fn settlement_advances(known: Half, event: &Input) -> bool {
    if known.graded == 0 {
        return true;
    }
    if event.quote != known.quote {
        return event.quote > known.quote;
    }
    event.amount > known.fee
}

/// A finished trade's half is settled: the ledger moves by the difference and the tail is graded.
fn settle_tail(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome, index: usize) -> Answer {
    let Some(tail) = focus.slot.tails.get_mut(index) else {
        return Err(Code::NoChange);
    };
    require(tail.instrument == event.instrument, Code::BadIndex)?;
    let known = if event.part == part::ENTRY {
        tail.entry
    } else {
        tail.exit
    };
    if known.quantity != event.quantity {
        return mismatch(focus, event, outcome, known);
    }
    require(settlement_advances(known, event), Code::NoChange)?;
    let half = Half {
        quantity: event.quantity,
        quote: event.quote,
        fee: event.amount,
        graded: 1,
    };
    if event.part == part::ENTRY {
        with_tail(focus.account, tail, &Tail { entry: half, ..*tail })?;
        tail.entry = half;
    } else {
        with_tail(focus.account, tail, &Tail { exit: half, ..*tail })?;
        tail.exit = half;
    }
    acknowledged(outcome)
}

/// Book the difference between a tail as it was and as it now is; the tail itself is the caller's to write.
#[inline]
fn with_tail(account: &mut Account, before: &Tail, after: &Tail) -> Answer {
    let posting = Posting::of(
        &account.ledger,
        tail_profit(after).wrapping_sub(tail_profit(before)),
        after
            .entry
            .fee
            .wrapping_add(after.exit.fee)
            .wrapping_sub(before.entry.fee)
            .wrapping_sub(before.exit.fee),
        tail_provisional(after).wrapping_sub(tail_provisional(before)),
    )?;
    posting.write(&mut account.ledger, 0);
    Ok(())
}

/// A finished trade's profit before fees.
fn tail_profit(tail: &Tail) -> i64 {
    profit(tail.side, tail.entry.quote, tail.exit.quote)
}

/// The part of a finished trade's fees that is still predicted.
fn tail_provisional(tail: &Tail) -> i64 {
    let entry = if tail.entry.graded == 0 { tail.entry.fee } else { 0 };
    if tail.exit.graded == 0 {
        return entry.wrapping_add(tail.exit.fee);
    }
    entry
}

/// Clause F4: rows that sum to another quantity. More than is booked is evidence; less is not yet complete.
fn mismatch(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome, known: Half) -> Answer {
    if event.quantity > known.quantity {
        flagged_evidence(focus, outcome, Code::SettleMismatch, event, 0);
        return Ok(());
    }
    require(known.graded == 0, Code::NoChange)?;
    flagged(outcome, Code::SettleMismatch, event.trade, 0);
    Ok(())
}

/// `SETTLE_FORCED`: the operator accepts the predicted figures of a finished trade (clause F3, the way out).
pub fn settle_forced(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    require(in_range(event.trade, 1, TRADE_ID_MAX), Code::BadValue)?;
    for tail in &mut focus.slot.tails {
        if tail.trade == event.trade {
            require(!is_graded(tail), Code::NoChange)?;
            let entry = Half {
                graded: 1,
                ..tail.entry
            };
            let exit = Half { graded: 1, ..tail.exit };
            with_tail(focus.account, tail, &Tail { entry, exit, ..*tail })?;
            tail.entry.graded = 1;
            tail.exit.graded = 1;
            return acknowledged(outcome);
        }
    }
    require(event.trade <= focus.account.trade_high_water, Code::UnknownOrder)?;
    Err(Code::NoChange)
}

// --- the account's own money ----------------------------------------------------------------------------------------

/// SEED: the books start from the venue's wallet balance, once.
pub fn seed(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    require_time(event.time_ns)?;
    require(in_range(event.amount, 1, BOUND), Code::BadValue)?;
    require(focus.account.seeded == 0, Code::NoChange)?;
    focus.account.seeded = 1;
    focus.account.ledger.seed = event.amount;
    focus.account.ledger.last_money_time_ns = event.time_ns;
    acknowledged(outcome)
}

/// INCOME: cumulative funding, transfers or adjustments; more rows, or a larger total of as many, is news.
pub fn income(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    require_time(event.time_ns)?;
    require(
        in_range(event.income_kind, income_kind::FUNDING, income_kind::ADJUSTMENT),
        Code::BadValue,
    )?;
    require(in_range(event.rows, 0, INCOME_ROWS_MAX), Code::BadValue)?;
    require(in_range(event.amount, -BOUND, BOUND), Code::BadValue)?;
    require(focus.account.seeded == 1, Code::NotSeeded)?;
    let ledger = &mut focus.account.ledger;
    if event.income_kind == income_kind::FUNDING {
        require(
            income_advances(event, ledger.funding_rows, ledger.funding),
            Code::NoChange,
        )?;
        ledger.funding = event.amount;
        ledger.funding_rows = event.rows;
    } else if event.income_kind == income_kind::TRANSFER {
        require(
            income_advances(event, ledger.transfer_rows, ledger.transfers),
            Code::NoChange,
        )?;
        ledger.transfers = event.amount;
        ledger.transfer_rows = event.rows;
    } else {
        require(
            income_advances(event, ledger.adjustment_rows, ledger.adjustments),
            Code::NoChange,
        )?;
        ledger.adjustments = event.amount;
        ledger.adjustment_rows = event.rows;
    }
    ledger.last_money_time_ns = ledger.last_money_time_ns.max(event.time_ns);
    compared(ledger);
    acknowledged(outcome)
}

/// Lexicographic order on (rows, total).
fn income_advances(event: &Input, rows: i64, total: i64) -> bool {
    if event.rows != rows {
        return event.rows > rows;
    }
    event.amount > total
}

/// WALLET: compare books and venue, if the reading includes every booked effect (clause L5).
pub fn wallet(focus: &mut Focus<'_>, event: &Input, outcome: &mut Outcome) -> Answer {
    require_time(event.time_ns)?;
    require(in_range(event.amount, -BOUND, BOUND), Code::BadValue)?;
    require(focus.account.seeded == 1, Code::NotSeeded)?;
    let ledger = &mut focus.account.ledger;
    if event.time_ns < ledger.last_money_time_ns {
        flagged(outcome, Code::StaleSnapshot, 0, 0);
        outcome.reconcile = reconcile::WALLET;
        return Ok(());
    }
    require(
        ledger.wallet_seen == 0 || event.time_ns >= ledger.wallet_as_of_ns,
        Code::StaleSnapshot,
    )?;
    let same = event.time_ns == ledger.wallet_as_of_ns && event.amount == ledger.wallet_amount;
    require(!(ledger.wallet_seen == 1 && same), Code::NoChange)?;
    ledger.wallet_seen = 1;
    ledger.wallet_amount = event.amount;
    ledger.wallet_as_of_ns = event.time_ns;
    compared(ledger);
    acknowledged(outcome)
}
