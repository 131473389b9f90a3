"""Capital, settlement in any order, income, wallet."""

from itertools import permutations

import pytest

from desk import LOT, USDT, Desk, quote
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.state import Ledger
from dita.spec.vocabulary import Code, IncomeKind, Part, Verdict


def rows(desk: Desk, part: Part, usdt: int, *, lots: int = 100, fee: int | None = None, trade: int = 1) -> Input:
    """A settlement of one half."""
    amount = quote(lots, usdt)
    return inputs.settle(
        slot=0, instrument=0, trade=trade, part=part, quantity=lots * LOT, quote=amount,
        fee=amount // 2000 if fee is None else fee, time_ns=desk.now(),
    )  # fmt: skip


def test_capital_moves_by_profit_and_fees_only(desk: Desk) -> None:
    """Clause L1: 0.01 coin from 60,000 to 61,000 earns 10 USDT, less 0.05 % of both sides."""
    desk.round_trip(1)

    fees = (quote(100, 60_000) + quote(100, 61_000)) // 2000
    assert desk.capital == 10_000 * USDT + 10 * USDT - fees


def test_settlement_in_any_order_ends_in_the_same_books(desk: Desk) -> None:
    """Clause L2 and clause F1: also when the next trade has begun, and repeated."""
    desk.round_trip(1)
    desk.enter(2)
    start = desk.state
    events = [
        rows(desk, Part.ENTRY, 60_001, fee=7),
        rows(desk, Part.EXIT, 60_999, fee=-3),
        rows(desk, Part.EXIT, 60_999, fee=-3),
    ]
    ledgers: set[Ledger] = set()
    for order in permutations(events):
        desk.state = start
        for event in order:
            desk.send(event)
        ledgers.add(desk.state.account.ledger)

    assert len(ledgers) == 1
    assert desk.capital == 10_000 * USDT + quote(100, 60_999) - quote(100, 60_001) - 7 + 3
    assert desk.state.account.ledger.fees_provisional == 0


def test_the_predicted_fee_is_replaced_exactly_once(desk: Desk) -> None:
    """Clause O1: an equal or lower settlement is no news."""
    desk.round_trip(1)

    assert desk.send(rows(desk, Part.ENTRY, 60_000, fee=5)).code == Code.OK
    assert desk.send(rows(desk, Part.ENTRY, 60_000, fee=5)).code == Code.NO_CHANGE
    assert desk.send(rows(desk, Part.ENTRY, 60_000, fee=4)).code == Code.NO_CHANGE


def test_rows_of_another_quantity_are_flagged(desk: Desk) -> None:
    """Clause F4: less is incomplete; more is evidence of fills the kernel does not know."""
    desk.round_trip(1)
    assert desk.send(rows(desk, Part.EXIT, 60_000, lots=99)).code == Code.SETTLE_MISMATCH
    assert desk.state.account.unreconciled == 0

    assert desk.send(rows(desk, Part.EXIT, 60_000, lots=101)).verdict == Verdict.FLAGGED
    assert desk.state.account.unreconciled == 1


def test_the_operator_can_accept_the_predictions(desk: Desk) -> None:
    """Clause F3: the way out when the venue never settles."""
    for trade in range(1, 5):
        desk.round_trip(trade)
    assert desk.enter(5).code == Code.UNSETTLED_TRADE
    before = desk.capital

    assert desk.send(inputs.settle_forced(slot=0, trade=2)).code == Code.OK

    assert desk.capital == before
    assert desk.enter(5).code == Code.OK


def test_legs_telescope_to_the_entry_cost(desk: Desk) -> None:
    """Clause L3: three uneven legs of an entry that does not divide."""
    desk.enter(1, 97, ratios=(333_333, 333_333, 1))
    event = inputs.order(
        slot=0, instrument=0, trade=1, attempt=0, quantity=97 * LOT, quote=quote(97, 60_000) + 1, done=True, time_ns=5
    )
    desk.send(event)
    for leg in range(3):
        lots = desk.exit(1, leg).quantity // LOT
        desk.order(1, leg + 1, lots, done=True, usdt=60_500)

    assert desk.state.account.ledger.realised == quote(97, 60_500) - quote(97, 60_000) - 1


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (IncomeKind.FUNDING, "funding"),
        (IncomeKind.TRANSFER, "transfers"),
        (IncomeKind.ADJUSTMENT, "adjustments"),
    ],
)
def test_income_is_cumulative_and_positive_is_received(desk: Desk, kind: IncomeKind, field: str) -> None:
    """Clause L4: repeated and overtaken readings change nothing."""
    desk.send(inputs.income(kind=kind, rows=2, total=50, time_ns=desk.now()))
    assert desk.send(inputs.income(kind=kind, rows=2, total=50, time_ns=desk.now())).code == Code.NO_CHANGE
    assert desk.send(inputs.income(kind=kind, rows=1, total=90, time_ns=desk.now())).code == Code.NO_CHANGE

    assert getattr(desk.state.account.ledger, field) == 50
    assert desk.capital == 10_000 * USDT + 50


def test_a_reading_that_races_a_fill_freezes_nothing(desk: Desk) -> None:
    """Clause L5: older than the newest money is not comparable."""
    desk.hold(1)

    outcome = desk.send(inputs.wallet(amount=1, as_of_ns=2))

    assert (outcome.verdict, outcome.code) == (Verdict.FLAGGED, Code.STALE_SNAPSHOT)
    assert desk.state.account.ledger.difference == 0


def test_a_frozen_account_heals_by_itself(desk: Desk) -> None:
    """Clause L6: a function of the difference, in both directions."""
    desk.send(inputs.wallet(amount=10_001 * USDT, as_of_ns=desk.now()))
    assert desk.enter(1).code == Code.CAPITAL_FROZEN
    desk.send(inputs.income(kind=IncomeKind.TRANSFER, rows=1, total=USDT, time_ns=5))

    assert desk.state.account.ledger.difference == 0
    assert desk.enter(1).code == Code.OK


def test_an_instrument_that_does_not_fit_is_refused(desk: Desk) -> None:
    """Clause N5: the scales must hold every fill's notional exactly. Clause N2: and the largest order."""
    good = inputs.register(
        instrument=3, lot=LOT, tick=1_000_000, quantity_min=1, notional_min=1, price_max=10**12,
        quantity_max=10**12, taker_ppb=1, maker_ppb=1,
    )  # fmt: skip
    assert desk.send(good).code == Code.OK
    assert desk.send(good._replace(tick=100_000)).code == Code.UNFIT_INSTRUMENT
    assert desk.send(good._replace(price_max=2**60, quantity_max=2**60)).code == Code.UNFIT_INSTRUMENT
    desk.hold(1)
    assert desk.send(good._replace(instrument=0)).code == Code.INSTRUMENT_BUSY
