"""The environment model: what venue, network and settlement may do, as pure transition functions on small records.

It is the other half of every claim about the composed system: the kernel is safe and live in any environment that
does only what these functions allow (``dita.spec.assumptions`` says it in words). Quantities are whole lots, times are
the ranks of the venue's own clock, which ticks with every change on the venue. One contract, one account, one
direction. No I/O, no chance, no clock: whoever explores or simulates chooses which function happens next.
"""

from enum import IntEnum
from typing import NamedTuple

from dita.spec.vocabulary import RejectReason, Side


class FrameKind(IntEnum):
    """What travels between runtime and venue; the first two go to the venue."""

    SUBMIT = 0
    CANCEL = 1
    SNAPSHOT = 2
    REFUSAL = 3
    ABSENCE = 4
    POSITION = 5
    WALLET = 6


OrderName = tuple[int, int]  # (trade, attempt); attempt 0 is the entry


class Frame(NamedTuple):
    """One message. ``flag``: SNAPSHOT 1 when over; REFUSAL the reason; ABSENCE 1 when the deadline has passed.

    ``quantity`` in lots: ordered (SUBMIT), cumulative (SNAPSHOT; -1: not said), held (POSITION); the checks made
    (ABSENCE); 1e-8 USDT (WALLET).
    """

    kind: int
    trade: int = 0
    attempt: int = 0
    quantity: int = 0
    flag: int = 0
    rounded: int = 0  # SNAPSHOT: 1 when its notional comes from a rounded average price
    time: int = 0  # venue time of the effect (SNAPSHOT, REFUSAL) or of the reading (the others)
    orders: tuple[OrderName, ...] = ()  # POSITION: the orders open at that time
    answer: int = 0  # SNAPSHOT: 1 when the runtime asked for it, 0 when it was pushed on the stream


class Order(NamedTuple):
    """One order that the venue admitted. Quantities in lots; ``time`` is that of its last change."""

    trade: int
    attempt: int
    ordered: int
    filled: int = 0
    open: int = 1
    time: int = 0


class Venue(NamedTuple):
    """The venue's truth. Position is what was opened less what was closed; both are sums of fill rows."""

    opened: int = 0  # lots, all entry fills
    closed: int = 0  # lots, all exit fills and closes without an order of ours
    now: int = 1
    orders: tuple[Order, ...] = ()  # sorted


class Tariff(NamedTuple):
    """What one lot costs and earns, in 1e-8 USDT. The fees are the venue's, not the ones a kernel predicts."""

    entry_notional: int
    exit_notional: int
    entry_fee: int
    exit_fee: int


class Answer(IntEnum):
    """What the venue makes of a request that arrives. Only DONE changes anything."""

    DONE = 0  # admitted, or cancelled
    TOO_LATE = 1  # it arrived after its deadline
    NAME_USED = 2  # a submit under a name that was admitted before
    NOT_REDUCIBLE = 3  # a reduce-only submit that must be refused
    ABSENT = 4  # a cancel of an order that was never admitted
    OVER = 5  # a cancel of an order that is over


class Answered(NamedTuple):
    """The venue after a request, its answer, and what the stream says of it, if anything changed."""

    venue: Venue
    answer: Answer
    said: Frame | None = None


Network = tuple[Frame, ...]  # sorted: a multiset, because order of arrival is not promised


# --- the network ----------------------------------------------------------------------------------------------------


def with_frame(network: Network, frame: Frame) -> Network:
    """The network with one frame more."""
    return tuple(sorted((*network, frame)))


def without_frame(network: Network, index: int) -> Network:
    """The network without the frame at ``index``: it arrived, was lost, or came too late."""
    return network[:index] + network[index + 1 :]


def distinct(network: Network) -> list[int]:
    """One index for each distinct frame."""
    return [index for index in range(len(network)) if index == 0 or network[index] != network[index - 1]]


# --- what the venue knows -------------------------------------------------------------------------------------------


def position_of(venue: Venue) -> int:
    """Lots held."""
    return venue.opened - venue.closed


def order_named(venue: Venue, trade: int, attempt: int) -> Order | None:
    """The order under this name, if it was ever admitted."""
    for order in venue.orders:
        if order.trade == trade and order.attempt == attempt:
            return order
    return None


def snapshot_of(order: Order, *, rounded: int = 0) -> Frame:
    """What the venue says of an order, on the stream (exact fills) or when asked (rounded average price)."""
    over = 1 - order.open
    return Frame(FrameKind.SNAPSHOT, order.trade, order.attempt, order.filled, over, rounded, order.time)


def position_reading(venue: Venue) -> Frame:
    """A reading of the position and the open orders, as of now."""
    names = tuple((order.trade, order.attempt) for order in venue.orders if order.open == 1)
    return Frame(FrameKind.POSITION, quantity=position_of(venue), time=venue.now, orders=names)


def wallet_reading(venue: Venue, balance: int) -> Frame:
    """A reading of the wallet balance, as of now."""
    return Frame(FrameKind.WALLET, quantity=balance, time=venue.now)


def reducible(venue: Venue) -> int:
    """Lots that a new reduce-only order may still close."""
    reserved = sum(o.ordered - o.filled for o in venue.orders if o.open == 1 and o.attempt > 0)
    return position_of(venue) - reserved


# --- what the venue does --------------------------------------------------------------------------------------------


def admitted(venue: Venue, submit: Frame) -> tuple[Venue, Frame]:
    """The order rests on the book, and the stream says so. Only for a name that was never admitted."""
    now = venue.now + 1
    order = Order(submit.trade, submit.attempt, submit.quantity, time=now)
    return venue._replace(now=now, orders=tuple(sorted((*venue.orders, order)))), snapshot_of(order)


def must_refuse(venue: Venue, submit: Frame) -> RejectReason | None:
    """Why a reduce-only order cannot be admitted now, or None."""
    if submit.attempt == 0 or submit.quantity <= reducible(venue):
        return None
    return RejectReason.NO_POSITION if position_of(venue) == 0 else RejectReason.BLOCKED


def answered(venue: Venue, request: Frame, *, late: bool = False) -> Answered:
    """What a SUBMIT or CANCEL comes to when it arrives; ``late``: after its deadline, by the venue's clock.

    A venue may refuse any submit for reasons of its own besides (``refusal``).
    """
    if late:
        return Answered(venue, Answer.TOO_LATE)
    order = order_named(venue, request.trade, request.attempt)
    if request.kind == FrameKind.SUBMIT:
        if order is not None:
            return Answered(venue, Answer.NAME_USED)
        if must_refuse(venue, request) is not None:
            return Answered(venue, Answer.NOT_REDUCIBLE)
        after, said = admitted(venue, request)
        return Answered(after, Answer.DONE, said)
    if order is None or order.open == 0:
        return Answered(venue, Answer.ABSENT if order is None else Answer.OVER)
    after, said = ended(venue, order)
    return Answered(after, Answer.DONE, said)


def refusal(venue: Venue, submit: Frame, reason: RejectReason) -> Frame:
    """The definite answer to a request that never reaches the book."""
    return Frame(FrameKind.REFUSAL, submit.trade, submit.attempt, flag=reason, time=venue.now)


def filled(venue: Venue, order: Order, lots: int) -> tuple[Venue, Frame]:
    """``lots`` more of an open order are filled; an exit's lots must be held."""
    now = venue.now + 1
    total = order.filled + lots
    after = order._replace(filled=total, open=int(total < order.ordered), time=now)
    opened = venue.opened + (lots if order.attempt == 0 else 0)
    closed = venue.closed + (lots if order.attempt > 0 else 0)
    return Venue(opened, closed, now, with_order(venue, after)), snapshot_of(after)


def ended(venue: Venue, order: Order, *, bare: bool = False) -> tuple[Venue, Frame]:
    """An open order is over with what it has: cancelled, expired, or nothing is left to reduce.

    ``bare``: the stream says that it is over, and not with how much.
    """
    now = venue.now + 1
    after = order._replace(open=0, time=now)
    said = snapshot_of(after)
    return venue._replace(now=now, orders=with_order(venue, after)), said._replace(quantity=-1) if bare else said


def closed_by_hand(venue: Venue, lots: int) -> Venue:
    """Lots leave the position without an order of ours: liquidation, deleveraging, another client."""
    return venue._replace(closed=venue.closed + lots, now=venue.now + 1)


def opened_by_hand(venue: Venue, lots: int) -> Venue:
    """Lots join the position without an order of ours; one contract nets, so that they cannot be told from ours."""
    return venue._replace(opened=venue.opened + lots, now=venue.now + 1)


def with_order(venue: Venue, after: Order) -> tuple[Order, ...]:
    """The orders with one of them changed."""
    return tuple(after if o.trade == after.trade and o.attempt == after.attempt else o for o in venue.orders)


# --- money ----------------------------------------------------------------------------------------------------------


def cash_of(tariff: Tariff, side: Side, *, opens: bool, lots: int) -> int:
    """Change of the cash by a fill, in 1e-8 USDT, with the position valued at nothing: what is bought is paid."""
    notional = lots * (tariff.entry_notional if opens else tariff.exit_notional)
    fee = lots * (tariff.entry_fee if opens else tariff.exit_fee)
    buys = opens == (side == Side.LONG)
    return -notional - fee if buys else notional - fee


def position_cost(tariff: Tariff, side: Side, lots: int) -> int:
    """What the wallet balance has more than the cash while a position is held: the venue books profit on closing."""
    cost = lots * tariff.entry_notional
    return cost if side == Side.LONG else -cost
