//! The numbers of `dita.spec.vocabulary` and `dita.spec.scales`, under the same names. A test compares them.
//!
//! Words that live in records are plain `i64`, because a record from outside may hold any bits; only what the kernel
//! itself says (`Code`) is an enumeration.

#![allow(
    dead_code,
    reason = "the vocabulary is complete, whether or not the step needs every word of it"
)]

/// Venue time that must have passed after an order's deadline before its absence can be believed (clause U4).
pub const ADMIT_MARGIN_NS: i64 = 2_000_000_000;
/// Every check of the resolution procedure, as one number that must match exactly (clause U4).
pub const ALL_CHECKS: i64 = 0b111_1111;

/// Parts per million.
pub const RATIO_SCALE: u64 = 1_000_000;
/// Parts per billion.
pub const RATE_SCALE: u64 = 1_000_000_000;
/// Price times quantity, divided by this, is money.
pub const NOTIONAL_DIVISOR: u64 = 10_000_000_000;

/// Every stored price, quantity and amount of money: |x| <= BOUND (clause N2).
pub const BOUND: i64 = 1 << 60;
/// Latest time that is taken for one; times are never summed.
pub const TIME_MAX_NS: i64 = 1 << 62;
/// Largest trade number.
pub const TRADE_ID_MAX: i64 = 1 << 40;
/// Largest number of an exit order.
pub const ATTEMPT_MAX: i64 = 1 << 20;
/// Most rows of one kind of income.
pub const INCOME_ROWS_MAX: i64 = 1 << 40;
/// Most foreign orders that a position snapshot can report.
pub const FOREIGN_ORDERS_MAX: i64 = 1 << 20;

/// Where the one trade of a slot stands (clause P1).
pub mod phase {
    pub const IDLE: i64 = 0;
    pub const ENTRY_REQUESTED: i64 = 1;
    pub const ENTRY_WORKING: i64 = 2;
    pub const ENTRY_UNRESOLVED: i64 = 3;
    pub const POSITION_OPEN: i64 = 4;
    pub const EXIT_REQUESTED: i64 = 5;
    pub const EXIT_WORKING: i64 = 6;
    pub const EXIT_UNRESOLVED: i64 = 7;
}

/// The 21 input kinds; 0 is none.
pub mod kind {
    pub const NONE: i64 = 0;
    pub const ENTER: i64 = 1;
    pub const EXIT: i64 = 2;
    pub const FLATTEN: i64 = 3;
    pub const CANCEL: i64 = 4;
    pub const SET_MODE: i64 = 5;
    pub const SET_LIMITS: i64 = 6;
    pub const REGISTER: i64 = 7;
    pub const SEED: i64 = 8;
    pub const ADOPT: i64 = 9;
    pub const SETTLE_FORCED: i64 = 10;
    pub const ORDER: i64 = 11;
    pub const REJECTED: i64 = 12;
    pub const UNKNOWN: i64 = 13;
    pub const NOT_FOUND: i64 = 14;
    pub const SILENT: i64 = 15;
    pub const EXTERNAL_CLOSE: i64 = 16;
    pub const SETTLE: i64 = 17;
    pub const INCOME: i64 = 18;
    pub const WALLET: i64 = 19;
    pub const POSITION: i64 = 20;
    pub const CALIBRATE: i64 = 21;
}

/// Clause R1: what became of an input.
pub mod verdict {
    pub const REFUSED: i64 = 0;
    pub const FLAGGED: i64 = 1;
    pub const ACCEPTED: i64 = 2;
}

/// Why the kernel answered as it did. One name, one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub enum Code {
    Ok = 0,
    LateFill = 1,
    ExitDeferred = 2,
    RolledBack = 3,
    Impossible = 4,
    Inconsistent = 5,
    OverClose = 6,
    UnknownOrder = 7,
    TerminalState = 8,
    SettleMismatch = 9,
    PositionMismatch = 10,
    NoChange = 11,
    StaleId = 12,
    WrongLeg = 13,
    StaleSnapshot = 14,
    SlotBusy = 15,
    InstrumentBusy = 16,
    SlotLimit = 17,
    NoPosition = 18,
    ExitInProgress = 19,
    NothingWorking = 20,
    ModeReduceOnly = 21,
    ModeHalted = 22,
    CapitalFrozen = 23,
    ReconcileRequired = 24,
    UnsettledTrade = 25,
    Leverage = 26,
    BelowMinimum = 27,
    NotLot = 28,
    NotDefinite = 29,
    NotSeeded = 30,
    UnfitInstrument = 31,
    Overflow = 32,
    BadValue = 33,
    BadKind = 34,
    BadIndex = 35,
}

/// Clause M1.
pub mod mode {
    pub const ACTIVE: i64 = 0;
    pub const REDUCE_ONLY: i64 = 1;
    pub const HALTED: i64 = 2;
}

/// Direction of a position.
pub mod side {
    pub const NONE: i64 = 0;
    pub const LONG: i64 = 1;
    pub const SHORT: i64 = 2;
}

/// Direction of an order.
pub mod order_side {
    pub const NONE: i64 = 0;
    pub const BUY: i64 = 1;
    pub const SELL: i64 = 2;
}

/// The two halves of a trade that settle separately (clause F1).
pub mod part {
    pub const ENTRY: i64 = 0;
    pub const EXIT: i64 = 1;
}

/// Why an order surely did not reach the book (clause X5).
pub mod reject_reason {
    pub const NOT_SENT: i64 = 0;
    pub const REFUSED: i64 = 1;
    pub const NO_POSITION: i64 = 2;
    pub const BLOCKED: i64 = 3;
    pub const THROTTLED: i64 = 4;
}

/// Money that moves outside trades (clause L4).
pub mod income_kind {
    pub const FUNDING: i64 = 0;
    pub const TRANSFER: i64 = 1;
    pub const ADJUSTMENT: i64 = 2;
}

/// What a RECONCILE command asks the runtime to read from the venue.
pub mod reconcile {
    pub const NONE: i64 = 0;
    pub const POSITION: i64 = 1;
    pub const WALLET: i64 = 2;
}
