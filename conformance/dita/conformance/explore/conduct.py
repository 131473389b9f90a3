"""The runtime's decisions, small and pure: what it feeds the kernel when a timer fires or a frame arrives.

Exploration composes these with the kernel, the venue and the network. A test plants a bug by overriding one method.
"""

from dita.conformance.explore.acts import Act
from dita.conformance.explore.kernels import View
from dita.spec.environment import Frame, FrameKind, Network, OrderName, Venue, order_named, snapshot_of
from dita.spec.vocabulary import Kind, Part, Phase


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
        """The input behind a frame that is not a position reading."""
        del view, venue
        if frame.kind == FrameKind.SNAPSHOT:
            return snapshot_act(frame)
        if frame.kind == FrameKind.REFUSAL:
            return Act(Kind.REJECTED, frame.trade, frame.attempt, flag=frame.flag, time=frame.time)
        if frame.kind == FrameKind.WALLET:
            return Act(Kind.WALLET, quantity=frame.quantity, time=frame.time)
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
        return late or self.closed_without_us(view, venue)

    def closed_without_us(self, view: View, venue: Venue) -> Act | None:
        """EXTERNAL_CLOSE for fill rows that belong to no exit which is booked or can still be addressed."""
        order = order_named(venue, view.trade, view.attempt) if view.attempt > 0 else None
        unheard_lots = max(0, order.filled - view.exit_lots) if order is not None else 0
        unexplained = venue.closed - view.booked_exit - unheard_lots
        if view.phase == Phase.IDLE or unexplained <= 0:
            return None
        return Act(Kind.EXTERNAL_CLOSE, view.trade, quantity=view.external_lots + unexplained, time=venue.now)

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
