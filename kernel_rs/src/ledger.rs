//! The books. Profit and fee are functions of a slot's bounded record; the ledger moves by the change (clause L2).

use crate::arithmetic::{dita_cost_share, dita_predicted_fee};
use crate::focus::{Focus, money};
use crate::records::{Account, Ledger, Slot};
use crate::state::{Record, capital, exit_quantity, exit_quote};
use crate::vocabulary::{Code, side};

/// From what a slot's money is predicted: both are fixed when the trade begins.
#[derive(Clone, Copy)]
pub struct Terms {
    pub side: i64,
    pub fee_rate_ppb: i64,
}

impl Terms {
    /// Of the slot's live trade.
    pub fn of(slot: &Slot) -> Self {
        Self {
            side: slot.side,
            fee_rate_ppb: slot.fee_rate_ppb,
        }
    }
}

/// What the books hold of one slot.
#[derive(Clone, Copy)]
pub struct Figures {
    pub fees: i64,
    pub provisional: i64,
    pub realised: i64,
    pub exposure: i64,
}

impl Figures {
    /// Of a slot without a trade.
    pub const NONE: Self = Self {
        fees: 0,
        provisional: 0,
        realised: 0,
        exposure: 0,
    };

    /// Of a slot as it is.
    pub fn of(slot: &Slot) -> Self {
        Self {
            fees: slot.entry.fee.wrapping_add(slot.closed.fee),
            provisional: provisional_fees(slot.entry.graded, slot.entry.fee, slot.closed.fee),
            realised: slot.realised,
            exposure: slot.exposure,
        }
    }
}

/// A booking that was found possible and is yet to be written.
pub struct Booking {
    record: Record,
    realised: i64,
    exposure: i64,
    account_exposure: i64,
    ledger: Ledger,
    time_ns: i64,
}

impl Booking {
    /// The fills as they will be.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Put it into the account, the instrument and the slot.
    pub fn write(&self, focus: &mut Focus<'_>) {
        let slot = &mut *focus.slot;
        slot.entry = self.record.entry;
        slot.exit = self.record.exit;
        slot.closed = self.record.closed;
        slot.realised = self.realised;
        slot.exposure = self.exposure;
        focus.account.exposure = self.account_exposure;
        focus.account.ledger = self.ledger;
        focus.instrument.fill_time_ns = focus.instrument.fill_time_ns.max(self.time_ns);
    }
}

/// What a closed quantity earned before fees: sign by branch (clause L3).
pub fn profit(side: i64, cost: i64, proceeds: i64) -> i64 {
    if side == side::LONG {
        return proceeds.wrapping_sub(cost);
    }
    cost.wrapping_sub(proceeds)
}

/// The part of a live slot's booked fees that is still predicted.
fn provisional_fees(entry_graded: i64, entry_fee: i64, closed_fee: i64) -> i64 {
    if entry_graded == 1 {
        return closed_fee;
    }
    entry_fee.wrapping_add(closed_fee)
}

/// Book the difference between the slot as it was and `record` (its fills changed), as of a venue time.
pub fn booked(
    account: &Account,
    terms: Terms,
    before: Figures,
    mut record: Record,
    time_ns: i64,
) -> Result<Booking, Code> {
    // fee, profit and exposure recomputed from the record
    if record.entry.graded == 0 {
        record.entry.fee = dita_predicted_fee(record.entry.quote, terms.fee_rate_ppb);
    }
    let proceeds = money(exit_quote(&record.exit, &record.closed))?;
    record.closed.fee = dita_predicted_fee(proceeds, terms.fee_rate_ppb);
    let closed_quantity = exit_quantity(&record.exit, &record.closed);
    let cost = dita_cost_share(record.entry.quote, record.entry.quantity, closed_quantity);
    let realised = profit(terms.side, cost, proceeds);
    let exposure = before.exposure.max(record.entry.quote);
    // the change
    let fees = record.entry.fee.wrapping_add(record.closed.fee);
    let provisional = provisional_fees(record.entry.graded, record.entry.fee, record.closed.fee);
    let ledger = posted(
        &account.ledger,
        realised.wrapping_sub(before.realised),
        fees.wrapping_sub(before.fees),
        provisional.wrapping_sub(before.provisional),
        time_ns,
    )?;
    let account_exposure = money(account.exposure.wrapping_add(exposure).wrapping_sub(before.exposure))?;
    Ok(Booking {
        record,
        realised,
        exposure,
        account_exposure,
        ledger,
        time_ns,
    })
}

/// The ledger after a change of trade money. `time_ns` 0: a correction of effects already timed.
pub fn posted(ledger: &Ledger, realised: i64, fees: i64, provisional: i64, time_ns: i64) -> Result<Ledger, Code> {
    let mut after = *ledger;
    after.realised = money(ledger.realised.wrapping_add(realised))?;
    after.fees = money(ledger.fees.wrapping_add(fees))?;
    after.fees_provisional = money(ledger.fees_provisional.wrapping_add(provisional))?;
    after.last_money_time_ns = ledger.last_money_time_ns.max(time_ns);
    compared(&mut after);
    Ok(after)
}

/// Clause L5: the wallet difference follows capital while the last reading includes every booked effect.
pub fn compared(ledger: &mut Ledger) {
    if ledger.wallet_seen == 1 && ledger.wallet_as_of_ns >= ledger.last_money_time_ns {
        ledger.difference = ledger.wallet_amount.wrapping_sub(capital(ledger));
    }
}

/// Clause L6: capital is frozen while wallet and books differ by more than tolerance and predicted fees explain.
pub fn frozen(ledger: &Ledger, tolerance: i64) -> bool {
    ledger.difference.wrapping_abs() > tolerance.wrapping_add(ledger.fees_provisional)
}
