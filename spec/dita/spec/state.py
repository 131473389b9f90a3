"""The kernel's state: nested immutable records of integers, the same words in the same order on both sides.

``dita.spec.layout`` derives the byte layout from these classes, so a field added here moves the ABI fingerprint.
Canonical form (clause S2): an idle slot is all zero but for its tails; an empty tail is all zero but ``graded``.
"""

from typing import NamedTuple

from dita.spec.vocabulary import INSTRUMENTS, LEGS, SLOTS, TAILS


class Entry(NamedTuple):
    """The entry order of the live trade and what it filled. ``fee`` is predicted until ``graded``."""

    ordered: int = 0  # 1e-8 coins
    quantity: int = 0  # cumulative fill, 1e-8 coins
    quote: int = 0  # cumulative notional, 1e-8 USDT
    fee: int = 0  # 1e-8 USDT; positive is paid
    graded: int = 0  # 1: quote and fee come from the venue's fill rows
    done: int = 0  # 1: terminal evidence seen
    seen: int = 0  # 1: any evidence of existence


class Exit(NamedTuple):
    """The latest exit order of the live trade; attempt 0 means there has been none."""

    attempt: int = 0
    ordered: int = 0
    quantity: int = 0
    quote: int = 0
    done: int = 0
    seen: int = 0
    everything: int = 0  # 1: it was sent for all that remained


class Closed(NamedTuple):
    """What has left the position besides the latest exit order, and the fee booked for all exits together."""

    past_quantity: int = 0  # exit orders before the latest
    past_quote: int = 0
    external_quantity: int = 0  # closed without us: liquidation, by hand, late exits of forgotten orders
    external_quote: int = 0
    fee: int = 0  # predicted on the whole exit notional; an exit settles only after the trade has finished


class Plan(NamedTuple):
    """The exit plan given at ENTER: each leg takes its ratio (ppm) of what then remains; the last takes everything."""

    legs: int = 0
    next_leg: int = 0
    ratios: tuple[int, ...] = (0,) * LEGS


class Half(NamedTuple):
    """One settled unit of a finished trade: its entry or its exit side."""

    quantity: int = 0
    quote: int = 0
    fee: int = 0
    graded: int = 1


class Tail(NamedTuple):
    """What a slot remembers of a finished trade until the venue has settled it (clause F1)."""

    trade: int = 0
    instrument: int = 0
    side: int = 0
    entry: Half = Half()
    exit: Half = Half()
    last_attempt: int = 0
    last_attempt_quantity: int = 0


class Slot(NamedTuple):
    """Room for one live trade, and the tails of those that finished in it, newest first."""

    phase: int = 0
    trade: int = 0
    instrument: int = 0
    side: int = 0
    flatten: int = 0  # 1: everything is to be closed as soon as the working order is done
    fee_rate_ppb: int = 0  # fixed at ENTER
    minimum: int = 0  # smallest order that can be placed and closed, fixed at ENTER
    ref_price: int = 0
    exposure: int = 0  # max(entry notional, ordered notional at the reference price)
    realised: int = 0  # booked so far for this trade
    entry: Entry = Entry()
    exit: Exit = Exit()
    closed: Closed = Closed()
    plan: Plan = Plan()
    tails: tuple[Tail, ...] = (Tail(),) * TAILS


class Instrument(NamedTuple):
    """A registered contract, and what the kernel knows about the venue's side of it."""

    registered: int = 0
    holder: int = 0  # 1 + index of the slot whose live trade is in this instrument; 0: none
    reconcile_required: int = 0
    evidence_time_ns: int = 0  # newest unexplained evidence
    fill_time_ns: int = 0  # newest booked fill
    lot: int = 0
    tick: int = 0
    quantity_min: int = 0
    notional_min: int = 0
    price_max: int = 0
    quantity_max: int = 0
    taker_ppb: int = 0
    maker_ppb: int = 0


class Ledger(NamedTuple):
    """The books: capital = seed + realised - fees + funding + transfers + adjustments, exactly, always (clause L1)."""

    seed: int = 0
    realised: int = 0
    fees: int = 0
    fees_provisional: int = 0  # the part of fees that is still predicted
    funding: int = 0
    funding_rows: int = 0
    transfers: int = 0
    transfer_rows: int = 0
    adjustments: int = 0
    adjustment_rows: int = 0
    last_money_time_ns: int = 0  # venue time of the newest booked money effect
    wallet_seen: int = 0
    wallet_amount: int = 0
    wallet_as_of_ns: int = 0
    difference: int = 0  # wallet - capital at the last comparable reading


class Account(NamedTuple):
    """Everything kernel-wide. Aggregates over slots are kept here, so that a step looks at one slot only."""

    mode: int = 0
    seeded: int = 0
    slot_limit: int = 1
    leverage_max_ppm: int = 1_000_000
    tolerance: int = 0  # 1e-8 USDT that wallet and capital may differ before ENTER is refused
    calibration_ppm: int = 1_000_000  # actual fee / model fee
    trade_high_water: int = 0
    live_slots: int = 0
    unreconciled: int = 0  # instruments whose reconcile_required is set
    exposure: int = 0  # sum over live slots
    ledger: Ledger = Ledger()


class State(NamedTuple):
    """The whole kernel."""

    account: Account = Account()
    instruments: tuple[Instrument, ...] = (Instrument(),) * INSTRUMENTS
    slots: tuple[Slot, ...] = (Slot(),) * SLOTS


class Focus(NamedTuple):
    """What one input may touch: the account, the instrument and the slot that it names (clause S1)."""

    account: Account
    instrument: Instrument
    slot: Slot


def focus_of(state: State, slot: int, instrument: int) -> Focus:
    """What an input that names this slot and this instrument may touch."""
    return Focus(state.account, state.instruments[instrument], state.slots[slot])


def initial_state(slots: int = SLOTS, instruments: int = INSTRUMENTS) -> State:
    """The state every kernel starts from; proofs and small worlds use fewer slots and instruments."""
    return State(instruments=(Instrument(),) * instruments, slots=(Slot(),) * slots)


def capital(ledger: Ledger) -> int:
    """Clause L1, in 1e-8 USDT."""
    return ledger.seed + ledger.realised - ledger.fees + ledger.funding + ledger.transfers + ledger.adjustments


def remaining(slot: Slot) -> int:
    """Clause E1: what the kernel holds in this slot, 1e-8 coins."""
    return slot.entry.quantity - exit_quantity(slot)


def exit_quantity(slot: Slot) -> int:
    """All that left the position, by whatever way, 1e-8 coins."""
    return slot.closed.past_quantity + slot.exit.quantity + slot.closed.external_quantity


def exit_quote(slot: Slot) -> int:
    """Notional of all that left the position, 1e-8 USDT."""
    return slot.closed.past_quote + slot.exit.quote + slot.closed.external_quote
