"""The traffic of campaigns: likely inputs, and what a mistaken, hostile or extreme world adds to them.

``generate`` draws what a venue might say. Here some inputs are spoiled besides: one field that the kind names is put
outside its range, or the input names another place. Snapshots contradict what is known, positions vanish and turn up,
a few worlds are so rich that amounts reach their bounds, and a few runs begin where a trade's exits are nearly
numbered out. Without these, the guards that should refuse are hardly ever asked.
"""

import random
from collections.abc import Sequence
from typing import Final, TypeVar

from dita.conformance import likely
from dita.conformance.boundary import NAMED
from dita.conformance.draw import I64_MAX, I64_MIN, Draw
from dita.conformance.encoding import scalars, with_scalars
from dita.conformance.generate import OWN, Action, Generator
from dita.conformance.likely import Scene
from dita.spec.inputs import Input
from dita.spec.invariants import broken
from dita.spec.scales import ATTEMPT_MAX, BOUND, NOTIONAL_DIVISOR, RATIO_SCALE, TIME_MAX_NS, TRADE_ID_MAX
from dita.spec.state import Slot, State, remaining
from dita.spec.vocabulary import INSTRUMENTS, LEGS, SLOTS, Kind, Phase

T = TypeVar("T")

SPOILED_PER_FIELD: Final = 0.007  # of the inputs of a kind, for each field that the kind names
ELSEWHERE: Final = 2  # another instrument is as likely as so many fields together
PLAN: Final = 5  # and so is another exit plan
UNSEEDED: Final = 0.04  # of the worlds that begin blank
MISDIRECTED: Final = 0.015  # of all inputs: a slot, an instrument or a kind that there is not
RICH: Final = 0.3  # of the worlds that begin blank
FIELD: Final = {name: index for index, name in enumerate(Input._fields)}
OUTSIDE: Final = (
    -1, -1, I64_MIN, I64_MAX, BOUND + 1, -BOUND - 1, TRADE_ID_MAX + 1, ATTEMPT_MAX + 1, TIME_MAX_NS + 1,
)  # fmt: skip
RICH_CONTRACTS: Final = (  # (lot, tick, price): a smallest order is worth a quarter or an eighth of the bound
    (1 << 50, NOTIONAL_DIVISOR, NOTIONAL_DIVISOR << 8),
    (1 << 30, NOTIONAL_DIVISOR >> 5, NOTIONAL_DIVISOR << 20),
    (1, NOTIONAL_DIVISOR, BOUND // 8),
)

# --- what else happens ----------------------------------------------------------------------------------------------


def contradiction(draw: Draw, at: Scene) -> Input:
    """The order in flight is over, with less than it had already filled."""
    entry = at.slot.phase < Phase.POSITION_OPEN
    event = likely.entry_order(draw, at) if entry else likely.exit_order(draw, at)
    known = at.slot.entry.quantity if entry else at.slot.exit.quantity
    lot = max(1, at.instrument.lot)
    if known < lot:
        return event
    quantity = known - lot * draw.among((1, 1, known // lot))
    return event._replace(done=1, quantity=quantity, quote=draw.quote(quantity, at.slot.ref_price))


def echo(draw: Draw, at: Scene) -> Input:
    """What is known of the order in flight once more, or a little less of it: an older reading."""
    entry = at.slot.phase < Phase.POSITION_OPEN
    event = likely.entry_order(draw, at) if entry else likely.exit_order(draw, at)
    known = at.slot.entry if entry else at.slot.exit
    lot = max(1, at.instrument.lot)
    if known.quantity >= lot and draw.random() < 0.3:
        quantity = known.quantity - lot
        return event._replace(quantity=quantity, quote=draw.quote(quantity, at.slot.ref_price), done=0)
    quote = max(min(known.quote, 1), known.quote - draw.below(2))
    return event._replace(quantity=known.quantity, quote=quote, done=0)


def taken_away(draw: Draw, at: Scene) -> Input:
    """The whole position left without us."""
    event = likely.external_close(draw, at)
    quantity = at.slot.closed.external_quantity + remaining(at.slot)
    return event._replace(quantity=quantity, quote=draw.quote(quantity, at.slot.ref_price))


def overtaken(draw: Draw, at: Scene) -> Input:
    """An exit believed over fills after all, and something else has left hardly anything for it to close."""
    last, left = at.slot.exit, remaining(at.slot)
    lot = max(1, at.instrument.lot)
    if last.quantity == last.ordered or last.ordered - last.quantity > left:
        return likely.exit_order(draw, at)._replace(
            quantity=last.ordered, quote=draw.quote(last.ordered, at.slot.ref_price)
        )
    event = likely.external_close(draw, at)
    quantity = at.slot.closed.external_quantity + max(0, left - lot)
    return event._replace(trade=at.slot.trade, quantity=quantity, quote=draw.quote(quantity, at.slot.ref_price))


def surplus(draw: Draw, at: Scene) -> Input:
    """The venue holds more than the kernel: first the evidence, then its adoption."""
    if at.instrument.reconcile_required:
        return likely.adopt(draw, at)
    event = likely.position(draw, at)
    return event._replace(long_quantity=event.long_quantity + max(1, at.instrument.lot))


def windfall(draw: Draw, at: Scene) -> Input:
    """The venue holds as much as there can be."""
    event, known = surplus(draw, at), at.instrument
    if event.kind != Kind.ADOPT or not known.lot:
        return event
    return event._replace(
        quantity=known.quantity_max - known.quantity_max % known.lot, price=known.price_max, quote=BOUND
    )


def fortune(draw: Draw, at: Scene) -> Input:
    """An exit that fills at a price beyond all reason, which is believed all the same (clause O3)."""
    ours = at.slot.entry.quote
    quote = draw.among((BOUND, BOUND // 2, ours, ours, 1))
    return likely.exit_order(draw, at)._replace(quantity=at.slot.exit.ordered, quote=quote)


def dear_fill(draw: Draw, at: Scene) -> Input:
    """The entry fills at the highest price that is believed."""
    ordered = at.slot.entry.ordered
    exact = min(4 * ordered * at.slot.ref_price // NOTIONAL_DIVISOR, BOUND)
    return likely.entry_order(draw, at)._replace(quantity=ordered, quote=exact)


MORE: Final[dict[int, tuple[tuple[Action, float], ...]]] = {
    Phase.IDLE: ((surplus, 2),),
    Phase.ENTRY_WORKING: ((contradiction, 2), (taken_away, 0.7)),
    Phase.ENTRY_UNRESOLVED: ((contradiction, 0.7), (taken_away, 1.5), (echo, 1.5)),
    Phase.POSITION_OPEN: ((taken_away, 0.7), (overtaken, 1)),
    Phase.EXIT_REQUESTED: ((taken_away, 1.2),),
    Phase.EXIT_WORKING: ((contradiction, 2), (taken_away, 0.5)),
    Phase.EXIT_UNRESOLVED: ((contradiction, 0.5), (taken_away, 1), (echo, 1.5)),
}

RICH_MORE: Final[dict[int, tuple[tuple[Action, float], ...]]] = {
    Phase.IDLE: ((windfall, 8),),
    **dict.fromkeys((Phase.ENTRY_REQUESTED, Phase.ENTRY_WORKING, Phase.ENTRY_UNRESOLVED), ((dear_fill, 9),)),
    **dict.fromkeys((Phase.EXIT_REQUESTED, Phase.EXIT_WORKING, Phase.EXIT_UNRESOLVED), ((fortune, 4),)),
}


class RichDraw(Draw):
    """The dice of a world in which a handful of trades reaches every bound."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.lots = 2
        self.slots = self.among((2, 3, 5, SLOTS))
        self.instruments = self.slots
        self.first_slot = self.below(SLOTS - self.slots + 1)
        self.first_instrument = self.below(INSTRUMENTS - self.instruments + 1)

    def contract(self, index: int) -> Input:
        """A registration whose largest order is worth the bound."""
        lot, tick, price = self.among(RICH_CONTRACTS)
        return Input(
            kind=Kind.REGISTER, slot=self.first_slot, instrument=index, lot=lot, tick=tick, price_max=price,
            quantity_max=min(BOUND, BOUND * NOTIONAL_DIVISOR // price), taker_ppb=100_000_000, maker_ppb=100_000_000,
        )  # fmt: skip

    def limits(self) -> Input:
        """Limits that let everything through."""
        return Input(
            kind=Kind.SET_LIMITS, slot=self.first_slot, slot_limit=SLOTS, ratio_ppm=1000 * RATIO_SCALE, amount=BOUND
        )

    def preamble(self) -> list[Input]:
        """As in other worlds, with fees that are four times what the model says."""
        dear = Input(kind=Kind.CALIBRATE, slot=self.first_slot, ratio_ppm=4 * RATIO_SCALE)
        return [dear, *super().preamble()]


# --- spoiling -------------------------------------------------------------------------------------------------------


def misdirected(draw: Draw, event: Input) -> Input:
    """The input with a slot, an instrument or a kind that there is not."""
    low = draw.random() < 0.5
    place = draw.below(3)
    if place == 0:
        return event._replace(kind=draw.among((0, -1, I64_MIN) if low else (Kind.CALIBRATE + 1, I64_MAX)))
    limit = SLOTS if place == 1 else INSTRUMENTS
    value = draw.among((-1, I64_MIN) if low else (limit, limit + draw.below(1000), I64_MAX))
    return event._replace(slot=value) if place == 1 else event._replace(instrument=value)


def spoiled(draw: Draw, event: Input) -> Input:
    """The input with one of the fields that its kind names outside its range, beside its value, or about another."""
    if not Kind.ENTER <= event.kind <= Kind.CALIBRATE:
        return event
    names = NAMED[Kind(event.kind)]
    choice = draw.below(places(event.kind)) - len(names)
    if choice >= 0:
        return _elsewhere(draw, event) if choice < ELSEWHERE else _other_plan(draw, event)
    field = FIELD[names[choice]]  # counted from the end
    words = scalars(event)
    value = words[field]
    beside = (value + 1, value - 1, 2 * value, 64 * value + 1, 0)
    words[field] = max(I64_MIN, min(I64_MAX, draw.among(beside))) if draw.random() < 0.4 else draw.among(OUTSIDE)
    return with_scalars(words, event.ratios)


def _elsewhere(draw: Draw, event: Input) -> Input:
    """About another instrument, of this world or not."""
    other = draw.first_instrument + draw.below(draw.instruments) if draw.random() < 0.7 else draw.below(INSTRUMENTS)
    return event._replace(instrument=other)


def _other_plan(draw: Draw, event: Input) -> Input:
    """With one share of the exit plan out of range, or one too many."""
    index = draw.below(LEGS)
    share = draw.among((0, -1, RATIO_SCALE + 1, I64_MAX, 1))
    return event._replace(ratios=(*event.ratios[:index], share, *event.ratios[index + 1 :]))


def places(kind: int) -> int:
    """In how many ways an input of a kind can be spoiled."""
    return len(NAMED[Kind(kind)]) + ELSEWHERE + (PLAN if kind == Kind.ENTER else 0)


SPOILED: Final[dict[int, float]] = {kind: SPOILED_PER_FIELD * places(kind) for kind in NAMED}
"""How many of each kind's inputs are spoiled, so that every field gets its part."""


# --- a run ----------------------------------------------------------------------------------------------------------


class Traffic(Generator):
    """One run's source of inputs."""

    def __init__(self, rng: random.Random, preamble: bool = True) -> None:
        self._rich = rng.random() < RICH
        more = {phase: (*own, *MORE.get(phase, ())) for phase, own in OWN.items()}
        if self._rich:
            more = {phase: (*own, *RICH_MORE.get(phase, ())) for phase, own in more.items()}
        super().__init__(rng, preamble, draw=RichDraw(rng) if self._rich else Draw(rng), own=more)
        if self._pending and rng.random() < UNSEEDED:
            self._pending = [event for event in self._pending if event.kind != Kind.SEED]

    def next(self, state: State) -> Input:
        """The next input, given the state it will meet."""
        event = super().next(state)
        dice = self._random()
        if dice < MISDIRECTED:
            return misdirected(self._draw, event)
        if dice - MISDIRECTED < SPOILED.get(event.kind, 0.0):
            return spoiled(self._draw, event)
        return event


# --- where a run begins ---------------------------------------------------------------------------------------------


def stretched(rng: random.Random, state: State) -> State | None:
    """The state near a bound that a run would take too long to reach; None where it cannot be brought there."""
    ways = (_nearly_numbered_out, _full_of_predictions)
    for way in ways if rng.random() < 0.7 else ways[::-1]:
        after = way(rng, state)
        if after is not None and not broken(after):
            return after
    return None


def _nearly_numbered_out(rng: random.Random, state: State) -> State | None:
    """One trade's exit attempts are near their bound."""
    known = [k for k, slot in enumerate(state.slots) if slot.phase == Phase.POSITION_OPEN and slot.exit.attempt]
    if not known:
        return None
    k = among(rng, known)
    slot = state.slots[k]
    return with_slot(state, k, slot._replace(exit=slot.exit._replace(attempt=ATTEMPT_MAX - among(rng, (0, 0, 0, 1)))))


def _full_of_predictions(rng: random.Random, state: State) -> State | None:
    """The predicted fees of a finished trade that nobody settles bring all predictions together near their bound."""
    known = [k for k, slot in enumerate(state.slots) if slot.tails[0].trade]
    if not known:
        return None
    k = among(rng, known)
    newest = state.slots[k].tails[0]
    ledger = state.account.ledger
    others = ledger.fees_provisional - (newest.entry.fee if newest.entry.graded == 0 else 0)
    half = newest.entry._replace(quote=BOUND, fee=BOUND - among(rng, (0, 1, 1_000)) - others, graded=0)
    tails = (newest._replace(entry=half), *state.slots[k].tails[1:])
    account = state.account._replace(ledger=ledger._replace(fees_provisional=others + half.fee))
    return with_slot(state._replace(account=account), k, state.slots[k]._replace(tails=tails))


def with_slot(state: State, k: int, slot: Slot) -> State:
    """The state with another slot k."""
    return state._replace(slots=(*state.slots[:k], slot, *state.slots[k + 1 :]))


def among(rng: random.Random, choices: Sequence[T]) -> T:
    """One of the choices."""
    return choices[int(rng.random() * len(choices))]
