"""Settlement, income and position readings: exact sums, one rounding, identities that make copies harmless."""

from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dita.adapters.logic.arithmetic import half_even, money_of_e18
from dita.adapters.logic.income import IncomeBook, IncomeError, IncomeTotal, income_input
from dita.adapters.logic.positions import READ_LAG_NS, position_input, position_reading
from dita.adapters.logic.rows import Evidence, FillRow, IncomeRow, OrderRow, OrderState, PositionRow
from dita.adapters.logic.settle import NotSettled, Settlement, beyond, orders_agree, settle_input, settlement
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey
from dita.spec.vocabulary import IncomeKind, Kind, OrderSide, Part, Side

E8, E10 = 10**8, 10**10
OURS = frozenset({"11", "12"})


def fill(trade: int, order: str = "11", quantity: int = E8, price: int = 3 * E10, commission: int = -E8) -> FillRow:
    return FillRow("BTC-USDT", str(trade), order, OrderSide.BUY, "LONG", price, quantity, commission, "USDT", trade)


def settled(rows: list[FillRow], quantity: int) -> Settlement | NotSettled:
    return settlement(rows, OURS, OrderSide.BUY, quantity, "USDT")


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**12))
def test_division_rounds_half_to_even(numerator: int, denominator: int) -> None:
    """Second opinion: Python's round of the exact fraction."""
    assert half_even(numerator, denominator) == round(Fraction(numerator, denominator))


def test_a_half_settles_on_exactly_its_rows() -> None:
    """Rows of its orders only, each trade once; notional and fee are the sums, positive is paid, time is the newest."""
    rows = [fill(1), fill(2, "12", 2 * E8), fill(1), fill(3, "99")]
    assert settled(rows, 3 * E8) == Settlement(3 * E8, 9 * E8, 0, 2)
    rows = [fill(1, commission=-5 * E8 * E10), fill(2, "12", commission=2 * E8 * E10)]
    assert settled(rows, 2 * E8) == Settlement(2 * E8, 6 * E8, 3 * E8, 2)
    rebate = settled([fill(1, commission=E8 * E10)], E8)
    assert isinstance(rebate, Settlement)
    assert rebate.fee == -E8


@given(
    st.lists(
        st.tuples(st.integers(1, 10**9), st.integers(1, 10**12), st.integers(-(10**12), 10**12)),
        min_size=1,
        max_size=20,
    )
)
def test_sums_are_exact_and_rounded_once(parts: list[tuple[int, int, int]]) -> None:
    """Never rows rounded and then added: one half-even rounding of the exact sum, for any prices and commissions."""
    rows = [fill(n, "11", quantity, price, commission) for n, (quantity, price, commission) in enumerate(parts, 1)]
    quantity = sum(part[0] for part in parts)
    quote = round(sum(Fraction(q * p, E10) for q, p, _ in parts))
    fee = round(-sum(Fraction(commission, E10) for _, _, commission in parts))
    found = settled(rows, quantity)
    if isinstance(found, Settlement):
        assert found == Settlement(quantity, quote, fee, len(rows))
    else:
        assert abs(fee) > quote


@pytest.mark.parametrize(
    ("rows", "wait"),
    [
        ([], True),
        ([fill(1)], True),
        ([fill(1), fill(2, "99")], True),
        ([fill(1), fill(1, price=E10), fill(2)], False),
        ([fill(1), replace(fill(2), side=OrderSide.SELL)], False),
        ([fill(1), replace(fill(2), commission_asset="BNB")], False),
        ([fill(1), fill(2, commission=-(10**30))], False),
    ],
)
def test_what_does_not_fit_is_not_settled(rows: list[FillRow], wait: bool) -> None:
    """Missing rows are waited for; contradictions, the wrong side, foreign fee assets and absurd fees are not."""
    found = settled(rows, 2 * E8)
    assert isinstance(found, NotSettled)
    assert found.wait is wait


def test_more_than_was_booked_is_told_as_evidence() -> None:
    """Clause F4: rows beyond the booked quantity must reach the kernel, not be waited for."""
    found = settled([fill(1), fill(2), fill(3)], 2 * E8)
    assert isinstance(found, Settlement)
    assert found.quantity == 3 * E8


def test_every_order_must_be_over_with_exactly_its_rows() -> None:
    """A query that is terminal and executed what its rows sum to; anything else waits."""
    order = OrderRow(
        evidence=Evidence.QUERY, symbol="BTC-USDT", order_id="11", client_order_id="", side=OrderSide.BUY,
        position_side="LONG", state=OrderState.FILLED, status_text="FILLED", type_text="MARKET", ordered_quantity=E8,
        cum_quantity=E8, average_price=1, time_ns=1,
    )  # fmt: skip
    assert orders_agree([order], [fill(1), fill(1)]) is None
    unfilled = replace(order, order_id="12", state=OrderState.CANCELED, cum_quantity=0)
    assert orders_agree([order, unfilled], [fill(1)]) is None
    for bad in (
        replace(order, evidence=Evidence.STREAM), replace(order, state=OrderState.OPEN),
        replace(order, cum_quantity=2 * E8), replace(order, cum_quantity=None),
    ):  # fmt: skip
        found = orders_agree([bad], [fill(1)])
        assert isinstance(found, NotSettled)
        assert found.wait


def test_an_adopted_trade_owns_what_lies_beyond_the_old_one() -> None:
    """Of the orphan's rows in order, those past the quantity that was booked before; copies count once."""
    rows = [fill(3), fill(1), fill(2), fill(2), fill(4, "12")]
    assert [row.trade_id for row in beyond(rows, {"11": 2 * E8})] == ["3", "4"]
    assert [row.trade_id for row in beyond(rows, {})] == ["1", "2", "3", "4"]
    assert beyond(rows, {"11": 3 * E8, "12": E8}) == ()


def test_a_settlement_becomes_the_kernels_input() -> None:
    """Every figure in its field."""
    assert settle_input(1, 2, 3, Part.EXIT, Settlement(4, 5, -6, 7)) == Input(
        kind=Kind.SETTLE, slot=1, instrument=2, trade=3, part=Part.EXIT, quantity=4, quote=5, amount=-6, time_ns=7
    )


# ---- income

SEED = 1000


def income(number: int, amount: int = E8 * E10, type_text: str = "FUNDING_FEE", time: int = 2000) -> IncomeRow:
    return IncomeRow("BTC-USDT", type_text, amount, "USDT", time, str(number), "")


def book() -> IncomeBook:
    return IncomeBook(seed_ns=SEED, asset="USDT")


def test_income_is_cumulative_by_kind() -> None:
    """Funding and transfers since the seed; what trades earn is not counted again; unknown types are shown."""
    made = book()
    rows = [
        income(1), income(2, -3 * E8 * E10), income(3, type_text="TRANSFER"), income(4, type_text="REALIZED_PNL"),
        income(5, type_text="TRADING_FEE"), income(6, type_text="LOTTERY"), income(7, time=SEED),
        replace(income(8), asset="VST"), replace(income(9), asset=""),
    ]  # fmt: skip
    assert made.add(rows) == (
        IncomeTotal(IncomeKind.FUNDING, 3, -E8, 2000),
        IncomeTotal(IncomeKind.TRANSFER, 1, E8, 2000),
    )
    assert made.unknown_types == {"LOTTERY"}
    assert made.add(rows) == ()
    assert income_input(made.total(IncomeKind.FUNDING)) == Input(
        kind=Kind.INCOME, income_kind=IncomeKind.FUNDING, rows=3, amount=-E8, time_ns=2000
    )


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(SEED - 2, SEED + 3)), max_size=30), st.randoms())
def test_income_in_any_order_and_any_number_of_copies_is_the_same(
    parts: list[tuple[int, int]], shuffle: Random
) -> None:
    """A grow-only set: the total is that of the distinct rows, rounded once, however they arrive."""
    rows = [replace(income(number, number * 7 * 10**9 + 5 * 10**9, time=time), transaction_id=f"{number}-{time}")
            for number, time in parts]  # fmt: skip
    made = book()
    mixed = rows * 2
    shuffle.shuffle(mixed)
    for one in mixed:
        made.add([one])
    distinct = {row.transaction_id: row for row in rows if row.time_ns > SEED}.values()
    total = made.total(IncomeKind.FUNDING)
    assert (total.rows, total.total) == (len(distinct), round(sum(Fraction(row.amount_e18, E10) for row in distinct)))


def test_one_transaction_told_in_two_ways_is_refused() -> None:
    """The same identity with another amount is no copy."""
    made = book()
    made.add([income(1)])
    with pytest.raises(IncomeError, match="two ways"):
        made.add([income(1, 5)])
    made.add([replace(income(1, 5), symbol="ETH-USDT")])


def test_folding_keeps_the_total_and_forgets_the_rows() -> None:
    """Memory is bounded: folded rows are not counted again, newer ones are."""
    made = book()
    made.add([income(1), income(2, time=3000)])
    made.fold(2500)
    assert made.add([income(1), income(2, time=3000)]) == ()
    assert made.add([income(3, time=2500)]) == ()
    assert made.add([income(4, time=2501)]) == (IncomeTotal(IncomeKind.FUNDING, 3, 3 * E8, 3000),)
    assert made.remembered == 2


def test_a_restored_total_goes_on_where_it_was() -> None:
    """After a restart the rows up to its time are in it already."""
    made = book()
    made.restore(IncomeTotal(IncomeKind.FUNDING, 10, 7 * E8, 2000))
    assert made.add([income(1), income(2, time=2001)]) == (IncomeTotal(IncomeKind.FUNDING, 11, 8 * E8, 2001),)
    with pytest.raises(IncomeError, match="restore before"):
        made.restore(IncomeTotal(IncomeKind.FUNDING, 1, 1, 1))


# ---- positions


def resting(order_id: str, client_order_id: str, symbol: str = "BTC-USDT") -> OrderRow:
    return OrderRow(
        evidence=Evidence.LISTING, symbol=symbol, order_id=order_id, client_order_id=client_order_id,
        side=OrderSide.BUY, position_side="LONG", state=OrderState.OPEN, status_text="NEW", type_text="LIMIT",
        ordered_quantity=E8, cum_quantity=0, average_price=0, time_ns=1,
    )  # fmt: skip


def test_a_position_reading_has_both_sides_and_counts_what_nobody_waits_for() -> None:
    """Sides sum over rows (separate margins), other symbols are left out, and only expected orders are not foreign."""
    positions = [
        PositionRow("BTC-USDT", Side.LONG, 5, 1, 0, "1"), PositionRow("BTC-USDT", Side.LONG, 6, 1, 0, "2"),
        PositionRow("BTC-USDT", Side.SHORT, 2, 1, 0, "3"), PositionRow("ETH-USDT", Side.LONG, 100, 1, 0, "4"),
    ]  # fmt: skip
    orders = [
        resting("1", "jrnl-1-0-0"), resting("2", "jrnl-1-0-1"), resting("3", ""), resting("4", "othr-1-0-0"),
        resting("5", "jrnl-01-0-0"), resting("6", "", "ETH-USDT"), resting("7", ""),
    ]  # fmt: skip
    reading = position_reading(
        symbol="BTC-USDT", positions=positions, open_orders=orders, tag="jrnl", expected=frozenset({OrderKey(1, 0, 1)}),
        protective=frozenset({"7"}), server_before_ns=READ_LAG_NS + 77,
    )  # fmt: skip
    assert (reading.long_quantity, reading.short_quantity) == (11, 2)
    assert [row.order_id for row in reading.strays] == ["1"]
    assert [row.order_id for row in reading.foreign] == ["3", "4", "5"]
    assert reading.as_of_ns == 77
    assert position_input(1, 2, reading) == Input(
        kind=Kind.POSITION, slot=1, instrument=2, long_quantity=11, short_quantity=2, foreign_orders=4, time_ns=77
    )


def test_an_own_order_listed_without_its_client_id_is_not_foreign() -> None:
    """By the venue's id it is ours: expected, or a stray; a name of somebody else's outranks what we remember."""
    orders = [resting("1", ""), resting("2", ""), resting("3", "web-1")]
    reading = position_reading(
        symbol="BTC-USDT", positions=[], open_orders=orders, tag="jrnl", expected=frozenset({OrderKey(1, 0, 0)}),
        protective=frozenset(), server_before_ns=1,
        owned={"1": OrderKey(1, 0, 0), "2": OrderKey(1, 0, 1), "3": OrderKey(1, 0, 0)},
    )  # fmt: skip
    assert [row.order_id for row in reading.strays] == ["2"]
    assert [row.order_id for row in reading.foreign] == ["3"]


def test_a_flat_reading_is_zero_on_both_sides() -> None:
    """A complete list without a row is flat: an absent row is zero only there."""
    reading = position_reading(
        symbol="BTC-USDT", positions=[], open_orders=[], tag="jrnl", expected=frozenset(), protective=frozenset(),
        server_before_ns=5, read_lag_ns=10,
    )  # fmt: skip
    assert (reading.long_quantity, reading.short_quantity, reading.foreign, reading.as_of_ns) == (0, 0, (), 0)


def test_money_of_exact_sums() -> None:
    """1e-18 to 1e-8, ties to even, both signs."""
    assert [money_of_e18(n) for n in (5 * 10**9, 15 * 10**9, -5 * 10**9, -15 * 10**9, 10**10)] == [0, 2, 0, -2, 1]
