"""Made slots and accounts: their words are drawn by type and shape, so that rare combinations are as likely as others.

Nothing here is sure to satisfy an invariant; whoever uses it asks the real predicates.
"""

from __future__ import annotations

from typing import Any, Final

from dita.conformance.draw import Draw
from dita.reference.focus import Refused
from dita.reference.ledger import compared, with_predictions
from dita.spec.inputs import Input
from dita.spec.scales import ATTEMPT_MAX, BOUND, NOTIONAL_DIVISOR, RATIO_SCALE
from dita.spec.slot_invariants import provisional_fees
from dita.spec.state import Account, Closed, Entry, Exit, Focus, Half, Instrument, Plan, Slot, Tail
from dita.spec.vocabulary import LEGS, TAILS, Kind, Phase, Side

SIZES: Final = (1, 2, 3, 5, 100)  # of an order, in lots
ATTEMPTS: Final = (1, 1, 2, 3, ATTEMPT_MAX - 1, ATTEMPT_MAX)
RATES: Final = (0, 0, 500_000, 500_001, 400_000_000)
RATIOS: Final = (1, 333_333, 500_000, 900_000, RATIO_SCALE)
AMOUNTS: Final = ("realised", "fees", "fees_provisional", "funding", "transfers", "adjustments", "seed")


def made_slot(draw: Draw, instrument: Instrument, i: int, high: int) -> Slot:
    """A live trade of any phase in the instrument, in whole lots, behind any tails; ``high`` is its trade number."""
    lot = max(1, instrument.lot)
    price = max(1, instrument.price_max // draw.among((1, 4, 100)))
    phase = draw.among((*Phase,)[1:])
    ordered = draw.among(SIZES)
    if phase <= Phase.ENTRY_UNRESOLVED:
        filled = 0 if phase == Phase.ENTRY_REQUESTED else min(ordered - 1, part(draw, ordered))
        entry_done, past, attempt, sent, closed = 0, 0, 0, 0, 0
        entry_seen = seen(draw, filled, working=phase == Phase.ENTRY_WORKING, requested=phase == Phase.ENTRY_REQUESTED)
    else:
        filled, entry_done, entry_seen = max(1, part(draw, ordered)), 1, 1
        attempt = draw.among(ATTEMPTS) if phase != Phase.POSITION_OPEN or draw.below(3) else 0
        past = part(draw, filled - 1) if attempt else 0
        sent = max(1, part(draw, filled - past)) if attempt else 0
        closed = min(part(draw, sent), sent if phase == Phase.POSITION_OPEN else sent - 1)
    if phase == Phase.EXIT_REQUESTED:
        closed = 0
    exit_seen = seen(draw, closed, working=phase == Phase.EXIT_WORKING, requested=phase == Phase.EXIT_REQUESTED)
    elsewhere = part(draw, filled - past - closed)
    quote, graded = paid(draw, filled * lot, price), draw.below(2) * entry_done
    entry = Entry(ordered * lot, filled * lot, quote, 0, graded, entry_done, entry_seen)
    legs = 1 + draw.below(LEGS)
    return Slot(
        phase=phase, trade=high, instrument=i, side=draw.among((Side.LONG, Side.SHORT)), flatten=draw.below(2),
        fee_rate_ppb=draw.among(RATES), minimum=draw.among((lot, lot, 2 * lot, BOUND)), ref_price=price,
        exposure=max(entry.quote, ordered * lot * price // NOTIONAL_DIVISOR),
        entry=entry._replace(fee=entry.quote // draw.among((2_000, -3_000)) if entry.graded else 0),
        exit=Exit(
            attempt, sent * lot, closed * lot, paid(draw, closed * lot, price), int(phase == Phase.POSITION_OPEN),
            exit_seen, draw.below(2),
        ) if attempt else Exit(),
        closed=Closed(
            past * lot, paid(draw, past * lot, price), elsewhere * lot, paid(draw, elsewhere * lot, price)
        ),
        plan=Plan(legs, draw.below(legs + 1) if entry_done else 0, ratios(draw, legs)),
        tails=made_tails(draw, i, high),
    )  # fmt: skip


def seen(draw: Draw, filled: int, *, working: bool, requested: bool) -> int:
    """Whether an order has been seen: surely if it filled or rests, surely not while it is only requested."""
    return 1 if filled or working else 0 if requested else draw.below(2)


def part(draw: Draw, limit: int) -> int:
    """Nothing, everything, or a part of so many."""
    return max(0, draw.among((0, 0, limit, draw.below(limit + 1))))


def paid(draw: Draw, quantity: int, price: int) -> int:
    """A notional for a quantity: near the price, now and then any."""
    if quantity == 0:
        return 0
    near = max(1, quantity * price // NOTIONAL_DIVISOR)
    return draw.among((near, near + 1, max(1, near - near // 50), 1 + draw.bits(50)))


def ratios(draw: Draw, legs: int) -> tuple[int, ...]:
    """An exit plan's ratios."""
    return tuple(draw.among(RATIOS) if index < legs else 0 for index in range(LEGS))


def made_tails(draw: Draw, i: int, below: int) -> tuple[Tail, ...]:
    """Finished trades with numbers below this one, mostly in instrument i, each half settled or not."""
    tails: list[Tail] = []
    trade = below
    for _ in range(draw.below(TAILS + 1)):
        trade -= 1 + draw.below(2)
        if trade < 1:
            break
        quantity, quote, gain = 1 + draw.bits(20), 1 + draw.bits(30), draw.bits(10)
        attempt = draw.below(3)
        entry = Half(quantity, quote + gain, draw.among((0, quote // 2_000)), draw.below(2))
        done = Half(quantity, quote, draw.among((0, quote // 2_000)), draw.below(2))
        shown = part(draw, quantity) if attempt else 0
        tails.append(Tail(trade, i if draw.below(8) else i ^ 1, 1 + draw.below(2), entry, done, attempt, shown))
    return (*tails, *[Tail()] * (TAILS - len(tails)))


def on_the_edge(draw: Draw, account: Account) -> Account:
    """The account with one amount so near its bound that a little more is too much."""
    off = draw.among((0, 1, 2, draw.bits(10), draw.bits(45)))
    edge = draw.among((BOUND - off, off - BOUND))
    if draw.below(4) == 0:
        return account._replace(exposure=BOUND - off)
    name = draw.among(AMOUNTS)
    amounts: dict[str, Any] = {name: edge}
    if draw.below(2):
        amounts["seed"] = draw.among((1, BOUND))
    return account._replace(ledger=account.ledger._replace(**amounts))


def mended(focus: Focus, k: int, i: int) -> Focus:
    """The records with fees, profit, books and counts as they would be; nothing is sure to hold afterwards."""
    account, instrument, slot = focus
    try:
        if slot.phase:
            slot = with_predictions(slot)
    except (Refused, ZeroDivisionError):
        return focus
    if slot.phase and slot.instrument == i:
        instrument = instrument._replace(holder=k + 1)
    elif instrument.holder == k + 1:
        instrument = instrument._replace(holder=0)
    live = 1 if slot.phase else 0
    ledger = account.ledger._replace(fees_provisional=max(account.ledger.fees_provisional, provisional_fees(slot)))
    account = account._replace(
        trade_high_water=max(account.trade_high_water, slot.trade, *(tail.trade for tail in slot.tails)),
        live_slots=max(account.live_slots, live),
        unreconciled=max(account.unreconciled, instrument.reconcile_required),
        exposure=max(account.exposure, slot.exposure),
        ledger=compared(ledger),
    )
    return Focus(account, instrument, slot)


def with_any_plan(draw: Draw, event: Input) -> Input:
    """An entry with a plan of any length, now and then with one ratio that it must not have."""
    if event.kind != Kind.ENTER:
        return event
    legs = 1 + draw.below(LEGS)
    plan = list(ratios(draw, legs))
    if draw.random() < 0.3:
        plan[draw.below(LEGS)] = draw.among((0, 1, -1, RATIO_SCALE + 1, BOUND))
    return event._replace(legs=legs, ratios=tuple(plan))


def large(draw: Draw, event: Input) -> Input:
    """The input with an amount or a quantity near its bound."""
    value = draw.among((BOUND, BOUND - draw.bits(20), BOUND - draw.bits(45), BOUND // 2, BOUND // 4))
    if event.kind in (Kind.INCOME, Kind.SETTLE, Kind.WALLET) and draw.below(2):
        return event._replace(amount=draw.among((value, -value)))
    dice = draw.below(4)
    if dice == 0:
        return event._replace(quantity=value)
    return event._replace(price=value) if dice == 1 else event._replace(quote=value)
