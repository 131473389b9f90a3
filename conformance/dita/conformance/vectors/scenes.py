"""Where the search for numbers begins: made records with a different number in every word, and an input that fits them.

A solver that is free to choose gives zeros, and zeros hide faults (a field that is not cleared, a sum that is not
taken). So it is asked for numbers as near as the path allows to those of a scene: sound records in which as many words
as possible are random and distinct, and noise in every field that the kind of input does not name.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from dita.conformance.prove.concrete import is_sound, placed
from dita.conformance.vectors.dice import Dice
from dita.reference.ledger import compared, with_predictions
from dita.spec.inputs import Input
from dita.spec.layout import filled, flatten_words
from dita.spec.scales import BOUND, NOTIONAL_DIVISOR, RATIO_SCALE
from dita.spec.slot_invariants import provisional_fees
from dita.spec.state import Account, Closed, Entry, Exit, Focus, Half, Instrument, Ledger, Plan, Slot, Tail, remaining
from dita.spec.vocabulary import ADMIT_MARGIN_NS, ALL_CHECKS, INSTRUMENTS, LEGS, SLOTS, TAILS, Kind, Phase, Side

TRIES: Final = 100
LOTS: Final = (1, 50, 10_000, 1_000_000, 100_000_000, 3, 7)
FRESH: Final = (Kind.ENTER, Kind.ADOPT)  # these begin a trade


class Scene(NamedTuple):
    """Three sound records and an input, as words; ``number`` tells it from others of the kind."""

    number: int
    words: tuple[int, ...]


def scene(kind: Kind, number: int, seed: str, unnamed: frozenset[int]) -> Scene:
    """The scene of this number; the words of ``unnamed`` (places in an input) are noise. Raises RuntimeError."""
    dice = Dice(f"{seed} {kind.name} {number}")
    for _ in range(TRIES):
        k, i = dice.below(SLOTS), dice.below(INSTRUMENTS)
        focus = records(dice, k, i)
        if is_sound(*placed(focus, Input(slot=k, instrument=i))):
            event = flatten_words(likely(dice, kind, focus, k, i))
            noise = Dice(f"{seed} {kind.name} noise")  # the same for all scenes: rows say it once
            meaningless = [noise.signed(20) for _ in event]
            words = [meaningless[place] if place in unnamed else word for place, word in enumerate(event)]
            return Scene(number, (*flatten_words(focus), *words))
    raise RuntimeError(f"no sound records in {TRIES} draws: an invariant changed, and this module must follow it")


# --- records --------------------------------------------------------------------------------------------------------


def records(dice: Dice, k: int, i: int) -> Focus:
    """An account, an instrument and a slot that fit each other."""
    instrument, price = contract(dice)
    wide = dice.below(5) == 0  # amounts near their bounds
    high = 100 + dice.some(16)
    home = i if dice.below(8) else dice.below(INSTRUMENTS)
    slot = Slot(tails=tails(dice, home, high + 1))
    if dice.below(3):
        slot = trade(dice, instrument, price, home, high - dice.below(9), wide=wide)
    live = int(slot.phase != Phase.IDLE)
    if live and home == i:
        instrument = instrument._replace(holder=k + 1)
    others = dice.among((0, 1, 1, 2))
    account = Account(
        dice.below(3), 1, dice.some(4), dice.some(28), dice.some(16), dice.some(21), high,
        live + others, instrument.reconcile_required + dice.among((0, 1, 2)),
        slot.exposure + (dice.some(58 if wide else 16) if others else 0),
        ledger(dice, provisional_fees(slot), wide=wide),
    )  # fmt: skip
    return Focus(account, instrument, slot)


def contract(dice: Dice) -> tuple[Instrument, int]:
    """An instrument that nobody holds, and a price in it."""
    lot = dice.among(LOTS)
    tick = NOTIONAL_DIVISOR if NOTIONAL_DIVISOR % lot else NOTIONAL_DIVISOR // lot
    price = tick * dice.some(10)
    price_max = price * dice.among((4, 100))
    most = min(BOUND, BOUND * NOTIONAL_DIVISOR // price_max, lot * dice.some(dice.among((12, 12, 12, 60))))
    return Instrument(
        1, 0, dice.below(2), dice.some(16), dice.some(16), lot, tick, dice.below(4) * lot, dice.bits(4), price_max,
        most, dice.some(20), dice.some(20),
    ), price  # fmt: skip


def trade(dice: Dice, instrument: Instrument, price: int, home: int, number: int, *, wide: bool) -> Slot:
    """A live trade of any phase, in whole lots, behind any tails."""
    lot = instrument.lot
    phase = dice.among((*Phase,)[1:])
    entering, open_ = phase <= Phase.ENTRY_UNRESOLVED, phase == Phase.POSITION_OPEN
    requested = phase in (Phase.ENTRY_REQUESTED, Phase.EXIT_REQUESTED)
    tried = not entering and (not open_ or dice.below(3) > 0)  # there has been an exit order
    past = dice.bits(3) if tried else 0
    sent = dice.some(4) if tried else 0
    shown = sent if open_ and tried and dice.below(2) else dice.below(sent) if tried and not requested else 0
    elsewhere = dice.bits(3) if phase != Phase.ENTRY_REQUESTED else 0
    held = 0 if phase == Phase.ENTRY_REQUESTED else past + sent + elsewhere + dice.some(3)
    ordered = held + (dice.some(5) if entering else dice.bits(4))

    def paid(lots: int) -> int:
        near = lots * lot * price // NOTIONAL_DIVISOR
        return 0 if lots == 0 else max(1, near + dice.bits(8) % (near // 8 + 1))

    entry = Entry(ordered * lot, held * lot, paid(held), 0, 0, int(not entering), int(held > 0))
    if not entering and dice.below(2):
        entry = entry._replace(graded=1, fee=entry.quote // dice.among((3, -7, 100)))
    if phase == Phase.ENTRY_WORKING:
        entry = entry._replace(seen=1)
    seen = int(shown > 0 or phase == Phase.EXIT_WORKING) or (0 if requested else dice.below(2))
    last = Exit(dice.some(6), sent * lot, shown * lot, paid(shown), int(open_), seen, dice.below(2))
    legs = 1 + dice.below(LEGS)
    slot = Slot(
        phase=phase, trade=number, instrument=home, side=Side.LONG + dice.below(2), flatten=dice.below(2),
        fee_rate_ppb=dice.some(dice.among((20, 20, 26))), minimum=lot * dice.some(2), ref_price=price, entry=entry,
        exit=last if tried else Exit(),
        closed=Closed(past * lot, paid(past), elsewhere * lot, paid(elsewhere)),
        plan=Plan(legs, 0 if entering else dice.below(legs + 1), plan(dice, legs)), tails=tails(dice, home, number),
        exposure=entry.quote + dice.bits(59 if wide else 10),
    )  # fmt: skip
    return with_predictions(slot)


def plan(dice: Dice, legs: int) -> tuple[int, ...]:
    """The ratios of so many legs."""
    return tuple(1 + dice.below(RATIO_SCALE) if index < legs else 0 for index in range(LEGS))


def tails(dice: Dice, home: int, below: int) -> tuple[Tail, ...]:
    """Finished trades with numbers below this one, each half settled or not; at least one is settled, or blank."""
    found: list[Tail] = []
    for number in range(dice.below(TAILS + 1)):
        below -= dice.some(2)
        quantity = dice.some(10)
        attempt = dice.below(4)
        found.append(
            Tail(
                below, home if dice.below(6) else dice.below(INSTRUMENTS), Side.LONG + dice.below(2),
                half(dice, quantity, settled=number == 0), half(dice, quantity, settled=number == 0),
                attempt, dice.below(quantity) if attempt else 0,
            )
        )  # fmt: skip
    return (*found, *(Tail() for _ in range(TAILS - len(found))))


def half(dice: Dice, quantity: int, *, settled: bool) -> Half:
    """What the venue said, or would say, of one side of a finished trade."""
    quote = dice.some(16)
    graded = 1 if settled else dice.below(2)
    return Half(quantity, quote, dice.bits(16) % (quote // 2 + 1) * (dice.among((1, -1)) if graded else 1), graded)


def ledger(dice: Dice, provisional: int, *, wide: bool) -> Ledger:
    """Books with an amount in every line."""
    bits = 58 if wide else 18
    books = Ledger(
        dice.some(bits), dice.signed(bits - 2), dice.signed(bits - 3), provisional + dice.among((0, dice.some(20))),
        dice.signed(bits - 4), dice.some(10), dice.signed(bits - 2), dice.some(10), dice.signed(bits - 5),
        dice.some(10), dice.some(16),
    )  # fmt: skip
    if dice.below(2):
        books = books._replace(wallet_seen=1, wallet_amount=dice.signed(bits), wallet_as_of_ns=dice.some(17))
    return compared(books)


# --- inputs ---------------------------------------------------------------------------------------------------------


def likely(dice: Dice, kind: Kind, focus: Focus, k: int, i: int) -> Input:
    """An input of this kind that speaks of what is there; every field says something."""
    account, instrument, slot = focus
    tail = slot.tails[dice.below(TAILS)]
    new, _ = contract(dice)
    number = dice.among((slot.trade, slot.trade, tail.trade, account.trade_high_water + 1))
    lots = instrument.lot * dice.some(4)
    quantity = dice.among(
        (
            slot.entry.quantity, slot.entry.ordered, slot.exit.quantity, slot.exit.ordered, tail.entry.quantity, lots,
            slot.entry.quantity + lots, slot.exit.quantity + lots, slot.closed.external_quantity + lots,
        )
    )  # fmt: skip
    at = slot.ref_price or instrument.tick * dice.some(10)
    legs = 1 + dice.below(LEGS)
    held = remaining(slot)
    time_ns = (ADMIT_MARGIN_NS if kind == Kind.NOT_FOUND else 1) + dice.some(20)
    return Input(
        kind=kind, slot=k, instrument=i, trade=account.trade_high_water + dice.some(2) if kind in FRESH else number,
        attempt=dice.among((0, slot.exit.attempt, tail.last_attempt)), time_ns=time_ns, side=Side.LONG + dice.below(2),
        quantity=lots if kind in FRESH else quantity, quote=max(1, quantity * at // NOTIONAL_DIVISOR + dice.bits(4)),
        price=at, limit_price=instrument.tick * dice.bits(6), post_only=dice.below(2), legs=legs,
        leg=slot.plan.next_leg, done=dice.below(2), reason=dice.below(5), part=dice.below(2), amount=dice.signed(20),
        income_kind=dice.below(3), rows=dice.some(11), long_quantity=held if slot.side != Side.SHORT else 0,
        short_quantity=held if slot.side == Side.SHORT else 0,
        deadline_ns=1 + dice.below(max(1, time_ns - ADMIT_MARGIN_NS)), checks=ALL_CHECKS, mode=dice.below(3),
        slot_limit=dice.some(4), ratio_ppm=dice.some(20), lot=new.lot, tick=new.tick, quantity_min=new.quantity_min,
        notional_min=new.notional_min, price_max=new.price_max, quantity_max=new.quantity_max,
        taker_ppb=new.taker_ppb, maker_ppb=new.maker_ppb, ratios=plan(dice, legs),
    )  # fmt: skip


def records_of(numbers: tuple[int, ...], blank: Focus) -> tuple[Focus, Input]:
    """The records behind the words of a scene or of a vector."""
    count = len(flatten_words(blank))
    return filled(blank, numbers[:count]), filled(Input(), numbers[count:])
