"""Money that the venue reports: settlement, income, wallet (clauses F1 to F4, L1 to L6)."""

from dita.reference.focus import Answer, Refused, flagged, flagged_evidence, in_range, money, require, require_time
from dita.reference.ledger import booked, compared, posted, profit
from dita.reference.lifecycle import accepted, in_entry, is_graded
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.scales import BOUND, INCOME_ROWS_MAX, TRADE_ID_MAX
from dita.spec.state import Focus, Half, Ledger, Tail
from dita.spec.vocabulary import Code, IncomeKind, Part, Phase, Reconcile, Verdict


def acknowledged(focus: Focus) -> Answer:
    """Accepted; no slot is concerned."""
    return focus, Outcome(Verdict.ACCEPTED, Code.OK)


# --- settlement -----------------------------------------------------------------------------------------------------


def settle(focus: Focus, event: Input) -> Answer:
    """SETTLE: the venue's fill rows for one half of a trade replace the provisional figures, once (clause F1)."""
    require(in_range(event.trade, 1, TRADE_ID_MAX), Code.BAD_VALUE)
    require_time(event.time_ns)
    require(in_range(event.part, Part.ENTRY, Part.EXIT), Code.BAD_VALUE)
    require(in_range(event.quantity, 1, BOUND), Code.BAD_VALUE)
    require(in_range(event.quote, 1, BOUND), Code.BAD_VALUE)
    require(in_range(event.amount, -event.quote, event.quote), Code.BAD_VALUE)
    slot = focus.slot
    if slot.phase != Phase.IDLE and slot.trade == event.trade:
        return settle_live(focus, event)
    for index in range(len(slot.tails)):
        if slot.tails[index].trade == event.trade:
            return settle_tail(focus, event, index)
    require(event.trade <= focus.account.trade_high_water, Code.UNKNOWN_ORDER)
    raise Refused(Code.NO_CHANGE)


def settle_live(focus: Focus, event: Input) -> Answer:
    """The entry of a live trade may settle once its order is over; its exits only when the trade has finished."""
    slot = focus.slot
    require(slot.instrument == event.instrument, Code.BAD_INDEX)
    require(event.part == Part.ENTRY and not in_entry(slot), Code.NO_CHANGE)
    entry = slot.entry
    known = Half(entry.quantity, entry.quote, entry.fee, entry.graded)
    if known.quantity != event.quantity:
        return mismatch(focus, event, known)
    require(settlement_advances(known, event), Code.NO_CHANGE)
    entry = entry._replace(quote=event.quote, fee=event.amount, graded=1)
    settled = booked(focus, slot._replace(entry=entry), 0)
    return accepted(slot, settled._replace(instrument=focus.instrument))


def settlement_advances(known: Half, event: Input) -> bool:
    """Clause O1 at equal quantity: settled beats provisional, then the larger (quote, fee) wins."""
    if known.graded == 0:
        return True
    if event.quote != known.quote:
        return event.quote > known.quote
    return event.amount > known.fee


def settle_tail(focus: Focus, event: Input, index: int) -> Answer:
    """A finished trade's half is settled: the ledger moves by the difference and the tail is graded."""
    tail = focus.slot.tails[index]
    require(tail.instrument == event.instrument, Code.BAD_INDEX)
    known = tail.entry if event.part == Part.ENTRY else tail.exit
    if known.quantity != event.quantity:
        return mismatch(focus, event, known)
    require(settlement_advances(known, event), Code.NO_CHANGE)
    half = Half(event.quantity, event.quote, event.amount, 1)
    after = tail._replace(entry=half) if event.part == Part.ENTRY else tail._replace(exit=half)
    return with_tail(focus, index, after)


def with_tail(focus: Focus, index: int, after: Tail) -> Answer:
    """Book the difference between a tail as it was and as it now is."""
    tails = focus.slot.tails
    before = tails[index]
    ledger = posted(
        focus.account.ledger,
        realised=tail_profit(after) - tail_profit(before),
        fees=after.entry.fee + after.exit.fee - before.entry.fee - before.exit.fee,
        provisional=tail_provisional(after) - tail_provisional(before),
        time_ns=0,
    )
    slot = focus.slot._replace(tails=(*tails[:index], after, *tails[index + 1 :]))
    return acknowledged(Focus(focus.account._replace(ledger=ledger), focus.instrument, slot))


def tail_profit(tail: Tail) -> int:
    """A finished trade's profit before fees."""
    return profit(tail.side, tail.entry.quote, tail.exit.quote)


def tail_provisional(tail: Tail) -> int:
    """The part of a finished trade's fees that is still predicted."""
    entry = tail.entry.fee if tail.entry.graded == 0 else 0
    if tail.exit.graded == 0:
        return entry + tail.exit.fee
    return entry


def mismatch(focus: Focus, event: Input, known: Half) -> Answer:
    """Clause F4: rows that sum to another quantity. More than is booked is evidence; less is not yet complete."""
    if event.quantity > known.quantity:
        return flagged_evidence(focus, Code.SETTLE_MISMATCH, event.time_ns, trade=event.trade)
    require(known.graded == 0, Code.NO_CHANGE)
    return flagged(focus, Code.SETTLE_MISMATCH, trade=event.trade)


def settle_forced(focus: Focus, event: Input) -> Answer:
    """SETTLE_FORCED: the operator accepts the predicted figures of a finished trade (clause F3, the way out)."""
    require(in_range(event.trade, 1, TRADE_ID_MAX), Code.BAD_VALUE)
    tails = focus.slot.tails
    for index in range(len(tails)):
        if tails[index].trade == event.trade:
            tail = tails[index]
            require(not is_graded(tail), Code.NO_CHANGE)
            after = tail._replace(entry=tail.entry._replace(graded=1), exit=tail.exit._replace(graded=1))
            return with_tail(focus, index, after)
    require(event.trade <= focus.account.trade_high_water, Code.UNKNOWN_ORDER)
    raise Refused(Code.NO_CHANGE)


# --- the account's own money ----------------------------------------------------------------------------------------


def with_ledger(focus: Focus, ledger: Ledger) -> Answer:
    """Accepted; only the books change."""
    return acknowledged(focus._replace(account=focus.account._replace(ledger=compared(ledger))))


def seed(focus: Focus, event: Input) -> Answer:
    """SEED: the books start from the venue's wallet balance, once."""
    require_time(event.time_ns)
    require(in_range(event.amount, 1, BOUND), Code.BAD_VALUE)
    require(focus.account.seeded == 0, Code.NO_CHANGE)
    ledger = focus.account.ledger._replace(seed=event.amount, last_money_time_ns=event.time_ns)
    return acknowledged(focus._replace(account=focus.account._replace(seeded=1, ledger=ledger)))


def income(focus: Focus, event: Input) -> Answer:
    """INCOME: cumulative funding, transfers or adjustments; more rows, or a larger total of as many, is news."""
    require_time(event.time_ns)
    require(in_range(event.income_kind, IncomeKind.FUNDING, IncomeKind.ADJUSTMENT), Code.BAD_VALUE)
    require(in_range(event.rows, 0, INCOME_ROWS_MAX), Code.BAD_VALUE)
    require(in_range(event.amount, -BOUND, BOUND), Code.BAD_VALUE)
    require(focus.account.seeded == 1, Code.NOT_SEEDED)
    ledger = focus.account.ledger
    time_ns = max(ledger.last_money_time_ns, event.time_ns)
    if event.income_kind == IncomeKind.FUNDING:
        require(income_advances(event, ledger.funding_rows, ledger.funding), Code.NO_CHANGE)
        after = ledger._replace(funding=event.amount, funding_rows=event.rows, last_money_time_ns=time_ns)
    elif event.income_kind == IncomeKind.TRANSFER:
        require(income_advances(event, ledger.transfer_rows, ledger.transfers), Code.NO_CHANGE)
        after = ledger._replace(transfers=event.amount, transfer_rows=event.rows, last_money_time_ns=time_ns)
    else:
        require(income_advances(event, ledger.adjustment_rows, ledger.adjustments), Code.NO_CHANGE)
        after = ledger._replace(adjustments=event.amount, adjustment_rows=event.rows, last_money_time_ns=time_ns)
    return with_ledger(focus, after)


def income_advances(event: Input, rows: int, total: int) -> bool:
    """Lexicographic order on (rows, total)."""
    if event.rows != rows:
        return event.rows > rows
    return event.amount > total


def wallet(focus: Focus, event: Input) -> Answer:
    """WALLET: compare books and venue, if the reading includes every booked effect (clause L5)."""
    require_time(event.time_ns)
    require(in_range(event.amount, -BOUND, BOUND), Code.BAD_VALUE)
    require(focus.account.seeded == 1, Code.NOT_SEEDED)
    ledger = focus.account.ledger
    if event.time_ns < ledger.last_money_time_ns:
        return flagged(focus, Code.STALE_SNAPSHOT, reconcile=Reconcile.WALLET)
    require(ledger.wallet_seen == 0 or event.time_ns >= ledger.wallet_as_of_ns, Code.STALE_SNAPSHOT)
    same = event.time_ns == ledger.wallet_as_of_ns and event.amount == ledger.wallet_amount
    require(not (ledger.wallet_seen == 1 and same), Code.NO_CHANGE)
    after = ledger._replace(wallet_seen=1, wallet_amount=money(event.amount), wallet_as_of_ns=event.time_ns)
    return with_ledger(focus, after)
