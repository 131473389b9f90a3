"""The books. Profit and fee are functions of a slot's bounded record; the ledger moves by the change (clause L2)."""

from dita.reference.arithmetic import cost_share, predicted_fee
from dita.reference.focus import money
from dita.spec.state import Focus, Ledger, Slot, capital, exit_quantity, exit_quote
from dita.spec.vocabulary import Side


def with_predictions(slot: Slot) -> Slot:
    """The slot with fee, profit and exposure recomputed from its record."""
    entry = slot.entry
    if entry.graded == 0:
        entry = entry._replace(fee=predicted_fee(entry.quote, slot.fee_rate_ppb))
    proceeds = money(exit_quote(slot))
    closed = slot.closed._replace(fee=predicted_fee(proceeds, slot.fee_rate_ppb))
    cost = cost_share(entry.quote, entry.quantity, exit_quantity(slot))
    return slot._replace(
        entry=entry,
        closed=closed,
        realised=profit(slot.side, cost, proceeds),
        exposure=max(slot.exposure, entry.quote),
    )


def profit(side: int, cost: int, proceeds: int) -> int:
    """What a closed quantity earned before fees: sign by branch (clause L3)."""
    if side == Side.LONG:
        return proceeds - cost
    return cost - proceeds


def provisional_fees(slot: Slot) -> int:
    """The part of a live slot's booked fees that is still predicted."""
    if slot.entry.graded == 1:
        return slot.closed.fee
    return slot.entry.fee + slot.closed.fee


def booked(focus: Focus, record: Slot, time_ns: int) -> Focus:
    """Book the difference between the slot as it was and ``record`` (its fills changed), as of a venue time."""
    before = focus.slot
    after = with_predictions(record)
    fees_before = before.entry.fee + before.closed.fee
    fees_after = after.entry.fee + after.closed.fee
    ledger = posted(
        focus.account.ledger,
        realised=after.realised - before.realised,
        fees=fees_after - fees_before,
        provisional=provisional_fees(after) - provisional_fees(before),
        time_ns=time_ns,
    )
    account = focus.account._replace(
        exposure=money(focus.account.exposure + after.exposure - before.exposure),
        ledger=ledger,
    )
    instrument = focus.instrument._replace(fill_time_ns=max(focus.instrument.fill_time_ns, time_ns))
    return Focus(account, instrument, after)


def posted(ledger: Ledger, *, realised: int, fees: int, provisional: int, time_ns: int) -> Ledger:
    """The ledger after a change of trade money. ``time_ns`` 0: a correction of effects already timed."""
    return compared(
        ledger._replace(
            realised=money(ledger.realised + realised),
            fees=money(ledger.fees + fees),
            fees_provisional=money(ledger.fees_provisional + provisional),
            last_money_time_ns=max(ledger.last_money_time_ns, time_ns),
        )
    )


def compared(ledger: Ledger) -> Ledger:
    """Clause L5: the wallet difference follows capital while the last reading includes every booked effect."""
    if ledger.wallet_seen == 1 and ledger.wallet_as_of_ns >= ledger.last_money_time_ns:
        return ledger._replace(difference=ledger.wallet_amount - capital(ledger))
    return ledger


def frozen(ledger: Ledger, tolerance: int) -> bool:
    """Clause L6: capital is frozen while wallet and books differ by more than tolerance and predicted fees explain."""
    return abs(ledger.difference) > tolerance + ledger.fees_provisional
