"""A look-up of one order, carried out by ``dita.adapters.logic.resolve`` against the venue of the model.

The machine asks; what it is told is what the venue of this moment knows. Venue time is abstract here: while a submit is
on its way the venue's clock is as late as a copy may still be admitted, and after that it is later.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from dita.adapters.logic import resolve
from dita.adapters.logic.resolve import (
    SHORTFALL_ROUNDS,
    Answer,
    AskByClientId,
    AskByOrderId,
    AskFacts,
    AskFence,
    AskFills,
    AskHistory,
    AskOpenOrders,
    AskPositions,
    AskServerTime,
    Case,
    Facts,
    Failed,
    Fence,
    Question,
    Resolution,
    Result,
    Stage,
    Wait,
)
from dita.adapters.logic.rows import Evidence, FillRow, OrderRow
from dita.conformance.explore import acts
from dita.spec.environment import OrderName, Venue, order_named, position_of
from dita.spec.scales import NANOSECONDS_PER_SECOND
from dita.spec.state import State, remaining
from dita.spec.vocabulary import ADMIT_MARGIN_NS, Side

_SEND_BY_NS: Final = 100 * NANOSECONDS_PER_SECOND  # of every order: only before and after its deadline are told apart
_WINDOW_NS: Final = 5 * NANOSECONDS_PER_SECOND
_SUBMITTED_NS: Final = _SEND_BY_NS - 3 * NANOSECONDS_PER_SECOND

NotYet = Resolution  # the venue's clock has to be read first, or read again


@dataclass(frozen=True, slots=True)
class Scene:
    """What a look-up of ``name`` can meet. ``pending``: its submit is still on its way."""

    state: State
    name: OrderName
    venue: Venue
    side: Side
    pending: bool
    rounded: int = 0
    readable: bool = True  # every read but that of the clock is answered
    _orders: tuple[OrderRow, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Every order that the venue lists."""
        rows = tuple(acts.order_row(order, Evidence.LISTING, self.side) for order in self.venue.orders)
        object.__setattr__(self, "_orders", rows)

    def case(self) -> Case:
        """The order in question."""
        slot = self.state.slots[0]
        record = slot.exit if self.name[1] else slot.entry
        return Case(
            key=acts.key_of(self.name),
            tag=acts.TAG,
            symbol=acts.SYMBOL,
            client_order_id=acts.client_id(self.name),
            side=acts.side_of(self.name[1], self.side),
            quantity=record.ordered,
            submitted_ns=_SUBMITTED_NS,
            send_by_ns=_SEND_BY_NS,
            window_ns=_WINDOW_NS,
            order_id=acts.order_id(self.name) if record.seen else "",
        )

    def answer(self, asked: Question) -> Answer:
        """What the venue, or our own books, say to one question."""
        match asked:
            case Wait():
                return resolve.Waited()
            case AskServerTime():
                as_late_as_admitted = _SEND_BY_NS + _WINDOW_NS + ADMIT_MARGIN_NS
                return resolve.ServerTime(as_late_as_admitted + int(not self.pending))
            case AskFacts():
                return self._facts()
            case _ if not self.readable:
                return Failed("the venue does not answer")
            case AskByClientId() | AskByOrderId():
                order = order_named(self.venue, *self.name)
                row = None if order is None else acts.order_row(order, Evidence.QUERY, self.side, rounded=self.rounded)
                return resolve.Order(row)
            case AskFence():
                known = order_named(self.venue, *self.name)
                return Fence.NO_SUCH_ORDER if known is None else Fence.SOMETHING
            case AskOpenOrders():
                return resolve.Orders(tuple(row for row in self._orders if not row.state.is_terminal))
            case AskHistory():
                return resolve.Orders(self._orders)
            case AskFills():
                return resolve.Fills(fills_of(self.venue, self.side))
            case AskPositions():
                return resolve.Positions(acts.position_rows(position_of(self.venue), self.side))

    def _facts(self) -> Facts:
        slot = self.state.slots[0]
        held = remaining(slot)
        record = slot.exit if self.name[1] else slot.entry
        others = {(order.trade, order.attempt) for order in self.venue.orders} - {self.name}
        return Facts(
            seen=record.seen == 1,
            long_quantity=held if self.side == Side.LONG else 0,
            short_quantity=held if self.side == Side.SHORT else 0,
            owned_order_ids=frozenset(map(acts.order_id, others)),
            echo_seen=True,
            stale_refused=True,
        )


def fills_of(venue: Venue, side: Side) -> tuple[FillRow, ...]:
    """The fill rows of every order that the venue lists."""
    found: list[FillRow] = []
    for order in venue.orders:
        of_order = acts.order_id((order.trade, order.attempt))
        found.extend(acts.fill_rows(order.attempt, order.filled, side, of_order, order.time))
    return tuple(found)


def asked_anew(scene: Scene, *, pauses: bool) -> Result | NotYet:
    """Begin to look for an order. ``pauses``: stop where the clock is about to be read, for something may happen."""
    return _driven(scene, resolve.begin(scene.case()), lambda at: pauses and at.stage is Stage.CLOCK)


def asked_on(scene: Scene) -> Result | NotYet:
    """Go on where the clock is about to be read, after `no such order`."""
    at = resolve.answered(resolve.begin(scene.case()), resolve.Order(None))
    assert isinstance(at, Resolution), "a miss alone decides nothing"
    return _driven(scene, at, lambda _: False)


def _driven(scene: Scene, at: Resolution | Result, pauses_at: Callable[[Resolution], bool]) -> Result | NotYet:
    """Ask until something is known, or time would have to pass on the venue. Rounds are had as often as they count."""
    while isinstance(at, Resolution):
        asked = resolve.question(at)
        too_early = scene.pending and at.as_of_ns == 0 and isinstance(asked, Wait)
        rounds = SHORTFALL_ROUNDS if scene.readable else 0
        if pauses_at(at) or too_early or at.rounds > rounds:
            return at
        at = resolve.answered(at, scene.answer(asked))
    return at
