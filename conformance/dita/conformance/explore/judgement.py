"""What must hold in every world, and which worlds are good."""

from typing import Final

from dita.conformance.explore.kernels import View
from dita.conformance.explore.system import WHOLE, Setting, World
from dita.spec.environment import FrameKind, Venue, order_named, position_of
from dita.spec.vocabulary import Phase

# A request that was not answered is under way, and so is the look-up of an order whose fate is unknown.
_OPEN_QUESTION: Final = (
    Phase.ENTRY_REQUESTED, Phase.ENTRY_UNRESOLVED, Phase.EXIT_REQUESTED, Phase.EXIT_UNRESOLVED,
)  # fmt: skip


def is_good(world: World, view: View) -> bool:
    """Idle, settled, reconciled, nothing under way, venue flat, and the books equal the wallet to the unit."""
    return world.gap == 0 and is_quiet(world, view) and not exposed(world.venue) and not view.wallet_difference


def is_quiet(world: World, view: View) -> bool:
    """The kernel is at rest and nothing is under way."""
    return view.at_rest and not world.net and not world.limbo and world.neighbour.held == 0


def exposed(venue: Venue) -> bool:
    """Something is held or rests on the book."""
    return venue.opened != venue.closed or any(order.open == 1 for order in venue.orders)


def broken_by(world: World, view: View, setting: Setting) -> str | None:
    """The safety property that this world breaks, or None.

    PHANTOM, ORPHAN and BOOKS hold in every world (an orphan is final only where no periodic snapshot will find it).
    BEHIND says more where nothing is lost but by a gap that is read up: at quiescence the kernel has booked it all.
    BAND and ABANDONED say more, where neither a wrong absence nor another hand can surprise: the venue never leaves
    what the kernel allows, so a true position reading never raises a false alarm.
    """
    venue = world.venue
    if view.booked_entry > venue.opened or view.booked_exit > venue.closed:
        return "PHANTOM: the kernel has booked fills that never happened"
    if world.neighbour.held != view.other_lots:
        return f"CROSSTALK: the neighbour holds {world.neighbour.held} lots, the kernel says {view.other_lots}"
    at_ease = view.phase == Phase.IDLE and view.reconcile_required == 0 and not world.net and not world.limbo
    if at_ease and not setting.periodic and exposed(venue):
        return "ORPHAN: idle, reconciled, nothing under way, and the venue holds a position or an open order"
    if world.gap != 0 and not setting.adjusts and is_quiet(world, view) and not exposed(venue):
        return f"BOOKS: at rest, capital less wallet is {world.gap} units"
    is_quiescent = not world.net and not world.limbo and world.runtime.stream == WHOLE
    if setting.nothing_is_lost and is_quiescent and view.phase not in _OPEN_QUESTION:
        late = behind(world, view)
        if late is not None:
            return late
    if not setting.strict or setting.wrong > 0 or setting.external > 0 or setting.added > 0:
        return None
    held = position_of(venue)
    if not view.low <= held <= view.high:
        return f"BAND: the venue holds {held} lots, the kernel allows {view.low} to {view.high}"
    if abandoned(world, view):
        return "ABANDONED: an order that the kernel no longer owns is open or still on its way"
    return None


def behind(world: World, view: View) -> str | None:
    """What the kernel does not know although everything that was ever said has arrived."""
    venue = world.venue
    if (view.booked_entry, view.booked_exit) != (venue.opened, venue.closed):
        return f"BEHIND: nothing under way; booked {view.booked_entry} in, {view.booked_exit} out; the venue did more"
    order = order_named(venue, *view.flight) if view.flight is not None else None
    if order is not None and order.open == 0:
        return "BEHIND: nothing under way, and the order that the kernel waits for is over"
    return None


def abandoned(world: World, view: View) -> bool:
    """An order other than the one in flight is open, or its submit has not arrived yet."""
    if any(o.open == 1 and (o.trade, o.attempt) != view.flight for o in world.venue.orders):
        return True
    return any(f.kind == FrameKind.SUBMIT and (f.trade, f.attempt) != view.flight for f in world.net)
