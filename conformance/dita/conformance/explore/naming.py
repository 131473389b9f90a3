"""One name for each world: numbers are renamed in order, what nobody can speak of any more is left out."""

from dita.conformance.explore.kernels import BLANK, KEEP, STAND_IN, Kernels, Renaming, View
from dita.spec.environment import Frame, FrameKind, Network, Order, OrderName, Venue

Parts = tuple[int, Venue, Network, Network]


class Namer:
    """Canonical form of (kernel, venue, net, limbo). Remembers what it has renamed."""

    def __init__(self, kernels: Kernels, *, merged: bool) -> None:
        self._kernels = kernels
        self._merged = merged
        self._known: dict[Parts, Parts] = {}

    def canonical(self, kernel: int, venue: Venue, net: Network, limbo: Network) -> Parts:
        """The same parts under the lowest numbers that keep every comparison."""
        parts = (kernel, venue, net, limbo)
        found = self._known.get(parts)
        if found is None:
            found = self._known[parts] = self._renamed(*parts)
        return found

    def _renamed(self, kernel: int, venue: Venue, net: Network, limbo: Network) -> Parts:
        view = self._kernels.views[kernel]
        orders = addressable(view, venue, (*net, *limbo))
        names = names_in(orders, net, limbo)
        fates = fates_of(view, {trade for trade, _ in names})
        for (trade, _, last), fate in zip(view.tails, fates, strict=True):
            if fate == KEEP:
                names.add((trade, last))
            elif fate == STAND_IN:
                names.add((trade, 0))
        if view.trade:
            names.add((view.trade, view.attempt))
        trades = tuple(sorted({trade for trade, _ in names}))
        attempts = ranked(names)
        evidence, fill = view.evidence, view.fill
        if self._merged:
            evidence = fill = max(evidence, fill)
            orders = tuple(o._replace(time=max(o.time, fill)) if o.time < fill else o for o in orders)
            net = tuple(f if f.time >= fill else aged(f, fill) for f in net)
        times = sorted({
            evidence, fill, venue.now, *(o.time for o in orders), *(f.time for f in net)
        } - {0})  # fmt: skip
        renaming = Renaming(trades, tuple(sorted(attempts.items())), (evidence, fill), tuple(times), fates)
        retired = sum(
            lots for (_, _, _), fate, lots in zip(view.tails, fates, view.tail_lots, strict=True) if fate != KEEP
        )
        trade_of = {0: 0} | {old: new for new, old in enumerate(trades, 1)}
        time_of = {0: 0} | {old: new for new, old in enumerate(times, 1)}

        def order(o: Order) -> Order:
            return Order(trade_of[o.trade], attempts.get((o.trade, o.attempt), 0), o.ordered, o.filled, o.open, time_of[o.time])

        def frame(f: Frame) -> Frame:
            listed = tuple((trade_of[t], attempts.get((t, a), 0)) for t, a in f.orders)
            name = attempts.get((f.trade, f.attempt), 0)
            return Frame(f.kind, trade_of[f.trade], name, f.quantity, f.flag, f.rounded, time_of[f.time], listed)

        renamed_venue = Venue(
            venue.opened - retired, venue.closed - retired, time_of[venue.now], tuple(map(order, orders))
        )
        return (
            self._kernels.renamed(kernel, renaming),
            renamed_venue,
            tuple(sorted(map(frame, net))),
            tuple(sorted(map(frame, limbo))),
        )


def addressable(view: View, venue: Venue, frames: Network) -> tuple[Order, ...]:
    """The orders that still matter: open, or the kernel may ask for them, or a repeated submit may still arrive."""
    if not venue.orders:
        return ()
    submits = {(f.trade, f.attempt) for f in frames if f.kind == FrameKind.SUBMIT}
    mine = {(view.trade, 0), (view.trade, view.attempt)}
    return tuple(o for o in venue.orders if o.open == 1 or (o.trade, o.attempt) in mine or (o.trade, o.attempt) in submits)


def aged(frame: Frame, newest: int) -> Frame:
    """A frame older than all that the kernel knows: an order's news count as of now, a reading is refused."""
    if frame.kind == FrameKind.POSITION:
        return Frame(FrameKind.POSITION)
    return frame._replace(time=newest) if frame.time else frame


def names_in(orders: tuple[Order, ...], net: Network, limbo: Network) -> set[OrderName]:
    """Every order that somebody outside the kernel speaks of."""
    names = {(o.trade, o.attempt) for o in orders}
    for frame in (*net, *limbo):
        if frame.trade:
            names.add((frame.trade, frame.attempt))
        names.update(frame.orders)
    return names


def fates_of(view: View, spoken_of: set[int]) -> tuple[int, ...]:
    """What becomes of each tail: settled ones that nobody speaks of are kept as a place only."""
    fates: list[int] = []
    for trade, graded, _ in reversed(view.tails):
        if graded == 0 or trade in spoken_of:
            fates.append(KEEP)
        else:
            fates.append(STAND_IN if any(fate != BLANK for fate in fates) else BLANK)
    return tuple(reversed(fates))


def ranked(names: set[OrderName]) -> dict[OrderName, int]:
    """Each exit's place among the exits of its trade that matter; entries stay 0."""
    places: dict[OrderName, int] = {}
    last = (0, 0)
    for name in sorted(names):
        trade, attempt = name
        if attempt == 0:
            continue
        place = last[1] + 1 if last[0] == trade else 1
        places[name] = place
        last = (trade, place)
    return places
