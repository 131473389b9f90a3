"""The small worlds: a menu of inputs, closed under a canonical form of states.

What makes them finite: identities and attempts are only ever compared, so renaming them in order changes no answer; the
books only move by differences and, with leverage out of reach, decide nothing, so profits and fees of forgotten trades
are taken out; a tail may be forgotten as if it had been settled and pushed out long ago; times are put as late as they
can be. Each representative satisfies every invariant, so it is a state that the kernel must answer for.
"""

from collections.abc import Callable

from dita.conformance.exhaustive import World
from dita.conformance.small_menus import (
    GONE,
    HALVES,
    LATE,
    WHOLE,
    account_menu,
    contract,
    every_menu,
    every_two_menu,
    orders_menu,
    straight_menu,
    two_menu,
)
from dita.reference import step
from dita.spec.book_properties import slot_fees, slot_profit
from dita.spec.inputs import Input
from dita.spec.scales import BOUND, RATIO_SCALE
from dita.spec.slot_invariants import provisional_fees
from dita.spec.state import Instrument, Ledger, Slot, State, Tail, initial_state
from dita.spec.vocabulary import Kind, Phase, Side

Canonical = Callable[[State], State | None]


def begun(slots: int, instruments: int, *, quantity_min: int = 0) -> State:
    """A world that is seeded and registered, with leverage out of reach."""
    state = initial_state(slots, instruments)
    events = [
        Input(kind=Kind.SEED, amount=BOUND // 2, time_ns=LATE),
        Input(kind=Kind.SET_LIMITS, slot_limit=slots, ratio_ppm=1000 * RATIO_SCALE),
        *(contract(index, quantity_min) for index in range(instruments)),
    ]
    for event in events:
        state, _ = step(state, event)
    return state


def renumbered(slot: Slot, tails: tuple[Tail, ...], first: int, attempts: int) -> Slot:
    """Tails (blanks left out) and live trade numbered upwards from ``first``, attempts brought down to ``attempts``."""
    kept = [tail for tail in tails if tail.trade != 0]
    numbered = [
        tail._replace(trade=first + len(kept) - 1 - place, last_attempt=min(tail.last_attempt, attempts))
        for place, tail in enumerate(kept)
    ]
    blank = (Tail(),) * (len(slot.tails) - len(kept))
    live = first + len(kept) if slot.phase != Phase.IDLE else 0
    last = slot.exit._replace(attempt=min(slot.exit.attempt, attempts))
    return slot._replace(trade=live, exit=last, tails=(*numbered, *blank))


def rebased(state: State, slots: tuple[Slot, ...], high_water: int) -> State:
    """The state with these slots, and books that hold exactly what they remember."""
    books = Ledger(
        seed=state.account.ledger.seed, last_money_time_ns=LATE,
        realised=sum(slot_profit(slot) for slot in slots), fees=sum(slot_fees(slot) for slot in slots),
        fees_provisional=sum(provisional_fees(slot) for slot in slots),
    )  # fmt: skip
    account = state.account._replace(trade_high_water=high_water, ledger=books)
    return State(account, tuple(dated(instrument) for instrument in state.instruments), slots)


def dated(instrument: Instrument) -> Instrument:
    """All times as late as they can be; evidence that was explained is forgotten."""
    evidence = LATE if instrument.reconcile_required else 0
    return instrument._replace(fill_time_ns=LATE, evidence_time_ns=evidence)


def without_tails(attempts: int, *, calm: bool) -> Canonical:
    """A live trade forgets the trades before it; an idle slot keeps the newest one. Free trades are not followed.

    In a ``calm`` world a reconcile that was asked for is over at once.
    """

    def canonical(state: State) -> State | None:
        slot = state.slots[0]
        if slot.phase and slot.fee_rate_ppb == 0:
            return None
        tails = slot.tails[:1] if slot.phase == Phase.IDLE else ()
        known = reconciled(state) if calm else state
        return rebased(known, (renumbered(slot, tails, GONE + 1, attempts),), GONE + 1)

    return canonical


def with_terms_of(root: State, canonical: Canonical, *, ruled: bool) -> Canonical:
    """As ``canonical``, and limits and contracts are again those of the root; so is how it is ruled, unless ``ruled``.

    How it is ruled is mode and calibration. What an input does to these is compared in every state; where it leads is
    followed in the worlds that are ruled.
    """
    first = root.account

    def restored(state: State) -> State | None:
        found = canonical(state)
        if found is None:
            return None
        account = found.account._replace(
            slot_limit=first.slot_limit, leverage_max_ppm=first.leverage_max_ppm, tolerance=first.tolerance,
            mode=found.account.mode if ruled else first.mode,
            calibration_ppm=found.account.calibration_ppm if ruled else first.calibration_ppm,
        )  # fmt: skip
        pairs = zip(found.instruments, root.instruments, strict=True)
        return found._replace(account=account, instruments=tuple(Instrument(*old[:5], *new[5:]) for old, new in pairs))

    return restored


def reconciled(state: State) -> State:
    """Nothing awaits a reconcile."""
    account = state.account._replace(unreconciled=0)
    return state._replace(
        account=account, instruments=tuple(item._replace(reconcile_required=0) for item in state.instruments)
    )


def with_unsettled_tails(state: State) -> State:
    """Only tails that await something are kept; the others are forgotten."""
    slot = state.slots[0]
    waiting = tuple(tail for tail in slot.tails if tail.entry.graded == 0 or tail.exit.graded == 0)
    return rebased(state, (renumbered(slot, waiting, GONE + 1, 1),), GONE + 1 + len(slot.tails))


def two_slots(state: State) -> State | None:
    """Each slot forgets its tails; numbers are 2 and 3 by slot. The world ends where a slot trades the other's coin."""
    for index, slot in enumerate(state.slots):
        if slot.phase and slot.instrument != index:
            return None
    return rebased(state, tuple(renumbered(slot, (), 2 + index, 1) for index, slot in enumerate(state.slots)), 3)


def account_only(state: State) -> State | None:
    """The world ends where a trade begins, and where a second kind of income comes in."""
    ledger = state.account.ledger
    kinds = sum(1 for total in (ledger.funding, ledger.transfers, ledger.adjustments) if total)
    if state.account.live_slots or kinds > 1:
        return None
    return state._replace(account=state.account._replace(calibration_ppm=RATIO_SCALE))


def worlds(size: str) -> tuple[World, ...]:
    """The worlds of a size: ``sample``, ``quick`` or ``full``."""
    one, two = begun(1, 1), begun(2, 2)
    small = (
        World("tails", (one,), straight_menu, with_unsettled_tails),
        World("account", (initial_state(1, 1),), account_menu, account_only),
        World("two", (limited(two, 1),), two_menu, two_slots),
    )
    long_legs, short_whole = (Side.LONG, HALVES), (Side.SHORT, WHOLE)
    both = (long_legs, short_whole)
    doubt = World("doubt", (one,), orders_menu(1, 1, (short_whole,)), without_tails(1, calm=False))
    if size == "sample":
        return (doubt, small[-1])
    if size == "quick":
        return (
            World("orders", (one,), orders_menu(2, 1, (long_legs,)), without_tails(1, calm=True)),
            World("prices", (one,), orders_menu(1, 2, (short_whole,)), without_tails(1, calm=True)),
            doubt,
            *small,
        )
    dusty = begun(1, 1, quantity_min=2)
    slots = begun(2, 2)
    return (
        World(
            "one slot", (one,), every_menu(3, 2, both),
            with_terms_of(one, without_tails(2, calm=False), ruled=False),
        ),
        World(
            "two slots", (slots,), every_two_menu,
            with_terms_of(slots, two_slots, ruled=False),
        ),
        World(
            "ruled", (one,), every_menu(2, 1, (long_legs,)),
            with_terms_of(one, without_tails(1, calm=True), ruled=True),
        ),
        World("dust", (dusty,), orders_menu(3, 1, (long_legs,)), without_tails(2, calm=False)),
        World("two with any limit", (limited(two, 1), limited(two, 2)), two_menu, two_slots),
        *small,
    )  # fmt: skip


def limited(state: State, slot_limit: int) -> State:
    """The state with another limit of live slots."""
    return state._replace(account=state.account._replace(slot_limit=slot_limit))
