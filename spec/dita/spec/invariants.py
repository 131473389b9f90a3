"""The state invariants: named plain predicates, for tests, searches and proofs alike.

Each table holds predicates over one kind of record, so that a caller who knows what a step touched checks only that:
``SLOT`` on a slot, ``HELD`` on a slot and its instrument (both in ``dita.spec.slot_invariants``), ``INSTRUMENT``,
``ACCOUNT``, and ``WHOLE`` on everything. What a step may do is in ``dita.spec.properties``.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from dita.spec.scales import BOUND, NOTIONAL_DIVISOR, RATE_SCALE, RATIO_SCALE, TRADE_ID_MAX
from dita.spec.slot_invariants import HELD, SLOT, is_amount, is_bit, is_money, is_time, provisional_fees, remembers
from dita.spec.state import Account, Instrument, Ledger, Slot, State, Tail, capital
from dita.spec.vocabulary import INSTRUMENTS, SLOTS, Mode, Phase


class InstrumentInvariant(NamedTuple):
    """A predicate over one instrument."""

    id: str
    holds: Callable[[Instrument], bool]


class AccountInvariant(NamedTuple):
    """A predicate over the account and its ledger."""

    id: str
    holds: Callable[[Account], bool]


class WholeInvariant(NamedTuple):
    """A predicate that ties slots, instruments and account together."""

    id: str
    holds: Callable[[State], bool]


# --- one instrument -------------------------------------------------------------------------------------------------


def instrument_is_typed(instrument: Instrument) -> bool:
    """Every word of an instrument is in range."""
    return (
        is_bit(instrument.registered) and 0 <= instrument.holder <= SLOTS
        and is_bit(instrument.reconcile_required)
        and is_time(instrument.evidence_time_ns) and is_time(instrument.fill_time_ns)
        and is_amount(instrument.lot) and is_amount(instrument.tick) and is_amount(instrument.quantity_min)
        and is_amount(instrument.notional_min) and is_amount(instrument.price_max)
        and is_amount(instrument.quantity_max) and instrument.taker_ppb >= 0 and instrument.maker_ppb >= 0
        and 10 * instrument.taker_ppb <= RATE_SCALE and 10 * instrument.maker_ppb <= RATE_SCALE
    )  # fmt: skip


def unregistered_is_blank(instrument: Instrument) -> bool:
    """An unregistered instrument is all zero."""
    return instrument.registered == 1 or instrument == Instrument()


def terms_fit(instrument: Instrument) -> bool:
    """Contract terms are exact in the scales (clause N5)."""
    if instrument.registered == 0:
        return True
    return (
        instrument.lot >= 1 and instrument.tick >= 1 and instrument.price_max >= 1 and instrument.quantity_max >= 1
        and are_terms_exact(instrument.lot, instrument.tick, instrument.quantity_max, instrument.price_max)
    )  # fmt: skip


def are_terms_exact(lot: int, tick: int, quantity_max: int, price_max: int) -> bool:
    """Every fill's notional is a whole number of money units, and the largest order's is within the bound."""
    return lot * tick % NOTIONAL_DIVISOR == 0 and quantity_max * price_max < (BOUND + 1) * NOTIONAL_DIVISOR


INSTRUMENT: Final = (
    InstrumentInvariant("instrument-typed", instrument_is_typed),
    InstrumentInvariant("unregistered-blank", unregistered_is_blank),
    InstrumentInvariant("terms-fit", terms_fit),
)


# --- the account ----------------------------------------------------------------------------------------------------


def account_is_typed(account: Account) -> bool:
    """Every word of the account is in range."""
    return (
        Mode.ACTIVE <= account.mode <= Mode.HALTED and is_bit(account.seeded)
        and 1 <= account.slot_limit <= SLOTS
        and 1 <= account.leverage_max_ppm <= 1000 * RATIO_SCALE
        and is_amount(account.tolerance)
        and 1 <= account.calibration_ppm <= 4 * RATIO_SCALE
        and 0 <= account.trade_high_water <= TRADE_ID_MAX
        and 0 <= account.live_slots <= SLOTS
        and 0 <= account.unreconciled <= INSTRUMENTS
        and is_amount(account.exposure)
    )  # fmt: skip


def ledger_is_typed(account: Account) -> bool:
    """Every amount of the books is within the bound (clause N2)."""
    ledger = account.ledger
    return (
        is_amount(ledger.seed) and is_money(ledger.realised) and is_money(ledger.fees)
        and is_amount(ledger.fees_provisional) and is_money(ledger.funding) and ledger.funding_rows >= 0
        and is_money(ledger.transfers) and ledger.transfer_rows >= 0
        and is_money(ledger.adjustments) and ledger.adjustment_rows >= 0
        and is_time(ledger.last_money_time_ns) and is_bit(ledger.wallet_seen)
        and is_money(ledger.wallet_amount) and is_time(ledger.wallet_as_of_ns)
    )  # fmt: skip


def unseeded_is_blank(account: Account) -> bool:
    """Before the seed there is no money and no trade (clause G2)."""
    if account.seeded == 1:
        return account.ledger.seed >= 1
    return account.ledger == Ledger() and account.trade_high_water == 0 and account.live_slots == 0


def difference_follows_capital(account: Account) -> bool:
    """The difference follows capital while comparable (clause L5)."""
    ledger = account.ledger
    if ledger.wallet_seen == 0:
        return ledger.wallet_amount == 0 and ledger.wallet_as_of_ns == 0 and ledger.difference == 0
    if ledger.wallet_as_of_ns < ledger.last_money_time_ns:
        return -7 * BOUND <= ledger.difference <= 7 * BOUND
    return ledger.difference == ledger.wallet_amount - capital(ledger)


ACCOUNT: Final = (
    AccountInvariant("account-typed", account_is_typed),
    AccountInvariant("ledger-typed", ledger_is_typed),
    AccountInvariant("unseeded-blank", unseeded_is_blank),
    AccountInvariant("difference", difference_follows_capital),
)  # fmt: skip


# --- everything together --------------------------------------------------------------------------------------------


def live_slots_counted(state: State) -> bool:
    """live_slots is the number of slots that are not idle (clause G7)."""
    live = 0
    for slot in state.slots:
        if slot.phase != Phase.IDLE:
            live = live + 1
    return state.account.live_slots == live


def exposure_summed(state: State) -> bool:
    """The account's exposure is the sum over the slots (clause G9)."""
    total = 0
    for slot in state.slots:
        total = total + slot.exposure
    return state.account.exposure == total


def provisional_summed(state: State) -> bool:
    """Predicted fees are the sum over live trades and tails."""
    total = 0
    for slot in state.slots:
        total = total + provisional_fees(slot)
    return state.account.ledger.fees_provisional == total


def unreconciled_counted(state: State) -> bool:
    """Unreconciled counts the flagged instruments (clause G5)."""
    total = 0
    for instrument in state.instruments:
        total = total + instrument.reconcile_required
    return state.account.unreconciled == total


def holders_agree(state: State) -> bool:
    """An instrument's holder is the slot whose live trade is in it (clause G8)."""
    for k in range(len(state.slots)):
        slot = state.slots[k]
        if slot.phase != Phase.IDLE and not any(holds(state, k, i) for i in range(len(state.instruments))):
            return False
    for i in range(len(state.instruments)):
        if state.instruments[i].holder != 0 and not any(holds(state, k, i) for k in range(len(state.slots))):
            return False
    return True


def holds(state: State, k: int, i: int) -> bool:
    """Slot k's live trade is in instrument i, and that names the slot."""
    slot, holder = state.slots[k], state.instruments[i].holder
    return slot.phase != Phase.IDLE and slot.instrument == i and holder == k + 1


def tails_in_registered(state: State) -> bool:
    """A finished trade was in an instrument that is still registered (clause N5)."""
    for slot in state.slots:
        for tail in slot.tails:
            if tail.trade != 0 and not any(is_registered(state, i, tail) for i in range(len(state.instruments))):
                return False
    return True


def is_registered(state: State, i: int, tail: Tail) -> bool:
    """Instrument i is the tail's and is registered."""
    return tail.instrument == i and state.instruments[i].registered == 1


def trades_below_high_water(state: State) -> bool:
    """No trade is above the high water (clause I2)."""
    high = state.account.trade_high_water
    for slot in state.slots:
        if slot.trade > high:
            return False
        for tail in slot.tails:
            if tail.trade > high:
                return False
    return True


def trades_distinct(state: State) -> bool:
    """A trade number appears in one slot only (clause I3)."""
    for index in range(len(state.slots)):
        for other in range(index + 1, len(state.slots)):
            if not no_trade_in_common(state.slots[index], state.slots[other]):
                return False
    return True


def no_trade_in_common(one: Slot, two: Slot) -> bool:
    """No trade number appears in both slots, live or finished."""
    if is_shared(one.trade, two) or is_shared(two.trade, one):
        return False
    return not any(is_shared(tail.trade, two) for tail in one.tails)


def is_shared(trade: int, slot: Slot) -> bool:
    """A trade (not 0) is live or remembered in the slot."""
    return trade != 0 and (slot.trade == trade or remembers(slot, trade))


WHOLE: Final = (
    WholeInvariant("live-counted", live_slots_counted),
    WholeInvariant("exposure-summed", exposure_summed),
    WholeInvariant("provisional-summed", provisional_summed),
    WholeInvariant("unreconciled-counted", unreconciled_counted),
    WholeInvariant("holders-agree", holders_agree),
    WholeInvariant("tails-in-registered", tails_in_registered),
    WholeInvariant("trades-below-high-water", trades_below_high_water),
    WholeInvariant("trades-distinct", trades_distinct),
)  # fmt: skip


# --- asking ---------------------------------------------------------------------------------------------------------

IDS: Final = tuple(item.id for table in (SLOT, HELD, INSTRUMENT, ACCOUNT, WHOLE) for item in table)


def broken_by_slot(slot: Slot, instrument: Instrument) -> list[str]:
    """IDs of the slot's invariants that do not hold; ``instrument`` is the one the slot names."""
    found = [item.id for item in SLOT if not item.holds(slot)]
    return found + [item.id for item in HELD if not item.holds(slot, instrument)]


def broken_where(state: State, k: int, i: int) -> list[str]:
    """As ``broken``, for a state of which only slot k, instrument i and the account are new."""
    slot = state.slots[k]
    home = state.instruments[slot.instrument] if slot.phase != Phase.IDLE else state.instruments[i]
    found = broken_by_slot(slot, home)
    found += [item.id for item in INSTRUMENT if not item.holds(state.instruments[i])]
    found += [item.id for item in ACCOUNT if not item.holds(state.account)]
    return found + [item.id for item in WHOLE if not item.holds(state)]


def broken(state: State) -> list[str]:
    """IDs, with the index where there is one, of every invariant that does not hold in the state."""
    found: list[str] = []
    for index, slot in enumerate(state.slots):
        here = state.instruments[slot.instrument] if 0 <= slot.instrument < len(state.instruments) else Instrument()
        found += [f"{name} in slots[{index}]" for name in broken_by_slot(slot, here)]
    for index, instrument in enumerate(state.instruments):
        found += [f"{item.id} in instruments[{index}]" for item in INSTRUMENT if not item.holds(instrument)]
    found += [item.id for item in ACCOUNT if not item.holds(state.account)]
    return found + [item.id for item in WHOLE if not item.holds(state)]
