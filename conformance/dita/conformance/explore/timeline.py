"""A counterexample as people read it: numbered steps with actor, message, kernel phase before and after, venue."""

from collections.abc import Sequence

from dita.conformance.explore.acts import LOT
from dita.conformance.explore.composition import Composition
from dita.conformance.explore.system import Fed, Label, World
from dita.spec.environment import Frame, FrameKind, Order, Venue, position_of
from dita.spec.vocabulary import Kind, Part, Phase, RejectReason


def timeline(composition: Composition, trace: Sequence[int], verdict: str) -> str:
    """The steps of a trace, one or two lines each, and what is wrong at its end."""
    world = composition.start()
    lines = [f"world: {composition.setting.name}"]
    for number, ordinal in enumerate(trace, 1):
        move = composition.moves(world)[ordinal]
        before, after = phase_in(composition, world), phase_in(composition, move.world)
        lines.append(f"{number:3}. {label_text(move.label):62} {before} -> {after}   {venue_text(move.world.venue)}")
        lines.extend(f"       kernel: {fed_text(fed)}" for fed in move.fed)
        world = move.world
    view = composition.kernels.views[world.kernel]
    under_way = ", ".join(frame_text(frame) for frame in (*world.net, *world.limbo)) or "nothing"
    lines.append(
        f"   end: remaining {view.remaining}, reconcile required {view.reconcile_required}, {venue_text(world.venue)}"
    )
    lines.append(f"        under way: {under_way}; capital less wallet {world.gap}")
    lines.append(f"   => {verdict}")
    return "\n".join(lines)


def phase_in(composition: Composition, world: World) -> str:
    """The kernel's phase."""
    return Phase(composition.kernels.views[world.kernel].phase).name


def label_text(label: Label) -> str:
    """Who did what."""
    action, what = label
    if what is None:
        return action
    if isinstance(what, Frame):
        return f"{action}: {frame_text(what)}"
    return f"{action}: {what}"


def frame_text(frame: Frame) -> str:
    """One message."""
    name = f"{frame.trade}/{'entry' if frame.attempt == 0 else f'exit {frame.attempt}'}"
    at = f" @{frame.time}" if frame.time else ""
    match frame.kind:
        case FrameKind.SUBMIT:
            return f"SUBMIT {name} {frame.quantity} lots"
        case FrameKind.CANCEL:
            return f"CANCEL {name}"
        case FrameKind.SNAPSHOT:
            filled = frame.quantity if frame.quantity >= 0 else "not said"
            answer = "ANSWER" if frame.answer else "SNAPSHOT"
            return f"{answer} {name} filled {filled} {'over' if frame.flag else 'open'}{at}"
        case FrameKind.REFUSAL:
            return f"REFUSAL {name} {RejectReason(frame.flag).name}{at}"
        case FrameKind.ABSENCE:
            return f"ABSENCE {name} {'after' if frame.flag else 'before'} the deadline{at}"
        case FrameKind.WALLET:
            return f"WALLET {frame.quantity}{at}"
        case _:
            return f"POSITION {frame.quantity} lots, {len(frame.orders)} open orders{at}"


def fed_text(fed: Fed) -> str:
    """One input and its outcome."""
    event, applied = fed
    words = [Kind(event.kind).name]
    if event.trade:
        words.append(f"trade {event.trade}")
    if event.kind == Kind.SETTLE:
        words.append(Part(event.part).name.lower())
    elif event.attempt:
        words.append(f"exit {event.attempt}")
    lots = event.quantity + event.long_quantity + event.short_quantity
    if lots or event.kind == Kind.POSITION:
        words.append(f"{lots // LOT} lots")
    if event.kind in (Kind.WALLET, Kind.INCOME):
        words.append(f"{event.amount} units")
    if event.kind == Kind.ORDER:
        words.append("over" if event.done else "open")
    return f"{' '.join(words)} => {applied.outcome}"


def order_text(order: Order) -> str:
    """One order on the venue."""
    name = f"{order.trade}/{'entry' if order.attempt == 0 else f'exit {order.attempt}'}"
    return f"{name} {order.filled} of {order.ordered} {'open' if order.open else 'over'}"


def venue_text(venue: Venue) -> str:
    """What the venue holds."""
    orders = "; ".join(order_text(order) for order in venue.orders) or "no orders"
    return f"venue holds {position_of(venue)} @{venue.now} [{orders}]"
