//! The books. Profit and fee are functions of a slot's bounded record; the ledger moves by the change (clause L2).

use crate::arithmetic::{dita_cost_share, dita_predicted_fee};
use crate::focus::{Answer, Focus, money};
use crate::records::{Account, Ledger, Slot};
use crate::state::{capital, exit_quantity, exit_quote};
use crate::vocabulary::{Code, side};

/// From what a slot's money is predicted: both are fixed when the trade begins.
pub struct Terms {
    pub side: i64,
    pub fee_rate_ppb: i64,
}

impl Terms {
    /// Of the slot's live trade.
    #[inline]
    pub fn of(slot: &Slot) -> Self {
        Self {
            side: slot.side,
            fee_rate_ppb: slot.fee_rate_ppb,
        }
    }
}

/// What filled and what left: all that a slot's money follows from.
pub struct Fills {
    pub entry_quantity: i64,
    pub entry_quote: i64,
    pub entry_fee: i64,
    pub entry_graded: i64,
    pub exit_quantity: i64,
    pub exit_quote: i64,
}

impl Fills {
    /// As the slot has them now.
    #[inline]
    pub fn of(slot: &Slot) -> Self {
        Self {
            entry_quantity: slot.entry.quantity,
            entry_quote: slot.entry.quote,
            entry_fee: slot.entry.fee,
            entry_graded: slot.entry.graded,
            exit_quantity: exit_quantity(slot),
            exit_quote: exit_quote(slot),
        }
    }
}

/// What the books hold of one slot.
pub struct Figures {
    entry_fee: i64,
    closed_fee: i64,
    entry_graded: i64,
    realised: i64,
    exposure: i64,
}

impl Figures {
    /// Of a slot without a trade.
    pub const NONE: Self = Self {
        entry_fee: 0,
        closed_fee: 0,
        entry_graded: 0,
        realised: 0,
        exposure: 0,
    };

    /// Of a slot as it is.
    #[inline]
    pub fn of(slot: &Slot) -> Self {
        Self {
            entry_fee: slot.entry.fee,
            closed_fee: slot.closed.fee,
            entry_graded: slot.entry.graded,
            realised: slot.realised,
            exposure: slot.exposure,
        }
    }

    #[inline]
    fn fees(&self) -> i64 {
        self.entry_fee.wrapping_add(self.closed_fee)
    }

    /// The part of the booked fees that is still predicted.
    #[inline]
    fn provisional_fees(&self) -> i64 {
        if self.entry_graded == 1 {
            return self.closed_fee;
        }
        self.entry_fee.wrapping_add(self.closed_fee)
    }

    /// Fee, profit and exposure that follow from the fills.
    #[inline(always)]
    pub fn predicted(terms: &Terms, fills: &Fills) -> Result<Self, Code> {
        let mut entry_fee = fills.entry_fee;
        if fills.entry_graded == 0 {
            entry_fee = dita_predicted_fee(fills.entry_quote, terms.fee_rate_ppb);
        }
        let proceeds = money(fills.exit_quote)?;
        let closed_fee = dita_predicted_fee(proceeds, terms.fee_rate_ppb);
        let cost = dita_cost_share(fills.entry_quote, fills.entry_quantity, fills.exit_quantity);
        Ok(Self {
            entry_fee,
            closed_fee,
            entry_graded: fills.entry_graded,
            realised: profit(terms.side, cost, proceeds),
            exposure: fills.entry_quote,
        })
    }
}

/// What a closed quantity earned before fees: sign by branch (clause L3).
pub fn profit(side: i64, cost: i64, proceeds: i64) -> i64 {
    if side == side::LONG {
        return proceeds.wrapping_sub(cost);
    }
    cost.wrapping_sub(proceeds)
}

/// A booking that was found possible and is yet to be written.
pub struct Booking {
    after: Figures,
    account_exposure: i64,
    posting: Posting,
    time_ns: i64,
}

impl Booking {
    /// The difference between what the books hold of a slot and what its new `fills` make of it, as of a venue time.
    #[inline(always)]
    pub fn of(account: &Account, before: &Figures, mut after: Figures, time_ns: i64) -> Result<Self, Code> {
        after.exposure = after.exposure.max(before.exposure);
        let posting = Posting::of(
            &account.ledger,
            after.realised.wrapping_sub(before.realised),
            after.fees().wrapping_sub(before.fees()),
            after.provisional_fees().wrapping_sub(before.provisional_fees()),
        )?;
        let account_exposure = money(
            account
                .exposure
                .wrapping_add(after.exposure)
                .wrapping_sub(before.exposure),
        )?;
        Ok(Self {
            after,
            account_exposure,
            posting,
            time_ns,
        })
    }

    /// Change everything that depends on the fills; the fills themselves are the caller's to write.
    #[inline(always)]
    pub fn write(&self, focus: &mut Focus<'_>) {
        focus.account.exposure = self.account_exposure;
        self.posting.write(&mut focus.account.ledger, self.time_ns);
        focus.instrument.fill_time_ns = focus.instrument.fill_time_ns.max(self.time_ns);
        let slot = &mut *focus.slot;
        slot.entry.fee = self.after.entry_fee;
        slot.closed.fee = self.after.closed_fee;
        slot.realised = self.after.realised;
        slot.exposure = self.after.exposure;
    }
}

/// Book new `fills` of the slot's live trade.
#[inline(always)]
pub fn booked(focus: &mut Focus<'_>, fills: &Fills, time_ns: i64) -> Answer {
    let slot = &*focus.slot;
    let after = Figures::predicted(&Terms::of(slot), fills)?;
    Booking::of(focus.account, &Figures::of(slot), after, time_ns)?.write(focus);
    Ok(())
}

/// A change of trade money that was found possible and is yet to be written.
pub struct Posting {
    realised: i64,
    fees: i64,
    fees_provisional: i64,
}

impl Posting {
    /// The ledger's new totals.
    #[inline(always)]
    pub fn of(ledger: &Ledger, realised: i64, fees: i64, provisional: i64) -> Result<Self, Code> {
        Ok(Self {
            realised: money(ledger.realised.wrapping_add(realised))?,
            fees: money(ledger.fees.wrapping_add(fees))?,
            fees_provisional: money(ledger.fees_provisional.wrapping_add(provisional))?,
        })
    }

    /// Put them into the ledger. `time_ns` 0: a correction of effects already timed.
    #[inline(always)]
    pub fn write(&self, ledger: &mut Ledger, time_ns: i64) {
        ledger.realised = self.realised;
        ledger.fees = self.fees;
        ledger.fees_provisional = self.fees_provisional;
        ledger.last_money_time_ns = ledger.last_money_time_ns.max(time_ns);
        compared(ledger);
    }
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
