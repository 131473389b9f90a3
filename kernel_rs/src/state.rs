//! What `dita.spec.state` says about records beyond their fields: the first state, and the sums that have a name.

use crate::records::{
    Account, Closed, Entry, Exit, Half, INSTRUMENTS, Input, Instrument, LEGS, Ledger, Outcome, Plan, SLOTS, Slot,
    State, TAILS, Tail,
};

impl Input {
    /// All zero, which is no kind.
    pub const EMPTY: Self = Self {
        kind: 0,
        slot: 0,
        instrument: 0,
        trade: 0,
        attempt: 0,
        time_ns: 0,
        side: 0,
        quantity: 0,
        quote: 0,
        price: 0,
        limit_price: 0,
        post_only: 0,
        legs: 0,
        leg: 0,
        done: 0,
        reason: 0,
        part: 0,
        amount: 0,
        income_kind: 0,
        rows: 0,
        long_quantity: 0,
        short_quantity: 0,
        foreign_orders: 0,
        deadline_ns: 0,
        checks: 0,
        mode: 0,
        slot_limit: 0,
        ratio_ppm: 0,
        lot: 0,
        tick: 0,
        quantity_min: 0,
        notional_min: 0,
        price_max: 0,
        quantity_max: 0,
        taker_ppb: 0,
        maker_ppb: 0,
        ratios: [0; LEGS],
    };
}

impl Outcome {
    /// All zero: refused, without a reason yet.
    pub const EMPTY: Self = Self {
        verdict: 0,
        code: 0,
        moves: 0,
        from_1: 0,
        to_1: 0,
        from_2: 0,
        to_2: 0,
        submit: 0,
        cancel: 0,
        resolve: 0,
        reconcile: 0,
        cancel_protection: 0,
        slot: 0,
        instrument: 0,
        trade: 0,
        attempt: 0,
        side: 0,
        quantity: 0,
        limit_price: 0,
        post_only: 0,
        reduce_only: 0,
        close_all: 0,
    };
}

impl Entry {
    /// No entry order.
    pub const EMPTY: Self = Self {
        ordered: 0,
        quantity: 0,
        quote: 0,
        fee: 0,
        graded: 0,
        done: 0,
        seen: 0,
    };
}

impl Exit {
    /// No exit order yet.
    pub const EMPTY: Self = Self {
        attempt: 0,
        ordered: 0,
        quantity: 0,
        quote: 0,
        done: 0,
        seen: 0,
        everything: 0,
    };
}

impl Closed {
    /// Nothing has left the position.
    pub const EMPTY: Self = Self {
        past_quantity: 0,
        past_quote: 0,
        external_quantity: 0,
        external_quote: 0,
        fee: 0,
    };
}

impl Plan {
    /// No plan.
    pub const EMPTY: Self = Self {
        legs: 0,
        next_leg: 0,
        ratios: [0; LEGS],
    };
}

impl Half {
    /// Nothing to settle: an empty half is graded.
    const EMPTY: Self = Self {
        quantity: 0,
        quote: 0,
        fee: 0,
        graded: 1,
    };
}

impl Tail {
    /// No finished trade.
    const EMPTY: Self = Self {
        trade: 0,
        instrument: 0,
        side: 0,
        entry: Half::EMPTY,
        exit: Half::EMPTY,
        last_attempt: 0,
        last_attempt_quantity: 0,
    };
}

impl Slot {
    const EMPTY: Self = Self {
        phase: 0,
        trade: 0,
        instrument: 0,
        side: 0,
        flatten: 0,
        fee_rate_ppb: 0,
        minimum: 0,
        ref_price: 0,
        exposure: 0,
        realised: 0,
        entry: Entry::EMPTY,
        exit: Exit::EMPTY,
        closed: Closed::EMPTY,
        plan: Plan::EMPTY,
        tails: [Tail::EMPTY; TAILS],
    };

    /// The live part back to zero; tails stay (clause S3).
    pub fn clear_live(&mut self) {
        self.phase = 0;
        self.trade = 0;
        self.instrument = 0;
        self.side = 0;
        self.flatten = 0;
        self.fee_rate_ppb = 0;
        self.minimum = 0;
        self.ref_price = 0;
        self.exposure = 0;
        self.realised = 0;
        self.entry = Entry::EMPTY;
        self.exit = Exit::EMPTY;
        self.closed = Closed::EMPTY;
        self.plan = Plan::EMPTY;
    }
}

impl Instrument {
    const EMPTY: Self = Self {
        registered: 0,
        holder: 0,
        reconcile_required: 0,
        evidence_time_ns: 0,
        fill_time_ns: 0,
        lot: 0,
        tick: 0,
        quantity_min: 0,
        notional_min: 0,
        price_max: 0,
        quantity_max: 0,
        taker_ppb: 0,
        maker_ppb: 0,
    };
}

impl Account {
    const INITIAL: Self = Self {
        mode: 0,
        seeded: 0,
        slot_limit: 1,
        leverage_max_ppm: 1_000_000,
        tolerance: 0,
        calibration_ppm: 1_000_000,
        trade_high_water: 0,
        live_slots: 0,
        unreconciled: 0,
        exposure: 0,
        ledger: Ledger {
            seed: 0,
            realised: 0,
            fees: 0,
            fees_provisional: 0,
            funding: 0,
            funding_rows: 0,
            transfers: 0,
            transfer_rows: 0,
            adjustments: 0,
            adjustment_rows: 0,
            last_money_time_ns: 0,
            wallet_seen: 0,
            wallet_amount: 0,
            wallet_as_of_ns: 0,
            difference: 0,
        },
    };
}

impl State {
    /// The state every kernel starts from.
    pub const INITIAL: Self = Self {
        account: Account::INITIAL,
        instruments: [Instrument::EMPTY; INSTRUMENTS],
        slots: [Slot::EMPTY; SLOTS],
    };
}

/// Clause L1, in 1e-8 USDT.
#[inline]
pub fn capital(ledger: &Ledger) -> i64 {
    ledger
        .seed
        .wrapping_add(ledger.realised)
        .wrapping_sub(ledger.fees)
        .wrapping_add(ledger.funding)
        .wrapping_add(ledger.transfers)
        .wrapping_add(ledger.adjustments)
}

/// Clause E1: what the kernel holds in this slot, 1e-8 coins.
#[inline]
pub fn remaining(slot: &Slot) -> i64 {
    slot.entry.quantity.wrapping_sub(exit_quantity(slot))
}

/// All that left the position, by whatever way, 1e-8 coins.
#[inline]
pub fn exit_quantity(slot: &Slot) -> i64 {
    slot.closed
        .past_quantity
        .wrapping_add(slot.exit.quantity)
        .wrapping_add(slot.closed.external_quantity)
}

/// Notional of all that left the position, 1e-8 USDT.
#[inline]
pub fn exit_quote(slot: &Slot) -> i64 {
    slot.closed
        .past_quote
        .wrapping_add(slot.exit.quote)
        .wrapping_add(slot.closed.external_quote)
}
