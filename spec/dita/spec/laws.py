"""Laws that take more than one step, or speak of a function: plain predicates on what the steps left.

Each is proved over every path of the steps it names (``dita.conformance.prove.laws`` feeds them); its docstring is the
sentence it states.
"""

from typing import NamedTuple

from dita.spec.book_properties import books_follow_records
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.slot_invariants import in_exit
from dita.spec.state import Focus, Slot, remaining
from dita.spec.vocabulary import Code, Kind, Mode, Phase, Verdict

# --- rollback -------------------------------------------------------------------------------------------------------


def rolls_back(before: Focus, after: Focus) -> bool:
    """Nothing is left of a trade but its number: slot, books, instrument and account as before (clauses S3, I2)."""
    account = after.account._replace(trade_high_water=before.account.trade_high_water)
    higher = after.account.trade_high_water > before.account.trade_high_water
    return higher and account == before.account and after.instrument == before.instrument and after.slot == before.slot


def rejected_entry_rolls_back(pre: Focus, entered: Outcome, post: Focus, rejected: Outcome) -> bool:
    """ENTER, then a definite REJECTED of its order, is accepted and rolls back exactly (clause S3)."""
    if entered.verdict != Verdict.ACCEPTED:
        return True
    return rejected.verdict == Verdict.ACCEPTED and rejected.code == Code.ROLLED_BACK and rolls_back(pre, post)


def rollbacks_add_up(first: Focus, second: Focus, third: Focus) -> bool:
    """One exact rollback after another is an exact rollback: any number of failed entries leave nothing (clause S3)."""
    return not (rolls_back(first, second) and rolls_back(second, third)) or rolls_back(first, third)


def absent_entry_rolls_back(pre: Focus, entered: Outcome, post: Focus, absent: Outcome) -> bool:
    """ENTER, UNKNOWN, then NOT_FOUND: nothing moves without full proof; with it the slot and the books are as before.

    A reconcile is then required before the next ENTER (clauses U4, S3).
    """
    if entered.verdict != Verdict.ACCEPTED:
        return True
    if absent.verdict != Verdict.ACCEPTED:
        return post.slot.phase == Phase.ENTRY_UNRESOLVED
    books = post.account.ledger == pre.account.ledger and post.account.exposure == pre.account.exposure
    return books and post.slot == pre.slot and post.instrument.reconcile_required == 1


# --- the order's record ---------------------------------------------------------------------------------------------


class Snapshot(NamedTuple):
    """What is known of one order: cumulative fill, whether settled, notional, fee, whether over."""

    quantity: int = 0
    graded: int = 0
    quote: int = 0
    fee: int = 0
    done: int = 0


def is_above(one: Snapshot, other: Snapshot) -> bool:
    """More filled beats less, settled beats provisional, then the larger notional, then the larger fee (clause O1)."""
    if one.quantity != other.quantity:
        return one.quantity > other.quantity
    if one.graded != other.graded:
        return one.graded > other.graded
    if one.quote != other.quote:
        return one.quote > other.quote
    return one.fee > other.fee


def join(one: Snapshot, other: Snapshot) -> Snapshot:
    """The merged knowledge of an order: the higher of the two, and over if either says so (clause O1)."""
    done = max(one.done, other.done)
    if is_above(one, other):
        return one._replace(done=done)
    return other._replace(done=done)


def join_is_idempotent(one: Snapshot) -> bool:
    """The same snapshot twice is the snapshot once (clause O1)."""
    return join(one, one) == one


def join_is_commutative(one: Snapshot, other: Snapshot) -> bool:
    """Two snapshots merge to the same in either order (clause O1)."""
    return join(one, other) == join(other, one)


def join_is_associative(one: Snapshot, other: Snapshot, third: Snapshot) -> bool:
    """Three snapshots merge to the same however they are grouped (clause O1)."""
    return join(join(one, other), third) == join(one, join(other, third))


def record_of(slot: Slot, event: Input) -> Snapshot:
    """What the slot knows of the order that the input names (fees are a function of the rest while not graded)."""
    if event.attempt == 0:
        return Snapshot(slot.entry.quantity, slot.entry.graded, slot.entry.quote)
    return Snapshot(slot.exit.quantity, 0, slot.exit.quote)


def record_is_joined(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """The record after a believed snapshot, or one that is no news, is the join: history matters only merged (O1)."""
    if event.kind != Kind.ORDER:
        return True
    believed = outcome.verdict == Verdict.ACCEPTED or outcome.code == Code.NO_CHANGE
    addressed = pre.slot.trade == event.trade and event.attempt in (0, pre.slot.exit.attempt)
    if not believed or not addressed or outcome.submit == 1 or Phase.IDLE in (pre.slot.phase, post.slot.phase):
        return True
    told = Snapshot(event.quantity, 0, event.quote)
    return record_of(post.slot, event) == join(record_of(pre.slot, event), told)


# --- settlement -----------------------------------------------------------------------------------------------------


def settlements_commute(start: Focus, steps: tuple[Input, ...], ends: tuple[Focus, ...], done: Outcome) -> bool:
    """Two settlements that leave the same records leave the same books, in whichever order they came (clause L2).

    ``steps`` are the two inputs of either order, ``ends`` what each left: first way, then second way.
    """
    one, one_end, two, two_end = ends
    first = books_follow_records(start, steps[0], one, done) and books_follow_records(one, steps[1], one_end, done)
    second = books_follow_records(start, steps[1], two, done) and books_follow_records(two, steps[0], two_end, done)
    if not (first and second and settles_only(start, one, one_end) and settles_only(start, two, two_end)):
        return True
    if one_end.slot != two_end.slot:
        return True
    ours, theirs = one_end.account.ledger, two_end.account.ledger
    return ours.realised == theirs.realised and ours.fees == theirs.fees


def settles_only(start: Focus, middle: Focus, end: Focus) -> bool:
    """Every tail keeps its trade and side, and the live part stays (what the core theorem shows of settlements)."""
    tails = zip(start.slot.tails, middle.slot.tails, end.slot.tails, strict=True)
    same = [old.trade == mid.trade and mid.trade == new.trade for old, mid, new in tails]
    live = start.slot._replace(tails=()) == middle.slot._replace(tails=())
    return all(same) and live and middle.slot._replace(tails=()) == end.slot._replace(tails=())


# --- liveness -------------------------------------------------------------------------------------------------------


def rank(slot: Slot) -> int:
    """The most inputs until the slot is idle under a fair venue, each with a law of its own.

    3: an order is in flight, its end is reported. 2: a position is open, FLATTEN. 1: an exit for everything is in
    flight, it fills. 0: idle.
    """
    if slot.phase == Phase.IDLE:
        return 0
    if in_exit(slot) and slot.exit.ordered - slot.exit.quantity == remaining(slot):
        return 1
    if slot.phase == Phase.POSITION_OPEN:
        return 2
    return 3


def end_is_reported(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """The true end of an order in flight, filled no further than known, always frees the slot or opens it.

    With a flatten pending the next exit is for everything. So the rank is below three (clauses U1, X3). Refused is only
    what the bounds of the books refuse.
    """
    if outcome.code == Code.OVERFLOW:
        return True
    free = post.slot.phase in (Phase.IDLE, Phase.POSITION_OPEN)
    again = post.slot.phase == Phase.EXIT_REQUESTED and post.slot.exit.everything == 1
    return outcome.verdict == Verdict.ACCEPTED and (free or again) and rank(post.slot) < 3


def flatten_is_a_full_exit(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """FLATTEN of an open position submits one exit for everything; the rank falls to one (clause X1)."""
    if outcome.code == Code.OVERFLOW:
        return True
    return outcome.submit == 1 and outcome.close_all == 1 and rank(post.slot) == 1


def full_fill_finishes(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """The full fill of an exit for everything frees the slot (clause F2). Refused is only what the bounds refuse."""
    if outcome.code == Code.OVERFLOW:
        return True
    return outcome.verdict == Verdict.ACCEPTED and post.slot.phase == Phase.IDLE and rank(post.slot) == 0


def stop_is_one_input_away(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """From every state one SET_MODE makes every ENTER refused; no guard stands before it (clause M1)."""
    return outcome.code in (Code.OK, Code.NO_CHANGE) and post.account.mode == Mode.REDUCE_ONLY
