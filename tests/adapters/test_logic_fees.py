"""Fees against the model: exact sums, the three answers and their borders, the average against fractions."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dita.adapters.logic.fees import (
    Agreement,
    Calibration,
    FeeSum,
    FeeTerms,
    agreement,
    calibrated,
    fee_sum,
    model_fee_e18,
    ratio_ppm,
)
from dita.adapters.logic.rows import FillRow
from dita.spec.scales import MONEY_SCALE, PRICE_SCALE, QUANTITY_SCALE
from dita.spec.vocabulary import OrderSide

TERMS = {"BTC-USDT": FeeTerms(taker_ppb=500_000, maker_ppb=200_000)}
MODEL_E18 = 10**18


def fill(number: int, paid: int, *, is_maker: bool | None = False, symbol: str = "BTC-USDT") -> FillRow:
    """1 coin at 60,000 USDT: as taker it should cost 30 USDT, as maker 12. ``paid``: 1e-8 USDT."""
    return FillRow(
        symbol=symbol, trade_id=str(number), order_id="1", side=OrderSide.BUY, position_side="LONG",
        price=60_000 * PRICE_SCALE, quantity=QUANTITY_SCALE, commission_e18=-paid * 10**10, commission_asset="USDT",
        time_ns=1, is_maker=is_maker,
    )  # fmt: skip


def test_a_fill_costs_the_rate_of_its_role() -> None:
    """Taker and maker have their own; without a role nothing is expected of it."""
    taker, maker, silent = (model_fee_e18(fill(1, 0, is_maker=role), TERMS["BTC-USDT"]) for role in (False, True, None))
    assert (taker, maker, silent) == (30 * 10**18, 12 * 10**18, None)


def test_a_row_told_twice_counts_once_and_foreign_symbols_not_at_all() -> None:
    """The sum is over distinct rows of the symbols in question; a silent row is only counted."""
    rows = [fill(1, 30 * MONEY_SCALE), fill(1, 30 * MONEY_SCALE), fill(2, 12 * MONEY_SCALE, is_maker=True)]
    rows += [fill(3, 5, is_maker=None), fill(4, 5, symbol="ETH-USDT")]
    assert fee_sum(rows, TERMS) == FeeSum(rows=2, silent=1, model_e18=42 * 10**18, settled_e18=42 * 10**18)


@pytest.mark.parametrize(
    ("settled_ppm", "expected"),
    [
        (1_000_000, Agreement.AGREES), (1_009_999, Agreement.AGREES), (990_001, Agreement.AGREES),
        (1_010_000, Agreement.DOUBTFUL), (990_000, Agreement.DOUBTFUL), (1_049_999, Agreement.DOUBTFUL),
        (1_050_000, Agreement.REFUSED), (950_000, Agreement.REFUSED), (0, Agreement.REFUSED), (-5, Agreement.REFUSED),
    ],
)  # fmt: skip
def test_the_borders_are_one_and_five_per_cent(settled_ppm: int, expected: Agreement) -> None:
    """Under one per cent apart on either side agrees, under five is doubtful, from there on it is refused."""
    assert agreement(FeeSum(9, 0, MODEL_E18, MODEL_E18 // 1_000_000 * settled_ppm)) is expected


def test_nothing_to_compare_is_no_agreement_and_a_fee_for_nothing_is_refused() -> None:
    """No rows say nothing; a contract without fees agrees with none, and with no other."""
    assert agreement(FeeSum(0, 3, 0, 0)) is Agreement.NOTHING
    assert agreement(FeeSum(2, 0, 0, 0)) is Agreement.AGREES
    assert agreement(FeeSum(2, 0, 0, 1)) is Agreement.REFUSED
    assert ratio_ppm(FeeSum(2, 0, 0, 1)) is None


@given(samples=some.lists(some.integers(min_value=0, max_value=3 * MODEL_E18), max_size=30))
def test_the_average_is_the_exact_one_but_for_rounding(samples: list[int]) -> None:
    """An eighth of the way each time, within 1e-12 a step of what fractions say."""
    exact, average = Fraction(1), Calibration()
    for settled in samples:
        average = calibrated(average, FeeSum(1, 0, MODEL_E18, settled))
        exact += (Fraction(settled, MODEL_E18) - exact) / 8
    assert average.samples == len(samples)
    assert abs(Fraction(average.average_e12, 10**12) - exact) <= Fraction(2 * 8, 10**12)


def test_what_says_nothing_moves_nothing_and_the_bounds_hold() -> None:
    """A half without a model fee is no sample; rebates end at 0, and the kernel is never told less than its least."""
    start = Calibration.from_ppm(1_020_000)
    assert (start.ratio_ppm, start.samples) == (1_020_000, 0)
    assert calibrated(start, FeeSum(0, 2, 0, 5)) == start
    low = high = start
    for _ in range(200):
        low = calibrated(low, FeeSum(1, 0, MODEL_E18, -MODEL_E18))
        high = calibrated(high, FeeSum(1, 0, MODEL_E18, 50 * MODEL_E18))
    assert (low.average_e12, low.ratio_ppm) == (0, 1)
    assert high.ratio_ppm == 4_000_000


def test_a_small_steady_difference_is_not_lost_in_rounding() -> None:
    """Five millionths too much in every half are five millionths in the average, too."""
    average = Calibration()
    for _ in range(300):
        average = calibrated(average, FeeSum(1, 0, MODEL_E18, MODEL_E18 // 1_000_000 * 1_000_005))
    assert average.ratio_ppm == 1_000_005


def test_rows_without_their_role_keep_their_identity() -> None:
    """Two tellings of one row that differ in the role alone are two: it is a part of the row."""
    assert replace(fill(1, 5), is_maker=None) != fill(1, 5)
