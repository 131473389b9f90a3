"""Make the state that a failing trace starts from blank wherever the failure does not need it.

Slots, finished trades and instruments go one by one, then single words of the account. What is kept in the account
about all slots follows, so that every candidate is a state that the kernel must answer for: all invariants hold in it.
"""

from collections.abc import Callable, Iterator
from functools import partial

from dita.conformance.shrink import OutOfTime
from dita.spec.invariants import broken
from dita.spec.slot_invariants import provisional_fees
from dita.spec.state import Account, Instrument, Ledger, Slot, State, Tail
from dita.spec.vocabulary import Phase

Change = Callable[[State], State]


def simpler_start(start: State, fails: Callable[[State], bool], out_of_time: OutOfTime) -> State:
    """The blankest sound start found on which the same inputs still fail. ``start`` must be one."""
    best = start
    while True:
        before = best
        for change in _changes(best):
            if out_of_time():
                return best
            candidate = consistent(change(best))
            if candidate != best and not broken(candidate) and fails(candidate):
                best = candidate
        if best == before:
            return best


def _changes(state: State) -> Iterator[Change]:
    for k, slot in enumerate(state.slots):
        if slot != Slot():
            yield partial(_with_slot, k, lambda slot: Slot())
            yield partial(_with_slot, k, lambda slot: Slot(tails=slot.tails))
            for place in range(len(slot.tails)):
                yield partial(_with_slot, k, partial(_without_tail, place))
    for i, instrument in enumerate(state.instruments):
        if instrument != Instrument():
            yield partial(_with_instrument, i, lambda known: Instrument())
            yield partial(_with_instrument, i, lambda known: known._replace(reconcile_required=0))
            yield partial(_with_instrument, i, lambda known: known._replace(evidence_time_ns=0, fill_time_ns=0))
            yield partial(_with_instrument, i, lambda known: known._replace(quantity_min=0, notional_min=0))
            yield partial(_with_instrument, i, lambda known: known._replace(taker_ppb=0, maker_ppb=0))
    for name in Ledger._fields:
        yield partial(_with_account, partial(_without_word, name))
    blank = Account()
    yield partial(_with_account, lambda account: account._replace(mode=blank.mode, tolerance=blank.tolerance))
    yield partial(_with_account, lambda account: account._replace(slot_limit=blank.slot_limit))
    yield partial(_with_account, lambda account: account._replace(leverage_max_ppm=blank.leverage_max_ppm))
    yield partial(_with_account, lambda account: account._replace(calibration_ppm=blank.calibration_ppm))


def _without_tail(place: int, slot: Slot) -> Slot:
    return slot._replace(tails=(*slot.tails[:place], *slot.tails[place + 1 :], Tail()))


def _without_word(name: str, account: Account) -> Account:
    return account._replace(ledger=account.ledger._replace(**{name: 0}))


def _with_slot(k: int, change: Callable[[Slot], Slot], state: State) -> State:
    return state._replace(slots=(*state.slots[:k], change(state.slots[k]), *state.slots[k + 1 :]))


def _with_instrument(i: int, change: Callable[[Instrument], Instrument], state: State) -> State:
    """Terms of an instrument with a live trade stay registered: without them its invariants mean nothing."""
    changed = change(state.instruments[i])
    live = any(slot.phase != Phase.IDLE and slot.instrument == i for slot in state.slots)
    if live and not changed.registered:
        return state
    return state._replace(instruments=(*state.instruments[:i], changed, *state.instruments[i + 1 :]))


def _with_account(change: Callable[[Account], Account], state: State) -> State:
    return state._replace(account=change(state.account))


def consistent(state: State) -> State:
    """The state with holders and sums as its slots and instruments say."""
    held = {slot.instrument: k + 1 for k, slot in enumerate(state.slots) if slot.phase != Phase.IDLE}
    instruments = tuple(
        known if known.holder == held.get(i, 0) else known._replace(holder=held.get(i, 0))
        for i, known in enumerate(state.instruments)
    )
    ledger = state.account.ledger._replace(fees_provisional=sum(map(provisional_fees, state.slots)))
    account = state.account._replace(
        live_slots=len(held), exposure=sum(slot.exposure for slot in state.slots),
        unreconciled=sum(known.reconcile_required for known in instruments), ledger=ledger,
    )  # fmt: skip
    return State(account, instruments, state.slots)
