"""The step properties about closing a trade and its books: rollback, finishing, settlement, money.

They stand in the table of ``dita.spec.properties`` with the others.
"""

from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.slot_invariants import in_entry, is_graded, remembers, tail_profit
from dita.spec.state import Focus, Half, Slot, Tail, capital
from dita.spec.vocabulary import Code, IncomeKind, Kind, Part, Phase, Verdict


def freed(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A live slot became idle."""
    if outcome.verdict != Verdict.ACCEPTED:
        return False
    return pre.slot.phase != Phase.IDLE and post.slot.phase == Phase.IDLE


def rollback_is_exact(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A trade without a fill leaves nothing behind: same tails, same books, no exposure (clause S3)."""
    if not freed(pre, event, post, outcome) or outcome.code != Code.ROLLED_BACK:
        return True
    old = pre.slot
    return (
        old.entry.quantity == 0 and in_entry(old) and post.slot == Slot(tails=old.tails)
        and post.account.ledger == pre.account.ledger and outcome.cancel_protection == 0
        and post.account.exposure == pre.account.exposure - old.exposure
    )  # fmt: skip


def finished_is_recorded(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A trade that filled finishes as the newest tail and commands CANCEL_PROTECTION (clauses F2, C4)."""
    finished = freed(pre, event, post, outcome) and outcome.code != Code.ROLLED_BACK
    if not finished:
        return outcome.cancel_protection == 0
    old, tail = pre.slot, post.slot.tails[0]
    return (
        outcome.cancel_protection == 1 and tail.trade == old.trade and tail.side == old.side
        and tail.instrument == old.instrument and tail.entry.quantity >= old.entry.quantity
        and tail.entry.quantity == tail.exit.quantity and tail.exit.graded == 0
        and tail.last_attempt == old.exit.attempt
    )  # fmt: skip


def tails_are_kept(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A tail that is not fully graded is never forgotten (clause F3)."""
    if outcome.verdict == Verdict.REFUSED or post.slot.tails == pre.slot.tails:
        return True
    return all(is_graded(tail) or remembers(post.slot, tail.trade) for tail in pre.slot.tails)


def tails_only_settle(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A finished trade changes by SETTLE and SETTLE_FORCED only, in quote, fee and grade (clause F1)."""
    if outcome.verdict == Verdict.REFUSED or post.slot.tails == pre.slot.tails:
        return True
    settles = event.kind in (Kind.SETTLE, Kind.SETTLE_FORCED)
    if not all(only_settles(tail, new, event) for tail in pre.slot.tails for new in post.slot.tails):
        return False
    return settles or freed(pre, event, post, outcome)


def only_settles(tail: Tail, new: Tail, event: Input) -> bool:
    """Unless both are of one trade and differ: the event settles that trade, and only money and grade moved."""
    if tail.trade == 0 or new.trade != tail.trade or new == tail:
        return True
    kept = new._replace(entry=tail.entry, exit=tail.exit) == tail
    same = new.entry.quantity == tail.entry.quantity and new.exit.quantity == tail.exit.quantity
    rises = new.entry.graded >= tail.entry.graded and new.exit.graded >= tail.exit.graded
    settles = event.kind in (Kind.SETTLE, Kind.SETTLE_FORCED)
    return settles and kept and same and rises and event.trade == tail.trade


def settlement_is_taken(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """An accepted SETTLE leaves the half graded, with exactly the venue's quantity, quote and fee (clause F1)."""
    if event.kind != Kind.SETTLE or outcome.verdict != Verdict.ACCEPTED:
        return True
    slot = post.slot
    told = Half(event.quantity, event.quote, event.amount, 1)
    if slot.phase != Phase.IDLE and slot.trade == event.trade:
        return event.part == Part.ENTRY and Half(*slot.entry[1:5]) == told
    return remembers(slot, event.trade) and all(has_half(tail, event, told) for tail in slot.tails)


def has_half(tail: Tail, event: Input, told: Half) -> bool:
    """If the tail is of the event's trade, its half that the event names is the one told."""
    if tail.trade != event.trade:
        return True
    return (tail.entry if event.part == Part.ENTRY else tail.exit) == told


def slot_profit(slot: Slot) -> int:
    """Profit of the live trade and of the tails of a slot, 1e-8 USDT."""
    total = slot.realised
    for tail in slot.tails:
        total = total + tail_profit(tail)
    return total


def slot_fees(slot: Slot) -> int:
    """Fees of the live trade and of the tails of a slot, 1e-8 USDT."""
    total = slot.entry.fee + slot.closed.fee
    for tail in slot.tails:
        total = total + tail.entry.fee + tail.exit.fee
    return total


def forgotten(pre: Slot, post: Slot) -> Slot:
    """A slot that holds only the tails that ``post`` no longer has (with blank ones in between)."""
    return Slot(tails=tuple(without_money(tail) if remembers(post, tail.trade) else tail for tail in pre.tails))


def without_money(tail: Tail) -> Tail:
    """The tail with neither profit nor fees."""
    return tail._replace(trade=0, entry=tail.entry._replace(quote=0, fee=0), exit=tail.exit._replace(quote=0, fee=0))


def books_follow_records(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """The ledger's profit and fees move by exactly what the slot's records moved by (clause L2)."""
    if outcome.verdict == Verdict.REFUSED:
        return True
    old, new = pre.slot, post.slot
    before, after = pre.account.ledger, post.account.ledger
    if new == old:
        return after.realised == before.realised and after.fees == before.fees
    if new.tails == old.tails:
        paid = new.entry.fee + new.closed.fee - old.entry.fee - old.closed.fee
        earned = new.realised - old.realised
        return after.realised - before.realised == earned and after.fees - before.fees == paid
    gone = forgotten(old, new)
    profit = slot_profit(new) + slot_profit(gone) - slot_profit(old)
    fees = slot_fees(new) + slot_fees(gone) - slot_fees(old)
    return after.realised - before.realised == profit and after.fees - before.fees == fees


def money_moves_by_named_kinds(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """Capital moves by fills, closes, settlement, income and the seed, and by nothing else (clause L1)."""
    if outcome.verdict == Verdict.REFUSED or capital(post.account.ledger) == capital(pre.account.ledger):
        return True
    if event.kind in (Kind.ORDER, Kind.EXTERNAL_CLOSE, Kind.ADOPT, Kind.SETTLE):
        return True
    return event.kind in (Kind.INCOME, Kind.SEED)


def seed_is_the_wallet(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """The books start at exactly the seeded balance, once (clauses G2, L1)."""
    if event.kind != Kind.SEED or outcome.verdict != Verdict.ACCEPTED:
        return post.account.ledger.seed == pre.account.ledger.seed
    return pre.account.seeded == 0 and capital(post.account.ledger) == event.amount


def income_is_signed(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """Income of a kind becomes the reported total; received money raises capital (clause L4)."""
    if event.kind != Kind.INCOME or outcome.verdict != Verdict.ACCEPTED:
        return True
    old, new = pre.account.ledger, post.account.ledger
    known = old.adjustments
    if event.income_kind == IncomeKind.FUNDING:
        known = old.funding
    elif event.income_kind == IncomeKind.TRANSFER:
        known = old.transfers
    return capital(new) - capital(old) == event.amount - known
