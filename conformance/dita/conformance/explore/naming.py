"""One name for each world: numbers are renamed in order, what nobody can speak of any more is left out."""

from collections.abc import Callable

from dita.conformance.explore.kernels import BLANK, KEEP, STAND_IN, Kernels, Renaming, Times, View
from dita.spec.environment import Frame, FrameKind, Network, Order, OrderName, Venue

Told = tuple[tuple[int, int, int, int], ...]
Parts = tuple[int, Venue, Network, Network, Told]
IsNews = Callable[[Frame, int, Told], bool]


class Namer:
    """Canonical form of (kernel, venue, net, limbo, told). Remembers what it has renamed."""

    def __init__(self, kernels: Kernels, is_news: IsNews, *, merged: bool) -> None:
        """``is_news``: whether a frame on its way to this kernel can still do something; if not, it is left out."""
        self._kernels = kernels
        self._is_news = is_news
        self._merged = merged
        self._known: dict[Parts, Parts] = {}

    def canonical(self, kernel: int, venue: Venue, net: Network, limbo: Network, told: Told) -> Parts:
        """The same parts under the lowest numbers that keep every comparison."""
        parts = (kernel, venue, net, limbo, told)
        found = self._known.get(parts)
        if found is None:
            found = self._known[parts] = self._renamed(*parts)
        return found

    def _renamed(self, kernel: int, venue: Venue, net: Network, limbo: Network, told: Told) -> Parts:
        view = self._kernels.views[kernel]
        net = tuple([f for f in net if f.kind != FrameKind.SNAPSHOT or self._is_news(f, kernel, told)])
        if self._merged:
            net = tuple(f if f.kind < FrameKind.POSITION else still_useful(f, view.times) for f in net)
        orders = addressable(view, venue, (*net, *limbo)) if venue.orders else ()
        names = names_in(orders, net, limbo)
        if told:
            own = {(view.trade, 0), (view.trade, view.attempt)}
            told = tuple([known for known in told if known[:2] in names and known[:2] not in own])
        fates = fates_of(view, {trade for trade, _ in names}) if view.tails else ()
        for (trade, _, last), fate in zip(view.tails, fates, strict=True):
            if fate == KEEP:
                names.add((trade, last))
            elif fate == STAND_IN:
                names.add((trade, 0))
        if view.trade:
            names.add((view.trade, view.attempt))
        names.update(view.others)
        trades = tuple(sorted({trade for trade, _ in names}))
        high_water = sum(trade <= view.high_water for trade in trades)
        attempts = ranked(names)
        ages, known = self._ages(view, venue, orders, net)
        renaming = Renaming(trades, high_water, tuple(sorted(attempts.items())), known, fates)
        renamed = self._kernels.renamed(kernel, renaming)
        retired = sum(lots for lots, fate in zip(view.tail_lots, fates, strict=True) if fate != KEEP)
        if retired or len(orders) != len(venue.orders) or ages[venue.now] != venue.now:
            venue = Venue(venue.opened - retired, venue.closed - retired, ages[venue.now], orders)
        named_as_is = (not trades or trades[-1] == len(trades)) and all(k[1] == v for k, v in attempts.items())
        if not (named_as_is and all(old == new for old, new in ages.items())):
            trade_of = dict(zip(trades, range(1, len(trades) + 1), strict=True))
            venue = venue._replace(orders=tuple([renamed_order(o, trade_of, attempts, ages) for o in orders]))
            net = tuple([renamed_frame(f, trade_of, attempts, ages) for f in net])
            limbo = tuple([renamed_frame(f, trade_of, attempts, ages) for f in limbo])
            told = tuple(sorted((trade_of[t], attempts.get((t, a), 0), lots, over) for t, a, lots, over in told))
        return renamed, venue, tuple(sorted(net)), limbo, told

    def _ages(self, view: View, venue: Venue, orders: tuple[Order, ...], net: Network) -> tuple[dict[int, int], Times]:
        """New numbers of all times, and those that the kernel holds.

        Merged: the kernel compares a time only with that of a reading of position or wallet, and every future reading
        is newer than all there is now. So only the order against the readings there are counts.
        """
        known = view.times
        times = {0, *known, venue.now, *(o.time for o in orders), *(f.time for f in net)}
        if not self._merged:
            ages = {old: new for new, old in enumerate(sorted(times))}
            return ages, Times(*(ages[time] for time in known))
        readings = {known.wallet, *(f.time for f in net if f.kind >= FrameKind.POSITION)} - {0}
        if readings:
            ages = {old: 1 + sum(cut < old for cut in readings) if old else 0 for old in times}
        else:
            ages = dict.fromkeys(times, 1)
            ages[0] = 0
        since = max(1, ages[max(known.evidence, known.fill)])
        return ages, Times(since, since, ages[known.money], ages[known.wallet])


def renamed_order(order: Order, trades: dict[int, int], attempts: dict[OrderName, int], ages: dict[int, int]) -> Order:
    """An order under its new numbers."""
    attempt = attempts.get((order.trade, order.attempt), 0)
    return Order(trades[order.trade], attempt, order.ordered, order.filled, order.open, ages[order.time])


def renamed_frame(frame: Frame, trades: dict[int, int], attempts: dict[OrderName, int], ages: dict[int, int]) -> Frame:
    """A frame under its new numbers."""
    trade = trades[frame.trade] if frame.trade else 0
    listed = tuple([(trades[t], attempts.get((t, a), 0)) for t, a in frame.orders])
    attempt = attempts.get((frame.trade, frame.attempt), 0)
    return Frame(
        frame.kind, trade, attempt, frame.quantity, frame.flag, frame.rounded, ages[frame.time], listed, frame.answer
    )


def still_useful(reading: Frame, times: Times) -> Frame:
    """A reading that will be refused as too old (clauses T6, L5), whatever it says, says nothing."""
    wallet = reading.kind == FrameKind.WALLET
    since = max(times.money, times.wallet) if wallet else max(times.evidence, times.fill)
    return reading if reading.time >= since else Frame(reading.kind)


def addressable(view: View, venue: Venue, frames: Network) -> tuple[Order, ...]:
    """The orders that still matter: open, or the kernel may ask for them, or their submit may still arrive."""
    submits = {(f.trade, f.attempt) for f in frames if f.kind == FrameKind.SUBMIT}
    mine = {(view.trade, 0), (view.trade, view.attempt), *submits}
    return tuple([o for o in venue.orders if o.open == 1 or (o.trade, o.attempt) in mine])


def names_in(orders: tuple[Order, ...], net: Network, limbo: Network) -> set[OrderName]:
    """Every order that somebody outside the kernel speaks of."""
    names = {(o.trade, o.attempt) for o in orders}
    for frame in (*net, *limbo):
        if frame.trade:
            names.add((frame.trade, frame.attempt))
        elif frame.orders:
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
