"""A slot's and an instrument's share in what is kept for the whole kernel, so that one step can be judged by itself.

A step touches the account, one instrument and one slot (``Focus``). ``CONTEXT`` says what the whole-kernel invariants
imply about those three alone; ``FOLLOWS`` says how the account moves with its slot and its instrument. Together with
the frame (clause S1) they carry every whole-kernel invariant over a step, for any number of slots and instruments.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.slot_invariants import provisional_fees, remembers
from dita.spec.state import Focus, Instrument, Slot, Tail
from dita.spec.vocabulary import INSTRUMENTS, SLOTS, Phase


class Context(NamedTuple):
    """A predicate over what an input may touch; the input's slot and instrument say where that is."""

    id: str
    holds: Callable[[Focus, Input], bool]


class Following(NamedTuple):
    """A predicate over what a step may touch, before and after it."""

    id: str
    holds: Callable[[Focus, Input, Focus, Outcome], bool]


def is_live(slot: Slot) -> int:
    """1 while the slot has a trade."""
    return 0 if slot.phase == Phase.IDLE else 1


# --- what the whole implies about a part ----------------------------------------------------------------------------


def live_slots_include(focus: Focus, event: Input) -> bool:
    """The slot is counted among the live ones if it is live, and the others are fewer than all (clause G7)."""
    return 0 <= focus.account.live_slots - is_live(focus.slot) <= SLOTS - 1


def exposure_includes(focus: Focus, event: Input) -> bool:
    """The account's exposure includes the slot's (clause G9)."""
    return focus.account.exposure >= focus.slot.exposure


def provisional_includes(focus: Focus, event: Input) -> bool:
    """The account's predicted fees include the slot's (clause L6)."""
    return focus.account.ledger.fees_provisional >= provisional_fees(focus.slot)


def unreconciled_includes(focus: Focus, event: Input) -> bool:
    """The instrument is counted among the unreconciled ones if it is one (clause G5)."""
    return 0 <= focus.account.unreconciled - focus.instrument.reconcile_required <= INSTRUMENTS - 1


def holder_is_the_slot(focus: Focus, event: Input) -> bool:
    """The instrument names the slot as its holder exactly if the slot's live trade is in it (clause G8)."""
    inside = focus.slot.phase != Phase.IDLE and focus.slot.instrument == event.instrument
    return inside == (focus.instrument.holder == event.slot + 1)


def high_water_covers(focus: Focus, event: Input) -> bool:
    """No trade of the slot is above the high water (clause I2)."""
    high = focus.account.trade_high_water
    return focus.slot.trade <= high and all(tail.trade <= high for tail in focus.slot.tails)


def tails_are_registered(focus: Focus, event: Input) -> bool:
    """A finished trade of the slot in this instrument implies that it is registered (clause N5)."""
    here = [tail.trade == 0 or tail.instrument != event.instrument for tail in focus.slot.tails]
    return focus.instrument.registered == 1 or all(here)


CONTEXT: Final = (
    Context("live-slots-include", live_slots_include),
    Context("exposure-includes", exposure_includes),
    Context("provisional-includes", provisional_includes),
    Context("unreconciled-includes", unreconciled_includes),
    Context("holder-is-the-slot", holder_is_the_slot),
    Context("high-water-covers", high_water_covers),
    Context("tails-are-registered", tails_are_registered),
)


# --- how the whole moves with a part --------------------------------------------------------------------------------


def live_slots_follow(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """The number of live slots moves by the slot's own change (clause G7)."""
    return post.account.live_slots - pre.account.live_slots == is_live(post.slot) - is_live(pre.slot)


def exposure_follows(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """The account's exposure moves by the slot's own change (clause G9)."""
    return post.account.exposure - pre.account.exposure == post.slot.exposure - pre.slot.exposure


def provisional_follows(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """The predicted fees move by the slot's own change (clause L6)."""
    moved = post.account.ledger.fees_provisional - pre.account.ledger.fees_provisional
    return moved == provisional_fees(post.slot) - provisional_fees(pre.slot)


def unreconciled_follows(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """The number of unreconciled instruments moves by the instrument's own change (clause G5)."""
    moved = post.account.unreconciled - pre.account.unreconciled
    return moved == post.instrument.reconcile_required - pre.instrument.reconcile_required


def holder_follows(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """An instrument changes hands between nobody and the slot, and only as the slot's trade begins or ends (clause G8).

    A trade in another instrument is neither ended nor moved.
    """
    if not holder_is_the_slot(post, event):
        return False
    old, new = pre.instrument.holder, post.instrument.holder
    if new != old and not (old in (0, event.slot + 1) and new in (0, event.slot + 1)):
        return False
    if pre.slot.phase != Phase.IDLE and pre.slot.instrument != event.instrument:
        return post.slot == pre.slot._replace(tails=post.slot.tails)
    return post.slot.phase == Phase.IDLE or post.slot.instrument == event.instrument


def trades_follow(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """The high water never falls; a slot's trades were its own, or are above the old high water (clauses I2, I3)."""
    if post.account.trade_high_water < pre.account.trade_high_water:
        return False
    own = is_own_or_new(post.slot.trade, pre, post)
    return own and all(is_own_or_new(tail.trade, pre, post) for tail in post.slot.tails)


def is_own_or_new(trade: int, pre: Focus, post: Focus) -> bool:
    """The trade is none, one that the slot had, or above the old high water and not above the new one."""
    if trade in (0, pre.slot.trade) or remembers(pre.slot, trade):
        return True
    return pre.account.trade_high_water < trade <= post.account.trade_high_water


def registration_follows(pre: Focus, event: Input, post: Focus, outcome: Outcome) -> bool:
    """A registered instrument stays so, with the same terms while a trade is in it; new tails are of it (clause N5)."""
    old, new = pre.instrument, post.instrument
    if new.registered < old.registered or (old.holder != 0 and new[5:] != old[5:]):
        return False
    return all(is_known_or_of(tail, pre, event, new) for tail in post.slot.tails)


def is_known_or_of(tail: Tail, pre: Focus, event: Input, instrument: Instrument) -> bool:
    """The tail is blank, was there before in the same instrument, or is of the named, registered instrument."""
    if tail.trade == 0 or (tail.instrument == event.instrument and instrument.registered == 1):
        return True
    return any(old.trade == tail.trade and old.instrument == tail.instrument for old in pre.slot.tails)


FOLLOWS: Final = (
    Following("live-slots-follow", live_slots_follow),
    Following("exposure-follows", exposure_follows),
    Following("provisional-follows", provisional_follows),
    Following("unreconciled-follows", unreconciled_follows),
    Following("holder-follows", holder_follows),
    Following("trades-follow", trades_follow),
    Following("registration-follows", registration_follows),
)
