//! The records of the C interface: the same fields in the same order as the dataclasses of `dita.spec` (`inputs`,
//! `outcome`, `state`), which give their meaning and units.

/// Most trades that can be live at once.
pub const SLOTS: usize = 16;
/// Most instruments that can be registered.
pub const INSTRUMENTS: usize = 64;
/// Most legs of an exit plan.
pub const LEGS: usize = 8;
/// Finished trades a slot remembers until they are settled.
pub const TAILS: usize = 4;

record! {
    /// All input fields, each a signed 64-bit word. Units as in `dita.spec.scales`.
    pub struct Input {
        pub kind: i64,
        pub slot: i64,
        pub instrument: i64,
        pub trade: i64,
        pub attempt: i64,
        pub time_ns: i64,
        pub side: i64,
        pub quantity: i64,
        pub quote: i64,
        pub price: i64,
        pub limit_price: i64,
        pub post_only: i64,
        pub legs: i64,
        pub leg: i64,
        pub done: i64,
        pub reason: i64,
        pub part: i64,
        pub amount: i64,
        pub income_kind: i64,
        pub rows: i64,
        pub long_quantity: i64,
        pub short_quantity: i64,
        pub foreign_orders: i64,
        pub deadline_ns: i64,
        pub checks: i64,
        pub mode: i64,
        pub slot_limit: i64,
        pub ratio_ppm: i64,
        pub lot: i64,
        pub tick: i64,
        pub quantity_min: i64,
        pub notional_min: i64,
        pub price_max: i64,
        pub quantity_max: i64,
        pub taker_ppb: i64,
        pub maker_ppb: i64,
        pub ratios: [i64; LEGS],
    }
}

record! {
    /// All outcome fields, each a signed 64-bit word.
    pub struct Outcome {
        pub verdict: i64,
        pub code: i64,
        pub moves: i64,
        pub from_1: i64,
        pub to_1: i64,
        pub from_2: i64,
        pub to_2: i64,
        pub submit: i64,
        pub cancel: i64,
        pub resolve: i64,
        pub reconcile: i64,
        pub cancel_protection: i64,
        pub slot: i64,
        pub instrument: i64,
        pub trade: i64,
        pub attempt: i64,
        pub side: i64,
        pub quantity: i64,
        pub limit_price: i64,
        pub post_only: i64,
        pub reduce_only: i64,
        pub close_all: i64,
    }
}

record! {
    /// The books: capital = seed + realised - fees + funding + transfers + adjustments, exactly, always (clause L1).
    pub struct Ledger {
        pub seed: i64,
        pub realised: i64,
        pub fees: i64,
        pub fees_provisional: i64,
        pub funding: i64,
        pub funding_rows: i64,
        pub transfers: i64,
        pub transfer_rows: i64,
        pub adjustments: i64,
        pub adjustment_rows: i64,
        pub last_money_time_ns: i64,
        pub wallet_seen: i64,
        pub wallet_amount: i64,
        pub wallet_as_of_ns: i64,
        pub difference: i64,
    }
}

record! {
    /// Everything kernel-wide. Aggregates over slots are kept here, so that a step looks at one slot only.
    pub struct Account {
        pub mode: i64,
        pub seeded: i64,
        pub slot_limit: i64,
        pub leverage_max_ppm: i64,
        pub tolerance: i64,
        pub calibration_ppm: i64,
        pub trade_high_water: i64,
        pub live_slots: i64,
        pub unreconciled: i64,
        pub exposure: i64,
        pub ledger: Ledger,
    }
}

record! {
    /// A registered contract, and what the kernel knows about the venue's side of it.
    pub struct Instrument {
        pub registered: i64,
        pub holder: i64,
        pub reconcile_required: i64,
        pub evidence_time_ns: i64,
        pub fill_time_ns: i64,
        pub lot: i64,
        pub tick: i64,
        pub quantity_min: i64,
        pub notional_min: i64,
        pub price_max: i64,
        pub quantity_max: i64,
        pub taker_ppb: i64,
        pub maker_ppb: i64,
    }
}

record! {
    /// The entry order of the live trade and what it filled. `fee` is predicted until `graded`.
    pub struct Entry {
        pub ordered: i64,
        pub quantity: i64,
        pub quote: i64,
        pub fee: i64,
        pub graded: i64,
        pub done: i64,
        pub seen: i64,
    }
}

record! {
    /// The latest exit order of the live trade; attempt 0 means there has been none.
    pub struct Exit {
        pub attempt: i64,
        pub ordered: i64,
        pub quantity: i64,
        pub quote: i64,
        pub done: i64,
        pub seen: i64,
        pub everything: i64,
    }
}

record! {
    /// What has left the position besides the latest exit order, and the fee booked for all exits together.
    pub struct Closed {
        pub past_quantity: i64,
        pub past_quote: i64,
        pub external_quantity: i64,
        pub external_quote: i64,
        pub fee: i64,
    }
}

record! {
    /// The exit plan given at ENTER: each leg takes its ratio (ppm) of what then remains; the last takes everything.
    pub struct Plan {
        pub legs: i64,
        pub next_leg: i64,
        pub ratios: [i64; LEGS],
    }
}

record! {
    /// One settled unit of a finished trade: its entry or its exit side.
    pub struct Half {
        pub quantity: i64,
        pub quote: i64,
        pub fee: i64,
        pub graded: i64,
    }
}

record! {
    /// What a slot remembers of a finished trade until the venue has settled it (clause F1).
    pub struct Tail {
        pub trade: i64,
        pub instrument: i64,
        pub side: i64,
        pub entry: Half,
        pub exit: Half,
        pub last_attempt: i64,
        pub last_attempt_quantity: i64,
    }
}

record! {
    /// Room for one live trade, and the tails of those that finished in it, newest first.
    pub struct Slot {
        pub phase: i64,
        pub trade: i64,
        pub instrument: i64,
        pub side: i64,
        pub flatten: i64,
        pub fee_rate_ppb: i64,
        pub minimum: i64,
        pub ref_price: i64,
        pub exposure: i64,
        pub realised: i64,
        pub entry: Entry,
        pub exit: Exit,
        pub closed: Closed,
        pub plan: Plan,
        pub tails: [Tail; TAILS],
    }
}

record! {
    /// The whole kernel.
    pub struct State {
        pub account: Account,
        pub instruments: [Instrument; INSTRUMENTS],
        pub slots: [Slot; SLOTS],
    }
}

record! {
    /// A kernel's handle, an input and room for its outcome: one call's arguments behind one pointer. Not part of the
    /// layout text, since it is no record of the specification.
    pub struct Call {
        pub handle: i64,
        pub input: Input,
        pub outcome: Outcome,
    }
}
