"""The runtime's decisions, small and pure: what it feeds the kernel when a timer fires or a frame arrives.

Exploration composes these with the kernel, the venue and the network. A test plants a bug by overriding one method.
"""

from typing import Final, NamedTuple

from dita.conformance.explore.kernels import View
from dita.spec import inputs
from dita.spec.environment import Frame, FrameKind, Network, OrderName, Tariff, Venue, order_named, snapshot_of
from dita.spec.inputs import Input
from dita.spec.scales import NOTIONAL_DIVISOR
from dita.spec.vocabulary import ADMIT_MARGIN_NS, Kind, Part, Phase, RejectReason, Side

LOT: Final = 100_000_000  # one coin
TICK: Final = 100
PRICE: Final = 1_000_000_000_000  # reference and fill price of entries, 100 USDT
EXIT_PRICE: Final = 1_030_000_000_000
TAKER_PPB: Final = 500_000
EPOCH_NS: Final = 1_000_000_000_000  # venue time of rank 0
RANK_NS: Final = 10 * ADMIT_MARGIN_NS  # between two changes on the venue
# Fees differ from the prediction, so that books which miss a settlement differ from the wallet.
TARIFF: Final = Tariff(
    entry_notional=LOT * PRICE // NOTIONAL_DIVISOR,
    exit_notional=LOT * EXIT_PRICE // NOTIONAL_DIVISOR,
    entry_fee=4_999_983,
    exit_fee=5_149_971,
)


class Act(NamedTuple):
    """One input to the kernel in the small words of the model: lots, ranks, flags."""

    kind: Kind
    trade: int = 0
    attempt: int = 0
    quantity: int = 0
    flag: int = 0
    rounded: int = 0
    time: int = 0


class Terms(NamedTuple):
    """What a world fixes about its trades."""

    lots: int
    ratios: tuple[int, ...]
    side: Side


def time_ns(rank: int) -> int:
    """Venue time of a rank; rank 0 is before everything."""
    return EPOCH_NS + rank * RANK_NS if rank > 0 else 0


def rank_of(time: int) -> int:
    """The rank behind a time of ``time_ns``."""
    return (time - EPOCH_NS) // RANK_NS if time > 0 else 0


def notional(attempt: int, lots: int, rounded: int = 0) -> int:
    """A cumulative notional as the venue reports it; a rounded average price is off by one unit."""
    each = TARIFF.entry_notional if attempt == 0 else TARIFF.exit_notional
    return lots * each + rounded if lots > 0 else 0


class Conduct:
    """What the runtime does. Every decision is a function of the kernel's state and what was just read."""

    def timed_out(self, view: View) -> Act:
        """The answer to a submit did not come: its fate is unknown, and that is all that is known."""
        trade, attempt = named(view)
        return Act(Kind.UNKNOWN, trade, attempt)

    def silent(self, view: View) -> Act:
        """The order in flight has not been heard of for too long."""
        trade, attempt = named(view)
        return Act(Kind.SILENT, trade, attempt)

    def looked_up(self, name: OrderName, venue: Venue, network: Network, *, rounded: int, eager: bool) -> Frame | None:
        """Carry out RESOLVE: the order's snapshot, or its absence; None while its deadline has not passed.

        An ``eager`` runtime reports the absence early and says so; the kernel judges.
        """
        trade, attempt = name
        order = order_named(venue, trade, attempt)
        if order is not None:
            return snapshot_of(order, rounded=rounded)
        pending = any(f.kind == FrameKind.SUBMIT and (f.trade, f.attempt) == name for f in network)
        if pending and not eager:
            return None
        return Frame(FrameKind.ABSENCE, trade, attempt, flag=0 if pending else 1, time=venue.now)

    def position_due(self, view: View, *, periodic: bool) -> bool:
        """Whether to read the position: always, or only while the kernel asks for it."""
        return periodic or view.reconcile_required == 1

    def heard(self, frame: Frame, view: View, venue: Venue) -> Act:
        """The input behind an order frame."""
        del view, venue
        if frame.kind == FrameKind.SNAPSHOT:
            return snapshot_act(frame)
        if frame.kind == FrameKind.REFUSAL:
            return Act(Kind.REJECTED, frame.trade, frame.attempt, flag=frame.flag, time=frame.time)
        return Act(Kind.NOT_FOUND, frame.trade, frame.attempt, flag=frame.flag, time=frame.time)

    def position(self, frame: Frame, view: View, venue: Venue) -> Act:
        """The input behind a position reading: every open order but the one in flight is foreign."""
        del venue
        return Act(Kind.POSITION, quantity=frame.quantity, flag=len(foreign(frame, view)), time=frame.time)

    def mismatch(self, frame: Frame, view: View, venue: Venue) -> Act | None:
        """What to do about a position that the kernel could not explain."""
        for trade, attempt in foreign(frame, view):
            order = order_named(venue, trade, attempt)
            if order is not None and order.open == 1:
                return snapshot_act(snapshot_of(order))
        if view.phase == Phase.IDLE and frame.quantity > 0:
            return Act(Kind.ADOPT, view.high_water + 1, quantity=frame.quantity, time=frame.time)
        if view.phase == Phase.POSITION_OPEN and frame.quantity < view.remaining:
            return self.shortfall(frame, view, venue)
        if view.phase == Phase.POSITION_OPEN and frame.quantity > view.remaining:
            return unheard(view.trade, 0, view.entry_lots, venue)
        return None

    def shortfall(self, frame: Frame, view: View, venue: Venue) -> Act | None:
        """The venue holds less: first what the addressable exit filled, then rows that no booked exit explains.

        The quantity comes from fill rows and is cumulative. It is not the gap between two positions: part of that gap
        may be a fill whose own report is still on its way, and would be booked twice.
        """
        del frame
        late = unheard(view.trade, view.attempt, view.exit_lots, venue)
        if late is not None:
            return late
        unexplained = venue.closed - view.booked_exit
        if unexplained > 0:
            return Act(Kind.EXTERNAL_CLOSE, view.trade, quantity=view.external_lots + unexplained, time=venue.now)
        return None

    def settlement(self, view: View, venue: Venue) -> list[Act]:
        """Halves that are still predicted, whose orders are over and whose fill rows sum to what is booked."""
        acts: list[Act] = []
        for trade, part, lots in view.unsettled:
            closing = part == Part.EXIT
            working = any(o.trade == trade and o.open == 1 and (o.attempt > 0) == closing for o in venue.orders)
            rows = venue.closed - view.claimed_exit if closing else venue.opened - view.claimed_entry
            if not working and rows >= lots:
                acts.append(Act(Kind.SETTLE, trade, quantity=lots, flag=part, time=venue.now))
        return acts


def named(view: View) -> OrderName:
    """The order in flight; only asked in a phase that has one."""
    assert view.flight is not None
    return view.flight


def foreign(frame: Frame, view: View) -> list[OrderName]:
    """The open orders of a reading that are not the one in flight."""
    return [name for name in frame.orders if name != view.flight]


def snapshot_act(frame: Frame) -> Act:
    """ORDER, from what the venue says of an order."""
    return Act(
        Kind.ORDER, frame.trade, frame.attempt, frame.quantity, flag=frame.flag, rounded=frame.rounded, time=frame.time
    )


def unheard(trade: int, attempt: int, booked: int, venue: Venue) -> Act | None:
    """The snapshot of an addressable order that has filled more than is booked."""
    order = order_named(venue, trade, attempt)
    if order is None or order.filled <= booked:
        return None
    return snapshot_act(snapshot_of(order))


def input_of(act: Act, view: View, terms: Terms) -> Input:
    """The kernel's input, in its own units."""
    quantity = act.quantity * LOT
    trade, attempt, at = act.trade, act.attempt, time_ns(act.time)
    match act.kind:
        case Kind.ENTER:
            return inputs.enter(
                slot=0, instrument=0, trade=trade, side=terms.side, quantity=terms.lots * LOT, price=PRICE,
                ratios=terms.ratios,
            )  # fmt: skip
        case Kind.EXIT:
            return inputs.exit_leg(slot=0, instrument=0, trade=trade, leg=view.next_leg)
        case Kind.FLATTEN:
            return inputs.flatten(slot=0, instrument=0, trade=trade)
        case Kind.CANCEL:
            return inputs.cancel(slot=0, instrument=0, trade=trade)
        case Kind.ADOPT:
            return inputs.adopt(
                slot=0, instrument=0, trade=trade, side=terms.side, quantity=quantity,
                quote=notional(0, act.quantity), price=PRICE, time_ns=at,
            )  # fmt: skip
        case Kind.ORDER:
            quote = notional(attempt, act.quantity, act.rounded)
            return inputs.order(
                slot=0, instrument=0, trade=trade, attempt=attempt, quantity=quantity, quote=quote,
                done=act.flag == 1, time_ns=at,
            )  # fmt: skip
        case Kind.POSITION:
            long, short = (quantity, 0) if terms.side == Side.LONG else (0, quantity)
            return inputs.position(
                slot=0, instrument=0, long_quantity=long, short_quantity=short, foreign_orders=act.flag, as_of_ns=at
            )
        case Kind.EXTERNAL_CLOSE:
            return inputs.external_close(
                slot=0, instrument=0, trade=trade, quantity=quantity, quote=notional(1, act.quantity), time_ns=at
            )
        case Kind.SETTLE:
            closing = act.flag == Part.EXIT
            fee = TARIFF.exit_fee if closing else TARIFF.entry_fee
            return inputs.settle(
                slot=0, instrument=0, trade=trade, part=Part(act.flag), quantity=quantity,
                quote=notional(int(closing), act.quantity), fee=act.quantity * fee, time_ns=at,
            )  # fmt: skip
        case _:
            return order_answer(act)


def order_answer(act: Act) -> Input:
    """Inputs that speak of one order without a snapshot."""
    trade, attempt, at = act.trade, act.attempt, time_ns(act.time)
    match act.kind:
        case Kind.REJECTED:
            return inputs.rejected(
                slot=0, instrument=0, trade=trade, attempt=attempt, reason=RejectReason(act.flag), time_ns=at
            )
        case Kind.UNKNOWN:
            return inputs.unknown(slot=0, instrument=0, trade=trade, attempt=attempt)
        case Kind.SILENT:
            return inputs.silent(slot=0, instrument=0, trade=trade, attempt=attempt)
        case Kind.NOT_FOUND:
            # The deadline passed long before the reading, or is the reading's own moment: then the margin is missing.
            deadline = 1 if act.flag == 1 else at
            return inputs.not_found(
                slot=0, instrument=0, trade=trade, attempt=attempt, deadline_ns=deadline, as_of_ns=at
            )
        case _:
            raise ValueError(f"kind: `{act.kind.name}` is not part of the model; add it to input_of")
