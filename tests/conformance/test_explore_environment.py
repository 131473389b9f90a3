"""The environment model does what its assumptions say, judged by an independent account of quantities and cash."""

import random

import pytest

from dita.conformance.explore.acts import TARIFF
from dita.spec import environment as env
from dita.spec.environment import Frame, FrameKind, Order, Venue
from dita.spec.vocabulary import RejectReason, Side

ENTRY = Frame(FrameKind.SUBMIT, 1, 0, 2)
EXIT = Frame(FrameKind.SUBMIT, 1, 1, 2)


def held(lots: int) -> Venue:
    """A venue that holds a position whose entry is over."""
    venue, _ = env.admitted(Venue(), ENTRY._replace(quantity=lots))
    venue, _ = env.filled(venue, venue.orders[0], lots)
    return venue


def test_an_admitted_order_is_open_and_announced() -> None:
    """Admission puts the order on the book with nothing filled, and the stream says so at the same time."""
    venue, said = env.admitted(Venue(), ENTRY)

    assert venue.orders == (Order(1, 0, 2, 0, 1, venue.now),)
    assert said == Frame(FrameKind.SNAPSHOT, 1, 0, 0, 0, 0, venue.now)
    assert env.position_of(venue) == 0


def test_fills_are_reported_as_cumulative_snapshots() -> None:
    """Two fills of one lot are reported as one lot, then two lots and over."""
    venue, _ = env.admitted(Venue(), ENTRY)
    venue, first = env.filled(venue, venue.orders[0], 1)
    venue, second = env.filled(venue, venue.orders[0], 1)

    assert [(frame.quantity, frame.flag) for frame in (first, second)] == [(1, 0), (2, 1)]
    assert first.time < second.time == venue.now
    assert env.position_of(venue) == 2


def test_an_ended_order_keeps_what_filled() -> None:
    """The last snapshot of a cancelled order carries its final quantity."""
    venue, _ = env.admitted(Venue(), ENTRY)
    venue, _ = env.filled(venue, venue.orders[0], 1)
    venue, said = env.ended(venue, venue.orders[0])

    assert (said.quantity, said.flag) == (1, 1)
    assert env.position_reading(venue).orders == ()


@pytest.mark.parametrize(
    ("venue", "reason"),
    [
        (Venue(), RejectReason.NO_POSITION),
        (held(1), RejectReason.BLOCKED),
        (env.admitted(held(2), EXIT._replace(attempt=2))[0], RejectReason.BLOCKED),
        (held(2), None),
    ],
    ids=["flat", "too little", "another exit holds it", "enough"],
)
def test_a_reduce_only_order_needs_something_to_reduce(venue: Venue, reason: RejectReason | None) -> None:
    """An exit is refused when flat, when it is larger than the position, and while another one reserves it."""
    assert env.must_refuse(venue, EXIT) is reason


def test_an_entry_needs_no_position() -> None:
    """Only reduce-only orders must be refused."""
    assert env.must_refuse(Venue(), ENTRY) is None


def test_network_is_a_multiset() -> None:
    """Order of sending does not matter, repeats count, and each distinct frame is found once."""
    one, two = Frame(FrameKind.CANCEL, 1), Frame(FrameKind.CANCEL, 2)
    network = env.with_frame(env.with_frame(env.with_frame((), two), one), two)

    assert network == env.with_frame(env.with_frame(env.with_frame((), two), two), one)
    assert [network[index] for index in env.distinct(network)] == [one, two]
    assert env.without_frame(network, 1) == (one, two)


@pytest.mark.parametrize("side", [Side.LONG, Side.SHORT])
def test_cash_and_wallet_agree_with_a_book_of_fills(side: Side) -> None:
    """Over random fills: cash is the sum of what was paid and received; the wallet is realised profit less fees."""
    chance = random.Random(3)
    for _ in range(50):
        cash = opened = closed = 0
        for _ in range(chance.randint(1, 12)):
            opens = opened == closed or chance.random() < 0.5
            lots = chance.randint(1, 3 if opens else opened - closed)
            cash += env.cash_of(TARIFF, side, opens=opens, lots=lots)
            opened, closed = opened + (lots if opens else 0), closed + (0 if opens else lots)
        sign = 1 if side == Side.LONG else -1
        realised = sign * closed * (TARIFF.exit_notional - TARIFF.entry_notional)
        fees = opened * TARIFF.entry_fee + closed * TARIFF.exit_fee

        assert cash + env.position_cost(TARIFF, side, opened - closed) == realised - fees
